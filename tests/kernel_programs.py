"""Random and shaped accounting programs for the kernel tests: steps by hand, without a ledger."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from tracer.model import Asset
from tracer.taint.program import Op, Origin, Program

Step = tuple[Op, int, int, int, int, int]
"""(op, src, dst, amount, got, origin)"""


def program_of(
    steps: Sequence[Step],
    holdings: int,
    *,
    assets: Sequence[int] = (),
    stopped: Sequence[int] = (),
    pots: Sequence[int] = (),
    origins: int = 1,
) -> Program:
    """A program of the given steps. assets: asset number by holding (0 by default); origins: thefts per asset."""
    asset = np.array(list(assets) or [0] * holdings, dtype=np.int32)
    count = int(asset.max(initial=0)) + 1
    flags = np.zeros((2, holdings), dtype=bool)
    flags[0, list(pots)] = True
    flags[1, list(stopped)] = True
    columns = list(zip(*steps, strict=True)) or [()] * 6
    number = len(steps)
    return Program(
        addresses=tuple(("eip155:1", f"0x{h}") for h in range(holdings)),
        assets=tuple(Asset("eip155:1", f"0xa{a}") for a in range(count)),
        holding_address=np.arange(holdings, dtype=np.int32),
        holding_asset=asset,
        pot=flags[0],
        stopped=flags[1],
        stop_code=("",) * holdings,
        unknown_opening=np.zeros(holdings, dtype=bool),
        origins=tuple(Origin(f"theft {o // count}", o % count, 0) for o in range(origins * count)),
        seeds=(),
        op=np.array(columns[0], dtype=np.int8),
        src=np.array(columns[1], dtype=np.int32),
        dst=np.array(columns[2], dtype=np.int32),
        origin=np.array(columns[5], dtype=np.int16),
        row=np.full(number, -1, dtype=np.int64),
        tx=np.arange(number, dtype=np.int64),
        hop_step=np.ones(number, dtype=np.int8),
        amount=list(columns[3]),
        got=list(columns[4]),
        gaps=(),
    )


def random_program(
    number: int,
    *,
    steps: int = 60,
    bits: int = 84,
    assets: int = 1,
    origins: int = 1,
    dust: bool = True,
    wide_asset: bool = False,
) -> Program:
    """A valid program (nobody pays what it does not have) from a seed number.

    dust: conversions into an asset with few units happen, so that lots are rounded to nothing. wide_asset: the
    last asset has amounts of up to 2**200.
    """
    rng = random.Random(number)
    holdings = rng.randint(2, 7) * assets
    asset = [h % assets for h in range(holdings)]
    stopped = {h for h in range(holdings) if rng.random() < 0.15}
    pots = {h for h in range(holdings) if h not in stopped and rng.random() < 0.2}
    balance = [0] * holdings
    result: list[Step] = []

    def units(a: int) -> int:
        most = 200 if wide_asset and a == assets - 1 else bits
        size = rng.choice([1, 2, 4, most // 2, most])
        return rng.getrandbits(size) + 1

    def origin(h: int) -> int:
        return rng.randrange(origins) * assets + asset[h]

    while len(result) < steps:
        dst = rng.randrange(holdings)
        kind = rng.random()
        if kind < 0.22 or not any(balance):
            op = rng.choice([Op.CREDIT, Op.SEED])
            amount = units(asset[dst])
            result.append((op, -1, dst, amount, 0, origin(dst) if op == Op.SEED else -1))
            balance[dst] += amount
            continue
        if kind < 0.28 and balance[dst] and dst not in stopped:
            amount = rng.choice([1, balance[dst], rng.randint(1, balance[dst])])
            result.append((Op.RELABEL, -1, dst, amount, 0, origin(dst)))
            continue
        src = rng.choice([h for h in range(holdings) if balance[h]])
        amount = rng.choice([1, balance[src], max(1, balance[src] - 1), rng.randint(1, balance[src])])
        same = [h for h in range(holdings) if asset[h] == asset[src] and h != src]
        other = [h for h in range(holdings) if asset[h] != asset[src]]
        if wide_asset:  # the wide asset is converted into the one before it, never into the others
            near = {assets - 1: {assets - 2}, assets - 2: {assets - 1}}.get(asset[src])
            other = [h for h in other if (asset[h] in near if near else asset[h] < assets - 2)]
        if src in stopped:
            if not same:
                continue
            dst = rng.choice(same)
            result.append((Op.STOPPED, src, dst, amount, 0, -1))
            balance[dst] += amount
        elif other and rng.random() < 0.3:
            dst = rng.choice(other)
            got = rng.choice([1, 2, amount, units(asset[dst])]) if dust else units(asset[dst])
            result.append((Op.CONVERT, src, dst, amount, got, -1))
            balance[dst] += got
        elif same:
            dst = rng.choice(same)
            result.append((Op.MOVE, src, dst, amount, 0, -1))
            balance[dst] += amount
        else:
            continue
        balance[src] -= amount
    return program_of(
        result, holdings, assets=asset, stopped=sorted(stopped), pots=sorted(pots), origins=origins
    )
