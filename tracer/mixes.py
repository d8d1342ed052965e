"""CoinJoins of a ledger, as the accounting takes them: where stolen coin stops, and which change goes on.

Coin that enters a CoinJoin cannot be followed to one output, so it rests in the transaction, which is shown as a mixer
(stop code MIXER) with how large a crowd each kind of output makes. What certainly is the change of one input goes on.
Which transactions these are, and how sure that is: `tracer.clusters.coinjoin`, docs/accuracy.md. The analyst can say of
any transaction that it is one, or is none: `tracer stop CASE tx:TXID`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tracer.addresses import BITCOIN, transaction_name
from tracer.amounts import decimal_text
from tracer.chains.utxo_rows import DECIMALS, transactions_of
from tracer.clusters.coinjoin import classify
from tracer.clusters.mixing import Mixing, mixing
from tracer.clusters.verdict import CoinJoin, Verdict
from tracer.ledger import Ledger
from tracer.model import NATIVE, Gap
from tracer.utxo import UtxoTransaction

__all__ = ["Mix", "declared_mixes", "find_mixes"]

_CONFIDENT = 50
_FEWEST_INPUTS, _FEWEST_OUTPUTS = 2, 3
_MANY_INPUTS = 10
_LISTED = 5


@dataclass(frozen=True)
class Mix:
    """A transaction that mixes coin of several owners, with the grounds."""

    transaction: UtxoTransaction
    verdict: Verdict
    parts: Mixing

    @property
    def account(self) -> tuple[str, str]:
        """(chain, what stands for it where addresses stand)."""
        return self.transaction.chain, transaction_name(self.transaction.txid)

    @property
    def change(self) -> dict[int, int]:
        """Position of an input -> vout of the output that is certainly its change."""
        return {link.input: link.vout for link in self.parts.change}

    def gap(self) -> Gap:
        """What the investigator has to know where stolen coin stops here."""
        coin = "BTC" if self.transaction.chain == BITCOIN else "coin"
        crowds = [
            f"{d.anonymity_set} of {decimal_text(d.amount, DECIMALS)} {coin} ({d.amount:,} sat)"
            for d in self.parts.denominations[:_LISTED]
        ]
        more = len(self.parts.denominations) - len(crowds)
        left = len(self.parts.unique) - len(self.parts.change)
        message = (
            f"CoinJoin ({self.verdict.kind}, confidence {self.verdict.confidence}): {'; '.join(self.verdict.reasons)}."
            f" Coin that enters rests in it. Equal outputs: {', '.join(crowds) or 'none'}"
            + (f" and {more} more values" if more else "")
            + f". Certain change: {len(self.parts.change)} outputs."
            + (f" Outputs of a single value, perhaps change, that are not followed: {left}." if left else "")
        )
        chain, address = self.account
        return Gap("coinjoin", message, chain, address, NATIVE, tx=self.transaction.txid)


def find_mixes(ledger: Ledger, ordinary: Collection[tuple[str, str]] = ()) -> list[Mix]:
    """The CoinJoins among the followed transactions, confidence 50 or more, in ledger order.

    ordinary: (chain, `tx:<txid>`) of transactions of which the analyst says that they are none.
    """
    if not ledger.utxo.any():
        return []
    count = int(ledger.tx[-1]) + 1
    inputs = np.bincount(ledger.tx[ledger.spends >= 0], minlength=count)
    outputs = np.bincount(ledger.tx[ledger.makes >= 0], minlength=count)
    likely = (inputs >= _MANY_INPUTS) | _repeats_a_value(ledger, count)
    large = (inputs >= _FEWEST_INPUTS) & (outputs >= _FEWEST_OUTPUTS) & likely
    rows = np.flatnonzero(ledger.utxo & large[ledger.tx])
    found = []
    for transaction in transactions_of(ledger.table.take(pa.array(rows))):
        verdict = classify(transaction)
        parts = mixing(transaction, verdict)
        if parts is None or verdict.confidence < _CONFIDENT:
            continue
        mix = Mix(transaction, verdict, parts)
        if mix.account not in ordinary:
            found.append(mix)
    return found


def declared_mixes(ledger: Ledger, accounts: Iterable[tuple[str, str]]) -> list[Mix]:
    """The transactions of which the analyst says that they mix, taken apart; no change of them is certain.

    accounts: (chain, `tx:<txid>`); those that the ledger does not hold are left out.
    """
    said = Verdict(CoinJoin.OTHER, 100, ("the analyst says so",))
    found = []
    rows = ledger.rows_of_each((chain, name.removeprefix("tx:")) for chain, name in accounts)
    for _, at in sorted(rows.items()):
        for transaction in transactions_of(ledger.table.take(pa.array(at))):
            parts = mixing(transaction, said)
            if parts is not None:
                found.append(Mix(transaction, said, parts))
    return found


def _repeats_a_value(ledger: Ledger, transactions: int) -> np.ndarray:
    """By transaction ordinal, whether two outputs have the same value: without that, few inputs make no CoinJoin."""
    rows = np.flatnonzero(ledger.makes >= 0)
    amount = np.array([ledger.amount[r] for r in rows.tolist()], dtype=np.int64)
    tx = ledger.tx[rows]
    order = np.lexsort((amount, tx))
    same = (tx[order][1:] == tx[order][:-1]) & (amount[order][1:] == amount[order][:-1])
    found = np.zeros(transactions, dtype=bool)
    found[tx[order][1:][same]] = True
    return found
