"""Bounds against every admissible accounting tried one by one, against networkx, and against every rule."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bounds_ledgers import (
    CONSERVING,
    POT,
    SINK,
    STOP,
    Ledger,
    balances,
    by_networkx,
    enumerated,
    enumerated_through,
    large_ledger,
    ledgers,
    merged,
    rule_ranges,
)
from tracer.errors import ConservationError, InputError
from tracer.model import Rule
from tracer.taint.bounds import Range, bounds, reached, verify
from tracer.taint.engine import run
from tracer.taint.program import Op, Program

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
ALL = list(range(7))


def pairs(ranges: list[Range]) -> list[tuple[int, int]]:
    return [(r.at_least, r.at_most) for r in ranges]


def kinds(program: Program, targets: list[int | frozenset[int]]) -> set[str]:
    return {r.kind for r in bounds(program, targets)}


# --- facts -------------------------------------------------------------------------------------------------


def test_hints_that_are_one_unit_below_the_balance_are_not_rounded_up() -> None:
    s, a = 0, 1
    program = Ledger().credit(s, 1).seed(s, 9).move(s, a, 10).program()
    for hints in (None, {a: (9, 9)}):
        (found,) = bounds(program, [a], hints=hints)
        assert (found.at_least, found.at_most) == (9, 9)


def test_example_of_the_documentation() -> None:
    a, m, n, e = 0, 1, 2, 3
    ledger = (
        Ledger(stopped={e})
        .credit(m, 20)
        .seed(a, 100)
        .move(a, m, 50)
        .move(a, n, 50)
        .move(m, e, 60)
        .move(n, e, 30)
    )
    program = ledger.program()
    (found,) = bounds(program, [e])
    assert (found.at_least, found.at_most, found.kind) == (70, 80, "exact")
    assert [(c.step, c.what, c.units) for c in found.certificate.low.crossings] == [(0, "payment", 20)]
    assert {c.step: c.units for c in found.certificate.high.crossings} == {2: 50, 5: 30}
    assert verify(program, found)
    taints = {rule: run(program, rule).taint[e] for rule in CONSERVING}
    assert taints == {Rule.FIFO: 70, Rule.LIBR: 70, Rule.HAIRCUT: 73, Rule.LIFO: 80, Rule.SENIORITY: 80}


def test_no_rule_is_a_bound_on_what_one_payee_gets() -> None:
    # handbook example A: R gets 20 under LIBR, 7 under haircut, 0 under seniority
    ledger = Ledger().credit(0, 10).seed(0, 30).credit(0, 20).move(0, 1, 25).credit(0, 15).move(0, 2, 30)
    program = ledger.move(0, 3, 20).program()
    assert pairs(bounds(program, [1, 2, 3, 0])) == [(0, 25), (0, 30), (0, 20), (0, 0)]
    assert rule_ranges(program)[3] == (0, 20)


def test_coin_paid_before_the_stolen_coin_came_is_never_stolen() -> None:
    program = Ledger().credit(1, 5).move(1, 2, 5).seed(0, 9).move(0, 1, 9).program()
    assert pairs(bounds(program, [1, 2])) == [(9, 9), (0, 0)]


def test_a_stopped_holding_keeps_what_arrived_though_its_balance_falls() -> None:
    program = Ledger(stopped={1}).seed(0, 10).move(0, 1, 10).stop(1, 2, 10).credit(1, 3).program()
    assert pairs(bounds(program, [1, 2])) == [(10, 10), (0, 0)]


def test_unknown_opening_widens_both_ends() -> None:
    ledger = Ledger().seed(0, 10).move(0, 1, 10).move(1, 2, 4)
    assert pairs(bounds(ledger.program(), [1, 2])) == [(6, 6), (4, 4)]
    ledger.unknown = {1}
    assert pairs(bounds(ledger.program(), [1, 2])) == [(6, 10), (0, 4)]
    ledger.unknown = {1, 2}
    found = bounds(ledger.program(), [1, 2])
    assert pairs(found) == [(6, 10), (0, 4)]
    assert all(verify(ledger.program(), r) for r in found)


def test_relabelled_coin_that_was_stolen_before_counts_once() -> None:
    # 6 of the 10 that come into the pot may be stolen already; the first 5 of them are relabelled
    ledger = Ledger(pots={3: 1}).credit(0, 4).seed(0, 6).move(0, 3, 10).relabel(3, 5).move(3, 1, 10)
    assert pairs(bounds(ledger.program(), [1])) == [(6, 10)]


def test_the_first_steps_of_bybit_size_amounts_are_exact_to_the_wei() -> None:
    theft = 401_346_768858404671846374
    ledger = Ledger().credit(0, 1).seed(0, theft)
    for payee in range(1, 41):
        ledger.move(0, payee, 10_000 * 10**18)
    found = bounds(ledger.program(), [1, 0])
    assert pairs(found) == [(10**22 - 1, 10**22), (theft - 40 * 10**22, theft + 1 - 40 * 10**22)]
    assert {r.kind for r in found} == {"exact"}


def test_one_to_one_conversion_is_a_plain_payment() -> None:
    program = Ledger(assets={1: 1, 2: 1}).credit(0, 5).seed(0, 10).convert(0, 1, 8, 8).move(1, 2, 8).program()
    assert pairs(bounds(program, [2, 0])) == [(3, 8), (2, 7)]
    assert kinds(program, [0, 1, 2]) == {"exact"}


def test_conversion_scales_the_range_outward_and_says_so() -> None:
    # handbook example D with the theft last: 40 of 100 stolen, 50 become 100,000
    program = Ledger(assets={1: 1, 2: 1}).credit(0, 60).seed(0, 40).convert(0, 1, 50, 100_000).program()
    assert pairs(bounds(program, [1])) == [(0, 80_000)]
    assert kinds(program, [1]) == {"enclosing"}
    program = Ledger(assets={1: 1}).credit(0, 1).seed(0, 9).convert(0, 1, 9, 2).program()
    (found,) = bounds(program, [1])  # 8 to 9 of 9 stolen: 1.78 to 2
    assert (found.at_least, found.at_most) == (1, 2)
    assert verify(program, found)


def test_pieces_of_stolen_coin_are_rounded_one_by_one_and_stay_in_the_range() -> None:
    # FIFO scales [1 clean, 1 stolen] x 5 to half: each stolen unit ends up whole, 5 of 5 instead of 2.5
    ledger = Ledger(assets={1: 1})
    for _ in range(5):
        ledger.credit(0, 1).seed(0, 1)
    program = ledger.credit(0, 1).convert(0, 1, 10, 5).program()
    (found,) = bounds(program, [1])
    low, high = rule_ranges(program)[1]
    assert high == 5
    assert found.at_least <= low <= high <= found.at_most
    assert verify(program, found)


def test_conversions_after_conversions_are_proven_down_to_the_first() -> None:
    ledger = Ledger(assets={1: 1, 2: 2, 3: 2}).credit(0, 30).seed(0, 70).convert(0, 1, 90, 7)
    program = ledger.credit(1, 5).convert(1, 2, 10, 1_000_003).move(2, 3, 700_000).program()
    found = bounds(program, [0, 1, 2, 3])
    assert [c.step for c in found[3].certificate.conversions] == [2, 4]
    assert all(verify(program, r) for r in found)
    for holding, (low, high) in rule_ranges(program).items():
        assert found[holding].at_least <= low <= high <= found[holding].at_most


def test_group_is_one_holding_and_its_inner_transfers_do_not_matter() -> None:
    ledger = Ledger().credit(1, 10).seed(0, 10).move(0, 2, 10).move(2, 1, 3).move(1, 3, 10).program()
    assert pairs(bounds(ledger, [frozenset({1, 2}), frozenset({3})])) == [(0, 10), (0, 3)]


def test_through_counts_each_coin_once_however_often_it_comes() -> None:
    ledger = Ledger().seed(0, 10)
    for _ in range(3):
        ledger.move(0, 1, 10).move(1, 0, 10)
    program = ledger.program()
    assert pairs(bounds(program, [1, 0], through=True)) == [(10, 10), (10, 10)]
    assert pairs(bounds(program, [1])) == [(0, 0)]


def test_through_sees_coin_that_only_passes_inside_one_transaction() -> None:
    program = Ledger(pots={3: 1}).seed(0, 10).move(0, 3, 10).move(3, 2, 10).program()
    assert pairs(bounds(program, [1], through=True)) == [(10, 10)]
    assert pairs(bounds(program, [2], through=True)) == [(10, 10)]


def test_through_a_relabelled_payment_of_coin_that_came_back_is_not_counted_twice() -> None:
    ledger = (
        Ledger(pots={3: 2}).seed(0, 5).move(0, 1, 5).move(1, 3, 5).relabel(3, 5).move(3, 2, 5).move(2, 1, 5)
    )
    (found,) = bounds(ledger.program(), [1], through=True)
    assert (found.at_least, found.kind) == (5, "enclosing")
    assert verify(ledger.program(), found)


def test_without_targets_every_holding_that_stolen_coin_reaches_is_answered_in_order() -> None:
    ledger = (
        Ledger(pots={5: 3}).credit(9, 4).move(9, 8, 4).seed(0, 10).move(0, 5, 10).move(5, 3, 10).move(3, 2, 1)
    )
    program = ledger.program()
    assert reached(program) == [0, 2, 3]
    assert [r.target for r in bounds(program)] == [0, 2, 3]
    assert pairs(bounds(program, [8])) == [(0, 0)]


def test_progress_is_told_for_each_target() -> None:
    told: list[tuple[str, int, int]] = []
    bounds(Ledger().seed(0, 3).move(0, 1, 2).program(), progress=lambda *what: told.append(what))
    assert told == [("bounds", 1, 2), ("bounds", 2, 2)]


def test_a_program_without_steps_or_theft_has_no_range_above_zero() -> None:
    assert bounds(Ledger(stopped={0}).program()) == []
    assert pairs(bounds(Ledger().credit(0, 5).move(0, 1, 5).program(), [0, 1])) == [(0, 0), (0, 0)]


@pytest.mark.parametrize("target", [7, -1, frozenset(), frozenset({0, 1})])
def test_a_target_that_is_no_single_amount_is_refused(target: int | frozenset[int]) -> None:
    program = Ledger(assets={1: 1}).seed(0, 3).credit(1, 2).program()
    with pytest.raises(InputError):
        bounds(program, [target])


def test_steps_that_pay_more_than_there_is_are_a_defect_and_not_a_range() -> None:
    with pytest.raises(ConservationError, match="pays 1 more"):
        bounds(Ledger().seed(0, 3).move(0, 1, 4).program())
    with pytest.raises(ConservationError, match="relabelled"):
        bounds(Ledger().credit(0, 3).relabel(0, 4).program())
    with pytest.raises(ConservationError, match="not stopped"):
        bounds(Ledger().seed(0, 3).stop(0, 1, 3).program())


# --- laws --------------------------------------------------------------------------------------------------


@SLOW
@given(ledgers())
def test_equal_to_trying_every_admissible_accounting(ledger: Ledger) -> None:
    program = ledger.program()
    assert pairs(bounds(program, ALL)) == enumerated(program, [frozenset({h}) for h in ALL])


@SLOW
@given(ledgers(steps=7), st.sets(st.integers(0, 3), min_size=1, max_size=3))
def test_a_group_is_equal_to_the_ledger_with_its_members_merged(ledger: Ledger, members: set[int]) -> None:
    group = frozenset(members)
    one = merged(ledger, group).program()
    (found,) = bounds(ledger.program(), [group])
    assert pairs([found]) == enumerated(one, [frozenset({min(group)})])
    assert verify(ledger.program(), found)


@SLOW
@given(ledgers(steps=7), st.sets(st.integers(0, 3), min_size=1, max_size=3))
def test_a_group_can_hold_at_least_what_any_member_can_hold(ledger: Ledger, members: set[int]) -> None:
    program = ledger.program()
    group, stopped_too = frozenset(members), frozenset({*members, STOP})
    apart = bounds(program, sorted(members))
    together, more = bounds(program, [group, stopped_too])
    assert together.at_most >= max(r.at_most for r in apart)
    assert together.at_least <= sum(r.at_most for r in apart)
    (stop,) = bounds(program, [STOP])
    assert more.at_most >= together.at_most
    assert more.at_least >= max(stop.at_least, together.at_least)
    assert verify(program, more)


@SLOW
@given(ledgers(steps=6, most=3), st.integers(0, 5))
def test_through_is_equal_to_trying_every_accounting_with_coin_marked_at_its_first_arrival(
    ledger: Ledger, target: int
) -> None:
    program = ledger.program()
    (found,) = bounds(program, [target], through=True)
    low, high = enumerated_through(program, target)
    assert verify(program, found)
    if found.kind == "exact":
        assert (found.at_least, found.at_most) == (low, high)
    assert found.at_least <= low <= high <= found.at_most


@SLOW
@given(ledgers(steps=6), st.integers(0, 5))
def test_at_least_as_much_came_through_as_can_rest(ledger: Ledger, target: int) -> None:
    program = ledger.program()
    (rests,), (came,) = bounds(program, [target]), bounds(program, [target], through=True)
    assert came.at_most >= rests.at_most
    assert came.at_least >= rests.at_least or came.kind == "enclosing"


@SLOW
@given(ledgers(steps=25, unit=10**24), st.sampled_from([0, 1, 2, 3, STOP, SINK]))
def test_equal_to_networkx_on_amounts_of_25_digits(ledger: Ledger, target: int) -> None:
    program = ledger.program()
    (found,) = bounds(program, [target])
    assert (found.at_least, found.at_most) == by_networkx(program, target)
    assert found.kind == "exact"
    assert verify(program, found)


@SLOW
@given(ledgers(steps=20, unit=10**70), st.sampled_from([1, 3, STOP]))
def test_equal_to_networkx_on_amounts_near_the_largest_of_a_token(ledger: Ledger, target: int) -> None:
    program = ledger.program()
    (found,) = bounds(program, [target])
    assert (found.at_least, found.at_most) == by_networkx(program, target)


@SLOW
@given(ledgers(steps=25, unit=10**24), st.sets(st.integers(0, 3), max_size=2))
def test_unknown_openings_are_equal_to_networkx_and_never_narrow_a_range(
    ledger: Ledger, unknown: set[int]
) -> None:
    known = bounds(ledger.program(), ALL)
    ledger.unknown = unknown
    program = ledger.program()
    for found, before in zip(bounds(program, ALL), known, strict=True):
        assert found.at_least <= before.at_least <= before.at_most <= found.at_most
        assert verify(program, found)
        if found.target not in (*unknown, POT):
            assert (found.at_least, found.at_most) == by_networkx(program, int(str(found.target)))


@SLOW
@given(ledgers(steps=30, unit=10**18))
def test_every_conserving_rule_lies_inside(ledger: Ledger) -> None:
    program = ledger.program()
    for found in bounds(program, ALL):
        low, high = rule_ranges(program)[int(str(found.target))]
        assert found.at_least <= low <= high <= found.at_most


@SLOW
@given(
    ledgers(steps=12, most=9),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(0, 40)), max_size=4),
)
def test_every_conserving_rule_lies_inside_after_conversions(
    ledger: Ledger, swaps: list[tuple[int, int, int]]
) -> None:
    other = 7
    ledger.assets = {other: 1, other + 1: 1, other + 2: 2}
    ledger.credit(other, 3)
    for src, given_units, got in swaps:
        given_units = min(given_units, max(0, balances(ledger)[src]))
        if given_units:
            ledger.convert(src, other, given_units, got)
    rest = balances(ledger)[other]
    ledger.move(other, other + 1, rest // 2)
    if rest - rest // 2:
        ledger.convert(other, other + 2, rest - rest // 2, 11)
    program = ledger.program()
    ranges = rule_ranges(program)
    for found in bounds(program, [*ALL, other, other + 1, other + 2]):
        low, high = ranges[int(str(found.target))]
        assert found.at_least <= low <= high <= found.at_most
        assert verify(program, found)


@SLOW
@given(ledgers(steps=25, unit=10**24))
def test_hints_change_nothing_but_the_time(ledger: Ledger) -> None:
    program = ledger.program()
    assert pairs(bounds(program, ALL, hints=rule_ranges(program))) == pairs(bounds(program, ALL))
    assert all(verify(program, r) for r in bounds(program, ALL, hints=rule_ranges(program)))


@SLOW
@given(ledgers(steps=8), st.integers(2, 10**30))
def test_ranges_scale_with_the_amounts(ledger: Ledger, factor: int) -> None:
    before = pairs(bounds(ledger.program(), ALL))
    ledger.steps = [(op, src, dst, n * factor, got) for op, src, dst, n, got in ledger.steps]
    assert pairs(bounds(ledger.program(), ALL)) == [(a * factor, b * factor) for a, b in before]


@SLOW
@given(ledgers(steps=8, relabel=False), st.integers(0, 3), st.integers(1, 5))
def test_more_stolen_coin_instead_of_clean_never_lowers_an_end(
    ledger: Ledger, place: int, units: int
) -> None:
    def with_first(op: Op) -> Program:
        steps = [(op, -1, place, units, 0), *ledger.steps]
        return Ledger(ledger.stopped, pots=ledger.pots, steps=steps).program()

    clean, stolen = bounds(with_first(Op.CREDIT), ALL), bounds(with_first(Op.SEED), ALL)
    for before, after in zip(clean, stolen, strict=True):
        assert after.at_least >= before.at_least
        assert after.at_most >= before.at_most


@SLOW
@given(ledgers(steps=8))
def test_the_ranges_of_all_holdings_enclose_what_was_stolen(ledger: Ledger) -> None:
    program = ledger.program()
    found = bounds(program, ALL)
    low, high = enumerated(program, [frozenset(ALL)])[0]
    assert sum(r.at_least for r in found) <= low <= high <= sum(r.at_most for r in found)


# --- certificates ------------------------------------------------------------------------------------------


@SLOW
@given(ledgers(steps=15, unit=10**24))
def test_every_certificate_is_verified_and_no_narrower_claim_is(ledger: Ledger) -> None:
    program = ledger.program()
    for found in bounds(program, ALL):
        assert verify(program, found)
        proof = found.certificate
        less = dataclasses.replace(proof.high, total=proof.high.total - 1)
        narrower = dataclasses.replace(proof, high=less)
        assert not verify(program, dataclasses.replace(found, at_most=less.total, certificate=narrower))
        assert not verify(program, dataclasses.replace(found, at_least=found.at_least + 1))
        for side in ("high", "low"):
            cut = getattr(proof, side)
            if cut.crossings:
                first = cut.crossings[0]
                without = dataclasses.replace(cut, crossings=cut.crossings[1:], total=cut.total - first.units)
                forged = dataclasses.replace(proof, **{side: without})
                at_most = without.total if side == "high" else found.at_most
                at_least = proof.held - without.total if side == "low" else found.at_least
                claim = dataclasses.replace(found, at_least=at_least, at_most=at_most, certificate=forged)
                assert not verify(program, claim)


def test_a_certificate_of_another_ledger_is_refused() -> None:
    ledger = Ledger().credit(0, 40).seed(0, 60).move(0, 1, 70)
    (found,) = bounds(ledger.program(), [1])
    assert verify(ledger.program(), found)
    ledger.steps[0] = (*ledger.steps[0][:3], 41, 0)
    assert not verify(ledger.program(), found)


def test_a_large_mixed_ledger_is_exact_and_its_certificates_hold() -> None:
    program = large_ledger(3_000)
    ranges = rule_ranges(program)
    found = bounds(program, reached(program)[::25])
    assert len(found) > 20
    for r in found:
        low, high = ranges[int(str(r.target))]
        assert r.at_least <= low <= high <= r.at_most
    assert all(verify(program, r) for r in found[:8])
    assert pairs(bounds(program, [r.target for r in found], hints=ranges)) == pairs(found)
