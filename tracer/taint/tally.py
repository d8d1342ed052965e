"""From the steps of an outcome to what the investigator asks: what arrived, when, and in which movement.

Pure sums over steps: nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.ledger import Ledger
from tracer.taint.engine import Outcome
from tracer.taint.kernels_amounts import Amounts, group_totals
from tracer.taint.program import Op, Program

__all__ = ["Account", "Tally", "tally"]


@dataclass(frozen=True)
class Account:
    """The account of one asset under one rule, in smallest units."""

    stolen: int
    converted_in: int
    held: int
    fee: int
    burned: int
    recovered: int
    converted_out: int

    @property
    def difference(self) -> int:
        """Both sides subtracted: 0 under every conserving rule."""
        used = self.held + self.fee + self.burned + self.recovered + self.converted_out
        return self.stolen + self.converted_in - used


@dataclass(frozen=True)
class Tally:
    """received: by holding, stolen units that ever arrived from elsewhere. first, last: by holding, UTC second of
    the first and the last such arrival, -1 if unknown. by_row: by ledger row, the stolen units in that movement.
    converts: by ledger row, True if it is a leg of a conversion. accounts: by asset. converted: by asset, stolen
    units that left in conversions that were followed (they are on top of the `sink:converted` holding).
    """

    received: list[int]
    first: list[int]
    last: list[int]
    by_row: list[int]
    converts: np.ndarray
    accounts: list[Account]
    converted: list[int]


def tally(ledger: Ledger, program: Program, outcome: Outcome) -> Tally:
    """Sum up an outcome."""
    moved, brought = outcome.moved, outcome.brought
    if isinstance(moved, Amounts) and isinstance(brought, Amounts):
        sums = _by_columns(ledger, program, moved.words, brought.words)
    else:
        sums = _by_steps(ledger, program, moved, brought)
    received, first, last, by_row, stolen, into, out = sums
    converts = np.zeros(ledger.rows, dtype=bool)
    for share in program.shares:
        amounts = brought if share.got else moved
        units = sum(amounts[i] for i in share.steps) * share.amount // share.total
        by_row[share.row] = max(by_row[share.row], units)
        converts[share.row] |= any(program.op[i] == Op.CONVERT for i in share.steps)
    accounts = _accounts(program, outcome, stolen, into, out)
    return Tally(received, first, last, by_row, converts, accounts, out)


_Sums = tuple[list[int], list[int], list[int], list[int], list[int], list[int], list[int]]
"""(received, first, last by holding; by row; entered, converted in, converted out by asset)"""


def _by_steps(
    ledger: Ledger, program: Program, moved_units: Sequence[int], brought_units: Sequence[int]
) -> _Sums:
    """The sums of an outcome in Python integers."""
    holdings = len(program.holding_address)
    main = program.main.tolist()
    joint = program.is_joint.tolist()
    address = program.holding_address.tolist()
    asset = program.holding_asset.tolist()
    received, first, last = [0] * holdings, [-1] * holdings, [-1] * holdings
    by_row = [0] * ledger.rows
    stolen, into, out = ([0] * len(program.assets) for _ in range(3))
    time = _transaction_times(ledger).tolist()
    steps = zip(
        program.op.tolist(),
        program.src.tolist(),
        program.dst.tolist(),
        program.row.tolist(),
        program.tx.tolist(),
        moved_units,
        brought_units,
        strict=True,
    )
    for op, src, dst, row, tx, moved, brought in steps:
        if not moved and not brought:
            continue
        arrived = brought if op == Op.CONVERT else moved
        if op == Op.CONVERT:
            out[asset[src]] += moved
            into[asset[dst]] += brought
        elif op in (Op.SEED, Op.RELABEL):
            stolen[asset[dst]] += moved
        if (src >= 0 and joint[src]) or joint[dst]:
            pass  # see `_add_transactions`
        elif arrived and (src < 0 or address[src] != address[dst] or op == Op.CONVERT):
            target = main[dst]
            received[target] += arrived
            if tx >= 0:
                first[target] = time[tx] if first[target] < 0 else first[target]
                last[target] = time[tx] if time[tx] >= 0 else last[target]
        if row >= 0:
            by_row[row] += moved
    _add_transactions(ledger, program, moved_units, received, first, last)
    return received, first, last, by_row, stolen, into, out


def _add_transactions(
    ledger: Ledger,
    program: Program,
    moved: Sequence[int],
    received: list[int],
    first: list[int],
    last: list[int],
) -> None:
    """What addresses got in transactions with inputs and outputs: stolen coin paid to them, less what they put in."""
    if not len(program.joint):
        return
    into, main = program.is_joint[program.dst], program.main.tolist()
    concerned = np.flatnonzero(into | ((program.src >= 0) & program.is_joint[program.src]))
    time, net = _transaction_times(ledger).tolist(), dict[tuple[int, int], int]()
    src, dst, tx, enters = program.src.tolist(), program.dst.tolist(), program.tx.tolist(), into.tolist()
    for step in concerned.tolist():
        units = moved[step]
        if units:
            key = (tx[step], main[src[step] if enters[step] else dst[step]])
            net[key] = net.get(key, 0) + (-units if enters[step] else units)
    for (when, target), units in net.items():  # in the order of transactions
        if units > 0:
            received[target] += units
            first[target] = time[when] if first[target] < 0 else first[target]
            last[target] = time[when] if time[when] >= 0 else last[target]


def _by_columns(ledger: Ledger, program: Program, moved: np.ndarray, brought: np.ndarray) -> _Sums:
    """The sums of an outcome in limbs ((steps, 2) uint64): the same, without a loop over the steps."""
    holdings, assets = len(program.holding_address), len(program.assets)
    op, src, dst, row = program.op, program.src, program.dst, program.row
    asset_of, address_of = program.holding_asset, program.holding_address
    convert = op == Op.CONVERT

    def total(words: np.ndarray, where: np.ndarray, group: np.ndarray, groups: int) -> list[int]:
        return list(group_totals(Amounts(words[where]), group, groups))

    entering = np.flatnonzero((op == Op.SEED) | (op == Op.RELABEL))
    stolen = total(moved, entering, asset_of[dst[entering]], assets)
    converting = np.flatnonzero(convert)
    out = total(moved, converting, asset_of[src[converting]], assets)
    into = total(brought, converting, asset_of[dst[converting]], assets)

    arrived = np.where(convert[:, None], brought, moved)
    found = Amounts(arrived).positive()
    elsewhere = (src[found] < 0) | (address_of[src[found]] != address_of[dst[found]]) | convert[found]
    joined = program.is_joint[dst[found]] | ((src[found] >= 0) & program.is_joint[src[found]])
    found = found[elsewhere & ~joined]
    target = program.main[dst[found]]
    received = total(arrived, found, target, holdings)
    first, last = np.full((2, holdings), -1, dtype=np.int64)
    tx = program.tx[found]
    time = np.where(tx >= 0, np.append(_transaction_times(ledger), -1)[tx], -1)
    known = np.flatnonzero(time >= 0)
    last[target[known]] = time[known]
    first[target[known[::-1]]] = time[known[::-1]]  # the earliest is written last
    carried = np.flatnonzero(row >= 0)
    by_row = total(moved, carried, row[carried], ledger.rows)
    earliest, latest = first.tolist(), last.tolist()
    _add_transactions(ledger, program, Amounts(moved), received, earliest, latest)
    return received, earliest, latest, by_row, stolen, into, out


def _transaction_times(ledger: Ledger) -> np.ndarray:
    """Per transaction ordinal, the time of its first row (-1 if unknown)."""
    return ledger.time[np.flatnonzero(np.diff(ledger.tx, prepend=-1))]


def _accounts(
    program: Program, outcome: Outcome, stolen: list[int], into: list[int], out: list[int]
) -> list[Account]:
    """Per asset: what entered, and where it is."""
    assets = len(program.assets)
    where: dict[str, list[int]] = {
        name: [0] * assets for name in ("", "fee", "burned", "converted", "recovered")
    }
    sink_of = {
        n: name.removeprefix("sink:") for n, (chain, name) in enumerate(program.addresses) if not chain
    }
    names, numbers = program.holding_address.tolist(), program.holding_asset.tolist()
    for holding, units in enumerate(outcome.taint):
        if units:
            where[sink_of.get(names[holding], "")][numbers[holding]] += units
    return [
        Account(
            stolen[a],
            into[a],
            where[""][a],
            where["fee"][a],
            where["burned"][a],
            where["recovered"][a],
            where["converted"][a] + out[a],
        )
        for a in range(assets)
    ]
