"""Common-input ownership: whoever signs all inputs of a transaction has the keys of all.

Source: Nakamoto, Bitcoin (2008), section 10; Meiklejohn et al., A Fistful of Bitcoins (IMC 2013), heuristic 1. It is
wrong by design where several people build one transaction, so it is applied after the CoinJoin rules only, not to
shapes that may be joint, and with less confidence where a PayJoin (BIP-78) is possible. Error rate: docs/accuracy.md.
"""

from __future__ import annotations

from tracer.clusters.history import History
from tracer.clusters.link import Link
from tracer.clusters.shape import Shape
from tracer.clusters.whirlpool import perhaps_of_two
from tracer.utxo import UtxoTransaction

__all__ = ["MAYBE_JOINT", "common_input", "maybe_joint", "maybe_payjoin"]

MAYBE_JOINT = 60
"""Confidence of a link whose transaction several may have built: it is listed and unites nobody."""

_SURE = 90


def common_input(transaction: UtxoTransaction, history: History) -> list[Link]:
    """Links from the first owner among the inputs to each other one; none for what is or may be a joint transaction."""
    owners = list(dict.fromkeys(i.owner for i in transaction.inputs if i.address or i.script))
    if len(owners) < 2 or transaction.txid in history.mixed:
        return []
    shape = Shape(transaction)
    if maybe_joint(shape):
        return []
    confidence, note = _SURE, ""
    if maybe_payjoin(shape):
        confidence, note = MAYBE_JOINT, "an input was not needed for either output: a PayJoin is possible"
    if any(i.outpoint.txid in history.mixed for i in transaction.inputs):
        note = f"{note}; " if note else ""
        note += "spends outputs of a CoinJoin: joins these coins' owner, not the owners before the mix"
    first, *others = (f"{transaction.chain}:{owner}" for owner in owners)
    return [Link(first, other, "common_input", transaction.txid, confidence, note) for other in others]


def maybe_joint(shape: Shape) -> bool:
    """Equal outputs in the number of possible participants, from as many payers: two users or a trade, perhaps.

    The shape of Goldfeder et al. (PoPETs 2018) from two participants on. Trades of inscriptions, in which buyer and
    seller sign one transaction, have it too. Also a Tx0 of Whirlpool with the changes of two users (Tx0x2).
    """
    participants = (len(shape.paid_out) + 1) // 2
    if len(shape.paid_out) >= 3 and shape.equal == participants and len(shape.payers) >= participants:
        return True
    return perhaps_of_two(shape)


def maybe_payjoin(shape: Shape) -> bool:
    """Two outputs, and an input that was not needed to pay either of them: the payee may have added one.

    The unnecessary-input heuristic (UIH2): a wallet does not spend a coin that the payment did not need, while in a
    PayJoin (BIP-78) the payee's input is there for another reason. Wallets that gather small coins do it too.
    """
    if len(shape.paid_out) != 2 or len(shape.payers) < 2:
        return False
    return sum(shape.paid_in) - min(shape.paid_in) >= max(shape.paid_out) + shape.transaction.fee
