"""The first rows of an uploaded file, only to look at: what is imported is decided by the importer, not here."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tracer.ui.printing import clean

__all__ = ["COLUMNS", "head_of"]

COLUMNS = (
    "chain",
    "block",
    "tx_index",
    "position",
    "timestamp_utc",
    "tx_hash",
    "from_address",
    "to_address",
    "asset",
    "symbol",
    "decimals",
    "amount_raw",
    "amount",
    "kind",
)
"""Columns of the transfers CSV that a stranger's column can be mapped to."""

_ENCODINGS = ("utf-8-sig", "cp932", "latin-1")
_HEAD = 256 * 1024


def _decode(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace")
    for encoding in _ENCODINGS:
        try:
            return head.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start >= len(head) - 4:  # the head was cut inside a character
                return head[: error.start].decode(encoding)
    return ""


def head_of(data: bytes, rows: int = 8) -> pd.DataFrame:
    """The first `rows` rows as text, the header as column names; an empty frame when nothing can be shown."""
    try:
        if data[:4] == b"PAR1":
            batch = next(pq.ParquetFile(io.BytesIO(data)).iter_batches(rows), None)
            return batch.to_pandas().map(clean) if batch is not None else pd.DataFrame()
        packed = data[:2] == b"\x1f\x8b"
        head = gzip.GzipFile(fileobj=io.BytesIO(data)).read(_HEAD) if packed else data[:_HEAD]
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException):
        return pd.DataFrame()
    return _rows(_decode(head), rows)


def _rows(text: str, rows: int) -> pd.DataFrame:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = list(itertools.islice(csv.reader(io.StringIO(text), delimiter=delimiter), rows + 1))
    except csv.Error:
        return pd.DataFrame()
    if not lines:
        return pd.DataFrame()
    names = [clean(name, 60) or f"({i + 1})" for i, name in enumerate(lines[0])]
    names = [n if n not in names[:i] else f"{n} ({i + 1})" for i, n in enumerate(names)]
    body = [[clean(v) for v in (line + [""] * len(names))[: len(names)]] for line in lines[1:]]
    return pd.DataFrame(body, columns=names)
