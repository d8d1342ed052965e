"""Large programs: every rule as one compiled pass over arrays, with the numbers of the plain engine.

Amounts are two 64-bit limbs. An asset in whose accounting a total could reach 2**127 (spam tokens) stays with the
plain engine, together with the assets that it is converted into or from; so do programs whose sources are too many
to keep side by side for every holding. Which way a program went never shows in a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tracer.model import Rule
from tracer.taint.engine import run_plain
from tracer.taint.kernels_amounts import LIMIT, Amounts, Splits, pack
from tracer.taint.kernels_lots import lots, sort_out
from tracer.taint.kernels_pools import HAIRCUT, LIBR, SENIORITY, poison, pools
from tracer.taint.kernels_rope import NODE
from tracer.taint.outcome import Outcome
from tracer.taint.program import Op, Program
from tracer.taint.tiho import run_tiho

__all__ = ["run_bulk"]

_POOLS = {Rule.HAIRCUT: HAIRCUT, Rule.SENIORITY: SENIORITY, Rule.LIBR: LIBR}
_ENTRIES = 2**23
"""Most (holding, origin) pairs that are kept side by side: 32 bytes each."""


def run_bulk(program: Program, rule: Rule) -> Outcome:
    """The outcome of `rule`, equal to that of `tracer.taint.engine.run_plain`."""
    if rule == Rule.TIHO:
        return run_tiho(program, run_bulk)
    holdings, origins = len(program.holding_address), len(program.origins)
    if holdings * origins > _ENTRIES and rule != Rule.POISON and _told_apart(program):
        return run_plain(program, rule)
    limbs = program.limbs
    if limbs is not None and max(_ceiling(column) for column in limbs) * program.steps < LIMIT:
        return _run_narrow(program, rule, *limbs)
    wide = _wide_assets(program)
    if limbs is not None and not wide.any():
        return _run_narrow(program, rule, *limbs)
    return _run_both(program, rule, wide)


def _ceiling(amounts: Amounts) -> int:
    """A power of two times a small number that every amount is below."""
    return int(amounts.words[:, 1].max(initial=0)) + 1 << 64


def _told_apart(program: Program) -> bool:
    """Whether the split by source is more than the stolen part itself."""
    return len(program.origins) > 1 or bool((program.op == Op.CONVERT).any())


def _wide_assets(program: Program) -> np.ndarray:
    """By asset, True where some total may reach 2**127, or a conversion leads to or from such an asset.

    Balances are bounded by what enters; the queue of a stopped holding, which is never taken from, and its stolen
    part under poison by all that arrives.
    """
    wide = np.zeros(len(program.assets), dtype=bool)
    asset = program.holding_asset[program.dst]
    convert = program.op == Op.CONVERT
    total = [0] * len(wide)
    for number, op, arrives, amount, got in zip(
        asset.tolist(),
        program.op.tolist(),
        program.stopped[program.dst].tolist(),
        program.amount,
        program.got,
        strict=True,
    ):
        if op != Op.MOVE or arrives:
            total[number] += got if op == Op.CONVERT else amount
    given = program.holding_asset[program.src[convert]]
    links = np.unique(np.stack([given, asset[convert]]), axis=1).T.tolist()
    wide[:] = [t >= LIMIT for t in total]
    changed = True
    while changed:
        changed = False
        for a, b in links:
            if wide[a] != wide[b]:
                wide[a] = wide[b] = changed = True
    return wide


def _run_both(program: Program, rule: Rule, wide: np.ndarray) -> Outcome:
    """Wide assets on Python integers, the others on limbs: no step concerns both."""
    plain = wide[program.holding_asset[program.dst]]
    parts = [
        _run_narrow(part, rule, pack(part.amount), pack(part.got)) if narrow else run_plain(part, rule)
        for narrow, part in ((True, _part(program, ~plain)), (False, _part(program, plain)))
    ]
    places = [np.flatnonzero(~plain).tolist(), np.flatnonzero(plain).tolist()]
    moved, brought = [0] * program.steps, [0] * program.steps
    for outcome, where in zip(parts, places, strict=True):
        for step, units, there in zip(where, outcome.moved, outcome.brought, strict=True):
            moved[step], brought[step] = units, there
    narrow, other = parts
    return Outcome(
        rule,
        [a + b for a, b in zip(narrow.taint, other.taint, strict=True)],
        [a + b for a, b in zip(narrow.balance, other.balance, strict=True)],
        [a or b for a, b in zip(narrow.split, other.split, strict=True)],
        moved,
        brought,
        [a + b for a, b in zip(narrow.entered, other.entered, strict=True)],
    )


def _part(program: Program, chosen: np.ndarray) -> Program:
    """The program with only some of its steps; all numbers keep their meaning."""
    steps = np.flatnonzero(chosen).tolist()
    return replace(
        program,
        op=program.op[chosen],
        src=program.src[chosen],
        dst=program.dst[chosen],
        origin=program.origin[chosen],
        row=program.row[chosen],
        tx=program.tx[chosen],
        hop_step=program.hop_step[chosen],
        amount=[program.amount[i] for i in steps],
        got=[program.got[i] for i in steps],
    )


def _run_narrow(program: Program, rule: Rule, amount: Amounts, got: Amounts) -> Outcome:
    """All steps on two limbs."""
    holdings, origins = len(program.holding_address), len(program.origins)
    moved, brought = _words(program.steps), _words(program.steps)
    entered = _words(origins)
    steps = (program.op, program.src, program.dst, program.origin, amount.words, got.words)
    tracked = rule != Rule.POISON and _told_apart(program)
    split = np.zeros((holdings, origins, 4), dtype=np.uint64) if tracked else None
    if rule in (Rule.FIFO, Rule.LIFO):
        nodes = np.zeros(program.steps + 1, dtype=NODE)
        source, balance = _words(program.steps + 1) if tracked else None, _words(holdings)
        roots = np.zeros(holdings, dtype=np.int32)
        newest = rule == Rule.LIFO
        lots(newest, *steps, nodes, source, roots, balance, moved, brought, entered)
        taint = np.stack([nodes["taint_low"][roots], nodes["taint_high"][roots]], axis=1)
        if split is not None:
            sort_out(nodes, source, roots, split)
    else:
        state = np.zeros((holdings, 4), dtype=np.uint64)
        if rule == Rule.POISON:
            poison(*steps, program.stopped, program.pot, state, moved, brought, entered)
        else:
            pools(_POOLS[rule], *steps, state, split, moved, brought, entered)
        balance, taint = state[:, :2], state[:, 2:]
    held = Amounts(taint)
    if rule == Rule.POISON:
        splits: Sequence[Any] = Splits(
            *(np.zeros(0, dtype=np.int64),) * 2, *(Amounts(_words(0)),) * 2, holdings
        )
    elif split is not None:
        splits = _splits(split)
    else:
        at = held.positive()
        units = Amounts(taint[at])
        splits = Splits(at, np.zeros(len(at), dtype=np.int64), units, units, holdings)
    return Outcome(rule, held, Amounts(balance), splits, Amounts(moved), Amounts(brought), Amounts(entered))


def _words(length: int) -> np.ndarray:
    return np.zeros((length, 2), dtype=np.uint64)


def _splits(split: np.ndarray) -> Splits:
    """The entries of (holdings, origins, 4) that are not zero."""
    holding, origin = np.nonzero(split.any(axis=2))
    found = split[holding, origin]
    return Splits(holding, origin, Amounts(found[:, :2]), Amounts(found[:, 2:]), len(split))
