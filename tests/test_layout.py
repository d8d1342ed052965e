"""The tree keeps its own word: documents name what exists, modules stay small, CI does what the README says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

import tracer

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "tracer").rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")])
MOST_LINES = 400
VAGUE = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_is_one_small_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert not VAGUE & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", [path for path in MODULES if path.stat().st_size], ids=_name)
def test_module_says_first_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_module_takes_the_place_of_a_public_name() -> None:
    """Once a module `tracer.x` is imported, `tracer.x` is that module: a public function of that name was gone."""
    inside = {path.stem for path in (ROOT / "tracer").iterdir() if not path.stem.startswith("_")}
    assert not inside & set(tracer.__all__)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    local = [
        link.partition("#")[0]
        for link in links
        if "://" not in link and not link.startswith(("#", "mailto:"))
    ]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_documents_name_only_make_targets_that_exist() -> None:
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    told = {
        name
        for path in DOCUMENTS
        for command in re.findall(
            r"(?:`|^ {4,})make ([a-z ]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        for name in command.split("  ")[0].split()
    }
    assert {"setup", "run", "test"} <= targets
    assert told - targets == set()


def test_development_guide_lists_every_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    documented = re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)
    guide = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    assert [name for name in documented if name != "help" and f"| `make {name}` |" not in guide] == []


def test_architecture_names_every_top_level_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = {path.parent.name + "/" for path in (ROOT / "tracer").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "tracer").glob("*.py")} - {"__init__.py"}
    assert [name for name in sorted(packages | modules) if name not in text] == []


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [".ci/run", "tools/install_servers.sh"])
def test_shell_script_parses(path: str) -> None:
    subprocess.run(["bash", "-n", path], cwd=ROOT, check=True)
