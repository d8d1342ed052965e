"""The tables that belong to no case: what single commands write."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["STANDALONE", "VERDICTS"]

_N, _T = ColumnKind.NUMBER, ColumnKind.TEXT

VERDICTS = Layout(
    "verdicts.csv",
    "A transaction of the file, in its order.",
    (
        Column("txid", _T, "", "Id of the transaction."),
        Column(
            "kind",
            _T,
            "",
            "none, whirlpool, whirlpool_tx0, wasabi1, wasabi2, joinmarket or other_coinjoin.",
        ),
        Column(
            "confidence",
            _N,
            "0 to 100",
            "How sure the kind is; error rates measured on labelled data: accuracy.md.",
        ),
        Column("reasons", _T, "", "What was seen, joined by ;. Empty for none."),
    ),
)

STANDALONE: dict[str, Layout] = {"verdicts": VERDICTS}
"""Layouts by name, documented in docs/formats.md as those of an export are."""
