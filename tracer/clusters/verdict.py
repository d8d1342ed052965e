"""What a transaction was taken for, and why: the verdict that every CoinJoin rule speaks in.

A ground is kept as what was seen, not as a sentence: exports say it in English, a screen in the language of its reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracer.clusters.shape import Shape
from tracer.wording import Words, words

__all__ = ["CoinJoin", "Ground", "Rule", "Verdict", "judged", "seen"]


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
class Ground:
    """One thing that was seen: the key of its words (`ground` in words.toml) and their values, counts and sat."""

    key: str
    values: tuple[tuple[str, int | str], ...] = ()

    def said(self, in_words: Words) -> str:
        """A part of a sentence in the language of the words."""
        return in_words(f"ground.{self.key}", **dict(self.values))


def seen(key: str, **values: int | str) -> Ground:
    """The ground of that key with its values."""
    return Ground(key, tuple(values.items()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A kind with its grounds. confidence: 0 to 100, that the kind is right."""

    kind: CoinJoin
    confidence: int
    grounds: tuple[Ground, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The grounds in English, as exports have them."""
        return self.said("en")

    def said(self, language: str) -> tuple[str, ...]:
        """The grounds in a language of `tracer.wording`, a part of a sentence each."""
        in_words = words(language)
        return tuple(ground.said(in_words) for ground in self.grounds)

    @property
    def mixes(self) -> bool:
        """Whether coin of several owners is mixed, so that no input can be followed to an output by its place."""
        return self.kind not in {CoinJoin.NONE, CoinJoin.WHIRLPOOL_TX0}


Rule = Callable[[Shape], Ground | None]
"""What was seen; None when the rule does not hold."""


def judged(kind: CoinJoin, confidence: int, shape: Shape, rules: Iterable[Rule]) -> Verdict | None:
    """The verdict when every rule holds, with the grounds of all; None as soon as one does not."""
    grounds = []
    for rule in rules:
        ground = rule(shape)
        if ground is None:
            return None
        grounds.append(ground)
    return Verdict(kind, confidence, tuple(grounds))
