"""Label files that are plain text: CSV with a header, and lists of one address a line.

A CSV has the columns of `tracer.labels.rows.COLUMNS`, under these names or mapped to them; what the tracer itself
exports (`labels.csv`) is read back. A list states nothing but addresses: who says what about them is given along.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

from tracer.chains.csv_guard import unguard
from tracer.chains.text_bytes import Utf8Stream, find_encoding
from tracer.errors import FileError, shown
from tracer.labels.networks import chain_of_ticker
from tracer.labels.pack import Pack
from tracer.labels.rows import COLUMNS, Rows, label_time

__all__ = ["MOST_BYTES", "decoded", "read_csv", "read_list"]

MOST_BYTES = 256 * 2**20
_CSV, _LIST = "csv 1", "list 1"
_SPELLINGS = {
    "account": "address",
    "network": "chain",
    "label": "name",
    "tag": "name",
    "nametag": "name",
    "owner": "entity",
    "actor": "entity",
    "license": "licence",
    "url": "source",
    "valid_from_utc": "valid_from",
    "valid_to_utc": "valid_to",
    "listed_utc": "listed",
    "delisted_utc": "delisted",
    "seen_utc": "seen",
}
"""Other names of a column."""
_OFAC_LIST = re.compile(r"sanctioned_addresses_([A-Z]{2,5})\.txt")
"""Files of github.com/0xB10C/ofac-sanctioned-digital-currency-addresses: one ticker each."""


def decoded(data: bytes, name: str) -> str:
    """The text of a file in UTF-8, UTF-16 or Shift-JIS. Raises FileError."""
    if not data:
        raise FileError(f"{shown(name)} is empty.", "Copy or download it again.")
    encoding = find_encoding(data, name, MOST_BYTES)
    with Utf8Stream(data, encoding) as stream:
        return b"".join(iter(stream.read, b"")).decode("utf-8")


def read_csv(data: bytes, name: str, mapping: Mapping[str, str], fixed: Mapping[str, str]) -> Pack:
    """The labels of a CSV. mapping: our column -> its column. fixed: what it does not say. Raises FileError."""
    text = decoded(data, name)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = Rows(fixed)
    try:
        header = [cell.strip() for cell in next(reader)]
        where = _columns(header, name, mapping, fixed)
        withdrawn = header.index("withdrawn") if "withdrawn" in header else None
        for cells in reader:
            if len(cells) == len(header) and withdrawn is not None and cells[withdrawn] == "true":
                rows.note(reader.line_num, delimiter.join(cells), "its analyst took it back", refused=True)
            elif len(cells) == len(header):
                rows.add(reader.line_num, {ours: unguard(cells[n].strip()) for ours, n in where.items()})
            elif any(cell.strip() for cell in cells):
                message = f"the row has {len(cells)} cells, the header {len(header)}"
                rows.note(reader.line_num, delimiter.join(cells), message, refused=True)
    except csv.Error as error:
        raise FileError(
            f"{shown(name)}, line {reader.line_num}: no CSV ({error}). Nothing was imported."
        ) from None
    labels, problems = rows.finish()
    return Pack(name, _CSV, labels, problems, _as_of(fixed))


def read_list(data: bytes, name: str, fixed: Mapping[str, str]) -> Pack:
    """The labels of a list of addresses. Lines that begin with # and empty ones are left out. Raises FileError.

    A file called `sanctioned_addresses_ETH.txt` is known: addresses of OFAC's list under that ticker. It names no
    party and no date, so what is known of both must be given along.
    """
    ofac = _OFAC_LIST.fullmatch(name)
    known = dict(fixed)
    if ofac:
        ticker = ofac[1]
        known = {
            "name": f"OFAC SDN list, Digital Currency Address - {ticker}",
            "category": "sanctioned",
            "role": "sanctioned",
            "source_type": "sanctions",
            "confidence": "60",
            "source": "OFAC SDN list, as copied by github.com/0xB10C/ofac-sanctioned-digital-currency-addresses",
        } | known
    rows = Rows(known, (lambda _, address: chain_of_ticker(ticker, address)) if ofac else Rows.chain)
    if not known.get("name"):
        raise FileError(
            f"{shown(name)} is a list of addresses that does not say what they are.",
            "Say it: --set name=TEXT, and --set category=WORD --set source=URL.",
        )
    for number, line in enumerate(decoded(data, name).splitlines(), 1):
        word = line.split("#", 1)[0].strip()
        if word:
            rows.add(number, {"address": word})
    labels, problems = rows.finish()
    return Pack(name, _LIST, labels, problems, _as_of(known))


def _as_of(fixed: Mapping[str, str]) -> int | None:
    return label_time(fixed.get("seen", ""))


def _columns(
    header: list[str], name: str, mapping: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, int]:
    """Our column -> where it stands."""
    lower = [cell.lower() for cell in header]
    where: dict[str, int] = {}
    for n, cell in enumerate(lower):
        ours = cell if cell in COLUMNS else _SPELLINGS.get(cell)
        if ours is not None:
            where.setdefault(ours, n)
    for ours, theirs in mapping.items():
        if theirs not in header:
            raise FileError(
                f"{shown(name)} has no column {shown(theirs)}.",
                f"Its columns: {', '.join(shown(h, 40) for h in header[:20])}.",
            )
        where[ours] = header.index(theirs)
    for needed in ("address", "name"):
        if needed not in where and not fixed.get(needed):
            raise FileError(
                f"{shown(name)} has no column {needed}.",
                f"Map one: --map {needed}=COLUMN. Its columns: {', '.join(shown(h, 40) for h in header[:20])}.",
            )
    return where
