"""The Bybit case as a graph: published facts are found in it, and its routes add up to its table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tracer.case import Case
from tracer.flowtable import node_id

ETH = "eip155:1/native"
THIEF = "eip155:1:0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
COIN = 10**18


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    path: Path = tmp_path_factory.mktemp("bybit")
    return Case.demo(path)


def test_forty_first_hop_edges_carry_10000_eth_each(case: Case) -> None:
    paid = [
        d
        for _, _, d in case.graph().nx.out_edges(THIEF, data=True)
        if d["asset"] == ETH and d["amount"] == 10_000 * COIN
    ]
    assert len(paid) == 40
    assert {d["taint"] for d in paid} == {10_000 * COIN}


def test_no_excluded_movement_is_an_edge(case: Case) -> None:
    assert not any(d["excluded"] for _, _, d in case.graph().nx.edges(data=True))


def test_routes_add_up_to_every_row_of_the_addresses_table(case: Case) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for route in case.trace_routes(10**6).listed:
        found[route.endpoint, route.asset] += route.amount
    rows = case.taint().addresses()
    held = {
        (node_id(r.chain, r.address), f"{r.chain}/{r.asset}"): r.taint_raw
        for r in rows.itertuples()
        if r.taint_raw and r.address != "sink:converted"
    }
    assert found == held


def test_the_path_to_hop_five_and_none_back(case: Case) -> None:
    deep = max(case.trace_routes(10**6).listed, key=lambda route: (route.transactions, route.amount))
    assert deep.transactions == 5
    path = case.paths(to=deep.endpoint, frm=THIEF, kind="widest").iloc[0]
    assert path["path"] == " > ".join(deep.nodes)
    assert path["amount_raw"] >= deep.amount
