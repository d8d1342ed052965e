"""Collecting backward from a real node: whose histories are read, in which order, what stops it, and what it proves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evm_programs import PAYER, calls
from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.test_collect import CHAIN, ETHER, EXCHANGE, NOW, THIEF, endpoint, node, run
from tests.test_collect_cli import tracer
from tracer.case import Case
from tracer.collect import collect, open_sources
from tracer.collecting.budget import Budget
from tracer.errors import InputError
from tracer.replay import replay

__all__ = ["node"]

BACK = Budget(direction="backward")
TARGET, MIDDLE, RICH, POOR, LATE, ROUTED, DISPERSER = ("0x" + f"{n:02x}" * 20 for n in range(0xB1, 0xB8))


@pytest.fixture(scope="module")
def river(anvil_binary: Path) -> Iterator[Anvil]:
    """RICH and POOR pay MIDDLE, MIDDLE pays TARGET, LATE pays too late, ROUTED pays through a contract."""
    with running(anvil_binary) as server:
        for who in (RICH, POOR, LATE, ROUTED):
            server.endow(who, 100 * ETHER)
        server.install(DISPERSER, PAYER)
        server.mine(FIRST_TIME + 10)
        server.batch([(RICH, MIDDLE, 30 * ETHER), (POOR, MIDDLE, 10 * ETHER)])
        server.batch([(MIDDLE, TARGET, 20 * ETHER)])
        server.batch([(LATE, MIDDLE, 50 * ETHER)])
        server.send(ROUTED, DISPERSER, 5 * ETHER, calls((TARGET, 5 * ETHER, "0x")))
        server.mine()
        server.batch([(TARGET, POOR, ETHER)])
        server.call("anvil_mine", hex(70))
        yield server


def new_case(folder: Path, *targets: str) -> Case:
    case = Case.create("back", folder, clock=lambda: NOW)
    case.set_targets(targets or (TARGET,))
    return case


@pytest.fixture(scope="module")
def whole(river: Anvil, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, int]:
    """Traced back without disturbance, one address a round, and how many requests that took."""
    case = new_case(tmp_path_factory.mktemp("whole"))
    return case, run(case, endpoint(river), BACK, size=1).sent


def read(case: Case) -> list[tuple[int, str]]:
    """(round, address) of what was collected, the first round as 0."""
    frame = case.histories()
    return [(r, str(a).lower()) for r, a in zip(frame["round"], frame["address"], strict=True)]


def made_of(
    case: Case, rule: str, column: str = "held_raw", address: str = TARGET
) -> dict[tuple[str, str], int]:
    frame = case.origins(address, rule=rule)
    keys = zip(frame["inflow"], frame["from_address"], frame[column], strict=True)
    return {(str(kind), str(a).lower()): int(n) for kind, a, n in keys if int(n)}


def test_coin_is_followed_back_to_its_sources_and_no_further(river: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    done = run(case, endpoint(river), BACK)
    assert (done.finished, done.exhausted, done.failed) == (True, False, 0)
    assert {a for _, a in read(case)} == {TARGET, MIDDLE, RICH, POOR, ROUTED}  # neither LATE nor the contract
    assert made_of(case, "fifo", "received_raw") == {
        ("mint", RICH): 20 * ETHER,
        ("mint", ROUTED): 5 * ETHER,
    }
    assert made_of(case, "lifo", "received_raw") == {
        ("mint", RICH): 10 * ETHER,
        ("mint", POOR): 10 * ETHER,
        ("mint", ROUTED): 5 * ETHER,
    }
    for rule in ("haircut", "fifo", "lifo", "seniority", "libr"):
        assert sum(made_of(case, rule).values()) == 24 * ETHER
        assert sum(made_of(case, rule, "received_raw").values()) == 25 * ETHER


def test_whoever_may_have_supplied_most_is_read_first(whole: tuple[Case, int]) -> None:
    order = [a for _, a in read(whole[0])]
    # Of 25: MIDDLE 20, ROUTED 5. While MIDDLE is fetched ROUTED is chosen; then RICH 20 (fifo) and POOR 10 (lifo).
    assert order == [TARGET, MIDDLE, ROUTED, RICH, POOR]


def test_the_exchange_of_the_dispersal_is_traced_back_to_the_thief(node: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path, EXCHANGE)
    done = run(case, endpoint(node), replace(BACK, most=7))  # the target itself has 18
    assert done.fetched == 26
    assert made_of(case, "fifo", address=EXCHANGE) == {("mint", THIEF): 9 * ETHER}
    assert set(case.origins(EXCHANGE)["hops"]) == {3}


def test_the_seeds_are_the_targets_where_none_is_named(river: Anvil, tmp_path: Path) -> None:
    case = Case.create("back", tmp_path, clock=lambda: NOW)
    with pytest.raises(InputError, match="nothing to trace back"):
        run(case, endpoint(river), BACK)
    case.add_seed(TARGET)
    assert run(case, endpoint(river), BACK).fetched == 5
    assert [t.address for t in case.file.targets] == [TARGET]


@pytest.mark.parametrize(
    ("budget", "read_of", "code"),
    [
        (replace(BACK, hops=1), {TARGET, MIDDLE, ROUTED}, "HORIZON"),
        (replace(BACK, addresses=3), {TARGET, MIDDLE, ROUTED}, "BUDGET"),
        (replace(BACK, least_ppm=300_000), {TARGET, MIDDLE, RICH, POOR}, "DUST"),
        (replace(BACK, least_raw=f"native={6 * ETHER}"), {TARGET, MIDDLE, RICH, POOR}, "DUST"),
    ],
    ids=["hops", "addresses", "share", "value"],
)
def test_every_limit_stops_with_its_code_and_is_lifted_without_asking_twice(
    river: Anvil, whole: tuple[Case, int], tmp_path: Path, budget: Budget, read_of: set[str], code: str
) -> None:
    case = new_case(tmp_path)
    first = run(case, endpoint(river), budget, size=1)
    assert {a for _, a in read(case)} == read_of
    frame = case.origins(TARGET, rule="lifo")
    assert code in set(frame[frame["inflow"] == "unread"]["stop"])
    assert sum(frame["held_raw"]) == 24 * ETHER
    then = run(case, endpoint(river), BACK, size=1)
    undisturbed, sent = whole
    assert then.finished
    assert first.sent + then.sent == sent + 1  # the pinned block is looked at again
    assert {a for _, a in read(case)} == {a for _, a in read(undisturbed)}
    assert made_of(case, "lifo") == made_of(undisturbed, "lifo")


def test_a_hub_on_the_way_is_a_named_source_until_it_is_said_to_be_none(river: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    run(case, endpoint(river), replace(BACK, most=3))
    assert made_of(case, "fifo", "received_raw") == {
        ("unread", MIDDLE): 20 * ETHER,
        ("mint", ROUTED): 5 * ETHER,
    }
    frame = case.origins(TARGET, rule="fifo")
    assert set(frame[frame["inflow"] == "unread"]["stop"]) == {"HUB"}
    case.stop(MIDDLE, None, reason="no hub")
    run(case, endpoint(river), replace(BACK, most=3))
    assert ("mint", RICH) in made_of(case, "fifo", "received_raw")


def test_a_hub_is_read_when_the_limit_is_raised(river: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    run(case, endpoint(river), replace(BACK, most=3))
    run(case, endpoint(river), replace(BACK, most=4))
    assert ("unread", MIDDLE) not in made_of(case, "fifo", "received_raw")


def test_a_service_on_the_way_ends_it_there(river: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    case.label(MIDDLE, "Exchange", category="exchange", confidence=90)
    run(case, endpoint(river), BACK)
    assert {a for _, a in read(case)} == {TARGET, ROUTED}
    assert made_of(case, "fifo", "received_raw") == {
        ("stopped", MIDDLE): 20 * ETHER,
        ("mint", ROUTED): 5 * ETHER,
    }


def test_what_was_read_forward_is_read_anew_for_who_paid_in_the_end(river: Anvil, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    case.add_seed(TARGET)
    run(case, endpoint(river), Budget(addresses=1))
    assert ("unread", DISPERSER) in made_of(case, "fifo", "received_raw")
    run(case, endpoint(river), BACK)
    assert ("mint", ROUTED) in made_of(case, "fifo", "received_raw")
    assert [a for _, a in read(case)].count(TARGET) == 2
    with replay(case) as (found, again):
        assert not [r.problem for r in found if r.problem]
        assert again.origins(TARGET).equals(case.origins(TARGET))


@pytest.mark.parametrize("stop_after", [5, 23])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(
    river: Anvil, whole: tuple[Case, int], tmp_path: Path, stop_after: int
) -> None:
    case = new_case(tmp_path)
    sent: list[int] = []

    async def cut() -> None:
        async with open_sources(case.workspace, [endpoint(river)], now=lambda: NOW) as sources:
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
            await collect(case, sources, BACK, now=lambda: NOW, size=1)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cut())
    run(case, endpoint(river), BACK, size=1)
    assert case.file.manifest == whole[0].file.manifest


def test_from_the_command_line_to_the_file(river: Anvil, tmp_path: Path) -> None:
    home = tmp_path / "w"
    Case.create("back", home, clock=lambda: NOW)
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "jsonrpc"\nchain = "{CHAIN}"\nbase_url = "{river.url}"\nrate = 0\n'
    )
    wrong = tracer(home, "collect", "back", "--target", TARGET)
    assert (wrong.exit_code, "--direction backward" in wrong.stderr) == (2, True)
    done = tracer(home, "collect", "back", "--direction", "backward", "--target", TARGET)
    assert done.exit_code == 0, done.output
    assert "5 addresses fetched" in done.stdout
    assert "tracer --workspace" in done.stderr
    assert f"origins back {CHAIN}:{TARGET}" in done.stderr
    again = json.loads(tracer(home, "--json", "collect", "back").stdout)
    assert (again["fetched"], again["sent"]) == (5, 1)  # direction and target are those of the last time
    assert tracer(home, "origins", "back", TARGET, "--out", str(tmp_path / "o.csv")).exit_code == 0
    assert tracer(home, "export", "back", "--out", str(tmp_path / "x")).exit_code == 0
    assert (tmp_path / "x" / "origins.csv").read_bytes() == (tmp_path / "o.csv").read_bytes()
