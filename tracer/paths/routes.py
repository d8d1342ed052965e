"""All routes of stolen coin from the theft to where it rests, exact and complete.

The stolen coin of an accounting run is cut into pieces that took one way each (a flow decomposition over the steps of
the run, in order): first in first out, newest first under LIFO, so that under FIFO and LIFO a route is what the rule
itself says; under the other rules, which mix coin, it is one consistent way to divide the totals. Per endpoint the
routes add up to exactly what rests there. It follows the steps of the run and decides nothing about taint.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import pandas as pd

from tracer.flowtable import FlowTable, node_id, plain
from tracer.model import NATIVE, Rule
from tracer.paths.hops import Hop, Route, routes_frame
from tracer.paths.pieces import Piece, PieceQueue, Trails
from tracer.taint.program import Op, Program

__all__ = ["Accounted", "Routes", "asset_scales", "trace_routes"]


class Accounted(Protocol):
    """What a rule said (`tracer.taint.engine.Outcome`): stolen units by holding, and by step leaving and entering."""

    @property
    def rule(self) -> Rule: ...  # noqa: D102
    @property
    def taint(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def moved(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def brought(self) -> Sequence[int]: ...  # noqa: D102


@dataclass(frozen=True)
class Routes:
    """Routes in rank order, and what is not listed.

    listed: within an asset the largest amount first. Across assets an amount counts as a part of all stolen coin
    that there ever was of its asset (stolen + converted in): units of different assets do not compare. Assets that
    nobody named as stolen and nothing was swapped for come last, so that spam tokens sent to a seed stay below. Ties:
    in the order of the accounting.
    rest: (asset key, number of routes, amount in smallest units) of the others, one entry per asset.
    """

    listed: tuple[Route, ...]
    rest: tuple[tuple[str, int, int], ...]
    names: Mapping[str, tuple[str, int | None]]

    @property
    def total(self) -> int:
        """Number of routes, listed or not."""
        return len(self.listed) + sum(number for _, number, _ in self.rest)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """As a table (`tracer.paths.COLUMNS`); what is not listed stands in rows without a rank."""
        return routes_frame(self.listed, dict(self.names), self.rest)


def trace_routes(
    program: Program,
    outcome: Accounted,
    transfers: pd.DataFrame | FlowTable,
    *,
    limit: int = 50,
    stops: Mapping[str, str] | None = None,
) -> Routes:
    """The `limit` largest routes from the theft to where coin rests.

    transfers: the table whose followed rows are the rows of the ledger that `program` was compiled from, in order.
    stops: node id -> stop code to print, instead of the program's own. Sinks (fees, burned ...) are endpoints too.
    Under poison, which makes coin stolen by mixing, a route begins where the coin was mixed.
    """
    walk = _Walk(program, outcome)
    walk.run()
    ranking = _Ranking(program, outcome)
    entries = [(*ranking.key(holding, piece), n) for n, (holding, piece) in enumerate(walk.resting)]
    chosen = [entry[-1] for entry in heapq.nsmallest(max(limit, 0), entries)]
    table = transfers if isinstance(transfers, FlowTable) else FlowTable.read(transfers)
    proof = _Proof(program, outcome, table)
    listed = tuple(proof.route(walk, *walk.resting[n], stops) for n in chosen)
    left: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    taken = set(chosen)
    for n, (holding, piece) in enumerate(walk.resting):
        if n not in taken:
            entry = left[program.assets[program.holding_asset[holding]].key]
            entry[0] += 1
            entry[1] += piece.amount
    names = {a.key: (a.symbol, a.decimals) for a in program.assets}
    return Routes(listed, tuple((asset, n, amount) for asset, (n, amount) in sorted(left.items())), names)


def asset_scales(program: Program, outcome: Accounted) -> dict[str, float]:
    """{asset key: part of its theft that one stolen unit stands for}, for widths in pictures only.

    The stolen coin of one asset is 1; a conversion hands its part on to the asset got (average over all conversions
    into that asset). Coin stolen in several assets counts each of them as 1.
    """
    assets = len(program.assets)
    part, units, stolen = [0.0] * assets, [0] * assets, [0] * assets
    for origin in program.origins:
        stolen[origin.asset] += origin.stolen
    ops = zip(program.op.tolist(), program.src.tolist(), program.dst.tolist(), strict=True)
    asset_of = program.holding_asset.tolist()
    for n, (op, src, dst) in enumerate(ops):
        moved = outcome.moved[n]
        if not moved or op not in {Op.SEED, Op.RELABEL, Op.CONVERT}:
            continue
        asset = asset_of[dst]
        if op == Op.CONVERT:
            given = asset_of[src]
            part[asset] += part[given] * (moved / units[given]) if units[given] else 0.0
            units[asset] += outcome.brought[n]
        else:
            part[asset] += moved / stolen[asset] if stolen[asset] else 0.0
            units[asset] += moved
    return {program.assets[a].key: part[a] / units[a] for a in range(assets) if units[a]}


class _Walk:
    """Carries pieces through the steps; `resting` is where they end: (holding, piece) by holding and age."""

    def __init__(self, program: Program, outcome: Accounted) -> None:
        self.program, self.outcome = program, outcome
        self.trails = Trails()
        self.starts: list[tuple[int, bool]] = []  # (holding, stolen there?) by start number
        self.queues: dict[int, PieceQueue] = {}
        self.resting: list[tuple[int, Piece]] = []

    def run(self) -> None:
        """All steps, then what is left."""
        program, outcome = self.program, self.outcome
        newest = outcome.rule == Rule.LIFO
        address, joint = program.holding_address.tolist(), program.is_joint.tolist()
        steps = zip(
            program.op.tolist(), program.src.tolist(), program.dst.tolist(), outcome.moved, strict=True
        )
        for n, (op, src, dst, moved) in enumerate(steps):
            if not moved or op in {Op.CREDIT, Op.STOPPED}:
                continue
            if op in {Op.SEED, Op.RELABEL}:
                self._start(dst, moved, stolen=True)
                continue
            lacking = moved - self._queue(src).total
            if lacking > 0:
                self._start(src, lacking, stolen=False)
            taken = self.queues[src].take(moved, newest=newest)
            if op == Op.CONVERT:
                taken = taken.scaled(outcome.brought[n])
            # between an address and its pot; change is noted, as the transaction that proves it is another one
            here = op == Op.MOVE and address[src] == address[dst] and not joint[src]
            self._queue(dst).add(taken, -1 if here else n, self.trails)
        for holding, units in enumerate(outcome.taint):
            lacking = units - (self.queues[holding].total if holding in self.queues else 0)
            if lacking > 0:
                self._start(holding, lacking, stolen=False)
        for holding in sorted(self.queues):
            self.resting += [(holding, piece) for piece in self.queues[holding].pieces(self.trails)]

    def _queue(self, holding: int) -> PieceQueue:
        queue = self.queues.get(holding)
        if queue is None:
            queue = self.queues[holding] = PieceQueue()
        return queue

    def _start(self, holding: int, amount: int, *, stolen: bool) -> None:
        """Stolen coin enters, or (poison) coin that was clean becomes tainted."""
        self.starts.append((holding, stolen))
        self._queue(holding).put(Piece(amount, amount, len(self.starts) - 1))


class _Ranking:
    """What makes routes of different assets comparable, in exact integers."""

    def __init__(self, program: Program, outcome: Accounted) -> None:
        self.asset_of = program.holding_asset.tolist()
        self.pool: dict[int, int] = defaultdict(int)
        wanted = {(seed.chain, seed.asset) for seed in program.seeds}
        self.named = {
            n for n, a in enumerate(program.assets) if a.ref == NATIVE or (a.chain, a.ref) in wanted
        }
        steps = zip(
            program.op.tolist(), program.src.tolist(), program.dst.tolist(), outcome.moved, strict=True
        )
        for n, (op, src, dst, moved) in enumerate(steps):
            if not moved:
                continue
            if op in {Op.SEED, Op.RELABEL}:
                self.pool[self.asset_of[dst]] += moved
            elif op == Op.CONVERT:
                self.pool[self.asset_of[dst]] += outcome.brought[n]
                self.named |= {self.asset_of[src], self.asset_of[dst]}

    def key(self, holding: int, piece: Piece) -> tuple[bool, int]:
        """Smaller sorts first."""
        asset = self.asset_of[holding]
        return asset not in self.named, -(piece.amount * 10**40 // max(1, self.pool[asset]))


class _Proof:
    """Turns ways into hops with the rows that prove them."""

    def __init__(self, program: Program, outcome: Accounted, table: FlowTable) -> None:
        self.program, self.outcome, self.table = program, outcome, table
        self.row_of = [row for row, followed in enumerate(table.followed) if followed]
        self.hops: dict[int, Hop] = {}

    @cached_property
    def netted(self) -> dict[int, list[int]]:
        """Ledger rows that took part in a step which nets a whole transaction."""
        rows: dict[int, list[int]] = defaultdict(list)
        for share in self.program.shares:
            for step in share.steps:
                rows[step].append(share.row)
        return rows

    def node(self, holding: int) -> str:
        """Node id of the address of a holding."""
        chain, address, _ = self.program.name(holding)
        return self.shown(node_id(chain, address))

    def shown(self, node: str) -> str:
        """The node id as the transfers table spells it (checksum capitals)."""
        code = self.table.code.get(plain(node))
        return node if code is None else self.table.nodes[code]

    def asset(self, holding: int) -> str:
        """Asset key of a holding."""
        return self.program.name(holding)[2].key

    def rows(self, step: int) -> tuple[int, ...]:
        """Rows of the transfers table that prove a step."""
        row = int(self.program.row[step])
        ledger = [row] if row >= 0 else sorted(set(self.netted.get(step, ())))
        return tuple(self.row_of[r] for r in ledger)

    def hop(self, step: int) -> Hop:
        """A step as a hop."""
        if step not in self.hops:
            p = self.program
            src, dst, convert = int(p.src[step]), int(p.dst[step]), p.op[step] == Op.CONVERT
            rows = self.rows(step)
            self.hops[step] = Hop(
                kind="convert" if convert else "move",
                payer=self.node(src),
                payee=self.node(dst),
                asset=self.asset(src),
                amount=p.amount[step],
                taint=self.outcome.moved[step],
                got_asset=self.asset(dst),
                got=p.got[step] if convert else p.amount[step],
                time=self.table.time[rows[0]] if rows else None,
                rows=rows,
                evidence=tuple(self.table.evidence(rows)),
            )
        return self.hops[step]

    def route(self, walk: _Walk, holding: int, piece: Piece, stops: Mapping[str, str] | None) -> Route:
        """A resting piece as a route."""
        steps = walk.trails.steps(piece.way)
        start = walk.starts[piece.start][0]
        end = self.node(holding)
        code = self.program.stop_code[self.program.holding_address[holding]]
        return Route(
            start=self.node(start),
            endpoint=end,
            asset=self.asset(holding),
            amount=piece.amount,
            source_asset=self.asset(start),
            source_amount=piece.source,
            transactions=sum(int(self.program.hop_step[s]) for s in steps),
            hops=tuple(self.hop(s) for s in steps),
            stop=code if stops is None else stops.get(end, code),
            measure="stolen",
        )
