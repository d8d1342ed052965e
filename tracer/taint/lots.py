"""A queue of lots in age order: FIFO takes from the front, LIFO from the back.

A lot is (units, origin, source units): origin -1 is clean coin; source units count the coin as it was stolen, so
they stay the same when a conversion changes the units (a lot may then have 0 units: at a cut it goes with what
comes after it). Lots are kept in chunks, so that taking or joining a queue
of n lots costs about sqrt(n), whichever side is cut: a sweep of a 32,000-lot wallet that leaves dust is cheap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate

__all__ = ["CLEAN", "Lot", "LotQueue"]

CLEAN = -1
_CHUNK = 256

Lot = tuple[int, int, int]


class LotQueue:
    """Lots, oldest first. `units` is their total; `tainted` the units that are not clean."""

    __slots__ = ("chunks", "tainted", "units")

    def __init__(self) -> None:
        self.chunks: deque[_Chunk] = deque()
        self.units = 0
        self.tainted = 0

    def __iter__(self) -> Iterator[Lot]:
        for chunk in self.chunks:
            yield from chunk.lots

    def push(self, lot: Lot) -> None:
        """Add one lot at the back; it joins the last lot where both are the same coin."""
        if not self._join(lot):
            self.append_raw(lot)

    def _join(self, lot: Lot) -> bool:
        """Put the lot into the last one, if that is the same coin.

        Lots whose source units differ from their units were converted; joined, they could not be told apart.
        """
        if not self.chunks:
            return False
        chunk = self.chunks[-1]
        units, origin, source = lot
        last = chunk.lots[-1]
        if last[1] != origin or (origin != CLEAN and (last[0] != last[2] or units != source)):
            return False
        chunk.lots[-1] = (last[0] + units, origin, last[2] + source)
        chunk.units += units
        self.units += units
        if origin != CLEAN:
            chunk.tainted += units
            self.tainted += units
        return True

    def extend(self, other: LotQueue) -> None:
        """Append all lots of `other`, in order; only the two lots that meet may join. `other` is empty afterwards."""
        if other.chunks and self._join(other.chunks[0].lots[0]):
            other._drop_first()
        if len(other.chunks) == 1 and len(other.chunks[0].lots) <= _CHUNK // 8:
            for lot in other.chunks[0].lots:
                self.append_raw(lot)
        else:
            if len(self.chunks) <= len(other.chunks):
                other.chunks.extendleft(reversed(self.chunks))
                self.chunks = other.chunks
            else:
                self.chunks.extend(other.chunks)
            self.units += other.units
            self.tainted += other.tainted
        other.chunks = deque()
        other.units = other.tainted = 0

    def _drop_first(self) -> None:
        chunk = self.chunks[0]
        units, origin, _ = chunk.lots.pop(0)
        chunk.units -= units
        self.units -= units
        if origin != CLEAN:
            chunk.tainted -= units
            self.tainted -= units
        if not chunk.lots:
            self.chunks.popleft()

    def take(self, units: int, *, newest: bool = False) -> LotQueue:
        """Cut off the oldest (or newest) `units` and return them, oldest first. Needs units <= self.units."""
        rest = self.units - units
        # Cut at whichever end is nearer; the queue objects are swapped so that the caller never sees which.
        front = rest if newest else units
        if front * 2 <= self.units:
            oldest = self._cut_front(front)
            return self._swap(oldest) if newest else oldest
        latest = self._cut_back(self.units - front)
        return latest if newest else self._swap(latest)

    def _swap(self, keep: LotQueue) -> LotQueue:
        """Keep `keep` here and return what was here."""
        gone = LotQueue()
        gone.chunks, gone.units, gone.tainted = self.chunks, self.units, self.tainted
        self.chunks, self.units, self.tainted = keep.chunks, keep.units, keep.tainted
        return gone

    def _cut_front(self, units: int) -> LotQueue:
        taken = LotQueue()
        left = units
        while left:
            chunk = self.chunks[0]
            if chunk.units > left or (chunk.units == left and chunk.ends_in_nothing):
                head = chunk.split(left)  # `chunk` keeps the later part
                taken.chunks.append(head)
                taken.tainted += head.tainted
                left = 0
            else:
                taken.chunks.append(self.chunks.popleft())
                taken.tainted += chunk.tainted
                left -= chunk.units
        taken.units = units
        self.units -= units
        self.tainted -= taken.tainted
        return taken

    def _cut_back(self, units: int) -> LotQueue:
        taken = LotQueue()
        left = units
        while left:
            chunk = self.chunks.pop()
            if chunk.units > left:
                head = chunk.split(chunk.units - left)
                self.chunks.append(head)
            left -= chunk.units
            taken.chunks.appendleft(chunk)
            taken.tainted += chunk.tainted
        while units and self.chunks and self.chunks[-1].ends_in_nothing:
            chunk = self.chunks.pop()
            if chunk.units:
                self.chunks.append(chunk.split(chunk.units))
            taken.chunks.appendleft(chunk)
        taken.units = units
        self.units -= units
        self.tainted -= taken.tainted
        return taken

    def scaled(self, got: int) -> LotQueue:
        """The same lots in another asset: boundaries at floor(cumulative * got / units); source units unchanged."""
        result = LotQueue()
        reached = before = 0
        for units, origin, source in self:
            reached += units
            cut = reached * got // self.units
            result.append_raw((cut - before, origin, source))
            before = cut
        return result

    def append_raw(self, lot: Lot) -> None:
        """Add a lot as it is, even one of 0 units that still carries source units."""
        units, origin, source = lot
        if units == 0 and source == 0:
            return
        if not self.chunks or len(self.chunks[-1].lots) >= _CHUNK:
            self.chunks.append(_Chunk([], 0, 0))
        chunk = self.chunks[-1]
        chunk.lots.append(lot)
        chunk.units += units
        self.units += units
        if origin != CLEAN:
            chunk.tainted += units
            self.tainted += units

    def relabelled(self, units: int, origin: int) -> LotQueue:
        """The first `units` become stolen coin of `origin`; what is tainted among them keeps its source."""
        result = LotQueue()
        left = units
        for n, o, source in self:
            part = min(n, left)
            if o == CLEAN and part:
                result.push((part, origin, part))
                if n > part:
                    result.push((n - part, CLEAN, 0))
            else:
                result.append_raw((n, o, source))
            left -= part
        return result

    def by_origin(self) -> dict[int, tuple[int, int]]:
        """Origin -> (units, source units) of the stolen coin in the queue."""
        totals: dict[int, tuple[int, int]] = {}
        for units, origin, source in self:
            if origin != CLEAN and (units or source):
                u, s = totals.get(origin, (0, 0))
                totals[origin] = (u + units, s + source)
        return totals


class _Chunk:
    """Up to about 256 lots with their totals."""

    __slots__ = ("lots", "tainted", "units")

    def __init__(self, lots: list[Lot], units: int, tainted: int) -> None:
        self.lots, self.units, self.tainted = lots, units, tainted

    @property
    def ends_in_nothing(self) -> bool:
        """Whether the last lot has no units."""
        return self.lots[-1][0] == 0

    def split(self, units: int) -> _Chunk:
        """Cut off and return the oldest `units` (0 < units <= self.units), without lots of 0 units behind them."""
        ends = list(accumulate(lot[0] for lot in self.lots))
        at = bisect_left(ends, units)
        lots = self.lots[: at + 1]
        rest = self.lots[at + 1 :]
        surplus = ends[at] - units
        if surplus:
            n, origin, source = lots[-1]
            kept = n - surplus
            part = source * kept // n
            lots[-1] = (kept, origin, part)
            rest.insert(0, (surplus, origin, source - part))
        head = _Chunk(lots, units, _tainted(lots))
        self.lots = rest
        self.units -= units
        self.tainted -= head.tainted
        return head


def _tainted(lots: Iterable[Lot]) -> int:
    return sum(units for units, origin, _ in lots if origin != CLEAN)
