"""What the command line prints: tables, amounts, errors, the next useful command.

Text from chains, files and label packs is hostile: every string passes `clean`, so that no terminal escape, bidi
override or line break of a token name reaches the terminal. Nothing is ever cut: an address or hash that is shown is
shown in full. Results go to stdout; hints, warnings and errors to stderr.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from tracer.amounts import decimal_text
from tracer.errors import visible as clean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["amount", "clean", "error", "line", "note", "plural", "print_json", "records", "table"]

_MOST_DECIMALS = 77
"""A uint256 has at most 78 digits; a token that claims more is shown in raw units."""


def line(text: str = "") -> None:
    """One line of a result on stdout; the caller has cleaned what is not its own text."""
    typer.echo(text)


def note(text: str) -> None:
    """One line for people on stderr."""
    typer.echo(text, err=True)


def error(message: str, hint: str = "") -> None:
    """An error on stderr: one line for the fact, one for what to do."""
    note(f"error: {clean(message)}")
    if hint:
        note(f"hint: {clean(hint)}")


def plural(count: int, word: str, many: str = "") -> str:
    """`1 row`, `1,234 rows`."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def amount(raw: object, decimals: object, symbol: object = "") -> str:
    """An exact amount for people: `401,346.768858404671846374 ETH`; raw units when decimals are unknown.

    `raw` is an integer, or missing (None, NaN): then "".
    """
    if _absent(raw):
        return ""
    units = int(str(raw))
    places = -1 if _absent(decimals) else int(float(str(decimals)))
    name = "" if _absent(symbol) else clean(symbol)
    if not 0 <= places <= _MOST_DECIMALS:
        return f"{units:,} raw units {name}".rstrip()
    whole, point, part = decimal_text(abs(units), places).partition(".")
    return f"{'-' if units < 0 else ''}{int(whole):,}{point}{part} {name}".rstrip()


def table(header: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> None:
    """Aligned columns on stdout, never cut; the columns named in `right` are set flush right.

    The width counts full-width characters (Japanese names) as two.
    """
    cells = [[*header], *[["" if _absent(cell) else clean(cell) for cell in row] for row in rows]]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(header))]
    flush = set(right)
    for row in cells:
        padded = [
            " " * (width - _width(cell)) + cell if name in flush else cell + " " * (width - _width(cell))
            for cell, width, name in zip(row, widths, header, strict=True)
        ]
        line(("  " + "  ".join(padded)).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a table for `print_json`; raw amounts become strings, since JSON readers round large integers."""
    columns = [str(name) for name in frame.columns]
    cells = zip(*(frame[name].tolist() for name in frame.columns), strict=True)
    return [{name: _plain(name, value) for name, value in zip(columns, row, strict=True)} for row in cells]


def _plain(name: str, value: object) -> object:
    if _absent(value):
        return None
    if isinstance(value, (bool, str)) or (isinstance(value, int) and not name.endswith("_raw")):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value)


def print_json(value: object) -> None:
    """`value` as JSON on stdout; everything outside ASCII is escaped, so no terminal can be driven by it."""
    line(json.dumps(value, indent=1))


def _absent(value: object) -> bool:
    return value is None or str(value) in ("nan", "<NA>", "NaT")
