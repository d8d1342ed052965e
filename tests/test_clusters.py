"""Clusters: the same whatever the order of the links, each link removable, none lost, and every cluster explained."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.clusters import Link, components, smallest_members
from tracer.errors import NotFoundError

NAMES = [f"eip155:1:0x{n:040x}" for n in range(8)]


@st.composite
def any_links(draw: st.DrawFn) -> list[Link]:
    pairs = st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True)
    one = st.builds(
        lambda pair, rule, tx, sure: Link(*pair, rule, tx, sure),
        pairs,
        st.sampled_from(["r1", "r2"]),
        st.sampled_from(["", "0x1", "0x2"]),
        st.integers(0, 100),
    )
    return draw(st.lists(one, max_size=14))


def oracle(links: list[Link]) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_edges_from((link.a, link.b) for link in links)
    return graph


@given(any_links(), st.randoms(use_true_random=False))
def test_clusters_are_the_connected_components_in_any_order_of_the_links(links, random) -> None:
    found = components(links)
    expected = {min(part): tuple(sorted(part)) for part in nx.connected_components(oracle(links))}
    assert found.members == dict(sorted(expected.items()))
    assert list(found.members) == sorted(found.members)
    shuffled = [*links, *links[:3]]
    random.shuffle(shuffled)
    again = components(shuffled)
    assert (again.links, again.members) == (found.links, found.members)
    assert set(found.links) == set(links)


@given(any_links(), st.data())
def test_a_withdrawn_link_stays_listed_and_equals_one_that_was_never_made(links, data) -> None:
    gone = data.draw(st.lists(st.sampled_from(links), unique=True)) if links else []
    found = components(links, withdrawn=gone)
    without = components([link for link in links if link not in gone])
    assert found.members == without.members
    assert set(found.links) == set(links)
    assert all(found.cluster_of(name) == without.cluster_of(name) for name in NAMES)


@given(any_links(), st.data())
def test_the_reason_is_a_shortest_chain_of_standing_links(links, data) -> None:
    gone = data.draw(st.lists(st.sampled_from(links), unique=True)) if links else []
    found = components(links, withdrawn=gone)
    graph = oracle([link for link in links if link not in gone])
    for a, b in combinations(NAMES, 2):
        if a in graph and b in graph and nx.has_path(graph, a, b):
            chain = found.why(a, b)
            assert len(chain) == nx.shortest_path_length(graph, a, b)
            here = a
            for link in chain:
                assert link not in gone
                assert here in (link.a, link.b)
                here = link.b if here == link.a else link.a
                parallel = [x for x in links if (x.a, x.b) == (link.a, link.b) and x not in gone]
                assert link.confidence == max(x.confidence for x in parallel)
            assert here == b
        else:
            with pytest.raises(NotFoundError):
                found.why(a, b)
    assert found.why(NAMES[0], NAMES[0]) == ()


@given(any_links(), st.data())
def test_the_links_of_a_cluster_are_those_that_touch_it(links, data) -> None:
    gone = data.draw(st.lists(st.sampled_from(links), unique=True)) if links else []
    found = components(links, withdrawn=gone)
    for name in NAMES:
        near = {n for n in found.names if found.cluster_of(n) == found.cluster_of(name)}
        assert set(found.links_of(name)) == {link for link in links if {link.a, link.b} & near}


def test_a_chain_of_a_hundred_thousand_links_is_one_cluster() -> None:
    count = 100_000
    a, b = np.arange(1, count), np.arange(count - 1)
    for order in (slice(None), slice(None, None, -1)):
        assert not smallest_members(a[order], b[order], count).any()
    assert smallest_members(a[:0], b[:0], 3).tolist() == [0, 1, 2]


def test_a_link_is_the_same_from_both_ends_and_refuses_what_is_none() -> None:
    assert Link(NAMES[1], NAMES[0], "r") == Link(NAMES[0], NAMES[1], "r")
    with pytest.raises(ValueError, match="with itself"):
        Link(NAMES[0], NAMES[0], "r")
    with pytest.raises(ValueError, match="between 0 and 100"):
        Link(NAMES[0], NAMES[1], "r", "", 101)
