"""CoinJoins of no known protocol: many equal outputs, with change, among strangers.

Goldfeder, Kalodner, Reisman and Narayanan (PoPETs 2018) and Stuetz et al. (AFT 2022, arXiv 2109.10229) take equal
outputs in the number of participants for the mark of every CoinJoin. Early rounds of Wasabi look like this too.
"""

from __future__ import annotations

from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Ground, Verdict, judged, seen

__all__ = ["many_equal"]

_MANY = 10


def many_equal(shape: Shape) -> Verdict | None:
    """Ten equal outputs or more with change, from as many addresses or more: of a protocol that is not known."""
    return judged(CoinJoin.OTHER, 60, shape, (_many_equal,))


def _many_equal(shape: Shape) -> Ground | None:
    """As many paying addresses as equal outputs, and every output to an address of its own that paid nothing."""
    distinct = len({*shape.payees})
    if shape.equal < _MANY or len(shape.payers) < shape.equal or distinct < len(shape.payees):
        return None
    if len(shape.change) < 2 or shape.has_data or not shape.payers.isdisjoint(shape.payees):
        return None
    return seen(
        "many_equal",
        equal=shape.equal,
        value=shape.equal_value,
        change=len(shape.change),
        payers=len(shape.payers),
    )
