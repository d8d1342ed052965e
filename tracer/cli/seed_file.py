"""Reads a list of seeds: one address or transaction a line, or a CSV with a header. Pure: text in, rows out.

A list is taken whole or not at all, and every line that cannot be used is named at once: who pastes 51 addresses
wants to hear of all wrong ones, not of the first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from tracer.cli.options import seconds
from tracer.errors import FileError, InputError, shown

__all__ = ["COLUMNS", "SeedLine", "read_seed_lines"]

COLUMNS = ("address", "chain", "tx", "asset", "amount_raw", "at", "theft", "source", "to")
"""Columns of a seed CSV that the tracer reads; only `address` is needed, others are ignored with a word about it."""

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class SeedLine:
    """One seed of a list. `subject` is an address or a transaction hash; None: the common option applies."""

    number: int
    subject: str
    chain: str | None = None
    tx: str | None = None
    asset: str | None = None
    amount: int | None = None
    at: int | None = None
    theft: str | None = None
    source: str | None = None
    to: str | None = None


def read_seed_lines(text: str, check: Callable[[SeedLine], None]) -> tuple[list[SeedLine], list[str]]:
    """The seeds of a list and the names of CSV columns that are not read.

    Lines that are empty or begin with # are left out. `check` raises InputError for a line that cannot be used; all
    such lines are collected into one FileError.
    """
    rows, ignored = _csv_rows(text) if _has_header(text) else (_plain_rows(text), [])
    good: list[SeedLine] = []
    problems: list[str] = []
    for number, cells in rows:
        try:
            seed = _seed_line(number, cells)
            check(seed)
        except InputError as problem:
            problems.append(f"line {number}: {problem.message}")
        else:
            good.append(seed)
    if problems:
        more = len(problems) - _SHOWN_PROBLEMS
        tail = [f"and {more:,} more"] if more > 0 else []
        raise FileError(
            f"{len(problems):,} of {len(problems) + len(good):,} lines cannot be used: "
            + "; ".join(problems[:_SHOWN_PROBLEMS] + tail),
            "Correct these lines and give the file again: no seed was added.",
        )
    if not good:
        raise FileError(
            "The list of seeds is empty.", "Write one address a line, or a CSV with a column `address`."
        )
    return good, ignored


def _has_header(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return "address" in [cell.strip().lower() for cell in first.split(",")]


def _plain_rows(text: str) -> list[tuple[int, dict[str, str]]]:
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, {"address": line}) for number, line in lines if line and not line.startswith("#")]


def _csv_rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    header: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
            continue
        if not header:
            header = [cell.strip().lower() for cell in cells]
            continue
        named = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name in COLUMNS}
        rows.append((reader.line_num, named))
    return rows, [name for name in header if name not in COLUMNS]


def _seed_line(number: int, cells: dict[str, str]) -> SeedLine:
    subject = cells.get("address") or cells.get("tx", "")
    if not subject:
        raise InputError("no address.")
    return SeedLine(
        number=number,
        subject=subject,
        chain=cells.get("chain") or None,
        tx=(cells.get("tx") or None) if cells.get("address") else None,
        asset=cells.get("asset") or None,
        amount=_integer(cells.get("amount_raw") or None),
        at=seconds(cells.get("at") or None),
        theft=cells.get("theft") or None,
        source=cells.get("source") or None,
        to=cells.get("to") or None,
    )


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"amount_raw {shown(text)} is not an integer in the smallest unit.")
    return int(text)
