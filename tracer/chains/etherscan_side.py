"""What reaches or leaves an address outside its lists of transactions, by Etherscan's API: withdrawals of the consensus
layer, rewards for blocks, and tokens that an issuer destroyed.

Sources: docs.etherscan.io (txsBeaconWithdrawal, getminedblocks, logs). Rows of withdrawals say the amount in gwei; the
block itself is read for the place of the withdrawal in it, and has to say the same.
"""

from __future__ import annotations

from collections import Counter

from tracer.chains.adapter import Span
from tracer.chains.etherscan_answers import Listing, Refused
from tracer.chains.etherscan_lists import Explorer, Order, Pages, Question, Reader, read_list
from tracer.chains.evm_blocks import other, read_block, read_log
from tracer.chains.evm_contracts import DESTROYED, USDT
from tracer.chains.evm_logs import destroyed
from tracer.chains.evm_movements import Row, withdrawals
from tracer.chains.evm_values import address, integer, moment, record
from tracer.chains.explorer_history import Listed
from tracer.chains.explorer_values import field, number, place
from tracer.chains.jsonrpc_asking import together
from tracer.model import NATIVE, Gap

__all__ = ["NO_WITHDRAWALS", "find_destroyed", "log_of", "note", "read_mined", "read_withdrawals"]

NO_WITHDRAWALS = frozenset(
    {"eip155:10", "eip155:56", "eip155:137", "eip155:8453", "eip155:42161", "eip155:43114"}
)
"""Chains without a consensus layer that pays out (EIP-4895 is Ethereum's and Gnosis Chain's)."""

_GWEI = 10**9
_MOST_PAGES = 10
"""Pages of the list of mined blocks: the API serves 10,000 records of it."""


async def read_withdrawals(
    explorer: Explorer, listed: Listed, ask: Question, span: Span, page: int
) -> list[Row]:
    """Coin that the consensus layer paid to the address. Sets a gap if the provider does not offer the list."""
    told: Counter[int] = Counter()

    def take(row: object) -> None:
        raw = record(row, "a withdrawal")
        to = address(field(raw, "address"), "the address of a withdrawal")
        if to != listed.address:
            raise other("the address of a withdrawal", listed.address, to)
        told[place(raw["blockNumber"], "the block of a withdrawal")] += _GWEI * number(
            field(raw, "amount"), "the amount of a withdrawal"
        )

    pages = await read_list(Reader(ask, page, take, lambda: len(told) > listed.most), span)
    note(listed, pages, "withdrawals of the consensus layer")
    if len(told) > listed.most:
        listed.crowded = len(told)
        return []
    answers = await together(
        [
            explorer.known("eth_getBlockByNumber", ("tag", hex(n)), ("boolean", "false"), settled=True)
            for n in sorted(told)
        ]
    )
    blocks = [read_block(answer, n) for n, answer in zip(sorted(told), answers, strict=True)]
    rows = withdrawals(listed.address, blocks)
    paid: Counter[int] = Counter()
    for row in rows:
        paid[row.block] += row.amount
    if paid != told:
        raise other("what the consensus layer paid", dict(told), dict(paid))
    return rows


def note(listed: Listed, pages: Pages, what: str) -> None:
    """Turn what a list lacks into gaps."""
    if pages.unsupported:
        listed.gap("list_missing", f"The provider does not list {what} ({pages.unsupported[:200]}).")
    if pages.pending:
        listed.gap("not_indexed", f"The provider says that its index of {what} is not whole yet.")
    for span, why in pages.cut:
        listed.gap("list_cut", f"The provider's list of {what} is cut at block {span.first}: {why[:200]}.")


async def read_mined(explorer: Explorer, listed: Listed, span: Span, page: int) -> None:
    """Note rewards for blocks that the address made, which are no movements here. The list is newest first."""
    seen: dict[int, int] = {}
    for number_of_page in range(1, _MOST_PAGES + 1):
        params = (
            ("address", listed.address),
            ("blocktype", "blocks"),
            ("page", str(number_of_page)),
            ("offset", str(page)),
        )
        answer = await explorer.listing("account", "getminedblocks", params, settled=False)
        if isinstance(answer, Refused):
            if not answer.unsupported and not answer.split:
                raise answer.error("the list of mined blocks")
            break
        before = len(seen)
        for row in answer.rows:
            raw = record(row, "a mined block")
            block = place(field(raw, "blockNumber"), "the number of a block")
            seen[block] = number(field(raw, "blockReward"), "a reward")
        if len(seen) == before:
            break
    paid = [amount for block, amount in seen.items() if span.first <= block <= span.last]
    if paid:
        message = f"The address was paid for making {len(paid)} blocks; that coin is not among the movements."
        listed.gaps.append(
            Gap(
                "block_reward",
                message,
                chain=listed.chain,
                address=listed.address,
                asset=NATIVE,
                amount=sum(paid),
            )
        )


async def find_destroyed(explorer: Explorer, listed: Listed, span: Span, page: int) -> None:
    """Note the transactions in which the issuer of USDT destroyed tokens of the address: no list of it shows them."""
    contract = USDT.get(listed.chain)
    if contract is None:
        return

    async def part(span: Span) -> Listing | Refused:
        params = (
            ("address", contract),
            ("topic0", DESTROYED),
            ("fromBlock", str(span.first)),
            ("toBlock", str(span.last)),
            ("page", "1"),
            ("offset", str(page)),
        )
        answer = await explorer.listing("logs", "getLogs", params)
        if isinstance(answer, Refused):
            return answer
        return Listing(tuple(log_of(row) for row in answer.rows), answer.pending)

    async def ask(span: Span, order: Order) -> Listing | Refused:
        if order == "asc":
            return await part(span)
        first = await part(Span(span.first, span.first))  # logs come oldest first only
        if isinstance(first, Refused) or span.first == span.last:
            return first
        rest = await part(Span(span.first + 1, span.last))
        return rest if isinstance(rest, Refused) else Listing(first.rows + rest.rows, first.pending)

    def take(row: object) -> None:
        raw = record(row, "a log")
        log = read_log(raw)
        if log.address != contract or log.topics[:1] != (DESTROYED,):
            raise other("a log", "of destroyed tokens", f"log {log.index} of block {log.block}")
        if destroyed(listed.chain, log) == listed.address:
            listed.found(log.tx_hash, log.block)
            listed.timed(log.block, moment(raw.get("timeStamp"), "the time of a log"))
            listed.full.add(log.tx_hash)

    note(listed, await read_list(Reader(ask, page, take, lambda: listed.hub), span), "destroyed tokens")


def log_of(row: object) -> dict[str, object]:
    """A log as a node would give it: zero is written 0x there; and the block as a number, as in the other lists."""
    raw = dict(record(row, "a log"))
    for name in ("blockNumber", "logIndex", "transactionIndex", "timeStamp"):
        value = raw.get(name)
        raw[name] = integer("0x0" if value == "0x" else value, f"the field {name} of a log")
    return raw
