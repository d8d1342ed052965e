"""Seeds, openings, transactions, conversions, fees and stops: one behaviour per test, exact numbers."""

from __future__ import annotations

import pytest

from tests.accounting import CHAIN, history, seed, trace
from tracer.addresses import ZERO_ADDRESS
from tracer.errors import SeedError
from tracer.ledger import BURNED, FEE, build_ledger
from tracer.model import CONSERVING, Rule
from tracer.movements import from_rows
from tracer.taint.compile import compile_program

RULES = [str(rule) for rule in Rule]
EXACT = [str(rule) for rule in CONSERVING]


class TestWhatOtherTracersGetWrong:
    """Failures seen in other tools; the numbers in the names are the ones they got wrong."""

    @pytest.mark.parametrize("rule", RULES)
    def test_coin_spent_before_the_theft_is_not_tainted(self, rule):
        t = trace([("A", "C", 1), ("S", "A", 1)], [seed("S", amount=1)], rule)
        assert (t.held("C"), t.held("A")) == (0, 1)

    def test_haircut_takes_the_balance_into_account(self):
        t = trace([("", "A", 900), ("S", "A", 100), ("A", "C", 10)], [seed("S", amount=100)], "haircut")
        assert t.held("C") == 1

    @pytest.mark.parametrize("rule", RULES)
    def test_a_node_reached_twice_passes_both_parts(self, rule):
        payments = [("S", "A", 60), ("S", "B", 40), ("B", "A", 40), ("A", "C", 100)]
        assert trace(payments, [seed("S", amount=100)], rule).held("C") == 100

    def test_units_of_different_tokens_are_never_added(self):
        payments = [("S", "A", 400), ("S", "B", 10**30, "0xspam")]
        t = trace(payments, [seed("S", amount=400, asset="native")], "fifo")
        assert [(a.stolen, a.held) for a in t.tally.accounts] == [(400, 400), (0, 0)]
        assert t.held(("B", "0xspam")) == 0

    @pytest.mark.parametrize("rule", RULES)
    def test_the_first_payment_is_followed(self, rule):
        t = trace([("S", "A", 399_999), ("S", "B", 1)], [seed("S", amount=400_000)], rule)
        assert (t.held("A"), t.held("B")) == (399_999, 1)

    @pytest.mark.parametrize("rule", RULES)
    def test_two_payments_in_one_block_are_a_flow(self, rule):
        same = {"tx_index": None, "block": 7, "timestamp": 1007}
        payments = [("A", "B", 5, same | {"tx_hash": "0xb"}), ("S", "A", 5, same | {"tx_hash": "0xa"})]
        t = trace(payments, [seed("S", amount=5)], rule)
        assert t.held("B") == 5
        assert [g.code for g in t.ledger.gaps] == ["order_in_block"]

    def test_transaction_index_beats_file_order_and_time(self):
        at = {"block": 7, "timestamp": 1007}
        payments = [
            ("A", "B", 5, at | {"tx_hash": "0xb", "tx_index": 1}),
            ("S", "A", 5, at | {"tx_hash": "0xa", "tx_index": 2}),
        ]
        t = trace(payments, [seed("S", amount=5)], "fifo")
        assert (t.held("A"), t.held("B")) == (5, 0)

    @pytest.mark.parametrize(("rule", "expected"), [("fifo", 5), ("lifo", 0)])
    def test_a_forwarded_lot_keeps_its_order(self, rule, expected):
        payments = [("S", "A", 5), ("X", "A", 5), ("A", "B", 10), ("B", "C", 5)]
        t = trace(payments, [seed("S", amount=5)], rule)
        assert t.held("C") == expected

    @pytest.mark.parametrize("rule", EXACT)
    def test_a_self_transfer_changes_nothing(self, rule):
        payments = [("S", "A", 5), ("X", "A", 5), ("A", "B", 5), ("A", "C", 5)]
        looped = [*payments[:2], ("A", "A", 7), *payments[2:]]
        plain, other = (trace(p, [seed("S", amount=5)], rule) for p in (payments, looped))
        assert [plain.held(n) for n in "ABC"] == [other.held(n) for n in "ABC"]

    @pytest.mark.parametrize("rule", RULES)
    def test_a_hundred_thousand_hops(self, rule):
        payments = [("S", "0", 9), *((str(i), str(i + 1), 9) for i in range(100_000))]
        t = trace(payments, [seed("S", amount=9)], rule)
        assert t.held("100000") == 9
        assert t.hop("100000") == 100_001

    @pytest.mark.parametrize("rule", RULES)
    def test_a_fan_out_of_35000(self, rule):
        t = trace([("S", f"A{i}", 3) for i in range(35_000)], [seed("S", amount=105_000)], rule)
        assert {t.outcome.taint[h] for h in range(len(t.outcome.taint)) if t.program.name(h)[1] != "S"} == {3}

    def test_an_unknown_opening_is_declared_not_zero(self):
        t = trace([("S", "A", 10), ("A", "B", 25)], [seed("S", amount=10)], "fifo")
        gap = next(g for g in t.program.gaps if g.code == "opening")
        assert (gap.address, gap.amount, gap.status) == ("A", 15, "open")
        assert t.held("B") == 10

    @pytest.mark.parametrize("rule", EXACT)
    def test_wei_of_a_large_theft_are_exact(self, rule):
        stolen = 401_346_768_858_404_671_846_374
        payments = [("X", "S", 3), *(("S", f"A{i}", 10**22) for i in range(40)), ("A7", "B", 10**22 - 1)]
        t = trace(payments, [seed("S", amount=stolen)], rule)
        assert sum(t.outcome.taint) == stolen

    def test_amounts_beyond_128_bits(self):
        huge = 2**200 + 12345
        t = trace([("S", "A", huge), ("A", "B", huge - 1)], [seed("S", amount=huge)], "haircut")
        assert (t.held("A"), t.held("B")) == (1, huge - 1)


class TestHaircutRounding:
    """moved = floor(w*T/B), plus 1 if its remainder is larger than the kept part's."""

    @pytest.mark.parametrize(
        ("taint", "clean", "paid", "moved"),
        [(1, 1, 1, 0), (1, 2, 2, 1), (1, 2, 1, 0), (5, 5, 5, 2), (2, 3, 2, 1), (7, 4, 3, 2)],
    )
    def test_rounding(self, taint, clean, paid, moved):
        payments = [("S", "A", taint), ("X", "A", clean), ("A", "B", paid)]
        assert trace(payments, [seed("S", amount=taint)], "haircut").held("B") == moved


class TestSeeds:
    @pytest.mark.parametrize("rule", EXACT)
    def test_an_amount_enters_before_the_first_movement_after_the_opening(self, rule):
        t = trace([("S", "A", 12), ("S", "B", 3)], [seed("S", amount=10)], rule)
        assert t.program.opening == {t.program.src[-1]: 5}
        first_out = {"fifo": 7, "lifo": 10, "seniority": 10, "tiho": 10, "libr": 7, "haircut": 8}[rule]
        assert t.held("A") == first_out

    def test_a_known_opening_row_is_used_first(self):
        t = trace([("", "S", 4), ("S", "A", 12), ("S", "B", 2)], [seed("S", amount=10)], "fifo")
        assert (t.held("A"), t.held("B")) == (8, 2)
        assert t.program.opening == {}

    @pytest.mark.parametrize("by", ["tx", "at"])
    def test_a_matching_inflow_is_relabelled_up_to_the_amount(self, by):
        payments = [("V", "S", 10), ("X", "S", 5), ("S", "A", 15)]
        where = {"tx": "0x0"} if by == "tx" else {"at": 1_000}
        t = trace(payments, [seed("S", amount=7, **where)], "fifo")
        assert (t.stolen, t.held("A")) == (7, 7)

    def test_an_amount_that_is_in_the_history_is_refused_with_the_transaction_to_name(self):
        with pytest.raises(SeedError, match="--tx 0x0"):
            trace([("V", "S", 10), ("S", "A", 10)], [seed("S", amount=10)], "fifo")

    def test_an_unknown_transaction_is_refused(self):
        with pytest.raises(SeedError, match="No movement into the seed"):
            trace([("V", "S", 10)], [seed("S", tx="0x99")], "fifo")

    def test_without_an_amount_every_inflow_is_stolen(self):
        t = trace([("V1", "S", 10), ("V2", "S", 5), ("S", "A", 15)], [seed("S")], "haircut")
        assert (t.stolen, t.held("A")) == (15, 15)

    def test_without_an_amount_the_opening_is_stolen_too_and_said_so(self):
        t = trace([("V1", "S", 10), ("S", "A", 15)], [seed("S")], "fifo")
        assert (t.stolen, t.held("A")) == (15, 15)
        assert "stolen" in next(g.message for g in t.program.gaps if g.code == "opening")

    @pytest.mark.parametrize("rule", RULES)
    def test_pasting_a_downstream_address_never_raises_the_total(self, rule):
        payments = [("S", "A", 10), ("X", "A", 3), ("A", "B", 12), ("B", "C", 20)]
        first = trace(payments, [seed("S", amount=10)], rule)
        pasted = trace(payments, [seed("S", amount=10), seed("B"), seed("C")], rule)
        assert pasted.stolen == first.stolen == 10
        assert [pasted.held(n) for n in "ABC"] == [first.held(n) for n in "ABC"]

    def test_pasting_an_address_behind_a_stop_never_raises_the_total_and_says_so(self):
        payments = [("S", "X", 100), ("X", "D", 100), ("D", "E", 60)]
        t = trace(payments, [seed("S", amount=101), seed("D")], "fifo", stops={"X": "SERVICE"})
        assert (t.stolen, t.held("X"), t.held("D"), t.held("E")) == (101, 100, 0, 0)
        assert "seed_downstream" in {g.code for g in t.program.gaps}

    @pytest.mark.parametrize("rule", RULES)
    def test_a_seed_some_payments_behind_a_stop_counts_and_is_said_to_count_twice(self, rule):
        payments = [("S", "X", 100), ("X", "D", 100), ("V", "E", 30), ("D", "E", 60), ("E", "F", 50)]
        t = trace(payments, [seed("S", amount=100), seed("F")], rule, stops={"X": "SERVICE"})
        (gap,) = [g for g in t.program.gaps if g.code.startswith("seed_be")]
        assert (t.stolen, gap.code, gap.address, gap.amount) == (150, "seed_beyond_stop", "F", 50)
        first = [("S", "X", 100), ("V", "E", 30), ("E", "F", 20), ("X", "E", 50)]
        apart = trace(first, [seed("S", amount=100), seed("F")], rule, stops={"X": "SERVICE"})
        assert not [g for g in apart.program.gaps if g.code.startswith("seed_be")]

    def test_a_downstream_seed_still_counts_what_strangers_paid_it(self):
        t = trace([("S", "A", 10), ("V", "A", 3)], [seed("S", amount=10), seed("A")], "fifo")
        assert (t.stolen, t.held("A")) == (13, 13)

    def test_thefts_are_told_apart_by_lot(self):
        payments = [("S1", "A", 10), ("S2", "A", 10), ("A", "B", 15)]
        seeds = [seed("S1", amount=10, theft="one"), seed("S2", amount=10, theft="two")]
        t = trace(payments, seeds, "fifo")
        split = {t.program.name(h)[1]: s for h, s in enumerate(t.outcome.split) if s}
        assert split == {"B": {0: (10, 10), 1: (5, 5)}, "A": {1: (5, 5)}}

    def test_thefts_are_told_apart_pro_rata_under_haircut(self):
        payments = [("S1", "A", 10), ("S2", "A", 5), ("A", "B", 7)]
        seeds = [seed("S1", amount=10, theft="one"), seed("S2", amount=5, theft="two")]
        t = trace(payments, seeds, "haircut")
        split = {t.program.name(h)[1]: s for h, s in enumerate(t.outcome.split) if s}
        assert split["B"] == {0: (5, 5), 1: (2, 2)}

    def test_an_amount_at_a_time_is_marked_once_over_all_transactions_of_that_time(self):
        payments = [
            ("X", "A", 5, {"tx": 1, "timestamp": 5_000}),
            ("Y", "A", 5, {"tx": 2, "timestamp": 5_000}),
        ]
        t = trace(payments, [seed("A", at=5_000, amount=8)], "fifo")
        assert (t.stolen, t.held("A")) == (8, 8)

    def test_two_amounts_of_one_theft_in_one_transaction_add_up(self):
        seeds = [seed("A", tx="0x0", amount=3), seed("A", tx="0x0", amount=4)]
        t = trace([("X", "A", 10)], seeds, "fifo")
        assert (t.stolen, t.held("A")) == (7, 7)

    def test_two_thefts_at_one_address_each_mark_their_own_transaction(self):
        payments = [("X", "A", 10), ("Y", "A", 20), ("A", "B", 15)]
        seeds = [seed("A", tx="0x0", theft="one"), seed("A", tx="0x1", theft="two")]
        t = trace(payments, seeds, "fifo")
        assert [(o.theft, o.stolen) for o in t.program.origins] == [("one", 10), ("two", 20)]
        seeds = [seed("A", tx="0x0", theft="one"), seed("A", theft="two")]
        t = trace(payments, seeds, "fifo")
        assert [(o.theft, o.stolen) for o in t.program.origins] == [("one", 10), ("two", 20)]

    @pytest.mark.parametrize("more", [{}, {"tx": "0x0"}])
    def test_two_thefts_that_claim_the_same_inflow_are_refused(self, more):
        with pytest.raises(SeedError, match="Two thefts claim"):
            trace([("X", "A", 10)], [seed("A", theft="one", **more), seed("A", theft="two", **more)], "fifo")

    @pytest.mark.parametrize("rule", RULES)
    def test_two_amounts_at_one_address_both_lower_the_opening(self, rule):
        seeds = [seed("S", amount=6, theft="one"), seed("S", amount=4, theft="two")]
        t = trace([("S", "A", 12)], seeds, rule)
        assert t.program.opening == {next(iter(t.program.opening)): 2}
        assert t.balance("A") == 12

    def test_an_amount_of_no_asset_is_native_or_refused(self):
        t = trace([("S", "A", 4, "0xusdt"), ("S", "A", 1)], [seed("S", amount=10)], "fifo")
        assert (t.held("S"), t.held(("A", "0xusdt"))) == (9, 0)
        with pytest.raises(SeedError, match="not of what"):
            trace([("S", "A", 4, "0xusdt")], [seed("S", amount=10)], "fifo")

    def test_a_seed_that_the_history_does_not_know_is_a_gap(self):
        t = trace([("S", "A", 1)], [seed("Z")], "fifo")
        assert "seed_unknown" in {g.code for g in t.program.gaps}


class TestTransactions:
    @pytest.mark.parametrize("rule", RULES)
    def test_a_router_passes_coin_through_unmixed(self, rule):
        one = {"tx": 5}
        payments = [("", "R", 90), ("S", "R", 10, one), ("R", "B", 10, one), ("R", "C", 90)]
        t = trace(payments, [seed("S", amount=10)], rule)
        assert (t.held("B"), t.held("C"), t.held("R")) == (10, 0, 0)
        assert t.hop("B") == 1

    @pytest.mark.parametrize("rule", RULES)
    def test_a_batch_payment_reaches_each_payee_in_one_hop(self, rule):
        one = {"tx": 5}
        payments = [("S", "R", 10, one), *(("R", f"B{i}", 2, one) for i in range(5))]
        t = trace(payments, [seed("S", amount=10)], rule)
        assert {t.held(f"B{i}") for i in range(5)} == {2}
        assert {t.hop(f"B{i}") for i in range(5)} == {1}

    @pytest.mark.parametrize("rule", RULES)
    def test_a_pool_stays_clean_in_a_swap(self, rule):
        swap = {"tx": 5}
        payments = [("S", "P", 10, "native", swap), ("P", "S", 7_000, "usd", swap), ("P", "Z", 10)]
        t = trace(payments, [seed("S", amount=10, asset="native")], rule)
        assert t.held(("S", "usd")) == 7_000
        assert (t.held("P"), t.held("Z")) == (0, 0)

    def test_a_swap_keeps_source_units(self):
        swap = {"tx": 0}
        payments = [
            ("S", "P", 10, "native", swap),
            ("P", "S", 7_001, "usd", swap),
            ("S", "B", 3_500, "usd"),
            ("B", "Q", 3_500, "usd", {"tx": 9}),
            ("Q", "B", 4, "native", {"tx": 9}),
        ]
        for rule in EXACT:
            t = trace(payments, [seed("S", amount=10, asset="native")], rule)
            source = sum(s for split in t.outcome.split for _, s in split.values())
            assert source == 10

    def test_proceeds_paid_to_somebody_else_follow_the_payer(self):
        swap = {"tx": 5}
        payments = [("S", "P", 10, "native", swap), ("P", "B", 700, "usd", swap)]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert (t.held(("B", "usd")), t.held("P")) == (700, 0)
        assert t.hop(("B", "usd")) == 1

    def test_wrapping_is_a_conversion_one_to_one(self):
        wrap = {"tx": 0}
        payments = [
            ("S", "WETH", 10, "native", wrap),
            ("", "S", 10, "weth", wrap | {"kind": "wrap"}),
            ("S", "B", 10, "weth"),
            ("B", "", 10, "weth", {"tx": 8, "kind": "unwrap"}),
            ("WETH", "B", 10, "native", {"tx": 8, "kind": "internal"}),
        ]
        for rule in RULES:
            t = trace(payments, [seed("S", amount=10, asset="native")], rule)
            assert (t.held("B"), t.held("WETH"), t.held(("B", "weth"))) == (10, 0, 0)
            assert t.hop("B") == 1

    @pytest.mark.parametrize(("rule", "expected"), [("fifo", 5), ("lifo", 0)])
    def test_what_a_router_keeps_is_older_than_what_it_gets_afterwards(self, rule, expected):
        one = {"tx": 2}
        payments = [("S", "A", 10, one), ("A", "B", 4, one), ("X", "A", 5, one), ("A", "C", 5, {"tx": 3})]
        assert trace(payments, [seed("S", amount=10)], rule).held("C") == expected

    @pytest.mark.parametrize(("first", "second"), [("A", "B"), ("B", "A")])
    @pytest.mark.parametrize("swap_beside", [False, True])
    def test_payments_beside_a_swap_keep_their_order_whatever_the_addresses_are_called(
        self, first, second, swap_beside
    ):
        one = {"tx": 2}
        payments = [
            ("S", second, 5, {"tx": 1}),
            ("S", "U", 5, {"tx": 1}),
            (first, "C", 5, one),
            (second, "C", 5, one),
            *([("U", "P", 5, one), ("P", "U", 100, "0xt", one)] if swap_beside else []),
            ("C", "D", 5, {"tx": 3}),
        ]
        assert trace(payments, [seed("S", amount=10)], "fifo").held("D") == 0
        assert trace(payments, [seed("S", amount=10)], "lifo").held("D") == 5

    @pytest.mark.parametrize(("first", "second"), [("A", "B"), ("B", "A")])
    def test_payments_to_one_who_deals_with_the_converter_keep_their_order_too(self, first, second):
        """C is paid by two, and by the pool of the swap: all three in the order of positions."""
        one = {"tx": 2}
        payments = [
            ("S", second, 5, {"tx": 1}),
            ("S", "U", 5, {"tx": 1}),
            (first, "C", 5, one),
            (second, "C", 5, one),
            ("U", "P", 5, "0xu", one),
            ("P", "U", 100, "0xt", one),
            ("P", "C", 2, "0xt", one),
            ("C", "D", 5, {"tx": 3}),
        ]
        assert trace(payments, [seed("S", amount=10)], "fifo").held("D") == 0

    def test_several_assets_got_without_values_is_a_gap_and_nothing_is_lost(self):
        swap = {"tx": 5}
        payments = [
            ("S", "P", 10, "native", swap),
            ("P", "S", 700, "usd", swap),
            ("P", "S", 9, "dai", swap),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert t.held("sink:converted") == 10
        assert [g.amount for g in t.program.gaps if g.code == "unsplit_conversion"] == [10]

    def test_several_assets_got_are_split_by_stated_value(self):
        swap = {"tx": 0}
        payments = [
            ("S", "P", 10, "native", swap | {"value": "100"}),
            ("P", "S", 700, "usd", swap | {"value": "75"}),
            ("P", "S", 9, "dai", swap | {"value": "25"}),
            ("S", "B", 9, "dai"),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert (t.held(("S", "usd")), t.held(("B", "dai")), t.held("sink:converted")) == (700, 9, 0)
        source = {t.program.name(h)[2].ref: s for h, p in enumerate(t.outcome.split) for _, s in p.values()}
        assert source == {"usd": 7, "dai": 3}

    def test_two_assets_given_for_two_got_are_split_by_value_on_both_sides(self):
        one = {"tx": 3}
        payments = [
            ("S", "U", 100),
            ("U", "P", 100, "native", one | {"value": "30"}),
            ("U", "P", 50, "0xb", one | {"value": "70"}),
            ("P", "U", 10, "0xc", one | {"value": "40"}),
            ("P", "U", 20, "0xd", one | {"value": "60"}),
        ]
        t = trace(payments, [seed("S", amount=100, asset="native")], "fifo")
        assert (t.held(("U", "0xc")), t.held(("U", "0xd"))) == (3, 6)

    def test_a_refund_lowers_the_value_given(self):
        one = {"tx": 3}
        payments = [
            ("S", "U", 10),
            ("U", "P", 10, "native", one | {"value": "10"}),
            ("P", "U", 5, "native", one | {"value": "5"}),
            ("U", "P", 5, "0xb", one | {"value": "5"}),
            ("P", "U", 10, "0xc", one | {"value": "10"}),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert (t.held("U"), t.held(("U", "0xc"))) == (5, 5)

    def test_proceeds_to_somebody_else_of_two_payers_are_a_gap_and_nobodys(self):
        one = {"tx": 3}
        payments = [
            ("S", "X", 6),
            ("S", "Y", 4),
            ("X", "P", 6, one),
            ("Y", "P", 4, one),
            ("P", "Z", 100, "0xt", one),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert (t.held(("Z", "0xt")), t.held("sink:converted")) == (0, 10)
        assert [g.code for g in t.program.gaps if g.code == "unsplit_conversion"] == [
            "unsplit_conversion"
        ] * 2

    def test_fees_leave_first_and_are_never_part_of_a_conversion(self):
        swap = {"tx": 5}
        payments = [
            ("", "S", 4),
            ("S", "P", 10, "native", swap),
            ("P", "S", 700, "usd", swap),
            ("S", "", 2, "native", swap | {"kind": "fee"}),
        ]
        t = trace(payments, [seed("S", amount=8, asset="native")], "fifo")
        # fee 2 clean; then 2 clean and 8 stolen of the 10 given
        assert t.held("sink:fee") == 0
        assert t.held(("S", "usd")) == 560

    def test_a_payment_beside_an_unrelated_receipt_is_listed_as_doubtful(self):
        one = {"tx": 0}
        payments = [("S", "B", 10, "native", one), ("Z", "S", 999, "junk", one)]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert [(g.code, g.address, g.amount) for g in t.program.gaps if g.code == "doubtful_conversion"] == [
            ("doubtful_conversion", "S", 10)
        ]

    @pytest.mark.parametrize("got_from", ["P", "0xsteth"])
    def test_a_swap_or_a_stake_is_not_doubtful(self, got_from):
        one = {"tx": 0}
        pool = "P" if got_from == "P" else "0xsteth"
        receipt = (
            (got_from, "S", 9, "0xsteth", one)
            if got_from == "P"
            else ("", "S", 9, "0xsteth", one | {"kind": "mint"})
        )
        t = trace([("S", pool, 10, "native", one), receipt], [seed("S", amount=10, asset="native")], "fifo")
        assert not [g for g in t.program.gaps if g.code == "doubtful_conversion"]
        assert t.held(("S", "0xsteth")) == 9

    def test_a_burn_goes_to_the_sink(self):
        t = trace([("S", "", 10, "tok", {"kind": "burn"})], [seed("S", amount=10, asset="tok")], "lifo")
        assert t.held(("sink:burned", "tok")) == 10

    def test_the_movements_of_a_swap_show_what_they_carried(self):
        swap = {"tx": 5}
        payments = [
            ("S", "R", 10, "native", swap),
            ("R", "P", 10, "native", swap),
            ("P", "R", 700, "usd", swap),
            ("R", "S", 700, "usd", swap),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], "fifo")
        assert t.tally.by_row[0] == 10
        assert t.tally.by_row[1] == 10
        assert t.tally.by_row[3] == 700


class TestSinks:
    def test_what_strangers_pay_into_a_sink_is_not_tainted_under_poison(self):
        fee, burn = {"kind": "fee"}, {"kind": "burn"}
        payments = [
            ("S", "A", 5),
            ("S", "", 1, fee),
            ("X", "", 50, fee),
            ("A", "", 2, burn),
            ("Y", "", 700, burn),
        ]
        t = trace(payments, [seed("S", amount=11)], "poison")
        assert (t.held("sink:fee"), t.held("sink:burned")) == (1, 2)


class TestWhoPaysWhom:
    """Rows of kinds that come from, or go to, nobody: which ends the ledger gives them."""

    @staticmethod
    def ends(**columns):
        base = dict(chain=CHAIN, block=1, tx_index=0, position=1, timestamp=1, tx_hash="0x1", amount=5)
        ledger = build_ledger([from_rows([base | columns])])

        def name(number):
            return (
                ledger.addresses[number][1] if number >= 0 else {-1: "", FEE: "fee", BURNED: "burned"}[number]
            )

        return name(int(ledger.sender[0])), name(int(ledger.recipient[0]))

    def test_a_token_that_is_wrapped_or_unwrapped_is_minted_and_burned_whatever_the_row_names(self):
        token = dict(asset="0xweth", from_address="W", to_address="A")
        assert self.ends(kind="wrap", **token) == ("", "A")
        assert self.ends(kind="unwrap", **(token | dict(from_address="A", to_address="W"))) == ("A", "burned")

    def test_the_native_leg_of_a_wrap_is_a_payment(self):
        assert self.ends(kind="wrap", from_address="A", to_address="W") == ("A", "W")
        assert self.ends(kind="unwrap", from_address="W", to_address="A") == ("W", "A")

    def test_nobody_and_the_zero_address_pay_from_outside_and_nobody_is_paid_by_burning(self):
        assert self.ends(kind="mint", from_address="", to_address="A") == ("", "A")
        assert self.ends(kind="token", asset="0xt", from_address=ZERO_ADDRESS, to_address="A") == ("", "A")
        assert self.ends(kind="token", asset="0xt", from_address="A", to_address="") == ("A", "burned")
        assert self.ends(kind="fee", from_address="A", to_address="") == ("A", "fee")


class TestPartialHistory:
    def test_both_ends_of_a_partial_row_have_an_unknown_opening_and_nobody_else(self):
        """Also the address with the number 0."""
        part = from_rows([TestOrder.row(1, from_address="B", to_address="A")])
        whole = from_rows([TestOrder.row(1, "0x2", block=2, from_address="C", to_address="D")])
        program = compile_program(build_ledger([part, whole], partial=[True, False]), [seed("B", amount=5)])
        unknown = {
            program.name(h)[1]: bool(program.unknown_opening[h]) for h in range(len(program.holding_address))
        }
        assert unknown == {"A": True, "B": True, "C": False, "D": False}


class TestStops:
    @pytest.mark.parametrize("rule", RULES)
    def test_coin_does_not_leave_a_service(self, rule):
        payments = [("", "X", 50), ("X", "E", 50), ("S", "E", 10), ("E", "C", 60)]
        t = trace(payments, [seed("S", amount=10)], rule, stops={"E": "SERVICE"})
        assert (t.held("E"), t.held("C")) == (10, 0)
        assert t.balance("C") == 60

    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize(("code", "passes"), [("PENDING", True), ("HUB", True), ("SERVICE", False)])
    def test_coin_passes_through_an_unread_contract_inside_one_transaction(self, rule, code, passes):
        """A disperse contract that nobody fetched: its payments stand in the payer's own transaction."""
        one = {"tx": 5}
        payments = [("S", "D", 10, "native", one), ("D", "A", 6, "native", one), ("D", "B", 3, "native", one)]
        later = [("D", "C", 1)]
        t = trace([*payments, *later], [seed("S", amount=10)], rule, stops={"D": code})
        assert (t.held("A"), t.held("B"), t.held("C")) == ((6, 3, 0) if passes else (0, 0, 0))
        assert t.held("D") == (1 if passes else 10)

    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("beneficiary", ["S", "B"])
    def test_a_swap_at_an_unread_pool_is_the_same_swap(self, rule, beneficiary):
        """Router and pool were not fetched; that the pool holds stolen coin of its own does not leak into the swap."""
        swap = {"tx": 5}
        payments = [
            ("S", "P", 3),
            ("", "P", 9_000, "usd"),
            ("S", "R", 10, "native", swap),
            ("R", "P", 10, "native", swap),
            ("P", "R", 700, "usd", swap),
            ("R", beneficiary, 700, "usd", swap),
        ]
        seeds = [seed("S", amount=13, asset="native")]
        read = trace(payments, seeds, rule)
        unread = trace(payments, seeds, rule, stops={"P": "PENDING", "R": "PENDING"})
        for t in (read, unread):
            assert t.held((beneficiary, "usd")) == 700
            assert t.held("P") == (13 if rule == "poison" and t is read else 3)

    @pytest.mark.parametrize("rule", RULES)
    def test_an_unread_address_that_swaps_keeps_what_arrived(self, rule):
        """C's own history was not fetched: that it swapped is known from D's side only."""
        swap = {"tx": 5}
        payments = [
            ("S", "C", 10),
            ("C", "P", 10, "native", swap),
            ("P", "C", 700, "usd", swap),
            ("C", "D", 700, "usd"),
        ]
        t = trace(payments, [seed("S", amount=10, asset="native")], rule, stops={"C": "PENDING"})
        assert (t.held("C"), t.held(("D", "usd"))) == (10, 0)

    def test_the_analysts_stop_at_the_zero_address_is_kept(self):
        t = trace([("S", ZERO_ADDRESS, 5)], [seed("S", amount=5)], "fifo", stops={ZERO_ADDRESS: "SERVICE"})
        assert (
            dict(zip(t.program.addresses, t.program.stop_code, strict=True))[CHAIN, ZERO_ADDRESS] == "SERVICE"
        )

    @pytest.mark.parametrize("rule", RULES)
    def test_the_zero_address_keeps_what_is_sent_there(self, rule):
        zero = "0x" + "0" * 40
        t = trace([("S", zero, 10), (zero, "A", 5, "native", {"kind": "mint"})], [seed("S", amount=10)], rule)
        assert (t.held(zero), t.held("A")) == (10, 0)


class TestHops:
    def test_hops_count_transactions_on_the_shortest_timely_path(self):
        payments = [("S", "A", 5), ("A", "B", 5), ("B", "C", 5), ("S", "C", 5), ("C", "D", 10)]
        t = trace(payments, [seed("S", amount=10)], "fifo")
        assert [t.hop(n) for n in "SABCD"] == [0, 1, 2, 1, 2]

    def test_a_shorter_path_that_comes_later_does_not_shorten_what_left_before(self):
        payments = [("S", "A", 5), ("A", "B", 5), ("B", "C", 5), ("S", "B", 5)]
        t = trace(payments, [seed("S", amount=10)], "fifo")
        assert [t.hop(n) for n in "BC"] == [1, 3]


class TestOrder:
    def test_overlapping_files_are_counted_once_and_equal_rows_in_one_file_twice(self):
        rows = [
            dict(
                chain=CHAIN, block=1, timestamp=1, tx_hash="0x1", from_address="S", to_address="A", amount=5
            ),
            dict(
                chain=CHAIN, block=1, timestamp=1, tx_hash="0x1", from_address="S", to_address="A", amount=5
            ),
        ]
        native = from_rows(rows)
        fee = from_rows([rows[0], rows[0] | {"kind": "fee", "to_address": "", "amount": 1}])
        ledger = build_ledger([native, fee])
        assert sorted(ledger.amount) == [1, 5, 5]
        assert [g.code for g in ledger.gaps if g.code == "overlap"] == ["overlap"]

    @staticmethod
    def row(position=None, tx="0x1", **more):
        return (
            dict(chain=CHAIN, block=1, tx_index=0, position=position, timestamp=1, tx_hash=tx, amount=5)
            | dict(from_address="S", to_address="A")
            | more
        )

    def codes(self, *files):
        ledger = build_ledger([from_rows(rows) for rows in files])
        return len(ledger.amount), sorted(g.code for g in ledger.gaps if g.code.startswith("overlap"))

    def test_a_transaction_cut_in_two_by_the_end_of_a_file_keeps_both_of_its_equal_movements(self):
        row = self.row
        assert self.codes([row(1)], [row(2)]) == (2, ["overlap_position"])
        assert self.codes([row(1), row(2)], [row(2), row(3)]) == (3, ["overlap", "overlap_position"])
        assert self.codes([row(1), row(2)], [row(1), row(2)]) == (2, ["overlap"])
        assert self.codes([row(1)], [row(1), row(2)]) == (2, ["overlap"])
        assert self.codes([row(1), row(2)], [row(), row()]) == (2, ["overlap"])
        assert self.codes([row()], [row(1), row(2)]) == (2, ["overlap"])
        assert self.codes([row(1)], [row(2)], [row(1), row(2)]) == (2, ["overlap", "overlap_position"])

    def test_positions_of_sources_that_always_number_differently_are_not_compared(self):
        row = self.row
        first = [row(0), row(0, "0x2", block=2), row(0, "0x3", block=3)]
        second = [row(1), row(1, "0x2", block=2), row(1, "0x3", block=3)]
        assert self.codes(first, second) == (3, ["overlap"])

    def test_the_row_that_knows_its_position_is_kept_whichever_file_comes_first(self):
        for files in ([[self.row()], [self.row(7)]], [[self.row(7)], [self.row()]]):
            ledger = build_ledger([from_rows(rows) for rows in files])
            assert ledger.table["position"].to_pylist() == [7]

    def test_equal_transactions_of_two_chains_are_not_one(self):
        assert self.codes([self.row(1)], [self.row(1, chain="eip155:56")]) == (2, [])

    def test_a_chain_whose_clock_runs_back_keeps_its_place_among_the_others(self):
        def one(chain, block, time, amount):
            return self.row(1, f"0x{amount}", chain=chain, block=block, timestamp=time, amount=amount)

        rows = [one(CHAIN, 1, 100, 1), one(CHAIN, 2, 50, 2), one("eip155:56", 1, 70, 3)]
        ledger = build_ledger([from_rows(rows)])
        assert list(ledger.amount) == [3, 1, 2]

    def test_a_row_without_a_block_at_the_time_of_a_block_stands_among_its_transactions(self):
        """At the block's own second its transactions and the row are one group: payers are funded first."""
        rows = [
            self.row(None, "0x1", block=7, tx_index=None, timestamp=70, from_address="A", to_address="B"),
            self.row(None, "0x2", block=None, tx_index=None, timestamp=70, from_address="S", to_address="A"),
        ]
        ledger = build_ledger([from_rows(rows)])
        assert ledger.table["to_address"].to_pylist() == ["A", "B"]

    def test_rows_without_a_hash_are_the_same_at_the_same_place_of_the_chain(self):
        row = self.row
        assert self.codes([row(1, "")], [row(1, "")]) == (1, ["overlap"])
        assert self.codes([row(1, "")], [row(2, "")]) == (2, ["overlap_position"])
        assert self.codes([row(1, "")], [row(1, "", tx_index=1)]) == (2, [])

    def test_rows_that_name_no_transaction_are_all_counted_and_said_to_be_doubtful(self):
        row = self.row
        unknown = dict(tx_index=None, position=None)
        assert self.codes([row(tx="", **unknown)], [row(tx="", **unknown)]) == (2, ["overlap_unknown"])
        assert self.codes([row(tx="", **unknown)], [row(1)]) == (2, ["overlap_unknown"])
        assert self.codes([row(tx="", **unknown), row(tx="", **unknown)], [row(1, amount=6)]) == (3, [])

    def test_a_row_without_a_block_is_placed_by_time(self):
        rows = [
            dict(
                chain=CHAIN,
                block=10,
                timestamp=100,
                tx_hash="0x1",
                from_address="a",
                to_address="b",
                amount=1,
            ),
            dict(
                chain=CHAIN,
                block=12,
                timestamp=124,
                tx_hash="0x2",
                from_address="a",
                to_address="c",
                amount=1,
            ),
            dict(chain=CHAIN, timestamp=112, tx_hash="0x3", from_address="a", to_address="d", amount=1),
        ]
        assert build_ledger([from_rows(rows)]).tx_hash == ["0x1", "0x3", "0x2"]

    def test_two_chains_are_interleaved_by_time_without_breaking_either(self):
        rows = [
            dict(
                chain="eip155:1",
                block=5,
                timestamp=50,
                tx_hash="0x1",
                from_address="a",
                to_address="b",
                amount=1,
            ),
            dict(
                chain="eip155:56",
                block=900,
                timestamp=40,
                tx_hash="0x2",
                from_address="a",
                to_address="b",
                amount=1,
            ),
            dict(
                chain="eip155:56",
                block=901,
                timestamp=60,
                tx_hash="0x3",
                from_address="a",
                to_address="b",
                amount=1,
            ),
        ]
        assert build_ledger([from_rows(rows)]).tx_hash == ["0x2", "0x1", "0x3"]

    def test_a_cycle_in_one_block_keeps_file_order(self):
        same = {"tx_index": None, "block": 7, "timestamp": 1007}
        payments = [
            ("B", "A", 5, same | {"tx_hash": "0xb"}),
            ("A", "B", 5, same | {"tx_hash": "0xa"}),
            ("S", "B", 5, same | {"tx_hash": "0xs"}),
        ]
        assert history(payments).tx_hash == ["0xs", "0xb", "0xa"]


def test_compiling_twice_gives_the_same_program():
    ledger = history([("S", "A", 5), ("A", "B", 3), ("X", "A", 3), ("A", "C", 5)])
    first, second = (compile_program(ledger, [seed("S", amount=5)]) for _ in range(2))
    assert first.amount == second.amount
    assert first.src.tolist() == second.src.tolist()
