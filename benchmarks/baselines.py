"""What a notebook does instead: loops over `df.itertuples()` with state in dicts, and networkx for the largest flow.

The loops keep exact Python integers, like the tracer, but know neither openings nor transactions, stops, sources or
conservation. They are written as such loops usually are, and not made slow on purpose.
"""

from __future__ import annotations

from collections import defaultdict, deque

import networkx as nx
import pandas as pd

from tracer.model import Rule
from tracer.taint.program import Op, Program

__all__ = ["LOOPS", "networkx_flow", "sweeps"]


def pool_loop(frame: pd.DataFrame, thief: str, stolen: int, rule: Rule) -> dict[str, int]:
    """Haircut, seniority, LIBR and poison; returns the stolen units by address."""
    balance: dict[str, int] = defaultdict(int)
    taint: dict[str, int] = defaultdict(int)
    balance[thief] = taint[thief] = stolen
    for row in frame.itertuples(index=False):
        units, payer = row.amount, row.payer
        if payer:
            have, bad = balance[payer], taint[payer]
            if not bad:
                moved = 0
            elif rule == Rule.HAIRCUT:
                moved = units * bad // have
            elif rule == Rule.SENIORITY:
                moved = min(bad, units)
            elif rule == Rule.LIBR:
                moved = max(0, bad - (have - units))
            else:
                moved = units
            taint[payer] = bad - moved
            balance[payer] = have - units
            taint[row.payee] += moved
        balance[row.payee] += units
    return taint


def lot_loop(frame: pd.DataFrame, thief: str, stolen: int, rule: Rule) -> dict[str, int]:
    """FIFO and LIFO on a deque of (units, stolen) per address."""
    lots: dict[str, deque[tuple[int, bool]]] = defaultdict(deque)
    lots[thief].append((stolen, True))
    newest = rule == Rule.LIFO
    for row in frame.itertuples(index=False):
        if not row.payer:
            lots[row.payee].append((row.amount, False))
            continue
        left, queue, taken = row.amount, lots[row.payer], []
        while left:
            units, bad = queue.pop() if newest else queue.popleft()
            if units > left:
                rest = (units - left, bad)
                queue.append(rest) if newest else queue.appendleft(rest)
                units = left
            taken.append((units, bad))
            left -= units
        target = lots[row.payee]
        for units, bad in reversed(taken) if newest else taken:
            if target and target[-1][1] == bad:
                target[-1] = (target[-1][0] + units, bad)
            else:
                target.append((units, bad))
    return {address: sum(units for units, bad in queue if bad) for address, queue in lots.items()}


LOOPS = {rule: lot_loop if rule in (Rule.FIFO, Rule.LIFO) else pool_loop for rule in Rule}
"""Rule -> the loop that a notebook would run."""


def sweeps(lots: int, count: int) -> int:
    """So many sweeps of a wallet of alternating lots to and fro, all but one unit; returns the stolen units moved."""
    queues: list[deque[tuple[int, bool]]] = [deque((3, n % 2 == 1) for n in range(lots)), deque()]
    held = [3 * lots, 0]
    moved, here = 0, 0
    for _ in range(count):
        left = held[here] - 1
        held[here], held[1 - here] = 1, held[1 - here] + left
        while left:
            units, bad = queues[here].popleft()
            if units > left:
                queues[here].appendleft((units - left, bad))
                units = left
            queues[1 - here].append((units, bad))
            moved += units * bad
            left -= units
        here = 1 - here
    return moved


def networkx_flow(program: Program, target: int) -> int:
    """The largest flow of stolen coin to one holding with networkx on the time-expanded graph, in Python integers."""
    graph: nx.DiGraph[object] = nx.DiGraph()
    last: dict[int, tuple[int, int]] = {}
    balance: dict[int, int] = defaultdict(int)

    def arrive(holding: int, step: int) -> tuple[int, int]:
        node = (holding, step)
        if holding in last and balance[holding]:
            graph.add_edge(last[holding], node, capacity=balance[holding])
        last[holding] = node
        return node

    for n, (op, src, dst) in enumerate(
        zip(program.op.tolist(), program.src.tolist(), program.dst.tolist(), strict=True)
    ):
        units = program.amount[n]
        to = arrive(dst, n)
        if op == Op.SEED:
            graph.add_edge("source", to, capacity=units)
        elif op == Op.MOVE and src in last:
            graph.add_edge(last[src], to, capacity=units)
            balance[src] -= units
        balance[dst] += units
    graph.add_edge(last[target], "sink", capacity=balance[target])
    return int(nx.maximum_flow_value(graph, "source", "sink"))
