"""Common-input ownership: whoever signs all inputs of a transaction has the keys of all.

Source: Nakamoto, Bitcoin (2008), section 10; Meiklejohn et al., A Fistful of Bitcoins (IMC 2013), heuristic 1. It is
wrong by design where several people build one transaction, so it is applied after the CoinJoin rules only, not to
shapes that may be joint, and with less confidence where a PayJoin (BIP-78) or a contract of two is possible. Error
rate: docs/accuracy.md.
"""

from __future__ import annotations

from tracer.clusters.history import History
from tracer.clusters.link import Link
from tracer.clusters.shape import ROUND, Shape
from tracer.clusters.whirlpool import perhaps_of_two
from tracer.utxo import Script, UtxoTransaction

__all__ = ["MAYBE_JOINT", "common_input", "maybe_cofunded", "maybe_joint", "maybe_payjoin"]

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
        confidence, note = MAYBE_JOINT, "a payee may have added an input: a PayJoin is possible"
    elif maybe_cofunded(shape):
        confidence, note = MAYBE_JOINT, "two may have paid into one contract (P2WSH), each with its change"
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
    """Two outputs, and a sign that the payee added an input (BIP-78), which returns to it with the payment.

    The unnecessary-input heuristic (UIH2): a wallet does not spend a coin that the payment did not need. Wallets that
    gather small coins, or seek change of some worth, do it too. Payees who know it add a coin that leaves no such sign;
    then the payment shows where it is a round sum: the payee's output exceeds one input by it.
    """
    if len(shape.paid_out) != 2 or len(shape.payers) < 2:
        return False
    return _unnecessary(shape) or _round_payment_inside(shape)


def _unnecessary(shape: Shape) -> bool:
    """Whether the smallest input was not needed, whichever of two outputs was paid."""
    return sum(shape.paid_in) - min(shape.paid_in) >= max(shape.paid_out) + shape.transaction.fee


def _round_payment_inside(shape: Shape) -> bool:
    """Whether an output that is no round sum exceeds an input by one; in one wallet's payment that is an accident."""
    return any(
        paid > spent and paid % ROUND and not (paid - spent) % ROUND
        for paid in shape.paid_out
        for spent in shape.paid_in
    )


def maybe_cofunded(shape: Shape) -> bool:
    """Two outputs beside one to a script (P2WSH), from several payers: a contract that two funded, and two changes.

    Lightning channels that both sides fund have this shape (BOLT 2, channel establishment v2), and so have securities
    for a trade that both traders lock in one output.
    """
    kinds = [o.script_type for o in shape.transaction.outputs if o.script_type != Script.OP_RETURN]
    return len(kinds) == 3 and kinds.count(Script.P2WSH) == 1 and len(shape.payers) >= 2
