"""Whether the change of a CoinJoin that `mixing` calls certain is its input's, against planted CoinJoins."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.clusters.coinjoin import classify
from tracer.clusters.mixing import mixing
from tracer.evaluation.planted_mixes import PlantedMix, plant_joinmarket, plant_wasabi1
from tracer.evaluation.score import Score

__all__ = ["EACH", "change_scores"]

EACH = 200
"""CoinJoins of a protocol for each number."""


def change_scores(numbers: Sequence[int] = (1, 2, 3, 4, 5)) -> list[Score]:
    """A row a protocol. positives: changes; found: those linked to an input; right: one party has both."""
    scores = []
    for name, plant in (("joinmarket", plant_joinmarket), ("wasabi1", plant_wasabi1)):
        paid = found = right = 0
        for number in numbers:
            for planted in map(plant, range(number * EACH, (number + 1) * EACH)):
                counts = _measure(planted)
                paid, found, right = paid + counts[0], found + counts[1], right + counts[2]
        data = f"planted {min(numbers)} to {max(numbers)}"
        source = f"tracer.evaluation.planted_mixes, {EACH} CoinJoins each"
        scores.append(Score(f"{name} change", data, "true", paid, 0, found, right, source=source))
    return scores


def _measure(planted: PlantedMix) -> tuple[int, int, int]:
    transaction = planted.transaction
    parts = mixing(transaction, classify(transaction))
    links = parts.change if parts is not None else ()
    right = sum(planted.payers[link.input] == planted.payees[link.vout] for link in links)
    return len(planted.changes), len(links), right
