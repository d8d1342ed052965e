"""The contract of every Bitcoin adapter, held against a real node on which every movement is known.

Electrum is a real ElectrumX, Core's RPC the node's own, Esplora a stand-in over the node's blocks. Whatever the way,
the same transaction has the same movements and the same address the same history.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bitcoin_coins import COIN, Chain, Owner
from tests.bitcoin_world import CLEAN, EXCHANGE, PEELS, SPLITS, THIEF, VICTIM, World
from tests.servers.esplora import PAGE, esplora, indexed
from tests.servers.litecoin import GENESIS, Litecoin, running
from tests.servers.standin import Asked, Reply
from tracer.addresses import BITCOIN
from tracer.chains.adapter import Adapter, Ask, Head, History, Request, Span, Verdict
from tracer.chains.adapters import JUDGES, adapter_of
from tracer.chains.bitcoin_scripts import script_hash
from tracer.chains.endpoint import Endpoint
from tracer.chains.esplora import Esplora
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.transport import Patience, Transport

QUICK = Patience(attempts=3, first=0.001, longest=0.01, deadline=30)
Change = Callable[[Asked, Reply], Reply]


@dataclass(frozen=True)
class Ways:
    """A world, and the address of every kind of provider of it."""

    world: World
    urls: dict[str, str]

    def endpoint(self, kind: str, **changes: object) -> Endpoint:
        key = {"key_setting": "node", "key_param": "{basic}"} if kind == "bitcoind" else {}
        values: dict[str, object] = dict(
            name=kind,
            kind=kind,
            chain=BITCOIN,
            base_url=self.urls[kind],
            rate=0,
            concurrency=20,
            genesis=GENESIS,
        )
        return Endpoint(**(values | key | changes))

    def run(self, kind: str, work: Callable[[Adapter, Ask], object], **changes: object) -> object:
        where = self.endpoint(kind, **changes)

        async def go() -> object:
            async with Transport(lambda _: "test:test", JUDGES, patience=QUICK) as transport:

                async def ask(request: Request) -> bytes:
                    return await transport.ask(where, request)

                return await work(adapter_of(where), ask)

        return asyncio.run(go())

    def transaction(self, kind: str, txid: str) -> History:
        found = self.run(kind, lambda a, ask: a.transaction(ask, txid))
        assert isinstance(found, History)
        return found

    def history(
        self,
        kind: str,
        address: str,
        *,
        first: int = 0,
        last: int = -1,
        most: int = 1000,
        inflows: bool = False,
    ) -> History:
        span = Span(first, self.world.last if last < 0 else last)
        found = self.run(kind, lambda a, ask: a.history(ask, address, span, most, inflows=inflows))
        assert isinstance(found, History)
        return found


def ways_of(server: Litecoin, world: World, esplora_url: str) -> Ways:
    return Ways(world, {"electrum": server.electrum, "bitcoind": server.rpc, "esplora": esplora_url})


@pytest.fixture(scope="module")
def world(bitcoin_theft: World) -> World:
    return bitcoin_theft


@pytest.fixture(scope="module")
def ways(world: World) -> Iterator[Ways]:
    with esplora(indexed(world.server)) as explorer:
        yield ways_of(world.server, world, explorer.url)


every = pytest.mark.parametrize("kind", ["electrum", "esplora", "bitcoind"])
listing = pytest.mark.parametrize("kind", ["electrum", "esplora"])


@every
def test_a_transaction_has_the_same_movements_by_every_way(ways: Ways, kind: str) -> None:
    for title, txid in ways.world.txid.items():
        told, first = ways.transaction(kind, txid), ways.transaction("electrum", txid)
        assert told.table.equals(first.table), title
        assert told.table.num_rows >= 2
        assert (told.gaps, told.complete) == ((), True)


@every
def test_an_unknown_transaction_is_a_gap(ways: Ways, kind: str) -> None:
    told = ways.transaction(kind, "ab" * 32)
    assert ([gap.code for gap in told.gaps], told.complete, told.table.num_rows) == (
        ["unknown_transaction"],
        False,
        0,
    )


@every
def test_head_is_six_below_the_newest_and_blocks_are_the_nodes(ways: Ways, kind: str) -> None:
    server = ways.world.server
    head = ways.run(kind, lambda a, ask: a.head(ask))
    assert isinstance(head, Head)
    assert head.block == ways.world.tip - 6
    for number in (0, 1, head.block):
        block = server.call("getblock", server.call("getblockhash", number))
        assert isinstance(block, dict)
        found = ways.run(kind, lambda a, ask, n=number: a.block(ask, n))
        assert found == Head(number, block["hash"], block["time"])
    with pytest.raises(ProviderError):
        ways.run(kind, lambda a, ask: a.block(ask, ways.world.tip + 1))


@every
def test_a_provider_of_another_chain_is_refused(ways: Ways, kind: str) -> None:
    with pytest.raises(ProviderStopError, match="serves another chain"):
        ways.run(kind, lambda a, ask: a.head(ask), genesis="")


@every
def test_what_is_not_final_is_read_and_said_so(ways: Ways, kind: str) -> None:
    txid = ways.world.txid["odd"]
    depth = 100
    found = ways.run(kind, lambda a, ask: a.transaction(ask, txid), depth=depth)
    assert isinstance(found, History)
    assert ([gap.code for gap in found.gaps], found.complete) == (["not_final"], False)
    assert found.table.equals(ways.transaction("electrum", txid).table)


@listing
@pytest.mark.parametrize("inflows", [False, True])
def test_an_address_has_the_same_history_by_every_way(ways: Ways, kind: str, inflows: bool) -> None:
    for who in (VICTIM, THIEF, CLEAN, EXCHANGE, *SPLITS, *PEELS):
        told = ways.history(kind, who.address, inflows=inflows)
        first = ways.history("electrum", who.address, inflows=inflows)
        assert told.table.equals(first.table)
        assert (told.gaps, told.complete, told.transactions) == ((), True, first.transactions)


@listing
def test_spans_add_up(ways: Ways, kind: str) -> None:
    whole = ways.history(kind, EXCHANGE.address).table.drop(["row"]).to_pylist()
    parts = []
    for block in sorted({row["block"] for row in whole}):
        parts += ways.history(kind, EXCHANGE.address, first=block, last=block).table.drop(["row"]).to_pylist()
    assert parts == whole
    assert ways.history(kind, EXCHANGE.address, last=1).table.num_rows == 0


@listing
def test_a_hub_is_not_read(ways: Ways, kind: str) -> None:
    assert not ways.history(kind, EXCHANGE.address, most=6).hub
    hub = ways.history(kind, EXCHANGE.address, most=5)
    assert (hub.hub, hub.complete, hub.transactions, hub.table.num_rows) == (True, False, 6, 0)


def test_a_node_without_an_index_says_who_can_tell(ways: Ways) -> None:
    with pytest.raises(InputError, match="no index of addresses") as caught:
        ways.history("bitcoind", EXCHANGE.address)
    assert "Electrum server" in caught.value.hint
    assert not ways.endpoint("bitcoind").histories
    assert ways.endpoint("electrum").histories


def test_a_wrong_password_is_said_and_never_shown(ways: Ways) -> None:
    where = ways.endpoint("bitcoind")

    async def go() -> None:
        async with Transport(lambda _: "test:wr0ngW0rd", JUDGES, patience=QUICK) as transport:
            await transport.ask(
                where, Request(where.base_url, body=b'{"id":1,"method":"uptime","params":[]}')
            )

    with pytest.raises(ProviderStopError, match="refuses") as caught:
        asyncio.run(go())
    assert "wr0ngW0rd" not in str(caught.value)


@pytest.fixture(scope="module")
def busy(litecoin_binaries: tuple[Path, Path]) -> Iterator[tuple[Litecoin, World]]:
    """The thief pays himself 60 times, many times in one block, and others seven times in between."""
    with running(litecoin_binaries) as server:
        chain = Chain(server)
        (coin,) = chain.endow(THIEF)
        for n in range(60):
            (coin,) = chain.pay([coin], [(THIEF, coin.amount - 100)])
            if n % 17 == 16:
                chain.mine()
        chain.pay([coin], [(EXCHANGE, coin.amount)])
        chain.mine()
        yield server, World(chain, tip=chain.bury(7))


@pytest.fixture(scope="module")
def bare(litecoin_binaries: tuple[Path, Path]) -> Iterator[tuple[Litecoin, World, str]]:
    """The thief pays a script that has no address, twice, and from there goes on to the exchange; and its name."""
    script = b"\x52"
    nobody = Owner(b"", script, f"script:{script_hash(script)}")
    with running(litecoin_binaries) as server:
        chain = Chain(server)
        (coin,) = chain.endow(THIEF)
        first, rest = chain.pay([coin], [(nobody, COIN), (THIEF, coin.amount - COIN - 500)])
        chain.mine()
        (second,) = chain.pay([rest], [(nobody, rest.amount)])
        chain.pay_bare([first, second], [(EXCHANGE, first.amount + second.amount - 700)])
        chain.mine()
        yield server, World(chain, tip=chain.bury(7)), nobody.address


class TestWithoutAddress:
    """Coin at a script that has no address (P2PK, bare multisig ...) is asked for by its hash."""

    def test_its_history_is_the_same_whoever_is_asked(self, bare: tuple[Litecoin, World, str]) -> None:
        server, world, nobody = bare
        with esplora(indexed(server)) as explorer:
            ways = ways_of(server, world, explorer.url)
            by_electrum, by_esplora = (ways.history(kind, nobody) for kind in ("electrum", "esplora"))
        assert by_electrum.table.equals(by_esplora.table)
        assert (by_electrum.gaps, by_electrum.complete) == (by_esplora.gaps, True)
        rows = by_electrum.table.select(["from_address", "to_address", "kind"]).to_pylist()
        assert [r["kind"] for r in rows if nobody == r["from_address"]] == ["spend", "spend"]
        assert [r["kind"] for r in rows if nobody == r["to_address"]] == ["output", "output"]
        assert [r["to_address"] for r in rows[-2:]] == [EXCHANGE.address, ""]

    def test_what_names_no_script_is_a_gap(self, bare: tuple[Litecoin, World, str]) -> None:
        server, world, _ = bare
        told = ways_of(server, world, "http://unused").history("electrum", "ab" * 32 + ":3")
        assert (told.complete, told.table.num_rows) == (False, 0)
        assert [gap.code for gap in told.gaps] == ["script_unknown"]


class TestEsplora:
    """What its users report, and what it must not be able to do."""

    def read(self, busy: tuple[Litecoin, World], change: Change | None = None, **changes: object) -> History:
        server, world = busy
        with esplora(indexed(server), change) as explorer:
            self.asked = explorer.asked
            return ways_of(server, world, explorer.url).history("esplora", THIEF.address, **changes)

    def test_all_pages_are_read_and_the_order_is_that_of_the_blocks(
        self, busy: tuple[Litecoin, World]
    ) -> None:
        told = self.read(busy)
        assert (told.transactions, told.complete, told.gaps) == (62, True, ())
        assert sum(asked.path.count("/txs/chain") for asked in self.asked) == -(-62 // PAGE)
        with_node = ways_of(*busy, "http://unused").history("electrum", THIEF.address)
        assert told.table.equals(with_node.table)

    def test_a_window_needs_the_newest_pages_only(self, busy: tuple[Litecoin, World]) -> None:
        told = self.read(busy, first=busy[1].last - 1)
        assert told.transactions == 10
        assert sum(asked.path.count("/txs/chain") for asked in self.asked) == 1

    def test_pages_that_begin_with_the_oldest_are_all_read(self, busy: tuple[Litecoin, World]) -> None:
        whole = self.read(busy, first=busy[1].last - 1)
        pages: list[list[object]] = []

        def oldest_first(asked: Asked, reply: Reply) -> Reply:
            if "/txs/chain" not in asked.path:
                return reply
            if not pages:
                server, _ = busy
                index = indexed(server)
                listed = index.history[THIEF.address]
                told = [index.transactions[txid] for txid in listed]
                pages.extend(told[n : n + PAGE] for n in range(0, len(told), PAGE))
            return Reply(pages.pop(0))

        told = self.read(busy, oldest_first, first=busy[1].last - 1)
        assert (told.transactions, told.complete) == (whole.transactions, True)
        assert told.table.equals(whole.table)

    def test_429_without_a_time_is_waited_for(self, busy: tuple[Litecoin, World]) -> None:
        refused: list[str] = []

        def change(asked: Asked, reply: Reply) -> Reply:
            if "merkle-proof" in asked.path and asked.path not in refused and len(refused) < 3:
                refused.append(asked.path)
                return Reply(b"<html>Too Many Requests</html>", 429)
            return reply

        assert self.read(busy, change).complete
        assert len(refused) == 3

    @pytest.mark.parametrize("path", ["/txs/chain", "/address/"])
    def test_too_many_history_entries_is_a_hub(self, busy: tuple[Litecoin, World], path: str) -> None:
        for status in (200, 400, 422, 500):
            told = self.read(
                busy, lambda a, r, s=status: Reply(b"Too many history entries", s) if path in a.path else r
            )
            assert (told.hub, told.complete) == (True, False)
            assert [gap.code for gap in told.gaps] == ["history_too_long"]

    def test_a_list_that_ends_too_soon_is_a_gap(self, busy: tuple[Litecoin, World]) -> None:
        self.read(busy)
        last = [a.path for a in self.asked if "/txs/chain/" in a.path][-1]
        told = self.read(busy, lambda a, r: Reply([]) if a.path == last else r)
        assert [(gap.code, gap.status) for gap in told.gaps if gap.status == "open"] == [
            ("list_short", "open")
        ]
        assert not told.complete

    def test_pages_that_move_are_an_error(self, busy: tuple[Litecoin, World]) -> None:
        first: list[Reply] = []

        def stuck(asked: Asked, reply: Reply) -> Reply:
            if "/txs/chain" in asked.path:
                first.append(reply)
                return first[0]
            return reply

        with pytest.raises(ProviderError, match="twice"):
            self.read(busy, stuck)

    def test_hidden_coin_shows_in_the_totals(self, busy: tuple[Litecoin, World]) -> None:
        def change(asked: Asked, reply: Reply) -> Reply:
            if asked.path == f"/address/{THIEF.address}":
                body = json.loads(reply.data)
                body["chain_stats"]["funded_txo_sum"] += 7 * COIN
                return Reply(body)
            return reply

        told = self.read(busy, change)
        assert [(gap.code, gap.amount) for gap in told.gaps] == [("balance_differs", 7 * COIN)]

    @pytest.mark.parametrize(
        ("where", "change", "match"),
        [
            (
                "/txs/chain",
                lambda t: t["vout"][0].update(value=t["vout"][0]["value"] + 1),
                "bytes are those of",
            ),
            ("/txs/chain", lambda t: t["vout"][0].update(value=1.0), "not understood"),
            ("/txs/chain", lambda t: t["vin"][0].update(vout=1), "bytes are those of"),
            ("/txs/chain", lambda t: t.update(locktime=-1), "not understood"),
            ("/txs/chain", lambda t: t["status"].update(block_height=3), "two blocks|another block|prove"),
            ("/txs/chain", lambda t: t["status"].update(confirmed=False), "unconfirmed"),
            ("merkle-proof", lambda t: t.update(pos=t["pos"] + 1), "prove|number"),
            ("/block/", lambda t: t.update(timestamp=t["timestamp"] + 1), "another block"),
            ("/block/", lambda t: t.update(merkle_root="00" * 32), "another block"),
        ],
        ids=["amount", "float", "spent", "lock", "block", "waiting", "place", "time", "root"],
    )
    def test_what_does_not_hash_is_refused(
        self,
        busy: tuple[Litecoin, World],
        where: str,
        change: Callable[[dict[str, object]], None],
        match: str,
    ) -> None:
        def spoiled(asked: Asked, reply: Reply) -> Reply:
            if where not in asked.path:
                return reply
            body = json.loads(reply.data)
            change(body[0] if isinstance(body, list) else body)
            return Reply(body)

        with pytest.raises(ProviderError, match=match):
            self.read(busy, spoiled)

    def test_answers_that_are_no_answers_are_asked_for_again(self, busy: tuple[Litecoin, World]) -> None:
        odd = [b"<html>wait</html>", b"", b'{"cut": ', b"Service Unavailable", b"[" * 100_000]
        left = list(odd)

        def change(asked: Asked, reply: Reply) -> Reply:
            return Reply(left.pop()) if left and "merkle-proof" in asked.path else reply

        assert self.read(busy, change).complete
        assert left == []

    def test_bodies_are_judged(self) -> None:
        for body in (b"[]", b"850000", b"0" * 64, b"Transaction not found", b"Too many history entries"):
            assert Esplora.judge(body) == (Verdict.ANSWER, "")
        for body in (b"<html>Block not found</html>", b"rate limited", b"", b"{"):
            assert Esplora.judge(body)[0] is Verdict.AGAIN
