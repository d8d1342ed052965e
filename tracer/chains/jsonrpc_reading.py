"""Found transactions read in full: receipts, headers, traces, and the names of the tokens in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracer.chains.amount_text import MAX_DECIMALS
from tracer.chains.evm_blocks import Block, Receipt, read_block, read_receipt, read_transaction
from tracer.chains.evm_movements import Names, Told, movements
from tracer.chains.evm_traces import Trace, read_flat, read_tree
from tracer.chains.evm_values import integer, record
from tracer.chains.jsonrpc_abilities import Abilities
from tracer.chains.jsonrpc_answers import Call, Refusal
from tracer.chains.jsonrpc_asking import Node
from tracer.chains.tokens import known
from tracer.model import NATIVE, Gap

__all__ = [
    "DECIMALS",
    "MOST_NAMES",
    "SYMBOL",
    "decimals_of",
    "place_of",
    "read_blocks",
    "read_names",
    "read_transactions",
    "symbol_text",
]

MOST_NAMES = 1000
"""Token contracts whose symbol and decimals are asked for: an address may be showered with thousands."""

_HEAVY = 10
_LONGEST = 100
SYMBOL, DECIMALS = "0x95d89b41", "0x313ce567"
"""Selectors of symbol() and decimals() (ERC-20)."""


async def read_blocks(node: Node, numbers: Iterable[int], *, settled: bool = True) -> dict[int, Block]:
    """The headers of blocks, each asked once."""
    wanted = sorted(set(numbers))
    calls = [Call("eth_getBlockByNumber", (hex(number), False)) for number in wanted]
    answers = await node.values(calls, settled=settled)
    return {n: read_block(answer, n) for n, answer in zip(wanted, answers, strict=True)}


async def read_transactions(
    node: Node, chain: str, able: Abilities, hashes: Sequence[str], *, settled: bool = True
) -> tuple[Told, dict[str, Receipt], dict[int, Block]]:
    """What mined transactions moved; their receipts by hash; their blocks by number."""
    calls = [Call(method, (h,)) for h in hashes for method in _BOTH]
    answers = await node.values(calls, settled=settled)
    sent = [read_transaction(answer, h) for h, answer in zip(hashes, answers[::2], strict=True)]
    receipts = [read_receipt(answer, h) for h, answer in zip(hashes, answers[1::2], strict=True)]
    blocks = await read_blocks(node, (receipt.block for receipt in receipts), settled=settled)
    told = Told()
    traces = await _traces(node, able, [r for r in receipts if r.status is not False], settled)
    for one, receipt in zip(sent, receipts, strict=True):
        movements(chain, one, receipt, blocks[receipt.block], traces.get(receipt.tx_hash), told)
    return told, {receipt.tx_hash: receipt for receipt in receipts}, blocks


_BOTH = ("eth_getTransactionByHash", "eth_getTransactionReceipt")


async def _traces(
    node: Node, able: Abilities, receipts: Sequence[Receipt], settled: bool
) -> dict[str, Trace]:
    """Traces by hash; what one interface does not tell is asked of the other."""
    found: dict[str, Trace] = {}
    for usable, flat in ((able.flat, True), (able.tree, False)):
        missing = [receipt for receipt in receipts if receipt.tx_hash not in found]
        if not usable or not missing:
            continue
        calls = [_trace_call(receipt.tx_hash, flat=flat) for receipt in missing]
        answers = await node.results(calls, settled=settled, size=_HEAVY, patient=True)
        for receipt, answer in zip(missing, answers, strict=True):
            if isinstance(answer, Refusal):
                continue
            trace = read_flat(answer, receipt.tx_hash, receipt.block_hash) if flat else read_tree(answer)
            if trace is not None:
                found[receipt.tx_hash] = trace
    return found


def _trace_call(tx_hash: str, *, flat: bool) -> Call:
    if flat:
        return Call("trace_transaction", (tx_hash,))
    return Call("debug_traceTransaction", (tx_hash, {"tracer": "callTracer"}))


async def read_names(
    node: Node, chain: str, assets: Iterable[str], block: int, *, settled: bool
) -> tuple[Names, list[Gap]]:
    """Symbol and decimals by asset: from the table of known tokens, else from the contract itself at `block`.

    A node that has forgotten the state of that block is asked for the newest one. Text is hostile and for display
    only; decimals that make no sense are None.
    """
    names: Names = {}
    asked: list[str] = []
    for asset in sorted(set(assets) | {NATIVE}):
        token = known(chain, asset)
        if token is not None:
            names[asset] = (token.symbol, token.decimals)
        else:
            asked.append(asset)
    gaps: list[Gap] = []
    if len(asked) > MOST_NAMES:
        gaps.append(
            Gap(
                "unnamed_tokens",
                f"{len(asked) - MOST_NAMES} tokens are shown without symbol and decimals: too many to ask for.",
                chain=chain,
                status="assumption",
            )
        )
    asked = asked[:MOST_NAMES]
    calls = [(asset, selector) for asset in asked for selector in (SYMBOL, DECIMALS)]
    answers = await node.results(
        [Call("eth_call", ({"data": selector, "to": asset}, hex(block))) for asset, selector in calls],
        settled=settled,
        patient=True,
    )
    forgotten = [
        place for place, answer in enumerate(answers) if isinstance(answer, Refusal) and not answer.reverted
    ]
    again = await node.results(
        [Call("eth_call", ({"data": calls[p][1], "to": calls[p][0]}, "latest")) for p in forgotten],
        settled=False,
        patient=True,
    )
    for place, answer in zip(forgotten, again, strict=True):
        answers[place] = answer
    for asset, symbol, decimals in zip(asked, answers[::2], answers[1::2], strict=True):
        names[asset] = (symbol_text(symbol), decimals_of(decimals))
    return names, gaps


def _bytes(answer: object) -> bytes:
    text = answer if isinstance(answer, str) else ""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""


def decimals_of(answer: object) -> int | None:
    """The answer to decimals(); None if it makes no sense."""
    raw = _bytes(answer)
    number = int.from_bytes(raw, "big") if len(raw) == 32 else MAX_DECIMALS + 1
    return number if number <= MAX_DECIMALS else None


def symbol_text(answer: object) -> str:
    """An ABI string, or the 32 bytes that older tokens give (MKR); at most 100 characters, no NUL."""
    raw = _bytes(answer)
    if len(raw) >= 64 and int.from_bytes(raw[:32], "big") == 32:
        raw = raw[64 : 64 + min(int.from_bytes(raw[32:64], "big"), 4 * _LONGEST)]
    elif len(raw) == 32:
        raw = raw.rstrip(b"\0")
    else:
        raw = b""
    return raw.decode(errors="replace").replace("\0", "\ufffd")[:_LONGEST]


def place_of(answer: object) -> int | None:
    """The block of a mined transaction; None if it is unknown or not yet mined."""
    if answer is None or isinstance(answer, Refusal):
        return None
    number = record(answer, "a transaction").get("blockNumber")
    return None if number is None else integer(number, "the block of a transaction")
