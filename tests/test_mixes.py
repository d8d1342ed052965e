"""CoinJoins in the accounting: what enters rests there, certain change goes on, and the analyst has the last word."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.utxo_histories import ledger_of, seed, transaction, txid
from tests.utxo_rows import coin, pay, script, write_rows
from tests.utxo_rows import transaction as bitcoin
from tracer.addresses import BITCOIN
from tracer.arrivals import passages
from tracer.beyond import Entered, possible_outputs
from tracer.case import Case
from tracer.cli.app import app
from tracer.mixes import declared_mixes, find_mixes
from tracer.model import CONSERVING, Rule
from tracer.taint.bounds import bounds, verify
from tracer.taint.compile import compile_program
from tracer.taint.engine import run, run_plain
from tracer.taint.kernels import run_bulk
from tracer.taint.program import NEVER
from tracer.taint.tally import tally
from tracer.utxo import Input, Outpoint, Script

POOL = 5_000_000
THEFT = transaction(1, [(90, 0, "V", 12_100_000)], [("T", 12_000_000)], block=800_000)
SPLIT = transaction(2, [(1, 0, "T", 12_000_000)], [("P1", POOL + 10_000), ("R", 6_980_000)], block=800_001)
MIX = transaction(
    3,
    [(2, 0, "P1", POOL + 10_000), (91, 0, "P2", POOL + 9_000), (92, 0, "P3", POOL), (93, 0, "P4", POOL)]
    + [(94, 0, "P5", POOL)],
    [(f"M{n}", POOL) for n in range(5)],
    block=800_002,
)
AFTER = transaction(4, [(3, 0, "M0", POOL)], [("Z", POOL - 500)], block=800_003)
MADE = (THEFT, SPLIT, MIX, AFTER)
NODE = f"tx:{txid(3)}"


def held(program, rule):
    found: dict[str, int] = {}
    for holding, units in enumerate(run(program, Rule(rule)).taint):
        if units:
            name = program.name(holding)[1]
            found[name] = found.get(name, 0) + units
    return found


class TestWhirlpool:
    def test_is_found_with_its_crowd_and_said_where_stolen_coin_stops(self):
        (mix,) = find_mixes(ledger_of(MADE))
        assert mix.account == (BITCOIN, NODE)
        assert mix.change == {}
        assert "whirlpool" in mix.gap().message
        assert "Equal outputs: 5 of 0.05 BTC (5,000,000 sat)." in mix.gap().message
        assert "not followed" not in mix.gap().message
        assert find_mixes(ledger_of(MADE), {(BITCOIN, NODE)}) == []

    def test_outputs_of_a_single_value_that_are_no_certain_change_are_counted_in_the_gap(self):
        ledger = ledger_of(TestCertainChange.MADE)
        (mix,) = declared_mixes(ledger, [(BITCOIN, f"tx:{txid(5)}")])
        assert mix.gap().message.endswith("that are not followed: 1.")

    @pytest.mark.parametrize("rule", [*CONSERVING, Rule.POISON])
    def test_what_enters_rests_in_it_under_every_rule(self, rule):
        program = compile_program(ledger_of(MADE), [seed("T", tx=txid(1))], mixes={(BITCOIN, txid(3)): {}})
        found = held(program, rule)
        assert found == {NODE: POOL + 10_000, "R": 6_980_000, "sink:fee": 10_000}
        assert sum(found.values()) == 12_000_000

    @pytest.mark.parametrize("rule", CONSERVING)
    @pytest.mark.parametrize("burnt", [0, 9_000])
    def test_an_op_return_in_it_hides_nothing_and_every_sat_is_accounted_for(self, rule, burnt):
        outputs = [(f"M{n}", POOL) for n in range(5)] + [("", burnt)]
        spent = [(i.outpoint.txid, i.outpoint.vout, i.address, i.amount) for i in MIX.inputs]
        named = [(next(n for n in range(100) if txid(n) == t), v, who, sat) for t, v, who, sat in spent]
        ledger = ledger_of([THEFT, SPLIT, transaction(3, named, outputs, block=800_002), AFTER])
        (mix,) = find_mixes(ledger)
        assert "without it the shape is whirlpool" in mix.verdict.reasons[-1]
        program = compile_program(ledger, [seed("T", tx=txid(1))], mixes={(BITCOIN, txid(3)): mix.change})
        found = held(program, rule)
        assert found == {NODE: POOL + 10_000, "R": 6_980_000, "sink:fee": 10_000}
        result = run(program, Rule(rule))
        assert all(account.difference == 0 for account in tally(ledger, program, result).accounts)

    def test_coin_some_payments_behind_it_as_a_seed_is_said_to_count_twice(self):
        seeds = [seed("T", tx=txid(1)), seed("Z", tx=txid(4))]
        program = compile_program(ledger_of(MADE), seeds, mixes={(BITCOIN, txid(3)): {}})
        (gap,) = [g for g in program.gaps if g.code.startswith("seed_be")]
        assert (gap.code, gap.address, gap.amount) == ("seed_beyond_stop", "Z", POOL - 500)

    def test_nothing_after_it_is_reached_and_a_seed_behind_it_is_no_new_theft(self):
        seeds = [seed("T", tx=txid(1)), seed("M0")]
        program = compile_program(ledger_of(MADE), seeds, mixes={(BITCOIN, txid(3)): {}})
        assert sum(held(program, "fifo").values()) == 12_000_000
        outside = compile_program(ledger_of(MADE), seeds[:1], mixes={(BITCOIN, txid(3)): {}})
        reached = {outside.name(h)[1] for h in np.flatnonzero(outside.hop < NEVER).tolist()}
        assert not reached & {"M0", "M1", "Z", "P2"}
        assert reached >= {NODE, "R", "P1", "T"}

    @pytest.mark.parametrize("named", [{"tx": txid(3), "vout": 0}, {"tx": txid(3)}])
    def test_a_seed_that_names_an_output_behind_it_counts_and_is_said_to_count_twice(self, named):
        mixes = {(BITCOIN, txid(3)): {}}
        program = compile_program(ledger_of(MADE), [seed("T", tx=txid(1)), seed("M0", **named)], mixes=mixes)
        assert sum(held(program, "fifo").values()) == 12_000_000 + POOL
        gaps = {g.code: (g.status, g.address, g.amount, g.tx) for g in program.gaps}
        for code in ("seed_behind_stop", "seed_from_coinjoin"):
            assert gaps[code] == ("open", "M0", POOL, txid(3))
        alone = compile_program(ledger_of(MADE), [seed("M0", **named)], mixes=mixes)
        codes = [g.code for g in alone.gaps]
        assert codes.count("seed_from_coinjoin") == 1
        assert "seed_behind_stop" not in codes

    def test_a_whole_mix_as_theft_transaction_is_said_for_every_output(self):
        seeds = [seed(f"M{n}", tx=txid(3)) for n in range(5)]
        program = compile_program(ledger_of(MADE), seeds, mixes={(BITCOIN, txid(3)): {}})
        said = [g.address for g in program.gaps if g.code == "seed_from_coinjoin"]
        assert said == [f"M{n}" for n in range(5)]

    def test_certain_change_of_a_mix_as_a_seed_is_no_doubt(self):
        made = TestCertainChange.MADE
        program = compile_program(ledger_of(made), [seed("C", tx=txid(5), vout=2)], mixes=CHANGE)
        assert not {g.code for g in program.gaps} & {"seed_from_coinjoin", "seed_behind_stop"}

    def test_ranges_are_exact_and_proven(self):
        program = compile_program(ledger_of(MADE), [seed("T", tx=txid(1))], mixes={(BITCOIN, txid(3)): {}})
        (node,) = [h for h in range(len(program.pot)) if program.name(h)[1] == NODE]
        (found,) = bounds(program, [node])
        assert (found.at_least, found.at_most) == (POOL + 10_000,) * 2
        assert verify(program, found)

    def test_what_came_to_it_are_the_inputs_that_carry_stolen_coin(self):
        ledger = ledger_of(MADE)
        program = compile_program(ledger, [seed("T", tx=txid(1))], mixes={(BITCOIN, txid(3)): {}})
        (node,) = [h for h in range(len(program.pot)) if program.name(h)[1] == NODE]
        sums = tally(ledger, program, run(program, Rule.FIFO))
        came = passages(ledger, program, [sums], [node])[node].came
        assert [ledger.outpoint[r] for r in came] == [f"{txid(2)}:0"]
        assert sums.received[node] == POOL + 10_000


CHANGE = {(BITCOIN, txid(5)): {0: 2}}


class TestCertainChange:
    # input 0 of 700, of which 300 are certainly its change (output 2)
    MIX = transaction(
        5, [(1, 0, "T", 700), (95, 0, "Q", 400)], [("A", 395), ("B", 395), ("C", 300)], block=800_002
    )
    MADE = (transaction(1, [(90, 0, "V", 400), (89, 0, "W", 300)], [("T", 700)], block=800_000), MIX)

    @pytest.mark.parametrize(
        ("rule", "change"),
        [("fifo", 300), ("lifo", 0), ("seniority", 300), ("tiho", 300), ("libr", 0), ("haircut", 171)],
    )
    def test_goes_on_under_the_rule_and_the_rest_stays(self, rule, change):
        program = compile_program(ledger_of(self.MADE), [seed("V")], mixes=CHANGE)
        found = held(program, rule)
        assert found == {k: v for k, v in {"C": change, f"tx:{txid(5)}": 400 - change}.items() if v}

    def test_compiled_kernels_and_rows_agree(self):
        ledger = ledger_of(self.MADE)
        program = compile_program(ledger, [seed("V")], mixes=CHANGE)
        for rule in Rule:
            plain, bulk = run_plain(program, rule), run_bulk(program, rule)
            assert list(plain.taint) == list(bulk.taint), rule
            sums = tally(ledger, program, plain)
            assert sums.by_row == tally(ledger, program, bulk).by_row
            spends = [r for r in range(ledger.rows) if ledger.tx_hash[r] == txid(5) and ledger.spends[r] >= 0]
            assert sum(sums.by_row[r] for r in spends) == (400 if rule != Rule.POISON else 700)

    def test_every_rule_lies_in_the_range(self):
        program = compile_program(ledger_of(self.MADE), [seed("V")], mixes=CHANGE)
        node, change = (
            next(h for h in range(len(program.pot)) if program.name(h)[1] == n)
            for n in (f"tx:{txid(5)}", "C")
        )
        found = bounds(program, [node, change])
        assert [(f.at_least, f.at_most) for f in found] == [(100, 400), (0, 300)]
        assert all(verify(program, f) for f in found)


class TestBeyond:
    def beyond(self, made, rests, inputs):
        ledger = ledger_of(made)
        mixes = find_mixes(ledger)
        return possible_outputs(mixes, {(BITCOIN, NODE): Entered(rests, inputs)}, ledger)

    def test_each_equal_output_is_one_of_so_many_with_an_equal_share_and_its_next_spend(self):
        found = self.beyond(MADE, POOL + 10_000, 1)
        # one participant gets one output, so one fifth of that is the share of each
        assert [(p.owner, p.anonymity_set, p.share, p.remainder) for p in found] == [
            (f"M{n}", 5, POOL // 5, 0) for n in range(5)
        ]
        assert [p.spent_tx for p in found] == [txid(4), "", "", "", ""]

    @pytest.mark.parametrize(("rests", "inputs"), [(1, 1), (7, 2), (9_999_999, 2), (10**9, 5), (10**9, 9)])
    def test_shares_and_remainder_add_up_and_none_exceeds_its_output(self, rests, inputs):
        found = self.beyond(MADE, rests, inputs)
        assert sum(p.share for p in found) + found[0].remainder == min(rests, POOL * min(inputs, 5))
        assert all(0 <= p.share <= p.amount and 0 <= p.remainder < 5 for p in found)

    def test_a_mix_without_stolen_coin_has_no_row(self):
        assert self.beyond(MADE, 0, 0) == []

    def test_a_transaction_that_only_the_analyst_calls_a_mix_is_taken_apart_too(self):
        ledger = ledger_of(MADE)
        (mix,) = declared_mixes(ledger, [(BITCOIN, NODE), (BITCOIN, f"tx:{txid(77)}")])
        assert [(d.amount, d.anonymity_set) for d in mix.parts.denominations] == [(POOL, 5)]
        assert (mix.change, mix.verdict.reasons) == ({}, ("the analyst says so",))


def mixed_history():
    """A theft, its split, and a Whirlpool mix of one part."""
    theft = bitcoin(
        [coin("victim", 12_100_000)],
        [pay("thief", 12_000_000)],
        name="theft",
        block=800_000,
        time=1_690_000_000,
    )
    spent = Input(Outpoint(theft.txid, 0), "", Script.P2WPKH, 12_000_000, script("thief"))
    split = bitcoin(
        [spent],
        [pay("premix", POOL + 10_000), pay("rest", 6_980_000)],
        name="split",
        block=800_001,
        time=1_690_000_600,
    )
    entering = Input(Outpoint(split.txid, 0), "", Script.P2WPKH, POOL + 10_000, script("premix"))
    others = [coin("two", POOL + 9_000), coin("three", POOL), coin("four", POOL), coin("five", POOL)]
    mixed = bitcoin(
        [entering, *others],
        [pay(f"out{n}", POOL) for n in range(5)],
        name="mix",
        block=800_002,
        time=1_690_001_200,
    )
    return theft, split, mixed


def test_a_case_stops_at_a_coinjoin_says_so_and_the_analyst_can_lift_it(tmp_path):
    theft, split, mixed = mixed_history()
    case = Case.create("mixed", tmp_path)
    case.import_file(write_rows(tmp_path / "t.jsonl", [theft, split, mixed]))
    case.add_seed(theft.txid, "bitcoin")
    node = f"tx:{mixed.txid}"
    rows = case.taint().addresses().set_index("address")
    assert rows.loc[node, ["taint_raw", "at_least_raw", "at_most_raw", "stop", "hop"]].tolist() == [
        POOL + 10_000,
        POOL + 10_000,
        POOL + 10_000,
        "MIXER",
        2,
    ]
    beyond = case.beyond_mixes()
    assert beyond[
        ["mix_tx", "outpoint", "rests_raw", "share_raw", "remainder_raw", "grade"]
    ].values.tolist() == [
        [mixed.txid, f"{mixed.txid}:{n}", POOL + 10_000, POOL // 5, 0, "probabilistic"] for n in range(5)
    ]
    said = CliRunner().invoke(app, ["beyond", "mixed", "--workspace", str(tmp_path)]).stdout
    assert said.count("possible, 1 of 5: ") == 5
    assert "0.0501 BTC rest in it" in said
    assert said.count("share 0.01 BTC") == 5
    gap = case.gaps().set_index("code").loc["coinjoin"]
    assert (gap["tx"], gap["address"]) == (mixed.txid, node)
    (said,) = case.coinjoins().to_dict("records")
    assert (said["mix_tx"], said["mix_kind"], said["confidence"]) == (mixed.txid, "whirlpool", 99)
    assert (said["inputs"], said["outputs"], said["anonymity_sets"]) == (5, 5, f"5 of {POOL}")
    assert (said["entered_raw"], said["rests_raw"], said["certain_change"]) == (
        POOL + 10_000,
        POOL + 10_000,
        0,
    )
    assert "a Whirlpool pool size" in said["reasons"]
    (japanese,) = case.coinjoins(language="ja").to_dict("records")
    assert japanese["reasons"].startswith(
        "入力 5 件、出力 5 件。出力はいずれもWhirlpoolのプールの額（5,000,000 sat）と同額; 入力のうち 3 件は"
    )
    assert {k: v for k, v in japanese.items() if k != "reasons"} == {
        k: v for k, v in said.items() if k != "reasons"
    }
    assert gap["message"] == (
        f"CoinJoin (whirlpool, confidence 99): {said['reasons']}. Coin that enters rests in it. Equal outputs: "
        "5 of 0.05 BTC (5,000,000 sat). Certain change: 0 outputs."
    )
    for gaps in (case.gaps("ja"), case.taint().gaps("ja")):
        assert gaps.set_index("code").loc["coinjoin", "message"] == (
            f"CoinJoin（Whirlpool、確度 99）：{japanese['reasons']}。入った資産はこの取引にとどまるものとします。"
            "同額の出力：0.05 BTC（5,000,000 sat）が 5 件。特定できたおつり：0 件。"
        )
    ends = case.endpoints().set_index("address")
    assert ends.loc[node, "endpoint"] == "mixer"
    # its outputs hold what entered: nothing can still be there, and no history of it was to be read
    told = ends.loc[node, ["still_there", "history", "left_since_raw", "transactions_seen"]]
    assert [value for value in told if value and not pd.isna(value)] == []
    assert case.graph().nx.nodes[f"{BITCOIN}:{node}"]["stop"] == "MIXER"
    assert [r.stop for r in case.trace_routes().listed if r.endpoint.endswith(node)] == ["MIXER"]
    assert len(case.export(tmp_path / "out")) > 20

    case.stop(node, None, chain="bitcoin", reason="one owner")
    rows = case.taint().addresses().set_index("address")
    assert node not in rows.index
    assert sum(rows["taint_raw"]) == 12_000_000
    assert "coinjoin" not in set(case.gaps()["code"])
    assert case.beyond_mixes().empty
    assert case.coinjoins().empty
    case.stop(f"tx:{split.txid}", "MIXER", chain="bitcoin")
    assert case.taint().addresses().set_index("address").loc[f"tx:{split.txid}", "taint_raw"] == 12_000_000


def test_clusters_obey_what_the_analyst_says_of_a_transaction(tmp_path):
    theft, split, mixed = mixed_history()
    joint = bitcoin(
        [coin("two", 900_000), coin("three", 800_000)],
        [pay("six", 1_690_000)],
        name="joint",
        block=800_003,
        time=1_690_001_800,
    )
    case = Case.create("said", tmp_path)
    case.import_file(write_rows(tmp_path / "t.jsonl", [theft, split, mixed, joint]))
    case.add_seed(theft.txid, "bitcoin")

    def joined() -> set[str]:
        links = case.cluster_links()
        return set(links[links["withdrawn"] == ""]["tx"]) if len(links) else set()

    assert joined() == {joint.txid}
    case.stop(f"tx:{joint.txid}", "MIXER", chain="bitcoin", reason="two people")
    assert joined() == set()
    case.stop(f"tx:{mixed.txid}", None, chain="bitcoin", reason="one owner")
    assert joined() == {mixed.txid}
