"""The tables of a case say in `attrs` what they rest on, and pandas can do with them what it does with any."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pandas as pd
import pytest

from tracer import Case
from tracer.case import Case as Whole
from tracer.model import Rule

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


LISTED = {
    "labels_of": {"address": "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"},
    "evidence": {"tx": "0xc69bfdf13092927ba355863dc7963393dce17479276bc8042026f6115d570b77"},
    "pack_problems": {"pack": "fbi.csv"},
}


@pytest.mark.parametrize("name", sorted(FREE))
def test_what_rests_on_no_rule_names_its_case_and_labels_their_day(case: Case, name: str) -> None:
    labels = (
        {"as_of_utc": "2025-03-03T18:13:47Z"} if name in {"labels", "labels_of", "label_conflicts"} else {}
    )
    assert getattr(case, name)(**LISTED.get(name, {})).attrs == {"case": case.name, **labels}


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


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("name", ["addresses", "transfers", "conservation", "sources", "losses", "gaps"])
def test_the_tables_of_a_result_say_all_of_it(case: Case, rule: str, name: str) -> None:
    said = getattr(case.taint(rule), name)().attrs
    assert (said["case"], said["rule"], said["as_of_utc"]) == (case.name, rule, "2025-03-03T18:13:47Z")
    assert said["conventions"]


def test_a_column_called_rule_is_not_taken_for_the_rule_of_the_accounting(tmp_path: Path) -> None:
    """Clusters and links have one, which says by what two addresses are linked."""
    linked = Case.bundled("txphish-2024", tmp_path)
    assert set(linked.cluster_links()["rule"]) == {"deposit_address"}
    assert linked.cluster_links().attrs["rule"] == "fifo"
    assert "deposit_address" in set(linked.clusters("lifo")["rule"])
    assert linked.clusters("lifo").attrs["rule"] == "lifo"


def test_endpoint_tables_say_it_as_endpoints_do(case: Case) -> None:
    for by, table in case.endpoint_tables().items():
        assert table().attrs == case.endpoints(by).attrs
        assert table().attrs["case"] == case.name


def test_a_mixture_of_grounds_says_nothing_and_files_can_be_written(case: Case, tmp_path: Path) -> None:
    one, other = (case.taint(rule).addresses(ranges=False) for rule in ("fifo", "lifo"))
    assert pd.concat([one, one.tail(1)]).attrs == one.attrs
    assert pd.concat([one, other]).attrs == {}
    assert one.merge(other, on="address").attrs == {}
    one.astype(str).to_parquet(tmp_path / "one.parquet")
    assert pd.read_parquet(tmp_path / "one.parquet").attrs["rule"] == "fifo"


def test_tables_of_two_cases_under_one_rule_and_day_are_a_mixture(tmp_path: Path) -> None:
    """They differ in nothing but the case."""
    held = []
    for name in ("one", "other"):
        twin = Case.create(name, tmp_path)
        twin.import_file(
            b"chain,block,tx_hash,from_address,to_address,asset,amount_raw,timestamp_utc\n"
            + f"eip155:1,1,0x{'a' * 64},0x{'1' * 40},0x{'2' * 40},native,5,2025-01-01T00:00:00Z\n".encode(),
            name="a.csv",
        )
        twin.add_seed(f"0x{'2' * 40}")
        held.append(twin.taint().addresses(ranges=False))
    assert [table.attrs["case"] for table in held] == ["one", "other"]
    assert pd.concat(held).attrs == {}


def test_a_case_without_seeds_has_nothing_to_rest_on_yet(tmp_path: Path) -> None:
    empty = Case.create("empty", tmp_path)
    table = empty.losses()
    assert (table.attrs["case"], table.attrs["as_of_utc"]) == ("empty", "")
