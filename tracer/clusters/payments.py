"""What clustering reads of a ledger: payments from one address to another, by payer and by payee, in ledger order.

Fees, mints, burns and payments to oneself are not payments between two parties and are left out, and so are
transactions of Bitcoin's kind, which have no single payer. Rows are never merged. Addresses and assets keep the numbers
of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracer.ledger import FEE, Ledger
from tracer.numbering import integers_of

__all__ = ["SLOT_SECONDS", "Grouped", "Payments"]

SLOT_SECONDS = 12
"""Seconds of a block of Ethereum since the merge; a window in blocks is this many seconds a block elsewhere."""

_ETHEREUM = "eip155:1"

_ENTRY_POINTS = frozenset(
    {
        "0x5ff137d4b0fdcd49dca30c7cf57e578a026d2789",
        "0x0000000071727de22e5e9d8baf0edac6f37da032",
        "0x4337084d9e255ff0702461cf8895ce9e3b5ff108",
        "0x433709009b8330fda32311df1c2afa402ed8d009",
    }
)
"""Versions 0.6 to 0.9, the same on every chain; each bundle ends with a payment from there to who signed it (ERC-4337;
github.com/eth-infinitism/account-abstraction, EntryPoint.sol, `_compensate`)."""


@dataclass(frozen=True)
class Grouped:
    """Places of an array by the number that stands there."""

    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, count: int) -> Grouped:
        """Group the places of `numbers`, whose values are below `count`."""
        order = np.argsort(numbers, kind="stable")
        return cls(order, np.searchsorted(numbers[order], np.arange(count + 1)))

    def at(self, number: int) -> np.ndarray:
        """The places of a number, rising."""
        return self.order[self.starts[number] : self.starts[number + 1]]


@dataclass(frozen=True)
class Payments:
    """Payments of a ledger; a payment is a place in these arrays.

    row: the ledger's row. payer, payee, asset: numbers of the ledger. tx: transaction ordinal. time: UTC seconds and
    block: block number, -1 where unknown. amount: exact, smallest units.
    """

    ledger: Ledger
    row: np.ndarray
    payer: np.ndarray
    payee: np.ndarray
    asset: np.ndarray
    tx: np.ndarray
    time: np.ndarray
    block: np.ndarray
    amount: list[int]

    @classmethod
    def of(cls, ledger: Ledger) -> Payments:
        """The payments of a ledger."""
        between = (ledger.sender >= 0) & (ledger.recipient >= 0) & (ledger.sender != ledger.recipient)
        row = np.flatnonzero(between & ~ledger.utxo)
        block = integers_of(ledger.table, "block")
        return cls(
            ledger,
            row,
            ledger.sender[row],
            ledger.recipient[row],
            ledger.asset[row],
            ledger.tx[row],
            ledger.time[row],
            block[row],
            [ledger.amount[r] for r in row.tolist()],
        )

    @cached_property
    def by_payer(self) -> Grouped:
        """Payments by who pays."""
        return Grouped.of(self.payer, len(self.ledger.addresses))

    @cached_property
    def by_payee(self) -> Grouped:
        """Payments by who is paid."""
        return Grouped.of(self.payee, len(self.ledger.addresses))

    @cached_property
    def passed_on(self) -> np.ndarray:
        """True where the payer got the same asset in the same transaction: a contract that only passes coin on."""
        width = len(self.ledger.assets)
        key_in = (self.tx * len(self.ledger.addresses) + self.payee) * width + self.asset
        key_out = (self.tx * len(self.ledger.addresses) + self.payer) * width + self.asset
        return np.isin(key_out, key_in)

    @cached_property
    def native(self) -> np.ndarray:
        """True where the chain's own coin is paid."""
        is_native = np.array([asset.ref == "native" for asset in self.ledger.assets] or [False])
        result: np.ndarray = is_native[self.asset]
        return result

    @cached_property
    def bundled(self) -> np.ndarray:
        """True where the transaction goes through an EntryPoint, so that its signer acts for whoever asked him to."""
        entry = [n for n, (_, address) in enumerate(self.ledger.addresses) if address in _ENTRY_POINTS]
        through = np.isin(self.payer, entry) | np.isin(self.payee, entry)
        return np.isin(self.tx, self.tx[through])

    @cached_property
    def signer(self) -> dict[int, int]:
        """Transaction ordinal -> who paid its fee, and so signed it; only where a source tells the fee."""
        at = np.flatnonzero((self.ledger.recipient == FEE) & (self.ledger.sender >= 0))
        return dict(zip(self.ledger.tx[at].tolist(), self.ledger.sender[at].tolist(), strict=True))

    def name(self, address: int) -> str:
        """`chain:address` of an address number."""
        return ":".join(self.ledger.addresses[address])

    def hash(self, payment: int) -> str:
        """The transaction hash of a payment, "" where the source has none."""
        return self.ledger.tx_hash[int(self.row[payment])]

    def within(self, earlier: int, later: int, blocks: int) -> bool:
        """Whether two payments lie at most so many blocks apart.

        In blocks on Ethereum; on other chains, whose blocks are shorter, and where a block is unknown, in 12 seconds a
        block. False where neither is known.
        """
        return self.rows_within(int(self.row[earlier]), int(self.row[later]), blocks)

    def rows_within(self, earlier: int, later: int, blocks: int) -> bool:
        """`within` for two rows of the ledger."""
        ledger = self.ledger
        if ledger.assets[int(ledger.asset[later])].chain == _ETHEREUM:
            first, last = int(self._blocks[earlier]), int(self._blocks[later])
            if first >= 0 and last >= 0:
                return last - first <= blocks
        first, last = int(ledger.time[earlier]), int(ledger.time[later])
        return first >= 0 and last >= 0 and last - first <= blocks * SLOT_SECONDS

    def rows_of(self, address: int) -> list[int]:
        """The rows of the ledger that bring an address something or take it away, fees included, in ledger order."""
        rows = {*self._gains.at(address).tolist()} ^ {*self._losses.at(address).tolist()}
        return sorted(rows)

    def last_row(self, address: int) -> int:
        """The last row of the ledger on the chain of an address."""
        return self._last_rows[self.ledger.addresses[address][0]]

    @cached_property
    def partners(self) -> np.ndarray:
        """By address number: how many addresses it ever paid, or how many ever paid it, whichever is more."""
        count = len(self.ledger.addresses)
        pairs, _ = np.unique(
            self.payer * count + self.payee, return_counts=True
        )  # sorts; else it hashes, slower
        payees = np.bincount(pairs // max(count, 1), minlength=count)
        payers = np.bincount(pairs % max(count, 1), minlength=count)
        return np.maximum(payees, payers)

    def payers_of(self, address: int) -> set[int]:
        """Who ever paid an address."""
        return set(self.payer[self.by_payee.at(address)].tolist())

    def payees_of(self, address: int) -> set[int]:
        """Whom an address ever paid."""
        return set(self.payee[self.by_payer.at(address)].tolist())

    @cached_property
    def _gains(self) -> Grouped:
        return self._rows_by(self.ledger.recipient)

    @cached_property
    def _losses(self) -> Grouped:
        return self._rows_by(self.ledger.sender)

    def _rows_by(self, side: np.ndarray) -> Grouped:
        count = len(self.ledger.addresses)
        return Grouped.of(np.where(side >= 0, side, count), count)

    @cached_property
    def _blocks(self) -> np.ndarray:
        return integers_of(self.ledger.table, "block")

    @cached_property
    def _last_rows(self) -> dict[str, int]:
        chains = [asset.chain for asset in self.ledger.assets]
        found: dict[str, int] = {}
        for number, chain in enumerate(chains):
            rows = np.flatnonzero(self.ledger.asset == number)
            if len(rows):
                found[chain] = max(found.get(chain, -1), int(rows[-1]))
        return found

    @cached_property
    def _rows_in(self) -> Grouped:
        return self._holding_rows(self.ledger.recipient)

    @cached_property
    def _rows_out(self) -> Grouped:
        return self._holding_rows(self.ledger.sender)

    def _holding_rows(self, side: np.ndarray) -> Grouped:
        width, count = len(self.ledger.assets), len(self.ledger.addresses)
        # what is no address (fees, mints) stands behind the last one
        holding = np.where(side >= 0, side * width + self.ledger.asset, count * width)
        return Grouped.of(holding, count * width)

    def balances(self, address: int, asset: int) -> dict[int, int]:
        """Ledger row -> what the address holds of the asset after it, fees included, in ledger order.

        The opening is the least with which no balance is negative (docs/accounting.md).
        """
        holding = address * len(self.ledger.assets) + asset
        changes = [(r, self.ledger.amount[r]) for r in self._rows_in.at(holding).tolist()]
        changes += [(r, -self.ledger.amount[r]) for r in self._rows_out.at(holding).tolist()]
        held, least = 0, 0
        found: dict[int, int] = {}
        for row, change in sorted(changes):
            held += change
            least = min(least, held)
            found[row] = held
        return {row: units - least for row, units in found.items()}
