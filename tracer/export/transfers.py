"""transfers.csv: every movement of the case in ledger order, with the stolen coin in it.

The first columns are the Transfers CSV that the tracer also imports, so the file can be read back. Rows that are
left out of the flows (address poisoning, zero value, fake tokens, rulings) are in the file with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from tracer.export.columns import ASSET, CHAIN, Column, ColumnKind, Layout
from tracer.model import Rule

__all__ = ["CONTRACT", "TRANSFERS", "layout_for", "with_rules"]

_A, _N, _T = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT
_RAW = "smallest unit of the asset (wei, sat)"

CONTRACT = (
    CHAIN,
    Column("block", _N, "block number", "Block of the transaction; empty when the source has none."),
    Column("tx_index", _N, "", "Place of the transaction in its block; empty when the source has none."),
    Column(
        "position",
        _N,
        "",
        "Place in the transaction: 0 fee, 1 top-level value, then internal calls, then logs. Bitcoin: the number of"
        " the input, 1048576 + vout for an output, 2097152 for the fee.",
    ),
    Column("timestamp_utc", ColumnKind.TIME, "UTC", "Time of the block."),
    Column("tx_hash", _T, "", "Hash of the transaction, in full."),
    Column(
        "from_address",
        _T,
        "",
        "Who paid; empty when the coin comes from outside (mint, opening) or out of a transaction (output, its fee).",
    ),
    Column(
        "to_address",
        _T,
        "",
        "Who received; empty when the coin leaves to outside (burn, fee) or goes into a transaction (spend).",
    ),
    *ASSET,
    Column("amount_raw", _A, _RAW, "The amount that moved."),
    Column(
        "kind",
        _T,
        "",
        "native, internal, token, mint, burn, wrap, unwrap, fee, withdrawal, issuer, opening, poison, unknown, spend or"
        " output.",
    ),
)
"""The Transfers CSV of the import contract."""

_EVIDENCE = (
    Column(
        "excluded",
        _T,
        "",
        "Why the row is left out of flows: poison, zero_value, fake_token, analyst (a ruling), unconfirmed, incomplete,"
        " double_spend, account_row; empty: followed.",
    ),
    Column(
        "outpoint",
        _T,
        "txid:vout",
        "Bitcoin: the output that a spend row spends, or that an output row makes; empty in other rows.",
    ),
    Column("grade", _T, "", "fact, or declared: an analyst says so (a judgement with a source)."),
    Column("converts", _T, "", "true when the movement is a leg of a conversion (swap), else false."),
    Column("source_name", _T, "", "Name of the imported file that says so."),
    Column("source_row", _N, "row", "Data row in that file, the first is 1."),
)


def _taint(name: str, which: str) -> Column:
    return Column(name, _A, _RAW, f"Stolen coin in this movement under {which}; 0 when there is none.")


_GOVERNING = _taint("taint_raw", "the governing rule (or the one rule that was asked for)")


def layout_for(rules: Iterable[str] = ()) -> Layout:
    """The layout with one `taint_raw_<rule>` column for each of `rules`, in the order of the rules."""
    wanted = set(rules)
    by_rule = (_taint(f"taint_raw_{rule}", f"the rule {rule}") for rule in Rule if str(rule) in wanted)
    return Layout(
        "transfers.csv",
        "One movement, in ledger order (block, transaction, position).",
        (*CONTRACT, _GOVERNING, *by_rule, *_EVIDENCE),
    )


TRANSFERS = layout_for(str(rule) for rule in Rule)


def with_rules(base: pd.DataFrame, others: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The Transfers frame `base` (of the governing rule) with a column `taint_raw_<rule>` from each of `others`.

    All frames hold the same movements in the same order, since the order does not depend on the rule; ValueError when
    they do not. `others` is read one by one, so that a million movements are not held once per rule.
    """
    joined = base.copy()
    known = {key: base[key].tolist() for key in ("tx_hash", "from_address", "to_address", "amount_raw")}
    for rule, frame in others:
        if any(frame[key].tolist() != values for key, values in known.items()):
            raise ValueError(f"the movements under {rule} differ from those of the governing rule")
        joined[f"taint_raw_{rule}"] = pd.Series(frame["taint_raw"].tolist(), index=joined.index, dtype=object)
    return joined
