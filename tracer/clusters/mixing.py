"""A CoinJoin taken apart: how large a crowd each output hides in, and which change gives its owner away.

Coin that enters a CoinJoin cannot be followed to one output: a trace that is certain stops there, and what goes on is
a probability (an equal share for every output of a denomination). Only change can be certain: a value that stands once,
explained by one input and by no other choice of inputs, even if its owner were the taker, asked for more than makers
do, or took part with several amounts. Methods: Maurer, Neudecker and Florian, Anonymous CoinJoin Transactions
with Arbitrary Values (TrustCom 2017), on sums that admit one mapping; Stuetz et al. (AFT 2022). No public data set says
who took part in JoinMarket or Wasabi 1: how often the links hold was measured on planted ones (docs/accuracy.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.clusters.joinmarket import dearest, joinmarket_shaped
from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Verdict
from tracer.utxo import Script, UtxoTransaction

__all__ = ["ChangeLink", "Denomination", "Mixing", "doubtful", "mixing"]

_MOST_SUMMED = 28
"""Inputs whose sums are all tried (two halves of 2^14). Of more, some sum fits nearly every change."""

_SMALLEST_CHANGE = 7, 1_000
"""Of the equal value: what Wasabi 1 pays out as change at least; less goes to the coordinator (its documentation)."""


@dataclass(frozen=True, slots=True)
class Denomination:
    """Outputs of one value (sat) by their vout; their number is the size of the anonymity set."""

    amount: int
    vouts: tuple[int, ...]

    @property
    def anonymity_set(self) -> int:
        """Among how many outputs one cannot tell."""
        return len(self.vouts)


@dataclass(frozen=True, slots=True)
class ChangeLink:
    """An output that is the change of one input. input: its position. fee: sat that its owner paid, below 0: earned."""

    input: int
    vout: int
    fee: int


@dataclass(frozen=True, slots=True)
class Mixing:
    """A CoinJoin taken apart.

    denominations: values that stand more than once, largest crowd first. unique: outputs whose value stands once:
    change as a rule (in Wasabi 2 also what was left of an amount). change: those of them whose input is certain.
    """

    denominations: tuple[Denomination, ...]
    unique: tuple[int, ...]
    change: tuple[ChangeLink, ...]


def mixing(transaction: UtxoTransaction, verdict: Verdict) -> Mixing | None:
    """The CoinJoin taken apart; None for a transaction that mixes nothing (a Tx0 is one user's)."""
    if not verdict.mixes:
        return None
    shape = Shape(transaction)
    vouts: dict[int, list[int]] = {}
    for output in transaction.outputs:
        if output.script_type == Script.OP_RETURN:
            continue
        vouts.setdefault(output.amount, []).append(output.vout)
    equal = [Denomination(amount, tuple(at)) for amount, at in vouts.items() if len(at) > 1]
    unique = tuple(sorted(at[0] for at in vouts.values() if len(at) == 1))
    links = _change_links(shape, _paid(shape, verdict), _changes(shape, verdict, unique))
    if verdict.kind == CoinJoin.JOINMARKET:
        links = tuple(sorted((*links, *_takers_change(shape, links, unique)), key=lambda link: link.input))
    return Mixing(tuple(sorted(equal, key=lambda d: (-d.anonymity_set, -d.amount))), unique, links)


@dataclass(frozen=True, slots=True)
class _Paid:
    """What inputs may exceed change by, least and most, in sat; below 0: what their owner earned.

    certain: for one that is not the taker. possible: for any party, whatever it asked for or took part with.
    """

    certain: tuple[int, int]
    possible: tuple[tuple[int, int], ...]


def _paid(shape: Shape, verdict: Verdict) -> _Paid | None:
    """What each party pays beside its change; None where change tells nothing."""
    if verdict.kind == CoinJoin.JOINMARKET:
        return _paid_to_makers(shape)
    # A JoinMarket of 0.1 BTC looks like a round: there change may have earned, and the taker paid for all.
    if verdict.kind == CoinJoin.WASABI1 and verdict.confidence > 50 and not joinmarket_shaped(shape):
        return _paid_in_round(shape)
    return None


def _paid_to_makers(shape: Shape) -> _Paid:
    """JoinMarket: makers earn, up to 0.1 % or a small absolute fee (its early yield generator asked for 5,000 sat, a
    fifth more or less); some ask for more. The taker pays the network and them all; a maker that gives more to the
    network than it earns pays less than that.
    """
    value = shape.equal_value
    earned = max(6_000, value // 1_000)
    taker = shape.transaction.fee + (shape.equal - 1) * earned
    return _Paid((value - earned, value), ((value - earned - dearest(shape), value + taker),))


def _paid_in_round(shape: Shape) -> _Paid:
    """Wasabi 1: a coordinator fee of 0.003 % for each of the equal outputs, and a share of the network fee (ZeroLink,
    as run by zkSNACKs). Who has more coin takes the doubles of the amount too, from the smallest on (mixing levels).
    """
    share = shape.transaction.fee // max(1, shape.equal)
    levels = [(shape.equal_value, shape.equal)]
    levels += sorted((v, count) for v, count in shape.values.items() if count > 1 and v > shape.equal_value)
    whole, most, windows = 0, 2 * share, []
    for value, count in levels:
        whole += value
        most += value * 3 * count // 100_000 + share
        windows.append((whole, whole + most))
    return _Paid(windows[0], tuple(windows))


def _changes(shape: Shape, verdict: Verdict, unique: tuple[int, ...]) -> tuple[int, ...]:
    """The outputs of a single value that may be change, and not what a coordinator of Wasabi 1 gets.

    It gets the fees of all, and what is too small for change of those who have none.
    """
    if verdict.kind != CoinJoin.WASABI1:
        return unique
    part, whole = _SMALLEST_CHANGE
    least = -(-shape.equal_value * part // whole)
    fees = sum(value * 3 * count * count // 100_000 for value, count in shape.values.items() if count > 1)
    coordinator = fees + max(0, shape.equal - len(unique) + 1) * least
    return tuple(v for v in unique if shape.paid_out[v] >= least and shape.paid_out[v] > coordinator)


def _change_links(shape: Shape, paid: _Paid | None, unique: tuple[int, ...]) -> tuple[ChangeLink, ...]:
    """Changes that fit one input, which fits no other change, while no other choice of inputs may fit."""
    if paid is None:
        return ()
    amounts, made = shape.paid_in, shape.paid_out
    low, high = paid.certain
    fitting = {v: [i for i, a in enumerate(amounts) if low <= a - made[v] <= high] for v in unique}
    claimed = Counter(i for found in fitting.values() for i in found)
    links = []
    for vout, found in fitting.items():
        windows = [(made[vout] + least, made[vout] + most) for least, most in paid.possible]
        if len(found) == 1 and claimed[found[0]] == 1 and not doubtful(amounts, windows):
            links.append(ChangeLink(found[0], vout, amounts[found[0]] - shape.equal_value - made[vout]))
    return tuple(links)


def _takers_change(
    shape: Shape, makers: tuple[ChangeLink, ...], unique: tuple[int, ...]
) -> tuple[ChangeLink, ...]:
    """JoinMarket's taker by elimination: the one input and the one change left when every maker's are linked.

    Only where there are as many inputs as equal outputs and as changes: then each party has exactly one of each, so
    what is left is one party's. It pays the network fee and what the makers earned, to the sat, which the sums of the
    transaction see to.
    """
    if not len(shape.paid_in) == len(unique) == shape.equal == len(makers) + 1:
        return ()
    (paid,) = set(range(len(shape.paid_in))) - {link.input for link in makers}
    (vout,) = set(unique) - {link.vout for link in makers}
    fee = shape.paid_in[paid] - shape.equal_value - shape.paid_out[vout]
    earned = -sum(link.fee for link in makers)
    return (ChangeLink(paid, vout, fee),) if fee >= earned else ()


def doubtful(amounts: Sequence[int], windows: Iterable[tuple[int, int]]) -> bool:
    """Whether more than one choice of the amounts, of any number, adds up to between least and most, or may.

    windows: (least, most), each above 0.
    """
    found = 0
    for low, high in windows:
        found += _choices(amounts, low, high)
        if found > 1:
            return True
    return False


def _choices(amounts: Sequence[int], low: int, high: int) -> int:
    """How many choices of the amounts add up to between low and high; above 1 also if they are too many to try."""
    rising = sorted(a for a in amounts if a <= high)
    while sum(rising) >= low and sum(rising[:-1]) < low:  # the largest is in every choice that reaches so far
        largest = rising.pop()
        low, high = low - largest, high - largest
        rising = [a for a in rising if a <= high]
        if low <= 0:  # the choice of no other is one; any other amount that fits is a second
            return 1 + len(rising)
    if sum(rising) < low:
        return 0
    if len(rising) > _MOST_SUMMED:
        return 2
    half = len(rising) // 2
    first, second = _sums(rising[:half]), np.sort(_sums(rising[half:]))
    fits = np.searchsorted(second, high - first, "right") - np.searchsorted(second, low - first, "left")
    return int(fits.sum())


def _sums(amounts: Sequence[int]) -> np.ndarray:
    """The sum of every choice of the amounts; below 2^63, since there are 21e14 sat."""
    sums = np.zeros(1, dtype=np.int64)
    for amount in amounts:
        sums = np.concatenate((sums, sums + amount))
    return sums
