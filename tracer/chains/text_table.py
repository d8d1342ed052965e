"""A file as batches of text columns, whatever its container: CSV/TSV, JSON lines or Parquet.

Every cell is text here: numbers are read by the modules that know what they mean, so that no amount passes through a
float. Files are streamed in blocks; a reader holds a few blocks, never the file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tracer.chains.text_bytes import Encoding, Utf8Stream, find_encoding
from tracer.errors import FileError, shown

__all__ = ["Limits", "TextTable", "open_table"]

Progress = Callable[[int, int], None]

_BLOCK = 4 << 20
_HEADER = 1 << 16
_JSON_ROWS = 20_000
_DELIMITERS = ",;\t|"
_IS_DATA = re.compile(r"0[xX][0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?|[0-9]{6,}|eip155:[0-9]+")
"""An address, a hash, a long number or a chain where a column name is expected."""


@dataclass(frozen=True, slots=True)
class Limits:
    """One file may not be larger: `max_bytes` unpacked, `max_rows` data rows."""

    max_bytes: int = 4 << 30
    max_rows: int = 10_000_000


@dataclass
class TextTable:
    """Column names, and the rows as batches of string columns in the same order.

    `batches` may be gone through once; `sha256` (of the file as given) is known afterwards. `refused` is the first
    row that has too many or too few cells, and `refused_rows` their number.
    """

    headers: tuple[str, ...]
    container: str
    warnings: list[str]
    batches: Iterator[list[pa.Array]]
    sha256: str = ""
    refused: str = ""
    refused_rows: int = 0
    float_columns: frozenset[str] = field(default_factory=frozenset)


def open_table(
    source: Path | bytes, name: str, limits: Limits, progress: Progress | None = None
) -> TextTable:
    """Open a file by its content, not by its name. Raises FileError."""
    try:
        if isinstance(source, Path) and source.is_dir():
            raise FileError(f"{shown(name)} is a folder.", "Give one file.")
        if isinstance(source, Path) and source.exists() and not source.is_file():
            raise FileError(
                f"{shown(name)} is a pipe or a device, not a file.",
                "Save it first: it is read twice and kept.",
            )
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if not size:
            raise FileError(
                f"{shown(name)} is empty (0 bytes).", "Check that the export or download was complete."
            )
        head = source[:4] if isinstance(source, bytes) else _first_bytes(source)
        if head == b"PAR1":
            return _open_parquet(source, name, limits, progress)
        encoding = find_encoding(source, name, limits.max_bytes)
        return _open_text(source, name, encoding, limits, progress)
    except FileNotFoundError as error:
        raise FileError(f"There is no file {shown(name)}.", "Check the path.") from error
    except OSError as error:
        raise FileError(
            f"{shown(name)} cannot be read ({type(error).__name__}).", "Check path and rights."
        ) from error


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _open_text(
    source: Path | bytes, name: str, encoding: Encoding, limits: Limits, progress: Progress | None
) -> TextTable:
    stream = Utf8Stream(source, encoding)
    head = stream.read(_HEADER)
    stream.close()
    cut = len(head) == _HEADER
    text = head.decode("utf-8", "ignore" if cut else "strict")
    warnings = [encoding.remark] if encoding.remark else []
    if not text.strip():
        raise FileError(
            f"{shown(name)} is empty: it holds only blank lines.", "Check that the export was complete."
        )
    if text.lstrip()[0] in "{[":
        return _open_json(source, name, encoding, limits, progress, warnings)
    headers, delimiter, lines = _header(text, name)
    if delimiter != ",":
        warnings.append(f"The columns are separated by {'tabs' if delimiter == chr(9) else repr(delimiter)}.")
    table = TextTable(headers, "CSV", warnings, iter(()))
    table.batches = _csv_batches(
        table, Utf8Stream(source, encoding, progress), encoding, delimiter, lines, name, limits
    )
    return table


def _header(text: str, name: str) -> tuple[tuple[str, ...], str, int]:
    """Column names, the separator, and how many lines come before the data."""
    skip = 0
    lines = text.split("\n", 1)
    delimiter = ""
    if lines[0].strip().lower().startswith("sep=") and len(lines) == 2:  # a hint that Excel writes and obeys
        delimiter, text, skip = lines[0].strip()[4:5], lines[1], 1
    best: tuple[list[str], str, int] = ([], ",", 0)
    for candidate in delimiter or _DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=candidate)
        try:
            cells = next((row for row in reader if any(cell.strip() for cell in row)), [])
        except csv.Error:
            cells = []
        if len(cells) > len(best[0]):
            best = (cells, candidate, reader.line_num)
    names = [" ".join(cell.replace("\u200b", "").replace("\ufeff", "").split()) for cell in best[0]]
    unnamed = [n or f"(column {i + 1})" for i, n in enumerate(names)]
    twice = next((n for i, n in enumerate(unnamed) if n in unnamed[:i]), None)
    data = next((n for n in names if _IS_DATA.fullmatch(n)), None)
    if data is not None:
        raise FileError(
            f"{shown(name)} has no line of column names: its first line holds {shown(data)}.",
            "Put the names of the columns on top, see docs/import.md.",
        )
    if twice is not None:
        raise FileError(
            f"{shown(name)} has two columns named {shown(twice)}.", "Rename or remove one of them."
        )
    return tuple(unnamed), best[1], best[2] + skip


def _csv_batches(
    table: TextTable,
    stream: Utf8Stream,
    encoding: Encoding,
    delimiter: str,
    lines: int,
    name: str,
    limits: Limits,
) -> Iterator[list[pa.Array]]:
    columns = [str(i) for i in range(len(table.headers))]

    def refuse(row: Any) -> str:
        if not table.refused_rows:
            table.refused = (
                f"{shown(row.text)} has {row.actual_columns} cells, the header {row.expected_columns}"
            )
        table.refused_rows += 1
        return "skip"

    rows = 0
    with stream:
        try:
            reader = pacsv.open_csv(
                pa.PythonFile(stream, mode="r"),
                pacsv.ReadOptions(column_names=columns, skip_rows=lines, block_size=_BLOCK),
                pacsv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=encoding.quotes, invalid_row_handler=refuse
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
            for batch in reader:
                rows = _counted(rows, batch.num_rows, name, limits)
                yield batch.columns
        except pa.ArrowInvalid as error:
            # pyarrow's words for a header without rows
            if not str(error).startswith(("Empty CSV file", "Could not skip initial")):
                raise FileError(
                    f"{shown(name)} cannot be read as CSV: {shown(str(error).splitlines()[0], 160)}.",
                    "Check quotes and separators near that place.",
                ) from error
            stream.read()
        table.sha256 = stream.sha256()


def _open_json(
    source: Path | bytes,
    name: str,
    encoding: Encoding,
    limits: Limits,
    progress: Progress | None,
    warnings: list[str],
) -> TextTable:
    first = next(_json_objects(Utf8Stream(source, encoding), name), None)
    if first is None:
        raise FileError(f"{shown(name)} holds no JSON object.", "Write one JSON object a line.")
    headers = tuple(first)
    table = TextTable(headers, "JSON lines", warnings, iter(()))

    def batches() -> Iterator[list[pa.Array]]:
        stream, rows = Utf8Stream(source, encoding, progress), 0
        cells: list[list[str]] = [[] for _ in headers]
        known = set(headers)
        for entry in _json_objects(stream, name):
            rows = _counted(rows, 1, name, limits)
            if not known.issuperset(entry):
                new = min(set(entry) - known)
                raise FileError(
                    f"{shown(name)}, row {rows}: the key {shown(new)} is missing in row 1.",
                    "Give every row the same keys (empty where there is no value).",
                )
            for column, header in zip(cells, headers, strict=True):
                column.append(_json_cell(entry.get(header)))
            if len(cells[0]) == _JSON_ROWS:
                yield [pa.array(column, pa.string()) for column in cells]
                cells = [[] for _ in headers]
        if cells[0]:
            yield [pa.array(column, pa.string()) for column in cells]
        table.sha256 = stream.sha256()

    table.batches = batches()
    return table


def _json_objects(stream: Utf8Stream, name: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines. The stream stays open: whoever made it still asks for its sha256."""
    lines = io.BufferedReader(stream, _BLOCK)
    try:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _json_object(line, number, name)
    finally:
        lines.detach()


def _json_object(line: bytes, number: int, name: str) -> dict[str, Any]:
    try:
        # numbers stay the text that was written: no float, no lost digit
        entry = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{shown(name)}, line {number} is not JSON.",
            "Write one complete JSON object a line (JSON lines).",
        ) from error
    if not isinstance(entry, dict):
        raise FileError(
            f"{shown(name)}, line {number} is JSON, but no object.",
            "Write one JSON object a line, without a surrounding list.",
        )
    return entry


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _open_parquet(source: Path | bytes, name: str, limits: Limits, progress: Progress | None) -> TextTable:
    try:
        file = pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else str(source))
    except (pa.ArrowException, OSError) as error:
        raise FileError(
            f"{shown(name)} is not a readable Parquet file.", "Write or download it again."
        ) from error
    rows = file.metadata.num_rows
    _counted(0, rows, name, limits)
    schema = file.schema_arrow
    floats = frozenset(f.name for f in schema if pa.types.is_floating(f.type))
    table = TextTable(tuple(schema.names), "Parquet", [], iter(()), float_columns=floats)

    def batches() -> Iterator[list[pa.Array]]:
        done = 0
        try:
            for batch in file.iter_batches(100_000):
                yield [_as_text(column) for column in batch.columns]
                done += batch.num_rows
                if progress is not None:
                    progress(done, rows)
        except pa.ArrowException as error:
            raise FileError(
                f"{shown(name)} is damaged after row {done:,}.", "Write or download it again."
            ) from error
        if isinstance(source, bytes):
            table.sha256 = sha256(source).hexdigest()
        else:
            with source.open("rb") as raw:
                table.sha256 = file_digest(raw, "sha256").hexdigest()

    table.batches = batches()
    return table


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("s", kind.tz), safe=False).cast(pa.int64())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array(["" if v is None else "0x" + v.hex() for v in column.to_pylist()], pa.string())
    elif pa.types.is_nested(kind):
        return pa.array([_json_cell(v) for v in column.to_pylist()], pa.string())
    return pc.fill_null(column.cast(pa.string()), "")


def _counted(before: int, more: int, name: str, limits: Limits) -> int:
    if before + more > limits.max_rows:
        raise FileError(
            f"{shown(name)} has more than {limits.max_rows:,} rows, the limit for one file.",
            "Split it, for example by block range, and import the parts one after the other; "
            "or raise TRACER_MAX_UPLOAD_ROWS.",
        )
    return before + more
