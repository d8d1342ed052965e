"""Many calls to a node: cut into batches, asked side by side, put together again in the order of the calls.

A node that refuses a batch, or answers one that cannot be read, is asked again in halves, down to single calls. What
is asked never depends on when answers arrive.

Behind one address several nodes may stand, and one that lags answers a search for blocks that it does not have yet with
what it has: nothing. So a search is sent with the question how many transactions its newest block has, in the same
batch: a node without that block says null, and its answer does not count. Source: Ethereum's execution-apis,
eth_getBlockTransactionCountByNumber; the hash of the block would say more, but comes with those of its transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from tracer.chains.adapter import Ask, Request
from tracer.chains.jsonrpc_answers import Call, Refusal, UnreadableError, question, read_answers
from tracer.errors import ProviderError, ProviderStopError, shown

__all__ = ["BATCH", "Node", "together"]

BATCH = 100
"""Calls in one request at most. Public nodes take 100 to 1,000; a batch of 100 is already bound by the node's work."""

_TRIES = 4
"""How often a search is sent, in the hope of another node, until one has the blocks."""

T = TypeVar("T")


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all; when one fails, wait for the others and raise the first failure in the order of `work`."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


class Node:
    """A JSON-RPC node behind an Ask. `size`: calls per request at most."""

    def __init__(self, ask: Ask, base: str, size: int = BATCH) -> None:
        self._ask, self._base, self._size = ask, base, size
        self.unproven = False
        """Whether an answer counted of which nothing shows that its node had the blocks."""

    async def results(
        self,
        calls: Sequence[Call],
        *,
        settled: bool,
        size: int = BATCH,
        patient: bool = False,
        until: Sequence[int] = (),
    ) -> list[object]:
        """One result or Refusal per call, in order. size: smaller batches for calls with large answers.

        patient: a single call whose answer cannot be read is a Refusal instead of an error. until: for each call, the
        block that a node must have for its answer to count. Raises ProviderError if none has it.
        """
        step = max(1, min(size, self._size) - bool(until))
        parts = [slice(at, at + step) for at in range(0, len(calls), step)]
        answered = await together([self._part(calls[p], settled, patient, until[p]) for p in parts])
        return [result for part in answered for result in part]

    async def values(
        self, calls: Sequence[Call], *, settled: bool, size: int = BATCH, missing: bool = False
    ) -> list[object]:
        """Like `results`, but an error of the node is a ProviderError, and so is null unless `missing`."""
        results = await self.results(calls, settled=settled, size=size)
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, Refusal):
                kind = ProviderStopError if result.unsupported or result.never else ProviderError
                raise kind(
                    f"The provider refused {call.method}: {shown(result.words)}.",
                    "Ask again later, or ask another provider.",
                )
            if result is None and not missing:
                raise ProviderError(
                    f"The provider knows nothing of what it was asked ({call.method} {shown(list(call.params))}).",
                    "It may not be in sync: ask again later, or ask another provider.",
                )
        return results

    async def _part(
        self, calls: Sequence[Call], settled: bool, patient: bool, until: Sequence[int] = ()
    ) -> list[object]:
        if until and self._size > 1:
            return await self._by_one_that_has(max(until), calls, settled, patient, until)
        self.unproven |= bool(until)
        body = await self._ask(Request(self._base, body=question(calls), settled=settled))
        try:
            return read_answers(body, len(calls))
        except UnreadableError as error:
            if len(calls) == 1:
                if patient:
                    return [Refusal(0, error.message)]
                raise
            return await self._halves(calls, settled, patient, until)

    async def _halves(
        self, calls: Sequence[Call], settled: bool, patient: bool, until: Sequence[int]
    ) -> list[object]:
        half = len(calls) // 2
        parts = (slice(half), slice(half, None))
        answered = await together([self._part(calls[p], settled, patient, until[p]) for p in parts])
        return [result for part in answered for result in part]

    async def _by_one_that_has(
        self, block: int, calls: Sequence[Call], settled: bool, patient: bool, until: Sequence[int]
    ) -> list[object]:
        """The answers of a node that shows in the same batch that it has the block.

        A call whose batch of two cannot be read is asked alone, where nothing can be shown (`unproven`).
        """
        proof = Call("eth_getBlockTransactionCountByNumber", (hex(block),))
        body = question([*calls, proof])
        for attempt in range(_TRIES):
            # What is asked again is no longer settled: the archive has the answer that does not count.
            answer = await self._ask(Request(self._base, body=body, settled=settled and not attempt))
            try:
                *results, shown_block = read_answers(answer, len(calls) + 1)
            except UnreadableError:
                if len(calls) > 1:
                    return await self._halves(calls, settled, patient, until)
                self.unproven = True
                return await self._part(calls, settled, patient)
            if _is_count(shown_block):
                return results
            if isinstance(shown_block, Refusal) and shown_block.unsupported:
                self.unproven = True
                return results
        raise ProviderError(
            f"The provider's node does not have block {block}, up to which it was asked.",
            "It may not be in sync: ask again later, or ask another provider.",
        )


def _is_count(value: object) -> bool:
    """Whether it is a number in any form; gateways say null, "" or false where a node has nothing."""
    if isinstance(value, str):
        return value[:1].isdecimal()
    return isinstance(value, int) and not isinstance(value, bool)
