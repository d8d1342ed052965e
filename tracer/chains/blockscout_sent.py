"""Blocks and transactions of Blockscout's API, checked field by field; logs stand in blockscout_rows.py.

Amounts are decimal text in the smallest unit, times are ISO text, addresses are objects with a `hash`. Source: the
OpenAPI description of the REST API v2 (docs.blockscout.com).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.chains.evm_blocks import Block, Receipt, Transaction, other
from tracer.chains.evm_values import address, digest, nonsense, record
from tracer.chains.explorer_values import field, number, place, seconds

__all__ = ["Item", "Made", "party", "read_header", "read_made", "sure"]

Item = Mapping[str, object]

_STATUS = {None: None, "ok": True, "error": False}


@dataclass(frozen=True, slots=True)
class Made:
    """A transaction and what came of it, but for its logs. time: UTC seconds. to: its payee. inner_error: whether
    an inner call failed, None where the instance does not say.
    """

    sent: Transaction
    receipt: Receipt
    time: int
    to: str
    inner_error: bool | None

    @property
    def failed(self) -> bool:
        """Whether it moved nothing but its fee."""
        return self.receipt.status is False


def party(value: object, what: str) -> str | None:
    """The address in an object `{"hash": ...}`; None for null."""
    return None if value is None else address(field(record(value, what), "hash"), what)


def sure(value: object, what: str) -> str:
    """Like `party`, but null is nonsense."""
    found = party(value, what)
    if found is None:
        raise nonsense(what, None)
    return found


def read_header(value: object, asked: int) -> tuple[Block, int]:
    """(a block without the list of its transactions, how many it has)."""
    raw = record(value, "a block")
    found = place(field(raw, "height"), "the number of a block")
    if found != asked:
        raise other("the block", asked, found)
    if raw.get("type", "block") != "block":
        raise other("the block", "in the chain", raw.get("type"))
    made = Block(
        found,
        digest(field(raw, "hash"), "the hash of a block"),
        seconds(field(raw, "timestamp"), "the time of a block"),
        None,
        None,
    )
    count = raw.get("transactions_count", raw.get("transaction_count"))
    return made, place(count, "the number of transactions of a block")


def read_made(value: object, tx_hash: str | None = None) -> Made | None:
    """A transaction; None while it is not mined. tx_hash: the one that was asked for."""
    raw = record(value, "a transaction")
    found = digest(field(raw, "hash"), "the hash of a transaction")
    if tx_hash is not None and found != tx_hash:
        raise other("the transaction", tx_hash, found)
    if field(raw, "block_number") is None:
        return None
    status = field(raw, "status")
    if not isinstance(status, str | None) or status not in _STATUS:
        raise nonsense("the status of a transaction", status)
    sender = sure(field(raw, "from"), "the sender of a transaction")
    to = party(field(raw, "to"), "the recipient of a transaction")
    created = party(raw.get("created_contract"), "a created contract")
    payee = to if to is not None else created
    failed = _STATUS[status] is False
    if payee is None and not failed:
        raise nonsense("the recipient of a transaction", "neither an address nor a created contract")
    block = place(field(raw, "block_number"), "the block of a transaction")
    index = place(field(raw, "position"), "the index of a transaction")
    gas = number(field(raw, "gas_used"), "the gas of a transaction")
    value_ = number(field(raw, "value"), "the value of a transaction")
    nonce = place(field(raw, "nonce"), "the nonce of a transaction")
    price, extra = _price(raw, gas)
    sent = Transaction(found, block, "", index, sender, to, value_, nonce, None, 0)
    receipt = Receipt(
        tx_hash=found,
        block=block,
        block_hash="",
        index=index,
        sender=sender,
        to=to,
        created=created,
        status=_STATUS[status],
        gas=gas,
        price=price,
        extra=extra,
        unknown_fee=False,
        logs=(),
    )
    inner_error = raw.get("has_error_in_internal_transactions")
    if not isinstance(inner_error, bool | None):
        raise nonsense("whether an inner call failed", inner_error)
    time = seconds(field(raw, "timestamp"), "the time of a transaction")
    return Made(sent, receipt, time, payee if payee is not None else "", inner_error)


def _price(raw: Item, gas: int) -> tuple[int | None, int]:
    """(wei per gas, what the fee has beyond gas times price); (None, 0) where the whole fee is not told.

    The stated fee includes the data fee of a rollup, and leaves out that for blobs, which is stated beside it.
    """
    fee = record(field(raw, "fee"), "the fee of a transaction")
    price = raw.get("gas_price")
    if fee.get("type") != "actual" or fee.get("value") is None or price is None:
        return None, 0
    wei = number(price, "the gas price")
    extra = number(fee["value"], "a fee") - gas * wei
    if extra < 0:
        raise nonsense("a fee", fee["value"])
    blobs = [raw.get("blob_gas_used"), raw.get("blob_gas_price")]
    if None not in blobs:
        extra += number(blobs[0], "the blob gas") * number(blobs[1], "the price of blob gas")
    return wei, extra
