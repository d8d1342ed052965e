"""Holdings whose coin has no order: haircut, seniority, LIBR and poison.

State is a balance and a tainted part, with the split of that part by source kept beside it, pro rata. Rules:
handbook definitions after Anderson et al. (poison, haircut), the lowest-intermediate-balance rule of trust law
(LIBR: clean coin leaves first) and its mirror (seniority: stolen coin leaves first). Exact integers throughout.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TAKEN", "Split", "apportion", "haircut", "libr", "seniority", "take_split"]

Split = dict[int, tuple[int, int]]
"""origin -> (units, source units)"""


def haircut(amount: int, taint: int, balance: int) -> int:
    """Pro rata: floor(amount * taint / balance), plus 1 if its remainder is larger than the kept part's."""
    moved, rest = divmod(amount * taint, balance)
    kept_rest = (balance - amount) * taint % balance
    return moved + 1 if rest > kept_rest else moved


def seniority(amount: int, taint: int, balance: int) -> int:  # noqa: ARG001 - one shape for all rules
    """Stolen coin leaves first."""
    return min(taint, amount)


def libr(amount: int, taint: int, balance: int) -> int:
    """Clean coin leaves first: the stolen part stays as long as the balance covers it."""
    left = balance - amount
    return taint - left if left < taint else 0


TAKEN: dict[str, Callable[[int, int, int], int]] = {"haircut": haircut, "libr": libr, "seniority": seniority}
"""Rule name -> how much of `amount` taken from a holding is stolen, given its stolen part and balance."""


def apportion(total: int, weights: list[int]) -> list[int]:
    """`total` in proportion to weights (sum > 0), largest remainder first, ties to the lower place; exact."""
    whole = sum(weights)
    parts = [total * w // whole for w in weights]
    missing = total - sum(parts)
    if missing:
        order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
        for i in order[:missing]:
            parts[i] += 1
    return parts


def take_split(split: Split, units: int, total: int) -> Split:
    """Remove `units` of `total` stolen units from `split`, pro rata over the sources; returns what was removed."""
    if units == total:
        gone = dict(split)
        split.clear()
        return gone
    origins = sorted(split)
    parts = [units] if len(origins) == 1 else apportion(units, [split[o][0] for o in origins])
    gone = {}
    for origin, part in zip(origins, parts, strict=True):
        have, source = split[origin]
        moved = part if source == have else (haircut(part, source, have) if have else 0)
        if part or moved:
            gone[origin] = (part, moved)
        if have - part or source - moved:
            split[origin] = (have - part, source - moved)
        else:
            del split[origin]
    return gone
