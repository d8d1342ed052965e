"""Every limit of a collection stops it where it says, shows its code, and costs nothing when it is lifted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.test_collect import (
    CHAIN,
    ETHER,
    EXCHANGE,
    NOW,
    QUICK,
    THIEF,
    endpoint,
    held,
    hop,
    new_case,
    node,
    stops,
)
from tracer.case import Case
from tracer.collect import Collected, Event, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.collecting.manifest import Fetched, uncovered
from tracer.collecting.report import Rate
from tracer.errors import InputError, ProviderError

__all__ = ["node"]


def run(case: Case, node: Anvil, budget: Budget, asked: Counter[str], size: int = 8) -> Collected:
    """Collect; `asked` counts the questions that may be asked once only."""

    async def go() -> Collected:
        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW, patience=QUICK) as sources:
            mine = sources[CHAIN].answers
            send = mine._send

            async def counted(request: object) -> bytes:
                asked.update([request.text] if request.settled else [])
                return await send(request)

            mine._send = counted
            return await collect(case, sources, budget, now=lambda: NOW, size=size)

    return asyncio.run(go())


@pytest.fixture(scope="module")
def whole(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Case:
    case = new_case(tmp_path_factory.mktemp("whole"))
    run(case, node, Budget(), Counter())
    return case


@pytest.fixture(scope="module")
def slow(anvil_binary: Path) -> Iterator[Anvil]:
    """THIEF pays three addresses, which pay one each, which pay the exchange, a day between the blocks 2, 3 and 4."""
    with running(anvil_binary) as server:
        server.endow(THIEF, 30 * ETHER)
        server.mine(FIRST_TIME + 10)
        for day, payments in enumerate(
            (
                [(THIEF, hop(1, n), 10 * ETHER) for n in range(3)],
                [(hop(1, n), hop(2, n), 4 * ETHER) for n in range(3)],
                [(hop(2, n), EXCHANGE, ETHER) for n in range(3)],
            )
        ):
            server.call("evm_setNextBlockTimestamp", FIRST_TIME + (day + 1) * DAY)
            server.batch(payments)
        server.call("anvil_mine", hex(70))
        yield server


DAY = 86_400
THIRD = FIRST_TIME + 2 * DAY

LEVEL2 = {hop(2, n) for n in range(18)}


@pytest.mark.parametrize(
    ("budget", "fetched", "code", "where"),
    [
        (Budget(addresses=7), 7, "BUDGET", LEVEL2),
        (Budget(hops=2), 25, "HORIZON", {EXCHANGE}),
        (Budget(least_ppm=40_000), 14, "DUST", None),
        (Budget(least_raw=f"native={2 * ETHER}"), 20, "DUST", {hop(2, 3 * n) for n in range(6)}),
        (Budget(most=17), 26, "HUB", {EXCHANGE}),
    ],
    ids=["addresses", "hops", "share", "value", "hub"],
)
def test_a_limit_stops_there_and_lifted_it_goes_on_without_asking_twice(
    node: Anvil, whole: Case, tmp_path: Path, budget: Budget, fetched: int, code: str, where: set[str] | None
) -> None:
    case, asked = new_case(tmp_path), Counter[str]()
    assert run(case, node, budget, asked).fetched == fetched
    found = stops(case)
    assert set(found.values()) == {code}
    assert where is None or set(found) == where
    assert sum(held(case).values()) == 60 * ETHER
    done = run(case, node, Budget(), asked)
    assert (done.fetched, done.finished, stops(case)) == (26, True, {})
    assert held(case) == held(whole)
    assert max(asked.values()) == 1


@pytest.mark.parametrize("requests", [1, 9])
def test_requests_are_counted_to_the_last_one(
    node: Anvil, whole: Case, tmp_path: Path, requests: int
) -> None:
    case, asked = new_case(tmp_path), Counter[str]()
    done = run(case, node, Budget(requests=requests), asked)
    assert (done.sent, done.exhausted, done.finished, done.failed) == (requests, True, False, 0)
    assert set(stops(case).values()) <= {"BUDGET"}
    done = run(case, node, Budget(), asked)
    assert done.finished
    assert held(case) == held(whole)
    assert max(asked.values()) == 1


def test_more_seeds_than_addresses_allowed_is_no_way_around_the_limit(node: Anvil, tmp_path: Path) -> None:
    case = Case.create("theft", tmp_path, clock=lambda: NOW)
    for n in range(6):
        case.add_seed(hop(1, n))
    asked = Counter[str]()
    done = run(case, node, Budget(addresses=2), asked)
    assert (done.fetched, done.exhausted, done.finished) == (2, True, False)
    done = run(case, node, Budget(addresses=6), asked)
    assert (done.fetched, done.exhausted) == (6, True)


def test_a_time_window_ends_with_horizon_and_widened_it_reads_the_missing_blocks_only(
    slow: Anvil, tmp_path: Path
) -> None:
    case, whole, asked = new_case(tmp_path / "cut"), new_case(tmp_path / "whole"), Counter[str]()
    done = run(case, slow, Budget(until=THIRD), asked)
    assert (done.fetched, done.finished) == (4, True)
    assert held(case) == {hop(1, n): 10 * ETHER for n in range(3)}
    assert {stops(case)[hop(1, n)] for n in range(3)} == {"HORIZON"}
    assert case.as_of == THIRD
    assert run(case, slow, Budget(until=THIRD), asked).sent == 1  # where the window ends is known
    done = run(case, slow, Budget(), asked)
    assert (done.fetched, done.finished, stops(case)) == (8, True, {})
    assert max(asked.values()) == 1
    run(whole, slow, Budget(), Counter())
    assert set(case.histories()["first_block"]) == {0, 3}
    ours, theirs = (c.taint("fifo").addresses() for c in (case, whole))
    assert ours.equals(theirs)  # ranges included: the pieces are a whole history
    assert case.as_of == whole.as_of


def test_a_window_that_begins_later_is_widened_to_the_beginning(slow: Anvil, tmp_path: Path) -> None:
    case, asked = Case.create("theft", tmp_path, clock=lambda: NOW), Counter[str]()
    case.add_seed(hop(1, 0), amount=10 * ETHER - 1)
    run(case, slow, Budget(since=THIRD), asked)
    assert set(case.histories()["first_block"]) == {3}
    loose = case.bounds([hop(2, 0)]).iloc[0]
    run(case, slow, Budget(), asked)
    assert max(asked.values()) == 1
    assert set(case.histories()["first_block"]) == {0, 3}
    assert not any(case.histories()["problem"])
    tight = case.bounds([hop(2, 0)]).iloc[0]
    assert loose["at_least_raw"] <= tight["at_least_raw"]
    assert tight["at_most_raw"] <= loose["at_most_raw"]


def test_a_provider_whose_histories_all_fail_is_given_up(node: Anvil, tmp_path: Path) -> None:
    case = Case.create("theft", tmp_path, clock=lambda: NOW)
    for n in range(18):
        case.add_seed(hop(2, n))

    async def lame() -> Collected:
        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW, patience=QUICK) as sources:

            async def fail(*_: object, **__: object) -> object:
                raise ProviderError("nonsense")

            sources[CHAIN].adapter.history = fail
            return await collect(case, sources, Budget(), now=lambda: NOW)

    done = asyncio.run(lame())
    assert done.stopped.startswith("8 histories in a row failed")
    assert 8 <= done.failed < 18
    assert not done.finished
    assert {"not_collected", "provider_stopped"} <= set(case.gaps()["code"])


def test_a_watcher_that_has_enough_ends_the_collection_though_nothing_is_answered(
    node: Anvil, tmp_path: Path
) -> None:
    """The web UI stops a collection by raising in `report`: it must be heard while an answer does not come."""
    case = new_case(tmp_path)

    class EnoughError(Exception):
        pass

    async def stuck() -> None:
        events: list[Event] = []

        def report(event: Event) -> None:
            events.append(event)
            if len(events) > 3:
                raise EnoughError

        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW, patience=QUICK) as sources:

            async def silent(*_: object, **__: object) -> object:
                await asyncio.Event().wait()
                raise AssertionError

            sources[CHAIN].adapter.history = silent
            await collect(case, sources, Budget(), now=lambda: NOW, report=report)

    with pytest.raises(EnoughError):
        asyncio.run(asyncio.wait_for(stuck(), 60))
    with case.workspace.store.reader() as view:
        held_back = "SELECT count(*) FROM histories WHERE capture IS NULL AND claimed_until > 0"
        assert view._connection.exec_driver_sql(held_back).scalar() == 0


def test_cancelled_while_the_next_round_is_chosen_the_round_in_flight_ends_as_well(
    node: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer import collect as module

    case, flying = new_case(tmp_path), asyncio.Event()
    fetch = module.fetch

    async def watched(*args: object, **more: object) -> object:
        if more["round_number"] == 0:
            return await fetch(*args, **more)
        flying.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def stopped() -> None:
        async with open_sources(case.workspace, [endpoint(node)], now=lambda: NOW) as sources:
            work = asyncio.create_task(collect(case, sources, Budget(), now=lambda: NOW, size=8))
            await flying.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            left = [task for task in asyncio.all_tasks() if "_Run" in str(task.get_coro())]
            assert left == []

    monkeypatch.setattr(module, "fetch", watched)
    asyncio.run(asyncio.wait_for(stopped(), 60))


def test_least_values_are_read_strictly() -> None:
    assert Budget(least_raw="5").named({"native"}).least_raw == "native=5"
    assert Budget(least_raw=f"0x{'AB' * 20}=7").least_of(CHAIN, "0x" + "ab" * 20) == 7
    assert Budget(least_raw="native=5").least_of(CHAIN, "0x" + "ab" * 20) == 0
    assert Budget(least_raw=f"{CHAIN}/native=5 native=6").least_of(CHAIN, "native") == 5
    for text, assets, word in (
        ("5", set(), "do not say which asset"),
        ("5", {"native", "0xab"}, "several assets"),
        ("native=-5", {"native"}, "no least value"),
        ("1.5", {"native"}, "no least value"),
        ("native=5 native=6", {"native"}, "Two least values"),
    ):
        with pytest.raises(InputError, match=word):
            Budget(least_raw=text).named(assets)
    with pytest.raises(InputError, match="forward, backward"):
        Budget(direction="sideways")


def test_an_address_with_enough_of_one_stolen_asset_is_no_dust() -> None:
    from fractions import Fraction

    from tracer.collecting.frontier import Candidate, reason

    token = (CHAIN, "0x" + "ab" * 20)
    both = Candidate((CHAIN, THIEF), Fraction(1), 0, 1, {(CHAIN, "native"): 4, token: 10})
    budget = Budget(least_raw=f"native=5 {token[1]}=10")
    assert reason(both, budget) is None
    assert reason(replace(both, units={(CHAIN, "native"): 4, token: 9}), budget) == "DUST"
    assert reason(replace(both, units={(CHAIN, "native"): 4}), Budget(least_raw="native=4")) is None


def test_blocks_that_are_missing_are_found_between_the_pieces() -> None:
    def piece(first: int, last: int) -> Fetched:
        return Fetched(CHAIN, THIEF, first, last, 0, "k", "s", 1, complete=True, hub=False)

    assert uncovered([], 0, 9) == [(0, 9)]
    assert uncovered([piece(0, 9)], 0, 9) == []
    assert uncovered([piece(3, 4), piece(6, 7)], 0, 9) == [(0, 2), (5, 5), (8, 9)]
    assert uncovered([piece(0, 20)], 5, 9) == []
    assert uncovered([piece(10, 20), piece(0, 3)], 2, 9) == [(4, 9)]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = [0.0]
    rate = Rate(lambda: clock[0])
    seen = []
    for second in range(1, 20):
        clock[0] = float(second)
        seen.append(rate.now(min(second, 10) * 100))
    assert seen[0] == 100
    assert seen[8] == 100
    assert seen[-1] == 0
