"""Collecting a dispersal from a real node: what is fetched, what stops it, and that it can be cut at any place."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.anvil import FIRST_TIME, Anvil, running
from tracer import evidence
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collect import Collected, Event, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.errors import InputError, NotFoundError, ProviderError
from tracer.tracing import Tracing
from tracer.transport import Patience

ETHER = 10**18
THIEF = "0x" + "a1" * 20
EXCHANGE = "0x" + "ee" * 20
NOW = 1_750_000_000
CHAIN = "eip155:1"
QUICK = Patience(attempts=3, first=0.001, longest=0.01, deadline=30)


def hop(level: int, n: int) -> str:
    return f"0x{level:02x}{n:038x}"


@pytest.fixture(scope="module")
def node(anvil_binary: Path) -> Iterator[Anvil]:
    """The thief pays 6 addresses, each of which pays 3, each of which pays the exchange; then 70 empty blocks."""
    with running(anvil_binary) as server:
        server.endow(THIEF, 60 * ETHER)
        server.mine(FIRST_TIME + 10)
        server.batch([(THIEF, hop(1, n), 10 * ETHER) for n in range(6)])
        server.batch([(hop(1, n), hop(2, 3 * n + k), (k + 1) * ETHER) for n in range(6) for k in range(3)])
        server.batch([(hop(2, n), EXCHANGE, ETHER // 2) for n in range(18)])
        server.call("anvil_mine", hex(70))
        yield server


def endpoint(node: Anvil, **changes: object) -> Endpoint:
    values: dict[str, object] = dict(
        name="node", kind="jsonrpc", chain=CHAIN, base_url=node.url, rate=0, concurrency=4
    )
    return Endpoint(**(values | changes))


def new_case(folder: Path) -> Case:
    case = Case.create("theft", folder, clock=lambda: NOW)
    case.add_seed(THIEF)
    return case


def run(
    case: Case,
    where: Endpoint,
    budget: Budget,
    report: Callable[[Event], None] = lambda _: None,
    size: int = 4,
    patience: Patience = QUICK,
) -> Collected:
    async def go() -> Collected:
        async with open_sources(case.workspace, [where], now=lambda: NOW, patience=patience) as sources:
            return await collect(case, sources, budget, now=lambda: NOW, report=report, size=size)

    return asyncio.run(go())


def held(case: Case) -> dict[str, int]:
    frame = case.taint("fifo").addresses(ranges=False)
    return {
        str(a).lower(): int(n) for a, n in zip(frame["address"], frame["taint_raw"], strict=True) if int(n)
    }


def stops(case: Case) -> dict[str, str]:
    frame = case.taint("fifo").addresses(ranges=False)
    return {
        str(a).lower(): str(s)
        for a, s in zip(frame["address"], frame["stop"], strict=True)
        if s not in {"", "UNSPENT"}
    }


@pytest.fixture(scope="module")
def whole(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The theft, collected without disturbance."""
    case = new_case(tmp_path_factory.mktemp("whole"))
    run(case, endpoint(node), Budget())
    return case


def test_a_dispersal_is_followed_to_its_end(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    events: list[Event] = []
    done = run(case, endpoint(node), Budget(), events.append)
    assert (done.fetched, done.failed, done.finished, done.exhausted) == (26, 0, True, False)
    found = held(case)
    assert sum(found.values()) == 60 * ETHER
    assert found[EXCHANGE] == 9 * ETHER
    assert {a: n for a, n in found.items() if a.startswith("0x02")} == {
        hop(2, 3 * n + k): (2 * k + 1) * ETHER // 2 for n in range(6) for k in range(3)
    }
    assert [e.fetched for e in events] == sorted(e.fetched for e in events)
    assert (events[-1].queue, events[-1].fetched) == (0, 26)
    assert stops(case) == {}


def test_what_was_collected_is_not_asked_again(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    first = run(case, endpoint(node), Budget())
    before = case.file
    again = run(case, endpoint(node), Budget())
    assert first.sent > 50
    assert again.sent == 1  # whether the chain is still the same
    assert (case.file.manifest, case.file.revision) == (before.manifest, before.revision)
    other = Case.create("other", tmp_path, clock=lambda: NOW)
    other.add_seed(hop(1, 0), amount=5)
    other.update(lambda f: replace(f, heads=before.heads))
    assert run(other, endpoint(node), Budget()).sent == 1


def test_a_round_keeps_nothing_of_its_trace(
    node: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large cases: no two traces at once, and the thread that traced gives its memory back once the trace is gone."""
    traces: list[weakref.ref[Tracing]] = []
    threads: list[int] = []
    given_back: list[int] = []
    trace_of = evidence.trace_of

    def alive() -> int:
        return sum(trace() is not None for trace in traces)

    def traced(*given: Any) -> Tracing:
        assert alive() == 0
        tracing = trace_of(*given)
        traces.append(weakref.ref(tracing))
        threads.append(threading.get_ident())
        return tracing

    def give_back() -> None:
        assert alive() == 0
        given_back.append(threading.get_ident())

    monkeypatch.setattr(evidence, "trace_of", traced)
    monkeypatch.setattr("tracer.collect.give_back", give_back)
    gc.disable()  # what only the collector of cycles would free counts as kept
    try:
        done = run(new_case(tmp_path), endpoint(node), Budget())
    finally:
        gc.enable()
    assert done.finished
    assert len(threads) > done.rounds > 3
    assert given_back == threads


def test_the_result_does_not_depend_on_how_many_are_asked_at_once(node: Anvil, tmp_path: Path) -> None:
    found = set()
    for concurrency in (1, 2, 8):
        case = new_case(tmp_path / str(concurrency))
        run(case, endpoint(node, concurrency=concurrency), Budget())
        found.add((case.file.manifest, case.file.heads))
    assert len(found) == 1


@pytest.mark.parametrize("stop_after", range(0, 60, 7))
def test_a_collection_that_is_stopped_goes_on_to_the_same_end(
    node: Anvil, whole: Case, tmp_path: Path, stop_after: int
) -> None:
    case = new_case(tmp_path)
    sent: list[int] = []

    async def cut() -> None:
        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW) as sources:
            task = asyncio.current_task()
            assert task is not None
            answers = sources[CHAIN].answers
            send = answers._send

            async def counted(request: object) -> bytes:
                sent.append(1)
                if len(sent) > stop_after:
                    task.cancel()
                return await send(request)

            answers._send = counted
            await collect(case, sources, Budget(), now=lambda: NOW, size=4)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cut())
    run(case, endpoint(node), Budget())
    assert case.file.manifest == whole.file.manifest
    assert held(case) == held(whole)


@pytest.mark.parametrize(
    ("budget", "fetched", "codes", "exhausted"),
    [
        (Budget(addresses=5), 5, {"BUDGET"}, True),
        (Budget(hops=1), 7, {"HORIZON"}, False),
        (Budget(least_ppm=40_000), 14, {"DUST"}, False),
        (Budget(most=5), 26, {"HUB"}, False),
    ],
    ids=["addresses", "hops", "dust", "hub"],
)
def test_every_limit_shows_as_its_stop_code(
    node: Anvil, tmp_path: Path, budget: Budget, fetched: int, codes: set[str], exhausted: bool
) -> None:
    case = new_case(tmp_path)
    done = run(case, endpoint(node), budget)
    assert done.fetched == fetched
    assert set(stops(case).values()) == codes
    assert (done.exhausted, done.finished) == (exhausted, not exhausted)
    assert sum(held(case).values()) == 60 * ETHER


def test_a_hub_is_read_once_the_analyst_says_that_it_is_none(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    run(case, endpoint(node), Budget(most=5))
    assert stops(case) == {EXCHANGE: "HUB"}
    (gap,) = case.gaps()[case.gaps()["code"] == "hub"].to_dict("records")
    assert "stop code NONE" in gap["message"]
    case.stop(EXCHANGE, None, reason="no hub")
    done = run(case, endpoint(node), Budget(most=5))
    assert (done.fetched, stops(case)) == (26, {})
    assert held(case)[EXCHANGE] == 9 * ETHER


def test_a_service_stops_the_collection_there(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    for n in range(6):
        case.label(hop(1, n), "Exchange", category="exchange", confidence=90)
    done = run(case, endpoint(node), Budget())
    assert done.fetched == 1
    assert set(stops(case).values()) == {"SERVICE"}


def test_an_address_that_fails_is_a_gap_and_is_tried_again(node: Anvil, tmp_path: Path) -> None:
    """A node that denies to know one receipt today knows it tomorrow: its answer is not trusted for ever."""
    case = new_case(tmp_path)
    bad = hop(1, 2)

    async def lame() -> Collected:
        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW, patience=QUICK) as sources:
            source = sources[CHAIN]
            history = source.adapter.history

            async def refuse(ask: object, address: str, *rest: object, **more: object) -> object:
                told = await history(ask, address, *rest, **more)
                if address == bad:
                    raise ProviderError("the provider knows nothing of a receipt")
                return told

            source.adapter.history = refuse
            return await collect(case, sources, Budget(), now=lambda: NOW, size=4)

    done = asyncio.run(lame())
    assert (done.failed, done.finished) == (1, True)
    assert stops(case)[bad] == "PENDING"
    (gap,) = case.gaps()[case.gaps()["code"] == "not_collected"].to_dict("records")
    assert gap["address"].lower() == bad
    assert "knows nothing of a receipt" in gap["message"]
    again = run(case, endpoint(node), Budget())
    assert (again.fetched, again.failed, stops(case)) == (26, 0, {})
    assert again.sent > 5  # what the adapter could not make sense of was asked anew


def test_a_chain_that_was_reorganised_is_not_mixed_into_the_case(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    run(case, endpoint(node), Budget(hops=1))
    case.update(lambda f: replace(f, heads=tuple(replace(h, hash="0x" + "0" * 64) for h in f.heads)))
    with pytest.raises(ProviderError, match="reorganised"):
        run(case, endpoint(node), Budget())


@pytest.mark.parametrize("longer", [0, 3])
def test_a_new_case_after_a_reorganisation_takes_nothing_from_the_orphaned_chain(
    anvil_binary: Path, tmp_path: Path, longer: int
) -> None:
    with running(anvil_binary) as own:
        own.endow(THIEF, 100 * ETHER)
        own.mine(FIRST_TIME + 10)
        own.batch([(THIEF, hop(1, 0), 60 * ETHER)])
        own.batch([(hop(1, 0), hop(2, 0), 50 * ETHER)])
        own.call("anvil_mine", hex(80))
        first = new_case(tmp_path)
        run(first, endpoint(own), Budget())
        assert held(first) == {THIEF: 40 * ETHER, hop(1, 0): 10 * ETHER, hop(2, 0): 50 * ETHER}
        height = int(str(own.call("eth_blockNumber")), 16)
        own.call("anvil_reorg", height - 1, [])
        if longer:
            own.call("anvil_mine", hex(longer))
        second = Case.create("after", tmp_path, clock=lambda: NOW)
        second.add_seed(THIEF)
        run(second, endpoint(own), Budget())
        known = second.taint("fifo").addresses(ranges=False)
        assert known["address"].str.lower().tolist() == [THIEF]
        assert known["taint_raw"].tolist() == [100 * ETHER]


def test_again_asks_what_was_answered_and_read_before(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    before = run(case, endpoint(node), Budget())

    async def once_more() -> Collected:
        sources = open_sources(case.workspace, [endpoint(node)], now=lambda: NOW, again=True, patience=QUICK)
        async with sources as opened:
            return await collect(case, opened, Budget(), now=lambda: NOW, size=4)

    after = asyncio.run(once_more())
    assert after.fetched == before.fetched
    assert after.sent >= before.sent


def test_a_case_without_seed_or_provider_says_what_to_do(node: Anvil, tmp_path: Path) -> None:
    case = Case.create("empty", tmp_path)
    with pytest.raises(InputError, match="seed add"):
        run(case, endpoint(node), Budget())
    case.add_seed(THIEF, chain="eip155:56", amount=5)
    with pytest.raises(InputError, match="eip155:56"):
        run(case, endpoint(node), Budget())
    with pytest.raises(NotFoundError, match="tracer providers"):
        case.collect()
    shutil.rmtree(tmp_path / "archive")
