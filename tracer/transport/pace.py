"""How fast one provider is asked: its rate, how many questions are in flight, and a pause that all of them keep.

The rate is a leaky bucket (aiolimiter) that holds a twentieth of a second's worth: questions are spaced evenly, a
timer that fires late is made up for, and no burst overruns a provider that counts by the second. When the provider
asks for patience, everybody waits, not only the question that was refused: a storm of refusals costs one request
at a time, and what was under way together and failed together makes one pause. The length of a pause is random within
limits, so that several collectors do not come back together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

__all__ = ["Pace"]

_SLACK = 20


class Pace:
    """The pace of one endpoint. rate: questions per second, 0 for no limit. concurrency: questions in flight."""

    def __init__(self, rate: float, concurrency: int, first: float, longest: float) -> None:
        self._limiter = _limiter(rate) if rate else None
        self._slots = asyncio.Semaphore(concurrency)
        self._first, self._longest = first, longest
        self._until = 0.0
        self._refusals = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a free slot, for the end of a pause, and for the rate; then ask."""
        async with self._slots:
            while (left := self._until - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110 - it may grow
                await asyncio.sleep(left)
            if self._limiter is not None:
                await self._limiter.acquire()
            yield

    def refused(self, seconds: float | None) -> None:
        """The provider asked for patience: pause for `seconds`, or, if it named no time, twice as long each time."""
        now = asyncio.get_running_loop().time()
        if seconds is None and now < self._until:
            return
        own = min(self._first * 2.0**self._refusals, self._longest) * random.uniform(0.7, 1.0)  # noqa: S311 - no secret
        self._refusals = min(self._refusals + 1, 16)
        until = now + (own if seconds is None else seconds)
        self._until = max(self._until, until)

    def answered(self) -> None:
        """The provider answers again: the next refusal begins a new count."""
        self._refusals = 0


def _limiter(rate: float) -> AsyncLimiter:
    burst = max(1.0, rate / _SLACK)
    return AsyncLimiter(burst, burst / rate)
