"""The contract of every chain adapter, held against a real node on which every movement is known.

An adapter is given in the variants of what a node may offer. Whatever the way, the same transaction has the same
movements; what a way cannot tell is a gap.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

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
    Fact,
    World,
    make_world,
)
from tests.servers.anvil import FIRST_TIME, Anvil, running
from tracer.chains.adapter import Adapter, Ask, History, Request, Span, Verdict
from tracer.chains.endpoint import Endpoint
from tracer.chains.jsonrpc import JsonRpc
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.movements import SCHEMA, amounts_from_column

MAINNET = "eip155:1"


class Asking:
    """An Ask to a node that says `method not found` to some methods, and keeps what was asked.

    change: may replace the answer (decoded) of a call, given its method and parameters.
    """

    def __init__(
        self,
        node: Anvil,
        without: tuple[str, ...] = (),
        change: Callable[[str, list[object], object], object] | None = None,
    ) -> None:
        self.node, self.without, self.change = node, without, change
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> bytes:
        self.requests.append(request)
        body = json.loads(request.body)
        made = body if isinstance(body, list) else [body]
        denied = [call for call in made if call["method"].startswith(self.without)] if self.without else []
        passed = [call for call in made if call not in denied]
        answers = (
            json.loads(await asyncio.to_thread(self.node.post, json.dumps(passed).encode())) if passed else []
        )
        by_id = {call["id"]: call for call in made}
        if self.change is not None:
            for answer in answers:
                call = by_id[answer["id"]]
                if "result" in answer:
                    changed = self.change(call["method"], call["params"], answer["result"])
                    if isinstance(changed, Exception):
                        del answer["result"]
                        answer["error"] = {"code": -32000, "message": str(changed)}
                    else:
                        answer["result"] = changed
        error = {"code": -32601, "message": "Method not found"}
        answers += [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in denied]
        answers.reverse()  # in any order but that of the question
        given = json.dumps(answers if isinstance(body, list) else answers[0]).encode()
        assert JsonRpc.judge(given) == (Verdict.ANSWER, "")  # the transport would pass it on
        return given

    def methods(self) -> Counter[str]:
        """How often each method was asked."""
        asked: Counter[str] = Counter()
        for request in self.requests:
            body = json.loads(request.body)
            asked.update(call["method"] for call in (body if isinstance(body, list) else [body]))
        return asked


@dataclass(frozen=True)
class Variant:
    """What a node lacks, and what that costs. inner: inner payments are told. native: payments are found."""

    title: str
    without: tuple[str, ...]
    inner: bool = True
    native: bool = True


FULL = Variant("trace_filter", ())
TREES = Variant("trace_filter, debug", ("trace_transaction", "ots_"))
PAGES = Variant("ots, trace", ("trace_filter", "debug_"))
PAGES_TREES = Variant("ots, debug", ("trace_",))
PAGES_ONLY = Variant("ots alone", ("trace_", "debug_"), inner=False)
LOGS_TRACES = Variant("logs, trace", ("trace_filter", "ots_"), native=False)
LOGS_ONLY = Variant("logs alone", ("trace_", "ots_", "debug_"), inner=False, native=False)
VARIANTS = (FULL, TREES, PAGES, PAGES_TREES, PAGES_ONLY, LOGS_TRACES, LOGS_ONLY)
TELLING = tuple(v for v in VARIANTS if v.inner and v.native)
by_title = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
telling = pytest.mark.parametrize("variant", TELLING, ids=lambda v: v.title)


@pytest.fixture(scope="module")
def world(anvil_binary: Path) -> Iterator[World]:
    with running(anvil_binary) as node:
        yield make_world(node)


def adapter_of(node: Anvil, **settings: object) -> JsonRpc:
    given = {
        "name": "test",
        "kind": "jsonrpc",
        "chain": MAINNET,
        "base_url": node.url,
        "rate": 0.0,
    } | settings
    return JsonRpc(Endpoint(**given))


def read(
    node: Anvil,
    address: str,
    first: int,
    last: int,
    ask: Ask | None = None,
    *,
    most: int = 1000,
    inflows: bool = False,
    **settings: object,
) -> History:
    adapter: Adapter = adapter_of(node, **settings)
    span = Span(first, last)
    return asyncio.run(adapter.history(ask or Asking(node), address, span, most, inflows=inflows))


def facts(history: History) -> dict[str, list[Fact]]:
    """Movements by transaction, in the order of the table."""
    table = history.table
    columns = [
        table[name].to_pylist() for name in ("position", "kind", "from_address", "to_address", "asset")
    ]
    found: dict[str, list[Fact]] = {}
    for tx, *row, amount in zip(
        table["tx_hash"].to_pylist(), *columns, amounts_from_column(table["amount"]), strict=True
    ):
        found.setdefault(tx, []).append((*row, amount))
    return found


def codes(history: History) -> set[str]:
    return {gap.code for gap in history.gaps}


def without_inner(told: list[Fact]) -> list[Fact]:
    return [fact for fact in told if fact[1] != "internal"]


class TestTransaction:
    @by_title
    def test_every_way_tells_the_same_movements(self, world: World, variant: Variant) -> None:
        adapter, ask = adapter_of(world.node), Asking(world.node, variant.without)
        for title, tx in world.hash.items():
            history = asyncio.run(adapter.transaction(ask, tx))
            expected = world.told[title] if variant.inner else without_inner(world.told[title])
            assert facts(history) == {tx: expected}, title
            assert history.complete is (variant.inner or title == "failed"), title
            assert ("no_internal" in codes(history)) is (not history.complete), title

    def test_an_unknown_transaction_is_a_gap(self, world: World) -> None:
        history = asyncio.run(adapter_of(world.node).transaction(Asking(world.node), "0x" + "ab" * 32))
        assert history.table.num_rows == 0
        assert not history.complete
        assert codes(history) == {"unknown_transaction"}

    def test_one_that_is_not_mined_is_unknown(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        tx = anvil.send(THIEF, OTHER, 1)
        history = asyncio.run(adapter_of(anvil).transaction(Asking(anvil), tx))
        assert codes(history) == {"unknown_transaction"}

    def test_one_that_is_not_final_is_read_and_said_so(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        tx = anvil.send(THIEF, OTHER, 1)
        anvil.mine()
        adapter, ask = adapter_of(anvil), Asking(anvil)
        history = asyncio.run(adapter.transaction(ask, tx))
        assert facts(history) == {tx: [(1, "native", THIEF, OTHER, "native", 1)]}
        assert codes(history) == {"not_final"}
        settled = [request.body for request in ask.requests if request.settled]
        assert all(b"ots_getApiLevel" in body for body in settled)  # what the node can do, and nothing else
        for _ in range(64):
            anvil.mine()
        assert codes(asyncio.run(adapter.transaction(ask, tx))) == set()

    def test_a_malformed_hash_is_refused(self, world: World) -> None:
        with pytest.raises(ProviderError):
            asyncio.run(adapter_of(world.node).transaction(Asking(world.node), "0x12"))


class TestHistory:
    @by_title
    def test_holds_each_transaction_that_the_way_can_find(self, world: World, variant: Variant) -> None:
        history = read(world.node, THIEF, world.first, world.last, Asking(world.node, variant.without))
        tokens = {
            n for n in world.names(THIEF) if any(f[4] != "native" and THIEF in f[2:4] for f in world.told[n])
        }
        titles = world.names(THIEF) if variant.native else tokens
        # an ERC-721 transfer is found by its topics too, although it is no movement
        titles = titles | {"unique"}
        expected = {}
        for title in titles:
            told = world.told[title] if variant.inner else without_inner(world.told[title])
            pays = any(fact[2] == THIEF for fact in told)
            expected[world.hash[title]] = told if pays else [f for f in told if THIEF in f[2:4]]
        assert facts(history) == {tx: told for tx, told in expected.items() if told}
        assert history.transactions == len(titles)
        assert not history.hub
        assert ("no_history" in codes(history)) is not variant.native
        assert ("no_internal" in codes(history)) is not variant.inner
        assert history.complete is (variant.native and variant.inner)

    @telling
    def test_is_complete_to_the_wei(self, world: World, variant: Variant) -> None:
        for address in (THIEF, OTHER, CARRIER, *PAYEES, DISPERSER, WETH_AT):
            history = read(world.node, address, world.first, world.last, Asking(world.node, variant.without))
            assert "balance_differs" not in codes(history), address
            assert history.complete, (address, history.gaps)

    def test_table_has_the_schema_and_the_order_of_the_ledger(self, world: World) -> None:
        history = read(world.node, THIEF, world.first, world.last)
        table = history.table
        assert table.schema.equals(SCHEMA)
        order = list(zip(*(table[c].to_pylist() for c in ("block", "tx_index", "position")), strict=True))
        assert order == sorted(order)
        assert len(set(order)) == len(order)
        assert table["row"].to_pylist() == list(range(1, table.num_rows + 1))
        assert set(table["chain"].to_pylist()) == {MAINNET}
        assert set(table["excluded"].to_pylist()) == {""}
        assert set(table["grade"].to_pylist()) == {"fact"}
        assert min(table["timestamp"].to_pylist()) >= FIRST_TIME

    def test_times_are_those_of_the_blocks(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        first = anvil.mine() + 1
        for time in (FIRST_TIME + 1000, FIRST_TIME + 5000):
            anvil.send(THIEF, OTHER, 1)
            anvil.mine(time)
        history = read(anvil, THIEF, first, first + 1)
        assert history.table["timestamp"].to_pylist() == [FIRST_TIME + 1000, FIRST_TIME + 5000]

    def test_names_tokens_as_they_name_themselves(self, world: World) -> None:
        table = read(world.node, THIEF, world.first, world.last).table
        found = set(zip(*(table[c].to_pylist() for c in ("asset", "symbol", "decimals")), strict=True))
        usdt = "0xdac17f958d2ee523a2206206994597c13d831ec7"
        assert found == {("native", "ETH", 18), (TOKEN, "TOK", 6), (WETH_AT, "WETH", 18), (usdt, "USDT", 6)}

    @telling
    def test_only_paid_shows_what_touches_it_unless_inflows_are_wanted(
        self, world: World, variant: Variant
    ) -> None:
        ask = Asking(world.node, variant.without)
        tx = world.hash["disperse"]
        some = facts(read(world.node, PAYEES[2], world.first, world.last, ask))
        assert some == {tx: [world.told["disperse"][3]]}
        every = facts(read(world.node, PAYEES[2], world.first, world.last, ask, inflows=True))
        assert every == {tx: world.told["disperse"]}

    @by_title
    def test_a_payment_that_was_taken_back_is_nobodys(self, world: World, variant: Variant) -> None:
        history = read(world.node, PAYEES[3], world.first, world.last, Asking(world.node, variant.without))
        assert history.table.num_rows == 0

    @by_title
    def test_single_tokens_are_counted_and_left_out(self, world: World, variant: Variant) -> None:
        history = read(world.node, PAYEES[5], world.first, world.last, Asking(world.node, variant.without))
        assert NFT not in history.table["asset"].to_pylist()
        (gap,) = [gap for gap in history.gaps if gap.code == "unique_tokens"]
        assert gap.message.startswith("1 transfers")

    def test_the_heir_of_a_contract_is_found(self, world: World) -> None:
        found = facts(read(world.node, HEIR, world.first, world.last))
        assert found == {world.hash["destroyed"]: [world.told["destroyed"][2]]}
        assert sum(fact[5] for fact in found[world.hash["destroyed"]]) == 707

    def test_an_heir_that_the_index_does_not_know_is_missed_aloud(self, world: World) -> None:
        history = read(world.node, HEIR, world.first, world.last, Asking(world.node, PAGES.without))
        assert history.table.num_rows == 0
        assert not history.complete
        assert [(gap.code, gap.amount) for gap in history.gaps] == [("balance_differs", 707)]

    @by_title
    def test_ends_with_the_span(self, world: World, variant: Variant) -> None:
        whole = read(world.node, THIEF, world.first, world.last, Asking(world.node, variant.without))
        parts: list[tuple[object, ...]] = []
        for block in range(world.first, world.last + 1):
            history = read(world.node, THIEF, block, block, Asking(world.node, variant.without))
            assert set(history.table["block"].to_pylist()) <= {block}
            assert "balance_differs" not in codes(history) or not variant.inner
            parts += [tuple(row.values()) for row in history.table.drop(["row"]).to_pylist()]
        assert parts == [tuple(row.values()) for row in whole.table.drop(["row"]).to_pylist()]

    @by_title
    def test_a_hub_is_not_read(self, world: World, variant: Variant) -> None:
        ask = Asking(world.node, variant.without)
        count = read(world.node, THIEF, world.first, world.last, ask).transactions
        assert not read(world.node, THIEF, world.first, world.last, ask, most=count).hub
        hub_ask = Asking(world.node, variant.without)
        hub = read(world.node, THIEF, world.first, world.last, hub_ask, most=count - 1)
        assert (hub.hub, hub.complete, hub.table.num_rows) == (True, False, 0)
        assert hub.transactions == count
        assert "eth_getTransactionReceipt" not in hub_ask.methods()

    @by_title
    def test_the_same_answers_give_the_same_history(self, world: World, variant: Variant) -> None:
        kept: dict[str, bytes] = {}
        ask = Asking(world.node, variant.without)

        async def recording(request: Request) -> bytes:
            kept[request.key] = await ask(request)
            return kept[request.key]

        async def replaying(request: Request) -> bytes:
            return kept[request.key]

        first = read(world.node, THIEF, world.first, world.last, recording)
        again = read(world.node, THIEF, world.first, world.last, replaying)
        assert again.table.equals(first.table)
        assert replace(again, table=first.table) == first

    def test_small_pages_lose_nothing(self, world: World) -> None:
        whole = read(world.node, THIEF, world.first, world.last)
        for page in (1, 2, 3):
            paged = read(world.node, THIEF, world.first, world.last, page=page)
            assert paged.table.equals(whole.table)
            assert [g for g in paged.gaps if g.code != "search_unproven"] == [*whole.gaps]

    def test_settled_means_that_it_can_be_kept(self, world: World) -> None:
        ask = Asking(world.node)
        read(world.node, THIEF, world.first, world.last, ask)
        for request in ask.requests:
            body = request.body.decode()
            assert request.settled, body[:200]
            assert "latest" not in body
            assert "finalized" not in body
            assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")) == body
        assert len({request.key for request in ask.requests}) == len(ask.requests)

    def test_bad_spans_are_refused(self, world: World) -> None:
        with pytest.raises(InputError):
            read(world.node, THIEF, 5, 4)


class TestBlocks:
    def test_head_is_the_finalized_block(self, world: World) -> None:
        head = asyncio.run(adapter_of(world.node).head(Asking(world.node)))
        final = world.node.call("eth_getBlockByNumber", "finalized", False)
        assert isinstance(final, dict)
        assert (hex(head.block), head.hash, hex(head.time)) == (
            final["number"],
            final["hash"],
            final["timestamp"],
        )

    @pytest.mark.parametrize("answer", [None, ValueError("unknown block tag")], ids=["null", "error"])
    def test_without_the_tag_head_is_some_blocks_below(self, world: World, answer: object) -> None:
        ask = Asking(
            world.node,
            change=lambda m, p, r: answer if m == "eth_getBlockByNumber" and p[0] == "finalized" else r,
        )
        latest = int(str(world.node.call("eth_blockNumber")), 16)
        head = asyncio.run(adapter_of(world.node, depth=7).head(ask))
        assert head.block == latest - 7
        assert head == asyncio.run(adapter_of(world.node).block(ask, latest - 7))
        assert not any(request.settled for request in ask.requests)

    def test_a_block_that_was_taken_back_has_another_hash(self, anvil: Anvil) -> None:
        adapter, ask = adapter_of(anvil), Asking(anvil)
        for _ in range(5):
            anvil.mine()
        before = [asyncio.run(adapter.block(ask, n)) for n in range(6)]
        anvil.endow(THIEF, ETHER)
        anvil.call("anvil_reorg", 2, [[{"from": THIEF, "to": OTHER, "value": "0x1"}, 0]])
        after = [asyncio.run(adapter.block(ask, n)) for n in range(6)]
        assert [b == a for b, a in zip(before, after, strict=True)] == [True] * 4 + [False] * 2
        assert [b.block for b in after] == list(range(6))

    def test_a_block_to_come_is_no_block(self, anvil: Anvil) -> None:
        with pytest.raises(ProviderError):
            asyncio.run(adapter_of(anvil).block(Asking(anvil), 99))

    def test_a_node_of_another_chain_is_refused(self, world: World) -> None:
        adapter = adapter_of(world.node, chain="eip155:137")
        asked: list[Awaitable[object]] = [
            adapter.head(Asking(world.node)),
            adapter.history(Asking(world.node), THIEF, Span(1, 2), 10),
            adapter.transaction(Asking(world.node), world.hash["native"]),
        ]
        for question in asked:
            with pytest.raises(ProviderStopError, match="serves eip155:1, not eip155:137"):
                asyncio.run(_run(question))


async def _run(question: Awaitable[object]) -> object:
    return await question
