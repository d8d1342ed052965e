"""Peel chains: a large coin that pays small sums one after the other, followed along its change.

Method: Kappos, Yousaf, Stuetz, Rollet, Haslhofer and Meiklejohn, How to Peel a Million (USENIX Security 2022): the
change of a hop is the one output whose spender shares the features of the chain. It ends as soon as that is not exactly
one. Error rate: docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tracer.clusters.change import signals_replacement
from tracer.clusters.history import History
from tracer.utxo import Output, Script, UtxoTransaction

__all__ = ["PeelHop", "follow_peel"]

_DUST = 1_000
"""Sat; transfers of tokens and inscriptions look like peels of 546 or 330 sat."""


@dataclass(frozen=True, slots=True)
class PeelHop:
    """One transaction of a chain: the output that goes on, and those that were peeled off, by vout."""

    txid: str
    change: int
    peeled: tuple[int, ...]


def follow_peel(
    start: UtxoTransaction, history: History, services: Collection[str] = ()
) -> tuple[tuple[PeelHop, ...], str]:
    """The hops from `start` on, and in words why the chain ends there.

    services: owners (addresses) at which coin is not followed. Features that must agree along the chain: the one kind
    of script of the inputs, version, whether a locktime is set, whether replaceability is signalled (Kappos et al.).
    """
    hops: list[PeelHop] = []
    here = start
    while True:
        if here.txid in history.mixed:
            return tuple(hops), "a CoinJoin"
        outputs = [o for o in here.outputs if o.script_type != Script.OP_RETURN]
        if len(outputs) < 2:
            return tuple(hops), "nothing is peeled off"
        if min(o.amount for o in outputs) < _DUST:
            return tuple(hops), f"an output below {_DUST:,} sat: a token transfer rather than a payment"
        going_on = [(o, then) for o in outputs if (then := _continues(here, o, history)) is not None]
        if len(going_on) != 1:
            what = (
                "no output goes on in the same way"
                if not going_on
                else "several outputs go on in the same way"
            )
            return tuple(hops), what
        change, then = going_on[0]
        if here.owner(change) in services:
            return tuple(hops), "a service"
        hops.append(PeelHop(here.txid, change.vout, tuple(o.vout for o in outputs if o is not change)))
        here = then


def _continues(here: UtxoTransaction, output: Output, history: History) -> UtxoTransaction | None:
    """The transaction that spends the output with the features of this one; None if there is no such."""
    then = history.spends(here, output.vout)
    return then if then is not None and _features(then) == _features(here) is not None else None


def _features(transaction: UtxoTransaction) -> tuple[object, ...] | None:
    """What a wallet's transactions have in common; None for inputs of mixed or unknown kinds."""
    kinds = {i.script_type for i in transaction.inputs}
    if len(kinds) != 1 or Script.UNKNOWN in kinds:
        return None
    set_time = None if transaction.locktime is None else transaction.locktime > 0
    return (*kinds, transaction.version, set_time, signals_replacement(transaction))
