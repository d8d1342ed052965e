"""The files that say what addresses hold: taint.csv, taint_all.csv, compare.csv, bounds.csv.

One row is one (address, asset); coin without an address any more is a row `sink:<name>`. Column names of taint.csv
and bounds.csv are contracts: change them only with a changelog entry.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tracer.export.columns import CHAIN, Column, ColumnKind, Layout
from tracer.model import Rule

__all__ = ["BOUNDS", "COMPARE", "TAINT", "TAINT_ALL", "all_rules"]

_A, _N, _T = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT

_RAW = "smallest unit of the asset (wei, sat)"
_ADDRESS = Column(
    "address", _T, "", "The address in full, or sink:fee, sink:burned, sink:converted, sink:recovered."
)
_ASSET = Column("asset", _T, "", "native (the chain's own coin) or the contract address of the token.")
_SYMBOL = Column(
    "symbol", _T, "", "What the asset calls itself: display text by whoever made it, never an identity."
)
_DECIMALS = Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown.")
_AT_LEAST = Column(
    "at_least_raw",
    _A,
    _RAW,
    "Stolen coin that must rest here under every admissible accounting; empty: not computed.",
)
_AT_MOST = Column(
    "at_most_raw",
    _A,
    _RAW,
    "Stolen coin that can rest here at most in any admissible accounting; empty: not computed.",
)
_KINDS = (
    "exact: the range is attained at both ends; enclosing: it is safe but may be wider than the truth; conditional: it"
    " holds only if inferred deposit addresses are the service's"
)
_KIND = Column("kind", _T, "", f"{_KINDS}.")

_TAINT_COLUMNS = (
    Column(
        "rule",
        _T,
        "",
        "The accounting rule of this row: poison, haircut, fifo, lifo, seniority, libr or tiho.",
    ),
    CHAIN,
    _ADDRESS,
    _ASSET,
    _SYMBOL,
    _DECIMALS,
    Column("taint_raw", _A, _RAW, "Stolen coin that the address still holds under the rule."),
    Column(
        "taint",
        ColumnKind.DECIMAL,
        "whole coins",
        "taint_raw as an exact decimal; empty: decimals unknown.",
    ),
    Column(
        "taint_source_raw",
        ColumnKind.SHARES,
        "smallest unit of the stolen asset",
        "The same stolen coin in units of the asset that was stolen (differs after a conversion).",
    ),
    _AT_LEAST,
    _AT_MOST,
    Column(
        "balance_raw",
        _A,
        _RAW,
        "Everything that the address holds at the end of the data, clean coin included. Where tracing stops, stolen"
        " coin is counted as arrived and may be more than what is left.",
    ),
    Column("received_taint_raw", _A, _RAW, "Stolen coin that ever arrived here under the rule."),
    Column(
        "hop",
        _N,
        "transactions",
        "Least number of transactions on which stolen coin came here; 0 for a seed.",
    ),
    Column("first_received_utc", ColumnKind.TIME, "UTC", "When stolen coin first arrived."),
    Column("stop", _T, "", "Why tracing ends here (SERVICE, MIXER, UNSPENT ...); empty when it goes on."),
    Column("range_kind", _T, "", f"{_KINDS}; empty: no range was computed."),
)

TAINT = Layout(
    "taint.csv",
    "What one address still holds of one asset, under the governing rule of the case.",
    _TAINT_COLUMNS,
)
TAINT_ALL = Layout(
    "taint_all.csv",
    "The same as taint.csv, once for every rule: never add rows of different rules.",
    _TAINT_COLUMNS,
)
BOUNDS = Layout(
    "bounds.csv",
    "The range of stolen coin at one (address, asset) over every admissible accounting.",
    (CHAIN, _ADDRESS, _ASSET, _AT_LEAST, _AT_MOST, _KIND),
)
COMPARE = Layout(
    "compare.csv",
    "What one address holds of one asset under each rule, side by side, with the range.",
    (
        CHAIN,
        _ADDRESS,
        _ASSET,
        _SYMBOL,
        _DECIMALS,
        *(Column(str(rule), _A, _RAW, f"Stolen coin here under the rule {rule}.") for rule in Rule),
        _AT_LEAST,
        _AT_MOST,
        _KIND,
    ),
)


def all_rules(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The Taint frames of several rules (by rule name) as one frame for taint_all.csv, in the order of the rules."""
    parts = [frames[str(rule)] for rule in Rule if str(rule) in frames]
    if len(parts) != len(frames):
        raise ValueError(f"unknown rules: {sorted(set(frames) - {str(rule) for rule in Rule})}")
    # object columns keep Python integers: concat of int64 with object columns would not change a value, but a
    # column that is empty in one frame only would become float
    joined = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    return joined[list(TAINT_ALL.names)]
