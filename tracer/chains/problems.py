"""What is wrong with a file, gathered over all its rows and said once.

An import is all or nothing. The investigator gets one line about the first bad row, what to do, and how many rows
are affected, instead of one error per attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracer.chains.cells import Cells
from tracer.errors import FileError, shown

__all__ = ["ENOUGH", "Problems"]

ENOUGH = 100_000
"""After this many bad rows reading stops: a column is mistaken, not a cell."""


@dataclass
class _Problem:
    row: int
    count: int
    column: str
    text: str
    why: str
    hint: str


class Problems:
    """Bad rows by kind. `headers` gives the file's own column name for a field of the tracer."""

    def __init__(self, name: str, headers: Mapping[str, str]) -> None:
        self._name, self._headers = name, headers
        self._found: dict[tuple[str, str], _Problem] = {}

    def add(self, field: str, code: str, rows: np.ndarray, text: str, why: str, hint: str) -> None:
        """Rows (1-based numbers, not empty) with one problem; `text`, `why`, `hint` describe the first of them."""
        first = int(rows.min())
        seen = self._found.get((field, code))
        if seen is None:
            self._found[field, code] = _Problem(first, len(rows), field, text, why, hint)
            return
        seen.count += len(rows)
        if first < seen.row:
            seen.row, seen.text, seen.why, seen.hint = first, text, why, hint

    def refuse(self, cells: Cells, field: str, mask: np.ndarray, why: str, hint: str) -> None:
        """Add one problem of `field` for the rows of `cells` where `mask` is true, if any."""
        if mask.any():
            text = cells.get(field)[int(np.flatnonzero(mask)[0])].as_py()
            self.add(field, why, cells.rows[mask], text, why, hint)

    @property
    def rows(self) -> int:
        """Bad rows found so far (a row with two problems counts twice)."""
        return sum(problem.count for problem in self._found.values())

    def raise_first(self, *, complete: bool = True) -> None:
        """Raise FileError for the first bad row, if there is one. `complete`: the whole file was looked at."""
        if not self._found:
            return
        # at one row the problem that was looked for first: a wrong chain explains a wrong address
        first = min(self._found.values(), key=lambda p: p.row)
        header = self._headers.get(first.column, first.column)
        message = (
            f"{shown(self._name)}, data row {first.row} (row {first.row + 1} in a spreadsheet), "
            f"column {shown(header)}: {shown(first.text)} {first.why}."
        )
        at_least = "" if complete else "at least "
        if first.count > 1:
            others = first.count - 1
            message += (
                f" {at_least}{others:,} other row{'s have' if others > 1 else ' has'} the same problem."
            )
        different = self.rows - first.count
        if different:
            message += f" {at_least}{different:,} problem{'s' if different > 1 else ''} of other kinds too."
        raise FileError(f"{message} Nothing was imported.", first.hint)
