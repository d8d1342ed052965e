"""What a collection says about itself while it runs and when it has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Collected", "Event", "Rate"]

_WINDOW = 5.0
"""Seconds over which the rate of requests is taken."""


@dataclass(frozen=True, slots=True)
class Event:
    """How far a collection is. sent: requests that went out; kept: answers taken from the archive; queue: addresses
    chosen and not yet fetched; failed: addresses whose history could not be had; hubs: those with too many
    transactions; hop: the furthest that was chosen so far; rate: requests a second now; stopped: what providers said
    that answer no more, "" while all do.
    """

    round: int
    fetched: int
    queue: int
    sent: int
    kept: int
    failed: int
    hubs: int = 0
    hop: int = 0
    rate: float = 0.0
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection came to. finished: nothing is left that the budget allows. exhausted: the budget ended it.

    fetched: addresses. stopped: what providers said that would answer no more, "" otherwise.
    """

    fetched: int
    failed: int
    rounds: int
    sent: int
    kept: int
    finished: bool
    exhausted: bool
    stopped: str = ""


class Rate:
    """Requests a second over the last seconds. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def now(self, sent: int) -> float:
        """The rate, given how many were sent in all."""
        at = self._clock()
        self._seen.append((at, sent))
        while len(self._seen) > 2 and at - self._seen[1][0] >= _WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return (sent - before) / max(at - since, 1.0)
