"""Synthetic histories for the benchmarks: a theft that disperses among users, services and sweepers; seeded.

Nobody pays more than it has. Amounts are in wei, with all 18 decimals used, so that balances pass 2**64.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pyarrow as pa

from tracer.movements import SCHEMA, amounts_to_column

__all__ = ["THIEF", "History", "history", "movement_table"]

CHAIN = "eip155:1"
THIEF = 0
"""Number of the address that holds the stolen coin at the start."""
STOLEN = 400_000 * 10**18
START = 1_740_000_000


@dataclass(frozen=True)
class History:
    """payer, payee: address numbers (payer -1: opening); amount: wei; hash_of: transaction hash by row."""

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
