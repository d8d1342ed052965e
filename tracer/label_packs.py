"""Which label packs a case rests on: kept in the archive with what was read from them, pinned by sha256.

A pack is two files of the archive: the bytes as they came, and the labels that were read from them
(`tracer.labels.pack`). A case names both, so neither a newer pack nor a newer reader changes it in silence. A new case
takes the packs that ship with the tracer on that day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from tracer.bundled import bundled_packs
from tracer.errors import InputError, NotFoundError, StoreError, shown
from tracer.labels.book import ANALYST
from tracer.labels.pack import Pack, pack_from, pack_text
from tracer.labels.reading import Reading, read_pack
from tracer.model import Label
from tracer.store import Archive, CaseFile, PackPin, Workspace

__all__ = [
    "as_if",
    "as_it_stood",
    "find_pack",
    "given_labels",
    "keep_bundled",
    "keep_pack",
    "labels_of",
    "pack_of",
    "reread",
]

_CACHED = 64
_DIGITS = 8
"""Of a sha256 that name a pack."""


def keep_pack(
    workspace: Workspace, data: bytes, name: str, reading: Reading, now: int
) -> tuple[PackPin, Pack]:
    """Read a label file and keep it: all of it or nothing. Raises FileError, InputError."""
    pack = read_pack(data, name, reading)
    pin = _kept(workspace.archive, data, name, reading, pack, now)
    with workspace.store.writer() as writer:
        writer.add_pack(pin)
    return pin, pack


def keep_bundled(workspace: Workspace, now: int) -> tuple[PackPin, ...]:
    """The packs that ship with this version, kept in the workspace."""
    pins = [
        _kept(workspace.archive, data, name, Reading("csv"), pack, now) for name, data, pack in _bundled()
    ]
    with workspace.store.writer() as writer:
        for pin in pins:
            writer.add_pack(pin)
    return tuple(pins)


@cache
def _bundled() -> tuple[tuple[str, bytes, Pack], ...]:
    """(name, bytes, what they say): they do not change while the program runs."""
    files = [(path.name, path.read_bytes()) for path in bundled_packs()]
    return tuple((name, data, read_pack(data, name, Reading("csv"))) for name, data in files)


def _kept(archive: Archive, data: bytes, name: str, reading: Reading, pack: Pack, now: int) -> PackPin:
    text, _ = pack_text(pack)
    return PackPin(
        name=name,
        kind=reading.kind,
        sha256=archive.put(data),
        labels=archive.put(text),
        parser=pack.parser,
        options=reading.text,
        count=len(pack.labels),
        refused=pack.refused,
        as_of=pack.as_of,
        added_at=now,
    )


def pack_of(archive: Archive, pin: PackPin) -> Pack:
    """What was read from a pack, as it was pinned. Raises NotFoundError, StoreError."""
    return _cached(archive.root, pin.labels, pin.name)


@lru_cache(maxsize=_CACHED)
def _cached(root: Path, sha256: str, name: str) -> Pack:
    """The bytes with this sha256 never change, so what they say need not be read twice."""
    return pack_from(Archive(root).read(sha256), name)


def labels_of(archive: Archive, file: CaseFile) -> list[Label]:
    """All labels of a case: those that its analyst gave, then those of its packs."""
    return [
        *given_labels(file),
        *(label for pin in file.standing_packs for label in pack_of(archive, pin).labels),
    ]


def given_labels(file: CaseFile) -> list[Label]:
    """The labels of the analyst, numbered from 1, those taken back too."""
    return [replace(label, source_type=ANALYST, number=n) for n, label in enumerate(file.labels, start=1)]


def as_it_stood(file: CaseFile, when: int) -> CaseFile:
    """The case with the labels and packs that it had at `when` (UTC seconds).

    Labels of before there were times count as given from the start.
    """

    def stands(began: int | None, ended: int | None) -> bool:
        return (began or 0) <= when and (ended is None or ended > when)

    return replace(
        file,
        labels=tuple(
            replace(x, withdrawn_at=None if stands(x.made_at, x.withdrawn_at) else when) for x in file.labels
        ),
        packs=tuple(replace(p, removed_at=None) for p in file.packs if stands(p.added_at, p.removed_at)),
    )


def as_if(
    file: CaseFile,
    known: Iterable[PackPin],
    add: Iterable[str],
    remove: Iterable[str],
    withdraw: Iterable[int],
    now: int,
) -> CaseFile:
    """The case as if packs were used or taken out, and labels of the analyst taken back. Raises NotFoundError."""
    known = list(known)
    packs = list(file.standing_packs)
    for word in remove:
        packs.remove(find_pack(packs, word))
    for word in add:
        pin = find_pack(known, word)
        packs = [*(p for p in packs if p.name != pin.name), pin]
    labels = list(file.labels)
    for number in withdraw:
        if not 1 <= number <= len(labels):
            raise NotFoundError(f"There is no label {number}.", "See `tracer label list CASE`.")
        labels[number - 1] = replace(labels[number - 1], withdrawn_at=now)
    return replace(file, labels=tuple(labels), packs=tuple(packs))


def reread(archive: Archive, pin: PackPin) -> int:
    """Read a pinned pack again from its raw bytes; the number of labels. Raises StoreError if they are not the same."""
    pack = read_pack(archive.read(pin.sha256), pin.name, Reading.from_text(pin.kind, pin.options))
    if pack.parser != pin.parser:
        raise StoreError(f"It was read by {pin.parser}, which this version is not.")
    if pack_text(pack)[1] != pin.labels:
        raise StoreError("Reading it again gives other labels.")
    return len(pack.labels)


def find_pack(pins: Iterable[PackPin], word: str) -> PackPin:
    """The pack called `word` (its ending may be left out), or whose sha256 begins with it (8 digits or more).

    Raises NotFoundError, InputError where several differ.
    """
    listed = {(pin.name, pin.sha256, pin.labels): pin for pin in pins}
    text = word.strip().casefold()
    found = [
        pin
        for pin in listed.values()
        if text in {pin.name.casefold(), pin.name.casefold().rpartition(".")[0]}
        or (len(text) >= _DIGITS and pin.sha256.startswith(text))
    ]
    if not found:
        known = ", ".join(sorted({pin.name for pin in listed.values()})[:20])
        raise NotFoundError(
            f"There is no label pack {shown(word)} here.",
            f"Packs: {known}." if known else "Import one first.",
        )
    if len(found) > 1:
        raise InputError(
            f"There are {len(found)} label packs {shown(word)}.",
            f"Name one by its sha256: {', '.join(sorted({pin.sha256 for pin in found}))}.",
        )
    return found[0]
