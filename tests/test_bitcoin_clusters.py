"""Whose addresses belong together: what each rule says, when it keeps silent, and what guards hold back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_coinjoin import MAKERS_CHANGE, MAKERS_IN, mix, tx0, wasabi1, whirlpool
from tests.utxo_rows import coin, note, pay, transaction, txid, write_rows
from tests.wallet_world import shipped
from tracer.addresses import BITCOIN
from tracer.case import Case
from tracer.clusters import Link, components
from tracer.clusters.bitcoin import bitcoin_links
from tracer.clusters.change import SIGNS, Change, change_link, find_change
from tracer.clusters.coinjoin import CoinJoin, classify
from tracer.clusters.common_input import common_input, maybe_cofunded, maybe_joint, maybe_payjoin
from tracer.clusters.history import History
from tracer.clusters.mixing import ChangeLink, Denomination, Mixing, doubtful, mixing
from tracer.clusters.peel import PeelHop, follow_peel
from tracer.clusters.shape import Shape
from tracer.utxo import Input, Outpoint, Script, UtxoTransaction


def name_of(owner: str, kind: Script = Script.P2WPKH) -> str:
    return f"{BITCOIN}:{coin(owner, 1, kind=kind).owner}"


def spend(
    parent: UtxoTransaction,
    vout: int,
    outputs: Sequence[tuple[str, int]],
    *,
    name: str,
    kind: Script = Script.P2WPKH,
    sequence: int | None = None,
    block: int = 2,
    **like: int,
) -> UtxoTransaction:
    """A transaction that spends one output."""
    output = parent.outputs[vout]
    spent = Input(Outpoint(parent.txid, vout), "", output.script_type, output.amount, output.script, sequence)
    return transaction(
        [spent], [pay(who, a, kind=kind) for who, a in outputs], name=name, block=block, **like
    )


# --- common inputs


def linked(tx: UtxoTransaction, *before: UtxoTransaction) -> list[Link]:
    return common_input(tx, History([*before, tx]))


def test_all_payers_of_a_transaction_are_one() -> None:
    tx = transaction([coin("a", 500), coin("b", 400), coin("a", 300), coin("c", 200)], [pay("d", 1_300)])
    assert linked(tx) == [
        Link(name_of("a"), name_of("b"), "common_input", tx.txid, 90),
        Link(name_of("a"), name_of("c"), "common_input", tx.txid, 90),
    ]


def test_one_payer_links_nobody() -> None:
    assert linked(transaction([coin("a", 500), coin("a", 400)], [pay("d", 800)])) == []


def test_coin_without_address_or_script_links_nobody() -> None:
    bare = [dataclasses.replace(coin(who, 500), script="") for who in "ab"]
    assert linked(transaction(bare, [pay("d", 900)])) == []


@pytest.mark.parametrize(
    "tx",
    [whirlpool(), wasabi1(), mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH)],
    ids=["whirlpool", "wasabi", "joinmarket"],
)
def test_a_coinjoin_links_nobody(tx: UtxoTransaction) -> None:
    assert linked(tx) == []


def test_a_tx0_is_one_user() -> None:
    one = tx0()
    two = dataclasses.replace(one, inputs=(coin("user", 10**7), coin("other", one.inputs[0].amount - 10**7)))
    assert [link.confidence for link in linked(two)] == [90]


def test_equal_outputs_for_every_possible_party_may_be_joint() -> None:
    two_users = transaction(
        [coin("a", 700), coin("b", 800)], [pay("x", 500), pay("y", 500), pay("a2", 190), pay("b2", 290)]
    )
    assert maybe_joint(Shape(two_users))
    assert linked(two_users) == []
    payout = transaction([coin("a", 2_000), coin("b", 800)], [pay(str(i), 500) for i in range(5)])
    assert not maybe_joint(Shape(payout))
    assert len(linked(payout)) == 1


def test_an_input_that_no_output_needed_lowers_the_confidence() -> None:
    # 1,000 pays either output; the 300 was not needed
    payjoin = transaction([coin("a", 1_000), coin("b", 300)], [pay("x", 700), pay("y", 590)])
    assert maybe_payjoin(Shape(payjoin))
    (link,) = linked(payjoin)
    assert (link.confidence, "PayJoin" in link.note) == (60, True)
    needed = transaction([coin("a", 1_000), coin("b", 300)], [pay("x", 1_150), pay("y", 140)])
    assert not maybe_payjoin(Shape(needed))
    edge = transaction([coin("a", 1_000), coin("b", 300)], [pay("x", 990), pay("y", 300)])
    assert maybe_payjoin(Shape(edge))  # 1,000 = 990 and the fee of 10
    assert not maybe_payjoin(Shape(transaction(edge.inputs, [pay("x", 991), pay("y", 299)])))


def test_a_round_payment_inside_an_output_shows_a_payjoin_that_needs_every_input() -> None:
    """The payee's 29,598,927 returns with 2 BTC; no input is unnecessary."""
    inputs = [coin("payee", 29_598_927), coin("a", 133_450_381), coin("a", 74_931_761)]
    hidden = transaction(inputs, [pay("payee2", 229_598_927), pay("change", 8_371_702)])
    assert maybe_payjoin(Shape(hidden))
    odd = transaction(inputs, [pay("payee2", 229_598_926), pay("change", 8_371_702)])
    assert not maybe_payjoin(Shape(odd))
    # round coins pay a round sum: nothing strange
    rounds = [coin("a", 600_000_000), coin("b", 666_485_739)]
    assert not maybe_payjoin(Shape(transaction(rounds, [pay("x", 1_100_000_000), pay("y", 166_483_411)])))


def test_a_contract_that_two_may_have_funded_unites_nobody() -> None:
    inputs = [coin("a", 900_000), coin("b", 700_000)]
    outputs = [pay("contract", 600_000, kind=Script.P2WSH), pay("a2", 590_000), pay("b2", 400_000)]
    tx = transaction(inputs, outputs)
    assert maybe_cofunded(Shape(tx))
    (link,) = linked(tx)
    assert (link.confidence, "P2WSH" in link.note) == (60, True)
    change = change_link(tx, Change(1, ("fresh", "version"), 90))
    assert change is not None
    assert change.confidence == 60
    assert maybe_cofunded(Shape(transaction(inputs, [note("00"), *outputs])))
    assert not maybe_cofunded(Shape(transaction(inputs[:1], outputs)))
    assert not maybe_cofunded(Shape(transaction(inputs, outputs[:2])))
    assert not maybe_cofunded(Shape(transaction(inputs, [*outputs, pay("c", 5_000)])))


def test_change_of_what_may_be_a_payjoin_is_the_payers_or_joins_nobody() -> None:
    """The payee, who reuses an address and writes version 1, puts its coin first; the change is the payer's."""
    before = transaction(
        [coin("x", 1_000)], [pay("shop", 500), pay("y", 490)], name="before", block=800_000, version=1
    )
    later = transaction([coin("shop", 801, source="pj")], [pay("z", 790)], name="l", block=800_002, version=1)

    def links(*payers: Input, change: int) -> tuple[list[Link], list[Link]]:
        made = transaction(
            [coin("shop", 500, source="before"), *payers],
            [pay("shop2", 801), pay("c", change)],
            name="pj",
            block=800_001,
            version=2,
        )
        earlier = transaction([coin("w", 9_000)], [pay("shop2", 100)], name="e", block=799_999, version=1)
        kept = spend(made, 1, [("c2", change - 10)], name="kept", block=800_003, version=2)
        found = bitcoin_links(History([earlier, before, made, later, kept]))
        return tuple([k for k in these if k.rule == "change"] for these in (found.links, found.refused))

    # 1,000 is more than the payee got, so its owner cannot be the payee
    ((link,), none) = links(coin("payer", 1_000), change=690)
    assert {link.a, link.b} == {f"{BITCOIN}:{coin(name, 1).owner}" for name in ("payer", "c")}
    assert (link.confidence, none) == (80, [])
    # 600 may be: the payee, who then has the change of nobody
    none, (weak,) = links(coin("payer", 600), coin("payer2", 600), change=890)
    assert (none, weak.confidence) == ([], 60)
    assert "whose change it is remains open" in weak.note


def test_change_of_a_trade_that_two_may_have_built_joins_nobody() -> None:
    trade = transaction(
        [coin("a", 900), coin("b", 800)], [pay("x", 700), pay("y", 700), pay("z", 290)], name="trade"
    )
    assert maybe_joint(Shape(trade))
    link = change_link(trade, Change(2, ("fresh", "version"), 90))
    assert link is not None
    assert link.confidence == 60


def test_what_is_spent_together_after_a_mix_says_so() -> None:
    mixed = whirlpool()
    merged = transaction(
        [
            Input(Outpoint(mixed.txid, vout), "", Script.P2WPKH, 1_000_000, mixed.outputs[vout].script)
            for vout in (0, 1)
        ],
        [pay("shop", 1_999_000)],
        name="merge",
        block=2,
    )
    (link,) = linked(merged, mixed)
    assert "spends outputs of a CoinJoin" in link.note


# --- change: each sign alone


def left_by(sign: str, tx: UtxoTransaction, *others: UtxoTransaction) -> list[int]:
    (rule,) = [s.rule for s in SIGNS if s.name == sign]
    return [o.vout for o in rule(tx, [*tx.outputs], History([*others, tx]))]


def test_address_type_is_that_of_all_inputs() -> None:
    outputs = [pay("x", 400, kind=Script.P2SH), pay("y", 500)]
    assert left_by("address_type", transaction([coin("a", 1_000)], outputs)) == [1]
    mixed = [coin("a", 500), coin("b", 500, kind=Script.P2SH)]
    assert left_by("address_type", transaction(mixed, outputs)) == [0, 1]


def test_optimal_change_is_below_every_input() -> None:
    inputs = [coin("a", 7_000_000), coin("b", 4_000_000)]
    assert left_by("optimal_change", transaction(inputs, [pay("x", 5_000_000), pay("y", 3_999_999)])) == [1]
    assert left_by("optimal_change", transaction(inputs, [pay("x", 5_000_000), pay("y", 4_000_000)])) == [
        0,
        1,
    ]


def test_a_coin_that_was_added_to_have_worthwhile_change_is_not_needless() -> None:
    """A small payment: the node adds a coin so that its change reaches 0.01 BTC; the change exceeds that coin."""
    paying = transaction(
        [coin("a", 1_000_000), coin("b", 200_000)], [pay("x", 30_000), pay("change", 1_169_000)]
    )
    assert left_by("optimal_change", paying) == [0, 1]
    edge = transaction(paying.inputs, [pay("x", 30_000), pay("y", 1_200_000)])
    assert left_by("optimal_change", edge) == [0]


def test_power_of_ten_rules_out_round_sums() -> None:
    tx = transaction([coin("a", 10**7)], [pay("x", 3_000_000), pay("y", 3_000_001)])
    assert left_by("power_of_ten", tx) == [1]


def test_fresh_is_an_address_not_seen_before() -> None:
    before = transaction([coin("z", 900)], [pay("x", 800)], name="before", block=1)
    tx = transaction([coin("a", 1_000)], [pay("x", 400), pay("y", 500)], block=2)
    assert left_by("fresh", tx, before) == [1]
    assert left_by("fresh", dataclasses.replace(tx, block=0), before) == [
        0,
        1,
    ]  # the order of the chain decides


@pytest.mark.parametrize(
    ("sign", "ours", "theirs"),
    [
        ("locktime", {"locktime": 5}, {"locktime": 0}),
        ("locktime", {"locktime": 0}, {"locktime": 5}),
        ("version", {"version": 2}, {"version": 1}),
    ],
)
def test_whoever_spends_otherwise_is_not_the_payer(
    sign: str, ours: dict[str, int], theirs: dict[str, int]
) -> None:
    tx = transaction([coin("a", 1_000)], [pay("x", 400), pay("y", 500)], block=1, **ours)
    again = spend(tx, 1, [("w", 490)], name="again", **ours)
    assert left_by(sign, tx, again, spend(tx, 0, [("z", 390)], name="s", **theirs)) == [1]
    assert left_by(sign, tx, again, spend(tx, 0, [("z", 390)], name="s", **ours)) == [0, 1]
    assert left_by(sign, tx, again, spend(tx, 0, [("z", 390)], name="s")) == [0, 1]  # not known
    assert left_by(sign, tx, again) == [0, 1]  # not spent
    assert left_by(sign, tx, spend(tx, 0, [("z", 390)], name="s", **theirs)) == [
        0,
        1,
    ]  # nobody is seen to be alike


def test_the_spender_tells_nothing_where_it_is_a_coinjoin_that_somebody_else_built() -> None:
    parent = transaction([coin("a", 10**8)], [pay("x", 10**7), pay("y", 89_000_000)], block=1, version=2)
    again = spend(parent, 1, [("w", 88_000_000)], name="again", version=2)
    joined = mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH)
    first = Input(Outpoint(parent.txid, 0), "", Script.P2WPKH, 10**7, parent.outputs[0].script)
    built = dataclasses.replace(joined, inputs=(first, *joined.inputs), version=1)
    assert classify(built).mixes
    assert left_by("version", parent, again, built) == [0, 1]
    assert left_by("version", parent, again, dataclasses.replace(built, outputs=built.outputs[:2])) == [1]


def test_replaceability_is_a_habit() -> None:
    tx = transaction(
        [dataclasses.replace(coin("a", 1_000), sequence=0xFFFFFFFD)], [pay("x", 400), pay("y", 500)]
    )
    again = spend(tx, 1, [("w", 490)], name="again", sequence=0xFFFFFFFD)
    assert left_by("replaceable", tx, again, spend(tx, 0, [("z", 390)], name="s", sequence=0xFFFFFFFE)) == [1]
    assert left_by("replaceable", tx, again, spend(tx, 0, [("z", 390)], name="s", sequence=0)) == [0, 1]


def test_peeling_chain_goes_on_with_one_input_and_two_outputs() -> None:
    tx = transaction([coin("a", 1_000)], [pay("x", 400), pay("y", 500)], block=1)
    peel = spend(tx, 1, [("z", 100), ("y2", 390)], name="peel")
    sweep = spend(tx, 0, [("z", 390)], name="sweep")
    assert left_by("peeling_chain", tx, peel, sweep) == [1]
    assert left_by("peeling_chain", tx, peel) == [0, 1]
    assert left_by("peeling_chain", tx, sweep) == [0, 1]


# --- change: the vote


def payment() -> UtxoTransaction:
    """A round sum to another kind of address, and change."""
    return transaction(
        [coin("a", 10**7)], [pay("x", 4_000_000, kind=Script.P2SH), pay("y", 5_999_000)], block=1
    )


def found(tx: UtxoTransaction, *others: UtxoTransaction) -> Change | None:
    return find_change(tx, History([*others, tx]))


def test_two_signs_of_different_nature_find_the_change() -> None:
    change = found(payment())
    assert change == Change(1, ("address_type", "power_of_ten"), 80)
    assert change_link(payment(), change) == Link(
        name_of("a"), name_of("y"), "change", payment().txid, 80, "signs: address_type, power_of_ten"
    )


def test_more_natures_give_more_confidence_up_to_a_cap() -> None:
    tx = dataclasses.replace(payment(), version=2, locktime=0)
    spender = spend(tx, 0, [("z", 3_999_000)], name="s", version=1, locktime=7)
    sweep = spend(tx, 1, [("y2", 5_990_000)], name="sweep", version=2, locktime=0)
    change = found(tx, spender, sweep)
    assert change is not None
    assert (change.confidence, len(change.signs)) == (90, 4)  # two signs of the wallet are one nature
    peel = spend(tx, 1, [("p", 900_000), ("y2", 5_000_000)], name="peel", version=2, locktime=0)
    change = found(tx, spender, peel)
    assert change is not None
    assert change.confidence == 95


def test_one_sign_finds_nothing() -> None:
    assert found(transaction([coin("a", 10**7)], [pay("x", 4_000_000), pay("y", 5_999_000)])) is None
    tx = transaction(
        [coin("a", 10**7)], [pay("x", 4_000_001), pay("y", 5_999_000 - 1)], block=1, version=2, locktime=0
    )
    again = spend(tx, 1, [("w", 5_990_000)], name="again", version=2, locktime=0)
    assert found(tx, again, spend(tx, 0, [("z", 3_999_000)], name="s", version=1, locktime=7)) is None


def test_signs_that_disagree_find_nothing() -> None:
    # the round sum says vout 1, the kind of address says vout 0
    tx = transaction([coin("a", 10**7)], [pay("x", 4_000_000), pay("y", 5_999_000, kind=Script.P2SH)])
    assert found(tx) is None


def test_change_to_an_address_that_paid_is_no_news() -> None:
    assert found(dataclasses.replace(payment(), inputs=(coin("y", 10**7),))) is None


def test_data_is_no_change_and_coinjoins_have_none_to_find() -> None:
    tx = payment()
    change = found(transaction(tx.inputs, [note("00"), *tx.outputs]))
    assert change is not None
    assert change.vout == 2
    assert found(transaction(tx.inputs, [tx.outputs[0], note("00")])) is None
    assert found(mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH)) is None
    assert found(transaction([], [pay("m", 10**7), pay("n", 5_999_000, kind=Script.P2SH)])) is None


# --- guards


def test_unconfirmed_transactions_come_last() -> None:
    tx = payment()
    waiting = dataclasses.replace(transaction([coin("w", 900)], [pay("y", 800)], name="waiting"), block=None)
    assert [t.txid for t in History([waiting, tx]).transactions] == [tx.txid, waiting.txid]


def test_change_inside_a_large_cluster_collapses_nothing() -> None:
    gathered = [coin(f"a{i}", 1_000) for i in range(12)]
    gather = transaction(gathered, [pay("elsewhere", 11_900)], name="gather", block=3)
    tx = transaction(
        [coin("a0", 10**7)],
        [pay("x", 4_000_000, kind=Script.P2SH), pay("a1", 5_999_000)],
        block=1,
        name="pay",
    )
    found = bitcoin_links(History([tx, gather]))
    assert found.refused == {}
    assert "change" in {link.rule for link in found.links}


def test_no_link_touches_a_service() -> None:
    tx = transaction([coin("a", 500), coin("b", 400)], [pay("d", 800)])
    links = bitcoin_links(History([tx]), services={name_of("b")})
    assert links.links == ()
    assert list(links.refused.values()) == ["touches a service"]


def test_change_does_not_join_two_large_clusters() -> None:
    def cluster(name: str, size: int) -> UtxoTransaction:
        gathered = [coin(f"{name}{i}", 1_000) for i in range(size)]
        return transaction(gathered, [pay("elsewhere", size * 990)], name=f"gather {name}", block=3)

    tx = transaction(
        [coin("a0", 10**7)],
        [pay("x", 4_000_000, kind=Script.P2SH), pay("b0", 5_999_000)],
        block=1,
        name="pay",
    )
    large = bitcoin_links(History([tx, cluster("a", 10), cluster("b", 10)]))
    assert [(link.rule, "two large clusters" in why) for link, why in large.refused.items()] == [
        ("change", True)
    ]
    small = bitcoin_links(History([tx, cluster("a", 10), cluster("b", 9)]))
    assert small.refused == {}
    assert "change" in {link.rule for link in small.links}


def test_a_link_that_is_withdrawn_lets_the_cluster_fall_apart() -> None:
    tx = transaction([coin("a", 500), coin("b", 400), coin("c", 300)], [pay("d", 1_100)])
    links = bitcoin_links(History([tx])).links
    assert components(links).cluster_of(name_of("b")) == components(links).cluster_of(name_of("c"))
    apart = components(links, withdrawn=links[:1])
    assert {len(members) for members in apart.members.values()} == {2}


def test_the_order_of_the_transactions_changes_nothing() -> None:
    world = shipped().transactions
    assert bitcoin_links(History(world)) == bitcoin_links(History(reversed(world)))


# --- in a case


def in_case(tmp_path: Path, txs: Sequence[UtxoTransaction]) -> Case:
    case = Case.create("wallets", tmp_path)
    case.import_file(write_rows(tmp_path / "t.jsonl", txs))
    case.add_seed(txs[0].txid, "bitcoin")
    return case


def standing(case: Case) -> set[tuple[str, str, str, int]]:
    return {
        (row.rule, row.tx, row.withdrawn, row.confidence)
        for row in case.cluster_links().itertuples(index=False)
    }


def test_a_case_has_the_links_of_its_bitcoin_transactions(tmp_path: Path) -> None:
    txs = [dataclasses.replace(tx, tx_index=1) for tx in shipped().transactions[16:90]]
    found = bitcoin_links(History(txs))
    expected = {(link.rule, link.tx, "", link.confidence) for link in found.links}
    expected |= {(link.rule, link.tx, why, link.confidence) for link, why in found.refused.items()}
    assert standing(in_case(tmp_path, txs)) == expected


def test_a_service_of_the_case_is_in_no_cluster_and_unconfirmed_payments_link_nobody(tmp_path: Path) -> None:
    services, customer = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S"
    spent = [
        Input(Outpoint(txid(who), 0), who, Script.P2PKH, 600) for who in (services, customer)
    ]  # two addresses of Bitcoin's first days
    tx = transaction(spent, [pay("shop", 1_100)], name="joint", block=5, time=1_700_000_000)
    waiting = transaction([coin("a", 500), coin("b", 400)], [pay("d", 800)], name="waiting")
    case = in_case(tmp_path, [tx, waiting])
    assert standing(case) == {("common_input", tx.txid, "", 90)}
    case.label(services, "Exchange", "bitcoin", "exchange", 90, "its own page")
    ((_, _, withdrawn, _),) = standing(case)
    assert "Exchange" in withdrawn


# --- peel chains


def chain(hops: int, **last: int) -> list[UtxoTransaction]:
    kept = 10**10
    txs = [
        transaction(
            [coin("thief", kept)], [pay("p0", 10**6), pay("c0", kept - 10**6 - 500)], name="0", version=2
        )
    ]
    for hop in range(1, hops):
        before = txs[-1]
        kept = before.outputs[1].amount
        outputs = [(f"p{hop}", 10**6 + hop), (f"c{hop}", kept - 10**6 - hop - 500)]
        like = last if hop == hops - 1 and last else {"version": 2}
        txs.append(spend(before, 1, outputs, name=str(hop), block=hop + 2, **like))
    return txs


def test_a_peel_chain_is_followed_to_its_end() -> None:
    txs = chain(4)
    hops, why = follow_peel(txs[0], History(txs))
    assert hops == tuple(PeelHop(txid(str(i)), 1, (0,)) for i in range(3))
    assert why == "no output goes on in the same way"


def test_a_long_chain_needs_no_recursion() -> None:
    assert len(follow_peel((txs := chain(1_500))[0], History(txs))[0]) == 1_499


@pytest.mark.parametrize(
    ("more", "why", "length"),
    [
        ([], "no output goes on in the same way", 2),
        (["payee too"], "several outputs go on in the same way", 1),
        (["gathers"], "nothing is peeled off", 3),
    ],
)
def test_a_peel_chain_ends_where_it_is_not_one(more: list[str], why: str, length: int) -> None:
    txs = chain(3)
    if more == ["payee too"]:
        txs.append(spend(txs[1], 0, [("q", 500_000), ("r", 400_000)], name="q", version=2))
    if more == ["gathers"]:
        txs.append(spend(txs[2], 1, [("q", 900_000_000)], name="q", version=2))
    hops, said = follow_peel(txs[0], History(txs))
    assert (said, len(hops)) == (why, length)


def test_a_peel_chain_ends_at_a_service_at_dust_at_a_coinjoin_and_where_features_change() -> None:
    txs = chain(3)
    history = History(txs)
    service = txs[1].owner(txs[1].outputs[1])
    assert follow_peel(txs[0], history, {service})[1] == "a service"
    dust = [txs[0], spend(txs[0], 1, [("p", 546), ("c", 10**8)], name="1", version=2)]
    assert "below 1,000 sat" in follow_peel(dust[0], History(dust))[1]
    assert follow_peel(whirlpool(), History([whirlpool()]))[1] == "a CoinJoin"
    other = chain(3, version=1)
    assert len(follow_peel(other[0], History(other))[0]) == 1


# --- what a CoinJoin does to coin


def taken_apart(tx: UtxoTransaction) -> Mixing:
    found = mixing(tx, classify(tx))
    assert found is not None
    return found


def test_a_whirlpool_mix_hides_each_output_among_all() -> None:
    assert taken_apart(whirlpool(8)) == Mixing((Denomination(1_000_000, tuple(range(8))),), (), ())
    assert taken_apart(whirlpool(8)).denominations[0].anonymity_set == 8


def test_a_tx0_and_a_payment_mix_nothing() -> None:
    for tx in (tx0(), payment()):
        assert mixing(tx, classify(tx)) is None


def test_a_makers_change_is_certain_where_one_input_explains_it() -> None:
    # 7732a03c...: 83,833,827 - 83,240,446 = 593,381, and 2,000 earned; other changes have more than one explanation
    parts = taken_apart(mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH))
    assert parts.denominations == (Denomination(83_240_446, (0, 1, 2, 3, 4)),)
    assert parts.unique == (5, 6, 7, 8, 9)
    assert parts.change == (ChangeLink(5, 6, -2_000),)


@pytest.mark.parametrize(("last", "certain"), [(349_990, False), (300_000, True)])
def test_a_change_that_four_inputs_explain_together_is_not_certain(last: int, certain: bool) -> None:
    # 1,500,000 less the equal value explains the change 500,100; so do four coins of one party with 349,990
    amounts = [1_500_000, 400_000, 380_000, 370_000, last, 1_930_000, 2_600_000]
    found = taken_apart(mix(amounts, [1_000_000] * 3 + [500_100, 930_200, 3_039_700]))
    assert (3 in [link.vout for link in found.change]) is certain


@pytest.mark.parametrize(
    ("own", "change"),
    [
        (100_000_000, 97_995_128),  # a maker that gives 4,872 sat more to the network than it earns
        (99_982_000, 97_997_000),  # one that earns 15,000, 0.75 %
        (100_020_000, 97_997_000),  # the taker, who pays 23,000
    ],
)
def test_a_strangers_coin_of_about_the_same_value_is_no_certain_explanation(own: int, change: int) -> None:
    # a round sum less somebody's fee, 4,000 sat and more off what the change really came from
    coins = [own, 99_990_656, 800_000_000, 2_500_000_000]
    links = taken_apart(mix(coins, [2_000_000] * 4 + [change, 798_000_100, 2_498_000_100, 97_870_000])).change
    assert 4 not in [link.vout for link in links]
    assert {5, 6} <= {link.vout for link in links}


def test_in_wasabi_1_somebody_may_take_part_with_several_amounts() -> None:
    # 37,660,000 less 10,000,000, 20,000,000 and fees is the change 7,640,000: so is 17,655,000 less 10,000,000
    value, changes = 10_000_000, [1_000_003 * 4**i for i in range(1, 12)]
    equal, others = [value] * 13 + [2 * value] * 2, [value + change + 5_000 for change in changes]
    others[-1] += 2 * value
    taken = mix(
        [17_655_000, 50_000_000, 37_660_000, *others], [*equal, 7_640_000, 57_640_000, *changes, 40_000]
    )
    assert 15 not in [link.vout for link in taken_apart(taken).change]
    alone = mix([17_655_000, 47_660_000, *others], [*equal, 7_640_000, 17_640_000, *changes, 40_000])
    assert (0, 15) in [(link.input, link.vout) for link in taken_apart(alone).change]


def test_a_joinmarket_that_looks_like_wasabi_1_has_no_certain_change() -> None:
    changes = _far_apart(12)
    inputs = [10_000_000 + change + 3_700 for change in changes]
    links = [taken_apart(mix(inputs, [10_000_000] * 12 + c)).change for c in (changes, [*changes, 43_200])]
    assert links[0] == ()
    assert links[1] != ()


@given(st.lists(st.integers(1, 60), max_size=9), st.integers(1, 120), st.integers(0, 9))
def test_doubt_is_more_than_one_choice_of_amounts(amounts: list[int], low: int, width: int) -> None:
    """Against every choice, one by one."""
    windows = [(low, low + width), (low + width + 5, low + 2 * width + 5)]
    sums = [sum(c) for n in range(1, 10) for c in combinations(amounts, n)]
    for end in (1, 2):
        choices = sum(least <= found <= most for found in sums for least, most in windows[:end])
        assert doubtful(amounts, windows[:end]) is (choices > 1)


def test_an_input_larger_than_all_others_explains_its_change_among_any_number_of_them() -> None:
    others = [10_000_000 + n * 1_000 for n in range(60)]
    assert not doubtful([*others, 5_000_000_000], [(5_000_000_000, 5_000_020_000)])
    assert doubtful(
        [*others, 600_000_000], [(600_000_000, 600_020_000)]
    )  # others reach it, and are too many to try


def test_what_is_too_small_for_change_in_wasabi_1_is_the_coordinators() -> None:
    value = 10_000_000
    coins = [value + 45_000, *(value * 3 + n * 7_919_000 for n in range(9))]
    for left, linked in ((40_000, False), (70_000, True)):
        inputs = [value + left + 5_000, *coins[1:]]
        changes = [left, *(coin - value - 30_000 for coin in coins[1:])]
        parts = taken_apart(mix(inputs, [value] * 10 + [*changes, 20_000]))
        assert (0 in [link.input for link in parts.change]) is linked
        # one of them without change: the coordinator gets up to 70,000 more than ten fees for a crowd of ten
        fewer = taken_apart(mix([*inputs[:-1], value], [value] * 10 + [*changes[:-1], 20_000]))
        assert 0 not in [link.input for link in fewer.change]


def test_a_change_with_two_explanations_is_not_certain() -> None:
    alone = taken_apart(
        mix([1_500_000, 1_900_000, 2_600_000], [1_000_000] * 3 + [500_100, 900_200, 1_590_000])
    )
    assert [(link.input, link.vout) for link in alone.change] == [(0, 3), (1, 4), (2, 5)]
    twin = taken_apart(
        mix([1_500_000, 1_500_050, 1_900_000, 2_600_000], [1_000_000] * 3 + [500_100, 900_200, 3_090_000])
    )
    assert [(link.input, link.vout) for link in twin.change] == [(2, 4)]
    pair = taken_apart(
        mix([1_500_000, 700_000, 800_000, 1_900_000], [1_000_000] * 3 + [500_100, 900_200, 490_000])
    )
    assert 3 not in [link.vout for link in pair.change]
    triple = taken_apart(
        mix([1_500_000, 400_000, 500_000, 600_000, 1_900_000], [1_000_000] * 3 + [500_100, 900_200, 490_000])
    )
    assert 3 not in [link.vout for link in triple.change]


def test_an_input_that_two_changes_claim_is_nobodys() -> None:
    parts = taken_apart(mix([1_500_000, 1_900_000, 1_510_000], [1_000_000] * 3 + [500_100, 500_200, 900_200]))
    assert [(link.input, link.vout) for link in parts.change] == [(1, 5)]


def test_makers_earn_and_a_taker_who_would_pay_less_than_that_is_not_linked() -> None:
    parts = taken_apart(
        mix([1_500_000, 1_900_000, 2_600_000], [1_000_000] * 3 + [500_100, 900_200, 1_599_999])
    )
    assert [(link.input, link.vout, link.fee) for link in parts.change] == [(0, 3, -100), (1, 4, -200)]


def test_the_takers_change_is_what_is_left_when_every_makers_is_linked() -> None:
    makers, taker = [1_500_000, 1_900_000, 2_600_000, 4_700_000], 8_000_000
    change = [value - 1_000_000 + 100 for value in makers]
    parts = taken_apart(mix([*makers, taker], [1_000_000] * 5 + [*change, 6_990_000]))
    assert [(link.input, link.vout, link.fee) for link in parts.change] == [
        *[(n, 5 + n, -100) for n in range(4)],
        (4, 9, 10_000),  # 9,600 to the network, 400 to the makers
    ]
    # two inputs are left, or a second change is: nobody can say which is whose
    several = taken_apart(mix([*makers, 5_000_000, 3_000_007], [1_000_000] * 5 + [*change, 6_990_000]))
    assert [link.vout for link in several.change] == [5, 6, 7, 8]
    unsure = taken_apart(mix([*makers, taker], [1_000_000] * 5 + [*change[:3], 3_600_000, 6_990_000]))
    assert [link.vout for link in unsure.change] == [5, 6, 7]
    # a taker without change: the last input has none
    sweep = taken_apart(mix([*makers, 1_010_000], [1_000_000] * 5 + change))
    assert [link.input for link in sweep.change] == [0, 1, 2, 3]


def _far_apart(count: int) -> list[int]:
    """Values of which no two or three add up to near another and 10,000,000."""
    return [1_000_003 * 4**i for i in range(count)]


def test_in_wasabi_1_everybody_pays_the_coordinator_for_each_of_the_crowd() -> None:
    # twelve of 0.1 BTC: 0.003 % for each of twelve is 3,600 sat; the network gets 100 from each
    changes = _far_apart(12)
    inputs = [10_000_000 + change + 3_600 + 100 for change in changes]
    tx = mix(inputs, [10_000_000] * 12 + changes + [12 * 3_600])
    assert (classify(tx).kind, tx.fee) == (CoinJoin.WASABI1, 1_200)
    found = taken_apart(tx).change
    assert len(found) >= 10
    assert all((link.vout, link.fee) == (12 + link.input, 3_700) for link in found)
    more = mix([i + 300 for i in inputs], [10_000_000] * 12 + changes + [12 * 3_900])
    assert taken_apart(more).change == ()


def test_where_the_protocol_is_in_doubt_no_change_is_certain() -> None:
    changes = _far_apart(12)
    paid = [-50] * 7 + [300] * 5
    inputs = [10_000_000 + change + fee for change, fee in zip(changes, paid, strict=True)]
    sure = mix([i + 60 for i in inputs], [10_000_000] * 12 + [*changes, 100])
    doubtful = mix(inputs, [10_000_000] * 12 + [*changes, 100])
    assert [classify(tx).confidence for tx in (sure, doubtful)] == [95, 50]
    assert taken_apart(sure).change
    assert taken_apart(doubtful).change == ()


def test_denominations_are_listed_by_the_size_of_their_crowd() -> None:
    values = [10_989_530] * 40 + [21_979_060] * 5
    tx = wasabi1()
    more = mix([i.amount for i in tx.inputs] + [21_990_000] * 5, values + [o.amount for o in tx.outputs[40:]])
    assert [d.anonymity_set for d in taken_apart(more).denominations] == [40, 5]
