"""The values in a case file: everything the numbers of one case rest on. Frozen; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tracer.model import Conversion, Gap, Label, LinkRuling, Rule, Seed, Stop

__all__ = [
    "FORMAT",
    "CaseFile",
    "ChainHead",
    "ChainStop",
    "DeclaredConversion",
    "PackPin",
    "Pin",
    "Ruling",
    "Setting",
    "Target",
    "Verdict",
]

FORMAT = 1
"""The format of case.toml that this version writes. It changes only when an older tracer would misread the file."""

Setting = str | int | bool
"""What a threshold or pinned setting may be: never a float, whose text differs between systems."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A capture that the case rests on.

    sha256: of the raw bytes in the archive. key: tracer.store.Capture.key, the same in every workspace. name: what
    this case calls the file. imported_at: UTC seconds.
    """

    sha256: str
    key: str
    name: str
    imported_at: int


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Up to which block the case asks a chain: number, hash, UTC seconds.

    replaced: the hash that stood at that height when the chain was asked last, where it was another: what was collected
    belongs to a chain that was given up. None where it was the same.
    """

    chain: str
    block: int
    hash: str
    time: int
    replaced: str | None = None


@dataclass(frozen=True, slots=True)
class ChainStop:
    """Why the last collection did not go to the end of a chain: what its provider said."""

    chain: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An address (canonical) whose coin is traced back to where it came from."""

    chain: str
    address: str


@dataclass(frozen=True, slots=True)
class DeclaredConversion:
    """A declared conversion with its number in the case; times in UTC seconds. Withdrawn ones stay on record."""

    number: int
    conversion: Conversion
    declared_at: int
    withdrawn_at: int | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether it no longer counts."""
        return self.withdrawn_at is not None


@dataclass(frozen=True, slots=True)
class PackPin:
    """A label pack that the case rests on; one that was taken out stays on record.

    name: of the file. kind: csv, list, tagpack or ofac. sha256: of the file in the archive. labels: sha256 of what was
    read from it, in the archive too. parser: the reader that read it, and options how (`tracer.labels.reading`).
    count: labels, refused: entries that gave none. as_of: the day of the list. Times in UTC seconds.
    """

    name: str
    kind: str
    sha256: str
    labels: str
    parser: str
    count: int
    refused: int
    added_at: int
    options: str = ""
    as_of: int | None = None
    removed_at: int | None = None
    reason: str = ""


class Verdict(StrEnum):
    """What a ruling says about movements."""

    FOLLOW = "follow"
    """Follow the rows that the import left out of flows (zero amounts stay out: they carry nothing)."""
    LEAVE_OUT = "leave_out"
    """Leave the rows out of flows."""
    SEPARATE = "separate"
    """What one address paid and what it got in the transaction are unrelated: no conversion."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The analyst overrules what the tracer decides by default; withdrawn rulings stay on record.

    subject: a transaction hash, or a token contract (canonical). address: with `separate`, whose payment and receipt
    are unrelated; "" otherwise. Times in UTC seconds.
    """

    number: int
    verdict: Verdict
    chain: str
    subject: str
    address: str
    reason: str
    author: str
    made_at: int
    withdrawn_at: int | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether it no longer counts."""
        return self.withdrawn_at is not None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case. `rule` is the governing rule; `as_of` (UTC seconds) bounds the facts and is printed, None if unset.

    `revision` counts the changes of the file and is set by `Cases.update` alone. Captures stand in the order of
    their import, which is the order of files in the ledger. manifest: sha256 of the list of collected addresses
    (`tracer.collecting.manifest`) in the archive, "" if nothing was collected. heads: per chain, the block that the
    collection goes to. former: those that it went to before their chain gave them up and was read anew. exhausted: it
    ended because its budget was used up. targets: whose coin it traces back. halted: the chains whose provider
    stopped answering in the last collection. gaps: what is known to be missing, beside what the sources show.
    """

    name: str
    created_at: int
    rule: Rule
    as_of: int | None = None
    language: str = "en"
    revision: int = 1
    seeds: tuple[Seed, ...] = ()
    captures: tuple[Pin, ...] = ()
    stops: tuple[Stop, ...] = ()
    labels: tuple[Label, ...] = ()
    packs: tuple[PackPin, ...] = ()
    conversions: tuple[DeclaredConversion, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    link_rulings: tuple[LinkRuling, ...] = ()
    heads: tuple[ChainHead, ...] = ()
    former: tuple[ChainHead, ...] = ()
    targets: tuple[Target, ...] = ()
    halted: tuple[ChainStop, ...] = ()
    gaps: tuple[Gap, ...] = ()
    manifest: str = ""
    exhausted: bool = False
    thresholds: Mapping[str, Setting] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def next_conversion(self) -> int:
        """The number that the next declared conversion gets; numbers are never used twice."""
        return max((entry.number for entry in self.conversions), default=0) + 1

    @property
    def next_ruling(self) -> int:
        """The number that the next ruling gets; numbers are never used twice."""
        return max((ruling.number for ruling in self.rulings), default=0) + 1

    @property
    def next_link_ruling(self) -> int:
        """The number that the next ruling on a link gets; numbers are never used twice."""
        return max((ruling.number for ruling in self.link_rulings), default=0) + 1

    @property
    def standing_link_rulings(self) -> tuple[LinkRuling, ...]:
        """The rulings on links that were not withdrawn, in the order in which they were made."""
        return tuple(ruling for ruling in self.link_rulings if not ruling.withdrawn)

    @property
    def standing_packs(self) -> tuple[PackPin, ...]:
        """The label packs that were not taken out, in the order in which they came in."""
        return tuple(pin for pin in self.packs if pin.removed_at is None)

    @property
    def standing_rulings(self) -> tuple[Ruling, ...]:
        """The rulings that were not withdrawn, in the order in which they were made."""
        return tuple(ruling for ruling in self.rulings if not ruling.withdrawn)

    @property
    def standing_conversions(self) -> tuple[DeclaredConversion, ...]:
        """The declared conversions that were not withdrawn."""
        return tuple(entry for entry in self.conversions if not entry.withdrawn)
