"""Transactions that are known from the side of those they pay only, as histories of addresses tell them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.utxo_histories import OWNERS, histories, ledger_of, openings, seed, transaction
from tracer.addresses import BITCOIN
from tracer.chains.utxo_rows import table_of, transactions_of
from tracer.ledger import Ledger, build_ledger
from tracer.model import Rule
from tracer.taint.compile import compile_program
from tracer.taint.engine import run
from tracer.utxo import Input, Outpoint, UtxoTransaction


def told_by(address: str, transactions: list[UtxoTransaction]) -> pa.Table:
    """The history of an address: whole where it pays or coin is made, else what it got."""
    rows, parts = [], set()
    for one in transactions:
        if one.coinbase or any(spent.address == address for spent in one.inputs):
            if one.inputs or any(o.address == address for o in one.outputs):
                rows.append(one)
            continue
        own = tuple(output for output in one.outputs if output.address == address)
        if own:
            rows.append(replace(one, inputs=(), outputs=own))
            parts.add((one.block, one.txid))
    return table_of(rows, parts=parts)


def together(addresses: tuple[str, ...], transactions: list[UtxoTransaction]) -> Ledger:
    return build_ledger([told_by(address, transactions) for address in addresses])


def held(ledger: Ledger, bad: str, rule: str, stopped: tuple[str, ...]) -> dict[str, int]:
    if (BITCOIN, bad) not in ledger.address_number:
        return {}
    program = compile_program(ledger, [seed(bad)], {(BITCOIN, a): "PENDING" for a in stopped})
    outcome = run(program, Rule(rule))
    found: dict[str, int] = {}
    for holding, units in enumerate(outcome.taint):
        if units:
            name = program.name(holding)[1]
            found[name] = found.get(name, 0) + units
    return found


def of_a_thief(transactions: list[UtxoTransaction]) -> list[UtxoTransaction]:
    """The outputs of A that nobody saw made are the thief's instead, who is never paid again."""
    made = {Outpoint(t.txid, o.vout) for t in transactions for o in t.outputs}

    def spent(one: Input) -> Input:
        return replace(one, address="thief") if one.address == "A" and one.outpoint not in made else one

    return [replace(t, inputs=tuple(spent(one) for one in t.inputs)) for t in transactions]


@pytest.mark.parametrize("rule", ["poison", "haircut", "fifo", "tiho"])
@settings(max_examples=25)
@given(histories(most=5), st.sets(st.sampled_from(OWNERS), max_size=2))
def test_histories_of_addresses_give_what_the_whole_chain_gives(
    rule: str, transactions: list[UtxoTransaction], unread: set[str]
) -> None:
    """Whoever was not read is stopped: then it does not matter that his side is not known."""
    transactions = of_a_thief(transactions)
    read = ("thief", *(owner for owner in OWNERS if owner not in unread))
    stopped = tuple(sorted(unread))
    whole = held(ledger_of(transactions), "thief", rule, stopped)
    assert held(together(read, transactions), "thief", rule, stopped) == whole


def test_what_several_payees_got_is_put_together_and_counted_once() -> None:
    one = transaction(1, [(9, 0, "X", 100)], [("A", 30), ("B", 50), ("A", 15)])
    spends = transaction(2, [(1, 0, "A", 30), (1, 2, "A", 15)], [("C", 44)])
    tables = [told_by(who, [one, spends]) for who in ("A", "B", "A")]
    ledger = build_ledger(tables)
    assert [g.code for g in ledger.gaps if g.status == "open"] == []
    assert "received_only" in {g.code for g in ledger.gaps}
    assert sorted(n for n, utxo in zip(ledger.amount, ledger.utxo, strict=True) if utxo) == [
        1,
        15,
        15,
        30,
        30,
        44,
        50,
    ]
    assert held(ledger, "A", "fifo", ()) == {"C": 44, "sink:fee": 1}
    assert held(ledger, "B", "fifo", ()) == {"B": 50}
    assert transactions_of(tables[0]) == [spends]


def test_a_whole_copy_takes_the_place_of_parts() -> None:
    one = transaction(1, [(9, 0, "X", 100)], [("A", 30), ("B", 50)])
    ledger = build_ledger([told_by("A", [one]), table_of([one]), told_by("B", [one])])
    assert len(ledger.amount) == 4
    assert {g.code for g in ledger.gaps} == {"overlap"}


def test_rows_without_the_mark_are_still_incomplete() -> None:
    one = transaction(1, [(9, 0, "X", 100)], [("A", 30), ("B", 50)])
    rows = table_of([one]).slice(1, 1)
    ledger = build_ledger([rows])
    assert [g.code for g in ledger.gaps] == ["incomplete_transaction"]
    assert ledger.rows == 0
    assert openings([one])
