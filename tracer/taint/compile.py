"""Ledger + seeds + stops -> the accounting program that every rule runs (see `tracer.taint.program`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tracer.ledger import KINDS, OUTSIDE, Ledger
from tracer.model import Gap, Kind, Seed, StopCode
from tracer.taint.program import Op, Origin, Program, Share
from tracer.taint.seeds import Plan, enter_seeds, plan_seeds
from tracer.taint.steps import Step, Steps
from tracer.taint.transactions import add_transaction

__all__ = ["compile_program"]

_ZERO = "0x" + "0" * 40
_FAR = 2**31 - 1


def compile_program(
    ledger: Ledger,
    seeds: Sequence[Seed] = (),
    stops: Mapping[tuple[str, str], str] | None = None,
) -> Program:
    """Compile a ledger for accounting.

    stops: (chain, address) -> stop code of the addresses that coin does not leave. Raises SeedError for a seed
    that contradicts the history.
    """
    codes = {
        number: str(code)
        for (chain, address), code in sorted((stops or {}).items())
        if (number := ledger.address_number.get((chain, address))) is not None
    }
    for number, (_, address) in enumerate(ledger.addresses):
        if address == _ZERO:
            codes.setdefault(number, StopCode.BURNED.value)
    steps = Steps(ledger, codes)
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
    """Every transaction of the ledger, in order."""
    ledger = steps.ledger
    bounds = np.flatnonzero(np.diff(ledger.tx, prepend=-1, append=ledger.rows)).tolist()
    single = np.diff(np.array([*bounds, ledger.rows])) == 1 if bounds else np.zeros(0, dtype=bool)
    plain_kind = ~np.isin(ledger.kind, [KINDS.index(Kind.UNWRAP)])
    sender, recipient, asset = ledger.sender.tolist(), ledger.recipient.tolist(), ledger.asset.tolist()
    amount = ledger.amount
    ends = [*bounds[1:], ledger.rows]
    for tx, (first, end, alone) in enumerate(zip(bounds, ends, single.tolist(), strict=False)):
        if alone and plain_kind[first]:
            payer, payee = sender[first], recipient[first]
            if payer != payee and not (payer == OUTSIDE and payee < 0):
                dst = steps.holding(payee, asset[first])
                steps.pay(payer, dst, asset[first], amount[first], row=first, tx=tx)
        elif first < end:
            add_transaction(steps, tx, range(first, end))


def _openings(items: Sequence[Step], start: Mapping[int, int], holdings: int) -> dict[int, int]:
    """The least opening per holding such that no prefix of its history goes negative (start coin included)."""
    balance = [0] * holdings
    for holding, amount in start.items():
        balance[holding] = amount
    lowest = [0] * holdings
    for step in items:
        src = step.src
        if src >= 0:
            left = balance[src] = balance[src] - step.amount
            lowest[src] = min(lowest[src], left)
        if step.dst >= 0:
            balance[step.dst] += step.got if step.op == Op.CONVERT else step.amount
    return {h: -low for h, low in enumerate(lowest) if low < 0}


def _pack(
    steps: Steps,
    plan: Plan,
    seeds: Sequence[Seed],
    opening: dict[int, int],
    items: list[Step],
    hops: list[int],
    renumbered: list[int],
) -> Program:
    """Steps as arrays, with the gaps and assumptions that were met."""
    holdings = len(steps.address_of)
    address_of = np.array(steps.address_of, dtype=np.int32)
    asset_of = np.array(steps.asset_of, dtype=np.int32)
    stopped = np.zeros(len(steps.names), dtype=bool)
    stopped[sorted(steps.stop_code)] = True
    unknown = np.zeros(len(steps.names), dtype=bool)
    ledger = steps.ledger
    for side in (ledger.sender, ledger.recipient):
        touched = side[ledger.partial]
        unknown[touched[touched >= 0]] = True
    hop = np.array([*hops, *[_FAR] * (holdings - len(hops))], dtype=np.int64)
    stolen = [0] * len(plan.origins)
    for item in items:
        if item.op in (Op.SEED, Op.RELABEL):
            stolen[item.origin] += item.amount
    gaps = [*steps.gaps, *plan.gaps, *_opening_gaps(steps, opening, hop, items)]
    return Program(
        addresses=tuple(steps.names),
        assets=tuple(steps.assets),
        holding_address=address_of,
        holding_asset=asset_of,
        pot=np.array(steps.pot, dtype=bool),
        stopped=stopped[address_of] if holdings else np.zeros(0, dtype=bool),
        stop_code=tuple(steps.stop_code.get(i, "") for i in range(len(steps.names))),
        unknown_opening=unknown[address_of] if holdings else np.zeros(0, dtype=bool),
        origins=tuple(
            Origin(theft, asset, amount) for (theft, asset), amount in zip(plan.origins, stolen, strict=True)
        ),
        seeds=tuple(seeds),
        op=np.array([item.op for item in items], dtype=np.int8),
        src=np.array([item.src for item in items], dtype=np.int32),
        dst=np.array([item.dst for item in items], dtype=np.int32),
        origin=np.array([item.origin for item in items], dtype=np.int16),
        row=np.array([item.row for item in items], dtype=np.int64),
        tx=np.array([item.tx for item in items], dtype=np.int64),
        hop_step=np.array([item.hop for item in items], dtype=np.int8),
        amount=[item.amount for item in items],
        got=[item.got for item in items],
        gaps=tuple(gaps),
        shares=tuple(
            Share(s.row, tuple(renumbered[i] for i in s.steps), s.amount, s.total, s.got)
            for s in steps.shares
        ),
        opening=opening,
        hop=hop,
    )


def _opening_gaps(steps: Steps, opening: dict[int, int], hop: np.ndarray, items: Sequence[Step]) -> list[Gap]:
    """One assumption per opening of an address that stolen coin can have reached; the others are counted."""
    gaps = []
    others = 0
    stolen = {s.dst for s in items if s.op == Op.SEED and s.tx == -1 and opening.get(s.dst) == s.amount}
    for holding, amount in sorted(opening.items()):
        if hop[holding] >= _FAR:
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
