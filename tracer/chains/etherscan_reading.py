"""Transactions read in full through Etherscan's API: receipt, inner payments, and the names of the tokens in them.

Receipts come from the proxy module as a node gives them. Inner payments come from the list of a transaction; where
that list cannot be had or is not whole, the gap says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracer.chains.etherscan_answers import Refused
from tracer.chains.etherscan_lists import Explorer
from tracer.chains.etherscan_rows import read_inner, trace_of
from tracer.chains.evm_blocks import Block, Receipt, Transaction, other, read_receipt, read_transaction
from tracer.chains.evm_movements import Names, Row, Told, movements
from tracer.chains.evm_traces import Frame, Trace
from tracer.chains.explorer_history import SIGNED_ONLY, Listed, ran_no_code, unknown_names
from tracer.chains.jsonrpc_asking import together
from tracer.chains.jsonrpc_reading import DECIMALS, SYMBOL, decimals_of, symbol_text
from tracer.model import Gap

__all__ = ["name_tokens", "read_full", "read_one"]

_FULL_LIST = 1000
"""Records of one answer at most on a free plan: a list of inner payments with so many may be cut."""


async def read_full(explorer: Explorer, listed: Listed) -> tuple[Told, list[Transaction]]:
    """What the transactions moved that have to be read in full, and the transactions themselves."""
    hashes = sorted(listed.full, key=lambda h: (listed.blocks[h], h))
    read = await together([_read(explorer, listed, tx_hash) for tx_hash in hashes])
    told = Told()
    for sent, receipt, block, trace, gaps in read:
        told.gaps += gaps
        movements(listed.chain, sent, receipt, block, trace, told)
    return told, [sent for sent, *_ in read]


Read = tuple[Transaction, Receipt, Block, Trace | None, list[Gap]]


async def _read(explorer: Explorer, listed: Listed, tx_hash: str) -> Read:
    known = listed.sent.get(tx_hash)
    answer = await explorer.known("eth_getTransactionReceipt", ("txhash", tx_hash), settled=True)
    receipt = read_receipt(answer, tx_hash)
    if known is not None and listed.chain in SIGNED_ONLY:
        sent = known.sent
    else:
        sent = read_transaction(
            await explorer.known("eth_getTransactionByHash", ("txhash", tx_hash), settled=True), tx_hash
        )
    if receipt.block != listed.blocks[tx_hash]:
        raise other(f"the block of {tx_hash}", listed.blocks[tx_hash], receipt.block)
    block = Block(receipt.block, receipt.block_hash, listed.times[receipt.block], None, None)
    if known is not None and receipt.status is not None and known.failed is receipt.status:
        raise other(f"whether {tx_hash} failed", known.failed, not receipt.status)
    failed = known.failed if known is not None else None
    trace, gaps = await _trace(explorer, listed.chain, sent, receipt, block, failed, settled=True)
    return sent, receipt, block, trace, gaps


async def read_one(
    explorer: Explorer, chain: str, sent: Transaction, receipt: Receipt, block: Block, *, settled: bool
) -> Told:
    """What a single transaction moved."""
    trace, gaps = await _trace(explorer, chain, sent, receipt, block, None, settled=settled)
    told = Told(gaps=gaps)
    movements(chain, sent, receipt, block, trace, told)
    return told


async def _trace(
    explorer: Explorer,
    chain: str,
    sent: Transaction,
    receipt: Receipt,
    block: Block,
    failed: bool | None,
    *,
    settled: bool,
) -> tuple[Trace | None, list[Gap]]:
    """The inner payments as a trace; None where nobody tells them. failed: what a list says, None if none does."""
    if receipt.status is not None:
        failed = not receipt.status
    elif failed is None:
        failed = await _old_status(explorer, sent.hash, settled=settled)
    if failed is None:
        return None, []
    kind = "call" if sent.to is not None else "create"
    payee = sent.to if sent.to is not None else None if failed else receipt.created
    root = Frame((), kind, sent.sender, payee, sent.value, failed)
    if failed or ran_no_code(chain, receipt.gas, block.time):
        return Trace((root,)), []
    answer = await explorer.listing("account", "txlistinternal", (("txhash", sent.hash),), settled=settled)
    if isinstance(answer, Refused) or answer.pending:
        return None, []
    rows = [read_inner(row, sent.hash) for row in answer.rows]
    for row in rows:
        if row.block != receipt.block:
            raise other("the block of an inner payment", receipt.block, row.block)
    gaps = []
    if len(rows) >= _FULL_LIST:
        message = f"The provider lists {len(rows)} inner payments of this transaction: there may be more."
        gaps.append(Gap("list_cut", message, chain=chain, tx=sent.hash))
    return trace_of(root, rows), gaps


async def _old_status(explorer: Explorer, tx_hash: str, *, settled: bool) -> bool | None:
    """Whether a transaction from before receipts told it failed; None if the provider does not say either."""
    answer = await explorer.value("transaction", "getstatus", (("txhash", tx_hash),), settled=settled)
    said = answer.get("isError") if isinstance(answer, Mapping) else None
    return {"0": False, "1": True}.get(str(said))


async def name_tokens(explorer: Explorer, chain: str, names: Names, rows: Sequence[Row]) -> list[Gap]:
    """Enter symbol and decimals of the assets of `rows` into `names`: as listed, else as the contracts say now."""
    unknown, gaps = unknown_names(chain, names, rows)
    asked = [(asset, selector) for asset in unknown for selector in (SYMBOL, DECIMALS)]
    answers = await together(
        [
            explorer.node("eth_call", ("to", asset), ("data", selector), ("tag", "latest"), settled=False)
            for asset, selector in asked
        ]
    )
    for asset, text, decimals in zip(unknown, answers[::2], answers[1::2], strict=True):
        names[asset] = (symbol_text(text), decimals_of(decimals))
    return gaps
