"""Small histories for accounting tests: `trace([("S", "A", 10), ...], [seed("S", amount=10)], "fifo")`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tracer.ledger import Ledger, build_ledger
from tracer.model import Rule, Seed
from tracer.movements import from_rows
from tracer.taint.compile import compile_program
from tracer.taint.engine import Outcome, run
from tracer.taint.program import Program
from tracer.taint.tally import Tally, tally

CHAIN = "eip155:1"


@dataclass(frozen=True)
class Trace:
    """A traced history; amounts by address name (native coin) or (name, asset)."""

    ledger: Ledger
    program: Program
    outcome: Outcome

    def _of(self, values: Sequence[int], key: str | tuple[str, str]) -> int:
        name, asset = (key, "native") if isinstance(key, str) else key
        return sum(
            units
            for holding, units in enumerate(values)
            if (self.program.name(holding)[1], self.program.name(holding)[2].ref) == (name, asset)
        )

    def held(self, key: str | tuple[str, str]) -> int:
        """Stolen units that the address (or sink) holds at the end."""
        return self._of(self.outcome.taint, key)

    def balance(self, key: str | tuple[str, str]) -> int:
        """What the address holds at the end."""
        return self._of(self.outcome.balance, key)

    def hop(self, key: str | tuple[str, str]) -> int:
        """Least hop of the address."""
        name, asset = (key, "native") if isinstance(key, str) else key
        return min(
            int(hop)
            for holding, hop in enumerate(self.program.hop)
            if (self.program.name(holding)[1], self.program.name(holding)[2].ref) == (name, asset)
            and not self.program.pot[holding]
        )

    @property
    def tally(self) -> Tally:
        """Sums over the steps."""
        return tally(self.ledger, self.program, self.outcome)

    @property
    def stolen(self) -> int:
        """What the seeds put in, over all origins."""
        return sum(o.stolen for o in self.program.origins)


def movement(
    n: int, sender: str, recipient: str, amount: int, asset: str = "native", **more: object
) -> dict[str, object]:
    """One row; each is its own block and transaction unless `tx` (a number shared by rows) says otherwise."""
    tx = more.pop("tx", None)
    at = n if tx is None else tx
    row: dict[str, object] = {
        "chain": CHAIN,
        "block": at,
        "tx_index": 0,
        "position": n,
        "timestamp": 1_000 + int(str(at)),
        "tx_hash": f"0x{at}",
        "from_address": sender,
        "to_address": recipient,
        "amount": amount,
        "asset": asset,
    }
    if sender == "" and "kind" not in more:
        row["kind"] = "opening"
    return row | more


def history(payments: Sequence[Sequence[object]]) -> Ledger:
    """(from, to, amount[, asset[, {column: value}]]) in order, as a ledger."""
    rows = []
    for n, payment in enumerate(payments):
        sender, recipient, amount, *rest = payment
        more = rest.pop() if rest and isinstance(rest[-1], Mapping) else {}
        asset = str(rest[0]) if rest else "native"
        rows.append(movement(n, str(sender), str(recipient), int(str(amount)), asset, **dict(more)))
    return build_ledger([from_rows(rows)])


def trace(
    payments: Sequence[Sequence[object]] | Ledger,
    seeds: Sequence[Seed],
    rule: str,
    stops: Mapping[str, str] | None = None,
    separate: Collection[tuple[str, str]] = (),
) -> Trace:
    """Trace a history under one rule.

    stops: address -> its stop code. separate: (transaction hash, address) that convert nothing, by a ruling.
    """
    ledger = payments if isinstance(payments, Ledger) else history(payments)
    codes = {(CHAIN, a): code for a, code in (stops or {}).items()}
    program = compile_program(ledger, seeds, codes, [(CHAIN, tx, a) for tx, a in separate])
    return Trace(ledger, program, run(program, Rule(rule)))


def seed(address: str, **more: object) -> Seed:
    """A seed on the test chain."""
    return Seed(CHAIN, address, **more)
