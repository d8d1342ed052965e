"""What Blockscout's REST API is known to do to its clients: each ends in the right table, an error or a visible gap.

The stand-in (tests/servers/blockscout.py) misbehaves on demand in front of a real chain.
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

from tests.evm_world import ETHER, HEIR, NFT, OTHER, PAYEES, THIEF, USDT, WETH_AT, World, make_world
from tests.servers.anvil import Anvil, running
from tests.servers.blockscout import BlockscoutStandIn
from tests.servers.explored import Explored, explore
from tests.servers.standin import Asked, Reply, stand_in
from tests.test_adapters import codes, facts
from tests.test_explorers import BLOCKSCOUT, multiset, read
from tracer.chains.adapter import History, Request, Span, Verdict
from tracer.chains.adapters import JUDGES
from tracer.chains.blockscout import Blockscout, judge
from tracer.chains.blockscout_rows import read_inner
from tracer.chains.endpoint import Endpoint
from tracer.errors import ProviderError, ProviderStopError
from tracer.transport.client import Patience, Transport

Facts = Counter[tuple[object, ...]]
LISTS = ("transactions", "internal-transactions", "token-transfers")
LOUD = {
    "list_missing",
    "lists_differ",
    "not_indexed",
    "no_internal",
    "balance_differs",
    "fee_unknown",
    "status_unknown",
}


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
    return multiset(thief(world, BlockscoutStandIn(chain)))


def thief(world: World, ask: Any) -> History:
    return read(BLOCKSCOUT.adapter(), ask, THIEF, world)


def nameless(history: History) -> Facts:
    """Movements without what tokens are called, which is their makers' own text."""
    return multiset(replace(history, table=history.table.drop(["symbol", "decimals"])))


def changing(name: str, change: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    return lambda of, row: change(row) if of == name else row


def told_of(world: World, chain: Explored, title: str, ask: BlockscoutStandIn | None = None) -> History:
    adapter = BLOCKSCOUT.adapter()
    return asyncio.run(adapter.transaction(ask or BlockscoutStandIn(chain), world.hash[title]))


def spoiling(end: str, change: Callable[[Any], Any]) -> Callable[[str, dict[str, str], bytes], bytes]:
    """Change the answers to paths that end so."""
    return lambda path, _, body: json.dumps(change(json.loads(body))).encode() if path.endswith(end) else body


class TestJudge:
    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            ({"message": "Too many requests"}, Verdict.AGAIN),
            ({"message": "Something went wrong"}, Verdict.AGAIN),
            ({"error": "Internal server error"}, Verdict.AGAIN),
            ({"message": "Invalid API key"}, Verdict.STOP),
            ({"message": "Daily credits limit reached"}, Verdict.STOP),
            ({"message": "Not found"}, Verdict.ANSWER),
            ({"errors": [{"title": "Invalid value", "detail": "Unexpected field: limit"}]}, Verdict.ANSWER),
            ({"items": [], "next_page_params": None, "message": "try again"}, Verdict.ANSWER),
            ({"hash": "0x", "message": "Too many requests"}, Verdict.ANSWER),
            ([], Verdict.ANSWER),
            (None, Verdict.AGAIN),
            (7, Verdict.AGAIN),
        ],
    )
    def test_goes_by_the_providers_own_words(self, answer: object, verdict: Verdict) -> None:
        assert judge(json.dumps(answer).encode())[0] is verdict

    def test_of_a_page_of_html_is_to_ask_again(self) -> None:
        assert judge(b"<html>busy</html>")[0] is Verdict.AGAIN


class TestPages:
    @pytest.mark.parametrize("page", [1, 2, 3, 5, 50])
    @pytest.mark.parametrize("version", [11, 12])
    def test_any_page_size_of_either_version_gives_the_same(
        self, world: World, chain: Explored, right: Facts, version: int, page: int
    ) -> None:
        ask = BlockscoutStandIn(chain, version=version, page=page)
        history = thief(world, ask)
        assert multiset(history) == right
        assert history.complete
        sent = {name for request in ask.asked for name, _ in request.params}
        assert sent <= {"block_number", "index", "transaction_index", "items_count", "topic"}
        assert ("items_count" in sent) is (version == 11 and page < 50)

    @pytest.mark.parametrize("name", LISTS[::2])
    def test_a_page_that_comes_twice_is_an_error(self, world: World, chain: Explored, name: str) -> None:
        with pytest.raises(ProviderError, match="repeats a page"):
            thief(world, BlockscoutStandIn(chain, page=2, twice=(name,)))

    @pytest.mark.parametrize("name", LISTS[::2])
    def test_a_cursor_that_does_not_advance_is_an_error(
        self, world: World, chain: Explored, name: str
    ) -> None:
        with pytest.raises(ProviderError, match="repeats a page"):
            thief(world, BlockscoutStandIn(chain, page=2, stuck=(name,)))

    def test_an_empty_page_with_a_next_one_is_an_error(self, world: World, chain: Explored) -> None:
        empty = {"items": [], "next_page_params": {"block_number": 1}}
        ask = BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/transactions", lambda _: empty))
        with pytest.raises(ProviderError, match="repeats a page"):
            thief(world, ask)

    def test_a_list_in_another_order_is_an_error(self, world: World, chain: Explored) -> None:
        def backwards(answer: Any) -> Any:
            return answer | {"items": answer["items"][::-1]}

        with pytest.raises(ProviderError, match="not in order"):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/transactions", backwards)))

    def test_single_tokens_in_another_order_are_an_error_too(self, world: World, chain: Explored) -> None:
        def odd(answer: Any) -> Any:
            items = [item | {"token_type": "ERC-1155"} for item in answer["items"][::-1]]
            items[0] |= {"block_number": world.first, "transaction_hash": "0x" + "5" * 64}
            return answer | {"items": items}

        with pytest.raises(ProviderError, match="not in order"):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/token-transfers", odd)))

    def test_pages_below_the_span_are_not_asked_for(self, world: World, chain: Explored) -> None:
        ask = BlockscoutStandIn(chain, page=1)
        span = Span(world.last, world.last)
        asyncio.run(BLOCKSCOUT.adapter().history(ask, THIEF, span, 100))
        pages = [r for r in ask.asked if r.path.endswith(f"{THIEF}/transactions")]
        assert len(pages) == 3  # two in the span, and one that shows its end

    def test_only_pages_that_begin_in_the_span_are_settled(self, world: World, chain: Explored) -> None:
        ask = BlockscoutStandIn(chain, page=1)
        span = Span(world.first, world.last - 1)
        asyncio.run(BLOCKSCOUT.adapter().history(ask, THIEF, span, 100))
        for request in ask.asked:
            if request.path.endswith(f"{THIEF}/transactions"):
                below = int(dict(request.params).get("block_number", 2**60))
                assert request.settled is (below <= span.last)

    @pytest.mark.parametrize("value", [1.5, {"a": 1}, [1]])
    def test_a_cursor_that_is_no_cursor_is_an_error(
        self, world: World, chain: Explored, value: object
    ) -> None:
        def odd(answer: Any) -> Any:
            return answer | {"next_page_params": {"block_number": value}}

        with pytest.raises(ProviderError, match="nonsense"):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/transactions", odd)))

    def test_a_key_that_is_echoed_never_comes_into_a_question(self, world: World, chain: Explored) -> None:
        def leaky(answer: Any) -> Any:
            if answer["next_page_params"] is not None:
                answer["next_page_params"] |= {"key": "secret", "apikey": "secret"}
            return answer

        ask = BlockscoutStandIn(chain, page=2, spoil=spoiling(f"{THIEF}/transactions", leaky))
        assert thief(world, ask).complete
        assert not any("secret" in request.text for request in ask.asked)

    @pytest.mark.parametrize("lost", ["items", "next_page_params"])
    def test_a_page_without_its_parts_is_an_error(self, world: World, chain: Explored, lost: str) -> None:
        def less(answer: Any) -> Any:
            return {k: v for k, v in answer.items() if k != lost}

        with pytest.raises(ProviderError):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/token-transfers", less)))

    def test_a_parameter_that_is_refused_stops(self, world: World, chain: Explored) -> None:
        refused = {
            "errors": [{"title": "Invalid value", "source": {"pointer": "/"}, "detail": "Unexpected field"}]
        }
        ask = BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/transactions", lambda _: refused))
        with pytest.raises(ProviderStopError, match="Unexpected field"):
            thief(world, ask)


class TestIndex:
    @pytest.mark.parametrize("finished", [(True, False), (False, False), (False, True)])
    def test_one_that_is_not_whole_is_incomplete(
        self, world: World, chain: Explored, right: Facts, finished: tuple[bool, bool]
    ) -> None:
        history = thief(world, BlockscoutStandIn(chain, finished=finished))
        assert multiset(history) == right
        assert (history.complete, "not_indexed" in codes(history)) == (False, True)

    def test_inner_payments_that_are_not_processed_yet_are_incomplete_and_not_empty(
        self, world: World, chain: Explored
    ) -> None:
        def none(answer: Any) -> Any:
            return answer | {"items": [], "next_page_params": None}

        ask = BlockscoutStandIn(chain, pending=("internal-transactions",))
        ask.spoil = spoiling("/internal-transactions", none)
        history = thief(world, ask)
        assert (history.complete, "not_indexed" in codes(history)) == (False, True)
        ask.traces = False
        told = told_of(world, chain, "disperse", ask)
        assert (told.complete, codes(told)) == (False, {"no_internal"})

    def test_an_unknown_address_is_empty_only_where_the_instance_answers_well(
        self, world: World, chain: Explored
    ) -> None:
        nobody = "0x" + "78" * 20
        for unknown in ("not found", "empty"):
            history = read(BLOCKSCOUT.adapter(), BlockscoutStandIn(chain, unknown=unknown), nobody, world)
            assert (history.table.num_rows, history.complete) == (0, True)
        ask = BlockscoutStandIn(chain, unknown="not found", finished=(False, False))
        assert not read(BLOCKSCOUT.adapter(), ask, nobody, world).complete
        for end in ("indexing-status", f"blocks/{world.last}"):
            ask = BlockscoutStandIn(chain, spoil=spoiling(end, lambda _: {"message": "Not found"}))
            with pytest.raises(ProviderError, match="knows nothing"):
                read(BLOCKSCOUT.adapter(), ask, nobody, world)

    def test_a_status_without_its_fields_is_an_error(self, world: World, chain: Explored) -> None:
        with pytest.raises(ProviderError, match="missing"):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling("indexing-status", lambda _: {})))


class TestItems:
    SPOILT = (None, "", "1e18", 1e18, 1.5, "1,000", "-1", "0x10", True, [], {}, "Ü", str(2**256))

    @pytest.mark.parametrize("name", [*LISTS, "logs"])
    def test_a_field_that_is_missing_or_nonsense_never_changes_the_table_silently(
        self, world: World, chain: Explored, right: Facts, name: str
    ) -> None:
        outcomes: Counter[str] = Counter()
        wanted = nameless(thief(world, BlockscoutStandIn(chain)))
        for path in _paths(_items_of(chain, name)[0]):
            for value in (..., *self.SPOILT):
                ask = BlockscoutStandIn(
                    chain, change=changing(name, lambda row, p=path, v=value: _set(row, p, v))
                )
                try:
                    history = thief(world, ask)
                except ProviderError:
                    outcomes["error"] += 1
                    continue
                same = nameless(history) == wanted
                outcomes["same" if same else "gap"] += 1
                assert same or (not history.complete and codes(history) & LOUD), (path, value)
        assert outcomes["error"] > 50
        assert outcomes["same"]

    def test_mixed_case_and_other_order_of_keys_change_nothing(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        def shouted(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: shouted(v) for k, v in reversed(value.items())}
            if isinstance(value, list):
                return [shouted(v) for v in value]
            hexed = isinstance(value, str) and value.startswith("0x") and len(value) in {42, 66}
            return "0x" + value[2:].upper() if hexed else value

        def all_of(_path: str, _params: dict[str, str], body: bytes) -> bytes:
            return json.dumps(shouted(json.loads(body))).encode()

        history = thief(world, BlockscoutStandIn(chain, spoil=all_of))
        assert multiset(history) == right
        assert history.complete

    @pytest.mark.parametrize("name", LISTS)
    def test_items_of_others_are_an_error(self, world: World, chain: Explored, name: str) -> None:
        ends = {"from": {"hash": PAYEES[0]}, "to": {"hash": PAYEES[1]}}
        ask = BlockscoutStandIn(chain, change=changing(name, lambda row: row | ends))
        with pytest.raises(ProviderError, match="something else"):
            thief(world, ask)

    @pytest.mark.parametrize("name", LISTS)
    def test_an_item_that_a_list_leaves_out_is_noticed(
        self, world: World, chain: Explored, right: Facts, name: str
    ) -> None:
        items = _items_of(chain, name)
        noticed = 0
        for left_out in items:
            ask = BlockscoutStandIn(
                chain, change=changing(name, lambda row, o=left_out: None if row == o else row)
            )
            history = thief(world, ask)
            assert not multiset(history) - right
            noticed += not history.complete
        nothing = sum(item.get("value") == "0" or item.get("token_type") == "ERC-721" for item in items)
        # wraps are told by logs; tokens that move where no other list shows the address are only counted: TestTokens
        assert noticed >= len(items) - nothing - (2 + 3) * (name == "token-transfers")

    def test_one_type_of_token_is_an_amount_and_others_are_not(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        history = thief(world, BlockscoutStandIn(chain))
        assert NFT not in history.table["asset"].to_pylist()
        odd = BlockscoutStandIn(
            chain, change=changing("token-transfers", lambda row: row | {"token_type": "ERC-404"})
        )
        assert multiset(thief(world, odd)) >= right  # read in full: its logs say what it was

    def test_a_list_from_before_token_types_says_it_in_the_token(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        def old(row: Any) -> Any:
            token = {("address" if k == "address_hash" else k): v for k, v in row["token"].items()}
            return {k: v for k, v in row.items() if k != "token_type"} | {"token": token}

        assert (
            multiset(thief(world, BlockscoutStandIn(chain, change=changing("token-transfers", old)))) == right
        )

    def test_tokens_cannot_have_moved_in_a_transaction_that_failed(
        self, world: World, chain: Explored
    ) -> None:
        poison = world.hash["spread to strangers"]
        ask = BlockscoutStandIn(chain)
        ask.spoil = spoiling(poison, lambda answer: answer | {"status": "error"})
        with pytest.raises(ProviderError, match="contradicts"):
            thief(world, ask)

    def test_what_is_not_mined_yet_is_passed_over(self, world: World, chain: Explored, right: Facts) -> None:
        def waiting(answer: Any) -> Any:
            first = answer["items"][0] | {
                "block_number": None,
                "position": None,
                "status": None,
                "hash": "0x" + "9" * 64,
            }
            return answer | {"items": [first, *answer["items"]]}

        history = thief(world, BlockscoutStandIn(chain, spoil=spoiling(f"{THIEF}/transactions", waiting)))
        assert multiset(history) == right
        assert history.complete


class TestFull:
    def test_without_traces_the_flat_list_serves_unless_a_call_failed(
        self, world: World, chain: Explored
    ) -> None:
        for title in world.hash:
            told = told_of(world, chain, title, BlockscoutStandIn(chain, traces=False))
            if title == "reverted inside":
                assert [f[1] for f in facts(told)[world.hash[title]]] == ["fee", "native"]
                assert (told.complete, codes(told)) == (False, {"no_internal"})
            else:
                assert Counter(facts(told)[world.hash[title]]) == Counter(world.told[title]), title
                assert told.complete

    @pytest.mark.parametrize("spoilt", [{"value": 1.5}, {"from": OTHER}, {"value": "0x7"}])
    def test_a_trace_of_something_else_is_not_believed(
        self, world: World, chain: Explored, spoilt: Any
    ) -> None:
        def other(answer: Any) -> Any:
            answer[0]["action"] |= spoilt
            return answer

        ask = BlockscoutStandIn(chain, spoil=spoiling("raw-trace", other))
        told = told_of(world, chain, "disperse", ask)
        assert facts(told) == {world.hash["disperse"]: world.told["disperse"]}

    def test_a_call_without_a_result_failed_even_where_no_error_is_stated(
        self, world: World, chain: Explored
    ) -> None:
        def silent(answer: Any) -> Any:
            assert any("error" in frame for frame in answer)
            return [{k: v for k, v in frame.items() if k != "error"} for frame in answer]

        ask = BlockscoutStandIn(chain, spoil=spoiling("raw-trace", silent))
        told = told_of(world, chain, "reverted inside", ask)
        assert facts(told) == {world.hash["reverted inside"]: world.told["reverted inside"]}

    def test_a_trace_that_hides_a_failure_is_not_believed(self, world: World, chain: Explored) -> None:
        def hiding(answer: Any) -> Any:
            whole = {"gasUsed": "0x0", "output": "0x"}
            return [{k: v for k, v in frame.items() if k != "error"} | {"result": whole} for frame in answer]

        ask = BlockscoutStandIn(chain, spoil=spoiling("raw-trace", hiding))
        told = told_of(world, chain, "reverted inside", ask)
        assert (told.complete, codes(told)) == (False, {"no_internal"})

    def test_a_trace_with_holes_is_not_believed(self, world: World, chain: Explored) -> None:
        holes = BlockscoutStandIn(
            chain, spoil=spoiling("raw-trace", lambda t: [f for f in t if len(f["traceAddress"]) != 1])
        )
        told = told_of(world, chain, "reverted inside", holes)
        assert (told.complete, codes(told)) == (False, {"no_internal"})

    def test_a_flat_list_that_hides_a_failure_is_not_believed(self, world: World, chain: Explored) -> None:
        def hiding(row: Any) -> Any:
            return row | {"success": True, "error": None}

        ask = BlockscoutStandIn(chain, traces=False, change=changing("internal-transactions", hiding))
        told = told_of(world, chain, "reverted inside", ask)
        assert (told.complete, codes(told)) == (False, {"no_internal"})

    def test_an_inner_payment_failed_where_success_or_error_says_so(self, chain: Explored) -> None:
        item = _items_of(chain, "internal-transactions")[0]
        assert not read_inner(item).failed
        assert read_inner(item | {"success": False}).failed
        assert read_inner(item | {"error": "reverted"}).failed

    @pytest.mark.parametrize("name", ["internal-transactions", "logs"])
    def test_records_of_another_transaction_are_an_error(
        self, world: World, chain: Explored, name: str
    ) -> None:
        other = {"transaction_hash": world.hash["native"]}
        ask = BlockscoutStandIn(chain, traces=False, change=changing(name, lambda row: row | other))
        with pytest.raises(ProviderError, match="something else"):
            told_of(world, chain, "unwrap", ask)

    def test_logs_of_two_blocks_are_nonsense(self, world: World, chain: Explored) -> None:
        def split(row: Any) -> Any:
            return row | {"block_hash": "0x" + f"{row['index']:064x}"}

        ask = BlockscoutStandIn(chain, change=changing("logs", split))
        with pytest.raises(ProviderError, match="block of the logs"):
            told_of(world, chain, "two equal", ask)

    def test_another_block_than_asked_for_is_an_error(self, world: World, chain: Explored) -> None:
        ask = BlockscoutStandIn(chain, spoil=spoiling("blocks/3", lambda raw: raw | {"height": 4}))
        with pytest.raises(ProviderError, match="something else"):
            asyncio.run(BLOCKSCOUT.adapter().block(ask, 3))

    def test_nobody_is_asked_for_more_where_no_code_ran(self, world: World, chain: Explored) -> None:
        ask = BlockscoutStandIn(chain)
        told_of(world, chain, "native", ask)
        assert not any(path.endswith(("logs", "raw-trace")) for path in ask.paths())

    def test_a_log_that_comes_twice_is_an_error(self, world: World, chain: Explored) -> None:
        def double(answer: Any) -> Any:
            return answer | {"items": answer["items"] * 2}

        with pytest.raises(ProviderError, match="twice"):
            told_of(world, chain, "two equal", BlockscoutStandIn(chain, spoil=spoiling("/logs", double)))

    def test_logs_come_in_pages(self, world: World, chain: Explored) -> None:
        def paged(path: str, params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if path.endswith("/logs"):
                at = int(params.get("index", -1))
                rest = [item for item in answer["items"] if item["index"] > at]
                more = {"index": rest[0]["index"]} if len(rest) > 1 else None
                answer = {"items": rest[:1], "next_page_params": more}
            return json.dumps(answer).encode()

        told = told_of(world, chain, "two equal", BlockscoutStandIn(chain, spoil=paged))
        assert facts(told) == {world.hash["two equal"]: world.told["two equal"]}

    def test_logs_that_go_round_in_circles_are_an_error(self, world: World, chain: Explored) -> None:
        def round_(answer: Any) -> Any:
            return answer | {"next_page_params": {"index": 0}}

        with pytest.raises(ProviderError, match="repeats"):
            told_of(world, chain, "two equal", BlockscoutStandIn(chain, spoil=spoiling("/logs", round_)))

    def fee(self, world: World, chain: Explored, change: Any) -> tuple[int, History]:
        tx = world.hash["disperse"]
        told = told_of(world, chain, "disperse", BlockscoutStandIn(chain, spoil=spoiling(tx, change)))
        return sum(fact[5] for fact in facts(told)[tx] if fact[1] == "fee"), told

    def test_the_fee_is_the_stated_one_with_data_and_blobs(self, world: World, chain: Explored) -> None:
        plain, _ = self.fee(world, chain, lambda answer: answer)
        assert plain == world.told["disperse"][0][5]
        rollup, _ = self.fee(
            world, chain, lambda a: a | {"fee": a["fee"] | {"value": str(int(a["fee"]["value"]) + 12345)}}
        )
        assert rollup == plain + 12345
        blobs, _ = self.fee(world, chain, lambda a: a | {"blob_gas_used": "131072", "blob_gas_price": "7"})
        assert blobs == plain + 131072 * 7

    @pytest.mark.parametrize("fee", [{"type": "maximum", "value": "1"}, {"type": "actual", "value": None}])
    def test_a_fee_that_is_not_told_is_a_gap(self, world: World, chain: Explored, fee: Any) -> None:
        paid, told = self.fee(world, chain, lambda answer: answer | {"fee": fee})
        assert (paid, codes(told), told.complete) == (0, {"fee_unknown"}, False)

    def test_a_fee_below_gas_times_price_is_nonsense(self, world: World, chain: Explored) -> None:
        with pytest.raises(ProviderError, match="nonsense"):
            self.fee(world, chain, lambda answer: answer | {"fee": {"type": "actual", "value": "1"}})


class TestBalance:
    def test_one_that_does_not_fit_is_a_gap_to_the_wei(self, world: World, chain: Explored) -> None:
        def off(path: str, params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if path.endswith("balance-history") and params["block_number"] == str(world.last + 1):
                answer["items"][0]["value"] = str(int(answer["items"][0]["value"]) + 1)
            return json.dumps(answer).encode()

        history = thief(world, BlockscoutStandIn(chain, spoil=off))
        assert [(g.code, g.amount) for g in history.gaps if g.status == "open"] == [("balance_differs", 1)]
        assert not history.complete

    def test_one_that_was_not_kept_is_an_assumption(
        self, world: World, chain: Explored, right: Facts
    ) -> None:
        none = {"items": [], "next_page_params": None}
        history = thief(world, BlockscoutStandIn(chain, spoil=spoiling("balance-history", lambda _: none)))
        assert multiset(history) == right
        assert [g.status for g in history.gaps if g.code == "balance_unknown"] == ["assumption"]
        assert history.complete

    def test_one_of_a_later_block_is_an_error(self, world: World, chain: Explored) -> None:
        def later(answer: Any) -> Any:
            return answer | {"items": [item | {"block_number": 10**6} for item in answer["items"]]}

        with pytest.raises(ProviderError, match="balance"):
            thief(world, BlockscoutStandIn(chain, spoil=spoiling("balance-history", later)))


class TestTokens:
    """Of what others pay in tokens only one list tells: the instance's own count is held against it."""

    @staticmethod
    def whole(world: World, ask: BlockscoutStandIn) -> History:
        return asyncio.run(BLOCKSCOUT.adapter().history(ask, THIEF, Span(0, world.last), 1000))

    def test_any_item_that_the_list_leaves_out_is_counted(self, world: World, chain: Explored) -> None:
        items = _items_of(chain, "token-transfers")
        assert "list_cut" not in codes(self.whole(world, BlockscoutStandIn(chain, page=3)))
        for left_out in items:
            change = changing("token-transfers", lambda row, o=left_out: None if row == o else row)
            history = self.whole(world, BlockscoutStandIn(chain, change=change))
            (gap,) = [gap for gap in history.gaps if gap.code == "list_cut"]
            assert (
                f"counts {len(items)} token transfers of the address and lists {len(items) - 1}"
                in gap.message
            )
            assert (gap.status, gap.address) == ("open", THIEF)

    def test_a_list_that_ends_too_early_is_counted(self, world: World, chain: Explored) -> None:
        def ended(path: str, params: dict[str, str], body: bytes) -> bytes:
            answer = json.loads(body)
            if path.endswith(f"{THIEF}/token-transfers") and params:
                answer |= {"next_page_params": None}
            return json.dumps(answer).encode()

        history = self.whole(world, BlockscoutStandIn(chain, page=2, spoil=ended))
        assert "list_cut" in codes(history)

    @pytest.mark.parametrize(
        "counters",
        [
            {"token_transfers_count": "3"},
            {"token_transfers_count": None},
            {"token_transfers_count": "many"},
            {"message": "Not found"},
            {},
        ],
    )
    def test_a_count_that_lags_or_is_not_told_is_no_gap(
        self, world: World, chain: Explored, counters: Any
    ) -> None:
        ask = BlockscoutStandIn(chain, spoil=spoiling("/counters", lambda _: counters))
        assert "list_cut" not in codes(self.whole(world, ask))

    def test_a_count_of_all_time_says_nothing_of_a_later_window(self, world: World, chain: Explored) -> None:
        ask = BlockscoutStandIn(chain)
        history = asyncio.run(BLOCKSCOUT.adapter().history(ask, THIEF, Span(world.last, world.last), 1000))
        assert "list_cut" not in codes(history)
        assert not any(path.endswith("/counters") for path in ask.paths())

    def test_that_the_list_stands_alone_is_an_assumption(self, world: World, chain: Explored) -> None:
        history = thief(world, BlockscoutStandIn(chain))
        assert [g.status for g in history.gaps if g.code == "tokens_by_list"] == ["assumption"]
        assert history.complete


class TestOutsideTransactions:
    def test_withdrawals_stand_behind_the_block_as_a_node_has_them(
        self, world: World, chain: Explored
    ) -> None:
        block = world.first + 1

        def item(index: int, to: str, amount: int) -> Any:
            ends = {
                "receiver": {"hash": to},
                "timestamp": "2025-02-21T14:13:35.000000Z",
                "validator_index": 1,
            }
            return {"index": index, "amount": str(amount), "block_number": block, **ends}

        given = [item(76, OTHER, 9), item(77, HEIR, 3 * 10**9), item(78, HEIR, 4 * 10**9)]
        ask = BlockscoutStandIn(chain, withdrawals=given)
        history = read(BLOCKSCOUT.adapter(), ask, HEIR, world)
        assert facts(history)[chain.headers[block]["hash"]] == [
            (1, "withdrawal", "", HEIR, "native", 3 * 10**9),
            (2, "withdrawal", "", HEIR, "native", 4 * 10**9),
        ]
        assert "balance_differs" in codes(history)  # the node knows nothing of them
        assert read(BLOCKSCOUT.adapter(), ask, HEIR, world, most=1).hub
        ask.spoil = spoiling(f"blocks/{block}/withdrawals", lambda page: page | {"items": page["items"][:2]})
        with pytest.raises(ProviderError, match="withdrawal"):
            read(BLOCKSCOUT.adapter(), ask, HEIR, world)

    def test_coin_of_the_beginning_is_minted_in_block_0(self, anvil: Anvil) -> None:
        anvil.mine()
        ask = BlockscoutStandIn(explore(anvil))
        rich = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"  # anvil's first account, endowed from the start
        history = asyncio.run(BLOCKSCOUT.adapter().history(ask, rich, Span(0, 1), 10))
        ((tx, told),) = facts(history).items()
        assert (tx, told) == (
            ask.chain.headers[0]["hash"],
            [(0, "mint", "", rich, "native", 10_000 * ETHER)],
        )
        assert history.complete

    def test_tokens_that_an_issuer_destroyed_are_found_by_their_log(
        self, world: World, chain: Explored
    ) -> None:
        told = facts(thief(world, BlockscoutStandIn(chain)))[world.hash["destroyed tokens"]]
        assert told[-1][1:] == ("issuer", THIEF, "", USDT, 31)

    def test_where_logs_cannot_be_filtered_that_is_said(self, world: World, chain: Explored) -> None:
        def anything(answer: Any) -> Any:
            (item,) = answer["items"]
            items = [
                item
                | {"topics": ["0x" + "11" * 32, None, None, None], "block_number": world.last + 9, "index": n}
                for n in (2, 1)
            ]
            return {"items": items, "next_page_params": {"block_number": world.last + 9, "index": 1}}

        ask = BlockscoutStandIn(chain, spoil=spoiling(f"{USDT}/logs", anything))
        history = thief(world, ask)
        assert sum(path.endswith(f"{USDT}/logs") for path in ask.paths()) == 1
        assert (history.complete, "list_missing" in codes(history)) == (False, True)

    def test_wraps_that_are_listed_as_tokens_are_wraps(self, world: World, chain: Explored) -> None:
        listed = [i for i in _items_of(chain, "token-transfers") if i["token"]["address_hash"] == WETH_AT]
        assert len(listed) == 2
        history = thief(world, BlockscoutStandIn(chain))
        kinds = [f[1] for told in facts(history).values() for f in told if f[4] == WETH_AT]
        assert kinds == ["wrap", "unwrap"]


class TestOverTheWire:
    """Through the real client, against the stand-in as an HTTP server."""

    def test_what_asks_for_patience_gets_it(self, world: World, chain: Explored, right: Facts) -> None:
        explorer = BlockscoutStandIn(chain, unknown="not found")
        faults = iter(
            [
                Reply({"message": "Too many requests"}, status=429),
                Reply({"message": "Something went wrong"}, status=500),
                Reply(b"<html>Just a moment</html>", headers={"content-type": "text/html"}),
                Reply(b"", status=503),
                Reply(b'{"items": [', fault="cut"),
            ]
        )

        def answer(asked: Asked) -> Reply:
            fault = next(faults, None)
            if fault is not None:
                return fault
            body = explorer.answer(asked.path, asked.params)
            return Reply(body, status=404 if b'"Not found"' in body else 200)

        async def run(url: str) -> tuple[History, int]:
            endpoint = Endpoint("stand-in", "blockscout", "eip155:1", url, 0, 4)
            async with Transport(
                lambda _: "", JUDGES, patience=Patience(first=0.001, longest=0.01)
            ) as transport:

                async def ask(request: Request) -> bytes:
                    return await transport.ask(endpoint, request)

                span = Span(world.first, world.last)
                history = await Blockscout(endpoint).history(ask, THIEF, span, 1000)
                return history, transport.counts(endpoint).again

        with stand_in(answer) as server:
            history, again = asyncio.run(run(server.url))
        assert multiset(history) == right
        assert history.complete
        assert again == 5


def test_head_is_some_blocks_below_the_latest(world: World, chain: Explored) -> None:
    ask = BlockscoutStandIn(chain)
    head = asyncio.run(BLOCKSCOUT.adapter(depth=7).head(ask))
    assert head.block == max(chain.headers) - 7
    assert not any(request.settled for request in ask.asked)
    with pytest.raises(ProviderError, match="no blocks"):
        asyncio.run(
            BLOCKSCOUT.adapter().head(
                BlockscoutStandIn(chain, spoil=spoiling("main-page/blocks", lambda _: []))
            )
        )


def _items_of(chain: Explored, name: str) -> list[Any]:
    return BlockscoutStandIn(chain)._rows(USDT if name == "logs" else THIEF, name)


def _paths(item: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of all members of an object, and of the objects in it."""
    for name, value in item.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))


def _set(item: Any, path: tuple[str, ...], value: Any) -> Any:
    """The item with another value at a place, or (...) without it; places that it has not are left alone."""
    name, *rest = path
    if name not in item:
        return item
    if rest:
        inner = item[name]
        return item | {name: _set(inner, tuple(rest), value)} if isinstance(inner, dict) else item
    return {k: v for k, v in item.items() if k != name} if value is ... else item | {name: value}
