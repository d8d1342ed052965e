"""The tables of a case say in `attrs` what they rest on, and pandas can do with them what it does with any."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pandas as pd
import pytest

from tracer import Case
from tracer.case import Case as Whole

FREE = {
    *("seeds", "files", "histories", "evidence", "conversions", "rulings", "stops", "notes", "judgements"),
    *("labels", "labels_of", "label_conflicts", "link_rulings", "packs", "pack_problems"),
}
"""What was given, fetched or said: tables that rest on no rule."""
ASKED = {
    "claims": {"name": "Bybit exploiter"},
    "origins": {"address": "0xA4B2Fd68593B6F34E51cB9eDB66E71c1B4Ab449e"},
    "label_diff": {"since": 1_700_000_000},
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.bundled("bybit-2025", workspace=tmp_path_factory.mktemp("grounds"))


def _tables() -> list[str]:
    return sorted(
        name
        for name, method in inspect.getmembers(Whole, inspect.isfunction)
        if not name.startswith("_") and str(inspect.signature(method).return_annotation) == "pd.DataFrame"
    )


def test_every_public_table_is_known_here() -> None:
    assert {"taint", "compare"} - {*_tables()} == {"taint"}
    assert len({*_tables()} - FREE) >= 15


@pytest.mark.parametrize("name", sorted({*_tables()} - FREE))
def test_it_names_case_rule_as_of_and_conventions(case: Case, name: str) -> None:
    given = ASKED.get(name, {})
    if name == "transaction":
        given = {"tx_hash": case.taint().transfers()["tx_hash"].iloc[0]}
    table = getattr(case, name)(**given)
    assert table.attrs["case"] == case.name
    assert table.attrs["rule"] in {case.rule, "haircut, fifo, lifo, seniority, libr, tiho"}
    assert table.attrs["as_of_utc"] == "2025-03-03T18:13:47Z"
    assert table.attrs["conventions"]
    json.dumps(table.attrs)


def test_the_rule_that_was_asked_for_is_named(case: Case) -> None:
    assert case.taint("lifo").addresses(ranges=False).attrs["rule"] == "lifo"
    assert case.clusters("lifo").attrs["rule"] == "lifo"
    assert case.clusters(rule="libr").attrs["rule"] == "libr"


def test_a_mixture_of_grounds_says_nothing_and_files_can_be_written(case: Case, tmp_path: Path) -> None:
    one, other = (case.taint(rule).addresses(ranges=False) for rule in ("fifo", "lifo"))
    assert pd.concat([one, one.tail(1)]).attrs == one.attrs
    assert pd.concat([one, other]).attrs == {}
    one.astype(str).to_parquet(tmp_path / "one.parquet")
    assert pd.read_parquet(tmp_path / "one.parquet").attrs["rule"] == "fifo"


def test_a_case_without_seeds_has_nothing_to_rest_on_yet(tmp_path: Path) -> None:
    empty = Case.create("empty", tmp_path)
    table = empty.losses()
    assert (table.attrs["case"], table.attrs["as_of_utc"]) == ("empty", "")
