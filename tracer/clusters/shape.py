"""The shape of a transaction: counts, equal values, kinds of script, who repeats. What rules look at.

Whose an input or output is, is read from its address, else its script, else it is taken as a party of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cached_property

from tracer.addresses import BITCOIN
from tracer.utxo import Script, UtxoTransaction

__all__ = ["ROUND", "Shape"]

ROUND = 10**6
"""Sat of which round sums are multiples: BlockSci's power of ten with 6 digits, 0.01 BTC."""


class Shape:
    """Views of one transaction. Amounts in sat."""

    def __init__(self, transaction: UtxoTransaction) -> None:
        self.transaction = transaction
        self.paid_in = [i.amount for i in transaction.inputs]
        self.paid_out = [o.amount for o in transaction.outputs]
        self.values = Counter(self.paid_out)
        self.equal_value, self.equal = max(self.values.items(), key=lambda item: (item[1], item[0]))

    @cached_property
    def payers(self) -> set[object]:
        """Distinct owners of inputs."""
        return {i.address or i.script or i.outpoint for i in self.transaction.inputs}

    @cached_property
    def payees(self) -> list[object]:
        """The owner of each output, in order."""
        return [o.address or o.script or o.vout for o in self.transaction.outputs]

    @cached_property
    def equal_payees(self) -> set[object]:
        """Distinct owners of the outputs of the most frequent value."""
        return {
            owner
            for owner, value in zip(self.payees, self.paid_out, strict=True)
            if value == self.equal_value
        }

    @cached_property
    def change(self) -> list[int]:
        """Values that stand once, in order."""
        return [value for value in self.paid_out if self.values[value] == 1]

    def inputs_are(self, kinds: Collection[Script]) -> bool:
        """Whether no input is known to be of another kind."""
        return all(i.script_type in kinds or i.script_type == Script.UNKNOWN for i in self.transaction.inputs)

    def outputs_are(self, kinds: Collection[Script]) -> bool:
        """Whether no output is known to be of another kind."""
        return all(
            o.script_type in kinds or o.script_type == Script.UNKNOWN for o in self.transaction.outputs
        )

    @property
    def has_data(self) -> bool:
        """Whether an output is an OP_RETURN."""
        return any(o.script_type == Script.OP_RETURN for o in self.transaction.outputs)

    def before(self, block: int, seconds: int) -> bool:
        """Whether it is known to be older than a block of Bitcoin's main chain, which came at that UTC second."""
        transaction = self.transaction
        if transaction.chain != BITCOIN:
            return False
        if transaction.block is not None:
            return transaction.block < block
        return transaction.timestamp is not None and transaction.timestamp < seconds

    def after(self, block: int, seconds: int) -> bool:
        """Whether it is known to be younger than that."""
        transaction = self.transaction
        if transaction.chain != BITCOIN:
            return False
        if transaction.block is not None:
            return transaction.block > block
        return transaction.timestamp is not None and transaction.timestamp > seconds
