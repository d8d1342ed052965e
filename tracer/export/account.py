"""The files that say what the totals rest on: conservation.csv, losses.csv, sources.csv, seeds.csv, gaps.csv.

They are what a reader checks first: did stolen coin get lost or made, where did it enter, and what is missing.
"""

from __future__ import annotations

from tracer.export.columns import CHAIN, Column, ColumnKind, Layout

__all__ = ["CONSERVATION", "GAPS", "LOSSES", "SEEDS", "SOURCES"]

_A, _N, _T = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT
_RAW = "smallest unit of the asset (wei, sat)"
_ADDRESS = Column("address", _T, "", "The address in full.")
_ASSET = Column("asset", _T, "", "native (the chain's own coin) or the contract address of the token.")
_SYMBOL = Column(
    "symbol", _T, "", "What the asset calls itself: display text by whoever made it, never an identity."
)
_DECIMALS = Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown.")

CONSERVATION = Layout(
    "conservation.csv",
    "The account of one asset: stolen + converted in = held + fees + burned + recovered + converted out.",
    (
        Column("asset", _T, "chain/asset", "The asset with its chain, e.g. eip155:1/native."),
        _SYMBOL,
        _DECIMALS,
        Column("stolen_raw", _A, _RAW, "What the seeds put in."),
        Column("converted_in_raw", _A, _RAW, "Stolen coin that came in by conversion from another asset."),
        Column("held_raw", _A, _RAW, "Stolen coin that addresses hold at the end."),
        Column("fee_raw", _A, _RAW, "Stolen coin paid as transaction fees."),
        Column("burned_raw", _A, _RAW, "Stolen coin that was destroyed."),
        Column("recovered_raw", _A, _RAW, "Stolen coin taken back by the issuer or its owner."),
        Column("converted_out_raw", _A, _RAW, "Stolen coin that became another asset."),
        Column(
            "difference_raw",
            _A,
            _RAW,
            "The two sides of the account subtracted: always 0, but for poison.",
        ),
    ),
)
SOURCES = Layout(
    "sources.csv",
    "How much of what one address holds comes from one theft.",
    (
        CHAIN,
        _ADDRESS,
        _ASSET,
        Column("theft", _T, "", "Name of the theft; all seeds of one theft are one source."),
        Column("origin_asset", _T, "chain/asset", "The asset that was stolen."),
        Column(
            "taint_raw", _A, _RAW, "Stolen coin of this theft that the address holds, in units of `asset`."
        ),
        Column(
            "source_raw",
            _A,
            "smallest unit of origin_asset",
            "The same coin in units of the stolen asset.",
        ),
        Column(
            "theft_value_usd",
            _N,
            "US dollars",
            "What it was worth on the day of the theft (see losses.csv), rounded down; empty: no price.",
        ),
        Column("theft_value_jpy", _N, "yen", "The same in yen."),
    ),
)
LOSSES = Layout(
    "losses.csv",
    "What one theft took of one asset, and what that was worth on the day.",
    (
        Column("theft", _T, "", "Name of the theft; all seeds of one theft are one source."),
        Column("origin_asset", _T, "chain/asset", "The asset that was stolen."),
        _SYMBOL,
        _DECIMALS,
        Column("stolen_raw", _A, "smallest unit of origin_asset", "What the seeds of the theft put in."),
        Column(
            "stolen", ColumnKind.DECIMAL, "whole coins", "stolen_raw as an exact decimal; empty when unknown."
        ),
        Column("day", _T, "UTC", "Day of the theft: that of its first seed with a known time."),
        Column(
            "theft_value_usd",
            _N,
            "US dollars",
            "What it was worth on that day, rounded down; empty: no published price.",
        ),
        Column("theft_value_jpy", _N, "yen", "The same in yen."),
        Column("value_source", _T, "", "Who published that worth, and the rate if the yen were converted."),
    ),
)
SEEDS = Layout(
    "seeds.csv",
    "Where stolen coin enters, as the investigator declared it.",
    (
        Column("number", _N, "", "Number of the seed in the case."),
        Column("theft", _T, "", "Name of the theft; all seeds of one theft are one source."),
        CHAIN,
        _ADDRESS,
        Column(
            "asset",
            _T,
            "",
            "native or a contract address; empty: every asset that the address received (with an amount: native).",
        ),
        Column("amount_raw", _A, _RAW, "Declared amount; empty: every inflow counts."),
        Column("tx", _T, "", "Transaction whose inflow is the theft; empty when none is named."),
        Column(
            "at_utc",
            ColumnKind.TIME,
            "UTC",
            "Time of the inflow that is the theft; empty when none is named.",
        ),
        Column("source", _T, "", "Where the investigator has it from."),
    ),
)
GAPS = Layout(
    "gaps.csv",
    "Something that is missing, cut, refused or assumed.",
    (
        Column("code", _T, "", "Stable word for the sort of gap (opening, poison, unsplit_conversion ...)."),
        Column("status", _T, "", "open, closed (by a declared conversion or a ruling) or assumption."),
        CHAIN,
        _ADDRESS,
        _ASSET,
        _SYMBOL,
        Column("amount_raw", _A, _RAW, "How much it concerns; empty when it has no amount."),
        Column(
            "amount", ColumnKind.DECIMAL, "whole coins", "amount_raw as an exact decimal; empty when unknown."
        ),
        Column("tx", _T, "", "Transaction that it concerns; empty when there is none."),
        Column("message", _T, "", "What is missing or assumed, in words."),
    ),
)
