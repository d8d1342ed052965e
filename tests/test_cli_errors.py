"""Errors and exit status of the command line, and what it does around a case: proved with a double of the case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tracer.cli.app import app
from tracer.errors import (
    ConservationError,
    InputError,
    NotFoundError,
    SeedError,
    StoreError,
    WorkspaceBusyError,
)
from tracer.model import Rule
from tracer.seed_list import RefusedLine, SeedLine, SeedList
from tracer.store.caserecords import CaseFile

A = "0x" + "a" * 40
B = "0x" + "b" * 40
C = "0x" + "c" * 40


class CaseDouble:
    """As much of a case as these tests need."""

    error: BaseException | None = None
    opened: ClassVar[list[tuple[str, Any]]] = []
    added: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, name: str) -> None:
        self.name, self.rule, self.as_of, self.file = name, "fifo", None, CaseFile(name, 0, Rule.FIFO)

    @classmethod
    def open(cls, name: str, workspace: Path | None = None) -> CaseDouble:
        cls.opened.append((name, workspace))
        if cls.error is not None:
            raise cls.error
        return cls(name)

    def add_seed(self, subject: str, chain: str, **rest: Any) -> list[Any]:
        given = {name: value for name, value in rest.items() if value not in {None, ""}}
        self.added.append({"number": len(self.added) + 1, "subject": subject, "chain": chain, **given})
        return self.added[-1:]

    def add_seeds(self, listed: SeedList, common: SeedLine) -> tuple[list[Any], list[RefusedLine]]:
        wrong = SeedError("This seed contradicts the history.", "Give --tx.")
        refused = [RefusedLine(line.number, line.text, wrong) for line in listed.lines if line.subject == C]
        if refused:
            return [], refused
        return [
            self.add_seed(line.subject, line.chain, theft=line.theft, source=line.source)[0]
            for line in (line.or_else(common) for line in listed.lines)
        ], []

    def seeds(self) -> pd.DataFrame:
        return pd.DataFrame(self.added, columns=["number", "subject"])

    def files(self) -> pd.DataFrame:
        return pd.DataFrame({"number": []})

    def labels(self) -> pd.DataFrame:
        return pd.DataFrame({"address": [A], "name": ["\x1b[31m[red]evil[/red]\u202e\nlast"]})


@pytest.fixture(autouse=True)
def double(monkeypatch: pytest.MonkeyPatch) -> type[CaseDouble]:
    module = ModuleType("tracer.case")
    module.Case = CaseDouble
    monkeypatch.setitem(sys.modules, "tracer.case", module)
    monkeypatch.setattr(CaseDouble, "error", None)
    monkeypatch.setattr(CaseDouble, "opened", [])
    monkeypatch.setattr(CaseDouble, "added", [])
    return CaseDouble


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="tracer")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("Bad.", "Do this."), 2),
        (NotFoundError("No such case.", "Do this."), 2),
        (SeedError("Contradiction.", "Do this."), 2),
        (StoreError("No store.", "Do this."), 1),
        (WorkspaceBusyError("Busy.", "Do this."), 1),
        (ConservationError("Lost coin.", "Do this."), 1),
    ],
)
def test_an_error_is_one_line_one_hint_and_its_status(
    double: type[CaseDouble], monkeypatch: pytest.MonkeyPatch, error: Any, status: int
) -> None:
    monkeypatch.setattr(double, "error", error)
    result = run("taint", "c")
    assert result.exit_code == status
    assert result.stderr == f"error: {error.message}\nhint: Do this.\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (PermissionError(13, "Permission denied", "/x/\x1by"), 1, "error: Permission denied: /x/\\u001by"),
        (ImportError("no module"), 1, "error: A defect of the tracer: ImportError: no module"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "error: A defect of the tracer: ZeroDivisionError: division by",
        ),
        (KeyboardInterrupt(), 130, "error: Interrupted."),
    ],
)
def test_a_failure_that_nobody_planned_shows_no_traceback(
    double: type[CaseDouble], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, text: str
) -> None:
    monkeypatch.delenv("TRACER_DEBUG", raising=False)
    monkeypatch.setattr(double, "error", error)
    result = run("taint", "c")
    assert result.exit_code == status
    assert result.stderr.startswith(text)
    assert "Traceback" not in result.output


def test_the_traceback_is_there_for_those_who_mend_the_tracer(
    double: type[CaseDouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_DEBUG", "1")
    monkeypatch.setattr(double, "error", ZeroDivisionError("x"))
    assert "Traceback" in run("taint", "c").stderr


@pytest.mark.parametrize(
    "words",
    [
        ["taint", "c", "--rule", "first-in"],
        ["case", "rule", "c", "first-in"],
        ["paths", "c", "--kind", "fastest"],
        ["paths", "c", "--from", A],
        ["seed", "add", "c"],
        ["seed", "add", "c", A, "--file", "x"],
        ["seed", "add", "c", A, "--at", "yesterday"],
        ["seed", "add", "c", A, "--amount-raw", "1e18"],
        ["seed", "add", "c", A, "--chain", "etherium"],
        ["seed", "add", "c", "--file", "/no/such/file"],
        ["import", "c", "f.csv", "--map", "from_address"],
        ["import", "c", "f.csv", "--map", "a=b", "--map", "a=c"],
        ["import", "c", "f.csv", "g.csv", "--name", "x"],
        ["label", "c", A],
        ["stop", "c", A],
        ["stop", "c", A, "EXCHANGE"],
        ["export", "c", "--out", "x", "--format", "tainted"],
        ["taint", "c", "--out", "/no/such/folder/t.csv"],
        ["taint", "c", "--transfers", "/"],
        ["tiant", "c"],
        ["taint"],
        ["clusters"],
    ],
)
def test_bad_input_ends_with_status_2_and_says_so(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "rror: " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_misspelt_verb_gets_the_nearest_one() -> None:
    assert "Did you mean 'taint'?" in run("tiant", "c").stderr


def test_a_misspelt_chain_gets_the_nearest_one() -> None:
    assert "Did you mean eip155:1?" in run("seed", "add", "c", A, "--chain", "etherium").stderr


def test_a_chain_may_be_named_and_options_reach_the_case(double: type[CaseDouble], tmp_path: Path) -> None:
    result = run(
        "seed", "add", "c", A, "--chain", "ethereum", "--amount-raw", str(10**24), "--at", "2025-02-21T14:16:11Z",
        "--source", "report 12", "--workspace", str(tmp_path),
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert double.opened == [("c", tmp_path)]
    assert double.added == [
        {
            "number": 1, "subject": A, "chain": "eip155:1", "amount": 10**24, "at": 1740147371,
            "source": "report 12",
        }
    ]  # fmt: skip
    assert result.stderr == f"next: tracer --workspace {tmp_path} import c FILE\n"


def test_quiet_prints_no_hints(double: type[CaseDouble]) -> None:
    assert run("seed", "add", "c", A, "--quiet").stderr == ""


def test_a_list_of_seeds_is_added_whole(double: type[CaseDouble], tmp_path: Path) -> None:
    listed = tmp_path / "seeds.csv"
    listed.write_text(f"\ufeffaddress,theft,note\n{A},bybit,x\n{B},,y\n", encoding="utf-8")
    result = run("seed", "add", "c", "--file", str(listed), "--theft", "other", "--source", "list")
    assert result.exit_code == 0, result.stderr
    assert [(s["subject"], s["theft"], s["source"]) for s in double.added] == [
        (A, "bybit", "list"),
        (B, "other", "list"),
    ]
    assert "Columns not read: note." in result.stderr
    assert result.stdout.startswith("2 seeds added to c")


def test_of_a_list_whose_last_seed_the_case_refuses_nothing_stays(
    double: type[CaseDouble], tmp_path: Path
) -> None:
    double.added.append({"number": 1, "subject": "earlier"})
    listed = tmp_path / "seeds.txt"
    listed.write_text(f"{A}\n{B}\n{C}\n")
    result = run("seed", "add", "c", "--file", str(listed))
    assert result.exit_code == 2
    assert [seed["subject"] for seed in double.added] == ["earlier"]
    assert result.stderr == (
        "error: 1 of 3 lines cannot be used: line 3: This seed contradicts the history.\n"
        "hint: No seed was added. Give --tx.\n"
    )


def test_hostile_labels_reach_neither_the_terminal_nor_the_markup(double: type[CaseDouble]) -> None:
    out = run("label", "c").stdout
    assert "\\u001b[31m[red]evil[/red]\\u202e\\u000alast" in out
    assert len(out.splitlines()) == 2


def test_ui_passes_its_options_and_its_status_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tracer.ui

    calls = []

    def launch(**options: Any) -> int:
        calls.append(options)
        return 3

    monkeypatch.setattr(tracer.ui, "launch", launch)
    assert run("ui", "--port", "8600", "--headless", "-w", str(tmp_path)).exit_code == 3
    assert calls == [{"port": 8600, "workspace": tmp_path, "headless": True}]


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['tracer', sys.argv[1]]; from tracer.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'pandas', 'numpy', 'numba', 'streamlit', 'sqlalchemy', 'networkx', 'pyarrow', 'ortools', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, option], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_no_words_at_all_show_the_help() -> None:
    result = run()
    assert "tracer demo --out DIR" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "words", [["gaps", "heist"], ["taint", "heist", "--json"], ["--help"], ["judge", "--help"]]
)
def test_a_reader_that_has_gone_is_no_error(tmp_path: Path, words: list[str]) -> None:
    made = [sys.executable, "-c", "from tracer.case import Case; Case.create('heist')"]
    place = os.environ | {"TRACER_HOME": str(tmp_path)}
    subprocess.run(made, env=place, check=True)
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-c", "from tracer.cli import main; main()", *words, "--quiet"],
        env=place,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
