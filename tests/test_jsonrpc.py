"""JSON-RPC answers that are odd, refused, cut or forged: nothing is invented, nothing is lost silently."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.evm_programs import EMITTER, PAYER, assemble, calls, event, topic, word
from tests.evm_world import (
    BOMB,
    ETHER,
    OTHER,
    PAYEES,
    PRICE,
    THIEF,
    TOKEN,
    TRANSFER,
    USDT,
    VICTIM,
    World,
    make_world,
    transfer,
)
from tests.servers.anvil import Anvil, running
from tests.test_adapters import PAGES, Asking, adapter_of, codes, facts, read
from tracer.chains import jsonrpc_reading
from tracer.chains.adapter import LOGS, History, Request, Verdict
from tracer.chains.endpoint import Endpoint
from tracer.chains.etl_formats import creation_address
from tracer.chains.evm_blocks import Log, read_block, read_log, read_receipt
from tracer.chains.evm_contracts import SIGNATURES, WRAPPED
from tracer.chains.evm_contracts import USDT as USDT_AT
from tracer.chains.evm_logs import Moved, read_logs
from tracer.chains.evm_traces import DEEPEST, payments, read_flat, read_tree
from tracer.chains.evm_values import address, data, digest, integer, moment, quantity, topic_address
from tracer.chains.jsonrpc import JsonRpc, judge
from tracer.chains.jsonrpc_answers import Call, Refusal, UnreadableError, question, read_answers
from tracer.chains.tokens import known
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.model import Gap, Kind

Change = Callable[[str, list[object], object], object]
H1, H2 = "0x" + "11" * 32, "0x" + "22" * 32
A1, A2 = "0x" + "a1" * 20, "0x" + "a2" * 20


@pytest.fixture(scope="module")
def world(anvil_binary: Path) -> Iterator[World]:
    with running(anvil_binary) as node:
        yield make_world(node)


def on(method: str, change: Callable[[list[object], object], object]) -> Change:
    """A change of the answers of one method."""
    return lambda asked, params, result: change(params, result) if asked == method else result


class Behind(Asking):
    """Nodes behind one address: the first `lagging` that a search meets find nothing and lack the newest block."""

    def __init__(self, node: Anvil, lagging: int, said: object) -> None:
        super().__init__(node)
        self.lagging, self.said = lagging, said
        self.asked: list[bytes] = []

    async def __call__(self, request: Request) -> bytes:
        self.asked.append(request.body)
        searched = b"fromBlock" in request.body and b"eth_chainId" not in request.body
        lags = searched and self.asked.count(request.body) <= self.lagging
        assert request.settled is (self.asked.count(request.body) == 1) or not searched
        self.change = self._lacks if lags else None
        return await super().__call__(request)

    def _lacks(self, method: str, params: list[object], result: object) -> object:
        del params, result
        return [] if method in {"eth_getLogs", "trace_filter"} else self.said


def told(world: World, title: str, change: Change, without: tuple[str, ...] = ()) -> History:
    ask = Asking(world.node, without, change)
    return asyncio.run(adapter_of(world.node).transaction(ask, world.hash[title]))


def history(world: World, whose: str, change: Change | None, without: tuple[str, ...] = ()) -> History:
    return read(world.node, whose, world.first, world.last, Asking(world.node, without, change))


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            1.0,
            1,
            True,
            "1",
            "0x",
            "-0x1",
            "0x-1",
            "0X1",
            "0x1 ",
            " 0x1",
            "0x1.0",
            "1e3",
            "0xg",
            "0x١",
            [],
            {},
        ]
        + ["0x1" + "0" * 64],
        ids=repr,
    )
    def test_a_quantity_is_hex_of_at_most_256_bits(self, value: object) -> None:
        with pytest.raises(ProviderError):
            quantity(value, "it")

    def test_quantities_are_exact(self) -> None:
        assert quantity("0x" + "f" * 64, "it") == 2**256 - 1
        assert quantity("0x54fdc07dfd1aa94b0001", "it") == 0x54FDC07DFD1AA94B0001
        assert quantity("0x000a", "it") == 10

    @pytest.mark.parametrize("value", [-1, 2**53, 1.0, True, None, "7", "0x20000000000000"], ids=repr)
    def test_a_place_is_a_small_integer(self, value: object) -> None:
        with pytest.raises(ProviderError):
            integer(value, "it")

    @pytest.mark.parametrize("value", [2**32, "0x100000000", 1_740_147_371_000, -1, None], ids=repr)
    def test_a_time_is_in_seconds(self, value: object) -> None:
        assert moment("0xffffffff", "it") == 2**32 - 1
        with pytest.raises(ProviderError):
            moment(value, "it")

    def test_places_may_be_hex_or_numbers(self) -> None:
        assert (integer(7, "it"), integer("0x7", "it")) == (7, 7)

    @pytest.mark.parametrize(
        "value", [None, "0x" + "1" * 63, "1" * 64, "0x" + "1" * 65, "0x" + "1" * 64 + "\n"]
    )
    def test_a_hash_has_64_digits(self, value: object) -> None:
        with pytest.raises(ProviderError):
            digest(value, "it")

    @pytest.mark.parametrize(
        "value", [None, "0x" + "1" * 39, "0x" + "1" * 64, "0x" + "1" * 40 + "\n", "native", ""]
    )
    def test_an_address_has_40_digits(self, value: object) -> None:
        with pytest.raises(ProviderError):
            address(value, "it")

    def test_case_is_lowered(self) -> None:
        assert address("0x" + "Ab" * 20, "it") == "0x" + "ab" * 20
        assert digest("0x" + "Ab" * 32, "it") == "0x" + "ab" * 32

    @pytest.mark.parametrize("value", ["0x1", "", None, "0xzz"])
    def test_data_are_whole_bytes(self, value: object) -> None:
        with pytest.raises(ProviderError):
            data(value, "it")

    def test_a_topic_is_an_address_only_with_zero_padding(self) -> None:
        assert topic_address("0x" + "0" * 24 + "ab" * 20) == "0x" + "ab" * 20
        assert topic_address("0x" + "0" * 23 + "1" + "ab" * 20) is None


class TestAnswers:
    CALLS = (Call("a"), Call("b", (1,)))

    def test_the_same_question_has_the_same_bytes(self) -> None:
        assert question([Call("m", ({"b": 1, "a": "é"},))]) == (
            b'{"id":0,"jsonrpc":"2.0","method":"m","params":[{"a":"\\u00e9","b":1}]}'
        )
        assert [call["id"] for call in json.loads(question(self.CALLS))] == [0, 1]

    def test_answers_are_matched_by_id_in_any_order(self) -> None:
        body = b'[{"id":1,"result":"one"},{"id":0,"error":{"code":-32000,"message":"no"}}]'
        assert read_answers(body, 2) == [Refusal(-32000, "no"), "one"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>502</html>",
            b"null",
            b"[]",
            b'[{"id":0,"result":1}]',
            b'[{"id":0,"result":1},{"id":0,"result":2}]',
            b'[{"id":0,"result":1},{"id":2,"result":2}]',
            b'[{"id":0,"result":1},{"id":"1","result":2}]',
            b'[{"id":0,"result":1},{"id":true,"result":2}]',
            b'[{"id":0,"result":1},{"id":null,"error":{}}]',
            b'[{"id":0,"result":1},{"id":1}]',
            b'[{"id":0,"result":1},7]',
            b'[{"id":0,"result":1},{"id":1,"result":1},{"id":2,"result":1}]',
            b'{"id":0,"result":1}',
            b'{"id":null,"error":{"code":-32600,"message":"batch too large"}}',
            b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'[{"id":0,"result":' + b"9" * 5000 + b'},{"id":1,"result":1}]',
        ],
    )
    def test_an_answer_that_does_not_fit_the_question_is_not_read(self, body: bytes) -> None:
        with pytest.raises(UnreadableError):
            read_answers(body, 2)

    def test_an_error_for_a_single_call_may_lack_its_id(self) -> None:
        assert read_answers(b'{"id":null,"error":{"code":-1,"message":"x"}}', 1) == [Refusal(-1, "x")]
        with pytest.raises(UnreadableError):
            read_answers(b'{"id":null,"result":1}', 1)

    def test_words_of_a_node_are_cut(self) -> None:
        (refusal,) = read_answers(json.dumps({"id": 0, "error": {"message": "x" * 10**6}}).encode(), 1)
        assert isinstance(refusal, Refusal)
        assert len(refusal.words) == 300

    @pytest.mark.parametrize(
        ("code", "words", "verdict"),
        [
            (-32005, "rate limited", Verdict.AGAIN),
            (-32005, "limit exceeded", Verdict.AGAIN),
            (429, "slow", Verdict.AGAIN),
            (-32000, "Too Many Requests, try later", Verdict.AGAIN),
            (-32000, "Your app has exceeded its compute units per second capacity", Verdict.AGAIN),
            (-32603, "Internal error", Verdict.AGAIN),
            (-32000, "invalid api key", Verdict.STOP),
            (-32000, "Must be authenticated!", Verdict.STOP),
            (-32005, "daily request count exceeded, request rate limited", Verdict.STOP),
            (-32000, "Monthly capacity limit exceeded", Verdict.STOP),
            (-32000, "Unsupported network", Verdict.STOP),
            (-32005, "query returned more than 10000 results", Verdict.ANSWER),
            (-32000, "query timeout exceeded", Verdict.ANSWER),
            (-32602, "eth_getLogs is limited to a 10,000 block range", Verdict.ANSWER),
            (-32601, "the method trace_filter does not exist/is not available", Verdict.ANSWER),
            (3, "execution reverted", Verdict.ANSWER),
            (-32000, "transaction not found", Verdict.ANSWER),
        ],
    )
    def test_errors_are_judged_by_what_they_mean(self, code: int, words: str, verdict: Verdict) -> None:
        error = {"id": 1, "error": {"code": code, "message": words}}
        assert judge(json.dumps(error).encode())[0] is verdict
        found, said = judge(json.dumps([{"id": 0, "result": None}, error]).encode())
        assert (found, said) == (verdict, "" if verdict is Verdict.ANSWER else words)

    @pytest.mark.parametrize(
        "words", ["rate limit", "invalid api key", "method not found", "too many results"]
    )
    @pytest.mark.parametrize(("code", "before"), [(3, ""), (-32000, "execution reverted: "), (-32015, "")])
    def test_what_a_contract_says_is_not_what_the_node_says(self, code: int, before: str, words: str) -> None:
        error = {"id": 0, "error": {"code": code, "message": before + words}}
        assert judge(json.dumps(error).encode()) == (Verdict.ANSWER, "")
        refusal = Refusal(code, before + words)
        heard = (refusal.unsupported, refusal.too_much, refusal.later, refusal.never)
        assert heard == (False, False, False, False)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"{}", b'[{"id":1}]'])
    def test_what_is_no_answer_is_asked_again(self, body: bytes) -> None:
        assert judge(body)[0] is Verdict.AGAIN

    def test_an_answer_is_an_answer(self) -> None:
        assert judge(b'{"id":0,"result":null}') == (Verdict.ANSWER, "")
        assert judge(b'{"id":0,"error":null,"result":1}') == (Verdict.ANSWER, "")

    @pytest.mark.parametrize(
        ("refusal", "unsupported", "too_much"),
        [
            (Refusal(-32601, ""), True, False),
            (Refusal(-32000, "Method not found"), True, False),
            (Refusal(-32000, "trace_filter method is not available on the free tier"), True, False),
            (Refusal(-32004, "rpc method is unsupported"), True, False),
            (Refusal(-32000, "transaction not found"), False, False),
            (Refusal(-32000, "missing trie node"), False, False),
            (Refusal(-32602, "block range is too wide"), False, True),
            (Refusal(-32000, "Log response size exceeded"), False, True),
            (Refusal(-32000, "exceed maximum block range: 50000"), False, True),
            (Refusal(-32614, "eth_getLogs is limited to a 10,000 range of blocks"), False, True),
            (Refusal(35, "ranges over 10000 blocks are not supported on freetier"), False, True),
            (Refusal(-32000, "logs matched by query exceeds limit of 10000"), False, True),
            (Refusal(-32005, "logs limit exceeded"), False, True),
            (Refusal(-32012, "Number of requested blocks exceeds the limit 100"), False, True),
            (Refusal(-32005, "please limit the query to at most 1000 blocks"), False, True),
            (Refusal(-32600, "The range between fromBlock and toBlock should not exceed 1000"), False, True),
            (Refusal(-32000, "distance between fromBlock and toBlock must be less than 9"), False, True),
            (Refusal(-32000, "block range extends beyond current head block"), False, False),
            (Refusal(-32600, "trace_filter is not available on the Free tier - upgrade"), True, False),
            (Refusal(-32600, "debug_traceTransaction is disabled"), True, False),
            (Refusal(-1, "Archive, Debug and Trace requests are not available on your plan"), True, False),
            (Refusal(-32000, "the state of block 5 is not available"), False, False),
            (Refusal(-32005, "eth_getLogs rate limit exceeded"), False, False),
            (Refusal(-32005, "logs per second: rate limit exceeded"), False, False),
        ],
    )
    def test_refusals_are_told_apart(self, refusal: Refusal, unsupported: bool, too_much: bool) -> None:
        assert (refusal.unsupported, refusal.too_much) == (unsupported, too_much)


class TestAsking:
    def test_a_node_that_takes_small_batches_only_is_asked_in_small_ones(self, world: World) -> None:
        whole = history(world, THIEF, None)
        ask = Asking(world.node)

        async def small(request: Request) -> bytes:
            if request.body.startswith(b"[") and len(json.loads(request.body)) > 3:
                return b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch of more than 3 calls"}}'
            return await ask(request)

        assert read(world.node, THIEF, world.first, world.last, small).table.equals(whole.table)

    def test_html_is_an_error(self, world: World) -> None:
        async def down(request: Request) -> bytes:
            return b"<html>Bad gateway</html>"

        with pytest.raises(ProviderError, match="did not answer in JSON"):
            read(world.node, THIEF, world.first, world.last, down)

    def test_a_failure_of_the_transport_goes_through(self, world: World) -> None:
        async def failing(request: Request) -> bytes:
            raise ProviderStopError("wrong key")

        with pytest.raises(ProviderStopError, match="wrong key"):
            read(world.node, THIEF, world.first, world.last, failing)

    def test_only_a_json_rpc_endpoint_of_an_evm_chain_will_do(self) -> None:
        with pytest.raises(InputError):
            JsonRpc(Endpoint("x", "etherscan", "eip155:1", "https://example.org"))
        with pytest.raises(InputError):
            JsonRpc(Endpoint("x", "jsonrpc", "tron:0x2b6653dc", "https://example.org"))


class TestSearch:
    @pytest.mark.parametrize("method", ["eth_getLogs", "trace_filter"])
    def test_large_ranges_are_halved_and_lose_nothing(self, world: World, method: str) -> None:
        def refuse(params: list[object], result: object) -> object:
            asked = params[0]
            assert isinstance(asked, dict)
            wide = int(asked["toBlock"], 16) > int(asked["fromBlock"], 16)
            return ValueError("query returned more than 10000 results") if wide else result

        whole, cut = history(world, THIEF, None), history(world, THIEF, on(method, refuse))
        assert cut.table.equals(whole.table)
        assert cut.gaps == whole.gaps

    @pytest.mark.parametrize(("method", "asked"), [("eth_getLogs", 4), ("trace_filter", 2)])
    def test_a_block_that_is_refused_is_a_gap(self, world: World, method: str, asked: int) -> None:
        def refuse(params: list[object], result: object) -> object:
            span = params[0]
            assert isinstance(span, dict)
            inside = int(span["fromBlock"], 16) <= world.first <= int(span["toBlock"], 16)
            return ValueError("block range is too large") if inside else result

        found = history(world, THIEF, on(method, refuse))
        refused = [gap.message for gap in found.gaps if gap.code == "range_refused"]
        assert len(refused) == asked
        assert all(f"block {world.first} alone" in message for message in refused)
        assert not found.complete

    def test_a_node_that_lags_behind_is_an_error_and_not_cut_into_blocks(self, world: World) -> None:
        asked: list[object] = []

        def behind(params: list[object], result: object) -> object:
            asked.append(params)
            return ValueError("block range extends beyond current head block")

        with pytest.raises(ProviderError, match="beyond current head"):
            history(world, THIEF, on("eth_getLogs", behind))
        assert len(asked) <= 4

    @pytest.mark.parametrize(
        "said", [None, ValueError("block not found"), "", False, "null", [], {}], ids=str
    )
    @pytest.mark.parametrize("lagging", [1, 3])
    def test_an_answer_of_a_node_that_lacks_the_block_is_asked_for_again(
        self, world: World, lagging: int, said: object
    ) -> None:
        """Behind one address, every search meets `lagging` nodes without its newest block before one that has it."""
        whole, ask = history(world, THIEF, None), Behind(world.node, lagging, said)
        found = read(world.node, THIEF, world.first, world.last, ask)
        assert found.table.equals(whole.table)
        assert (found.gaps, found.complete) == (whole.gaps, whole.complete)
        searches = [body for body in ask.asked if b"eth_getLogs" in body]
        assert len(searches) == (lagging + 1) * len(set(searches))

    @pytest.mark.parametrize(
        "form",
        [lambda n: n, str, lambda n: f"0x{n:064X}", lambda n: f"{n}.0"],
        ids=["integer", "decimal", "padded", "point"],
    )
    def test_a_number_in_another_form_shows_that_the_node_has_the_block(
        self, world: World, form: Callable[[int], object]
    ) -> None:
        ask = Asking(
            world.node,
            change=lambda method, _, result: (
                form(int(str(result), 16)) if method == "eth_getBlockTransactionCountByNumber" else result
            ),
        )
        assert read(world.node, THIEF, world.first, world.last, ask).table.equals(
            history(world, THIEF, None).table
        )
        searches = [r.body for r in ask.requests if b"eth_getLogs" in r.body]
        assert len(searches) == len(set(searches))

    def test_where_no_node_has_the_block_it_is_an_error_and_no_empty_history(self, world: World) -> None:
        ask = Behind(world.node, 10**6, None)
        with pytest.raises(ProviderError, match=f"does not have block {world.last}"):
            read(world.node, THIEF, world.first, world.last, ask)
        assert len([body for body in ask.asked if b"BlockTransactionCount" in body]) == 4

    def test_that_a_node_has_the_block_costs_a_call_and_no_request(self, world: World) -> None:
        ask = Asking(world.node)
        read(world.node, THIEF, world.first, world.last, ask)
        searches = [json.loads(r.body) for r in ask.requests if b"eth_getLogs" in r.body]
        assert [[call["method"] for call in one] for one in searches] == [
            ["eth_getLogs"] * 4 + ["eth_getBlockTransactionCountByNumber"]
        ]
        assert searches[0][-1]["params"] == [hex(world.last)]
        shown = [r.body for r in ask.requests if b"BlockTransactionCount" in r.body]
        assert all(b"eth_getLogs" in body or b"trace_filter" in body for body in shown)

    def test_a_node_that_does_not_count_transactions_or_takes_no_batches_is_read_without(
        self, world: World
    ) -> None:
        whole = history(world, THIEF, None)
        silent = history(world, THIEF, None, without=("eth_getBlockTransactionCountByNumber",))
        ask = Asking(world.node)
        single = read(world.node, THIEF, world.first, world.last, ask, page=1)
        for found in (silent, single):
            assert found.table.equals(whole.table)
            assert set(found.gaps) - set(whole.gaps) == {g for g in found.gaps if g.code == "search_unproven"}
            assert [g.status for g in found.gaps if g.code == "search_unproven"] == ["assumption"]
        assert "search_unproven" not in {g.code for g in whole.gaps}
        assert "eth_getBlockTransactionCountByNumber" not in ask.methods()

    def test_any_other_refusal_is_an_error(self, world: World) -> None:
        with pytest.raises(ProviderError, match="disk full"):
            history(world, THIEF, on("eth_getLogs", lambda p, r: ValueError("disk full")))

    def test_a_node_that_ignores_paging_altogether_is_read_once(self, world: World) -> None:
        full: dict[str, object] = {}

        def everything(params: list[object], result: object) -> object:
            asked = dict(params[0])
            asked = {name: asked[name] for name in asked if name not in {"after", "count"}}
            key = json.dumps(asked)
            if key not in full:
                full[key] = world.node.call("trace_filter", asked)
            return full[key]

        ask = Asking(world.node, change=on("trace_filter", everything))
        found = read(world.node, THIEF, world.first, world.last, ask, page=2)
        assert found.table.equals(history(world, THIEF, None).table)
        assert "range_refused" not in codes(found)

    def test_a_short_page_is_not_the_last(self, world: World) -> None:
        def capped(params: list[object], result: object) -> object:
            asked = dict(params[0]) | {"count": 2}
            return world.node.call("trace_filter", asked)

        found = history(world, THIEF, on("trace_filter", capped))
        assert found.table.equals(history(world, THIEF, None).table)
        assert found.complete

    @pytest.mark.parametrize("cap", range(1, 14))
    def test_a_node_that_cuts_every_page_and_skips_nothing_is_found_out(self, world: World, cap: int) -> None:
        """Unless all of it stands in one block, where no smaller range can tell."""

        def cut(params: list[object], result: object) -> object:
            asked = dict(params[0]) | {"after": 0, "count": cap}
            return world.node.call("trace_filter", asked)

        ask = Asking(world.node, change=on("trace_filter", cut))
        found = read(world.node, THIEF, world.first, world.last, ask)
        whole = history(world, THIEF, None)
        assert found.table.equals(whole.table) or "range_refused" in codes(found)
        if found.table.equals(whole.table):
            assert cap > 5
        asked = [r for r in ask.requests if b"trace_filter" in r.body]
        assert len(asked) < 20

    def test_a_node_that_gives_the_same_page_again_is_not_believed(self, world: World) -> None:
        def first_page(params: list[object], result: object) -> object:
            asked = dict(params[0]) | {"after": 0}
            return world.node.call("trace_filter", asked)

        ask = Asking(world.node, change=on("trace_filter", first_page))
        found = read(world.node, THIEF, world.first, world.last, ask, page=2)
        assert "range_refused" in codes(found)
        assert not found.complete

    @pytest.mark.parametrize(
        ("method", "field", "value"),
        [
            ("eth_getLogs", "topics", [TRANSFER, "0x" + "0" * 24 + OTHER[2:], "0x" + "0" * 24 + OTHER[2:]]),
            ("eth_getLogs", "blockNumber", "0x1"),
            ("eth_getLogs", "removed", True),
            ("eth_getLogs", "data", "0x" + word(999).hex()),
            ("eth_getLogs", "logIndex", "0x63"),
            ("trace_filter", "blockNumber", 1),
            ("trace_filter", "action", {"from": A1, "to": A2, "value": "0x0"}),
            ("trace_filter", "transactionHash", H1),
        ],
    )
    def test_what_was_not_asked_for_is_an_error(
        self, world: World, method: str, field: str, value: object
    ) -> None:
        def forge(params: list[object], result: object) -> object:
            assert isinstance(result, list)
            return [dict(member) | {field: value} for member in result[:1]]

        with pytest.raises(ProviderError):
            history(world, THIEF, on(method, forge))

    def test_true_logs_that_were_not_asked_for_are_an_error(self, world: World) -> None:
        def others(params: list[object], result: object) -> object:
            span = {"fromBlock": hex(world.first), "toBlock": hex(world.last)}
            return world.node.call("eth_getLogs", span | {"topics": [TRANSFER]})

        def later(params: list[object], result: object) -> object:
            return world.node.call("eth_getLogs", dict(params[0]) | {"toBlock": hex(world.last)})

        with pytest.raises(ProviderError, match="something else: a log"):
            history(world, THIEF, on("eth_getLogs", others))
        ask = Asking(world.node, change=on("eth_getLogs", later))
        with pytest.raises(ProviderError, match="something else: a log"):
            read(world.node, THIEF, world.first, world.first, ask)

    def test_pages_that_stand_still_are_an_error(self, world: World) -> None:
        def still(params: list[object], result: object) -> object:
            return {"txs": [], "receipts": [], "firstPage": False, "lastPage": False}

        with pytest.raises(ProviderError):
            history(world, THIEF, on("ots_searchTransactionsBefore", still), PAGES.without)

    def test_pages_are_read_to_the_beginning_of_the_span(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        first = anvil.mine() + 1
        for _ in range(60):
            anvil.send(THIEF, OTHER, 1)
            anvil.mine()
        last = first + 58
        ask = Asking(anvil, PAGES.without)
        found = read(anvil, THIEF, first + 1, last, ask)
        assert found.transactions == 58
        assert found.complete
        assert ask.methods()["ots_searchTransactionsBefore"] == 3


class TestReading:
    @pytest.mark.parametrize(
        ("method", "field", "value"),
        [
            ("eth_getTransactionReceipt", "transactionHash", H1),
            ("eth_getTransactionReceipt", "blockHash", H1),
            ("eth_getTransactionReceipt", "transactionIndex", "0x5"),
            ("eth_getTransactionReceipt", "from", A1),
            ("eth_getTransactionReceipt", "to", A1),
            ("eth_getTransactionReceipt", "status", "0x2"),
            ("eth_getTransactionReceipt", "gasUsed", 21000),
            ("eth_getTransactionByHash", "hash", H1),
            ("eth_getTransactionByHash", "value", 1.5),
            ("eth_getTransactionByHash", "value", "0x1" + "0" * 64),
            ("eth_getTransactionByHash", "transactionIndex", "0x9"),
            ("eth_getBlockByNumber", "number", "0x1"),
            ("eth_getBlockByNumber", "hash", H1),
            ("eth_getBlockByNumber", "transactions", []),
            ("eth_getBlockByNumber", "timestamp", None),
        ],
    )
    def test_parts_that_do_not_fit_are_an_error(
        self, world: World, method: str, field: str, value: object
    ) -> None:
        def forge(params: list[object], result: object) -> object:
            assert isinstance(result, dict)
            return result | {field: value}

        with pytest.raises(ProviderError):
            history(world, PAYEES[0], on(method, forge))

    @pytest.mark.parametrize("part", ["TransactionReceipt", "TransactionByHash", "BlockByNumber"])
    def test_a_part_that_is_missing_is_an_error(self, world: World, part: str) -> None:
        with pytest.raises(ProviderError, match="knows nothing"):
            history(world, PAYEES[0], on(f"eth_get{part}", lambda p, r: None))

    def test_a_receipt_of_failure_has_no_logs(self, world: World) -> None:
        with pytest.raises(ProviderError):
            told(world, "two equal", on("eth_getTransactionReceipt", lambda p, r: r | {"status": "0x0"}))

    def test_the_fee_has_all_its_parts(self, world: World) -> None:
        parts = {"l1Fee": hex(1000), "blobGasUsed": hex(131072), "blobGasPrice": hex(7)}
        found = told(world, "native", on("eth_getTransactionReceipt", lambda p, r: r | parts))
        fee = facts(found)[world.hash["native"]][0]
        assert fee == (0, "fee", THIEF, "", "native", 21000 * PRICE + 1000 + 131072 * 7)
        assert found.complete

    def test_a_receipt_without_a_price_takes_that_of_the_transaction(self, world: World) -> None:
        def old(params: list[object], result: object) -> object:
            assert isinstance(result, dict)
            return {k: v for k, v in result.items() if k not in {"effectiveGasPrice", "from", "to"}}

        found = told(world, "native", on("eth_getTransactionReceipt", old))
        assert facts(found)[world.hash["native"]] == world.told["native"]
        assert found.complete

    def test_an_operator_fee_is_a_gap(self, world: World) -> None:
        found = told(
            world,
            "native",
            on("eth_getTransactionReceipt", lambda p, r: r | {"operatorFeeConstant": "0x1"}),
        )
        assert codes(found) == {"fee_unknown"}
        assert not found.complete

    def test_coin_that_a_deposit_brings_to_a_rollup_is_a_mint(self, world: World) -> None:
        found = told(
            world,
            "native",
            on("eth_getTransactionByHash", lambda p, r: r | {"type": "0x7e", "mint": "0x7b"}),
        )
        minted = (0, "mint", "", THIEF, "native", 123)
        assert facts(found)[world.hash["native"]] == [minted, *world.told["native"]]

    def test_before_byzantium_the_trace_tells_success(self, world: World) -> None:
        old = on("eth_getTransactionReceipt", lambda p, r: {k: v for k, v in r.items() if k != "status"})
        for title in ("native", "failed", "disperse", "two equal"):
            found = told(world, title, old)
            assert facts(found)[world.hash[title]] == world.told[title], title
            assert found.complete, title

    def test_without_status_and_trace_no_value_is_claimed(self, world: World) -> None:
        old = on("eth_getTransactionReceipt", lambda p, r: {k: v for k, v in r.items() if k != "status"})
        blind = ("trace_", "debug_")
        for title in ("native", "failed"):
            found = told(world, title, old, blind)
            assert facts(found)[world.hash[title]] == world.told[title][:1], title
            assert codes(found) == {"status_unknown"}
        assert [f[1] for f in facts(told(world, "two equal", old, blind))[world.hash["two equal"]]] == [
            "fee",
            "native",
            "token",
            "token",
        ]

    @pytest.mark.parametrize(
        "answer", [None, [], ValueError("missing trie node")], ids=["null", "empty", "error"]
    )
    def test_a_trace_that_one_interface_lacks_is_asked_of_the_other(
        self, world: World, answer: object
    ) -> None:
        found = told(world, "disperse", on("trace_transaction", lambda p, r: answer))
        assert facts(found)[world.hash["disperse"]] == world.told["disperse"]
        blind = told(world, "disperse", on("trace_transaction", lambda p, r: answer), ("debug_",))
        assert facts(blind)[world.hash["disperse"]] == world.told["disperse"][:2]
        assert [(gap.code, gap.tx) for gap in blind.gaps] == [("no_internal", world.hash["disperse"])]

    @pytest.mark.parametrize(
        "change", [{"error": "Reverted"}, {"action": {"from": A1, "to": A2, "value": "0x1e"}}]
    )
    def test_a_trace_that_does_not_fit_its_transaction_is_not_believed(
        self, world: World, change: dict[str, object]
    ) -> None:
        def forge(params: list[object], result: object) -> object:
            assert isinstance(result, list)
            return [member | (change if not place else {}) for place, member in enumerate(result)]

        found = told(world, "disperse", on("trace_transaction", forge), ("debug_",))
        assert facts(found)[world.hash["disperse"]] == world.told["disperse"][:2]
        assert codes(found) == {"no_internal"}

    @pytest.mark.parametrize("change", [{"transactionHash": H1}, {"blockHash": H1}, {"traceAddress": [-1]}])
    def test_frames_of_something_else_are_an_error(self, world: World, change: dict[str, object]) -> None:
        def forge(params: list[object], result: object) -> object:
            assert isinstance(result, list)
            return [*result[:-1], *(member | change for member in result[-1:])]

        with pytest.raises(ProviderError):
            told(world, "disperse", on("trace_transaction", forge))

    def test_the_address_of_a_created_contract_is_computed_too(self, world: World) -> None:
        with pytest.raises(ProviderError, match="created contract"):
            told(
                world,
                "made",
                on("eth_getTransactionReceipt", lambda p, r: r | {"contractAddress": A1}),
                ("trace_", "debug_"),
            )

    def test_a_contract_made_and_destroyed_for_itself_burns_its_coin(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        first = anvil.mine() + 1
        tx = anvil.send(THIEF, None, 13, "0x" + assemble("ADDRESS SELFDESTRUCT").hex())
        last = anvil.mine()
        made = creation_address(THIEF, 0)
        for without in ((), ("trace_transaction",)):
            found = read(anvil, made, first, last, Asking(anvil, without))
            assert facts(found) == {
                tx: [(1, "native", THIEF, made, "native", 13), (2, "burn", made, "", "native", 13)]
            }
            assert found.complete

    @pytest.mark.parametrize("without", [(), ("trace_transaction",)], ids=["flat", "tree"])
    def test_since_eip_6780_one_that_was_there_before_keeps_its_coin(
        self, anvil: Anvil, without: tuple[str, ...]
    ) -> None:
        place = "0x" + "cc" * 20
        anvil.endow(THIEF, ETHER)
        anvil.endow(place, 17)
        anvil.install(place, assemble("ADDRESS SELFDESTRUCT"))
        first = anvil.mine() + 1
        tx = anvil.send(THIEF, place, 5)
        found = read(anvil, place, first, anvil.mine(), Asking(anvil, without))
        assert facts(found) == {tx: [(1, "native", THIEF, place, "native", 5)]}
        assert found.complete, found.gaps

    def test_before_eip_6780_its_coin_was_lost_which_is_said(self, world: World) -> None:
        def to_itself(params: list[object], result: object) -> object:
            assert isinstance(result, list)
            return [
                m | ({"action": m["action"] | {"refundAddress": BOMB}} if n else {})
                for n, m in enumerate(result)
            ]

        found = told(world, "destroyed", on("trace_transaction", to_itself))
        assert facts(found)[world.hash["destroyed"]] == world.told["destroyed"][:2]
        assert [(gap.code, gap.amount) for gap in found.gaps] == [("destroyed_to_itself", 707)]


class TestTraces:
    @staticmethod
    def tree(kind: str, value: int, *inner: object, **more: object) -> dict[str, object]:
        return {"type": kind, "from": A1, "to": A1, "value": hex(value), "calls": list(inner)} | more

    def test_a_failure_takes_back_all_below_it_at_any_depth(self) -> None:
        tree = self.tree
        deep = tree("CALL", 1, tree("CALL", 2, tree("DELEGATECALL", 2, tree("CALL", 4))), error="out of gas")
        whole = tree("CALL", 0, tree("CALL", 8), deep, tree("CALL", 16))
        trace = read_tree(whole)
        assert trace is not None
        assert [p.amount for p in payments(trace)] == [8, 16]
        lost = read_tree(whole | {"error": "reverted"})
        assert lost is not None
        assert list(payments(lost)) == []

    def test_eleven_calls_are_in_the_order_of_numbers_not_of_text(self) -> None:
        trace = read_tree(self.tree("CALL", 0, *(self.tree("CALL", n + 1) for n in range(12))))
        assert trace is not None
        assert [p.amount for p in payments(trace)] == list(range(1, 13))

    def test_depth_is_bounded_and_read_without_recursion(self) -> None:
        whole = self.tree("CALL", 1)
        for _ in range(1024):
            whole = self.tree("CALL", 1, whole)
        trace = read_tree(whole)
        assert trace is not None
        assert len(list(payments(trace))) == 1024
        for _ in range(DEEPEST - 1000):
            whole = self.tree("CALL", 1, whole)
        with pytest.raises(ProviderError):
            read_tree(whole)

    def test_a_tree_too_deep_for_the_reader_of_json_is_a_gap(self, world: World) -> None:
        ask = Asking(world.node, ("trace_",))
        deep = b'{"calls":[' * 3000 + b"]}" * 3000

        async def nested(request: Request) -> bytes:
            body = json.loads(request.body)
            if isinstance(body, dict) and body["method"] == "debug_traceTransaction":
                return b'{"id":0,"jsonrpc":"2.0","result":' + deep + b"}"
            return await ask(request)

        found = asyncio.run(adapter_of(world.node).transaction(nested, world.hash["disperse"]))
        assert codes(found) == {"no_internal"}

    @pytest.mark.parametrize(
        "change",
        [
            {"value": 5},
            {"value": "-0x5"},
            {"from": None},
            {"from": "0x"},
            {"calls": {}},
            {"calls": [7]},
        ],
        ids=repr,
    )
    def test_nonsense_is_an_error(self, change: dict[str, object]) -> None:
        with pytest.raises(ProviderError):
            read_tree(self.tree("CALL", 0) | change)

    def test_a_payment_to_nobody_is_an_error(self) -> None:
        trace = read_tree(self.tree("CALL", 0, self.tree("CALL", 5, to=None)))
        assert trace is not None
        with pytest.raises(ProviderError):
            list(payments(trace))

    def test_a_call_is_made_by_whom_was_called(self) -> None:
        def there(value: int, *inner: object) -> dict[str, object]:
            return self.tree("CALL", value, *inner) | {"to": A2}

        def back(value: int, *inner: object) -> dict[str, object]:
            return self.tree("CALL", value, *inner) | {"from": A2}

        good = read_tree(there(1, back(2, there(4))))
        assert good is not None
        assert [(p.sender, p.to, p.amount) for p in payments(good)] == [(A2, A1, 2), (A1, A2, 4)]
        assert read_tree(there(1, there(2))) is None
        assert read_tree(there(1, back(2, back(4)))) is None

    def test_delegated_code_calls_as_its_caller(self) -> None:
        inside = {"from": A2, "to": A1}
        code = "0x" + "c0" * 20
        for kind in ("DELEGATECALL", "CALLCODE"):
            borrowed = self.tree(kind, 9, self.tree("CALL", 4) | inside) | {"from": A2, "to": code}
            trace = read_tree(self.tree("CALL", 1, borrowed) | {"to": A2})
            assert trace is not None
            assert [(p.sender, p.to, p.amount) for p in payments(trace)] == [(A2, A1, 4)]

    def test_an_end_that_repeats_the_call_is_no_payment(self) -> None:
        ends = {"from": A1, "to": A2}
        trace = read_tree(self.tree("CALL", 5, self.tree("SELFDESTRUCT", 5) | ends) | ends)
        assert trace is not None
        assert [p.amount for p in payments(trace)] == []
        for other in ({"from": "0x" + "c0" * 20}, {"to": "0x" + "c0" * 20}):
            assert read_tree(self.tree("CALL", 5, self.tree("SELFDESTRUCT", 5) | ends | other) | ends) is None

    def test_a_call_of_an_unknown_kind_proves_nothing(self) -> None:
        assert read_tree(self.tree("CALL", 0, self.tree("MAGIC", 1))) is None
        assert read_tree(self.tree("CALL", 0) | {"calls": None}) is not None

    def test_no_frames_are_no_trace(self) -> None:
        assert read_flat([], H1, H2) is None
        assert read_flat(None, H1, H2) is None
        assert read_tree(None) is None
        assert read_tree({"failed": False, "gas": 0, "returnValue": "0x", "structLogs": []}) is None

    def test_two_frames_in_one_place_are_no_trace(self) -> None:
        frame = {"type": "call", "action": {"from": A1, "to": A2, "value": "0x1"}, "traceAddress": []}
        assert read_flat([frame], H1, H2) is not None
        assert read_flat([frame, frame], H1, H2) is None
        assert read_flat([frame, frame | {"traceAddress": [0, 0]}], H1, H2) is None
        assert read_flat([frame | {"traceAddress": [0]}], H1, H2) is None


class TestLogs:
    @pytest.mark.parametrize(
        "title", ["two equal", "wrap", "unwrap", "destroyed tokens", "spread to strangers"]
    )
    @pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
    def test_a_receipt_that_lost_a_log_is_found_out(self, world: World, title: str, place: int) -> None:
        def lose(params: list[object], result: object) -> object:
            assert isinstance(result, dict)
            logs = list(result["logs"])
            del logs[place]
            return result | {"logs": logs}

        whole = told(world, title, on("eth_getTransactionReceipt", lambda p, r: r))
        assert "logs_missing" not in codes(whole)
        twice = title == "two equal"  # the other one has the same summary
        cut = told(world, title, on("eth_getTransactionReceipt", lose))
        assert ("logs_missing" in codes(cut)) is not twice
        assert cut.complete is twice

    def test_a_hole_between_logs_is_found_out_without_a_summary(self, world: World) -> None:
        def hole(params: list[object], result: object) -> object:
            assert isinstance(result, dict)
            logs = [dict(log) for log in result["logs"]]
            logs[-1]["logIndex"] = hex(int(logs[-1]["logIndex"], 16) + 1)
            return {k: v for k, v in result.items() if k != "logsBloom"} | {"logs": logs}

        assert "logs_missing" in codes(told(world, "two equal", on("eth_getTransactionReceipt", hole)))

    @pytest.mark.parametrize("bloom", [None, "0x", "0x" + "00" * 256, "0x01"])
    def test_a_receipt_without_a_summary_proves_nothing(self, world: World, bloom: str | None) -> None:
        def without(params: list[object], result: object) -> object:
            assert isinstance(result, dict)
            return result | {"logsBloom": bloom}

        assert told(world, "wrap", on("eth_getTransactionReceipt", without)).complete

    @staticmethod
    def log(topics: list[str], raw: bytes, at: str = TOKEN) -> Log:
        return Log(at, tuple(topics), raw, 1, H1, H2, 0, 5)

    WHO, WHOM = "0x" + word(A1).hex(), "0x" + word(A2).hex()

    def test_topics_are_what_they_say(self) -> None:
        for found, signature in SIGNATURES.items():
            assert found == topic(signature)

    def test_the_wrapped_coin_of_ethereum_is_the_known_one(self) -> None:
        weth, usdt = known("eip155:1", WRAPPED["eip155:1"]), known("eip155:1", USDT_AT["eip155:1"])
        assert weth is not None
        assert usdt is not None
        assert (weth.symbol, usdt.symbol) == ("WETH", "USDT")

    @pytest.mark.parametrize("size", [0, 31, 33, 64])
    def test_a_transfer_with_odd_data_is_a_gap(self, size: int) -> None:
        (gap,) = read_logs("eip155:1", [self.log([TRANSFER, self.WHO, self.WHOM], bytes(size))])
        assert isinstance(gap, Gap)
        assert (gap.code, gap.tx, gap.asset) == ("unreadable_log", H2, TOKEN)

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_transfer_with_too_few_topics_is_a_gap(self, count: int) -> None:
        (gap,) = read_logs("eip155:1", [self.log([TRANSFER, self.WHO, self.WHOM][:count], bytes(96))])
        assert isinstance(gap, Gap)

    def test_an_address_with_dirt_before_it_is_a_gap(self) -> None:
        (gap,) = read_logs("eip155:1", [self.log([TRANSFER, "0x1" + self.WHO[3:], self.WHOM], bytes(32))])
        assert isinstance(gap, Gap)

    def test_what_repeats_native_payments_is_no_token(self) -> None:
        topics = [TRANSFER, self.WHO, self.WHOM]
        assert list(read_logs("eip155:1", [self.log(topics, bytes(32), "0x" + "f" * 39 + "e")])) == []

    def test_logs_without_topics_and_approvals_move_nothing(self) -> None:
        approval = topic("Approval(address,address,uint256)")
        logs = [self.log([], bytes(32)), self.log([approval, self.WHO, self.WHOM], bytes(32))]
        assert list(read_logs("eip155:1", logs)) == []

    def test_wraps_count_at_the_canonical_contract_of_that_chain_only(self) -> None:
        deposit = self.log([topic("Deposit(address,uint256)"), self.WHO], word(4), WRAPPED["eip155:1"])
        (moved,) = read_logs("eip155:1", [deposit])
        assert moved == Moved(5, "", A1, WRAPPED["eip155:1"], 4, Kind.WRAP)
        assert list(read_logs("eip155:137", [deposit])) == []

    @pytest.mark.parametrize("name", ["Issue", "Redeem"])
    def test_what_an_issuer_makes_for_nobody_in_particular_is_a_gap(self, name: str) -> None:
        (gap,) = read_logs("eip155:1", [self.log([topic(f"{name}(uint256)")], word(10**12), USDT)])
        assert isinstance(gap, Gap)
        assert (gap.code, gap.amount, gap.asset) == ("issuer_without_account", 10**12, USDT)
        assert list(read_logs("eip155:1", [self.log([topic(f"{name}(uint256)")], word(1), TOKEN)])) == []

    def test_an_issuers_act_names_its_address_in_data_or_topic(self) -> None:
        first = topic("DestroyedBlackFunds(address,uint256)")
        plain = self.log([first], word(A1) + word(9), USDT)
        indexed = self.log([first, self.WHO], word(9), USDT)
        expected = Moved(5, A1, "", USDT, 9, Kind.ISSUER)
        assert list(read_logs("eip155:1", [plain, indexed])) == [expected, expected]
        (gap,) = read_logs("eip155:1", [self.log([first], word(A1) + b"\1", USDT)])
        assert isinstance(gap, Gap)

    def test_an_odd_log_spoils_nothing_else(self, anvil: Anvil) -> None:
        place = "0x" + "dd" * 20
        anvil.endow(THIEF, ETHER)
        anvil.install(TOKEN, EMITTER)
        anvil.install(place, PAYER)
        first = anvil.mine() + 1
        odd = event([TRANSFER, THIEF, OTHER], bytes(33))
        tx = anvil.send(THIEF, place, 0, calls((TOKEN, 0, odd), (TOKEN, 0, transfer(THIEF, OTHER, 6))))
        found = read(anvil, OTHER, first, anvil.mine())
        assert facts(found) == {tx: [(LOGS + 1, "token", THIEF, OTHER, TOKEN, 6)]}
        assert codes(found) == {"unreadable_log"}
        assert not found.complete

    @pytest.mark.parametrize(
        "change", [{"topics": [H1] * 5}, {"topics": None}, {"data": "0x1"}, {"address": None}]
    )
    def test_a_malformed_log_is_an_error(self, change: dict[str, object]) -> None:
        good = {"address": A1, "topics": [H1], "data": "0x", "blockNumber": "0x1", "blockHash": H1}
        good |= {"transactionHash": H2, "transactionIndex": "0x0", "logIndex": "0x0"}
        assert read_log(good).index == 0
        with pytest.raises(ProviderError):
            read_log(good | change)

    @pytest.mark.parametrize("places", [("0x1", "0x1"), ("0x2", "0x1")])
    def test_the_logs_of_a_receipt_stand_in_order(self, places: tuple[str, str]) -> None:
        where = {"blockNumber": "0x1", "blockHash": H1, "transactionHash": H2, "transactionIndex": "0x0"}
        log = {"address": A1, "topics": [H1], "data": "0x"} | where
        raw = where | {"from": A1, "to": A2, "contractAddress": None, "status": "0x1", "gasUsed": "0x1"}
        good = [log | {"logIndex": "0x1"}, log | {"logIndex": "0x2"}]
        assert len(read_receipt(raw | {"logs": good}, H2).logs) == 2
        with pytest.raises(ProviderError):
            read_receipt(raw | {"logs": [log | {"logIndex": place} for place in places]}, H2)

    def test_a_receipt_or_block_that_was_not_asked_for_is_an_error(self) -> None:
        raw = {"blockNumber": "0x1", "blockHash": H1, "transactionHash": H2, "transactionIndex": "0x0"}
        raw |= {"from": A1, "to": A2, "contractAddress": None, "status": "0x1", "gasUsed": "0x1", "logs": []}
        assert read_receipt(raw, H2).tx_hash == H2
        with pytest.raises(ProviderError, match="something else"):
            read_receipt(raw, H1)
        block = {"number": "0x1", "hash": H1, "timestamp": "0x1", "transactions": []}
        assert read_block(block, 1).number == 1
        with pytest.raises(ProviderError, match="something else"):
            read_block(block, 2)


class TestBalance:
    """Coin that comes without a transaction."""

    @staticmethod
    def richer(whose: str, amount: int, since: int, blocks: dict[int, list[tuple[str, int]]]) -> Change:
        """A node whose blocks hold withdrawals (address, gwei), and `whose` balance is `amount` higher since then."""

        def change(method: str, params: list[object], result: object) -> object:
            if method == "eth_getBalance" and params[0] == whose and int(str(params[1]), 16) >= since:
                return hex(int(str(result), 16) + amount)
            if method == "eth_getBlockByNumber":
                assert isinstance(result, dict)
                given = blocks.get(int(result["number"], 16), [])
                listed = [
                    {"index": hex(n), "validatorIndex": "0x1", "address": a, "amount": hex(gwei)}
                    for n, (a, gwei) in enumerate(given)
                ]
                return result | {"withdrawals": listed}
            return result

        return change

    def test_withdrawals_are_found_where_the_balance_shows_them(self, world: World) -> None:
        block = world.first + 1
        change = self.richer(VICTIM, 12 * 10**9, block, {block: [(OTHER, 9), (VICTIM, 5), (VICTIM, 7)]})
        found = history(world, VICTIM, change)
        assert found.complete, found.gaps
        (rows,) = facts(found).values()
        assert rows == [
            (1, "withdrawal", "", VICTIM, "native", 5 * 10**9),
            (2, "withdrawal", "", VICTIM, "native", 7 * 10**9),
        ]
        header = world.node.call("eth_getBlockByNumber", hex(block), False)
        assert isinstance(header, dict)
        row = found.table.to_pylist()[0]
        assert row["tx_hash"] == header["hash"]
        assert row["tx_index"] == len(header["transactions"])
        assert row["block"] == block
        assert found.transactions == 0

    def test_unexplained_coin_is_a_gap_to_the_wei(self, world: World) -> None:
        found = history(world, VICTIM, self.richer(VICTIM, 12, world.first, {}))
        assert [(gap.code, gap.amount, gap.address) for gap in found.gaps] == [
            ("balance_differs", 12, VICTIM)
        ]
        assert not found.complete

    def test_coin_that_left_without_a_row_is_a_gap_too(self, world: World) -> None:
        found = history(world, THIEF, self.richer(THIEF, -12, world.first, {}))
        assert [gap.amount for gap in found.gaps if gap.code == "balance_differs"] == [12]

    def test_a_long_span_is_not_read_block_by_block(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tracer.chains.jsonrpc._SCANNED", 2)
        change = self.richer(VICTIM, 5 * 10**9, world.first, {world.first: [(VICTIM, 5)]})
        found = history(world, VICTIM, change)
        assert found.table.num_rows == 0
        assert [(gap.code, gap.amount) for gap in found.gaps] == [("balance_differs", 5 * 10**9)]

    def test_a_node_that_forgot_the_balance_cannot_be_complete(self, world: World) -> None:
        forgot = on("eth_getBalance", lambda p, r: ValueError("missing trie node"))
        found = history(world, THIEF, forgot)
        assert "balance_unknown" in codes(found)
        assert not found.complete
        assert facts(found) == facts(history(world, THIEF, None))

    def test_a_withdrawal_has_at_most_64_bits(self) -> None:
        raw = {"number": "0x1", "hash": H1, "timestamp": "0x1", "transactions": []}
        good = {"index": "0x0", "address": A1, "amount": hex(2**64 - 1)}
        assert read_block(raw | {"withdrawals": [good]}).withdrawals[0].amount == (2**64 - 1) * 10**9
        with pytest.raises(ProviderError):
            read_block(raw | {"withdrawals": [good | {"amount": hex(2**64)}]})

    def test_the_genesis_allocation_is_a_movement(self, world: World) -> None:
        rich = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
        found = read(world.node, rich, 0, world.last)
        assert found.complete, found.gaps
        (row,) = found.table.to_pylist()
        assert (row["kind"], row["from_address"], row["block"]) == ("mint", "", 0)
        assert facts(found)[row["tx_hash"]][0][5] == 10_000 * ETHER


class TestNames:
    def test_old_state_that_is_forgotten_is_asked_anew(self, world: World) -> None:
        def forgot(params: list[object], result: object) -> object:
            return result if params[1] == "latest" else ValueError("missing trie node")

        found = history(world, PAYEES[7], on("eth_call", forgot))
        assert found.table["symbol"].to_pylist() == ["TOK"]

    @pytest.mark.parametrize(
        ("answer", "decimals"),
        [
            ("0x" + word(6).hex(), 6),
            ("0x" + word(78).hex(), None),
            ("0x" + word(2**255).hex(), None),
            ("0x06", None),
            ("0x", None),
            (None, None),
            (7, None),
            (ValueError("execution reverted"), None),
        ],
    )
    def test_absurd_decimals_are_unknown(self, world: World, answer: object, decimals: int | None) -> None:
        found = history(
            world,
            PAYEES[7],
            on("eth_call", lambda p, r: answer if p[0]["data"] == "0x313ce567" else r),
        )
        assert found.table["decimals"].to_pylist() == [decimals]

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (word(32) + word(3) + b"ETH".ljust(32, b"\0"), "ETH"),
            (b"MKR".ljust(32, b"\0"), "MKR"),
            (word(32) + word(2**200) + b"x" * 3200, "x" * 100),
            (word(32) + word(5) + b"a\0b\xff\n".ljust(32, b"\0"), "a\ufffdb\ufffd\n"),
            (b"<script>", ""),
            (b"", ""),
        ],
    )
    def test_symbols_are_bounded_text(self, world: World, raw: bytes, text: str) -> None:
        answer = "0x" + raw.hex()
        found = history(
            world,
            PAYEES[7],
            on("eth_call", lambda p, r: answer if p[0]["data"] == "0x95d89b41" else r),
        )
        assert found.table["symbol"].to_pylist() == [text]

    def test_a_token_that_refuses_in_the_words_of_a_provider_stops_nothing(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        anvil.install(TOKEN, EMITTER)
        first = anvil.mine() + 1
        anvil.send(THIEF, TOKEN, 0, transfer(THIEF, OTHER, 6))
        anvil.mine()
        text = int.from_bytes(b"invalid api key: rate limit".ljust(32, b"\0"), "big")
        words = f"{0x08C379A0 << 224} 0 MSTORE 32 4 MSTORE 27 36 MSTORE {text} 68 MSTORE 100 0 REVERT"
        anvil.install(TOKEN, assemble(words))
        last = anvil.mine()
        refused = json.loads(
            anvil.post(question([Call("eth_call", ({"data": "0x95d89b41", "to": TOKEN}, "latest"))]))
        )
        assert "invalid api key" in refused["error"]["message"]
        ask = Asking(anvil)
        found = read(anvil, OTHER, first, last, ask)
        assert (found.table["symbol"].to_pylist(), found.table["decimals"].to_pylist()) == ([""], [None])
        assert ask.methods()["eth_call"] == 2

    def test_a_shower_of_tokens_is_not_all_named(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jsonrpc_reading, "MOST_NAMES", 0)
        found = history(world, PAYEES[7], None)
        assert found.table["symbol"].to_pylist() == [""]
        assert codes(found) == {"unnamed_tokens"}
        assert found.complete

    def test_a_chain_whose_wrapped_coin_is_unknown_is_not_complete(self, world: World) -> None:
        other = on("eth_chainId", lambda p, r: "0x7a69")
        ask = Asking(world.node, change=other)
        found = read(world.node, PAYEES[1], world.first, world.last, ask, chain="eip155:31337")
        assert codes(found) == {"no_wraps"}
        assert not found.complete
