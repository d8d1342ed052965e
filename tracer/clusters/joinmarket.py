"""JoinMarket: a taker pays makers to join; everybody gets one output of the same value, and its change.

Definitions: JoinMarket's documentation of its CoinJoins (makers' change is input - amount + fee earned; a taker's sweep
has no change); Goldfeder, Kalodner, Reisman and Narayanan, When the cookie meets the blockchain (PoPETs 2018), which
BlockSci carries; Dumplings (github.com/nopara73/Dumplings). The same shape is made by payouts and by trades of
inscriptions, so the makers' fees are looked for: change that exceeds what went in less the equal value is earned.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from fractions import Fraction

from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Ground, Verdict, judged, seen
from tracer.utxo import Script

__all__ = ["chance", "dearest", "joinmarket", "joinmarket_like", "joinmarket_shaped", "makers", "one_maker"]

_FIRST = (338_300, 1_420_761_600)  # announced on 2015-01-09
_FEWEST = 3
_LEAST_VALUE = 75_000
"""Sat; makers offer from 100,000 on by default, less their tolerance."""
_SMALL_FEE = 5_000
_FEWEST_MAKERS = 2
"""Beside the taker, in a CoinJoin of three; one change alone that looks earned may be an accident of amounts."""
_WALLETS = {Script.P2PKH, Script.P2SH, Script.P2WPKH}
"""What JoinMarket's wallets hold: legacy until 2017, then nested, then native segwit."""


def joinmarket(shape: Shape) -> Verdict | None:
    """A CoinJoin of JoinMarket's kind, or None."""
    if shape.before(*_FIRST):
        return None
    found = judged(CoinJoin.JOINMARKET, 70, shape, (*_SHAPE, _wallets, _fees_earned))
    if found is not None and 2 * _earning(shape, dearest(shape)) >= len(shape.change):
        return replace(found, confidence=90)
    return found


def joinmarket_like(shape: Shape) -> Verdict | None:
    """The same with inputs that JoinMarket's own wallets cannot hold (taproot, multisig)."""
    return judged(CoinJoin.OTHER, 60, shape, (*_SHAPE, _fees_earned, _other_wallets))


def one_maker(shape: Shape) -> Verdict | None:
    """The same with one change alone that looks earned: a CoinJoin whose other makers gave several inputs, or none.

    Either occurs (docs/accuracy.md), so the kind is left open; coin is not followed through it.
    """
    return judged(CoinJoin.OTHER, 50, shape, (*_SHAPE, _fee_earned, _alone))


def _one_change_each(shape: Shape) -> Ground | None:
    """Equal outputs as many as the others, or one more when the taker sweeps; three or more; no other value twice.

    Goldfeder et al.: participants = (outputs + 1) // 2, and exactly so many outputs of the same value.
    """
    others = len(shape.paid_out) - shape.equal
    if shape.equal < _FEWEST or shape.equal_value < _LEAST_VALUE or shape.equal - others not in {0, 1}:
        return None
    if sum(count > 1 for count in shape.values.values()) > 1 or shape.has_data:
        return None
    return seen(
        "equal_and_change_swept" if shape.equal > others else "equal_and_change",
        equal=shape.equal,
        value=shape.equal_value,
        change=others,
    )


def _parties(shape: Shape) -> Ground | None:
    """At least as many paying addresses as equal outputs, all outputs to different addresses that paid nothing."""
    if len(shape.payers) < shape.equal or len({*shape.payees}) < len(shape.payees):
        return None
    if not shape.payers.isdisjoint(shape.payees):
        return None
    return seen("to_new_addresses", payers=len(shape.payers))


def _wallets(shape: Shape) -> Ground | None:
    """Inputs of the kinds that JoinMarket's wallets hold."""
    return seen("joinmarket_wallets") if shape.inputs_are(_WALLETS) else None


def _other_wallets(shape: Shape) -> Ground | None:
    return None if shape.inputs_are(_WALLETS) else seen("other_wallets")


def _fees_earned(shape: Shape) -> Ground | None:
    """Changes that exceed one input less the equal value by a maker's fee (JoinMarket's documentation).

    In other CoinJoins and in payouts nobody gets more than went in.
    """
    earning = _earning(shape, dearest(shape))
    return seen("fees_earned", earning=earning) if earning >= _FEWEST_MAKERS else None


def _fee_earned(shape: Shape) -> Ground | None:
    """One such change, and no more."""
    earning = _earning(shape, dearest(shape))
    return seen("fee_earned", earning=earning) if earning == 1 else None


def _alone(_shape: Shape) -> Ground | None:
    return seen("one_maker")


def dearest(shape: Shape) -> int:
    """Sat that a maker earns at most: half a per cent covers what they ask, 5,000 a small absolute fee."""
    return shape.equal_value // 200 + _SMALL_FEE


def makers(shape: Shape) -> int:
    """How many changes exceed some one input less the equal value by a maker's small absolute fee, or by nothing."""
    return _earning(shape, _SMALL_FEE)


def joinmarket_shaped(shape: Shape) -> bool:
    """Whether a transaction fits `joinmarket`, its makers' fees left aside."""
    return not shape.before(*_FIRST) and all(rule(shape) for rule in (*_SHAPE, _wallets))


def chance(shape: Shape) -> Fraction:
    """How often changes look earned if another value is put in place of the equal one: at most that of accident.

    The 362 values that differ from it by 2 % to 20 %, a thousandth apart.
    """
    most, equal = dearest(shape), shape.equal_value
    others = [equal + equal * n // 1000 for n in (*range(-200, -19), *range(20, 201))]
    return Fraction(sum(_earning(shape, most, other) >= _FEWEST_MAKERS for other in others), len(others))


def _earning(shape: Shape, most: int, joined: int | None = None) -> int:
    """Change outputs c for which there is an input i with 0 <= c - (i - joined) <= most; joined: the equal value."""
    inputs = sorted(shape.paid_in)
    joined = shape.equal_value if joined is None else joined
    return sum(
        bisect_left(inputs, value + joined - most) < bisect_right(inputs, value + joined)
        for value in shape.paid_out
        if value != shape.equal_value
    )


_SHAPE = (_one_change_each, _parties)
