"""The order in which movements happened: (block, transaction index, position), never the timestamp alone.

Where a source leaves the transaction index or the position out, the rows concerned are put in a stable
order in which a payer is funded before it pays, then in file order. That is an assumption, and the ledger
lists it.
Pure: arrays in, a permutation out.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np

__all__ = ["OrderInput", "funded_first", "order_rows"]


@dataclass(frozen=True)
class OrderInput:
    """One entry per row, in file order; -1 stands for "unknown" in every integer array.

    tx: dense transaction number. payer, payee: dense number of (address, asset), -1 for outside the ledger.
    amount: exact integers (a list, or any sequence that is indexed rarely). fee: True for fee rows.
    """

    chain: np.ndarray
    block: np.ndarray
    timestamp: np.ndarray
    tx_index: np.ndarray
    position: np.ndarray
    tx: np.ndarray
    payer: np.ndarray
    payee: np.ndarray
    fee: np.ndarray
    amount: Sequence[int]


def funded_first(
    units: Sequence[tuple[set[int], set[int]]], fixed: Sequence[int | None] | None = None
) -> list[int]:
    """Order units so that whoever credits a holding comes before whoever debits it.

    units: (holdings credited, holdings debited) per unit; ties keep the given order. fixed: known ranks; units
    with a rank keep that order among themselves. A cycle cannot be ordered: its members stay in the given
    order, as one block, at the first place where nothing outside it has to come before. Near-linear.
    """
    n = len(units)
    ranks = list(fixed) if fixed is not None else [None] * n
    # A node per holding between its creditors and its debtors keeps the number of edges linear.
    node_of: dict[int, int] = {}
    after: list[list[int]] = [[] for _ in range(n)]
    for i, (credited, debited) in enumerate(units):
        for holding in sorted(credited | debited):
            if holding not in node_of:
                node_of[holding] = len(after)
                after.append([])
        for holding in sorted(credited - debited):
            after[i].append(node_of[holding])
        for holding in sorted(debited - credited):
            after[node_of[holding]].append(i)
    ranked = [i for _, i in sorted((rank, i) for i, rank in enumerate(ranks) if rank is not None)]
    for i, j in pairwise(ranked):
        after[i].append(j)
    priority = list(range(n)) + [-1] * (len(after) - n)
    order = _topological(after, priority)
    if order is None:
        return _through_cycles(after, n, ranks)
    return [i for i in order if i < n]


def _topological(after: Sequence[Sequence[int]], priority: Sequence[int]) -> list[int] | None:
    """Kahn's algorithm, lowest priority number first; None when there is a cycle."""
    waiting = [0] * len(after)
    for targets in after:
        for j in targets:
            waiting[j] += 1
    ready = [(priority[i], i) for i, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        i = heapq.heappop(ready)[1]
        order.append(i)
        for j in after[i]:
            waiting[j] -= 1
            if waiting[j] == 0:
                heapq.heappush(ready, (priority[j], j))
    return order if len(order) == len(after) else None


def _through_cycles(after: Sequence[Sequence[int]], n: int, ranks: Sequence[int | None]) -> list[int]:
    """Order the strongly connected components; inside one, the given order (known ranks among themselves)."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(after)))
    graph.add_edges_from((i, j) for i, targets in enumerate(after) for j in targets)
    components = list(nx.strongly_connected_components(graph))
    of = {i: k for k, c in enumerate(components) for i in c}
    condensed = [sorted({of[j] for i in c for j in after[i]} - {k}) for k, c in enumerate(components)]
    members = [sorted(i for i in c if i < n) for c in components]
    order = _topological(condensed, [m[0] if m else -1 for m in members])
    if order is None:
        raise RuntimeError("a condensation has no cycle")
    return [i for k in order for i in _by_rank(members[k], ranks)]


def _by_rank(members: list[int], ranks: Sequence[int | None]) -> list[int]:
    """The members in the given order, except that those with a rank take their places in rank order."""
    known = [(rank, i) for i in members for rank in (ranks[i],) if rank is not None]
    places = iter(sorted(known))
    return [i if ranks[i] is None else next(places)[1] for i in members]


def order_rows(rows: OrderInput) -> tuple[np.ndarray, int, int]:
    """The permutation that puts rows in ledger order.

    Returns (order, blocks, transactions): how many blocks, and how many transactions, had an order that is
    assumed. Rows without a block are placed by timestamp between the blocks around them.
    """
    n = len(rows.tx)
    block, within = _moments(rows)
    tx_index = _spread_tx_index(rows)
    file_order = np.arange(n)
    first_of_tx = np.full(int(rows.tx.max(initial=-1)) + 1, n, dtype=np.int64)
    np.minimum.at(first_of_tx, rows.tx, file_order)
    # Fees come first in their transaction; rows without a position after those with one, to be settled below.
    position = np.where(rows.fee, -1, np.where(rows.position < 0, np.iinfo(np.int64).max, rows.position))
    no_index = tx_index < 0
    sort_index = np.where(no_index, np.iinfo(np.int64).max, tx_index)
    order = np.lexsort((file_order, position, first_of_tx[rows.tx], sort_index, within, block, rows.chain))

    order, transactions = _settle_positions(rows, order)
    group = _runs(rows.chain[order], block[order], within[order])
    order, blocks = _settle_blocks(rows, order, group, tx_index)
    return _merge_chains(rows, order), blocks, transactions


def _moments(rows: OrderInput) -> tuple[np.ndarray, np.ndarray]:
    """(block, time within it): a row without a block hangs behind the last block at or before its time."""
    block = rows.block.copy()
    within = np.zeros(len(block), dtype=np.int64)
    for chain in np.unique(rows.chain[block < 0]):
        lacking = (rows.chain == chain) & (block < 0)
        known = (rows.chain == chain) & (rows.block >= 0) & (rows.timestamp >= 0)
        within[lacking] = rows.timestamp[lacking]
        if not known.any():
            continue
        blocks, index = np.unique(rows.block[known], return_index=True)
        times = np.maximum.accumulate(rows.timestamp[known][index])
        at = np.searchsorted(times, rows.timestamp[lacking], side="right") - 1
        block[lacking] = np.where(at >= 0, blocks[np.maximum(at, 0)], -1)
        same = (at >= 0) & (times[np.maximum(at, 0)] == rows.timestamp[lacking])
        within[lacking] = np.where(same, 0, rows.timestamp[lacking])
    return block, within


def _spread_tx_index(rows: OrderInput) -> np.ndarray:
    """The transaction index of each row, taken from any row of the same transaction that has one."""
    index = np.full(int(rows.tx.max(initial=-1)) + 1, -1, dtype=np.int64)
    np.maximum.at(index, rows.tx, rows.tx_index)
    return np.asarray(index[rows.tx], dtype=np.int64)


def _runs(*keys: np.ndarray) -> np.ndarray:
    """A dense number per run of equal keys, in order."""
    n = len(keys[0])
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    change = np.zeros(n, dtype=bool)
    for key in keys:
        change[1:] |= key[1:] != key[:-1]
    return np.cumsum(change)


def _both_sides(group: np.ndarray, payer: np.ndarray, payee: np.ndarray) -> np.ndarray:
    """The groups in which some holding both pays and is paid (in different rows)."""
    if len(group) == 0:
        return np.zeros(0, dtype=np.int64)
    real = payer != payee
    width = int(max(payer.max(), payee.max())) + 1
    paid = group[real & (payee >= 0)] * width + payee[real & (payee >= 0)]
    pays = group[real & (payer >= 0)] * width + payer[real & (payer >= 0)]
    return np.unique(np.intersect1d(paid, pays) // width)


def _settle_positions(rows: OrderInput, order: np.ndarray) -> tuple[np.ndarray, int]:
    """Inside each transaction that lacks positions, put funding rows before the rows that spend them."""
    tx = rows.tx[order]
    lacking = (rows.position[order] < 0) & ~rows.fee[order]
    if not lacking.any():
        return order, 0
    # Rows of one transaction are contiguous in `order`, whatever the transaction number is.
    run = _runs(tx)
    both = _both_sides(run, rows.payer[order], rows.payee[order])
    candidates = np.intersect1d(both, np.unique(run[lacking]), assume_unique=True)
    starts = np.searchsorted(run, candidates, side="left")
    ends = np.searchsorted(run, candidates, side="right")
    changed = order.copy()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        members = order[start:end].tolist()
        fees = [r for r in members if rows.fee[r]]
        others = [r for r in members if not rows.fee[r]]
        others.sort()
        units = [({int(rows.payee[r])} - {-1}, {int(rows.payer[r])} - {-1}) for r in others]
        units = [(c, d) if c != d else (set(), set()) for c, d in units]
        fixed = [int(rows.position[r]) if rows.position[r] >= 0 else None for r in others]
        changed[start:end] = fees + [others[i] for i in funded_first(units, fixed)]
    return changed, len(candidates)


def _settle_blocks(
    rows: OrderInput, order: np.ndarray, group: np.ndarray, tx_index: np.ndarray
) -> tuple[np.ndarray, int]:
    """Inside each block that lacks transaction indexes, put funding transactions before those they fund."""
    lacking = tx_index[order] < 0
    if not lacking.any():
        return order, 0
    both = _both_sides(group, rows.payer[order], rows.payee[order])
    candidates = np.intersect1d(both, np.unique(group[lacking]), assume_unique=True)
    starts = np.searchsorted(group, candidates, side="left")
    ends = np.searchsorted(group, candidates, side="right")
    changed = order.copy()
    blocks = 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        members: dict[int, list[int]] = {}
        for r in order[start:end].tolist():
            members.setdefault(int(rows.tx[r]), []).append(r)
        if len(members) < 2:
            continue
        transactions = sorted(members.values(), key=min)
        units = [_net_sides(rows, txn) for txn in transactions]
        fixed = [int(tx_index[txn[0]]) if tx_index[txn[0]] >= 0 else None for txn in transactions]
        blocks += 1
        changed[start:end] = [r for i in funded_first(units, fixed) for r in transactions[i]]
    return changed, blocks


def _net_sides(rows: OrderInput, members: list[int]) -> tuple[set[int], set[int]]:
    """The holdings that a transaction credits and debits on balance: pass-through accounts are in neither.

    An output without value is made before it is spent like any other, so what is only paid, or only pays, counts.
    """
    net: dict[int, int] = defaultdict(int)
    paid, pays = ({int(side[r]) for r in members if not rows.fee[r]} for side in (rows.payee, rows.payer))
    for r in members:
        net[int(rows.payee[r])] += rows.amount[r]
        net[int(rows.payer[r])] -= rows.amount[r]
    net.pop(-1, None)
    nothing = {h for h, v in net.items() if v == 0}
    credited = {h for h, v in net.items() if v > 0} | (nothing & paid - pays)
    return credited, {h for h, v in net.items() if v < 0} | (nothing & pays - paid)


def _merge_chains(rows: OrderInput, order: np.ndarray) -> np.ndarray:
    """Interleave chains by time, keeping each chain's own order (a clock that runs back is held)."""
    chain = rows.chain[order]
    if len(np.unique(chain)) < 2:
        return order
    clock = rows.timestamp[order].copy()
    for c in np.unique(chain):
        here = chain == c
        clock[here] = np.maximum.accumulate(clock[here])
    return np.asarray(order[np.lexsort((np.arange(len(order)), chain, clock))], dtype=np.int64)
