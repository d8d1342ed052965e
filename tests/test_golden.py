"""Golden examples with exact results, worked by hand, for every rule."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tracer.ledger import build_ledger
from tracer.model import Rule, Seed
from tracer.movements import from_rows
from tracer.taint.compile import compile_program
from tracer.taint.engine import run

CHAIN = "eip155:1"
UNIT = 16  # the examples have sixteenths


def trace(payments, seeds, rule, *, stops=None):
    """payments: (from, to, amount[, asset[, tx]]) in order. Returns {(address, asset): taint} and the program."""
    rows = []
    for n, payment in enumerate(payments):
        sender, recipient, amount, asset, tx = (
            (*payment, "native", f"0x{n}")[:5] if len(payment) < 4 else (*payment, f"0x{n}")[:5]
        )
        rows.append(
            dict(
                chain=CHAIN,
                block=n,
                tx_index=0,
                position=n,
                timestamp=n,
                tx_hash=tx,
                from_address=sender,
                to_address=recipient,
                amount=int(amount * UNIT),
                asset=asset,
            )
            | ({"block": int(tx[2:])} if len(payment) == 5 else {})
            | ({"kind": "opening"} if sender == "" else {})
        )
    program = compile_program(build_ledger([from_rows(rows)]), seeds, stops)
    outcome = run(program, rule)
    held = {}
    for holding, units in enumerate(outcome.taint):
        _, address, asset = program.name(holding)
        held[address, asset.ref] = held.get((address, asset.ref), 0) + Fraction(units, UNIT)
    return held, program, outcome


def seed(address="M", **kw):
    return Seed(CHAIN, address, **kw)


A = [
    ("", "M", 10),
    ("T", "M", 30),
    ("X", "M", 20),
    ("M", "P", 25),
    ("Y", "M", 15),
    ("M", "Q", 30),
    ("M", "R", 20),
]
B = [("T", "M", 100), ("M", "A", 80), ("X", "M", 60), ("M", "B", 50)]
C = [("", "M", 5), ("M", "X", 2), ("T1", "M", 4), ("N", "M", 3), ("T2", "M", 6), ("M", "Y", 7), ("M", "Z", 9)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("poison", (25, 30, 20)),
        ("haircut", (12.5, 10.5, 7)),
        ("fifo", (15, 15, 0)),
        ("lifo", (5, 15, 10)),
        ("seniority", (25, 5, 0)),
        ("libr", (0, 10, 20)),
    ],
)
def test_example_a_opening_balance(rule, expected):
    held, _, _ = trace(A, [seed(tx="0x1")], Rule(rule))
    assert tuple(held[p, "native"] for p in "PQR") == expected
    assert held["M", "native"] == 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("poison", (80, 50)),
        ("haircut", (80, 12.5)),
        ("fifo", (80, 20)),
        ("lifo", (80, 0)),
        ("seniority", (80, 20)),
        ("libr", (80, 0)),
    ],
)
def test_example_b_lowest_intermediate_balance(rule, expected):
    held, _, _ = trace(B, [seed(tx="0x0")], Rule(rule))
    assert tuple(held[p, "native"] for p in "AB") == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("poison", (0, 7, 9)),
        ("haircut", (0, 4.375, 5.625)),
        ("fifo", (0, 4, 6)),
        ("lifo", (0, 6, 4)),
        ("seniority", (0, 7, 3)),
        ("libr", (0, 1, 9)),
    ],
)
def test_example_c_coin_spent_before_the_theft_is_clean(rule, expected):
    held, _, _ = trace(C, [seed(tx="0x2"), seed(tx="0x4")], Rule(rule))
    assert tuple(held[p, "native"] for p in "XYZ") == expected


@pytest.mark.parametrize(
    ("rule", "tokens", "source"),
    [
        ("haircut", 40_000, 20),
        ("fifo", 80_000, 40),
        ("seniority", 80_000, 40),
        ("libr", 0, 0),
        ("lifo", 0, 0),
    ],
)
def test_example_d_a_swap_carries_taint_by_fraction_and_keeps_source_units(rule, tokens, source):
    payments = [
        ("T", "M", 40),
        ("N", "M", 60),
        ("M", "pool", 50, "native", "0x7"),
        ("pool", "M", 100_000, "usdt", "0x7"),
    ]
    held, program, outcome = trace(payments, [seed(tx="0x0")], Rule(rule))
    assert held["M", "usdt"] == tokens
    assert held["pool", "native"] == 0
    got = sum(
        s
        for h, split in enumerate(outcome.split)
        if program.name(h)[2].ref == "usdt"
        for _, s in split.values()
    )
    assert Fraction(got, UNIT) == source
