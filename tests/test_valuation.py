"""What stolen coin was worth on the day of the theft: exact, sourced, empty where nobody published it."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from pathlib import Path

import pytest

from tests.accounting import CHAIN, history, seed
from tracer.case import Case
from tracer.data import data_dir
from tracer.model import Seed
from tracer.prices import Prices, bundled_prices
from tracer.taint.compile import compile_program
from tracer.valuation import Valuation, Worth

HEAD = "date,chain,asset,symbol,amount,usd,jpy,source\n"
DAY = "1970-01-01"


def prices(*rows: str) -> Prices:
    return Prices.read(io.StringIO(HEAD + "\n".join(rows)))


def valuation(table: Prices, *seeds: Seed, decimals: int | None = 2) -> Valuation:
    ledger = history([("V", "T", 1_000, "native", {"decimals": decimals}), ("T", "A", 300)])
    return Valuation(ledger, compile_program(ledger, seeds), table)


def test_a_published_loss_is_shared_exactly_and_rounded_down() -> None:
    table = prices(f"{DAY},{CHAIN},native,X,3,100,,somebody")
    found = valuation(table, seed("T", tx="0x0", amount=1_000))
    assert found.worth([(0, 300)]) == Worth(100, None)
    assert found.worth([(0, 299)]) == Worth(99, None)
    assert found.worth([(0, 100), (0, 200)]) == Worth(100, None)


def test_dollars_become_yen_at_the_rate_of_the_day_and_both_sources_are_named() -> None:
    table = prices(f"{DAY},{CHAIN},native,X,1,2,,somebody", f"{DAY},,USD,USD,1,1,150.35,a bank")
    found = valuation(table, seed("T", tx="0x0", amount=1_000))
    assert found.worth([(0, 1_000)]) == Worth(20, 3_007)
    price = found.price(0)
    assert price is not None
    assert (price.jpy, price.source) == (Fraction("300.70"), "somebody; a bank")


def test_published_yen_are_not_replaced_by_a_rate() -> None:
    table = prices(f"{DAY},{CHAIN},native,X,1,2,999,somebody", f"{DAY},,USD,USD,1,1,150,a bank")
    assert valuation(table, seed("T", tx="0x0", amount=1_000)).worth([(0, 100)]) == Worth(2, 999)


@pytest.mark.parametrize(
    "row",
    [
        "",
        f"1970-01-02,{CHAIN},native,X,1,2,,another day",
        f"{DAY},eip155:56,native,X,1,2,,another chain",
        f"{DAY},{CHAIN},0x{'1' * 40},X,1,2,,another asset",
    ],
)
def test_without_a_price_of_that_asset_and_day_there_is_no_value_and_never_a_zero(row: str) -> None:
    assert valuation(prices(row), seed("T", tx="0x0", amount=1_000)).worth([(0, 300)]) == Worth(None, None)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    ledger = history(
        [
            ("V", "T", 100, "native", {"decimals": 0}),
            ("V", "T", 100, "aaa", {"decimals": 0}),
        ]
    )
    seeds = [seed("T", tx="0x0", asset="native"), seed("T", tx="0x1", asset="aaa")]
    found = Valuation(ledger, compile_program(ledger, seeds), prices(f"{DAY},{CHAIN},native,X,1,2,,s"))
    numbers = {found.program.assets[o.asset].ref: n for n, o in enumerate(found.program.origins)}
    assert found.worth([(numbers["native"], 50)]) == Worth(100, None)
    assert found.worth([(numbers["native"], 50), (numbers["aaa"], 1)]) == Worth(None, None)
    assert found.worth([(numbers["native"], 50), (numbers["aaa"], 0)]) == Worth(100, None)
    assert found.worth([]) == Worth(None, None)


def test_an_asset_of_unknown_decimals_and_a_theft_of_unknown_time_have_no_value() -> None:
    table = prices(f"{DAY},{CHAIN},native,X,1,2,,s")
    assert valuation(table, seed("T", tx="0x0", amount=1_000), decimals=None).worth([(0, 1)]) == Worth()
    assert valuation(table, seed("T", amount=1_001)).worth([(0, 100)]) == Worth()


def test_the_day_of_a_theft_is_that_of_its_first_dated_seed() -> None:
    late = 5 * 86_400
    ledger = history([("V", "T", 10), ("V", "T", 10, "native", {"timestamp": late})])
    seeds = [
        seed("T", amount=3, asset="native"),
        seed("T", at=late, amount=10),
        seed("T", tx="0x0", amount=10),
    ]
    assert Valuation(ledger, compile_program(ledger, seeds[1:]), Prices()).days == {"theft": DAY}
    assert Valuation(ledger, compile_program(ledger, seeds[:2]), Prices()).days == {"theft": "1970-01-06"}


def test_the_bundled_prices_say_who_published_them_and_carry_no_unit_price_that_nobody_stated() -> None:
    with (data_dir() / "prices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["source"] and (row["usd"] or row["jpy"]) for row in rows)
    bitcoin = bundled_prices().on("bip122:000000000019d6689c085ae165831e93", "native", "2024-05-31")
    assert bitcoin is not None
    assert bitcoin.jpy is not None
    assert bitcoin.jpy * Fraction("4502.9") == 48_200_000_000
    assert bitcoin.usd is not None
    assert bitcoin.usd * Fraction("4502.9") == 308_000_000


def test_the_bundled_theft_is_valued_in_every_table_that_names_it(tmp_path: Path) -> None:
    case = Case.demo(tmp_path)
    losses = case.losses().set_index("symbol")
    assert dict(losses["theft_value_usd"]) == {
        "ETH": 1_119_999_354,
        "stETH": 253_158_733,
        "cmETH": 44_130_000,
        "mETH": 23_000_000,
    }
    assert losses.loc["mETH", "theft_value_jpy"] == 23_000_000 * 15_035 // 100
    assert set(losses["day"]) == {"2025-02-21"}
    frame = case.endpoints()
    assert frame["theft_value_usd"].notna().all()
    total = sum(losses["theft_value_usd"])
    assert total - len(frame) - len(losses) <= sum(frame["theft_value_usd"]) <= total
    sources = case.taint().sources()
    assert total - len(sources) - len(losses) <= sum(sources["theft_value_usd"]) <= total
