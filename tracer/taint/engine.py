"""Run the steps of a program under one rule, exactly, on Python integers.

The engine keeps nothing but holdings: it does not know addresses, time or files. Programs of `BULK` steps or more
run on compiled kernels (`tracer.taint.kernels`) where they apply; both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer.errors import ConservationError
from tracer.model import Rule
from tracer.taint.kernels_amounts import Amounts, Splits, group_totals
from tracer.taint.lots import CLEAN, LotQueue
from tracer.taint.outcome import Outcome
from tracer.taint.pools import TAKEN, Split, take_split
from tracer.taint.program import Op, Program
from tracer.taint.tiho import run_tiho

__all__ = ["BULK", "Outcome", "check_conservation", "run", "run_plain"]

BULK = 50_000
"""Steps from which the compiled kernels pay for their start."""


def run(program: Program, rule: Rule) -> Outcome:
    """Run all steps under `rule`. Raises ConservationError if a conserving rule lost or made coin."""
    if rule == Rule.TIHO:
        outcome = run_tiho(program, run)
    elif program.steps < BULK:
        outcome = run_plain(program, rule)
    else:
        from tracer.taint.kernels import run_bulk  # numba takes half a second to import

        outcome = run_bulk(program, rule)
    if rule != Rule.POISON:
        check_conservation(program, outcome)
    return outcome


def run_plain(program: Program, rule: Rule) -> Outcome:
    """Run all steps under `rule` on Python integers, whatever their size and number; conservation is not checked."""
    if rule == Rule.POISON:
        return _Poison(program).run()
    if rule == Rule.TIHO:
        return run_tiho(program, run_plain)
    if rule in (Rule.FIFO, Rule.LIFO):
        return _Lots(program, newest=rule == Rule.LIFO).run()
    return _Pools(program, rule).run()


def check_conservation(program: Program, outcome: Outcome) -> None:
    """Per asset: entered + converted in == held + converted out. Per source: entered == held, in source units."""
    assets = len(program.assets)
    into, out = [0] * assets, [0] * assets
    for step in np.flatnonzero(program.op == Op.CONVERT).tolist():
        out[program.holding_asset[program.src[step]]] += outcome.moved[step]
        into[program.holding_asset[program.dst[step]]] += outcome.brought[step]
    held, source = _accounted(program, outcome)
    for origin, entered in enumerate(outcome.entered):
        into[program.origins[origin].asset] += entered
        if source[origin] != entered:
            raise ConservationError(
                f"{outcome.rule}: source {program.origins[origin].theft} entered {entered}, accounted {source[origin]}."
            )
    for asset in range(assets):
        if into[asset] != held[asset] + out[asset]:
            raise ConservationError(
                f"{outcome.rule}: {program.assets[asset].key}: {into[asset]} in, {held[asset] + out[asset]} accounted."
            )


def _accounted(program: Program, outcome: Outcome) -> tuple[Sequence[int], Sequence[int]]:
    """(stolen units held by asset, source units held by origin), once the splits add up by holding."""
    units_of, split_of = outcome.taint, outcome.split
    if isinstance(units_of, Amounts) and isinstance(split_of, Splits):
        by_holding = group_totals(split_of.units, split_of.holding, len(units_of))
        if by_holding != units_of:
            raise ConservationError(f"{outcome.rule}: the split by source of a holding does not add up.")
        held = group_totals(units_of, program.holding_asset, len(program.assets))
        return held, group_totals(split_of.source, split_of.origin, len(program.origins))
    total, source = [0] * len(program.assets), [0] * len(program.origins)
    asset = program.holding_asset.tolist()
    for holding, (units, split) in enumerate(zip(units_of, split_of, strict=True)):
        total[asset[holding]] += units
        if sum(u for u, _ in split.values()) != units:
            raise ConservationError(
                f"{outcome.rule}: the split by source of holding {holding} does not add up."
            )
        for origin, (_, s) in split.items():
            source[origin] += s
    return total, source


class _Run:
    """The loop that all rules share."""

    rule: Rule

    def __init__(self, program: Program) -> None:
        self.program = program
        holdings = len(program.holding_address)
        self.balance = [0] * holdings
        self.taint = [0] * holdings
        self.stopped: list[bool] = program.stopped.tolist()
        self.pot: list[bool] = program.pot.tolist()
        self.entered = [0] * len(program.origins)

    def run(self) -> Outcome:
        program = self.program
        moved, brought = [0] * program.steps, [0] * program.steps
        steps = zip(
            program.op.tolist(),
            program.src.tolist(),
            program.dst.tolist(),
            program.amount,
            program.got,
            program.origin.tolist(),
            strict=True,
        )
        for number, (op, src, dst, amount, got, origin) in enumerate(steps):
            if op == Op.MOVE:
                moved[number] = self.move(src, dst, amount)
            elif op == Op.CREDIT:
                self.clean(dst, amount)
            elif op == Op.STOPPED:
                self.balance[src] -= amount
                self.clean(dst, amount)
            elif op == Op.SEED:
                self.steal(dst, amount, origin)
                self.entered[origin] += amount
                moved[number] = amount
            elif op == Op.RELABEL:
                added = self.relabel(dst, amount, origin)
                self.entered[origin] += added
                moved[number] = added
            else:
                moved[number], brought[number] = self.convert(src, dst, amount, got)
        return Outcome(self.rule, self.taint, self.balance, self.splits(), moved, brought, self.entered)

    def move(self, src: int, dst: int, amount: int) -> int:
        """Move `amount` from src to dst; returns the stolen units in it."""
        raise NotImplementedError

    def clean(self, dst: int, amount: int) -> None:
        """Clean coin enters dst."""
        raise NotImplementedError

    def steal(self, dst: int, amount: int, origin: int) -> None:
        """Stolen coin of `origin` enters dst."""
        raise NotImplementedError

    def relabel(self, dst: int, amount: int, origin: int) -> int:
        """The first `amount` in dst become stolen; returns how much was not stolen before."""
        raise NotImplementedError

    def convert(self, src: int, dst: int, amount: int, got: int) -> tuple[int, int]:
        """Src gives `amount`, dst gets `got`; returns the stolen units given and got."""
        raise NotImplementedError

    def splits(self) -> list[Split]:
        """Per holding, the stolen coin by source."""
        raise NotImplementedError


class _Pools(_Run):
    """Haircut, seniority and LIBR: a balance and a stolen part per holding."""

    def __init__(self, program: Program, rule: Rule) -> None:
        super().__init__(program)
        self.rule = rule
        self.take = TAKEN[rule.value]
        self.split: list[Split] = [{} for _ in self.balance]

    def _leave(self, src: int, amount: int) -> tuple[int, Split]:
        taint, balance = self.taint[src], self.balance[src]
        self.balance[src] = balance - amount
        if not taint and not self.split[src]:
            return 0, {}
        units = self.take(amount, taint, balance) if amount < balance else taint
        if not units and amount < balance:
            return 0, {}
        self.taint[src] = taint - units
        return units, take_split(self.split[src], units, taint)

    def _arrive(self, dst: int, amount: int, units: int, split: Split) -> None:
        self.balance[dst] += amount
        self.taint[dst] += units
        here = self.split[dst]
        for origin, (u, s) in split.items():
            if not u and not s:
                continue  # a conversion rounded it to nothing
            have, source = here.get(origin, (0, 0))
            here[origin] = (have + u, source + s)

    def move(self, src: int, dst: int, amount: int) -> int:
        units, split = self._leave(src, amount)
        self._arrive(dst, amount, units, split)
        return units

    def clean(self, dst: int, amount: int) -> None:
        self.balance[dst] += amount

    def steal(self, dst: int, amount: int, origin: int) -> None:
        self._arrive(dst, amount, amount, {origin: (amount, amount)})

    def relabel(self, dst: int, amount: int, origin: int) -> int:
        added = max(0, amount - self.taint[dst])
        if added:
            self._arrive(dst, 0, added, {origin: (added, added)})
        return added

    def convert(self, src: int, dst: int, amount: int, got: int) -> tuple[int, int]:
        units, split = self._leave(src, amount)
        scaled = units * got // amount
        reached = before = 0
        there: Split = {}
        for origin in sorted(split):  # boundaries at the floor of the running total, so that the parts add up
            u, s = split[origin]
            reached += u
            cut = reached * got // amount
            there[origin] = (cut - before, s)
            before = cut
        self._arrive(dst, got, scaled, there)
        return units, scaled

    def splits(self) -> list[Split]:
        return self.split


class _Lots(_Run):
    """FIFO and LIFO: a queue of lots per holding; a stopped holding only counts what arrived."""

    def __init__(self, program: Program, *, newest: bool) -> None:
        super().__init__(program)
        self.rule = Rule.LIFO if newest else Rule.FIFO
        self.newest = newest
        self.queue: list[LotQueue | None] = [None] * len(self.balance)

    def _queue(self, holding: int) -> LotQueue:
        queue = self.queue[holding]
        if queue is None:
            queue = self.queue[holding] = LotQueue()
        return queue

    def _leave(self, src: int, amount: int) -> LotQueue:
        self.balance[src] -= amount
        lots = self._queue(src).take(amount, newest=self.newest)
        self.taint[src] -= lots.tainted
        return lots

    def _arrive(self, dst: int, amount: int, lots: LotQueue) -> int:
        units = lots.tainted
        self.balance[dst] += amount
        self.taint[dst] += units
        if self.queue[dst] is None:
            self.queue[dst] = lots
        else:
            self._queue(dst).extend(lots)
        return units

    def move(self, src: int, dst: int, amount: int) -> int:
        return self._arrive(dst, amount, self._leave(src, amount))

    def clean(self, dst: int, amount: int) -> None:
        self.balance[dst] += amount
        self._queue(dst).push((amount, CLEAN, 0))

    def steal(self, dst: int, amount: int, origin: int) -> None:
        self.balance[dst] += amount
        self.taint[dst] += amount
        self._queue(dst).push((amount, origin, amount))

    def relabel(self, dst: int, amount: int, origin: int) -> int:
        before = self._queue(dst)
        after = self.queue[dst] = before.relabelled(amount, origin)
        added = after.tainted - before.tainted
        self.taint[dst] += added
        return added

    def convert(self, src: int, dst: int, amount: int, got: int) -> tuple[int, int]:
        lots = self._leave(src, amount)
        units = lots.tainted
        return units, self._arrive(dst, got, lots.scaled(got))

    def splits(self) -> list[Split]:
        return [queue.by_origin() if queue is not None else {} for queue in self.queue]


class _Poison(_Run):
    """The whole balance of a holding that ever received stolen coin; at a stop only what arrived stolen."""

    rule = Rule.POISON

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.flagged = [False] * len(self.balance)

    def _leave(self, src: int, amount: int) -> int:
        self.balance[src] -= amount
        if not self.flagged[src]:
            return 0
        self.taint[src] = self.balance[src]
        if self.pot[src] and not self.balance[src]:
            self.flagged[src] = False  # a pot lives for one transaction
        return amount

    def _arrive(self, dst: int, amount: int, units: int) -> None:
        self.balance[dst] += amount
        if self.stopped[dst]:
            self.taint[dst] += units
            return
        if units:
            self.flagged[dst] = True
        if self.flagged[dst]:
            self.taint[dst] = self.balance[dst]

    def move(self, src: int, dst: int, amount: int) -> int:
        units = self._leave(src, amount)
        self._arrive(dst, amount, units)
        return units

    def clean(self, dst: int, amount: int) -> None:
        self._arrive(dst, amount, 0)

    def steal(self, dst: int, amount: int, origin: int) -> None:  # noqa: ARG002 - poison has no sources
        self._arrive(dst, amount, amount)

    def relabel(self, dst: int, amount: int, origin: int) -> int:  # noqa: ARG002 - poison has no sources
        before = self.taint[dst]
        self._arrive(dst, 0, amount)
        return self.taint[dst] - before

    def convert(self, src: int, dst: int, amount: int, got: int) -> tuple[int, int]:
        units = self._leave(src, amount)
        scaled = got if units else 0
        self._arrive(dst, got, scaled)
        return units, scaled

    def splits(self) -> list[Split]:
        return [{} for _ in self.balance]
