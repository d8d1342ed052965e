"""What proves a bound: transfers and kept amounts that, crossed out, leave no way in time to the target.

Whoever doubts a range needs the steps and this list, not the network, the solver or this project: `verify` walks
once over the steps with one yes/no mark per holding ("can coin that is not on the list have come here?").
It shares no code with the search for the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tracer.taint.program import Op, Program

__all__ = ["Certificate", "Converted", "Crossing", "Cut", "Range", "scaled", "verify"]


@dataclass(frozen=True, slots=True, order=True)
class Crossing:
    """One amount on a cut, in units of its asset.

    what: `payment`, the coin that `step` brings into `holding`; `payout`, the same for a payment out of the target
    of a `through` question; `kept`, what `holding` has just before `step` (number of steps: at the end) and, if the
    step relabels, beyond what it relabels; `given`, what a conversion takes; `opening`, an unknown opening.
    """

    step: int
    holding: int
    what: Literal["payment", "kept", "opening", "payout", "given"]
    units: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Crossings in order, and their sum: no more than `total` units can come past them."""

    crossings: tuple[Crossing, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Converted:
    """The range of stolen coin in one conversion that is not one to one.

    given_low, given_high: stolen units among those given, proven by `low` (a cut of other coin) and `high` (a cut of
    stolen coin). got_low, got_high: the same in the units got, rounded outward.
    """

    step: int
    given_low: int
    given_high: int
    got_low: int
    got_high: int
    low: Cut
    high: Cut


@dataclass(frozen=True, slots=True)
class Certificate:
    """held: units at the target in the end (stopped, or `through`: all that ever arrived).

    high: a cut of stolen coin, so `at_most` is its total. low: a cut of all other coin, so `at_least` is `held`
    less its total. conversions: those whose range a cut uses, in the order of steps.
    """

    held: int
    high: Cut
    low: Cut
    conversions: tuple[Converted, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """Under every admissible accounting, between `at_least` and `at_most` units of stolen coin are at the target.

    target: holding number, or the set of holdings that count as one. asset: its number. kind: `exact` (both ends
    are reached by some accounting) or `enclosing` (a conversion lies on the way: the true range may be narrower).
    through: the question was what ever arrived (each coin counts once), not what rests there in the end.
    """

    target: int | frozenset[int]
    asset: int
    at_least: int
    at_most: int
    kind: Literal["exact", "enclosing"]
    certificate: Certificate
    through: bool = False


def scaled(low: int, high: int, given: int, got: int, pieces: int) -> tuple[int, int]:
    """Range of stolen coin got, when `low` to `high` of `given` units were stolen and became `got` units.

    Rounded outward. A rule that keeps coins in order rounds at the boundaries of each piece of stolen coin, so with
    n pieces it can differ from the plain proportion by n - 1 units more; nothing is rounded if got/given is whole.
    """
    least, most = low * got // given, -(-high * got // given)
    if got % given:
        least -= max(0, min(pieces, given - low) - 1)
        most += max(0, min(pieces, high) - 1)
    return (got if low == given else max(0, least)), (got if high == given else min(got, most))


def verify(program: Program, found: Range) -> bool:
    """Does the certificate prove the range? Reads the steps and the certificate only.

    It proves that the range cannot be left. That its ends are also reached (`kind` exact) follows from the total of
    each cut being the size of a flow, which this does not repeat.
    """
    members = found.target if isinstance(found.target, frozenset) else frozenset((found.target,))
    proof = found.certificate
    known: dict[int, Converted] = {}
    for item in proof.conversions:
        high = _Walk(program, members, found.through, item.high, known, stolen=True).run(item.step)
        low = _Walk(program, members, found.through, item.low, known, stolen=False).run(item.step)
        given, got = program.amount[item.step], program.got[item.step]
        if not (high.sealed and low.sealed):
            return False
        if (item.given_high, item.given_low) != (item.high.total, given - item.low.total):
            return False
        if (item.got_low, item.got_high) != scaled(item.given_low, item.given_high, given, got, high.pieces):
            return False
        known[item.step] = item
    high = _Walk(program, members, found.through, proof.high, known, stolen=True).run(program.steps)
    low = _Walk(program, members, found.through, proof.low, known, stolen=False).run(program.steps)
    return (
        high.sealed
        and low.sealed
        and high.held == proof.held
        and found.at_most == proof.high.total
        and found.at_least == proof.held - proof.low.total
    )


class _Walk:
    """One walk over the steps for stolen coin (`stolen`) or for all other coin, crossing out what `cut` lists.

    After `run`: sealed, the crossings are real, add up, and leave no way to the target; held, units at the target;
    pieces, into how many pieces the stolen coin can have been cut so far.
    """

    def __init__(
        self,
        program: Program,
        members: frozenset[int],
        through: bool,
        cut: Cut,
        known: Mapping[int, Converted],
        *,
        stolen: bool,
    ) -> None:
        self.program, self.through, self.stolen, self.cut, self.known = program, through, stolen, cut, known
        count = len(program.holding_address)
        self.listed = {(c.what, c.step, c.holding): c.units for c in cut.crossings}
        self.crossed: dict[tuple[str, int, int], int] = {}
        self.mark = [False] * count
        self.theft = [False] * count  # can stolen coin be here, nothing crossed out?
        self.other = [False] * count  # can other coin?
        self.balance = [0] * count
        self.stops: list[bool] = program.stopped.tolist()
        joined = sorted(h for h in members if through or not (self.stops[h] or program.is_outpoint[h]))
        same = frozenset(joined)
        self.home = [joined[0] if h in same else h for h in range(count)]
        self.targets = {self.home[h] for h in members}
        self.pots: set[int] = set()
        if through:
            self.stops[joined[0]] = True
            owners = {(int(program.holding_address[h]), int(program.holding_asset[h])) for h in members}
            places = zip(
                program.pot & ~program.is_joint, program.holding_address, program.holding_asset, strict=True
            )
            self.pots = {h for h, (pot, a, b) in enumerate(places) if pot and (int(a), int(b)) in owners}
        self.pieces = 0
        self.came_back = False  # can stolen coin that the target of `through` paid be about?
        self.held = 0
        self.sealed = False

    def run(self, until: int) -> _Walk:
        """Walk to the step `until` (a conversion whose given coin is the target) or to the end."""
        self._openings()
        program = self.program
        for step in range(until):
            self._step(step)
        if until < program.steps:
            source = self.home[int(program.src[until])]
            crossed_out = self._cross("given", until, source, program.amount[until])
            reached = self.mark[source] and not crossed_out
        else:
            self.held = sum(self.balance[h] for h in self.targets)
            crossed = {h: self._cross("kept", until, h, self.balance[h]) for h in sorted(self.targets)}
            reached = any(self.mark[h] and self.balance[h] and not crossed[h] for h in crossed)
        real = self.crossed == self.listed and sum(self.crossed.values()) == self.cut.total
        self.sealed = real and not reached
        return self

    def _cross(self, what: str, step: int, holding: int, units: int) -> bool:
        """Is this amount on the list? Then it is crossed out."""
        if (what, step, holding) not in self.listed:
            return False
        self.crossed[what, step, holding] = units
        return True

    def _openings(self) -> None:
        program = self.program
        entering = zip(program.op, program.amount, program.got, strict=True)
        enough = 1 + sum(g if o == Op.CONVERT else n for o, n, g in entering if o in _ADDS)
        for holding, home in enumerate(self.home):
            if program.unknown_opening[holding] and not program.pot[holding] and not self.stops[home]:
                self._enter("opening", -1, home, enough, _OTHER)

    def _enter(
        self, what: str, step: int, holding: int, units: int, kinds: _Kinds, crossing: int | None = None
    ) -> None:
        """`units` enter, among which there can be coin of `kinds`; `crossing` of them if that is less."""
        if not units or holding < 0:
            return
        emptied = self.balance[holding] == 0
        self.theft[holding] = kinds.theft or (self.theft[holding] and not emptied)
        self.other[holding] = kinds.other or (self.other[holding] and not emptied)
        if emptied or self._cross("kept", step, holding, self.balance[holding]):
            self.mark[holding] = False
        self.balance[holding] += units
        crossed_out = self._cross(what, step, holding, units if crossing is None else crossing)
        if kinds.mark(self.stolen) and not crossed_out:
            self.mark[holding] = True

    def _step(self, step: int) -> None:
        program = self.program
        op, amount, got = Op(int(program.op[step])), program.amount[step], program.got[step]
        src = self.home[int(program.src[step])] if program.src[step] >= 0 else -1
        dst = self.home[int(program.dst[step])] if program.dst[step] >= 0 else -1
        if op in (Op.SEED, Op.CREDIT):
            self.pieces += op == Op.SEED
            self._enter("payment", step, dst, amount, _THEFT if op == Op.SEED else _OTHER)
        elif op == Op.RELABEL:
            self._relabel(step, dst, amount)
        elif src != dst:
            self._pay(step, src, dst, amount, got if op == Op.CONVERT else amount)

    def _relabel(self, step: int, holding: int, units: int) -> None:
        if not units:
            return
        self.pieces += 1
        rest = self.balance[holding] - units
        if self._cross("kept", step, holding, rest) or not rest:
            self.mark[holding] = False
        self.theft[holding], self.other[holding] = True, self.other[holding] and rest > 0
        crossed_out = self._cross("payment", step, holding, units)
        if self.stolen and not crossed_out:
            self.mark[holding] = True
        if self.came_back:
            self.other[holding] = True
            if not self._cross("payout", step, holding, units) and not self.stolen:
                self.mark[holding] = True

    def _note_return(self, payer: int) -> None:
        if self.through and payer in self.targets:
            self.came_back = self.came_back or self.theft[payer]

    def _pay(self, step: int, src: int, dst: int, given: int, got: int) -> None:
        if self.stops[src] or not given:
            self._note_return(src)
            what = "payout" if self.through and src in self.targets else "payment"
            self._enter(what, step, dst, got, _OTHER)
            return
        self.balance[src] -= given
        kinds = _Kinds(self.theft[src], self.other[src], self.mark[src])
        if src in self.pots:
            (sink,) = self.targets
            self._enter("payment", step, sink, given, kinds)
            self._note_return(sink)
            if dst != sink:
                self._enter("payout", step, dst, got, _OTHER)
        elif given == got:
            self._enter("payment", step, dst, got, kinds)
        else:  # coin of another asset: a source of its own, however much of what was given is crossed out
            item = self.known.get(step)
            crossing = None if item is None else item.got_high if self.stolen else got - item.got_low
            self._enter("payment", step, dst, got, _Kinds(kinds.theft, kinds.other), crossing)
        self.pieces += kinds.theft


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Which coin can be in a payment: stolen, other (nothing crossed out); `reached`: of the walked kind, uncrossed.

    `reached` None: a source, so whatever kind can be in it also reaches the payee.
    """

    theft: bool
    other: bool
    reached: bool | None = None

    def mark(self, stolen: bool) -> bool:
        """Whether coin of the walked kind reaches the payee."""
        if self.reached is not None:
            return self.reached
        return self.theft if stolen else self.other


_THEFT = _Kinds(theft=True, other=False)
_OTHER = _Kinds(theft=False, other=True)
_ADDS = (Op.SEED, Op.RELABEL, Op.CONVERT)
