"""A second index of token movements, which Etherscan's list of an address is held against.

Of a payment in tokens that somebody else made to the address, or took from it, only the list of token transfers tells.
The same movement stands in the index of logs: a Transfer has its payer as second topic and its payee as third
(ERC-20). A transaction with a movement that the list lacks is read in full, like those in which the address pays.
Source: docs.etherscan.io (event logs by topics).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tracer.chains.adapter import LOGS, Span
from tracer.chains.etherscan_answers import Refused
from tracer.chains.etherscan_lists import Explorer
from tracer.chains.etherscan_side import log_of
from tracer.chains.evm_blocks import Log, read_log
from tracer.chains.evm_contracts import TRANSFER
from tracer.chains.evm_logs import Moved, read_logs
from tracer.chains.evm_movements import Row
from tracer.chains.evm_values import moment
from tracer.chains.explorer_history import Listed, fact, tokens_by_list

__all__ = ["hold_tokens"]

_SIDES = {1: "topic0_1_opr", 2: "topic0_2_opr"}
"""The topics of payer and payee, and the parameter that joins each to the first."""

Found = dict[tuple[str, int], tuple[Log, int]]
"""A log and its UTC seconds, by transaction and number in the block."""


async def hold_tokens(explorer: Explorer, listed: Listed, span: Span, page: int) -> None:
    """Choose to read in full what the logs show and the list of token transfers does not.

    Where the logs cannot be had to their end, an assumption says that the list stands alone.
    """
    found: Found = {}
    for topic in _SIDES:
        why = await _logs(explorer, listed, span, page, topic, found)
        if why:
            listed.gaps.append(tokens_by_list(listed, why))
            break
    rows = {row: time for log, time in found.values() for row in _rows(listed.chain, log, time)}
    lacking = Counter(map(fact, rows)) - Counter(map(fact, listed.tokens))
    for row, time in rows.items():
        if fact(row) in lacking:
            listed.found(row.tx_hash, row.block)
            listed.timed(row.block, time)
            listed.full.add(row.tx_hash)


def _rows(chain: str, log: Log, time: int) -> Iterable[Row]:
    """The movement of a log; none where it moves a single token or none that can be read."""
    for moved in read_logs(chain, [log]):
        if isinstance(moved, Moved):
            yield Row(
                log.block, log.tx_index, LOGS + log.index, log.tx_hash,
                moved.sender, moved.to, moved.asset, moved.amount, moved.kind, time,
            )  # fmt: skip


async def _logs(explorer: Explorer, listed: Listed, span: Span, page: int, topic: int, found: Found) -> str:
    """Enter the Transfer logs of which the address is the given topic; "" if all were told, else why not.

    A page that brings nothing new is the end: each question begins at the last block of the page before, so an answer
    that was silently cut is followed by another.
    """
    party = "0x" + listed.address[2:].rjust(64, "0")
    first = span.first
    while len(found) <= 2 * listed.most:
        params = (
            ("fromBlock", str(first)),
            ("toBlock", str(span.last)),
            ("topic0", TRANSFER),
            (_SIDES[topic], "and"),
            (f"topic{topic}", party),
            ("page", "1"),
            ("offset", str(page)),
        )
        answer = await explorer.listing("logs", "getLogs", params)
        if isinstance(answer, Refused):
            return answer.words
        if answer.pending:
            return "its index of logs is not whole yet"
        before = len(found)
        for row in answer.rows:
            raw = log_of(row)
            log = read_log(raw)
            if log.topics[:1] != (TRANSFER,) or log.topics[topic : topic + 1] != (party,):
                return "it gives logs of others"
            if not first <= log.block <= span.last:
                return "its logs are not in the order of the chain"
            found[log.tx_hash, log.index] = log, moment(raw["timeStamp"], "the time of a log")
            first = log.block
        if len(found) == before:
            return "" if len(answer.rows) < page else f"block {first} has more logs than one answer holds"
    return "it has too many logs of the address"
