"""The tables that belong to no case: what single commands write."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["ACCURACY", "STANDALONE", "VERDICTS"]

_N, _T, _D = ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.DECIMAL

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

ACCURACY = Layout(
    "accuracy.csv",
    "A heuristic on a labelled data set.",
    (
        Column(
            "heuristic",
            _T,
            "",
            "The kind of CoinJoin, the clustering rule, or peel_chain (hops that lead to the payer's own change).",
        ),
        Column("data_set", _T, "", "Folder, file or run."),
        Column(
            "labels",
            _T,
            "",
            "published, by shape (contradicted labels set aside), true (owners are known); without labels: by"
            " coincidence, by parties.",
        ),
        Column(
            "positives", _N, "", "Transactions, or pairs of addresses of one owner, that the labels name."
        ),
        Column(
            "negatives", _N, "", "Transactions that the labels exclude; 0 where pairs or hops are counted."
        ),
        Column("found", _N, "", "What the heuristic finds."),
        Column(
            "right",
            _N,
            "",
            "Of these, what the labels name too; by coincidence: what accident does not explain; by parties: what"
            " splits into the parties of a CoinJoin, less what accident splits.",
        ),
        Column("precision", _D, "share", "right / found, rounded down; empty if nothing was found."),
        Column("recall", _D, "share", "right / positives, rounded down."),
        Column(
            "coverage",
            _D,
            "share",
            "Addresses with a known owner that are linked to another such, of all of them.",
        ),
        Column(
            "set_aside",
            _N,
            "",
            "Lines whose own shape contradicts their label; by parties: that have too many coins to tell.",
        ),
        Column("source", _T, "", "Where the data come from."),
    ),
)

STANDALONE: dict[str, Layout] = {"verdicts": VERDICTS, "accuracy": ACCURACY}
"""Layouts by name, documented in docs/formats.md as those of an export are."""
