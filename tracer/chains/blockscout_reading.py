"""Transactions read in full through Blockscout's REST API: logs, inner payments, and the names of the tokens in them.

The trace (`raw-trace`) tells which inner payments a failure further up took back. Where it cannot be had, the flat list
of inner payments serves only if no inner call failed; else the gap says that they are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracer.chains.blockscout_pages import Explorer
from tracer.chains.blockscout_rows import read_inner, read_log
from tracer.chains.blockscout_sent import Item, Made, read_made
from tracer.chains.evm_blocks import Block, Receipt, other
from tracer.chains.evm_movements import Names, Row, Told, fits, movements
from tracer.chains.evm_traces import Frame, Trace, read_flat
from tracer.chains.evm_values import array, nonsense, record
from tracer.chains.explorer_history import ran_no_code, unknown_names
from tracer.chains.explorer_values import symbol, token_decimals
from tracer.chains.jsonrpc_asking import together
from tracer.errors import ProviderError
from tracer.model import Gap

__all__ = ["name_tokens", "read_full", "read_transaction"]


async def read_transaction(explorer: Explorer, tx_hash: str, *, settled: bool) -> Made | None:
    """A mined transaction; None if the instance knows none."""
    answer = await explorer.maybe(f"/transactions/{tx_hash}", settled=settled)
    return None if answer is None else read_made(answer, tx_hash)


async def read_full(explorer: Explorer, chain: str, made: Sequence[Made], *, settled: bool) -> Told:
    """What transactions moved, all of it."""
    ordered = sorted(made, key=lambda one: (one.sent.block, one.sent.index, one.sent.hash))
    read = await together([_read(explorer, chain, one, settled=settled) for one in ordered])
    told = Told()
    for one, (receipt, trace) in zip(ordered, read, strict=True):
        sent = replace(one.sent, block_hash=receipt.block_hash)
        block = Block(sent.block, receipt.block_hash, one.time, None, None)
        movements(chain, sent, receipt, block, trace, told)
    return told


async def _read(explorer: Explorer, chain: str, made: Made, *, settled: bool) -> tuple[Receipt, Trace | None]:
    sent, receipt = made.sent, made.receipt
    failed = made.failed
    kind = "call" if sent.to is not None else "create"
    payee = sent.to if sent.to is not None else None if failed else receipt.created
    root = Frame((), kind, sent.sender, payee, sent.value, failed)
    if failed or ran_no_code(chain, receipt.gas, made.time):
        return receipt, Trace((root,))
    page = await explorer.whole(f"/transactions/{sent.hash}/logs", settled=settled)
    receipt = with_logs(receipt, page.items)
    if page.pending:
        raise ProviderError(f"The provider has not read the logs of {sent.hash} yet.", "Ask again later.")
    trace = await _trace(explorer, made, receipt, settled=settled)
    if trace is None:
        trace = await _flat(explorer, made, root, settled=settled)
    return receipt, trace


def with_logs(receipt: Receipt, items: Sequence[Item]) -> Receipt:
    """The receipt with its logs, which have to be of that transaction, each once."""
    logs = sorted((read_log(item, receipt.index) for item in items), key=lambda log: log.index)
    for before, log in zip([None, *logs], logs, strict=False):
        if (log.tx_hash, log.block) != (receipt.tx_hash, receipt.block):
            raise other("the transaction of a log", receipt.tx_hash, log.tx_hash)
        if before is not None and before.index == log.index:
            raise nonsense("the logs of a transaction", f"log {log.index} twice")
    hashes = {log.block_hash for log in logs}
    if len(hashes) > 1:
        raise nonsense("the block of the logs of a transaction", sorted(hashes))
    return replace(receipt, logs=tuple(logs), block_hash=next(iter(hashes), ""))


async def _trace(explorer: Explorer, made: Made, receipt: Receipt, *, settled: bool) -> Trace | None:
    """The trace that the instance keeps or asks its node for; None if there is none that can be believed: one that
    hides that an inner call failed would invent payments.
    """
    sent = made.sent
    answer = await explorer.maybe(f"/transactions/{sent.hash}/raw-trace", settled=settled)
    if not isinstance(answer, list):
        return None
    try:
        frames = [_plain(frame, receipt) for frame in array(answer, "a trace")]
        trace = read_flat(frames, sent.hash, receipt.block_hash)
    except ProviderError:
        return None
    if trace is None or not fits(trace, sent, receipt):
        return None
    hides = made.inner_error is True and not any(frame.failed for frame in trace.frames)
    return None if hides else trace


def _plain(frame: object, receipt: Receipt) -> Mapping[str, object]:
    """A frame as a node would give it, without a block hash where there is none to compare it with.

    The schema knows no `error`: a call or creation without a result failed.
    """
    raw = dict(record(frame, "a frame"))
    if raw.get("type") == "create2":
        raw["type"] = "create"
    if raw.get("type") in ("call", "create") and raw.get("result") is None and raw.get("error") is None:
        raw["error"] = "no result"
    if not receipt.block_hash:
        raw.pop("blockHash", None)
    return raw


async def _flat(explorer: Explorer, made: Made, root: Frame, *, settled: bool) -> Trace | None:
    """The list of inner payments as a trace; None where it is not whole, or where a failure makes it ambiguous."""
    page = await explorer.whole(f"/transactions/{made.sent.hash}/internal-transactions", settled=settled)
    rows = sorted((read_inner(item) for item in page.items), key=lambda row: row.index)
    if len({row.index for row in rows}) != len(rows):
        raise nonsense("the list of inner payments", "one that repeats itself")
    for row in rows:
        if (row.tx_hash, row.block) != (made.sent.hash, made.sent.block):
            raise other("the transaction of an inner payment", made.sent.hash, row.tx_hash)
    sure = made.inner_error is False and made.receipt.status is not None
    if page.pending or not sure or any(row.failed for row in rows):
        return None
    made_itself = (
        root.to if root.kind == "create" else None
    )  # that creation is listed among its own inner payments
    rows = [row for row in rows if not (row.kind in {"create", "create2"} and row.to == made_itself)]
    return Trace((root, *(row.frame for row in rows if row.moved or row.kind.startswith("create"))))


async def name_tokens(explorer: Explorer, chain: str, names: Names, rows: Sequence[Row]) -> list[Gap]:
    """Enter symbol and decimals of the assets of `rows` into `names`: as listed, else as the instance says now."""
    unknown, gaps = unknown_names(chain, names, rows)
    answers = await together([explorer.maybe(f"/tokens/{asset}", settled=False) for asset in unknown])
    for asset, answer in zip(unknown, answers, strict=True):
        raw = answer if isinstance(answer, dict) else {}
        names[asset] = (symbol(raw.get("symbol")), token_decimals(raw.get("decimals")))
    return gaps
