"""Seeds that name outputs: several for the same coin, in any order, and thousands of them in one pass."""

from __future__ import annotations

import itertools

import pytest

from tests.test_utxo_ledger import held
from tests.utxo_histories import ledger_of, seed, transaction, txid
from tracer.addresses import BITCOIN
from tracer.errors import SeedError
from tracer.taint import seeds as planning
from tracer.taint.compile import compile_program

PAID = transaction(1, [(90, 0, "V", 1000)], [("T", 300), ("T", 400), ("U", 290)])
ONE = {"vout": 0, "tx": txid(1)}
OPENING = {"vout": 0, "tx": txid(90)}


def stolen(*seeds, made=(PAID,)):
    """The stolen total, which no order of the seeds changes."""
    ledger = ledger_of(made)
    totals = {sum(held(ledger, order, "fifo").values()) for order in itertools.permutations(seeds)}
    assert len(totals) == 1
    return totals.pop()


def test_amounts_of_one_output_add_up_and_the_whole_stays_the_whole_in_any_order():
    assert stolen(seed("T", **ONE, amount=100), seed("T", **ONE, amount=50)) == 150
    assert stolen(seed("T", **ONE), seed("T", **ONE, amount=100)) == 300
    assert stolen(seed("T", **ONE, amount=200), seed("T", **ONE, amount=150)) == 300
    assert stolen(seed("V", **OPENING), seed("V", **OPENING, amount=10)) == 1000


def test_an_output_stands_before_its_transaction_and_that_before_the_address():
    assert stolen(seed("T", **ONE, amount=100), seed("T", tx=txid(1))) == 500
    assert stolen(seed("T", **ONE), seed("T", tx=txid(1), amount=350)) == 650
    assert stolen(seed("T", **ONE, amount=100), seed("T")) == 500


def test_an_amount_alone_goes_into_what_named_outputs_leave_of_the_openings():
    made = [transaction(1, [(90, 0, "V", 1000), (91, 0, "V", 500)], [("T", 1490)])]
    assert stolen(seed("V", **OPENING, amount=100), seed("V", amount=1200), made=made) == 1300
    assert stolen(seed("V", amount=900), seed("V", amount=600), made=made) == 1500
    program = compile_program(ledger_of(made), [seed("V", amount=900), seed("V", amount=600)])
    assert "seed_amount" not in {g.code for g in program.gaps}


def test_what_an_output_does_not_hold_is_a_gap_with_its_amount():
    program = compile_program(ledger_of([PAID]), [seed("T", **ONE, amount=200), seed("T", **ONE, amount=150)])
    (gap,) = [g for g in program.gaps if g.code == "seed_amount"]
    assert (gap.amount, gap.tx) == (50, txid(1))


@pytest.mark.parametrize("whole", [{"tx": txid(1)}, ONE])
def test_two_thefts_that_name_one_output_are_refused(whole):
    for order in itertools.permutations([seed("T", **ONE, theft="a"), seed("T", **whole, theft="b")]):
        with pytest.raises(SeedError, match="Two thefts claim"):
            held(ledger_of([PAID]), order, "fifo")


@pytest.mark.parametrize("first", [0, 10_000])
def test_thousands_of_outputs_are_found_in_one_pass(monkeypatch, first):
    made = [
        transaction(n, [(10_000 + n, 0, f"V{n}", 1000)], [(f"T{n}", 600), (f"U{n}", 390)])
        for n in range(1, 1001)
    ]
    ledger = ledger_of(made)
    seeds = [seed("", tx=txid(first + n), vout=0) for n in range(1, 1001)]
    passes = []
    read = planning.outpoint_texts
    monkeypatch.setattr(planning, "outpoint_texts", lambda table: passes.append(1) or read(table))
    monkeypatch.setattr(type(ledger), "rows_of", lambda *_: pytest.fail("a pass for each seed"))
    assert sum(held(ledger, seeds, "fifo").values()) == (1_000_000 if first else 600_000)
    assert len(passes) == 1


def test_a_payment_of_a_service_that_stolen_coin_reached_is_said_to_count_twice():
    made = [
        PAID,
        transaction(2, [(1, 0, "T", 300)], [("S", 290)]),
        transaction(3, [(2, 0, "S", 290)], [("W", 280)]),
    ]
    seeds = [seed("T", tx=txid(1)), seed("W", tx=txid(3))]
    program = compile_program(ledger_of(made), seeds, {(BITCOIN, "S"): "SERVICE"})
    (gap,) = [g for g in program.gaps if g.code == "seed_behind_stop"]
    assert (gap.address, gap.amount, gap.tx, gap.status) == ("W", 280, txid(3), "open")
    followed = compile_program(ledger_of(made), seeds)
    assert "seed_behind_stop" not in {g.code for g in followed.gaps}


@pytest.mark.parametrize("hops", [1, 2, 5])
def test_coin_that_comes_from_a_stop_over_more_payments_is_said_too(hops):
    made = [PAID, transaction(2, [(1, 0, "T", 300)], [("S", 290)])]
    made += [transaction(3, [(2, 0, "S", 290)], [("H0", 280)])]
    for n in range(hops):
        made.append(transaction(4 + n, [(3 + n, 0, f"H{n}", 280 - 10 * n)], [(f"H{n + 1}", 270 - 10 * n)]))
    last = 3 + hops
    strangers = transaction(70, [(20_000, 0, "V9", 500)], [("Q", 490)])
    seeds = [seed("T", tx=txid(1)), seed(f"H{hops}", tx=txid(last)), seed("Q", tx=txid(70))]
    program = compile_program(ledger_of([*made, strangers]), seeds, {(BITCOIN, "S"): "SERVICE"})
    (gap,) = [g for g in program.gaps if g.code.startswith("seed_be")]
    assert (gap.code, gap.status, gap.address) == ("seed_beyond_stop", "open", f"H{hops}")
    assert (gap.amount, gap.tx) == (280 - 10 * hops, txid(last))
    assert not [g for g in compile_program(ledger_of(made), seeds[:2]).gaps if g.code.startswith("seed_be")]
