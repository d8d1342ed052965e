"""Clusters of a case that holds Bitcoin: its links stand beside those of account chains, guarded and explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.utxo_histories import ledger_of, transaction, txid
from tracer.addresses import BITCOIN
from tracer.cluster_tables import clusters_frame, links_frame
from tracer.clusters.clustering import Clusters
from tracer.clusters.link import Link, account_of
from tracer.clusters.stars import regroup
from tracer.labels import LabelBook
from tracer.ledger import Ledger
from tracer.model import Label, LinkRuling, LinkVerdict, Rule, Seed
from tracer.tracing import Tracing

A, B, C = (f"{BITCOIN}:{name}" for name in "ABC")
# A and B are inputs of one payment; C is paid
PAYMENT = transaction(3, [(1, 0, "A", 60), (2, 0, "B", 50)], [("C", 105)])


def clusters(ledger: Ledger, *labels: Label, rulings: tuple[LinkRuling, ...] = ()) -> Clusters:
    none: frozenset[tuple[str, str]] = frozenset()
    return Clusters(ledger, LabelBook(labels), seeds=none, unread=none, decided=none, rulings=rulings)


def history() -> Ledger:
    return ledger_of([transaction(1, [], [("A", 60)]), transaction(2, [], [("B", 50)]), PAYMENT])


def test_common_inputs_join_and_a_rejection_takes_them_apart() -> None:
    found = clusters(history())
    assert found.found.members == {A: (A, B)}
    (link,) = found.found.why(A, B)
    assert (link.rule, link.tx) == ("common_input", txid(3))
    no = LinkRuling(1, LinkVerdict.REJECT, A, B, "common_input", txid(3), 0, "two wallets", "", 0)
    apart = clusters(history(), rulings=(no,))
    assert (apart.found.members, apart.refused) == ({}, {link: "ruling 1: two wallets"})


def test_a_service_among_the_inputs_joins_nobody_and_the_link_stays_listed_with_the_reason() -> None:
    found = clusters(history(), Label(BITCOIN, "B", "Exchange", "exchange", 90))
    assert found.found.members == {}
    assert [link.rule for link in found.found.links] == ["common_input"]
    assert (
        "service" in found.refused[found.found.links[0]] or "Exchange" in found.refused[found.found.links[0]]
    )


def test_no_rule_of_account_chains_looks_at_transactions_with_inputs_and_outputs() -> None:
    assert len(clusters(history()).payments.row) == 0


def test_the_tables_name_outputs_without_an_address_and_add_up_what_an_address_got() -> None:
    tracing = Tracing(
        history(), (Seed(BITCOIN, "A", tx=txid(1)),), {}, LabelBook([]), (), ("file",), lambda _, a: a, None
    )
    frame = clusters_frame(tracing.clusters, tracing.result(Rule.FIFO))
    rows = {row["address"]: row for row in frame.to_dict("records")}
    assert {name: row["cluster_id"] for name, row in rows.items()} == {"A": A, "B": A, "C": C}
    assert (rows["A"]["received_raw"], rows["A"]["sent_raw"], rows["C"]["taint_raw"]) == (60, 60, 60)
    links = links_frame(tracing.clusters, lambda _, a: a).to_dict("records")
    assert [(link["a"], link["b"], link["withdrawn"]) for link in links] == [(A, B, "")]


def test_a_name_keeps_the_colon_of_an_output_without_an_address() -> None:
    assert account_of(f"{BITCOIN}:{txid(1)}:0") == (BITCOIN, f"{txid(1)}:0")
    assert Link(f"{BITCOIN}:{txid(1)}:0", A, "r").b == A


def together(*owners: str) -> Ledger:
    """One payment that all owners sign."""
    made = [transaction(n, [], [(owner, 50)]) for n, owner in enumerate(owners, 1)]
    spent = [(n, 0, owner, 50) for n, owner in enumerate(owners, 1)]
    return ledger_of([*made, transaction(50, spent, [("Z", 50 * len(owners) - 5)])])


def no(number: int, a: str, b: str) -> LinkRuling:
    a, b = f"{BITCOIN}:{a}", f"{BITCOIN}:{b}"
    return LinkRuling(number, LinkVerdict.REJECT, a, b, "", "", 0, "two wallets", "", 0)


def parts(found: Clusters) -> set[str]:
    return {"".join(account_of(x)[1] for x in names) for names in found.found.members.values()}


@pytest.mark.parametrize(
    ("rejected", "left"),
    [
        (["AB"], {"ACD"}),
        (["BA"], {"BCD"}),  # A is the hub of the star; the others spent together too
        (["BC"], {"ABD"}),  # a pair without a link of its own
        (["AB", "AC"], {"AD", "BC"}),
        (["AB", "AC", "BC"], {"AD"}),
        (["BA", "CA", "DA"], {"BCD"}),
    ],
)
def test_a_rejection_takes_one_input_off_and_leaves_the_others_together(rejected, left) -> None:
    rulings = tuple(no(n, *pair) for n, pair in enumerate(rejected, 1))
    found = clusters(together(*"ABCD"), rulings=rulings)
    assert parts(found) == left
    assert all(why.startswith("ruling ") for why in found.refused.values())


def test_a_rejection_is_applied_in_every_transaction_of_the_two() -> None:
    spends = [(1, 0, "C", 50), (2, 0, "A", 50), (3, 0, "B", 50)], [(4, 0, "A", 50), (5, 0, "B", 50)]
    made = [transaction(n, [], [(owner, 50)]) for n, owner in enumerate("CABAB", 1)]
    ledger = ledger_of(
        [*made, transaction(50, spends[0], [("Z", 145)]), transaction(51, spends[1], [("Z", 95)])]
    )
    assert parts(clusters(ledger)) == {"ABC"}
    assert parts(clusters(ledger, rulings=(no(1, "A", "B"),))) == {"AC"}
    one = LinkRuling(1, LinkVerdict.REJECT, A, B, "", txid(51), 0, "two wallets", "", 0)
    assert parts(clusters(ledger, rulings=(one,))) == {"ABC"}


@given(st.lists(st.permutations("ABCDE").map(lambda x: (x[0], x[1])), max_size=6))
def test_rejected_pairs_are_apart_and_nobody_is_left_alone_without_a_ruling(pairs) -> None:
    ledger = together(*"ABCDE")
    rulings = tuple(no(n, *pair) for n, pair in enumerate(pairs, 1))
    found = clusters(ledger, rulings=rulings).found
    for a, b in pairs:
        assert found.cluster_of(f"{BITCOIN}:{a}") != found.cluster_of(f"{BITCOIN}:{b}")
    free = set("ABCDE") - set("".join(a + b for a, b in pairs))
    assert len({found.cluster_of(f"{BITCOIN}:{x}") for x in free}) <= 1


def test_addresses_of_one_series_stay_together_without_the_one_that_comes_off() -> None:
    a, b, c, d = (f"eip155:1:0x{x}" for x in "abcd")
    # a is the hub of b and c; d is linked by another rule, whose every link is its own evidence
    links = [
        Link(a, b, "same_series", "t1", 50),
        Link(a, c, "same_series", "t2", 50),
        Link(c, d, "sweep", "t3", 60),
    ]
    off = LinkRuling(4, LinkVerdict.REJECT, b, a, "same_series", "", 0, "two scripts", "", 0)
    made, refused = regroup(links, (off,))
    assert [(x.a, x.b, x.rule, x.tx, x.confidence) for x in made] == [(b, c, "same_series", "t2", 50)]
    assert refused == dict.fromkeys(links[:2], "ruling 4: two scripts")
    sweep = LinkRuling(5, LinkVerdict.REJECT, c, d, "", "", 0, "no sweep", "", 0)
    assert regroup(links, (sweep,)) == ([], {})
