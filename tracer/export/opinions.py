"""The files that say what rests on somebody's word: conversions, rulings, stops, judgements (labels: `labels`).

An amount that depends on a declared conversion, a ruling or a stop is only as good as that word, so it travels along.
"""

from __future__ import annotations

import pandas as pd

from tracer.export.columns import CHAIN, Column, ColumnKind, Layout

__all__ = ["CONVERSIONS", "JUDGEMENTS", "RULINGS", "STOPS", "declared", "ruled", "untimed"]

_A, _N, _T, _TIME = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME
_ADDRESS = Column("address", _T, "", "The address in full.")

CONVERSIONS = Layout(
    "conversions.csv",
    "A conversion that an analyst declared, because the data lack one leg of it.",
    (
        Column("number", _N, "", "Number of the conversion in the case."),
        CHAIN,
        Column("tx", _T, "", "Hash of the transaction."),
        Column("address", _T, "", "Who got the coin."),
        Column("counterparty", _T, "", "Who paid it."),
        Column("asset", _T, "", "What it got: native or a contract address."),
        Column("symbol", _T, "", "What the analyst calls the asset."),
        Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown."),
        Column("amount_raw", _A, "smallest unit of the asset", "How much it got."),
        Column("source", _T, "", "Where the analyst has it from."),
        Column("withdrawn", _T, "", "true when the analyst took it back: then no amount rests on it."),
    ),
)
RULINGS = Layout(
    "rulings.csv",
    "A ruling of an analyst against what is followed by default.",
    (
        Column("number", _N, "", "Number of the ruling in the case."),
        Column(
            "verdict",
            _T,
            "",
            "follow (rows that were left out), leave_out, or separate (payment and receipt are unrelated).",
        ),
        CHAIN,
        Column("subject", _T, "", "Hash of the transaction, or the contract of the token."),
        Column("address", _T, "", "With separate: whose payment and receipt are unrelated; else empty."),
        Column("reason", _T, "", "Why."),
        Column("author", _T, "", "Who decided."),
        Column("withdrawn", _T, "", "true when the analyst took it back: then no amount rests on it."),
    ),
)
STOPS = Layout(
    "stops.csv",
    "The analyst's word that tracing ends, or does not end, at an address.",
    (
        CHAIN,
        _ADDRESS,
        Column("code", _T, "", "Stop code; empty: coin goes on from here, against a label."),
        Column("reason", _T, "", "Why."),
    ),
)
JUDGEMENTS = Layout(
    "judgements.csv",
    "A verdict of an analyst; it moves no coin.",
    (
        Column("number", _N, "", "Number of the verdict in the workspace."),
        Column("author", _T, "", "Who decided."),
        Column("made_utc", _TIME, "UTC", "When."),
        Column("subject", _T, "", "What it is about: an address, a transaction."),
        Column("verdict", _T, "", "The decision."),
        Column("reason", _T, "", "Why."),
        Column("withdrawn_utc", _TIME, "UTC", "When it was taken back; empty while it stands."),
    ),
)


def declared(conversions: pd.DataFrame) -> pd.DataFrame:
    """The case's table of conversions for conversions.csv.

    The times of typing are left out: two investigators who declare the same must get the same bytes.
    """
    return _without_times(conversions, "declared_utc")


def ruled(rulings: pd.DataFrame) -> pd.DataFrame:
    """The case's table of rulings for rulings.csv, without the times of typing, as in `declared`."""
    return _without_times(rulings, "made_utc")


def untimed(labels: pd.DataFrame) -> pd.DataFrame:
    """The case's table of labels for labels.csv, without the times of typing, as in `declared`."""
    return _without_times(labels, "made_utc")


def _without_times(opinions: pd.DataFrame, made: str) -> pd.DataFrame:
    kept = opinions.drop(columns=[made, "withdrawn_utc"])
    kept["withdrawn"] = [bool(time) for time in opinions["withdrawn_utc"]]
    return kept
