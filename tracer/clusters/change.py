"""Change: the output that returns to the payer, found by several independent signs or not at all.

Each sign names the outputs that it cannot rule out and speaks only when exactly one is left. One sign alone is not
evidence (Kalodner et al., BlockSci, USENIX Security 2020, advise against it); two of different nature are asked for,
and none against. Moeser and Narayanan, Resurrecting Address Clustering in Bitcoin (FC 2022), vote in the same way on
transactions with known change. Rules: BlockSci's change heuristics. Error rate: docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.clusters.common_input import MAYBE_JOINT, maybe_cofunded, maybe_joint, maybe_payjoin
from tracer.clusters.history import History
from tracer.clusters.link import Link
from tracer.clusters.shape import ROUND, Shape
from tracer.utxo import Output, Script, UtxoTransaction

__all__ = ["SIGNS", "Change", "Sign", "change_link", "find_change"]

_CHANGE_SOUGHT = 10**6
"""Sat; Bitcoin Core until 22.0 added coins until the change was so much (MIN_CHANGE, src/wallet/coinselection.h)."""
_FEWEST_SIGNS = 2
_CONFIDENCE = {2: 80, 3: 90}
_CAP = 95
_DATA = {Script.OP_RETURN}

Outputs = list[Output]
Rule = Callable[[UtxoTransaction, Outputs, History], Outputs]


@dataclass(frozen=True, slots=True)
class Sign:
    """A named rule. nature: signs of the same nature are one piece of evidence."""

    name: str
    nature: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Change:
    """The change output of a transaction by its vout, and the names of the signs that point to it, sorted."""

    vout: int
    signs: tuple[str, ...]
    confidence: int


def address_type(transaction: UtxoTransaction, outputs: Outputs, _history: History) -> Outputs:
    """Change has the kind of script that all inputs have (BlockSci, address_type)."""
    kinds = {i.script_type for i in transaction.inputs}
    if len(kinds) != 1 or Script.UNKNOWN in kinds:
        return outputs
    return [o for o in outputs if o.script_type in kinds]


def optimal_change(transaction: UtxoTransaction, outputs: Outputs, _history: History) -> Outputs:
    """Change is smaller than every input, else a coin was spent needlessly (BlockSci, optimal_change).

    Not needlessly if the wallet added that coin to have change of some worth: what exceeds the smallest input by less
    than wallets seek stays possible. Without this allowance the sign mostly pointed to small payments.
    """
    least = min(i.amount for i in transaction.inputs)
    small = [o for o in outputs if o.amount < least]
    return small if all(o.amount >= least + _CHANGE_SOUGHT or o in small for o in outputs) else outputs


def power_of_ten(_transaction: UtxoTransaction, outputs: Outputs, _history: History) -> Outputs:
    """Round sums are payments (BlockSci, power_of_ten with 6 digits)."""
    return [o for o in outputs if o.amount % ROUND]


def fresh(transaction: UtxoTransaction, outputs: Outputs, history: History) -> Outputs:
    """Change goes to a new address (Meiklejohn et al., IMC 2013; BlockSci, client_change), as far as is known."""
    first = history.first_seen
    return [o for o in outputs if first.get(transaction.owner(o)) == transaction.txid]


def locktime(transaction: UtxoTransaction, outputs: Outputs, history: History) -> Outputs:
    """Whoever sets a locktime sets it again, or never (BlockSci, locktime)."""
    return _alike(transaction, outputs, history, lambda t: t.locktime and t.locktime > 0)


def version(transaction: UtxoTransaction, outputs: Outputs, history: History) -> Outputs:
    """A wallet writes one transaction version (Kappos et al., How to Peel a Million, USENIX Security 2022)."""
    return _alike(transaction, outputs, history, lambda t: t.version)


def replaceable(transaction: UtxoTransaction, outputs: Outputs, history: History) -> Outputs:
    """A wallet signals BIP-125 replaceability always or never (Kappos et al.)."""
    return _alike(transaction, outputs, history, signals_replacement)


def peeling_chain(transaction: UtxoTransaction, outputs: Outputs, history: History) -> Outputs:
    """One input, two outputs, and the change is seen to be peeled again, the other is not (BlockSci)."""
    return _alike(transaction, outputs, history, peels) if peels(transaction) else outputs


SIGNS = (
    Sign("address_type", "script", address_type),
    Sign("optimal_change", "size", optimal_change),
    Sign("power_of_ten", "roundness", power_of_ten),
    Sign("fresh", "address", fresh),
    Sign("locktime", "wallet", locktime),
    Sign("version", "wallet", version),
    Sign("replaceable", "wallet", replaceable),
    Sign("peeling_chain", "chain", peeling_chain),
)


def find_change(transaction: UtxoTransaction, history: History) -> Change | None:
    """The change output; None without two signs of different nature for it, or with any sign for another output.

    None also for CoinJoins, and where an output returns to an address that paid: that one is the change, and there is
    nothing to find (BlockSci, address_reuse).
    """
    outputs = [o for o in transaction.outputs if o.script_type not in _DATA]
    payers = {i.owner for i in transaction.inputs}
    if transaction.coinbase or len(outputs) < 2 or transaction.txid in history.mixed:
        return None
    if not payers.isdisjoint(transaction.owner(o) for o in outputs):
        return None
    pointing: dict[int, list[Sign]] = {}
    for sign in SIGNS:
        left = sign.rule(transaction, outputs, history)
        if len(left) == 1:
            pointing.setdefault(left[0].vout, []).append(sign)
    if len(pointing) != 1:
        return None
    ((vout, signs),) = pointing.items()
    natures = len({sign.nature for sign in signs})
    if natures < _FEWEST_SIGNS:
        return None
    return Change(vout, tuple(sorted(s.name for s in signs)), _CONFIDENCE.get(natures, _CAP))


def change_link(transaction: UtxoTransaction, change: Change) -> Link | None:
    """The link from a payer to the owner of the change; None where either has neither address nor script.

    The payer is the first one. Where several may have built the transaction that could be the payee: there it is who
    put in more than the payee got, and where nobody did, the link is too weak to unite anybody.
    """
    output, payer = transaction.outputs[change.vout], transaction.inputs[0]
    confidence, note = change.confidence, f"signs: {', '.join(change.signs)}"
    shape = Shape(transaction)
    shared = maybe_joint(shape) or maybe_cofunded(shape)
    if shared or maybe_payjoin(shape):
        payer = max(transaction.inputs, key=lambda i: i.amount)
        if shared or payer.amount < sum(shape.paid_out) - output.amount:
            confidence = min(confidence, MAYBE_JOINT)
            note += "; several may have built the transaction, so whose change it is remains open"
    if not (payer.address or payer.script) or not (output.address or output.script):
        return None
    return Link(
        f"{transaction.chain}:{payer.owner}",
        f"{transaction.chain}:{transaction.owner(output)}",
        "change",
        transaction.txid,
        confidence,
        note,
    )


def peels(transaction: UtxoTransaction) -> bool:
    """Whether it has one input and two outputs."""
    return len(transaction.inputs) == 1 and len(transaction.outputs) == 2


def signals_replacement(transaction: UtxoTransaction) -> bool | None:
    """Whether an input signals replaceability (BIP-125: sequence below 0xfffffffe); None if unknown."""
    sequences = [i.sequence for i in transaction.inputs if i.sequence is not None]
    return min(sequences) < 0xFFFFFFFE if sequences else None


def _alike(
    transaction: UtxoTransaction, outputs: Outputs, history: History, of: Callable[[UtxoTransaction], object]
) -> Outputs:
    """The one output whose spender is known to be as the transaction is, where all others are spent otherwise.

    Else all outputs: one that is left because nobody spent it yet is no evidence (Kappos et al. follow spent outputs
    only). Who built a CoinJoin is not known, so it says nothing of those who took part.
    """
    ours = of(transaction)
    alike: Outputs = []
    for output in outputs:
        spender = history.spends(transaction, output.vout)
        theirs = None if spender is None or spender.txid in history.mixed else of(spender)
        if ours is None or theirs is None:
            return outputs
        if ours == theirs:
            alike.append(output)
    return alike if len(alike) == 1 else outputs
