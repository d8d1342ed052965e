"""The adapter for Etherscan's API v2 and endpoints that are compatible with it (Routescan).

The lists of an address (transactions, inner payments, tokens, withdrawals of the consensus layer) say which
transactions touch it; those in which it pays are read in full. No list is believed to be whole because a page is short
(etherscan_lists.py). What only a paid plan tells (the balance at a block) is asked for and said if refused.

Source: docs.etherscan.io. The chain is named by `chainid`, which only a base URL ending in /v2/api of Etherscan's own
form takes; other endpoints serve one chain each, and do not say which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from tracer.addresses import is_evm
from tracer.chains.adapter import Ask, Head, History, Span, Verdict
from tracer.chains.endpoint import Endpoint
from tracer.chains.etherscan_answers import Listing, Refused, judge
from tracer.chains.etherscan_lists import Explorer, Order, Question, Reader, read_list
from tracer.chains.etherscan_logs import hold_tokens
from tracer.chains.etherscan_reading import name_tokens, read_full, read_one
from tracer.chains.etherscan_rows import genesis_amount, inner_row, read_inner, read_sent, read_token
from tracer.chains.etherscan_side import NO_WITHDRAWALS, find_destroyed, note, read_mined, read_withdrawals
from tracer.chains.evm_blocks import Block, other, read_block, read_receipt, read_transaction
from tracer.chains.evm_code import read_code
from tracer.chains.evm_movements import Row
from tracer.chains.evm_values import address as read_address
from tracer.chains.evm_values import digest, quantity
from tracer.chains.explorer_history import (
    Listed,
    balance_gap,
    chosen,
    disagreements,
    hub_of,
    made,
    unsent,
    wraps_known,
)
from tracer.chains.explorer_values import number
from tracer.chains.jsonrpc_reading import place_of
from tracer.errors import InputError, ProviderError
from tracer.model import NATIVE, Gap, Kind
from tracer.movements import empty

__all__ = ["Etherscan", "judge"]

_PAGE = 1000
"""Records in one answer at most on a free plan."""


class Etherscan:
    """Adapter of one endpoint of kind `etherscan`. Holds no state: every answer that it uses was asked for."""

    name = "etherscan 2"

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.kind != "etherscan" or not is_evm(endpoint.chain):
            raise InputError(
                f"{endpoint.name} is no Etherscan endpoint of an EVM chain.",
                "Its chain is written eip155:<number>.",
            )
        self._endpoint = endpoint
        self._page = min(endpoint.page, _PAGE)
        own = urlsplit(endpoint.base_url).path.rstrip("/") == "/v2/api"
        self._chain_param = endpoint.chain.partition(":")[2] if own else ""

    @property
    def chain(self) -> str:
        """CAIP-2 id."""
        return self._endpoint.chain

    @staticmethod
    def judge(body: bytes) -> tuple[Verdict, str]:
        """What a body is worth, for the transport."""
        return judge(body)

    def _explorer(self, ask: Ask) -> Explorer:
        return Explorer(ask, self._endpoint.base_url, self._chain_param)

    async def head(self, ask: Ask) -> Head:
        """The finalized block, or else the one `depth` blocks below the latest. Raises ProviderError."""
        explorer = self._explorer(ask)
        asked = (("tag", "finalized"), ("boolean", "false"))
        final = await explorer.node("eth_getBlockByNumber", *asked, settled=False)
        if not isinstance(final, Refused) and final is not None:
            return _head(read_block(final))
        latest = quantity(await explorer.known("eth_blockNumber", settled=False), "the latest block")
        return await self.block(ask, max(0, latest - self._endpoint.depth))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        return _head(await self._header(self._explorer(ask), number, settled=False))

    async def _header(self, explorer: Explorer, number: int, *, settled: bool) -> Block:
        asked = (("tag", hex(number)), ("boolean", "false"))
        return read_block(await explorer.known("eth_getBlockByNumber", *asked, settled=settled), number)

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
        began = await self._read_lists(explorer, listed, span)
        if listed.hub:
            return hub_of(listed)
        extra = []
        if self.chain not in NO_WITHDRAWALS:
            question = self._question(explorer, "txsBeaconWithdrawal", address)
            extra += await read_withdrawals(explorer, listed, question, span, self._page)
            if listed.hub:
                return hub_of(listed)
        await read_mined(explorer, listed, span, self._page)
        await hold_tokens(explorer, listed, span, self._page)
        if listed.hub:
            return hub_of(listed)
        if began:
            extra.append(await self._beginning(explorer, address, began))
        listed.choose_full(inflows=inflows)
        told, read = await read_full(explorer, listed)
        rows = chosen(listed, told.rows, inflows=inflows) + extra
        gaps = [*listed.gaps, *unsent(listed, span), *told.gaps, *disagreements(listed, told.rows, read)]
        balance = balance_gap(listed, span, rows, await self._change(explorer, address, span))
        gaps += [balance] if balance is not None else []
        if not wraps_known(self.chain):
            message = "The wrapped coin of this chain is not known: wraps may be missing."
            gaps.append(Gap("no_wraps", message, chain=self.chain, address=address))
        gaps += await name_tokens(explorer, self.chain, listed.names, rows)
        code, untold = await read_code(
            self.chain, address, rows, partial(_code, explorer, address, span.last)
        )
        gaps += untold
        unique, count = listed.unique + told.unique, len(listed.blocks)
        return replace(made(self.chain, rows, listed.names, gaps, unique, count), code=code)

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`. What is not final yet is read too, with a gap `not_final`."""
        wanted = digest(tx_hash, "the transaction")
        explorer = self._explorer(ask)
        final = await self.head(ask)
        answer = await explorer.node("eth_getTransactionByHash", ("txhash", wanted), settled=False)
        if isinstance(answer, Refused):
            raise answer.error("eth_getTransactionByHash")
        block = place_of(answer)
        if block is None:
            message = "The provider knows no such mined transaction."
            gap = Gap("unknown_transaction", message, chain=self.chain, tx=wanted)
            return History(empty(), (gap,), complete=False)
        settled = block <= final.block
        asked = ("txhash", wanted)
        receipt = await explorer.known("eth_getTransactionReceipt", asked, settled=settled)
        header = await self._header(explorer, block, settled=settled)
        sent = read_transaction(answer, wanted)
        told = await read_one(
            explorer, self.chain, sent, read_receipt(receipt, wanted), header, settled=settled
        )
        gaps = list(told.gaps)
        if not settled:
            message = f"Block {block} can still be taken back: the newest final block is {final.block}."
            gaps.append(Gap("not_final", message, chain=self.chain, tx=wanted))
        names: dict[str, tuple[str, int | None]] = {}
        gaps += await name_tokens(explorer, self.chain, names, told.rows)
        return made(self.chain, told.rows, names, gaps, told.unique, 1)

    def _question(self, explorer: Explorer, action: str, address: str) -> Question:
        """The first page of one of the address's lists."""

        async def ask(span: Span, order: Order) -> Listing | Refused:
            params = (
                ("address", address),
                ("startblock", str(span.first)),
                ("endblock", str(span.last)),
                ("page", "1"),
                ("offset", str(self._page)),
                ("sort", order),
            )
            return await explorer.listing("account", action, params)

        return ask

    async def _read_lists(self, explorer: Explorer, listed: Listed, span: Span) -> int:
        """Read the lists of transactions into `listed`; returns the wei that the address had from the beginning."""
        began = []

        def take_sent(row: object) -> None:
            given = genesis_amount(row, listed.address)
            if given is not None:
                began.append(given)
                return
            told = read_sent(row, listed.address)
            listed.found(told.sent.hash, told.sent.block)
            listed.timed(told.sent.block, told.time)
            if listed.sent.setdefault(told.sent.hash, told) != told:
                raise _twice(told.sent.hash)

        def take_inner(row: object) -> None:
            inner = read_inner(row)
            if listed.address not in {inner.sender, inner.to}:
                raise other("the inner payment's address", listed.address, f"{inner.sender} or {inner.to}")
            told = listed.sent.get(inner.tx_hash)
            if inner.moved and not inner.repeats(told.to if told and told.sent.to is None else None):
                listed.found(inner.tx_hash, inner.block)
                listed.timed(inner.block, inner.time)
                listed.inner.append(inner_row(inner))

        def take_token(row: object) -> None:
            token = read_token(row, listed)
            if token is not None:
                listed.tokens.append(token)

        lists: list[tuple[str, str, Callable[[object], None]]] = [
            ("txlist", "transactions", take_sent),
            ("txlistinternal", "inner payments", take_inner),
            ("tokentx", "token transfers", take_token),
        ]
        for action, what, take in lists:
            if listed.hub:
                return 0
            reader = Reader(
                self._question(explorer, action, listed.address), self._page, take, lambda: listed.hub
            )
            note(listed, await read_list(reader, span), what)
        if not listed.hub:
            await find_destroyed(explorer, listed, span, self._page)
        return sum(began)

    async def _beginning(self, explorer: Explorer, address: str, amount: int) -> Row:
        """Coin that the chain began with, behind all transactions of its first block."""
        block = await self._header(explorer, 0, settled=True)
        place = len(block.transactions or ())
        return Row(0, place, 0, block.hash, "", address, NATIVE, amount, Kind.MINT, block.time)

    async def _change(self, explorer: Explorer, address: str, span: Span) -> int | None:
        """Wei by which the balance grew in the span; None where the provider does not tell (docs: a paid plan)."""
        balances = []
        for block in (span.last, span.first - 1):
            if block < 0:
                balances.append(0)
                continue
            asked = (("address", address), ("blockno", str(block)))
            answer = await explorer.value("account", "balancehistory", asked)
            if isinstance(answer, Refused):
                return None
            balances.append(number(answer, "a balance"))
        after, before = balances
        return after - before


def _head(block: Block) -> Head:
    return Head(block.number, block.hash, block.time)


async def _code(explorer: Explorer, address: str, block: int) -> object:
    """The code of an address at a block, or now where only that is told; None where the provider refuses."""
    for tag, settled in ((hex(block), True), ("latest", False)):
        answer = await explorer.node("eth_getCode", ("address", address), ("tag", tag), settled=settled)
        if not isinstance(answer, Refused):
            return answer
    return None


def _twice(tx_hash: str) -> ProviderError:
    """The error for a list that tells a transaction twice, and differently."""
    return ProviderError(f"The provider contradicts itself about {tx_hash}.", "Ask again later.")
