"""Where stolen coin may have gone after a CoinJoin: an equal share for each output of one value, no more than possible.

A trace that is certain stops at a mix. What is listed here is graded `probabilistic`, is in no total, moves no coin,
makes no edge and no stop. One step: the outputs, and where each was spent. The equal share over equal outputs is the
usual model of the anonymity set (Maurer, Neudecker and Florian, TrustCom 2017); it is no finding about any one output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracer.clusters.mixing import Denomination
from tracer.clusters.verdict import CoinJoin
from tracer.ledger import Ledger
from tracer.mixes import Mix

__all__ = ["GRADE", "Entered", "Possible", "possible_outputs"]

GRADE = "probabilistic"
"""The grade of every row: no fact, and nothing that may be added up."""

_ONE_EACH = {CoinJoin.WHIRLPOOL, CoinJoin.JOINMARKET}
"""Kinds in which every participant, who has one input or more, gets exactly one output of the value."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Stolen coin in a mix. rests: sat that rest in it. inputs: how many of its inputs carried stolen coin."""

    rests: int
    inputs: int


@dataclass(frozen=True, slots=True)
class Possible:
    """An output of a mix in which stolen coin may be.

    share: sat, rounded down, as if what rests had left in outputs of this value, equally in each. remainder: sat that
    the rounding leaves over among all outputs of the value. spent_tx: "" where no source of the case spends it.
    """

    mix: Mix
    entered: Entered
    vout: int
    owner: str
    amount: int
    anonymity_set: int
    share: int
    remainder: int
    spent_tx: str


def possible_outputs(
    mixes: Iterable[Mix], entered: Mapping[tuple[str, str], Entered], ledger: Ledger
) -> list[Possible]:
    """The outputs of equal value of every mix in which stolen coin rests, in ledger order, largest crowd first.

    entered: (chain, `tx:<txid>`) -> what is in it; mixes that are not named, or hold nothing, are left out.
    """
    found = []
    held = [mix for mix in mixes if mix.account in entered and entered[mix.account].rests]
    rows = ledger.rows_of_each((mix.transaction.chain, mix.transaction.txid) for mix in held)
    for mix in sorted(held, key=lambda m: rows[m.transaction.chain, m.transaction.txid][0]):
        transaction, inside = mix.transaction, entered[mix.account]
        owners = {output.vout: transaction.owner(output) for output in transaction.outputs}
        for crowd in mix.parts.denominations:
            share, remainder = divmod(_most(mix, inside, crowd), crowd.anonymity_set)
            for vout in crowd.vouts:
                spent = ledger.spent_in.get((transaction.chain, f"{transaction.txid}:{vout}"), "")
                found.append(
                    Possible(
                        mix,
                        inside,
                        vout,
                        owners[vout],
                        crowd.amount,
                        crowd.anonymity_set,
                        share,
                        remainder,
                        spent,
                    )
                )
    return found


def _most(mix: Mix, inside: Entered, crowd: Denomination) -> int:
    """How much of what rests can have left in outputs of one value: not more than they hold together.

    Where everybody gets one such output, not more than one for each input that carried stolen coin.
    """
    outputs = crowd.anonymity_set
    if mix.verdict.kind in _ONE_EACH:
        outputs = min(outputs, inside.inputs)
    return min(inside.rests, crowd.amount * outputs)
