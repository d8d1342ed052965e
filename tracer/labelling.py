"""The labels of a case: the analyst's own, which may be taken back, and the label packs that the case rests on.

Nothing is deleted: a label that was taken back and a pack that was taken out stay in the case file, with the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from tracer import label_packs
from tracer.addresses import canonical, chain_id, parse_account
from tracer.errors import FileError, InputError, NotFoundError, shown
from tracer.grounds import of_case
from tracer.labels.book import ANALYST, ANY_EVM
from tracer.labels.pack import Problem
from tracer.labels.reading import Reading, kind_of
from tracer.labels.rows import label_span
from tracer.labels.text_packs import MOST_BYTES
from tracer.model import Label
from tracer.opinions import Opinions
from tracer.results import frame
from tracer.store import Workspace
from tracer.store.caserecords import CaseFile, PackPin
from tracer.times import utc_text

__all__ = ["LabelImport", "Labelling", "read_labels"]


@dataclass(frozen=True, slots=True)
class LabelImport:
    """What reading a label file did. pin: how a case names the pack. problems: everything that must be known."""

    pin: PackPin
    problems: tuple[Problem, ...]

    @property
    def notes(self) -> int:
        """Labels that were made and about which something must be known."""
        return len(self.problems) - self.pin.refused


class Labelling(Opinions):
    """The labels of one case in a workspace."""

    def label(
        self,
        address: str,
        name: str,
        chain: str = "eip155:1",
        category: str = "",
        confidence: int = 50,
        source: str = "",
        *,
        entity: str = "",
        role: str = "",
        author: str = "",
        valid_from: str = "",
        valid_to: str = "",
    ) -> int:
        """Say who controls an address; returns the number of the label in the case.

        Categories exchange, custodian, swapper, service, deposit, mixer and bridge stop the tracing there. chain:
        `eip155:*` for every EVM chain. valid_from, valid_to: UTC days or times. Raises AddressError, InputError.
        """
        if not 0 <= confidence <= 100:
            raise InputError("A confidence lies between 0 and 100.", "50 and more stops the tracing.")
        if not name.strip():
            raise InputError("A label needs a name.", "Say who controls the address.")
        place, known = _account(address, chain)
        made = Label(
            place,
            known,
            name,
            category.strip(),
            confidence,
            source,
            *label_span(valid_from, valid_to),
            entity=entity.strip(),
            role=role.strip(),
            author=author,
            made_at=self._now(),
        )
        found: list[int] = []

        def change(file: CaseFile) -> CaseFile:
            same = [n for n, x in enumerate(file.labels, 1) if _same(x, made)]
            found[:] = same or [len(file.labels) + 1]
            return file if same else replace(file, labels=(*file.labels, made))

        self.update(change)
        return found[0]

    def withdraw_label(self, number: int) -> None:
        """Take a label of the analyst back; it stays on record. Raises NotFoundError."""

        def change(file: CaseFile) -> CaseFile:
            if not 1 <= number <= len(file.labels) or file.labels[number - 1].withdrawn_at is not None:
                raise NotFoundError(
                    f"There is no label {number} to withdraw.", "See `tracer label list CASE`."
                )
            gone = replace(file.labels[number - 1], withdrawn_at=self._now())
            return replace(file, labels=(*file.labels[: number - 1], gone, *file.labels[number:]))

        self.update(change)

    # Packs

    def import_labels(
        self,
        path: str | Path | bytes,
        kind: str | None = None,
        *,
        mapping: Mapping[str, str] | None = None,
        fixed: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> LabelImport:
        """`read_labels`, and the case rests on the pack from now on; it takes the place of one of the same name."""
        done = read_labels(self.workspace, self._now(), path, kind, mapping=mapping, fixed=fixed, name=name)
        self._use(done.pin)
        return done

    def use_pack(self, pack: str) -> PackPin:
        """Let the case rest on a pack that the workspace or this version of the tracer has; by name or sha256.

        It takes the place of a pack of the same name. Raises NotFoundError.
        """
        return self._use(label_packs.find_pack(self.known_packs(), pack))

    def _use(self, pin: PackPin) -> PackPin:
        now = self._now()
        new = replace(pin, added_at=now)

        def change(file: CaseFile) -> CaseFile:
            if any(
                (p.sha256, p.labels, p.name) == (pin.sha256, pin.labels, pin.name)
                for p in file.standing_packs
            ):
                return file
            kept = (
                replace(p, removed_at=now, reason=f"replaced by {pin.sha256}")
                if p.removed_at is None and p.name == pin.name
                else p
                for p in file.packs
            )
            return replace(file, packs=(*kept, new))

        self.update(change)
        return new

    def drop_pack(self, pack: str, reason: str) -> PackPin:
        """Take a pack out of the case, by name or sha256, with a reason that is kept. Raises NotFoundError."""
        if not reason.strip():
            raise InputError("Taking a pack out needs a reason.", "Say why: --reason TEXT.")
        gone: list[PackPin] = []

        def change(file: CaseFile) -> CaseFile:
            pin = label_packs.find_pack(file.standing_packs, pack)
            gone[:] = [replace(pin, removed_at=self._now(), reason=reason.strip())]
            return replace(file, packs=tuple(gone[0] if p == pin else p for p in file.packs))

        self.update(change)
        return gone[0]

    def known_packs(self) -> list[PackPin]:
        """Every pack that the case could rest on: those of the workspace, then those of this version."""
        bundled = label_packs.keep_bundled(self.workspace, self._now())
        with self.workspace.store.reader() as view:
            known = view.packs()
        return [
            *(p for p in known if (p.name, p.sha256) not in {(b.name, b.sha256) for b in bundled}),
            *bundled,
        ]

    @of_case
    def packs(self, *, everything: bool = False) -> pd.DataFrame:
        """The label packs of the case, those that were taken out marked; everything: also those it could use."""
        file = self.file
        listed = [(pin, "used" if pin.removed_at is None else "taken out") for pin in file.packs]
        if everything:
            used = {(pin.name, pin.sha256, pin.labels) for pin in file.standing_packs}
            names = {pin.name for pin in file.standing_packs}
            listed += [
                (pin, "other version" if pin.name in names else "not used")
                for pin in self.known_packs()
                if (pin.name, pin.sha256, pin.labels) not in used
            ]
        rows = [
            (pin.name, state, pin.kind, utc_text(pin.as_of), pin.count, pin.refused, pin.sha256, pin.labels)
            + (pin.parser, pin.options, utc_text(pin.added_at), utc_text(pin.removed_at), pin.reason)
            for pin, state in listed
        ]
        columns = ["name", "state", "kind", "as_of_utc", "labels", "refused", "sha256", "labels_sha256"]
        return frame(rows, [*columns, "parser", "options", "added_utc", "removed_utc", "reason"])

    @of_case
    def pack_problems(self, pack: str) -> pd.DataFrame:
        """What must be known about the entries of a pack, by row of its file. Raises NotFoundError."""
        pin = label_packs.find_pack([*self.known_packs(), *self.file.packs], pack)
        found = label_packs.pack_of(self.workspace.archive, pin).problems
        rows = [(p.row, "refused" if p.refused else "noted", p.text, p.message) for p in found]
        return frame(rows, ["row", "status", "text", "message"])


def read_labels(
    workspace: Workspace,
    now: int,
    path: str | Path | bytes,
    kind: str | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    fixed: Mapping[str, str] | None = None,
    name: str | None = None,
) -> LabelImport:
    """Read a label file into a workspace; no case rests on it yet (`Case.use_pack`).

    kind: csv, list, tagpack or ofac (None: recognised). mapping: our column -> the column of a CSV; fixed: our column
    -> text where the file says nothing (docs/labels.md). Raises FileError, InputError.
    """
    data, called = _read(path, name)
    reading = Reading(kind or kind_of(data, called), dict(mapping or {}), dict(fixed or {}))
    pin, pack = label_packs.keep_pack(workspace, data, called, reading, now)
    return LabelImport(pin, pack.problems)


def _account(address: str, chain: str) -> tuple[str, str]:
    if chain.strip().casefold() in {"evm", ANY_EVM}:
        return ANY_EVM, canonical("eip155:1", address.strip())
    return parse_account(address, chain_id(chain))


def _same(kept: Label, made: Label) -> bool:
    """Whether a standing label says the same, whoever said it and when."""
    return kept.withdrawn_at is None and replace(
        kept, author=made.author, made_at=made.made_at, source_type=ANALYST
    ) == replace(made, source_type=ANALYST)


def _read(path: str | Path | bytes, name: str | None) -> tuple[bytes, str]:
    if isinstance(path, bytes):
        return path, name or "labels"
    source = Path(path)
    try:
        if source.stat().st_size > MOST_BYTES:
            raise FileError(f"{shown(source)} is larger than {MOST_BYTES >> 20} MB.", "Split it.")
        return source.read_bytes(), name or source.name
    except OSError as error:
        raise FileError(
            f"{shown(source, 1000)} cannot be read ({error.strerror}).", "Check its name and rights."
        ) from None
