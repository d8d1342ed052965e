"""Laws that every rule must obey, on random histories, and equality with a coin-by-coin reference."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounting import Trace, history, seed, trace
from tracer.model import CONSERVING, Rule

RULES = [str(rule) for rule in Rule]
EXACT = [str(rule) for rule in CONSERVING]
PEOPLE = ["S", "A", "B", "C", "D"]

payments = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.integers(1, 30)), min_size=1, max_size=25
)
stolen = st.integers(1, 60)


def _trace(moves: list[tuple[str, str, int]], amount: int, rule: str) -> Trace:
    # the amount is odd and the payments even, so that no payment into S equals the seed
    return trace([(a, b, 2 * n) for a, b, n in moves], [seed("S", amount=2 * amount - 1)], rule)


@dataclass
class Reference:
    """Every unit is a coin of its own: True if stolen. As simple as possible, and slow."""

    rule: str
    coins: dict[str, deque[bool]]
    flagged: set[str]

    def pay(self, payer: str, payee: str, amount: int) -> None:
        if payer == payee:
            return
        purse = self.coins[payer]
        if self.rule == "fifo":
            lot = [purse.popleft() for _ in range(amount)]
        elif self.rule == "lifo":
            lot = [purse.pop() for _ in range(amount)][::-1]
        else:
            lot = self._mixed(payer, amount)
        self.coins[payee].extend(lot)
        if any(lot):
            self.flagged.add(payee)
        if self.rule == "poison" and payee in self.flagged:
            self.coins[payee] = deque([True] * len(self.coins[payee]))

    def _mixed(self, payer: str, amount: int) -> list[bool]:
        purse = self.coins[payer]
        taint, balance = sum(purse), len(purse)
        if self.rule in {"seniority", "tiho"}:
            units = min(amount, taint)
        elif self.rule == "libr":
            units = taint - min(taint, balance - amount)
        elif self.rule == "poison":
            units = amount if payer in self.flagged else 0
        else:
            units = amount * taint // balance
            kept = (balance - amount) * taint
            units += (amount * taint) % balance > kept % balance
        rest = taint - units
        self.coins[payer] = deque([True] * rest + [False] * (balance - amount - rest))
        return [True] * units + [False] * (amount - units)


def _reference(moves: list[tuple[str, str, int]], amount: int, rule: str) -> dict[str, int]:
    balance: dict[str, int] = defaultdict(int, {"S": 2 * amount - 1})
    lowest: dict[str, int] = defaultdict(int)
    for a, b, n in moves:
        if a != b:
            balance[a] -= 2 * n
            lowest[a] = min(lowest[a], balance[a])
            balance[b] += 2 * n
    reference = Reference(rule, defaultdict(deque), set())
    for name, low in lowest.items():
        reference.coins[name].extend([False] * -low)
    reference.coins["S"].extend([True] * (2 * amount - 1))
    reference.flagged.add("S")
    if rule == "poison":
        reference.coins["S"] = deque([True] * len(reference.coins["S"]))
    for a, b, n in moves:
        reference.pay(a, b, 2 * n)
    return {name: sum(reference.coins[name]) for name in PEOPLE}


@pytest.mark.parametrize("rule", RULES)
@given(moves=payments, amount=stolen)
def test_equal_to_moving_single_coins(rule: str, moves: list[tuple[str, str, int]], amount: int) -> None:
    t = _trace(moves, amount, rule)
    assert {name: t.held(name) for name in PEOPLE} == _reference(moves, amount, rule)


@pytest.mark.parametrize("rule", EXACT)
@given(moves=payments, amount=stolen)
def test_stolen_coin_is_conserved_and_never_more_than_the_balance(
    rule: str, moves: list[tuple[str, str, int]], amount: int
) -> None:
    t = _trace(moves, amount, rule)
    assert sum(t.outcome.taint) == 2 * amount - 1
    assert all(
        0 <= taint <= balance for taint, balance in zip(t.outcome.taint, t.outcome.balance, strict=True)
    )
    assert all(account.difference == 0 for account in t.tally.accounts)


@given(moves=payments, amount=stolen)
def test_poison_flags_everything_that_any_rule_flags(moves: list[tuple[str, str, int]], amount: int) -> None:
    poisoned = _trace(moves, amount, "poison")
    for rule in EXACT:
        t = _trace(moves, amount, rule)
        assert all(p >= x for p, x in zip(poisoned.outcome.taint, t.outcome.taint, strict=True))
        assert all(p >= x for p, x in zip(poisoned.tally.by_row, t.tally.by_row, strict=True))


@given(moves=payments, amount=stolen)
def test_reach_is_where_poison_goes(moves: list[tuple[str, str, int]], amount: int) -> None:
    t = _trace(moves, amount, "poison")
    for holding, hop in enumerate(t.program.hop):
        assert (t.tally.received[holding] > 0) <= (hop < 2**31 - 1)


@given(
    outs=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    ins=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    amount=stolen,
)
def test_one_account_libr_pays_least_and_seniority_most_at_every_moment(
    outs: list[int], ins: list[int], amount: int
) -> None:
    moves = [("V", "A", amount)]
    for n in range(max(len(outs), len(ins))):
        moves += [("X", "A", ins[n])] if n < len(ins) else []
        moves += [("A", f"P{n}", outs[n])] if n < len(outs) else []
    paid: dict[str, list[int]] = {}
    for rule in EXACT:
        t = trace(moves, [seed("A", tx="0x0")], rule)
        running = 0
        paid[rule] = []
        for (payer, _, _), units in zip(moves, t.tally.by_row, strict=True):
            running += units if payer == "A" else 0
            paid[rule].append(running)
    for rule in ("haircut", "fifo", "lifo"):
        assert all(a <= b <= c for a, b, c in zip(paid["libr"], paid[rule], paid["seniority"], strict=True))


@pytest.mark.parametrize("rule", EXACT)
@given(moves=payments, amount=stolen)
def test_an_emptied_account_has_passed_all_stolen_coin_on(
    rule: str, moves: list[tuple[str, str, int]], amount: int
) -> None:
    t = _trace(moves, amount, rule)
    for holding, balance in enumerate(t.outcome.balance):
        if balance == 0:
            assert t.outcome.taint[holding] == 0


@pytest.mark.parametrize("rule", ["fifo", "lifo", "seniority", "libr", "poison"])
@given(moves=payments, amount=stolen, factor=st.sampled_from([3, 10**18 + 9]))
def test_scaling_all_amounts_scales_the_result(
    rule: str, moves: list[tuple[str, str, int]], amount: int, factor: int
) -> None:
    small = _trace(moves, amount, rule)
    large = trace(
        [(a, b, 2 * n * factor) for a, b, n in moves], [seed("S", amount=(2 * amount - 1) * factor)], rule
    )
    assert [units * factor for units in small.outcome.taint] == large.outcome.taint


@pytest.mark.parametrize("rule", ["fifo", "lifo", "seniority", "libr"])
@given(moves=payments, amount=stolen, at=st.integers(0, 24))
def test_splitting_a_payment_in_two_changes_nothing(
    rule: str, moves: list[tuple[str, str, int]], amount: int, at: int
) -> None:
    at %= len(moves)
    a, b, n = moves[at]
    whole = [(x, y, 2 * k) for x, y, k in moves]
    split = [*whole[:at], (a, b, n), (a, b, n), *whole[at + 1 :]]
    one, two = (trace(m, [seed("S", amount=1000 + amount)], rule) for m in (whole, split))
    assert {p: one.held(p) for p in PEOPLE} == {p: two.held(p) for p in PEOPLE}


@pytest.mark.parametrize("rule", ["fifo", "lifo"])
@given(moves=payments, first=st.integers(1, 40), second=st.integers(1, 40))
def test_tracing_thefts_together_is_tracing_them_apart(
    rule: str, moves: list[tuple[str, str, int]], first: int, second: int
) -> None:
    rows = [("V1", "S", 100 + first), ("V2", "A", 200 + second), *moves]
    one, two = seed("S", tx="0x0", theft="one"), seed("A", tx="0x1", theft="two")
    both, alone, other = (trace(rows, seeds, rule) for seeds in ([one, two], [one], [two]))
    for name in PEOPLE:
        assert both.held(name) == alone.held(name) + other.held(name)


@pytest.mark.parametrize("rule", RULES)
@given(moves=payments, amount=stolen)
def test_excluded_movements_change_no_number(
    rule: str, moves: list[tuple[str, str, int]], amount: int
) -> None:
    plain = [(a, b, 2 * n) for a, b, n in moves]
    noise = ("S", "Z", 999, "native", {"excluded": "poison", "block": 0, "timestamp": 0})
    zero = ("S", "A", 0, "native", {"excluded": "zero_value", "block": 10**6})
    one, two = (trace(m, [seed("S", amount=2 * amount - 1)], rule) for m in (plain, [*plain, noise, zero]))
    assert {p: one.held(p) for p in PEOPLE} == {p: two.held(p) for p in PEOPLE}


@pytest.mark.parametrize("rule", RULES)
def test_independent_transactions_of_a_block_may_stand_in_any_order(rule: str) -> None:
    at = {"block": 50, "timestamp": 1050, "tx_index": None}
    block = [
        ("A", "C", 5, "native", at | {"tx_hash": "0xa"}),
        ("B", "D", 7, "native", at | {"tx_hash": "0xb"}),
        ("X", "Y", 9, "native", at | {"tx_hash": "0xc"}),
    ]
    results = set()
    for order in permutations(block):
        t = trace([("S", "A", 6), ("S", "B", 8), *order], [seed("S", amount=14)], rule)
        results.add(tuple(t.held(p) for p in ("A", "B", "C", "D", "Y")))
    assert len(results) == 1


@given(moves=payments, amount=stolen)
def test_the_same_input_gives_the_same_result(moves: list[tuple[str, str, int]], amount: int) -> None:
    first, second = (_trace(moves, amount, "haircut") for _ in range(2))
    assert first.outcome == second.outcome
    assert first.program.gaps == second.program.gaps


swaps = st.lists(
    st.tuples(
        st.sampled_from("SAB"),
        st.sampled_from("SAB"),
        st.integers(1, 30),
        st.sampled_from(["pay", "swap", "back"]),
    ),
    min_size=1,
    max_size=15,
)


@pytest.mark.parametrize("rule", EXACT)
@given(moves=swaps, amount=stolen, apart=st.sets(st.tuples(st.integers(10, 25), st.sampled_from("SABp"))))
def test_conversions_conserve_each_asset_and_the_source_units(
    rule: str, moves: list[tuple[str, str, int, str]], amount: int, apart: set[tuple[int, str]]
) -> None:
    rows: list[tuple[object, ...]] = []
    for n, (a, b, units, what) in enumerate(moves):
        one = {"tx": 10 + n}
        if what == "pay":
            rows.append((a, b, 2 * units, "native", one))
        else:
            given_asset, got_asset = ("native", "usd") if what == "swap" else ("usd", "native")
            rows.append((a, "pool", 2 * units, given_asset, one))
            rows.append(("pool", a, 6 * units + 2, got_asset, one))
    ruled = {(f"0x{tx}", "pool" if who == "p" else who) for tx, who in apart}
    t = trace(history(rows), [seed("S", amount=2 * amount - 1, asset="native")], rule, separate=ruled)
    assert all(account.difference == 0 for account in t.tally.accounts)
    assert sum(s for split in t.outcome.split for _, s in split.values()) == 2 * amount - 1
    assert all(
        0 <= taint <= balance for taint, balance in zip(t.outcome.taint, t.outcome.balance, strict=True)
    )


@pytest.mark.parametrize("rule", RULES)
@given(moves=swaps, amount=stolen)
def test_a_swap_ruled_separate_is_two_payments_of_their_own(
    rule: str, moves: list[tuple[str, str, int, str]], amount: int
) -> None:
    together: list[tuple[object, ...]] = []
    alone: list[tuple[object, ...]] = []
    for n, (a, _, units, what) in enumerate(moves):
        paid, got = ("usd", "native") if what == "back" else ("native", "usd")
        legs = [(a, "pool", 2 * units, paid), ("pool", a, 6 * units + 2, got)]
        together += [(*leg, {"tx": 10 + 2 * n}) for leg in legs]
        alone += [(*leg, {"tx": 10 + 2 * n + place}) for place, leg in enumerate(legs)]
    one = [seed("S", amount=2 * amount - 1, asset="native")]
    ruled = trace(together, one, rule, separate={(f"0x{10 + 2 * n}", m[0]) for n, m in enumerate(moves)})
    plain = trace(alone, one, rule)
    for name in ("S", "A", "B", "pool"):
        for asset in ("native", "usd"):
            assert ruled.held((name, asset)) == plain.held((name, asset))
    assert ruled.tally.by_row == plain.tally.by_row
