"""origins.csv: what an address holds and ever got, by where that coin entered the known history."""

from __future__ import annotations

from tracer.export.columns import ASSET, CHAIN, Column, ColumnKind, Layout

__all__ = ["ORIGINS"]

_A, _N, _T, _TIME = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME
_DECIMAL = ColumnKind.DECIMAL
_RAW = "smallest unit of asset"
_SOURCE_RAW = "smallest unit of from_asset"

ORIGINS = Layout(
    "origins.csv",
    "How much of one asset of an address came from one inflow, under one rule: never add rows of different rules.",
    (
        Column("rule", _T, "", "The accounting rule: haircut, fifo, lifo, seniority, libr or tiho."),
        CHAIN,
        Column("address", _T, "", "The address that is asked about, in full."),
        *ASSET,
        Column(
            "inflow",
            _T,
            "",
            "Where the coin entered the known history: unread, stopped, opening, mint, withdrawal, conversion, theft"
            " or returned.",
        ),
        Column("from_address", _T, "", "Who paid it (unread, stopped, returned), or to whom it first came."),
        Column("from_asset", _T, "", "The asset in which it entered; another one after a conversion."),
        Column("stop", _T, "", "The stop code of from_address where it was not read or tracing stops there."),
        Column("theft", _T, "", "Name of the theft whose amount it is (theft); empty otherwise."),
        Column("hops", _N, "transactions", "Least number of transactions from from_address to the address."),
        Column("held_raw", _A, _RAW, "What of it the address holds; adds up to its balance."),
        Column("held", _DECIMAL, "whole coins", "held_raw as an exact decimal; empty: decimals unknown."),
        Column("held_source_raw", _A, _SOURCE_RAW, "The same coin in units of from_asset."),
        Column(
            "at_least_raw",
            _A,
            _RAW,
            "What of it the address must hold, whatever the rule; empty: not computed.",
        ),
        Column(
            "at_most_raw", _A, _RAW, "What of it the address can hold; empty: not computed, or without limit."
        ),
        Column(
            "received_raw",
            _A,
            _RAW,
            "What of it the address ever got; adds up to its opening and all inflows.",
        ),
        Column(
            "received", _DECIMAL, "whole coins", "received_raw as an exact decimal; empty: decimals unknown."
        ),
        Column("received_source_raw", _A, _SOURCE_RAW, "The same coin in units of from_asset."),
        Column("received_at_least_raw", _A, _RAW, "What of it must ever have come; empty: not computed."),
        Column(
            "received_at_most_raw",
            _A,
            _RAW,
            "What of it can ever have come; empty: not computed, or without limit.",
        ),
        Column(
            "kind",
            _T,
            "",
            "exact: both ranges are attained at both ends; enclosing: safe but perhaps wider than the truth.",
        ),
        Column("first_utc", _TIME, "UTC", "When coin of it that can have come here first entered."),
        Column("last_utc", _TIME, "UTC", "When coin of it that can have come here last entered."),
    ),
)
