"""One pass over the transfers for the best way between two nodes, for each meaning of best.

A label is a way that coin can have come to a holding (node, asset); as rows are met in ledger order, a label can only
be extended by what comes later. Each search says which of two ways to one holding is worth keeping.

The one-pass scan is the classic answer to time-respecting paths: Wu et al., "Path Problems in Temporal Graphs",
PVLDB 7(9), 2014.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from tracer.flowtable import FlowTable

__all__ = ["ANY", "Earliest", "Labels", "Legs", "Scan", "Shortest", "Widest"]

_ROOT = -1
ANY = 2**300
"""Wider than any amount: nothing has limited the coin yet."""


@dataclass(slots=True)
class Labels:
    """Ways found so far as a tree. A row pair with a second row is a conversion: (given, got)."""

    rows: list[tuple[int, int]] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)  # transactions (shortest) or width (widest)
    tx: list[int] = field(default_factory=list)  # transaction in which the coin last changed hands

    def add(self, rows: tuple[int, int], parent: int, value: int, tx: int) -> int:
        """The number of a new label."""
        self.rows.append(rows)
        self.parent.append(parent)
        self.value.append(value)
        self.tx.append(tx)
        return len(self.rows) - 1

    def way(self, label: int) -> list[tuple[int, int]]:
        """Rows from the start to `label`."""
        found = []
        while label != _ROOT:
            found.append(self.rows[label])
            label = self.parent[label]
        return found[::-1]


class Legs:
    """What each address gave and got in the conversions of one transaction: (tx, node) -> asset -> rows."""

    def __init__(self, table: FlowTable) -> None:
        self.table = table
        self.gave: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        self.got: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, leg in enumerate(table.converts):
            if leg and table.followed[row] and table.amount[row]:
                self.gave[table.tx[row], table.payer[row]][table.asset[row]].append(row)
                self.got[table.tx[row], table.payee[row]][table.asset[row]].append(row)

    def counterparty(self, row: int) -> bool:
        """Does the payee of a conversion leg pay for it in another asset? Then the coin's trail does not enter it."""
        gave = self.gave.get((self.table.tx[row], self.table.payee[row]), {})
        return any(asset != self.table.asset[row] for asset in gave)

    def scale(self, width: int, given: int, got: int, measure: list[int]) -> int:
        """`width` units of the asset given in units of the asset got: floor(width * got / given)."""
        t = self.table
        key = (t.tx[given], t.payer[given])
        total = sum(measure[r] for r in self.gave[key][t.asset[given]])
        into = sum(measure[r] for r in self.got[key][t.asset[got]])
        return min(width, total) * into // total if total else 0


class Scan:
    """One pass over the rows; subclasses say which of two ways is better."""

    def __init__(self, table: FlowTable, start: int, goal: int) -> None:
        self.table, self.start, self.goal = table, start, goal
        self.measure = table.amount
        self.labels = Labels()
        self.best: dict[int, int] = {}  # (node, asset) -> label of the best way so far
        self.answer: int | None = None
        self.tx = -1

    @cached_property
    def legs(self) -> Legs:
        """Conversions of the table."""
        return Legs(self.table)

    def run(self) -> int | None:
        """Label of the best way to the goal, None if there is none. To be called once: labels carry over."""
        t = self.table
        assets, start, goal, best = len(t.assets), self.start, self.goal, self.best
        legs = self.legs
        given: dict[int, list[tuple[int, int]]] = defaultdict(list)
        rows = zip(
            *(t.payer, t.payee, t.comes, t.goes, t.asset, t.amount, t.followed, t.converts, t.tx, t.inner),
            strict=True,
        )
        for row, (payer, payee, comes, goes, asset, amount, followed, converts, tx, inner) in enumerate(rows):
            if not followed or not amount:
                continue
            if tx != self.tx:
                self.next_transaction(tx)
                given.clear()
            state = comes * assets + asset
            label = _ROOT if payer == start else best.get(state)
            if label is not None and payee != start and goes != comes:
                reached = label if inner else self.move(state, label, row, tx)
                if payee == goal:
                    if self.arrive(reached):
                        return self.answer
                elif not converts or not legs.counterparty(row):
                    self.offer(goes * assets + asset, reached)
            if not converts:
                continue
            if label is not None and payer != start:
                for way in self.ways(state, label):
                    given[payer].append((row, way))
                    for other, got in legs.got.get((tx, payer), {}).items():
                        for got_row in got:
                            if got_row < row and other != asset:
                                self.convert(payer * assets + other, way, row, got_row)
            for given_row, source in given.get(payee, ()):
                if t.asset[given_row] != asset:
                    self.convert(payee * assets + asset, source, given_row, row)
        return self.answer

    def next_transaction(self, tx: int) -> None:
        """A new transaction begins."""
        self.tx = tx

    def ways(self, state: int, label: int) -> list[int]:  # noqa: ARG002 (the general case needs no state)
        """The ways to a state that are worth going on from; `label` is the best."""
        return [label]

    def move(self, state: int, label: int, row: int, tx: int) -> int:
        """A new label: the coin at `state` moves on in `row`."""
        raise NotImplementedError

    def offer(self, state: int, label: int) -> None:
        """A new way to `state`: keep the better one."""
        raise NotImplementedError

    def convert(self, state: int, label: int, given: int, got: int) -> None:
        """The coin of `label` becomes another asset at its address."""
        value, tx = self.labels.value[label], self.labels.tx[label]
        self.offer(state, self.labels.add((given, got), label, value, tx))

    def arrive(self, label: int) -> bool:
        """A way to the goal; True ends the search."""
        raise NotImplementedError


class Earliest(Scan):
    """The first way found is the best."""

    def move(self, state: int, label: int, row: int, tx: int) -> int:  # noqa: ARG002
        """One more movement."""
        return self.labels.add((row, -1), label, 0, tx)

    def offer(self, state: int, label: int) -> None:
        """The first way stays."""
        self.best.setdefault(state, label)

    def arrive(self, label: int) -> bool:
        """The first arrival ends the search."""
        self.answer = label
        return True


class Shortest(Scan):
    """Fewest transactions. A way that came in the current transaction goes on in it at no cost, so it is kept too."""

    def __init__(self, table: FlowTable, start: int, goal: int) -> None:
        super().__init__(table, start, goal)
        self.here: dict[int, int] = {}

    def next_transaction(self, tx: int) -> None:
        """What came in the last transaction has lost its advantage."""
        super().next_transaction(tx)
        self.here.clear()

    def ways(self, state: int, label: int) -> list[int]:
        """The best way, and the best that came in this transaction."""
        return [label] if state not in self.here else [label, self.here[state]]

    def move(self, state: int, label: int, row: int, tx: int) -> int:
        """A movement costs one transaction, unless the coin came in the same."""
        value, last = self.labels.value, self.labels.tx
        if label == _ROOT:
            return self.labels.add((row, -1), _ROOT, 1, tx)
        cost = value[label] + (last[label] != tx)
        here = self.here.get(state)
        if here is not None and value[here] < cost:
            label, cost = here, value[here]
        return self.labels.add((row, -1), label, cost, tx)

    def offer(self, state: int, label: int) -> None:
        """Fewer transactions win; the earlier way stays in a tie."""
        value = self.labels.value
        old = self.best.get(state)
        if old is None or value[label] < value[old]:
            self.best[state] = label
        here = self.here.get(state)
        if self.labels.tx[label] == self.tx and (here is None or value[label] < value[here]):
            self.here[state] = label

    def arrive(self, label: int) -> bool:
        """One transaction cannot be beaten."""
        if self.answer is None or self.labels.value[label] < self.labels.value[self.answer]:
            self.answer = label
        return self.labels.value[label] == 1


class Widest(Scan):
    """Largest narrowest movement, in `measure` units (stolen part or whole amount)."""

    def __init__(self, table: FlowTable, start: int, goal: int, measure: list[int]) -> None:
        super().__init__(table, start, goal)
        self.measure = measure
        self.total = [0] * len(table.assets)
        for asset, units, followed in zip(table.asset, measure, table.followed, strict=True):
            if followed:
                self.total[asset] += units

    def move(self, state: int, label: int, row: int, tx: int) -> int:  # noqa: ARG002
        """The narrowest movement limits the way."""
        width = ANY if label == _ROOT else self.labels.value[label]
        return self.labels.add((row, -1), label, min(width, self.measure[row]), tx)

    def offer(self, state: int, label: int) -> None:
        """The wider way wins; the earlier one stays in a tie."""
        old = self.best.get(state)
        if self.labels.value[label] and (old is None or self.labels.value[label] > self.labels.value[old]):
            self.best[state] = label

    def convert(self, state: int, label: int, given: int, got: int) -> None:
        """The width goes over into units of the asset got."""
        value, tx = self.labels.value[label], self.labels.tx[label]
        width = self.legs.scale(value, given, got, self.measure)
        self.offer(state, self.labels.add((given, got), label, width, tx))

    def arrive(self, label: int) -> bool:
        """A wider way can still come."""
        if self.labels.value[label] and (self.answer is None or self._part(label) > self._part(self.answer)):
            self.answer = label
        return False

    def _part(self, label: int) -> Fraction:
        """Width as a part of everything that moved in the asset, so that assets compare."""
        return Fraction(self.labels.value[label], self.total[self.table.asset[self.labels.rows[label][0]]])
