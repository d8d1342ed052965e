"""The tables of a result: made once where no rule changes them, and the caller's own all the same."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

from tests.accounting import history, seed
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
