"""LabelBook: who names an address, which labels hold when, and that disagreement is never merged away."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tracer.labels import LabelBook, stop_code
from tracer.labels.book import ANY_EVM, entity_key
from tracer.model import Label, StopCode

ETH, BSC = "eip155:1", "eip155:56"
A, B = "0x" + "a" * 40, "0x" + "b" * 40
LIFTED = 1_742_515_200  # 2025-03-21


def label(name: str = "X", **given: object) -> Label:
    return replace(Label(ETH, A, name), **given)


def test_the_analyst_names_an_address_before_any_pack_and_the_conflict_stays() -> None:
    pack = label("Exchange A", category="exchange", confidence=100, pack="p")
    mine = label("Exchange B", confidence=10, source_type="analyst")
    book = LabelBook([pack, mine])
    assert book.best(ETH, A) == mine
    assert book.of(ETH, A) == (mine, pack)
    assert [c.entities for c in book.conflicts()] == [("Exchange B", "Exchange A")]
    assert book.service(ETH, A) == "Exchange A"


def test_a_pack_that_calls_itself_the_analyst_does_not_outrank_other_packs() -> None:
    hostile = label("Nobody", confidence=1, source_type="analyst", pack="evil.csv")
    honest = label("Exchange A", confidence=60, pack="p")
    assert LabelBook([hostile, honest]).best(ETH, A) == honest


def test_the_most_confident_pack_names_an_address_and_ties_do_not_depend_on_the_order() -> None:
    found = [label(n, confidence=c) for n, c in (("C", 60), ("B", 70), ("A", 70), ("D", 5))]
    for seed in range(6):
        mixed = random.Random(seed).sample(found, len(found))
        assert [x.name for x in LabelBook(mixed).of(ETH, A)] == ["A", "B", "C", "D"]


def test_a_label_of_every_evm_chain_is_found_on_each_and_on_no_other() -> None:
    everywhere = Label(ANY_EVM, A, "Listed", source_type="sanctions")
    here = Label(BSC, A, "Other")
    book = LabelBook([everywhere, here])
    assert book.of(ETH, A) == (everywhere,)
    assert set(book.of(BSC, A)) == {everywhere, here}
    assert book.of("tron:0x2b6653dc", A) == ()
    assert [(c.chain, c.address) for c in book.conflicts()] == [(BSC, A)]


def test_an_entry_that_was_lifted_is_shown_and_is_no_sanctions_hit_from_that_day_on() -> None:
    entry = label("Tornado Cash", category="sanctioned", listed_at=LIFTED - 100, delisted_at=LIFTED)
    for as_of, hit in ((LIFTED - 101, False), (LIFTED - 100, True), (LIFTED - 1, True), (LIFTED, False)):
        book = LabelBook([entry], as_of)
        assert bool(book.sanctions(ETH, A)) is hit, as_of
        assert book.of(ETH, A) == (entry,)
    assert not LabelBook([entry]).sanctions(ETH, A)


def test_an_old_or_undated_copy_of_a_list_does_not_bring_a_lifted_entry_back() -> None:
    lifted = label("T", entity="T", category="sanctioned", listed_at=1, delisted_at=LIFTED)
    copy = label("some list", category="sanctioned")
    for seen_at, hit in ((None, False), (LIFTED - 1, False), (LIFTED, True)):
        again = replace(copy, seen_at=seen_at)
        assert LabelBook([lifted, again], LIFTED + 5).sanctions(ETH, A) == ((again,) if hit else ())
    relisted = replace(copy, listed_at=LIFTED + 3)
    assert LabelBook([lifted, relisted], LIFTED + 5).sanctions(ETH, A) == (relisted,)
    assert LabelBook([lifted, relisted], LIFTED + 2).sanctions(ETH, A) == ()
    assert LabelBook([lifted, copy], LIFTED - 1).sanctions(ETH, A) == (lifted, copy)
    assert LabelBook([lifted, copy], LIFTED - 1).conflicts() == ()


def test_validity_begins_with_the_first_moment_and_ends_before_the_last() -> None:
    wallet = label("W", category="exchange", valid_from=10, valid_to=20)
    assert [LabelBook([wallet], t).service(ETH, A) for t in (9, 10, 19, 20)] == ["", "W", "W", ""]
    assert LabelBook([wallet], 20).best(ETH, A) is None
    assert LabelBook([wallet]).at(15).best(ETH, A) == wallet


def test_labels_that_do_not_hold_at_the_same_time_do_not_conflict() -> None:
    book = LabelBook([label("Old", valid_to=10), label("New", valid_from=10)], 10)
    assert book.conflicts() == ()
    assert [x.name for x in book.of(ETH, A)] == ["New", "Old"]


def test_a_label_that_was_taken_back_is_gone_from_the_book() -> None:
    assert LabelBook([label(withdrawn_at=5)]).of(ETH, A) == ()


def test_names_of_wallets_of_one_owner_do_not_conflict_and_different_owners_do() -> None:
    same = ["Binance 14", "binance", "Binance: Hot Wallet 20", "BINANCE"]
    assert len({entity_key(label(name)) for name in same}) == 1
    assert entity_key(label("Bybit Exploiter 45")) == entity_key(label("Bybit Exploiter"))
    assert entity_key(label("1inch")) != entity_key(label("2inch"))
    assert entity_key(label("x", entity="Safe 1")) != entity_key(label("x", entity="Safe 2"))
    assert entity_key(label("\u30b3\u30a4\u30f3")) != entity_key(label("\u30d3\u30c3\u30c8"))
    assert entity_key(label("...")) != entity_key(label("!!!"))


def test_only_services_mixers_and_bridges_of_confidence_50_end_the_tracing() -> None:
    stops = {"exchange": "SERVICE", "custodian": "SERVICE", "service": "SERVICE", "swapper": "SERVICE"}
    stops |= {"mixer": "MIXER", "bridge": "BRIDGE", "deposit": "DEPOSIT", "Exchange": "SERVICE"}
    for category, code in stops.items():
        assert stop_code(label(category=category, confidence=50)) == code
        assert stop_code(label(category=category, confidence=49)) is None
    for category in ("", "dex", "aggregator", "token", "theft", "sanctioned", "victim", "issuer", "broker"):
        assert stop_code(label(category=category, confidence=100, role="router")) is None
    assert stop_code(label(category="exchange", role="deposit")) == StopCode.DEPOSIT
    assert stop_code(label(category="mixer", role="pool")) == StopCode.MIXER


def test_a_deposit_address_is_no_wallet_of_the_service() -> None:
    book = LabelBook([label("E", category="exchange", role="deposit")])
    assert book.service(ETH, A) == ""
    assert book.stop(ETH, A) is not None


_LABELS = st.lists(
    st.builds(
        Label,
        chain=st.sampled_from([ETH, BSC, ANY_EVM]),
        address=st.sampled_from([A, B]),
        name=st.sampled_from(["E1", "E2", "F"]),
        category=st.sampled_from(["", "exchange", "dex"]),
        confidence=st.integers(0, 100),
        source_type=st.sampled_from(["", "analyst", "sanctions"]),
        role=st.sampled_from(["", "deposit"]),
    ),
    max_size=12,
)


@given(_LABELS, st.randoms(use_true_random=False))
def test_every_label_is_kept_whatever_the_order_and_conflicts_are_exactly_the_disagreements(
    labels: list[Label], order: random.Random
) -> None:
    book, other = LabelBook(labels), LabelBook(order.sample(labels, len(labels)))
    for chain in (ETH, BSC):
        for address in (A, B):
            told = {x for x in labels if x.address == address and x.chain in {chain, ANY_EVM}}
            assert set(book.of(chain, address)) == told
            assert book.of(chain, address) == other.of(chain, address)
            parties = {entity_key(x) for x in told}
            listed = any(
                (c.address, c.chain) in {(address, chain), (address, ANY_EVM)} for c in book.conflicts()
            )
            assert listed is (len(parties) > 1) or (chain, address) not in book.addresses
    assert book.conflicts() == other.conflicts()
