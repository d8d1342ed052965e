"""What an address is made of: the worked example of docs/accounting.md, a coin-by-coin reference, and laws."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import utxo_histories as utxo
from tests.accounting import CHAIN, history, seed
from tracer.case import Case
from tracer.chains.files import read_transfers
from tracer.errors import ConservationError, InputError, NotFoundError
from tracer.model import CONSERVING, Rule, Seed
from tracer.taint.compile import compile_program
from tracer.taint.engine import run
from tracer.taint.origins import InflowKind, Supply, supply
from tracer.utxo import UtxoTransaction

Payment = tuple[object, ...]


def made(
    payments: list[Payment],
    target: str = "T",
    *,
    ever: bool = False,
    stops: dict[str, str] | None = None,
    seeds: tuple[Seed, ...] = (),
    asset: str = "native",
) -> Supply:
    ledger = history(payments)
    program = compile_program(ledger, seeds, {(CHAIN, a): code for a, code in (stops or {}).items()})
    holding = next(
        h
        for h in range(len(program.holding_address))
        if program.name(h)[1:2] == (target,) and program.name(h)[2].ref == asset and not program.pot[h]
    )
    return supply(program, ledger, holding, ever=ever)


def named(found: Supply, rule: str) -> dict[tuple[str, str], int]:
    """(kind, address) -> units at the target"""
    names = found.program.addresses
    split = found.splits[Rule(rule)]
    return {
        (str(found.inflows[n].kind), names[found.inflows[n].address][1]): units
        for n, (units, _) in split.items()
        if units
    }


EXAMPLE: list[Payment] = [
    ("X", "A", 30),
    ("Y", "A", 20),
    ("A", "T", 25),
    ("Y", "A", 10),
    ("Z", "T", 15),
    ("T", "Q", 10),
]
STOPS = {"X": "SERVICE", "Y": "PENDING", "Z": "PENDING"}
X, Y, Z = ("stopped", "X"), ("unread", "Y"), ("unread", "Z")


@pytest.mark.parametrize(
    ("rule", "held", "received"),
    [
        ("fifo", {X: 15, Z: 15}, {X: 25, Z: 15}),
        ("lifo", {X: 5, Y: 20, Z: 5}, {X: 5, Y: 20, Z: 15}),
        ("haircut", {X: 11, Y: 8, Z: 11}, {X: 15, Y: 10, Z: 15}),
        ("seniority", {X: 11, Y: 8, Z: 11}, {X: 15, Y: 10, Z: 15}),
        ("libr", {X: 11, Y: 8, Z: 11}, {X: 15, Y: 10, Z: 15}),
    ],
)
def test_the_worked_example(
    rule: str, held: dict[tuple[str, str], int], received: dict[tuple[str, str], int]
) -> None:
    assert named(made(EXAMPLE, stops=STOPS), rule) == held
    assert named(made(EXAMPLE, stops=STOPS, ever=True), rule) == received


def test_the_ranges_of_the_worked_example() -> None:
    found = []
    for ever in (False, True):
        s = made(EXAMPLE, stops=STOPS, ever=ever)
        ranges = {n: s.range(n) for n in range(len(s.inflows))}
        found.append(
            {s.program.addresses[s.inflows[n].address][1]: (r.at_least, r.at_most) for n, r in ranges.items()}
        )
    held, received = found
    assert held == {"X": (0, 25), "Y": (0, 20), "Z": (5, 15)}
    assert received == {"X": (5, 25), "Y": (0, 20), "Z": (15, 15)}


def test_coin_that_came_too_late_to_reach_the_target_is_none_of_its_origins() -> None:
    s = made([("A", "T", 5), ("L", "A", 9), ("A", "B", 9)], stops={"L": "PENDING"})
    assert named(s, "fifo") == {("opening", "A"): 5}
    assert [i.kind for i in s.inflows] == [InflowKind.OPENING]


def test_who_paid_nothing_supplied_nothing() -> None:
    s = made([("A", "T", 5), ("Z", "T", 0), ("Z", "A", 0)], stops={"Z": "PENDING"})
    assert [i.kind for i in s.inflows] == [InflowKind.OPENING]


def test_every_kind_of_inflow_has_its_name() -> None:
    mint, paid, stated = {"kind": "mint"}, {"kind": "withdrawal"}, {"kind": "opening"}
    payments: list[Payment] = [
        ("", "A", 1, "native", stated),
        ("", "A", 2, "native", mint),
        ("", "A", 4, "native", paid),
        ("B", "A", 8),
        ("C", "A", 16),
        ("D", "A", 32),
        ("S", "A", 64),
        ("A", "T", 127),
        ("T", "Q", 100),
        ("Q", "T", 50),
    ]
    stops, seeds = {"C": "MIXER", "D": "HUB"}, (seed("S", amount=60),)
    expected = {
        ("opening", "A"): 1,
        ("mint", "A"): 2,
        ("withdrawal", "A"): 4,
        ("opening", "B"): 8,
        ("stopped", "C"): 16,
        ("unread", "D"): 32,
        ("theft", "S"): 60,
        ("opening", "S"): 4,
        ("returned", "T"): 50,
    }
    assert named(made(payments, stops=stops, seeds=seeds, ever=True), "fifo") == expected
    held = named(made(payments, stops=stops, seeds=seeds), "fifo")
    assert sum(held.values()) == 77
    assert ("returned", "T") not in held


def test_a_router_is_passed_through_and_a_stopped_one_is_the_source() -> None:
    one = {"tx": 5}
    payments: list[Payment] = [("A", "R", 7, "native", one), ("R", "T", 7, "native", one)]
    for code, expected in (("PENDING", ("opening", "A")), ("SERVICE", ("stopped", "R"))):
        assert named(made(payments, stops={"R": code}), "lifo") == {expected: 7}
    assert made(payments, stops={"R": "PENDING"}).hops == (1,)


def test_what_passes_through_the_target_in_one_transaction_counts_as_received_once() -> None:
    one = {"tx": 5}
    payments: list[Payment] = [
        ("A", "T", 10, "native", one),
        ("T", "B", 7, "native", one),
        ("B", "T", 7, "native", one),
    ]
    assert named(made(payments, ever=True), "fifo") == {("opening", "A"): 10, ("returned", "T"): 7}
    assert named(made(payments), "fifo") == {("opening", "A"): 10}


def test_a_swap_is_followed_to_what_was_given_and_keeps_its_units() -> None:
    one = {"tx": 9}
    payments: list[Payment] = [
        ("X", "T", 30),
        ("Y", "T", 10),
        ("T", "pool", 20, "native", one),
        ("pool", "T", 61, "usd", one),
    ]
    s = made(payments, asset="usd", stops={"X": "SERVICE"})
    assert named(s, "fifo") == {("stopped", "X"): 61}
    assert list(s.splits[Rule.FIFO].values()) == [(61, 20)]
    assert named(s, "haircut") == {("stopped", "X"): 46, ("opening", "Y"): 15}
    assert sum(n for _, n in s.splits[Rule.HAIRCUT].values()) == 20


def test_hops_are_the_fewest_transactions_in_the_order_of_time() -> None:
    s = made([("X", "A", 5), ("A", "B", 5), ("B", "T", 5), ("X", "T", 1), ("T", "X", 2)], stops={"X": "HUB"})
    assert dict(zip([i.kind for i in s.inflows], s.hops, strict=True)) == {InflowKind.UNREAD: 1}
    late = made([("X", "T", 1), ("T", "Q", 1), ("A", "B", 5), ("B", "T", 5)])
    assert sorted(late.hops) == [1, 2]


def test_what_does_not_add_up_is_an_error_and_never_an_answer() -> None:
    s = made(EXAMPLE)
    with pytest.raises(ConservationError, match="its sources add up to 30"):
        assert replace(s, total=31).splits


PEOPLE = ["T", "A", "B", "C", "X", "Y"]
STOPPED = {"X": "SERVICE", "Y": "PENDING"}
moves = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.integers(1, 12)), min_size=1, max_size=22
)


def _by_hand(payments: list[tuple[str, str, int]], rule: str, *, ever: bool) -> dict[tuple[str, str], int]:
    """Every unit is a coin with the name of where it came from; as simple as possible."""
    balance: dict[str, int] = defaultdict(int)
    lowest: dict[str, int] = defaultdict(int)
    for a, b, n in payments:
        if a != b:
            balance[a] -= n
            lowest[a] = min(lowest[a], balance[a])
            balance[b] += n
    purse: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
    for name in PEOPLE:
        if name not in STOPPED:
            purse[name].extend([("opening", name)] * -lowest[name])
    got = list(purse["T"])
    for a, b, n in payments:
        if a == b:
            continue
        if a in STOPPED:
            lot = [("stopped" if a == "X" else "unread", a)] * n
        elif rule == "fifo":
            lot = [purse[a].popleft() for _ in range(n)]
        else:
            lot = [purse[a].pop() for _ in range(n)][::-1]
        if ever and a == "T":
            lot = [("returned", "T")] * n
        purse[b].extend(lot)
        got += lot if b == "T" else []
    found: dict[tuple[str, str], int] = defaultdict(int)
    for coin in got if ever else purse["T"]:
        found[coin] += 1
    return dict(found)


def _supplied(payments: list[tuple[str, str, int]], *, ever: bool) -> Supply | None:
    if not any("T" in p[:2] and p[0] != p[1] for p in payments):
        return None
    return made(list(payments), stops=STOPPED, ever=ever)


@pytest.mark.parametrize("ever", [False, True])
@pytest.mark.parametrize("rule", ["fifo", "lifo"])
@given(payments=moves)
def test_equal_to_moving_named_coins_one_by_one(
    rule: str, payments: list[tuple[str, str, int]], ever: bool
) -> None:
    s = _supplied(payments, ever=ever)
    if s is not None:
        assert named(s, rule) == _by_hand(payments, rule, ever=ever)


@pytest.mark.parametrize("ever", [False, True])
@given(payments=moves)
def test_every_rule_adds_up_and_lies_in_the_range(payments: list[tuple[str, str, int]], ever: bool) -> None:
    s = _supplied(payments, ever=ever)
    if s is None:
        return
    splits = list(s.splits.values())
    assert all(sum(u for u, _ in split.values()) == s.total for split in splits)
    ranges = {n: s.range(n) for n in range(len(s.inflows))}
    for number, r in ranges.items():
        assert all(r.at_least <= split.get(number, (0, 0))[0] <= r.at_most for split in splits)
    assert sum(r.at_least for r in ranges.values()) <= s.total <= sum(r.at_most for r in ranges.values())


@given(payments=moves)
def test_where_all_coin_has_a_name_seniority_and_libr_are_pro_rata(
    payments: list[tuple[str, str, int]],
) -> None:
    s = _supplied(payments, ever=False)
    if s is not None:
        alike = [run(s.program, rule).split[s.target] for rule in (Rule.HAIRCUT, Rule.SENIORITY, Rule.LIBR)]
        assert alike[0] == alike[1] == alike[2]


def test_a_long_line_of_payers_is_followed_to_its_beginning() -> None:
    line: list[Payment] = [(f"P{n}", f"P{n + 1}", 3) for n in range(30_000)]
    s = made(line, target="P30000")
    assert named(s, "haircut") == {("opening", "P0"): 3}
    assert s.hops == (30_000,)


# The case, with real addresses.


def at(name: str) -> str:
    return f"0x{name.encode().hex():0>40}"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    lines = [
        "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,amount_raw,kind"
    ]
    for n, (a, b, units) in enumerate(EXAMPLE):
        kind, ref = ("token", at("usd")) if n == 4 else ("native", "native")
        lines.append(
            f"{CHAIN},{n + 1},0,1,2025-02-21T00:00:{n:02}Z,0x{n:064x},{at(str(a))},{at(str(b))},{ref},{units},{kind}"
        )
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    made = Case.create("theft", tmp_path / "w", clock=lambda: 1_750_000_000)
    made.import_file(tmp_path / "rows.csv")
    made.label(at("X"), "Exchange", category="exchange", confidence=90)
    assert read_transfers(tmp_path / "rows.csv").table.num_rows == len(EXAMPLE)
    return made


def test_a_case_tells_all_assets_of_an_address_rule_by_rule(case: Case) -> None:
    frame = case.origins(at("T"))
    assert set(frame["rule"]) == {str(rule) for rule in CONSERVING}
    for (_, asset), part in frame.groupby(["rule", "asset"]):
        assert sum(part["held_raw"]) == {"native": 15, at("usd"): 15}[str(asset)]
        assert sum(part["received_raw"]) == {"native": 25, at("usd"): 15}[str(asset)]
    fifo = frame[(frame["rule"] == "fifo") & (frame["asset"] == "native")].iloc[0]
    assert (fifo["inflow"], fifo["stop"], fifo["hops"]) == ("stopped", "SERVICE", 2)
    assert (fifo["held_raw"], fifo["at_least_raw"], fifo["at_most_raw"]) == (15, 0, 15)
    assert (fifo["first_utc"], fifo["last_utc"]) == ("2025-02-21T00:00:00Z",) * 2
    only = case.origins(at("T"), asset="native", rule="lifo")
    assert set(zip(only["rule"], only["asset"], strict=True)) == {("lifo", "native")}


def test_a_label_on_the_target_itself_does_not_hide_what_it_is_made_of(case: Case) -> None:
    before = case.origins(at("T"))
    case.label(at("T"), "Exchange", category="exchange", confidence=90)
    assert case.origins(at("T")).equals(before)


def test_what_cannot_be_answered_says_why(case: Case) -> None:
    with pytest.raises(InputError, match="Poison"):
        case.origins(at("T"), rule="poison")
    with pytest.raises(NotFoundError, match="no movement"):
        case.origins(at("stranger"))
    with pytest.raises(NotFoundError, match="never had"):
        case.origins(at("T"), asset=at("euro"))
    case.stop(at("T"), "PENDING", reason="as if it had not been read")
    with pytest.raises(InputError, match="--direction backward"):
        case.origins(at("T"))


def test_the_opening_of_a_history_that_was_read_in_part_has_no_upper_end(case: Case, tmp_path: Path) -> None:
    partial = Case.create("partial", tmp_path / "w", clock=lambda: 1_750_000_000)
    partial.import_file(tmp_path / "rows.csv", partial=True)
    frame = partial.origins(at("T"), asset="native", rule="fifo")
    assert list(frame["inflow"]) == ["opening", "opening"]
    assert list(frame["at_most_raw"]) == [None, None]


# Bitcoin-like chains: the coin of an address is that of its outpoints.


def _of_owner(transactions: list[UtxoTransaction], owner: str, *, ever: bool) -> Supply | None:
    ledger = utxo.ledger_of(transactions)
    program = compile_program(ledger)
    found = [
        h
        for h in range(len(program.holding_address))
        if program.name(h)[1] == owner and not program.pot[h] and program.main[h] == h
    ]
    return supply(program, ledger, found[0], ever=ever) if found else None


def test_outpoints_are_spent_whole_and_what_rests_is_made_of_what_paid_for_it() -> None:
    transactions = [
        utxo.transaction(1, [(90, 0, "A", 30), (91, 0, "B", 10)], [("T", 25), ("C", 15)]),
        utxo.transaction(2, [(92, 0, "D", 7)], [("T", 7)]),
        utxo.transaction(3, [(1, 0, "T", 25)], [("C", 5), ("T", 20)]),
    ]
    s = _of_owner(transactions, "T", ever=False)
    assert s is not None
    assert named(s, "fifo") == {("opening", "A"): 20, ("opening", "D"): 7}
    assert named(s, "haircut") == {("opening", "A"): 15, ("opening", "B"): 5, ("opening", "D"): 7}
    got = _of_owner(transactions, "T", ever=True)
    assert got is not None
    assert named(got, "fifo") == {("opening", "A"): 25, ("opening", "D"): 7}  # change is nothing new


@pytest.mark.parametrize("ever", [False, True])
@given(transactions=utxo.histories())
def test_of_outpoints_every_rule_adds_up_and_lies_in_the_range(
    transactions: list[UtxoTransaction], ever: bool
) -> None:
    for owner in utxo.OWNERS:
        s = _of_owner(transactions, owner, ever=ever)
        if s is None:
            continue
        assert set(s.splits) == set(CONSERVING)
        ranges = {n: s.range(n) for n in range(len(s.inflows))}
        for number, r in ranges.items():
            assert all(r.at_least <= x.get(number, (0, 0))[0] <= r.at_most for x in s.splits.values())
