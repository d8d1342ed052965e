"""Many calls to a node: cut into batches, asked side by side, put together again in the order of the calls.

A node that refuses a batch, or answers one that cannot be read, is asked again in halves, down to single calls. What
is asked never depends on when answers arrive.
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

    async def results(
        self, calls: Sequence[Call], *, settled: bool, size: int = BATCH, patient: bool = False
    ) -> list[object]:
        """One result or Refusal per call, in order. size: smaller batches for calls with large answers.

        patient: a single call whose answer cannot be read is a Refusal instead of an error.
        """
        step = min(size, self._size)
        parts = [calls[at : at + step] for at in range(0, len(calls), step)]
        answered = await together([self._part(part, settled, patient) for part in parts])
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

    async def _part(self, calls: Sequence[Call], settled: bool, patient: bool) -> list[object]:
        body = await self._ask(Request(self._base, body=question(calls), settled=settled))
        try:
            return read_answers(body, len(calls))
        except UnreadableError as error:
            if len(calls) == 1:
                if patient:
                    return [Refusal(0, error.message)]
                raise
            half = len(calls) // 2
            halves = [self._part(part, settled, patient) for part in (calls[:half], calls[half:])]
            return [result for part in await together(halves) for result in part]
