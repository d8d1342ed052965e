"""Ledger + seeds + stops -> the accounting program that every rule runs (see `tracer.taint.program`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from tracer.addresses import ZERO_ADDRESS
from tracer.ledger import OUTSIDE, Ledger
from tracer.model import Gap, Seed, StopCode
from tracer.taint.program import NEVER, SINKS, Op, Origin, Program, Share
from tracer.taint.seeds import Plan, enter_seeds, plan_seeds
from tracer.taint.steps import CONVERTED, StepList, Steps
from tracer.taint.transactions import add_transaction, plain_rows

__all__ = ["compile_program"]

_CONVERT = int(Op.CONVERT)


def compile_program(
    ledger: Ledger,
    seeds: Sequence[Seed] = (),
    stops: Mapping[tuple[str, str], str] | None = None,
    separate: Collection[tuple[str, str, str]] = (),
) -> Program:
    """Compile a ledger for accounting.

    stops: (chain, address) -> stop code of the addresses that coin does not leave. separate: (chain, transaction,
    address) that convert nothing: what the address paid and got there is unrelated. Raises SeedError for a seed that
    contradicts the history.
    """
    codes = {
        number: str(code)
        for (chain, address), code in sorted((stops or {}).items())
        if (number := ledger.address_number.get((chain, address))) is not None
    }
    for number, (_, address) in enumerate(ledger.addresses):
        if address == ZERO_ADDRESS:
            codes.setdefault(number, StopCode.BURNED.value)
    known = ledger.address_number
    apart = {(tx, known[chain, address]) for chain, tx, address in separate if (chain, address) in known}
    steps = Steps(ledger, codes, frozenset(apart))
    _add_rows(steps)
    plan = plan_seeds(steps, seeds)
    start: dict[int, int] = {}
    for owner, asset, amount, _ in plan.start:
        holding = steps.holding(owner, asset)
        start[holding] = start.get(holding, 0) + amount
    opening = _openings(steps.items, start, len(steps.address_of))
    items, hops, renumbered = enter_seeds(steps, plan, opening)
    return _pack(steps, plan, seeds, opening, items, hops, renumbered)


def _add_rows(steps: Steps) -> None:
    """Every transaction of the ledger, in order: plain payments in bulk, the others one by one."""
    ledger = steps.ledger
    if ledger.rows == 0:
        return
    plain, rows = plain_rows(ledger)
    payments = _payments(steps, rows)
    starts = np.flatnonzero(np.diff(ledger.tx, prepend=-1))
    complex_first = starts[~plain[starts]]
    ends = np.append(starts[1:], ledger.rows)[~plain[starts]]
    until = np.searchsorted(rows, complex_first).tolist()
    done = 0
    for first, end, upto in zip(complex_first.tolist(), ends.tolist(), until, strict=True):
        steps.items.extend(payments, done, upto)
        done = upto
        add_transaction(steps, int(ledger.tx[first]), range(first, end))
    steps.items.extend(payments, done)


def _payments(steps: Steps, rows: np.ndarray) -> StepList:
    """One payment per row, as `Steps.pay` would add it; their holdings get the first numbers."""
    ledger = steps.ledger
    payer, payee, asset = ledger.sender[rows], ledger.recipient[rows], ledger.asset[rows]
    inside = payer != OUTSIDE
    # The payee's holding is numbered before the payer's, in the order of rows.
    lowest = min(CONVERTED, OUTSIDE)
    width = len(ledger.assets)
    sides = np.stack([(payee - lowest) * width + asset, (payer - lowest) * width + asset], axis=1)
    asked = np.stack([np.ones(len(rows), dtype=bool), inside], axis=1)
    codes, keys = pd.factorize(sides[asked])
    steps.number_holdings((keys // width + lowest).tolist(), (keys % width).tolist())
    number = np.full(sides.shape, -1, dtype=np.int64)
    number[asked] = codes
    stopped = np.isin(payer, list(steps.stop_code))
    op = np.where(inside, np.where(stopped, int(Op.STOPPED), int(Op.MOVE)), int(Op.CREDIT))
    result = StepList()
    result.op, result.src, result.dst = op.tolist(), number[:, 1].tolist(), number[:, 0].tolist()
    result.amount = [ledger.amount[r] for r in rows.tolist()]
    result.got, result.origin = [0] * len(rows), [-1] * len(rows)
    result.row, result.tx, result.hop = rows.tolist(), ledger.tx[rows].tolist(), inside.astype(int).tolist()
    return result


def _openings(items: StepList, start: Mapping[int, int], holdings: int) -> dict[int, int]:
    """The least opening per holding such that no prefix of its history goes negative (start coin included)."""
    balance = [0] * holdings
    for holding, amount in start.items():
        balance[holding] = amount
    lowest = [0] * holdings
    for op, src, dst, amount, got in zip(
        items.op, items.src, items.dst, items.amount, items.got, strict=True
    ):
        if src >= 0:
            left = balance[src] = balance[src] - amount
            lowest[src] = min(lowest[src], left)
        if dst >= 0:
            balance[dst] += got if op == _CONVERT else amount
    return {h: -low for h, low in enumerate(lowest) if low < 0}


def _pack(
    steps: Steps,
    plan: Plan,
    seeds: Sequence[Seed],
    opening: dict[int, int],
    items: StepList,
    hops: list[int],
    renumbered: np.ndarray,
) -> Program:
    """Steps as arrays, with the gaps and assumptions that were met."""
    holdings = len(steps.address_of)
    address_of = np.array(steps.address_of, dtype=np.int32)
    asset_of = np.array(steps.asset_of, dtype=np.int32)
    stopped = np.zeros(len(steps.names), dtype=bool)
    stopped[sorted(steps.stop_code)] = True
    stopped[len(steps.ledger.addresses) : len(steps.ledger.addresses) + len(SINKS)] = (
        True  # nothing leaves a sink
    )
    unknown = np.zeros(len(steps.names), dtype=bool)
    ledger = steps.ledger
    for side in (ledger.sender, ledger.recipient):
        touched = side[ledger.partial]
        unknown[touched[touched >= 0]] = True
    hop = np.array([*hops, *[NEVER] * (holdings - len(hops))], dtype=np.int64)
    op = np.array(items.op, dtype=np.int8)
    stolen = [0] * len(plan.origins)
    seeded = np.flatnonzero(np.isin(op, [Op.SEED, Op.RELABEL])).tolist()
    for at in seeded:
        stolen[items.origin[at]] += items.amount[at]
    whole = {
        items.dst[at]
        for at in seeded
        if items.op[at] == Op.SEED and items.tx[at] == -1 and opening.get(items.dst[at]) == items.amount[at]
    }
    gaps = [*steps.gaps, *plan.gaps, *_opening_gaps(steps, opening, hop, whole)]
    return Program(
        addresses=tuple(steps.names),
        assets=tuple(steps.assets),
        holding_address=address_of,
        holding_asset=asset_of,
        pot=np.array(steps.pot, dtype=bool),
        stopped=stopped[address_of] & ~np.array(steps.pot, dtype=bool)
        if holdings
        else np.zeros(0, dtype=bool),
        stop_code=tuple(steps.stop_code.get(i, "") for i in range(len(steps.names))),
        unknown_opening=unknown[address_of] if holdings else np.zeros(0, dtype=bool),
        origins=tuple(
            Origin(theft, asset, amount) for (theft, asset), amount in zip(plan.origins, stolen, strict=True)
        ),
        seeds=tuple(seeds),
        op=op,
        src=np.array(items.src, dtype=np.int32),
        dst=np.array(items.dst, dtype=np.int32),
        origin=np.array(items.origin, dtype=np.int16),
        row=np.array(items.row, dtype=np.int64),
        tx=np.array(items.tx, dtype=np.int64),
        hop_step=np.array(items.hop, dtype=np.int8),
        amount=items.amount,
        got=items.got,
        gaps=tuple(gaps),
        shares=tuple(
            Share(s.row, tuple(int(renumbered[i]) for i in s.steps), s.amount, s.total, s.got)
            for s in steps.shares
        ),
        opening=opening,
        hop=hop,
    )


def _opening_gaps(steps: Steps, opening: dict[int, int], hop: np.ndarray, stolen: set[int]) -> list[Gap]:
    """One assumption per opening of an address that stolen coin can have reached; the others are counted.

    stolen: the holdings whose opening counts as stolen.
    """
    gaps = []
    others = 0
    for holding, amount in sorted(opening.items()):
        if hop[holding] >= NEVER:
            others += 1
            continue
        chain, address = steps.names[steps.address_of[holding]]
        what = "stolen, since the address is a seed" if holding in stolen else "clean and oldest"
        message = (
            "It paid more than it is seen to have received. The least balance that explains it is assumed to have"
            f" been there at the start, {what}; an inflow that is missing from the sources would explain it too."
        )
        ref = steps.assets[steps.asset_of[holding]].ref
        gaps.append(Gap("opening", message, chain, address, ref, amount))
    if others:
        message = (
            f"{others} holdings that stolen coin never reached also paid more than they are seen to have received:"
            " the least opening balance is assumed there too."
        )
        gaps.append(Gap("opening_elsewhere", message, status="assumption"))
    return gaps
