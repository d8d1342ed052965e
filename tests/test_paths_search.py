"""Paths between two addresses: they respect the order of the chain, and the best one is the best of all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow_tables import chain_of, node, table, transfer
from tracer.errors import InputError, NoPathError, NotFoundError
from tracer.flowtable import FlowTable
from tracer.paths import COLUMNS, KINDS, PathFinder

TOKEN = "0x" + "d" * 40


def rows_of(route: Any) -> list[tuple[int, ...]]:
    return [hop.rows for hop in route.hops]


@pytest.mark.parametrize("kind", KINDS)
def test_coin_does_not_leave_before_it_came(kind: str) -> None:
    finder = PathFinder(chain_of(("a", "c", 5), ("s", "a", 5)))
    with pytest.raises(NoPathError) as error:
        finder.find("s", "c", kind)
    assert "flow back in time" in error.value.hint
    assert "2025-02-19T21:20:01Z" in error.value.hint  # first arrival at a
    assert "2025-02-19T21:20:00Z" in error.value.hint  # last payment a -> c
    assert error.value.hint.index("21:20:01Z") < error.value.hint.index("21:20:00Z")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wider_way_back_in_time_is_not_taken_beside_a_narrow_one_in_order(kind: str) -> None:
    route = PathFinder(chain_of(("a", "t", 9), ("s", "a", 9), ("s", "t", 1))).find("s", "t", kind)
    assert rows_of(route) == [(2,)]


def test_one_transaction_chains_by_position_and_counts_as_one() -> None:
    inside = {"tx_hash": "0xt", "block": 7}
    rows = [transfer(0, "s", "a", 5, **inside), transfer(1, "a", "b", 5, **inside), transfer(2, "b", "c", 5)]
    route = PathFinder(table(rows)).shortest("s", "c")
    assert rows_of(route) == [(0,), (1,), (2,)]
    assert route.transactions == 2
    backwards = PathFinder(table([rows[1], rows[0]]))
    with pytest.raises(NoPathError):
        backwards.shortest("s", "b")


def test_coin_that_came_in_the_same_transaction_goes_on_at_no_cost_even_if_some_came_before() -> None:
    inside = {"tx_hash": "0xt"}
    rows = [transfer(0, "s", "a", 5), transfer(1, "s", "a", 5, **inside), transfer(2, "a", "t", 5, **inside)]
    route = PathFinder(table(rows)).shortest("s", "t")
    assert (rows_of(route), route.transactions) == ([(1,), (2,)], 1)


def test_coin_that_came_in_the_same_transaction_is_converted_in_it_at_no_cost() -> None:
    given, got = swap(2, "a", "pool", 5, 900, (5, 900))
    inside = {"tx_hash": given["tx_hash"]}
    rows = [transfer(0, "s", "a", 5), transfer(1, "s", "a", 5, **inside), given, got]
    rows.append(transfer(4, "a", "t", 900, asset=TOKEN, **inside))
    route = PathFinder(table(rows)).shortest("s", "t")
    assert (rows_of(route), route.transactions) == ([(1,), (2, 3), (4,)], 1)


def test_diamond_each_kind_takes_its_own_way() -> None:
    finder = PathFinder(
        chain_of(
            ("s", "a", 10, 10),
            ("a", "t", 1, 1),  # earliest
            ("s", "b", 900, 900),
            ("b", "c", 800, 800),
            ("c", "t", 700, 700),  # widest
            ("s", "t", 5, 5),  # shortest
        )
    )
    assert finder.earliest("s", "t").nodes == (node("s"), node("a"), node("t"))
    assert finder.widest("s", "t").nodes == (node("s"), node("b"), node("c"), node("t"))
    assert finder.widest("s", "t").amount == 700
    assert finder.shortest("s", "t").nodes == (node("s"), node("t"))


def test_widest_counts_stolen_coin_and_falls_back_to_whole_amounts() -> None:
    finder = PathFinder(
        chain_of(
            ("s", "a", 1000, 1), ("a", "t", 1000, 1), ("s", "b", 9, 9), ("b", "t", 9, 9), ("t", "x", 3, 0)
        )
    )
    stolen, whole = finder.widest("s", "t"), finder.widest("s", "x")
    assert (stolen.amount, stolen.measure, stolen.nodes[1]) == (9, "stolen", node("b"))
    assert (whole.amount, whole.measure) == (3, "whole")


def test_parallel_movements_are_kept_apart() -> None:
    route = PathFinder(chain_of(("s", "t", 3), ("s", "t", 8), ("s", "t", 8))).widest("s", "t")
    assert rows_of(route) == [(1,)]
    assert route.hops[0].evidence[0]["source_row"] == 2


def test_cycles_and_self_transfers_do_not_trap_the_search() -> None:
    finder = PathFinder(
        chain_of(
            ("s", "a", 5),
            ("a", "a", 5),
            ("a", "b", 5),
            ("b", "a", 5),
            ("a", "s", 5),
            ("b", "t", 4),
            ("a", "t", 5),
        )
    )
    assert finder.earliest("s", "t").nodes == (node("s"), node("a"), node("b"), node("t"))
    assert finder.shortest("s", "t").nodes == (node("s"), node("a"), node("t"))


def test_excluded_and_empty_movements_are_not_followed() -> None:
    rows = [transfer(0, "s", "t", 5, excluded="poison"), transfer(1, "s", "t", 0), transfer(2, "s", "b", 1)]
    rows.append(transfer(3, "c", "t", 1))
    with pytest.raises(NoPathError, match="any order of time"):
        PathFinder(table(rows)).earliest("s", "t")


def test_a_payment_to_nobody_ends_at_a_sink() -> None:
    rows = [
        transfer(0, "s", "a", 5),
        transfer(1, "a", "", 1, kind="fee"),
        transfer(2, "a", "", 2, kind="burn"),
    ]
    finder = PathFinder(table(rows))
    assert finder.shortest("s", "sink:fee").endpoint == "sink:fee"
    assert finder.shortest("s", "sink:burned").amount == 2


def swap(
    number: int, user: str, pool: str, given: int, got: int, taint: tuple[int, int]
) -> list[dict[str, Any]]:
    tx: dict[str, Any] = {"tx_hash": f"0xswap{number}", "converts": True}
    token = {"asset": TOKEN, "symbol": "USDT", "decimals": 6}
    return [
        transfer(number, user, pool, given, taint[0], **tx),
        transfer(number + 1, pool, user, got, taint[1], **tx, **token),
    ]


def test_a_conversion_bridges_assets_at_the_address_that_converted() -> None:
    rows = [transfer(0, "s", "a", 50, 40), *swap(1, "a", "pool", 50, 100_000, (40, 80_000))]
    rows.append(transfer(3, "a", "t", 60_000, 60_000, asset=TOKEN, decimals=6))
    finder = PathFinder(table(rows))
    route = finder.widest("s", "t")
    assert route.nodes == (node("s"), node("a"), node("t"))
    assert [hop.kind for hop in route.hops] == ["move", "convert", "move"]
    assert (route.amount, route.asset, route.source_amount) == (60_000, f"eip155:1/{TOKEN}", 40)
    assert route.transactions == 2
    assert route.tx_hashes == (rows[0]["tx_hash"], "0xswap1", rows[3]["tx_hash"])


def test_the_width_is_scaled_at_a_conversion() -> None:
    rows = [transfer(0, "s", "a", 10, 10), *swap(1, "a", "pool", 50, 100_000, (40, 80_000))]
    rows.append(transfer(3, "a", "t", 60_000, 60_000, asset=TOKEN, decimals=6))
    assert PathFinder(table(rows)).widest("s", "t").amount == 20_000


def test_a_pool_that_takes_the_other_side_passes_nothing_on() -> None:
    rows = [
        transfer(0, "s", "a", 50),
        *swap(1, "a", "pool", 50, 100_000, (50, 100_000)),
        transfer(3, "pool", "x", 50),
    ]
    finder = PathFinder(table(rows))
    assert finder.earliest("s", "pool").nodes[-1] == node("pool")
    with pytest.raises(NoPathError, match="swap"):
        finder.earliest("s", "x")


def test_a_swap_that_pays_out_before_it_is_paid_still_bridges() -> None:
    given, got = swap(1, "a", "pool", 50, 100_000, (50, 100_000))
    rows = [transfer(0, "s", "a", 50), got, given, transfer(3, "a", "t", 7, asset=TOKEN)]
    assert PathFinder(table(rows)).earliest("s", "t").nodes == (node("s"), node("a"), node("t"))


def test_another_asset_is_another_coin() -> None:
    finder = PathFinder(table([transfer(0, "s", "a", 5), transfer(1, "a", "t", 5, asset=TOKEN)]))
    with pytest.raises(NoPathError, match="declare the conversion"):
        finder.shortest("s", "t")


def test_addresses_are_found_in_any_spelling_that_means_one_of_them() -> None:
    mixed = "0x" + "aB" * 20
    rows = [
        transfer(0, mixed.lower(), "b", 5),
        transfer(1, "b", "c", 5),
        transfer(2, "c", "d", 1, chain="eip155:56"),
    ]
    finder = PathFinder(table(rows))
    assert finder.shortest(mixed, "b").start == node(mixed.lower())
    assert finder.shortest(f"eip155:1:{mixed}", node("b")).endpoint == node("b")
    with pytest.raises(NotFoundError, match="import its transfers"):
        finder.shortest("nobody", "b")
    with pytest.raises(InputError, match="2 chains"):
        finder.shortest("b", "c")
    with pytest.raises(InputError, match="two different"):
        finder.shortest("b", node("b"))
    with pytest.raises(InputError, match="shortest, widest, earliest"):
        finder.find("b", "d", "cheapest")


def test_a_reason_is_given_when_one_side_never_pays_or_never_receives() -> None:
    finder = PathFinder(chain_of(("s", "a", 5), ("b", "t", 5)))
    with pytest.raises(NoPathError, match="pays nothing"):
        finder.shortest("a", "t")
    with pytest.raises(NoPathError, match="receives nothing"):
        finder.shortest("s", "b")


def test_paths_as_a_table_have_the_stable_columns_and_exact_amounts() -> None:
    amount = 401_346_768_858_404_671_846_374
    finder = PathFinder(chain_of(("s", "a", amount), ("a", "t", amount)))
    frame = finder.frame([finder.widest("s", "t")])
    assert tuple(frame.columns) == COLUMNS
    line = frame.iloc[0]
    assert (line["amount_raw"], line["amount"], line["hops"]) == (amount, "401346.768858404671846374", 2)
    assert line["path"] == "eip155:1:s > eip155:1:a > eip155:1:t"


def test_a_chain_of_100000_hops_is_followed_to_its_end() -> None:
    hops = 100_000
    names = [f"n{i}" for i in range(hops + 1)]
    frame = pd.DataFrame(
        {
            "chain": "eip155:1",
            "tx_hash": [f"0x{i:x}" for i in range(hops)],
            "from_address": names[:-1],
            "to_address": names[1:],
            "asset": "native",
            "amount_raw": 10**20,
            "taint_raw": 10**20,
        }
    )
    finder = PathFinder(frame)
    for kind in KINDS:
        route = finder.find("n0", f"n{hops}", kind)
        assert route.transactions == len(route.hops) == hops


def test_a_35000_way_fan_out_and_in_finds_the_widest_of_all_ways() -> None:
    ways = 35_000
    middle = [f"m{i}" for i in range(ways)]
    frame = pd.DataFrame(
        {
            "chain": "eip155:1",
            "tx_hash": [f"0x{i:x}" for i in range(2 * ways)],
            "from_address": ["s"] * ways + middle,
            "to_address": middle + ["t"] * ways,
            "asset": "native",
            "amount_raw": [1 + (i * 7919) % ways for i in range(ways)] * 2,
        }
    )
    assert PathFinder(frame).widest("s", "t").amount == ways


# --- the best of all, by enumeration ---------------------------------------------------------------------------


def steps_from(t: FlowTable, state: tuple[int, int], after: int, start: int) -> Iterator[tuple[Any, ...]]:
    """(row pair, new node and asset, row reached, arrives only) for everything that can come next."""
    at, asset = state
    for row in range(t.rows):
        if not (t.followed[row] and t.amount[row]) or t.payer[row] != at:
            continue
        if row > after and (t.asset[row] == asset or at == start) and t.payee[row] not in (at, start):
            pays_back = any(
                t.converts[r]
                and t.followed[r]
                and t.amount[r]
                and t.tx[r] == t.tx[row]
                and t.payer[r] == t.payee[row]
                and t.asset[r] != t.asset[row]
                for r in range(t.rows)
            )
            yield row, -1, (t.payee[row], t.asset[row]), row, t.converts[row] and pays_back
        if row > after and t.asset[row] == asset and at != start and t.converts[row]:
            for got in range(t.rows):
                if (
                    (t.converts[got] and t.followed[got] and t.amount[got])
                    and (t.tx[got], t.payee[got]) == (t.tx[row], at)
                    and t.asset[got] != asset
                ):
                    yield row, got, (at, t.asset[got]), max(row, got), False


def every_path(t: FlowTable, start: int, goal: int) -> Iterator[list[tuple[int, int]]]:
    pending: list[tuple[tuple[int, int], int, list[tuple[int, int]]]] = [((start, -1), -1, [])]
    while pending:
        state, after, way = pending.pop()
        for row, got, new, reached, ends in steps_from(t, state, after, start):
            longer = [*way, (row, got)]
            if got < 0 and new[0] == goal:
                yield longer
            elif not ends and new[0] != goal:
                pending.append((new, reached, longer))


def width(t: FlowTable, way: list[tuple[int, int]], measure: list[int]) -> int:
    narrow = 10**60
    for row, got in way:
        if got < 0:
            narrow = min(narrow, measure[row])
            continue
        gave = sum(
            measure[r]
            for r in range(t.rows)
            if t.converts[r] and (t.tx[r], t.payer[r], t.asset[r]) == (t.tx[row], t.payer[row], t.asset[row])
        )
        came = sum(
            measure[r]
            for r in range(t.rows)
            if t.converts[r] and (t.tx[r], t.payee[r], t.asset[r]) == (t.tx[got], t.payee[got], t.asset[got])
        )
        narrow = min(narrow, gave) * came // gave if gave else 0
    return narrow


movement = st.tuples(
    st.sampled_from("sabt"),
    st.sampled_from("sabt"),
    st.integers(0, 6),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(["native", "native", TOKEN]),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(movement, min_size=1, max_size=9), st.booleans())
def test_every_search_is_as_good_as_the_best_of_all_paths(moves: list[Any], tainted: bool) -> None:
    rows, tx = [], 0
    for i, (payer, payee, amount, taint, same, asset, converts) in enumerate(moves):
        tx += not same
        rows.append(
            transfer(
                i,
                payer,
                payee,
                amount,
                min(taint, amount) if tainted else 0,
                tx_hash=f"0x{tx}",
                asset=asset,
                converts=converts and same,
            )
        )
    t = FlowTable.read(table(rows))
    if not {node("s"), node("t")} <= set(t.nodes):
        return
    start, goal = t.find("s"), t.find("t")
    ways = list(itertools.islice(every_path(t, start, goal), 5000))
    finder = PathFinder(t)
    if not ways:
        for kind in KINDS:
            with pytest.raises(NoPathError):
                finder.find("s", "t", kind)
        return
    fewest = min(len({t.tx[r] for r, got in way if got < 0}) for way in ways)
    assert finder.shortest("s", "t").transactions == fewest
    assert max(finder.earliest("s", "t").hops[-1].rows) == min(max(way[-1]) for way in ways)
    measure = t.taint if any(width(t, way, t.taint) for way in ways) else t.amount
    totals = [
        sum(m for m, a in zip(measure, t.asset, strict=True) if a == code) for code in range(len(t.assets))
    ]

    def part(way: list[tuple[int, int]]) -> float:
        wide = width(t, way, measure)
        return wide / totals[t.asset[way[-1][0]]] if wide else 0.0

    best = max(map(part, ways))
    if best == 0:  # the coin of every path is rounded away at a conversion
        with pytest.raises(NoPathError):
            finder.widest("s", "t")
        return
    found = [
        tuple(hop.rows if len(hop.rows) == 2 else (hop.rows[0], -1)) for hop in finder.widest("s", "t").hops
    ]
    assert part(found) == best
    assert finder.widest("s", "t").amount == width(t, found, measure)
