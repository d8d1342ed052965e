"""Rows of text on their way to labels: every row becomes a label or a numbered problem, none is lost.

Text in a label list is written by strangers. It is kept as it is where it is printable; invisible, bidirectional and
control characters are shown as escapes, so that two names that look alike cannot differ unseen; text that no name
needs (thousands of characters) is refused. Markup has no meaning here: every face prints it as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracer.addresses import canonical
from tracer.chains.time_text import TimeTextError, utc_seconds
from tracer.eip55 import spell
from tracer.errors import InputError, shown, visible
from tracer.labels.networks import chain_of_network, checkable
from tracer.labels.pack import Problem
from tracer.model import Label

__all__ = ["COLUMNS", "SOURCE_TYPES", "Rows", "label_span", "label_time"]

COLUMNS = {
    "chain": "CAIP-2, a name such as ethereum, or eip155:* for every EVM chain",
    "address": "the address in full",
    "name": "what the source calls it",
    "entity": "who that is; sources that name different entities for an address are a conflict",
    "category": "exchange, custodian, swapper, service, mixer, bridge, deposit, dex, aggregator, token, theft, ...",
    "role": "what the address does: hot_wallet, reserve, deposit, router, vault, pool, theft, sanctioned, ...",
    "source": "public URL or citation",
    "source_type": "law_enforcement, sanctions, victim, protocol, investigator, heuristic, analyst or pack",
    "confidence": "0 to 100 (GraphSense TagPack scale)",
    "valid_from": "UTC day or time from which it holds",
    "valid_to": "UTC day or time from which it no longer holds",
    "listed": "UTC day of the entry in a list",
    "delisted": "UTC day on which the entry was lifted",
    "delisted_reason": "why it was lifted",
    "licence": "under which the fact is published",
    "seen": "UTC day on which the source was read",
}
"""The columns of a label CSV, and what stands in them."""

SOURCE_TYPES = (
    "law_enforcement",
    "sanctions",
    "victim",
    "protocol",
    "investigator",
    "heuristic",
    "analyst",
    "pack",
)
_TEXTS = ("name", "entity", "category", "role", "source", "delisted_reason", "licence")
_LONGEST = 1000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MIXED_EVM = re.compile(r"0x(?=[0-9a-fA-F]{40}$)(?=.*[a-f])(?=.*[A-F])")

Chain = Callable[[str, str], tuple[str, str]]
"""(what the list calls the network, address) -> (chain, remark)."""


def label_time(text: str) -> int | None:
    """UTC seconds of a day (its first moment) or a time; None for "". Raises InputError."""
    if not text:
        return None
    try:
        return utc_seconds(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except TimeTextError as error:
        raise InputError(f"{shown(text)} {error.why}", error.hint) from None


def label_span(first: str, end: str) -> tuple[int | None, int | None]:
    """UTC seconds from which (included) and to which (excluded) a label holds. Raises InputError if that is no time."""
    held = label_time(first), label_time(end)
    if held[0] is not None and held[1] is not None and held[0] >= held[1]:
        raise InputError(
            f"The label holds from {shown(first, 40)} to {shown(end, 40)}, which is no time.",
            "The end comes after the beginning; leave one empty where it is not known.",
        )
    return held


@dataclass
class Rows:
    """Collects rows, then makes labels. fixed: field -> text for rows that leave the field empty."""

    fixed: Mapping[str, str] = field(default_factory=dict)
    chain: Chain = chain_of_network
    _rows: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    _problems: list[Problem] = field(default_factory=list)

    def add(self, row: int, cells: Mapping[str, str]) -> None:
        """A row of text cells, by field (COLUMNS)."""
        self._rows.append((row, cells))

    def note(self, row: int, text: str, message: str, *, refused: bool) -> None:
        """Something that must be known about a row, or why it gave no label."""
        self._problems.append(Problem(row, visible(text[:_LONGEST]), visible(message), refused))

    def finish(self) -> tuple[tuple[Label, ...], tuple[Problem, ...]]:
        """Labels in the order of the rows, and the problems by row."""
        right = self._spelt()
        labels = []
        for row, cells in self._rows:
            address = cells.get("address", "")
            try:
                labels.append(self._label(row, cells, right))
            except InputError as error:
                self.note(row, address, error.message.removesuffix("."), refused=True)
        return tuple(labels), tuple(sorted(self._problems, key=lambda p: p.row))

    def _spelt(self) -> dict[str, str]:
        """Mixed-case EVM addresses whose checksum is right -> lower case; all at once, because one by one is slow."""
        mixed = sorted({a for _, cells in self._rows if _MIXED_EVM.match(a := cells.get("address", ""))})
        spelt = zip(mixed, spell([a.lower() for a in mixed]), strict=True)
        return {given: right.lower() for given, right in spelt if given == right}

    def _label(self, row: int, cells: Mapping[str, str], right: Mapping[str, str]) -> Label:
        told = {name: cells.get(name, "").strip() or self.fixed.get(name, "") for name in COLUMNS}
        address = told["address"]
        chain, remark = self.chain(told["chain"], address)
        known = canonical(checkable(chain), right.get(address, address))
        if not told["name"]:
            raise InputError("it has no name")
        texts = {name: self._text(row, address, name, told[name]) for name in _TEXTS}
        source_type = told["source_type"].casefold() or "pack"
        if source_type not in SOURCE_TYPES:
            raise InputError(f"the source type {shown(source_type, 40)} is none of {', '.join(SOURCE_TYPES)}")
        held = label_span(told["valid_from"], told["valid_to"])
        made = Label(
            chain=chain,
            address=known,
            name=texts["name"],
            entity=texts["entity"],
            category=texts["category"].casefold(),
            role=texts["role"].casefold(),
            source=texts["source"],
            delisted_reason=texts["delisted_reason"],
            licence=texts["licence"],
            source_type=source_type,
            confidence=_confidence(told["confidence"]),
            valid_from=held[0],
            valid_to=held[1],
            listed_at=label_time(told["listed"]),
            delisted_at=label_time(told["delisted"]),
            seen_at=label_time(told["seen"]),
        )
        if remark:
            self.note(row, address, remark, refused=False)
        return made

    def _text(self, row: int, address: str, name: str, text: str) -> str:
        if len(text) > _LONGEST:
            raise InputError(f"its {name} has {len(text):,} characters; {_LONGEST:,} are read")
        plain = visible(text)
        if plain != text:
            self.note(row, address, f"its {name} holds invisible characters: {plain}", refused=False)
        return plain


def _confidence(text: str) -> int:
    if not text:
        return 5  # "unknown" on the TagPack scale: it names and stops nothing
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 100:
        raise InputError(f"the confidence {shown(text, 20)} is no whole number from 0 to 100")
    return int(text)
