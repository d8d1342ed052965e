"""Puts a file in place as a whole or not at all, readable by its owner only, and says what it wrote.

A half-written CSV that looks complete is the worst export there is, so the bytes go to a temporary file beside the
target, reach the disk, and are renamed over it. Nothing here knows what is in the file.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import pandas as pd

from tracer.errors import InputError, shown
from tracer.export.columns import Layout
from tracer.export.csv_text import write_rows

__all__ = ["Written", "check_target", "place", "write_bytes", "write_csv", "write_text"]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is in place: its path, sha256 (hex), size in bytes, and data rows (None if it is no table)."""

    path: Path
    sha256: str
    size: int
    rows: int | None


def check_target(path: Path) -> None:
    """Refuse (InputError) a path that cannot become a file; asked before long work, so that none is done in vain."""
    if path.is_dir():
        raise InputError(f"{shown(path)} is a directory, not a file.", "Name a file, e.g. taint.csv in it.")
    if not path.parent.is_dir():
        raise InputError(f"The folder of {shown(path)} does not exist.", "Create it or name another.")


@contextmanager
def place(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears at `path` (mode 0600) when the block ends well, and leaves nothing when it fails.

    The folder of `path` must exist. Raises InputError when `path` cannot be written.
    """
    check_target(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(
            f"{shown(path)} cannot be written: {error.strerror}.", "Name another place."
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class _Counted(io.RawIOBase):
    """Passes bytes on and keeps their hash and number, so that a file is not read again to be hashed."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        block = bytes(memoryview(data))  # type: ignore[arg-type]
        self.hash.update(block)
        self.size += len(block)
        self._out.write(block)
        return len(block)


@contextmanager
def _text_over(counted: _Counted) -> Iterator[TextIO]:
    buffer = io.BufferedWriter(counted, 1 << 20)
    # a lone surrogate has no UTF-8 form: it is written as \udcxx instead of failing the export of everything else
    text = io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", newline="")
    try:
        yield text
    finally:
        text.detach()  # flushes; closing is left to `place`
        buffer.detach()


def write_csv(path: Path, layout: Layout, frame: pd.DataFrame) -> Written:
    """`frame` as the CSV file that `layout` describes, at `path`."""
    with place(path) as out:
        counted = _Counted(out)
        with _text_over(counted) as text:
            rows = write_rows(text, layout, frame)
    return Written(path, counted.hash.hexdigest(), counted.size, rows)


def write_bytes(path: Path, write: Callable[[BinaryIO], object]) -> Written:
    """What `write` writes as the file at `path`."""
    with place(path) as out:
        counted = _Counted(out)
        write(counted)  # type: ignore[arg-type]
    return Written(path, counted.hash.hexdigest(), counted.size, None)


def write_text(path: Path, text: str) -> Written:
    """`text` as a UTF-8 file at `path`."""
    data = text.encode("utf-8", errors="backslashreplace")
    with place(path) as out:
        out.write(data)
    return Written(path, hashlib.sha256(data).hexdigest(), len(data), None)
