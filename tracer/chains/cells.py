"""Rows of a file as named text columns, and the few operations on them that readers of special formats need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Assets", "Cells", "is_zero", "stack"]


@dataclass(frozen=True)
class Cells:
    """Text columns by field, all of one length, and the 1-based data row of the file that each row came from."""

    columns: Mapping[str, pa.Array]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, field: str) -> pa.Array:
        """The column, or empty text for every row if the file has none."""
        column = self.columns.get(field)
        return self.constant("") if column is None else column

    def constant(self, text: str) -> pa.Array:
        """A column that says `text` in every row."""
        return pa.repeat(pa.scalar(text, pa.string()), len(self.rows))

    def where(self, mask: pa.Array) -> Cells:
        """The rows where `mask` is true."""
        keep = np.asarray(mask)
        if keep.all():
            return self
        return Cells({name: column.filter(mask) for name, column in self.columns.items()}, self.rows[keep])

    def having(self, **columns: pa.Array | str) -> Cells:
        """The same rows with columns put in or replaced (text: the same in every row)."""
        fresh = {n: self.constant(c) if isinstance(c, str) else c for n, c in columns.items()}
        return Cells({**self.columns, **fresh}, self.rows)

    def without(self, *fields: str) -> Cells:
        """The same rows without some columns."""
        return Cells({n: c for n, c in self.columns.items() if n not in fields}, self.rows)


@dataclass(frozen=True)
class Assets:
    """Which asset each row moves: `pairs` numbers (chain, asset) by row."""

    pairs: np.ndarray
    chain_list: Sequence[str]
    asset_list: Sequence[str]

    def of(self, pair: int) -> tuple[str, str]:
        """(chain, asset) of a number in `pairs`."""
        return self.chain_list[pair // len(self.asset_list)], self.asset_list[pair % len(self.asset_list)]


def stack(parts: Sequence[Cells]) -> Cells:
    """Rows of several parts with the same columns, in file order; at one file row, in the order of the parts."""
    filled = [part for part in parts if len(part)] or list(parts[:1])
    if len(filled) == 1:
        return filled[0]
    rows = np.concatenate([part.rows for part in filled])
    order = np.argsort(rows, kind="stable")
    columns = {
        name: pa.concat_arrays([part.columns[name] for part in filled]).take(pa.array(order))
        for name in filled[0].columns
    }
    return Cells(columns, rows[order])


def is_zero(column: pa.Array) -> pa.Array:
    """Whether the text is empty or a spelling of zero such as 0, 0.0, 0.000."""
    return pc.match_substring_regex(column, r"^0*(\.0*)?$")
