"""Whether an address forwards what it gets: which of its inflows it still had when the window was over.

A deposit address is emptied; a wallet that once paid an exchange and now keeps a hundred stolen coins is none, and to
name it as the exchange's would ask the exchange to freeze what it never had. So every inflow counts, not only those
that a payment explains: F. Victor (Financial Cryptography 2020) looks at the forwarded ones alone, and this condition
is the project's own.

What leaves is taken from the latest inflow first, as in the match of forwardings; a sweep of several is so covered,
and dust that lies below stays where it is. Only forwarding to the service and fees count as leaving.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tracer.clusters.payments import Payments
from tracer.ledger import FEE

__all__ = ["Kept", "kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was not forwarded. held: more than gas stayed beyond the window. pending: (ledger row, units not forwarded)
    of the inflows whose window was not over when the history of the chain ends, in ledger order.
    """

    held: bool
    pending: tuple[tuple[int, int], ...] = ()


def kept(payments: Payments, address: int, services: Collection[int], *, blocks: int, gas: int) -> Kept:
    """What an address did not forward to `services` within `blocks`.

    Of the chain's own coin each inflow may leave `gas` behind, and all together as much per forwarding; of a token
    nothing may stay.
    """
    ledger = payments.ledger
    lots: dict[int, list[list[int]]] = {}  # by asset, [row, units left] of what came, in ledger order
    forwardings = 0
    for row in payments.rows_of(address):
        asset, units = int(ledger.asset[row]), ledger.amount[row]
        waiting = lots.setdefault(asset, [])
        may_stay = gas if ledger.assets[asset].ref == "native" else 0
        if ledger.recipient[row] == address:
            waiting.append([row, units])
        elif int(ledger.recipient[row]) in services or ledger.recipient[row] == FEE:
            forwardings += ledger.recipient[row] != FEE
            while waiting and units:
                came, left = waiting[-1]
                if left > may_stay and not payments.rows_within(came, row, blocks):
                    return Kept(held=True)
                used = min(left, units)
                units -= used
                waiting[-1][1] -= used
                if left == used:
                    waiting.pop()
    pending = []
    end = payments.last_row(address)
    for asset, waiting in lots.items():
        may_stay = gas if ledger.assets[asset].ref == "native" else 0
        for came, left in waiting:
            if left > may_stay:
                if not payments.rows_within(came, end, blocks):
                    return Kept(held=True)
                pending.append((came, left))
        if sum(left for _, left in waiting if left <= may_stay) > may_stay * forwardings:
            return Kept(held=True)
    return Kept(held=False, pending=tuple(sorted(pending)))
