"""Writes a table as CSV: UTF-8, LF, one header line, the same bytes for the same table.

Exactness is enforced here, at the last step before a court reads the number: an amount that arrives as a float, a
column that is not declared, a declared column that is missing are errors (a defect of the tracer), never a guess.
Text from chains, files and label packs is guarded against spreadsheet formulas, and characters that cannot be seen or
that move the others are written as escapes; numbers are written untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TextIO

import pandas as pd

from tracer.chains.csv_guard import guard
from tracer.errors import visible
from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["write_rows"]

_NEEDS_QUOTES = re.compile(r'[,"\r\n]')

_CHUNK = 20_000
"""Rows converted at once: bounds the memory of a million-row file without slowing it."""


def write_rows(out: TextIO, layout: Layout, frame: pd.DataFrame) -> int:
    """Write `frame` to `out` in the column order of `layout`; the number of data rows.

    Raises ValueError when the columns of the frame and of the layout differ, TypeError when a cell cannot be
    written exactly.
    """
    _check_columns(layout, frame)
    out.write(",".join(layout.names) + "\n")
    for start in range(0, len(frame), _CHUNK):
        part = frame.iloc[start : start + _CHUNK]
        rows = zip(*(_cells(layout, column, part[column.name]) for column in layout.columns), strict=True)
        out.writelines(",".join(row) + "\n" for row in rows)
    return len(frame)


def _check_columns(layout: Layout, frame: pd.DataFrame) -> None:
    have = [str(name) for name in frame.columns]
    missing = sorted(set(layout.names) - set(have))
    unknown = sorted(set(have) - set(layout.names))
    if missing or unknown or len(set(have)) != len(have):
        raise ValueError(f"{layout.file}: missing columns {missing}, undocumented columns {unknown}")


def _cells(layout: Layout, column: Column, series: pd.Series[Any]) -> list[str]:
    cell = _Cell(layout, column)
    values = series.tolist()
    kinds = set(map(type, values))
    # the two common columns go through C loops: a file of a million rows has twenty million cells
    if kinds == {int} and column.kind in _INTEGERS:
        return list(map(str, values))
    if kinds == {str}:
        return list(map(cell.__getitem__, values))  # equal text is written equally, and text repeats a lot
    absent = series.isna().tolist()
    return ["" if empty else cell.of(value) for value, empty in zip(values, absent, strict=True)]


class _Cell(dict[str, str]):
    """The written form of the cells of one column; as a mapping, of its texts, each computed once."""

    def __init__(self, layout: Layout, column: Column) -> None:
        super().__init__()
        self._place = f"{layout.file}: column {column.name} ({column.kind})"
        self._write = _WRITERS[column.kind]

    def __missing__(self, text: str) -> str:
        self[text] = written = self.of(text)
        return written

    def of(self, value: object) -> str:
        """The cell for `value`, which is not missing."""
        cell = self._write(value)
        if cell is None:
            raise TypeError(f"{self._place} cannot hold a {type(value).__name__}")
        return _quoted(cell) if isinstance(cell, str) else str(cell)


def _quoted(text: str) -> str:
    # RFC 4180. The csv module of Python 3.11 leaves a lone CR bare when lines end with LF, which cuts the row in two
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _amount(value: object) -> int | str | None:
    # tables of objects hold "" where there is no amount
    return value if type(value) is int or value == "" else None


def _number(value: object) -> int | str | None:
    # a column of small integers with empty cells is a float column in pandas: 18.0 is 18, 18.5 is a defect
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return _amount(value)


def _decimal(value: object) -> str | int | None:
    return value if isinstance(value, str) else _amount(value)


def _time(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return guard(visible(value))
    return None


_INTEGERS = (ColumnKind.AMOUNT, ColumnKind.NUMBER)
_WRITERS: dict[ColumnKind, Callable[[object], str | int | None]] = {
    ColumnKind.AMOUNT: _amount,
    ColumnKind.NUMBER: _number,
    ColumnKind.DECIMAL: _decimal,
    ColumnKind.SHARES: _decimal,
    ColumnKind.TIME: _time,
    ColumnKind.TEXT: _text,
}
