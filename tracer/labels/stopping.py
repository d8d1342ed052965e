"""Which labels end the tracing. The category decides; what the address does for its owner (the role) only adds DEPOSIT.

At an exchange, a custodian or an instant exchanger coin mixes with that of all customers; at a mixer or a bridge it
comes out elsewhere. Contracts of decentralised exchanges, tokens, wallets of thieves and entries of sanctions lists
hold or pass on coin like anybody: their labels name, and stop nothing. The analyst overrules each (`tracer stop`).
"""

from __future__ import annotations

from tracer.model import Label, StopCode

__all__ = ["CONFIDENT", "STOPPING", "stop_code"]

CONFIDENT = 50
"""Labels below this confidence name, but stop nothing (web crawls and heuristics on the TagPack scale)."""

STOPPING = {
    "bridge": StopCode.BRIDGE,
    "custodian": StopCode.SERVICE,
    "deposit": StopCode.DEPOSIT,
    "exchange": StopCode.SERVICE,
    "mixer": StopCode.MIXER,
    "service": StopCode.SERVICE,
    "swapper": StopCode.SERVICE,
}
"""Category -> stop code; every other category stops nothing."""


def stop_code(label: Label) -> StopCode | None:
    """Where coin stops by this label alone, None where it goes on."""
    code = STOPPING.get(label.category.casefold())
    if code is None or label.confidence < CONFIDENT:
        return None
    return StopCode.DEPOSIT if code == StopCode.SERVICE and label.role.casefold() == "deposit" else code
