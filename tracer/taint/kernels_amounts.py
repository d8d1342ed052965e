"""Exact integers as columns of two 64-bit limbs: what the kernels read and write.

A million amounts in wei take 16 MB here and about 45 MB as Python integers. To everybody else an `Amounts` is a
read-only sequence of Python integers. Nothing here rounds: what does not fit is refused, and the caller stays
with Python integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from tracer.taint.pools import Split

__all__ = ["LIMIT", "Amounts", "Splits", "group_totals", "pack"]

LIMIT = 2**127
"""Amounts and totals below this fit two limbs with a bit to spare."""

_MASK = 2**64 - 1
_HALF = np.uint64(2**32 - 1)
_SHIFT = np.uint64(32)


class Amounts(Sequence[int]):
    """Integers 0 <= n < 2**128. words: (n, 2) uint64, low limb first."""

    __slots__ = ("words",)

    def __init__(self, words: np.ndarray) -> None:
        self.words = words

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> Amounts: ...

    def __getitem__(self, at: int | slice) -> int | Amounts:
        if isinstance(at, slice):
            return Amounts(self.words[at])
        low, high = self.words[at].tolist()
        return int(low | high << 64)

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Amounts):
            return np.array_equal(self.words, other.words)
        return isinstance(other, Sequence) and self.tolist() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Amounts({self.tolist()!r})"

    def tolist(self) -> list[int]:
        """The same as Python integers."""
        numbers: list[int] = self.words[:, 0].tolist()
        large = np.flatnonzero(self.words[:, 1])
        for at, high in zip(large.tolist(), self.words[large, 1].tolist(), strict=True):
            numbers[at] |= high << 64
        return numbers

    def positive(self) -> np.ndarray:
        """Places of the amounts that are not 0."""
        return np.flatnonzero(self.words[:, 0] | self.words[:, 1])


def pack(numbers: Sequence[int]) -> Amounts:
    """Integers as limbs. Raises OverflowError unless 0 <= n < 2**127 for each."""
    if isinstance(numbers, Amounts):
        return numbers
    words = np.zeros((len(numbers), 2), dtype=np.uint64)
    if len(numbers) == 0:
        return Amounts(words)
    if min(numbers) < 0 or max(numbers) >= LIMIT:
        raise OverflowError("an amount does not fit two limbs")
    if max(numbers) <= _MASK:
        words[:, 0] = numbers
    else:
        words[:, 0] = [n & _MASK for n in numbers]
        words[:, 1] = [n >> 64 for n in numbers]
    return Amounts(words)


def group_totals(amounts: Amounts, group: np.ndarray, groups: int) -> Sequence[int]:
    """Exact sums of amounts by group number (0 <= group < groups), of up to 2**31 amounts."""
    pieces = np.zeros((groups, 4), dtype=np.uint64)  # 32 bits each, so that a sum of 2**31 of them fits
    for limb in (0, 1):
        column = amounts.words[:, limb]
        if column.any():
            np.add.at(pieces[:, 2 * limb], group, column & _HALF)
            np.add.at(pieces[:, 2 * limb + 1], group, column >> _SHIFT)
    for place in range(3):
        pieces[:, place + 1] += pieces[:, place] >> _SHIFT
        pieces[:, place] &= _HALF
    if (pieces[:, 3] >> _SHIFT).any():
        return [a | b << 32 | c << 64 | d << 96 for a, b, c, d in pieces.tolist()]
    return Amounts(pieces[:, 0::2] | pieces[:, 1::2] << _SHIFT)


class Splits(Sequence[Split]):
    """Per holding, origin -> (units, source units): only the entries that are not zero are kept.

    holding (rising), origin: by entry. units, source: amounts by entry. length: number of holdings.
    """

    __slots__ = ("holding", "length", "origin", "source", "units")

    def __init__(
        self, holding: np.ndarray, origin: np.ndarray, units: Amounts, source: Amounts, length: int
    ) -> None:
        self.holding, self.origin, self.units, self.source = holding, origin, units, source
        self.length = length

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, at: int) -> Split: ...

    @overload
    def __getitem__(self, at: slice) -> list[Split]: ...

    def __getitem__(self, at: int | slice) -> Split | list[Split]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self.length))]
        if not -self.length <= at < self.length:
            raise IndexError(at)
        first, end = np.searchsorted(self.holding, [at % self.length, at % self.length + 1]).tolist()
        return {int(self.origin[e]): (self.units[e], self.source[e]) for e in range(first, end)}

    def __iter__(self) -> Iterator[Split]:
        entries = zip(
            self.holding.tolist(),
            self.origin.tolist(),
            self.units.tolist(),
            self.source.tolist(),
            strict=True,
        )
        following = next(entries, None)
        for holding in range(self.length):
            split: Split = {}
            while following is not None and following[0] == holding:
                split[following[1]] = following[2:]
                following = next(entries, None)
            yield split

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
