"""Writes a freeze sheet: the request in English and Japanese, its tables, and a manifest with their sums.

A sheet for one addressee never replaces that of another: a request that goes to the wrong exchange tells it what
another one holds. The same case gives the same bytes, also as a zip archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tracer.errors import InputError, shown
from tracer.export.columns import Column, ColumnKind, Layout
from tracer.export.csv_text import write_rows
from tracer.export.endpoints import ENDPOINT_TRANSFERS, ENDPOINTS
from tracer.export.files import write_text
from tracer.export.letter import letter
from tracer.export.notes import as_of_text
from tracer.export.sheet import FreezeSheet
from tracer.wording import LANGUAGES, words

__all__ = ["FREEZE_MANIFEST", "freeze_zip", "write_freeze"]

FREEZE_MANIFEST = "freeze_manifest.json"
_OTHERS = Column(
    "other_sources_name",
    ColumnKind.TEXT,
    "",
    "Other parties that labels in force name for this address, joined by ;. Empty: no source disagrees.",
)
_PLACE = ENDPOINTS.names.index("label_source") + 1
_ADDRESSES = replace(
    ENDPOINTS,
    file="freeze_addresses.csv",
    columns=(*ENDPOINTS.columns[:_PLACE], _OTHERS, *ENDPOINTS.columns[_PLACE:]),
)
_TRANSACTIONS = replace(ENDPOINT_TRANSFERS, file="freeze_transactions.csv")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry of the archive: the earliest that the format knows."""


def write_freeze(directory: Path, sheet: FreezeSheet) -> list[Path]:
    """Write the sheet to `directory` (made if missing, mode 0700). Raises InputError if it holds another's sheet."""
    _prepare(directory, sheet)
    return [write_text(directory / name, text).path for name, text in _files(sheet)]


def freeze_zip(sheet: FreezeSheet) -> bytes:
    """The same files as a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(sheet):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, text.encode("utf-8", errors="backslashreplace"))
    return out.getvalue()


def _files(sheet: FreezeSheet) -> Iterator[tuple[str, str]]:
    """(name, text) of every file; the manifest comes last."""
    files = [(f"freeze_request_{code}.html", letter(sheet, words(code))) for code in LANGUAGES]
    files += [
        (_ADDRESSES.file, _csv(_ADDRESSES, sheet.addresses)),
        (_TRANSACTIONS.file, _csv(_TRANSACTIONS, sheet.transfers)),
    ]
    yield from files
    yield FREEZE_MANIFEST, _manifest(sheet, files)


def _csv(layout: Layout, frame: pd.DataFrame) -> str:
    out = io.StringIO()
    write_rows(out, layout, frame)
    return out.getvalue()


def _manifest(sheet: FreezeSheet, files: list[tuple[str, str]]) -> str:
    pins = sheet.pins
    content = {
        "addressee": sheet.addressee,
        "as_of_utc": None if pins.as_of is None else as_of_text(pins.as_of),
        "case": pins.case,
        "code_version": pins.version,
        "files": [
            {
                "name": name,
                "sha256": hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest(),
            }
            for name, text in files
        ],
        "inputs": [{"name": entry.name, "sha256": entry.sha256} for entry in pins.inputs],
        "rule": pins.rule,
    }
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _prepare(directory: Path, sheet: FreezeSheet) -> None:
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{shown(directory)} is a file, not a directory.", "Name a directory for the sheet.")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{shown(directory)} cannot be made: {error.strerror}.", "Name another place."
        ) from None
    manifest = directory / FREEZE_MANIFEST
    if not manifest.exists():
        return
    try:
        earlier = json.loads(manifest.read_bytes())
        owner = (earlier["case"], earlier["addressee"])
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"{shown(manifest)} is not of the tracer.", "Choose an empty directory.") from None
    if owner != (sheet.pins.case, sheet.addressee):
        raise InputError(
            f"{shown(directory)} holds the freeze sheet for {shown(owner[1])}, case {shown(owner[0])}.",
            "Choose another directory: a sheet goes to one addressee only.",
        )
    manifest.unlink()  # without its seal nobody takes a half-replaced sheet for a whole one
