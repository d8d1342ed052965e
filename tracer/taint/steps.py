"""The growing list of steps while a ledger is compiled, and the numbering of holdings, pots and sinks."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracer.ledger import BURNED, FEE, OUTSIDE, RECOVERED, Ledger
from tracer.model import Asset, Gap
from tracer.taint.program import SINKS, Op, Share

__all__ = ["CONVERTED", "Step", "Steps"]

CONVERTED = -5
"""Address number of the sink of conversions that cannot be followed (FEE, BURNED, RECOVERED: see the ledger)."""

_SINK_OF = {FEE: 0, BURNED: 1, CONVERTED: 2, RECOVERED: 3}


@dataclass(slots=True)
class Step:
    """One step before it is packed into arrays (fields: `tracer.taint.program.Program`)."""

    op: Op
    src: int
    dst: int
    amount: int
    got: int = 0
    origin: int = -1
    row: int = -1
    tx: int = -1
    hop: int = 0


@dataclass
class Steps:
    """Steps so far.

    stop_code: address number -> stop code; coin that arrives there does not leave. doubts: step number -> the
    gap to report if stolen coin can have been in that step.
    """

    ledger: Ledger
    stop_code: dict[int, str]
    items: list[Step] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    doubts: dict[int, Gap] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    address_of: list[int] = field(default_factory=list)
    asset_of: list[int] = field(default_factory=list)
    pot: list[bool] = field(default_factory=list)
    _number: dict[tuple[int, int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.assets = list(self.ledger.assets)
        self.names = [*self.ledger.addresses, *(("", name) for name in SINKS)]

    def address(self, chain: str, address: str) -> int:
        """The number of an address, new if the ledger does not know it."""
        known = self.ledger.address_number.get((chain, address))
        if known is not None:
            return known
        if (chain, address) in self.names:
            return self.names.index((chain, address))
        self.names.append((chain, address))
        return len(self.names) - 1

    def holding(self, address: int, asset: int, pot: str = "") -> int:
        """The number of a holding; `address` may be a sink. `pot` names a temporary holding of the address."""
        key = (address, asset, pot)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self.address_of)
            if address < 0:
                address = len(self.ledger.addresses) + _SINK_OF[address]
            self.address_of.append(address)
            self.asset_of.append(asset)
            self.pot.append(bool(pot))
        return number

    def add(
        self,
        op: Op,
        src: int,
        dst: int,
        amount: int,
        *,
        got: int = 0,
        row: int = -1,
        tx: int = -1,
        hop: int = 0,
    ) -> int:
        """Append a step; returns its number."""
        self.items.append(Step(op, src, dst, amount, got, -1, row, tx, hop))
        return len(self.items) - 1

    def pay(self, payer: int, dst: int, asset: int, amount: int, *, row: int = -1, tx: int = -1) -> int:
        """`amount` from an address (or from outside) into the holding `dst`; returns the step's number."""
        if payer == OUTSIDE:
            return self.add(Op.CREDIT, -1, dst, amount, row=row, tx=tx)
        op = Op.STOPPED if payer in self.stop_code else Op.MOVE
        return self.add(op, self.holding(payer, asset), dst, amount, row=row, tx=tx, hop=1)
