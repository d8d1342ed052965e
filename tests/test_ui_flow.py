"""The flow picture's model: nothing is lost between the tables and the picture, and the layout can be read."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.ui.flow import AssetName, Completeness, Edge, Flow, Node, build_flow, kind_of, weigh
from tracer.ui.fold import fold
from tracer.ui.i18n import words
from tracer.ui.layout import arrange, crossings
from tracer.ui.picture import completeness, picture

CHAIN = "eip155:1"
ETH = f"{CHAIN}/native"


def transfer(source: str, target: str, amount: int, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "chain": CHAIN,
        "from_address": source,
        "to_address": target,
        "asset": "native",
        "symbol": "ETH",
        "decimals": 18,
        "amount_raw": amount,
        "taint_raw": amount,
        "kind": "native",
        "excluded": "",
        "converts": False,
        "timestamp_utc": "2025-02-21T14:16:11Z",
    }
    return row | more


def holder(address: str, taint: int, hop: int | None, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "chain": CHAIN,
        "address": address,
        "asset": "native",
        "symbol": "ETH",
        "decimals": 18,
        "taint_raw": taint,
        "received_taint_raw": taint,
        "hop": hop,
        "first_received_utc": "2025-02-21T14:16:11Z",
        "stop": "",
    }
    return row | more


def flow_of(holders: list[dict[str, object]], transfers: list[dict[str, object]], **more: object) -> Flow:
    return build_flow(pd.DataFrame(holders), pd.DataFrame(transfers), **more)


def sums(flow: Flow) -> Counter[str]:
    """Per asset, everything that moves in the picture: on edges and inside folds."""
    total: Counter[str] = Counter()
    for edge in flow.edges:
        total.update(edge.taint)
    for node in flow.nodes:
        total.update(node.inner)
    return total


def fan(width: int) -> Flow:
    """One seed that pays `width` addresses, each of which pays on."""
    holders = [holder("0xseed", 0, 0)]
    rows = []
    for i in range(width):
        holders += [holder(f"0xa{i:05}", 1, 1), holder(f"0xb{i:05}", i + 1, 2)]
        rows += [transfer("0xseed", f"0xa{i:05}", i + 2), transfer(f"0xa{i:05}", f"0xb{i:05}", i + 1)]
    return flow_of(holders, rows, seeds=[(CHAIN, "0xseed")])


def test_a_flow_keeps_exact_integers_and_hops() -> None:
    exact = 401346768858404671846374
    flow = flow_of(
        [holder("0xs", 0, 0), holder("0xb", exact, 1)],
        [transfer("0xs", "0xb", exact)],
        seeds=[(CHAIN, "0xs")],
    )
    assert [(n.address, n.hop, n.kind) for n in flow.nodes] == [("0xb", 1, "unknown"), ("0xs", 0, "seed")]
    assert flow.edges[0].taint == {ETH: exact}
    assert flow.nodes[0].rests == {ETH: exact}


def test_different_assets_are_never_added() -> None:
    spam = transfer("0xs", "0xb", 10**30, asset="0xspam", symbol="ETH")
    flow = flow_of([holder("0xb", 5, 1)], [transfer("0xs", "0xb", 5), spam])
    assert flow.edges[0].taint == {ETH: 5, f"{CHAIN}/0xspam": 10**30}
    assert flow_of([holder("0xb", 5, 1)], [transfer("0xs", "0xb", 5), spam], asset=ETH).edges[0].taint == {
        ETH: 5
    }


def test_left_out_transfers_are_drawn_only_on_request_and_as_such() -> None:
    rows = [transfer("0xs", "0xb", 5), transfer("0xs", "0xfake", 7, taint_raw=0, excluded="poison")]
    assert {e.kind for e in flow_of([holder("0xb", 5, 1)], rows).edges} == {"flow"}
    shown = flow_of([holder("0xb", 5, 1)], rows, excluded=True)
    assert {e.kind for e in shown.edges} == {"flow", "excluded"}
    assert {n.address: n.kind for n in shown.nodes}["0xfake"] == "excluded"


def test_fees_go_to_a_sink_and_a_converter_stands_beside_its_swap() -> None:
    rows = [
        transfer("0xs", "", 1, kind="fee"),
        transfer("0xs", "0xpool", 9, converts=True),
        transfer("0xpool", "0xs", 3, asset="0xusd", converts=True),
    ]
    flow = flow_of([holder("0xs", 0, 0), holder("sink:fee", 1, None)], rows, seeds=[(CHAIN, "0xs")])
    found = {n.address: n for n in flow.nodes}
    assert found["sink:fee"].kind == "sink"
    assert found["0xpool"].kind == "swap"
    assert found["0xpool"].beside
    assert [(c.hop, c.beside) for c in arrange(flow).columns] == [(0, False), (0, True), (None, False)]


def test_what_coin_only_passed_through_stands_beside_its_payer_and_is_no_sink() -> None:
    rows = [transfer("0xs", "0xb", 9), transfer("0xb", "0xrouter", 9), transfer("0xrouter", "0xinner", 9)]
    rows.append(transfer("0xinner", "0xc", 9))
    held = [holder("0xb", 0, 1), holder("0xrouter", 0, None), holder("0xinner", 0, None), holder("0xc", 9, 2)]
    flow = flow_of([holder("0xs", 0, 0), *held], rows, seeds=[(CHAIN, "0xs")])
    found = {n.address: (n.hop, n.beside) for n in flow.nodes}
    assert found["0xrouter"] == found["0xinner"] == (1, True)
    assert found["0xc"] == (2, False)
    assert all(column.hop is not None for column in arrange(flow).columns)


@pytest.mark.parametrize(
    ("category", "stop", "kind"),
    [
        ("exchange", "", "exchange"),
        ("Sanctioned mixer", "MIXER", "sanctioned"),
        ("", "MIXER", "mixer"),
        ("", "BRIDGE", "bridge"),
        ("", "UNSPENT", "unknown"),
        ("DEX router", "", "swap"),
    ],
)
def test_the_drawn_kind_follows_the_label_before_the_stop_code(category: str, stop: str, kind: str) -> None:
    assert kind_of(category, stop) == kind


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    size = draw(st.integers(2, 40))
    kinds = st.sampled_from(["unknown", "unknown", "exchange", "mixer"])
    nodes = [
        Node(
            f"n{i:02}",
            CHAIN,
            f"n{i:02}",
            0 if i == 0 else draw(st.integers(0, 4)),
            "seed" if i == 0 else draw(kinds),
            name=draw(st.sampled_from(["", "Exchange A"])),
        )
        for i in range(size)
    ]
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda p: p[0] != p[1])
    pairs = draw(st.lists(ends, unique=True, max_size=80))
    assets = st.dictionaries(st.sampled_from(["x", "y"]), st.integers(1, 2**200), min_size=1)
    edges = [Edge(f"n{a:02}", f"n{b:02}", t := draw(assets), t, 1, "", "") for a, b in sorted(pairs)]
    return weigh(Flow(tuple(nodes), tuple(edges), {"x": AssetName("X", 18), "y": AssetName("Y", None)}))


@given(flows(), st.integers(0, 40))
def test_folding_loses_no_amount_and_no_address(flow: Flow, limit: int) -> None:
    folded = fold(flow, limit)
    assert sums(folded) == sums(flow)
    named = [m for n in folded.nodes for m in (n.members or (n.id,))]
    assert sorted(named) == sorted(n.id for n in flow.nodes)
    assert sum(e.count for e in folded.edges) <= sum(e.count for e in flow.edges)
    assert all(n.members == () or len(n.members) > 1 for n in folded.nodes)


@given(flows())
def test_opening_every_fold_shows_every_address(flow: Flow) -> None:
    folds = [n.id for n in fold(flow, 1).nodes if n.members]
    assert {n.id for n in fold(flow, 1, opened=folds).nodes if not n.members} >= {
        m for n in fold(flow, 1).nodes for m in n.members
    }


def test_the_heaviest_flows_stay_visible_and_the_rest_folds_per_hop() -> None:
    folded = fold(fan(500), 60)
    folds = {n.hop: len(n.members) for n in folded.nodes if n.members}
    assert sorted(folds) == [1, 2]
    assert sum(folds.values()) + sum(not n.members for n in folded.nodes) == 1001
    assert len(folded.nodes) <= 63
    assert f"{CHAIN}:0xa00499" in {n.id for n in folded.nodes}


def test_services_of_one_name_fold_together_and_whole() -> None:
    base = fan(57)
    named = [
        n if n.hop != 1 else Node(**{**_fields(n), "kind": "exchange", "name": "Exchange A"})
        for n in base.nodes
    ]
    folded = fold(Flow(tuple(named), base.edges, base.assets), 40)
    services = [n for n in folded.nodes if n.kind == "exchange"]
    assert [len(n.members) for n in services] == [57]
    drawn = picture(folded, words("en"))
    assert "Exchange A \N{MULTIPLICATION SIGN}57" in [n["label"] for n in drawn["nodes"]]


def _fields(node: Node) -> dict[str, object]:
    return {name: getattr(node, name) for name in Node.__slots__}


@given(flows())
def test_every_node_has_a_place_of_its_own_inside_the_picture(flow: Flow) -> None:
    layout = arrange(flow)
    assert set(layout.places) == {n.id for n in flow.nodes}
    assert all(-1e-9 <= y <= 1 + 1e-9 for _, y in layout.places.values())
    assert len(set(layout.places.values())) == len(flow.nodes)
    for column in layout.columns:
        heights = [layout.places[n][1] for n in column.nodes]
        assert heights == sorted(heights)
        assert all(b - a > 1e-6 for a, b in pairwise(heights))


def test_a_layout_without_need_for_crossings_has_none() -> None:
    flow = fan(30)
    layout = arrange(flow)
    order = [list(c.nodes) for c in layout.columns]
    at = {n: c for c, ids in enumerate(order) for n in ids}
    assert crossings(order, at, flow) == 0


def test_layout_and_picture_are_deterministic_plain_json() -> None:
    first, again = (picture(fold(fan(300), 80), words("ja"), selected="x") for _ in range(2))
    assert json.dumps(first, sort_keys=True) == json.dumps(again, sort_keys=True)


def test_hostile_names_stay_text_and_lose_their_control_characters() -> None:
    evil = "<script>alert(1)</script>\u202e\u0000"
    flow = flow_of([holder("0xb", 5, 1)], [transfer("0xs", "0xb", 5)], labels={(CHAIN, "0xb"): (evil, "")})
    label = next(str(n["label"]) for n in picture(flow, words("en"))["nodes"] if "script" in str(n["label"]))
    assert label.isprintable()


def test_an_empty_flow_is_an_empty_picture() -> None:
    empty = build_flow(
        pd.DataFrame([holder("0xb", 0, 1)]).head(0), pd.DataFrame([transfer("a", "b", 1)]).head(0)
    )
    assert picture(empty, words("en"))["nodes"] == []


def test_a_name_that_many_unidentified_addresses_bear_tells_none_of_them_apart() -> None:
    wallets = [f"0x{digit * 40}" for digit in "abc"]
    flow = flow_of(
        [holder(address, 5, 1) for address in wallets],
        [transfer("0xs", address, 5) for address in wallets],
        labels={
            (CHAIN, wallets[0]): ("the thief", ""),
            (CHAIN, wallets[1]): ("the thief", ""),
            (CHAIN, wallets[2]): ("a mule", ""),
        },
    )
    nodes = {str(n["id"]): n for n in picture(flow, words("en"))["nodes"]}
    labels = [str(nodes[f"{CHAIN}:{address}"]["label"]) for address in wallets]
    assert labels[2] == "a mule"
    assert labels[0] != labels[1]
    assert all("the thief" in nodes[f"{CHAIN}:{address}"]["lines"] for address in wallets[:2])
    assert "the thief" in str(nodes[f"{CHAIN}:{wallets[0]}"]["find"])


def test_who_was_robbed_stands_before_the_theft_and_is_no_hop() -> None:
    flow = flow_of(
        [holder("0xthief", 0, 0), holder("0xmule", 9, 1)],
        [transfer("0xvictim", "0xthief", 9), transfer("0xthief", "0xmule", 9)],
        seeds=[(CHAIN, "0xthief")],
    )
    hops = {node.address: node.hop for node in flow.nodes}
    assert hops == {"0xvictim": -1, "0xthief": 0, "0xmule": 1}
    columns = picture(flow, words("en"))["columns"]
    assert [column["title"] for column in columns] == ["Robbed", "Theft", "Hop 1"]


def test_what_a_hub_was_counted_to_is_not_called_its_number() -> None:
    """Reading stops where the limit is passed: 5,001 of a hub's million transactions are no total."""
    w = words("en")
    assert "20 of 5,001" in completeness(Completeness(20, 5_001, "whole"), w)
    assert "20; there are at least 5,001" in completeness(Completeness(20, 5_001, "unread"), w)
    assert "how many there are is not known" in completeness(Completeness(20, None, "unread"), w)
