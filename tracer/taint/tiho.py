"""TIHO (taint in, highest out): in a transaction with inputs and outputs, the largest outputs take stolen coin first.

Tironsakkul, Maarek, Eross, Just: "Probing the Mystery of Cryptocurrency Theft: An Investigation into Methods for
Cryptocurrency Tainting Analysis", 2019. The rule looks at what leaves a transaction side by side; equal outputs keep
their order, the fee comes last. From an account each payment leaves alone, so there it is seniority.

So it is seniority on a program in which the outputs of each transaction stand in the order of their size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tracer.model import Rule
from tracer.taint.kernels_amounts import Amounts
from tracer.taint.outcome import Outcome
from tracer.taint.program import SINKS, Op, Program

__all__ = ["run_tiho"]


def run_tiho(program: Program, run: Callable[[Program, Rule], Outcome]) -> Outcome:
    """The outcome of the rule; `run` runs seniority."""
    order = _largest_first(program)
    if order is None:
        return replace(run(program, Rule.SENIORITY), rule=Rule.TIHO)
    at = order.tolist()
    sorted_program = replace(
        program,
        op=program.op[order],
        src=program.src[order],
        dst=program.dst[order],
        origin=program.origin[order],
        row=program.row[order],
        tx=program.tx[order],
        hop_step=program.hop_step[order],
        amount=[program.amount[i] for i in at],
        got=[program.got[i] for i in at],
    )
    found = run(sorted_program, Rule.SENIORITY)
    back = np.argsort(order)
    return replace(
        found, rule=Rule.TIHO, moved=_taken(found.moved, back), brought=_taken(found.brought, back)
    )


def _taken(values: Sequence[int], order: np.ndarray) -> Sequence[int]:
    if isinstance(values, Amounts):
        return Amounts(values.words[order])
    return [values[i] for i in order.tolist()]


def _largest_first(program: Program) -> np.ndarray | None:
    """The order of steps in which each transaction serves its outputs by size; None if there is no such transaction.

    A step that only passes an output on to its owner (a seed is marked there) stays behind the output.
    """
    leaves = np.flatnonzero((program.src >= 0) & program.is_joint[program.src] & (program.op == Op.MOVE))
    if not len(leaves):
        return None
    steps = np.arange(program.steps)
    lead = np.searchsorted(leaves, steps, side="right") - 1
    ours = (lead >= 0) & (program.tx == program.tx[leaves[np.maximum(lead, 0)]])
    lead = np.where(ours, leaves[np.maximum(lead, 0)], -1)
    transaction = np.cumsum(np.diff(program.tx, prepend=-2) != 0)
    fee = program.addresses.index(("", SINKS[0]))
    is_fee = program.holding_address[program.dst[leaves]] == fee
    size = np.zeros(program.steps, dtype=np.int64)
    size[leaves] = [program.amount[i] for i in leaves.tolist()]
    last = np.zeros(program.steps, dtype=np.int64)
    last[leaves] = 1 + is_fee
    place, largest = (np.where(ours, values[lead], 0) for values in (last, size))
    return np.asarray(
        np.lexsort((steps, np.where(ours, lead, steps), -largest, place, transaction)), np.int64
    )
