"""Rows of one file that state the same movement twice, told from equal payments that really happened twice.

Rows are never merged by equality: two equal transfers in one transaction are two. But a position is unique inside a
transaction, so two rows with the same one are a mistake of the file and refused. Without positions equal rows are
kept, counted and said.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.movements import limbs

__all__ = ["identical_rows", "repeated_positions"]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def repeated_positions(table: pa.Table) -> tuple[np.ndarray, int]:
    """Places of rows whose (chain, transaction, position, asset) an earlier row has; and the earlier row's number."""
    mask = pc.and_(pc.is_valid(table["position"]), pc.not_equal(table["tx_hash"], ""))
    places = np.flatnonzero(np.asarray(mask))
    if not len(places):
        return places, 0
    key = _mix(
        _text_key(table["tx_hash"]), _codes(table["chain"]), _codes(table["asset"]), _ints(table["position"])
    )
    suspects = places[_repeated(key[places])]
    columns = [
        table[name].take(pa.array(suspects)).to_pylist() for name in ("chain", "tx_hash", "position", "asset")
    ]
    first: dict[tuple[object, ...], int] = {}
    again, earlier = [], 0
    for place, facts in zip(suspects.tolist(), zip(*columns, strict=True), strict=True):
        if facts in first:
            earlier = earlier or table["row"][first[facts]].as_py()
            again.append(place)
        else:
            first[facts] = place
    return np.array(again, dtype=np.int64), earlier


def identical_rows(table: pa.Table) -> tuple[int, list[int]]:
    """How many rows without position state an earlier row's movement again, and the numbers of the first few."""
    facts = (
        "chain",
        "block",
        "tx_index",
        "timestamp",
        "tx_hash",
        "from_address",
        "to_address",
        "asset",
        "amount",
        "kind",
    )
    places = np.flatnonzero(np.asarray(pc.is_null(table["position"])))
    if not len(places):
        return 0, []
    amount = limbs(table["amount"])
    key = _mix(
        _text_key(table["tx_hash"]),
        *(_codes(table[name]) for name in ("from_address", "to_address", "asset")),
        *(amount[:, i] for i in range(4)),
    )
    suspects = places[_repeated(key[places])]
    columns = [table[name].take(pa.array(suspects)).to_pylist() for name in facts]
    numbers = table["row"].take(pa.array(suspects)).to_pylist()
    seen: set[tuple[object, ...]] = set()
    again = []
    for number, row in zip(numbers, zip(*columns, strict=True), strict=True):
        if row in seen:
            again.append(number)
        seen.add(row)
    return len(again), again[:5]


def _repeated(key: np.ndarray) -> np.ndarray:
    """Which keys occur more than once; equal keys may still differ in fact, so callers compare."""
    ordered = np.sort(key)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.isin(key, twice) if len(twice) else np.zeros(len(key), dtype=bool)


def _mix(*parts: np.ndarray) -> np.ndarray:
    key = np.zeros(len(parts[0]), dtype=np.uint64)
    for part in parts:
        key = (key ^ part.astype(np.uint64)) * _SPREAD
        key ^= key >> np.uint64(29)
    return key


def _text_key(column: pa.ChunkedArray) -> np.ndarray:
    """A number per text: equal texts have equal numbers."""
    lengths = pc.binary_length(column)
    ends = pc.min_max(lengths).as_py()
    if ends["min"] == ends["max"] == 66:  # EVM hashes: 0x and 64 digits, eight words of eight
        parts = []
        for chunk in column.chunks:
            start = np.frombuffer(chunk.buffers()[1], dtype=np.int32)[chunk.offset] if len(chunk) else 0
            data = np.frombuffer(chunk.buffers()[2], dtype=np.uint8)[start : start + 66 * len(chunk)]
            digits = np.ascontiguousarray(data.reshape(-1, 66)[:, 2:]).view(np.uint64)
            parts.append(_mix(*digits.T))
        return np.concatenate(parts)
    return np.asarray(pc.dictionary_encode(column).combine_chunks().indices).astype(np.uint64)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.combine_chunks().indices)


def _ints(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column, -1))
