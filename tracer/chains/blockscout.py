"""The adapter for Blockscout's REST API v2, versions 11 and 12.

The lists of an address (transactions, inner payments, tokens, withdrawals) come newest first; those below the span
are not asked for, those above it are passed over. Transactions in which the address pays are read in full. The instance
is asked how much of the chain it has read: what it has not is a gap, and so is a balance that does not fit.

Source: the OpenAPI description of the API and its release notes (docs.blockscout.com). The API does not say which chain
an instance serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tracer.addresses import is_evm
from tracer.chains.adapter import Ask, Head, History, Span, Verdict
from tracer.chains.blockscout_pages import Explorer, Pages, judge
from tracer.chains.blockscout_reading import name_tokens, read_full, read_transaction
from tracer.chains.blockscout_rows import Passed, read_inner, read_passed, token_row
from tracer.chains.blockscout_sent import Item, Made, read_header, read_made
from tracer.chains.blockscout_side import (
    balance_change,
    beginning,
    find_destroyed,
    hold_tokens,
    is_indexed,
    read_withdrawals,
    token_count,
)
from tracer.chains.endpoint import Endpoint
from tracer.chains.evm_blocks import other
from tracer.chains.evm_code import read_code
from tracer.chains.evm_contracts import NATIVE_LOGGERS, WRAPPED
from tracer.chains.evm_values import address as read_address
from tracer.chains.evm_values import array, digest, record
from tracer.chains.explorer_history import (
    Listed,
    Sent,
    balance_gap,
    chosen,
    disagreements,
    hub_of,
    made,
    unsent,
    wraps_known,
)
from tracer.chains.explorer_values import field, place, symbol, token_decimals
from tracer.chains.jsonrpc_asking import together
from tracer.errors import InputError, ProviderError
from tracer.model import Gap
from tracer.movements import empty

__all__ = ["Blockscout", "judge"]


class Blockscout:
    """Adapter of one endpoint of kind `blockscout`. Holds no state: every answer that it uses was asked for."""

    name = "blockscout 2"

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.kind != "blockscout" or not is_evm(endpoint.chain):
            raise InputError(
                f"{endpoint.name} is no Blockscout endpoint of an EVM chain.",
                "Its chain is written eip155:<number>.",
            )
        self._endpoint = endpoint

    @property
    def chain(self) -> str:
        """CAIP-2 id."""
        return self._endpoint.chain

    @staticmethod
    def judge(body: bytes) -> tuple[Verdict, str]:
        """What a body is worth, for the transport."""
        return judge(body)

    def _explorer(self, ask: Ask) -> Explorer:
        return Explorer(ask, self._endpoint.base_url)

    async def head(self, ask: Ask) -> Head:
        """The block `depth` below the latest: the API has no finalized tag. Raises ProviderError."""
        answer = array(await self._explorer(ask).get("/main-page/blocks", settled=False), "the latest blocks")
        heights = [
            place(field(record(block, "a block"), "height"), "the number of a block") for block in answer
        ]
        if not heights:
            raise ProviderError("The provider knows no blocks.", "It may not be in sync: ask again later.")
        return await self.block(ask, max(0, max(heights) - self._endpoint.depth))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        answer = await self._explorer(ask).get(f"/blocks/{number}", settled=False)
        block, _ = read_header(answer, number)
        return Head(block.number, block.hash, block.time)

    async def history(
        self, ask: Ask, address: str, span: Span, most: int, *, inflows: bool = False
    ) -> History:
        """See `Adapter.history`. `span` must end at or below a final block: its answers are kept for good."""
        if not 0 <= span.first <= span.last or most < 0:
            raise InputError(
                f"Blocks {span.first} to {span.last} are no span.", "Give the lower block first."
            )
        read_address(address, "the address")
        explorer, listed = self._explorer(ask), Listed(self.chain, address, most)
        lists = _Lists(explorer, listed)
        await self._indexed(explorer, listed, span)
        await lists.read(span)
        extra = [] if listed.hub else await read_withdrawals(explorer, listed, span)
        if listed.hub:
            return hub_of(listed)
        if span.first == 0:
            extra += await beginning(explorer, listed)
        await lists.complete(inflows=inflows)
        full = [lists.made[tx_hash] for tx_hash in sorted(listed.full)]
        told = await read_full(explorer, self.chain, full, settled=True)
        rows = chosen(listed, told.rows, inflows=inflows) + extra
        gaps = [*listed.gaps, *unsent(listed, span), *told.gaps]
        gaps += disagreements(listed, told.rows, (one.sent for one in full), marked=False)
        change = await balance_change(explorer, listed, span, rows)
        balance = balance_gap(listed, span, rows, change)
        gaps += [balance] if balance is not None else []
        if not wraps_known(self.chain):
            message = "The wrapped coin of this chain is not known: wraps may be missing."
            gaps.append(Gap("no_wraps", message, chain=self.chain, address=address))
        gaps += await name_tokens(explorer, self.chain, listed.names, rows)
        code, untold = await read_code(self.chain, address, rows, partial(explorer.code, address))
        gaps += untold
        unique, count = listed.unique + told.unique, len(listed.blocks)
        return replace(made(self.chain, rows, listed.names, gaps, unique, count), code=code)

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`. What is not final yet is read too, with a gap `not_final`."""
        wanted = digest(tx_hash, "the transaction")
        explorer = self._explorer(ask)
        final = await self.head(ask)
        one = await read_transaction(explorer, wanted, settled=False)
        if one is None:
            message = "The provider knows no such mined transaction."
            gap = Gap("unknown_transaction", message, chain=self.chain, tx=wanted)
            return History(empty(), (gap,), complete=False)
        settled = one.sent.block <= final.block
        told = await read_full(explorer, self.chain, [one], settled=settled)
        gaps = list(told.gaps)
        if not settled:
            message = (
                f"Block {one.sent.block} can still be taken back: the newest final block is {final.block}."
            )
            gaps.append(Gap("not_final", message, chain=self.chain, tx=wanted))
        names: dict[str, tuple[str, int | None]] = {}
        gaps += await name_tokens(explorer, self.chain, names, told.rows)
        return made(self.chain, told.rows, names, gaps, told.unique, 1)

    @staticmethod
    async def _indexed(explorer: Explorer, listed: Listed, span: Span) -> None:
        """That the instance answers well and has read the chain: only then is an unknown address an empty one."""
        lacking = is_indexed(await explorer.get("/main-page/indexing-status", settled=False))
        if lacking:
            listed.gap("not_indexed", f"The provider says that it has not read all {lacking} yet.")
        read_header(await explorer.get(f"/blocks/{span.last}", settled=False), span.last)


class _Lists:
    """The lists of one address being read. made: transactions seen, by hash."""

    def __init__(self, explorer: Explorer, listed: Listed) -> None:
        self._explorer, self._listed = explorer, listed
        self.made: dict[str, Made] = {}
        self._passed: list[Passed] = []

    async def read(self, span: Span) -> None:
        """Read them into `listed`."""
        listed = self._listed
        await self._list("transactions", "transactions", _sent_key, self._take_sent, span)
        if listed.hub:
            return
        await self._list("internal-transactions", "inner payments", _inner_key, self._take_inner, span)
        if listed.hub:
            return
        count = await token_count(self._explorer, listed.address) if span.first == 0 else 0
        items = await self._list("token-transfers", "token transfers", _token_key, self._take_token, span)
        if listed.hub:
            return
        hold_tokens(listed, count, items)
        await find_destroyed(self._explorer, listed, span)

    async def _list(
        self,
        name: str,
        what: str,
        key: Callable[[Item], tuple[int, ...] | None],
        take: Callable[[Item], None],
        span: Span,
    ) -> int:
        """Read one of them; returns how many items it gave."""
        path = f"/addresses/{self._listed.address}/{name}"
        read = await self._explorer.read(Pages(path, what, _block, key, take, lambda: self._listed.hub), span)
        if not read.whole:
            self._listed.gap("not_indexed", f"The provider says that its index of {what} is not whole yet.")
        return read.items

    async def complete(self, *, inflows: bool) -> None:
        """Read the transactions that no list showed as such, and decide which are read in full."""
        listed = self._listed
        missing = sorted(listed.blocks.keys() - self.made.keys())
        for tx_hash, one in zip(
            missing,
            await together([read_transaction(self._explorer, h, settled=True) for h in missing]),
            strict=True,
        ):
            if one is None or one.sent.block != listed.blocks[tx_hash]:
                raise other(f"the block of {tx_hash}", listed.blocks[tx_hash], one and one.sent.block)
            self.made[tx_hash] = one
        wrapped = WRAPPED.get(listed.chain)
        for passed in self._passed:
            row = token_row(passed, self.made[passed.tx_hash])
            listed.tokens.append(row)
            if passed.asset == wrapped and "" in {row.sender, row.to}:
                listed.full.add(passed.tx_hash)  # its logs tell a wrap from a mint
        listed.choose_full(inflows=inflows)

    def _take_sent(self, item: Item) -> None:
        one, listed = read_made(item), self._listed
        if one is None:
            return
        if listed.address not in {one.sent.sender, one.to}:
            raise other("the transaction's address", listed.address, f"{one.sent.sender} or {one.to}")
        listed.found(one.sent.hash, one.sent.block)
        listed.timed(one.sent.block, one.time)
        self.made[one.sent.hash] = one
        listed.sent[one.sent.hash] = Sent(one.sent, one.time, one.failed, one.to)
        if one.receipt.status is None:
            listed.full.add(one.sent.hash)

    def _take_inner(self, item: Item) -> None:
        inner, listed = read_inner(item), self._listed
        if listed.address not in {inner.sender, inner.to}:
            raise other("the inner payment's address", listed.address, f"{inner.sender} or {inner.to}")
        if inner.moved:
            listed.found(inner.tx_hash, inner.block)
            listed.timed(inner.block, inner.time)
            listed.inner.append(inner.row)

    def _take_token(self, item: Item) -> None:
        passed, listed = read_passed(item, self._listed.address), self._listed
        if passed.asset in NATIVE_LOGGERS:
            return
        listed.found(passed.tx_hash, passed.block)
        if passed.plain:
            listed.named(passed.asset, symbol(passed.symbol), token_decimals(passed.decimals))
            self._passed.append(passed)
        elif not passed.unique:
            listed.full.add(passed.tx_hash)
        else:
            listed.singles.append(passed.tx_hash)


def _block(item: Item) -> int:
    number = field(item, "block_number")
    return 2**53 - 1 if number is None else place(number, "the block of an item")  # not mined: newer than all


def _sent_key(item: Item) -> tuple[int, ...] | None:
    if field(item, "block_number") is None:
        return None
    return (_block(item), place(field(item, "position"), "the index of a transaction"))


def _inner_key(item: Item) -> tuple[int, ...]:
    numbers = (place(field(item, name), f"the field {name}") for name in ("transaction_index", "index"))
    return (_block(item), *numbers)


def _token_key(item: Item) -> tuple[int, ...] | None:
    kind = item.get("token_type", record(field(item, "token"), "a token").get("type"))
    if kind != "ERC-20":  # one event may move several
        return None
    return (_block(item), place(field(item, "log_index"), "the log of a token transfer"))
