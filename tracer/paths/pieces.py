"""Stolen coin in pieces, each of which remembers the way it came: queues that split and move cheaply.

A piece is a run of coin that took one and the same way. A queue holds pieces in chunks; moving coin moves chunks and
notes the step once per chunk, so a wallet of 32,000 pieces is swept without touching the pieces. Amounts are exact:
a cut splits at most one piece, and nothing is rounded except where a conversion scales it (cumulative floor).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["Piece", "PieceQueue", "Trails"]

_CHUNK = 256
_FEW = 64


@dataclass(slots=True)
class Trails:
    """Ways as shared trees: a way is a step added to an older way, or two ways one after the other."""

    step: list[int] = field(default_factory=list)
    older: list[int] = field(default_factory=list)
    newer: list[int] = field(default_factory=list)

    def add(self, step: int, older: int) -> int:
        """The way `older` (-1: none) and then `step`."""
        self.step.append(step)
        self.older.append(older)
        self.newer.append(-1)
        return len(self.step) - 1

    def join(self, older: int, newer: int) -> int:
        """The way `older` and then the way `newer`."""
        if older < 0 or newer < 0:
            return max(older, newer)
        self.step.append(-1)
        self.older.append(older)
        self.newer.append(newer)
        return len(self.step) - 1

    def steps(self, way: int) -> list[int]:
        """Step numbers of a way, oldest first."""
        found, pending = [], [way]
        while pending:
            at = pending.pop()
            if at < 0:
                continue
            if self.step[at] >= 0:
                found.append(self.step[at])
                pending.append(self.older[at])
            else:
                pending += [self.older[at], self.newer[at]]
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Piece:
    """`amount` of coin (smallest units) that set out as `source` units at `start`, by the way `way`."""

    amount: int
    source: int
    start: int
    way: int = -1

    def cut(self, amount: int) -> tuple[Piece, Piece]:
        """The first `amount` and the rest; source units go pro rata, rounded down for the first."""
        source = self.source * amount // self.amount
        rest = Piece(self.amount - amount, self.source - source, self.start, self.way)
        return Piece(amount, source, self.start, self.way), rest


@dataclass(slots=True)
class _Chunk:
    """Pieces that moved together; `way` was taken by all of them after their own ways."""

    pieces: list[Piece]
    total: int
    way: int = -1

    def cut(self, amount: int) -> tuple[_Chunk, _Chunk]:
        left: list[Piece] = []
        need = amount
        for i, piece in enumerate(self.pieces):
            if piece.amount > need:
                right = self.pieces[i + 1 :]
                if need:
                    piece, rest = piece.cut(need)
                    left.append(piece)
                    right.insert(0, rest)
                else:
                    right.insert(0, piece)
                return _Chunk(left, amount, self.way), _Chunk(right, self.total - amount, self.way)
            left.append(piece)
            need -= piece.amount
        raise ValueError("a chunk is cut inside its total")


@dataclass(slots=True)
class PieceQueue:
    """Pieces in age order, oldest first. `total` is the sum of their amounts."""

    total: int = 0
    chunks: deque[_Chunk] = field(default_factory=deque)
    few: int = _FEW

    def put(self, piece: Piece) -> None:
        """Add one piece as the newest."""
        self.chunks.append(_Chunk([piece], piece.amount))
        self.total += piece.amount

    def take(self, amount: int, *, newest: bool = False) -> PieceQueue:
        """Take the oldest (or newest) `amount` out, in age order. It must not exceed the total."""
        if amount > self.total:
            raise ValueError("more is taken than there is")
        if amount == self.total:
            taken = PieceQueue(self.total, self.chunks)
            self.total, self.chunks = 0, deque()
            return taken
        left, right = self._cut(self.total - amount if newest else amount)
        self.total -= amount
        self.chunks, taken_chunks = (left, right) if newest else (right, left)
        return PieceQueue(amount, taken_chunks)

    def _cut(self, amount: int) -> tuple[deque[_Chunk], deque[_Chunk]]:
        """The chunks before and after `amount`, walking from the nearer end."""
        near: deque[_Chunk] = deque()
        far = self.chunks
        if 2 * amount <= self.total:
            while amount:
                chunk = far.popleft()
                if chunk.total > amount:
                    chunk, rest = chunk.cut(amount)
                    far.appendleft(rest)
                near.append(chunk)
                amount -= chunk.total
            return near, far
        amount = self.total - amount
        while amount:
            chunk = far.pop()
            if chunk.total > amount:
                rest, chunk = chunk.cut(chunk.total - amount)
                far.append(rest)
            near.appendleft(chunk)
            amount -= chunk.total
        return far, near

    def add(self, taken: PieceQueue, step: int, trails: Trails) -> None:
        """Append what was taken elsewhere; it came by `step` (-1: a step that is no part of a way)."""
        if step >= 0:
            for chunk in taken.chunks:
                chunk.way = trails.add(step, chunk.way)
        if len(taken.chunks) > len(self.chunks):
            taken.chunks.extendleft(reversed(self.chunks))
            self.chunks = taken.chunks
        else:
            self.chunks.extend(taken.chunks)
        self.total += taken.total
        if len(self.chunks) > self.few:
            self._tidy(trails)

    def _tidy(self, trails: Trails) -> None:
        """Merge neighbouring small chunks, so that a queue of n pieces has about n / _CHUNK of them."""
        merged: deque[_Chunk] = deque()
        for chunk in self.chunks:
            if merged and len(merged[-1].pieces) + len(chunk.pieces) <= _CHUNK:
                last = merged[-1]
                if last.way >= 0:
                    last.pieces = _settled(last, trails)
                    last.way = -1
                last.pieces += _settled(chunk, trails)
                last.total += chunk.total
            else:
                merged.append(_Chunk(list(chunk.pieces), chunk.total, chunk.way))
        self.chunks = merged
        self.few = 2 * len(merged) + _FEW

    def scaled(self, got: int) -> PieceQueue:
        """The same pieces in another asset: `got` units in all, cut at floor(cumulative * got / total)."""
        out: deque[_Chunk] = deque()
        given = reached = 0
        for chunk in self.chunks:
            pieces, before = [], reached
            for piece in chunk.pieces:
                given += piece.amount
                cut = given * got // self.total
                pieces.append(Piece(cut - reached, piece.source, piece.start, piece.way))
                reached = cut
            out.append(_Chunk(pieces, reached - before, chunk.way))
        return PieceQueue(got, out)

    def pieces(self, trails: Trails) -> list[Piece]:
        """All pieces, oldest first, with their whole ways."""
        return [piece for chunk in self.chunks for piece in _settled(chunk, trails)]


def _settled(chunk: _Chunk, trails: Trails) -> list[Piece]:
    """The pieces of a chunk with the chunk's way written into each."""
    if chunk.way < 0:
        return chunk.pieces
    return [Piece(p.amount, p.source, p.start, trails.join(p.way, chunk.way)) for p in chunk.pieces]
