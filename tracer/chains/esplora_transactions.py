"""Transactions in Esplora's JSON, built again as bytes and checked against their id. Pure.

Fields: github.com/Blockstream/esplora, API.md, "Transaction format".
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.chains.bitcoin_answers import array, digest, hexadecimal, number, record, sat
from tracer.chains.bitcoin_bytes import RawOutput, RawTransaction, read_transaction, serialized
from tracer.errors import ProviderError
from tracer.utxo import Outpoint

__all__ = ["Listed", "read_listed"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A transaction, and where the provider says that it stands. block: None while unconfirmed."""

    raw: RawTransaction
    block: int | None
    block_hash: str


def read_listed(value: object, txid: str = "") -> Listed:
    """A transaction (the one called `txid`, if given). Raises ProviderError unless it hashes to its id."""
    told = record(value, "a transaction")
    named = digest(told.get("txid"), "a transaction id")
    if txid and named != txid:
        raise ProviderError(
            f"The provider answered with {named} when asked for {txid}.", "Ask another provider."
        )
    status = record(told.get("status"), "the status of a transaction")
    block, block_hash = None, ""
    if status.get("confirmed") is not False:
        block = number(status.get("block_height"), "the block of a transaction")
        block_hash = digest(status.get("block_hash"), "the block of a transaction")
    spent = [_input(one) for one in array(told.get("vin"), "the inputs of a transaction")]
    outputs = [_output(one) for one in array(told.get("vout"), "the outputs of a transaction")]
    version, locktime = _signed(told.get("version")), _unsigned(told.get("locktime"), "a lock time")
    return Listed(read_transaction(serialized(version, spent, outputs, locktime), named), block, block_hash)


def _input(value: object) -> tuple[Outpoint, bytes, int]:
    told = record(value, "an input")
    outpoint = Outpoint(
        digest(told.get("txid"), "the transaction of an input"), _unsigned(told.get("vout"), "an input")
    )
    return (
        outpoint,
        hexadecimal(told.get("scriptsig"), "the script of an input"),
        _unsigned(told.get("sequence"), "a sequence"),
    )


def _output(value: object) -> RawOutput:
    told = record(value, "an output")
    return RawOutput(
        sat(told.get("value"), "the amount of an output"),
        hexadecimal(told.get("scriptpubkey"), "the script of an output"),
    )


def _unsigned(value: object, what: str) -> int:
    """A number of 32 bits."""
    return number(value, what, most=(1 << 32) - 1)


def _signed(value: object) -> int:
    """The version: 32 bits, which some versions of the software print without sign."""
    if isinstance(value, int) and value < 0:
        return -number(-value, "a version", most=1 << 31)
    whole = _unsigned(value, "a version")
    return whole - (1 << 32) if whole >= 1 << 31 else whole
