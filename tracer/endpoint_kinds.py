"""What sort of place an endpoint is, and whether the coin that came to it is still there.

Two words that a freeze request hangs on, each decided in one function: the sort by the stop code, the rest by what
left and by how far the address's own history is known.
"""

from __future__ import annotations

from enum import StrEnum

from tracer.arrivals import History, Passage
from tracer.listing import Listed
from tracer.model import UNREAD, StopCode

__all__ = ["CONDITIONAL", "ORDER", "STILL_THERE", "EndpointKind", "kind_of", "still_there"]


class EndpointKind(StrEnum):
    """What sort of place it is."""

    SERVICE = "service"
    DEPOSIT = "deposit"
    MIXER = "mixer"
    BRIDGE = "bridge"
    FROZEN = "frozen"
    PARKED = "parked"
    """An address that nothing is known about, which has not moved the coin on."""
    UNREAD = "unread"
    """Its history was not read: budget, hub, dust, horizon, pending."""
    CONVERTED = "converted"
    """It became something that the data do not show."""
    RECOVERED = "recovered"
    BURNED = "burned"
    FEES = "fees"


_BY_STOP = {
    StopCode.SERVICE: EndpointKind.SERVICE,
    StopCode.DEPOSIT: EndpointKind.DEPOSIT,
    StopCode.MIXER: EndpointKind.MIXER,
    StopCode.BRIDGE: EndpointKind.BRIDGE,
    StopCode.FROZEN: EndpointKind.FROZEN,
    StopCode.RECOVERED: EndpointKind.RECOVERED,
    StopCode.BURNED: EndpointKind.BURNED,
    **dict.fromkeys(UNREAD, EndpointKind.UNREAD),
}
ORDER = {kind: n for n, kind in enumerate(EndpointKind)}
"""Places that somebody can be asked about come first."""


def kind_of(held: Listed) -> EndpointKind:
    """The sort of place that a holding is, by its stop code."""
    if held.sink and held.address in {"sink:fee", "sink:converted"}:
        return EndpointKind.FEES if held.address == "sink:fee" else EndpointKind.CONVERTED
    return _BY_STOP.get(StopCode(held.stop), EndpointKind.PARKED) if held.stop else EndpointKind.PARKED


CONDITIONAL = "conditional"
"""The kind of a range that stands and falls with addresses that are only inferred to be deposit addresses."""

STILL_THERE = ("yes", "not_seen_to_leave", "partly", "no", "unknown")
"""yes: nothing has left, by a history that was collected to its end. not_seen_to_leave: the imported files show no
payment out; nobody asked the chain. unknown: its own history was not read, or not wholly."""


def still_there(known: History, came: Passage, balance: int) -> str:
    """Whether the asset has left the address since stolen coin came: one of STILL_THERE.

    It speaks of the balance of the address, not of stolen coin: which coin left is what the rules disagree about.
    """
    if known.state == "unread" or (known.state == "partial" and not came.left):
        return "unknown"
    if not came.left:
        return "yes" if known.state == "whole" else "not_seen_to_leave"
    return "partly" if balance or known.state == "partial" else "no"
