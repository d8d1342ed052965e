"""The chain of custody: from the case file down to every raw answer and file that its numbers rest on, by sha256.

The case file names each imported file and one list of histories; a line of that list names a list of answers; a line
of that names a question and the answer to it. Whoever changes anything below breaks the sha256 above it. What stands
beside this chain is the `Record`: how each capture was read, who gave an answer and when, and the judgements.
"""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import pandas as pd

from tracer.collecting.asking import read_bundle
from tracer.collecting.manifest import Fetched, read_manifest
from tracer.errors import StoreError
from tracer.export.evidence import CASE, RECORD, Attachment, member
from tracer.model import Judgement
from tracer.results import frame
from tracer.store import Answered, Archive, CaseFile, Draft, View, Workspace
from tracer.store.casetext import render
from tracer.times import utc_text

__all__ = ["ANSWER", "Custody", "Exhibit", "Record", "exhibits", "exhibits_of", "read_record", "record_of"]

FILE, HISTORIES, HISTORY, ANSWER = "file", "histories", "history", "answer"
PACK, LABELS = "label_pack", "labels"

_LATEST = 253_402_300_799
"""UTC seconds at the end of the year 9999, the last that has a text; sizes in bytes are smaller still."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Bytes in the archive that a case rests on.

    part: file (imported), label_pack (a file of labels), labels (what was read from it), histories (the list of
    them), history (the list of answers of one), answer. source: what tables call it, "" for the list of histories.
    chain, address: whose history. question: as it was asked, of an answer only. capture: key of the capture, "" where
    it is none.
    """

    part: str
    source: str
    chain: str
    address: str
    question: str
    sha256: str
    capture: str = ""

    @property
    def asked(self) -> tuple[str, str]:
        """(key of the question, sha256 of the answer), by which the record knows an answer."""
        return hashlib.sha256(self.question.encode()).hexdigest(), self.sha256


def exhibits(archive: Archive, file: CaseFile) -> list[Exhibit]:
    """All of a case, in the order of the case file. Raises NotFoundError, StoreError where the chain is broken."""
    found = [Exhibit(FILE, pin.name, "", "", "", pin.sha256, pin.key) for pin in file.captures]
    for pack in file.standing_packs:
        found.append(Exhibit(PACK, pack.name, "", "", "", pack.sha256))
        found.append(Exhibit(LABELS, pack.name, "", "", "", pack.labels))
    if not file.manifest:
        return found
    found.append(Exhibit(HISTORIES, "", "", "", "", file.manifest))
    for entry in read_manifest(archive.read(file.manifest)):
        if entry.capture:
            found += exhibits_of(archive, entry)
    return found


def exhibits_of(archive: Archive, entry: Fetched) -> list[Exhibit]:
    """Those of one history: its list of answers, then the answers. Raises NotFoundError, StoreError."""
    whose = (entry.name, *entry.account)
    answers = read_bundle(archive.read(entry.sha256))
    listed = Exhibit(HISTORY, *whose, "", entry.sha256, entry.capture)
    return [listed, *(Exhibit(ANSWER, *whose, question, sha256) for question, sha256 in answers.items())]


@dataclass(frozen=True)
class Record:
    """What a workspace recorded beside the chain. captures: how each was read; answers: who gave it and when."""

    captures: tuple[Draft, ...]
    answers: tuple[Answered, ...]
    judgements: tuple[Judgement, ...]

    @cached_property
    def draft(self) -> Mapping[str, Draft]:
        """Captures by key."""
        return {draft.key: draft for draft in self.captures}

    @cached_property
    def answered(self) -> Mapping[tuple[str, str], Answered]:
        """Answers by (key of the question, sha256)."""
        return {(a.key, a.sha256): a for a in self.answers}

    @property
    def text(self) -> str:
        """As canonical JSON."""
        document = {
            f.name: [asdict(cast("Any", part)) for part in getattr(self, f.name)] for f in fields(self)
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def record_of(view: View, parts: Iterable[Exhibit], judgements: Iterable[Judgement]) -> Record:
    """What the workspace recorded of these exhibits. Of several equal answers to a question the first counts."""
    parts = list(parts)
    asked = {part.asked for part in parts if part.part == ANSWER}
    first: dict[tuple[str, str], Answered] = {}
    for answer in view.answers(key for key, _ in asked):
        first.setdefault((answer.key, answer.sha256), answer)
    kept = view.captures_by_key(part.capture for part in parts if part.capture)
    return Record(
        tuple(kept[key].draft for key in sorted(kept)),
        tuple(first[pair] for pair in sorted(asked & first.keys())),
        tuple(judgements),
    )


def read_record(data: bytes) -> Record:
    """The record in `data`. Raises StoreError for bytes that `Record.text` did not give."""
    try:
        document = json.loads(data)
        made = Record(
            tuple(_part(Draft, raw) for raw in document["captures"]),
            tuple(_part(Answered, raw) for raw in document["answers"]),
            tuple(_part(Judgement, raw) for raw in document["judgements"]),
        )
        if made.text.encode() != data:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StoreError("The record of a case is damaged.", "Take the package from a backup.") from None
    return made


def _part(kind: type[_Part], raw: Mapping[str, object]) -> _Part:
    for name, hint in get_type_hints(kind).items():
        options = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        wanted = tuple(get_origin(option) or option for option in options)
        value = raw[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise TypeError(name)
        if isinstance(value, int) and not 0 <= value <= _LATEST:
            raise ValueError(name)
    return kind(**raw)


@dataclass(frozen=True)
class Custody:
    """What a case rests on: its case file, the exhibits that follow from it, and the record beside them."""

    archive: Archive
    file: CaseFile
    exhibits: tuple[Exhibit, ...]
    record: Record

    @classmethod
    def of(cls, workspace: Workspace, file: CaseFile, judgements: Iterable[Judgement]) -> Custody:
        """Of a case in a workspace. Raises NotFoundError, StoreError where the chain is broken."""
        found = tuple(exhibits(workspace.archive, file))
        with workspace.store.reader() as view:
            return cls(workspace.archive, file, found, record_of(view, found, judgements))

    def frame(self, display: Callable[[str, str], str]) -> pd.DataFrame:
        """evidence.csv: one row per exhibit; who gave it, when, and its size where that is on record."""
        rows = []
        for part in self.exhibits:
            provider, when, size = "", None, None
            if part.part == ANSWER:
                answer = self.record.answered.get(part.asked)
                if answer is not None:
                    provider, when, size = answer.provider, answer.fetched_at, answer.size
            elif part.part in {HISTORIES, PACK, LABELS}:
                size = len(self.archive.read(part.sha256))
            elif part.capture in self.record.draft:
                draft = self.record.draft[part.capture]
                when, size = draft.fetched_at, draft.size
            rows.append(
                (part.part, part.source, part.chain, display(part.chain, part.address), part.question)
                + (provider, part.sha256, utc_text(when), size)
            )
        columns = ["part", "source", "chain", "address", "question", "provider", "sha256"]
        return frame(rows, [*columns, "fetched_at_utc", "size"])

    def attachments(self) -> dict[str, Attachment]:
        """The files of the folder `evidence` of an export, by name."""
        found: dict[str, Attachment] = {
            CASE: lambda out: out.write(render(self.file).encode()),
            RECORD: lambda out: out.write(self.record.text.encode()),
        }
        for sha256 in sorted({part.sha256 for part in self.exhibits}):
            found[member(sha256)] = partial(self.archive.copy_packed, sha256)
        return found
