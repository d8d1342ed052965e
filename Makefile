# The README's commands. Everything is built into .venv; the second time nothing is done again.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# Exact versions and hashes of every distribution for CPython 3.11 on Linux (x86_64 and aarch64).
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --no-header --no-annotate --no-emit-index-url \
	--generate-hashes --python-version 3.11 --python-platform linux --extra postgres --group build

.PHONY: help setup run test lint format notebooks pytest servers bench lock dist clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.run-stamp ## build .venv: pinned and hashed dependencies, and the tracer itself

run: setup ## open the web UI on the bundled case (no key, no network)
	$(BIN)/tracer ui

test: .venv/.test-stamp servers ## everything: lint, types, layers, dependencies, notebooks, tests
	@$(MAKE) --no-print-directory lint notebooks
	@$(MAKE) --no-print-directory pytest

lint: .venv/.test-stamp ## ruff, mypy --strict, import-linter, deptry
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry . --no-ansi

format: .venv/.test-stamp ## bring the code into the house style
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

notebooks: .venv/.test-stamp ## run every notebook from top to bottom
	$(BIN)/python tools/run_notebooks.py

pytest: .venv/.test-stamp ## the tests alone; the summary lists what was not run, and why
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -rs

servers: ## install what the tests drive besides Python (needs root or sudo)
	@bash tools/install_servers.sh

bench: .venv/.test-stamp ## print each budget against its baseline
	PYTHONPATH=. $(BIN)/python benchmarks/run.py

lock: .venv/.test-stamp ## refresh the locks to the newest allowed versions
	$(LOCK) --upgrade -o requirements.lock
	$(LOCK) --upgrade -o requirements-test.lock --group test --group lock -c requirements.lock

dist: .venv/.test-stamp ## build wheel and sdist into dist/
	$(BIN)/python -m hatchling build

clean: ## remove what the targets above made
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: apt-get install python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is needed: apt-get install python3.11-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv

.venv/.run-stamp: requirements.lock pyproject.toml | .venv/bin/pip
	$(PIP) install --no-compile --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test-stamp: requirements-test.lock .venv/.run-stamp
	$(PIP) install --no-compile --require-hashes -r requirements-test.lock
	@touch $@
