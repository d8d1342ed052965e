"""One step of a path or route, with the rows that prove it, and the table that paths and routes are printed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tracer.amounts import decimal_text
from tracer.times import utc_text

__all__ = ["COLUMNS", "Hop", "Route", "routes_frame"]

COLUMNS = (
    "rank",
    "asset",
    "symbol",
    "decimals",
    "amount_raw",
    "amount",
    "source_asset",
    "source_raw",
    "hops",
    "path",
    "tx_hashes",
    "first_utc",
    "last_utc",
    "endpoint",
    "stop",
    "routes",
    "measure",
)
"""Columns of every table of paths and routes."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Coin that went from `payer` to `payee` (node ids), or was converted (`kind` convert; payer may equal payee).

    asset, amount, taint: what was given (asset key; the whole movement and the stolen part of it, smallest units).
    got_asset, got: what came of it; the same as asset and amount unless converted. time: UTC seconds or None.
    rows: rows of the transfers table that prove it; evidence: for each of them tx_hash, block, tx_index, position,
    source_name, source_row.
    """

    kind: str
    payer: str
    payee: str
    asset: str
    amount: int
    taint: int
    got_asset: str
    got: int
    time: int | None
    rows: tuple[int, ...]
    evidence: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A way that coin took. `amount` of `asset` (asset key, smallest units) arrived at `endpoint`.

    source_asset, source_amount: the same coin in the asset in which it set out from `start`. transactions: number of
    transactions in which it changed hands (conversions in place do not count). stop: why tracing ends there. measure:
    `stolen` when `amount` counts stolen coin, `whole` when it counts all coin of the movements.
    """

    start: str
    endpoint: str
    asset: str
    amount: int
    source_asset: str
    source_amount: int
    transactions: int
    hops: tuple[Hop, ...]
    stop: str = ""
    measure: str = "whole"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node ids in order, for highlighting."""
        return (self.start, *(hop.payee for hop in self.hops if hop.payee != hop.payer))

    @property
    def tx_hashes(self) -> tuple[str, ...]:
        """Transactions in order, each named once in a row."""
        hashes = [str(e["tx_hash"]) for hop in self.hops for e in hop.evidence if e["tx_hash"]]
        return tuple(h for i, h in enumerate(hashes) if i == 0 or hashes[i - 1] != h)

    @property
    def times(self) -> tuple[int | None, int | None]:
        """First and last known time, UTC seconds."""
        known = [hop.time for hop in self.hops if hop.time is not None]
        return (known[0], known[-1]) if known else (None, None)


def routes_frame(
    routes: Sequence[Route],
    names: dict[str, tuple[str, int | None]],
    rest: Iterable[tuple[str, int, int]] = (),
) -> pd.DataFrame:
    """Routes as a table (COLUMNS). names: asset key -> (symbol, decimals).

    rest: (asset key, number of routes, amount) of what is not listed: each becomes a row without a rank that says
    so, because a list must not look complete when it is not. Raw columns hold Python integers.
    """
    rows: list[dict[str, Any]] = []
    for rank, route in enumerate(routes, start=1):
        symbol, decimals = names.get(route.asset, ("", None))
        first, last = route.times
        rows.append(
            {
                "rank": rank,
                "asset": route.asset,
                "symbol": symbol,
                "decimals": decimals,
                "amount_raw": route.amount,
                "amount": decimal_text(route.amount, decimals),
                "source_asset": route.source_asset,
                "source_raw": route.source_amount,
                "hops": route.transactions,
                "path": " > ".join(route.nodes),
                "tx_hashes": " ".join(route.tx_hashes),
                "first_utc": utc_text(first),
                "last_utc": utc_text(last),
                "endpoint": route.endpoint,
                "stop": route.stop,
                "routes": 1,
                "measure": route.measure,
            }
        )
    for asset, number, amount in rest:
        symbol, decimals = names.get(asset, ("", None))
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"rank": None, "hops": None, "source_raw": None}
        row |= {
            "asset": asset,
            "symbol": symbol,
            "decimals": decimals,
            "amount_raw": amount,
            "routes": number,
        }
        row["measure"] = "stolen"
        row |= {"amount": decimal_text(amount, decimals), "path": f"({number} more routes, not listed)"}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
