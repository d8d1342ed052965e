"""The transfers that the picture draws, and those of one address: taken from the ledger, not from the whole table.

Writing out every column of 25,000 transfers takes half a second, of a million twenty. The picture needs only the rows
that carry stolen coin, the details panel those of one address. The cells are those of `TaintResult.transfers()`
(tested); nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import canonical
from tracer.joined import joined
from tracer.model import Kind
from tracer.outpoints import outpoint_texts
from tracer.times import utc_text

__all__ = ["drawn_transfers", "transfers_at", "transfers_of"]

_DECLARED = "declared by the analyst"
_NEEDED = (
    "chain",
    "timestamp",
    "from_address",
    "to_address",
    "asset",
    "symbol",
    "decimals",
    "kind",
    "excluded",
)
_PLACES = ("capture", "row", "block", "tx_index", "position", "tx_hash", "grade")


def drawn_transfers(result: Any, *, excluded: bool = False) -> pd.DataFrame:
    """Rows of `result.transfers()` that carry stolen coin, in order; with `excluded`, the left-out rows after them.

    result: a `TaintResult`. The columns are those that `build_flow` reads. Rows of inputs and outputs name both their
    ends (`tracer.joined`), which takes the other inputs of their transactions.
    """
    ledger = result.ledger
    rows = [i for i, units in enumerate(result.tally.by_row) if units]
    left_out = range(ledger.excluded.num_rows) if excluded else ()
    if not ledger.utxo.any():
        return _frame(result, rows, left_out, places=False)
    needed = ledger.utxo & np.isin(ledger.tx, ledger.tx[rows])
    needed[rows] = True
    whole = np.flatnonzero(needed).tolist()
    frame = joined(_frame(result, whole, left_out, places=True))
    wanted = frame["taint_raw"].ne(0) | frame["excluded"].ne("")
    return frame[wanted].reset_index(drop=True)


def transfers_at(result: Any, chain: str, address: str) -> pd.DataFrame:
    """Rows of `result.transfers()` into or out of one address, with all columns of the evidence.

    Where the ledger has outputs, `spent_tx` says in which transaction one was spent, "" if it was not seen to be.
    """
    ref = canonical(chain, address)

    def at(table: pa.Table) -> list[int]:
        ends = pc.or_(pc.equal(table["from_address"], ref), pc.equal(table["to_address"], ref))
        here = pc.and_(pc.fill_null(ends, fill_value=False), pc.equal(table["chain"], chain))
        return [int(i) for i in pc.indices_nonzero(here).to_pylist()]

    return _frame(result, at(result.ledger.table), at(result.ledger.excluded), places=True)


def transfers_of(result: Any, chain: str, tx_hash: str) -> pd.DataFrame:
    """The followed rows of `result.transfers()` of one transaction, with all columns of the evidence."""
    return _frame(result, result.ledger.rows_of(chain, tx_hash), (), places=True)


def _frame(result: Any, rows: Sequence[int], left_out: Sequence[int], *, places: bool) -> pd.DataFrame:
    tally, ledger = result.tally, result.ledger
    parts = [
        _cells(result, ledger.table.take(pa.array(rows, pa.int64())), places=places)
        | {
            "taint_raw": [tally.by_row[i] for i in rows],
            "converts": tally.converts[np.asarray(rows, dtype=np.int64)].tolist(),
        }
    ]
    if left_out:
        cells = _cells(result, ledger.excluded.take(pa.array(left_out, pa.int64())), places=places)
        parts.append(cells | {"taint_raw": [0] * len(left_out), "converts": [False] * len(left_out)})
    columns = {name: [v for part in parts for v in part[name]] for name in parts[0]}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _cells(result: Any, table: pa.Table, *, places: bool) -> dict[str, list[Any]]:
    """The cells of `table` by column; each distinct address and time is written once. places: where a row stands."""
    needed = [*_NEEDED, *(_PLACES if places else ())]
    column = {name: _values(table[name]) for name in needed}
    chain = column["chain"]
    shown, moment = cache(result.shown), cache(utc_text)
    cells = {
        "chain": chain,
        "timestamp_utc": [moment(t) for t in column["timestamp"]],
        "from_address": [shown(c, a) for c, a in zip(chain, column["from_address"], strict=True)],
        "to_address": [shown(c, a) for c, a in zip(chain, column["to_address"], strict=True)],
        "amount_raw": [int.from_bytes(b, "big") for b in table["amount"].to_pylist()],
        **{name: column[name] for name in _NEEDED[4:]},
    }
    if places:
        names = (*result.sources_of, _DECLARED)
        cells |= {name: column[name] for name in _PLACES[2:]}
        cells |= {"source_name": [names[c] for c in column["capture"]], "source_row": column["row"]}
        cells["outpoint"] = [""] * table.num_rows
        if result.ledger.utxo.any():
            cells["outpoint"] = [text or "" for text in outpoint_texts(table).to_pylist()]
            made = zip(cells["outpoint"], chain, column["kind"], strict=True)
            spent = result.ledger.spent_in
            cells["spent_tx"] = [spent.get((c, o), "") if kind == Kind.OUTPUT else "" for o, c, kind in made]
    return cells


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The column as Python values; a coded one by its codes, which is ten times faster than cell by cell."""
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    whole = column.unify_dictionaries().combine_chunks()
    chunks = whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]
    out: list[Any] = []
    for chunk in chunks:
        words = [*chunk.dictionary.to_pylist(), None]
        codes = chunk.indices.fill_null(len(words) - 1).to_pylist()
        out += [words[code] for code in codes]
    return out
