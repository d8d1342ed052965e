"""An outcome with one holding per address and asset, as tables, ranges and pictures show it.

On account chains that is the outcome itself. On Bitcoin-like chains an address has many outpoints; what they hold is
added up at the first of them, which stands for the address (`Program.main`), and the others count nothing.
"""

from __future__ import annotations

from dataclasses import replace

from tracer.taint.outcome import Outcome
from tracer.taint.pools import Split
from tracer.taint.program import Program

__all__ = ["by_address"]


def by_address(program: Program, outcome: Outcome) -> Outcome:
    """`outcome` with `taint`, `balance` and `split` of outpoints added up by address; steps stay as they are."""
    if not program.members:
        return outcome
    taint, balance = list(outcome.taint), list(outcome.balance)
    split: list[Split] = list(outcome.split)
    for main, members in program.members.items():
        for column in (taint, balance):
            total = sum(column[h] for h in members)
            for h in members:
                column[h] = 0
            column[main] = total
        whole: Split = {}
        for h in members:
            for origin, (units, source) in split[h].items():
                have, had = whole.get(origin, (0, 0))
                whole[origin] = (have + units, had + source)
            split[h] = {}
        split[main] = whole
    return replace(outcome, taint=taint, balance=balance, split=split)
