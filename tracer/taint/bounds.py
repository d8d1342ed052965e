"""The exact range of stolen coin at an address, a cluster or a service, over every admissible accounting.

The most that can be there is the largest flow of stolen coin to it through the program expanded in time; the least
is what it holds less the largest flow of *other* coin to it. (The same number as: all that was stolen, less the
largest flow to everywhere else.) Each end comes with a cut that proves it, see `tracer.taint.certificate`; the
reasoning in plain words is docs/bounds.md. L. R. Ford, D. R. Fulkerson, Maximal flow through a network, 1956.

It must not round inward, and no accounting rule has a say in it: a rule only saves work where it happens to reach
an end that a simple cut already proves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tracer.errors import InputError
from tracer.taint.certificate import Certificate, Converted, Crossing, Cut, Range, scaled, verify
from tracer.taint.maxflow import MaxFlow
from tracer.taint.network import OTHER, STOLEN, Network, expand
from tracer.taint.program import Program

__all__ = ["Range", "bounds", "reached", "verify"]


def bounds(
    program: Program,
    targets: Sequence[int | frozenset[int]] | None = None,
    *,
    hints: Mapping[int | frozenset[int], tuple[int, int]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    through: bool = False,
) -> list[Range]:
    """One range per target, in the order given. Amounts are integers in the smallest unit of the target's asset.

    targets: holding numbers, or sets of holdings of one asset that count as one holding (transfers between them
    ignored; a stopped member keeps what it got; outpoints only rest or do not). None: every holding that stolen coin
    can reach, in their order. hints: by target, the least and the most stolen coin there under the conserving rules;
    saves time, changes nothing. through: the range of what ever arrived, each coin counted once, instead of what rests
    in the end.

    Raises InputError for a target that is no holding, an empty set or one of several assets.
    """
    network = expand(program)
    wanted = _reached(program, network) if targets is None else list(targets)
    for target in wanted:
        _check(program, target)
    groups = [t if isinstance(t, frozenset) else frozenset((t,)) for t in wanted]
    apart = [not through and _stay_apart(program, members) for members in groups]
    joints = [members for members, alone in zip(groups, apart, strict=True) if alone and len(members) > 1]
    shared = None if through else _Search(program, network, joints)
    found: list[Range] = []
    for number, (target, members) in enumerate(zip(wanted, groups, strict=True)):
        if shared is not None and apart[number]:
            known = None if hints is None else hints.get(target)
            found.append(shared.range(target, tuple(sorted(members)), known))
        else:
            own = expand(program, members, through=through)
            found.append(
                _Search(program, own, [frozenset(own.ends)]).range(target, own.ends, None, through=through)
            )
        if progress is not None:
            progress("bounds", number + 1, len(wanted))
    return found


def _stay_apart(program: Program, members: frozenset[int]) -> bool:
    """Whether a group needs no network of its own: one holding, or several of which none passes coin to the others."""
    return len(members) == 1 or all(program.is_outpoint[h] or program.stopped[h] for h in members)


def reached(program: Program) -> list[int]:
    """The holdings (sinks included, pots not) that stolen coin can ever reach; at all others the range is 0 to 0."""
    return _reached(program, expand(program))


def _reached(program: Program, network: Network) -> list[int]:
    found = {
        owner for owner, stolen in zip(network.owner, network.stolen, strict=True) if stolen and owner >= 0
    }
    return sorted(h for h in found if not program.pot[h])


def _check(program: Program, target: int | frozenset[int]) -> None:
    members = target if isinstance(target, frozenset) else frozenset((target,))
    hint = "Targets are numbers of holdings (an address and an asset), or sets of them of one asset."
    if not members:
        raise InputError("A group without any holding has no range.", hint)
    if min(members) < 0 or max(members) >= len(program.holding_asset):
        raise InputError(f"There is no holding {min(members) if min(members) < 0 else max(members)}.", hint)
    if len({int(program.holding_asset[h]) for h in members}) > 1:
        raise InputError("A group of holdings of several assets has no single amount.", hint)


class _Search:
    """Both flows in one network, and the conversions in it, whose ranges are found first, in the order of steps."""

    def __init__(self, program: Program, network: Network, groups: Iterable[frozenset[int]]) -> None:
        self.program = program
        self.net = network
        self.joint = {group: self._join(sorted(group)) for group in groups if len(group) > 1}
        self.high = _Side(network, STOLEN)
        self.low = _Side(network, OTHER)
        self.converted: dict[int, Converted] = {}
        for item in network.conversions:
            end = (Crossing(item.step, int(network.owner[item.node]), "given", item.given),)
            high, low = self.high.cut(item.node, end), self.low.cut(item.node, end)
            least, most = item.given - low.total, high.total
            got_low, got_high = scaled(least, most, item.given, item.got, item.pieces)
            self.converted[item.step] = Converted(
                item.step, least, most, got_low, got_high, high=high, low=low
            )
            self.high.set_capacity(item.stolen_arc, got_high)
            self.low.set_capacity(item.other_arc, item.got - got_low)

    def _join(self, ends: Iterable[int]) -> int:
        """One node in which several ends come together."""
        node = self.net.node(-1)
        for holding in ends:
            if self.net.held.get(holding):
                units = self.net.held[holding]
                self.net.arc(self.net.last[holding], node, units, self.program.steps, holding, "kept")
        return node

    def range(
        self,
        target: int | frozenset[int],
        ends: tuple[int, ...],
        known: tuple[int, int] | None,
        *,
        through: bool = False,
    ) -> Range:
        """The range at `ends`, the holdings that stand for `target`; `known`: what some rules put there."""
        net, steps = self.net, self.program.steps
        amounts = {holding: net.held.get(holding, 0) for holding in ends}
        everything = tuple(Crossing(steps, h, "kept", units) for h, units in amounts.items() if units)
        held = sum(amounts.values())
        node = self.joint[frozenset(ends)] if len(ends) > 1 else net.last.get(ends[0], -1)
        nothing = Cut((), 0)
        whole = Cut(everything, held)
        if node < 0 or not held or not net.stolen[node]:
            high, low = nothing, whole
        elif not net.other[node]:
            high, low = whole, nothing
        else:
            least, most = (0, 0) if known is None else known
            high = whole if most == held else self.high.cut(node, everything, most if known else -1)
            low = (
                whole
                if known and not least
                else self.low.cut(node, everything, held - least if known else -1)
            )
        return Range(
            target=target,
            asset=int(self.program.holding_asset[ends[0]]),
            at_least=held - low.total,
            at_most=high.total,
            kind="enclosing" if node >= 0 and net.converted[node] and high.total else "exact",
            certificate=Certificate(held, high, low, self._used(high, low)),
            through=through,
        )

    def _used(self, *cuts: Cut) -> tuple[Converted, ...]:
        """The conversions whose ranges these cuts rest on, and those that they rest on."""
        used: dict[int, Converted] = {}
        waiting = list(cuts)
        while waiting:
            for crossing in waiting.pop().crossings:
                item = self.converted.get(crossing.step) if crossing.what == "payment" else None
                if item is not None and item.step not in used:
                    used[item.step] = item
                    waiting += [item.high, item.low]
        return tuple(used[step] for step in sorted(used))


class _Side:
    """The flow of one kind of coin through the mixed part of a network."""

    def __init__(self, network: Network, source: int) -> None:
        self.net = network
        ends = enumerate(zip(network.tail, network.head, strict=True))
        self.arcs = [
            arc
            for arc, (tail, head) in ends
            if network.mixed(head) and (tail == source or (tail > OTHER and network.mixed(tail)))
        ]
        self.number = {arc: i for i, arc in enumerate(self.arcs)}
        self.flow = MaxFlow(
            source,
            [network.tail[a] for a in self.arcs],
            [network.head[a] for a in self.arcs],
            [network.capacity[a] for a in self.arcs],
        )

    def set_capacity(self, arc: int, units: int) -> None:
        """Now that the range of a conversion is known."""
        self.flow.set_capacity(self.number[arc], units)

    def cut(self, node: int, end: tuple[Crossing, ...], known: int = -1) -> Cut:
        """The smallest cut before `node`, or `end`, what can be there at all, if that is no more."""
        units, arcs = self.flow.to(node, known)
        most = sum(c.units for c in end)
        if units >= most:
            return Cut(end, most)
        net = self.net
        crossings = (
            Crossing(net.step[a], net.holding[a], net.what[a], self.flow.capacity[i])
            for i, a in ((i, self.arcs[i]) for i in arcs)
        )
        return Cut(tuple(sorted(crossings)), units)
