"""What one transaction does to holdings, decided before any rule runs (docs/accounting.md, "Transactions").

1. A transaction in which nobody both pays and is paid is a list of payments.
2. One in which somebody does, in one asset, is replayed in order: an address first spends what it got in this
   transaction (its *pot*), so routers and pools pass coin through unmixed.
3. One in which somebody gives one asset and gets another is netted: see `tracer.taint.conversions`.
4. One with inputs and outputs moves its inputs whole, in their order, into a pot of its own, and its outputs in their
   order out of it, then its fee. One that mixes coin of several owners (a CoinJoin) keeps what enters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tracer.addresses import transaction_name
from tracer.ledger import BURNED, FEE, KINDS, OUTSIDE, Ledger
from tracer.model import Kind, StopCode
from tracer.taint.conversions import Row, convert, has_converter, leave_unsplit
from tracer.taint.program import Op
from tracer.taint.steps import Steps

__all__ = ["add_mixing", "add_transaction", "plain_rows"]

_FEE, _UNWRAP = KINDS.index(Kind.FEE), KINDS.index(Kind.UNWRAP)


def plain_rows(ledger: Ledger, mixing: Iterable[int] = ()) -> tuple[np.ndarray, np.ndarray]:
    """The transactions that are lists of payments, found for all rows at once.

    mixing: ordinals of transactions that mix coin of several owners, which take the longer way.
    Returns (by row, whether its transaction is one; the rows of these that are payments, in order). A transaction
    that is one may still be told otherwise: it only takes the longer way, with the same steps.
    """
    lone = np.ones(ledger.rows, dtype=bool)
    follows = ledger.tx[1:] == ledger.tx[:-1]
    lone[1:] &= ~follows
    lone[:-1] &= ~follows
    fee = (ledger.kind == _FEE) & ~ledger.utxo
    odd = ledger.kind == _UNWRAP
    odd[1:] |= fee[1:] & ~fee[:-1] & follows  # fees are paid first
    payment = (ledger.sender != ledger.recipient) & ~ledger.utxo
    moves = np.flatnonzero(payment & ~fee & ~lone)
    tx, width = ledger.tx[moves] * len(ledger.addresses), len(ledger.addresses)
    payer, payee = ledger.sender[moves], ledger.recipient[moves]
    both = np.intersect1d((tx + payer)[payer >= 0], (tx + payee)[payee >= 0]) // max(width, 1)
    complicated = np.zeros(int(ledger.tx[-1]) + 1, dtype=bool)
    complicated[both] = True
    complicated[ledger.tx[odd]] = True
    complicated[list(mixing)] = True
    plain = ~complicated[ledger.tx]
    minted_and_burned = (ledger.sender == OUTSIDE) & (ledger.recipient < 0)
    whole = np.zeros(ledger.rows, dtype=bool)
    rows = np.flatnonzero(ledger.utxo)
    whole[rows] = [ledger.amount[r] > 0 for r in rows.tolist()]
    return plain, np.flatnonzero(plain & (payment & ~minted_and_burned | whole))


def add_transaction(steps: Steps, tx: int, rows: Sequence[int]) -> None:
    """Append the steps of one transaction; `rows` are its ledger rows in order."""
    ledger = steps.ledger
    movements: list[Row] = []
    for r in rows:
        row = (r, int(ledger.sender[r]), int(ledger.recipient[r]), int(ledger.asset[r]), ledger.amount[r])
        if row[1] == row[2]:
            continue  # a self-transfer is a no-op
        if ledger.kind[r] == _FEE:
            _pay(steps, tx, row)  # fees are never part of a conversion
        else:
            movements.append(row)
    payers = {row[1] for row in movements if row[1] >= 0}
    payees = {row[2] for row in movements if row[2] >= 0}
    if not payers & payees:
        for row in movements:
            if ledger.kind[row[0]] == _UNWRAP and row[2] == BURNED:
                step = leave_unsplit(
                    steps, tx, row[1], row[3], row[4], row[0], "the native leg of an unwrap is missing"
                )
                steps.items.row[step] = row[0]
            else:
                _pay(steps, tx, row)
        return
    for group in _groups(movements):
        if not (has_converter(group) and convert(steps, tx, group)):
            _replay(steps, tx, group)


def add_mixing(steps: Steps, tx: int, rows: Sequence[int], change: Mapping[int, int]) -> None:
    """A transaction that mixes coin of several owners: what enters rests in it, and what comes out is clean coin.

    change: position of an input -> vout of the output that is certainly its change; that much goes on, first, under the
    rule, and only the rest of the input enters.
    """
    ledger = steps.ledger
    chain, asset = ledger.assets[ledger.asset[rows[0]]].chain, int(ledger.asset[rows[0]])
    steps.names.append((chain, transaction_name(ledger.tx_hash[rows[0]])))
    mixer = steps.holding(len(steps.names) - 1, asset)
    steps.stop_code[len(steps.names) - 1] = StopCode.MIXER.value
    first = steps.outpoints.start
    outputs = [r for r in rows if ledger.makes[r] >= 0]
    back = {position: outputs[vout] for position, vout in change.items()}
    for position, r in enumerate(r for r in rows if ledger.spends[r] >= 0):
        owner, amount = int(ledger.sender[r]), ledger.amount[r]
        source, op = first + int(ledger.spends[r]), Op.STOPPED if owner in steps.stop_code else Op.MOVE
        kept = back.get(position, -1)
        if kept < 0:
            steps.add(op, source, mixer, amount, row=r, tx=tx, hop=1)
            continue
        pot = steps.holding(owner, asset, f"change:{tx}:{position}")
        steps.add(op, source, pot, amount, row=r, tx=tx)
        part = ledger.amount[kept]
        steps.add(Op.MOVE, pot, first + int(ledger.makes[kept]), part, row=kept, tx=tx, hop=1)
        steps.add(Op.MOVE, pot, mixer, amount - part, tx=tx, hop=1)
    certain = set(back.values())
    for r in rows:
        if r not in certain and ledger.amount[r]:
            if ledger.makes[r] >= 0:
                steps.add(Op.STOPPED, mixer, first + int(ledger.makes[r]), ledger.amount[r], row=r, tx=tx)
            elif ledger.recipient[r] == FEE:
                steps.add(Op.STOPPED, mixer, steps.holding(FEE, asset), ledger.amount[r], row=r, tx=tx)


def _groups(movements: Sequence[Row]) -> list[list[Row]]:
    """The movements in groups that share no address: a swap by one is no reason to net the payments of another."""
    leader: dict[int, int] = {}

    def find(address: int) -> int:
        while leader.setdefault(address, address) != address:
            leader[address] = leader[leader[address]]
            address = leader[address]
        return address

    for _, payer, payee, _, _ in movements:
        if payer >= 0 and payee >= 0:
            leader[find(payer)] = find(payee)
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in movements:
        groups[find(max(row[1], row[2]))].append(row)
    return list(groups.values())


def _pay(steps: Steps, tx: int, row: Row) -> None:
    r, payer, payee, asset, amount = row
    if payer == OUTSIDE and payee < 0:
        return  # minted and burned in one movement
    steps.pay(payer, steps.holding(payee, asset), asset, amount, row=r, tx=tx)


def _replay(steps: Steps, tx: int, movements: Sequence[Row]) -> None:
    """Payments in order; what an address got in this transaction leaves first, unmixed with what it had.

    At a service that ends: coin stops there. At an address whose history was merely not read it does not: the
    transaction itself says where the coin went.
    """
    last_payment = {(payer, asset): i for i, (_, payer, _, asset, _) in enumerate(movements)}
    in_pot: dict[tuple[int, int], int] = defaultdict(int)
    for i, (r, payer, payee, asset, amount) in enumerate(movements):
        pays_on = last_payment.get((payee, asset), -1) > i and payee >= 0 and payee not in steps.closed
        if payer == OUTSIDE and payee < 0:
            continue
        dst = steps.holding(payee, asset, "pot" if pays_on else "")
        passed = min(in_pot[payer, asset], amount)
        if amount > passed:  # what it had before is older, so it stands first in the payee's queue
            steps.pay(payer, dst, asset, amount - passed, row=r, tx=tx)
        if passed:
            pot = steps.holding(payer, asset, "pot")
            steps.add(Op.MOVE, pot, dst, passed, row=r, tx=tx)
            in_pot[payer, asset] -= passed
        if pays_on:
            in_pot[payee, asset] += amount
        if last_payment[payer, asset] == i and (rest := in_pot.pop((payer, asset), 0)):
            # what it kept goes to its own coin now: what it gets from here on is younger
            pot = steps.holding(payer, asset, "pot")
            steps.add(Op.MOVE, pot, steps.holding(payer, asset), rest, tx=tx)
