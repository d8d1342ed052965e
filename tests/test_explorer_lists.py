"""What explorers' lists lose, repeat and add: each ends in the movements that the node tells, an error or a gap.

The stand-ins misbehave in front of a real chain. Blockscout's form of Etherscan's lists (numbers instead of places in
the trace, a creation among its own inner payments) is that of its published source (apps/explorer, etherscan.ex).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evm_programs import assemble
from tests.evm_world import ETHER, HEIR, OTHER, PAYEES, THIEF, TOKEN, World, make_world
from tests.servers.anvil import Anvil, running
from tests.servers.blockscout import BlockscoutStandIn
from tests.servers.etherscan import EtherscanStandIn
from tests.servers.explored import Explored, Inside, Mined, explore
from tests.test_adapters import Asking, codes, facts
from tests.test_explorers import BLOCKSCOUT, ETHERSCAN, MAINNET, multiset
from tracer.chains.adapter import History, Span
from tracer.chains.adapters import adapter_of
from tracer.chains.endpoint import Endpoint
from tracer.chains.etherscan_rows import read_inner, read_token, trace_of
from tracer.chains.evm_traces import Frame, payments
from tracer.chains.explorer_history import Listed
from tracer.errors import ProviderError, ProviderStopError

PAID = 3
"""Plain payments of the thief, one a block."""

Chain = tuple[Explored, Span]


@pytest.fixture(scope="module")
def chain(anvil_binary: Path) -> Iterator[Chain]:
    """An address with plain payments alone: no other list tells of them."""
    with running(anvil_binary) as node:
        node.endow(THIEF, ETHER)
        last = 0
        for number in range(PAID):
            node.send(THIEF, PAYEES[number], 1000 + number)
            last = node.mine()
        yield explore(node), Span(0, last)


@pytest.fixture(scope="module")
def world(anvil_binary: Path) -> Iterator[World]:
    with running(anvil_binary) as node:
        yield make_world(node)


def told(
    ask: Any, span: Span, explorer: Any = ETHERSCAN, address: str = THIEF, **settings: object
) -> History:
    history: History = asyncio.run(explorer.adapter(**settings).history(ask, address, span, 1000))
    return history


def by_node(node: Anvil, span: Span, address: str) -> History:
    endpoint = Endpoint("node", "jsonrpc", MAINNET, node.url, 0)
    return asyncio.run(adapter_of(endpoint).history(Asking(node), address, span, 1000))


def nth(action: str, at: int, change: Callable[[Any], Any]) -> Callable[[dict[str, str], bytes], bytes]:
    """The answer to a list's question number `at` (from 1), changed."""
    seen = 0

    def spoil(params: dict[str, str], body: bytes) -> bytes:
        nonlocal seen
        seen += params["action"] == action
        if params["action"] != action or seen != at:
            return body
        return json.dumps(change(json.loads(body))).encode()

    return spoil


NOTHING = {"status": "0", "message": "No transactions found", "result": []}


class TestLost:
    def test_nothing_found_where_something_stood_is_no_end(self, chain: Chain) -> None:
        """Questions 1 and 3 go forward, each from the block that may be cut; an empty one would end the list."""
        explored, span = chain
        ask = EtherscanStandIn(explored, cap=2, paid=False, spoil=nth("txlist", 3, lambda _: NOTHING))
        with pytest.raises(ProviderError, match="gave before"):
            told(ask, span)

    def test_records_that_are_gone_when_asked_again_are_no_end(self, chain: Chain) -> None:
        explored, span = chain

        def without_first(answer: Any) -> Any:
            return answer | {"result": answer["result"][1:]}

        ask = EtherscanStandIn(explored, cap=2, paid=False, spoil=nth("txlist", 3, without_first))
        with pytest.raises(ProviderError, match="gave before"):
            told(ask, span)

    @pytest.mark.parametrize("lost", range(PAID - 1))
    @pytest.mark.parametrize("kind", ["etherscan", "blockscout"])
    def test_a_payment_that_a_list_leaves_out_shows_in_the_numbers_of_the_others(
        self, chain: Chain, kind: str, lost: int
    ) -> None:
        explored, span = chain
        gone = explored.mined[lost].hash

        def without(of: str, row: Any) -> Any:
            return None if of in {"txlist", "transactions"} and row["hash"] == gone else row

        if kind == "etherscan":
            history = told(EtherscanStandIn(explored, paid=False, change=without), span)
        else:
            history = told(BlockscoutStandIn(explored, change=without), span, BLOCKSCOUT)
        assert gone not in facts(history)
        assert not history.complete
        (gap,) = [g for g in history.gaps if g.code == "lists_differ"]
        assert "lacks 1 that the address sent" in gap.message

    def test_numbers_below_a_later_window_are_not_missed(self, chain: Chain) -> None:
        explored, span = chain
        history = told(EtherscanStandIn(explored), Span(span.last, span.last))
        assert history.complete

    def test_a_full_page_of_one_block_proves_nothing_where_the_order_is_not_heeded(
        self, anvil: Anvil
    ) -> None:
        anvil.endow(THIEF, ETHER)
        for number in range(5):
            anvil.send(THIEF, PAYEES[number], 1 + number)
        span = Span(0, anvil.mine())

        class Unsorted(EtherscanStandIn):
            def answer(self, params: dict[str, str]) -> bytes:
                return super().answer({k: "asc" if k == "sort" else v for k, v in params.items()})

        history = told(Unsorted(explore(anvil), paid=False), span, page=3)
        assert (history.complete, "list_cut" in codes(history)) == (False, True)


class TestRepeated:
    def test_a_log_that_is_listed_twice_moves_tokens_once(self, world: World) -> None:
        explored, span = explore(world.node), Span(world.first, world.last)
        logs = {(one.hash, str(moved.amount)): moved.log for one in explored.mined for moved in one.passed}

        def doubled(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if params["action"] == "tokentx" and answer["result"]:
                placed = [r | {"logIndex": str(logs[r["hash"], r["value"]])} for r in answer["result"]]
                answer["result"] = [row for row in placed for _ in range(2)]
            return json.dumps(answer).encode()

        right = multiset(told(EtherscanStandIn(explored), span))
        assert multiset(told(EtherscanStandIn(explored, spoil=doubled), span)) == right

    def test_a_log_cannot_move_two_amounts(self) -> None:
        listed = Listed(MAINNET, THIEF, 10)
        row = {
            "contractAddress": TOKEN, "hash": "0x" + "ab" * 32, "blockNumber": "5", "timeStamp": "9", "from": THIEF,
            "to": HEIR, "value": "7", "tokenSymbol": "T", "tokenDecimal": "0", "transactionIndex": "0", "logIndex": "3",
        }  # fmt: skip
        assert read_token(row, listed) is not None
        assert read_token(row, listed) is None
        with pytest.raises(ProviderError, match="something else"):
            read_token(row | {"value": "8"}, listed)


class Numbered(EtherscanStandIn):
    """Inner payments in Blockscout's form: numbers, the creation that the transaction is, the newest first or in any
    order, and no mark on what a failure further up took back.
    """

    def _rows(self, action: str, params: dict[str, str]) -> list[Any]:
        if action != "txlistinternal":
            return super()._rows(action, params)
        address = params["address"].lower()
        return [row for one in self.chain.mined for row in self._all(one) if address in self._ends(row)]

    def _answer(self, params: dict[str, str]) -> Any:
        if params["action"] == "txlistinternal" and "txhash" in params:
            one = self.chain.by_hash(params["txhash"])
            assert one is not None
            return self._list("txlistinternal", self._all(one)[::-1])
        return super()._answer(params)

    @staticmethod
    def _ends(row: Any) -> set[str]:
        return {row["from"], row["to"], row["contractAddress"]}

    def _all(self, one: Mined) -> list[Any]:
        calls = [(n, replace(call, error=call.own)) for n, call in enumerate(one.inside, start=1)]
        created = one.receipt.get("contractAddress")
        if created is not None:
            root = Inside((), "create", one.raw["from"], created, int(one.raw["value"], 16), "", "")
            calls.insert(0, (0, root))
        rows = [(n, self._inside(one, call)) for n, call in calls if call.value]
        return [
            {k: v for k, v in row.items() if k not in {"hash", "traceId"}}
            | {"transactionHash": one.hash, "index": str(n)}
            for n, row in rows
        ]


class TestCreation:
    """A thief's contract that is made with coin and pays on while it is made."""

    @pytest.fixture(params=[True, False], ids=["pays on", "keeps"])
    def made(self, anvil: Anvil, request: Any) -> Chain:
        anvil.endow(THIEF, ETHER)
        first = anvil.mine() + 1
        pays = assemble(f"0 0 0 0 4 {HEIR} GAS CALL POP 0 0 0 0 3 {OTHER} GAS CALL POP 0 0 RETURN")
        code = pays if request.param else assemble("0 0 RETURN")
        anvil.send(THIEF, None, 11, "0x" + code.hex())
        span = Span(first, anvil.mine())
        return explore(anvil), span

    @pytest.mark.parametrize("address", [THIEF, HEIR, ""])
    def test_counts_once_where_it_is_listed_among_its_own_inner_payments(
        self, made: Chain, address: str
    ) -> None:
        explored, span = made
        address = address or explored.mined[0].receipt["contractAddress"]
        history = told(Numbered(explored, paid=False), span, address=address)
        assert multiset(history) == multiset(by_node(explored.node, span, address))
        assert history.complete, history.gaps

    def test_counts_once_in_the_flat_list_of_blockscout(self, made: Chain) -> None:
        explored, span = made
        one = explored.mined[0]
        root = Inside((), "create", THIEF, one.receipt["contractAddress"], 11, "", "")

        def with_root(path: str, _: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if path.endswith(f"{one.hash}/internal-transactions"):
                answer["items"].insert(0, BlockscoutStandIn._inside(one, 0, root))
            return json.dumps(answer).encode()

        history = told(BlockscoutStandIn(explored, traces=False, spoil=with_root), span, BLOCKSCOUT)
        assert multiset(history) == multiset(by_node(explored.node, span, THIEF))
        assert history.complete, history.gaps


class TestNumbers:
    def row(self, number: int, to: str, value: int, *, bad: bool = False) -> Any:
        raw = {
            "blockNumber": "5", "timeStamp": "9", "from": OTHER, "to": to, "value": str(value), "type": "call",
            "contractAddress": "", "isError": str(int(bad)), "index": str(number), "callType": "call",
        }  # fmt: skip
        return read_inner(raw, "0x" + "ab" * 32)

    ROOT = Frame((), "call", THIEF, OTHER, 9, failed=False)

    def test_decide_the_order_where_there_are_no_places(self) -> None:
        trace = trace_of(self.ROOT, [self.row(12, HEIR, 3), self.row(2, HEIR, 1), self.row(9, HEIR, 2)])
        assert trace is not None
        assert [paid.amount for paid in payments(trace)] == [1, 2, 3]

    def test_do_not_tell_what_a_failure_took_back(self, world: World) -> None:
        """Blockscout marks the call that failed, and not the payments below it, which never happened."""
        assert trace_of(self.ROOT, [self.row(1, HEIR, 1, bad=True), self.row(2, HEIR, 2)]) is None
        tx = world.hash["reverted inside"]
        history = asyncio.run(ETHERSCAN.adapter().transaction(Numbered(explore(world.node)), tx))
        assert [fact[1] for fact in facts(history)[tx]] == ["fee", "native"]
        assert (history.complete, codes(history)) == (False, {"no_internal"})


def test_an_endpoint_without_the_proxy_module_is_told_what_it_may_be(chain: Chain) -> None:
    """Blockscout's own form of this API knows the modules account, block, logs, token, stats, contract, transaction."""

    class Lacking(EtherscanStandIn):
        def _answer(self, params: dict[str, str]) -> Any:
            known = params["module"] != "proxy"
            return super()._answer(params) if known else self.error("Unknown module")

    with pytest.raises(ProviderStopError, match="Unknown module") as error:
        asyncio.run(ETHERSCAN.adapter().head(Lacking(chain[0])))
    assert 'kind = "blockscout"' in error.value.hint
