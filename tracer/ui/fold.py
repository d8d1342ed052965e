"""Folding: thousands of addresses become a picture that can be read, and nothing is lost.

Small flows of a hop become one node "+312 others"; addresses of one service in one hop become "Exchange A x57".
Amounts of folded edges are added per asset; what moved between members of one fold is kept inside it. So per
asset the sum over edges and insides is the same before and after (tested as a law).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from tracer.ui.flow import Edge, Flow, Node, weigh

__all__ = ["fold"]

_SERVICES = frozenset({"exchange", "mixer", "bridge", "swap", "sanctioned"})


def _add(into: dict[str, int], amounts: Mapping[str, int]) -> None:
    for key, value in amounts.items():
        into[key] = into.get(key, 0) + value


def _is_service(node: Node) -> bool:
    return bool(node.name) and node.kind in _SERVICES


def _group(node: Node) -> str:
    """The fold that a node would fall into: its service, else the others of its hop."""
    column = "end" if node.hop is None else f"{node.hop}{'b' if node.beside else ''}"
    if _is_service(node):
        return f"fold:{column}:{node.kind}:{node.name}"
    return f"fold:{column}:{'excluded' if node.kind == 'excluded' else 'others'}"


def fold(
    flow: Flow, limit: int, *, keep: Collection[str] = (), opened: Collection[str] = (), hidden: bool = True
) -> Flow:
    """At most about `limit` visible nodes, the heaviest ones; the rest folded per hop.

    keep: node ids that stay visible (seeds and sinks always do). opened: fold ids whose members stay visible.
    hidden: fold the rest; False shows every node. A fold of one address would hide without helping, so there
    is none; the number of folds comes on top of `limit`. A service of which one address folds is folded whole in its
    hop: half a service would look like a small one.
    """
    if not hidden or len(flow.nodes) <= limit:
        return flow
    kept = set(keep)
    must = [
        n
        for n in flow.nodes
        if n.kind in {"seed", "sink"} or n.id in kept or (opened and _group(n) in opened)
    ]
    shown = {n.id for n in must}
    ranked = sorted((n for n in flow.nodes if n.id not in shown), key=lambda n: (-n.weight, n.id))
    shown.update(n.id for n in ranked[: max(limit - len([n for n in must if _group(n) not in opened]), 0)])
    apart = {_group(n) for n in flow.nodes if n.id not in shown and _is_service(n)} - set(opened)
    shown -= {n.id for n in flow.nodes if n.id not in kept and n.kind != "seed" and _group(n) in apart}
    sizes = Counter(_group(n) for n in flow.nodes if n.id not in shown)
    home = {n.id: n.id if n.id in shown or sizes[_group(n)] < 2 else _group(n) for n in flow.nodes}
    return weigh(_merge(flow, home))


def _merge(flow: Flow, home: Mapping[str, str]) -> Flow:
    members: dict[str, list[Node]] = defaultdict(list)
    for node in flow.nodes:
        members[home[node.id]].append(node)
    inner: dict[str, dict[str, int]] = defaultdict(dict)
    edges: dict[tuple[str, str, str], list[Edge]] = defaultdict(list)
    for edge in flow.edges:
        source, target = home[edge.source], home[edge.target]
        if source == target:
            _add(inner[source], edge.taint)
        else:
            edges[source, target, edge.kind].append(edge)
    nodes = [
        group[0] if len(group) == 1 and group[0].id == where else _folded(where, group, inner[where])
        for where, group in members.items()
    ]
    return Flow(
        tuple(sorted(nodes, key=lambda n: n.id)),
        tuple(_joined(ends, group) for ends, group in sorted(edges.items())),
        flow.assets,
    )


def _folded(where: str, group: list[Node], inner: Mapping[str, int]) -> Node:
    rests: dict[str, int] = {}
    received: dict[str, int] = {}
    for node in group:
        _add(rests, node.rests)
        _add(received, node.received)
    one = group[0]
    stops = sorted({n.stop for n in group if n.stop})
    return Node(
        where,
        one.chain,
        "",
        one.hop,
        one.kind if _is_service(one) else "fold",
        name=one.name if _is_service(one) else "",
        stop=";".join(stops),
        beside=one.beside,
        rests=rests,
        received=received,
        first=min((n.first for n in group if n.first), default=""),
        members=tuple(sorted(n.id for n in group)),
        inner=dict(inner),
    )


def _joined(ends: tuple[str, str, str], group: list[Edge]) -> Edge:
    if len(group) == 1 and (group[0].source, group[0].target) == ends[:2]:
        return group[0]
    taint: dict[str, int] = {}
    amount: dict[str, int] = {}
    for edge in group:
        _add(taint, edge.taint)
        _add(amount, edge.amount)
    return Edge(
        ends[0],
        ends[1],
        taint,
        amount,
        sum(e.count for e in group),
        min((e.first for e in group if e.first), default=""),
        max((e.last for e in group if e.last), default=""),
        kind=ends[2],
    )
