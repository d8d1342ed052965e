"""Gas, sweeps and series of payments: what links, and that each stated condition is needed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.accounting import CHAIN, movement
from tracer.clusters.controllers import GAS_FUNDING, SAME_SERIES, SWEEP, controller_links
from tracer.clusters.payments import Payments
from tracer.ledger import build_ledger
from tracer.movements import from_rows

ETH = 10**18
USD = "0xusd"
DAY = 86_400
Row = tuple[int, str, str, int, str]


def payments(rows: Sequence[Row]) -> Payments:
    """(second, payer, payee, amount, asset); rows of one second are one transaction."""
    made = [movement(n, *row[1:], tx=row[0]) | {"timestamp": row[0]} for n, row in enumerate(rows)]
    return Payments.of(build_ledger([from_rows(made)]))


def links(rows: Sequence[Row], rule: str, **more: set[str]) -> set[tuple[str, str]]:
    found = payments(rows)
    number = found.ledger.address_number
    numbers = {key: {number[CHAIN, name] for name in names} for key, names in more.items()}
    return {
        (x.a.removeprefix(f"{CHAIN}:"), x.b.removeprefix(f"{CHAIN}:"))
        for x in controller_links(found, **numbers)
        if x.rule == rule
    }


def loot(
    names: str, *, source: str = "S", gas: int = ETH // 50, wait: int = 300, usd: int = 1_000
) -> list[Row]:
    """Each name gets tokens from the source, gas from F, and pays the tokens to somebody of its own."""
    rows: list[Row] = []
    for n, name in enumerate(names):
        at = 100_000 * n
        rows += [(at + 1, source, name, usd, USD), (at + 2, "F", name, gas, "native")]
        rows += [(at + 2 + wait, name, f"to{name}", usd, USD)]
    return rows


def test_addresses_with_one_source_of_loot_and_one_of_gas_are_linked_to_who_gave_the_gas() -> None:
    assert links(loot("ABC"), GAS_FUNDING) == {("A", "F"), ("B", "F"), ("C", "F")}


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("two are not enough", loot("AB")),
        ("that is more than gas", loot("ABC", gas=ETH)),
        ("they pay days later", loot("ABC", wait=DAY + 1)),
        ("their loot has different sources", [*loot("AB"), *loot("C", source="T")]),
        (
            "they got gas from another too",
            [(10**5 * n, "X", name, 10**14, "native") for n, name in enumerate("ABC")] + loot("ABC"),
        ),
        ("they had paid before", [(0, name, "X", 5, USD) for name in "ABC"] + loot("ABC")),
        ("the funder gave one of them more", [*loot("ABC"), (10**6, "F", "C", ETH, "native")]),
        (
            "the funder serves the public",
            [*loot("ABC"), *((10**6 + n, "F", f"x{n}", 1, "native") for n in range(48))],
        ),
        (
            "the source serves the public",
            [*loot("ABC"), *((10**6 + n, "S", f"x{n}", 1, USD) for n in range(48))],
        ),
    ],
)
def test_gas_links_nobody_when(why: str, rows: list[Row]) -> None:
    assert links(rows, GAS_FUNDING) == set(), why


def test_coin_of_the_chain_counts_as_other_coin_when_it_is_more_than_the_gas() -> None:
    def native(paid: int) -> list[Row]:
        rows: list[Row] = []
        for n, name in enumerate("ABC"):
            rows += [
                (10**5 * n, "F", name, ETH // 50, "native"),
                (10**5 * n + 9, name, f"to{name}", 1, "native"),
            ]
            rows += [
                (10**5 * n + 10, "S", name, ETH, "native"),
                (10**5 * n + 20, name, f"to{name}", paid, "native"),
            ]
        return rows

    assert links(native(ETH // 50), GAS_FUNDING) == {("A", "F"), ("B", "F"), ("C", "F")}
    assert links(native(ETH // 50 - 1), GAS_FUNDING) == set()


def test_dust_neither_makes_a_funder_nor_hides_one() -> None:
    dust: list[Row] = [(0, "X", name, 10**14 - 1, "native") for name in "ABC"]
    assert links([*dust, *loot("ABC")], GAS_FUNDING) == {("A", "F"), ("B", "F"), ("C", "F")}


def test_gas_links_nobody_who_is_a_service_or_was_not_read() -> None:
    for barred in ("F", "S"):
        assert links(loot("ABC"), GAS_FUNDING, barred={barred}) == set()
        assert links(loot("ABC"), GAS_FUNDING, unread={barred}) == set()
    assert links(loot("ABCD"), GAS_FUNDING, unread={"D"}) == {("A", "F"), ("B", "F"), ("C", "F")}


def gathered(
    names: str, *, source: str = "S", apart: int = 1_000, left: int = 0, spent: int = 0
) -> list[Row]:
    """Each name gets 1,000 tokens, and pays all but `left` to G, after `spent` to somebody else."""
    rows: list[Row] = [(n + 1, source, name, 1_000, USD) for n, name in enumerate(names)]
    if spent:
        rows += [(100 + n, name, "X", spent, USD) for n, name in enumerate(names)]
    paid = 1_000 - left - spent
    return rows + [(10_000 + apart * n, name, "G", paid, USD) for n, name in enumerate(names)]


def test_addresses_filled_from_one_source_and_emptied_into_one_are_linked_to_it() -> None:
    assert links(gathered("ABC"), SWEEP) == {("A", "G"), ("B", "G"), ("C", "G")}


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("two are not enough", gathered("AB")),
        ("something is left", gathered("ABC", left=1)),
        ("most was spent before", gathered("ABC", spent=501)),
        ("they were filled from different sources", [*gathered("AB"), *gathered("C", source="T")]),
        ("days lie between them", gathered("ABC", apart=DAY + 1)),
        (
            "the collector serves the public",
            [*gathered("ABC"), *((10**6 + n, f"x{n}", "G", 1, USD) for n in range(48))],
        ),
        (
            "it goes back to the source",
            [(n, "G", name, 1_000, USD) for n, name in enumerate("ABC")]
            + [(10_000 + n, name, "G", 1_000, USD) for n, name in enumerate("ABC")],
        ),
    ],
)
def test_a_sweep_links_nobody_when(why: str, rows: list[Row]) -> None:
    assert links(rows, SWEEP) == set(), why


def test_a_sweep_may_leave_the_gas_of_the_chains_own_coin() -> None:
    def native(left: int) -> list[Row]:
        rows: list[Row] = [(n + 1, "S", name, ETH, "native") for n, name in enumerate("ABC")]
        return rows + [(10_000 + n, name, "G", ETH - left, "native") for n, name in enumerate("ABC")]

    assert len(links(native(10**16), SWEEP)) == 3
    assert len(links([row[:3] + (row[3] // 50,) + row[4:] for row in native(0)], SWEEP)) == 3
    assert (
        links([row[:3] + (row[3] // 100,) + row[4:] for row in native(0)], SWEEP) == set()
    )  # no more than gas
    assert links(native(10**16 + 1), SWEEP) == set()


def test_contracts_that_pass_coin_on_are_no_sweep() -> None:
    rows: list[Row] = []
    for n, name in enumerate("ABC"):
        rows += [(n, "S", name, 1_000, USD), (n, name, "G", 1_000, USD)]  # one second is one transaction
    assert links(rows, SWEEP) == set()


def test_a_sweep_links_nobody_who_is_a_service_or_was_not_read() -> None:
    for name in ("G", "S"):
        assert links(gathered("ABC"), SWEEP, barred={name}) == set()
        assert links(gathered("ABC"), SWEEP, unread={name}) == set()


def series(name: str, start: int, amounts: Sequence[int] = (5, 7, 5, 9), jitter: int = 0) -> list[Row]:
    """Payments of these amounts ten minutes apart."""
    moments = [start, start + 600, start + 1_200 + jitter, start + 1_800]
    return [
        (at, name, f"{name}{n}", amount, USD)
        for n, (at, amount) in enumerate(zip(moments, amounts, strict=False))
    ]


def test_the_same_payments_at_the_same_intervals_are_one_hand() -> None:
    rows = [*series("A", 1), *series("B", 50_000), *series("C", 90_000, jitter=12)]
    assert links(rows, SAME_SERIES) == {("A", "B"), ("A", "C")}


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("another amount", series("B", 50_000, (5, 7, 5, 8))),
        ("another order", series("B", 50_000, (7, 5, 5, 9))),
        ("another interval", series("B", 50_000, jitter=13)),
        ("one payment more", [*series("B", 50_000), (99_000, "B", "X", 1, USD)]),
    ],
)
def test_a_series_links_nobody_with(why: str, other: list[Row]) -> None:
    assert links([*series("A", 1), *other], SAME_SERIES) == set(), why


def test_a_series_needs_four_payments_of_three_amounts() -> None:
    for amounts in ((5, 7, 9), (5, 7, 5, 7)):
        rows = [*series("A", 1, amounts), *series("B", 50_000, amounts)]
        assert links(rows, SAME_SERIES) == set()
