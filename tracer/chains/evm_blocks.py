"""Blocks, transactions and receipts of an EVM node as frozen values, checked field by field and against each other.

Amounts are wei; a withdrawal of the consensus layer is stated in gwei and turned into wei here (EIP-4895). Raises
ProviderError for anything that is not what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.chains.evm_values import (
    address,
    array,
    data,
    digest,
    integer,
    moment,
    nonsense,
    optional_address,
    quantity,
    record,
)
from tracer.errors import ProviderError

__all__ = [
    "Block",
    "Log",
    "Receipt",
    "Transaction",
    "Withdrawal",
    "other",
    "read_block",
    "read_log",
    "read_receipt",
    "read_transaction",
]

_GWEI = 10**9
_MOST_TOPICS = 4


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Coin from the consensus layer. `place` counts within the block; amount in wei."""

    place: int
    address: str
    amount: int


@dataclass(frozen=True, slots=True)
class Block:
    """A header. transactions: None where the source does not list them. withdrawals: None before the fork that brought
    them, and on chains without.
    """

    number: int
    hash: str
    time: int
    transactions: tuple[str, ...] | None
    withdrawals: tuple[Withdrawal, ...] | None


@dataclass(frozen=True, slots=True)
class Log:
    """One event. `index` counts within the block."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    block: int
    block_hash: str
    tx_hash: str
    tx_index: int
    index: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """What was signed. to: None where it creates a contract. minted: wei that an OP-stack deposit brings along."""

    hash: str
    block: int
    block_hash: str
    index: int
    sender: str
    to: str | None
    value: int
    nonce: int
    price: int | None
    minted: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of it. status: None before Byzantium. price: wei per gas, None if the receipt does not say.
    sender: None where an old node does not repeat the ends of the transaction; then `to` is None too.

    bloom: the receipt's own summary of its logs (256 bytes), b"" where it does not give one.
    extra: further fees in wei (data fee of a rollup, EIP-4844 blobs). unknown_fee: it states a fee whose formula
    differs between upgrades of the chain.
    """

    tx_hash: str
    block: int
    block_hash: str
    index: int
    sender: str | None
    to: str | None
    created: str | None
    status: bool | None
    gas: int
    price: int | None
    extra: int
    unknown_fee: bool
    logs: tuple[Log, ...]
    bloom: bytes = b""


def other(what: str, asked: object, got: object) -> ProviderError:
    """The error for an answer about something that was not asked."""
    return ProviderError(
        f"The provider answered something else: {what} is {got}, not {asked}.",
        "It may have lost or reorganised blocks: ask again later, or ask another provider.",
    )


def read_block(value: object, number: int | None = None) -> Block:
    """A block without its transactions' contents (`eth_getBlockByNumber`, false); `number` is what was asked for."""
    raw = record(value, "a block")
    found = integer(raw.get("number"), "the number of a block")
    if number is not None and found != number:
        raise other("the block", number, found)
    hashes = tuple(
        digest(member, "a transaction of a block")
        for member in array(raw.get("transactions"), "transactions")
    )
    listed = raw.get("withdrawals")
    withdrawals = None
    if listed is not None:
        withdrawals = tuple(
            _withdrawal(place, member) for place, member in enumerate(array(listed, "withdrawals"))
        )
    return Block(
        found,
        digest(raw.get("hash"), "the hash of a block"),
        moment(raw.get("timestamp"), "the time of a block"),
        hashes,
        withdrawals,
    )


def _withdrawal(place: int, value: object) -> Withdrawal:
    raw = record(value, "a withdrawal")
    amount = quantity(raw.get("amount"), "the amount of a withdrawal")
    if amount >= 2**64:  # EIP-4895: an unsigned integer of 64 bits
        raise nonsense("the amount of a withdrawal", amount)
    return Withdrawal(place, address(raw.get("address"), "the address of a withdrawal"), amount * _GWEI)


def read_log(value: object) -> Log:
    """A mined log."""
    raw = record(value, "a log")
    if raw.get("removed") not in (None, False):
        raise ProviderError("The provider gave a log of a block that was taken back.", "Ask again later.")
    topics = array(raw.get("topics"), "the topics of a log")
    if len(topics) > _MOST_TOPICS:
        raise nonsense("the number of topics", len(topics))
    return Log(
        address(raw.get("address"), "the address of a log"),
        tuple(digest(topic, "a topic") for topic in topics),
        data(raw.get("data"), "the data of a log"),
        integer(raw.get("blockNumber"), "the block of a log"),
        digest(raw.get("blockHash"), "the block hash of a log"),
        digest(raw.get("transactionHash"), "the transaction of a log"),
        integer(raw.get("transactionIndex"), "the transaction index of a log"),
        integer(raw.get("logIndex"), "the index of a log"),
    )


def read_transaction(value: object, tx_hash: str) -> Transaction:
    """A mined transaction, asked for by its hash."""
    raw = record(value, "a transaction")
    found = digest(raw.get("hash"), "the hash of a transaction")
    if found != tx_hash:
        raise other("the transaction", tx_hash, found)
    return Transaction(
        found,
        integer(raw.get("blockNumber"), "the block of a transaction"),
        digest(raw.get("blockHash"), "the block hash of a transaction"),
        integer(raw.get("transactionIndex"), "the index of a transaction"),
        address(raw.get("from"), "the sender of a transaction"),
        optional_address(raw.get("to"), "the recipient of a transaction"),
        quantity(raw.get("value"), "the value of a transaction"),
        integer(raw.get("nonce"), "the nonce of a transaction"),
        _optional(raw, "gasPrice"),
        (_optional(raw, "mint") or 0) if raw.get("type") == "0x7e" else 0,
    )


def read_receipt(value: object, tx_hash: str) -> Receipt:
    """A receipt with its logs, asked for by the hash of its transaction."""
    raw = record(value, "a receipt")
    found = digest(raw.get("transactionHash"), "the transaction of a receipt")
    if found != tx_hash:
        raise other("the receipt's transaction", tx_hash, found)
    block = integer(raw.get("blockNumber"), "the block of a receipt")
    block_hash = digest(raw.get("blockHash"), "the block hash of a receipt")
    index = integer(raw.get("transactionIndex"), "the index of a receipt")
    status = _optional(raw, "status")
    if status not in (None, 0, 1):
        raise nonsense("the status of a receipt", status)
    logs = tuple(read_log(member) for member in array(raw.get("logs"), "the logs of a receipt"))
    for before, log in zip((None, *logs), logs, strict=False):
        if (log.tx_hash, log.block, log.block_hash, log.tx_index) != (found, block, block_hash, index):
            raise other("the transaction of a log in the receipt", found, log.tx_hash)
        if before is not None and before.index >= log.index:
            raise nonsense("the order of the logs of a receipt", f"{before.index}, {log.index}")
    if status == 0 and logs:
        raise nonsense("the receipt of a failed transaction", "one with logs")
    blobs = (_optional(raw, "blobGasUsed") or 0) * (_optional(raw, "blobGasPrice") or 0)
    odd = any(_optional(raw, name) for name in ("operatorFeeScalar", "operatorFeeConstant"))
    return Receipt(
        tx_hash=found,
        block=block,
        block_hash=block_hash,
        index=index,
        sender=optional_address(raw.get("from"), "the sender of a receipt"),
        to=optional_address(raw.get("to"), "the recipient of a receipt"),
        created=optional_address(raw.get("contractAddress"), "the created contract"),
        status=None if status is None else bool(status),
        gas=quantity(raw.get("gasUsed"), "the gas of a receipt"),
        price=_optional(raw, "effectiveGasPrice"),
        extra=(_optional(raw, "l1Fee") or 0) + blobs,
        unknown_fee=odd,
        logs=logs,
        bloom=data(raw["logsBloom"], "the bloom of a receipt") if raw.get("logsBloom") else b"",
    )


def _optional(raw: Mapping[str, object], name: str) -> int | None:
    value = raw.get(name)
    return None if value is None else quantity(value, name)
