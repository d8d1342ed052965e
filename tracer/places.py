"""One place for each transaction: where sources, or rows of one, tell several blocks, indexes or times of it.

A transaction stands in one block, so its rows are put together, and the contradiction is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from tracer.disagreements import REMEDY, SHOWN, row_of
from tracer.model import Gap
from tracer.numbering import integers_of
from tracer.times import utc_text

__all__ = ["settle_places"]


def settle_places(whole: pa.Table, tx: np.ndarray, gaps: list[Gap], names: Sequence[str]) -> pa.Table:
    """The table with all rows of a transaction at one place: of a row that states its index too, then the first source.

    tx: by row, the number of its transaction, -1 where it is not known. Several blocks, indexes or times of one
    transaction become a gap.
    """
    known = tx >= 0
    if not known.any():
        return whole
    count = int(tx.max()) + 1
    values = {name: integers_of(whole, name) for name in ("block", "tx_index", "timestamp")}
    several = np.zeros(count, dtype=bool)
    partly = np.zeros(count, dtype=bool)
    for name, value in values.items():
        stated = known & (value >= 0)
        low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
        np.minimum.at(low, tx[stated], value[stated])
        np.maximum.at(high, tx[stated], value[stated])
        several |= (high >= 0) & (low != high)
        if name == "block":
            lacking = np.zeros(count, dtype=bool)
            lacking[tx[known & (value < 0)]] = True
            partly = lacking & (high >= 0)
    rows = np.flatnonzero(known & (several | partly)[np.maximum(tx, 0)])
    if len(rows) == 0:
        return whole
    if several.any():
        gaps.append(_places_gap(whole, rows[several[tx[rows]]], tx, names))
    capture = whole["capture"].to_numpy()
    better = (rows, capture[rows], values["tx_index"][rows] < 0)  # the last key counts most
    block = _first(values["block"], rows, tx, np.lexsort(better), values["block"][rows] >= 0)
    elsewhere = (values["block"][rows] >= 0) & (values["block"][rows] != block)
    order = np.lexsort((*better, elsewhere))
    settled = {
        "block": block,
        "tx_index": _first(values["tx_index"], rows, tx, order, (values["tx_index"][rows] >= 0) & ~elsewhere),
        "timestamp": _first(values["timestamp"], rows, tx, order, values["timestamp"][rows] >= 0),
    }
    for name, chosen in settled.items():
        value = values[name].copy()
        value[rows] = chosen
        at = whole.schema.get_field_index(name)
        whole = whole.set_column(at, whole.schema.field(at), pa.array(value, pa.int64(), mask=value < 0))
    return whole


def _first(
    value: np.ndarray, rows: np.ndarray, tx: np.ndarray, order: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """By row, the first usable value of its transaction in this order; -1 where there is none."""
    order = order[usable[order]]
    numbers, first = np.unique(tx[rows[order]], return_index=True)
    of = np.full(int(tx.max()) + 1, -1, dtype=np.int64)
    of[numbers] = value[rows[order[first]]]
    found: np.ndarray = of[tx[rows]]
    return found


def _places_gap(whole: pa.Table, rows: np.ndarray, tx: np.ndarray, names: Sequence[str]) -> Gap:
    """What is said of transactions that are told at several places. rows: theirs."""
    torn = np.unique(tx[rows])
    columns = ["capture", "row", "tx_hash", "block", "tx_index", "timestamp"]
    texts = []
    for number in torn[:SHOWN].tolist():
        mine = whole.take(pa.array(rows[tx[rows] == number])).select(columns).to_pylist()
        mine.sort(key=lambda r: (r["capture"], r["row"]))
        one, other = next(
            (x, y)
            for x, y in combinations(mine, 2)
            if any(None not in (x[c], y[c]) and x[c] != y[c] for c in columns[3:])
        )
        ends = " and ".join(f"{row_of(names, r['capture'], r['row'])} ({_place(r)})" for r in (one, other))
        texts.append(f"{ends}, {one['tx_hash']}" if one["tx_hash"] else ends)
    if len(torn) > SHOWN:
        texts.append(f"and {len(torn) - SHOWN:,} more")
    many = "1 transaction is" if len(torn) == 1 else f"{len(torn):,} transactions are"
    return Gap(
        "place_differs",
        f"{many} told in two blocks, at two places of a block or at two times: {'; '.join(texts)}. A row that"
        f" states the index of its transaction counts before others, then the first source. {REMEDY}",
    )


def _place(row: dict[str, object]) -> str:
    index = f", index {row['tx_index']}" if row["tx_index"] is not None else ""
    block = "no block" if row["block"] is None else f"block {row['block']}{index}"
    time = row["timestamp"]
    return f"{block}, {utc_text(time)}" if isinstance(time, int) else block
