"""Reads a list of seeds: pasted text, or a file (one seed a line, or a CSV with a header). Pure: lines in, lines out.

Every line that cannot be used is named at once, with what is wrong and what to do: who pastes 51 addresses wants to
hear of all wrong ones, not of the first. Whether the good ones go in all the same is for the caller to say.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, fields, replace

from tracer.chains.text_bytes import Utf8Stream, find_encoding
from tracer.chains.time_text import TimeTextError, utc_seconds
from tracer.errors import FileError, InputError, TracerError, shown

__all__ = [
    "COLUMNS",
    "RefusedLine",
    "SeedLine",
    "SeedList",
    "decoded",
    "raw_amount",
    "read_seed_list",
    "when",
]

COLUMNS = ("address", "chain", "tx", "asset", "amount_raw", "at", "theft", "source", "to")
"""Columns of a seed CSV that are read; others are named in `SeedList.ignored`."""

_TIMES = ("at", "at_utc")
"""A column of times; the second is what the tracer itself writes."""
_MISTAKEN = {
    "amount": "amount_raw, in the smallest unit",
    "value": "amount_raw, in the smallest unit",
    "time": "at",
    "timestamp": "at",
    "timestamp_utc": "at",
    "date": "at",
    "transaction": "tx",
    "tx_hash": "tx",
    "token": "asset",
    "contract": "asset",
}
"""Columns that would change what a seed means if they were passed over, and how they are to be called."""

_SUBJECTS = ("address_or_tx", "address", "seed", "tx")
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class SeedLine:
    """One seed of a list, at line `number` (1-based). `subject` is an address or the hash of a theft transaction.

    amount: smallest units; at: UTC seconds. None or "": the line does not say.
    """

    number: int
    subject: str
    text: str = ""
    chain: str = ""
    tx: str = ""
    asset: str = ""
    amount: int | None = None
    at: int | None = None
    theft: str = ""
    source: str = ""
    to: str = ""

    def or_else(self, common: SeedLine) -> SeedLine:
        """The line with the fields of `common` where it has none of its own."""
        empty = {f.name: getattr(common, f.name) for f in fields(self) if getattr(self, f.name) in {None, ""}}
        return replace(self, **empty)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that cannot be used: its number (1-based), its text, what is wrong and what to do."""

    number: int
    text: str
    error: TracerError


@dataclass(frozen=True, slots=True)
class SeedList:
    """What a list holds. ignored: the names of CSV columns that are not read."""

    lines: tuple[SeedLine, ...]
    refused: tuple[RefusedLine, ...] = ()
    ignored: tuple[str, ...] = ()


def read_seed_list(data: bytes | str, name: str = "the list of seeds") -> SeedList:
    """The seeds of a text, or of the bytes of a file (UTF-8, UTF-16 or Shift-JIS).

    A CSV is known by a column `address` (or `address_or_tx`, `seed`, `tx`) in its first line. Else each line is an
    address or a theft transaction, then, after a comma, tab or space, a note that becomes its source. Empty lines and
    lines that begin with # are left out. Raises FileError for bytes that are no text, or too many.
    """
    text = data if isinstance(data, str) else decoded(data, name)
    first = next(
        (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), ""
    )
    heads = [cell.strip().strip('"').lower() for cell in first.split(",")]
    subject = next((name for name in _SUBJECTS if name in heads), None)
    return _csv_list(text, subject) if subject else SeedList(tuple(_plain_lines(text)))


def when(text: str) -> int:
    """UTC seconds of a time as people write it: `2025-02-21T14:16:11Z`, with a zone, plain UTC, or Unix seconds.

    Raises InputError, also for parts of a second, which no block time has, and for a number that is no recent time.
    """
    word = text.strip()
    if re.search(r"[.,]\d*[1-9]", word) or (word.isdigit() and len(word) < 9):
        raise InputError(
            f"{shown(text)} is not a block time.", "Write UTC as 2025-02-21T14:16:11Z, or Unix seconds."
        )
    try:
        return utc_seconds(word)
    except TimeTextError as problem:
        raise InputError(f"The time {shown(text)} {problem.why}.", problem.hint) from None


def decoded(data: bytes, name: str) -> str:
    """The text of a file (UTF-8, UTF-16 or Shift-JIS). Raises FileError for bytes that are no text, or too many."""
    if not data:
        return ""
    encoding = find_encoding(data, name, _MOST_BYTES)
    with Utf8Stream(data, encoding) as stream:
        return b"".join(iter(stream.read, b"")).decode("utf-8")


def _plain_lines(text: str) -> list[SeedLine]:
    found: list[SeedLine] = []
    for number, line in enumerate(text.splitlines(), 1):
        # U+3000 is the space of Japanese keyboards
        parts = line.replace(",", " ").replace("\t", " ").replace("\u3000", " ").split(maxsplit=1)
        if parts and not parts[0].startswith("#"):
            note = parts[1].strip() if len(parts) > 1 else ""
            found.append(SeedLine(number, parts[0], text=line, source=note))
    return found


def _csv_list(text: str, subject: str) -> SeedList:
    reader = csv.reader(io.StringIO(text, newline=""))
    header: list[str] = []
    good: list[SeedLine] = []
    refused: list[RefusedLine] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if not header:
            header = [cell.strip().lower() for cell in cells]
            _refuse_mistaken(header)
            continue
        named = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        line = ",".join(cells)
        try:
            good.append(_line(reader.line_num, line, named, subject))
        except InputError as error:
            refused.append(RefusedLine(reader.line_num, line, error))
    ignored = tuple(name for name in header if name not in {*COLUMNS, *_TIMES, subject})
    return SeedList(tuple(good), tuple(refused), ignored)


def _refuse_mistaken(header: list[str]) -> None:
    """A seed whose amount or time is passed over would count everything that ever came in."""
    for name in header:
        if name in _MISTAKEN:
            raise FileError(
                f"The list of seeds has a column {shown(name)}, which is not read.",
                f"Call it {_MISTAKEN[name]}, or leave it out.",
            )


def _line(number: int, text: str, cells: dict[str, str], subject: str) -> SeedLine:
    wanted = cells.get(subject) or cells.get("tx", "")
    if not wanted:
        raise InputError("The line has no address.", "Give an address or a theft transaction.")
    return SeedLine(
        number,
        wanted,
        text=text,
        chain=cells.get("chain", ""),
        tx=cells.get("tx", "") if wanted != cells.get("tx") else "",
        asset=cells.get("asset", ""),
        amount=raw_amount(cells.get("amount_raw", "")),
        at=next((when(cells[name]) for name in _TIMES if cells.get(name)), None),
        theft=cells.get("theft", ""),
        source=cells.get("source", ""),
        to=cells.get("to", ""),
    )


def raw_amount(text: str) -> int | None:
    """An integer in the smallest unit; None for an empty text. Raises InputError."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 100):
        raise InputError(
            f"The amount_raw {shown(text)} is not an integer in the smallest unit.",
            "Write wei or sat, digits only: 10000000000000000000 for 10 ETH.",
        )
    return int(text)
