"""Endpoints: where stolen coin rests, what brought it, whether it is still there, and that it adds up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounting import CHAIN, history, seed
from tests.utxo_histories import ledger_of, txid
from tests.utxo_histories import seed as bitcoin_seed
from tests.utxo_histories import transaction as coins_of
from tracer.addresses import BITCOIN
from tracer.arrivals import History
from tracer.case import Case
from tracer.collecting.manifest import Fetched
from tracer.endpoints import Endpoints
from tracer.errors import InputError
from tracer.labels import LabelBook
from tracer.model import CONSERVING, Label, Rule, Seed
from tracer.taint.bounds import bounds
from tracer.tracing import Tracing

COLUMNS = ["endpoint", "service", "address", "taint_raw", "still_there"]


def label(address: str, name: str, category: str = "exchange", confidence: int = 80) -> Label:
    return Label(CHAIN, address, name, category, confidence, "a list")


def tracing(
    payments: list[tuple[object, ...]],
    seeds: list[Seed],
    stops: dict[str, str] | None = None,
    labels: tuple[Label, ...] = (),
) -> Tracing:
    return Tracing(
        ledger=history(payments),
        seeds=tuple(seeds),
        stops={(CHAIN, a): code for a, code in (stops or {}).items()},
        book=LabelBook(labels),
        gaps=(),
        source_names=("file.csv",),
        source_hashes=("ab" * 32,),
        display=lambda _, address: address,
        as_of=None,
    )


def ends(state: Tracing, rule: Rule = Rule.FIFO) -> Endpoints:
    return state.endpoints(rule)


# the thief T gets 100 from V; 40 go to the exchange E, which sweeps them on; 30 to M (a mixer), 20 to P, which keeps
# them; T keeps 8 and pays 2 in fees; U's history was not read and gets 5 of P's coin
HEIST: list[tuple[object, ...]] = [
    ("V", "T", 100),
    ("T", "", 2, "native", {"kind": "fee"}),
    ("T", "E", 40),
    ("T", "M", 30),
    ("T", "P", 20),
    ("E", "H", 25),
    ("P", "U", 5),
]
CODES = {"E": "SERVICE", "M": "MIXER", "U": "PENDING"}


def test_each_place_is_named_for_what_stops_the_coin_there() -> None:
    frame = ends(tracing(HEIST, [seed("T", amount=100, tx="0x0")], CODES)).frame()
    found = {row["address"]: (row["endpoint"], row["taint_raw"]) for row in frame.to_dict("records")}
    assert found == {
        "E": ("service", 40),
        "M": ("mixer", 30),
        "P": ("parked", 15),
        "T": ("parked", 8),
        "U": ("unread", 5),
        "sink:fee": ("fees", 2),
    }
    assert list(frame["address"]) == ["E", "M", "P", "T", "U", "sink:fee"]


@pytest.mark.parametrize("code", ["DEPOSIT", "BRIDGE", "FROZEN", "RECOVERED", "BURNED"])
def test_a_stop_code_of_its_own_is_an_endpoint_of_its_own(code: str) -> None:
    frame = ends(tracing(HEIST, [seed("T", amount=100, tx="0x0")], CODES | {"E": code})).frame()
    assert frame.set_index("address").loc["E", "endpoint"] == code.lower()


def test_what_left_a_stopped_address_since_is_counted_from_the_first_stolen_coin_on() -> None:
    before = [("V", "T", 100), ("X", "E", 7), ("E", "Y", 7), *HEIST[1:]]
    row = (
        ends(tracing(before, [seed("T", amount=100, tx="0x0")], CODES)).frame().set_index("address").loc["E"]
    )
    assert (row["left_since_raw"], row["balance_raw"]) == (25, 15)
    assert row["still_there"] == "partly"
    assert (row["first_arrival_utc"], row["last_left_utc"]) == (
        "1970-01-01T00:16:44Z",
        "1970-01-01T00:16:47Z",
    )
    assert row["last_left_jst"] == "1970-01-01T09:16:47+09:00"


def test_an_address_that_nobody_read_is_never_called_untouched() -> None:
    state = tracing(HEIST, [seed("T", amount=100, tx="0x0")], CODES)
    state.unseen = frozenset({(CHAIN, "U")})
    frame = ends(state).frame().set_index("address")
    assert dict(frame["still_there"]) == {
        "E": "partly",
        "M": "not_seen_to_leave",
        "P": "partly",
        "T": "partly",
        "U": "unknown",
        "sink:fee": "",
    }
    assert frame.loc["U", "history"] == "unread"


def test_only_a_history_collected_to_its_end_proves_that_coin_is_still_there() -> None:
    state = tracing(HEIST, [seed("T", amount=100, tx="0x0")], CODES)
    entry = Fetched(CHAIN, "M", 0, 9, 1, "key", "aa", 3, complete=True, hub=False)
    state.fetched = {(CHAIN, "M"): entry}
    row = ends(state).frame().set_index("address").loc["M"]
    assert (row["still_there"], row["history"]) == ("yes", "whole")
    assert (row["transactions_seen"], row["transactions_known"]) == (1, 3)
    state.fetched = {(CHAIN, "M"): replace(entry, complete=False)}
    assert ends(state).frame().set_index("address").loc["M", "still_there"] == "unknown"


def test_a_hub_is_unread_and_says_how_much_there_is() -> None:
    state = tracing(HEIST, [seed("T", amount=100, tx="0x0")], CODES)
    state.unseen = frozenset({(CHAIN, "U")})
    state.fetched = {
        (CHAIN, "U"): Fetched(CHAIN, "U", 0, 9, 1, "key", "aa", 50_000, complete=False, hub=True)
    }
    assert state.history((CHAIN, "U")) == History("unread", 50_000)


def test_the_addresses_of_a_service_are_one_group_whose_inner_payments_do_not_count() -> None:
    payments = [("V", "T", 100), ("W", "A", 50), ("T", "A", 60), ("T", "B", 40), ("A", "B", 30)]
    labels = (label("A", "Exchange A"), label("B", "Exchange A"), label("B", "a rumour", confidence=10))
    found = ends(tracing(payments, [seed("T", amount=100, tx="0x0")], labels=labels))
    single = found.frame().set_index("address")
    assert set(single["service"]) == {"Exchange A"}
    assert sum(single["at_least_raw"]) < 100
    (group,) = found.by_service().to_dict("records")
    assert (group["service"], group["addresses"], group["taint_raw"]) == ("Exchange A", 2, 100)
    assert (group["at_least_raw"], group["at_most_raw"]) == (100, 100)
    assert group["transfers"] == 3


def test_the_movements_that_brought_coin_stand_with_their_evidence_under_every_rule() -> None:
    # P has 10 clean coins first: FIFO sends those to Q, LIFO the stolen ones
    payments = [("X", "P", 10), ("V", "T", 20), ("T", "P", 20), ("P", "Q", 10)]
    found = ends(tracing(payments, [seed("T", amount=20, tx="0x1")], labels=(label("T", "the thief", ""),)))
    rows = {row["address"]: row for row in found.transfers().to_dict("records")}
    assert (rows["Q"]["fifo"], rows["Q"]["lifo"], rows["Q"]["taint_raw"]) == (0, 10, 0)
    assert (rows["P"]["tx_hash"], rows["P"]["taint_raw"], rows["P"]["from_label"]) == ("0x2", 20, "the thief")
    assert (rows["P"]["source_name"], rows["P"]["source_sha256"]) == ("file.csv", "ab" * 32)
    assert rows["P"]["timestamp_jst"] == "1970-01-01T09:16:42+09:00"


def test_a_conversion_that_nobody_can_follow_is_an_endpoint_with_its_transaction() -> None:
    payments = [
        ("V", "T", 100),
        ("T", "R", 60, "native", {"tx": 5}),
        ("T", "R", 10, "aaa", {"tx": 5}),
        ("R", "T", 7, "bbb", {"tx": 5}),
    ]
    found = ends(tracing(payments, [seed("T", amount=100, tx="0x0")]))
    row = found.frame().set_index("address").loc["sink:converted"]
    assert (row["endpoint"], row["taint_raw"]) == ("converted", 60)
    assert [
        r["tx_hash"] for r in found.transfers().to_dict("records") if r["address"] == "sink:converted"
    ] == ["0x5"]


def test_numbered_wallets_of_one_exchange_are_one_service() -> None:
    payments = [("V", "T", 100), ("T", "A", 60), ("T", "B", 40)]
    labels = (label("A", "Exchange 14"), label("B", "Exchange: Hot Wallet"))
    (group,) = (
        ends(tracing(payments, [seed("T", amount=100, tx="0x0")], labels=labels))
        .by_service()
        .to_dict("records")
    )
    assert (group["service"], group["addresses"], group["at_least_raw"]) == ("Exchange 14", 2, 100)


PEOPLE = st.sampled_from("TABCDE")
PAYMENT = st.tuples(PEOPLE, PEOPLE, st.integers(0, 50), st.sampled_from(["native", "aaa"]))


@given(st.lists(PAYMENT, max_size=14), st.sets(st.sampled_from("ABC")), st.sampled_from(CONSERVING))
@settings(max_examples=60)
def test_the_endpoints_of_a_rule_add_up_to_its_account(
    payments: list[tuple[object, ...]], stopped: set[str], rule: Rule
) -> None:
    state = tracing(
        [("V", "T", 100), *payments], [seed("T", amount=100, tx="0x0")], dict.fromkeys(stopped, "SERVICE")
    )
    found = state.endpoints(rule)
    frame, services = found.frame(), found.by_service()
    tally = state.result(rule).tally
    for number, asset in enumerate(state.program.assets):
        account = tally.accounts[number]
        expected = account.stolen + account.converted_in - tally.converted[number]
        for table in (frame, services):
            of_asset = table[table["asset"] == asset.ref]
            assert sum(of_asset["taint_raw"]) == sum(of_asset[rule.value]) == expected
    for row in frame.to_dict("records"):
        assert row["at_least_raw"] <= row["taint_raw"] <= row["at_most_raw"]


@given(st.lists(PAYMENT, max_size=12))
@settings(max_examples=30)
def test_the_range_of_a_service_is_that_of_the_group(payments: list[tuple[object, ...]]) -> None:
    labels = (label("A", "X"), label("B", "X"))
    state = tracing([("V", "T", 100), *payments], [seed("T", amount=100, tx="0x0")], labels=labels)
    for row in ends(state).by_service().to_dict("records"):
        if row["service"] == "X":
            members = frozenset(
                h for (_, a, ref), h in state.holding_of.items() if a in "AB" and ref == row["asset"]
            )
            (known,) = bounds(state.program, [members])
            assert (row["at_least_raw"], row["at_most_raw"]) == (known.at_least, known.at_most)


def test_the_bundled_theft_adds_up_over_its_endpoints(tmp_path: Path) -> None:
    case = Case.demo(tmp_path)
    frame, account = case.endpoints(), case.taint().conservation().set_index("symbol")
    held = frame[frame["symbol"] == "ETH"]["taint_raw"]
    assert sum(held) == account.loc["ETH", "stolen_raw"] + account.loc["ETH", "converted_in_raw"]
    assert sum(case.endpoints(by="service")["addresses"]) == len(frame)
    assert set(case.endpoints(by="transfer")["address"]) <= set(frame["address"])
    with pytest.raises(InputError, match="listed by"):
        case.endpoints(by="colour")


def test_bitcoin_change_that_comes_back_has_not_left_and_outpoints_of_an_address_are_one_endpoint() -> None:
    coins = [
        coins_of(1, [(0, 0, "V", 100)], [("T", 60), ("T", 38)]),  # the theft, fee 2
        coins_of(2, [(1, 0, "T", 60)], [("E", 40), ("T", 19)]),  # 41 leave, 19 come back
    ]
    state = Tracing(
        ledger=ledger_of(coins),
        seeds=(bitcoin_seed("T", tx=txid(1)),),
        stops={(BITCOIN, "E"): "SERVICE"},
        book=LabelBook([Label(BITCOIN, "E", "Exchange A", "exchange", 80)]),
        gaps=(),
        source_names=("f",),
        source_hashes=("aa",),
        display=lambda _, a: a,
        as_of=None,
    )
    found = ends(state)
    rows = found.frame().set_index("address")
    assert (rows.loc["T", "taint_raw"], rows.loc["T", "left_since_raw"]) == (57, 41)
    assert (rows.loc["T", "still_there"], rows.loc["E", "taint_raw"]) == ("partly", 40)
    assert rows.loc["sink:fee", "taint_raw"] == 1
    assert (rows.loc["E", "at_least_raw"], rows.loc["E", "at_most_raw"]) == (40, 40)
    services = found.by_service().set_index("service")
    assert (services.loc["Exchange A", "at_least_raw"], services.loc["Exchange A", "transfers"]) == (40, 1)
    assert found.transfers().set_index("address").loc["E", "tx_hash"] == txid(2)
