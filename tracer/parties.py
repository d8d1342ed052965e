"""Parties: whose the addresses of a history are, by the label that names each. One answer for every table and request.

An address belongs to the party of its naming label alone. What other labels in force say of it is never added to the
coin of another party: it is listed as a claim, with whom the address is attributed to instead.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from tracer.errors import shown
from tracer.labels.book import LabelBook, entity_key
from tracer.model import Label

__all__ = ["Claim", "Parties", "Party", "attributed_elsewhere", "party_key"]

Account = tuple[str, str]
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Party:
    """One party. name: the first of its spellings. members: its (chain, canonical address), sorted."""

    name: str
    members: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A label that gives an address to a party to which the address is not attributed. attributed_to: whose it is."""

    account: Account
    label: Label
    attributed_to: str


class Parties:
    """The parties of some (chain, canonical address)."""

    def __init__(self, book: LabelBook, accounts: Iterable[Account]) -> None:
        self._book = book
        self._found: dict[str, Party] = {}
        for account in sorted(set(accounts)):
            label = book.best(*account)
            if label is not None:
                key = entity_key(label)
                known = self._found.get(key, Party(label.who, ()))
                self._found[key] = Party(min(known.name, label.who), (*known.members, account))

    @property
    def names(self) -> list[str]:
        """What the parties are called, sorted."""
        return sorted(party.name for party in self._found.values())

    def called(self, name: str) -> Party | None:
        """The party that somebody calls `name`, None for nobody."""
        key = party_key(name, self._found)
        return None if key is None else self._found[key]

    def claims(self, name: str) -> list[Claim]:
        """What labels in force give to that name though the address is another's: one label an address, sorted."""
        own, asked = party_key(name, self._found), _keys(name)
        found: list[Claim] = []
        for key, party in self._found.items():
            if key == own:
                continue
            for account in party.members:
                labels = self._book.in_force(*account)
                said = next((x for x in labels if entity_key(x) in asked or _keys(x.name)[0] in asked), None)
                if said is not None:
                    found.append(Claim(account, said, party.name))
        return sorted(found, key=lambda claim: claim.account)


def party_key(name: str, known: Container[str]) -> str | None:
    """The key of the party that somebody calls `name`: all of it, else without the number of a wallet; None: nobody."""
    return next((key for key in _keys(name) if key in known), None)


def attributed_elsewhere(claims: Sequence[Claim], display: Callable[[str, str], str]) -> str:
    """The claims in one line: whom the addresses are attributed to instead; "" for none."""
    told = [
        f"{display(*claim.account)} is attributed to {shown(claim.attributed_to)}" for claim in claims[:_TOLD]
    ]
    return "; ".join([*told, f"and {len(claims) - _TOLD:,} more"] if len(claims) > _TOLD else told)


def _keys(name: str) -> tuple[str, str]:
    label = Label("", "", name)
    return entity_key(replace(label, entity=name)), entity_key(label)
