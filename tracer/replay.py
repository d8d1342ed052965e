"""Compute a case again from its archive alone, as a court's expert would: nothing of the tables is believed.

Every imported file and every recorded answer is read from the archive (checked against its sha256), parsed anew into a
scratch workspace, and compared with what the workspace holds. The rebuilt case can be exported; an export made earlier
can be compared with it byte for byte. An evidence package is rebuilt in the same way, without any workspace. No network
is needed, and what is read is not written to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pyarrow as pa

from tracer import evidence
from tracer.case import Case
from tracer.chains.adapter import Span
from tracer.chains.adapters import adapter_of
from tracer.chains.files import read_transfers
from tracer.collecting.asking import Recording, Replay
from tracer.collecting.fetch import draft_of, question_of
from tracer.collecting.manifest import Fetched
from tracer.custody import Custody, Record
from tracer.errors import FileError, StoreError, TracerError
from tracer.export.notes import MANIFEST
from tracer.label_packs import reread
from tracer.loops import finish
from tracer.model import Gap, Judgement
from tracer.package import Package, open_package, sealed_names
from tracer.settings import Settings, read_settings
from tracer.store import Archive, Capture, CaseFile, Draft, Pin, Workspace
from tracer.store.casefile import CASE_FILE
from tracer.store.casetext import render
from tracer.tracing import Progress

__all__ = ["Replayed", "compare_export", "replay", "replay_package"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One source of a case, rebuilt. problem: what is not as it was, "" if everything is."""

    name: str
    sha256: str
    rows: int
    problem: str = ""


class _Original(Protocol):
    """Where a case is rebuilt from."""

    file: CaseFile
    archive: Archive

    def kept(self, key: str) -> Draft | None:
        """How the capture with this key was read."""
        ...

    def compare(self, kept: Draft, scratch: Workspace, made: Capture) -> None:
        """Raise StoreError where the original tells something else than what was made of it."""
        ...


@contextmanager
def replay(case: Case, progress: Progress | None = None) -> Iterator[tuple[list[Replayed], Case]]:
    """(what was rebuilt, the rebuilt case), for the length of the block. The rebuilt case is complete only if no
    source has a problem.
    """
    original = _Held(case.workspace, case.file)
    verdicts = case.verdicts()
    with _scratch(case.workspace.settings, original) as scratch:
        found = list(_rebuilt(original, scratch, progress))
        if not any(r.problem for r in found):
            _remember(scratch, Custody.of(case.workspace, original.file, verdicts).record)
        yield found, _Rebuilt(scratch, case.name, verdicts)


@contextmanager
def replay_package(
    directory: Path, progress: Progress | None = None
) -> Iterator[tuple[Package, list[Replayed], Case | None]]:
    """(the package, what was rebuilt of it, the rebuilt case), for the length of the block; no workspace is needed.

    The rebuilt case is None where something is so wrong that nothing can be computed. Raises InputError for a
    directory that is no package or that is refused.
    """
    with TemporaryDirectory(prefix="tracer-settings-") as nowhere:
        settings = read_settings(nowhere)
    package = open_package(directory, settings.max_upload_bytes)
    custody = package.custody
    if custody is None:
        yield package, [], None
        return
    original = _Handed(custody)
    with _scratch(settings, original) as scratch:
        found = list(_rebuilt(original, scratch, progress))
        _remember(scratch, custody.record)
        whole = not any(r.problem for r in found)
        rebuilt = _Rebuilt(scratch, custody.file.name, custody.record.judgements) if whole else None
        yield package, found, rebuilt


@contextmanager
def _scratch(settings: Settings, original: _Original) -> Iterator[Workspace]:
    """An empty workspace that holds the case file, on the archive of the original, to which nothing new is written."""
    with TemporaryDirectory(prefix="tracer-replay-") as folder:
        home = Path(folder)
        scratch = Workspace.open(home, settings.model_copy(update={"home": home, "database_url": None}))
        scratch.archive = original.archive
        target = scratch.cases.folder(original.file.name)
        target.mkdir(mode=0o700, parents=True)
        (target / CASE_FILE).write_text(render(original.file), encoding="utf-8")
        yield scratch


def _remember(scratch: Workspace, record: Record) -> None:
    """Who gave an answer and when is on record only: no answer says it."""
    with scratch.store.writer() as writer:
        for answer in record.answers:
            writer.add_answer(answer)


class _Rebuilt(Case):
    """A case on the rebuilt facts. Judgements are opinions, not facts: they are those of the original."""

    def __init__(self, workspace: Workspace, name: str, judgements: Sequence[Judgement]) -> None:
        super().__init__(workspace, name)
        self._judgements = judgements

    def verdicts(self) -> Sequence[Judgement]:
        """The judgements on record."""
        return self._judgements


class _Held:
    """A case in a workspace, whose tables are compared."""

    def __init__(self, workspace: Workspace, file: CaseFile) -> None:
        self.file, self.archive, self._workspace = file, workspace.archive, workspace

    def kept(self, key: str) -> Draft | None:
        """How the capture with this key was read."""
        with self._workspace.store.reader() as view:
            capture = view.capture(key=key)
        return None if capture is None else capture.draft

    def compare(self, kept: Draft, scratch: Workspace, made: Capture) -> None:
        """Raise StoreError where the workspace holds other rows or gaps."""
        with self._workspace.store.reader() as old, scratch.store.reader() as new:
            held = old.capture(key=kept.key)
            assert held is not None  # noqa: S101 - its key was found
            before, after = old.movements([held.id]), new.movements([made.id])
            told: tuple[list[Gap], list[Gap]] = (
                [g.gap for g in old.gaps([held.id])],
                [g.gap for g in new.gaps([made.id])],
            )
        if not _plain(before).equals(_plain(after)):
            raise StoreError(
                f"The workspace holds {before.num_rows:,} rows of it, the archive {after.num_rows:,}, and they differ.",
                "The tables were changed: import or collect it again into a new workspace.",
            )
        if told[0] != told[1]:
            raise StoreError("The workspace holds other gaps of it than reading it again gives.")


class _Handed:
    """A case in a package. It holds no tables of facts: the exported ones are compared afterwards."""

    def __init__(self, custody: Custody) -> None:
        self.file, self.archive, self._record = custody.file, custody.archive, custody.record

    def kept(self, key: str) -> Draft | None:
        """How the capture with this key was read."""
        return self._record.draft.get(key)

    def compare(self, kept: Draft, scratch: Workspace, made: Capture) -> None:
        """Nothing to compare with."""


def _rebuilt(original: _Original, scratch: Workspace, progress: Progress | None) -> Iterator[Replayed]:
    file = original.file
    entries = [e for e in evidence.collected(scratch, file) if e.capture]
    work: list[tuple[str, str, Callable[[], int]]] = [
        (pin.name, pin.sha256, partial(_import, original, scratch, pin)) for pin in file.captures
    ]
    work += [(pin.name, pin.sha256, partial(reread, original.archive, pin)) for pin in file.standing_packs]
    work += [(f"{e.chain}:{e.address}", e.sha256, partial(_collected, original, scratch, e)) for e in entries]
    for number, (name, sha256, rebuild) in enumerate(work):
        if progress:
            progress("replaying", number, len(work))
        try:
            yield Replayed(name, sha256, rebuild())
        except TracerError as error:
            yield Replayed(name, sha256, 0, str(error))
    if progress:
        progress("replaying", len(work), len(work))


def _kept(original: _Original, key: str, sha256: str) -> Draft:
    kept = original.kept(key)
    if kept is None:
        raise StoreError("Nothing says how it was read.", "Import or collect it again.")
    if kept.sha256 != sha256:
        raise StoreError(f"The case names the sha256 {sha256}, but {kept.sha256} was read.")
    return kept


def _import(original: _Original, scratch: Workspace, pin: Pin) -> int:
    kept = _kept(original, pin.key, pin.sha256)
    if (kept.parser, kept.parser_version) != (evidence.PARSER, evidence.PARSER_VERSION):
        raise StoreError(f"It was read by {kept.parser} {kept.parser_version}, which this version is not.")
    with TemporaryDirectory(prefix="tracer-file-") as folder:
        path = Path(folder) / "source"
        original.archive.copy_to(pin.sha256, path)
        mapping, chain = kept.mapping.get("mapping"), kept.mapping.get("chain")
        if not isinstance(mapping, dict) or not isinstance(chain, str):
            raise StoreError("How it was read is not understood.")
        try:
            read = read_transfers(
                path,
                chain=chain or None,
                mapping=mapping or None,
                partial=kept.partial,
                name=kept.name,
                limits=evidence.limits(scratch.settings),
            )
        except FileError as error:
            raise StoreError(f"It cannot be read any more: {error.message}") from error
        made = evidence.keep(scratch, path, read, kept.mapping, partial=kept.partial, now=kept.fetched_at)
    return _same(original, scratch, kept, made)


def _collected(original: _Original, scratch: Workspace, entry: Fetched) -> int:
    kept = _kept(original, entry.capture, entry.sha256)
    question = question_of(kept.mapping)
    adapter = adapter_of(question.endpoint)
    if adapter.name != f"{kept.parser} {kept.parser_version}":
        raise StoreError(f"It was read by {kept.parser} {kept.parser_version}, which this version is not.")
    bundle = original.archive.read(entry.sha256)
    recording = Recording(Replay(bundle, original.archive).ask)
    span = Span(question.first, question.last)
    told = finish(adapter.history(recording, question.address, span, question.most, inflows=question.inflows))
    again = recording.bundle()
    if again != bundle:
        raise StoreError("Reading it again rests on other answers than it did when it was collected.")
    said = (entry.transactions, entry.complete, entry.hub, entry.code)
    if (told.transactions, told.complete, told.hub, told.code) != said:
        raise StoreError("The list of histories says something else of it than its answers do.")
    if (*entry.account, entry.first, entry.last) != (
        adapter.chain,
        question.address,
        question.first,
        question.last,
    ):
        raise StoreError("The list of histories names it for another address or span.")
    draft = draft_of(question, adapter, told, again, kept.fetched_at)
    made, _ = scratch.keep(again, draft, told.table, told.gaps)
    return _same(original, scratch, kept, made)


def _same(original: _Original, scratch: Workspace, kept: Draft, made: Capture) -> int:
    """The number of rows. Raises StoreError where the rebuilt capture is not the kept one."""
    if made.key != kept.key:
        raise StoreError("Reading it again gives something else: key or grade differ.")
    original.compare(kept, scratch, made)
    return made.rows


def _plain(table: pa.Table) -> pa.Table:
    """The rows without the number of their capture and without the form of their dictionaries."""
    names = [name for name in table.column_names if name != "capture"]
    columns = [
        table[name].cast(pa.string())
        if pa.types.is_dictionary(table.schema.field(name).type)
        else table[name]
        for name in names
    ]
    return pa.table(columns, names=names)


def compare_export(earlier: Path, now: Path) -> list[str]:
    """The names of files that differ between two exports, or that one of them lacks. Raises InputError."""
    names = sealed_names(earlier) | {MANIFEST}
    names |= {path.relative_to(now).as_posix() for path in now.rglob("*") if path.is_file()}
    return sorted(name for name in names if _digest(earlier / name) != _digest(now / name))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
