"""The archive: raw bytes of every imported file and answer, found by their sha256, kept for the court.

`archive/ab/cdef....zst`: the first two hex digits of the sha256 of the *raw* bytes, then the rest. Written once,
whole or not at all, and checked against its name on every read, so damaged evidence is never used silently.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from tracer.errors import FileError, NotFoundError, StoreError, shown
from tracer.store.files import file_errors, make_folder, replace_file

__all__ = ["Archive", "is_sha256"]

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(value: object) -> bool:
    """Whether it is the text of a sha256: 64 digits 0-9a-f."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


class Archive:
    """Content-addressed files under `root`.

    most: how many raw bytes a file may hold, by its sha256; given where the files come from somebody else, so that a
    small packed file cannot fill memory or disk.
    """

    def __init__(self, root: Path, most: Callable[[str], int] | None = None) -> None:
        self.root = root
        self._most = most

    def path(self, sha256: str) -> Path:
        """Where the bytes with this sha256 stand or would stand."""
        if not is_sha256(sha256):
            raise NotFoundError(f"{shown(sha256)} is not a sha256.", "It has 64 digits 0-9a-f.")
        return self.root / sha256[:2] / f"{sha256[2:]}.zst"

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def put(self, source: bytes | Path) -> str:
        """Keep the bytes, or the content of the file `source` (any size, block by block); returns their sha256.

        What is there already is checked, and written again when it is damaged.
        """
        try:
            raw: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        except OSError as error:
            raise FileError(
                f"The file {shown(source, 1000)} cannot be read ({error.strerror}).",
                "Check its name and rights.",
            ) from error
        with raw, file_errors():
            digest = hashlib.sha256()
            while block := raw.read(_BLOCK):
                digest.update(block)
            sha256 = digest.hexdigest()
            target = self.path(sha256)
            if target.exists() and self._intact(sha256):
                return sha256
            raw.seek(0)
            make_folder(target.parent)
            replace_file(target, lambda out: _compress(raw, out, sha256))
        return sha256

    def blocks(self, sha256: str) -> Iterator[bytes]:
        """The raw bytes in blocks. The check comes with the end: use them only after the last block.

        Raises NotFoundError when they are not kept, StoreError when they are damaged.
        """
        target = self.path(sha256)
        digest, size = hashlib.sha256(), 0
        most = None if self._most is None else self._most(sha256)
        try:
            with target.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
                while block := reader.read(_BLOCK):
                    size += len(block)
                    if most is not None and size > most:
                        raise StoreError(
                            f"The archived file with sha256 {sha256} holds more than the {most:,} bytes it may hold.",
                            "It is not what it says it is: do not use it.",
                        )
                    digest.update(block)
                    yield block
        except FileNotFoundError:
            raise NotFoundError(
                f"The archive does not hold the file with sha256 {sha256}.", "Import it again."
            ) from None
        except zstandard.ZstdError as error:
            raise _damaged(sha256, target) from error
        except OSError as error:
            raise StoreError(
                f"The archive file {shown(target)} cannot be read ({error.strerror})."
            ) from error
        if digest.hexdigest() != sha256:
            raise _damaged(sha256, target)

    def read(self, sha256: str) -> bytes:
        """The raw bytes, checked."""
        return b"".join(self.blocks(sha256))

    def copy_to(self, sha256: str, path: Path) -> None:
        """Write the checked raw bytes to `path` (mode 0600), or leave it as it was."""

        def write(out: BinaryIO) -> None:
            out.writelines(self.blocks(sha256))

        with file_errors():
            replace_file(path, write)

    def copy_packed(self, sha256: str, out: BinaryIO) -> None:
        """Write the file as it is packed to `out`, its content checked before. Raises NotFoundError, StoreError."""
        self.verify(sha256)
        with file_errors(), self.path(sha256).open("rb") as file:
            shutil.copyfileobj(file, out, _BLOCK)

    def verify(self, sha256: str) -> None:
        """Read all of it and check it. Raises NotFoundError, StoreError."""
        for _ in self.blocks(sha256):
            pass

    def names(self) -> list[str]:
        """The sha256 of everything that is kept, sorted."""
        found = (path.parent.name + path.stem for path in self.root.glob("??/*.zst"))
        return sorted(filter(is_sha256, found))

    def _intact(self, sha256: str) -> bool:
        try:
            self.verify(sha256)
        except StoreError:
            return False
        return True


def _compress(raw: BinaryIO, out: BinaryIO, sha256: str) -> None:
    digest = hashlib.sha256()
    # level 1: transfer tables are mostly hashes, which level 3 packs no smaller and three times slower
    with zstandard.ZstdCompressor(level=1).stream_writer(out, closefd=False) as packed:
        while block := raw.read(_BLOCK):
            digest.update(block)
            packed.write(block)
    if digest.hexdigest() != sha256:
        raise StoreError(
            "The file changed while it was read.", "Close the program that writes it and import again."
        )


def _damaged(sha256: str, path: Path) -> StoreError:
    return StoreError(
        f"The archived file with sha256 {sha256} is damaged: its content no longer has that sha256.",
        f"Restore {shown(path)} from a backup, or import the original file again.",
    )
