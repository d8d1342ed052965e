"""Synthetic histories for the benchmarks: a theft that disperses among users, services and sweepers; seeded.

Nobody pays more than it has. Amounts are in wei, with all 18 decimals used, so that balances pass 2**64.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tracer.addresses import BITCOIN
from tracer.movements import SCHEMA, amounts_to_column
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["CHAIN", "STOLEN", "THIEF", "History", "csv_of", "history", "movement_table", "spending"]

CHAIN = "eip155:1"
THIEF = 0
"""Number of the address that holds the stolen coin at the start."""
STOLEN = 400_000 * 10**18
START = 1_740_000_000


@dataclass(frozen=True)
class History:
    """payer, payee: address numbers (payer -1: opening); amount: wei; all by row, in order."""

    payer: list[int]
    payee: list[int]
    amount: list[int]
    addresses: int

    def name(self, number: int) -> str:
        """The address of a number, "" for outside."""
        return f"0x{number + 1:040x}" if number >= 0 else ""


def history(movements: int, addresses: int | None = None, number: int = 7) -> History:
    """A history of so many movements; by default a fifth as many addresses."""
    rng = random.Random(number)
    count = max(50, addresses or movements // 5)
    hubs = max(3, count // 2_000)
    balance = [0] * count
    payer: list[int] = []
    payee: list[int] = []
    amount: list[int] = []
    balance[THIEF] = STOLEN
    for hub in range(1, hubs + 1):
        payer.append(-1)
        payee.append(hub)
        amount.append(10**24 + rng.getrandbits(70))
        balance[hub] = amount[-1]
    funded = list(range(hubs + 1))
    whole = 10**18
    for _ in range(40):  # the first hop
        target = rng.randrange(hubs + 1, count)
        balance[THIEF] -= 10_000 * whole
        balance[target] += 10_000 * whole
        funded.append(target)
        payer.append(THIEF)
        payee.append(target)
        amount.append(10_000 * whole)
    while len(amount) < movements:
        # Mostly somebody who was paid lately pays on; sometimes anybody.
        near = len(funded) - 1 - int(rng.expovariate(1 / 200))
        source = funded[near] if near > 0 and rng.random() < 0.8 else funded[int(rng.random() * len(funded))]
        have = balance[source]
        if not have:
            continue
        kind = rng.random()
        part = have if kind < 0.25 else min(have, int(rng.random() * rng.random() * 50 * whole) + 1)
        if source <= hubs and kind < 0.25:
            part = min(have, 1_000 * whole + rng.getrandbits(40))
        elif source > hubs and have > 500 * whole:
            part = have * rng.randrange(5, 101) // 100
        target = rng.randrange(1, hubs + 1) if rng.random() < 0.1 else int(rng.random() * count)
        if target == source:
            continue
        balance[source] = have - part
        balance[target] += part
        funded.append(target)
        payer.append(source)
        payee.append(target)
        amount.append(part)
    return History(payer, payee, amount, count)


def csv_of(past: History, path: Path) -> None:
    """The history as a transfers CSV."""
    header = (
        "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals"
    )
    with path.open("w", encoding="utf-8") as out:
        out.write(f"{header},amount_raw,kind\n")
        for n, (payer, payee, units) in enumerate(zip(past.payer, past.payee, past.amount, strict=True)):
            kind = "native" if payer >= 0 else "opening"
            place = f"{CHAIN},{21_000_000 + n // 20},{n % 20},1,{START + 12 * (n // 20)},0x{n:064x}"
            out.write(f"{place},{past.name(payer)},{past.name(payee)},native,ETH,18,{units},{kind}\n")


def movement_table(past: History) -> pa.Table:
    """The history as a movement table: one transaction a row, 20 to a block."""
    rows = len(past.amount)
    numbers = range(rows)
    columns: dict[str, list[object] | pa.Array] = {
        "chain": [CHAIN] * rows,
        "block": [21_000_000 + n // 20 for n in numbers],
        "tx_index": [n % 20 for n in numbers],
        "position": [1] * rows,
        "timestamp": [START + 12 * (n // 20) for n in numbers],
        "tx_hash": [f"0x{n:064x}" for n in numbers],
        "from_address": [past.name(a) for a in past.payer],
        "to_address": [past.name(a) for a in past.payee],
        "asset": ["native"] * rows,
        "symbol": ["ETH"] * rows,
        "decimals": [18] * rows,
        "amount": amounts_to_column(past.amount),
        "kind": ["opening" if a < 0 else "native" for a in past.payer],
        "excluded": [""] * rows,
        "value": [None] * rows,
        "grade": ["fact"] * rows,
        "row": [n + 1 for n in numbers],
        "extra": [None] * rows,
    }
    arrays = []
    for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True):
        values = columns[name]
        if isinstance(values, list):
            plain = pa.string() if pa.types.is_dictionary(kind) else kind
            values = pa.array(values, type=plain)
            values = values.dictionary_encode().cast(kind) if plain is not kind else values
        arrays.append(values)
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def spending(count: int, seed: int = 1) -> list[UtxoTransaction]:
    """Bitcoin transactions that spend each other's outputs at random, 2,000 a block; amounts in sat."""
    rng = random.Random(seed)
    free: list[tuple[Outpoint, str, int]] = []
    made: list[UtxoTransaction] = []
    for number in range(count):
        inputs = []
        for place in range(rng.choice((1, 1, 2, 3))):
            if len(free) > 50 and rng.random() < 0.9:
                at = rng.randrange(len(free))
                free[at], free[-1] = free[-1], free[at]
                inputs.append(free.pop())
            else:
                unseen = Outpoint(f"{10**9 + 4 * number + place:064x}", 0)
                inputs.append((unseen, f"bc1q{rng.randrange(count):058x}", rng.randrange(10**6, 10**10)))
        left = sum(units for _, _, units in inputs)
        left -= min(left // 10, 1000)
        outputs = []
        size = rng.choice((1, 2, 2, 2, 3))
        for vout in range(size):
            units = left if vout == size - 1 else rng.randrange(left + 1)
            left -= units
            outputs.append(Output(vout, f"bc1q{rng.randrange(count):058x}", Script.P2WPKH, units))
        txid, block = f"{number + 1:064x}", 800_000 + number // 2000
        spent = tuple(Input(point, owner, Script.P2WPKH, units) for point, owner, units in inputs)
        time = 1_700_000_000 + 600 * (block - 800_000)
        made.append(UtxoTransaction(BITCOIN, txid, block, number % 2000, time, spent, tuple(outputs)))
        free += [(Outpoint(txid, o.vout), o.address, o.amount) for o in outputs if o.amount]
    return made
