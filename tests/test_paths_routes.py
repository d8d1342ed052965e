"""Routes of stolen coin: nothing is lost, every route can have happened, and its rows prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounting import CHAIN, Trace, seed, trace
from tests.flow_tables import table
from tracer.flowtable import node_id
from tracer.model import Rule
from tracer.paths import COLUMNS, Route, Routes, asset_scales, trace_routes
from tracer.taint.program import Op

RULES = [rule.value for rule in Rule]
TOKEN = "0x" + "d" * 40


def transfers_of(t: Trace) -> pd.DataFrame:
    """The ledger of a trace as a transfers table."""
    rows = t.ledger.table.to_pylist()
    return table(
        [
            row
            | {
                "amount_raw": amount,
                "timestamp_utc": pd.Timestamp(row["timestamp"], unit="s").strftime("%Y-%m-%dT%H:%M:%SZ"),
                "taint_raw": 0,
                "source_name": "file.csv",
                "source_row": row["row"],
            }
            for row, amount in zip(rows, t.ledger.amount, strict=True)
        ]
    )


def routes_of(t: Trace, limit: int = 10**9) -> Routes:
    return trace_routes(t.program, t.outcome, transfers_of(t), limit=limit)


def routes_in(payments: Sequence[Any], rule: str = "fifo", limit: int = 10**9, **more: Any) -> Routes:
    return routes_of(trace(payments, [seed("S", **more)], rule), limit)


def short(route: Route) -> tuple[str, int]:
    return " ".join(node.rpartition(":")[2] for node in route.nodes), route.amount


def resting(t: Trace) -> dict[tuple[str, str], int]:
    """(node, asset key) -> stolen units at the end, from the accounting."""
    held: Counter[tuple[str, str]] = Counter()
    for holding, units in enumerate(t.outcome.taint):
        chain, address, asset = t.program.name(holding)
        if units:
            held[node_id(chain, address), asset.key] += units
    return dict(held)


def test_a_diamond_has_one_route_per_side_that_add_up() -> None:
    routes = routes_in([("S", "A", 60), ("S", "B", 40), ("A", "T", 60), ("B", "T", 40)], amount=100)
    assert [short(r) for r in routes.listed] == [("S A T", 60), ("S B T", 40)]
    assert [r.transactions for r in routes.listed] == [2, 2]
    assert routes.rest == ()


def test_routes_that_meet_and_part_again_follow_the_age_of_the_coin() -> None:
    payments = [("S", "A", 60), ("S", "B", 40), ("B", "A", 40), ("A", "C", 70), ("A", "D", 30)]
    first_out = {"S A C": 60, "S B A C": 10, "S B A D": 30}
    last_out = {"S A C": 30, "S B A C": 40, "S A D": 30}
    assert dict(map(short, routes_in(payments, "fifo", amount=100).listed)) == first_out
    assert dict(map(short, routes_in(payments, "lifo", amount=100).listed)) == last_out


def test_coin_that_never_moved_is_a_route_of_no_hops() -> None:
    (rest, moved) = routes_in([("S", "A", 30)], amount=100).listed
    assert (short(rest), rest.transactions, rest.times) == (("S", 70), 0, (None, None))
    assert short(moved) == ("S A", 30)


def test_every_hop_names_its_rows() -> None:
    (route,) = routes_in([("S", "A", 5), ("A", "B", 5)], amount=5).listed
    assert [(hop.evidence[0]["tx_hash"], hop.evidence[0]["position"], hop.rows) for hop in route.hops] == [
        ("0x0", 0, (0,)),
        ("0x1", 1, (1,)),
    ]
    assert [(hop.amount, hop.taint, hop.time, hop.evidence[0]["source_row"]) for hop in route.hops] == [
        (5, 5, 1000, 1),
        (5, 5, 1001, 2),
    ]
    assert route.tx_hashes == ("0x0", "0x1")


def test_a_router_inside_one_transaction_is_passed_in_one_hop() -> None:
    same = {"tx": 1}
    payments = [("S", "R", 5, same), ("R", "B", 5, same)]
    (route,) = routes_in(payments, amount=5).listed
    assert short(route) == ("S R B", 5)
    assert route.transactions == 1


def test_fees_and_burned_coin_end_at_sinks() -> None:
    payments = [("S", "A", 90), ("S", "", 10, {"kind": "fee"}), ("A", "", 20, {"kind": "burn"})]
    routes = routes_in(payments, amount=100)
    assert dict(map(short, routes.listed)) == {"S A": 70, "S A burned": 20, "S fee": 10}
    assert {r.endpoint for r in routes.listed} == {node_id(CHAIN, "A"), "sink:burned", "sink:fee"}


def test_coin_does_not_pass_a_stop_and_the_route_says_so() -> None:
    t = trace([("S", "X", 9), ("X", "B", 9)], [seed("S", amount=9)], "fifo", {"X": "SERVICE"})
    (route,) = routes_of(t).listed
    assert (short(route), route.stop) == (("S X", 9), "SERVICE")
    (named,) = trace_routes(
        t.program, t.outcome, transfers_of(t), stops={node_id(CHAIN, "X"): "MIXER"}
    ).listed
    assert named.stop == "MIXER"


def test_cycles_and_self_transfers_lose_nothing() -> None:
    payments = [("S", "A", 10), ("A", "A", 10), ("A", "B", 10), ("B", "A", 6), ("A", "S", 2), ("S", "C", 1)]
    routes = routes_in(payments, amount=10)
    assert sum(r.amount for r in routes.listed) == 10
    assert dict(map(short, routes.listed)) == {"S A B": 4, "S A B A": 4, "S A B A S": 1, "S A B A S C": 1}


def swap_history() -> list[Any]:
    """Golden example D: 40 stolen then 60 clean; 50 ETH are swapped for 100,000 of a token, 60,000 go on."""
    swap = {"tx": 3}
    return [
        ("S", "A", 40, {"tx": 1}),
        ("V", "A", 60, {"tx": 2}),
        ("A", "P", 50, swap),
        ("P", "A", 100_000, TOKEN, swap),
        ("A", "T", 60_000, TOKEN, {"tx": 4}),
    ]


def test_a_conversion_states_both_amounts() -> None:
    t = trace(swap_history(), [seed("S", amount=40)], "fifo")
    gone, kept = routes_of(t).listed
    assert (short(gone), gone.source_amount, gone.source_asset) == (("S A T", 60_000), 30, f"{CHAIN}/native")
    assert (short(kept), kept.source_amount, kept.asset) == (("S A", 20_000), 10, f"{CHAIN}/{TOKEN}")
    convert = gone.hops[1]
    assert (convert.kind, convert.taint, convert.amount, convert.got) == ("convert", 40, 50, 100_000)
    assert [e["tx_hash"] for e in convert.evidence] == ["0x3", "0x3"]
    assert gone.transactions == 2  # a conversion counts 0


def test_widths_stay_comparable_across_a_conversion() -> None:
    t = trace(swap_history(), [seed("S", amount=40)], "fifo")
    scale = asset_scales(t.program, t.outcome)
    assert scale[f"{CHAIN}/native"] * 40 == pytest.approx(1)
    assert scale[f"{CHAIN}/{TOKEN}"] * 80_000 == pytest.approx(1)


def test_what_is_not_listed_is_counted_and_summed() -> None:
    payments = [("S", f"A{i}", i) for i in range(1, 11)]
    routes = routes_in(payments, limit=3, amount=55)
    assert [r.amount for r in routes.listed] == [10, 9, 8]
    assert routes.rest == ((f"{CHAIN}/native", 7, 28),)
    assert routes.total == 10
    last = routes.frame.iloc[-1]
    assert (last["rank"], last["amount_raw"], last["routes"]) == (None, 28, 7)
    assert "7 more routes" in last["path"]
    assert tuple(routes.frame.columns) == COLUMNS


def test_a_spam_token_sent_to_the_seed_does_not_outrank_the_theft() -> None:
    amount = 401_346_768_858_404_671_846_374
    payments = [("V", "S", amount), ("X", "S", 10**30, TOKEN), ("S", "A", amount), ("S", "B", 10**30, TOKEN)]
    routes = routes_in(payments)
    assert [r.asset for r in routes.listed] == [f"{CHAIN}/native", f"{CHAIN}/{TOKEN}"]
    assert routes.frame.iloc[0]["amount_raw"] == amount


def test_under_poison_a_route_begins_where_clean_coin_was_mixed() -> None:
    routes = routes_in([("S", "A", 1), ("V", "A", 99), ("A", "B", 100)], "poison", amount=1)
    assert dict(map(short, routes.listed)) == {"A B": 99, "S A B": 1}


names = st.sampled_from(["S", "A", "B", "C", "R"])
payment = st.tuples(
    names, names, st.integers(1, 30), st.sampled_from(["native", "native", TOKEN]), st.booleans()
)


def random_trace(moves: list[Any], rule: str, stop: bool) -> Trace:
    tx, payments = 0, []
    for payer, payee, amount, asset, same in moves:
        tx += not same
        payments.append((payer, payee, 2 * amount, asset, {"tx": tx}))
    return trace(payments, [seed("S", asset="native", amount=61)], rule, {"C": "SERVICE"} if stop else None)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(moves=st.lists(payment, min_size=1, max_size=14), stop=st.booleans())
def test_routes_add_up_to_what_rests_at_every_endpoint(rule: str, moves: list[Any], stop: bool) -> None:
    t = random_trace(moves, rule, stop)
    routes = routes_of(t)
    found: Counter[tuple[str, str]] = Counter()
    for route in routes.listed:
        found[route.endpoint, route.asset] += route.amount
    assert {key: n for key, n in found.items() if n} == resting(t)
    if rule != "poison":
        assert sum(r.source_amount for r in routes.listed) == 61


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(moves=st.lists(payment, min_size=1, max_size=14), stop=st.booleans())
def test_every_route_is_an_unbroken_way_in_the_order_of_the_chain(
    rule: str, moves: list[Any], stop: bool
) -> None:
    t = random_trace(moves, rule, stop)
    for route in routes_of(t).listed:
        at, asset, last = route.start, route.source_asset, -1
        for hop in route.hops:
            assert (hop.payer, hop.asset) == (at, asset)
            assert hop.rows
            assert max(hop.rows) >= last  # rows of one transaction may prove several steps of it
            assert hop.taint <= hop.amount
            at, asset, last = hop.payee, hop.got_asset, min(hop.rows)
        assert (at, asset) == (route.endpoint, route.asset)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(moves=st.lists(payment, min_size=1, max_size=14))
def test_no_step_carries_more_than_the_accounting_moved_in_it(rule: str, moves: list[Any]) -> None:
    t = random_trace(moves, rule, stop=False)
    if any(op == Op.CONVERT for op in t.program.op):
        return  # amounts of a route before a conversion are in another unit than its own
    carried: Counter[tuple[int, ...]] = Counter()
    moved: dict[tuple[int, ...], int] = {}
    for route in routes_of(t).listed:
        for rows in {hop.rows for hop in route.hops}:
            carried[rows] += route.amount
        moved |= {hop.rows: sum(h.taint for h in route.hops if h.rows == hop.rows) for hop in route.hops}
    steps: Counter[tuple[int, ...]] = Counter()
    for row, units in zip(t.program.row.tolist(), t.outcome.moved, strict=True):
        steps[(row,)] += units
    assert all(units <= steps[rows] for rows, units in carried.items() if len(rows) == 1 and rows in moved)


@settings(max_examples=40)
@given(moves=st.lists(payment, min_size=1, max_size=14), limit=st.integers(0, 5))
def test_the_same_history_gives_the_same_routes_and_a_limit_cuts_the_same_list(
    moves: list[Any], limit: int
) -> None:
    t = random_trace(moves, "fifo", stop=False)
    whole, cut = routes_of(t), routes_of(t, limit)
    assert whole.listed[:limit] == cut.listed
    assert whole.total == cut.total
    assert routes_of(t).frame.equals(whole.frame)


def test_a_chain_of_100000_hops_is_one_route() -> None:
    hops = 100_000
    t = trace([(f"n{i}", f"n{i + 1}", 7) for i in range(hops)], [seed("n0", amount=7)], "fifo")
    (route,) = routes_of(t).listed
    assert (route.transactions, route.amount, route.endpoint) == (hops, 7, node_id(CHAIN, f"n{hops}"))


def test_a_35000_way_fan_out_and_in_keeps_every_way() -> None:
    ways = 35_000
    out = [("S", f"m{i}", 2, {"tx": 1}) for i in range(ways)]
    back = [(f"m{i}", "T", 2, {"tx": 2 + i}) for i in range(ways)]
    sweep = [("T", "U", 2 * ways - 1, {"tx": ways + 3})]
    routes = routes_of(trace(out + back + sweep, [seed("S", amount=2 * ways)], "fifo"), limit=2)
    assert routes.total == ways + 1  # the last way is cut in two by the sweep
    assert [short(r) for r in routes.listed] == [("S m0 T U", 2), ("S m1 T U", 2)]
    assert routes.rest == ((f"{CHAIN}/native", ways - 1, 2 * ways - 4),)
