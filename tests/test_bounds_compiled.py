"""Ranges of compiled histories: pots, conversions, relabelled inflows, stops and openings as compiled."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.accounting import CHAIN, history, seed
from tests.bounds_ledgers import CONSERVING
from tracer.errors import SeedError
from tracer.model import Seed
from tracer.taint.bounds import bounds, reached, verify
from tracer.taint.compile import compile_program
from tracer.taint.engine import run
from tracer.taint.program import Op, Program

NAMES = st.sampled_from(["S", "A", "A", "B", "C", "X"])
ASSETS = st.sampled_from(["native", "native", "native", "t1", "t2"])
PAYMENT = st.tuples(NAMES, NAMES, st.integers(1, 40), ASSETS, st.booleans())
SEEDS = st.sampled_from(
    [
        [seed("S", amount=30, asset="native")],
        [seed("S", amount=10**18 + 7, asset="native")],
        [seed("S", amount=20, asset="native"), seed("A")],
        [seed("S", asset="native"), seed("B", asset="t1")],
        [seed("S")],
    ]
)


MIX = [("B", "A", 15, "native", False), ("S", "A", 20, "native", False)]


def compiled(payments: list[tuple[str, str, int, str, bool]], seeds: list[Seed], unit: int) -> Program | None:
    """Payments, first of all a mixture; each in the transaction of the one before if its last field says so."""
    rows: list[tuple[object, ...]] = []
    tx = 0
    for n, (sender, recipient, amount, asset, same) in enumerate([*MIX, *payments]):
        tx = tx if same else n
        rows.append((sender, recipient, amount * unit + (n if unit > 1 else 0), asset, {"tx": tx}))
    try:
        return compile_program(history(rows), seeds, {(CHAIN, "X"): "SERVICE"})
    except SeedError:
        return None


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.lists(PAYMENT, min_size=3, max_size=18), SEEDS, st.sampled_from([1, 10**18]))
def test_every_rule_is_inside_and_every_range_is_proven(
    payments: list[tuple[str, str, int, str, bool]], seeds: list[Seed], unit: int
) -> None:
    program = compiled(payments, seeds, unit)
    if program is None:
        return
    found = {int(str(r.target)): r for r in bounds(program)}
    for rule in CONSERVING:
        for holding, units in enumerate(run(program, rule).taint):
            if units:
                assert found[holding].at_least <= units <= found[holding].at_most, (rule, holding)
            elif holding in found:
                assert found[holding].at_least == 0, (rule, holding)
    assert all(verify(program, r) for r in found.values())
    if Op.CONVERT not in program.op:
        assert {r.kind for r in found.values()} <= {"exact"}


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(PAYMENT, min_size=3, max_size=18), SEEDS)
def test_what_came_through_is_proven_and_no_less_than_what_rests(
    payments: list[tuple[str, str, int, str, bool]], seeds: list[Seed]
) -> None:
    program = compiled(payments, seeds, 1)
    if program is None:
        return
    targets = reached(program)
    for rests, came in zip(bounds(program, targets), bounds(program, targets, through=True), strict=True):
        assert verify(program, came)
        assert came.at_least <= came.at_most
        assert came.at_most >= rests.at_most or "enclosing" in (rests.kind, came.kind)


def test_a_swap_in_one_transaction_carries_the_range_into_the_other_asset() -> None:
    ledger = history(
        [
            ("", "S", 60),
            ("S", "pool", 50, {"tx": 1}),
            ("pool", "S", 7, "t1", {"tx": 1}),
            ("S", "X", 7, "t1"),
        ]
    )
    program = compile_program(ledger, [seed("S", amount=40, asset="native")], {(CHAIN, "X"): "SERVICE"})
    service = next(
        h for h in reached(program) if program.name(h)[1] == "X" and program.name(h)[2].ref == "t1"
    )
    (found,) = bounds(program, [service])
    # 60 clean and 40 stolen: of the 50 given, 0 to 40 are stolen; 40/50 of 7 is 5.6, rounded outward
    assert (found.at_least, found.at_most, found.kind) == (0, 6, "enclosing")
    assert verify(program, found)
