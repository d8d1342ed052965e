"""routes.csv: the routes on which stolen coin went from the theft to where it rests, ranked by amount."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["ROUTES"]

_N, _T, _TIME = ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME

ROUTES = Layout(
    "routes.csv",
    "One route of stolen coin from a seed to the place where it rests.",
    (
        Column("rank", _N, "", "1 is the route with the most stolen coin."),
        Column("asset", _T, "chain/asset", "The asset that arrives at the end."),
        Column(
            "amount_raw",
            ColumnKind.AMOUNT,
            "smallest unit of the asset",
            "Stolen coin that went this way and rests.",
        ),
        Column(
            "amount", ColumnKind.DECIMAL, "whole coins", "amount_raw as an exact decimal; empty when unknown."
        ),
        Column("hops", _N, "transactions", "Number of payments on the route."),
        Column("path", _T, "CAIP-10", "The addresses in order, joined by ' > '."),
        Column("tx_hashes", _T, "", "The transactions in order, joined by a space."),
        Column("first_utc", _TIME, "UTC", "Time of the first payment."),
        Column("last_utc", _TIME, "UTC", "Time of the last payment."),
        Column("endpoint", _T, "CAIP-10", "Where the coin rests."),
        Column("stop", _T, "", "Why tracing ends there."),
    ),
)
