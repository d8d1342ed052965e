"""Which transactions are CoinJoins: one question, answered protocol by protocol, the surest first.

A verdict rests on the one transaction alone: works without height and time, and uses them where they are known. What
the verdict means for tracing is in `tracer.clusters.mixing`; how often it errs is measured in docs/accuracy.md.
"""

from __future__ import annotations

from tracer.clusters.equal_outputs import many_equal
from tracer.clusters.joinmarket import joinmarket, joinmarket_like
from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Verdict
from tracer.clusters.wasabi import small_wasabi2, wasabi1, wasabi2
from tracer.clusters.whirlpool import tx0, whirlpool, whirlpool_to_others
from tracer.utxo import UtxoTransaction

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
)
_FEWEST_OUTPUTS = 3
_ORDINARY = Verdict(CoinJoin.NONE, 95, ())


def classify(transaction: UtxoTransaction) -> Verdict:
    """What kind of CoinJoin a transaction is, with the grounds; NONE, without grounds, when no rule holds."""
    if len(transaction.outputs) < _FEWEST_OUTPUTS or transaction.coinbase:
        return _ORDINARY
    shape = Shape(transaction)
    for protocol in _PROTOCOLS:
        verdict = protocol(shape)
        if verdict is not None:
            return verdict
    return _ORDINARY
