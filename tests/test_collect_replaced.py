"""A chain that is reorganised below the block of a case, on real nodes: the case says so until it is read anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import streamlit as st
from typer.testing import CliRunner

from tests.bitcoin_coins import COIN, Chain
from tests.bitcoin_world import EXCHANGE, THIEF, VICTIM
from tests.servers.anvil import FIRST_TIME
from tests.servers.anvil import running as running_anvil
from tests.servers.litecoin import running as running_litecoin
from tests.test_collect import ETHER, NOW, QUICK, hop
from tests.test_collect import THIEF as EVM_THIEF
from tests.test_collect import endpoint as evm_endpoint
from tests.test_electrum import endpoint as electrum_endpoint
from tests.test_ui_pages import opened
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.cli.app import app
from tracer.collect import Collected, collect, open_sources
from tracer.collecting.budget import Budget
from tracer.errors import ProviderError
from tracer.results import GIVEN_UP
from tracer.store import Workspace
from tracer.store.caserecords import ChainHead
from tracer.ui.i18n import words

BUDGET = Budget(least_ppm=0)


@dataclass
class Restless:
    """A chain on which the thief was paid and paid on; `give_up` puts another in its place, where he paid less."""

    chain: str
    thief: str
    where: Endpoint
    give_up: Callable[[], None]
    first: int
    second: int


@pytest.fixture(params=["evm", "bitcoin"])
def restless(request: pytest.FixtureRequest) -> Iterator[Restless]:
    if request.param == "evm":
        with running_anvil(request.getfixturevalue("anvil_binary")) as node:
            node.endow(EVM_THIEF, 100 * ETHER)
            node.mine(FIRST_TIME + 10)
            node.batch([(EVM_THIEF, hop(1, 0), 60 * ETHER)])
            node.call("anvil_mine", hex(80))

            def reorganise() -> None:
                node.call("anvil_reorg", int(str(node.call("eth_blockNumber")), 16) - 1, [])
                node.batch([(EVM_THIEF, hop(1, 1), 7 * ETHER)])
                node.call("anvil_mine", hex(80))

            yield Restless("eip155:1", EVM_THIEF, evm_endpoint(node), reorganise, 60 * ETHER, 7 * ETHER)
        return
    with running_litecoin(request.getfixturevalue("litecoin_binaries")) as server:
        chain = Chain(server)
        (stolen,) = chain.pay(chain.endow(VICTIM), [(THIEF, 40 * COIN)])
        chain.mine()
        chain.pay([stolen], [(EXCHANGE, 30 * COIN)])
        height = chain.mine()
        chain.bury(8)

        def replace() -> None:
            server.call("invalidateblock", server.call("getblockhash", height))
            chain.pay([stolen], [(VICTIM, 4 * COIN)])
            chain.mine()
            chain.bury(9)

        where = electrum_endpoint(server)
        yield Restless("bitcoin", THIEF.address, where, replace, 30 * COIN, 4 * COIN)


def new_case(folder: Path, world: Restless, name: str = "theft") -> Case:
    case = Case.create(name, folder, clock=lambda: NOW)
    case.add_seed(world.thief, world.chain)
    return case


def run(case: Case, world: Restless, *, again: bool = False, spoil: bool = False) -> Collected:
    async def go() -> Collected:
        sources = open_sources(case.workspace, [world.where], now=lambda: NOW, patience=QUICK, again=again)
        async with sources as found:
            if spoil:
                (source,) = found.values()

                async def stopped(*_: object, **__: object) -> object:
                    raise KeyboardInterrupt

                source.adapter.history = stopped  # type: ignore[method-assign, assignment]
            return await collect(case, found, BUDGET, now=lambda: NOW)

    return asyncio.run(go())


def paid_on(case: Case) -> int:
    """Stolen coin that rests with others than the thief."""
    rows = case.taint("fifo").addresses(ranges=False)
    others = ~rows["address"].str.startswith("sink:") & (rows["hop"] != 0)
    return sum(int(n) for n in rows[others]["taint_raw"])


def codes(case: Case) -> set[str]:
    return set(case.gaps()["code"])


def cli(folder: Path, *told: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["-w", str(folder), "--quiet", *told])
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_case_on_a_chain_that_was_given_up_says_so_everywhere_until_it_is_read_anew(
    restless: Restless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = new_case(tmp_path, restless)
    assert run(case, restless).finished
    assert paid_on(case) == restless.first
    (head,) = case.file.heads
    restless.give_up()
    for _ in range(2):  # said once, however often it is tried
        with pytest.raises(ProviderError, match="was reorganised") as told:
            run(case, restless)
        assert "--again" in told.value.hint

    case = Case.open("theft", tmp_path)
    (given_up,) = case.file.heads
    assert (given_up.block, given_up.hash) == (head.block, head.hash)
    assert given_up.replaced not in {None, head.hash}
    (gap,) = case.gaps()[case.gaps()["code"] == "chain_replaced"].to_dict("records")
    assert (gap["status"], gap["chain"]) == ("open", head.chain)
    for part in (f"block {head.block}", head.hash, str(given_up.replaced), "--again"):
        assert part in gap["message"]
    result = case.taint("fifo")
    for table in (result.addresses(), case.endpoints(), case.gaps(), case.routes(), case.compare()):
        assert table.attrs["conventions"][0] == GIVEN_UP
    said, _ = cli(tmp_path, "taint", "theft")
    assert "A CHAIN WAS GIVEN UP: What was collected ends in block" in said
    for verb in ("taint", "endpoints", "gaps", "clusters"):
        assert f"gave up block {head.block}" in cli(tmp_path, verb, "theft")[1]
    case.label(
        case.endpoints()["address"].iloc[0], "Exchange X", restless.chain, category="exchange", source="x"
    )
    case.export(tmp_path / "out")
    readme = (tmp_path / "out" / "README.txt").read_text(encoding="utf-8")
    assert readme.index("A CHAIN WAS GIVEN UP: What was collected") < readme.index("Amounts in columns")
    assert "その後無効となったチェーン" in readme
    assert "chain_replaced" in (tmp_path / "out" / "gaps.csv").read_text(encoding="utf-8")
    for path in case.freeze("Exchange X", tmp_path / "letter"):
        if path.suffix == ".html":
            assert words("ja" if "_ja" in path.name else "en")("gap.chain_replaced") in path.read_text(
                "utf-8"
            )

    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    for language in ("en", "ja"):
        for page in ("trace", "endpoints", "clusters", "case", "lookup"):
            st.cache_resource.clear()
            at = opened(page, language, "theft")
            expected = words(language)("header.replaced", chain=head.chain, block=head.block)
            assert expected in [error.value for error in at.error], page

    assert run(case, restless, again=True).finished
    case = Case.open("theft", tmp_path)
    assert "chain_replaced" not in codes(case)
    assert GIVEN_UP not in case.taint("fifo").conventions
    assert paid_on(case) == restless.second
    assert "gave up" not in cli(tmp_path, "taint", "theft")[1]
    fresh = new_case(tmp_path, restless, "fresh")
    run(fresh, restless)
    assert case.file.heads == fresh.file.heads
    assert case.file.manifest == fresh.file.manifest


def test_a_case_that_is_read_anew_and_cut_has_nothing_of_the_chain_that_was_given_up(
    restless: Restless, tmp_path: Path
) -> None:
    case = new_case(tmp_path, restless)
    run(case, restless)
    (old,) = case.file.heads
    restless.give_up()
    with pytest.raises(KeyboardInterrupt):
        run(case, restless, again=True, spoil=True)
    case = Case.open("theft", tmp_path)
    (head,) = case.file.heads
    assert head.hash != old.hash
    assert head.replaced is None
    assert case.histories().empty
    assert run(case, restless).finished
    assert paid_on(case) == restless.second


def test_a_chain_that_takes_its_block_back_leaves_no_gap(
    litecoin_binaries: tuple[Path, Path], tmp_path: Path
) -> None:
    with running_litecoin(litecoin_binaries) as server:
        chain = Chain(server)
        chain.pay(chain.endow(VICTIM), [(THIEF, 40 * COIN)])
        height = chain.mine()
        chain.bury(8)
        world = Restless("bitcoin", THIEF.address, electrum_endpoint(server), lambda: None, 0, 0)
        case = new_case(tmp_path, world)
        run(case, world)
        before, rows = case.file, case.taint("fifo").addresses()
        old = server.call("getblockhash", height)
        server.call("invalidateblock", old)
        chain.bury(20)
        with pytest.raises(ProviderError, match="was reorganised"):
            run(case, world)
        assert "chain_replaced" in codes(case)
        server.call("invalidateblock", server.call("getblockhash", height))
        server.call("reconsiderblock", old)
        chain.bury(15)  # longer than the other
        assert run(case, world).finished
        assert "chain_replaced" not in codes(case)
        assert case.file.heads == before.heads
        assert case.file.manifest == before.manifest
        assert case.taint("fifo").addresses().equals(rows)


def test_a_case_file_keeps_what_replaced_a_block(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path)
    case = Case.create("theft", tmp_path, clock=lambda: NOW)
    head = ChainHead("eip155:1", 5, "0x" + "1" * 64, NOW)
    for heads in ((head,), (replace(head, replaced="0x" + "2" * 64),)):
        case.update(lambda f, heads=heads: replace(f, heads=heads))
        assert workspace.cases.read("theft").heads == heads
