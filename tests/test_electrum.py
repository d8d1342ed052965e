"""The Electrum adapter against a real ElectrumX, and against servers that lie, cut, forget or change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bitcoin_coins import COIN, Chain, owner
from tests.bitcoin_world import (
    CLEAN,
    EXCHANGE,
    MEMO,
    PAID,
    PEELS,
    SPLITS,
    THIEF,
    VICTIM,
    World,
    told,
)
from tests.servers.litecoin import GENESIS, Litecoin, running
from tracer.addresses import BITCOIN
from tracer.chains.adapter import Head, History, Request, Span, Verdict
from tracer.chains.bitcoin_questions import judge
from tracer.chains.electrum import Electrum
from tracer.chains.endpoint import Endpoint
from tracer.chains.utxo_rows import table_of, transactions_of
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.movements import SCHEMA, amounts_from_column
from tracer.transport import Patience, Transport

QUICK = Patience(attempts=3, first=0.001, longest=0.01, deadline=30)
Change = Callable[[str, list[object], object], object]


@pytest.fixture(scope="module")
def world(bitcoin_theft: World) -> World:
    return bitcoin_theft


def endpoint(server: Litecoin, **changes: object) -> Endpoint:
    values: dict[str, object] = dict(
        name="electrum",
        kind="electrum",
        chain=BITCOIN,
        base_url=server.electrum,
        rate=0,
        concurrency=20,
        genesis=GENESIS,
    )
    return Endpoint(**(values | changes))


class Asking:
    """An Ask to the real server. change: may replace the result of a call, or with an Exception make it an error."""

    def __init__(self, transport: Transport, where: Endpoint, change: Change | None) -> None:
        self.transport, self.where, self.change = transport, where, change
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> bytes:
        self.requests.append(request)
        body = await self.transport.ask(self.where, request)
        if self.change is None:
            return body
        calls, answers = json.loads(request.body), json.loads(body)
        single = isinstance(calls, dict)
        for call, answer in zip([calls] if single else calls, [answers] if single else answers, strict=True):
            if "result" in answer:
                changed = self.change(call["method"], call["params"], answer["result"])
                if isinstance(changed, Exception):
                    del answer["result"]
                    answer["error"] = {"code": changed.args[0], "message": changed.args[1]}
                else:
                    answer["result"] = changed
        return json.dumps(answers).encode()


def run(
    world: World,
    work: Callable[[Electrum, Asking], object],
    change: Change | None = None,
    **changes: object,
) -> object:
    where = endpoint(world.server, **changes)

    async def go() -> object:
        async with Transport(lambda _: "", {"electrum": judge}, patience=QUICK) as transport:
            return await work(Electrum(where), Asking(transport, where, change))

    return asyncio.run(go())


def read(
    world: World,
    address: str,
    change: Change | None = None,
    *,
    first: int = 0,
    last: int | None = None,
    most: int = 1000,
    inflows: bool = False,
    **changes: object,
) -> History:
    span = Span(first, world.last if last is None else last)
    found = run(world, lambda a, ask: a.history(ask, address, span, most, inflows=inflows), change, **changes)
    assert isinstance(found, History)
    return found


def transaction(world: World, txid: str, change: Change | None = None) -> History:
    found = run(world, lambda a, ask: a.transaction(ask, txid), change)
    assert isinstance(found, History)
    return found


def codes(history: History) -> set[str]:
    return {gap.code for gap in history.gaps}


def without_addresses(history: History) -> list[object]:
    return [
        replace(
            t,
            inputs=tuple(replace(i, address="") for i in t.inputs),
            outputs=tuple(replace(o, address="") for o in t.outputs),
        )
        for t in transactions_of(history.table)
    ]


def held(history: History, address: str) -> int:
    """What the rows of a history leave at an address."""
    table = history.table
    amounts = amounts_from_column(table["amount"])
    ends = zip(table["from_address"].to_pylist(), table["to_address"].to_pylist(), amounts, strict=True)
    return sum(n * ((b == address) - (a == address)) for a, b, n in ends)


class TestTransaction:
    def test_says_what_the_node_itself_decodes(self, world: World) -> None:
        for title, txid in world.txid.items():
            history = transaction(world, txid)
            assert without_addresses(history) == told(world.server, [txid]), title
            assert (history.complete, history.gaps, history.transactions) == (True, (), 1), title

    def test_every_form_of_address_is_printed_as_bitcoin_prints_it(self, world: World) -> None:
        (odd,) = transactions_of(transaction(world, world.txid["odd"]).table)
        assert [o.address for o in odd.outputs] == [VICTIM.address, *PAID.values(), "", "", "", ""]
        assert bytes.fromhex(odd.outputs[-1].op_return) == MEMO
        assert odd.fee == COIN // 2 - sum(range(1000, 1005)) - 2000 - 3000 - 4000

    def test_an_unknown_one_is_a_gap(self, world: World) -> None:
        history = transaction(world, "ab" * 32)
        assert (history.table.num_rows, history.complete) == (0, False)
        assert codes(history) == {"unknown_transaction"}

    def test_one_that_is_not_final_is_read_and_said_so(self, litecoin_binaries: tuple[Path, Path]) -> None:
        with running(litecoin_binaries) as server:
            chain = Chain(server)
            coins = chain.endow(THIEF)
            paid = chain.pay(coins, [(EXCHANGE, 50 * COIN)])
            txid = paid[0].at.txid
            server.call("sendrawtransaction", chain.waiting[0], 0)
            world = World(chain, tip=101)
            assert codes(transaction(world, txid)) == {"unknown_transaction"}
            chain.mine()
            server.sync()
            early = transaction(world, txid)
            assert (codes(early), early.complete, early.table.num_rows) == ({"not_final"}, False, 3)
            chain.bury(6)
            assert codes(transaction(world, txid)) == set()


class TestHistory:
    def test_holds_whole_what_it_pays_and_its_part_of_what_it_gets(self, world: World) -> None:
        history = read(world, SPLITS[1].address)
        kinds = zip(
            history.table["tx_hash"].to_pylist(),
            history.table["kind"].to_pylist(),
            history.table["to_address"].to_pylist(),
            strict=True,
        )
        rows: dict[str, list[tuple[str, str]]] = {}
        for tx, kind, to in kinds:
            rows.setdefault(tx, []).append((kind, to))
        mine = ("output", SPLITS[1].address)
        assert rows == {
            world.txid["split"]: [mine],
            world.txid["clean"]: [mine],
            world.txid["together"]: [("spend", "")] * 4 + [("output", EXCHANGE.address), ("fee", "")],
        }
        assert (history.transactions, history.complete, history.gaps) == (3, True, ())

    def test_inflows_are_whole_where_they_are_wanted(self, world: World) -> None:
        history = read(world, SPLITS[1].address, inflows=True)
        wanted = [world.txid[name] for name in ("split", "clean", "together")]
        assert without_addresses(history) == told(world.server, wanted)

    @pytest.mark.parametrize(
        "who", [VICTIM, THIEF, CLEAN, EXCHANGE, *SPLITS, *PEELS], ids=lambda o: o.address[:12]
    )
    def test_rows_leave_what_the_server_says_that_the_address_holds(self, world: World, who: object) -> None:
        address = who.address
        history = read(world, address)
        assert history.complete, history.gaps
        found = run(world, lambda a, ask: _balance(ask, address))
        assert held(history, address) == found

    def test_the_table_has_the_schema_and_the_order_of_the_ledger(self, world: World) -> None:
        table = read(world, EXCHANGE.address).table
        assert table.schema.equals(SCHEMA)
        order = list(zip(*(table[c].to_pylist() for c in ("block", "tx_index", "position")), strict=True))
        assert order == sorted(order)
        assert len(set(order)) == len(order) == 6
        assert table["row"].to_pylist() == list(range(1, 7))
        assert [i for _, i, _ in order] == [1, 2, 3, 4, 5, 1]

    def test_an_address_that_nobody_used_has_an_empty_history(self, world: World) -> None:
        history = read(world, owner(999).address)
        assert (history.table.num_rows, history.transactions, history.complete, history.gaps) == (
            0,
            0,
            True,
            (),
        )

    def test_ends_with_the_span(self, world: World) -> None:
        whole = read(world, EXCHANGE.address)
        blocks = sorted(set(whole.table["block"].to_pylist()))
        parts = [read(world, EXCHANGE.address, first=b, last=b).table.drop(["row"]) for b in blocks]
        assert [r for p in parts for r in p.to_pylist()] == whole.table.drop(["row"]).to_pylist()

    def test_a_span_in_the_middle_knows_what_was_paid_out_of_earlier_coin(self, world: World) -> None:
        (together,) = told(world.server, [world.txid["together"]])
        history = read(world, SPLITS[1].address, first=together.block or 0)
        assert without_addresses(history) == [together]
        assert codes(history) <= {"balance_unknown"}

    def test_what_comes_after_the_span_does_not_disturb_the_balance(self, world: World) -> None:
        (split,) = told(world.server, [world.txid["split"]])
        history = read(world, SPLITS[1].address, last=split.block)
        assert (history.complete, history.gaps, history.transactions) == (True, (), 2)

    def test_a_hub_is_not_read(self, world: World) -> None:
        requests: list[Request] = []

        async def work(adapter: Electrum, ask: Asking) -> object:
            history = await adapter.history(ask, EXCHANGE.address, Span(0, world.last), 5)
            requests.extend(ask.requests)
            return history

        hub = run(world, work)
        assert isinstance(hub, History)
        assert (hub.hub, hub.complete, hub.transactions, hub.table.num_rows) == (True, False, 6, 0)
        assert len(requests) == 1
        assert not read(world, EXCHANGE.address, most=6).hub

    def test_a_history_too_long_for_the_server_is_a_hub_even_for_a_seed(
        self, litecoin_binaries: tuple[Path, Path]
    ) -> None:
        with running(litecoin_binaries, MAX_SEND="350000") as server:
            chain = Chain(server)
            (coin,) = chain.endow(THIEF)
            for _ in range(4):
                for _ in range(900):
                    (coin,) = chain.pay([coin], [(THIEF, coin.amount)])
                chain.mine()
            world = World(chain, tip=chain.bury(7))
            history = read(world, THIEF.address, most=10**9)
            assert (history.hub, history.complete, codes(history)) == (True, False, {"history_too_long"})

    def test_unconfirmed_and_replaced_payments_are_left_out_and_said(
        self, litecoin_binaries: tuple[Path, Path]
    ) -> None:
        with running(litecoin_binaries) as server:
            chain = Chain(server)
            (coin,) = chain.endow(THIEF)
            world = World(chain, tip=chain.bury(7))
            for payee, fee in ((owner(50), 1000), (owner(51), 900_000)):  # the second replaces the first
                chain.pay([coin], [(payee, coin.amount - fee)])
                server.call("sendrawtransaction", chain.waiting.pop(), 0)
            server.sync()
            end = time.monotonic() + 60  # until the server looks into the node's waiting transactions again
            while not (history := read(world, THIEF.address)).gaps and time.monotonic() < end:
                pass
            assert [(g.code, g.status) for g in history.gaps] == [("not_in_block", "assumption")]
            assert (history.complete, history.transactions) == (True, 1)
            assert read(world, owner(50).address).table.num_rows == 0

    def test_settled_questions_name_their_block_and_are_never_repeated(self, world: World) -> None:
        async def work(adapter: Electrum, ask: Asking) -> object:
            await adapter.history(ask, SPLITS[1].address, Span(0, world.last), 1000)
            return ask.requests

        requests = run(world, work)
        assert isinstance(requests, list)
        assert all(request.settled for request in requests)
        assert len({request.key for request in requests}) == len(requests)
        (listing,) = [r for r in requests if b"get_history" in r.body]
        assert listing.until == world.last
        assert replace(listing, until=world.last + 1).key != listing.key

    def test_the_same_answers_give_the_same_bytes(self, world: World) -> None:
        found = [[], []]  # type: list[list[tuple[str, bytes]]]
        for kept in found:

            async def work(adapter: Electrum, ask: Asking, kept: list[tuple[str, bytes]] = kept) -> object:
                async def noting(request: Request) -> bytes:
                    body = await ask(request)
                    kept.append((request.key, body))
                    return body

                return await adapter.history(noting, SPLITS[1].address, Span(0, world.last), 1000)

            run(world, work)
        assert sorted(found[0]) == sorted(found[1])

    def test_bad_questions_are_refused(self, world: World) -> None:
        for address, first in ((THIEF.address, 5), ("bc1qnothing", 0)):
            with pytest.raises(InputError):
                read(world, address, first=first, last=4)


async def _balance(ask: Asking, address: str) -> int:
    from tracer.chains.bitcoin_questions import Call, question, read_answers
    from tracer.chains.bitcoin_scripts import script_hash, script_of

    call = Call("blockchain.scripthash.get_balance", (script_hash(script_of(address)),))
    (found,) = read_answers(await ask(Request(ask.where.base_url, body=question([call]))), [call])
    return int(found["confirmed"])


def lying(method: str, how: Callable[[list[object], object], object]) -> Change:
    return lambda asked, params, result: how(params, result) if asked == method else result


HISTORY, BALANCE = "blockchain.scripthash.get_history", "blockchain.scripthash.get_balance"
GET, MERKLE, HEADER = (
    "blockchain.transaction.get",
    "blockchain.transaction.get_merkle",
    "blockchain.block.header",
)


class TestLies:
    """What a server must not be able to do: each was tried and is refused, or is a gap with its amount."""

    def refused(self, world: World, change: Change, match: str) -> None:
        with pytest.raises(ProviderError, match=match):
            read(world, SPLITS[1].address, change)

    def test_another_transaction(self, world: World) -> None:
        other = str(world.server.call("getrawtransaction", world.txid["odd"]))
        self.refused(world, lying(GET, lambda p, r: other), "its bytes are those of")

    def test_a_changed_amount(self, world: World) -> None:
        def more(_: list[object], raw: object) -> str:
            amount = (20 * COIN).to_bytes(8, "little").hex()
            return str(raw).replace(amount, (21 * COIN).to_bytes(8, "little").hex())

        self.refused(world, lying(GET, more), "its bytes are those of")

    def test_a_cut_transaction_or_one_with_bytes_after_it(self, world: World) -> None:
        for change in (lambda p, r: r[:-2], lambda p, r: r + "00", lambda p, r: r[:40], lambda p, r: ""):
            self.refused(world, lying(GET, change), "not to be believed")

    def test_another_place_in_the_block(self, world: World) -> None:
        self.refused(world, lying(MERKLE, lambda p, r: {**r, "pos": 0}), "does not prove")
        self.refused(world, lying(MERKLE, lambda p, r: {**r, "pos": r["pos"] + 64}), "number|prove")
        self.refused(world, lying(MERKLE, lambda p, r: {**r, "merkle": []}), "number|prove")
        self.refused(world, lying(MERKLE, lambda p, r: {**r, "merkle": ["00" * 32] * 9}), "number|prove")

    def test_another_block(self, world: World) -> None:
        header = world.server.call("getblockheader", world.server.call("getblockhash", 3), False)
        self.refused(world, lying(HEADER, lambda p, r: header), "does not prove")
        self.refused(world, lying(HEADER, lambda p, r: str(header)[:-2]), "block header that is none")

    def test_a_header_without_work(self, world: World) -> None:
        with pytest.raises(ProviderError, match="lacks the work"):
            run(
                world,
                lambda a, ask: a.block(ask, 5),
                lying(HEADER, lambda p, r: r[:144] + "ffff7f03" + r[152:]),
                genesis="",
            )

    def test_a_payment_that_is_hidden_is_a_gap_with_its_amount(self, world: World) -> None:
        gone = world.txid["together"]
        hide = lying(HISTORY, lambda p, r: [e for e in r if e["tx_hash"] != gone])
        history = read(world, SPLITS[1].address, hide)
        assert [(g.code, g.amount, g.status) for g in history.gaps] == [
            ("balance_differs", 70 * COIN - 1, "open")
        ]
        assert not history.complete

    def test_a_balance_that_moves_while_the_list_is_read_is_not_compared(self, world: World) -> None:
        seen: list[int] = []

        def moving(_: list[object], result: object) -> object:
            seen.append(1)
            return {**result, "confirmed": len(seen)}

        history = read(world, SPLITS[1].address, lying(BALANCE, moving))
        assert [(g.code, g.status) for g in history.gaps] == [("balance_unknown", "assumption")]
        assert history.complete

    def test_a_transaction_of_somebody_else(self, world: World) -> None:
        odd = {"tx_hash": world.txid["odd"], "height": told(world.server, [world.txid["odd"]])[0].block}
        self.refused(world, lying(HISTORY, lambda p, r: [*r, odd]), "which it is not")

    @pytest.mark.parametrize(
        "entry",
        [{"tx_hash": "xyz", "height": 3}, {"tx_hash": "ab" * 32, "height": -2}, {"height": 1}, 7, None],
    )
    def test_entries_that_are_none(self, world: World, entry: object) -> None:
        self.refused(world, lying(HISTORY, lambda p, r: [entry]), "not understood")

    def test_amounts_that_are_none(self, world: World) -> None:
        for amount in (1.5, "7", -1, None, True, 22 * 10**14):
            self.refused(
                world, lying(BALANCE, lambda p, r, n=amount: {**r, "confirmed": n}), "not understood"
            )

    def test_a_refused_transaction_is_an_error_and_no_silence(self, world: World) -> None:
        self.refused(world, lying(GET, lambda p, r: ValueError(2, "daemon error: no such tx")), "refused")

    def test_a_server_of_another_chain(self, world: World) -> None:
        with pytest.raises(ProviderStopError, match="another chain"):
            run(world, lambda a, ask: a.head(ask), genesis="")


class TestBlocks:
    def test_head_is_six_below_the_newest(self, world: World) -> None:
        head = run(world, lambda a, ask: a.head(ask))
        block = world.server.call("getblock", world.server.call("getblockhash", world.tip - 6))
        assert isinstance(block, dict)
        assert head == Head(world.tip - 6, block["hash"], block["time"])

    def test_a_block_that_was_taken_back_has_another_hash(self, litecoin_binaries: tuple[Path, Path]) -> None:
        with running(litecoin_binaries) as server:
            world = World(Chain(server), tip=server.mine_many(8))
            server.sync()
            before = [run(world, lambda a, ask, n=n: a.block(ask, n)) for n in range(9)]
            server.call("invalidateblock", server.call("getblockhash", 7))
            server.mine_many(3, script="5151")
            server.sync()
            after = [run(world, lambda a, ask, n=n: a.block(ask, n)) for n in range(9)]
            assert [a == b for a, b in zip(before, after, strict=True)] == [True] * 7 + [False] * 2

    def test_a_block_to_come_is_no_block(self, world: World) -> None:
        with pytest.raises(ProviderError, match="refused"):
            run(world, lambda a, ask: a.block(ask, world.tip + 1))


def test_over_tls_it_is_the_same_history_and_the_certificate_is_pinned(world: World, tmp_path: Path) -> None:
    where = endpoint(world.server, base_url=world.server.electrum_tls)

    async def go() -> History:
        async with Transport(
            lambda _: "", {"electrum": judge}, patience=QUICK, certificates=tmp_path / "pins"
        ) as transport:
            ask = Asking(transport, where, None)
            return await Electrum(where).history(ask, SPLITS[1].address, Span(0, world.last), 1000)

    assert asyncio.run(go()).table.equals(read(world, SPLITS[1].address).table)
    (pin,) = (tmp_path / "pins").iterdir()
    assert pin.read_text().startswith("sha256:")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ({"code": -101, "message": "excessive resource usage"}, Verdict.AGAIN),
        ({"code": -102, "message": "server busy - request timed out"}, Verdict.AGAIN),
        ({"code": 1, "message": "still catching up with daemon"}, Verdict.AGAIN),
        ({"code": -32603, "message": "internal error"}, Verdict.AGAIN),
        ({"code": 3, "message": "history too large"}, Verdict.ANSWER),
        ({"code": 1, "message": "history too large"}, Verdict.ANSWER),
        ({"code": 2, "message": "daemon error: No such mempool or blockchain transaction"}, Verdict.ANSWER),
        ("too many history entries", Verdict.ANSWER),
        ({"code": -32601, "message": "unknown method 'x'"}, Verdict.STOP),
    ],
)
def test_errors_are_judged(error: object, verdict: Verdict) -> None:
    alone = json.dumps({"id": 1, "error": error}).encode()
    assert judge(alone)[0] is verdict
    assert judge(b'[{"id": 0, "result": 1}, ' + alone + b"]")[0] is verdict


def test_only_bitcoin_is_read() -> None:
    with pytest.raises(InputError):
        Electrum(Endpoint("x", "electrum", "eip155:1", "tcp://127.0.0.1:1"))
    with pytest.raises(InputError, match="ssl://host:50002"):
        Endpoint("x", "electrum", BITCOIN, "https://127.0.0.1")
    with pytest.raises(InputError, match="ssl://host:50002"):
        Endpoint("x", "electrum", BITCOIN, "ssl://127.0.0.1")
    assert Endpoint("x", "electrum", BITCOIN, "tcp://127.0.0.1:1").depth == 6
    assert table_of([]).num_rows == 0
