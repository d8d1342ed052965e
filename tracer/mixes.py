"""CoinJoins of a ledger, as the accounting takes them: where stolen coin stops, and which change goes on.

Coin that enters a CoinJoin cannot be followed to one output, so it rests in the transaction, which is shown as a mixer
(stop code MIXER) with how large a crowd each kind of output makes. What certainly is the change of one input goes on.
Which transactions these are, and how sure that is: `tracer.clusters.coinjoin`, docs/accuracy.md. The analyst can say of
any transaction that it is one, or is none: `tracer stop CASE tx:TXID`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tracer.addresses import BITCOIN, transaction_name
from tracer.amounts import decimal_text
from tracer.chains.utxo_rows import DECIMALS, transactions_of
from tracer.clusters.coinjoin import classify
from tracer.clusters.mixing import Mixing, mixing
from tracer.clusters.verdict import CoinJoin, Verdict, seen
from tracer.ledger import Ledger
from tracer.model import NATIVE, Gap
from tracer.utxo import UtxoTransaction
from tracer.wording import words

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

    def said(self, language: str) -> str:
        """What the investigator has to know where stolen coin stops here, in a language of `tracer.wording`."""
        w, kind = words(language), self.verdict.kind.value
        coin = " BTC" if self.transaction.chain == BITCOIN else " coin" if language == "en" else ""
        crowds = [
            w(
                "mixgap.crowd",
                count=d.anonymity_set,
                amount=f"{decimal_text(d.amount, DECIMALS)}{coin}",
                units=d.amount,
            )
            for d in self.parts.denominations[:_LISTED]
        ]
        more = len(self.parts.denominations) - len(crowds)
        left = len(self.parts.unique) - len(self.parts.change)
        return w(
            "mixgap.said",
            kind=kind if language == "en" else w.one_of("mixkind", kind),
            confidence=self.verdict.confidence,
            reasons="; ".join(self.verdict.said(language)),
            crowds=", ".join(crowds) or w("mixgap.none"),
            more=w("mixgap.more", count=more) if more else "",
            change=len(self.parts.change),
            left=w("mixgap.left", count=left) if left else "",
        )

    def gap(self) -> Gap:
        """The same as a gap."""
        return MixGap("coinjoin", self.said("en"), *self.account, NATIVE, tx=self.transaction.txid, mix=self)


@dataclass(frozen=True, slots=True)
class MixGap(Gap):
    """The gap of a CoinJoin, which can be said in every language."""

    mix: Mix = field(kw_only=True, compare=False)

    def said(self, language: str) -> str:
        """What is to be known about the CoinJoin."""
        return self.mix.said(language)


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
    said = Verdict(CoinJoin.OTHER, 100, (seen("analyst"),))
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
