"""Which transactions touch an address: asked of a node in the ways that it offers, range by range.

A range that the node finds too large is halved, down to one block; what it refuses even then is a gap. No result is
believed to be all there is because a page is short: pages are read until one brings nothing. A node that gives the
same page again does not skip, so it may have cut the first one too: both halves of the range are asked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from tracer.chains.adapter import Span
from tracer.chains.evm_blocks import Log, other, read_log
from tracer.chains.evm_contracts import DEPOSIT, DESTROYED, TRANSFER, USDT, WITHDRAWAL, WRAPPED
from tracer.chains.evm_logs import destroyed
from tracer.chains.evm_values import array, digest, integer, nonsense, quantity, record
from tracer.chains.jsonrpc_answers import Call, Refusal
from tracer.chains.jsonrpc_asking import Node
from tracer.errors import ProviderError, ProviderStopError, shown
from tracer.model import NATIVE, Gap

__all__ = ["Found", "search_logs", "search_pages", "search_traces"]

_HEAVY = 10
"""Calls in a batch whose answers are large."""
_AT_ONCE = 100
"""Ranges asked for side by side."""
_MOST_PIECES = 20_000
"""Ranges left to ask for before the provider is given up: it answers too few blocks at a time."""
_PAGE = 25
"""Transactions per page of the Otterscan interface; nodes refuse more."""


@dataclass(slots=True)
class Found:
    """Transactions found so far, by hash with their block; logs that were seen; what could not be asked."""

    most: int
    blocks: dict[str, int] = field(default_factory=dict)
    logs: dict[tuple[str, int], Log] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def hub(self) -> bool:
        """More transactions than the caller wants to read."""
        return len(self.blocks) > self.most

    def add(self, tx_hash: str, block: int) -> None:
        """Note a transaction; it stands in one block only."""
        known = self.blocks.setdefault(tx_hash, block)
        if known != block:
            raise other(f"the block of {tx_hash}", known, block)


@dataclass(frozen=True, slots=True)
class _Query:
    """A question over a range of blocks. call: (range, records to skip). read: notes an answer, and names its records.

    page: records asked for at once; 0 where the node gives all.
    """

    name: str
    call: Callable[[Span, int], Call]
    read: Callable[[object, Span], list[Hashable]]
    page: int = 0


@dataclass(slots=True)
class _Piece:
    """A query over a range, `after` records of which were read. known: what a wider range brought from a node that does
    not skip: where a half brings more, the wider one was cut. cap: at how many records, 0 while that is not known.
    """

    query: _Query
    span: Span
    after: int = 0
    seen: set[Hashable] = field(default_factory=set)
    known: frozenset[Hashable] = frozenset()
    cap: int = 0

    def halves(self) -> Iterator[_Piece]:
        middle = (self.span.first + self.span.last) // 2
        for half in (Span(self.span.first, middle), Span(middle + 1, self.span.last)):
            yield _Piece(self.query, half, known=frozenset(self.seen), cap=self.cap)

    def following(self, names: Sequence[Hashable]) -> _Piece | None:
        """The next page, if there may be one."""
        if not self.query.page or not names:
            return None
        cap = self.cap if self.known.issuperset(names) else self.cap or len(self.known)
        self.seen.update(names)
        return _Piece(self.query, self.span, self.after + len(names), self.seen, cap=cap)

    def told(self, names: Sequence[Hashable]) -> bool:
        """Whether a wider range brought all of a page and more, so that it is not cut itself."""
        return len(names) < len(self.known) and self.known.issuperset(names)

    def again(self, names: Sequence[Hashable]) -> bool:
        """Whether the node gave the same page again: it skips no records."""
        return bool(self.after and names) and self.seen.issuperset(names)

    def cut(self, names: Sequence[Hashable]) -> bool:
        """Whether such a page is certainly not all, or may not be all and a smaller range can tell."""
        if len(names) == self.query.page:
            return True
        return len(names) >= self.cap if self.cap else self.span.first < self.span.last


async def _over(node: Node, found: Found, queries: Sequence[_Query], span: Span, of: tuple[str, str]) -> None:
    """Ask `queries` over `span`, in smaller ranges where the node asks for them. of: (chain, address)."""
    waiting = [_Piece(query, span) for query in queries]
    while waiting and not found.hub:
        if len(waiting) > _MOST_PIECES:
            raise ProviderStopError(
                "The provider answers too few blocks at a time to read this span.",
                "Use a provider with larger ranges, or a node of your own.",
            )
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        calls = [piece.query.call(piece.span, piece.after) for piece in now]
        until = [piece.span.last for piece in now]
        answers = await node.results(calls, settled=True, size=_HEAVY, until=until)
        more: list[_Piece] = []
        for piece, answer in zip(now, answers, strict=True):
            if isinstance(answer, Refusal):
                words = answer.words
                if not answer.too_much:
                    kind = ProviderStopError if answer.unsupported else ProviderError
                    raise kind(
                        f"The provider refused {piece.query.name}: {shown(words)}.", "Ask another provider."
                    )
            else:
                names = piece.query.read(answer, piece.span)
                if not (piece.again(names) and piece.cut(names)):
                    if not piece.again(names) and not piece.told(names):
                        more += filter(None, [piece.following(names)])
                    continue
                words = "it gives the same page again"
            if piece.span.first < piece.span.last:
                more += piece.halves()
            else:
                found.gaps.append(_refused(piece, words, of))
        waiting = more + waiting


def _refused(piece: _Piece, words: str, of: tuple[str, str]) -> Gap:
    chain, address = of
    return Gap(
        "range_refused",
        f"The provider refused {piece.query.name} even for block {piece.span.first} alone: {shown(words)}.",
        chain=chain,
        address=address,
    )


async def search_logs(node: Node, found: Found, chain: str, address: str, span: Span) -> None:
    """Transactions in which a token, the wrapped coin or an issuer moved something of `address`."""
    word = "0x" + "0" * 24 + address[2:]
    queries = [
        _logs(found, "transfers from the address", [TRANSFER, word]),
        _logs(found, "transfers to the address", [TRANSFER, None, word]),
    ]
    if chain in WRAPPED:
        queries.append(_logs(found, "wraps of the address", [[DEPOSIT, WITHDRAWAL], word], WRAPPED[chain]))
    if chain in USDT:  # the event names the address in its data, where a node cannot look for it
        queries.append(
            _logs(
                found,
                "destroyed tokens",
                [DESTROYED],
                USDT[chain],
                lambda log: destroyed(chain, log) == address,
            )
        )
    await _over(node, found, queries, span, (chain, address))


def _logs(
    found: Found,
    name: str,
    topics: list[object],
    contract: str | None = None,
    wanted: Callable[[Log], bool] | None = None,
) -> _Query:
    """A search for logs; `wanted` picks those that count."""

    def call(part: Span, after: int) -> Call:
        del after
        asked: dict[str, object] = {"topics": topics, "fromBlock": hex(part.first), "toBlock": hex(part.last)}
        return Call("eth_getLogs", (asked if contract is None else asked | {"address": contract},))

    def read(answer: object, part: Span) -> list[Hashable]:
        for member in array(answer, "the logs"):
            log = read_log(member)
            if not part.first <= log.block <= part.last or not _matches(log, topics, contract):
                raise other("a log", name, f"log {log.index} of block {log.block}, which does not match")
            if wanted is None or wanted(log):
                found.logs[log.tx_hash, log.index] = log
                found.add(log.tx_hash, log.block)
        return []

    return _Query(f"eth_getLogs ({name})", call, read)


def _matches(log: Log, topics: Sequence[object], contract: str | None) -> bool:
    if (contract is not None and log.address != contract) or len(log.topics) < len(topics):
        return False
    return all(
        wanted is None or got == wanted or (isinstance(wanted, list) and got in wanted)
        for got, wanted in zip(log.topics, topics, strict=False)
    )


async def search_traces(node: Node, found: Found, chain: str, address: str, span: Span, page: int) -> None:
    """Transactions in which coin of the chain moved from or to `address`, by `trace_filter`.

    The two directions are asked apart: nodes differ in whether both filters together mean a union.
    """
    queries = [_traces(found, chain, address, side, page) for side in ("fromAddress", "toAddress")]
    await _over(node, found, queries, span, (chain, address))


def _traces(found: Found, chain: str, address: str, side: str, page: int) -> _Query:
    def call(part: Span, after: int) -> Call:
        asked = {"fromBlock": hex(part.first), "toBlock": hex(part.last), side: [address]}
        return Call("trace_filter", (asked | {"after": after, "count": page},))

    def read(answer: object, part: Span) -> list[Hashable]:
        names: list[Hashable] = []
        for member in array(answer, "the traces"):
            raw = record(member, "a trace")
            block = integer(raw.get("blockNumber"), "the block of a trace")
            if not part.first <= block <= part.last:
                raise other("the block of a trace", f"{part.first} to {part.last}", block)
            ends = {**record(raw.get("action"), "an action"), **record(raw.get("result") or {}, "a result")}
            if address not in {str(value).lower() for value in ends.values()}:
                raise other("the address of a trace", address, "another one")
            path = tuple(array(raw.get("traceAddress"), "the place of a trace"))
            if raw.get("type") == "reward":  # coin made for the author of a block, before the merge
                amount = quantity(ends.get("value"), "a reward")
                found.gaps.append(_reward(chain, address, block, amount))
                names.append((block, str(ends.get("rewardType")), amount, len(names)))
                continue
            tx_hash = digest(raw.get("transactionHash"), "the transaction of a trace")
            found.add(tx_hash, block)
            names.append((tx_hash, tuple(integer(step, "the place of a trace") for step in path)))
        return names

    return _Query(f"trace_filter ({side})", call, read, page)


def _reward(chain: str, address: str, block: int, amount: int) -> Gap:
    return Gap(
        "block_reward",
        f"The address was paid for making block {block}; that coin is not among the movements.",
        chain=chain,
        address=address,
        asset=NATIVE,
        amount=amount,
    )


async def search_pages(node: Node, found: Found, address: str, span: Span) -> None:
    """Transactions that touch `address`, newest first, by `ots_searchTransactionsBefore` (docs.otterscan.io).

    A page never ends inside a block. It does not find who inherits from a contract that destroys itself on every
    node, which the comparison of balances brings to light.
    """
    before = span.last + 1
    while not found.hub and before > span.first:
        call = Call("ots_searchTransactionsBefore", (address, before, _PAGE))
        page = record((await node.values([call], settled=True))[0], "a page of transactions")
        blocks = []
        for member in array(page.get("txs"), "the transactions of a page"):
            raw = record(member, "a transaction of a page")
            block = integer(raw.get("blockNumber"), "the block of a transaction")
            if block >= before:
                raise other("the block of a transaction", f"below {before}", block)
            blocks.append(block)
            if block >= span.first:
                found.add(digest(raw.get("hash"), "the hash of a transaction"), block)
        if page.get("lastPage") is True:
            return
        if not blocks:
            raise nonsense("a page that is not the last", "empty")
        before = min(blocks)
        if before == 0:  # which the node would take for the newest block
            return
