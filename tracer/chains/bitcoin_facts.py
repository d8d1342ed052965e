"""Transactions read from bytes made into facts: addresses of outputs, owners and amounts of inputs, the place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracer.chains.bitcoin_bytes import RawOutput, RawTransaction
from tracer.chains.bitcoin_scripts import read_script
from tracer.errors import ProviderError
from tracer.utxo import Input, Outpoint, Output, UtxoTransaction

__all__ = ["Place", "spent_of", "told_of", "with_inputs"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction stands. time: UTC seconds of its block."""

    block: int
    index: int
    time: int


def with_inputs(
    chain: str, raw: RawTransaction, place: Place, parents: Mapping[str, RawTransaction]
) -> UtxoTransaction:
    """A transaction with what it spends. parents: by id, the transactions that made it, proved by their hashes.

    Raises ProviderError for one that no chain can hold.
    """
    spent = [
        _input(outpoint, sequence, parents[outpoint.txid], raw.txid) for outpoint, sequence in raw.inputs
    ]
    transaction = told_of(chain, raw, place, spent)
    if transaction.fee < 0:
        raise ProviderError(
            f"{raw.txid} pays more than it spends: it stands in no chain.", "Ask another provider."
        )
    return transaction


def told_of(chain: str, raw: RawTransaction, place: Place, spent: Iterable[Input]) -> UtxoTransaction:
    """A transaction as a fact. spent: its inputs with what they spend; none, where only its outputs matter."""
    outputs = []
    for vout, output in enumerate(raw.outputs):
        told = read_script(output.script)
        outputs.append(
            Output(vout, told.address, told.kind, output.amount, output.script.hex(), told.op_return)
        )
    return UtxoTransaction(
        chain,
        raw.txid,
        place.block,
        place.index,
        place.time,
        tuple(spent),
        tuple(outputs),
        raw.version,
        raw.locktime,
    )


def spent_of(outpoint: Outpoint, sequence: int, output: RawOutput) -> Input:
    """An input that spends an output."""
    told = read_script(output.script)
    return Input(outpoint, told.address, told.kind, output.amount, output.script.hex(), sequence)


def _input(outpoint: Outpoint, sequence: int, parent: RawTransaction, spender: str) -> Input:
    if outpoint.vout >= len(parent.outputs):
        raise ProviderError(
            f"{spender} spends {outpoint}, which does not exist: it stands in no chain.",
            "Ask another provider.",
        )
    return spent_of(outpoint, sequence, parent.outputs[outpoint.vout])
