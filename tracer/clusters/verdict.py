"""What a transaction was taken for, and why: the verdict that every CoinJoin rule speaks in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracer.clusters.shape import Shape

__all__ = ["CoinJoin", "Rule", "Verdict", "judged"]


class CoinJoin(StrEnum):
    """Kinds of transaction. WHIRLPOOL_TX0 prepares coin of one user for mixing; it mixes nothing itself."""

    NONE = "none"
    WHIRLPOOL = "whirlpool"
    WHIRLPOOL_TX0 = "whirlpool_tx0"
    WASABI1 = "wasabi1"
    WASABI2 = "wasabi2"
    JOINMARKET = "joinmarket"
    OTHER = "other_coinjoin"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A kind with its grounds.

    confidence: 0 to 100, that the kind is right. reasons: what was seen, a sentence part each, for the investigator.
    """

    kind: CoinJoin
    confidence: int
    reasons: tuple[str, ...]

    @property
    def mixes(self) -> bool:
        """Whether coin of several owners is mixed, so that no input can be followed to an output by its place."""
        return self.kind not in {CoinJoin.NONE, CoinJoin.WHIRLPOOL_TX0}


Rule = Callable[[Shape], str]
"""What was seen, in words; "" when the rule does not hold."""


def judged(kind: CoinJoin, confidence: int, shape: Shape, rules: Iterable[Rule]) -> Verdict | None:
    """The verdict when every rule holds, with the words of all; None as soon as one does not."""
    reasons = []
    for rule in rules:
        said = rule(shape)
        if not said:
            return None
        reasons.append(said)
    return Verdict(kind, confidence, tuple(reasons))
