"""A Bitcoin theft collected from a real ElectrumX: to its end, cut anywhere, killed, replayed, equal to the import."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.bitcoin import disperse, kept
from benchmarks.bitcoin import prepared as benchmark_case
from tests.bitcoin_coins import Chain, Owner
from tests.bitcoin_world import CLEAN, EXCHANGE, PEELS, SPLITS, THIEF, VICTIM, World
from tests.servers.litecoin import GENESIS, running
from tests.test_electrum import endpoint, transaction
from tracer.addresses import BITCOIN
from tracer.case import Case
from tracer.chains.utxo_rows import transactions_of
from tracer.cli.app import app
from tracer.collect import Collected, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.model import Rule
from tracer.replay import replay
from tracer.transport import Patience
from tracer.utxo import Input, Output, UtxoTransaction

NOW = 1_750_000_000
QUICK = Patience(attempts=3, first=0.001, longest=0.01, deadline=30)
BUDGET = Budget(least_ppm=0)
REACHED = {owner.address for owner in (THIEF, EXCHANGE, *SPLITS, *PEELS)}


@pytest.fixture(scope="module")
def world(bitcoin_theft: World) -> World:
    return bitcoin_theft


def new_case(folder: Path) -> Case:
    case = Case.create("theft", folder, clock=lambda: NOW)
    case.add_seed(THIEF.address, "bitcoin")
    return case


def run(case: Case, world: World, budget: Budget = BUDGET, **changes: object) -> Collected:
    async def go() -> Collected:
        where = endpoint(world.server, **changes)
        async with open_sources(case.workspace, [where], now=lambda: NOW, patience=QUICK) as sources:
            return await collect(case, sources, budget, now=lambda: NOW)

    return asyncio.run(go())


def held(case: Case, rule: str) -> dict[str, tuple[int, str]]:
    frame = case.taint(rule).addresses(ranges=False)
    columns = (frame[name] for name in ("address", "taint_raw", "stop"))
    return {str(a): (int(n), str(s)) for a, n, s in zip(*columns, strict=True) if int(n)}


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The theft, collected without disturbance."""
    case = new_case(tmp_path_factory.mktemp("whole"))
    done = run(case, world)
    assert (done.failed, done.finished) == (0, True)
    return case


def test_the_theft_is_followed_to_its_end_and_nobody_else_is_asked_about(whole: Case) -> None:
    histories = whole.histories()
    assert set(histories["address"]) == REACHED
    assert histories["complete"].all()
    assert [gap for gap in whole.gaps()["status"] if gap == "open"] == []
    found = held(whole, "fifo")
    assert set(found) == {EXCHANGE.address, "sink:fee"}
    assert sum(n for n, _ in found.values()) == 60 * 10**8


def as_json(one: UtxoTransaction) -> dict[str, object]:
    def end(told: Input | Output) -> dict[str, object]:
        return {"address": told.address, "script_type": str(told.script_type), "amount_raw": str(told.amount)}

    return {
        "chain": BITCOIN,
        "txid": one.txid,
        "block": one.block,
        "tx_index": one.tx_index,
        "timestamp": one.timestamp,
        "inputs": [{"txid": i.outpoint.txid, "vout": i.outpoint.vout, **end(i)} for i in one.inputs],
        "outputs": [{"vout": o.vout, "op_return": o.op_return, **end(o)} for o in one.outputs],
    }


@pytest.fixture(scope="module")
def imported(world: World, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same transactions, and those around them, from a file."""
    folder = tmp_path_factory.mktemp("imported")
    told = [transactions_of(transaction(world, txid).table)[0] for txid in world.txid.values()]
    lines = [json.dumps(as_json(one)) for one in sorted(told, key=lambda t: (t.block, t.tx_index))]
    path = folder / "theft.jsonl"
    path.write_text("\n".join(lines) + "\n")
    case = new_case(folder / "w")
    case.import_file(path)
    return case


@pytest.mark.parametrize("rule", [str(rule) for rule in Rule])
def test_what_is_collected_is_what_the_file_says_under_every_rule(
    whole: Case, imported: Case, rule: str
) -> None:
    assert held(whole, rule) == held(imported, rule)
    account = whole.taint(rule).conservation().to_dict("records")[0]
    assert account["difference_raw"] in {0, None} or rule == "poison"


def test_nothing_is_asked_twice(world: World, tmp_path: Path) -> None:
    case = new_case(tmp_path)
    before_sent = run(case, world).sent
    before = case.file
    again = run(case, world)
    assert again.sent == 1  # whether the chain is still the same
    assert (case.file.manifest, case.file.revision) == (before.manifest, before.revision)
    total, twice = kept(case.workspace.root)
    assert (total, twice) == (again.sent + before_sent, 0)


def test_the_result_does_not_depend_on_how_many_are_under_way(
    world: World, whole: Case, tmp_path: Path
) -> None:
    for concurrency in (1, 3):
        case = new_case(tmp_path / str(concurrency))
        run(case, world, concurrency=concurrency)
        assert case.file.manifest == whole.file.manifest


@pytest.mark.parametrize("stop_after", [0, 3, 11, 24])
def test_a_collection_that_is_cut_goes_on_to_the_same_end(
    world: World, whole: Case, tmp_path: Path, stop_after: int
) -> None:
    case = new_case(tmp_path)
    sent: list[int] = []

    async def cut() -> None:
        async with open_sources(case.workspace, [endpoint(world.server)], now=lambda: NOW) as sources:
            task = asyncio.current_task()
            assert task is not None
            answers = sources[BITCOIN].answers
            send = answers._send

            async def counted(request: object) -> bytes:
                sent.append(1)
                if len(sent) > stop_after:
                    task.cancel()
                return await send(request)

            answers._send = counted
            await collect(case, sources, BUDGET, now=lambda: NOW)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cut())
    run(case, world)
    assert case.file.manifest == whole.file.manifest


def test_it_is_replayed_from_the_archive_alone(whole: Case) -> None:
    with replay(whole) as (found, again):
        assert len(found) >= len(REACHED)
        assert not any(one.problem for one in found)
        assert held(again, "haircut") == held(whole, "haircut")


def prepared(home: Path, world: World) -> None:
    new_case(home)
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "electrum"\nchain = "{BITCOIN}"\nbase_url = "{world.server.electrum}"\n'
        f'rate = 0\nconcurrency = 2\ngenesis = "{GENESIS}"\n'
    )


def test_a_killed_collector_costs_nothing(world: World, whole: Case, tmp_path: Path) -> None:
    home = tmp_path / "w"
    prepared(home, world)
    command = [sys.executable, "-c", "from tracer.cli import main; main()", "-w", str(home)]
    collecting = [*command, "collect", "theft", "--least-ppm", "0"]
    killed = subprocess.Popen(collecting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while killed.poll() is None and kept(home)[0] < 9:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = kept(home)[0]
    done = CliRunner().invoke(app, ["-w", str(home), "--json", "collect", "theft"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    case = Case.open("theft", home)
    assert (told["finished"], told["failed"]) == (True, 0)
    assert case.file.manifest == whole.file.manifest
    assert kept(home) == (before + told["sent"], 0)


def test_the_investigator_reads_who_learns_what(world: World, tmp_path: Path) -> None:
    home = tmp_path / "w"
    prepared(home, world)
    done = CliRunner().invoke(app, ["-w", str(home), "collect", "theft", "--addresses", "1"])
    assert "own on this machine is asked: nobody else learns what is traced." in done.stderr
    assert done.exit_code == 0, done.output
    listed = json.loads(CliRunner().invoke(app, ["-w", str(home), "--json", "providers"]).stdout)
    assert {row["kind"] for row in listed if row["chain"] == BITCOIN} == {"electrum", "esplora", "bitcoind"}
    assert {VICTIM.address, CLEAN.address}.isdisjoint(set(Case.open("theft", home).histories()["address"]))


def test_a_dispersal_with_peel_chains_is_collected_to_the_last_sat(
    litecoin_binaries: tuple[Path, Path], tmp_path: Path
) -> None:
    """The benchmark, small: splits, peel chains across blocks, consolidation, an exchange."""
    with running(litecoin_binaries) as server:
        theft = disperse(Chain(server), 40, peels=3)
        case = benchmark_case(tmp_path / "w", server, 0, 50)
        done = asyncio.run(case.acollect(["own"], BUDGET))
        assert (done.fetched, done.failed, done.finished) == (theft.addresses, 0, True)
        assert kept(case.workspace.root) == (done.sent, 0)
        account = case.taint("fifo").conservation().to_dict("records")[0]
        assert (account["stolen_raw"], account["difference_raw"]) == (theft.stolen, 0)
        left = sum(n for address, (n, _) in held(case, "fifo").items() if not address.startswith("sink"))
        assert account["fee_raw"] == theft.stolen - left > 0
        assert done.sent < 3.5 * theft.addresses


def test_an_address_whose_history_the_server_refuses_is_a_hub_and_says_what_to_do(
    litecoin_binaries: tuple[Path, Path], tmp_path: Path
) -> None:
    with running(litecoin_binaries, MAX_SEND="350000") as server:
        chain = Chain(server)
        (stolen, shop) = chain.endow(THIEF)[0], chain.endow(EXCHANGE)[0]
        chain.pay([stolen], [(EXCHANGE, stolen.amount - 1000)])
        for _ in range(4):
            for _ in range(900):
                (shop,) = chain.pay([shop], [(EXCHANGE, shop.amount)])
            chain.mine()
        chain.bury(7)
        case = new_case(tmp_path)
        done = run(case, World(chain))
        assert (done.failed, done.finished) == (0, True)
        assert held(case, "fifo")[EXCHANGE.address] == (stolen.amount - 1000, "HUB")
        said = {
            gap["code"]: gap["message"] for gap in case.gaps().to_dict("records") if gap["status"] == "open"
        }
        assert set(said) == {"hub", "history_too_long"}
        assert "More transactions than the provider tells" in said["hub"]


def test_coin_is_followed_through_scripts_without_an_address_and_a_script_that_nobody_can_ask_for_ends_nothing(
    litecoin_binaries: tuple[Path, Path], tmp_path: Path
) -> None:
    bare, empty = b"\x52", b""
    with running(litecoin_binaries) as server:
        chain = Chain(server)
        (stolen,) = chain.endow(THIEF)
        nobody = Owner(b"", bare, "")
        left = stolen.amount - 1500
        (there, _) = chain.pay([stolen], [(nobody, left), (Owner(b"", empty, ""), 1000)])
        chain.mine()
        chain.pay_bare([there], [(EXCHANGE, left)])
        chain.mine()
        chain.bury(7)
        case = new_case(tmp_path)
        done = run(case, World(chain))
        assert (done.failed, done.finished) == (0, True)
        assert held(case, "fifo") == {
            EXCHANGE.address: (left, "UNSPENT"),
            f"{there.at.txid}:1": (1000, "UNSPENT"),
            "sink:fee": (500, ""),
        }
        gaps = case.gaps()
        assert set(gaps.loc[gaps["status"] == "open", "code"]) == {"script_unknown"}


def test_an_address_that_only_other_rules_reach_is_not_read_and_that_is_said(
    litecoin_binaries: tuple[Path, Path], tmp_path: Path, whole: Case
) -> None:
    with running(litecoin_binaries) as server:
        chain = Chain(server)
        (stolen,), (clean,) = chain.endow(THIEF), chain.endow(CLEAN)
        first, second = (s.address for s in SPLITS[:2])
        amounts = (stolen.amount, clean.amount - 500)
        chain.pay([stolen, clean], list(zip(SPLITS[:2], amounts, strict=True)))
        chain.mine()
        chain.bury(7)
        case = new_case(tmp_path)
        assert run(case, World(chain)).finished
    assert held(case, "fifo") == {first: (stolen.amount, "UNSPENT")}
    assert held(case, "libr")[second] == (amounts[1], "PENDING")
    said = case.gaps().set_index("code")
    assert said.loc["unread", "status"] == "assumption"
    assert said.loc["unread", "message"].startswith("Of 1 addresses that stolen coin can have reached")
    assert "unread" not in set(whole.gaps()["code"])
