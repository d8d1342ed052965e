"""Bitcoin: outpoints as holdings, every rule to the sat, seeds, stops, and what never enters a result."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.utxo_histories import Reference, histories, ledger_of, openings, seed, transaction, txid
from tracer.addresses import BITCOIN
from tracer.arrivals import passages
from tracer.chains.utxo_rows import table_of
from tracer.errors import InputError, SeedError
from tracer.ledger import build_ledger
from tracer.model import CONSERVING, Rule
from tracer.movements import from_rows
from tracer.taint.bounds import bounds, verify
from tracer.taint.compile import compile_program
from tracer.taint.engine import run, run_plain
from tracer.taint.kernels import run_bulk
from tracer.taint.tally import tally
from tracer.utxo import Input, Outpoint, Script

RULES = [str(rule) for rule in Rule]
EXACT = [str(rule) for rule in CONSERVING]


def held(ledger, seeds, rule, stops=()):
    """Stolen sat by owner, with `fee` and `burned`."""
    program = compile_program(ledger, seeds, {(BITCOIN, a): "SERVICE" for a in stops})
    outcome = run(program, Rule(rule))
    found: dict[str, int] = {}
    for holding, units in enumerate(outcome.taint):
        if units:
            name = program.name(holding)[1].removeprefix("sink:")
            found[name] = found.get(name, 0) + units
    return found


def outputs(rule, inputs, amounts):
    """Stolen sat of one transaction: by output, then the fee. inputs: lists of (sat, stolen)."""
    made, taken = [], []
    for n, parts in enumerate(inputs, start=1):
        sources = [(100 * n + k, 0, f"I{n}{k}", sat) for k, (sat, _) in enumerate(parts)]
        made.append(transaction(n, sources, [(f"O{n}", sum(sat for sat, _ in parts))]))
        taken.append((n, 0, f"O{n}", sum(sat for sat, _ in parts)))
    made.append(transaction(9, taken, [(f"P{v}", sat) for v, sat in enumerate(amounts)]))
    bad = [seed(f"I{n}{k}") for n, parts in enumerate(inputs, 1) for k, (_, b) in enumerate(parts) if b]
    found = held(ledger_of(made), bad, rule)
    return [found.get(f"P{v}", 0) for v in range(len(amounts))] + [found.get("fee", 0)]


U1 = ([[(300, True)], [(700, False)]], [400, 550])
U2 = ([[(700, False)], [(300, True)]], [400, 550])
U3 = ([[(200, True)], [(500, False)], [(100, True), (200, False)]], [100, 600, 290])
GOLDEN = {
    "haircut": ([120, 165, 15], [120, 165, 15], [30, 180, 87, 3]),
    "fifo": ([300, 0, 0], [0, 250, 50], [100, 100, 100, 0]),
    "lifo": ([0, 250, 50], [300, 0, 0], [0, 100, 190, 10]),
    "tiho": ([0, 300, 0], [0, 300, 0], [0, 300, 0, 0]),
    "seniority": ([300, 0, 0], [300, 0, 0], [100, 200, 0, 0]),
    "libr": ([0, 250, 50], [0, 250, 50], [0, 0, 290, 10]),
    "poison": ([400, 550, 50], [400, 550, 50], [100, 600, 290, 10]),
}


class TestGoldenExamples:
    @pytest.mark.parametrize("rule", RULES)
    def test_one_transaction_to_the_sat(self, rule):
        assert tuple(outputs(rule, *example) for example in (U1, U2, U3)) == GOLDEN[rule]

    def test_haircut_keeps_every_sat_when_it_rounds(self):
        assert sum(outputs("haircut", [[(1, True)], [(2, False)]], [1, 1])) == 1


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40)
@given(made=histories(), data=st.data())
def test_every_rule_is_what_following_single_sats_by_hand_gives(rule, made, data):
    points = openings(made) + [
        Outpoint(t.txid, o.vout) for t in made for o in t.outputs if o.address and o.amount
    ]
    assume(points)
    stolen = set(data.draw(st.lists(st.sampled_from(points), min_size=1, max_size=3)))
    stops = data.draw(st.sets(st.sampled_from("ABCD"), max_size=1))
    seeds = [seed("", tx=p.txid, vout=p.vout) for p in sorted(stolen)]
    found = held(ledger_of(made), seeds, rule, stops)
    if rule == "poison" and stops:
        return  # a stop counts what arrived: covered below
    assert found == Reference(rule, stolen, stops).run(made)


@settings(max_examples=25)
@given(made=histories(), data=st.data())
def test_compiled_kernels_give_the_numbers_of_plain_integers(made, data):
    owner = data.draw(st.sampled_from("ABCD"))
    ledger = ledger_of(made)
    program = compile_program(
        ledger, [seed(owner), seed("A", theft="other")] if owner != "A" else [seed(owner)]
    )
    for rule in Rule:
        plain, bulk = run_plain(program, rule), run_bulk(program, rule)
        for name in ("taint", "balance", "split", "moved", "brought", "entered"):
            assert list(getattr(bulk, name)) == list(getattr(plain, name)), (rule, name)
        sums = tally(ledger, program, plain), tally(ledger, program, bulk)
        for name in ("received", "first", "by_row", "accounts", "converted"):
            assert getattr(sums[0], name) == getattr(sums[1], name), name


@settings(max_examples=15)
@given(made=histories(most=5), data=st.data())
def test_rows_and_files_may_stand_in_any_order(made, data):
    whole = table_of(made)
    mixed = whole.take(pa.array(data.draw(st.permutations(range(whole.num_rows))), pa.int64()))
    at = data.draw(st.integers(0, len(made)))
    parts = [table_of(made[at:]), table_of(made[: data.draw(st.integers(at, len(made)))])]
    tables = ([whole], [mixed], parts, [mixed, whole])
    results = [[held(build_ledger(t), [seed("A")], rule) for rule in RULES] for t in tables]
    assert all(result == results[0] for result in results)


def addresses_of(program):
    """owner -> its outpoints, pots left out."""
    found: dict[str, set[int]] = {}
    for h in np.flatnonzero(~program.pot).tolist():
        found.setdefault(program.name(h)[1], set()).add(h)
    return {name: frozenset(members) for name, members in found.items()}


def every_accounting(made, stolen, stops):
    """All ways in which transactions can hand on stolen sat: sets of (owner -> stolen sat), by trying them."""
    states = {((), ())}  # (outpoint -> stolen, owner or sink -> stolen), as sorted pairs
    for t in made:
        after = set()
        for coins, kept in states:
            coins, kept = dict(coins), dict(kept)
            bad = 0
            for i in t.inputs:
                units = coins.pop(i.outpoint, i.amount if i.outpoint in stolen else 0)
                if i.address in stops:
                    kept[i.address] = kept.get(i.address, 0) + units
                else:
                    bad += units
            total = sum(i.amount for i in t.inputs) or sum(o.amount for o in t.outputs)
            amounts = [*(o.amount for o in t.outputs), t.fee]
            for parts in itertools.product(*(range(min(a, bad) + 1) for a in amounts)):
                if sum(parts) != bad or any(a - p < 0 for a, p in zip(amounts, parts, strict=True)):
                    continue
                assert sum(amounts) == total
                new, rest = dict(coins), dict(kept)
                for o, units in zip(t.outputs, parts, strict=False):
                    point = Outpoint(t.txid, o.vout)
                    if point in stolen:
                        units = o.amount
                    if o.address:
                        new[point] = units
                after.add((tuple(sorted(new.items())), tuple(sorted(rest.items()))))
        states = after
    owner = {Outpoint(t.txid, o.vout): o.address for t in made for o in t.outputs}
    totals = []
    for coins, kept in states:
        held_by = dict(kept)
        for point, units in coins:
            held_by[owner[point]] = held_by.get(owner[point], 0) + units
        totals.append(held_by)
    return totals


class TestRanges:
    @settings(max_examples=40)
    @given(made=histories(most=4, unit=3), data=st.data())
    def test_equal_to_trying_every_accounting_and_proven(self, made, data):
        points = openings(made)
        assume(points)
        stolen = set(data.draw(st.lists(st.sampled_from(points), min_size=1, max_size=3)))
        stops = data.draw(st.sets(st.sampled_from("ABCD"), max_size=1))
        seeds = [seed("", tx=p.txid, vout=p.vout) for p in sorted(stolen)]
        program = compile_program(ledger_of(made), seeds, {(BITCOIN, a): "SERVICE" for a in stops})
        found = {n: m for n, m in addresses_of(program).items() if len(n) == 1}
        totals = every_accounting(made, stolen, stops)
        ranges = bounds(program, list(found.values()))
        for owner, known in zip(found, ranges, strict=True):
            held_there = [t.get(owner, 0) for t in totals]
            assert (known.at_least, known.at_most) == (min(held_there), max(held_there)), owner
            assert known.kind == "exact"
            assert verify(program, known)
            assert not verify(program, replace(known, at_most=known.at_most - 1))

    @settings(max_examples=40)
    @given(made=histories(), data=st.data())
    def test_every_conserving_rule_lies_inside(self, made, data):
        points = openings(made)
        assume(points)
        seeds = [
            seed("", tx=p.txid, vout=p.vout) for p in data.draw(st.sets(st.sampled_from(points), min_size=1))
        ]
        program = compile_program(ledger_of(made), seeds)
        outcomes = {rule: run(program, rule).taint for rule in CONSERVING}
        groups = list(addresses_of(program).values())
        for members, known in zip(groups, bounds(program, groups), strict=True):
            for rule, taint in outcomes.items():
                assert known.at_least <= sum(taint[h] for h in members) <= known.at_most, rule
        for members, known in zip(groups, bounds(program, groups, through=True), strict=True):
            assert verify(program, known)
            assert known.at_most >= max(sum(taint[h] for h in members) for taint in outcomes.values())


class TestSeeds:
    THEFT = transaction(1, [(90, 0, "V", 1000)], [("T", 700), ("V", 290)])
    SPLIT = transaction(2, [(1, 0, "T", 700)], [("X", 400), ("T", 290)])
    LATER = transaction(3, [(2, 1, "T", 290), (91, 0, "Q", 50)], [("Y", 330)])
    MADE = (THEFT, SPLIT, LATER)

    @pytest.mark.parametrize("rule", EXACT)
    @pytest.mark.parametrize(
        "seeds",
        [
            [seed("T", tx=txid(1))],
            [seed("T", tx=txid(1), amount=700)],
            [seed("T", at=1_700_000_001)],
            [seed("T")],
            [seed("", tx=txid(1), vout=0)],
            [seed("T"), seed("X"), seed("Y")],
            [seed("", tx=txid(1), vout=0), seed("X"), seed("T")],
        ],
    )
    def test_a_downstream_address_or_change_never_raises_the_total(self, rule, seeds):
        found = held(ledger_of(self.MADE), seeds, rule)
        assert sum(found.values()) == 700
        assert found["X"] == 400 if rule != "libr" else found["X"] >= 390

    def test_change_is_no_inflow_and_a_stranger_s_payment_to_a_seed_is(self):
        found = held(
            ledger_of([*self.MADE, transaction(4, [(92, 0, "S", 60)], [("T", 55)])]), [seed("T")], "fifo"
        )
        assert sum(found.values()) == 755

    def test_an_output_that_nobody_saw_made_is_stolen_if_it_is_a_seed(self):
        assert held(ledger_of(self.MADE[1:]), [seed("", tx=txid(1), vout=0)], "fifo") == {
            "X": 400,
            "Y": 290,
            "fee": 10,
        }
        assert sum(held(ledger_of(self.MADE[1:]), [seed("T")], "fifo").values()) == 700
        assert (
            sum(held(ledger_of(self.MADE[1:]), [seed("", tx=txid(1), vout=0, amount=300)], "fifo").values())
            == 300
        )

    def test_an_amount_alone_marks_what_the_address_spends_from_unseen_transactions(self):
        assert held(ledger_of(self.MADE[1:]), [seed("T", amount=700)], "fifo") == {
            "X": 400,
            "Y": 290,
            "fee": 10,
        }
        assert held(ledger_of(self.MADE[1:]), [seed("T", amount=100)], "fifo") == {"X": 100}
        # what no such output holds rests at the address, and a gap says so
        ledger = ledger_of(self.MADE)
        assert held(ledger, [seed("T", amount=123)], "fifo") == {"T": 123}
        assert "seed_amount" in {g.code for g in compile_program(ledger, [seed("T", amount=123)]).gaps}

    def test_an_amount_beyond_the_only_opening_is_a_gap_also_where_the_address_got_nothing(self):
        ledger = ledger_of([transaction(2, [(90, 0, "T", 1_000)], [("X", 990)])])
        made = compile_program(ledger, [seed("T", amount=5_000)])
        assert [g.amount for g in made.gaps if g.code == "seed_amount"] == [4_000]
        assert held(ledger, [seed("T", amount=5_000)], "fifo") == {"T": 4_000, "X": 990, "fee": 10}
        whole = compile_program(ledger, [seed("T", amount=1_000)])
        assert "seed_amount" not in {g.code for g in whole.gaps}

    def test_an_amount_that_equals_an_output_is_refused_without_its_transaction(self):
        with pytest.raises(SeedError, match="count the theft twice"):
            held(ledger_of(self.MADE), [seed("T", amount=700)], "fifo")

    def test_an_outpoint_that_no_source_knows_is_refused(self):
        with pytest.raises(SeedError, match="neither made nor spent"):
            held(ledger_of(self.MADE), [seed("", tx=txid(77), vout=0)], "fifo")

    def test_two_thefts_are_told_apart(self):
        made = [self.THEFT, self.SPLIT, replace(self.LATER)]
        program = compile_program(
            ledger_of(made), [seed("", tx=txid(1), vout=0, theft="one"), seed("Q", theft="two")]
        )
        outcome = run(program, Rule.FIFO)
        sums = [sum(split.get(o, (0, 0))[0] for split in outcome.split) for o in range(2)]
        assert [program.origins[o].theft for o in range(2)] == ["one", "two"]
        assert sums == [700, 50]


class TestStops:
    MADE = TestSeeds.MADE

    @pytest.mark.parametrize("rule", EXACT)
    def test_coin_does_not_leave_the_outputs_of_a_stopped_address(self, rule):
        found = held(ledger_of(self.MADE), [seed("", tx=txid(1), vout=0)], rule, stops=["T"])
        assert found == {"T": 700}

    def test_poison_counts_what_arrived_at_a_stop(self):
        made = [
            TestSeeds.THEFT,
            transaction(2, [(1, 0, "T", 700), (91, 0, "Q", 100)], [("S", 500), ("X", 290)]),
        ]
        found = held(ledger_of(made), [seed("", tx=txid(1), vout=0)], "poison", stops=["S"])
        assert found == {"S": 500, "X": 290, "fee": 10}

    def test_an_op_return_with_coin_burns_it(self):
        made = [TestSeeds.THEFT, transaction(2, [(1, 0, "T", 700)], [("", 200), ("X", 500)])]
        assert held(ledger_of(made), [seed("", tx=txid(1), vout=0)], "fifo") == {"burned": 200, "X": 500}

    def test_a_seed_behind_a_stop_that_coin_reached_is_no_new_theft(self):
        seeds = [seed("", tx=txid(1), vout=0), seed("X")]
        assert held(ledger_of(self.MADE), seeds, "fifo", stops=["T"]) == {"T": 700}


class TestWhatNeverEnters:
    def codes(self, ledger):
        return {gap.code for gap in ledger.gaps}

    def test_an_unconfirmed_transaction(self):
        waiting = replace(TestSeeds.SPLIT, block=None)
        ledger = ledger_of([TestSeeds.THEFT, waiting])
        assert held(ledger, [seed("T")], "fifo") == {"T": 700}
        assert self.codes(ledger) == {"unconfirmed"}
        confirmed = build_ledger([table_of([TestSeeds.THEFT, waiting]), table_of([TestSeeds.SPLIT])])
        assert held(confirmed, [seed("T")], "fifo")["X"] == 400
        assert self.codes(confirmed) == {"overlap"}

    def test_two_sources_that_tell_a_transaction_differently(self):
        theft, split = TestSeeds.THEFT, TestSeeds.SPLIT
        first, *rest = split.outputs

        def against(copy):
            return self.codes(build_ledger([table_of([theft, split]), table_of([copy])]))

        elsewhere = replace(split, outputs=(replace(first, address="Z", script=""), *rest))
        spent = replace(split.inputs[0], address="Z")
        by_hash = replace(first, address="", script="0014" + "ab" * 20)
        other_hash = replace(first, address="", script="0014" + "cd" * 20)
        for copy in (elsewhere, replace(split, inputs=(spent,)), replace(split, block=split.block + 1)):
            assert against(copy) == {"overlap", "overlap_differs"}
        assert against(split) == {"overlap"}
        assert against(replace(split, outputs=(by_hash, *rest))) == {"overlap"}  # may be the same owner
        one, other = (replace(split, outputs=(out, *rest)) for out in (by_hash, other_hash))
        found = build_ledger([table_of([theft, one]), table_of([other])])
        assert self.codes(found) == {"overlap", "overlap_differs"}

    def test_a_confirmed_transaction_that_spends_an_unconfirmed_one(self):
        waiting, after = (
            replace(TestSeeds.SPLIT, block=None),
            transaction(9, [(2, 0, "X", 400)], [("Y", 400)]),
        )
        ledger = ledger_of([TestSeeds.THEFT, waiting, after])
        assert self.codes(ledger) == {"unconfirmed", "spends_unconfirmed"}
        (gap,) = (g for g in ledger.gaps if g.code == "spends_unconfirmed")
        assert gap.message.startswith("1 outputs that confirmed transactions spend")
        assert f"{txid(9)} spends {txid(2)}:0" in gap.message
        assert (gap.chain, gap.tx) == (BITCOIN, txid(9))
        assert held(ledger, [seed("T")], "fifo") == {"T": 700}
        whole = build_ledger([table_of([TestSeeds.THEFT, waiting, after]), table_of([TestSeeds.SPLIT])])
        assert self.codes(whole) == {"overlap"}

    def test_a_transaction_of_which_a_row_is_missing_is_never_half_counted(self):
        whole = table_of(TestSeeds.MADE)
        for gone in range(whole.num_rows):
            ledger = build_ledger([whole.filter(pa.array([i != gone for i in range(whole.num_rows)]))])
            assert "incomplete_transaction" in self.codes(ledger)
            lost = whole["tx_hash"][gone].as_py()
            assert lost not in ledger.table["tx_hash"].to_pylist()
            assert set(ledger.excluded["excluded"].to_pylist()) == {"incomplete"}
        both = build_ledger([whole.slice(1), whole])
        assert both.rows == whole.num_rows

    def test_two_transactions_of_one_file_that_spend_the_same_output_are_refused(self):
        twin = transaction(5, [(1, 0, "T", 700)], [("Z", 700)])
        with pytest.raises(InputError, match="Rows 5 and 13 spend the same output"):
            ledger_of([*TestSeeds.MADE[:2], TestSeeds.LATER, twin])

    def test_of_two_sources_the_one_with_a_block_wins_then_the_first(self):
        twin = transaction(5, [(1, 0, "T", 700)], [("Z", 700)])
        ledger = build_ledger([table_of([twin]), table_of(TestSeeds.MADE)])
        assert held(ledger, [seed("T")], "fifo").get("Z") == 700
        assert "double_spend" in self.codes(ledger)
        without = table_of([twin]).set_column(1, "block", pa.nulls(3, pa.int64()))
        loose = without.set_column(
            13, "excluded", pa.array([""] * 3).dictionary_encode().cast(without["excluded"].type)
        )
        ledger = build_ledger([loose, table_of(TestSeeds.MADE)])
        assert held(ledger, [seed("T")], "fifo")["X"] == 400
        assert any("is in a block" in gap.message for gap in ledger.gaps)

    def test_an_amount_that_two_transactions_state_differently_is_refused(self):
        wrong = transaction(2, [(1, 0, "T", 701)], [("X", 700)])
        with pytest.raises(
            InputError, match=r"spends an output of .* as 701 sat, but row 2 made it with 700"
        ):
            ledger_of([TestSeeds.THEFT, wrong])
        with pytest.raises(InputError) as told:
            build_ledger(
                [table_of([TestSeeds.THEFT]), table_of([wrong])], names=["theft.jsonl", "later.jsonl"]
            )
        assert told.value.message.startswith("Row 1 of 'later.jsonl' spends")
        assert "row 2 of 'theft.jsonl' made it" in told.value.message

    def test_an_output_without_value_is_made_before_it_is_spent_also_where_no_index_says_so(self):
        made = transaction(1, [(100, 0, "T", 9)], [("X", 9), ("X", 0)], 7, None)
        spent = transaction(2, [(1, 1, "X", 0), (101, 0, "Y", 5)], [("Z", 5)], 7, None)
        ledger = ledger_of([spent, made])
        assert held(ledger, [seed("T")], "fifo") == {"X": 9}

    def test_an_output_spent_before_it_is_made_is_refused(self):
        with pytest.raises(InputError, match="stands later in the order of the chain"):
            ledger_of([replace(TestSeeds.THEFT, block=9), TestSeeds.SPLIT])
        late = [table_of([replace(TestSeeds.THEFT, block=9)]), table_of([TestSeeds.SPLIT])]
        with pytest.raises(InputError, match=r"row 1 of 'b.jsonl'.* .row 2 of 'a.jsonl'"):
            build_ledger(late, names=["a.jsonl", "b.jsonl"])

    def test_without_an_index_a_block_is_put_in_the_order_of_its_outputs(self):
        made = [replace(t, block=7, tx_index=None) for t in TestSeeds.MADE]
        for order in itertools.permutations(made):
            ledger = ledger_of(order)
            assert held(ledger, [seed("T", tx=txid(1))], "fifo") == {"X": 400, "Y": 290, "fee": 10}
            assert "order_in_block" in self.codes(ledger)

    def test_payments_between_addresses_of_the_same_chain_do_not_mix_in(self):
        row = {
            "chain": BITCOIN,
            "block": 4,
            "tx_hash": txid(8),
            "from_address": "T",
            "to_address": "Z",
            "amount": 5,
        }
        ledger = build_ledger([table_of(TestSeeds.MADE), from_rows([row | {"kind": "native"}])])
        assert "account_row" in self.codes(ledger)
        assert "Z" not in held(ledger, [seed("T")], "fifo")
        alone = build_ledger([from_rows([row | {"kind": "native"}])])
        assert held(alone, [seed("T", amount=9)], "fifo") == {"T": 4, "Z": 5}

    def test_sources_that_know_a_script_by_its_hash_or_not_at_all_name_one_owner(self):
        def paying(address, script):
            spent = Input(Outpoint(txid(1), 0), address, Script.UNKNOWN, 700, script)
            return replace(TestSeeds.SPLIT, inputs=(spent,))

        for address, script in (("", "51"), ("", "")):
            ledger = ledger_of([TestSeeds.THEFT, paying(address, script)])
            assert held(ledger, [seed("T")], "fifo")["X"] == 400


def test_received_is_what_came_from_others():
    made = [*TestSeeds.MADE, transaction(4, [(2, 0, "X", 400), (3, 0, "Y", 330)], [("X", 600), ("Z", 130)])]
    ledger = ledger_of(made)
    program = compile_program(ledger, [seed("", tx=txid(1), vout=0)])
    outcome = run(program, Rule.FIFO)
    sums = tally(ledger, program, outcome)
    received = {program.name(h)[1]: n for h, n in enumerate(sums.received) if n}
    assert {n: received[n] for n in ("T", "X", "Z")} == {"T": 700, "X": 400 + 600 - 400, "Z": 90}


def test_what_left_an_address_is_what_it_spent_less_its_change():
    made = [
        *TestSeeds.MADE[:2],
        transaction(3, [(2, 1, "T", 290), (2, 0, "X", 400)], [("T", 500), ("Y", 180)]),
    ]
    ledger = ledger_of(made)
    program = compile_program(ledger, [seed("", tx=txid(1), vout=0)])
    sums = tally(ledger, program, run(program, Rule.FIFO))
    at = {program.name(h)[1]: h for h in sorted(set(program.main.tolist())) if not program.pot[h]}
    found = passages(ledger, program, [sums], list(at.values()))
    left = {name: found[at[name]].left for name in ("T", "X", "Y")}
    assert left == {"T": 700 - 290, "X": 400, "Y": 0}
    came = {name: [ledger.outpoint[r] for r in found[at[name]].came] for name in ("T", "X", "Y")}
    # T got 500 in transaction 3 for 290 of its own: some of X's coin came to it
    assert came["T"] == [f"{txid(1)}:0", f"{txid(3)}:0"]
    assert came["X"] == [f"{txid(2)}:0"]


class TestSeedsInTransactionsOfSeveral:
    def test_what_a_seed_gets_back_as_change_is_no_theft(self):
        with pytest.raises(SeedError, match="No movement into the seed V"):
            compile_program(ledger_of(TestSeeds.MADE), [seed("V", tx=txid(1))])

    def test_an_output_that_nobody_saw_made_is_clean_once_coin_of_another_owner_came(self):
        made = [
            transaction(1, [(90, 0, "A", 10), (91, 0, "B", 20)], [("A", 30)]),
            transaction(2, [(92, 0, "A", 40)], [("Z", 40)]),
        ]
        found = held(ledger_of(made), [seed("A"), seed("B")], "fifo")
        assert found == {"A": 30}
        alone = held(ledger_of(made), [seed("A")], "fifo")
        assert alone == {"A": 10, "Z": 40}  # its own coin came back to it: nobody else's did
