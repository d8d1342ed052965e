"""CoinJoins: each protocol's own construction, real ones, and what looks like one and is none.

Amounts of real transactions are facts of Bitcoin's chain, found by their txid in any explorer.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.utxo_rows import coin, note, pay, transaction, write_rows
from tracer.cli.app import app
from tracer.clusters.bitcoin import bitcoin_links
from tracer.clusters.coinjoin import CoinJoin, classify
from tracer.clusters.common_input import common_input
from tracer.clusters.history import History
from tracer.clusters.wasabi import DENOMINATIONS
from tracer.utxo import Input, Output, Script, UtxoTransaction

WASABI_COORDINATOR = (
    "0014869f5c7a4cd7776ae0c0fcd9c3315abb239a9f0d"  # bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew
)


def mix(
    inputs: Sequence[int], outputs: Sequence[int], kind: Script = Script.P2WPKH, **where: int
) -> UtxoTransaction:
    """Every input of another owner, every output to a new one."""
    return transaction(
        [coin(f"payer {i}", amount, kind=kind) for i, amount in enumerate(inputs)],
        [pay(f"payee {i}", amount, kind=kind) for i, amount in enumerate(outputs)],
        **where,
    )


def kind_of(tx: UtxoTransaction) -> CoinJoin:
    return classify(tx).kind


# --- Whirlpool


def whirlpool(count: int = 5, pool: int = 1_000_000, excess: int = 4_000, new: int = 2) -> UtxoTransaction:
    return mix([pool + excess] * new + [pool] * (count - new), [pool] * count)


@pytest.mark.parametrize("count", [5, 6, 7, 8, 9, 10])
@pytest.mark.parametrize("pool", [100_000, 1_000_000, 2_500_000, 5_000_000, 25_000_000, 50_000_000])
def test_a_whirlpool_mix_is_all_outputs_of_one_pool(count: int, pool: int) -> None:
    verdict = classify(whirlpool(count, pool))
    assert verdict.kind == CoinJoin.WHIRLPOOL
    assert f"{pool:,} sat" in verdict.reasons[0]
    assert f"{count - 2} inputs are earlier mix outputs, 2 new" in verdict.reasons[1]


def test_what_differs_from_the_definition_of_whirlpool_is_none() -> None:
    others = [
        whirlpool(4),
        whirlpool(11, new=3),
        whirlpool(pool=1_000_001),
        whirlpool(excess=110_001),
        whirlpool(new=5),
        mix([1_000_000] * 3 + [999_999, 1_004_000], [1_000_000] * 5),
        mix([1_000_000] * 5 + [30_000], [1_000_000] * 5),
        mix([1_000_000] * 4 + [1_400_000], [1_000_000] * 4 + [390_000]),
        mix([1_004_000] * 2 + [1_000_000] * 3, [1_000_000] * 5, Script.P2SH),
        dataclasses.replace(whirlpool(), block=569_999),
        dataclasses.replace(whirlpool(), timestamp=1_546_300_800),
        transaction(
            [coin("one", 1_001_000, source=str(i)) for i in range(5)],
            [pay(f"{i}", 1_000_000) for i in range(5)],
        ),
    ]
    assert [kind_of(tx) for tx in others] == [CoinJoin.NONE] * len(others)


def test_a_real_whirlpool_mix() -> None:
    # 49d812bf11f934674b85d6650f6eaeb52dd342bde524a6851d3225540ad8f823
    tx = mix([1_003_825, 1_000_000, 1_000_000, 1_004_235, 1_000_000], [1_000_000] * 5, time=1_710_120_153)
    verdict = classify(tx)
    assert (verdict.kind, verdict.confidence) == (CoinJoin.WHIRLPOOL, 99)
    assert verdict.reasons == (
        "5 inputs, 5 outputs, each of exactly 1,000,000 sat, a Whirlpool pool size",
        "3 inputs are earlier mix outputs, 2 new ones exceed the pool size by at most 4,235 sat for the fee",
        "inputs all native segwit (P2WPKH), no address twice",
        "outputs all native segwit (P2WPKH)",
    )


def test_a_mix_that_pays_another_kind_of_wallet_is_a_coinjoin_outside_the_definition() -> None:
    # as 064084e80607683d764c7a3760d90946332c5a749e33b4b70dcac324d41ff0ca, one of whose outputs is P2WSH
    tx = mix([50_000_000] * 6 + [50_011_797, 50_005_445], [50_000_000] * 8, time=1_709_819_389)
    tx = dataclasses.replace(
        tx, outputs=(*tx.outputs[:7], dataclasses.replace(tx.outputs[7], script_type=Script.P2WSH))
    )
    verdict = classify(tx)
    assert (verdict.kind, verdict.mixes) == (CoinJoin.OTHER, True)
    assert "Whirlpool" in verdict.reasons[-1]


def test_heights_of_other_networks_say_nothing() -> None:
    regtest = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
    assert kind_of(dataclasses.replace(whirlpool(), chain=regtest, block=5)) == CoinJoin.WHIRLPOOL
    late = dataclasses.replace(wasabi1(), chain=regtest, block=900_000)
    assert kind_of(late) == CoinJoin.WASABI1


def test_scripts_whose_kind_is_unknown_do_not_contradict() -> None:
    tx = whirlpool()
    tx = dataclasses.replace(
        tx, outputs=tuple(dataclasses.replace(o, script_type=Script.UNKNOWN) for o in tx.outputs)
    )
    assert kind_of(tx) == CoinJoin.WHIRLPOOL


# --- Tx0


def tx0(
    premixes: int = 3, premix: int = 5_009_377, fee: int = 175_000, change: int = 1_647_353
) -> UtxoTransaction:
    values = sorted([*[premix] * premixes, fee, *([change] if change else [])])
    return transaction(
        [coin("user", sum(values) + 2_000)],
        [note("00" * 64), *(pay(f"{i}", v) for i, v in enumerate(values))],
    )


def test_a_real_tx0_is_one_users_preparation_and_mixes_nothing() -> None:
    # 2155f4286f694a41e3fb35d603217ad5c090220d0404273b4faf36da3739c005
    verdict = classify(tx0())
    assert verdict.kind == CoinJoin.WHIRLPOOL_TX0
    assert not verdict.mixes
    assert verdict.reasons[1] == (
        "3 premix outputs of 5,009,377 sat for the pool of 5,000,000 sat, its fee of 175,000 sat, 1 change"
    )


@pytest.mark.parametrize(
    "tx",
    [
        tx0(1),
        tx0(70),
        tx0(change=0),
        tx0(fee=87_500),
        tx0(premix=101_000, fee=5_000),
        tx0(premix=101_000, fee=5_000, change=104_321),
        tx0(1, premix=5_009_690, fee=250_000, change=5_001_959),
        tx0(premix=25_004_000, fee=1_250_000),
    ],
    ids=[
        "single",
        "most",
        "no change",
        "discount",
        "smallest pool",
        "change like a premix",
        "early fee",
        "later pool",
    ],
)
def test_a_tx0_of_any_pool_with_its_fee(tx: UtxoTransaction) -> None:
    assert kind_of(tx) == CoinJoin.WHIRLPOOL_TX0


@pytest.mark.parametrize("before", ["", "40", "6a40"])
def test_a_tx0_whose_file_gives_the_script_of_the_op_return_for_its_data(before: str) -> None:
    payload, *rest = tx0().outputs
    told = dataclasses.replace(payload, op_return=before + "ab" * 64)
    assert classify(dataclasses.replace(tx0(), outputs=(told, *rest))).kind == CoinJoin.WHIRLPOOL_TX0


def tx0_of(spent: list[int], changes: list[int], premixes: int, fee: int = 50_000) -> UtxoTransaction:
    """A Tx0 for the pool of 0.01 BTC with an input of each payer and those changes."""
    values = sorted([*[1_004_000] * premixes, fee, *changes])
    return transaction(
        [coin(f"payer {n}", amount) for n, amount in enumerate(spent)],
        [note("00" * 64), *(pay(f"{n}", value) for n, value in enumerate(values))],
    )


def test_a_tx0_with_the_changes_of_two_users_may_be_theirs_together_and_unites_nobody() -> None:
    two = tx0_of([3_500_000, 2_300_000], [1_461_000, 263_000], 4)
    verdict = classify(two)
    assert (verdict.kind, verdict.confidence, verdict.mixes) == (CoinJoin.WHIRLPOOL_TX0, 60, False)
    assert verdict.reasons[-1].startswith("but two changes: two users may have built it")
    one = dataclasses.replace(two, outputs=tuple(o for o in two.outputs if o.amount != 263_000))
    assert (classify(one).kind, classify(one).confidence) == (CoinJoin.WHIRLPOOL_TX0, 97)
    alone = transaction([coin("user", 5_800_000)], [*two.outputs])
    assert classify(alone).confidence == 97
    for tx, united in ((two, False), (one, True)):
        history = History([tx])
        assert bool(common_input(tx, history)) == united
        assert bool(bitcoin_links(history).links) == united


def test_a_coinjoin_made_up_as_a_tx0_is_one_whether_or_not_somebody_takes_no_change() -> None:
    # makers of a JoinMarket CoinJoin: what they get back is what they put in less 1,004,000, and 300 sat more
    earned = tx0_of([2_000_000, 1_600_000, 1_060_000], [2_000_000 - 1_004_000 + 300], 3)
    assert kind_of(earned) == CoinJoin.OTHER
    both = tx0_of([2_000_000, 1_600_000, 1_100_000], [996_300, 596_300], 3)
    assert kind_of(both) == CoinJoin.OTHER
    assert "without it the shape is joinmarket" in classify(both).reasons[-1]
    # the same outputs from inputs of which nobody earned: one user's, for all that the transaction says
    ordinary = tx0_of([2_000_000, 1_600_000, 1_060_000], [2_000_000 - 1_004_000 - 300], 3)
    assert kind_of(ordinary) == CoinJoin.WHIRLPOOL_TX0


def test_what_differs_from_a_tx0_is_none() -> None:
    good = tx0()
    payload, *rest = good.outputs
    others = [
        tx0(1, fee=174_999),
        tx0(fee=400_000),
        tx0(premix=5_110_001),
        tx0(71),
        transaction(
            [coin("user", 10**9)],
            [
                note("00" * 64),
                *(
                    pay(f"{i}", v)
                    for i, v in enumerate([175_000, 200_000, 300_000, 400_000, 5_009_377, 5_009_377])
                ),
            ],
        ),  # three changes
        dataclasses.replace(good, outputs=(dataclasses.replace(payload, amount=1), *rest)),
        dataclasses.replace(good, outputs=tuple(rest)),
        dataclasses.replace(good, outputs=(*rest, payload)),
        dataclasses.replace(good, outputs=(dataclasses.replace(payload, op_return="00" * 20), *rest)),
        dataclasses.replace(good, outputs=(payload, *reversed(rest))),
        dataclasses.replace(good, block=500_000),
    ]
    assert [kind_of(tx) for tx in others] == [CoinJoin.NONE] * len(others)


# --- Wasabi 1


def wasabi1(equal: int = 40, value: int = 10_989_530, changes: int = 20, **where: int) -> UtxoTransaction:
    inputs = [value + 12_000 + 1_000_003 * (i + 1) for i in range(changes)] + [value + 9_000] * (
        equal - changes
    )
    outputs = [value] * equal + [1_000_003 * (i + 1) for i in range(changes)]
    return mix(inputs, outputs, **where)


def test_a_round_of_wasabi_1_is_many_outputs_of_a_tenth_of_a_bitcoin() -> None:
    verdict = classify(wasabi1())
    assert (verdict.kind, verdict.confidence) == (CoinJoin.WASABI1, 95)
    assert "40 equal outputs of 10,989,530 sat" in verdict.reasons[1]


@pytest.mark.parametrize(
    "tx",
    [
        wasabi1(9, changes=7),
        wasabi1(changes=1),
        wasabi1(block=530_499),
        wasabi1(time=1_735_700_000),
    ],
    ids=["nine equal", "one change", "before the first", "after the last"],
)
def test_what_differs_from_a_round_of_wasabi_1(tx: UtxoTransaction) -> None:
    assert kind_of(tx) in {CoinJoin.NONE, CoinJoin.OTHER}


def test_many_equal_outputs_outside_every_definition_are_still_a_coinjoin() -> None:
    verdict = classify(wasabi1(12, value=5_007_653, changes=3))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.OTHER, 60)


def test_a_real_round_that_pays_the_coordinator() -> None:
    # b877364a2340f9be0c40df4bbe455a13a961286679d1e95a95e6925cded5400c
    inputs = [
        5009918,
        5009120,
        5008614,
        5006584,
        5011517,
        5009252,
        5006584,
        5004853,
        21855852,
        5009590,
        5004833,
        5008218,
    ]
    tx = mix(inputs, [5_004_888] * 12 + [16_849_219], time=1_538_134_582)
    assert kind_of(tx) == CoinJoin.NONE  # eleven of twelve wants two changes
    paid = Output(13, "", Script.P2WPKH, 34_198, WASABI_COORDINATOR)
    verdict = classify(dataclasses.replace(tx, outputs=(*tx.outputs, paid)))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.WASABI1, 99)
    assert "pays a coordinator" in verdict.reasons[0]
    by_address = Output(13, "bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew", Script.P2WPKH, 34_198)
    assert kind_of(dataclasses.replace(tx, outputs=(*tx.outputs, by_address))) == CoinJoin.WASABI1


def test_two_payers_of_the_coordinator_are_no_round() -> None:
    value = 10_000_000
    few = transaction([coin("a", 2 * value), coin("b", 2 * value)], [pay(str(i), value) for i in range(3)])
    paid = Output(3, "", Script.P2WPKH, 30_000, WASABI_COORDINATOR)
    assert kind_of(dataclasses.replace(few, outputs=(*few.outputs, paid))) == CoinJoin.NONE
    third = dataclasses.replace(few, inputs=(*few.inputs, coin("c", value)), outputs=(*few.outputs, paid))
    assert kind_of(third) == CoinJoin.WASABI1


@pytest.mark.parametrize("equal", [12, 40])
def test_equal_outputs_to_one_address_hide_nobody(equal: int) -> None:
    good = wasabi1(equal, changes=4)
    one = tuple(
        dataclasses.replace(o, script=good.outputs[0].script) if o.vout < 2 else o for o in good.outputs
    )
    assert kind_of(dataclasses.replace(good, outputs=one)) == CoinJoin.NONE


def test_makers_that_earn_put_the_protocol_in_doubt_not_the_coinjoin() -> None:
    # 34590da30ec598a0f4717e09ed4a9a9dbdd7f6c8416a4b9e297d90ba9fed9347 fits the published rule of Wasabi 1
    inputs = [
        9956208,
        19276369,
        32923220,
        11012886,
        17120523,
        79002790,
        10000000,
        5789518,
        13265683,
        15299807,
    ]
    changes = [
        3362878,
        23023318,
        5399817,
        436590,
        7220701,
        1112955,
        5325759,
        56307,
        9376419,
        69102790,
        100019,
    ]
    verdict = classify(mix([*inputs, 10336509, 9436093], [9_900_000] * 11 + changes, time=1_629_823_150))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.WASABI1, 50)
    assert "JoinMarket maker" in verdict.reasons[-1]


# --- Wasabi 2

# a253947c34a83c5f6bf669e63542b9a2e8f64757638c896d5dfe414130e2ff9d, a round of a small coordinator
SMALL_ROUND_IN = (
    [3188646] * 4
    + [2097152] * 3
    + [2000000, 1594323, 1062882, 524288]
    + [354294] * 3
    + [262144, 112127, 100000]
    + [39366, 32768]
    + [20000] * 4
    + [13122, 5000]
)
SMALL_ROUND_OUT = (
    [2097152] * 9 + [1062882] * 5 + [262144] * 5 + [65536] * 4 + [16384] * 3 + [10000] * 3 + [8192] * 6 + [5000]
)  # fmt: skip


def test_there_are_78_standard_denominations() -> None:
    assert len(DENOMINATIONS) == 78
    assert sorted(DENOMINATIONS)[:8] == [5000, 6561, 8192, 10000, 13122, 16384, 19683, 20000]


def test_a_real_round_of_a_small_coordinator() -> None:
    verdict = classify(mix(SMALL_ROUND_IN, SMALL_ROUND_OUT, time=1_717_130_918))
    assert verdict.kind == CoinJoin.WASABI2
    assert "36 of 36 outputs have one of 8 standard denominations" in verdict.reasons[2]


def test_a_round_may_have_taproot_inputs_and_needs_no_time() -> None:
    assert kind_of(mix(SMALL_ROUND_IN, SMALL_ROUND_OUT, Script.P2TR)) == CoinJoin.WASABI2


def test_fewer_inputs_than_coordinators_ask_for_are_a_coinjoin_of_no_known_kind() -> None:
    tx = mix([6_377_292, *SMALL_ROUND_IN[4:16]], SMALL_ROUND_OUT[:14] + [65536] * 4 + [8192])
    assert len(tx.inputs) == 13
    verdict = classify(
        dataclasses.replace(tx, inputs=(dataclasses.replace(tx.inputs[0], amount=30_000_000), *tx.inputs[1:]))
    )
    assert (verdict.kind, verdict.confidence) == (CoinJoin.OTHER, 70)
    assert "13 inputs, few for Wasabi 2" in verdict.reasons[-1]


def test_a_payout_of_round_sums_is_no_round_however_it_is_sorted() -> None:
    payout = [5_000_000] * 6 + [2_000_000] * 6 + [1_000_000] * 6 + [500_000] * 6
    assert kind_of(mix([4_000_000] * 20, payout)) == CoinJoin.NONE


def test_a_wallet_that_gathers_one_address_is_no_round() -> None:
    good = mix(SMALL_ROUND_IN, SMALL_ROUND_OUT)
    same = tuple(dataclasses.replace(i, script=good.inputs[0].script) for i in good.inputs)
    assert kind_of(dataclasses.replace(good, inputs=same)) == CoinJoin.NONE
    some = same[:17] + good.inputs[17:]
    assert kind_of(dataclasses.replace(good, inputs=some)) == CoinJoin.WASABI2


def test_a_wallet_that_reuses_seven_tenths_of_its_addresses_may_still_be_in_a_round() -> None:
    good = mix(SMALL_ROUND_IN[:20], SMALL_ROUND_OUT[:20] + [8192])

    def reusing(count: int) -> UtxoTransaction:
        same = tuple(dataclasses.replace(i, script=good.inputs[0].script) for i in good.inputs[: count + 1])
        return dataclasses.replace(good, inputs=same + good.inputs[count + 1 :])

    assert kind_of(reusing(14)) == CoinJoin.WASABI2
    assert kind_of(reusing(15)) == CoinJoin.NONE


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_a_round_is_sorted_on_both_sides(side: str) -> None:
    good = mix(SMALL_ROUND_IN, SMALL_ROUND_OUT)
    turned = dataclasses.replace(good, **{side: tuple(reversed(getattr(good, side)))})
    assert kind_of(turned) != CoinJoin.WASABI2


def test_a_round_has_more_than_four_fifths_of_standard_denominations() -> None:
    ten = [v for i, v in enumerate(SMALL_ROUND_OUT) if i % 4 == 0] + [8191]
    assert kind_of(mix(SMALL_ROUND_IN, ten)) == CoinJoin.WASABI2  # 9 of 10
    assert kind_of(mix(SMALL_ROUND_IN, [*ten, 8190])) == CoinJoin.WASABI2  # 9 of 11
    assert kind_of(mix(SMALL_ROUND_IN, [*ten[2:], 8190])) == CoinJoin.NONE  # 7 of 9
    assert kind_of(mix(SMALL_ROUND_IN, [*ten[1:], 8190])) == CoinJoin.NONE  # 8 of 10


# --- JoinMarket

# 7732a03c8cf133e0475ae37e4f2f49ba77beb631378216889e33e9847aa0049b: 83,240,446 sat five times; makers earn 400,
# 2,000 and 14,848 sat on single inputs
MAKERS_IN = [100_000_000, 63_640_544, 41_979_708, 59_754_628, 100_000_800, 83_833_827, 59_754_628, 15_370_723]
MAKERS_CHANGE = [55_492_608, 595_381, 18_498_052, 16_760_754, 16_775_202]


def test_a_real_coinjoin_of_joinmarket() -> None:
    verdict = classify(mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH, time=1_530_763_257))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.JOINMARKET, 90)
    assert verdict.reasons[0] == "5 equal outputs of 83,240,446 sat and 5 change outputs"
    assert "3 change outputs exceed" in verdict.reasons[-1]


def test_a_taker_that_sweeps_leaves_one_change_less() -> None:
    verdict = classify(mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE[1:], Script.P2PKH))
    assert verdict.kind == CoinJoin.JOINMARKET
    assert "(the taker took no change)" in verdict.reasons[0]


def test_one_change_that_looks_earned_may_be_an_accident() -> None:
    """A payout: three take 0.4 BTC, others other sums, and one of these is by chance an input less 0.4 and 900 sat."""
    inputs, equal = [100_000_000, 70_000_000, 50_000_000], [40_000_000] * 3
    alone = classify(mix(inputs, [*equal, 60_000_900, 25_000_000, 14_000_000]))
    assert (alone.kind, alone.confidence, alone.mixes) == (CoinJoin.OTHER, 50, True)
    assert "two makers or more" in alone.reasons[-1]
    two = classify(mix(inputs, [*equal, 60_000_900, 30_000_400, 9_900_000]))
    assert (two.kind, two.confidence) == (CoinJoin.JOINMARKET, 90)
    assert kind_of(mix(inputs, [*equal, 59_999_900, 25_000_000, 14_000_000])) == CoinJoin.NONE


@pytest.mark.parametrize(
    "tx",
    [
        # 72de23f9ce35f5b90d4c98d00d195a0b396a30603d8479a4464ce34a2b7a2c25: nobody's change fits; a payout
        mix(
            [97752451, 29978000, 29978000, 29978000],
            [29983000] * 3 + [300187, 7363000, 89989264],
            Script.P2SH,
        ),
        mix([500_000, 600_000], [100_000] * 2 + [400_100, 500_100]),  # two parties: too common a shape
        mix([84_000, 94_000, 104_000], [74_999] * 3 + [9_101, 19_101, 29_101]),  # below what makers offer
        mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE[2:], Script.P2PKH),  # two changes are missing
        mix(
            MAKERS_IN[:4], [83_240_446] * 5 + MAKERS_CHANGE[1:], Script.P2PKH
        ),  # fewer payers than equal outputs
        mix([1_000_000] * 6, [300_000] * 3 + [700_100] * 2 + [700_200]),  # another value twice
        mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, block=300_000),  # before JoinMarket
    ],
    ids=["payout", "two", "small", "changes missing", "few payers", "second value", "too early"],
)
def test_what_differs_from_joinmarkets_shape_is_none(tx: UtxoTransaction) -> None:
    assert kind_of(tx) == CoinJoin.NONE


def test_joinmarkets_outputs_go_to_new_addresses() -> None:
    good = mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH)
    first, second, *rest = good.outputs
    twice = dataclasses.replace(
        good, outputs=(first, dataclasses.replace(second, script=first.script), *rest)
    )
    back = dataclasses.replace(
        good, outputs=(dataclasses.replace(first, script=good.inputs[0].script), second, *rest)
    )
    assert [kind_of(tx) for tx in (good, twice, back)] == [CoinJoin.JOINMARKET, CoinJoin.NONE, CoinJoin.NONE]


@pytest.mark.parametrize(
    "good",
    [
        whirlpool(),
        wasabi1(),
        mix(SMALL_ROUND_IN, SMALL_ROUND_OUT),
        mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH),
    ],
    ids=["whirlpool", "wasabi1", "wasabi2", "joinmarket"],
)
@pytest.mark.parametrize("at", [0, 99])
def test_an_op_return_does_not_hide_a_coinjoin(good: UtxoTransaction, at: int) -> None:
    outputs = [*good.outputs]
    outputs.insert(at, note("00"))
    verdict = classify(transaction(good.inputs, outputs))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.OTHER, 60)
    assert f"without it the shape is {kind_of(good).value}" in verdict.reasons[-1]


def test_an_op_return_makes_no_coinjoin_of_a_payment() -> None:
    payments = [mix([900], [300, 200, 100]), mix([500, 700], [600, 400, 100]), tx0()]
    for tx in payments:
        assert not classify(transaction(tx.inputs, [*tx.outputs, note("00")])).mixes


def test_a_trade_of_inscriptions_that_pays_its_own_inputs_is_none() -> None:
    # da6312ffdb726b35241e2c656fff3315d9aeae12e56008862f56a121544286a6: the buyer's address pays and is paid
    payers = [("buyer", 425_546), ("seller", 546), ("second", 546), ("third", 546), ("buyer", 400_495)]
    payees = [
        ("buyer", 546),
        ("buyer", 129_546),
        ("seller", 129_546),
        ("second", 129_546),
        ("fee", 3_870),
        ("buyer", 414_657),
    ]
    tx = transaction(
        [coin(who, amount, source=str(i), kind=Script.P2TR) for i, (who, amount) in enumerate(payers)],
        [pay(who, amount, kind=Script.P2TR) for who, amount in payees],
    )
    assert kind_of(tx) == CoinJoin.NONE


def test_the_same_among_taproot_wallets_is_a_coinjoin_of_no_known_kind() -> None:
    verdict = classify(mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2TR))
    assert (verdict.kind, verdict.confidence) == (CoinJoin.OTHER, 60)


# --- laws

EXAMPLES = [
    whirlpool(8),
    wasabi1(),
    mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH),
]


@given(tx=st.sampled_from(EXAMPLES), data=st.data())
def test_where_the_protocol_orders_nothing_the_order_decides_nothing(
    tx: UtxoTransaction, data: st.DataObject
) -> None:
    inputs = tuple(data.draw(st.permutations(tx.inputs)))
    outputs = tuple(data.draw(st.permutations(tx.outputs)))
    assert classify(dataclasses.replace(tx, inputs=inputs, outputs=outputs)) == classify(tx)


@given(amount=st.integers(1, 2 * 10**9))
def test_one_input_more_is_no_whirlpool_mix(amount: int) -> None:
    tx = whirlpool(8)
    more = dataclasses.replace(tx, inputs=(*tx.inputs, coin("another", amount)))
    assert kind_of(more) != CoinJoin.WHIRLPOOL


_KINDS = st.sampled_from(list(Script))
_AMOUNTS = st.one_of(st.integers(0, 10**10), st.sampled_from([100_000, 1_000_000, 5_000, 8_192, 10_000_000]))
_PARTIES = st.sampled_from("abcdefgh")
_INPUTS = st.builds(
    lambda who, amount, kind: coin(who, amount, kind=Script.P2WPKH), _PARTIES, _AMOUNTS, _KINDS
)
_OUTPUTS = st.builds(
    lambda who, amount, kind: dataclasses.replace(pay(who, amount), script_type=kind),
    _PARTIES,
    _AMOUNTS,
    _KINDS,
)


@given(st.lists(_INPUTS, max_size=20), st.lists(_OUTPUTS, min_size=1, max_size=20))
def test_every_transaction_gets_a_verdict_with_readable_grounds(
    inputs: list[Input], outputs: list[Output]
) -> None:
    verdict = classify(transaction(inputs, outputs))
    assert 0 < verdict.confidence <= 100
    assert (verdict.kind == CoinJoin.NONE) == (not verdict.reasons)
    for language in ("en", "ja"):
        assert all(reason.isprintable() and reason for reason in verdict.said(language))


def test_ordinary_payments_are_none() -> None:
    assert kind_of(mix([1_000_000], [400_000, 590_000])) == CoinJoin.NONE
    assert kind_of(mix([1_000_000] * 30, [29_990_000])) == CoinJoin.NONE
    assert kind_of(mix([60_000_000], [1_000_000] * 50)) == CoinJoin.NONE
    assert kind_of(transaction([], [pay("miner", 625_000_000)] * 3)) == CoinJoin.NONE


# --- the command


def test_classify_writes_a_verdict_for_every_row(tmp_path: Path) -> None:
    ordinary = dataclasses.replace(mix([1_000_000], [400_000, 590_000]), txid="ab" * 32)
    path = write_rows(tmp_path / "t.jsonl", [whirlpool(), ordinary])
    out = tmp_path / "verdicts.csv"
    done = CliRunner().invoke(app, ["classify", str(path), "--out", str(out)])
    assert (done.exit_code, done.stderr) == (0, "")
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["txid", "kind", "confidence", "reasons"]
    assert [(r["txid"], r["kind"], r["confidence"]) for r in rows] == [
        (whirlpool().txid, "whirlpool", "99"),
        (ordinary.txid, "none", "95"),
    ]
    assert rows[0]["reasons"].count("; ") == 3
    told = json.loads(CliRunner().invoke(app, ["--json", "classify", str(path)]).stdout)
    assert [(t["txid"], t["kind"]) for t in told] == [(r["txid"], r["kind"]) for r in rows]
    counted = CliRunner().invoke(app, ["classify", str(path)]).stdout
    assert "whirlpool" in counted


def test_classify_refuses_a_bad_row_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"txid": 5}\n')
    out = tmp_path / "verdicts.csv"
    done = CliRunner().invoke(app, ["classify", str(path), "--out", str(out)])
    assert done.exit_code == 2
    assert "row 1" in done.stderr
    assert not out.exists()
