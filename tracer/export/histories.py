"""The file that says which histories were collected: how far each was read, and what it rests on."""

from __future__ import annotations

from tracer.export.columns import CHAIN, Column, ColumnKind, Layout

__all__ = ["HISTORIES"]

_N, _T = ColumnKind.NUMBER, ColumnKind.TEXT

HISTORIES = Layout(
    "histories.csv",
    "An address whose history a node or explorer was asked for.",
    (
        Column("round", _N, "", "Round of the collection in which it was chosen; the seeds come first."),
        CHAIN,
        Column("address", _T, "", "The address in full."),
        Column("first_block", _N, "", "First block that was asked for."),
        Column("last_block", _N, "", "Last block that was asked for."),
        Column("transactions", _N, "", "Transactions found; of a hub, how many it has at least."),
        Column("complete", _T, "", "true when every kind of movement was asked for to the end."),
        Column("hub", _T, "", "true when it has too many transactions: its payments are not followed."),
        Column(
            "inflows",
            _T,
            "",
            "true when transactions in which it is only paid were read in full as well, for tracing backward.",
        ),
        Column(
            "contract_code",
            _T,
            "",
            "The code of a contract by name (docs/clusters.md); empty for other accounts, and where it is not known.",
        ),
        Column("problem", _T, "", "Why there is no history; empty when there is one."),
        Column("sha256", _T, "", "Of the list of recorded answers that the history rests on."),
    ),
)
