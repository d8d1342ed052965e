"""The ETH of the Bybit theft, replayed on a real node from the real addresses: collected, it is what the files say.

Every published native transfer becomes a transaction of its real payer to its real payee with its real amount, in the
published order. What a payer is not seen to have received it owns from the first block on, as the file import assumes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.test_collect import CHAIN, NOW, QUICK, endpoint
from tracer.case import Case
from tracer.collect import Collected, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.model import Rule

Payment = tuple[str, str, int]
THEFT = 401_346_768858404671846374
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> list[Payment]:
    """The followed native transfers of the bundled case, in order; the declared swap legs are no transactions."""
    frame = Case.demo(tmp_path_factory.mktemp("demo")).taint().transfers()
    rows = frame[(frame["asset"] == "native") & (frame["excluded"] == "") & (frame["grade"] == "fact")]
    columns = (rows[name] for name in ("from_address", "to_address", "amount_raw"))
    return [(str(a).lower(), str(b).lower(), int(n)) for a, b, n in zip(*columns, strict=True)]


@pytest.fixture(scope="module")
def openings(payments: list[Payment]) -> dict[str, int]:
    """The least that each payer must have had."""
    balance: dict[str, int] = defaultdict(int)
    least: dict[str, int] = defaultdict(int)
    for payer, payee, amount in payments:
        balance[payer] -= amount
        least[payer] = max(least[payer], -balance[payer])
        balance[payee] += amount
    return {address: amount for address, amount in sorted(least.items()) if amount}


@pytest.fixture(scope="module")
def hashes(node: Anvil, payments: list[Payment], openings: dict[str, int]) -> list[str]:
    """One block per transfer; returns the transaction hashes."""
    for address, amount in openings.items():
        node.endow(address, amount)
    node.mine(FIRST_TIME + 1)
    found = []
    for number, (payer, payee, amount) in enumerate(payments, 2):
        found.append(node.send(payer, payee, amount))
        node.mine(FIRST_TIME + number)
    node.call("anvil_mine", hex(70))
    return found


@pytest.fixture(scope="module")
def node(anvil_binary: Path) -> Iterator[Anvil]:
    with running(anvil_binary) as server:
        yield server


def amounts(case: Case, rule: Rule) -> dict[str, tuple[int, object, object]]:
    frame = case.taint(rule.value).addresses(ranges=False)
    columns = (frame[name] for name in ("address", "taint_raw", "received_taint_raw", "hop"))
    return {
        str(a).lower(): (int(n), int(got), hop) for a, n, got, hop in zip(*columns, strict=True) if int(got)
    }


def test_the_published_hops_collected_from_a_node_give_the_taint_of_the_files(
    node: Anvil, payments: list[Payment], openings: dict[str, int], hashes: list[str], tmp_path: Path
) -> None:
    theft = next(n for n, payment in enumerate(payments) if payment[2] == THEFT)
    thief = payments[theft][1]
    collected = Case.create("node", tmp_path, clock=lambda: NOW)
    collected.add_seed(thief, tx=hashes[theft])
    collected.set_rule("haircut")  # it reaches whatever any rule reaches

    async def run() -> Collected:
        async with open_sources(
            collected.workspace, [endpoint(node)], now=lambda: NOW, patience=QUICK
        ) as sources:
            return await collect(collected, sources, Budget(addresses=0, least_ppm=0), now=lambda: NOW)

    done = asyncio.run(run())
    assert done.finished
    assert done.failed == 0
    lines = [f"{CHAIN},0,0,,,,,{a},native,ETH,18,{n},opening" for a, n in openings.items()]
    lines += [
        f"{CHAIN},{number},0,1,{FIRST_TIME + number},{tx},{a},{b},native,ETH,18,{n},native"
        for number, (tx, (a, b, n)) in enumerate(zip(hashes, payments, strict=True), 2)
    ]
    files = Case.create("files", tmp_path, clock=lambda: NOW)
    files.import_file("\n".join([HEADER, *lines, ""]).encode(), name="bybit.csv")
    files.add_seed(thief, tx=hashes[theft])
    for rule in Rule:
        assert amounts(collected, rule) == amounts(files, rule), rule
    account = collected.taint("fifo").conservation().to_dict("records")
    assert [(row["stolen_raw"], row["held_raw"], row["difference_raw"]) for row in account] == [
        (THEFT, THEFT, 0)
    ]
    first_hop = [n for n, (a, _, amount) in enumerate(payments) if a == thief and amount == 10_000 * 10**18]
    assert len(first_hop) == 40
    assert collected.gaps()[collected.gaps()["status"] == "open"].empty
