"""The adapter for any EVM node that speaks Ethereum's JSON-RPC: one's own, or a provider's.

Native and internal payments of an address are found by `trace_filter`, else by Otterscan's `ots_` methods; tokens by
`eth_getLogs`. Every found transaction is then read in full, so the way it was found changes no movement of it. What
the node cannot tell is a gap. Whether anything else moved the coin of the address (withdrawals of the consensus
layer, rewards, payments that no index shows) is found out by comparing its balance before and after with the rows.

Interfaces: ethereum.github.io/execution-apis, openethereum.github.io (trace_), docs.otterscan.io (ots_),
geth.ethereum.org (debug_).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from tracer.addresses import is_evm
from tracer.chains.adapter import Ask, Head, History, Span, Verdict
from tracer.chains.endpoint import Endpoint
from tracer.chains.evm_blocks import Block, Receipt, other, read_block
from tracer.chains.evm_code import read_code
from tracer.chains.evm_contracts import WRAPPED, WRAPS_BY_TRANSFER
from tracer.chains.evm_movements import Row, net, table, withdrawals
from tracer.chains.evm_values import address as read_address
from tracer.chains.evm_values import digest, quantity
from tracer.chains.jsonrpc_abilities import Abilities, probe
from tracer.chains.jsonrpc_answers import Call, Refusal, judge
from tracer.chains.jsonrpc_asking import BATCH, Node
from tracer.chains.jsonrpc_reading import place_of, read_blocks, read_names, read_transactions
from tracer.chains.jsonrpc_search import Found, search_logs, search_pages, search_traces
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.model import NATIVE, Gap, Kind
from tracer.movements import empty

__all__ = ["JsonRpc", "judge"]

_SCANNED = 1000
"""Blocks that are read one by one for withdrawals where the balance shows that something is missing."""


class JsonRpc:
    """Adapter of one endpoint of kind `jsonrpc`. Holds no state: every answer that it uses was asked for."""

    name = "jsonrpc 2"

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.kind != "jsonrpc" or not is_evm(endpoint.chain):
            raise InputError(
                f"{endpoint.name} is no JSON-RPC endpoint of an EVM chain.",
                "Its chain is written eip155:<number>.",
            )
        self._endpoint = endpoint

    @property
    def chain(self) -> str:
        """CAIP-2 id."""
        return self._endpoint.chain

    @staticmethod
    def judge(body: bytes) -> tuple[Verdict, str]:
        """What a body with status 200 is worth, for the transport."""
        return judge(body)

    async def head(self, ask: Ask) -> Head:
        """The finalized block, or else the one `depth` blocks below the latest. Raises ProviderError."""
        node = self._node(ask)
        calls = [Call("eth_chainId"), Call("eth_getBlockByNumber", ("finalized", False))]
        which, final = await node.results(calls, settled=False)
        self._check_chain(which)
        if isinstance(final, Refusal) or final is None:
            (latest,) = await node.values([Call("eth_getBlockByNumber", ("latest", False))], settled=False)
            deep = max(0, read_block(latest).number - self._endpoint.depth)
            return await self.block(ask, deep)
        return _head(read_block(final))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        call = Call("eth_getBlockByNumber", (hex(number), False))
        (answer,) = await self._node(ask).values([call], settled=False)
        return _head(read_block(answer, number))

    async def history(
        self, ask: Ask, address: str, span: Span, most: int, *, inflows: bool = False
    ) -> History:
        """See `Adapter.history`. `span` must end at or below a final block: its answers are kept for good."""
        if not 0 <= span.first <= span.last or most < 0:
            raise InputError(
                f"Blocks {span.first} to {span.last} are no span.", "Give the lower block first."
            )
        read_address(address, "the address")
        node = self._node(ask)
        able = await probe(node, self.chain)
        found = Found(most)
        native = await self._search(node, able, found, address, span)
        if found.hub:
            return History(
                empty(), tuple(found.gaps), complete=False, transactions=len(found.blocks), hub=True
            )
        hashes = sorted(found.blocks, key=lambda h: (found.blocks[h], h))
        told, receipts, blocks = await read_transactions(node, self.chain, able, hashes)
        _check_found(found, receipts)
        rows = self._chosen(told.rows, address, inflows=inflows)
        rows += withdrawals(address, blocks.values())
        gaps = [*found.gaps, *told.gaps]
        if native:
            rows, missing = await self._reconcile(node, address, span, rows, blocks)
            gaps += missing
        else:
            gaps.append(
                self._gap(
                    "no_history",
                    "The node has no index of addresses (neither trace_filter nor ots_searchTransactionsBefore): "
                    "payments in the chain's own coin are only those in transactions that also moved a token.",
                    address,
                )
            )
        if node.unproven:
            message = (
                "The provider takes no batches, or does not count the transactions of a block, so nothing shows that"
                " the node that was searched had the last blocks: if it lagged behind, payments in them are missing."
            )
            gaps.append(replace(self._gap("search_unproven", message, address), status="assumption"))
        if self.chain not in WRAPPED and self.chain not in WRAPS_BY_TRANSFER:
            gaps.append(
                self._gap(
                    "no_wraps", "The wrapped coin of this chain is not known: wraps may be missing.", address
                )
            )
        code, untold = await read_code(self.chain, address, rows, partial(_code, node, address, span.last))
        made = await self._made(node, rows, gaps, told.unique, len(hashes), span.last)
        return replace(made, gaps=(*made.gaps, *untold), code=code)

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`. What is not final yet is read too, with a gap `not_final`."""
        wanted = digest(tx_hash, "the transaction")
        node = self._node(ask)
        final = await self.head(ask)
        able = await probe(node, self.chain)
        call = Call("eth_getTransactionByHash", (wanted,))
        (answer,) = await node.values([call], settled=False, missing=True)
        block = place_of(answer)
        if block is None:
            gap = Gap(
                "unknown_transaction",
                "The node knows no such mined transaction.",
                chain=self.chain,
                tx=wanted,
            )
            return History(empty(), (gap,), complete=False)
        settled = block <= final.block
        told, _, _ = await read_transactions(node, self.chain, able, [wanted], settled=settled)
        gaps = list(told.gaps)
        if not settled:
            message = f"Block {block} can still be taken back: the newest final block is {final.block}."
            gaps.append(Gap("not_final", message, chain=self.chain, tx=wanted))
        return await self._made(node, told.rows, gaps, told.unique, 1, block, settled=settled)

    def _node(self, ask: Ask) -> Node:
        return Node(ask, self._endpoint.base_url, min(BATCH, self._endpoint.page))

    def _check_chain(self, answer: object) -> None:
        if isinstance(answer, Refusal):
            raise ProviderStopError("The provider does not say which chain it serves.", "Check its address.")
        served = f"eip155:{quantity(answer, 'the chain id')}"
        if served != self.chain:
            raise ProviderStopError(
                f"The provider serves {served}, not {self.chain}.",
                f"Name the address of a node of {self.chain}.",
            )

    async def _search(self, node: Node, able: Abilities, found: Found, address: str, span: Span) -> bool:
        """Find the transactions; returns whether payments in the chain's own coin could be looked for."""
        if able.find_traces:
            await search_traces(node, found, self.chain, address, span, self._endpoint.page)
        elif able.find_pages:
            await search_pages(node, found, address, span)
        await search_logs(node, found, self.chain, address, span)
        return able.find_traces or able.find_pages

    def _chosen(self, rows: Iterable[Row], address: str, *, inflows: bool) -> list[Row]:
        """Of a transaction in which the address pays, all rows; of another those that touch it (inflows: all)."""
        rows = list(rows)
        if inflows:
            return rows
        pays = {row.tx_hash for row in rows if row.sender == address}
        return [row for row in rows if row.tx_hash in pays or address in {row.sender, row.to}]

    async def _reconcile(
        self, node: Node, address: str, span: Span, rows: list[Row], blocks: dict[int, Block]
    ) -> tuple[list[Row], list[Gap]]:
        """Compare the balance with the rows; look for withdrawals if it does not fit. Returns (rows, gaps)."""
        calls = [Call("eth_getBalance", (address, hex(span.last)))]
        calls.append(Call("eth_getBalance", (address, hex(max(0, span.first - 1)))))
        answers = await node.results(calls, settled=True)
        if any(isinstance(answer, Refusal) or answer is None for answer in answers):
            message = (
                "The node does not tell the balance of that time, so coin that comes without a transaction "
                "(withdrawals of the consensus layer, rewards) cannot be noticed."
            )
            return rows, [self._gap("balance_unknown", message, address)]
        after, before = (quantity(answer, "a balance") for answer in answers)
        if span.first == 0 and before:
            genesis = blocks.get(0) or (await read_blocks(node, [0]))[0]
            rows = [*rows, self._genesis(genesis, address, before)]
        if span.first == 0:
            before = 0
        missing = after - before - net(rows, address)
        if missing > 0 and span.last - span.first < _SCANNED:
            every = await read_blocks(node, range(span.first, span.last + 1))
            rows = [row for row in rows if row.kind != Kind.WITHDRAWAL] + withdrawals(address, every.values())
            missing = after - before - net(rows, address)
        if not missing:
            return rows, []
        gap = Gap(
            "balance_differs",
            f"In blocks {span.first} to {span.last} the balance of the address grew by {abs(missing)} wei "
            f"{'more' if missing > 0 else 'less'} than the movements found: withdrawals of the consensus layer, "
            "rewards or tips for blocks, or payments that the node does not index.",
            chain=self.chain,
            address=address,
            asset=NATIVE,
            amount=abs(missing),
        )
        return rows, [gap]

    @staticmethod
    def _genesis(block: Block, address: str, amount: int) -> Row:
        place = len(block.transactions or ())
        return Row(0, place, 0, block.hash, "", address, NATIVE, amount, Kind.MINT, block.time)

    async def _made(
        self,
        node: Node,
        rows: list[Row],
        gaps: list[Gap],
        unique: int,
        count: int,
        block: int,
        *,
        settled: bool = True,
    ) -> History:
        names, unnamed = await read_names(node, self.chain, {r.asset for r in rows}, block, settled=settled)
        if unique:
            message = (
                f"{unique} transfers of single tokens (ERC-721, ERC-1155) are no amounts and are left out."
            )
            unnamed.append(Gap("unique_tokens", message, chain=self.chain, status="assumption"))
        complete = not gaps
        return History(table(self.chain, rows, names), (*gaps, *unnamed), complete, count)

    def _gap(self, code: str, message: str, address: str) -> Gap:
        return Gap(code, message, chain=self.chain, address=address)


def _head(block: Block) -> Head:
    return Head(block.number, block.hash, block.time)


async def _code(node: Node, address: str, block: int) -> object:
    """The code of an address at a block, or now where the node has forgotten that block; None where it refuses."""
    for tag, settled in ((hex(block), True), ("latest", False)):
        calls = [Call("eth_getCode", (address, tag))]
        (answer,) = await node.results(calls, settled=settled, patient=True)
        if not isinstance(answer, Refusal):
            return answer
    return None


def _check_found(found: Found, receipts: dict[str, Receipt]) -> None:
    """That receipts stand where the search found them, and hold every log that it found."""
    for tx_hash, block in found.blocks.items():
        if receipts[tx_hash].block != block:
            raise other(f"the block of {tx_hash}", block, receipts[tx_hash].block)
    logs = {(r.tx_hash, log.index): log for r in receipts.values() for log in r.logs}
    for place, log in found.logs.items():
        if logs.get(place) != log:
            raise ProviderError(
                f"The provider contradicts itself: log {place[1]} of {place[0]} is not in the receipt.",
                "Ask again later, or ask another provider.",
            )
