"""Folding: a graph of thousands of addresses becomes one that can be read, and no amount is lost.

The heaviest addresses stay; the rest of each hop becomes one node "+N others" that keeps the list of its members.
Sums per asset are exact: what moved between two members of one fold stays as a loop on the fold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx

from tracer.amounts import decimal_text
from tracer.errors import InputError

__all__ = ["Collapsed", "collapse", "layout_tables"]

_PER_ASSET = ("taint", "balance", "received")


@dataclass(frozen=True)
class Collapsed:
    """A folded graph.

    graph: a DiGraph as `FlowGraph.aggregate` makes it; a fold is a node `others:<hop>` (or `others:<hop>-<hop>`,
    `others:?` for unknown hops) with `members` > 1. members: {fold: sorted node ids in it}.
    """

    graph: nx.DiGraph[str]
    members: Mapping[str, tuple[str, ...]]


def collapse(graph: nx.DiGraph[str], max_nodes: int, keep: Collection[str] = ()) -> Collapsed:
    """Fold the smallest flows of an aggregated graph until at most `max_nodes` nodes remain.

    Weight of a node: the larger of the shares that came in and went out. Seeds, sinks and `keep` always
    stay, on top of the limit if they must. At most a quarter of the nodes are folds; a graph of more hops folds
    several neighbouring hops into one. Ties: lower hop first, then id.
    """
    if max_nodes < 1:
        raise InputError("A picture needs at least one node.", "Raise the limit.")
    pinned = {n for n, d in graph.nodes(data=True) if d["seed"] or n.startswith("sink:") or n in keep}
    rest = sorted((n for n in graph if n not in pinned), key=_ranking(graph))
    room = max_nodes - len(pinned)
    if len(rest) <= room:
        return Collapsed(graph, {})
    folds = max(1, max_nodes // 4)
    folds = min(folds, len({_hop(graph, n) for n in rest[max(0, room - folds) :]}))
    folded = rest[max(0, room - folds) :]
    groups = {name: members for name, members in _groups(graph, folded, folds).items() if len(members) > 1}
    return Collapsed(_fold(graph, groups), groups)


def _ranking(graph: nx.DiGraph[str]) -> Callable[[str], tuple[float, int, str]]:
    """Sort key: heaviest first, then lower hop, then id."""
    came, went = dict.fromkeys(graph, 0.0), dict.fromkeys(graph, 0.0)
    for payer, payee, d in graph.edges(data=True):
        went[payer] += d["share"]
        came[payee] += d["share"]
    return lambda n: (-max(came[n], went[n]), _hop(graph, n), n)


def _hop(graph: nx.DiGraph[str], node: str) -> int:
    """Hop for sorting: unknown comes last."""
    hop = graph.nodes[node]["hop"]
    return 2**62 if hop is None else int(hop)


def _groups(graph: nx.DiGraph[str], folded: Iterable[str], folds: int) -> dict[str, tuple[str, ...]]:
    """Fold name -> members: one fold per hop, or per run of neighbouring hops when there are more than `folds`."""
    columns: dict[int, list[str]] = {}
    for node in sorted(folded):
        columns.setdefault(_hop(graph, node), []).append(node)
    hops = sorted(columns)
    run = -(-len(hops) // folds)
    groups = {}
    for first in range(0, len(hops), run):
        part = hops[first : first + run]
        known = [str(hop) for hop in part if hop < 2**62]
        name = "-".join([known[0], known[-1]]) if len(known) > 1 else (known or ["?"])[0]
        groups[f"others:{name}"] = tuple(sorted(n for hop in part for n in columns[hop]))
    return groups


def _fold(graph: nx.DiGraph[str], groups: Mapping[str, Sequence[str]]) -> nx.DiGraph[str]:
    """The graph with each group as one node; sums per asset are those of the members."""
    place = {member: name for name, members in groups.items() for member in members}
    folded: nx.DiGraph[str] = nx.DiGraph(**graph.graph)
    for name in sorted({place.get(n, n) for n in graph}):
        folded.add_node(name, **(_summary(graph, groups[name]) if name in groups else graph.nodes[name]))
    for payer, payee, d in graph.edges(data=True):
        u, v = place.get(payer, payer), place.get(payee, payee)
        if not folded.has_edge(u, v):
            folded.add_edge(u, v, amount={}, taint={}, share=0.0, count=0, excluded=0, first=None, last=None)
        edge = folded[u][v]
        for asset_sums in ("amount", "taint"):
            _add(edge[asset_sums], d[asset_sums])
        for number in ("share", "count", "excluded"):
            edge[number] += d[number]
        _span(edge, d)
    return folded


def _summary(graph: nx.DiGraph[str], members: Sequence[str]) -> dict[str, Any]:
    """Attributes of a fold: sums, least hop, whole span of time; `stop` lists the codes that occur in it."""
    parts = [graph.nodes[n] for n in members]
    hops = [d["hop"] for d in parts if d["hop"] is not None]
    chains = {d["chain"] for d in parts}
    fold: dict[str, Any] = {name: {} for name in _PER_ASSET}
    fold |= {
        "chain": chains.pop() if len(chains) == 1 else "",
        "address": "",
        "label": f"+{len(members)} others",
    }
    fold |= {"category": "others", "seed": False, "hop": min(hops, default=None), "first": None, "last": None}
    fold["stop"] = ";".join(sorted({d["stop"] for d in parts} - {""}))
    for d in parts:
        for name in _PER_ASSET:
            _add(fold[name], d[name])
        _span(fold, d)
    return fold


def _add(into: dict[str, int], sums: Mapping[str, int]) -> None:
    for asset, units in sums.items():
        into[asset] = into.get(asset, 0) + units


def _span(into: dict[str, Any], d: Mapping[str, Any]) -> None:
    """Stretch `first` .. `last` over those of `d`."""
    for name, pick in (("first", min), ("last", max)):
        times = [t for t in (into[name], d[name]) if t is not None]
        into[name] = pick(times, default=None)


def layout_tables(
    view: Collapsed, assets: Mapping[str, tuple[str, int | None]]
) -> dict[str, list[dict[str, Any]]]:
    """Nodes and edges of a folded graph as plain JSON values; amounts as decimal strings of smallest units."""

    def amounts(sums: Mapping[str, int]) -> list[dict[str, Any]]:
        rows = []
        for asset, units in sorted(sums.items()):
            symbol, decimals = assets.get(asset, ("", None))
            rows.append(
                {"asset": asset, "symbol": symbol, "raw": str(units), "text": decimal_text(units, decimals)}
            )
        return rows

    plain = ("label", "category", "chain", "address", "seed", "hop", "stop", "first", "last")
    nodes = [
        {"id": node, "members": len(view.members.get(node, (node,)))}
        | {name: d[name] for name in plain}
        | {name: amounts(d[name]) for name in _PER_ASSET}
        for node, d in view.graph.nodes(data=True)
    ]
    edges = [
        {"source": u, "target": v}
        | {name: d[name] for name in ("share", "count", "excluded", "first", "last")}
        | {"amount": amounts(d["amount"]), "taint": amounts(d["taint"])}
        for u, v, d in view.graph.edges(data=True)
    ]
    return {"nodes": nodes, "edges": edges}
