"""Pasted or uploaded seeds, line by line: what went in, and for every line that did not, why. No line is lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracer.errors import TracerError

__all__ = ["Refused", "add_lines", "lines_of_csv", "lines_of_text"]

_FIELDS = ("chain", "tx", "asset", "amount_raw", "at", "theft", "source", "to")
_NAMES = ("address_or_tx", "address", "seed", "tx")


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that was not added: its number (1-based), its text, what is wrong and what to do."""

    number: int
    text: str
    message: str
    hint: str


Line = tuple[int, str, Mapping[str, str]]
"""(line number, the line as it was given, its fields: `seed` and any of chain, tx, asset, amount_raw, at, ...)."""


def lines_of_text(text: str) -> list[Line]:
    """One seed a line: an address or a theft transaction, then (after a comma, tab or space) a note on its source.

    Empty lines and lines that begin with # are skipped.
    """
    found: list[Line] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.replace(",", " ").replace("\t", " ").replace("\u3000", " ").strip().split(maxsplit=1)
        if parts and not parts[0].startswith("#"):
            found.append(
                (number, line, {"seed": parts[0], "source": parts[1].strip() if len(parts) > 1 else ""})
            )
    return found


def lines_of_csv(data: bytes) -> list[Line]:
    """Seeds from a CSV with a column `address` (or `address_or_tx`, `tx`) and optional columns, else one a line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp932", errors="replace")
    rows = csv.DictReader(io.StringIO(text))
    heads = [str(h).strip().lower() for h in rows.fieldnames or ()]
    name = next((n for n in _NAMES if n in heads), None)
    if name is None:
        return lines_of_text(text)
    found: list[Line] = []
    for row in rows:
        low = {str(k).strip().lower(): str(v or "").strip() for k, v in row.items() if k is not None}
        if not any(low.values()):
            continue
        fields = {f: low[f] for f in _FIELDS if low.get(f) and f != name}
        found.append(
            (rows.line_num, ",".join(str(v or "") for v in low.values()), {"seed": low[name], **fields})
        )
    return found


def add_lines(lines: list[Line], add: Callable[..., object], **common: object) -> tuple[int, list[Refused]]:
    """Add each line with `add(seed, **fields)`; `common` fields apply where a line has none of its own.

    Returns how many went in, and the refused lines.
    """
    done = 0
    refused: list[Refused] = []
    for number, text, fields in lines:
        own: dict[str, object] = {k: v for k, v in fields.items() if k not in {"seed", "amount_raw"} and v}
        try:
            if fields.get("amount_raw"):
                own["amount"] = _amount(fields["amount_raw"])
            add(fields["seed"], **{**{k: v for k, v in common.items() if v not in (None, "")}, **own})
            done += 1
        except TracerError as error:
            refused.append(Refused(number, text, error.message, error.hint))
        except ValueError as error:
            refused.append(Refused(number, text, str(error), ""))
    return done, refused


def _amount(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"amount_raw {text[:40]!r} is not a whole number of smallest units")
    return int(text)
