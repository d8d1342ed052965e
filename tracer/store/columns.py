"""Movement tables to database rows and back, column by column; no row ever becomes a Python object of ours.

`text` columns must be storable on every database: no NUL character, and a transaction hash no longer than an index
entry may be. What cannot be kept exactly is refused with the row that holds it, before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.errors import FileError, StoreError, shown
from tracer.movements import AMOUNT, SCHEMA

__all__ = ["CAPTURED", "WORDS", "Columns", "check_movements", "rows_of"]

WORDS = tuple(f.name for f in SCHEMA if pa.types.is_dictionary(f.type))
"""The columns that are kept as word numbers."""

CAPTURED = SCHEMA.append(pa.field("capture", pa.int64()))
"""What the store gives back: tracer.movements.SCHEMA and the number of the capture that says so."""

_CHUNK = 50_000
_LONGEST_TX = 256
_REQUIRED = ("tx_hash", "amount", "row", *WORDS)


def check_movements(table: pa.Table) -> None:
    """Refuse a table that is not of SCHEMA or that no database could keep exactly. Raises FileError, StoreError."""
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise StoreError("The movements do not have the columns of tracer.movements.SCHEMA, in that order.")
    for name in _REQUIRED:
        if table[name].null_count or (
            name in WORDS and any(c.dictionary.null_count for c in table[name].chunks)
        ):
            raise StoreError(f"The movement column {name} has rows without a value.")
    for name in ("tx_hash", "value", "extra"):
        _refuse(table, name, pc.match_substring(table[name], "\0"), "holds a NUL character")
    _refuse(
        table,
        "tx_hash",
        pc.greater(pc.binary_length(table["tx_hash"]), _LONGEST_TX),
        "is not a transaction hash",
    )


def _refuse(table: pa.Table, name: str, bad: pa.ChunkedArray, what: str) -> None:
    at = pc.index(bad, pa.scalar(value=True)).as_py()  # nulls are not found
    if at >= 0:
        text = table[name][at].as_py()
        raise FileError(
            f"Row {table['row'][at].as_py()}: the text {shown(text)} in column {name} {what}.",
            "Correct that row in the file and import it again; nothing was imported.",
        )


def rows_of(
    table: pa.Table, numbers: Mapping[str, int], capture_id: int, seq: int
) -> Iterator[tuple[Any, ...]]:
    """Database rows (capture, seq, then the columns of SCHEMA) of a checked table; words by their `numbers`."""
    words = {name: _numbers(table[name], numbers) for name in WORDS}
    for start in range(0, table.num_rows, _CHUNK):
        plain = table.drop_columns(WORDS).slice(start, _CHUNK)
        size = plain.num_rows
        columns = [
            words[name][start : start + size].tolist() if name in WORDS else _values(plain[name])
            for name in SCHEMA.names
        ]
        yield from zip([capture_id] * size, range(seq + start, seq + start + size), *columns, strict=True)


def _numbers(column: pa.ChunkedArray, numbers: Mapping[str, int]) -> np.ndarray:
    # many chunks of one table usually share one dictionary: it is looked up once
    codes = column.unify_dictionaries()
    if not codes.num_chunks:
        return np.empty(0, dtype=np.int64)
    ids = np.array([numbers[word] for word in codes.chunk(0).dictionary.to_pylist()], dtype=np.int64)
    return np.concatenate([ids[chunk.indices.to_numpy()] for chunk in codes.chunks])


def _values(column: pa.ChunkedArray) -> list[Any]:
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_integer(column.type) and not column.null_count:
        return list(column.to_numpy().tolist())
    if column.type == AMOUNT:
        data = b"".join(
            memoryview(c.buffers()[1])[c.offset * 32 : (c.offset + len(c)) * 32] for c in column.chunks
        )
        return [data[at : at + 32] for at in range(0, len(data), 32)]
    return list(column.to_pylist())


class Columns:
    """Collects database rows of the columns CAPTURED and turns them into one table at the end."""

    def __init__(self) -> None:
        self._plain: dict[str, list[pa.Array]] = {name: [] for name in CAPTURED.names if name not in WORDS}
        self._numbers: dict[str, list[np.ndarray]] = {name: [] for name in WORDS}

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take rows, in the order in which the table shall have them."""
        for field, values in zip(CAPTURED, zip(*rows, strict=True), strict=True):
            if field.name in WORDS:
                self._numbers[field.name].append(np.array(values, dtype=np.int64))
            else:
                self._plain[field.name].append(pa.array(values, type=field.type))

    def table(self, read_words: Callable[[list[int]], Mapping[int, str]]) -> pa.Table:
        """All rows as a table of schema CAPTURED, its dictionaries in the order of their texts; `read_words` gives the
        texts of word numbers.
        """
        coded: dict[str, tuple[list[int], np.ndarray]] = {}
        for name, parts in self._numbers.items():
            every = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
            parts.clear()
            used, codes = np.unique(every, return_inverse=True)
            coded[name] = used.tolist(), codes.astype(np.int32)
        words = read_words(sorted(set().union(*(numbers for numbers, _ in coded.values()))))
        arrays = []
        for field in CAPTURED:
            if field.name in WORDS:
                numbers, codes = coded.pop(field.name)
                texts = [words[number] for number in numbers]
                # the numbers of words tell the order in which answers came in; nothing may depend on it
                order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
                rank = np.empty(len(texts), dtype=np.int32)
                rank[order] = np.arange(len(texts), dtype=np.int32)
                places = pa.array(rank[codes])
                sorted_texts = pa.array([texts[n] for n in order], type=pa.string())
                arrays.append(pa.DictionaryArray.from_arrays(places, sorted_texts))
            else:
                arrays.append(pa.chunked_array(self._plain.pop(field.name), type=field.type))
        return pa.table(arrays, schema=CAPTURED)
