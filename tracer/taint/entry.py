"""How stolen coin enters the steps: reach, hops, and which inflows of a seed without an amount count.

An inflow that comes from an address which stolen coin had already reached does not: so pasting a downstream address
never raises the total. Decided by reach (poison, in the order of time), not by the rule of a run (docs/accounting.md,
"Seeds").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tracer.ledger import KINDS
from tracer.model import Gap, Kind
from tracer.taint.program import NEVER, Op
from tracer.taint.seeds import Marks, Plan
from tracer.taint.steps import Step, StepList, Steps

__all__ = ["enter_seeds"]

_OPENING = KINDS.index(Kind.OPENING)
_MOVE, _CONVERT, _STOPPED = int(Op.MOVE), int(Op.CONVERT), int(Op.STOPPED)
_SEVERAL = -9  # no address number

_REMEDY = (
    "the stolen total counts it again. If it is, remove the seed; if you follow it on purpose, give the seed its own"
    " --theft."
)
_DOUBTS = {
    "seed_behind_stop": "comes from where stolen coin rests already, and tracing stops there: it may be the same coin,"
    f" and {_REMEDY}",
    "seed_beyond_stop": "comes, some payments on, from where stolen coin rests already: some of it, at most all, may be"
    f" the same coin, and {_REMEDY}",
    "seed_from_coinjoin": "is an output of a CoinJoin: the transaction does not tell whose coin it was before. That it"
    " is stolen rests on the source of the seed alone.",
}
"""Why what a seed says is in doubt, by the code of the gap."""


def enter_seeds(steps: Steps, plan: Plan, opening: dict[int, int]) -> tuple[StepList, list[int], np.ndarray]:
    """Rewrite the steps so that seeds take effect; returns (steps, hop per holding, new number of each step).

    Runs through the steps once and keeps, per holding, the least number of hops at which stolen coin can have
    reached it (poison, stops applied, in the order of time): the same for all rules.
    """
    definite = {
        key: Marks(dict(marks.left), marks.origin, None, marks.outpoints)
        for key, marks in plan.marks.items()
        if marks.left or marks.outpoints
    }
    downstream: set[int] = set()
    if any(marks.every is not None for marks in plan.marks.values()) and (plan.start or definite):
        first = _Entry(steps, opening, downstream)
        gaps = len(steps.gaps)
        first.run(plan.start, definite)
        downstream = first.arrived
        del steps.gaps[gaps:]
    entry = _Entry(steps, opening, downstream)
    entry.run(plan.start, plan.marks)
    finished, renumbered = entry.finish()
    return finished, entry.hop, renumbered


class _Entry:
    """One pass over the steps: reach, hops, relabelling."""

    def __init__(self, steps: Steps, opening: dict[int, int], downstream: set[int]) -> None:
        self.steps, self.opening = steps, opening
        self.downstream = downstream  # addresses that coin of seeds with an amount or transaction reaches
        self.marks: dict[tuple[int, int], Marks] = {}
        self.hop: list[int] = [NEVER] * len(steps.address_of)
        self.pot_balance: dict[int, int] = defaultdict(int)
        self.arrived: set[int] = set()  # address numbers reached by coin that came from another address
        self.paid: set[int] = set()  # holdings of seeds that have paid
        self.stolen_opening: dict[int, tuple[int, int]] = {}  # holding -> (amount, origin)
        self.behind: set[int] = (
            set()
        )  # pots of transactions into which a stopped address paid that coin had reached
        self.beyond: list[bool] = [False] * len(steps.address_of)  # coin that stops kept back may be there
        self.via: dict[
            int, int
        ] = {}  # pot of a transaction -> who put stolen coin in, _SEVERAL if more than one
        self.before: list[Step] = []
        self.instead: dict[int, list[Step]] = {}  # step number -> the steps that take its place
        self.kept_out = 0
        self.doubted: dict[tuple[str, int, int, int], int] = defaultdict(int)
        """(code of a gap, address, asset, transaction) -> what a seed says is stolen although it came out of a stop."""
        row = np.array(steps.items.row, dtype=np.int64)
        # Stated opening balances lead the history and are never stolen.
        self.known = (row >= 0) & (steps.ledger.kind[row] == _OPENING) if len(row) else row.astype(bool)

    def run(self, start: Sequence[tuple[int, int, int, int]], marks: Mapping[tuple[int, int], Marks]) -> None:
        """All steps, in order: where neither a seed nor a pot is concerned, only reach and hops change."""
        self.marks = dict(marks)
        for address, asset, amount, origin in start:
            self.start(self.steps.holding(address, asset), amount, origin)
        self._grow()
        items, hop, owner, arrived = self.steps.items, self.hop, self.steps.address_of, self.arrived
        joints, via = self.steps.joints, self.via
        beyond = self.beyond
        columns = zip(self._special(), items.op, items.src, items.dst, items.hop, strict=True)
        for number, (special, op, src, dst, step) in enumerate(columns):
            if special:
                self.take(number, items[number])
                continue
            if src >= 0 and (beyond[src] or (op == _STOPPED and hop[src] < NEVER)):
                beyond[dst] = True
            if (op in (_MOVE, _CONVERT)) and hop[src] < NEVER:
                hop[dst] = min(hop[dst], hop[src] + step)
                if dst in joints:
                    self._put_in(src, dst)
                elif via.get(src, owner[src]) != owner[dst]:
                    arrived.add(owner[dst])
            elif op == _STOPPED and dst in joints and hop[src] < NEVER:
                self.behind.add(dst)

    def _special(self) -> list[bool]:
        """By step, whether a seed or a pot takes part, or a doubt depends on it."""
        items, steps = self.steps.items, self.steps
        pot = np.array([*steps.pot, False])  # the last stands for "no holding"
        pot[steps.joints] = False  # a pot for one transaction only needs no care
        marked = np.zeros(len(pot), dtype=bool)
        key = np.array(steps.address_of, dtype=np.int64) * len(steps.assets) + np.array(
            steps.asset_of, np.int64
        )
        marked[:-1] = np.isin(key, [a * len(steps.assets) + asset for a, asset in self.marks])
        marked[steps.joints] = False
        src, dst = np.array(items.src, dtype=np.int64), np.array(items.dst, dtype=np.int64)
        special = (marked | pot)[src] | (marked | pot)[dst]
        special[list(steps.doubts)] = True
        result: list[bool] = special.tolist()
        return result

    def start(self, holding: int, amount: int, origin: int) -> None:
        self._grow()
        self.before.append(Step(Op.SEED, -1, holding, amount, origin=origin))
        self.hop[holding] = 0

    def take(self, number: int, step: Step) -> None:
        self._grow()
        src, dst = step.src, step.dst
        if src >= 0 and src not in self.paid and self._key(src) in self.marks:
            self.paid.add(src)
            self._opening(src)
        reached = step.op in (Op.MOVE, Op.CONVERT) and self.hop[src] < NEVER
        if number in self.steps.doubts and reached:
            self.steps.gaps.append(self.steps.doubts[number])
        # What a stopped address pays carries nothing, yet it is no new theft either: its coin is counted there.
        behind = src in self.behind or (step.op == Op.STOPPED and self.hop[src] < NEVER)
        if behind and dst in self.steps.joints:
            self.behind.add(dst)
        beyond = src >= 0 and (self.beyond[src] or (step.op == Op.STOPPED and self.hop[src] < NEVER))
        if beyond and dst >= 0:
            self.beyond[dst] = True
        mark = 0 if self.known[number] else self._mark(step, reached=reached or behind)
        self._move_pots(step)
        if mark:
            self._doubt(step, mark, behind=behind, beyond=beyond and not behind)
            self.instead[number] = self._relabelled(step, mark)
        elif reached:
            self.hop[dst] = min(self.hop[dst], self.hop[src] + step.hop)
        if reached and dst in self.steps.joints:
            self._put_in(src, dst)
        elif reached and self.via.get(src, self._address(src)) != self._address(dst):
            self.arrived.add(self._address(dst))
        if src >= 0 and self.steps.pot[src] and src not in self.steps.joints and self.pot_balance[src] == 0:
            self.hop[src] = NEVER
            self.beyond[src] = False

    def _doubt(self, step: Step, mark: int, *, behind: bool, beyond: bool) -> None:
        """A seed that says more than the chain: coin out of a stop that counts there already, at once or some payments
        on, or out of a CoinJoin.
        """
        crowd = step.op == Op.STOPPED and step.tx in self.steps.mixing
        for code, holds in (
            ("seed_behind_stop", behind),
            ("seed_beyond_stop", beyond),
            ("seed_from_coinjoin", crowd),
        ):
            if holds:
                self.doubted[(code, *self._key(step.dst), step.tx)] += mark

    def _put_in(self, src: int, joint: int) -> None:
        """Stolen coin of one more owner is in a transaction."""
        owner = self._address(src)
        if self.via.setdefault(joint, owner) != owner:
            self.via[joint] = _SEVERAL

    def _key(self, holding: int) -> tuple[int, int]:
        return self.steps.address_of[holding], self.steps.asset_of[holding]

    def _grow(self) -> None:
        more = len(self.steps.address_of) - len(self.hop)
        self.hop.extend([NEVER] * more)
        self.beyond.extend([False] * more)

    def _address(self, holding: int) -> int:
        return self.steps.address_of[holding] if holding >= 0 else -1

    def _opening(self, holding: int) -> None:
        """The opening of a seed without amount is stolen too, unless stolen coin reached it from elsewhere."""
        marks = self.marks[self._key(holding)]
        amount = self.opening.get(holding, 0)
        named = marks.outpoints.get(self._outpoint(holding))
        reached = self._address(holding) in self.arrived | self.downstream
        if amount and named is not None:
            self.stolen_opening[holding] = (amount if named[0] is None else named[0], named[1])
            self.hop[holding] = 0
        elif marks.every is not None and amount and not reached:
            self.stolen_opening[holding] = (amount, marks.every)
            self.hop[holding] = 0

    def _outpoint(self, holding: int) -> int:
        """Its number in the ledger, -1 if it is none."""
        outpoints = self.steps.outpoints
        return holding - outpoints.start if holding in outpoints else -1

    def _move_pots(self, step: Step) -> None:
        if step.dst >= 0 and self.steps.pot[step.dst]:
            self.pot_balance[step.dst] += step.got if step.op == Op.CONVERT else step.amount
        if step.src >= 0 and self.steps.pot[step.src]:
            self.pot_balance[step.src] -= step.amount

    def _mark(self, step: Step, *, reached: bool) -> int:
        """How much of this step becomes stolen coin."""
        dst = step.dst
        if dst < 0 or dst in self.steps.joints:
            return 0
        marks = self.marks.get(self._key(dst))
        if marks is None:
            return 0
        amount = step.got if step.op == Op.CONVERT else step.amount
        named = marks.outpoints.get(self._outpoint(dst))
        if named is not None:
            return amount if named[0] is None else named[0]
        if step.src >= 0 and self._address(dst) in self._payers(step):
            return 0
        if step.tx in marks.left:
            left = marks.left[step.tx]
            part = amount if left is None else min(left, amount)
            if left is not None:
                marks.left[step.tx] = left - part
            return part
        if marks.every is not None and reached:
            self.kept_out += 1
        return amount if marks.every is not None and not reached else 0

    def _payers(self, step: Step) -> set[int]:
        """Who pays in a step: of an output, all that spend in the transaction."""
        ledger = self.steps.ledger
        if step.row < 0 or ledger.makes[step.row] < 0:
            return {self._address(step.src)}
        first, end = np.searchsorted(ledger.tx, [step.tx, step.tx + 1]).tolist()
        return set(ledger.sender[first:end].tolist())

    def _relabelled(self, step: Step, part: int) -> list[Step]:
        """Pay into a pot of the seed, relabel there, pass on: so that what arrives tainted keeps its source."""
        address, asset = self._key(step.dst)
        marks = self.marks[address, asset]
        named = marks.outpoints.get(self._outpoint(step.dst))
        origin = marks.origin.get(step.tx, -1 if marks.every is None else marks.every)
        origin = origin if named is None else named[1]
        amount = step.got if step.op == Op.CONVERT else step.amount
        self.hop[step.dst] = 0
        if step.op == Op.CREDIT and part == amount:
            return [Step(Op.SEED, -1, step.dst, amount, 0, origin, step.row, step.tx)]
        pot = self.steps.holding(address, asset, "seed")
        self._grow()
        return [
            Step(step.op, step.src, pot, step.amount, step.got, -1, -1, step.tx, step.hop),
            Step(Op.RELABEL, -1, pot, part, 0, origin, -1, step.tx),
            Step(Op.MOVE, pot, step.dst, amount, 0, -1, step.row, step.tx),
        ]

    def finish(self) -> tuple[StepList, np.ndarray]:
        """Openings first (clean and oldest), then seed coin, then everything else; and each step's new number."""
        first: list[Step] = []
        for holding, amount in sorted(self.opening.items()):
            part, origin = self.stolen_opening.get(holding, (0, -1))
            if part:
                first.append(Step(Op.SEED, -1, holding, part, origin=origin))
            if part < amount:
                first.append(Step(Op.CREDIT, -1, holding, amount - part))
        if self.kept_out:
            message = (
                f"{self.kept_out} movements into seeds without an amount came from addresses that stolen coin had"
                " reached before: they keep their source and add nothing to the total."
            )
            self.steps.gaps.append(Gap("seed_downstream", message, status="assumption"))
        self.steps.gaps.extend(self._doubts())
        known = int(self.known.sum())
        items = self.steps.items
        result = StepList(first)
        result.extend(items, 0, known)
        result.extend(StepList(self.before))
        done = known
        for number, steps in sorted(self.instead.items()):
            result.extend(items, done, number)
            result.extend(StepList(steps))
            done = number + 1
        result.extend(items, done)
        more = np.zeros(len(items), dtype=np.int64)
        for number, steps in self.instead.items():
            more[number] = len(steps) - 1
        new = np.arange(len(items)) + len(first) + np.cumsum(more) - more
        new[known:] += len(self.before)
        return result, new

    def _doubts(self) -> Iterator[Gap]:
        steps, ledger = self.steps, self.steps.ledger
        first = (
            dict(zip(ledger.tx[::-1].tolist(), range(ledger.rows - 1, -1, -1), strict=True))
            if self.doubted
            else {}
        )
        for (code, owner, number, tx), amount in self.doubted.items():
            asset = steps.assets[number]
            yield Gap(
                code,
                f"The seed says that {amount} is stolen, which {_DOUBTS[code]}",
                *(asset.chain, steps.names[owner][1], asset.ref, amount, ledger.tx_hash[first[tx]]),
            )
