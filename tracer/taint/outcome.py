"""What a rule says about a program: plain values that the engine and the kernels make, and everything else reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.model import Rule
from tracer.taint.pools import Split

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a rule says. All amounts are exact integers in smallest units.

    taint, balance: by holding. split: by holding, origin -> (units, source units) of the stolen coin (empty for
    poison, which does not conserve). moved, brought: by step, the stolen units that left `src` (or entered from
    outside), and for CONVERT those that entered `dst`. entered: by origin, the stolen units that entered.
    """

    rule: Rule
    taint: Sequence[int]
    balance: Sequence[int]
    split: Sequence[Split]
    moved: Sequence[int]
    brought: Sequence[int]
    entered: Sequence[int]
