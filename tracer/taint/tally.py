"""From the steps of an outcome to what the investigator asks: what arrived, when, and in which movement.

Pure sums over steps: nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracer.ledger import Ledger
from tracer.taint.engine import Outcome
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
    """received: by holding, stolen units that ever arrived from elsewhere. first: by holding, UTC second of the
    first such arrival, -1 if unknown. by_row: by ledger row, the stolen units in that movement. converts: by
    ledger row, True if it is a leg of a conversion. accounts: by asset. converted: by asset, stolen units that
    left in conversions that were followed (they are on top of the `sink:converted` holding).
    """

    received: list[int]
    first: list[int]
    by_row: list[int]
    converts: np.ndarray
    accounts: list[Account]
    converted: list[int]


def tally(ledger: Ledger, program: Program, outcome: Outcome) -> Tally:
    """Sum up an outcome."""
    holdings = len(program.holding_address)
    main = _main_holdings(program)
    address = program.holding_address.tolist()
    asset = program.holding_asset.tolist()
    received, first = [0] * holdings, [-1] * holdings
    by_row = [0] * ledger.rows
    converts = np.zeros(ledger.rows, dtype=bool)
    stolen, into, out = ([0] * len(program.assets) for _ in range(3))
    time = _transaction_times(ledger)
    steps = zip(
        program.op.tolist(),
        program.src.tolist(),
        program.dst.tolist(),
        program.row.tolist(),
        program.tx.tolist(),
        outcome.moved,
        outcome.brought,
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
        if arrived and (src < 0 or address[src] != address[dst] or op == Op.CONVERT):
            target = main[dst]
            received[target] += arrived
            if first[target] < 0 and tx >= 0:
                first[target] = time[tx]
        if row >= 0:
            by_row[row] += moved
    for share in program.shares:
        amounts = outcome.brought if share.got else outcome.moved
        units = sum(amounts[i] for i in share.steps) * share.amount // share.total
        by_row[share.row] = max(by_row[share.row], units)
        converts[share.row] |= any(program.op[i] == Op.CONVERT for i in share.steps)
    return Tally(received, first, by_row, converts, _accounts(program, outcome, stolen, into, out), out)


def _main_holdings(program: Program) -> list[int]:
    """Per holding, the holding of the same (address, asset) that is not a pot."""
    of = {
        (a, s): h
        for h, (a, s, pot) in enumerate(
            zip(
                program.holding_address.tolist(),
                program.holding_asset.tolist(),
                program.pot.tolist(),
                strict=True,
            )
        )
        if not pot
    }
    return [
        of.get((a, s), h)
        for h, (a, s) in enumerate(
            zip(program.holding_address.tolist(), program.holding_asset.tolist(), strict=True)
        )
    ]


def _transaction_times(ledger: Ledger) -> list[int]:
    """Per transaction ordinal, the time of its first row (-1 if unknown)."""
    starts = np.flatnonzero(np.diff(ledger.tx, prepend=-1))
    return [int(t) for t in ledger.time[starts]]


def _accounts(
    program: Program, outcome: Outcome, stolen: list[int], into: list[int], out: list[int]
) -> list[Account]:
    """Per asset: what entered, and where it is."""
    assets = len(program.assets)
    where: dict[str, list[int]] = {
        name: [0] * assets for name in ("", "fee", "burned", "converted", "recovered")
    }
    for holding, units in enumerate(outcome.taint):
        if units:
            chain, name, _ = program.name(holding)
            sink = name.removeprefix("sink:") if not chain else ""
            where[sink][program.holding_asset[holding]] += units
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
