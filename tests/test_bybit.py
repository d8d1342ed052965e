"""The Bybit theft of 2025 from bundled public facts: published figures as golden numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tracer.case import Case
from tracer.model import CONSERVING, Rule

THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
SWAPPER = "0xA4B2Fd68593B6F34E51cB9eDB66E71c1B4Ab449e"
HOLDER = "0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92"
SPLITTER = "0xF302572594a68aA8F951faE64ED3aE7DA41c72Be"
STETH = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
ETH = 10**18


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.demo(tmp_path_factory.mktemp("bybit"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same case without the declared conversions."""
    made = Case.demo(tmp_path_factory.mktemp("bare"))
    for number in made.conversions()["number"]:
        made.withdraw_conversion(number)
    return made


def _transfers(case: Case) -> pd.DataFrame:
    frame = case.taint().transfers()
    return frame[(frame["excluded"] == "") & (frame["grade"] == "fact")]


def _openings(case: Case) -> dict[tuple[str, str], int]:
    gaps = case.gaps()
    found = gaps[gaps["code"] == "opening"]
    return {
        (address, asset): amount
        for address, asset, amount in zip(found["address"], found["asset"], found["amount_raw"], strict=True)
    }


def test_the_stolen_amounts_are_exact_to_the_wei(case: Case) -> None:
    account = case.taint().conservation().set_index("symbol")
    assert account.loc["ETH", "stolen_raw"] == 401_346_768_858_404_671_846_374
    assert account.loc["stETH", "stolen_raw"] == 90_375_547_907_685_258_392_043
    assert account.loc["cmETH", "stolen_raw"] == 15_000 * ETH
    assert account.loc["mETH", "stolen_raw"] == 8_000 * ETH


@pytest.mark.parametrize("rule", [str(rule) for rule in CONSERVING])
def test_every_conserving_rule_accounts_for_every_wei(case: Case, rule: str) -> None:
    assert set(case.taint(rule).conservation()["difference_raw"]) == {0}


def test_exactly_forty_first_hop_transfers_of_ten_thousand_ether(case: Case) -> None:
    t = _transfers(case)
    first = t[(t["from_address"] == THIEF) & (t["asset"] == "native") & (t["amount_raw"] == 10_000 * ETH)]
    assert len(first) == 40
    assert first["to_address"].nunique() == 40
    assert first.iloc[0]["to_address"] == "0x36ed3C0213565530C35115d93A80F9c04d94E4Cb"
    assert first.iloc[-1]["to_address"] == "0xBCA02B395747D62626a65016F2e64A20bd254A39"
    held = case.taint().addresses().set_index(["address", "asset"])
    assert all(held.loc[(address, "native"), "hop"] == 1 for address in first["to_address"])
    assert set(first["taint_raw"]) == {10_000 * ETH}


def test_nine_transfers_of_the_swapped_branch_within_48_seconds(case: Case) -> None:
    t = _transfers(case)
    nine = t[(t["from_address"] == HOLDER) & (t["amount_raw"] == 10_000 * ETH)]
    assert len(nine) == nine["to_address"].nunique() == 9
    times = pd.to_datetime(nine["timestamp_utc"])
    assert (times.max() - times.min()).total_seconds() == 48
    held = case.taint().addresses().set_index(["address", "asset"])
    assert {held.loc[(address, "native"), "hop"] for address in nine["to_address"]} == {3}


def test_the_58_way_split_of_hop_four(case: Case) -> None:
    t = _transfers(case)
    split = t[t["from_address"] == SPLITTER]
    assert (len(split), split["to_address"].nunique()) == (74, 58)
    assert sum(split["amount_raw"]) == 10_062_358_226_033_052_619_000  # 10,062.3582 ETH


def test_poison_transfers_are_kept_and_marked_and_none_is_followed(case: Case) -> None:
    frame = case.taint("poison").transfers()
    left_out = frame[frame["excluded"] != ""]
    assert Counter(left_out["excluded"]) == {"poison": 16}
    assert set(left_out["taint_raw"]) == {0}
    # one of them is a zero-value transfer of the real stETH contract
    assert ((left_out["asset"] == STETH) & (left_out["amount_raw"] == 0)).sum() == 1
    reached = set(case.taint("poison").addresses()["address"])
    followed = set(_transfers(case)["to_address"])
    assert not reached & (set(left_out["to_address"]) - followed)


def test_published_amounts_that_do_not_add_up_are_openings_with_their_amounts(case: Case) -> None:
    openings = _openings(case)
    assert openings[THIEF, STETH] == 9_994_741_607_957  # 0.000009994741607957 stETH
    assert str(openings[HOLDER, "native"] / ETH).startswith("6.5673")
    assert str(openings[SPLITTER, "native"] / ETH).startswith("62.358")


def test_the_missing_dex_leg_is_an_open_gap_until_it_is_declared(case: Case, bare: Case) -> None:
    assert _openings(bare)[SWAPPER, "native"] == 98_047_894_800_000_000_000_000
    assert (SWAPPER, "native") not in _openings(case)
    closed = case.gaps()
    closed = closed[closed["code"] == "declared_conversion"]
    assert set(closed["status"]) == {"closed"}
    assert sum(closed["amount_raw"]) == 98_047_894_800_000_000_000_000
    assert all("phvaz" in message for message in closed["message"])
    assert set(case.conversions()["source"]) == set(bare.conversions()["source"])
    assert all(bare.conversions()["withdrawn_utc"] != "")


def test_without_the_declared_leg_the_swapped_branch_rests_where_it_was_paid(bare: Case) -> None:
    held = bare.taint().addresses()
    steth = held[(held["asset"] == STETH) & (held["taint_raw"] > 0)]
    assert sum(steth["taint_raw"]) == 90_375_547_907_685_258_392_043
    assert set(steth["address"]) == {
        "0x6BB000067005450704003100632eB93ea00c0000",
        "0xFe837A3530dD566401d35beFCd55582AF7c4dfFC",
    }
    assert set(bare.taint().conservation()["difference_raw"]) == {0}


def test_in_source_units_the_theft_is_conserved_across_the_swap(case: Case) -> None:
    for rule in CONSERVING:
        sources = case.taint(str(rule)).sources()
        by_asset = sources.groupby("origin_asset")["source_raw"].sum().to_dict()
        assert by_asset[f"eip155:1/{STETH}"] == 90_375_547_907_685_258_392_043
        assert by_asset["eip155:1/native"] == 401_346_768_858_404_671_846_374


def test_every_rule_lies_in_the_range(case: Case) -> None:
    table = case.compare()
    for row in table.to_dict("records"):
        if row["at_least_raw"] is not None:
            for rule in CONSERVING:
                assert row["at_least_raw"] <= row[str(rule)] <= row["at_most_raw"], row


def test_pasting_the_published_list_does_not_raise_the_total(case: Case, tmp_path: Path) -> None:
    before = case.taint().conservation().set_index("symbol")["stolen_raw"].to_dict()
    pasted = Case.demo(tmp_path)
    held = case.taint("poison").addresses(ranges=False)
    downstream = sorted(set(held[held["hop"].map(lambda hop: hop or 0) > 0]["address"]))
    assert {SWAPPER, HOLDER, SPLITTER} <= set(downstream)
    for address in sorted({*downstream[:60], SWAPPER, HOLDER, SPLITTER}):
        pasted.add_seed(address, theft="bybit", source="an address list")
    after = pasted.taint().conservation().set_index("symbol")["stolen_raw"].to_dict()
    assert {k: v for k, v in after.items() if v} == before


def test_two_exports_of_one_case_are_byte_identical(case: Case, tmp_path: Path) -> None:
    first, second = (case.export(tmp_path / name) for name in ("one", "two"))
    assert [p.name for p in first] == [p.name for p in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_poison_is_the_only_rule_that_makes_stolen_coin(case: Case) -> None:
    made = {str(rule): sum(case.taint(str(rule)).conservation()["difference_raw"]) != 0 for rule in Rule}
    assert made == {"poison": True, **{str(rule): False for rule in CONSERVING}}


def test_a_demo_that_was_cut_off_is_completed_and_a_changed_one_is_left_alone(tmp_path: Path) -> None:
    Case.create("bybit-2025", tmp_path)  # what a kill right after the start leaves
    made = Case.demo(tmp_path)
    assert (len(made.seeds()), len(made.files()), len(made.conversions())) == (4, 1, 12)
    made.remove_seed(4)
    assert len(Case.demo(tmp_path).seeds()) == 3
