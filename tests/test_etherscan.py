"""What Etherscan's API is known to do to its clients: each ends in the right table, an error or a visible gap.

The stand-in (tests/servers/etherscan.py) misbehaves on demand in front of a real chain.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evm_world import DISPERSER, ETHER, HEIR, OTHER, PAYEES, THIEF, USDT, World, make_world
from tests.servers.anvil import Anvil, running
from tests.servers.etherscan import EtherscanStandIn
from tests.servers.explored import Explored, explore
from tests.servers.standin import Asked, Reply, stand_in
from tests.test_adapters import codes, facts
from tests.test_explorers import ETHERSCAN, multiset, read
from tracer.chains.adapter import Adapter, History, Request, Span, Verdict
from tracer.chains.adapters import JUDGES
from tracer.chains.endpoint import Endpoint
from tracer.chains.etherscan import Etherscan, judge
from tracer.chains.etherscan_answers import Listing, Refused, read_listing
from tracer.chains.etherscan_rows import read_inner, trace_of
from tracer.chains.evm_traces import Frame, payments
from tracer.chains.explorer_history import Listed
from tracer.errors import ProviderError, ProviderStopError
from tracer.transport.client import Patience, Transport

Facts = Counter[tuple[object, ...]]
LISTS = ("txlist", "txlistinternal", "tokentx")


@pytest.fixture(scope="module")
def world(anvil_binary: Path) -> Iterator[World]:
    with running(anvil_binary) as node:
        yield make_world(node)


@pytest.fixture(scope="module")
def chain(world: World) -> Explored:
    return explore(world.node)


@pytest.fixture(scope="module")
def right(world: World, chain: Explored) -> Facts:
    """What the thief's history really holds."""
    return multiset(read(ETHERSCAN.adapter(), EtherscanStandIn(chain), THIEF, world))


def thief(world: World, ask: Any, **settings: object) -> History:
    return read(ETHERSCAN.adapter(**settings), ask, THIEF, world)


def expect_right_or_loud(history: History, right: Facts) -> bool:
    """Whether the history is whole; one that is not has to say so, and holds no movement that never happened."""
    told = multiset(history)
    assert not told - right
    if told != right:
        assert not history.complete
        assert codes(history) & {"list_cut", "list_missing", "lists_differ", "not_indexed", "no_internal"}
    return told == right


def nameless(history: History) -> Facts:
    """Movements without what tokens are called, which is their makers' own text."""
    return multiset(replace(history, table=history.table.drop(["symbol", "decimals"])))


class TestJudge:
    @pytest.mark.parametrize("swapped", [False, True], ids=["in result", "in message"])
    @pytest.mark.parametrize(
        ("words", "verdict"),
        [
            ("Max rate limit reached, please use API Key for higher rate limit", Verdict.AGAIN),
            ("Max calls per sec rate limit reached (3/sec)", Verdict.AGAIN),
            ("The service is temporarily unavailable", Verdict.AGAIN),
            ("Unexpected error, timeout occurred or server too busy. Please try again later", Verdict.AGAIN),
            ("Max daily rate limit reached. 110000 (100%) of 100000 day/limit", Verdict.STOP),
            ("Invalid API Key (#err2)|", Verdict.STOP),
            ("Missing/Invalid API Key", Verdict.STOP),
            ("Too many invalid api key attempts, please try again later", Verdict.STOP),
            ("Free API access is not supported for this chain. Please upgrade your api plan", Verdict.STOP),
            ("You are using a deprecated V1 endpoint, switch to Etherscan API V2", Verdict.STOP),
            ("Missing or unsupported chainid parameter (required for v2 api)", Verdict.STOP),
            ("Query Timeout occured. Please select a smaller result dataset", Verdict.ANSWER),
            (
                "Result window is too large, PageNo x Offset size must be less than or equal to 10000",
                Verdict.ANSWER,
            ),
            ("Query Timeout occured. Please try again with a smaller range", Verdict.ANSWER),
            ("Error! Missing Or invalid Action name", Verdict.ANSWER),
            ("Sorry, it looks like you are trying to access an API Pro endpoint.", Verdict.ANSWER),
        ],
    )
    def test_of_errors_goes_by_their_words(self, words: str, verdict: Verdict, swapped: bool) -> None:
        ends = ("NOTOK", words)
        message, result = reversed(ends) if swapped else ends
        body = json.dumps({"status": "0", "message": message, "result": result}).encode()
        assert judge(body)[0] is verdict
        assert (words in judge(body)[1]) is (verdict is not Verdict.ANSWER)

    def test_of_an_error_of_the_proxy_module_goes_by_its_words_too(self) -> None:
        error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "rate limit exceeded"}}
        assert judge(json.dumps(error).encode())[0] is Verdict.AGAIN
        error["error"] = {"code": -32602, "message": "invalid argument"}
        assert judge(json.dumps(error).encode())[0] is Verdict.ANSWER

    def test_ignores_what_a_token_is_called(self) -> None:
        rows = [{"tokenSymbol": "Max rate limit reached", "tokenName": "Invalid API Key"}]
        for status in ("0", "1", "2"):
            body = json.dumps({"status": status, "message": "OK", "result": rows}).encode()
            assert judge(body) == (Verdict.ANSWER, "")
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "Max daily rate limit"}).encode()
        assert judge(body) == (Verdict.ANSWER, "")

    @pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b"[]", b"null", b'{"a": 1}', b"{" * 5000])
    def test_of_anything_else_is_to_ask_again(self, body: bytes) -> None:
        assert judge(body)[0] is Verdict.AGAIN


class TestPages:
    @pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 6, 7, 8, 13, 1000])
    def test_small_pages_lose_nothing_silently(
        self, world: World, chain: Explored, right: Facts, page: int
    ) -> None:
        whole = expect_right_or_loud(thief(world, EtherscanStandIn(chain), page=page), right)
        assert whole is (page >= 6)  # as many records as one block has

    @pytest.mark.parametrize("cap", [1, 2, 3, 4, 5, 6, 7, 8, 13])
    def test_pages_that_are_silently_cut_lose_nothing_silently(
        self, world: World, chain: Explored, right: Facts, cap: int
    ) -> None:
        whole = expect_right_or_loud(thief(world, EtherscanStandIn(chain, cap=cap)), right)
        assert whole is (cap >= 6)

    def test_no_page_but_the_first_and_none_above_the_free_limit_is_asked_for(
        self, world: World, chain: Explored
    ) -> None:
        ask = EtherscanStandIn(chain)
        thief(world, ask, page=5000)
        pages = [dict(request.params) for request in ask.asked if "offset" in dict(request.params)]
        assert {(p["page"], p["offset"]) for p in pages if p["action"] in LISTS} == {("1", "1000")}

    @pytest.mark.parametrize("widest", [1, 2, 3])
    def test_a_range_that_times_out_is_split(
        self, world: World, chain: Explored, right: Facts, widest: int
    ) -> None:
        history = thief(world, EtherscanStandIn(chain, widest=widest))
        assert multiset(history) == right
        assert history.complete

    @pytest.mark.parametrize(
        "words",
        ["Query Timeout occured. Please select a smaller result dataset", "Result window is too large"],
    )
    @pytest.mark.parametrize("action", LISTS)
    def test_a_block_that_is_refused_alone_is_a_gap(
        self, world: World, chain: Explored, right: Facts, action: str, words: str
    ) -> None:
        history = thief(world, EtherscanStandIn(chain, refuse={action: words}))
        assert not multiset(history) - right
        assert not history.complete
        assert "list_cut" in codes(history)

    @pytest.mark.parametrize("action", ["txlist", "tokentx"])
    def test_a_cursor_that_does_not_advance_is_an_error(
        self, world: World, chain: Explored, action: str
    ) -> None:
        with pytest.raises(ProviderError, match="something else"):
            thief(world, EtherscanStandIn(chain, stuck=(action,)), page=4)

    def test_a_list_in_another_order_is_an_error(self, world: World, chain: Explored) -> None:
        def backwards(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if params["action"] == "txlist":
                answer["result"].reverse()
            return json.dumps(answer).encode()

        with pytest.raises(ProviderError, match="order"):
            thief(world, EtherscanStandIn(chain, spoil=backwards))

    def test_each_list_costs_two_questions(self, world: World, chain: Explored) -> None:
        ask = EtherscanStandIn(chain)
        thief(world, ask)
        asked = Counter(dict(r.params)["action"] for r in ask.asked if "txhash" not in dict(r.params))
        assert {asked[action] for action in LISTS} == {2}


class TestErrors:
    @pytest.mark.parametrize("swap", [False, True])
    @pytest.mark.parametrize("action", [*LISTS, "eth_getTransactionReceipt"])
    def test_an_error_is_never_an_empty_list(
        self, world: World, chain: Explored, action: str, swap: bool
    ) -> None:
        ask = EtherscanStandIn(chain, refuse={action: "Error! Invalid address format"}, swap=swap)
        with pytest.raises(ProviderError, match="Invalid address format"):
            thief(world, ask)

    @pytest.mark.parametrize(
        "words",
        [
            "No transactions found",
            "No records found",
            "No internal transactions found",
            "No token transfers found",
        ],
    )
    def test_empty_is_said_in_words(self, words: str) -> None:
        for result in ([], None, ""):
            body = json.dumps({"status": "0", "message": words, "result": result}).encode()
            assert read_listing(body) == Listing(())

    @pytest.mark.parametrize(
        "words", ["No API key found", "Error! No transactions found for this plan", "No found", "No service"]
    )
    def test_words_that_only_sound_like_nothing_found_are_refused(self, words: str) -> None:
        for answer in (
            {"status": "0", "message": "NOTOK", "result": words},
            {"status": "0", "message": words, "result": None},
        ):
            assert isinstance(read_listing(json.dumps(answer).encode()), Refused)

    @pytest.mark.parametrize("result", [[], None, "", {}])
    def test_a_list_without_rows_and_without_those_words_is_refused(self, result: object) -> None:
        body = json.dumps({"status": "0", "message": "NOTOK", "result": result}).encode()
        assert isinstance(read_listing(body), Refused)

    def test_an_error_of_the_proxy_module_in_either_envelope_is_an_error(
        self, world: World, chain: Explored
    ) -> None:
        for answer in (
            {"status": "0", "message": "NOTOK", "result": "Error! Invalid transaction hash"},
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "invalid argument"}},
            {"jsonrpc": "2.0", "id": 1, "result": None},
        ):

            def spoiled(params: dict[str, str], body: bytes, answer: object = answer) -> bytes:
                return json.dumps(answer).encode() if params["module"] == "proxy" else body

            with pytest.raises(ProviderError):
                thief(world, EtherscanStandIn(chain, spoil=spoiled))

    def test_a_list_that_is_not_offered_is_a_gap(self, world: World, chain: Explored, right: Facts) -> None:
        words = "Error! Missing Or invalid Action name"
        ask = EtherscanStandIn(chain, refuse={"txsBeaconWithdrawal": words, "getminedblocks": words})
        history = thief(world, ask)
        assert multiset(history) == right
        assert (codes(history) - {"unique_tokens"}, history.complete) == ({"list_missing"}, False)

    @pytest.mark.parametrize("action", LISTS)
    def test_an_index_that_is_not_whole_is_incomplete_and_not_empty(
        self, world: World, chain: Explored, right: Facts, action: str
    ) -> None:
        def pending(params: dict[str, str], body: bytes) -> bytes:
            if params["action"] != action or "txhash" in params:
                return body
            message = "Some internal transactions within this block range have not yet been processed"
            return json.dumps({"status": "2", "message": message, "result": []}).encode()

        history = thief(world, EtherscanStandIn(chain, spoil=pending))
        assert not multiset(history) - right
        assert not history.complete
        assert "not_indexed" in codes(history)

    def test_inner_payments_that_are_not_processed_yet_are_missed_aloud(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        def pending(params: dict[str, str], body: bytes) -> bytes:
            if params["action"] != "txlistinternal" or "txhash" not in params:
                return body
            message = "Internal transactions for this transaction have not been processed yet"
            return json.dumps({"status": "2", "message": message, "result": []}).encode()

        history = thief(world, EtherscanStandIn(chain, spoil=pending))
        assert not expect_right_or_loud(history, right)
        assert "no_internal" in codes(history)


class TestRows:
    SPOILT = (None, "", "1e18", 1e18, 1.5, "1,000", "-1", "0x10", True, [], "Ü", 2**256)

    def test_a_field_that_is_missing_or_nonsense_never_changes_the_table_silently(
        self, world: World, chain: Explored
    ) -> None:
        outcomes: Counter[str] = Counter()
        wanted = nameless(thief(world, EtherscanStandIn(chain)))
        for action in LISTS:
            fields = next(iter(_rows_of(chain, action)))
            for name in fields:
                for value in (..., *self.SPOILT):

                    def spoil(
                        of: str, row: Any, action: str = action, name: str = name, v: Any = value
                    ) -> Any:
                        if of != action:
                            return row
                        return {
                            k: (v if k == name else o) for k, o in row.items() if k != name or v is not ...
                        }

                    try:
                        history = thief(world, EtherscanStandIn(chain, change=spoil))
                    except ProviderError:
                        outcomes["error"] += 1
                        continue
                    same = nameless(history) == wanted
                    outcomes["same" if same else "gap"] += 1
                    assert same or not history.complete, (action, name, value)
        assert outcomes["error"] > 250
        assert outcomes["same"] > 50

    def test_the_amounts_of_each_list_are_read_strictly(self, world: World, chain: Explored) -> None:
        for action in LISTS:
            for value in ("1e18", 1e18, "1.0", "-1", "", None, "0x1", str(2**256)):

                def spoil(of: str, row: Any, action: str = action, value: Any = value) -> Any:
                    return row | {"value": value} if of == action else row

                with pytest.raises(ProviderError, match="nonsense"):
                    thief(world, EtherscanStandIn(chain, change=spoil))

    def test_mixed_case_and_other_order_of_keys_change_nothing(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        def shouted(_: str, row: Any) -> Any:
            turned = reversed(row.items())
            return {
                k: "0x" + v[2:].upper() if isinstance(v, str) and v.startswith("0x") and len(v) > 2 else v
                for k, v in turned
            }

        history = thief(world, EtherscanStandIn(chain, change=shouted))
        assert multiset(history) == right
        assert history.complete

    def test_numbers_may_be_json_integers(self, world: World, chain: Explored, right: Facts) -> None:
        def plain(_: str, row: Any) -> Any:
            return {k: int(v) if isinstance(v, str) and v.isdigit() else v for k, v in row.items()}

        assert multiset(thief(world, EtherscanStandIn(chain, change=plain))) == right

    @pytest.mark.parametrize("action", LISTS)
    def test_rows_of_others_are_an_error(self, world: World, chain: Explored, action: str) -> None:
        def others(of: str, row: Any) -> Any:
            return row | {"from": PAYEES[0], "to": PAYEES[1]} if of == action else row

        with pytest.raises(ProviderError, match="something else"):
            thief(world, EtherscanStandIn(chain, change=others))

    @pytest.mark.parametrize("action", LISTS)
    def test_a_row_that_a_list_leaves_out_is_noticed(
        self, world: World, chain: Explored, right: Facts, action: str
    ) -> None:
        """Each row in turn, by receipts, nonces, balance or logs; the list is called incomplete."""
        rows = [r for r in _rows_of(chain, action) if THIEF in {r["from"], r["to"]}]
        noticed = 0
        for left_out in rows:
            key = {k: left_out[k] for k in ("hash", "value", "to")}

            def without(of: str, row: Any, key: Any = key) -> Any:
                return None if of == action and key.items() <= row.items() else row

            history = thief(world, EtherscanStandIn(chain, change=without))
            told = multiset(history)
            assert not told - right
            assert told == right or action != "tokentx"
            noticed += not history.complete
        assert noticed == len(rows)

    def test_a_token_row_that_a_list_repeats_is_decided_by_the_receipt(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        def doubled(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if params["action"] == "tokentx":
                answer["result"] = [row for row in answer["result"] for _ in range(2)]
            return json.dumps(answer).encode()

        history = thief(world, EtherscanStandIn(chain, spoil=doubled))
        assert multiset(history) == right
        assert (history.complete, "lists_differ" in codes(history)) == (False, True)

    def test_compatible_endpoints_tell_the_position_of_tokens(self, world: World, chain: Explored) -> None:
        logs = {(one.hash, str(moved.amount)): moved.log for one in chain.mined for moved in one.passed}

        def placed(of: str, row: Any) -> Any:
            return row | {"logIndex": str(logs[row["hash"], row["value"]])} if of == "tokentx" else row

        history = thief(world, EtherscanStandIn(chain, change=placed))
        assert facts(history)[world.hash["minted"]] == [world.told["minted"][2]]

    def test_a_row_of_strangers_is_an_error_although_nothing_else_tells_of_it(
        self, world: World, chain: Explored
    ) -> None:
        def strange(of: str, row: Any) -> Any:
            ends = {"from": PAYEES[0], "to": PAYEES[1]}
            return row | ends if of == "txlist" and row["hash"] == world.hash["received"] else row

        with pytest.raises(ProviderError, match="something else"):
            thief(world, EtherscanStandIn(chain, change=strange, paid=False))

    def test_a_payment_of_somebody_else_that_failed_never_arrived(
        self, world: World, chain: Explored
    ) -> None:
        def failed(of: str, row: Any) -> Any:
            state = {"isError": "1", "txreceipt_status": "0"}
            return row | state if of == "txlist" and row["hash"] == world.hash["received"] else row

        history = thief(world, EtherscanStandIn(chain, change=failed))
        assert world.hash["received"] not in facts(history)

    def test_a_transaction_stands_in_one_block_at_one_time(self) -> None:
        listed = Listed("eip155:1", THIEF, 10)
        listed.found("0x1", 5)
        listed.timed(5, 100)
        with pytest.raises(ProviderError, match="something else"):
            listed.found("0x1", 6)
        with pytest.raises(ProviderError, match="something else"):
            listed.timed(5, 101)

    def test_a_failed_transaction_pays_its_fee_alone(self, world: World, chain: Explored) -> None:
        told = facts(thief(world, EtherscanStandIn(chain)))[world.hash["failed"]]
        assert [fact[1] for fact in told] == ["fee"]

    def test_lists_and_receipts_must_agree_on_failure(self, world: World, chain: Explored) -> None:
        def lied(of: str, row: Any) -> Any:
            return row | {"isError": "0", "txreceipt_status": "1"} if of == "txlist" else row

        with pytest.raises(ProviderError, match="failed"):
            thief(world, EtherscanStandIn(chain, change=lied))

    def test_contradicting_states_of_a_row_are_an_error(self, world: World, chain: Explored) -> None:
        def lied(of: str, row: Any) -> Any:
            return row | {"txreceipt_status": "0"} if of == "txlist" and row["isError"] == "0" else row

        with pytest.raises(ProviderError, match="nonsense"):
            thief(world, EtherscanStandIn(chain, change=lied))


class TestInner:
    ROOT = Frame((), "call", THIEF, DISPERSER, 9, failed=False)

    def row(self, to: str, value: int, trace: str = "", *, bad: bool = False, kind: str = "call") -> Any:
        raw = {
            "blockNumber": "5",
            "timeStamp": "9",
            "from": DISPERSER,
            "to": to,
            "value": str(value),
            "contractAddress": "",
            "type": kind,
            "isError": str(int(bad)),
        }
        return read_inner(raw | ({"traceId": trace} if trace else {}), "0x" + "ab" * 32)

    def paid(self, *rows: Any) -> list[int]:
        return [paid.amount for paid in payments(trace_of(self.ROOT, rows))]

    def test_one_that_failed_moved_nothing(self) -> None:
        assert self.paid(self.row(HEIR, 1, bad=True), self.row(HEIR, 2)) == [2]

    def test_a_failure_takes_back_what_lies_below_it(self) -> None:
        rows = [self.row(HEIR, 1, "0", bad=True), self.row(HEIR, 2, "0_0"), self.row(HEIR, 3, "1")]
        assert self.paid(*rows) == [3]

    def test_places_in_the_trace_decide_the_order(self) -> None:
        rows = [self.row(HEIR, 3, "10"), self.row(HEIR, 1, "0"), self.row(HEIR, 2, "2_1")]
        assert self.paid(*rows) == [1, 2, 3]

    def test_places_that_repeat_decide_nothing(self) -> None:
        rows = [self.row(HEIR, 3, "1"), self.row(HEIR, 1, "0"), self.row(HEIR, 2, "0")]
        assert self.paid(*rows) == [3, 1, 2]

    @pytest.mark.parametrize("kind", ["delegatecall", "staticcall", "callcode"])
    def test_borrowed_code_moves_nothing(self, kind: str) -> None:
        assert self.paid(self.row(HEIR, 7, kind=kind)) == []

    def test_an_unknown_type_is_nonsense(self) -> None:
        with pytest.raises(ProviderError, match="nonsense"):
            self.row(HEIR, 7, kind="teleport")

    @pytest.mark.parametrize("places", [True, False])
    def test_with_and_without_places_the_table_is_right(
        self, world: World, chain: Explored, right: Facts, places: bool
    ) -> None:
        assert multiset(thief(world, EtherscanStandIn(chain, places=places))) == right

    def test_a_list_of_a_transaction_that_may_be_cut_is_a_gap(self, anvil: Anvil) -> None:
        anvil.endow(THIEF, ETHER)
        world = make_world(anvil)
        ask = EtherscanStandIn(explore(anvil))

        def long(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if "txhash" in params and params["action"] == "txlistinternal" and answer["result"]:
                answer["result"] = answer["result"][:1] * 1000
            return json.dumps(answer).encode()

        ask.spoil = long
        history = asyncio.run(ETHERSCAN.adapter().transaction(ask, world.hash["disperse"]))
        assert "list_cut" in codes(history)
        assert not history.complete

    def test_nobody_is_asked_for_inner_payments_where_no_code_ran(
        self, world: World, chain: Explored
    ) -> None:
        ask = EtherscanStandIn(chain)
        asyncio.run(ETHERSCAN.adapter().transaction(ask, world.hash["native"]))
        assert "txlistinternal" not in ask.actions()
        asyncio.run(ETHERSCAN.adapter().transaction(ask, world.hash["disperse"]))
        assert "txlistinternal" in ask.actions()


class TestBalance:
    def test_one_that_a_paid_plan_only_tells_is_an_assumption(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        history = thief(world, EtherscanStandIn(chain, paid=False))
        assert multiset(history) == right
        assert history.complete
        (gap,) = [gap for gap in history.gaps if gap.code == "balance_unknown"]
        assert gap.status == "assumption"

    def test_one_that_does_not_fit_is_a_gap_to_the_wei(self, world: World, chain: Explored) -> None:
        def off(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if params["action"] == "balancehistory" and params["blockno"] == str(world.last):
                answer["result"] = str(int(answer["result"]) + 1)
            return json.dumps(answer).encode()

        history = thief(world, EtherscanStandIn(chain, spoil=off))
        assert [(g.code, g.amount) for g in history.gaps if g.code == "balance_differs"] == [
            ("balance_differs", 1)
        ]
        assert not history.complete

    def test_a_payment_that_no_list_shows_is_noticed(self, world: World, chain: Explored) -> None:
        received = world.hash["received"]

        def without(_: str, row: Any) -> Any:
            return None if row.get("hash") == received else row

        history = thief(world, EtherscanStandIn(chain, change=without))
        assert received not in facts(history)
        assert [(g.code, g.amount) for g in history.gaps if g.status == "open"] == [("balance_differs", 5)]


class TestOutsideTransactions:
    def test_withdrawals_stand_behind_the_block_as_the_node_has_them(
        self, world: World, chain: Explored
    ) -> None:
        block = chain.headers[world.first + 1]
        listed = {
            "withdrawalIndex": "77",
            "validatorIndex": "5",
            "address": THIEF,
            "amount": "3",
            "blockNumber": str(world.first + 1),
            "timestamp": "1",
        }
        given = [
            {"index": "0x4c", "validatorIndex": "0x1", "address": OTHER, "amount": "0x9"},
            {"index": "0x4d", "validatorIndex": "0x5", "address": THIEF, "amount": "0x3"},
        ]

        def header(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if params["action"] == "eth_getBlockByNumber":
                answer["result"]["withdrawals"] = given
            return json.dumps(answer).encode()

        ask = EtherscanStandIn(chain, spoil=header, withdrawals=[listed])
        told = facts(thief(world, ask))[block["hash"]]
        assert told == [(1, "withdrawal", "", THIEF, "native", 3 * 10**9)]
        ask.withdrawals = [listed | {"amount": "4"}]
        with pytest.raises(ProviderError, match="something else"):
            thief(world, ask)

    def test_more_withdrawals_than_anybody_reads_are_a_hub(self, world: World, chain: Explored) -> None:
        row = {
            "withdrawalIndex": "1",
            "validatorIndex": "5",
            "address": HEIR,
            "amount": "3",
            "timestamp": "1",
        }
        rows = [row | {"blockNumber": str(n)} for n in range(world.first, world.last + 1)]
        history = read(ETHERSCAN.adapter(), EtherscanStandIn(chain, withdrawals=rows), HEIR, world, most=2)
        assert (history.hub, history.complete) == (True, False)
        assert history.transactions > 2

    def test_chains_without_a_consensus_layer_that_pays_are_not_asked(self, anvil: Anvil) -> None:
        ask = EtherscanStandIn(explore(anvil))
        adapter = ETHERSCAN.adapter(chain="eip155:56")
        history = asyncio.run(adapter.history(ask, THIEF, Span(0, 0), 10))
        assert history.complete
        assert "txsBeaconWithdrawal" not in ask.actions()

    def test_rewards_for_blocks_are_a_gap(self, world: World, chain: Explored) -> None:
        mined = [
            {"blockNumber": str(n), "timeStamp": "1", "blockReward": str(10**20 + n)}
            for n in (world.last + 9, world.last, world.first, world.first - 1)
        ]
        history = thief(world, EtherscanStandIn(chain, rewards=mined), page=1)
        (gap,) = [gap for gap in history.gaps if gap.code == "block_reward"]
        assert gap.amount == 2 * 10**20 + world.first + world.last

    def test_coin_of_the_beginning_is_minted_in_block_0(self, anvil: Anvil) -> None:
        row = {
            "blockNumber": "0",
            "timeStamp": "1438269973",
            "hash": f"GENESIS_{THIEF[2:]}",
            "nonce": "",
            "blockHash": "",
            "transactionIndex": "0",
            "from": "GENESIS",
            "to": THIEF,
            "value": str(10**22),
            "isError": "0",
            "txreceipt_status": "",
            "contractAddress": "",
        }
        ask = EtherscanStandIn(explore(anvil), beginning=[row], paid=False)
        anvil.mine()
        history = asyncio.run(ETHERSCAN.adapter().history(ask, THIEF, Span(0, 1), 10))
        ((tx, told),) = facts(history).items()
        assert told == [(0, "mint", "", THIEF, "native", 10**22)]
        assert tx == ask.chain.headers[0]["hash"]
        later = asyncio.run(ETHERSCAN.adapter().history(ask, THIEF, Span(1, 1), 10))
        assert later.table.num_rows == 0

    def test_tokens_that_an_issuer_destroyed_are_found_by_their_log(
        self, world: World, chain: Explored
    ) -> None:
        history = thief(world, EtherscanStandIn(chain))
        assert facts(history)[world.hash["destroyed tokens"]][-1][1:] == ("issuer", THIEF, "", USDT, 31)

    def test_a_log_writes_zero_without_a_digit(self, world: World, chain: Explored) -> None:
        def zero(of: str, row: Any) -> Any:
            return row | {"logIndex": "0x", "transactionIndex": "0x"} if of == "getLogs" else row

        history = thief(world, EtherscanStandIn(chain, change=zero))
        assert world.hash["destroyed tokens"] in facts(history)

    def test_where_logs_are_not_offered_that_is_said(self, world: World, chain: Explored) -> None:
        ask = EtherscanStandIn(chain, refuse={"getLogs": "Error! Missing Or invalid Action name"})
        history = thief(world, ask)
        assert world.hash["destroyed tokens"] not in facts(history)
        assert not history.complete
        assert "list_missing" in codes(history)


class TestTokensByLogs:
    """Of what others pay in tokens only one list tells: the index of logs is held against it."""

    @staticmethod
    def nobody_told(of: str, row: Any) -> Any:
        return None if of == "tokentx" else row

    @pytest.mark.parametrize("page", [1000, 7])
    @pytest.mark.parametrize("cap", [10**9, 7])
    def test_a_list_that_tells_nothing_loses_nothing(
        self, world: World, chain: Explored, page: int, cap: int
    ) -> None:
        history = thief(world, EtherscanStandIn(chain, change=self.nobody_told, cap=cap), page=page)
        assert nameless(history) == nameless(thief(world, EtherscanStandIn(chain)))
        assert "lists_differ" in codes(history)
        assert not history.complete

    def test_a_list_that_is_whole_costs_no_transaction_more(self, world: World, chain: Explored) -> None:
        asked = [EtherscanStandIn(chain), EtherscanStandIn(chain, refuse={"getLogs": "Unknown action"})]
        for ask in asked:
            thief(world, ask)
        receipts = [ask.actions().count("eth_getTransactionReceipt") for ask in asked]
        assert receipts[0] == receipts[1] + 1  # the one in which an issuer destroyed tokens, told by a log

    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (lambda rows: [row | {"topics": row["topics"][::-1]} for row in rows], "logs of others"),
            (lambda rows: [*rows, rows[-1] | {"blockNumber": "0x2"}], "order of the chain"),
            (lambda rows: [row | {"blockNumber": "0xffffff"} for row in rows], "order of the chain"),
        ],
        ids=["others", "backwards", "later"],
    )
    def test_logs_that_were_not_asked_for_are_not_believed(
        self, world: World, chain: Explored, right: Facts, spoil: Callable[[Any], Any], why: str
    ) -> None:
        def spoiled(params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if "topic2" in params and answer["result"]:
                answer["result"] = spoil(answer["result"])
            return json.dumps(answer).encode()

        history = thief(world, EtherscanStandIn(chain, spoil=spoiled))
        assert multiset(history) == right
        (gap,) = [gap for gap in history.gaps if gap.code == "tokens_by_list"]
        assert (gap.status, why in gap.message) == ("assumption", True)

    @pytest.mark.parametrize(
        "words",
        ["Query Timeout occured. Please select a smaller result dataset", "Error! Missing Or invalid Action"],
    )
    def test_where_they_cannot_be_had_the_list_stands_alone_by_assumption(
        self, world: World, chain: Explored, right: Facts, words: str
    ) -> None:
        def refused(params: dict[str, str], body: bytes) -> bytes:
            return json.dumps(EtherscanStandIn(chain).error(words)).encode() if "topic1" in params else body

        ask = EtherscanStandIn(chain, spoil=refused)
        history = thief(world, ask)
        assert multiset(history) == right
        assert [g.status for g in history.gaps if g.code == "tokens_by_list"] == ["assumption"]
        assert history.complete
        assert sum("topic1" in dict(request.params) for request in ask.asked) == 1
        assert "tokens_by_list" not in codes(thief(world, EtherscanStandIn(chain)))

    def test_more_logs_in_a_block_than_an_answer_holds_is_said(self, world: World, chain: Explored) -> None:
        history = thief(world, EtherscanStandIn(chain), page=1)
        (gap,) = [gap for gap in history.gaps if gap.code == "tokens_by_list"]
        assert "more logs than one answer holds" in gap.message


class TestEndpoints:
    @pytest.mark.parametrize(
        ("base", "named"),
        [
            ("https://api.etherscan.io/v2/api", True),
            ("https://api.routescan.io/v2/network/mainnet/evm/43114/etherscan/api", False),
            ("https://eth.blockscout.com/api", False),
        ],
    )
    def test_only_etherscans_own_form_names_the_chain(self, base: str, named: bool) -> None:
        asked = []

        async def ask(request: Request) -> bytes:
            asked.append(request)
            return b'{"jsonrpc": "2.0", "id": 1, "result": null}'

        adapter: Adapter = Etherscan(Endpoint("x", "etherscan", "eip155:43114", base))
        with pytest.raises(ProviderError):
            asyncio.run(adapter.block(ask, 1))
        assert dict(asked[0].params).get("chainid") == ("43114" if named else None)

    def test_head_is_the_finalized_block(self, world: World, chain: Explored) -> None:
        ask = EtherscanStandIn(chain)
        head = asyncio.run(ETHERSCAN.adapter().head(ask))
        raw: Any = world.node.call("eth_getBlockByNumber", "finalized", False)
        assert (hex(head.block), head.hash) == (raw["number"], raw["hash"])
        assert not any(request.settled for request in ask.asked)

    @pytest.mark.parametrize(
        "answer",
        [
            {"jsonrpc": "2.0", "id": 1, "result": None},
            {"status": "0", "message": "NOTOK", "result": "Error! Invalid tag"},
        ],
    )
    def test_without_the_tag_head_is_some_blocks_below(
        self, world: World, chain: Explored, answer: object
    ) -> None:
        def spoil(params: dict[str, str], body: bytes) -> bytes:
            return json.dumps(answer).encode() if params.get("tag") == "finalized" else body

        latest = int(str(world.node.call("eth_blockNumber")), 16)
        head = asyncio.run(ETHERSCAN.adapter(depth=7).head(EtherscanStandIn(chain, spoil=spoil)))
        assert head.block == latest - 7


class TestOverTheWire:
    """Through the real client, against the stand-in as an HTTP server."""

    def history(self, world: World, chain: Explored, faults: list[Reply]) -> tuple[History, int]:
        explorer = EtherscanStandIn(chain)
        lock = iter(faults)

        def answer(asked: Asked) -> Reply:
            return next(lock, None) or Reply(explorer.answer(asked.params))

        async def run(url: str) -> tuple[History, int]:
            endpoint = Endpoint("stand-in", "etherscan", "eip155:1", url + "/v2/api", 0, 4)
            patience = Patience(first=0.001, longest=0.01)
            async with Transport(lambda _: "", JUDGES, patience=patience) as transport:

                async def ask(request: Request) -> bytes:
                    return await transport.ask(endpoint, request)

                adapter = Etherscan(endpoint)
                history = await adapter.history(ask, THIEF, Span(world.first, world.last), 1000)
                return history, transport.counts(endpoint).again

        with stand_in(answer) as server:
            return asyncio.run(run(server.url))

    def test_what_asks_for_patience_gets_it(self, world: World, chain: Explored, right: Facts) -> None:
        busy = {"status": "0", "message": "NOTOK", "result": "Max rate limit reached"}
        faults = [
            Reply(busy),
            Reply(b"<html>Just a moment</html>", headers={"content-type": "text/html"}),
            Reply(b"{}", status=429),
            Reply(b"<html>bad gateway</html>", status=502),
            Reply(fault="reset"),
        ]
        history, again = self.history(world, chain, faults)
        assert multiset(history) == right
        assert history.complete
        assert again == len(faults)

    def test_a_daily_limit_stops(self, world: World, chain: Explored) -> None:
        spent = {
            "status": "0",
            "message": "NOTOK",
            "result": "Max daily rate limit reached. 100000 of 100000",
        }
        with pytest.raises(ProviderStopError, match="daily"):
            self.history(world, chain, [Reply(spent)])


def _rows_of(chain: Explored, action: str) -> list[Any]:
    return EtherscanStandIn(chain)._rows(action, {"address": THIEF})
