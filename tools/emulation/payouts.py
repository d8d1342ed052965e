"""What one wallet does that looks like several owners: sweeps of deposits, batches and splits of equal sums."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tools.emulation.network import text
from tools.emulation.wallet import Payment, Wallet, sign_together

__all__ = ["collection", "like_a_coinjoin", "mock_mix"]


def collection(exchange: Wallet, chance: random.Random) -> str | None:
    """Deposits, mostly of many customers, go to one hot address."""
    deposits = [c for c in exchange.coins(confirmed=True) if c.label.startswith("deposit")]
    coins = chance.sample(deposits, min(len(deposits), chance.randrange(3, 25)))
    if len(coins) < 3:
        return None
    hot = [(exchange.address("hot"), sum(c.sat for c in coins))]
    return exchange.build(coins, hot, "collection", rate=5, subtractFeeFromOutputs=[0])


def like_a_coinjoin(payer: Wallet, payees: Sequence[str], act: str, chance: random.Random) -> str | None:
    """Three to seven equal outputs and nearly as many others, from at least as many coins of one wallet.

    With the change they are as many as a CoinJoin of that size has, or one fewer, as if a taker swept.
    """
    equal = chance.randrange(3, 8)
    others = equal - chance.choice([1, 1, 2])
    coins = payer.coins(confirmed=True)
    if len(coins) < equal:
        return None
    chosen = chance.sample(coins, min(len(coins), equal + chance.randrange(3)))
    total = sum(c.sat for c in chosen)
    part = total // (2 * equal)
    unit = 10 ** max(0, len(str(part)) - 2)
    value = part - part % unit  # a round sum
    if value < 100_000:
        return None
    rest = (total - value * equal) // (others + 1)
    payments: list[Payment] = [(payees[n], value) for n in range(equal)]
    payments += [(payees[equal + n], int(rest * chance.uniform(0.2, 0.9))) for n in range(others)]
    chance.shuffle(payments)
    return payer.build(chosen, payments, act, rate=chance.randrange(2, 20), add_inputs=True)


def mock_mix(owner: Wallet, chance: random.Random) -> str | None:
    """Each of some coins gives one equal output and its own change, less a share of the fee: nobody earns."""
    coins = [c for c in owner.coins(confirmed=True) if c.sat > 200_000]
    count = chance.randrange(3, 7)
    if len(coins) < count:
        return None
    chosen = chance.sample(coins, count)
    value = min(c.sat for c in chosen) * chance.randrange(40, 90) // 100
    share = chance.randrange(1, 20) * 250
    payments: list[Payment] = [(owner.address(), value) for _ in chosen]
    payments += [(owner.address(), c.sat - value - share) for c in chosen]
    chance.shuffle(payments)
    network = owner.network
    psbt = network.first.call(
        "createpsbt",
        [{**c.outpoint, "sequence": 0xFFFFFFFD if owner.replaceable else 0xFFFFFFFE} for c in chosen],
        [{a: text(v)} for a, v in payments],
        0 if owner.offline else network.height,
    )
    return sign_together(network, [owner], str(psbt), "mock mix")
