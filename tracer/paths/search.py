"""Paths between any two addresses that respect the order of the chain, over all followed transfers.

Coin can only leave an address after it came: each movement of a path stands strictly later in the ledger than the one
before it (inside one transaction: at a later position). Coin stays in its asset; it changes asset only where the
address that holds it gives one asset and gets another in one transaction. Paths ask what *can* have flowed; they say
nothing about taint. All searches are one pass over the rows, without recursion.

The one-pass scan is the classic answer to time-respecting paths: Wu et al., "Path Problems in Temporal Graphs",
PVLDB 7(9), 2014.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import pandas as pd

from tracer.errors import InputError, NoPathError
from tracer.flowtable import FlowTable
from tracer.paths.explain import why_no_path
from tracer.paths.hops import Hop, Route, routes_frame

__all__ = ["KINDS", "PathFinder"]

KINDS = ("shortest", "widest", "earliest")
"""What a path can be best at."""

_ROOT = -1
_ANY = 2**300  # wider than any amount: nothing has limited the coin yet


@dataclass(slots=True)
class _Labels:
    """Ways found so far as a tree. A row pair with a second row is a conversion: (given, got)."""

    rows: list[tuple[int, int]] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)  # transactions (shortest) or width (widest)
    tx: list[int] = field(default_factory=list)  # transaction in which the coin last changed hands

    def add(self, rows: tuple[int, int], parent: int, value: int, tx: int) -> int:
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


class PathFinder:
    """Searches in one transfers table; build it once and ask often.

    >>> row = {"chain": "c", "asset": "native", "amount_raw": 5}
    >>> table = pd.DataFrame(
    ...     [
    ...         row | {"tx_hash": "0x1", "from_address": "a", "to_address": "b"},
    ...         row | {"tx_hash": "0x2", "from_address": "b", "to_address": "d"},
    ...     ]
    ... )
    >>> PathFinder(table).shortest("a", "d").nodes
    ('c:a', 'c:b', 'c:d')
    """

    def __init__(self, transfers: pd.DataFrame | FlowTable) -> None:
        self.table = transfers if isinstance(transfers, FlowTable) else FlowTable.read(transfers)

    def find(self, frm: str, to: str, kind: str = "widest") -> Route:
        """One of `shortest`, `widest`, `earliest` by name. Raises InputError for another word."""
        searches: dict[str, Callable[[str, str], Route]] = {
            "shortest": self.shortest,
            "widest": self.widest,
            "earliest": self.earliest,
        }
        if kind not in searches:
            raise InputError(f"A path is one of {', '.join(KINDS)}.", "Choose one of these words.")
        return searches[kind](frm, to)

    def shortest(self, frm: str, to: str) -> Route:
        """The path of fewest transactions (movements inside one transaction count once); ties: arrives first.

        Addresses are CAIP-10 ids or bare addresses. Raises NotFoundError for an address without transfers,
        NoPathError (with the reason) where no coin can have flowed.
        """
        return self._route(_Shortest(self.table, *self._ends(frm, to)))

    def earliest(self, frm: str, to: str) -> Route:
        """The path on which coin can arrive first. Errors as `shortest`."""
        return self._route(_Earliest(self.table, *self._ends(frm, to)))

    def widest(self, frm: str, to: str) -> Route:
        """The path whose narrowest movement carries the most stolen coin; ties: arrives first.

        The width is the route's `amount`, in units of the asset that arrives: at a conversion it is scaled by
        got / given. Paths that arrive in different assets compare by their part of all such movements of the asset.
        Where no path carries stolen coin throughout, whole amounts count instead of their stolen part. Errors as
        `shortest`.
        """
        ends = self._ends(frm, to)
        search: _Scan = _Widest(self.table, *ends, self.table.taint)
        if search.run() is None:
            search = _Widest(self.table, *ends, self.table.amount)
        return self._route(search)

    def frame(self, routes: list[Route]) -> pd.DataFrame:
        """Paths as a table (`tracer.paths.COLUMNS`); `amount_raw` is the width."""
        t = self.table
        return routes_frame(routes, dict(zip(t.assets, zip(t.symbol, t.decimals, strict=True), strict=True)))

    def _ends(self, frm: str, to: str) -> tuple[int, int]:
        start, goal = self.table.find(frm), self.table.find(to)
        if start == goal:
            raise InputError("A path needs two different addresses.", "Choose another start or end.")
        return start, goal

    def _route(self, search: _Scan) -> Route:
        label = search.run()
        if label is None:
            message, hint = why_no_path(self.table, search.start, search.goal)
            raise NoPathError(message, hint)
        rows = search.labels.way(label)
        return _as_route(self.table, search, rows)


def _as_route(table: FlowTable, search: _Scan, rows: list[tuple[int, int]]) -> Route:
    """A way as a route whose amount is the narrowest movement on it."""
    hops = [_hop(table, given, got) for given, got in rows]
    measure = search.measure
    width = _ANY
    changed = []
    for given, got in rows:
        if got < 0:
            width = min(width, measure[given])
            changed.append(table.tx[given])
        else:
            width = search.legs.scale(width, given, got, measure)
    asset = table.assets[table.asset[rows[-1][0]]]
    return Route(
        start=table.nodes[search.start],
        endpoint=table.nodes[search.goal],
        asset=asset,
        amount=width,
        source_asset=table.assets[table.asset[rows[0][0]]],
        source_amount=measure[rows[0][0]],
        transactions=len(set(changed)),
        hops=tuple(hops),
        measure="stolen" if measure is table.taint else "whole",
    )


def _hop(table: FlowTable, given: int, got: int) -> Hop:
    """A movement, or a conversion in place, as a hop."""
    rows = (given,) if got < 0 else (given, got)
    last = rows[-1]
    payer = table.nodes[table.payer[given]]
    return Hop(
        kind="move" if got < 0 else "convert",
        payer=payer,
        payee=table.nodes[table.payee[given]] if got < 0 else payer,
        asset=table.assets[table.asset[given]],
        amount=table.amount[given],
        taint=table.taint[given],
        got_asset=table.assets[table.asset[last]],
        got=table.amount[last],
        time=table.time[max(rows)],
        rows=rows,
        evidence=tuple(table.evidence(rows)),
    )


class _Legs:
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


class _Scan:
    """One pass over the rows; subclasses say which of two ways is better."""

    def __init__(self, table: FlowTable, start: int, goal: int) -> None:
        self.table, self.start, self.goal = table, start, goal
        self.measure = table.amount
        self.labels = _Labels()
        self.best: dict[int, int] = {}  # (node, asset) -> label of the best way so far
        self.answer: int | None = None
        self.tx = -1

    @cached_property
    def legs(self) -> _Legs:
        """Conversions of the table."""
        return _Legs(self.table)

    def run(self) -> int | None:
        """Label of the best way to the goal, None if there is none."""
        t = self.table
        assets, start, goal, best = len(t.assets), self.start, self.goal, self.best
        legs = self.legs
        given: dict[int, list[tuple[int, int]]] = defaultdict(list)
        rows = zip(t.payer, t.payee, t.asset, t.amount, t.followed, t.converts, t.tx, strict=True)
        for row, (payer, payee, asset, amount, followed, converts, tx) in enumerate(rows):
            if not followed or not amount:
                continue
            if tx != self.tx:
                self.next_transaction(tx)
                given.clear()
            state = payer * assets + asset
            label = _ROOT if payer == start else best.get(state)
            if label is not None and payee not in (start, payer):
                reached = self.move(state, label, row, tx)
                if payee == goal:
                    if self.arrive(reached):
                        return self.answer
                elif not converts or not legs.counterparty(row):
                    self.offer(payee * assets + asset, reached)
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


class _Earliest(_Scan):
    """The first way found is the best."""

    def move(self, state: int, label: int, row: int, tx: int) -> int:  # noqa: ARG002
        return self.labels.add((row, -1), label, 0, tx)

    def offer(self, state: int, label: int) -> None:
        self.best.setdefault(state, label)

    def arrive(self, label: int) -> bool:
        self.answer = label
        return True


class _Shortest(_Scan):
    """Fewest transactions. A way that came in the current transaction goes on in it at no cost, so it is kept too."""

    def __init__(self, table: FlowTable, start: int, goal: int) -> None:
        super().__init__(table, start, goal)
        self.here: dict[int, int] = {}

    def next_transaction(self, tx: int) -> None:
        super().next_transaction(tx)
        self.here.clear()

    def ways(self, state: int, label: int) -> list[int]:
        return [label] if state not in self.here else [label, self.here[state]]

    def move(self, state: int, label: int, row: int, tx: int) -> int:
        value, last = self.labels.value, self.labels.tx
        if label == _ROOT:
            return self.labels.add((row, -1), _ROOT, 1, tx)
        cost = value[label] + (last[label] != tx)
        here = self.here.get(state)
        if here is not None and value[here] < cost:
            label, cost = here, value[here]
        return self.labels.add((row, -1), label, cost, tx)

    def offer(self, state: int, label: int) -> None:
        value = self.labels.value
        old = self.best.get(state)
        if old is None or value[label] < value[old]:
            self.best[state] = label
        here = self.here.get(state)
        if self.labels.tx[label] == self.tx and (here is None or value[label] < value[here]):
            self.here[state] = label

    def arrive(self, label: int) -> bool:
        if self.answer is None or self.labels.value[label] < self.labels.value[self.answer]:
            self.answer = label
        return self.labels.value[label] == 1


class _Widest(_Scan):
    """Largest narrowest movement, in `measure` units (stolen part or whole amount)."""

    def __init__(self, table: FlowTable, start: int, goal: int, measure: list[int]) -> None:
        super().__init__(table, start, goal)
        self.measure = measure
        self.total = [0] * len(table.assets)
        for asset, units, followed in zip(table.asset, measure, table.followed, strict=True):
            if followed:
                self.total[asset] += units

    def move(self, state: int, label: int, row: int, tx: int) -> int:  # noqa: ARG002
        width = _ANY if label == _ROOT else self.labels.value[label]
        return self.labels.add((row, -1), label, min(width, self.measure[row]), tx)

    def offer(self, state: int, label: int) -> None:
        old = self.best.get(state)
        if self.labels.value[label] and (old is None or self.labels.value[label] > self.labels.value[old]):
            self.best[state] = label

    def convert(self, state: int, label: int, given: int, got: int) -> None:
        value, tx = self.labels.value[label], self.labels.tx[label]
        width = self.legs.scale(value, given, got, self.measure)
        self.offer(state, self.labels.add((given, got), label, width, tx))

    def arrive(self, label: int) -> bool:
        if self.labels.value[label] and (self.answer is None or self._part(label) > self._part(self.answer)):
            self.answer = label
        return False

    def _part(self, label: int) -> Fraction:
        """Width as a part of everything that moved in the asset, so that assets compare."""
        return Fraction(self.labels.value[label], self.total[self.table.asset[self.labels.rows[label][0]]])
