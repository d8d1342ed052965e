"""The tables of a result: made once where no rule changes them, and the caller's own all the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.accounting import history, seed
from tracer.case import Case
from tracer.cli.app import app
from tracer.labels import LabelBook
from tracer.model import Rule
from tracer.tracing import Tracing

ROWS = [("S", "A", 6), ("S", "B", 4), ("A", "B", 5), ("X", "S", 999, "native", {"excluded": "poison"})]


@pytest.fixture
def asked() -> Counter[str]:
    return Counter()


@pytest.fixture
def tracing(asked: Counter[str]) -> Tracing:
    def display(chain: str, address: str) -> str:
        asked[address] += 1
        return address

    seeds = (seed("S", amount=10, asset="native"),)
    return Tracing(history(ROWS), seeds, {}, LabelBook([]), (), ("file",), display, None)


def test_what_no_rule_changes_is_made_once_for_all_rules(tracing: Tracing, asked: Counter[str]) -> None:
    for rule in Rule:
        tracing.result(rule).transfers()
        tracing.result(rule).addresses()
    once = asked.copy()
    for rule in Rule:
        tracing.result(rule).transfers()
        tracing.result(rule).addresses()
    assert asked == once
    assert max(asked.values()) <= 3  # in the followed rows, in those left out, as a holder


@pytest.mark.parametrize("table", ["transfers", "addresses"])
def test_a_table_that_is_changed_changes_no_other(tracing: Tracing, table: str) -> None:
    result, other = tracing.result(Rule.FIFO), tracing.result(Rule.LIFO)
    before: tuple[pd.DataFrame, ...] = tuple(getattr(r, table)().copy(deep=True) for r in (result, other))
    mine = getattr(result, table)()
    mine["asset"] = "changed"
    mine.loc[0, "chain"] = "changed"
    mine.insert(0, "more", 1)
    assert getattr(result, table)().equals(before[0])
    assert getattr(other, table)().equals(before[1])


def test_each_rule_prints_its_own_taint_beside_the_same_movements(tracing: Tracing) -> None:
    fifo, lifo = (tracing.result(rule).transfers() for rule in (Rule.FIFO, Rule.LIFO))
    assert list(fifo["taint_raw"]) == list(lifo["taint_raw"]) == [6, 4, 5, 0]
    assert list(fifo["excluded"]) == ["", "", "", "poison"]
    assert fifo.columns[-2:].tolist() == ["source_name", "source_row"]


def test_every_table_of_a_rule_says_what_it_rests_on(tracing: Tracing) -> None:
    result = tracing.result(Rule.LIFO)
    for table in (
        result.addresses(),
        result.addresses(ranges=False),
        result.transfers(),
        result.conservation(),
        result.sources(),
        result.losses(),
        result.gaps(),
    ):
        assert (table.attrs["rule"], table.attrs["conventions"]) == ("lifo", result.conventions)
        assert "as_of_utc" in table.attrs
        json.dumps(table.attrs)


def test_ranges_say_how_far_they_hold(tracing: Tracing) -> None:
    table = tracing.result(Rule.FIFO).addresses()
    assert set(table["range_kind"]) <= {"exact", ""}
    assert [bool(kind) for kind in table["range_kind"]] == [low is not None for low in table["at_least_raw"]]
    assert set(tracing.result(Rule.FIFO).addresses(ranges=False)["range_kind"]) == {""}


def test_what_may_be_counted_twice_is_said_before_any_amount(tmp_path: Path) -> None:
    head = "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals"
    thief, payee = f"0x{1:040x}", f"0x{2:040x}"
    case = Case.create("twice", tmp_path)
    for number, amount in enumerate((100, 101)):
        row = f"eip155:1,1,0,1,2025-02-21T14:00:00Z,0x{1:064x},{thief},{payee},native,ETH,18,{amount},native"
        case.import_file(f"{head},amount_raw,kind\n{row}\n".encode(), name=f"{number}.csv")
    case.add_seed(payee)
    said = CliRunner().invoke(app, ["taint", "twice", "--workspace", str(tmp_path)]).stdout
    assert said.index("Stolen: ") < said.index("MAY BE COUNTED TWICE: 1 payment") < said.index("rests at")
    case.export(tmp_path / "out")
    readme = (tmp_path / "out" / "README.txt").read_text(encoding="utf-8")
    assert "MAY BE COUNTED TWICE: 1 payment" in readme
    assert "二重に計上" in readme
    case.remove_file(1, "corrected")
    said = CliRunner().invoke(app, ["taint", "twice", "--workspace", str(tmp_path)]).stdout
    assert "COUNTED TWICE" not in said
    case.export(tmp_path / "after")
    assert "COUNTED TWICE" not in (tmp_path / "after" / "README.txt").read_text(encoding="utf-8")
