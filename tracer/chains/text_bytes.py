"""Bytes of a text file as UTF-8: what encoding it has, whether it is compressed, how large it really is.

Japanese Excel writes Shift-JIS (cp932), UTF-8 with a byte order mark, or UTF-16. The whole file is looked at before
anything is parsed, because a file that stops being UTF-8 in its last line must not be half imported. Nothing is
guessed: text that fits neither encoding is refused. The second reading hashes the very bytes that it delivers.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import zstandard

from tracer.errors import FileError, shown

__all__ = ["Encoding", "Utf8Stream", "beginning", "find_encoding", "open_plain"]

_CHUNK = 4 << 20
_BEGINNING = 4096
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAMES = {"utf-8": "UTF-8", "cp932": "Shift-JIS (cp932)", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_UNASSIGNED = frozenset("\x80\uf8f0\uf8f1\uf8f2\uf8f3")  # Python's reading of bytes that cp932 leaves free
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the text is written. `bom`: bytes to skip; `quotes`: whether any " occurs; `size`: bytes when unpacked."""

    name: str
    bom: int
    quotes: bool
    size: int

    @property
    def remark(self) -> str:
        """What the investigator should know about it; "" for plain UTF-8."""
        if self.name == "utf-8":
            return "The file begins with a byte order mark, which was skipped." if self.bom else ""
        return (
            f"The file is written in {_NAMES[self.name]} and was read as such: look at names and labels once."
        )


class _Hashing(io.RawIOBase):
    """A raw file that hashes what is read from it."""

    def __init__(self, raw: BinaryIO, *, hashing: bool) -> None:
        self._raw, self._hash, self.position = raw, sha256() if hashing else None, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._raw.read(len(view))
        view[: len(data)] = data
        if self._hash is not None:
            self._hash.update(data)
        self.position += len(data)
        return len(data)

    def rest(self) -> str:
        """Hash what a decompressor left unread, and give the hex digest of the whole file."""
        hashed = self._hash or sha256()
        while data := self._raw.read(_CHUNK):
            hashed.update(data)
        return hashed.hexdigest()

    def close(self) -> None:
        self._raw.close()
        super().close()


def _open_raw(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0)


def open_plain(source: Path | bytes, *, hashing: bool = True) -> tuple[BinaryIO, _Hashing]:
    """The unpacked bytes (gzip and zstd are recognised by their first bytes), and the hashing reader below them."""
    with _open_raw(source) as raw:
        magic = raw.read(4)
    reader = _Hashing(_open_raw(source), hashing=hashing)
    buffered: BinaryIO = io.BufferedReader(reader, _CHUNK)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=buffered), reader  # type: ignore[return-value]
    if magic.startswith(_ZSTD):
        return zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True), reader
    return buffered, reader


def find_encoding(source: Path | bytes, name: str, max_bytes: int) -> Encoding:
    """Read all of `source` once and say how it is written. Raises FileError for what is no text, or too large."""
    stream, reader = open_plain(source, hashing=False)
    with reader:
        try:
            return _examine(stream, name, max_bytes)
        except (EOFError, OSError, zstandard.ZstdError, zlib.error) as error:
            raise FileError(
                f"{shown(name)} cannot be unpacked ({type(error).__name__}).", "Copy or download it again."
            ) from error


def _examine(stream: BinaryIO, name: str, max_bytes: int) -> Encoding:
    chunk = stream.read(_CHUNK)
    bom, candidates = _candidates(chunk, name)
    alive = {c: codecs.getincrementaldecoder(c)("strict") for c in candidates}
    size, quotes, position = 0, 0, bom
    chunk = chunk[bom:]
    while chunk:
        size += len(chunk)
        if size > max_bytes:
            raise FileError(
                f"{shown(name)} is larger than the limit of {max_bytes:,} bytes (unpacked).",
                "Split it, for example by block range, and import the parts one after the other; "
                "or raise TRACER_MAX_UPLOAD_BYTES.",
            )
        plain = chunk.isascii() and "utf-8" in alive and not any(d.getstate()[0] for d in alive.values())
        if plain:
            quotes += chunk.count(b'"') if b'"' in chunk else 0
        else:
            quotes += _decode_all(alive, chunk, name, position)
        position += len(chunk)
        chunk = stream.read(_CHUNK)
    _decode_all(alive, b"", name, position, final=True)
    if quotes % 2:
        raise FileError(
            f'{shown(name)} has an opening quote (") that is never closed.',
            "The rows after it cannot be told apart: correct the quotes in the file.",
        )
    return Encoding(next(iter(alive)), bom, quotes > 0, size)


def _candidates(head: bytes, name: str) -> tuple[int, tuple[str, ...]]:
    if head.startswith(_UTF32):
        raise FileError(f"{shown(name)} is written in UTF-32.", "Save it as UTF-8 and import that.")
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return len(mark), (encoding,)
    if head.startswith(b"PK\x03\x04"):
        raise FileError(
            f"{shown(name)} is a zip archive or an Excel workbook.",
            "Unpack it, or save the sheet as CSV UTF-8, and import that.",
        )
    if head[:2048].count(0) * 20 > len(head[:2048]):  # a single NUL may stand in a hostile token symbol
        if len(head) > 3 and head[1] == 0 and head[0]:
            return 0, ("utf-16-le",)
        raise FileError(f"{shown(name)} is not a text file.", "Give a CSV, JSON lines or Parquet file.")
    if head[:256].lstrip()[:1] == b"<":
        raise FileError(
            f"{shown(name)} is a web page, not a table.",
            "Use the download button of the site, then import the file.",
        )
    return 0, ("utf-8", "cp932")


def _decode_all(
    alive: dict[str, codecs.IncrementalDecoder],
    chunk: bytes,
    name: str,
    position: int,
    *,
    final: bool = False,
) -> int:
    """Feed every decoder still alive, drop those that fail, and count quotes in the text. FileError if none is left."""
    text = ""
    failed: UnicodeDecodeError | None = None
    for encoding in list(alive):
        try:
            decoded = alive[encoding].decode(chunk, final)
            if encoding == "cp932" and not _UNASSIGNED.isdisjoint(decoded):
                raise UnicodeDecodeError(encoding, b"", 0, 0, "byte without a character")
        except UnicodeDecodeError as error:
            failed = failed or error
            del alive[encoding]
        else:
            text = text or decoded
    if not alive:
        place = position + (failed.start if failed else 0)
        raise FileError(
            f"{shown(name)} is neither UTF-8 nor Shift-JIS text (near byte {place:,}).",
            "Save it again as CSV UTF-8.",
        )
    return text.count('"')


def beginning(source: Path | bytes) -> bytes:
    """The first 4 KiB of a file, unpacked, without byte order mark and blanks in front, to tell what it holds.

    b"" where it cannot be read: whoever reads it next says what is wrong.
    """
    try:
        if isinstance(source, Path) and not source.is_file():
            return b""
        stream, reader = open_plain(source, hashing=False)
        with reader:
            return stream.read(_BEGINNING).lstrip(b"\xef\xbb\xbf \t\r\n")
    except (EOFError, OSError, ValueError, zlib.error, zstandard.ZstdError):
        return b""


class Utf8Stream(io.RawIOBase):
    """The text of `source` as UTF-8 bytes without a byte order mark; `sha256()` when it has been read to the end.

    `progress(read, total)` is called with bytes of the packed file.
    """

    def __init__(
        self, source: Path | bytes, encoding: Encoding, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._stream, self._hashing = open_plain(source)
        self._stream.read(encoding.bom)
        self._decoder = (
            None if encoding.name == "utf-8" else codecs.getincrementaldecoder(encoding.name)("strict")
        )
        self._waiting = b""
        self._progress = progress
        self._total = len(source) if isinstance(source, bytes) else source.stat().st_size

    def readable(self) -> bool:
        """True: pyarrow asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end."""
        wanted = _CHUNK if size is None or size < 0 else size
        if self._decoder is None:
            data = self._stream.read(wanted)
        else:
            while len(self._waiting) < wanted:
                chunk = self._stream.read(_CHUNK)
                self._waiting += self._decoder.decode(chunk, not chunk).encode("utf-8", "surrogatepass")
                if not chunk:
                    break
            data, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        if self._progress is not None:
            self._progress(self._hashing.position, self._total)
        return data

    def readinto(self, buffer: object) -> int:
        """The same into a buffer: io.BufferedReader asks."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def sha256(self) -> str:
        """Hex digest of the file as it was given (packed)."""
        return self._hashing.rest()

    def close(self) -> None:
        """Close the file."""
        self._hashing.close()
        super().close()
