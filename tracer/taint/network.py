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

from tracer.errors import ConservationError
from tracer.taint.program import Op, Program

__all__ = ["OTHER", "STOLEN", "Conversion", "Network", "expand"]

STOLEN = 0
"""Node: where stolen coin enters."""
OTHER = 1
"""Node: where all other coin enters."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion that is not one to one: `given` units leave `node` at `step`, `got` units enter another asset.

    stolen_arc, other_arc: the two source arcs at the receiving side, whose capacities depend on the range of
    stolen coin given (found later, in the order of steps); -1 where that kind cannot come.
    parts: how many payments, at most, can have cut the stolen coin given into pieces; rounding is per piece.
    """

    step: int
    node: int
    given: int
    got: int
    stolen_arc: int
    other_arc: int
    parts: int


@dataclass
class Network:
    """Arcs (parallel lists) and nodes of one expanded program.

    tail, head, capacity: node, node, units. step: the step that the arc carries out; for what a holding keeps,
    the step just before which it holds that much. keeper: the holding that keeps, -1 for a payment.
    stolen, other, converted: by node, whether stolen coin, other coin, and stolen coin that went through a
    conversion can reach it. last: the node at which each holding ends; held: what it then holds (a stopped
    holding: all that ever arrived). home: the holding that stands for each holding (members of a merged target
    share one). ends: the holdings that stand for the target, sorted.
    """

    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    capacity: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    keeper: list[int] = field(default_factory=list)
    stolen: list[bool] = field(default_factory=lambda: [True, False])
    other: list[bool] = field(default_factory=lambda: [False, True])
    converted: list[bool] = field(default_factory=lambda: [False, False])
    last: dict[int, int] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    home: list[int] = field(default_factory=list)
    ends: tuple[int, ...] = ()
    conversions: list[Conversion] = field(default_factory=list)

    def node(self) -> int:
        """A new node that nothing reaches yet."""
        self.stolen.append(False)
        self.other.append(False)
        self.converted.append(False)
        return len(self.stolen) - 1

    def arc(self, tail: int, head: int, units: int, step: int, keeper: int = -1) -> int:
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
        self.keeper.append(keeper)
        return len(self.tail) - 1

    def mixed(self, node: int) -> bool:
        """Whether the share of stolen coin there depends on the accounting."""
        return self.stolen[node] and self.other[node]


def expand(program: Program, target: frozenset[int] = frozenset(), *, through: bool = False) -> Network:
    """`program` as a network, with the holdings of `target` merged into one.

    With `through` the target keeps all that ever arrives, also what it passes on inside one transaction, and what
    it pays is other coin: each stolen coin then counts once, when it first arrives.

    Raises ConservationError when the steps pay what a holding does not have or move coin out of a stopped one.
    """
    return _Expansion(program, target, through).run()


class _Expansion:
    """The state of one pass over the steps: what each holding has, and the node where it has it."""

    def __init__(self, program: Program, target: frozenset[int], through: bool) -> None:
        self.program = program
        self.through = through
        self.net = Network()
        holdings = len(program.holding_address)
        self.absorbs: list[bool] = program.stopped.tolist()
        self.balance = [0] * holdings
        self.current = [-1] * holdings
        self.paid = [False] * holdings
        self.net.home = list(range(holdings))
        self.pots: set[int] = set()
        self.splits = 0
        members = sorted(target if through else (h for h in target if not self.absorbs[h]))
        for holding in members:
            self.net.home[holding] = members[0]
        self.net.ends = tuple(sorted({self.net.home[h] for h in target}))
        if through:
            self.absorbs[members[0]] = True
            owners = {(program.holding_address[h], program.holding_asset[h]) for h in target}
            self.pots = {
                h
                for h in range(holdings)
                if program.pot[h] and (program.holding_address[h], program.holding_asset[h]) in owners
            }

    def run(self) -> Network:
        """All steps, then the end of each holding."""
        self._unknown_openings()
        program, home = self.program, self.net.home
        rows = zip(
            program.op.tolist(),
            program.src.tolist(),
            program.dst.tolist(),
            program.amount,
            program.got,
            strict=True,
        )
        for step, (op, source, destination, amount, got) in enumerate(rows):
            src = home[source] if source >= 0 else -1
            dst = home[destination] if destination >= 0 else -1
            if op == Op.MOVE:
                if src != dst and amount:
                    self._pay(src, dst, amount, amount, step)
            elif op == Op.CREDIT or op == Op.SEED:
                if amount:
                    self._enter(STOLEN if op == Op.SEED else OTHER, dst, amount, step)
            elif op == Op.STOPPED:
                if not self.absorbs[src]:
                    raise ConservationError(f"Step {step}: coin stops at a holding that is not stopped.")
                if dst >= 0 and dst != src and amount:
                    self._enter(OTHER, dst, amount, step)
            elif op == Op.CONVERT:
                if amount:
                    self._pay(src, dst, amount, got, step)
                elif got:
                    self._enter(OTHER, dst, got, step)
            elif op == Op.RELABEL:
                self._relabel(dst, amount, step)
        self.net.last = {h: node for h, node in enumerate(self.current) if node >= 0}
        self.net.held = {h: self.balance[h] for h in self.net.last}
        return self.net

    def _unknown_openings(self) -> None:
        """More clean coin than could ever be stolen: then what such a holding keeps limits nothing."""
        program = self.program
        stolen = sum(
            n
            for op, amount, got in zip(program.op.tolist(), program.amount, program.got, strict=True)
            for n in ((amount,) if op in (Op.SEED, Op.RELABEL) else (got,) if op == Op.CONVERT else ())
        )
        for holding in program.unknown_opening.nonzero()[0].tolist():
            home = self.net.home[holding]
            if stolen and not self.absorbs[home]:
                self._enter(OTHER, home, stolen, -1)

    def _enter(self, tail: int, holding: int, units: int, step: int) -> int:
        """`units` from `tail` enter `holding`; after it has paid, coin that enters meets only what was kept."""
        node = self._arrival(holding, step)
        self.balance[holding] += units
        return self.net.arc(tail, node, units, step)

    def _arrival(self, holding: int, step: int) -> int:
        node = self.current[holding]
        if node < 0:
            node = self.current[holding] = self.net.node()
        elif self.paid[holding] and not self.absorbs[holding]:
            kept, node = node, self.net.node()
            if self.balance[holding]:
                self.net.arc(kept, node, self.balance[holding], step, holding)
            self.current[holding] = node
            self.paid[holding] = False
        return node

    def _leave(self, holding: int, units: int, step: int) -> int:
        """The node that `units` of `holding` leave."""
        if self.absorbs[holding]:
            raise ConservationError(f"Step {step}: coin moves out of a stopped holding.")
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
        if self.through and src == self.net.ends[0]:
            self._enter(OTHER, dst, got, step)
            return
        tail = self._leave(src, given, step)
        if self.through and src in self.pots:
            node = self._arrival(self.net.ends[0], step)
            self.balance[self.net.ends[0]] += given
            self.net.arc(tail, node, given, step)
            if dst != self.net.ends[0]:
                self._enter(OTHER, dst, got, step)
            return
        self.splits += self.net.stolen[tail]
        if given == got:
            self._enter(tail, dst, given, step)
        else:
            self._convert(tail, dst, given, got, step)

    def _convert(self, tail: int, dst: int, given: int, got: int, step: int) -> None:
        net = self.net
        if not net.stolen[tail]:
            if got:
                self._enter(OTHER, dst, got, step)
            return
        stolen_arc = other_arc = -1
        if got:
            mixed = net.other[tail]
            stolen_arc = self._enter(STOLEN, dst, got, step)
            net.converted[net.head[stolen_arc]] = True
            if mixed:
                net.capacity[stolen_arc] = 0
                other_arc = net.arc(OTHER, net.head[stolen_arc], 0, step)
        net.conversions.append(Conversion(step, tail, given, got, stolen_arc, other_arc, self.splits))

    def _relabel(self, holding: int, units: int, step: int) -> None:
        """The first `units` become stolen whatever they were: only what lies beyond them passes unchanged."""
        rest = self.balance[holding] - units
        if rest < 0:
            raise ConservationError(
                f"Step {step}: {units} units are relabelled where {rest + units} are held."
            )
        before, after = self.current[holding], self.net.node()
        if rest:
            self.net.arc(before, after, rest, step, holding)
        if units:
            self.net.arc(STOLEN, after, units, step)
        self.current[holding] = after
        self.splits += 1
