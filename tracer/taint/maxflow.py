"""Exact maximum flow to one node after another of the same directed acyclic network.

OR-tools pushes 64-bit integers; amounts of coin are longer. So capacities are divided by a power of two, the flow
found is multiplied back (a flow that is possible), and what its minimum cut leaves over is small enough to be
solved a second time without rounding, in the residual network. The cut of that second run is minimal in exact
integers: its capacities, added up, equal the flow, which is checked. Amounts too long even for that go through
networkx, slowly and exactly.

By the theorem of Ford and Fulkerson (1956) the largest flow equals the smallest cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ortools.graph.python import max_flow

from tracer.errors import ConservationError

__all__ = ["MaxFlow"]

_BITS = 61
_STEP = 8
"""Divisors are 2**0, 2**8, 2**16 ..., so that few of them have to be prepared."""
_CONE = 1500
"""Up to this many arcs before a node it is solved on those alone; beyond, finding them costs more than it saves."""


class MaxFlow:
    """Flows from `source` through arcs `tail[i] -> head[i]` of `capacity[i]` units (any non-negative integer).

    Arcs are in topological order: every arc into a node stands before every arc out of it.
    """

    def __init__(
        self, source: int, tail: Sequence[int], head: Sequence[int], capacity: Iterable[int]
    ) -> None:
        self.source = source
        self.tail = list(tail)
        self.head = list(head)
        self.capacity = list(capacity)
        self._into: dict[int, list[int]] = {}
        for arc, node in enumerate(self.head):
            self._into.setdefault(node, []).append(arc)
        self._tails = np.array(self.tail, dtype=np.int32)
        self._heads = np.array(self.head, dtype=np.int32)
        self._divided: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._ceiling: dict[int, int] = {}

    def set_capacity(self, arc: int, units: int) -> None:
        """Change one capacity; no node may be asked about before its last arc is set."""
        self.capacity[arc] = units
        for bits, (quotient, remainder) in self._divided.items():
            quotient[arc] = min(units >> bits, 1 << _BITS)
            remainder[arc] = units & ((1 << bits) - 1)
        self._ceiling.clear()

    def to(self, node: int, known: int = -1) -> tuple[int, list[int]]:
        """(largest flow to `node`, arcs of a smallest cut). `known`: a flow that is known to be possible."""
        arcs_in = self._into.get(node, [])
        if not arcs_in:
            return 0, []
        if known >= 0:
            cut = self._simple_cut(node)
            units = self._sum(cut)
            if units == known:
                return units, cut
        cone = self._cone(node)
        bound = self._sum(arcs_in)
        bits = max(0, bound.bit_length() - _BITS)
        bits += -bits % _STEP
        if bits > _BITS:
            return self._long(node)
        return self._divide_and_mend(node, cone, bound, bits)

    def ceiling(self, node: int) -> int:
        """A simple upper bound: along each way in, the narrowest arc."""
        if not self._ceiling:
            reach: dict[int, int] = {}
            for tail, head, units in zip(self.tail, self.head, self.capacity, strict=True):
                if tail != self.source:
                    units = min(units, reach.get(tail, 0))
                reach[head] = reach.get(head, 0) + units
            self._ceiling = reach
        return self._ceiling.get(node, 0)

    def _sum(self, arcs: Iterable[int]) -> int:
        return sum(self.capacity[arc] for arc in arcs)

    def _simple_cut(self, node: int) -> list[int]:
        """The arcs at which the simple upper bound is reached: they cut `node` off, though others may be fewer."""
        cut: list[int] = []
        open_nodes, seen = [node], {node}
        while open_nodes:
            for arc in self._into.get(open_nodes.pop(), ()):
                tail = self.tail[arc]
                if tail == self.source or self.capacity[arc] <= self.ceiling(tail):
                    cut.append(arc)
                elif tail not in seen:
                    seen.add(tail)
                    open_nodes.append(tail)
        return cut

    def _cone(self, node: int) -> np.ndarray | None:
        """Arcs on ways to `node`; None when there are too many to be worth picking out."""
        found: list[int] = []
        seen, open_nodes = {node}, [node]
        while open_nodes:
            arcs = self._into.get(open_nodes.pop(), ())
            found.extend(arcs)
            if len(found) > _CONE:
                return None
            for arc in arcs:
                tail = self.tail[arc]
                if tail not in seen:
                    seen.add(tail)
                    open_nodes.append(tail)
        return np.array(found, dtype=np.int64)

    def _quotients(self, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """Every capacity divided by 2**bits (a quotient too long for any flow is cut), and the remainders."""
        if bits not in self._divided:
            mask, most = (1 << bits) - 1, 1 << _BITS
            quotient = np.array([min(c >> bits, most) for c in self.capacity], dtype=np.int64)
            self._divided[bits] = quotient, np.array([c & mask for c in self.capacity], dtype=np.int64)
        return self._divided[bits]

    def _divide_and_mend(
        self, node: int, cone: np.ndarray | None, bound: int, bits: int
    ) -> tuple[int, list[int]]:
        quotient, remainder = self._quotients(bits)
        tails, heads = self._tails, self._heads
        if cone is not None:
            quotient, remainder, tails, heads = quotient[cone], remainder[cone], tails[cone], heads[cone]
        flow, pushed, crossing = _push(
            tails, heads, quotient, self.source, node, bound >> bits, mend=bits > 0
        )
        cut = self._numbers(crossing, cone)
        missing = self._sum(cut) - (pushed << bits)
        if missing == 0:
            return pushed << bits, cut
        if missing >= 1 << _BITS:
            return self._long(node)
        spare = quotient - flow
        limit = missing + 1  # one more than can flow, so that no arc looks full that is not
        most = limit >> bits
        mended = (np.minimum(spare, most) << bits) + remainder
        forward = np.where(spare > most, limit, np.minimum(mended, limit))
        backward = np.where(flow > most, limit, np.minimum(flow, most) << bits)
        used = backward > 0
        _, more, crossing = _push(
            np.concatenate([tails, heads[used]]),
            np.concatenate([heads, tails[used]]),
            np.concatenate([forward, backward[used]]),
            self.source,
            node,
            limit,
            mend=False,
        )
        cut = self._numbers(crossing[crossing < len(tails)], cone)
        units = (pushed << bits) + more
        if self._sum(cut) != units:
            raise ConservationError(
                f"A largest flow of {units} units and its cut of {self._sum(cut)} differ."
            )
        return units, cut

    def _numbers(self, crossing: np.ndarray, cone: np.ndarray | None) -> list[int]:
        chosen: list[int] = (crossing if cone is None else cone[crossing]).tolist()
        return sorted(arc for arc in chosen if self.capacity[arc])

    def _long(self, node: int) -> tuple[int, list[int]]:
        """Python integers all the way."""
        import networkx as nx  # here, since it takes longer to import than most questions take to answer

        graph: Any = nx.DiGraph()
        graph.add_edge(self.source, node, capacity=0)
        for tail, head, units in zip(self.tail, self.head, self.capacity, strict=True):
            before = graph[tail][head]["capacity"] if graph.has_edge(tail, head) else 0
            graph.add_edge(tail, head, capacity=before + units)
        total, (_, side) = nx.minimum_cut(graph, self.source, node)
        ends = enumerate(zip(self.tail, self.head, strict=True))
        return int(total), [
            a for a, (tail, head) in ends if tail not in side and head in side and self.capacity[a]
        ]


def _push(
    tails: np.ndarray, heads: np.ndarray, units: np.ndarray, source: int, node: int, bound: int, *, mend: bool
) -> tuple[np.ndarray, int, np.ndarray]:
    """(flow by arc if `mend`, flow in all, arcs of the minimum cut nearest to `node`)."""
    graph = max_flow.SimpleMaxFlow()
    graph.add_arcs_with_capacity(tails, heads, units)
    start = int(max(tails.max(), heads.max(), source, node)) + 1
    graph.add_arc_with_capacity(start, source, bound)
    if graph.solve(start, node) != graph.OPTIMAL:
        raise ConservationError("The solver found no largest flow.")
    side = np.zeros(start + 1, dtype=bool)
    side[graph.get_sink_side_min_cut()] = True
    crossing = np.flatnonzero(side[heads] & ~side[tails])
    flow = graph.flows(np.arange(len(tails), dtype=np.int32)) if mend else units[:0]
    return np.asarray(flow, dtype=np.int64), int(graph.optimal_flow()), crossing
