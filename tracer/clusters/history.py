"""Transactions as a history: what came first, who spends an output, what each transaction was taken for.

An index over given transactions and no more: an output without a known spender may be spent in one that was not given,
and an owner's first appearance is the first that was given. Rules that rest on it say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property

from tracer.clusters.coinjoin import Verdict, classify
from tracer.utxo import Outpoint, UtxoTransaction

__all__ = ["History"]

_LATE = 2**62


class History:
    """Transactions in the order of the chain; those without a block come last, in the order given.

    mixing, ordinary: txids of which the analyst says that they are CoinJoins, or are none, whatever the rules say.
    """

    def __init__(
        self,
        transactions: Iterable[UtxoTransaction],
        mixing: Collection[str] = (),
        ordinary: Collection[str] = (),
    ) -> None:
        self._mixing, self._ordinary = frozenset(mixing), frozenset(ordinary)
        self.transactions = tuple(sorted(transactions, key=_place))
        self.spender = {i.outpoint: t for t in self.transactions for i in t.inputs}
        self.by_txid = {t.txid: t for t in self.transactions}

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """What each transaction was taken for, by txid."""
        return {t.txid: classify(t) for t in self.transactions}

    @cached_property
    def mixed(self) -> frozenset[str]:
        """Txids of the CoinJoins, by the rules or by the analyst, who has the last word."""
        found = frozenset(txid for txid, verdict in self.verdicts.items() if verdict.mixes)
        return (found - self._ordinary) | self._mixing

    @cached_property
    def first_seen(self) -> dict[str, str]:
        """Owner -> txid of the first given transaction in which it pays or is paid."""
        seen: dict[str, str] = {}
        for transaction in self.transactions:
            for spent in transaction.inputs:
                seen.setdefault(spent.owner, transaction.txid)
            for output in transaction.outputs:
                seen.setdefault(transaction.owner(output), transaction.txid)
        return seen

    def spends(self, transaction: UtxoTransaction, vout: int) -> UtxoTransaction | None:
        """The given transaction that spends an output, if any."""
        return self.spender.get(Outpoint(transaction.txid, vout))


def _place(transaction: UtxoTransaction) -> tuple[int, int]:
    block, index = transaction.block, transaction.tx_index
    return _LATE if block is None else block, _LATE if index is None else index
