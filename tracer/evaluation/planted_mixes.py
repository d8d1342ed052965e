"""Planted CoinJoins whose parties are known: what a change tells about the input that it came from.

JoinMarket: a taker of any amount and makers of its default order book, each with one or several coins of one mixing
depth, who earn a fee each; the taker pays theirs and the network's, and may sweep. Sources: JoinMarket's
yield-generator settings (fees of 500 sat or 0.002 %, earlier 5,000 sat or 0.02 %, varied; 100,000 sat at least; a gift
to the network) and its choice of coins (as few as suffice, or whatever merges). Some makers ask for up to 1 %, some
give more than they earn. Coins are often round sums, or such less somebody's fee, so strangers' are nearly equal.
Wasabi 1: participants of a round pay 0.003 % per equal output and a share of the network fee, those who remix pay what
is left over or nothing (docs.wasabiwallet.io, fees); change below 0.7 % of the denomination goes to the coordinator. In
every other round who has enough takes the doubles of the amount too (mixing levels).

Written by the authors of the rules to have in it what misleads them. The rates compare rules and guard against
mistakes; they predict nothing of mainnet.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tracer.addresses import BITCOIN
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["PlantedMix", "plant_joinmarket", "plant_wasabi1"]

_LEAST = 100_000
_DUST = 27_300
"""Sat; JoinMarket makes no change below."""
_NOBODY = -1
"""The coordinator."""
_ROUND = 10_000_000
_SMALLEST_CHANGE = 70_000
_SUMS = [part * 10**power for power in (6, 7, 8) for part in (1, 2, 5)]


@dataclass(frozen=True, slots=True)
class PlantedMix:
    """A CoinJoin. payers: the party of each input; payees: of each output, by vout; changes: vouts of change."""

    transaction: UtxoTransaction
    payers: tuple[int, ...]
    payees: tuple[int, ...]
    changes: tuple[int, ...]


def plant_joinmarket(number: int) -> PlantedMix:
    """One CoinJoin of JoinMarket; the same for the same number."""
    draw = random.Random(f"joinmarket {number}")  # noqa: S311 - the same for the same number
    joined = draw.choice([*_SUMS, *[max(_LEAST, round(10 ** draw.uniform(5, 9)))] * len(_SUMS)])
    sizes = [(party, _coins(draw, joined + _DUST)) for party in range(1, draw.randint(4, 12))]
    outputs = []
    fees = 0
    for party, coins in sizes:
        old = draw.random() < 0.3
        fixed, share = (5_000, 2e-4) if old else (500, 2e-5)
        fee = fixed if draw.random() < 0.3 else max(1, round(joined * share))
        fee = round(fee * draw.uniform(0.8, 1.2))
        kind = draw.random()
        if kind < 0.05:
            fee = round(joined * 10 ** draw.uniform(-3, -2))
        elif kind < 0.15:
            fee -= draw.choice([100, 1_000, 5_000])
        fees += fee
        outputs += [(party, joined), (party, sum(coins) - joined + fee)]
    network = draw.randint(1_000, 40_000)
    spent = joined + max(0, fees) + network
    sweeps = draw.random() < 0.2
    mine = _parts(draw, spent, draw.choice([1, 1, 2, 3])) if sweeps else _coins(draw, spent + _DUST)
    outputs += [(0, joined)] + ([] if sweeps else [(0, sum(mine) - spent)])
    inputs = [(party, coin) for party, coins in [*sizes, (0, mine)] for coin in coins]
    draw.shuffle(inputs)
    draw.shuffle(outputs)
    return _mix(f"joinmarket {number}", inputs, outputs)


def plant_wasabi1(number: int) -> PlantedMix:
    """One round of Wasabi 1; the same for the same number."""
    draw = random.Random(f"wasabi1 {number}")  # noqa: S311
    crowd = draw.randint(10, 100)
    joined = _ROUND + draw.randint(0, 900_000)
    fee = joined * 3 * crowd // 100_000
    share = draw.randint(200, 20_000)
    levels = draw.choice([1, 5])
    inputs: list[tuple[int, int]] = []
    outputs: list[tuple[int, int]] = []
    paid = 0
    for party in range(1, crowd + 1):
        remixes = draw.random() < 0.3
        coins = [joined + draw.randint(0, fee + share)] if remixes else _coins(draw, joined + fee + share)
        taken, cost = joined, fee
        outputs.append((party, joined))
        for level in range(1, levels):
            more, costs = joined * 2**level, joined * 2**level * 3 * crowd // 2**level // 100_000
            if sum(coins) < taken + more + cost + costs + share:
                break
            outputs.append((party, more))
            taken, cost = taken + more, cost + costs
        left = sum(coins) - taken - cost - share
        if left >= _SMALLEST_CHANGE:
            outputs.append((party, left))
            paid += cost
        else:
            paid += max(0, sum(coins) - taken - share)
        inputs += [(party, coin) for coin in coins]
    outputs.append((_NOBODY, paid))
    draw.shuffle(inputs)
    outputs.sort(key=lambda output: -output[1])
    return _mix(f"wasabi1 {number}", inputs, outputs)


def _coins(draw: random.Random, least: int) -> list[int]:
    """Coins of one party that hold at least so much: one that suffices, or several."""
    kind = draw.random()
    if kind < 0.3:
        whole = draw.choice(
            [value for value in (*_SUMS, 10 * _SUMS[-1], 100 * _SUMS[-1]) if value > least + 30_000]
        )
        return [whole - draw.choice([0, draw.randint(100, 30_000)])]
    if kind < 0.7:
        return [least + round(least * 10 ** draw.uniform(-3, 1))]
    whole = least + round(least * 10 ** draw.uniform(-3, 0.5))
    return _parts(draw, whole, draw.choice([2, 2, 3, 4, 5, 7]))


def _parts(draw: random.Random, whole: int, count: int) -> list[int]:
    """A sum in so many parts, none of them nothing."""
    cuts = sorted(draw.sample(range(1, whole), count - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, whole], strict=True)]


def _mix(name: str, inputs: list[tuple[int, int]], outputs: list[tuple[int, int]]) -> PlantedMix:
    txid = hashlib.sha256(name.encode()).hexdigest()
    scripts = _scripts(name)
    spent = tuple(
        Input(Outpoint(hashlib.sha256(f"{name} {n}".encode()).hexdigest(), 0), "", Script.P2WPKH, amount, next(scripts))
        for n, (_, amount) in enumerate(inputs)
    )  # fmt: skip
    made = tuple(Output(n, "", Script.P2WPKH, amount, next(scripts)) for n, (_, amount) in enumerate(outputs))
    transaction = UtxoTransaction(BITCOIN, txid, 620_000, 1, 1_580_000_000, spent, made, 2, 0)
    values = Counter(amount for _, amount in outputs)
    changes = tuple(
        n for n, (party, amount) in enumerate(outputs) if party != _NOBODY and values[amount] == 1
    )
    return PlantedMix(transaction, tuple(p for p, _ in inputs), tuple(p for p, _ in outputs), changes)


def _scripts(name: str) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield "0014" + hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:40]
