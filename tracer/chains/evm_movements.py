"""One EVM transaction (what was signed, what came of it, its trace) as movements with positions, and what is missing.

Positions: 0 the fee (and coin that a rollup's deposit brings along), 1 the value of the transaction, 2 and up what
inner calls paid, LOGS + log index for tokens. A failed transaction moves nothing but its fee. Coin that comes without
a transaction (withdrawals of the consensus layer, rewards, the genesis allocation) carries the hash of its *block* as
tx_hash and an index behind the last transaction, so it can be looked up and counts once where two sources tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tracer.chains.adapter import LOGS
from tracer.chains.etl_formats import creation_address
from tracer.chains.evm_blocks import Block, Receipt, Transaction, other
from tracer.chains.evm_logs import Moved, is_unique, lacks_logs, read_logs
from tracer.chains.evm_traces import Trace, payments
from tracer.chains.evm_values import nonsense
from tracer.errors import ProviderError
from tracer.model import NATIVE, Gap, Kind
from tracer.movements import MAX_AMOUNT, from_rows

__all__ = ["Names", "Row", "Told", "check", "fits", "movements", "net", "table", "withdrawals"]

Names = dict[str, tuple[str, int | None]]
"""Symbol and decimals by asset."""


@dataclass(frozen=True, slots=True)
class Row:
    """A movement before it becomes a row of the table. position: None where the source does not tell it."""

    block: int
    tx_index: int
    position: int | None
    tx_hash: str
    sender: str
    to: str
    asset: str
    amount: int
    kind: Kind
    time: int


@dataclass(slots=True)
class Told:
    """What one or more transactions tell: movements, gaps, and how many logs were single tokens."""

    rows: list[Row] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    unique: int = 0


def check(sent: Transaction, receipt: Receipt, block: Block) -> None:
    """That the three are of one transaction on one chain. Raises ProviderError."""
    for what, a, b in (
        ("the block of the transaction", receipt.block_hash, sent.block_hash),
        ("the index of the transaction", receipt.index, sent.index),
        ("the sender of the transaction", receipt.sender or sent.sender, sent.sender),
        ("the recipient of the transaction", receipt.to if receipt.sender else sent.to, sent.to),
        ("the block of the receipt", block.hash, receipt.block_hash),
        ("the number of the block", block.number, sent.block),
        ("the number of the receipt's block", block.number, receipt.block),
    ):
        if a != b:
            raise other(what, a, b)
    if block.transactions is not None and block.transactions[sent.index : sent.index + 1] != (sent.hash,):
        raise other(f"transaction {sent.index} of block {block.number}", sent.hash, "another one")


def movements(
    chain: str, sent: Transaction, receipt: Receipt, block: Block, trace: Trace | None, told: Told
) -> None:
    """Add what the transaction moved to `told`. trace: None if no node tells it."""
    check(sent, receipt, block)
    if trace is not None and not fits(trace, sent, receipt):
        trace = None
    succeeded = receipt.status
    if succeeded is None:  # before Byzantium receipts do not say; logs are left by success only
        succeeded = not trace.root.failed if trace is not None else True if receipt.logs else None
    made = _Maker(sent, block, told)
    made.row(0, "", sent.sender, sent.minted, Kind.MINT)
    _fee(chain, sent, receipt, made)
    if succeeded is None:
        message = (
            "Neither the receipt nor a trace says whether this transaction succeeded: its value is left out."
        )
        made.gap(chain, "status_unknown", message, sent.value)
    if not succeeded:
        return
    made.row(1, sent.sender, _recipient(sent, receipt), sent.value, Kind.NATIVE, even_zero=True)
    if trace is None:
        made.gap(chain, "no_internal", "No trace of this transaction: payments of inner calls are missing.")
    else:
        _internal(chain, trace, made)
    if lacks_logs(receipt.logs, receipt.bloom):
        message = "The receipt does not hold all logs that it says it has: token movements may be missing."
        made.gap(chain, "logs_missing", message)
    for moved in read_logs(chain, receipt.logs):
        if isinstance(moved, Moved):
            made.row(
                LOGS + moved.index,
                moved.sender,
                moved.to,
                moved.amount,
                moved.kind,
                moved.asset,
                even_zero=True,
            )
        else:
            told.gaps.append(moved)
    told.unique += sum(is_unique(log) for log in receipt.logs)


class _Maker:
    """Rows and gaps of one transaction."""

    def __init__(self, sent: Transaction, block: Block, told: Told) -> None:
        self._sent, self._block, self._told = sent, block, told

    def row(
        self,
        position: int,
        sender: str,
        to: str,
        amount: int,
        kind: Kind,
        asset: str = NATIVE,
        *,
        even_zero: bool = False,
    ) -> None:
        if amount > MAX_AMOUNT:
            raise nonsense("an amount", amount)
        if amount or even_zero:
            sent, time = self._sent, self._block.time
            self._told.rows.append(
                Row(sent.block, sent.index, position, sent.hash, sender, to, asset, amount, kind, time)
            )

    def gap(self, chain: str, code: str, message: str, amount: int | None = None) -> None:
        asset = "" if amount is None else NATIVE
        self._told.gaps.append(
            Gap(code, message, chain=chain, asset=asset, amount=amount, tx=self._sent.hash)
        )


def _fee(chain: str, sent: Transaction, receipt: Receipt, made: _Maker) -> None:
    price = receipt.price if receipt.price is not None else sent.price
    if price is None:
        made.gap(
            chain,
            "fee_unknown",
            "Neither the receipt nor the transaction states a gas price: the fee is missing.",
        )
        price = 0
    if receipt.unknown_fee:
        made.gap(
            chain, "fee_unknown", "The receipt states an operator fee, which is not part of the fee here."
        )
    made.row(0, sent.sender, "", receipt.gas * price + receipt.extra, Kind.FEE)


def fits(trace: Trace, sent: Transaction, receipt: Receipt) -> bool:
    """Whether the trace's first frame is this transaction; if not, its payments are not believed."""
    root = trace.root
    if receipt.status is not None and root.failed is receipt.status:
        return False
    payee = sent.to if sent.to is not None else None if root.failed else receipt.created
    return (root.sender, root.value, root.to) == (sent.sender, sent.value, payee)


def _recipient(sent: Transaction, receipt: Receipt) -> str:
    if sent.to is not None:
        return sent.to
    if receipt.created is None:
        raise ProviderError("The provider answered nonsense: a created contract without an address.")
    expected = creation_address(sent.sender, sent.nonce)
    if receipt.created != expected:
        raise other("the address of the created contract", expected, receipt.created)
    return receipt.created


def _internal(chain: str, trace: Trace, made: _Maker) -> None:
    """Inner payments from position 2. A contract that ends in its own favour pays nobody: what it had is gone if it
    was made in the same transaction (before and after EIP-6780), else that depends on the fork and is said so.
    """
    for position, paid in enumerate(payments(trace), start=2):
        if not (paid.destroyed and paid.sender == paid.to):
            made.row(position, paid.sender, paid.to, paid.amount, Kind.INTERNAL)
        elif paid.born:
            made.row(position, paid.sender, "", paid.amount, Kind.BURN)
        else:
            made.gap(
                chain,
                "destroyed_to_itself",
                f"The contract {paid.sender} destroyed itself in its own favour: before EIP-6780 its coin was lost.",
                paid.amount,
            )


def withdrawals(address: str, blocks: Iterable[Block]) -> list[Row]:
    """Coin from the consensus layer to `address` in `blocks`, behind all transactions of its block (EIP-4895)."""
    return [
        Row(
            block.number,
            len(block.transactions or ()),
            given.place,
            block.hash,
            "",
            address,
            NATIVE,
            given.amount,
            Kind.WITHDRAWAL,
            block.time,
        )
        for block in blocks
        for given in block.withdrawals or ()
        if given.address == address
    ]


def net(rows: Iterable[Row], address: str) -> int:
    """What the rows add to the coin of an address, in wei."""
    coin = [row for row in rows if row.asset == NATIVE]
    return sum(r.amount for r in coin if r.to == address) - sum(r.amount for r in coin if r.sender == address)


def _place(row: Row) -> tuple[object, ...]:
    unknown = row.position is None
    where = (row.block, row.tx_index, unknown, 0 if unknown else row.position)
    return (*where, row.tx_hash, row.sender, row.to, row.asset, row.amount, row.kind)


def table(chain: str, rows: Sequence[Row], names: Names) -> pa.Table:
    """The movement table, in ledger order; rows without a position stand behind those with one."""
    ordered = sorted(rows, key=_place)
    unnamed: tuple[str, int | None] = ("", None)
    return from_rows(
        [
            {
                "chain": chain,
                "block": row.block,
                "tx_index": row.tx_index,
                "position": row.position,
                "timestamp": row.time,
                "tx_hash": row.tx_hash,
                "from_address": row.sender,
                "to_address": row.to,
                "asset": row.asset,
                "symbol": names.get(row.asset, unnamed)[0],
                "decimals": names.get(row.asset, unnamed)[1],
                "amount": row.amount,
                "kind": row.kind.value,
            }
            for row in ordered
        ]
    )
