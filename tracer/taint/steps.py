"""The growing list of steps while a ledger is compiled, and the numbering of holdings, pots and sinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from tracer.ledger import BURNED, FEE, OUTSIDE, RECOVERED, Ledger
from tracer.model import UNREAD, Asset, Gap
from tracer.taint.program import SINKS, Op, Share

__all__ = ["CONVERTED", "Step", "StepList", "Steps"]

CONVERTED = -5
"""Address number of the sink of conversions that cannot be followed (FEE, BURNED, RECOVERED: see the ledger)."""

_SINK_OF = {FEE: 0, BURNED: 1, CONVERTED: 2, RECOVERED: 3}


@dataclass(frozen=True, slots=True)
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


class StepList:
    """Steps as one list per field of `Step`: a million of them are a few lists, not a million objects."""

    __slots__ = ("amount", "dst", "got", "hop", "op", "origin", "row", "src", "tx")

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        for name in _FIELDS:
            setattr(self, name, [getattr(step, name) for step in steps])

    op: list[int]
    src: list[int]
    dst: list[int]
    amount: list[int]
    got: list[int]
    origin: list[int]
    row: list[int]
    tx: list[int]
    hop: list[int]

    def __len__(self) -> int:
        return len(self.op)

    def __getitem__(self, at: int) -> Step:
        return Step(
            Op(self.op[at]),
            self.src[at],
            self.dst[at],
            self.amount[at],
            self.got[at],
            self.origin[at],
            self.row[at],
            self.tx[at],
            self.hop[at],
        )

    def append(self, step: Step) -> None:
        """Add one step."""
        for name in _FIELDS:
            getattr(self, name).append(getattr(step, name))

    def extend(self, other: StepList, first: int = 0, end: int | None = None) -> None:
        """Add the steps `first` to `end` of another list."""
        for name in _FIELDS:
            getattr(self, name).extend(getattr(other, name)[first:end])


_FIELDS = tuple(f.name for f in fields(Step))


@dataclass
class Steps:
    """Steps so far.

    outpoints: the holdings of the ledger's outpoints, by their number; joints: the pots of transactions with inputs and
    outputs, in order; mixing: ordinals of transactions that have none, as they mix coin of several owners. stop_code:
    address number -> stop code; coin that arrives there does not leave. closed: those of them that end even a payment
    passing through inside one transaction. separate: (transaction hash, address number) that convert nothing, by a
    ruling. doubts: step number -> the gap to report if stolen coin can have been in that step.
    """

    ledger: Ledger
    stop_code: dict[int, str]
    separate: frozenset[tuple[str, int]] = frozenset()
    items: StepList = field(default_factory=StepList)
    gaps: list[Gap] = field(default_factory=list)
    doubts: dict[int, Gap] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    address_of: list[int] = field(default_factory=list)
    asset_of: list[int] = field(default_factory=list)
    pot: list[bool] = field(default_factory=list)
    outpoints: range = range(0)
    joints: range = range(0)
    mixing: frozenset[int] = frozenset()
    _number: dict[tuple[int, int, str], int] = field(default_factory=dict)

    closed: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.closed = frozenset(a for a, code in self.stop_code.items() if code not in UNREAD)
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

    def number_holdings(self, addresses: Sequence[int], assets: Sequence[int]) -> None:
        """Give the holdings (address, asset), of which none is known yet, the next numbers in this order."""
        first = len(self.address_of)
        keys = zip(addresses, assets, [""] * len(assets), strict=True)
        self._number.update(zip(keys, range(first, first + len(assets)), strict=True))
        beyond = len(self.ledger.addresses)
        self.address_of += [a if a >= 0 else beyond + _SINK_OF[a] for a in addresses]
        self.asset_of += assets
        self.pot += [False] * len(assets)

    def number_outpoints(self, owners: Sequence[int], assets: Sequence[int]) -> None:
        """Give the ledger's outpoints the next numbers. owners: address numbers, BURNED if nobody can spend it."""
        first = len(self.address_of)
        self.outpoints = range(first, first + len(owners))
        beyond = len(self.ledger.addresses)
        self.address_of += [a if a >= 0 else beyond + _SINK_OF[a] for a in owners]
        self.asset_of += assets
        self.pot += [False] * len(owners)

    def number_joints(self, owners: Sequence[int], assets: Sequence[int]) -> None:
        """Give the pots of transactions the next numbers; each belongs to an address or to the transaction itself."""
        first = len(self.address_of)
        self.joints = range(first, first + len(owners))
        self.address_of += owners
        self.asset_of += assets
        self.pot += [True] * len(owners)

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
        items = self.items
        items.op.append(int(op))
        items.src.append(src)
        items.dst.append(dst)
        items.amount.append(amount)
        items.got.append(got)
        items.origin.append(-1)
        items.row.append(row)
        items.tx.append(tx)
        items.hop.append(hop)
        return len(self.items) - 1

    def pay(self, payer: int, dst: int, asset: int, amount: int, *, row: int = -1, tx: int = -1) -> int:
        """`amount` from an address (or from outside) into the holding `dst`; returns the step's number."""
        if payer == OUTSIDE:
            return self.add(Op.CREDIT, -1, dst, amount, row=row, tx=tx)
        op = Op.STOPPED if payer in self.stop_code else Op.MOVE
        return self.add(op, self.holding(payer, asset), dst, amount, row=row, tx=tx, hop=1)
