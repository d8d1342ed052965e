"""What a column of an exported file is: its name, kind, unit and meaning.

Every exported file declares its columns once, here typed; the writer obeys the declaration and docs/formats.md is
made from it, so a column cannot appear in a file without being documented.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ASSET", "CHAIN", "Column", "ColumnKind", "Layout"]


class ColumnKind(StrEnum):
    """How a cell is written."""

    TEXT = "text"
    """Text; guarded against spreadsheet formulas."""
    TIME = "time"
    """UTC, ISO-8601 with Z, e.g. 2025-02-21T14:16:11Z; empty when unknown."""
    NUMBER = "number"
    """A small integer (block, hop, decimals, a row number); empty when unknown."""
    AMOUNT = "amount"
    """An exact integer in the smallest unit of the asset, of any size; a float is refused."""
    SHARES = "shares"
    """An exact integer, or `units@asset` joined by ; where coin of several stolen assets meets."""
    DECIMAL = "decimal"
    """An exact decimal number as text, with a point and no thousands separator."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `unit` is a word such as `wei-like` units or UTC; `meaning` is one sentence for the reader."""

    name: str
    kind: ColumnKind
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One exported file: its name, what a row is, and its columns in order."""

    file: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(column.name for column in self.columns)

    def plus(self, extra: Iterable[Column]) -> Layout:
        """The same file with more columns at the end."""
        return Layout(self.file, self.row, self.columns + tuple(extra))


CHAIN = Column("chain", ColumnKind.TEXT, "CAIP-2", "The chain, e.g. eip155:1 for Ethereum.")

ASSET = (
    Column(
        "asset", ColumnKind.TEXT, "", "native (the chain's own coin) or the contract address of the token."
    ),
    Column(
        "symbol",
        ColumnKind.TEXT,
        "",
        "What the asset calls itself: display text by whoever made it, never an identity.",
    ),
    Column(
        "decimals",
        ColumnKind.NUMBER,
        "digits",
        "Digits after the point of one whole coin; empty when unknown.",
    ),
)
"""Which asset an amount is of: asset, symbol, decimals."""
