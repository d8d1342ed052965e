"""The flow graph shows exactly what the tables say; views of it lose no amount."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow_tables import CHAIN, chain_of, node, table, transfer
from tracer.errors import InputError
from tracer.graph import FlowGraph

TOKEN = "0x" + "d" * 40
ETH, USD = f"{CHAIN}/native", f"{CHAIN}/{TOKEN}"
WEI = 401_346_768_858_404_671_846_374


def held(address: str, taint: int, hop: int | None = None, **more: Any) -> dict[str, Any]:
    row = {"chain": CHAIN, "address": address, "asset": "native", "symbol": "ETH", "decimals": 18, "stop": ""}
    row |= {"taint_raw": taint, "balance_raw": taint, "received_taint_raw": taint, "hop": hop}
    return row | {"first_received_utc": ""} | more


def addresses(*rows: dict[str, Any]) -> pd.DataFrame:
    columns = list(held("x", 0))
    return pd.DataFrame(list(rows), columns=columns).astype(
        {"taint_raw": object, "balance_raw": object, "hop": object}
    )


def build(transfers: pd.DataFrame, *rows: dict[str, Any], **more: Any) -> FlowGraph:
    return FlowGraph.build(addresses(*rows), transfers, seeds={node("S")}, **more)


def edges(flow: FlowGraph) -> list[tuple[str, str, str, int]]:
    return [
        (u.rpartition(":")[2], v.rpartition(":")[2], key, d["taint"])
        for u, v, key, d in sorted(flow.nx.edges(keys=True, data=True), key=lambda e: e[3]["row"])
    ]


def test_parallel_equal_movements_are_two_edges_with_their_evidence() -> None:
    same = {"tx_hash": "0xt"}
    rows = [transfer(0, "S", "A", 5, position=3, **same), transfer(1, "S", "A", 5, position=4, **same)]
    rows += [transfer(2, "S", "A", 5, tx_hash="", position=None, block=None, timestamp_utc="")]
    flow = build(table(rows), held("A", 15, 1))
    assert edges(flow) == [("S", "A", "0xt/3/0", 5), ("S", "A", "0xt/4/1", 5), ("S", "A", "//2", 5)]
    first, _, last = (d for _, _, d in flow.nx.edges(data=True))
    assert (first["order"], first["time"], first["source_name"], first["source_row"]) == (
        (100, 0, 3),
        1_740_000_000,
        "file.csv",
        1,
    )
    assert (last["order"], last["time"]) == ((None, 0, None), None)


def test_edges_that_carry_no_stolen_coin_are_left_out_unless_asked_for() -> None:
    rows = [
        transfer(0, "S", "A", 5),
        transfer(1, "V", "W", 7, 0),
        transfer(2, "X", "S", 1, 0, excluded="poison"),
    ]
    flow = build(table(rows), held("A", 5, 1), held("W", 0))
    assert edges(flow) == [("S", "A", f"{rows[0]['tx_hash']}/1/0", 5)]
    assert set(flow.nx) == {node("S"), node("A")}
    everything = build(table(rows), held("A", 5, 1), held("W", 0), all_transfers=True)
    assert sorted(d["row"] for _, _, d in everything.nx.edges(data=True)) == [0, 1, 2]
    assert everything.nx.edges[node("X"), node("S"), f"{rows[2]['tx_hash']}/1/2"]["excluded"] == "poison"
    assert everything.nx.nodes[node("X")]["last"] is None  # an excluded movement is no activity
    assert everything.aggregate()[node("X")][node("S")]["count"] == 0


def test_row_numbers_are_those_of_the_whole_table() -> None:
    flow = build(chain_of(("V", "W", 1, 0), ("S", "A", 5), ("V", "W", 1, 0), ("A", "B", 5)), held("B", 5, 2))
    assert sorted(d["row"] for _, _, d in flow.nx.edges(data=True)) == [1, 3]


def test_nodes_carry_exact_amounts_per_asset_label_hop_stop_and_times() -> None:
    rows = [transfer(0, "S", "A", WEI), transfer(1, "S", "A", 7, asset=TOKEN, symbol="USDT", decimals=6)]
    flow = build(
        table(rows),
        held("A", WEI, 1, stop="SERVICE", first_received_utc=rows[0]["timestamp_utc"], balance_raw=WEI + 1),
        held("A", 7, 1, asset=TOKEN, symbol="USDT", decimals=6),
        labels={node("A"): ("Exchange", "exchange")},
        rule="fifo",
        as_of=1,
    )
    a = flow.nx.nodes[node("A")]
    assert a["taint"] == {ETH: WEI, USD: 7}
    assert a["balance"][ETH] == WEI + 1
    assert (a["label"], a["category"], a["hop"], a["stop"]) == ("Exchange", "exchange", 1, "SERVICE")
    assert (a["first"], a["last"]) == (1_740_000_000, 1_740_000_001)
    assert flow.nx.nodes[node("S")]["seed"]
    assert flow.nx.nodes[node("S")]["hop"] == 0
    assert flow.assets == {ETH: ("ETH", 18), USD: ("USDT", 6)}
    assert flow.nx.graph == {"rule": "fifo", "as_of": 1}


def test_payments_to_nobody_end_at_sinks_and_meet_their_rows_in_the_table() -> None:
    rows = [transfer(0, "S", "", 1, kind="fee"), transfer(1, "S", "", 2, kind="burn")]
    flow = build(table(rows), held("sink:fee", 1), held("sink:burned", 2, chain=""))
    assert flow.nx.nodes["sink:fee"]["taint"] == {ETH: 1}
    assert flow.nx.nodes["sink:fee"]["category"] == "sink"
    assert set(flow.nx.successors(node("S"))) == {"sink:fee", "sink:burned"}


def test_a_seed_without_any_movement_is_still_on_the_map() -> None:
    assert set(build(chain_of(("V", "W", 1, 0))).nx) == {node("S")}


def test_aggregated_edges_never_add_different_assets() -> None:
    rows = [
        transfer(0, "S", "A", WEI, 10),
        transfer(1, "S", "A", WEI),
        transfer(2, "S", "A", 10**30, asset=TOKEN),
    ]
    edge = build(table(rows)).aggregate()[node("S")][node("A")]
    assert edge["amount"] == {ETH: 2 * WEI, USD: 10**30}
    assert edge["taint"] == {ETH: WEI + 10, USD: 10**30}
    assert (edge["count"], edge["first"], edge["last"]) == (3, 1_740_000_000, 1_740_000_002)


def test_the_same_tables_give_the_same_graph_in_the_same_order() -> None:
    transfers = chain_of(("S", "B", 5), ("S", "A", 5), ("A", "B", 2))
    one, two = (build(transfers, held("B", 7, 1), held("A", 3, 1)) for _ in range(2))
    assert list(one.nx.nodes(data=True)) == list(two.nx.nodes(data=True))
    assert list(one.nx.edges(keys=True, data=True)) == list(two.nx.edges(keys=True, data=True))
    assert list(one.nx) == sorted(one.nx)


def small() -> FlowGraph:
    rows = [transfer(0, "S", "A", 9), transfer(1, "A", "B", 4), transfer(2, "A", "B", 10**9, asset=TOKEN)]
    rows += [transfer(3, "B", "C", 2), transfer(4, "A", "", 1, kind="fee", timestamp_utc="")]
    return build(table(rows), held("A", 4, 1), held("B", 2, 2), held("C", 2, 3), held("sink:fee", 1))


def test_subgraphs_keep_what_meets_every_condition() -> None:
    flow = small()
    assert [v for _, v, _, _ in edges(flow.subgraph(hops=2))] == ["A", "B", "B", "fee"]
    assert [v for _, v, _, _ in edges(flow.subgraph(asset=USD))] == ["B"]
    assert set(flow.subgraph(asset=USD).nx) == {node("S"), node("A"), node("B")}  # the seed stays
    assert [t for *_, t in edges(flow.subgraph(asset=ETH, min_taint=4))] == [9, 4]
    assert [t for *_, t in edges(flow.subgraph(asset=ETH, since=1_740_000_001, until=1_740_000_001))] == [
        4,
        1,
    ]
    assert [t for *_, t in edges(flow.subgraph(asset=ETH, since=1_740_000_003))] == [2, 1]
    assert [t for *_, t in edges(flow.subgraph(asset=ETH, until=0))] == [1]  # without a time it stays
    part = flow.subgraph([node("A"), node("B")])
    assert set(part.nx) == {node("A"), node("B")}
    assert part.nx.nodes[node("A")] == flow.nx.nodes[node("A")]


def test_units_of_different_assets_are_not_compared() -> None:
    with pytest.raises(InputError, match="asset"):
        small().subgraph(min_taint=5)


def fan(width: int, hops: int = 1) -> FlowGraph:
    rows, rest = [], []
    for i in range(width):
        at = "S"
        for hop in range(1, hops + 1):
            rows.append(transfer(len(rows), at, f"n{hop}.{i:05}", i + 1))
            at = f"n{hop}.{i:05}"
        rest.append(held(at, i + 1, hops))
        rest += [held(f"n{hop}.{i:05}", 0, hop, received_taint_raw=i + 1) for hop in range(1, hops)]
    return build(table(rows), *rest)


def test_small_flows_fold_per_hop_and_name_their_members() -> None:
    view = fan(100, hops=2).collapse(20)
    assert len(view.graph) <= 20
    assert set(view.members) == {"others:1", "others:2"}
    assert view.graph.nodes["others:1"]["label"] == f"+{len(view.members['others:1'])} others"
    kept = {n for n in view.graph if n not in view.members}
    assert node("S") in kept
    assert node("n1.00099") in kept  # the largest flow stays
    assert node("n1.00000") in view.members["others:1"]


def test_pinned_addresses_are_never_folded() -> None:
    view = fan(100).collapse(5, keep={node("n1.00000")})
    assert node("n1.00000") in view.graph
    assert len(view.graph) <= 5


def test_more_hops_than_room_fold_neighbouring_hops_together() -> None:
    view = fan(1, hops=1100).collapse(40)
    assert len(view.graph) <= 40
    assert sum(map(len, view.members.values())) + len(view.graph) - len(view.members) == 1101
    assert all("-" in name for name in view.members)


def test_a_graph_that_fits_is_not_folded() -> None:
    flow = fan(10)
    view = flow.collapse(50)
    assert view.members == {}
    assert nx.utils.graphs_equal(view.graph, flow.aggregate())


def test_a_picture_needs_room() -> None:
    with pytest.raises(InputError, match="at least one"):
        fan(3).collapse(0)


def sums(graph: Any, name: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for _, _, d in graph.edges(data=True):
        total.update(d[name])
    return total


payments = st.lists(
    st.tuples(
        st.sampled_from("SABCDEFG"),
        st.sampled_from("SABCDEFG"),
        st.integers(1, 10**25),
        st.sampled_from(["native", TOKEN]),
    ),
    max_size=25,
)


@settings(max_examples=50)
@given(payments, st.integers(1, 10), st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(0, 9)))
def test_folding_conserves_every_sum_per_asset(moves: list[Any], room: int, hop_of: dict[str, int]) -> None:
    rows = [transfer(i, a, b, n, asset=asset) for i, (a, b, n, asset) in enumerate(moves)]
    flow = build(table(rows), *[held(a, hop + 1, hop) for a, hop in hop_of.items()])
    view = flow.collapse(room)
    whole = flow.aggregate()
    for name in ("amount", "taint"):
        assert sums(view.graph, name) == sums(whole, name)
    for name in ("taint", "balance", "received"):
        total: Counter[str] = Counter()
        for graph, sign in ((whole, 1), (view.graph, -1)):
            for _, d in graph.nodes(data=True):
                total.update({asset: sign * n for asset, n in d[name].items()})
        assert not any(total.values())
    members = [m for group in view.members.values() for m in group]
    assert sorted([*members, *(n for n in view.graph if n not in view.members)]) == sorted(whole)
    assert all(len(group) > 1 for group in view.members.values())
    assert len(view.graph) <= max(room, 2)  # the seed and at least one fold
    assert sum(d["count"] for _, _, d in view.graph.edges(data=True)) == len(moves)


def test_layout_input_is_plain_json_with_exact_amounts() -> None:
    flow = build(
        chain_of(("S", "A", WEI), ("A", "B", 10**18)), held("A", WEI - 10**18, 1), held("B", 10**18, 2)
    )
    picture = json.loads(json.dumps(flow.layout_input()))
    first = picture["edges"][0] if picture["edges"][0]["source"] == node("S") else picture["edges"][1]
    assert first["taint"] == [
        {"asset": ETH, "symbol": "ETH", "raw": str(WEI), "text": "401346.768858404671846374"}
    ]
    assert first["share"] == pytest.approx(1.0)
    assert [n["members"] for n in picture["nodes"]] == [1, 1, 1]
    assert set(picture["options"]) == {"rule", "as_of"}


def test_shares_make_assets_comparable() -> None:
    rows = [transfer(0, "S", "A", WEI), transfer(1, "S", "B", 10**30, asset=TOKEN)]
    tables = (table(rows), held("A", WEI, 1), held("B", 10**30, 1, asset=TOKEN))
    shares = [d["share"] for _, _, d in build(*tables).nx.edges(data=True)]
    assert shares == pytest.approx([1, 1])
    given_scale = build(*tables, scale={ETH: 1 / WEI, USD: 0.0})
    assert [d["share"] for _, _, d in given_scale.nx.edges(data=True)] == pytest.approx([1, 0])


def test_a_transfers_table_without_a_needed_column_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="amount_raw"):
        FlowGraph.build(addresses(), chain_of(("S", "A", 5)).drop(columns="amount_raw"), seeds=())
