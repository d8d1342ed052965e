"""The compiled kernels give the numbers of the plain engine, for every rule, and stay near-linear."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel_programs import program_of, random_program
from tracer.errors import ConservationError
from tracer.model import CONSERVING, Rule
from tracer.taint import engine, kernels_wide
from tracer.taint.engine import check_conservation, run, run_plain
from tracer.taint.kernels import run_bulk
from tracer.taint.kernels_amounts import LIMIT, Amounts, Splits, group_totals, pack
from tracer.taint.program import Op

RULES = list(Rule)
FIELDS = ("taint", "balance", "split", "moved", "brought", "entered")

_128 = st.one_of(st.integers(0, LIMIT - 1), st.integers(0, 127).map(lambda k: 2**k - 1), st.integers(0, 9))


def assert_same(program, rule):
    plain, bulk = run_plain(program, rule), run_bulk(program, rule)
    for field in FIELDS:
        assert list(getattr(bulk, field)) == list(getattr(plain, field)), field
    if rule != Rule.POISON:
        check_conservation(program, bulk)


@pytest.mark.parametrize("rule", RULES)
@given(number=st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_one_source_without_conversions(rule, number):
    assert_same(random_program(number), rule)


@pytest.mark.parametrize("rule", RULES)
@given(number=st.integers(0, 2**32), bits=st.sampled_from([20, 62, 84, 118]))
@settings(deadline=None, max_examples=60)
def test_several_sources_and_conversions_that_round_lots_to_nothing(rule, number, bits):
    assert_same(random_program(number, steps=100, assets=3, origins=3, bits=bits), rule)


@pytest.mark.parametrize("rule", RULES)
@given(number=st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_an_asset_beyond_two_limbs_runs_beside_the_others(rule, number):
    assert_same(random_program(number, steps=80, assets=4, wide_asset=True), rule)


@pytest.mark.parametrize("rule", RULES)
def test_a_program_without_steps(rule):
    assert_same(program_of([], 3), rule)


@pytest.mark.parametrize("rule", RULES)
def test_too_many_sources_to_keep_side_by_side(rule, monkeypatch):
    monkeypatch.setattr("tracer.taint.kernels._ENTRIES", 3)
    assert_same(random_program(5, origins=3), rule)


def test_run_takes_the_kernels_from_the_stated_size_on(monkeypatch):
    program = random_program(11)
    monkeypatch.setattr(engine, "BULK", program.steps)
    assert isinstance(run(program, Rule.FIFO).taint, Amounts)
    monkeypatch.setattr(engine, "BULK", program.steps + 1)
    assert isinstance(run(program, Rule.FIFO).taint, list)


def test_a_kernel_result_that_loses_coin_is_refused(monkeypatch):
    program = program_of([(Op.SEED, -1, 0, 10, 0, 0), (Op.MOVE, 0, 1, 4, 0, -1)], 2)
    outcome = run_bulk(program, Rule.HAIRCUT)
    outcome.taint.words[1, 0] -= 1
    with pytest.raises(ConservationError):
        check_conservation(program, outcome)


class TestWideIntegers:
    @given(a=_128, b=_128, c=_128)
    @settings(deadline=None, max_examples=400)
    def test_product_and_quotient_are_exact(self, a, b, c):
        a, c = sorted((a, max(c, 1)))

        def halves(n):
            return np.uint64(n >> 64), np.uint64(n & 2**64 - 1)

        qh, ql, rh, rl = map(int, kernels_wide.muldiv(*halves(a), *halves(b), *halves(max(c, 1))))
        assert (qh << 64 | ql, rh << 64 | rl) == divmod(a * b, max(c, 1))

    def test_quotient_digits_that_need_correction(self):
        top, edge = 2**127 - 1, [2**63, 2**64 - 1, 2**64, 2**126, 2**126 + 1, 2**127 - 2, 2**127 - 1]
        for a, b, c in itertools.product(edge, edge, edge):
            if a <= c <= top and b <= top:
                words = [np.uint64(w) for n in (a, b, c) for w in (n >> 64, n & 2**64 - 1)]
                qh, ql, rh, rl = map(int, kernels_wide.muldiv(*words))
                assert (qh << 64 | ql, rh << 64 | rl) == divmod(a * b, c)

    def test_without_a_place_for_compiled_code_it_is_compiled_in_memory(self, monkeypatch):
        real = kernels_wide.numba.njit

        def refuses_to_keep(*args, **options):
            if options.get("cache"):
                raise RuntimeError("cannot cache function: no locator available")
            return real(*args, **options)

        monkeypatch.setattr(kernels_wide.numba, "njit", refuses_to_keep)
        assert kernels_wide.kernel(lambda x: x + 1)(1) == 2


class TestAmounts:
    @given(st.lists(_128))
    def test_are_the_same_integers(self, numbers):
        packed = pack(numbers)
        assert packed == numbers
        assert list(packed) == numbers
        assert [packed[i] for i in range(len(numbers))] == numbers
        assert packed[1:] == numbers[1:]
        assert packed != [*numbers, 1]

    @pytest.mark.parametrize("number", [-1, LIMIT])
    def test_what_does_not_fit_is_refused(self, number):
        with pytest.raises(OverflowError):
            pack([number])

    @given(st.lists(st.tuples(_128, st.integers(0, 3))))
    def test_totals_by_group_are_exact_even_beyond_two_limbs(self, entries):
        totals = group_totals(
            pack([n for n, _ in entries]), np.array([g for _, g in entries], dtype=np.int64), 4
        )
        assert list(totals) == [sum(n for n, g in entries if g == group) for group in range(4)]

    def test_splits_are_a_sequence_of_dicts(self):
        splits = Splits(np.array([1, 1, 3]), np.array([0, 2, 1]), pack([5, 6, 7]), pack([8, 9, 10]), 5)
        expected = [{}, {0: (5, 8), 2: (6, 9)}, {}, {1: (7, 10)}, {}]
        assert list(splits) == expected
        assert [splits[i] for i in range(-5, 5)] == expected * 2
        assert splits[1:4] == expected[1:4]
        with pytest.raises(IndexError):
            splits[5]


class TestSize:
    """Shapes that other tracers choke on. No test here measures time; each would take minutes if it were quadratic."""

    def test_a_chain_of_100_000_hops(self):
        hops = 100_000
        steps = [(Op.SEED, -1, 0, 10**23, 0, 0), *((Op.MOVE, h, h + 1, 10**23, 0, -1) for h in range(hops))]
        program = program_of(steps, hops + 1)
        for rule in RULES:
            assert run(program, rule).taint[hops] == 10**23

    def test_a_fan_out_of_60_000(self):
        ways = 60_000
        steps = [(Op.SEED, -1, 0, ways, 0, 0), (Op.CREDIT, -1, 0, ways, 0, -1)]
        steps += [(Op.MOVE, 0, way, 2, 0, -1) for way in range(1, ways + 1)]
        program = program_of(steps, ways + 1)
        found = {rule: run(program, rule).taint for rule in CONSERVING}
        assert set(found[Rule.HAIRCUT][1:]) == {1}
        assert list(found[Rule.FIFO][1:]) == [2] * (ways // 2) + [0] * (ways // 2)
        assert list(found[Rule.LIFO][1:]) == [0] * (ways // 2) + [2] * (ways // 2)
        assert found[Rule.SENIORITY] == found[Rule.FIFO]
        assert found[Rule.LIBR] == found[Rule.LIFO]

    @pytest.mark.parametrize("rule", [Rule.FIFO, Rule.LIFO])
    def test_sweeps_of_a_wallet_of_32_000_lots_that_leave_dust(self, rule):
        lots, sweeps = 32_000, 100_000
        steps = [(Op.SEED if n % 2 else Op.CREDIT, -1, 0, 3, 0, 0 if n % 2 else -1) for n in range(lots)]
        total, stolen = 3 * lots, 3 * lots // 2
        here, there = 0, 1
        left = [total, 0]
        for _ in range(sweeps):
            amount = left[here] - 1
            steps.append((Op.MOVE, here, there, amount, 0, -1))
            left[here], left[there] = 1, left[there] + amount
            here, there = there, here
        outcome = run(program_of(steps, 2), rule)
        assert sorted(outcome.balance) == [1, total - 1]
        assert sum(outcome.taint) == stolen

    @pytest.mark.parametrize("rule", [Rule.FIFO, Rule.LIFO])
    def test_two_hubs_that_pay_each_other_back_and_forth(self, rule):
        lots = 32_000
        steps = [
            (Op.SEED if n % 2 else Op.CREDIT, -1, n % 4 // 2, 5, 0, 0 if n % 2 else -1) for n in range(lots)
        ]
        half = 5 * lots // 4
        for n in range(60_000):
            steps.append((Op.MOVE, n % 2, 1 - n % 2, half + n % 7, 0, -1))
            steps.append((Op.MOVE, 1 - n % 2, n % 2, half + n % 7, 0, -1))
        outcome = run(program_of(steps, 2), rule)
        assert sum(outcome.taint) == 5 * lots // 2
        assert sum(outcome.balance) == 5 * lots

    def test_a_million_movements(self):
        count = 1_000_000
        steps = [(Op.SEED, -1, 0, 10**24, 0, 0), (Op.CREDIT, -1, 1, 10**24, 0, -1)]
        holder = [10**24, 10**24, *[0] * 998]
        payer = 0
        for n in range(count - 2):
            payee = (payer * 31 + n * 7 + 1) % 1000
            payee = payee if payee != payer else (payee + 1) % 1000
            amount = holder[payer] // 3 + 1 if n % 3 else holder[payer]
            steps.append((Op.MOVE, payer, payee, amount, 0, -1))
            holder[payer] -= amount
            holder[payee] += amount
            payer = payee
        program = program_of(steps, 1000)
        for rule in RULES:
            outcome = run(program, rule)
            assert list(outcome.balance) == holder
            if rule != Rule.POISON:
                assert sum(outcome.taint) == 10**24
