"""Collecting from a real anvil: is the rate limit used, is nothing asked twice, does `kill -9` cost nothing?

PYTHONPATH=. .venv/bin/python benchmarks/collect.py [--addresses 10000] [--rates 20 50 100] [--kills 50]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.servers.anvil import FIRST_TIME, Anvil, _binary, running
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collect import Collected, collect, open_sources
from tracer.collecting.budget import Budget

ETHER = 10**18
THIEF = "0x" + "a1" * 20
COMMAND = [sys.executable, "-c", "from tracer.cli import main; main()", "-q", "--json"]


def hop(level: int, number: int) -> str:
    """An address of the dispersal."""
    return f"0x{level:02x}{number:038x}"


def disperse(node: Anvil, addresses: int) -> int:
    """The thief pays some, each of whom pays as many: about `addresses` in all; returns how many."""
    width = math.isqrt(addresses)
    node.endow(THIEF, width * width * 10 * ETHER)
    node.mine(FIRST_TIME + 10)
    for first in range(0, width, 20):
        last = min(first + 20, width)
        node.batch([(THIEF, hop(1, n), width * 10 * ETHER) for n in range(first, last)])
    for k in range(width):
        node.batch([(hop(1, n), hop(2, width * n + k), ETHER * (1 + k % 5)) for n in range(width)])
    node.call("anvil_mine", hex(70))
    return 1 + width + width * width


def prepared(home: Path, url: str, rate: float) -> Case:
    """A case on the thief in a new workspace that knows the node."""
    case = Case.create("theft", home, clock=lambda: 1_750_000_000)
    case.add_seed(THIEF)
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "jsonrpc"\nchain = "eip155:1"\nbase_url = "{url}"\nrate = {rate}\n'
        "concurrency = 8\n"
    )
    return case


def collected(case: Case, url: str, rate: float, budget: Budget) -> Collected:
    """Collect what the budget allows."""

    async def run() -> Collected:
        where = Endpoint("own", "jsonrpc", "eip155:1", url, rate=rate, concurrency=8)
        async with open_sources(case.workspace, [where], now=lambda: int(time.time())) as sources:
            return await collect(case, sources, budget, now=lambda: int(time.time()))

    return asyncio.run(run())


def answers(home: Path) -> int:
    """How many answers are kept."""
    with closing(sqlite3.connect(home / "tracer.sqlite", timeout=60)) as database:
        (total,) = database.execute("SELECT count(*) FROM answers").fetchone()
    return int(total)


def asked_twice(home: Path) -> int:
    """Questions that were answered more than once.

    Which chain it is, and whether its pinned block is still there, is asked on purpose at every start and after every
    round.
    """
    heads = [
        f'\\"eth_getBlockByNumber\\",\\"params\\":[\\"{head.block:#x}\\"'
        for head in Case.open("theft", home).file.heads
    ]
    query = "SELECT max(request) FROM answers GROUP BY key HAVING count(*) > 1"
    with closing(sqlite3.connect(home / "tracer.sqlite", timeout=60)) as database:
        repeated = [text for (text,) in database.execute(query)]
    return sum("finalized" not in text and not any(head in text for head in heads) for text in repeated)


def main() -> None:
    """Print one line per rate, then the kills."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--rates", type=float, nargs="*", default=[20, 50, 100])
    parser.add_argument("--sample", type=int, default=400, help="addresses for the rates")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--killed", type=int, default=400, help="addresses for the kills")
    given = parser.parse_args()
    binary = _binary()
    assert binary is not None, "anvil is missing: make servers"
    with tempfile.TemporaryDirectory() as folder, running(binary) as node:
        disperse(node, given.sample)
        for rate in given.rates:
            case = prepared(Path(folder) / f"rate-{rate}", node.url, rate)
            began = time.monotonic()
            done = collected(case, node.url, rate, Budget())
            share = done.sent / (time.monotonic() - began) / rate
            print(
                f"{rate:6.0f} requests/s allowed: {100 * share:5.1f} % used, {done.sent:,} sent", flush=True
            )
    if given.kills:
        with tempfile.TemporaryDirectory() as folder, running(binary) as node:
            kills(Path(folder), node, given.killed, given.kills)
    if given.addresses:
        with tempfile.TemporaryDirectory() as folder, running(binary) as node:
            total = disperse(node, given.addresses)
            case = prepared(Path(folder) / "large", node.url, 0)
            began = time.monotonic()
            done = collected(case, node.url, 0, Budget(addresses=0, least_ppm=0))
            spent = time.monotonic() - began
            print(
                f"{total:,} addresses: {done.fetched:,} fetched, {done.failed} failed, {done.sent:,} requests in "
                f"{spent:.0f} s ({done.sent / spent:.0f}/s), asked twice: {asked_twice(case.workspace.root)}"
            )
            began = time.monotonic()
            account = case.taint().conservation().to_dict("records")[0]
            print(f"traced in {time.monotonic() - began:.1f} s, difference {account['difference_raw']}")


def kills(folder: Path, node: Anvil, addresses: int, count: int) -> None:
    """Kill a collector at random moments until it has ended, and compare with an undisturbed one."""
    disperse(node, addresses)
    whole = prepared(folder / "whole", node.url, 0)
    calm = collected(whole, node.url, 0, Budget())
    home = folder / "killed"
    prepared(home, node.url, 0)
    chance = random.Random(50)
    environment = os.environ | {"PYTHONPATH": "."}
    killed = 0
    while killed < count:
        process = subprocess.Popen(
            [*COMMAND, "-w", str(home), "collect", "theft"], env=environment, stdout=subprocess.DEVNULL
        )
        aim = answers(home) + chance.randint(1, max(calm.sent // count, 2))
        while process.poll() is None and answers(home) < aim:
            time.sleep(0.005)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        killed += 1
    last = subprocess.run(
        [*COMMAND, "-w", str(home), "collect", "theft"],
        env=environment,
        capture_output=True,
        check=True,
    )
    told = json.loads(last.stdout)
    resumed = Case.open("theft", home)
    same = resumed.file.manifest == Case.open("theft", folder / "whole").file.manifest
    pairs = zip(whole.export(folder / "one"), resumed.export(folder / "other"), strict=True)
    same_tables = all(one.read_bytes() == other.read_bytes() for one, other in pairs)
    total, twice = answers(home), asked_twice(home)
    print(
        f"kill -9 {killed} times: the same list byte for byte: {same}, every table: {same_tables}; {total:,} answers "
        f"(undisturbed {calm.sent:,}), {twice} questions answered twice; finished: {told['finished']}"
    )


if __name__ == "__main__":
    main()
