"""An evidence package as somebody hands it over: opened without believing anything in it.

Whatever is not as it was sealed is a problem with a name: a file that is missing, changed or too many, an exhibit that
the case does not rest on, or one that is not what its list says. Names inside a package are compared, never followed:
only plain files of the directory itself are read, links are refused, and nothing is unpacked beyond the size that the
package itself states. Nothing is written, and nothing outside of the directory is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.custody import ANSWER, Custody, Exhibit, Record, exhibits, read_record
from tracer.errors import InputError, NotFoundError, StoreError, TracerError, shown
from tracer.export import FORMATS
from tracer.export.evidence import ARCHIVE, CASE, EVIDENCE, FOLDER, RECORD, is_ours, member
from tracer.export.notes import MANIFEST, README
from tracer.store import Archive, CaseFile
from tracer.store.casetext import parse

__all__ = ["Package", "formats_in", "open_package", "sealed_names"]

_TABLES = {layout.file: name for name, layout in FORMATS.items()}
_LARGEST_TEXT = 1 << 30
"""Bytes of a manifest, case file or record."""
_LARGEST_ANSWER = 1 << 28
"""Raw bytes of an answer or a list; the transport takes answers of a quarter of that."""

_HINT = "Name the directory of an export that was made with --evidence."


@dataclass(frozen=True)
class Package:
    """seal: sha256 of its manifest. version: the code that made it. problems: (what, why). strangers: files beside it
    that belong to nothing. custody: what the case rests on, None where a problem says that it cannot be read.
    """

    directory: Path
    seal: str
    version: str
    problems: tuple[tuple[str, str], ...]
    strangers: tuple[str, ...]
    custody: Custody | None


def open_package(directory: Path, most: int) -> Package:
    """Open and check a package. most: raw bytes that an imported file may have.

    Raises InputError where there is none, or where it holds links or names of another shape than an export gives.
    """
    files = _plain_files(directory)
    if MANIFEST not in files or CASE not in files:
        raise InputError(f"{shown(directory)} holds no evidence package.", _HINT)
    manifest = _text(files[MANIFEST])
    sealed, version = _sealed(manifest, directory)
    problems = list(_unsealed(files, sealed))
    strangers = tuple(name for name in sorted(files) if name not in sealed and name != MANIFEST)
    ours = {name for name in strangers if name.startswith(f"{FOLDER}/") or name in _TABLES}
    problems += [(name, "it is not in manifest.json") for name in sorted(ours)]
    custody, told = _custody(directory, files, most)
    return Package(
        directory,
        hashlib.sha256(manifest).hexdigest(),
        version,
        (*problems, *told),
        tuple(name for name in strangers if name not in ours),
        custody,
    )


def sealed_names(directory: Path) -> set[str]:
    """The names of files that the manifest of an export lists. Raises InputError where there is none."""
    try:
        return {str(entry["name"]) for entry in json.loads((directory / MANIFEST).read_bytes())["files"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise InputError(
            f"{shown(directory)} holds no export of the tracer.", "Name the directory of one."
        ) from None


def formats_in(directory: Path) -> tuple[list[str], bool]:
    """(format names, whether with the evidence) of an export. Raises InputError where there is none."""
    names = sealed_names(directory)
    return [_TABLES[name] for name in sorted(names & _TABLES.keys())], EVIDENCE.file in names


def _plain_files(directory: Path) -> dict[str, Path]:
    """Every file by its name from the directory on; only the folder of the evidence is looked into."""
    if not directory.is_dir():
        raise InputError(f"{shown(directory)} is not a directory.", _HINT)
    found: dict[str, Path] = {}
    waiting = [directory]
    while waiting:
        for entry in sorted(os.scandir(waiting.pop()), key=lambda e: e.name):
            path = Path(entry.path)
            name = path.relative_to(directory).as_posix()
            mode = entry.stat(follow_symlinks=False).st_mode
            inside = name.split("/")[0] == FOLDER
            if stat.S_ISREG(mode):
                found[name] = path
            elif inside and stat.S_ISDIR(mode):
                waiting.append(path)
            elif inside or name in {MANIFEST, README, EVIDENCE.file, *_TABLES}:
                raise InputError(
                    f"{shown(path)} is a link or no plain file: it is refused.",
                    "Copy the package as it was made.",
                )
    return found


def _text(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_TEXT:
        raise InputError(f"{shown(path)} is larger than any honest one.", _HINT)
    return path.read_bytes()


def _sealed(manifest: bytes, directory: Path) -> tuple[dict[str, tuple[str, int]], str]:
    """(sha256 and size by name, code version) as the manifest states them."""
    try:
        document = json.loads(manifest)
        listed = {str(e["name"]): (str(e["sha256"]), int(e["size"])) for e in document["files"]}
        version = str(document["code_version"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InputError(f"{shown(directory / MANIFEST)} is no manifest of the tracer.", _HINT) from None
    for name in listed:
        if name not in {README, EVIDENCE.file, *_TABLES} and not is_ours(name):
            raise InputError(
                f"{shown(directory / MANIFEST)} names {shown(name)}, which no export holds: it is refused.",
                _HINT,
            )
    return listed, version


def _unsealed(files: dict[str, Path], sealed: dict[str, tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Files that are not as the manifest says."""
    for name, (sha256, size) in sorted(sealed.items()):
        if name not in files:
            yield name, "it is missing"
        elif files[name].stat().st_size != size or _digest(files[name]) != sha256:
            yield name, "it was changed: it is not what manifest.json seals"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _custody(
    directory: Path, files: dict[str, Path], most: int
) -> tuple[Custody | None, list[tuple[str, str]]]:
    """The chain of custody from the case file down, and where it does not hold."""
    try:
        where = CASE
        file = parse(_text(files[CASE]).decode(), CASE)
        where = RECORD
        record = read_record(_text(files[RECORD]) if RECORD in files else b"")
    except UnicodeDecodeError:
        return None, [(CASE, "it is no text")]
    except TracerError as error:
        return None, [(where, error.message)]
    archive = Archive(directory / ARCHIVE, _Bounds(file, record, most))
    try:
        found = tuple(exhibits(archive, file))
    except (NotFoundError, StoreError) as error:
        return None, [(CASE, error.message)]
    known = {member(part.sha256) for part in found}
    problems = [
        (name, "the case does not rest on it")
        for name in sorted(files)
        if name.startswith(f"{ARCHIVE}/") and name not in known
    ]
    sizes = {}
    for sha256 in dict.fromkeys(part.sha256 for part in found):
        try:
            sizes[sha256] = sum(map(len, archive.blocks(sha256)))
        except TracerError as error:
            problems.append((member(sha256), error.message))
    problems += [
        (RECORD, why)
        for part in found
        if part.sha256 in sizes
        for why in _wrong(record, part, sizes[part.sha256])
    ]
    return Custody(archive, file, found, record), problems


class _Bounds:
    """How many raw bytes a file of the archive may hold: what the record states, up to what its part may have."""

    def __init__(self, file: CaseFile, record: Record, most: int) -> None:
        self._imported = {pin.sha256 for pin in file.captures}
        self._stated = {a.sha256: a.size for a in record.answers} | {
            d.sha256: d.size for d in record.captures
        }
        self._most = most

    def __call__(self, sha256: str) -> int:
        most = self._most if sha256 in self._imported else _LARGEST_ANSWER
        return min(most, self._stated.get(sha256, most))


def _wrong(record: Record, part: Exhibit, size: int) -> Iterator[str]:
    """What the record leaves out of an exhibit, or says otherwise."""
    stated: int | None = size
    if part.part == ANSWER:
        answer = record.answered.get(part.asked)
        stated = None if answer is None else answer.size
    elif part.capture:
        stated = record.draft[part.capture].size if part.capture in record.draft else None
    if stated is None:
        yield f"it does not say how {shown(part.source)} was read, or who gave {part.sha256}"
    elif stated != size:
        yield f"it gives {part.sha256} {stated:,} bytes, and it has {size:,}"
