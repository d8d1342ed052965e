"""Which transactions are CoinJoins: one question, answered protocol by protocol, the surest first.

A verdict rests on the one transaction alone: works without height and time, and uses them where they are known. What
the verdict means for tracing is in `tracer.clusters.mixing`; how often it errs is measured in docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import replace

from tracer.clusters.equal_outputs import many_equal
from tracer.clusters.joinmarket import joinmarket, joinmarket_like, one_maker
from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Verdict, seen
from tracer.clusters.wasabi import small_wasabi2, wasabi1, wasabi2
from tracer.clusters.whirlpool import tx0, whirlpool, whirlpool_to_others
from tracer.utxo import Script, UtxoTransaction

__all__ = ["CoinJoin", "Verdict", "classify"]

_PROTOCOLS = (
    whirlpool,
    tx0,
    wasabi2,
    wasabi1,
    joinmarket,
    whirlpool_to_others,
    small_wasabi2,
    joinmarket_like,
    many_equal,
    one_maker,
)
_FEWEST_OUTPUTS = 3
_SURE = 97
"""Confidence in a Tx0 of one user."""
_ADDED = 60
"""Confidence in a CoinJoin to which an OP_RETURN was added, at most."""
_ORDINARY = Verdict(CoinJoin.NONE, 95, ())


def classify(transaction: UtxoTransaction) -> Verdict:
    """What kind of CoinJoin a transaction is, with the grounds; NONE, without grounds, when no rule holds."""
    if len(transaction.outputs) < _FEWEST_OUTPUTS or transaction.coinbase:
        return _ORDINARY
    shape = Shape(transaction)
    found = _first(shape)
    if found is None or (found.kind == CoinJoin.WHIRLPOOL_TX0 and _rather_joint(shape, found)):
        return _with_data(shape) or _ORDINARY
    return found


def _rather_joint(shape: Shape, tx0: Verdict) -> bool:
    """Whether what has the shape of a Tx0, one user's preparation, is a CoinJoin to which its OP_RETURN was added.

    It is if its change earned as only JoinMarket's makers do, or if it may be of two users anyway. Many equal outputs
    to many payers alone say nothing: two of 372 real Tx0 have them (one user with many coins).
    """
    joint = _with_data(shape)
    if joint is None:
        return False
    earned = any(ground.key in {"fee_earned", "fees_earned"} for ground in joint.grounds)
    return earned or tx0.confidence < _SURE


def _first(shape: Shape) -> Verdict | None:
    """The verdict of the surest rule that holds."""
    return next((v for v in (protocol(shape) for protocol in _PROTOCOLS) if v is not None), None)


def _with_data(shape: Shape) -> Verdict | None:
    """A CoinJoin to which somebody added an OP_RETURN: no protocol does, but it mixes as much with it as without.

    JoinMarket's taker builds the transaction, and makers look at their own outputs only.
    """
    if not shape.has_data:
        return None
    transaction = shape.transaction
    outputs = tuple(o for o in transaction.outputs if o.script_type != Script.OP_RETURN)
    if len(outputs) < _FEWEST_OUTPUTS:
        return None
    verdict = _first(Shape(replace(transaction, outputs=outputs)))
    if verdict is None or not verdict.mixes:
        return None
    added = seen("data_added", kind=verdict.kind.value)
    confidence = min(verdict.confidence, _ADDED)
    return Verdict(CoinJoin.OTHER, confidence, (*verdict.grounds, added))
