"""What came to the places where stolen coin rests, what left them since, and how much of their history was seen.

A freeze request stands or falls with "is it still there": so payments out are counted from the first arrival of stolen
coin on, and an address whose own history nobody read is never called untouched. Plain sums over the ledger; nothing
is decided here about where coin goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.ledger import BURNED, FEE, RECOVERED, Ledger
from tracer.taint.program import Op, Program
from tracer.taint.tally import Tally

__all__ = ["Account", "History", "Passage", "passages", "transactions_seen"]

Account = tuple[str, str]
"""(CAIP-2 chain, canonical address)"""

_LEDGER_SINKS = {"sink:fee": FEE, "sink:burned": BURNED, "sink:recovered": RECOVERED}


@dataclass(frozen=True, slots=True)
class History:
    """How far the own history of an address is known.

    state: `whole` (collected from its first to the case's last block), `partial` (a part of it), `file` (what the
    imported files tell, which count as whole), `unread` (only what others paid it). transactions: how many the
    provider said there are; at least so many where the history is no collected one (a hub is counted only until the
    limit is passed); None when nobody was asked.
    """

    state: str
    transactions: int | None = None


@dataclass(slots=True)
class Passage:
    """The movements of one holding that matter for a freeze.

    came: rows of the ledger that brought stolen coin under any rule, in order. left: smallest units that left since
    the first of them, fees included. last_left: UTC second of the last payment out since then, -1 if none or unknown.
    """

    came: list[int] = field(default_factory=list)
    left: int = 0
    last_left: int = -1


def passages(
    ledger: Ledger, program: Program, tallies: Iterable[Tally], holdings: Collection[int]
) -> dict[int, Passage]:
    """The passage of each of the holdings (pots excluded). tallies: of every rule.

    Coin that a seed put there without a transaction has come before the first movement.
    """
    wanted = _places(ledger, program, holdings)
    found = {h: Passage() for h in holdings}
    carries = np.zeros(ledger.rows, dtype=bool)
    for tally in tallies:
        carries |= np.fromiter((units > 0 for units in tally.by_row), dtype=bool, count=ledger.rows)
    begun = set(program.main[program.dst[(program.op == Op.SEED) & (program.tx < 0)]].tolist())
    paid = _paid(ledger)
    told: set[tuple[int, int]] = set()
    tx, spends, makes = ledger.tx.tolist(), ledger.spends.tolist(), ledger.makes.tolist()
    sides = (ledger.sender.tolist(), ledger.recipient.tolist(), ledger.asset.tolist())
    for row, (payer, payee, asset, carried) in enumerate(zip(*sides, carries.tolist(), strict=True)):
        if payer == payee:
            continue
        given, units = wanted.get((payer, asset), -1), ledger.amount[row]
        if spends[row] >= 0:  # all that it spends and gets in the transaction counts once, together
            key = (tx[row], payer)
            units = 0 if key in told else max(0, paid[key])
            told.add(key)
        if given in begun and units:
            at = found[given]
            at.left += units
            at.last_left = max(at.last_left, int(ledger.time[row]))
        got = wanted.get((payee, asset), -1)
        change = makes[row] >= 0 and paid.get((tx[row], payee), -1) >= 0
        if carried and got >= 0 and not change:
            found[got].came.append(row)
            begun.add(got)
    for h, came in _mixed(ledger, program, carries, found).items():
        found[h].came = came
    for h, rows in _unfollowed(program, found).items():
        found[h].came = sorted(rows)
    return found


def _paid(ledger: Ledger) -> dict[tuple[int, int], int]:
    """(transaction ordinal, owner) of inputs -> what the owner spends there, less what comes back to it."""
    paid: dict[tuple[int, int], int] = {}
    rows = np.flatnonzero(ledger.utxo).tolist()
    tx, payer, payee = ledger.tx.tolist(), ledger.sender.tolist(), ledger.recipient.tolist()
    for r in rows:
        if ledger.spends[r] >= 0:
            paid[tx[r], payer[r]] = paid.get((tx[r], payer[r]), 0) + ledger.amount[r]
        elif (tx[r], payee[r]) in paid:  # outputs stand behind all inputs
            paid[tx[r], payee[r]] -= ledger.amount[r]
    return paid


def _places(ledger: Ledger, program: Program, holdings: Collection[int]) -> dict[tuple[int, int], int]:
    """(address number of the ledger, asset number) -> holding."""
    places = {}
    for h in holdings:
        owner, asset = int(program.holding_address[h]), int(program.holding_asset[h])
        chain, name = program.addresses[owner]
        if owner >= len(ledger.addresses) and chain:
            continue  # a transaction, where coin of several owners was mixed
        if chain:
            places[ledger.address_number[chain, name], asset] = h
        elif name in _LEDGER_SINKS:
            places[_LEDGER_SINKS[name], asset] = h
    return places


def _mixed(
    ledger: Ledger, program: Program, carries: np.ndarray, holdings: Collection[int]
) -> dict[int, list[int]]:
    """By holding of a transaction that mixes, its inputs that carried stolen coin."""
    named = {}
    for h in holdings:
        chain, name = program.name(h)[:2]
        if chain and int(program.holding_address[h]) >= len(ledger.addresses) and name.startswith("tx:"):
            named[h] = chain, name.removeprefix("tx:")
    rows = ledger.rows_of_each(named.values())
    return {
        h: [r for r in rows.get(transaction, ()) if ledger.spends[r] >= 0 and carries[r]]
        for h, transaction in named.items()
    }


def _unfollowed(program: Program, holdings: Collection[int]) -> dict[int, set[int]]:
    """By holding of `sink:converted`, the rows that were given in conversions that nobody can follow."""
    sinks = {h for h in holdings if program.name(h)[1] == "sink:converted"}
    found: dict[int, set[int]] = {h: set() for h in sinks}
    for share in program.shares:
        for step in share.steps:
            if not share.got and int(program.dst[step]) in sinks:
                found[int(program.dst[step])].add(share.row)
    return found


def transactions_seen(ledger: Ledger) -> dict[Account, int]:
    """Per address, in how many distinct transactions of the case it pays or is paid, left-out movements included."""
    parts = [
        pa.table({"chain": t["chain"], "address": t[side], "tx": t["tx_hash"]}).cast(
            pa.schema({"chain": pa.string(), "address": pa.string(), "tx": pa.string()})
        )
        for t in (ledger.table, ledger.excluded)
        for side in ("from_address", "to_address")
    ]
    whole = pa.concat_tables(parts)
    whole = whole.filter(pc.and_(pc.not_equal(whole["address"], ""), pc.not_equal(whole["tx"], "")))
    counted = whole.group_by(["chain", "address"]).aggregate([("tx", "count_distinct")])
    columns = (counted[name].to_pylist() for name in ("chain", "address", "tx_count_distinct"))
    return {(chain, address): int(n) for chain, address, n in zip(*columns, strict=True)}
