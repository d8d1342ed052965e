"""The contract of every adapter of an explorer, held against a node and against the JSON-RPC adapter on that node.

The explorers are stand-ins in front of a real anvil (tests/servers/etherscan.py, blockscout.py). For the same
transaction an explorer gives the same movements as the node; what it cannot tell is a gap.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.evm_world import (
    CARRIER,
    DISPERSER,
    ETHER,
    HEIR,
    NFT,
    OTHER,
    PAYEES,
    THIEF,
    TOKEN,
    WETH_AT,
    World,
    make_world,
)
from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.servers.blockscout import BlockscoutStandIn
from tests.servers.etherscan import EtherscanStandIn
from tests.servers.explored import Explored, explore
from tests.test_adapters import Asking, codes, facts
from tracer.chains.adapter import Adapter, History, Request, Span
from tracer.chains.adapters import JUDGES, adapter_of
from tracer.chains.endpoint import Endpoint
from tracer.errors import InputError, ProviderError

MAINNET = "eip155:1"
NOBODY = "0x" + "77" * 20
EVERYBODY = (THIEF, OTHER, CARRIER, *PAYEES, HEIR, DISPERSER, WETH_AT, TOKEN, NOBODY)


@dataclass(frozen=True)
class Explorer:
    """A kind of explorer: how its stand-in is made, and its base URL."""

    kind: str
    stand_in: Callable[..., Any]
    base: str

    def adapter(self, **settings: object) -> Adapter:
        given = {"name": "test", "kind": self.kind, "chain": MAINNET, "base_url": self.base} | settings
        return adapter_of(Endpoint(**given))


ETHERSCAN = Explorer("etherscan", EtherscanStandIn, "http://127.0.0.1:1/v2/api")
BLOCKSCOUT = Explorer("blockscout", BlockscoutStandIn, "http://127.0.0.1:1")
EXPLORERS = (ETHERSCAN, BLOCKSCOUT)
by_kind = pytest.mark.parametrize("explorer", EXPLORERS, ids=lambda e: e.kind)


@pytest.fixture(scope="module")
def world(anvil_binary: Path) -> Iterator[World]:
    with running(anvil_binary) as node:
        yield make_world(node)


@pytest.fixture(scope="module")
def chain(world: World) -> Explored:
    return explore(world.node)


def read(
    adapter: Adapter, ask: Any, address: str, world: World, *, most: int = 1000, inflows: bool = False
) -> History:
    span = Span(world.first, world.last)
    return asyncio.run(adapter.history(ask, address, span, most, inflows=inflows))


def by_node(world: World, address: str, *, inflows: bool = False) -> History:
    """What the JSON-RPC adapter reads from the node itself."""
    endpoint = Endpoint("node", "jsonrpc", MAINNET, world.node.url, 0)
    return read(adapter_of(endpoint), Asking(world.node), address, world, inflows=inflows)


def multiset(history: History) -> Counter[tuple[object, ...]]:
    """Movements without their positions and their places in the table."""
    table = history.table.drop(["row", "position"])
    return Counter(tuple(row.values()) for row in table.to_pylist())


def places(history: History) -> Counter[tuple[object, ...]]:
    """Movements whose position is told, with it."""
    rows = history.table.drop(["row"]).to_pylist()
    return Counter(tuple(row.values()) for row in rows if row["position"] is not None)


def expect_same(history: History, wanted: History) -> None:
    assert multiset(history) == multiset(wanted)
    assert not places(history) - places(wanted)


@by_kind
class TestTransaction:
    def test_tells_the_same_movements_as_the_node(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        for title, tx in world.hash.items():
            history = asyncio.run(explorer.adapter().transaction(explorer.stand_in(chain), tx))
            assert facts(history) == {tx: world.told[title]}, title
            assert history.complete, (title, history.gaps)

    def test_an_unknown_one_is_a_gap(self, explorer: Explorer, chain: Explored) -> None:
        history = asyncio.run(explorer.adapter().transaction(explorer.stand_in(chain), "0x" + "ab" * 32))
        assert (history.table.num_rows, history.complete) == (0, False)
        assert codes(history) == {"unknown_transaction"}

    def test_one_that_is_not_final_is_read_and_said_so(self, explorer: Explorer, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        tx = anvil.send(THIEF, OTHER, 1)
        anvil.mine()
        stand_in = explorer.stand_in(explore(anvil))
        history = asyncio.run(explorer.adapter().transaction(stand_in, tx))
        assert facts(history) == {tx: [(1, "native", THIEF, OTHER, "native", 1)]}
        assert "not_final" in codes(history)
        assert not any(request.settled for request in stand_in.asked)

    def test_a_malformed_hash_is_refused(self, explorer: Explorer, chain: Explored) -> None:
        with pytest.raises(ProviderError):
            asyncio.run(explorer.adapter().transaction(explorer.stand_in(chain), "0x12"))


@by_kind
class TestHistory:
    @pytest.mark.parametrize("inflows", [False, True], ids=["touching", "inflows"])
    def test_tells_the_same_movements_as_the_node(
        self, explorer: Explorer, world: World, chain: Explored, inflows: bool
    ) -> None:
        for address in EVERYBODY:
            history = read(explorer.adapter(), explorer.stand_in(chain), address, world, inflows=inflows)
            wanted = by_node(world, address, inflows=inflows)
            # the node finds payments that were taken back, too
            touched = {tx for tx, told in facts(wanted).items() if any(address in f[2:4] for f in told)}
            keep = pa.array((tx in touched for tx in wanted.table["tx_hash"].to_pylist()), pa.bool_())
            expect_same(history, replace(wanted, table=wanted.table.filter(keep)))
            assert history.complete, (address, history.gaps)

    def test_positions_are_those_of_the_node_wherever_the_address_pays(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        history = read(explorer.adapter(), explorer.stand_in(chain), THIEF, world)
        wanted = facts(by_node(world, THIEF))
        for tx, told in facts(history).items():
            if any(fact[2] == THIEF for fact in told):
                assert told == wanted[tx]

    def test_the_table_is_in_the_order_of_the_ledger(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        table = read(explorer.adapter(), explorer.stand_in(chain), THIEF, world).table
        order = [
            (block, index, position is None, position or 0)
            for block, index, position in zip(
                *(table[c].to_pylist() for c in ("block", "tx_index", "position")), strict=True
            )
        ]
        assert order == sorted(order)
        assert table["row"].to_pylist() == list(range(1, table.num_rows + 1))
        assert min(table["timestamp"].to_pylist()) >= FIRST_TIME

    def test_ends_with_the_span(self, explorer: Explorer, world: World, chain: Explored) -> None:
        whole = multiset(read(explorer.adapter(), explorer.stand_in(chain), THIEF, world))
        parts: Counter[tuple[object, ...]] = Counter()
        for block in range(world.first, world.last + 1):
            span = Span(block, block)
            history = asyncio.run(explorer.adapter().history(explorer.stand_in(chain), THIEF, span, 1000))
            assert set(history.table["block"].to_pylist()) <= {block}
            assert history.complete, history.gaps
            parts += multiset(history)
        assert parts == whole

    def test_a_hub_is_not_read(self, explorer: Explorer, world: World, chain: Explored) -> None:
        count = read(explorer.adapter(), explorer.stand_in(chain), THIEF, world).transactions
        assert not read(explorer.adapter(), explorer.stand_in(chain), THIEF, world, most=count).hub
        stand_in = explorer.stand_in(chain)
        hub = read(explorer.adapter(), stand_in, THIEF, world, most=count - 1)
        assert (hub.hub, hub.complete, hub.table.num_rows) == (True, False, 0)
        assert hub.transactions == count
        assert not any("eipt" in request.text or "raw-trace" in request.text for request in stand_in.asked)

    def test_the_same_answers_give_the_same_history_in_whatever_order_they_arrive(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        stand_in = explorer.stand_in(chain)
        kept: dict[str, bytes] = {}

        async def recording(request: Request) -> bytes:
            kept[request.key] = await stand_in(request)
            return kept[request.key]

        async def replaying(request: Request) -> bytes:
            for _ in range(int(request.key[:1], 16)):  # each question takes its own time
                await asyncio.sleep(0)
            return kept[request.key]

        first = read(explorer.adapter(), recording, THIEF, world)
        again = read(explorer.adapter(), replaying, THIEF, world)
        assert again.table.equals(first.table)
        assert replace(again, table=first.table) == first

    def test_names_tokens(self, explorer: Explorer, world: World, chain: Explored) -> None:
        table = read(explorer.adapter(), explorer.stand_in(chain), THIEF, world).table
        found = set(zip(*(table[c].to_pylist() for c in ("asset", "symbol", "decimals")), strict=True))
        usdt = "0xdac17f958d2ee523a2206206994597c13d831ec7"
        assert found == {("native", "ETH", 18), (TOKEN, "TOK", 6), (WETH_AT, "WETH", 18), (usdt, "USDT", 6)}

    def test_single_tokens_are_counted_and_left_out(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        history = read(explorer.adapter(), explorer.stand_in(chain), THIEF, world)
        assert NFT not in history.table["asset"].to_pylist()
        assert [gap.message[:1] for gap in history.gaps if gap.code == "unique_tokens"] == ["1"]

    def test_settled_questions_are_asked_once_and_name_no_moving_block(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        stand_in = explorer.stand_in(chain)
        read(explorer.adapter(), stand_in, THIEF, world)
        settled = [request for request in stand_in.asked if request.settled]
        assert settled
        assert not any("latest" in request.text or "finalized" in request.text for request in settled)
        assert len({request.key for request in stand_in.asked}) == len(stand_in.asked)

    def test_bad_spans_and_endpoints_are_refused(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        with pytest.raises(InputError):
            asyncio.run(explorer.adapter().history(explorer.stand_in(chain), THIEF, Span(5, 4), 10))
        with pytest.raises(InputError):
            explorer.adapter(chain="bip122:000000000019d6689c085ae165831e93")
        with pytest.raises(ProviderError):
            read(explorer.adapter(), explorer.stand_in(chain), "0x12", world)

    def test_an_address_that_nobody_knows_has_an_empty_history(
        self, explorer: Explorer, world: World, chain: Explored
    ) -> None:
        history = read(explorer.adapter(), explorer.stand_in(chain), NOBODY, world)
        assert (history.table.num_rows, history.transactions, history.complete) == (0, 0, True)


@by_kind
class TestBlocks:
    def test_a_block_by_number(self, explorer: Explorer, world: World, chain: Explored) -> None:
        stand_in = explorer.stand_in(chain)
        head = asyncio.run(explorer.adapter().block(stand_in, world.last))
        raw: Any = world.node.call("eth_getBlockByNumber", hex(world.last), False)
        assert (hex(head.block), head.hash, hex(head.time)) == (raw["number"], raw["hash"], raw["timestamp"])
        assert not any(request.settled for request in stand_in.asked)

    def test_a_block_to_come_is_no_block(self, explorer: Explorer, chain: Explored) -> None:
        with pytest.raises(ProviderError):
            asyncio.run(explorer.adapter().block(explorer.stand_in(chain), 9999))


def test_each_kind_has_an_adapter_and_a_judge() -> None:
    for explorer in EXPLORERS:
        assert explorer.adapter().name.split() == [explorer.kind, "2"]
        assert explorer.kind in JUDGES
