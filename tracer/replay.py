"""Compute a case again from its archive alone, as a court's expert would: nothing of the tables is believed.

Every imported file and every recorded answer is read from the archive (checked against its sha256), parsed anew into a
scratch workspace, and compared with what the workspace holds. The rebuilt case can be exported; an export made earlier
can be compared with it byte for byte. No network is needed, and the workspace is not written to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa

from tracer import evidence
from tracer.case import Case
from tracer.chains.adapter import Span
from tracer.chains.adapters import adapter_of
from tracer.chains.files import read_transfers
from tracer.collecting.asking import Recording, Replay
from tracer.collecting.fetch import draft_of, question_of
from tracer.collecting.manifest import Fetched
from tracer.errors import FileError, InputError, StoreError, TracerError, shown
from tracer.export.notes import MANIFEST
from tracer.loops import finish
from tracer.model import Gap
from tracer.store import Capture, Pin, Workspace
from tracer.store.casefile import CASE_FILE
from tracer.tracing import Progress

__all__ = ["Replayed", "compare_export", "replay"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One source of a case, rebuilt. problem: what is not as it was, "" if everything is."""

    name: str
    sha256: str
    rows: int
    problem: str = ""


@contextmanager
def replay(case: Case, progress: Progress | None = None) -> Iterator[tuple[list[Replayed], Case]]:
    """(what was rebuilt, the rebuilt case), for the length of the block. The rebuilt case is complete only if no
    source has a problem.
    """
    with TemporaryDirectory(prefix="tracer-replay-") as folder:
        home = Path(folder)
        settings = case.workspace.settings.model_copy(update={"home": home, "database_url": None})
        scratch = Workspace.open(home, settings)
        scratch.archive = case.workspace.archive  # read, and checked, but nothing new is written
        found = list(_rebuilt(case, scratch, progress))
        target = scratch.cases.folder(case.name)
        target.mkdir(mode=0o700, parents=True)
        shutil.copyfile(case.workspace.cases.folder(case.name) / CASE_FILE, target / CASE_FILE)
        yield found, _Rebuilt(scratch, case)


class _Rebuilt(Case):
    """A case on the rebuilt facts. Judgements are opinions, not facts: they are those of the original."""

    def __init__(self, workspace: Workspace, original: Case) -> None:
        super().__init__(workspace, original.name)
        self._original = original

    def judgements(self) -> pd.DataFrame:
        """The verdicts on record."""
        return self._original.judgements()


def _rebuilt(case: Case, scratch: Workspace, progress: Progress | None) -> Iterator[Replayed]:
    file, workspace = case.file, case.workspace
    entries = [e for e in evidence.collected(workspace, file) if e.capture]
    work: list[tuple[str, str, Callable[[], int]]] = [
        (pin.name, pin.sha256, partial(_import, workspace, scratch, pin)) for pin in file.captures
    ]
    work += [
        (f"{e.chain}:{e.address}", e.sha256, partial(_collected, workspace, scratch, e)) for e in entries
    ]
    for number, (name, sha256, rebuild) in enumerate(work):
        if progress:
            progress("replaying", number, len(work))
        try:
            yield Replayed(name, sha256, rebuild())
        except TracerError as error:
            yield Replayed(name, sha256, 0, str(error))
    if progress:
        progress("replaying", len(work), len(work))


def _kept(workspace: Workspace, key: str, sha256: str) -> Capture:
    with workspace.store.reader() as view:
        capture = view.capture(key=key)
    if capture is None:
        raise StoreError("The workspace does not say how it was read.", "Import or collect it again.")
    if capture.sha256 != sha256:
        raise StoreError(f"The case names the sha256 {sha256}, the workspace read {capture.sha256}.")
    return capture


def _import(workspace: Workspace, scratch: Workspace, pin: Pin) -> int:
    kept = _kept(workspace, pin.key, pin.sha256)
    if (kept.parser, kept.parser_version) != (evidence.PARSER, evidence.PARSER_VERSION):
        raise StoreError(f"It was read by {kept.parser} {kept.parser_version}, which this version is not.")
    with TemporaryDirectory(prefix="tracer-file-") as folder:
        path = Path(folder) / "source"
        workspace.archive.copy_to(pin.sha256, path)
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
                limits=evidence.limits(workspace.settings),
            )
        except FileError as error:
            raise StoreError(f"It cannot be read any more: {error.message}") from error
        made = evidence.keep(scratch, path, read, kept.mapping, partial=kept.partial, now=kept.fetched_at)
    return _same(workspace, scratch, kept, made)


def _collected(workspace: Workspace, scratch: Workspace, entry: Fetched) -> int:
    kept = _kept(workspace, entry.capture, entry.sha256)
    question = question_of(kept.mapping)
    adapter = adapter_of(question.endpoint)
    if adapter.name != f"{kept.parser} {kept.parser_version}":
        raise StoreError(f"It was read by {kept.parser} {kept.parser_version}, which this version is not.")
    bundle = workspace.archive.read(entry.sha256)
    recording = Recording(Replay(bundle, workspace.archive).ask)
    span = Span(question.first, question.last)
    told = finish(adapter.history(recording, question.address, span, question.most, inflows=question.inflows))
    again = recording.bundle()
    if again != bundle:
        raise StoreError("Reading it again rests on other answers than it did when it was collected.")
    draft = draft_of(question, adapter, told, again, kept.fetched_at)
    made, _ = scratch.keep(again, draft, told.table, told.gaps)
    return _same(workspace, scratch, kept, made)


def _same(workspace: Workspace, scratch: Workspace, kept: Capture, made: Capture) -> int:
    """The number of rows. Raises StoreError where the rebuilt capture is not the kept one."""
    if made.key != kept.key:
        raise StoreError("Reading it again gives something else: key or grade differ.")
    with workspace.store.reader() as old, scratch.store.reader() as new:
        before, after = old.movements([kept.id]), new.movements([made.id])
        told: tuple[list[Gap], list[Gap]] = (
            [g.gap for g in old.gaps([kept.id])],
            [g.gap for g in new.gaps([made.id])],
        )
    if not _plain(before).equals(_plain(after)):
        raise StoreError(
            f"The workspace holds {before.num_rows:,} rows of it, the archive {after.num_rows:,}, and they differ.",
            "The tables were changed: import or collect it again into a new workspace.",
        )
    if told[0] != told[1]:
        raise StoreError("The workspace holds other gaps of it than reading it again gives.")
    return int(after.num_rows)


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
    try:
        document = json.loads((earlier / MANIFEST).read_bytes())
        names = {str(entry["name"]) for entry in document["files"]} | {MANIFEST}
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(
            f"{shown(earlier)} holds no export of the tracer.", "Name the directory of one."
        ) from None
    names |= {path.name for path in now.iterdir()}
    return sorted(name for name in names if _digest(earlier / name) != _digest(now / name))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
