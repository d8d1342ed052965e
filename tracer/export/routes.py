"""routes.csv: the routes on which stolen coin went from the theft to where it rests, ranked by amount."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["ROUTES"]

_A, _N, _T, _TIME = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME

ROUTES = Layout(
    "routes.csv",
    "One route of stolen coin from a seed to the place where it rests, or (without a rank) what is not listed.",
    (
        Column("rank", _N, "", "1 is the largest; empty: the row sums up the routes that are not listed."),
        Column("asset", _T, "chain/asset", "The asset that arrives at the end."),
        Column(
            "symbol",
            _T,
            "",
            "What that asset calls itself: display text by whoever made it, never an identity.",
        ),
        Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown."),
        Column(
            "amount_raw",
            _A,
            "smallest unit of asset",
            "Coin that arrived this way, see measure.",
        ),
        Column(
            "amount",
            ColumnKind.DECIMAL,
            "whole coins",
            "amount_raw as exact decimal text; raw if no decimals.",
        ),
        Column("source_asset", _T, "chain/asset", "The asset in which the coin set out."),
        Column("source_raw", _A, "smallest unit of source_asset", "The same coin in units of source_asset."),
        Column("hops", _N, "transactions", "Number of transactions in which the coin changed hands."),
        Column("path", _T, "CAIP-10", "The addresses in order, joined by ' > '."),
        Column("tx_hashes", _T, "", "The transactions in order, in full, joined by a space."),
        Column("first_utc", _TIME, "UTC", "Time of the first payment."),
        Column("last_utc", _TIME, "UTC", "Time of the last payment."),
        Column("endpoint", _T, "CAIP-10", "Where the coin rests, or the end of the path."),
        Column("stop", _T, "", "Why tracing ends there."),
        Column("routes", _N, "", "How many routes the row stands for: 1, or the number of those not listed."),
        Column(
            "measure", _T, "", "stolen: amounts count stolen coin; whole: they count all coin that moved."
        ),
    ),
)
