"""Programs built by hand and at random for the tests of bounds, and slow definitions to compare with."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from tracer.model import Asset, Rule
from tracer.taint.bounds import bounds, reached
from tracer.taint.engine import run
from tracer.taint.program import Op, Origin, Program

CONSERVING = (Rule.HAIRCUT, Rule.FIFO, Rule.LIFO, Rule.SENIORITY, Rule.LIBR)


@dataclass
class Ledger:
    """Steps written one by one: `Ledger().seed(0, 10).move(0, 1, 4).program()`."""

    stopped: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    pots: dict[int, int] = field(default_factory=dict)  # pot -> the holding whose address it belongs to
    assets: dict[int, int] = field(default_factory=dict)  # holding -> asset, 0 unless said
    steps: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def add(self, op: Op, src: int, dst: int, amount: int, got: int = 0) -> Ledger:
        self.steps.append((op, src, dst, amount, got))
        return self

    def credit(self, dst: int, amount: int) -> Ledger:
        return self.add(Op.CREDIT, -1, dst, amount)

    def seed(self, dst: int, amount: int) -> Ledger:
        return self.add(Op.SEED, -1, dst, amount)

    def move(self, src: int, dst: int, amount: int) -> Ledger:
        return self.add(Op.MOVE, src, dst, amount)

    def stop(self, src: int, dst: int, amount: int) -> Ledger:
        return self.add(Op.STOPPED, src, dst, amount)

    def convert(self, src: int, dst: int, amount: int, got: int) -> Ledger:
        return self.add(Op.CONVERT, src, dst, amount, got)

    def relabel(self, dst: int, amount: int) -> Ledger:
        return self.add(Op.RELABEL, -1, dst, amount)

    def program(self) -> Program:
        named = [h for step in self.steps for h in step[1:3]]
        count = 1 + max([*named, *self.stopped, *self.unknown, *self.pots])
        asset = [self.assets.get(self.pots.get(h, h), 0) for h in range(count)]
        columns = list(zip(*self.steps, strict=True)) if self.steps else [[]] * 5
        origin = [0 if op in (Op.SEED, Op.RELABEL) else -1 for op in columns[0]]
        none = np.full(len(self.steps), -1, dtype=np.int64)
        stolen = sum(amount for amount, o in zip(columns[3], origin, strict=True) if o == 0)
        return Program(
            addresses=tuple(("eip155:1", f"0x{h:040x}") for h in range(count)),
            assets=tuple(Asset("eip155:1", f"asset{a}") for a in range(max(asset) + 1)),
            holding_address=np.array([self.pots.get(h, h) for h in range(count)], dtype=np.int32),
            holding_asset=np.array(asset, dtype=np.int32),
            pot=np.array([h in self.pots for h in range(count)]),
            stopped=np.array([h in self.stopped for h in range(count)]),
            stop_code=("",) * count,
            unknown_opening=np.array([h in self.unknown for h in range(count)]),
            origins=(Origin("theft", 0, stolen),),
            seeds=(),
            op=np.array(columns[0], dtype=np.int8),
            src=np.array(columns[1], dtype=np.int32),
            dst=np.array(columns[2], dtype=np.int32),
            origin=np.array(origin, dtype=np.int16),
            row=none,
            tx=none,
            hop_step=np.zeros(len(self.steps), dtype=np.int8),
            amount=list(columns[3]),
            got=list(columns[4]),
            gaps=(),
        )


STOP, SINK, POT = 4, 5, 6
ENDLESS = 10**90


@st.composite
def ledgers(draw: st.DrawFn, *, steps: int = 9, unit: int = 1, most: int = 4, relabel: bool = True) -> Ledger:
    """Holdings 0 to 3, a stopped one (4), a sink (5) and a pot of holding 1 (6), which is empty in the end.

    Amounts are below `most` times `unit`, plus up to `unit` - 1, so that digits at both ends count.
    """
    ledger = Ledger(stopped={STOP}, pots={POT: 1})
    balance = [0] * 7

    def units(limit: int) -> int:
        size = draw(st.integers(0, most)) * unit + (draw(st.integers(0, unit - 1)) if unit > 1 else 0)
        return min(size, limit)

    ledger.seed(0, 1 + units(most * unit))
    balance[0] += ledger.steps[0][3]
    for _ in range(steps):
        kind = draw(st.sampled_from(["move"] * 6 + ["credit", "seed", "stop", "pot"]))
        src, dst = draw(st.integers(0, 3)), draw(st.integers(0, 5))
        if kind in ("credit", "seed"):
            amount = units(most * unit)
            ledger.add(Op.CREDIT if kind == "credit" else Op.SEED, -1, dst, amount)
            balance[dst] += amount
        elif kind == "stop":
            amount = units(balance[STOP])
            ledger.stop(STOP, src, amount)
            balance[STOP] -= amount
            balance[src] += amount
        elif kind == "pot":
            amount = units(balance[src])
            ledger.move(src, POT, amount)
            if relabel:
                ledger.relabel(POT, units(amount))
            first = units(amount)
            ledger.move(POT, dst, first).move(POT, 1, amount - first)
            balance[src] -= amount
            balance[dst] += first
            balance[1] += amount - first
        else:
            amount = units(balance[src])
            ledger.move(src, dst, amount)
            balance[src] -= amount
            balance[dst] += amount
    return ledger


def enumerated(program: Program, groups: Iterable[frozenset[int]]) -> list[tuple[int, int]]:
    """Least and most stolen coin per group over *every* admissible accounting, tried one by one."""
    stopped = program.stopped & ~program.pot
    states = {(0,) * len(program.holding_address)}
    balance = [0] * len(program.holding_address)
    for op, src, dst, amount in zip(program.op, program.src, program.dst, program.amount, strict=True):
        after = set()
        for state in states:
            if op in (Op.MOVE, Op.CONVERT) and src != dst:
                clean = balance[src] - state[src]
                for taint in range(max(0, amount - clean), min(amount, state[src]) + 1):
                    new = list(state)
                    new[src] -= taint
                    new[dst] += taint
                    after.add(tuple(new))
            elif op in (Op.SEED, Op.RELABEL):
                low = max(amount, state[dst]) if op == Op.RELABEL else state[dst] + amount
                high = min(balance[dst], state[dst] + amount) if op == Op.RELABEL else low
                for taint in range(low, high + 1):
                    after.add((*state[:dst], taint, *state[dst + 1 :]))
            else:
                after.add(state)
        states = after
        if op != Op.RELABEL:
            balance[dst] += amount
        if src >= 0 and not stopped[src]:
            balance[src] -= amount
    totals = [{sum(state[h] for h in group) for state in states} for group in groups]
    return [(min(t), max(t)) for t in totals]


def enumerated_through(program: Program, target: int) -> tuple[int, int]:
    """Least and most stolen coin that ever came to `target`, over every accounting; a coin counts when it first comes.

    A state is (stolen coin that has not been there, stolen coin that has) per holding, and the count.
    """
    stopped = program.stopped & ~program.pot
    places = {
        target,
        *(h for h in range(len(program.pot)) if program.pot[h] and program.holding_address[h] == target),
    }
    balance = [0] * len(program.holding_address)
    states = {(((0, 0),) * len(balance), 0)}
    for op, src, dst, amount in zip(program.op, program.src, program.dst, program.amount, strict=True):
        after = set()
        for held, count in states:
            outcomes = [(held, count)]
            if op == Op.MOVE and src != dst:
                new, old = held[src]
                clean = balance[src] - new - old
                outcomes = []
                for a in range(min(new, amount) + 1):
                    for b in range(max(0, amount - clean - a), min(old, amount - a) + 1):
                        now = list(held)
                        now[src] = (new - a, old - b)
                        now[dst] = (held[dst][0] + a, held[dst][1] + b)
                        outcomes.append((tuple(now), count))
            elif op in (Op.SEED, Op.RELABEL):
                new, old = held[dst]
                low = max(amount - new - old, 0) if op == Op.RELABEL else amount
                high = min(balance[dst] - new - old, amount) if op == Op.RELABEL else amount
                outcomes = [
                    ((*held[:dst], (new + more, old), *held[dst + 1 :]), count)
                    for more in range(low, high + 1)
                ]
            for now, n in outcomes:
                marked, arrived = list(now), n
                for place in places:
                    if place == target or (op != Op.RELABEL and place == dst):
                        arrived += marked[place][0]
                        marked[place] = (0, sum(marked[place]))
                after.add((tuple(marked), arrived))
        states = after
        if op != Op.RELABEL:
            balance[dst] += amount
        if src >= 0 and not stopped[src]:
            balance[src] -= amount
    return min(n for _, n in states), max(n for _, n in states)


def by_networkx(program: Program, target: int) -> tuple[int, int]:
    """The definition word for word: a node per holding and step, and what is not at the target is elsewhere."""
    graph = nx.DiGraph()
    stopped = program.stopped & ~program.pot
    balance = [0] * len(program.holding_address)
    version = [0] * len(balance)
    stolen = 0
    units: dict[tuple[object, object], int] = {}

    def arc(tail: object, head: object, amount: int) -> None:
        units[tail, head] = units.get((tail, head), 0) + amount

    def later(holding: int, beyond: int = 0) -> None:
        kept = ENDLESS if stopped[holding] or program.unknown_opening[holding] else balance[holding] - beyond
        version[holding] += 1
        arc((holding, version[holding] - 1), (holding, version[holding]), kept)

    for op, src, dst, amount in zip(program.op, program.src, program.dst, program.amount, strict=True):
        if src == dst and op == Op.MOVE:
            continue
        if op == Op.MOVE:
            balance[src] -= amount
            before = (int(src), version[src])
            later(src)
            later(dst)
            balance[dst] += amount
            arc(before, (int(dst), version[dst]), amount)
        elif op == Op.RELABEL:
            arc((int(dst), version[dst]), "relabelled twice", amount)
            later(dst, amount)
            arc("theft", (int(dst), version[dst]), amount)
            stolen += amount
        else:
            later(dst)
            balance[dst] += amount
            if op == Op.SEED:
                arc("theft", (int(dst), version[dst]), amount)
                stolen += amount
    for here in (True, False):
        for holding, number in enumerate(version):
            kept = ENDLESS if stopped[holding] or program.unknown_opening[holding] else balance[holding]
            units[(holding, number), ("end", here)] = kept if (holding == target) == here else 0
    units["relabelled twice", ("end", False)] = ENDLESS
    for (tail, head), amount in units.items():
        graph.add_edge(tail, head, capacity=amount)
    for node in ("theft", ("end", True), ("end", False)):
        graph.add_node(node)
    most = nx.maximum_flow_value(graph, "theft", ("end", True))
    return stolen - nx.maximum_flow_value(graph, "theft", ("end", False)), most


def merged(ledger: Ledger, group: frozenset[int]) -> Ledger:
    """The ledger with one holding for the whole group, inner transfers left out."""
    one = min(group)
    steps = [
        (op, one if a in group else a, one if b in group else b, n, g) for op, a, b, n, g in ledger.steps
    ]
    kept = [s for s in steps if s[1] != s[2] or s[1] < 0]
    return Ledger(ledger.stopped, ledger.unknown, ledger.pots, ledger.assets, kept)


def balances(ledger: Ledger) -> dict[int, int]:
    """What each holding has after the steps so far (stopped ones: what they have, too)."""
    balance: dict[int, int] = defaultdict(int)
    for op, src, dst, amount, got in ledger.steps:
        if op != Op.RELABEL:
            balance[dst] += got if op == Op.CONVERT else amount
        if src >= 0:
            balance[src] -= amount
    return balance


def rule_ranges(program: Program) -> dict[int, tuple[int, int]]:
    """By holding, the least and the most under the conserving rules."""
    taints = [run(program, rule).taint for rule in CONSERVING]
    return {h: (min(t[h] for t in taints), max(t[h] for t in taints)) for h in range(len(taints[0]))}


def large_ledger(
    transfers: int, *, addresses: int | None = None, seed: int = 7, unit: int = 10**18
) -> Program:
    """A theft that spreads over `addresses` with openings, amounts in wei; every rule must mix all the time."""
    rng = random.Random(seed)
    count = addresses or max(2, transfers // 4)
    ledger = Ledger()
    balance = [0] * count
    for holding in range(count):
        balance[holding] = rng.randrange(1, 50 * unit)
        ledger.credit(holding, balance[holding])
    ledger.seed(0, 10_000 * unit + 1)
    balance[0] += 10_000 * unit + 1
    active = [0]
    for _ in range(transfers):
        src = rng.choice(active) if rng.random() < 0.8 else rng.randrange(count)
        dst = rng.randrange(count)
        amount = rng.randrange(1, balance[src] // rng.choice((1, 2, 3, 10)) + 1) if balance[src] > 10 else 0
        if dst == src or not amount:
            continue
        ledger.move(src, dst, amount)
        balance[src] -= amount
        balance[dst] += amount
        if src in active:
            active.append(dst)
    return ledger.program()


def measure(transfers: int = 10_000, targets: int = 100, *, hints: bool = False) -> dict[str, float]:
    """CPU seconds to expand and CPU milliseconds per address for both flows, on a large random ledger."""
    program = large_ledger(transfers)
    known = rule_ranges(program) if hints else None
    places = random.Random(1).sample(reached(program), targets)
    start = time.process_time()
    bounds(program, [])
    expanded = time.process_time()
    bounds(program, places[:1])
    one = time.process_time()
    bounds(program, places, hints=known)
    done = time.process_time()
    return {
        "transfers": transfers,
        "expand_s": expanded - start,
        "first_s": one - expanded,
        "ms_per_address": 1e3 * ((done - one) - (one - expanded)) / (targets - 1),
    }
