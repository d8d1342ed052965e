"""Collecting a Bitcoin theft from a real node: litecoind with ElectrumX in front, up to tens of thousands of addresses.

The thief splits to many, each split peels off coin ten times, the peels are put together and paid to an exchange.

PYTHONPATH=. .venv/bin/python benchmarks/bitcoin.py [--addresses 35772] [--rate 0] [--kills 3] [--limits]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bitcoin_coins import COIN, Chain, Coin, Owner, owner
from tests.servers.litecoin import GENESIS, Litecoin, binaries, running
from tracer.addresses import BITCOIN
from tracer.case import Case
from tracer.collecting.budget import Budget

PEELS = 10
"""Hops of a peel chain."""
TOGETHER = 20
"""Peel chains whose peels one address gets."""
OUTPUTS = 50
"""Payees of one transaction of the thief."""
_UNIT = 10_000
_BLOCK = 500
THIEF, EXCHANGE = owner(1), owner(2)
COMMAND = [sys.executable, "-c", "from tracer.cli import main; main()", "-q", "--json"]


@dataclass(frozen=True)
class Theft:
    """What was made. addresses: of the theft, the thief and the exchange included. stolen: sat."""

    addresses: int
    transactions: int
    stolen: int
    coins: list[Coin]


def disperse(chain: Chain, addresses: int, peels: int = PEELS) -> Theft:
    """A theft that reaches about `addresses` addresses; all of it is final in the end."""
    splits = max(1, (addresses - 2) * TOGETHER // (TOGETHER * (peels + 1) + 1))
    collectors = -(-splits // TOGETHER)
    share = _UNIT * (peels + 2)
    funds = chain.endow(THIEF, -(-(splits + OUTPUTS) * share // (25 * COIN)) + 1)
    sent = 0

    def pay(coins: list[Coin], to: list[tuple[Owner, int]]) -> list[Coin]:
        nonlocal sent
        sent += 1
        made = chain.pay(coins, to)
        if len(chain.waiting) >= _BLOCK:
            chain.mine()
        return made

    stolen = sum(coin.amount for coin in funds)
    (change,) = pay(funds, [(THIEF, stolen)])
    heads: list[Coin] = []
    for first in range(0, splits, OUTPUTS):
        payees = [(owner(1000 + n), share) for n in range(first, min(first + OUTPUTS, splits))]
        *paid, change = pay([change], [*payees, (THIEF, change.amount - share * len(payees) - 500)])
        heads += paid
    peeled: list[list[Coin]] = [[] for _ in range(collectors)]
    for hop in range(peels):
        for n, coin in enumerate(heads):
            to = owner(1_000_000 + hop * splits + n)
            out, heads[n] = pay(
                [coin], [(owner(500 + n // TOGETHER), _UNIT), (to, coin.amount - _UNIT - 100)]
            )
            peeled[n // TOGETHER].append(out)
    for coins in peeled:
        pay(coins, [(EXCHANGE, sum(coin.amount for coin in coins) - 1000)])
    chain.mine()
    chain.bury(7)
    return Theft(2 + splits * (peels + 1) + collectors, sent, stolen, heads)


def prepared(home: Path, server: Litecoin, rate: float, concurrency: int) -> Case:
    """A case on the thief in a new workspace that knows the server."""
    case = Case.create("theft", home, clock=lambda: 1_750_000_000)
    case.add_seed(THIEF.address, "bitcoin")
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "electrum"\nchain = "{BITCOIN}"\nbase_url = "{server.electrum}"\n'
        f'rate = {rate}\nconcurrency = {concurrency}\ngenesis = "{GENESIS}"\n'
    )
    return case


def kept(home: Path) -> tuple[int, int]:
    """(answers kept, questions answered more than once); the two headers asked at every start do not count."""
    with closing(sqlite3.connect(home / "tracer.sqlite", timeout=60)) as database:
        (total,) = database.execute("SELECT count(*) FROM answers").fetchone()
        (twice,) = database.execute(
            "SELECT count(*) FROM (SELECT key FROM answers WHERE instr(request, 'headers.subscribe') = 0 "
            "AND instr(request, 'block.header') = 0 GROUP BY key HAVING count(*) > 1)"
        ).fetchone()
    return int(total), int(twice)


def kill(case: Case, budget: Budget, at: int) -> None:
    """Collect by the command line, and kill it (-9) when `at` answers are kept."""
    home = case.workspace.root
    options = ["--addresses", str(budget.addresses), "--least-ppm", str(budget.least_ppm)]
    process = subprocess.Popen(
        [*COMMAND, "-w", str(home), "collect", "theft", "--provider", "own", *options],
        env=os.environ | {"PYTHONPATH": "."},
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and kept(home)[0] < at:
        time.sleep(0.05)
    process.kill()
    process.wait()


def collected(case: Case, budget: Budget) -> tuple[int, int, int, float]:
    """(fetched, failed, requests sent, seconds)"""
    began = time.monotonic()
    done = asyncio.run(case.acollect(["own"], budget))
    assert done.finished, done
    return done.fetched, done.failed, done.sent, time.monotonic() - began


def main() -> None:
    """Print what was made, what it cost, and what a kill cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addresses", type=int, default=35_772)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--limits", action="store_true", help="ElectrumX with its default cost limits")
    given = parser.parse_args()
    node, electrumx = binaries()
    if node is None or electrumx is None:
        parser.error("litecoind or ElectrumX is missing: make servers")
    limits = {"COST_SOFT_LIMIT": "1000", "COST_HARD_LIMIT": "10000"} if given.limits else {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running((node, electrumx), at_once=False, **limits) as server,
    ):
        began = time.monotonic()
        theft = disperse(Chain(server), given.addresses)
        print(
            f"{theft.addresses:,} addresses, {theft.transactions:,} transactions, made in "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
        case = prepared(Path(folder) / "w", server, given.rate, given.concurrency)
        budget = Budget(addresses=0, least_ppm=0)
        chance = random.Random(7)
        for _ in range(given.kills):
            kill(
                case,
                budget,
                kept(case.workspace.root)[0] + chance.randint(1, 3 * given.addresses // (given.kills + 1)),
            )
        before = kept(case.workspace.root)[0]
        fetched, failed, sent, seconds = collected(case, budget)
        total, twice = kept(case.workspace.root)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"killed (-9) {given.kills} times after {before:,} answers; then {fetched:,} addresses, {failed} failed, "
            f"{sent:,} requests in {seconds:.0f} s ({sent / seconds:.0f}/s); {total:,} answers, asked twice: {twice}; "
            f"peak {peak} MB",
            flush=True,
        )
        began = time.monotonic()
        account = case.taint().conservation().to_dict("records")
        print(f"traced in {time.monotonic() - began:.1f} s: {account}")


if __name__ == "__main__":
    main()
