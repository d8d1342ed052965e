"""Clusters of a case: the tables, the DEPOSIT stop, and what the analyst accepts, rejects and takes back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tests.utxo_rows import coin, pay, write_rows
from tests.utxo_rows import transaction as bitcoin
from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import InputError, NotFoundError
from tracer.export.letter import letter
from tracer.wording import words as wording

CHAIN = "eip155:1"
ETH = 10**18
S, U, V, D, H, Z = (f"0x{letter * 40}" for letter in "12345f")
D2 = "0x" + "6" * 40
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


def tx(block: int) -> str:
    return f"0x{block:064x}"


def movement(block: int, payer: str, payee: str, amount: int, asset: str = "native") -> str:
    time = f"2025-02-21T14:{block:02d}:00Z"
    return f"{CHAIN},{block},0,1,{time},{tx(block)},{payer},{payee},{asset},ETH,18,{amount},native"


# The thief S pays U and V; both pay the deposit address D, which forwards to the exchange's wallet H; Z stands apart.
ROWS = [
    movement(1, Z, S, 100 * ETH),
    movement(2, S, U, 60 * ETH),
    movement(3, S, V, 30 * ETH),
    movement(4, U, D, 50 * ETH),
    movement(5, D, H, 50 * ETH),
    movement(6, V, D, 30 * ETH),
    movement(7, D, H, 30 * ETH),
]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    made = Case.create("heist", tmp_path / "ws", clock=lambda: 1_740_000_000)
    made.import_file(path)
    made.add_seed(S, tx=tx(1), source="test")
    made.label(H, "Exchange H", category="exchange", confidence=90, source="list of wallets")
    return made


def run(tmp_path: Path, *words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["--workspace", str(tmp_path / "ws"), *words], prog_name="tracer")
    assert result.exit_code == status, result.output
    return result


def row(frame: pd.DataFrame, address: str) -> dict[str, object]:
    found = [r for r in frame.to_dict("records") if str(r["address"]).lower() == address]
    assert len(found) == 1
    return found[0]


def held(case: Case, address: str) -> int:
    frame = case.taint().addresses(ranges=False)
    return sum(frame.loc[frame["address"].str.lower() == address, "taint_raw"])


def test_the_table_of_clusters_says_who_belongs_together_and_why(case: Case) -> None:
    frame = case.clusters()
    assert row(frame, U) == {
        "cluster_id": f"{CHAIN}:{U}",
        "chain": CHAIN,
        "address": U,
        "rule": "deposit_address",
        "evidence_tx": tx(4),
        "confidence": "80",
        "label": "",
        "label_source": "",
        "received_raw": 60 * ETH,
        "sent_raw": 50 * ETH,
        "taint_raw": 10 * ETH,
        "asset": "native",
        "decimals": 18,
        "first_seen_utc": "2025-02-21T14:02:00Z",
        "last_seen_utc": "2025-02-21T14:04:00Z",
    }
    deposit = row(frame, D)
    assert (deposit["rule"], deposit["evidence_tx"]) == (
        "deposit_address;deposit_address",
        f"{tx(4)};{tx(6)}",
    )
    assert (deposit["taint_raw"], deposit["confidence"]) == (80 * ETH, "80;80")
    alone = row(frame, S)
    assert (alone["cluster_id"], alone["rule"], alone["evidence_tx"]) == (f"{CHAIN}:{S}", "", "")
    assert {str(a).lower() for a in frame["address"]} == {S, U, V, D}


def test_coin_stops_at_the_deposit_address_as_an_assumption(case: Case) -> None:
    assert held(case, D) == 80 * ETH
    frame = case.taint().addresses(ranges=False)
    assert set(frame.loc[frame["address"] == D, "stop"]) == {"DEPOSIT"}
    gaps = case.gaps()
    assert list(gaps.loc[gaps["code"] == "deposit_address", "status"]) == ["assumption"]


def test_a_deposit_address_is_the_services_where_one_asks_for_a_freeze(case: Case) -> None:
    place = next(r for r in case.endpoints().to_dict("records") if r["address"] == D)
    assert (place["endpoint"], place["service"], place["label_confidence"]) == ("deposit", "Exchange H", 80)
    assert tx(5) in place["label_source"]
    totals = {r["service"]: r["taint_raw"] for r in case.endpoints("service").to_dict("records")}
    assert totals["Exchange H"] == 80 * ETH
    asked = case.bounds(["Exchange H"]).to_dict("records")
    assert [(r["at_least_raw"], r["at_most_raw"]) for r in asked] == [(80 * ETH, 80 * ETH)]
    assert len(case.labels()) == 1  # inferred, so no label of the case
    case.stop(D, None, reason="it is his own wallet")
    assert D not in {r["address"] for r in case.endpoints().to_dict("records")}


def test_a_range_that_rests_on_inference_is_not_called_exact(case: Case) -> None:
    [place] = [r for r in case.endpoints().to_dict("records") if r["address"] == D]
    assert (place["range_kind"], place["inferred_confidence"]) == ("conditional", 80)
    total = next(r for r in case.endpoints("service").to_dict("records") if r["service"] == "Exchange H")
    assert (total["range_kind"], total["inferred_addresses"]) == ("conditional", 1)
    assert total["inferred_raw"] == total["taint_raw"] == 80 * ETH
    assert set(case.bounds(["Exchange H"])["kind"]) == set(case.bounds([D])["kind"]) == {"conditional"}
    case.stop(D, "DEPOSIT", reason="the exchange said so")
    [place] = [r for r in case.endpoints().to_dict("records") if r["address"] == D]
    assert (place["range_kind"], place["inferred_confidence"]) == ("exact", None)


def test_the_command_line_says_which_ranges_rest_on_inference(case: Case, tmp_path: Path) -> None:
    said = run(tmp_path, "taint", "heist").stdout
    assert "1 address is inferred to be a service's deposit address" in said
    [deposit] = [text for text in run(tmp_path, "endpoints", "heist").stdout.splitlines() if D in text]
    assert "conditional" in deposit
    case.stop(D, "DEPOSIT", reason="the exchange said so")
    assert "inferred" not in run(tmp_path, "taint", "heist").stdout


def test_the_range_of_a_wallet_behind_inferred_deposit_addresses_is_conditional(
    case: Case, tmp_path: Path
) -> None:
    more = tmp_path / "more.csv"
    more.write_text("\n".join([HEADER, movement(8, U, H, 5 * ETH)]) + "\n", encoding="utf-8")
    case.import_file(more)

    def of_wallet() -> tuple[object, ...]:
        [place] = [r for r in case.endpoints().to_dict("records") if r["address"] == H]
        return place["taint_raw"], place["at_least_raw"], place["at_most_raw"], place["range_kind"]

    assert of_wallet() == (5 * ETH, 5 * ETH, 5 * ETH, "conditional")
    case.stop(D, None, reason="it is his own wallet")
    assert of_wallet() == (85 * ETH, 85 * ETH, 85 * ETH, "exact")


@pytest.mark.parametrize(
    ("language", "inferred", "labelled", "part"),
    [
        (
            "en",
            "Inferred deposit address of Exchange H (confidence 80 of 100",
            "Labelled as an address of",
            "80 ETH",
        ),
        ("ja", "Exchange Hの入金用アドレスと推定（確度 80／100", "のアドレスとするラベルの出典", "80 ETH"),
    ],
)
def test_the_freeze_request_says_by_what_an_address_is_the_services(
    case: Case, language: str, inferred: str, labelled: str, part: str
) -> None:
    w = wording(language)
    text = letter(case.freeze_sheet("Exchange H"), w)
    assert inferred in text
    assert labelled not in text
    assert w("letter.inferred_total", count="1") + w("letter.colon") + part in text
    case.label(D, "Exchange H", category="deposit", confidence=70, source="court file")
    text = letter(case.freeze_sheet("Exchange H"), w)
    assert inferred not in text
    assert labelled in text
    assert w("letter.inferred_total", count="1") not in text


def test_a_change_of_labels_lists_the_deposit_stops_that_come_and_go(case: Case) -> None:
    def stops(frame: pd.DataFrame) -> dict[str, tuple[object, ...]]:
        rows = frame[frame["what"] == "stop"].to_dict("records")
        return {r["address"]: (r["before"], r["after"], r["because"]) for r in rows}

    inferred = "Exchange H (exchange, 80, inferred)"
    gone = case.label_diff(withdraw=[1])
    assert stops(gone) == {
        D: ("DEPOSIT", "", f"{inferred} -> none"),
        H: ("SERVICE", "", "Exchange H (exchange, 90) -> none"),
    }
    assert D in set(gone.loc[gone["what"] == "label", "address"])
    number = case.label(D, "Mixer M", category="mixer", confidence=90, source="a list")
    back = case.label_diff(withdraw=[number])
    assert stops(back) == {D: ("MIXER", "DEPOSIT", f"Mixer M (mixer, 90) -> {inferred}")}


def test_two_files_of_one_export_name_an_inferred_deposit_address_alike(case: Case) -> None:
    name = "deposit address of Exchange H (inferred)"
    place = next(r for r in case.endpoints().to_dict("records") if r["address"] == D)
    assert (place["label"], row(case.clusters(), D)["label"]) == (name, name)
    case.label(D, "Somebody", category="other", confidence=30, source="a list")
    shown = {r["name"]: r["shown"] for r in case.label_conflicts().to_dict("records")}
    assert shown == {"Somebody": True, name: False}
    assert row(case.clusters(), D)["label"] == "Somebody"


def test_coin_that_never_left_a_wallet_is_not_claimed_of_the_exchange(tmp_path: Path) -> None:
    rows = [
        movement(1, Z, U, 5 * ETH),
        movement(2, U, H, 5 * ETH),
        movement(3, Z, S, 100 * ETH),
        movement(4, S, U, 100 * ETH),
        movement(59, Z, V, ETH)
        .replace("2025-02-21", "2026-03-01")
        .replace(f"{CHAIN},59,", f"{CHAIN},99999,"),
    ]
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    made = Case.create("kept", tmp_path / "ws", clock=lambda: 1_740_000_000)
    made.import_file(path)
    made.add_seed(S, tx=tx(3), source="test")
    made.label(H, "Binance: hot wallet", category="exchange", confidence=90, source="list of wallets")
    [place] = [r for r in made.endpoints().to_dict("records") if r["taint_raw"]]
    assert (place["address"], place["endpoint"], place["service"]) == (U, "parked", "")
    assert len(made.freeze_addressees()) == 0


def test_the_analyst_lifts_the_stop_and_the_links_stand(case: Case) -> None:
    case.stop(D, None, reason="it is his own wallet")
    assert (held(case, D), held(case, H)) == (0, 80 * ETH)
    assert "deposit_address" not in set(case.gaps()["code"])
    assert len(case.cluster_links()) == 2


def test_without_the_label_there_is_no_deposit_address(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    made = Case.create("bare", tmp_path / "other")
    made.import_file(path)
    made.add_seed(S, tx=tx(1))
    assert held(made, H) == 80 * ETH
    assert (len(made.cluster_links()), len(made.deposits())) == (0, 0)


def test_deposits_are_listed_payment_by_payment(case: Case) -> None:
    found = case.deposits().to_dict("records")
    assert [(r["user"], r["deposit"], r["service"], r["paid_tx"], r["forwarded_tx"]) for r in found] == [
        (U, D, "Exchange H", tx(4), tx(5)),
        (V, D, "Exchange H", tx(6), tx(7)),
    ]
    assert {r["stop"] for r in found} == {"DEPOSIT"}


def test_a_rejected_link_stays_listed_and_joins_nobody_until_the_ruling_is_withdrawn(case: Case) -> None:
    before = case.clusters()
    number = case.judge_link(U, D, "reject", reason="U paid a debt", author="inspector")
    links = case.cluster_links()
    assert list(links["withdrawn"]) == [f"ruling {number}: U paid a debt", ""]
    assert row(case.clusters(), U)["cluster_id"] == f"{CHAIN}:{U}"
    assert row(case.clusters(), U)["rule"] == ""
    assert row(case.clusters(), V)["cluster_id"] == row(case.clusters(), D)["cluster_id"] == f"{CHAIN}:{V}"
    case.withdraw_link_ruling(number)
    pd.testing.assert_frame_equal(case.clusters(), before)
    assert list(case.link_rulings()["withdrawn_utc"]) != [""]


def test_a_rejection_can_mean_one_rule_or_one_transaction_only(case: Case) -> None:
    for words in ({"rule": "sweep"}, {"tx": tx(6)}):
        with pytest.raises(InputError, match="has that rule and transaction"):
            case.judge_link(U, D, "reject", **words, reason="not that one")
    case.judge_link(D, U, "reject", rule="deposit_address", tx=tx(4), reason="that one")
    assert sorted(case.cluster_links()["withdrawn"]) == ["", "ruling 1: that one"]


def test_a_rejection_that_meets_no_link_is_refused_and_names_those_that_join_the_two(case: Case) -> None:
    with pytest.raises(InputError, match="no link of their own") as refused:
        case.judge_link(U, V, "reject", reason="two people")
    assert [refused.value.hint.count(x) for x in (U, V, D, "deposit_address", tx(4), tx(6))] == [
        1,
        1,
        2,
        2,
        1,
        1,
    ]
    with pytest.raises(InputError, match="none to reject"):
        case.judge_link(S, Z, "reject", reason="two people")
    assert len(case.link_rulings()) == 0


def test_an_accepted_link_joins_and_a_later_rejection_takes_it_out(case: Case) -> None:
    case.judge_link(S, U, "accept", tx=tx(2), confidence=95, reason="confession", author="inspector")
    cluster = row(case.clusters(), S)
    assert (cluster["cluster_id"], cluster["rule"], cluster["confidence"]) == (
        f"{CHAIN}:{S}",
        "analyst",
        "95",
    )
    assert row(case.clusters(), V)["cluster_id"] == f"{CHAIN}:{S}"
    assert [(link.rule, link.tx) for link in case.why_linked(S, V)] == [
        ("analyst", tx(2)),
        ("deposit_address", tx(4)),
        ("deposit_address", tx(6)),
    ]
    case.judge_link(S, U, "reject", reason="withdrawn confession")
    assert row(case.clusters(), S)["rule"] == ""
    case.judge_link(S, U, "accept", reason="second confession")
    assert row(case.clusters(), S)["rule"] == "analyst"
    with pytest.raises(NotFoundError):
        case.why_linked(S, Z)


def test_a_service_is_never_in_a_cluster_even_by_the_analysts_word(case: Case) -> None:
    case.judge_link(S, H, "accept", reason="he works there")
    links = case.cluster_links()
    assert f"{CHAIN}:{H} belongs to Exchange H" in set(links["withdrawn"])
    assert row(case.clusters(), S)["rule"] == ""


def test_the_range_of_a_cluster_counts_its_inner_transfers_once(case: Case) -> None:
    case.stop(D, None, reason="test")
    together = case.bounds([U, V, D], together=True).to_dict("records")
    assert [(r["at_least_raw"], r["at_most_raw"]) for r in together] == [(10 * ETH, 10 * ETH)]


@pytest.mark.parametrize(
    ("words", "more", "problem"),
    [
        ((U, D, "maybe"), {"reason": "x"}, "no verdict"),
        ((U, D, "reject"), {}, "needs a reason"),
        ((U, D, "accept"), {"reason": "x", "confidence": 101}, "between 0 and 100"),
        ((U, D, "accept"), {"reason": "x", "rule": "sweep"}, "goes with `reject`"),
        ((U, U, "reject"), {"reason": "x"}, "two different"),
    ],
)
def test_a_ruling_that_makes_no_sense_is_refused(case: Case, words, more, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        case.judge_link(*words, **more)
    with pytest.raises(NotFoundError, match="no movement"):
        case.judge_link(U, "0x" + "9" * 40, "reject", reason="x")
    assert len(case.link_rulings()) == 0


def test_the_command_line_says_what_still_joins_two_whose_link_was_rejected(
    case: Case, tmp_path: Path
) -> None:
    case.judge_link(U, D, "accept", tx=tx(2), reason="confession")
    words = ["judge", "reject-link", "heist", U, D, "--reason", "x", "--rule"]
    said = run(tmp_path, *words, "deposit_address").stdout
    assert "Still in one cluster by" in said
    assert f"(analyst, {tx(2)})" in said
    assert "Still in one cluster" not in run(tmp_path, *words, "analyst").stdout


def test_the_command_line_lists_rejects_and_withdraws(case: Case, tmp_path: Path) -> None:
    assert "1 cluster of 3 addresses" in run(tmp_path, "clusters", "heist").stdout
    names = [tmp_path / f"{name}.csv" for name in ("clusters", "links", "deposits")]
    words = ["--out", names[0], "--links", names[1], "--deposits", names[2]]
    run(tmp_path, "clusters", "heist", *map(str, words))
    with names[1].open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["rule"] == "deposit_address"
    assert len(names[0].read_text(encoding="utf-8").splitlines()) == 1 + 4
    assert "Exchange H" in names[2].read_text(encoding="utf-8")
    run(tmp_path, "judge", "reject-link", "heist", U, D, "--reason", "a debt", "--author", "me")
    run(tmp_path, "judge", "accept-link", "heist", S, U, "--reason", "told us", "--tx", tx(2))
    listed = json.loads(run(tmp_path, "judge", "list", "heist", "--json").stdout)["links"]
    assert [(r["verdict"], r["reason"], r["author"]) for r in listed] == [
        ("reject", "a debt", "me"),
        ("accept", "told us", ""),
    ]
    told = json.loads(run(tmp_path, "clusters", "heist", "--json").stdout)
    assert {r["withdrawn"] for r in told["cluster_links"]} == {"", "ruling 1: a debt"}
    run(tmp_path, "judge", "withdraw", "heist", "1", "--kind", "link")
    run(tmp_path, "judge", "withdraw", "heist", "9", "--kind", "link", status=2)


def test_the_export_carries_clusters_links_deposits_and_rulings(case: Case, tmp_path: Path) -> None:
    case.judge_link(U, D, "reject", reason="a debt")
    names = ["clusters", "cluster_links", "deposits", "link_rulings"]
    case.export(tmp_path / "out", names)
    for name in names:
        assert len((tmp_path / "out" / f"{name}.csv").read_text(encoding="utf-8").splitlines()) > 1
    with (tmp_path / "out" / "link_rulings.csv").open(newline="", encoding="utf-8") as file:
        assert [r["withdrawn"] for r in csv.DictReader(file)] == ["false"]


def test_rejecting_one_of_several_inputs_in_a_case_and_withdrawing_restores_the_clusters(
    tmp_path: Path,
) -> None:
    coins = [coin(name, 50_000) for name in ("one", "two", "three")]
    payment = bitcoin(coins, [pay("shop", 149_000)], name="payment", block=800_000, time=1_690_000_000)
    case = Case.create("inputs", tmp_path)
    case.import_file(write_rows(tmp_path / "t.jsonl", [payment]))
    before = case.clusters()
    links = case.cluster_links().to_dict("records")
    hub = {links[0]["a"], links[0]["b"]} & {links[1]["a"], links[1]["b"]}
    first, second = sorted({x for link in links for x in (link["a"], link["b"])} - hub)
    with pytest.raises(InputError, match="no link of their own") as refused:
        case.judge_link(first, second, "reject", reason="two people")
    assert refused.value.hint.count(payment.txid) == 2
    number = case.judge_link(first, hub.pop(), "reject", reason="the hub is another's")
    assert [(link.a, link.b) for link in case.why_linked(first, second)] == [(first, second)]
    assert list(case.cluster_links()["withdrawn"]).count(f"ruling {number}: the hub is another's") == 2
    case.withdraw_link_ruling(number)
    pd.testing.assert_frame_equal(case.clusters(), before)
    assert case.cluster_links().to_dict("records") == links
