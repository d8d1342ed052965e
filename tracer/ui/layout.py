"""Where every node stands: hop columns left to right, few crossings, straight heavy flows. Pure and deterministic.

Columns are hops; the counterparties of a conversion stand in a column of their own beside the hop of their
customer, sinks at the far right. Inside a column the order comes from barycentre sweeps (Sugiyama, Tagawa, Toda
1981, "Methods for visual understanding of hierarchical system structures"), heights from pulling each node to its
neighbours while keeping a distance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.ui.flow import Flow, Node

__all__ = ["Column", "Layout", "arrange", "crossings"]

_SWEEPS = 12
_PULLS = 24
_CROWDED = 44
"""More nodes than this in a column stand in two staggered lanes, so that circles do not touch."""
_LOOSE = 2.5


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `hop` (None: sinks), `beside` for conversions, the node ids from top to bottom."""

    hop: int | None
    beside: bool
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns left to right, and per node (x, y): x in columns (0 ..), y in 0 .. 1 from top to bottom.

    gaps: per node, the distance in y to its neighbours in the column, which a drawn shape must not exceed.
    """

    columns: tuple[Column, ...]
    places: Mapping[str, tuple[float, float]]
    gaps: Mapping[str, float]


def _column(node: Node) -> tuple[int, int, int]:
    return (1, 0, 0) if node.hop is None else (0, node.hop, int(node.beside))


def _links(flow: Flow) -> dict[str, list[tuple[str, float]]]:
    links: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for edge in flow.edges:
        pull = 0.02 + edge.weight
        links[edge.source].append((edge.target, pull))
        links[edge.target].append((edge.source, pull))
    return links


def arrange(flow: Flow) -> Layout:
    """The layout of `flow`. Near-linear in nodes and edges."""
    columns: dict[tuple[int, int, int], list[Node]] = defaultdict(list)
    for node in flow.nodes:
        columns[_column(node)].append(node)
    keys = sorted(columns)
    order = [[n.id for n in sorted(columns[k], key=lambda n: (-n.weight, n.id))] for k in keys]
    at = {node: c for c, ids in enumerate(order) for node in ids}
    links = _links(flow)
    best, fewest = [list(c) for c in order], None
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        turn = range(1, len(order)) if forward else range(len(order) - 2, -1, -1)
        for c in turn:
            _sort_column(order, c, at, links, before=forward)
        found = crossings(order, at, flow)
        if fewest is None or found < fewest:
            best, fewest = [list(c) for c in order], found
        if not found:
            break
    heights = _heights(best, links)
    places = {}
    for c, ids in enumerate(best):
        lane = 0.13 if len(ids) > _CROWDED else 0.0
        places.update({name: (c + (lane if i % 2 else -lane), heights[name]) for i, name in enumerate(ids)})
    return Layout(
        tuple(
            Column(None if k[0] else k[1], bool(k[2]), tuple(ids)) for k, ids in zip(keys, best, strict=True)
        ),
        places,
        {name: _gap(ids, best) * (1 + (len(ids) > _CROWDED)) for ids in best for name in ids},
    )


def _sort_column(
    order: list[list[str]],
    c: int,
    at: Mapping[str, int],
    links: Mapping[str, Sequence[tuple[str, float]]],
    *,
    before: bool,
) -> None:
    """Order column `c` by the weighted mean height of its neighbours in the columns before (or after) it."""
    height = {node: (i + 0.5) / len(ids) for ids in order for i, node in enumerate(ids)}

    def centre(node: str) -> float:
        near = [(height[o], w) for o, w in links.get(node, ()) if (at[o] < c if before else at[o] > c)]
        total = sum(w for _, w in near)
        return sum(h * w for h, w in near) / total if total else height[node]

    order[c] = [n for _, _, n in sorted((centre(n), i, n) for i, n in enumerate(order[c]))]


def crossings(order: Sequence[Sequence[str]], at: Mapping[str, int], flow: Flow) -> int:
    """Pairs of crossing edges between neighbouring columns (inversions, counted with a binary indexed tree)."""
    rank = {node: i for ids in order for i, node in enumerate(ids)}
    between: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for edge in flow.edges:
        a, b = edge.source, edge.target
        if at[a] > at[b]:
            a, b = b, a
        if at[b] - at[a] == 1:
            between[at[a]].append((rank[a], rank[b]))
    total = 0
    for c, pairs in between.items():
        size = len(order[c + 1])
        tree = [0] * (size + 1)
        for seen, (_, right) in enumerate(sorted(pairs)):
            i, below = right + 1, 0
            while i:
                below += tree[i]
                i &= i - 1
            total += seen - below
            i = right + 1
            while i <= size:
                tree[i] += 1
                i += i & -i
    return total


def _gap(ids: Sequence[str], order: Sequence[Sequence[str]]) -> float:
    """The distance between nodes of a column: a short column is looser than the longest one, but stays together."""
    tallest = max(len(column) for column in order)
    return min(1.0 / len(ids), max(_LOOSE / tallest, 1.0 / _CROWDED))


def _heights(order: list[list[str]], links: Mapping[str, Sequence[tuple[str, float]]]) -> dict[str, float]:
    """Heights 0..1: nodes pulled towards their neighbours, at least one slot apart, order kept."""
    height: dict[str, float] = {}
    for ids in order:
        gap = _gap(ids, order)
        for i, node in enumerate(ids):
            height[node] = 0.5 + (i - (len(ids) - 1) / 2) * gap
    for turn in range(_PULLS):
        for ids in order if turn % 2 == 0 else reversed(order):
            wish = []
            for node in ids:
                near = links.get(node, ())
                total = sum(w for _, w in near)
                wish.append(sum(height[o] * w for o, w in near) / total if total else height[node])
            height.update(zip(ids, _spread(wish, _gap(ids, order)), strict=True))
    return height


def _spread(wish: Sequence[float], gap: float) -> list[float]:
    """The heights nearest to `wish` (least squares) that are `gap` apart and inside 0..1: pooled adjacent violators."""
    blocks: list[list[float]] = []  # [sum of shifted wishes, count]
    for i, y in enumerate(wish):
        blocks.append([y - i * gap, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1][0] += last[0]
            blocks[-1][1] += last[1]
    low, high = gap / 2, 1.0 - gap / 2 - (len(wish) - 1) * gap
    out: list[float] = []
    for total, count in blocks:
        base = min(max(total / count, low), max(high, low))
        start = len(out)
        out.extend(base + (start + j) * gap for j in range(int(count)))
    return out
