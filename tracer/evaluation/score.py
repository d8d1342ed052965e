"""How one heuristic did on one labelled data set: counts, and the rates that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Score", "markdown"]


@dataclass(frozen=True, slots=True)
class Score:
    """A row of the table of accuracy.

    labels: `published`, `by shape` (lines whose own shape contradicts their label are set aside and counted), `true`
    (owners are known), or none: `by coincidence` (right is what accident does not explain), `by parties` (right is what
    splits into the parties of a CoinJoin to the last coin). positives, negatives: what the labels say; negatives 0
    where pairs of addresses or hops are counted. found: what the heuristic says; right: of these, what the labels say
    too. linked: addresses with a known owner that were linked to another such; known: how many there are; both 0 where
    no addresses are counted. source: of the data.
    """

    heuristic: str
    data_set: str
    labels: str
    positives: int
    negatives: int
    found: int
    right: int
    set_aside: int = 0
    linked: int = 0
    known: int = 0
    source: str = ""

    @property
    def precision(self) -> str:
        """Share of what was found that is right; "" if nothing was found."""
        return _share(self.right, self.found)

    @property
    def recall(self) -> str:
        """Share of the positives that was found; "" if there are none."""
        return _share(self.right, self.positives)

    @property
    def coverage(self) -> str:
        """Share of the addresses with a known owner that were linked; "" where no addresses are counted."""
        return _share(self.linked, self.known)


def markdown(scores: Iterable[Score]) -> str:
    """The scores as a Markdown table."""
    lines = ["| heuristic | positives | found | right | precision | recall |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {s.heuristic} | {s.positives:,} | {s.found:,} | {s.right:,} | {s.precision} | {s.recall} |"
        for s in scores
    ]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    """Four decimals, rounded down: what is not perfect never reads as 1.0000."""
    if not whole:
        return ""
    tenths = part * 10_000 // whole
    return f"{tenths // 10_000}.{tenths % 10_000:04d}"
