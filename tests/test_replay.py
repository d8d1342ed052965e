"""A case computed again from its archive alone: equal when nothing was touched, and loud when anything was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.servers.anvil import Anvil
from tests.test_collect import endpoint, new_case, node, run
from tracer.case import Case
from tracer.cli.app import app
from tracer.collecting.budget import Budget
from tracer.replay import replay
from tracer.store import Workspace
from tracer.store.casefile import CASE_FILE

__all__ = ["node"]


def tracer(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(home), *words])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Case.demo(tmp_path / "w")
    return tmp_path / "w"


def test_the_bundled_case_is_rebuilt_and_its_export_is_the_same_to_the_byte(
    home: Path, tmp_path: Path
) -> None:
    assert tracer(home, "export", "bybit-2025", "--out", str(tmp_path / "one")).exit_code == 0
    done = tracer(
        home, "replay", "bybit-2025", "--out", str(tmp_path / "two"), "--against", str(tmp_path / "one")
    )
    assert done.exit_code == 0, done.output
    assert "equal to what the workspace holds" in done.output
    assert "the same, byte for byte" in done.output
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_another_export_is_told_apart_file_by_file(home: Path, tmp_path: Path) -> None:
    tracer(home, "export", "bybit-2025", "--out", str(tmp_path / "one"))
    table = tmp_path / "one" / "taint.csv"
    table.write_text(table.read_text().replace("10000000000000000000000", "10000000000000000000001", 1))
    done = tracer(home, "replay", "bybit-2025", "--against", str(tmp_path / "one"))
    assert done.exit_code == 1
    assert "taint.csv differs" in done.output
    assert "gaps.csv" not in done.output
    assert tracer(home, "replay", "bybit-2025", "--against", str(home)).exit_code == 2


def _archived(home: Path) -> Path:
    file = Workspace.open(home).cases.read("bybit-2025")
    return Workspace.open(home).archive.path(file.captures[0].sha256)


def _amount(home: Path) -> None:
    with sqlite3.connect(home / "tracer.sqlite") as database:
        database.execute("UPDATE movements SET amount = zeroblob(32) WHERE seq = 3")


def _gap(home: Path) -> None:
    with sqlite3.connect(home / "tracer.sqlite") as database:
        assert database.execute("DELETE FROM gaps").rowcount


def _pin(home: Path) -> None:
    path = home / "cases" / "bybit-2025" / CASE_FILE
    text = path.read_text()
    at = text.index('sha256 = "') + 10
    path.write_text(text[:at] + "0" * 64 + text[at + 64 :])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda home: _archived(home).unlink(), "does not hold the file"),
        (lambda home: _archived(home).write_bytes(b"x"), "is damaged"),
        (_amount, "and they differ"),
        (_gap, "other gaps"),
    ],
    ids=["lost", "damaged", "amount", "gap"],
)
def test_whatever_was_changed_is_noticed(home: Path, harm: Callable[[Path], object], words: str) -> None:
    harm(home)
    done = tracer(home, "replay", "bybit-2025")
    assert done.exit_code == 1, done.output
    assert words in done.output
    told = json.loads(tracer(home, "--json", "replay", "bybit-2025").stdout)
    assert words in told["problems"][0]["problem"]


def test_a_case_file_that_names_other_bytes_gives_no_result_at_all(home: Path) -> None:
    _pin(home)
    for verb in ("taint", "replay"):
        done = tracer(home, verb, "bybit-2025")
        assert done.exit_code == 1
        assert "0" * 64 in done.output + done.stderr


def test_collected_histories_are_rebuilt_from_the_recorded_answers(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path / "w")
    run(case, endpoint(node), Budget())
    case.export(tmp_path / "one")
    done = tracer(tmp_path / "w", "replay", "theft", "--against", str(tmp_path / "one"))
    assert done.exit_code == 0, done.output
    assert "37 sources" in done.output  # 26 histories, 11 label packs
    assert "collected histories of 26 addresses" in (tmp_path / "one" / "README.txt").read_text()


def test_a_changed_answer_or_movement_of_a_collected_history_is_noticed(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path / "w")
    run(case, endpoint(node), Budget(hops=1))
    with replay(case) as (found, rebuilt):
        assert [r for r in found if r.problem] == []
        assert rebuilt.taint().conservation().equals(case.taint().conservation())
    with sqlite3.connect(tmp_path / "w" / "tracer.sqlite") as database:
        (sha256,) = database.execute(
            "SELECT sha256 FROM answers WHERE request LIKE '%receipt%' LIMIT 1"
        ).fetchone()
    case.workspace.archive.path(sha256).write_bytes(b"x")
    with replay(case) as (found, _):
        problems = [r.problem for r in found if r.problem]
    assert problems
    assert all("damaged" in p for p in problems)
