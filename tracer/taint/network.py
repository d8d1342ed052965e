"""The accounting program expanded in time: every way in which stolen coin can have gone is a flow through it.

A node is a holding between two changes; an arc is a payment (capacity: its amount) or what a holding keeps
(capacity: its balance at that moment). The total on each arc is a fact, so an accounting only says how much of it
is stolen: a flow of stolen coin below these capacities, and the rest of each total is a flow of other coin.

Only *mixed* nodes, which both kinds can reach, have a choice. A node that only stolen coin reaches is stolen whole
under every accounting, so its payments are sources of stolen coin, and likewise for other coin. Arcs are listed
in an order in which every arc into a node comes before every arc out of it.

This module knows steps and capacities. It must not know how a maximum is found, nor what a rule is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tracer.errors import ConservationError
from tracer.taint.program import Op, Program

__all__ = ["OTHER", "STOLEN", "Conversion", "Network", "What", "expand", "unlimited"]

What = Literal["payment", "kept", "opening", "payout"]
"""What an arc is: coin that a step brings in; what a holding keeps; the unknown opening of a holding; coin that
the target of a `through` question paid and that counts as other coin from then on."""

STOLEN = 0
"""Node: where stolen coin enters."""
OTHER = 1
"""Node: where all other coin enters."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion of mixed coin, not one to one: `given` units leave `node` at `step`, `got` units enter elsewhere.

    stolen_arc, other_arc: the two source arcs at the receiving side, whose capacities depend on the range of
    stolen coin given (found later, in the order of steps).
    parts: into how many pieces, at most, the stolen coin can have been cut before; rounding is per piece.
    """

    step: int
    node: int
    given: int
    got: int
    stolen_arc: int
    other_arc: int
    pieces: int


@dataclass
class Network:
    """Arcs (parallel lists) and nodes of one expanded program.

    tail, head, capacity: node, node, units. step, holding, what: the step that the arc carries out and the holding
    that it enters, or, for `kept`, the holding that keeps this much and the step just before which it does.
    stolen, other: by node, whether coin of that kind can reach it; converted: whether stolen coin can of which only
    an enclosing range is known (after a conversion). owner: by node, whose it is (-1: nobody's). last: the node at
    which each holding ends. held: what it then holds (a stopped holding: all that ever arrived). home: the holding
    that stands for each holding (members of a merged target share one). ends: those that stand for the target.
    """

    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    capacity: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    holding: list[int] = field(default_factory=list)
    what: list[What] = field(default_factory=list)
    stolen: list[bool] = field(default_factory=lambda: [True, False])
    other: list[bool] = field(default_factory=lambda: [False, True])
    converted: list[bool] = field(default_factory=lambda: [False, False])
    owner: list[int] = field(default_factory=lambda: [-1, -1])
    last: dict[int, int] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    home: list[int] = field(default_factory=list)
    ends: tuple[int, ...] = ()
    conversions: list[Conversion] = field(default_factory=list)

    def node(self, owner: int) -> int:
        """A new node of the holding `owner` that nothing reaches yet."""
        self.owner.append(owner)
        self.stolen.append(False)
        self.other.append(False)
        self.converted.append(False)
        return len(self.stolen) - 1

    def arc(self, tail: int, head: int, units: int, step: int, holding: int, what: What = "payment") -> int:
        """`units` can go from `tail` to `head`; from an unmixed tail it is a source arc. Returns its number."""
        if self.stolen[tail]:
            self.stolen[head] = True
            self.converted[head] = self.converted[head] or self.converted[tail]
            if not self.other[tail]:
                tail = STOLEN
        if self.other[tail]:
            self.other[head] = True
            if not self.stolen[tail]:
                tail = OTHER
        self.tail.append(tail)
        self.head.append(head)
        self.capacity.append(units)
        self.step.append(step)
        self.holding.append(holding)
        self.what.append(what)
        return len(self.tail) - 1

    def mixed(self, node: int) -> bool:
        """Whether the share of stolen coin there depends on the accounting."""
        return self.stolen[node] and self.other[node]


def expand(program: Program, target: frozenset[int] = frozenset(), *, through: bool = False) -> Network:
    """`program` as a network, with the holdings of `target` merged into one.

    Outpoints are not merged: each is filled once and emptied whole, so which of them rest is a fact.

    With `through` the target keeps all that ever arrives, also what it passes on inside one transaction, and what
    it pays is other coin: each stolen coin then counts once, when it first arrives.

    Raises ConservationError when the steps pay what a holding does not have or move coin out of a stopped one.
    """
    return _Expansion(program, target, through).run()


class _Expansion:
    """The state of one pass over the steps: what each holding has, and the node where it has it."""

    def __init__(self, program: Program, target: frozenset[int], through: bool) -> None:
        self.program = program
        self.net = Network()
        holdings = len(program.holding_address)
        self.absorbs: list[bool] = program.stopped.tolist()
        self.balance = [0] * holdings
        self.current = [-1] * holdings
        self.paid = [False] * holdings
        self.net.home = list(range(holdings))
        self.pots: set[int] = set()
        self.sink = -1
        self.pieces = 0
        self.came_back = False  # can stolen coin that the target of `through` paid be about?
        apart = program.is_outpoint
        members = sorted(target if through else (h for h in target if not (self.absorbs[h] or apart[h])))
        for holding in members:
            self.net.home[holding] = members[0]
        self.net.ends = tuple(sorted({self.net.home[h] for h in target}))
        if through:
            self.sink = members[0]
            self.absorbs[self.sink] = True
            owners = {(program.holding_address[h], program.holding_asset[h]) for h in target}
            self.pots = {
                h
                for h in (program.pot & ~program.is_joint).nonzero()[0].tolist()
                if (program.holding_address[h], program.holding_asset[h]) in owners
            }

    def run(self) -> Network:
        """All steps, then the end of each holding."""
        self._unknown_openings()
        program, home = self.program, self.net.home
        columns = (
            program.op.tolist(),
            program.src.tolist(),
            program.dst.tolist(),
            program.amount,
            program.got,
        )
        for step, (op, source, destination, amount, got) in enumerate(zip(*columns, strict=True)):
            src = home[source] if source >= 0 else -1
            dst = home[destination] if destination >= 0 else -1
            if op == Op.MOVE:
                if src != dst and amount:
                    self._pay(src, dst, amount, amount, step)
            elif op in (Op.CREDIT, Op.SEED):
                self.pieces += op == Op.SEED
                self._enter(STOLEN if op == Op.SEED else OTHER, dst, amount, step)
            elif op == Op.STOPPED:
                if not self.absorbs[src]:
                    raise ConservationError(f"Step {step}: coin stops at a holding that is not stopped.")
                if dst != src:
                    self._note_return(src)
                    self._enter(OTHER, dst, amount, step, "payout" if src == self.sink else "payment")
            elif op == Op.CONVERT:
                self._pay(src, dst, amount, got, step)
            elif op == Op.RELABEL:
                self._relabel(dst, amount, step)
        self.net.last = {h: node for h, node in enumerate(self.current) if node >= 0}
        self.net.held = {h: self.balance[h] for h in self.net.last}
        return self.net

    def _unknown_openings(self) -> None:
        """More clean coin than could ever be stolen: then what such a holding keeps limits nothing."""
        program = self.program
        enough = unlimited(program)
        for holding in (program.unknown_opening & ~program.pot).nonzero()[0].tolist():
            home = self.net.home[holding]
            if not self.absorbs[home]:
                self._enter(OTHER, home, enough, -1, "opening")

    def _enter(self, tail: int, holding: int, units: int, step: int, what: What = "payment") -> int:
        """`units` from `tail` enter `holding`; returns the arc, -1 if there is nothing to enter anywhere."""
        if not units or holding < 0:
            return -1
        node = self._arrival(holding, step)
        self.balance[holding] += units
        return self.net.arc(tail, node, units, step, holding, what)

    def _arrival(self, holding: int, step: int) -> int:
        """The node that coin enters: after a payment a new one, where it meets only what was kept."""
        node = self.current[holding]
        if node < 0:
            node = self.current[holding] = self.net.node(holding)
        elif self.paid[holding]:
            before, node = node, self.net.node(holding)
            if self.balance[holding]:
                self.net.arc(before, node, self.balance[holding], step, holding, "kept")
            self.current[holding] = node
            self.paid[holding] = False
        return node

    def _leave(self, holding: int, units: int, step: int) -> int:
        """The node that `units` of `holding` leave."""
        self.balance[holding] -= units
        if self.balance[holding] < 0:
            chain, address, asset = self.program.name(holding)
            raise ConservationError(
                f"Step {step}: {chain}:{address} pays {-self.balance[holding]} more of {asset.key} than it has."
            )
        self.paid[holding] = True
        return self.current[holding]

    def _pay(self, src: int, dst: int, given: int, got: int, step: int) -> None:
        """A movement (`given` equals `got`: a one-to-one conversion is one, too) or a conversion."""
        if self.absorbs[src] or not given:
            self._note_return(src)
            self._enter(OTHER, dst, got, step, "payout" if src == self.sink else "payment")
            return
        tail = self._leave(src, given, step)
        if src in self.pots:
            self._enter(tail, self.sink, given, step)
            self._note_return(self.sink)
            if dst != self.sink:
                self._enter(OTHER, dst, got, step, "payout")
        elif given == got or not self.net.stolen[tail]:
            self._enter(tail, dst, got, step)
        else:
            self._convert(tail, dst, given, got, step)
        self.pieces += self.net.stolen[tail]

    def _note_return(self, payer: int) -> None:
        """Coin that the target pays counts as other coin; from here on some of it can be stolen."""
        if payer == self.sink >= 0 and self.current[payer] >= 0:
            self.came_back = self.came_back or self.net.stolen[self.current[payer]]

    def _convert(self, tail: int, dst: int, given: int, got: int, step: int) -> None:
        net = self.net
        stolen_arc = self._enter(STOLEN, dst, got, step)
        if stolen_arc < 0:
            return
        net.converted[net.head[stolen_arc]] = True
        if net.other[tail]:
            net.capacity[stolen_arc] = 0
            other_arc = net.arc(OTHER, net.head[stolen_arc], 0, step, dst)
            net.conversions.append(Conversion(step, tail, given, got, stolen_arc, other_arc, self.pieces))

    def _relabel(self, holding: int, units: int, step: int) -> None:
        """The first `units` become stolen whatever they were: only what lies beyond them passes unchanged."""
        rest = self.balance[holding] - units
        if rest < 0:
            raise ConservationError(
                f"Step {step}: {units} units are relabelled where {rest + units} are held."
            )
        if not units:
            return
        before, after = self.current[holding], self.net.node(holding)
        if rest:
            self.net.arc(before, after, rest, step, holding, "kept")
        self.net.arc(STOLEN, after, units, step, holding)
        if self.came_back:  # what is relabelled may have counted at the target already: then it is not new
            self.net.arc(OTHER, after, units, step, holding, "payout")
            self.net.converted[after] = True
        self.current[holding] = after
        self.paid[holding] = False
        self.pieces += 1


def unlimited(program: Program) -> int:
    """An amount that no stolen holding can exceed: all seeds and everything ever got by conversion, and one."""
    columns = zip(program.op.tolist(), program.amount, program.got, strict=True)
    return 1 + sum(
        got if op == Op.CONVERT else n for op, n, got in columns if op in (Op.SEED, Op.RELABEL, Op.CONVERT)
    )
