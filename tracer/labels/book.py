"""LabelBook: all labels of a case, found by address; sources that disagree stay visible.

Nothing is merged away: an address keeps every label that was given to it. One of them names it on the screen (the
analyst's own first, then the most confident, what is inferred last), and an address that is said to belong to
different parties is a conflict, whatever the confidences are. A label that was taken off its list, or is not valid at
the book's `as_of`, is listed with its dates and has no other effect.

Public lists disagree in earnest: 0xf1dA173228fcf015F43f3eA15aBBB51f0d8f1123 is eXch by the service's own statement,
and FixedFloat, ChangeNOW or StealthEX in three code lists. Taking one of them in silence is how a freeze request goes
to the wrong company.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tracer.addresses import is_evm
from tracer.labels.stopping import stop_code
from tracer.model import Label, StopCode

__all__ = [
    "ANALYST",
    "ANY_EVM",
    "HEURISTIC",
    "SANCTIONED",
    "Conflict",
    "LabelBook",
    "entity_key",
    "inferred_name",
    "party_name",
]

ANY_EVM = "eip155:*"
"""The chain of a label that applies on every EVM chain, where one key controls the same address."""

SANCTIONED = "sanctioned"
"""The category of entries of sanctions lists."""

ANALYST = "analyst"
"""The source type of the labels that were given in the case itself; they name an address before all others."""

HEURISTIC = "heuristic"
"""The source type of labels that were inferred from behaviour; every label that a source states comes before them."""

_SERVICES = frozenset({StopCode.SERVICE, StopCode.MIXER, StopCode.BRIDGE})
_NUMBERED = re.compile(r"(?<=\S)(?::.*|[\s#_-]+\d+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An address that labels in force give to different parties; the label that names it comes first."""

    chain: str
    address: str
    labels: tuple[Label, ...]

    @property
    def entities(self) -> tuple[str, ...]:
        """The parties, each once, in the order of the labels."""
        found: dict[str, str] = {}
        for label in self.labels:
            found.setdefault(entity_key(label), label.who)
        return tuple(found.values())


class LabelBook:
    """Labels by address. as_of: UTC seconds at which labels must hold to have an effect, None for today's word."""

    def __init__(self, labels: Iterable[Label], as_of: int | None = None) -> None:
        self.as_of = as_of
        self._kept: dict[tuple[str, str], list[Label]] = {}
        for label in labels:
            if label.withdrawn_at is None:
                self._kept.setdefault((label.chain, label.address), []).append(label)
        self._ranked: dict[tuple[str, str], tuple[Label, ...]] = {}

    def at(self, as_of: int | None) -> LabelBook:
        """The same labels at another time."""
        return LabelBook((label for group in self._kept.values() for label in group), as_of)

    def plus(self, more: Iterable[Label]) -> LabelBook:
        """The same book with more labels."""
        return LabelBook([*(label for group in self._kept.values() for label in group), *more], self.as_of)

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """The labelled (chain, address), sorted; chain `eip155:*` for labels of every EVM chain."""
        return sorted(self._kept)

    def of(self, chain: str, address: str) -> tuple[Label, ...]:
        """Every label of a canonical address, the one that names it first, those out of force last."""
        key = (chain, address)
        if key not in self._ranked:
            self._ranked[key] = tuple(sorted(dict.fromkeys(self._given(chain, address)), key=self._rank))
        return self._ranked[key]

    def _given(self, chain: str, address: str) -> list[Label]:
        found = self._kept.get((chain, address), [])
        if is_evm(chain) and chain != ANY_EVM:
            return [*found, *self._kept.get((ANY_EVM, address), ())]
        return found

    def in_force(self, chain: str, address: str) -> tuple[Label, ...]:
        """The labels of an address that hold at `as_of`, the one that names it first."""
        return tuple(label for label in self.of(chain, address) if label.in_force(self.as_of))

    def best(self, chain: str, address: str) -> Label | None:
        """The label that names an address: the analyst's, else the most confident, inferred ones last."""
        found = self.of(chain, address)
        return found[0] if found and found[0].in_force(self.as_of) else None

    def stop(self, chain: str, address: str) -> Label | None:
        """The label by which the tracing ends at an address, None where no label ends it."""
        found = self.in_force(chain, address)
        return next((label for label in found if stop_code(label) is not None), None)

    def service(self, chain: str, address: str) -> str:
        """The exchange, custodian, swapper, mixer or bridge that an address belongs to, "" where none is said.

        Only labels of confidence 50 and more count; a deposit address is its customer's, not the service's own.
        """
        found = self.in_force(chain, address)
        return next((label.who for label in found if stop_code(label) in _SERVICES), "")

    def sanctions(self, chain: str, address: str) -> tuple[Label, ...]:
        """The entries of sanctions lists in force at `as_of`: listed by then, and not lifted.

        A copy of a list that is older than the lifting, or has no date, does not bring a lifted entry back.
        """
        at = self.as_of
        known = [x for x in self.of(chain, address) if x.category == SANCTIONED]
        lifted = max(
            (x.delisted_at for x in known if x.delisted_at and (at is None or x.delisted_at <= at)), default=0
        )
        return tuple(
            x
            for x in known
            if x.in_force(at)
            and (at is None or (x.listed_at or 0) <= at)
            and (not lifted or max(x.listed_at or 0, x.seen_at or 0) >= lifted)
        )

    def conflicts(self) -> tuple[Conflict, ...]:
        """Addresses that labels in force give to different parties, sorted."""
        return self._conflicts

    def conflict(self, chain: str, address: str) -> Conflict | None:
        """The conflict about an address, None where the labels in force agree."""
        if len(self._given(chain, address)) < 2:
            return None
        labels = tuple(filter(_names_party, self.in_force(chain, address)))
        if len(labels) < 2 or len(set(map(entity_key, labels))) < 2:
            return None
        return Conflict(chain, address, labels)

    def others(self, chain: str, address: str) -> tuple[str, ...]:
        """The parties that other labels in force name, where they are not the one that the address is attributed to."""
        found, best = self.conflict(chain, address), self.best(chain, address)
        if found is None or best is None:
            return ()
        own = best.who if _names_party(best) else ""
        return tuple(who for who in found.entities if who != own)

    @cached_property
    def _conflicts(self) -> tuple[Conflict, ...]:
        found = (self.conflict(chain, address) for chain, address in self.addresses)
        return tuple(conflict for conflict in found if conflict is not None)

    def _rank(self, label: Label) -> tuple[object, ...]:
        return (
            not label.in_force(self.as_of),
            bool(label.pack) or label.source_type != ANALYST,  # a pack that says it is the analyst is not
            label.source_type == HEURISTIC,
            -label.confidence,
            label.who,
            label.name,
            label.category,
            label.role,
            label.source,
            label.pack,
            label.chain,
        )


def _names_party(label: Label) -> bool:
    """Whether a label says who: an entry of a sanctions list without an entity names the list alone."""
    return bool(label.entity) or label.category != SANCTIONED


def party_name(label: Label) -> str:
    """The party as it is written: a name without an entity loses what explorers append to tell wallets of one owner
    apart (`Binance 14`, `Binance: Hot Wallet`).
    """
    return label.entity or _NUMBERED.sub("", unicodedata.normalize("NFKC", label.name).strip())


def inferred_name(party: str) -> str:
    """What an address is called that is taken for a deposit address of a party because it forwards to it."""
    return f"deposit address of {party} (inferred)"


def entity_key(label: Label) -> str:
    """By what two labels name the same party: letters and digits of `party_name` alone, case and width ignored."""
    text = unicodedata.normalize("NFKC", party_name(label)).strip()
    return "".join(c for c in text.casefold() if c.isalnum()) or text
