"""The two bundled cases whose ends their publishers name: what is reached under every rule, to the cent."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tracer import Case
from tracer.bundled import LIFI, TXPHISH
from tracer.cli.app import app
from tracer.data import data_dir
from tracer.model import Rule

STOLEN = {LIFI: 968_553_016, TXPHISH: 5_941_034_620}
"""Cents that the source addresses pay in the lists."""
REACHED = {
    LIFI: {"poison": 33, "haircut": 33, "fifo": 31, "lifo": 33, "seniority": 33, "libr": 31, "tiho": 33},
    TXPHISH: {"poison": 13, "haircut": 13, "fifo": 13, "lifo": 11, "seniority": 11, "libr": 13, "tiho": 11},
}
"""Terminals that stolen coin reaches; under a rule that takes clean coin first, some get clean coin alone."""


@pytest.fixture(scope="module", params=[LIFI, TXPHISH])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.bundled(request.param, tmp_path_factory.mktemp("flows"))


def terminals(name: str) -> set[str]:
    with (data_dir() / "cases" / name / "terminals.csv").open(newline="", encoding="utf-8") as file:
        return {row["address"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("rule", list(Rule))
def test_stolen_coin_reaches_the_published_ends_and_every_cent_is_accounted_for(
    case: Case, rule: Rule
) -> None:
    result = case.taint(rule)
    (account,) = result.conservation().to_dict("records")
    assert (account["asset"], account["stolen_raw"]) == ("eip155:1/usd", STOLEN[case.name])
    held = result.addresses(ranges=False)
    reached = set(held.loc[held["received_taint_raw"] > 0, "address"]) & terminals(case.name)
    assert len(reached) == REACHED[case.name][rule]
    if rule != Rule.POISON:  # which makes coin stolen by mixing, and conserves nothing
        assert account["difference_raw"] == 0
        assert held["taint_raw"].sum() == STOLEN[case.name]


def test_every_published_end_is_reached_by_a_path_in_the_order_of_time(case: Case) -> None:
    for address in sorted(terminals(case.name)):
        (path, *_) = case.paths(to=address, kind="earliest").to_dict("records")
        seeds = {seed.address for seed in case.file.seeds}
        assert path["path"].split(" > ")[0].removeprefix("eip155:1:").lower() in seeds
        assert path["first_utc"] <= path["last_utc"]


def test_ranges_hold_what_every_conserving_rule_says(case: Case) -> None:
    table = case.compare()
    table = table[~table["address"].str.startswith("sink:")]
    for rule in (r for r in Rule if r != Rule.POISON):
        assert (table["at_least_raw"] <= table[rule.value]).all()
        assert (table[rule.value] <= table["at_most_raw"]).all()


def test_what_the_lists_do_not_say_is_said(case: Case) -> None:
    gaps = case.gaps().set_index("code")
    assert gaps.loc["valued_in_usd", "status"] == "assumption"
    assert "no published loss" in gaps.loc["valued_in_usd", "message"]
    assert {"opening", "order_in_transaction"} <= set(gaps.index)


def test_labels_of_the_lists_name_and_stop_nothing(case: Case) -> None:
    name, address = {
        LIFI: ("LI.FI Exploiter 13", "0x8A93360f6c9830210A4cf835fca943286221A349"),
        TXPHISH: ("KuCoin 17", "0x45300136662dD4e58fc0DF61E6290DFfD992B785"),
    }[case.name]
    held = case.taint().addresses(ranges=False).set_index("address")
    assert name in set(case.labels_of(address)["name"])
    assert held.loc[address, "stop"] == "UNSPENT"


def test_the_command_line_shows_them(case: Case, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--case", case.name, "--workspace", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {LIFI: "9,685,530.16", TXPHISH: "59,410,346.2"}[case.name] in done.output
