"""What one holding is made of: the forward pass with every inflow from beyond the known history as a named source.

There is no separate reverse accounting. The steps that can have led to the target are kept, all coin that enters
them gets the name of where it came from, and the rules run as always. So the answer adds up to the holding, to the
unit, and a coin that is followed forward and one that is asked for backward go the same way.

Where every coin has a name, nothing is left that "stolen coin first" or "clean coin first" could tell apart:
seniority and lowest intermediate balance then are the pro rata rule. FIFO and LIFO keep their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from tracer.errors import ConservationError
from tracer.ledger import KINDS, Ledger
from tracer.model import CONSERVING, UNREAD, Kind, Rule
from tracer.taint.bounds import Range, bounds
from tracer.taint.engine import run
from tracer.taint.pools import Split
from tracer.taint.program import NEVER, Op, Origin, Program

__all__ = ["Inflow", "InflowKind", "Supply", "supply"]


class InflowKind(StrEnum):
    """From where a named source enters the known history."""

    UNREAD = "unread"
    """Paid by an address whose own history was not read."""
    STOPPED = "stopped"
    """Paid by an address where tracing stops: an exchange, a mixer, or the analyst's own stop."""
    OPENING = "opening"
    """The balance that an address had before its history begins."""
    MINT = "mint"
    """Made out of nothing: minted tokens, mined coin."""
    WITHDRAWAL = "withdrawal"
    """Paid out by the consensus layer."""
    CONVERSION = "conversion"
    """What a conversion brought that cannot be attributed to what was given for it."""
    THEFT = "theft"
    """The amount of a seed, which the history lacks."""
    RETURNED = "returned"
    """Paid by the target itself before: it has been there already."""


@dataclass(frozen=True, slots=True)
class Inflow:
    """A named source. address: number of who paid it, or, where nobody did, of whom it came to. asset: number of the
    asset in which it entered. theft: name of the theft, "" for other kinds.
    """

    kind: InflowKind
    address: int
    asset: int
    theft: str = ""


@dataclass(frozen=True)
class Supply:
    """The steps that can have led to a holding, with a name for all coin in them.

    program: those steps; its origins are the inflows, by number. target: the holding that was asked about; members: it
    and, on Bitcoin-like chains, the other outpoints of its address. hops: by inflow, the least number of transactions
    in the order of time from there to the target. first, last: by inflow, transaction ordinals of its first and last
    payment (-1: before the first). way: by number of an address whose coin went on to the target, the same least
    number. total: what the target is made of, in units of its asset.
    """

    program: Program
    target: int
    members: tuple[int, ...]
    inflows: tuple[Inflow, ...]
    hops: tuple[int, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    way: Mapping[int, int]
    total: int

    @cached_property
    def splits(self) -> Mapping[Rule, Split]:
        """Under each conserving rule, inflow number -> (units at the target, units as they entered).

        Raises ConservationError if they do not add up to the holding.
        """
        # Outputs that are served in the order of their size may round otherwise.
        apart = (*_APART, Rule.TIHO) if self.program.is_joint.any() else _APART
        found = {rule: self._together(run(self.program, rule).split) for rule in apart}
        for rule, split in found.items():
            units = sum(u for u, _ in split.values())
            if units != self.total:
                raise ConservationError(f"{rule}: the target is {self.total}, its sources add up to {units}.")
        return {rule: found.get(rule, found[Rule.HAIRCUT]) for rule in CONSERVING}

    def _together(self, splits: Sequence[Split]) -> Split:
        """What the members are made of, added up."""
        found: Split = {}
        for member in self.members:
            for number, (units, source) in splits[member].items():
                have, had = found.get(number, _NOTHING)
                found[number] = (have + units, had + source)
        return found

    def most(self, number: int) -> int:
        """The most that a rule says the inflow is of the target, in units of the target."""
        return max(split.get(number, _NOTHING)[0] for split in self.splits.values())

    def range(self, number: int) -> Range:
        """The range of one inflow in the target, over every admissible accounting."""
        program = self.program
        own = program.origin == number
        others = (program.origin >= 0) & ~own
        alone = replace(
            program,
            op=np.where(others, int(Op.CREDIT), program.op).astype(np.int8),
            origin=np.where(own, 0, -1).astype(np.int16),
            origins=(program.origins[number],),
        )
        said = [split.get(number, _NOTHING)[0] for split in self.splits.values()]
        target = self.members[0] if len(self.members) == 1 else frozenset(self.members)
        return bounds(alone, [target], hints={target: (min(said), max(said))})[0]


def supply(program: Program, ledger: Ledger, target: int, *, ever: bool = False) -> Supply:
    """The supply of the holding `target`, which must not be stopped, in a program whose seeds are amounts alone.

    On Bitcoin-like chains `target` stands for all outpoints of its address (`Program.main`).

    ever: of everything that it ever got, each coin once and its opening included, instead of what rests there now:
    then what it paid is another source (`RETURNED`) where it came back.
    """
    return _Backward(program, ledger, target, ever=ever).run()


class _Backward:
    """One pass over the steps from the last to the first: what is needed, and where it enters."""

    def __init__(self, program: Program, ledger: Ledger, target: int, *, ever: bool) -> None:
        self.program, self.ledger, self.target, self.ever = program, ledger, target, ever
        # Asked for everything that it ever got, what passes through inside one transaction counts, and all of it stays
        # where it arrives. A transaction that only its own outpoints fill is a pot of it: change is nothing new.
        mine = program.main == target
        self.own = set(np.flatnonzero(mine).tolist()) if ever else set[int]()
        self.members = (target,) if ever else program.members.get(target, (target,))
        self.far = [NEVER] * len(program.holding_address)
        for member in self.members:
            self.far[member] = 0
        self.kept: list[
            tuple[int, int, Inflow | None]
        ] = []  # (step, units that it brings, its name if it enters)
        self.hops: dict[Inflow, int] = {}

    def run(self) -> Supply:
        program, far, own = self.program, self.far, self.own
        columns = (program.op, program.src, program.dst, program.hop_step)
        steps = list(zip(*(column.tolist() for column in columns), program.amount, program.got, strict=True))
        for step in range(program.steps - 1, -1, -1):
            op, src, dst, hop, amount, got = steps[step]
            units = got if op == Op.CONVERT else amount
            returned = src in own
            if dst in own:
                if returned:
                    continue  # it passed through a pot of the target and stays
                dst = self.target
            arrives = units > 0 and far[dst] < NEVER
            if returned or op in _ENTERING:
                if arrives:
                    name = self._named(step, op, src, dst, returned=returned)
                    self.hops[name] = min(self.hops.get(name, NEVER), far[dst] + hop)
                    self.kept.append((step, units, name))
            elif arrives or far[src] < NEVER:
                if arrives:
                    far[src] = min(far[src], far[dst] + hop)
                self.kept.append((step, units, None))
        return self._packed()

    def _named(self, step: int, op: int, src: int, dst: int, *, returned: bool) -> Inflow:
        program = self.program
        asset, row = int(program.holding_asset[dst]), int(program.row[step])
        if returned or op == Op.STOPPED:
            payer = int(program.holding_address[src])
            unread = program.stop_code[payer] in UNREAD
            kind = InflowKind.UNREAD if unread else InflowKind.STOPPED
            return Inflow(InflowKind.RETURNED if returned else kind, payer, asset)
        payee = int(program.holding_address[dst])
        if op == Op.SEED:
            return Inflow(InflowKind.THEFT, payee, asset, program.origins[program.origin[step]].theft)
        if row >= 0:
            return Inflow(_MADE.get(KINDS[self.ledger.kind[row]], InflowKind.MINT), payee, asset)
        before = program.tx[step] < 0
        return Inflow(InflowKind.OPENING if before else InflowKind.CONVERSION, payee, asset)

    def _packed(self) -> Supply:
        """The kept steps in their order; coin that enters has the name of its inflow as origin."""
        program, target = self.program, self.target
        at = np.array([step for step, _, _ in reversed(self.kept)], dtype=np.int64)
        number: dict[Inflow, int] = {}
        entered: list[int] = []
        spans: list[list[int]] = []
        origin = np.full(len(at), -1, dtype=np.int32)
        for place, (step, units, name) in enumerate(reversed(self.kept)):
            if name is not None:
                which = origin[place] = number.setdefault(name, len(number))
                if which == len(entered):
                    entered.append(0)
                    spans.append([int(program.tx[step])] * 2)
                entered[which] += units
                spans[which][1] = int(program.tx[step])
        enters = origin >= 0
        op = np.where(enters, int(Op.SEED), program.op[at]).astype(np.int8)
        src = np.where(enters, -1, program.src[at]).astype(np.int32)
        dst = np.where(np.isin(program.dst[at], list(self.own)), target, program.dst[at]).astype(np.int32)
        convert = (op == Op.CONVERT).tolist()
        brought = [units for _, units, _ in reversed(self.kept)]
        amount = [
            program.amount[i] if c else n for i, c, n in zip(at.tolist(), convert, brought, strict=True)
        ]
        total = sum(brought[i] for i in np.flatnonzero(np.isin(dst, self.members)).tolist())
        total -= sum(amount[i] for i in np.flatnonzero(np.isin(src, self.members)).tolist())
        stopped, touched = program.stopped.copy(), np.zeros(len(program.stopped), dtype=bool)
        stopped[target] |= self.ever
        touched[src[~enters]] = touched[dst] = True
        made = replace(
            program,
            stopped=stopped,
            unknown_opening=program.unknown_opening & touched,
            origins=tuple(
                Origin(name.theft or str(name.kind), name.asset, units)
                for name, units in zip(number, entered, strict=True)
            ),
            seeds=(),
            op=op,
            src=src,
            dst=dst,
            origin=origin,
            row=np.full(len(at), -1, dtype=np.int64),
            tx=program.tx[at],
            hop_step=program.hop_step[at],
            amount=amount,
            got=[n if c else 0 for c, n in zip(convert, brought, strict=True)],
            gaps=(),
            shares=(),
            opening={},
        )
        first, last = zip(*spans, strict=True) if spans else ((), ())
        way: dict[int, int] = {}
        for holding, hops in enumerate(self.far):
            owner = int(program.holding_address[holding])
            real = owner < len(self.ledger.addresses)  # and not a transaction that stands for its inputs
            if hops < NEVER and real:
                way[owner] = min(way.get(owner, NEVER), hops)
        reach = tuple(self.hops[n] for n in number)
        return Supply(made, target, self.members, tuple(number), reach, first, last, way, total)


_APART = (Rule.HAIRCUT, Rule.FIFO, Rule.LIFO)
"""The rules that differ where every coin has a name."""
_NOTHING = (0, 0)
_ENTERING = {Op.CREDIT, Op.SEED, Op.STOPPED}
_MADE = {Kind.OPENING: InflowKind.OPENING, Kind.WITHDRAWAL: InflowKind.WITHDRAWAL}
