"""A transaction splits into the parties of a JoinMarket CoinJoin when every coin can be dealt to one of them."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_coinjoin import mix
from tracer.evaluation.coinjoins import party_score
from tracer.evaluation.planted_mixes import plant_joinmarket
from tracer.evaluation.score import Score
from tracer.evaluation.split import splits
from tracer.utxo import Script, UtxoTransaction

EQUAL = 50_000_000


def joined(parties: int, seed: int, *, sweep: bool = False, coins: int = 0) -> UtxoTransaction:
    """Makers who earn 100 to 5,000 sat, and a taker who pays them and 9,000 sat to the miner."""
    draw = random.Random(seed)
    ins, change, earned = [], [], 0
    for _ in range(parties - 1):
        mine = [draw.randint(20_000_000, 90_000_000) for _ in range(coins)]
        mine.append(EQUAL + draw.randint(0, 30_000_000))
        fee = draw.randint(100, 5_000)
        earned += fee
        ins += mine
        change.append(sum(mine) - EQUAL + fee)
    rest = 0 if sweep else draw.randint(100_000, 40_000_000)
    ins.append(EQUAL + rest + earned + 9_000)
    return mix(ins, [EQUAL] * parties + change + ([] if sweep else [rest]), Script.P2WPKH)


def by_hand(tx: UtxoTransaction) -> bool:
    """Every way to deal the coins, tried one by one."""
    coins = [i.amount for i in tx.inputs]
    change = [o.amount for o in tx.outputs if o.amount != EQUAL]
    parties = len(tx.outputs) - len(change)
    for dealt in itertools.product(range(parties), repeat=len(coins)):
        sums = [sum(c for c, to in zip(coins, dealt, strict=True) if to == p) for p in range(parties)]
        taken = [*change, *([0] if parties > len(change) else [])]
        takers = [len(change)] if parties > len(change) else range(parties)
        for taker in takers:
            makers = [p for p in range(parties) if p != taker]
            paid = [taken[p] - (sums[p] - EQUAL) for p in makers]
            if sums[taker] and all(-5_000 <= p <= EQUAL // 200 + 5_000 for p in paid):
                return True
    return False


@given(seed=st.integers(0, 10**6), parties=st.integers(3, 6), coins=st.integers(0, 1), sweep=st.booleans())
def test_a_coinjoin_splits(seed: int, parties: int, coins: int, sweep: bool) -> None:
    assert splits(joined(parties, seed, sweep=sweep, coins=coins)) is True


@given(seed=st.integers(0, 10**6), sweep=st.booleans(), moved=st.integers(-400_000, 400_000))
def test_the_search_says_what_trying_every_way_says(seed: int, sweep: bool, moved: int) -> None:
    tx = joined(3, seed, sweep=sweep, coins=1)
    change = [o.amount for o in tx.outputs if o.amount != EQUAL]
    change[0] += moved
    bent = mix([i.amount for i in tx.inputs], [EQUAL] * 3 + change, Script.P2WPKH)
    assert splits(bent) is by_hand(bent)


def test_planted_coinjoins_split_unless_a_maker_is_dear() -> None:
    """Half of the planted ones have makers who ask for more, or give more, than the test allows."""
    told = [splits(plant_joinmarket(number).transaction) for number in range(30)]
    assert told.count(True) > 10


def test_a_payout_of_the_same_shape_does_not_split() -> None:
    draw = random.Random(3)
    for _ in range(50):
        ins = [draw.randint(10**6, 10**8) for _ in range(6)] + [10**9]
        change = [draw.randint(10**6, 10**8) for _ in range(5)]
        assert splits(mix(ins, [EQUAL] * 5 + change, Script.P2WPKH)) is False


def test_more_coins_than_can_be_tried_say_nothing() -> None:
    many = mix([EQUAL // 10 + n for n in range(40)], [EQUAL] * 3 + [11, 12, 13], Script.P2WPKH)
    assert splits(many) is None
    assert splits(mix([EQUAL], [EQUAL] * 3, Script.P2WPKH)) is False  # three equal outputs and no change


@pytest.mark.parametrize("sweep", [False, True])
def test_the_row_counts_what_splits(sweep: bool) -> None:
    right = joined(5, 1, sweep=sweep)
    score = party_score([right], "made", "made")
    assert score == Score("joinmarket", "made", "by parties", 0, 0, 1, 1, source="made")
    change = [o.amount for o in right.outputs if o.amount != EQUAL]
    change[-1] += 7_000_000  # one maker's change is right, the rest is no CoinJoin
    change[-2] += 9_000_000
    wrong = mix([i.amount for i in right.inputs] + [16_000_000], [EQUAL] * 5 + change, Script.P2WPKH)
    score = party_score([right, wrong], "made", "made")
    assert score == Score("joinmarket", "made", "by parties", 0, 0, 2, 1, source="made")
    assert party_score([], "made", "made") is None
