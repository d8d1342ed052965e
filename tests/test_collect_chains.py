"""One case on two real chains: as two cases of one chain each, and whole where the other chain's provider fails."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.test_collect import ETHER, EXCHANGE, NOW, QUICK, THIEF, hop
from tests.test_collect_cli import answers, tracer
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collect import Collected, Event, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.errors import BudgetSpentError, ProviderError, ProviderStopError, TracerError
from tracer.store.caserecords import ChainHead

ONE, TWO = "eip155:1", "eip155:137"
Nodes = dict[str, Anvil]
Send = Callable[[object], object]


@pytest.fixture(scope="module")
def nodes(anvil_binary: Path) -> Iterator[Nodes]:
    """On each chain the thief pays three addresses, each of which pays the exchange; the amounts differ."""
    with running(anvil_binary) as one, running(anvil_binary, 137) as two:
        for factor, server in enumerate((one, two), start=1):
            server.endow(THIEF, 60 * ETHER)
            server.mine(FIRST_TIME + 10)
            server.batch([(THIEF, hop(1, n), factor * (n + 1) * ETHER) for n in range(3)])
            server.batch([(hop(1, n), EXCHANGE, factor * ETHER) for n in range(3)])
            server.call("anvil_mine", hex(70 + factor))
        yield {ONE: one, TWO: two}


def endpoints(nodes: Nodes) -> list[Endpoint]:
    return [
        Endpoint(f"node-{chain}", "jsonrpc", chain, node.url, rate=0, concurrency=4)
        for chain, node in nodes.items()
    ]


def new_case(folder: Path, *chains: str) -> Case:
    case = Case.create("theft", folder, clock=lambda: NOW)
    for chain in chains:
        case.add_seed(THIEF, chain)
    return case


def run(
    case: Case,
    where: list[Endpoint],
    budget: Budget | None = None,
    report: Callable[[Event], None] = lambda _: None,
    spoil: tuple[str, Callable[[int], None]] | None = None,
    *,
    again: bool = False,
) -> Collected:
    """spoil: of the provider of a chain, what happens before its n-th answer. again: read anew."""

    async def go() -> Collected:
        opened = open_sources(case.workspace, where, now=lambda: NOW, patience=QUICK, again=again)
        async with opened as sources:
            if spoil is not None:
                chain, before = spoil
                mine = sources[chain].answers
                send, count = mine._send, iter(range(10**6))

                async def spoiled(request: object) -> bytes:
                    before(next(count))
                    return await send(request)

                mine._send = spoiled
            return await collect(case, sources, budget or Budget(), now=lambda: NOW, report=report, size=2)

    return asyncio.run(go())


def facts(case: Case) -> pd.DataFrame:
    """What was read and what it says, whatever the rounds were."""
    frame = case.histories().drop(columns=["round"])
    return frame.sort_values(["chain", "address", "first_block"]).reset_index(drop=True)


def held(case: Case, chain: str) -> dict[str, tuple[int, str]]:
    frame = case.taint("fifo").addresses(ranges=False)
    frame = frame[frame["chain"] == chain]
    columns = zip(frame["address"], frame["taint_raw"], frame["stop"], strict=True)
    return {str(a).lower(): (int(n), str(s)) for a, n, s in columns}


@pytest.fixture(scope="module")
def apart(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Each chain as a case of its own."""
    found = {}
    for at in endpoints(nodes):
        found[at.chain] = new_case(tmp_path_factory.mktemp("apart"), at.chain)
        run(found[at.chain], [at])
    return found


def test_two_chains_in_one_case_are_two_cases(nodes: Nodes, apart: dict[str, Case], tmp_path: Path) -> None:
    case = new_case(tmp_path, ONE, TWO)
    done = run(case, endpoints(nodes))
    assert (done.fetched, done.finished, done.stopped) == (10, True, "")
    for chain in (ONE, TWO):
        assert held(case, chain) == held(apart[chain], chain)
        mine = facts(case)
        assert mine[mine["chain"] == chain].reset_index(drop=True).equals(facts(apart[chain]))
    heads = {h.chain: h for h in case.file.heads}
    assert heads[ONE] == apart[ONE].file.heads[0]
    assert heads[TWO] == apart[TWO].file.heads[0]
    assert heads[ONE].block != heads[TWO].block
    again = run(case, endpoints(nodes))
    assert again.sent == 2  # whether each chain is still the same


def _other(head: ChainHead) -> ChainHead:
    return replace(head, hash="0x" + "0" * 64)


@pytest.mark.parametrize("given_up", [False, True])
def test_what_was_read_of_a_chain_stays_when_its_provider_is_gone_as_the_case_is_read_anew(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path, given_up: bool
) -> None:
    case = new_case(tmp_path, ONE, TWO)
    here, there = endpoints(nodes)
    run(case, [here, there])
    if given_up:
        case.update(lambda f: replace(f, heads=tuple(_other(h) if h.chain == ONE else h for h in f.heads)))
    done = run(case, [here, replace(there, base_url="http://127.0.0.1:9")], again=True)
    assert not done.finished
    assert done.stopped
    for chain in (ONE, TWO):
        assert held(case, chain) == held(apart[chain], chain)
    assert run(case, [here, there]).finished
    assert facts(case)["chain"].value_counts().to_dict() == {ONE: 5, TWO: 5}


@pytest.mark.parametrize("failure", [ProviderError("gone"), BudgetSpentError("spent")])
def test_a_chain_that_was_given_up_and_cannot_be_pinned_anew_is_said(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path, failure: TracerError
) -> None:
    case = new_case(tmp_path, ONE, TWO)
    here, there = endpoints(nodes)
    run(case, [here, there])
    case.update(lambda f: replace(f, heads=tuple(_other(h) if h.chain == ONE else h for h in f.heads)))

    def before(count: int) -> None:
        if count:  # the first answer is the pinned block
            raise failure

    run(case, [here, there], spoil=(ONE, before), again=True)
    assert "chain_replaced" in set(case.gaps()["code"])
    assert held(case, ONE) == held(apart[ONE], ONE)
    assert held(case, TWO) == held(apart[TWO], TWO)


def test_a_chain_whose_provider_is_gone_leaves_the_other_whole(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path
) -> None:
    case = new_case(tmp_path, ONE, TWO)
    here, there = endpoints(nodes)
    dead = replace(there, base_url="http://127.0.0.1:9")
    events: list[Event] = []
    done = run(case, [here, dead], report=events.append)
    assert (done.fetched, done.finished) == (5, False)
    assert done.stopped.startswith(TWO)
    assert events[-1].stopped == done.stopped
    assert held(case, ONE) == held(apart[ONE], ONE)
    gaps = case.gaps()
    (gap,) = gaps[gaps["code"] == "provider_stopped"].to_dict("records")
    assert (gap["chain"], gap["status"]) == (TWO, "open")
    assert run(case, [here, there]).finished
    assert "provider_stopped" not in set(case.gaps()["code"])
    assert held(case, TWO) == held(apart[TWO], TWO)


@pytest.mark.parametrize("after", [3, 17])
def test_a_provider_that_has_enough_midway_stops_its_own_chain_only(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path, after: int
) -> None:
    case = new_case(tmp_path, ONE, TWO)

    def enough(count: int) -> None:
        if count >= after:
            raise ProviderStopError("The daily limit is used up.", "Go on tomorrow.")

    done = run(case, endpoints(nodes), spoil=(TWO, enough))
    assert not done.finished
    assert done.stopped == f"{TWO}: The daily limit is used up. Go on tomorrow."
    assert held(case, ONE) == held(apart[ONE], ONE)
    assert "provider_stopped" in set(case.gaps()["code"])
    assert run(case, endpoints(nodes)).finished
    for chain in (ONE, TWO):
        mine = facts(case)
        assert mine[mine["chain"] == chain].reset_index(drop=True).equals(facts(apart[chain]))
        assert held(case, chain) == held(apart[chain], chain)


def test_a_chain_that_was_reorganised_leaves_the_other_whole_and_is_not_mixed_in(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path
) -> None:
    case = new_case(tmp_path, ONE, TWO)
    run(case, endpoints(nodes), Budget(hops=1))
    before = facts(case)
    case.update(
        lambda f: replace(
            f, heads=tuple(replace(h, hash="0x" + "0" * 64) if h.chain == TWO else h for h in f.heads)
        )
    )
    done = run(case, endpoints(nodes))
    assert "reorganised" in done.stopped
    assert held(case, ONE) == held(apart[ONE], ONE)
    after = facts(case)
    assert (
        after[after["chain"] == TWO]
        .reset_index(drop=True)
        .equals(before[before["chain"] == TWO].reset_index(drop=True))
    )


def test_where_nobody_answers_at_all_it_is_an_error_and_nothing_is_lost(nodes: Nodes, tmp_path: Path) -> None:
    case = new_case(tmp_path, ONE, TWO)
    run(case, endpoints(nodes), Budget(hops=1))
    before = case.file
    with pytest.raises(ProviderError):
        run(case, [replace(at, base_url="http://127.0.0.1:9") for at in endpoints(nodes)])
    assert case.file.manifest == before.manifest


def test_a_collector_of_two_chains_that_is_killed_goes_on(
    nodes: Nodes, apart: dict[str, Case], tmp_path: Path
) -> None:
    home = tmp_path / "w"
    case = new_case(home, ONE, TWO)
    (home / "providers.toml").write_text(
        "".join(
            f'[[provider]]\nname = "own-{chain[7:]}"\nkind = "jsonrpc"\nchain = "{chain}"\nbase_url = "{node.url}"\n'
            "rate = 0\n"
            for chain, node in nodes.items()
        )
    )
    words = ["collect", "theft", "--provider", "own-1", "--provider", "own-137"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from tracer.cli import main; main()", "-q", "-w", str(home), *words],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    while process.poll() is None and answers(home) < 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    done = tracer(home, *words)
    assert done.exit_code == 0, done.output
    assert "10 addresses fetched" in done.stdout
    for chain in (ONE, TWO):
        assert held(case, chain) == held(apart[chain], chain)
