"""Patterns: what the Bybit case is known for is found, and each pattern needs what its definition says."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.accounting import CHAIN, movement
from tracer.case import Case
from tracer.cli.app import app
from tracer.clusters.payments import Payments
from tracer.ledger import build_ledger
from tracer.movements import from_rows
from tracer.patterns import (
    PATTERNS,
    Pattern,
    dormant_then_burst,
    equal_split,
    fan_in,
    fan_out,
    find_patterns,
    look_alikes,
    peel_chain,
    round_amounts,
)
from tracer.wording import LANGUAGES, words

ETH = 10**18
HOUR, DAY = 3_600, 86_400
THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
HOLDER = "0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92"
SPLITTER = "0xF302572594a68aA8F951faE64ED3aE7DA41c72Be"
Row = tuple[int, str, str, int] | tuple[int, str, str, int, str]
Search = Callable[[Payments, Collection[int]], Iterator[Pattern]]


def payments(rows: Sequence[Row]) -> Payments:
    """(second, payer, payee, wei[, asset])"""
    made = [
        movement(n, *row[1:], decimals=18, symbol="ETH", tx=n) | {"block": None, "timestamp": row[0]}
        for n, row in enumerate(rows)
    ]
    return Payments.of(build_ledger([from_rows(made)]))


def seen(search: Search, rows: Sequence[Row]) -> list[Pattern]:
    """Every observation, whoever counts."""
    history = payments(rows)
    return list(search(history, range(len(history.ledger.addresses))))


def found(search: Search, rows: Sequence[Row], traced: str | None = None) -> list[tuple[str, str]]:
    """(address, figures) of each observation; traced: the addresses that count (None: all)."""
    history = payments(rows)
    names = [name for _, name in history.ledger.addresses]
    numbers = [n for n, name in enumerate(names) if traced is None or name in traced.split()]
    return [(p.account[1], p.figure_text) for p in search(history, numbers)]


def spread(count: int, *, apart: int = 60, start: int = 0, amount: int = 7, payer: str = "A") -> list[Row]:
    return [(start + n * apart, payer, f"{payer}{n}", amount + n) for n in range(count)]


# --- the bundled case


@pytest.fixture(scope="module")
def bybit(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    case = Case.demo(tmp_path_factory.mktemp("bybit"))
    return case.patterns().to_dict("records")


def figures(rows: list[dict[str, str]], pattern: str, address: str) -> list[dict[str, str]]:
    return [
        dict(part.split("=") for part in row["figures"].split(";"))
        for row in rows
        if (row["pattern"], row["address"]) == (pattern, address)
    ]


def test_the_forty_payments_of_ten_thousand_are_found(bybit: list[dict[str, str]]) -> None:
    (split,) = figures(bybit, "equal_split", THIEF)
    assert (split["payees"], split["payments"], split["each_raw"]) == ("40", "40", str(10_000 * ETH))
    assert split["seconds"] == str(58 * 60 + 12)  # 14:56:11 to 15:54:23


def test_the_nine_payments_in_48_seconds_are_found(bybit: list[dict[str, str]]) -> None:
    (split,) = figures(bybit, "equal_split", HOLDER)
    assert (split["payees"], split["seconds"], split["total_raw"]) == ("9", "48", str(90_000 * ETH))


def test_the_split_to_58_addresses_after_nine_days_of_rest_is_found(bybit: list[dict[str, str]]) -> None:
    (out,) = figures(bybit, "fan_out", SPLITTER)
    assert (out["payees"], out["payments"], out["seconds"]) == ("58", "74", str(2 * HOUR + 15 * 60 + 12))
    (rest,) = figures(bybit, "dormant_then_burst", SPLITTER)
    assert 8 * DAY + 22 * HOUR < int(rest["rest_seconds"]) < 9 * DAY


def test_the_imitations_of_the_thiefs_addresses_are_found(bybit: list[dict[str, str]]) -> None:
    twins = {row["figures"].removeprefix("twin=").lower() for row in bybit if row["pattern"] == "look_alikes"}
    assert "0xa4b24033f4c6d70133e4557c2c32a3fb693e449e" in twins
    for row in bybit:
        if row["pattern"] == "look_alikes":
            twin, own = row["figures"].removeprefix("twin=").lower(), row["address"].lower()
            assert (twin[:5], twin[-4:]) == (own[:5], own[-4:])
            assert twin != own


def test_every_observation_names_transactions_and_a_source(bybit: list[dict[str, str]]) -> None:
    assert all(row["transactions"] and row["source"] and row["observation"] for row in bybit)
    assert {p.__name__ for p in PATTERNS} >= {row["pattern"] for row in bybit}


def test_an_observation_is_said_in_the_language_of_its_reader() -> None:
    (spreading,) = seen(fan_out, spread(5))
    assert spreading.said("en") == "pays 5 addresses in 5 payments within 4 min"
    assert spreading.said("ja") == "4分の間に5個のアドレスへ5回送金"
    (same,) = seen(equal_split, [(60 * n, "A", f"B{n}", 70_000_000) for n in range(5)])
    assert same.said("en") == "pays exactly 0.00000000007 ETH to each of 5 addresses within 4 min"
    assert same.said("ja") == "4分の間に5個のアドレスへ同額（0.00000000007 ETH）を送金"


def test_every_pattern_has_words_of_its_own() -> None:
    names = {search.__name__ for search in PATTERNS}
    for language in LANGUAGES:
        assert len({words(language).one_of("observed", name) for name in names} - names) == len(names)


# --- the definitions


def test_a_fan_out_needs_five_payees_never_an_hour_apart() -> None:
    total = sum(7 + n for n in range(5))
    assert found(fan_out, spread(5), "A") == [
        ("A", f"payees=5;payments=5;seconds=240;asset=native;total_raw={total}")
    ]
    assert len(found(fan_out, spread(5, apart=HOUR), "A")) == 1
    assert found(fan_out, spread(5, apart=HOUR + 1), "A") == []
    assert found(fan_out, spread(4), "A") == []
    assert found(fan_out, [(n, "A", "B", 7) for n in range(9)], "A") == []
    assert found(fan_out, spread(5), "B") == []


def test_a_fan_in_is_the_same_towards_one_payee() -> None:
    rows = [(n, f"P{n}", "A", 7) for n in range(5)]
    assert [address for address, _ in found(fan_in, rows, "A")] == ["A"]
    assert found(fan_in, rows[:4], "A") == []


def test_an_equal_split_needs_exactly_equal_amounts() -> None:
    rows = [(n, "A", f"B{n}", 10 * ETH) for n in range(5)]
    assert len(found(equal_split, rows, "A")) == 1
    assert found(equal_split, [*rows[:4], (9, "A", "B9", 10 * ETH + 1)], "A") == []


def test_a_rest_is_seven_days_without_any_movement_of_the_asset() -> None:
    def rested(rest: int, *between: Row) -> list[Row]:
        return [(0, "S", "A", 99), *between, *spread(5, start=rest)]

    assert len(found(dormant_then_burst, rested(7 * DAY), "A")) == 1
    assert found(dormant_then_burst, rested(7 * DAY - 1), "A") == []
    assert found(dormant_then_burst, rested(7 * DAY, (DAY, "A", "X", 1)), "A") == []
    assert len(found(dormant_then_burst, rested(7 * DAY, (DAY, "A", "X", 1, "0xusd")), "A")) == 1
    assert found(dormant_then_burst, spread(5, start=9 * DAY), "A") == []


def peels(steps: int, share: int = 80) -> list[Row]:
    names = [f"P{n}" for n in range(steps + 1)]
    rows: list[Row] = [(0, "S", names[0], 100 * 10**6)]
    for n in range(steps):
        rows += [(10 * n + 1, names[n], f"x{n}", 100 - share), (10 * n + 2, names[n], names[n + 1], share)]
    return rows


def test_a_peel_chain_has_three_steps_that_pass_on_four_fifths_to_a_new_address() -> None:
    assert found(peel_chain, peels(3)) == [
        ("P0", "steps=3;end=P3;payments=3;seconds=20;asset=native;total_raw=240")
    ]
    assert found(peel_chain, peels(2)) == []
    assert found(peel_chain, peels(3, share=79)) == []
    assert found(peel_chain, [*peels(3)[:1], (0, "Z", "P2", 1), *peels(3)[1:]]) == []  # P2 is not new
    assert found(peel_chain, peels(3), "P0 P1 P3") == []


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    rows = [*peels(3), (99, "P3", "y", 20), (100, "P3", "P0", 80)]
    assert len(found(peel_chain, rows)) <= 1


def test_round_amounts_are_whole_tens_of_coins_in_four_of_five_payments() -> None:
    tens = [(n, "A", "B", 10 * ETH * (n + 1)) for n in range(4)]
    assert len(found(round_amounts, [*tens, (9, "A", "B", 1)], "A")) == 1
    assert found(round_amounts, [*tens[:3], (9, "A", "B", 1)], "A") == []
    assert found(round_amounts, tens[:2], "A") == []


def test_look_alikes_share_three_and_four_digits_and_are_not_the_same() -> None:
    real = "0xabc" + "1" * 33 + "4567"
    rows: list[Row] = [(0, "0x" + "9" * 40, real, 5)]
    for twin, count in (
        ("0xabc" + "2" * 33 + "4567", 1),
        ("0xabd" + "2" * 33 + "4567", 0),
        ("0xabc" + "2" * 33 + "4568", 0),
    ):
        assert len(found(look_alikes, [*rows, (1, twin, "0x" + "8" * 40, 1)], real)) == count
    assert found(look_alikes, [*rows, (1, real, "0x" + "8" * 40, 1)], real) == []


def test_patterns_come_in_a_fixed_order() -> None:
    rows = [*spread(5), *[(n, "B", f"y{n}", 10 * ETH) for n in range(5)]]
    history = payments(rows)
    numbers = range(len(history.ledger.addresses))
    names = [p.pattern for p in find_patterns(history, numbers)]
    assert names == sorted(names, key=[p.__name__ for p in PATTERNS].index)
    assert find_patterns(history, numbers) == find_patterns(history, list(reversed(numbers)))
    assert all(p.account[0] == CHAIN for p in find_patterns(history, numbers))


def test_the_command_prints_and_writes_them(tmp_path: Path) -> None:
    Case.demo(tmp_path / "ws")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["-w", str(tmp_path / "ws"), *words], prog_name="tracer")
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "pays exactly 10000 ETH to each of 40 addresses within 58 min 12 s" in run(
        "patterns", "bybit-2025"
    )
    out = tmp_path / "patterns.csv"
    run("patterns", "bybit-2025", "--out", str(out))
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert max(len(row["transactions"].split(";")) for row in rows) == 74
