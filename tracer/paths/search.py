"""Paths between any two addresses that respect the order of the chain, over all followed transfers.

Coin can only leave an address after it came: each movement of a path stands strictly later in the ledger than the one
before it (inside one transaction: at a later position). Coin stays in its asset; it changes asset only where the
address that holds it gives one asset and gets another in one transaction. Paths ask what *can* have flowed; they say
nothing about taint. All searches are one pass over the rows, without recursion.

The one-pass scan is the classic answer to time-respecting paths: Wu et al., "Path Problems in Temporal Graphs",
PVLDB 7(9), 2014.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tracer.errors import InputError, NoPathError
from tracer.flowtable import FlowTable
from tracer.paths.explain import why_no_path
from tracer.paths.hops import Hop, Route, routes_frame
from tracer.paths.scan import ANY, Earliest, Scan, Shortest, Widest

__all__ = ["KINDS", "PathFinder"]

KINDS = ("shortest", "widest", "earliest")
"""What a path can be best at."""


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
        return self._route(Shortest(self.table, *self._ends(frm, to)))

    def earliest(self, frm: str, to: str) -> Route:
        """The path on which coin can arrive first. Errors as `shortest`."""
        return self._route(Earliest(self.table, *self._ends(frm, to)))

    def widest(self, frm: str, to: str) -> Route:
        """The path whose narrowest movement carries the most stolen coin; ties: arrives first.

        The width is the route's `amount`, in units of the asset that arrives: at a conversion it is scaled by
        got / given. Paths that arrive in different assets compare by their part of all such movements of the asset.
        Where no path carries stolen coin throughout, whole amounts count instead of their stolen part. Errors as
        `shortest`.
        """
        ends = self._ends(frm, to)
        for measure in (self.table.taint, self.table.amount):
            search = Widest(self.table, *ends, measure)
            label = search.run()
            if label is not None:
                return _as_route(self.table, search, label)
        raise self._no_path(*ends)

    def frame(self, routes: list[Route]) -> pd.DataFrame:
        """Paths as a table (`tracer.paths.COLUMNS`); `amount_raw` is the width."""
        t = self.table
        return routes_frame(routes, dict(zip(t.assets, zip(t.symbol, t.decimals, strict=True), strict=True)))

    def _ends(self, frm: str, to: str) -> tuple[int, int]:
        start, goal = self.table.find(frm), self.table.find(to)
        if start == goal:
            raise InputError("A path needs two different addresses.", "Choose another start or end.")
        return start, goal

    def _route(self, search: Scan) -> Route:
        label = search.run()
        if label is None:
            raise self._no_path(search.start, search.goal)
        return _as_route(self.table, search, label)

    def _no_path(self, start: int, goal: int) -> NoPathError:
        return NoPathError(*why_no_path(self.table, start, goal))


def _as_route(table: FlowTable, search: Scan, label: int) -> Route:
    """The way to a label as a route whose amount is the narrowest movement on it."""
    rows = search.labels.way(label)
    hops = [_hop(table, given, got) for given, got in rows]
    measure = search.measure
    width = ANY
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
