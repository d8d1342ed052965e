"""One transaction as the case knows it: every movement of it, what is stolen in each, who the parties are said to be.

What was left out of the flows stands beside what was followed, with the reason. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tracer.amounts import decimal_text
from tracer.labels.book import LabelBook
from tracer.model import Rule
from tracer.movements import amounts_from_column
from tracer.results import TaintResult, frame
from tracer.times import jst_text, utc_text

__all__ = ["TRANSACTION", "transaction_frame"]

_RULES = tuple(rule.value for rule in Rule)
TRANSACTION = (
    *("chain", "block", "tx_index", "position", "timestamp_utc", "timestamp_jst", "tx_hash", "kind"),
    *("from_address", "from_label", "to_address", "to_label", "asset", "symbol", "decimals"),
    *("amount_raw", "amount", "taint_raw", *_RULES, "excluded", "converts", "grade"),
    *("source_name", "source_sha256", "source_row"),
)
"""Columns of `transaction_frame`. Rule columns and `_raw`: smallest units; excluded: why the row is not followed."""


def transaction_frame(
    results: Mapping[Rule, TaintResult],
    governing: Rule,
    book: LabelBook,
    hashes: Sequence[str],
    tx_hash: str,
) -> pd.DataFrame:
    """Every movement of a transaction, in order; those left out of flows come last. Empty for an unknown hash.

    tx_hash: in any case, with or without 0x; on every chain of the case. hashes: sha256 by source.
    """
    result = results[governing]
    ledger, names = result.ledger, result.sources_of
    rows: list[tuple[object, ...]] = []
    for table, followed in ((ledger.table, True), (ledger.excluded, False)):
        found = _rows_of(table, tx_hash)
        part = table.take(pa.array(found, pa.int64()))
        amounts = amounts_from_column(part["amount"])
        for row, facts, amount in zip(found, part.drop(["amount"]).to_pylist(), amounts, strict=True):
            chain, source = facts["chain"], facts["capture"]
            taint = {rule: results[rule].tally.by_row[row] if followed else 0 for rule in Rule}
            rows.append(
                (
                    *(chain, facts["block"], facts["tx_index"], facts["position"]),
                    *(
                        utc_text(facts["timestamp"]),
                        jst_text(facts["timestamp"]),
                        facts["tx_hash"],
                        facts["kind"],
                    ),
                    *_party(result, book, chain, facts["from_address"]),
                    *_party(result, book, chain, facts["to_address"]),
                    *(facts["asset"], facts["symbol"] or "", facts["decimals"]),
                    *(amount, decimal_text(amount, facts["decimals"]), taint[governing]),
                    *(taint[rule] for rule in Rule),
                    *(facts["excluded"], bool(followed and result.tally.converts[row]), facts["grade"]),
                    *((names[source], hashes[source]) if source < len(names) else (_DECLARED, "")),
                    facts["row"],
                )
            )
    return frame(rows, TRANSACTION)


_DECLARED = "declared by the analyst"


def _rows_of(table: pa.Table, tx_hash: str) -> list[int]:
    wanted = tx_hash.strip().lower().removeprefix("0x")
    if not wanted:  # rows of files that state no hash are no transaction
        return []
    column = pc.utf8_lower(table["tx_hash"].cast(pa.string()))
    same = pc.or_(pc.equal(column, wanted), pc.equal(column, f"0x{wanted}"))
    return [int(i) for i in pc.indices_nonzero(pc.fill_null(same, fill_value=False)).to_pylist()]


def _party(result: TaintResult, book: LabelBook, chain: str, address: str | None) -> tuple[str, str]:
    """(address as printed, who is behind it)"""
    label = book.best(chain, address) if address else None
    return result.shown(chain, address or ""), label.who if label else ""
