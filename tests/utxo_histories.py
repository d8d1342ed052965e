"""Histories of a Bitcoin-like chain for tests, and a reference that follows every single sat by hand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

from tracer.addresses import BITCOIN
from tracer.chains.utxo_rows import table_of
from tracer.ledger import Ledger, build_ledger
from tracer.model import Seed
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

OWNERS = ("A", "B", "C", "D")


def txid(n: int) -> str:
    """A txid that says its number."""
    return f"{n:064x}"


def transaction(
    n: int,
    inputs: Sequence[tuple[int, int, str, int]],
    outputs: Sequence[tuple[str, int]],
    block: int | None = None,
    index: int | None = 0,
) -> UtxoTransaction:
    """Transaction n: inputs (transaction, vout, owner, sat), outputs (owner, sat); "" is an OP_RETURN."""
    return UtxoTransaction(
        BITCOIN,
        txid(n),
        n if block is None else block,
        index,
        1_700_000_000 + n,
        tuple(Input(Outpoint(txid(t), v), owner, Script.P2WPKH, sat) for t, v, owner, sat in inputs),
        tuple(
            Output(v, owner, Script.P2WPKH if owner else Script.OP_RETURN, sat)
            for v, (owner, sat) in enumerate(outputs)
        ),
    )


def ledger_of(transactions: Sequence[UtxoTransaction], **more) -> Ledger:
    return build_ledger([table_of(transactions)], **more)


def seed(address: str, **more: object) -> Seed:
    return Seed(BITCOIN, address, **more)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 7, unit: int = 9) -> list[UtxoTransaction]:
    """Transactions that spend outputs made before them, or (the first) outputs that nobody saw made."""
    free: list[tuple[int, int, str, int]] = []
    made: list[UtxoTransaction] = []
    for n in range(1, draw(st.integers(2, most)) + 1):
        taken = []
        for _ in range(draw(st.integers(1, 3))):
            if free and draw(st.integers(0, 3)):
                taken.append(free.pop(draw(st.integers(0, len(free) - 1))))
            else:
                owner, sat = draw(st.sampled_from(OWNERS)), draw(st.integers(1, unit))
                taken.append((1000 + n, len(taken), owner, sat))
        if not draw(st.integers(0, 9)):
            taken = []  # a coinbase
        left = sum(sat for *_, sat in taken) or draw(st.integers(1, unit))
        outputs = []
        for _ in range(draw(st.integers(1, 4))):
            sat = draw(st.integers(0, left))
            left -= sat
            outputs.append((draw(st.sampled_from((*OWNERS, ""))), sat))
        made.append(transaction(n, taken, outputs))
        free += [(n, v, owner, sat) for v, (owner, sat) in enumerate(outputs) if owner and sat]
    return made


def openings(transactions: Sequence[UtxoTransaction]) -> list[Outpoint]:
    """The outputs that are spent and that no transaction of the history makes."""
    made = {Outpoint(t.txid, o.vout) for t in transactions for o in t.outputs}
    return [i.outpoint for t in transactions for i in t.inputs if i.outpoint not in made]


class Reference:
    """Each output as a list of sat, True for stolen, oldest first; haircut as the stolen part of a number.

    Written from the definitions of the rules, not from the code: one sat is one entry.
    """

    def __init__(self, rule: str, stolen: set[Outpoint], stopped: set[str] = frozenset()) -> None:
        self.rule, self.stolen, self.stopped = rule, stolen, stopped
        self.coins: dict[Outpoint, list[bool]] = {}
        self.owner: dict[Outpoint, str] = {}
        self.kept: dict[str, int] = {}
        self.fees = self.burned = 0

    def run(self, transactions: Sequence[UtxoTransaction]) -> dict[str, int]:
        for t in transactions:
            self.apply(t)
        held = dict(self.kept)
        for point, coins in self.coins.items():
            held[self.owner[point]] = held.get(self.owner[point], 0) + sum(coins)
        return {name: n for name, n in (held | {"fee": self.fees, "burned": self.burned}).items() if n}

    def apply(self, t: UtxoTransaction) -> None:
        pot: list[bool] = []
        for spent in t.inputs:
            coins = self.coins.pop(spent.outpoint, [spent.outpoint in self.stolen] * spent.amount)
            if spent.address in self.stopped:
                self.kept[spent.address] = self.kept.get(spent.address, 0) + sum(coins)
                coins = [False] * spent.amount
            pot += coins
        if t.coinbase:
            pot = [False] * sum(o.amount for o in t.outputs)
        order = list(t.outputs)
        if self.rule == "tiho":
            order.sort(key=lambda o: (-o.amount, o.vout))
        dirty = any(pot)
        for o in order:
            coins = self.take(pot, o.amount, dirty)
            point = Outpoint(t.txid, o.vout)
            if not o.address:
                self.burned += sum(coins)
                continue
            if point in self.stolen:
                coins = [True] * o.amount
            self.coins[point], self.owner[point] = coins, o.address
        self.fees += sum(pot) if self.rule != "poison" else len(pot) * dirty

    def take(self, pot: list[bool], amount: int, dirty: bool) -> list[bool]:
        if self.rule == "poison":
            del pot[:amount]
            return [dirty] * amount
        if self.rule == "fifo":
            taken, pot[:] = pot[:amount], pot[amount:]
            return taken
        if self.rule == "lifo":
            at = len(pot) - amount
            taken, pot[:] = pot[at:], pot[:at]
            return taken
        bad, all_ = sum(pot), len(pot)
        if self.rule == "haircut":
            exact = Fraction(amount * bad, all_ or 1)
            out = int(exact)
            kept = Fraction((all_ - amount) * bad, all_ or 1)
            out += exact - out > kept - int(kept)
        elif self.rule == "libr":
            out = bad - min(bad, all_ - amount)
        else:  # seniority, and tiho with its own order of outputs
            out = min(bad, amount)
        pot[:] = [True] * (bad - out) + [False] * (all_ - bad - amount + out)
        return [True] * out + [False] * (amount - out)
