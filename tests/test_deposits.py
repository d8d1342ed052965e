"""Deposit addresses: what is taken for one, what each guard keeps out, where coin then stops, and who is linked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounting import CHAIN, movement
from tracer.clusters.clustering import Clusters
from tracer.clusters.deposits import BLOCKS, BLOCKS_LATER, GAS, find_deposits
from tracer.labels import LabelBook
from tracer.labels.book import entity_key
from tracer.ledger import build_ledger
from tracer.model import Label
from tracer.movements import from_rows

ETH = 10**18
TOKEN = "0xtoken"
Row = tuple[int, str, str, int] | tuple[int, str, str, int, str]


def clusters(rows: Sequence[Row], *, partial: bool = False, **more) -> Clusters:
    """(block, payer, payee, amount[, asset]) -> clusters; H, H2 belong to Exchange H, K to Exchange K, M is a mixer."""
    table = from_rows([movement(n, *row[1:4], *row[4:], tx=row[0]) for n, row in enumerate(rows)])
    services = {"H": "Exchange H", "H2": "Exchange H", "K": "Exchange K"}
    labels = [Label(CHAIN, at, who, "exchange", 90) for at, who in services.items()]
    labels.append(Label(CHAIN, "M", "Mixer", "mixer", 90))
    given: dict = {"seeds": frozenset(), "unread": frozenset(), "decided": frozenset(), "rulings": ()}
    given |= {key: frozenset((CHAIN, name) for name in names) for key, names in more.items()}
    return Clusters(build_ledger([table], partial=[partial]), LabelBook(labels), **given)


def deposits(rows: Sequence[Row], **more) -> dict[str, int]:
    found = clusters(rows, **more)
    return {found.ledger.addresses[d.address][1]: d.confidence for d in found.deposits}


def links(rows: Sequence[Row], **more) -> set[tuple[str, str]]:
    found = clusters(rows, **more)
    return {
        (x.a.removeprefix(f"{CHAIN}:"), x.b.removeprefix(f"{CHAIN}:"))
        for x in found.found.links
        if x not in found.refused
    }


ONCE: list[Row] = [(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH - GAS // 2)]
TWICE: list[Row] = [*ONCE, (20, "V", "D", 3 * ETH), (29, "D", "H2", 3 * ETH)]


def test_an_address_that_forwards_to_one_service_is_its_deposit_address() -> None:
    assert deposits(ONCE) == {"D": 60}
    assert deposits(TWICE) == {"D": 80}
    assert links(TWICE) == {("D", "U"), ("D", "V")}
    assert clusters(TWICE).found.members == {
        f"{CHAIN}:D": (f"{CHAIN}:D", f"{CHAIN}:U", f"{CHAIN}:V"),
    }


def test_the_amount_may_lose_the_gas_and_no_more() -> None:
    assert deposits([(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH - GAS)]) == {"D": 60}
    assert deposits([(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH - GAS - 1)]) == {}
    assert deposits([(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH + 1)]) == {}


def test_a_token_is_forwarded_whole() -> None:
    assert deposits([(1, "U", "D", 500, TOKEN), (9, "D", "H", 500, TOKEN)]) == {"D": 60}
    assert deposits([(1, "U", "D", 500, TOKEN), (9, "D", "H", 499, TOKEN)]) == {}
    assert deposits([(1, "U", "D", 500, TOKEN), (9, "D", "H", 500, "0xother")]) == {}


def test_the_window_is_the_papers_and_can_be_the_authors_later_one() -> None:
    late: list[Row] = [(1, "U", "D", 5 * ETH), (1 + BLOCKS, "D", "H", 5 * ETH)]
    later: list[Row] = [(1, "U", "D", 5 * ETH), (2 + BLOCKS, "D", "H", 5 * ETH)]
    assert (deposits(late), deposits(later)) == ({"D": 60}, {})
    found = clusters(later)
    assert [
        len(find_deposits(found.payments, found.services, blocks=blocks)) for blocks in (BLOCKS, BLOCKS_LATER)
    ] == [0, 1]


def test_without_blocks_the_window_is_counted_in_seconds() -> None:
    def at(seconds: int) -> list[dict]:
        rows = [movement(0, "U", "D", 5 * ETH), movement(1, "D", "H", 5 * ETH)]
        return [row | {"block": None, "timestamp": t} for row, t in zip(rows, (0, seconds), strict=True)]

    book = LabelBook([Label(CHAIN, "H", "Exchange H", "exchange", 90)])
    for seconds, count in ((12 * BLOCKS, 1), (12 * BLOCKS + 1, 0)):
        ledger = build_ledger([from_rows(at(seconds))])
        none: frozenset[tuple[str, str]] = frozenset()
        found = Clusters(ledger, book, seeds=none, unread=none, decided=none, rulings=())
        assert len(found.deposits) == count


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("it forwards to two services", [(30, "V", "D", ETH), (31, "D", "K", ETH)]),
        ("the service pays it", [(30, "H2", "D", ETH)]),
        ("it splits what it gets", [(30, "D", "X", ETH), (31, "D", "Y", ETH)]),
    ],
)
def test_a_guard_keeps_out_what_no_deposit_address_does(why: str, more: list[Row]) -> None:
    assert deposits([*TWICE, *more]) == {}, why


def test_another_payee_needs_two_forwardings_and_then_stops_nothing() -> None:
    more: list[Row] = [(40, "D", "X", ETH)]
    assert deposits([*ONCE, *more]) == {}
    assert deposits([*TWICE, *more]) == {"D": 40}
    assert clusters([*TWICE, *more]).stops == {}


def test_seeds_services_and_addresses_that_were_not_read_are_no_deposit_addresses() -> None:
    assert deposits(TWICE, seeds={"D"}) == {}
    assert deposits(TWICE, unread={"D"}) == {}
    assert clusters(TWICE, partial=True).deposits == ()
    assert deposits([(1, "U", "K", 5 * ETH), (9, "K", "H", 5 * ETH)]) == {}
    assert deposits([(1, "U", "M", 5 * ETH), (9, "M", "H", 5 * ETH)]) == {}
    # a mixer takes no deposits in this sense
    assert deposits([(1, "U", "D", 5 * ETH), (9, "D", "M", 5 * ETH)]) == {}


def test_a_seed_is_a_customer_but_a_service_is_none() -> None:
    assert links(ONCE, seeds={"U"}) == {("D", "U")}
    from_service: list[Row] = [(1, "K", "D", 5 * ETH), (9, "D", "H", 5 * ETH)]
    assert deposits(from_service) == {"D": 60}
    assert links(from_service) == set()
    assert [use.user for use in clusters(from_service).deposits[0].uses] == [-1]


def test_the_latest_payment_that_fits_is_the_one_that_was_forwarded() -> None:
    rows: list[Row] = [(1, "U", "D", 5 * ETH), (2, "V", "D", 5 * ETH), (9, "D", "H", 5 * ETH)]
    assert links(rows) == {("D", "V")}


def test_a_contract_that_pays_for_many_is_no_customer() -> None:
    batch: list[Row] = [(1, "P", "B", 5 * ETH), (1, "B", "D", 5 * ETH), (9, "D", "H", 5 * ETH)]
    assert deposits(batch) == {"D": 60}
    assert ("B", "D") not in links(batch)


def test_payers_for_many_and_deposit_addresses_of_many_link_nobody() -> None:
    def paid_by_one(count: int) -> list[Row]:
        pairs = [[(n, "C", f"D{n}", ETH), (n + 50, f"D{n}", "H", ETH)] for n in range(1, count + 1)]
        return [row for pair in pairs for row in pair]

    assert len(links(paid_by_one(3))) == 3
    assert links(paid_by_one(4)) == set()

    def paid_by_many(count: int) -> list[Row]:
        pairs = [
            [(9 * n, f"U{n}", "D", ETH + n), (9 * n + 5, "D", "H", ETH + n)] for n in range(1, count + 1)
        ]
        return [row for pair in pairs for row in pair]

    assert len(links(paid_by_many(10))) == 10
    assert links(paid_by_many(11)) == set()
    assert deposits(paid_by_many(11)) == {"D": 80}


def test_what_only_a_contract_or_the_service_can_do_is_the_surest_sign() -> None:
    at_once: list[Row] = []
    for n in (1, 2):
        at_once += [(n, "U", "D", ETH), (n, "D", "H", ETH)]
    assert deposits(at_once) == {"D": 90}
    together: list[Row] = [(1, "U", "D", ETH), (2, "V", "E", ETH), (9, "D", "H", ETH), (9, "E", "H", ETH)]
    assert deposits(together) == {"D": 90, "E": 90}


def test_each_payment_explains_one_forwarding_and_dust_explains_none() -> None:
    rows: list[Row] = [(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH), (10, "D", "H", 5 * ETH)]
    assert deposits(rows) == {"D": 60}
    assert deposits([(1, "U", "D", GAS), (9, "D", "H", GAS)]) == {}


def test_coin_stops_at_a_deposit_address_until_the_analyst_lifts_it() -> None:
    found = clusters(TWICE)
    assert found.stops == {(CHAIN, "D"): "DEPOSIT"}
    gap = found.gaps[0]
    assert (gap.code, gap.status, gap.address, gap.tx) == ("deposit_address", "assumption", "D", "0x9")
    assert "Exchange H" in gap.message
    lifted = clusters(TWICE, decided={"D"})
    assert (lifted.stops, lifted.gaps) == ({}, [])
    assert links(TWICE, decided={"D"}) == links(TWICE)


def test_what_is_kept_makes_no_deposit_address() -> None:
    once: list[Row] = [(1, "U", "D", 5 * ETH), (9, "D", "H", 5 * ETH)]
    elapsed: Row = (20_000, "Y", "Z", ETH)
    stolen: Row = (9_000, "S", "D", 100 * ETH)
    assert deposits([*once, stolen, elapsed]) == {}
    assert deposits([*TWICE, stolen, elapsed]) == {}
    held_before: list[Row] = [(1, "S", "D", 100 * ETH), (2, "U", "D", ETH), (9, "D", "H", ETH), elapsed]
    assert deposits(held_before) == {}
    # coin that was kept and went to the service much later is no deposit either
    assert deposits([*TWICE, stolen, (30_000, "D", "H", 100 * ETH)]) == {}
    in_tokens: Row = (9_000, "S", "D", 1, TOKEN)
    assert deposits([*TWICE, in_tokens, elapsed]) == {}


def test_gas_and_dust_may_stay_but_no_more_than_one_gas_per_forwarding() -> None:
    elapsed: Row = (20_000, "Y", "Z", ETH)

    def dust(count: int) -> list[Row]:
        return [(40 + n, "P", "D", GAS // 2) for n in range(count)]

    left = GAS // 2  # ONCE leaves this much
    assert deposits([*TWICE, *dust(3), elapsed]) == {"D": 80}
    assert left + 4 * (GAS // 2) > 2 * GAS
    assert deposits([*TWICE, *dust(4), elapsed]) == {}


def test_one_sweep_can_forward_several_payments() -> None:
    rows: list[Row] = [*TWICE, (40, "U", "D", ETH), (41, "V", "D", 2 * ETH), (50, "D", "H", 3 * ETH)]
    assert deposits([*rows, (20_000, "Y", "Z", ETH)]) == {"D": 80}


@pytest.mark.parametrize(("blocks", "known"), [(BLOCKS_LATER, True), (BLOCKS_LATER + 1, False)])
def test_what_came_last_is_pending_until_the_window_is_over(blocks: int, known: bool) -> None:
    last: list[Row] = [(100, "S", "D", 100 * ETH), (100 + blocks, "Y", "Z", ETH)]
    assert deposits([*ONCE, *last]) == ({"D": 40} if known else {})
    assert deposits([*TWICE, *last]) == ({"D": 80} if known else {})
    assert clusters([*ONCE, *last]).stops == {}
    if known:
        gap = clusters([*TWICE, *last]).gaps[0]
        assert (
            f"Not forwarded yet when the history ends: {100 * ETH} smallest units of native (came in 0x100)."
            in gap.message
        )


def test_forwardings_of_other_coin_while_some_is_kept_are_no_habit() -> None:
    kept: Row = (0, "S", "D", 100 * ETH)
    assert deposits([kept, *TWICE]) == {"D": 40}
    assert clusters([kept, *TWICE]).stops == {}


def test_burned_coin_is_not_forwarded() -> None:
    rows = [movement(n, *r[1:4], tx=r[0]) for n, r in enumerate([*TWICE, (40, "S", "D", 100 * ETH)])]
    rows.append(movement(9, "D", "", 100 * ETH, tx=41, kind="burn"))
    book = LabelBook([Label(CHAIN, at, "Exchange H", "exchange", 90) for at in ("H", "H2")])
    none: frozenset[tuple[str, str]] = frozenset()
    rows.append(movement(10, "Y", "Z", ETH, tx=20_000))
    found = Clusters(build_ledger([from_rows(rows)]), book, seeds=none, unread=none, decided=none, rulings=())
    assert found.deposits == ()


@pytest.mark.parametrize("category", ["theft", "sanctioned", "broker"])
def test_a_wallet_of_somebody_else_is_no_deposit_address(category: str) -> None:
    known = clusters(TWICE)
    mine = known.book.plus([Label(CHAIN, "D", "Lazarus", category, 95, "FBI", source_type="government")])
    found = Clusters(
        known.ledger, mine, seeds=known.seeds, unread=known.unread, decided=known.decided, rulings=()
    )
    assert (found.deposits, found.stops, found.deposit_labels) == ((), {}, [])


def test_an_inferred_label_says_so_and_names_the_service_as_its_labels_do() -> None:
    known = clusters(TWICE)
    given = [Label(CHAIN, at, "Binance: hot wallet", "exchange", 90) for at in ("H", "H2")]
    found = Clusters(
        known.ledger,
        LabelBook(given),
        seeds=known.seeds,
        unread=known.unread,
        decided=known.decided,
        rulings=(),
    )
    [label] = found.deposit_labels
    assert (label.name, label.who) == ("deposit address of Binance (inferred)", "Binance")
    assert entity_key(label) == entity_key(given[0])
    stated = Label(CHAIN, "D", "Customer of OKX", "exchange", 30, "a list")
    assert found.book.plus([label, stated]).best(CHAIN, "D") == stated


@given(st.permutations(range(len(TWICE) + 2)))
def test_the_order_of_the_file_decides_nothing(order: list[int]) -> None:
    rows: list[Row] = [*TWICE, (40, "U", "W", ETH), (41, "W", "U", ETH)]
    shuffled = [rows[i] for i in order]
    assert links(shuffled) == links(rows)
    assert deposits(shuffled) == deposits(rows)
