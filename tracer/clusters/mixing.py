"""A CoinJoin taken apart: how large a crowd each output hides in, and which change gives its owner away.

Coin that enters a CoinJoin cannot be followed to one output: a trace that is certain stops there, and what goes on is
a probability (an equal share for every output of a denomination). Only change can be certain: a value that stands once,
explained by one input and no other. Methods: Maurer, Neudecker and Florian, Anonymous CoinJoin Transactions with
Arbitrary Values (TrustCom 2017), on sums that admit one mapping; Stuetz et al. (AFT 2022). Whether the links hold was
not measured: no public data set tells the participants of JoinMarket or Wasabi 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Verdict
from tracer.utxo import UtxoTransaction

__all__ = ["ChangeLink", "Denomination", "Mixing", "mixing"]

_MOST_INPUTS = 100
"""Beyond, some sum of three inputs fits nearly every change, so nothing would be certain."""


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
        vouts.setdefault(output.amount, []).append(output.vout)
    equal = [Denomination(amount, tuple(at)) for amount, at in vouts.items() if len(at) > 1]
    unique = tuple(sorted(at[0] for at in vouts.values() if len(at) == 1))
    links = _change_links(shape, _fees(shape, verdict), unique)
    if verdict.kind == CoinJoin.JOINMARKET:
        links = tuple(sorted((*links, *_takers_change(shape, links, unique)), key=lambda link: link.input))
    return Mixing(tuple(sorted(equal, key=lambda d: (-d.anonymity_set, -d.amount))), unique, links)


def _fees(shape: Shape, verdict: Verdict) -> tuple[int, int] | None:
    """What a participant that is not the taker pays, least and most; None where change tells nothing.

    JoinMarket: makers earn, up to 0.1 % or a small absolute fee. Wasabi 1: a coordinator fee of 0.003 % for each of the
    equal outputs, and a share of the network fee (ZeroLink, as run by zkSNACKs).
    """
    value = shape.equal_value
    if verdict.kind == CoinJoin.JOINMARKET:
        return -max(5_000, value // 1_000), 0
    if verdict.kind == CoinJoin.WASABI1 and verdict.confidence > 50:
        share = shape.transaction.fee // max(1, shape.equal)
        return 0, value * 3 * shape.equal // 100_000 + 3 * share
    return None


def _change_links(
    shape: Shape, fees: tuple[int, int] | None, unique: tuple[int, ...]
) -> tuple[ChangeLink, ...]:
    """Changes that fit one input, which fits no other change, while no two or three other inputs fit together."""
    if fees is None or len(shape.paid_in) > _MOST_INPUTS:
        return ()
    amounts = shape.paid_in
    windows = {
        vout: (
            shape.paid_out[vout] + shape.equal_value + fees[0],
            shape.paid_out[vout] + shape.equal_value + fees[1],
        )
        for vout in unique
    }
    fitting = {
        v: [i for i, a in enumerate(amounts) if low <= a <= high] for v, (low, high) in windows.items()
    }
    claimed = Counter(i for found in fitting.values() for i in found)
    links = []
    for vout, found in fitting.items():
        low, high = windows[vout]
        if len(found) == 1 and claimed[found[0]] == 1 and not _sum_fits(amounts, low, high):
            fee = amounts[found[0]] - shape.equal_value - shape.paid_out[vout]
            links.append(ChangeLink(found[0], vout, fee))
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


def _sum_fits(amounts: list[int], low: int, high: int) -> bool:
    """Whether two or three of the amounts add up to between low and high."""
    rising = sorted(a for a in amounts if a <= high)
    if any(low <= a + b <= high for a, b in combinations(rising, 2)):
        return True
    for at, first in enumerate(rising):
        left, right = at + 1, len(rising) - 1
        while left < right:
            total = first + rising[left] + rising[right]
            if total < low:
                left += 1
            elif total > high:
                right -= 1
            else:
                return True
    return False
