"""Ledger + seeds + stops -> the accounting program that every rule runs (see `tracer.taint.program`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from tracer.addresses import ZERO_ADDRESS, transaction_name
from tracer.ledger import FEE, OUTSIDE, Ledger
from tracer.model import Gap, Seed, StopCode
from tracer.taint.entry import enter_seeds
from tracer.taint.program import NEVER, SINKS, Op, Origin, Program, Share
from tracer.taint.seeds import Plan, plan_seeds
from tracer.taint.steps import CONVERTED, StepList, Steps
from tracer.taint.transactions import add_mixing, add_transaction, plain_rows

__all__ = ["compile_program"]

_CONVERT = int(Op.CONVERT)


def compile_program(
    ledger: Ledger,
    seeds: Sequence[Seed] = (),
    stops: Mapping[tuple[str, str], str] | None = None,
    separate: Collection[tuple[str, str, str]] = (),
    mixes: Mapping[tuple[str, str], Mapping[int, int]] | None = None,
) -> Program:
    """Compile a ledger for accounting.

    stops: (chain, address) -> stop code of the addresses that coin does not leave. separate: (chain, transaction,
    address) that convert nothing: what the address paid and got there is unrelated. mixes: (chain, transaction) of a
    CoinJoin -> input position -> vout of its certain change; coin that enters stays there. Raises SeedError for a seed
    that contradicts the history.
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
    mixing = _mixing(ledger, mixes or {})
    steps.mixing = frozenset(mixing)
    _add_rows(steps, mixing)
    plan = plan_seeds(steps, seeds)
    start: dict[int, int] = {}
    for owner, asset, amount, _ in plan.start:
        holding = steps.holding(owner, asset)
        start[holding] = start.get(holding, 0) + amount
    opening = _openings(steps.items, start, len(steps.address_of))
    items, hops, renumbered = enter_seeds(steps, plan, opening)
    return _pack(steps, plan, seeds, opening, items, hops, renumbered)


def _mixing(
    ledger: Ledger, mixes: Mapping[tuple[str, str], Mapping[int, int]]
) -> dict[int, Mapping[int, int]]:
    """The mixes by transaction ordinal."""
    rows = ledger.rows_of_each(mixes)
    return {int(ledger.tx[at[0]]): mixes[name] for name, at in sorted(rows.items()) if ledger.utxo[at[0]]}


def _add_rows(steps: Steps, mixing: Mapping[int, Mapping[int, int]]) -> None:
    """Every transaction of the ledger, in order: plain payments in bulk, the others one by one."""
    ledger = steps.ledger
    if ledger.rows == 0:
        return
    plain, rows = plain_rows(ledger, mixing)
    payments = _payments(steps, rows)
    if mixing and not steps.outpoints:
        _number_outpoints(steps)
    starts = np.flatnonzero(np.diff(ledger.tx, prepend=-1))
    complex_first = starts[~plain[starts]]
    ends = np.append(starts[1:], ledger.rows)[~plain[starts]]
    until = np.searchsorted(rows, complex_first).tolist()
    done = 0
    for first, end, upto in zip(complex_first.tolist(), ends.tolist(), until, strict=True):
        steps.items.extend(payments, done, upto)
        done = upto
        tx = int(ledger.tx[first])
        if tx in mixing:
            add_mixing(steps, tx, range(first, end), mixing[tx])
        else:
            add_transaction(steps, tx, range(first, end))
    steps.items.extend(payments, done)


def _payments(steps: Steps, rows: np.ndarray) -> StepList:
    """One payment per row, as `Steps.pay` would add it; their holdings get the first numbers."""
    ledger = steps.ledger
    utxo = ledger.utxo[rows]
    op, src, dst, hop = (np.zeros(len(rows), dtype=np.int64) for _ in range(4))
    for part, payments in ((~utxo, _account_payments), (utxo, _utxo_payments)):
        at = np.flatnonzero(part)
        if len(at) or not utxo.any():
            op[at], src[at], dst[at], hop[at] = payments(steps, rows[at])
    result = StepList()
    result.op, result.src, result.dst, result.hop = op.tolist(), src.tolist(), dst.tolist(), hop.tolist()
    result.amount = [ledger.amount[r] for r in rows.tolist()]
    result.got, result.origin = [0] * len(rows), [-1] * len(rows)
    result.row, result.tx = rows.tolist(), ledger.tx[rows].tolist()
    return result


_Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""(op, src, dst, hop) by row"""


def _account_payments(steps: Steps, rows: np.ndarray) -> _Columns:
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
    return op, number[:, 1], number[:, 0], inside.astype(np.int64)


def _utxo_payments(steps: Steps, rows: np.ndarray) -> _Columns:
    """Inputs into the pot of their transaction, then outputs and the fee out of it (rows stand in that order)."""
    ledger = steps.ledger
    _number_outpoints(steps)
    joint = _number_joints(steps)[ledger.tx[rows]]
    spends, makes, sender = ledger.spends[rows], ledger.makes[rows], ledger.sender[rows]
    spend, output = spends >= 0, makes >= 0
    fee = ledger.recipient[rows] == FEE
    outpoints = steps.outpoints.start
    sink = np.zeros(len(rows), dtype=np.int64)
    for asset in np.unique(ledger.asset[rows[fee]]).tolist():
        sink[fee & (ledger.asset[rows] == asset)] = steps.holding(FEE, asset)
    src = np.where(spend, outpoints + spends, np.where(output | fee, joint, -1))
    dst = np.where(output, outpoints + makes, np.where(fee, sink, joint))
    stopped = spend & np.isin(sender, list(steps.stop_code))
    op = np.where(src < 0, int(Op.CREDIT), np.where(stopped, int(Op.STOPPED), int(Op.MOVE)))
    return op, src, dst, ((output | fee) & (src >= 0)).astype(np.int64)


def _number_outpoints(steps: Steps) -> None:
    ledger = steps.ledger
    count = int(max(ledger.spends.max(initial=-1), ledger.makes.max(initial=-1))) + 1
    owner, asset = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for numbered, ends in ((ledger.spends, ledger.sender), (ledger.makes, ledger.recipient)):
        rows = np.flatnonzero(numbered >= 0)
        owner[numbered[rows]], asset[numbered[rows]] = ends[rows], ledger.asset[rows]
    steps.number_outpoints(owner.tolist(), asset.tolist())


def _number_joints(steps: Steps) -> np.ndarray:
    """By transaction ordinal, the pot of a transaction with inputs and outputs.

    It belongs to the address that owns all inputs; where there are several owners, or none, to the transaction itself.
    One of which only outputs are known has none (-1): what it pays enters from outside.
    """
    ledger = steps.ledger
    enters = ledger.utxo & (ledger.makes < 0) & (ledger.recipient != FEE)
    joined = np.isin(ledger.tx, ledger.tx[enters]) & ~np.isin(ledger.tx, list(steps.mixing))
    rows = np.flatnonzero(ledger.utxo & joined)
    first = rows[np.diff(ledger.tx[rows], prepend=-1) > 0]
    number = np.full(int(ledger.tx[-1]) + 1, -1, dtype=np.int64)
    number[ledger.tx[first]] = np.arange(len(first))
    spent = np.flatnonzero((ledger.spends >= 0) & (number[ledger.tx] >= 0))
    pot, who = number[ledger.tx[spent]], ledger.sender[spent]
    low, high = np.full(len(first), len(ledger.addresses)), np.full(len(first), -1)
    np.minimum.at(low, pot, who)
    np.maximum.at(high, pot, who)
    one = (low == high) & (high >= 0)
    chains = ledger.table["chain"].take(pa.array(first)).to_pylist()
    hashes = ledger.table["tx_hash"].take(pa.array(first)).to_pylist()
    owner = high.tolist()
    for joint in np.flatnonzero(~one).tolist():
        owner[joint] = len(steps.names)
        steps.names.append((chains[joint], transaction_name(hashes[joint])))
    steps.number_joints(owner, ledger.asset[first].tolist())
    return np.where(number >= 0, number + steps.joints.start, -1)


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
    outpoint, joint = np.full(holdings, -1, dtype=np.int64), np.zeros(holdings, dtype=bool)
    outpoint[steps.outpoints] = np.arange(len(steps.outpoints))
    joint[steps.joints] = True
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
        # an outpoint holds what it was made with, whatever else its owner had
        unknown_opening=unknown[address_of] & (outpoint < 0) if holdings else np.zeros(0, dtype=bool),
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
        outpoint=outpoint if steps.outpoints else np.zeros(0, dtype=np.int64),
        joint=joint if steps.joints else np.zeros(0, dtype=bool),
    )


def _opening_gaps(steps: Steps, opening: dict[int, int], hop: np.ndarray, stolen: set[int]) -> list[Gap]:
    """One assumption per opening of an address that stolen coin can have reached; the others are counted.

    stolen: the holdings whose opening counts as stolen.
    """
    gaps = []
    others = 0
    for holding, amount in sorted(opening.items()):
        if holding in steps.outpoints:
            continue
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
    return gaps + _outpoint_gaps(steps, opening, hop)


def _outpoint_gaps(steps: Steps, opening: dict[int, int], hop: np.ndarray) -> list[Gap]:
    """Outputs that are spent, while no source tells how they were made: their amount is known, their past is not."""
    unmade = sorted(h for h in opening if h in steps.outpoints)
    if not unmade:
        return []
    owner = np.array(steps.address_of, dtype=np.int64)
    reached = set(np.unique(owner[hop < NEVER]).tolist())
    known: dict[tuple[int, int, bool], list[int]] = {}
    for holding in unmade:
        if steps.address_of[holding] in reached:
            key = (steps.address_of[holding], steps.asset_of[holding], bool(hop[holding] < NEVER))
            known.setdefault(key, []).append(opening[holding])
    gaps = []
    for (address, asset, seeded), amounts in sorted(known.items()):
        what = "they count as stolen, since they are a seed" if seeded else "they count as clean"
        message = (
            f"{len(amounts)} outputs that it spends are made in transactions that no source holds, or that are left"
            f" out: {what}. Import these transactions to see where the coin came from."
        )
        gaps.append(Gap("opening", message, *steps.names[address], steps.assets[asset].ref, sum(amounts)))
    others = len(unmade) - sum(len(amounts) for amounts in known.values())
    if others:
        message = (
            f"{others} outputs of addresses that stolen coin never reached are spent, while the transactions that made"
            " them stand in no source, or are left out: they count as clean."
        )
        gaps.append(Gap("opening_elsewhere", message, status="assumption"))
    return gaps
