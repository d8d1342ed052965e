"""A link: the opinion that one party controls two addresses, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Link", "account_of"]


def account_of(name: str) -> tuple[str, str]:
    """(chain, address) of a `chain:address`. An address may hold a colon (an output that has no address), a chain one.

    >>> account_of("eip155:1:0xab"), account_of("bip122:00:ff:1")
    (('eip155:1', '0xab'), ('bip122:00', 'ff:1'))
    """
    namespace, reference, address = name.split(":", 2)
    return f"{namespace}:{reference}", address


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """The two addresses (a before b), the rule that says so, and its evidence.

    a, b: `chain:address`, canonical (CAIP-10); the order in which they are given does not matter. rule: name of the
    heuristic. tx: hash of the transaction that shows it, "" where there is none. confidence: 0 to 100. note: what else
    the reader needs, in words. Raises ValueError for a link of an address with itself or a confidence out of range.
    """

    a: str
    b: str
    rule: str
    tx: str = ""
    confidence: int = 50
    note: str = ""

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise ValueError(f"a link joins two addresses, not {self.a} with itself")
        if not 0 <= self.confidence <= 100:
            raise ValueError(f"a confidence lies between 0 and 100, not at {self.confidence}")
        if self.a > self.b:
            first, second = self.b, self.a
            object.__setattr__(self, "a", first)
            object.__setattr__(self, "b", second)
