"""The evidence in an export: evidence.csv lists every exhibit; the folder `evidence` holds them and the case itself.

    evidence/case.toml      the case file: seeds, opinions, and what it pins
    evidence/record.json    how each capture was read, who gave an answer and when, judgements
    evidence/archive/       raw answers and files by sha256, as the workspace keeps them (zstd)

Names are made here and recognised here; nothing else is ever written, believed or removed below that folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["ARCHIVE", "CASE", "EVIDENCE", "FOLDER", "RECORD", "Attachment", "is_ours", "member"]

FOLDER = "evidence"
CASE, RECORD, ARCHIVE = f"{FOLDER}/case.toml", f"{FOLDER}/record.json", f"{FOLDER}/archive"

_OURS = re.compile(rf"{FOLDER}/(case\.toml|record\.json|archive/[0-9a-f]{{2}}/[0-9a-f]{{62}}\.zst)")

Attachment = Callable[[BinaryIO], object]
"""Writes a file of the evidence."""

_T = ColumnKind.TEXT

EVIDENCE = Layout(
    "evidence.csv",
    "An exhibit: bytes that the numbers rest on. An answer stands here once for every history that rests on it.",
    (
        Column(
            "part",
            _T,
            "",
            "file: imported; label_pack: a file of labels; labels: what was read from it; histories: the list of"
            " collected histories; history: the list of answers that one of them rests on; answer: what a provider"
            " said.",
        ),
        Column("source", _T, "", "What it belongs to: source_name in transfers.csv; empty: the whole case."),
        Column("chain", _T, "CAIP-2", "The chain of the history."),
        Column("address", _T, "", "Whose history, in full."),
        Column(
            "question",
            _T,
            "",
            "What was asked, in full and without any key: base URL, path, parameters and body as JSON.",
        ),
        Column("provider", _T, "", "Who answered, by the name in providers.toml."),
        Column("sha256", _T, "", "Of the raw bytes; their file is evidence/archive/AB/REST.zst."),
        Column("fetched_at_utc", ColumnKind.TIME, "UTC", "When it was answered, read or imported first."),
        Column("size", ColumnKind.NUMBER, "bytes", "Of the raw bytes."),
    ),
)


def member(sha256: str) -> str:
    """The name of the file that holds the bytes with this sha256."""
    return f"{ARCHIVE}/{sha256[:2]}/{sha256[2:]}.zst"


def is_ours(name: str) -> bool:
    """Whether a name (with `/`, from the directory of the export on) is one of the evidence."""
    return _OURS.fullmatch(name) is not None
