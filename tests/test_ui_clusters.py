"""The clusters page: a cluster explained link by link, a link taken out and put back, one added, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.test_cluster_case import HEADER, ROWS, D, H, S, U, V, tx
from tests.test_mixes import mixed_history
from tests.test_ui_pages import opened, text_of
from tests.utxo_rows import write_rows
from tracer.addresses import BITCOIN
from tracer.case import Case
from tracer.ui.i18n import words
from tracer.ui.tables import csv_bytes
from tracer.ui.views.clusters import _sizes, _summary


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    made = Case.create("heist")
    made.import_file("\n".join([HEADER, *ROWS]).encode(), name="rows.csv")
    made.add_seed(S, tx=tx(1))
    made.label(H, "Exchange H", category="exchange", confidence=90)
    return made


def rulings(case: Case) -> AppTest:
    """The page with its last tab opened."""
    at = opened("clusters", "en", case.name)
    at.session_state["see:cluster-tabs"] = "Your rulings on links"
    return at.run()


def test_a_cluster_is_summed_up_by_size_rules_and_stolen_coin(case: Case) -> None:
    members = case.clusters()
    summary = _summary(members, words("en"), {("eip155:1", "native"): "ETH"})
    assert summary.to_dict("records") == [
        {
            "cluster_id": f"eip155:1:{U}",
            "addresses": 3,
            "linkrules": "Customer's deposit address",
            "stolen_here": "90 ETH",
        }
    ]
    assert _summary(members, words("ja"), {})["stolen_here"].tolist() == ["90 native"]
    raw = sum(members.loc[members["cluster_id"] == f"eip155:1:{U}", "taint_raw"])
    lines = csv_bytes(_sizes(members)).decode().splitlines()
    assert lines == [
        "cluster_id,addresses,rules,taint_raw",
        f"eip155:1:{U},3,deposit_address,{raw}@eip155:1/native",
    ]


def test_the_links_are_seen_first_and_every_table_says_what_it_rests_on(case: Case) -> None:
    at = opened("clusters", "en", case.name)
    names = [tab.label for tab in at.tabs]
    assert (names[0], names[-1]) == ("All links", "Your rulings on links")
    notes = [c.value for c in at.caption if c.value.startswith("Rows: ")]
    assert len(notes) >= 2
    assert all("Rule: FIFO" in note and "As of: " in note and "conventions" in note for note in notes)


def test_what_was_written_for_a_refused_link_stays_and_after_a_taken_one_goes(case: Case) -> None:
    at = rulings(case)
    at.text_input(key="accept-a").set_value(S)
    at.text_input(key="accept-b").set_value(V)
    next(b for b in at.button if b.label == "Add a link").click().run()
    assert at.error
    assert at.text_input(key="accept-a").value == S
    at.text_input(key="accept-reason").set_value("confession")
    next(b for b in at.button if b.label == "Add a link").click().run()
    assert not at.error
    assert at.text_input(key="accept-a:1").value == ""


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_chosen_cluster_says_why_two_addresses_are_linked(case: Case, language: str) -> None:
    at = opened("clusters", language, case.name)
    at.session_state["see:clusters"] = {"selection": {"rows": [0], "columns": []}}
    at.run()
    assert not at.exception
    said = text_of(at)
    assert tx(4) in said
    assert {"en": "Customer's deposit address", "ja": "顧客の入金用アドレス"}[language] in said
    assert "forwarded to Exchange H" in said


def test_a_link_is_taken_out_with_a_reason_and_put_back(case: Case) -> None:
    at = opened("clusters", "en", case.name)
    at.session_state["see:clusters"] = {"selection": {"rows": [0], "columns": []}}
    links = case.cluster_links()
    row = next(n for n, a in enumerate(links["a"]) if a.endswith(U))
    at.session_state[f"see:links:eip155:1:{U}"] = {"selection": {"rows": [row], "columns": []}}
    at.run()
    at.text_input(key="reject-reason:cluster").set_value("a debt")
    next(b for b in at.button if b.label == "Take this link out").click().run()
    assert not at.exception
    assert sorted(case.cluster_links()["withdrawn"]) == ["", "ruling 1: a debt"]
    at = rulings(case)
    at.button(key="link-ruling-withdraw").click().run()
    assert set(case.cluster_links()["withdrawn"]) == {""}


def test_one_link_chosen_in_both_tables_is_taken_out_once(case: Case) -> None:
    at = opened("clusters", "en", case.name)
    for key in ("see:clusters", f"see:links:eip155:1:{U}", "see:all-links"):
        at.session_state[key] = {"selection": {"rows": [0], "columns": []}}
        at.run()
        assert not at.exception
    at.text_input(key="reject-reason:all").set_value("a debt")
    [b for b in at.button if b.label == "Take this link out"][1].click().run()
    assert not at.exception
    assert sorted(case.cluster_links()["withdrawn"]) == ["", "ruling 1: a debt"]


def test_a_press_meets_what_stood_on_the_screen_though_a_command_changed_the_case(case: Case) -> None:
    at = opened("clusters", "en", case.name)
    for key in ("see:clusters", f"see:links:eip155:1:{U}"):
        at.session_state[key] = {"selection": {"rows": [1 if "links" in key else 0], "columns": []}}
        at.run()
    case.judge_link(U, D, "reject", reason="a debt")  # the cluster of the page is gone
    at.text_input(key="reject-reason:cluster").set_value("another debt")
    next(b for b in at.button if b.label == "Take this link out").click().run()
    assert not at.exception
    assert list(case.cluster_links()["withdrawn"]) == ["ruling 1: a debt", "ruling 2: another debt"]
    at = rulings(case)
    case.withdraw_link_ruling(1)
    at.button(key="link-ruling-withdraw").click().run()
    assert [e.value for e in at.error] == ["There is no ruling 1 on a link to withdraw."]
    assert list(case.cluster_links()["withdrawn"]) == ["", "ruling 2: another debt"]


def test_a_link_is_added_and_one_without_a_reason_is_refused_in_one_line(case: Case) -> None:
    at = rulings(case)
    at.text_input(key="accept-a").set_value(S)
    at.text_input(key="accept-b").set_value(V)
    next(b for b in at.button if b.label == "Add a link").click().run()
    assert [e.value for e in at.error] == ["A ruling needs a reason."]
    at = rulings(case)
    at.text_input(key="accept-a").set_value(S)
    at.text_input(key="accept-b").set_value(V)
    at.text_input(key="accept-reason").set_value("confession")
    next(b for b in at.button if b.label == "Add a link").click().run()
    assert not at.exception
    assert [link.rule for link in case.why_linked(S, D)] == ["analyst", "deposit_address"]


@pytest.mark.parametrize(
    ("language", "tab", "said"),
    [
        ("en", "Patterns", "pays 9 addresses in 9 payments within 48 s"),
        ("ja", "特徴的な動き", "48秒の間に9個のアドレスへ9回送金"),
    ],
)
def test_the_bundled_case_has_no_cluster_and_shows_its_patterns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, tab: str, said: str
) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    at = opened("clusters", language)
    at.session_state["see:cluster-tabs"] = tab
    at.run()
    (seen,) = [f.value for f in at.dataframe if said in f.value.to_string()]
    assert len(seen) > 10


@pytest.mark.parametrize(
    ("language", "word", "ground", "gap"),
    [
        (
            "en",
            "possible, 1 of 5",
            "3 inputs are earlier mix outputs",
            "Coin that enters rests in it. Equal outputs: 5 of 0.05 BTC",
        ),
        (
            "ja",
            "可能性あり（5件中の1件）",
            "入力のうち 3 件は以前の混合の出力",
            "同額の出力：0.05 BTC（5,000,000 sat）が 5 件",
        ),
    ],
)
def test_outputs_of_a_coinjoin_are_shown_as_possible_under_clusters_and_in_the_panel_of_the_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, word: str, ground: str, gap: str
) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    made = Case.create("mixed")
    transactions = mixed_history()
    made.import_file(write_rows(tmp_path / "t.jsonl", transactions))
    made.add_seed(transactions[0].txid, "bitcoin")
    at = opened("clusters", language, "mixed")
    at.session_state["see:cluster-tabs"] = words(language)("cluster.tab_beyond")
    at.run()
    assert not at.exception
    assert [list(f.value["grade"]) for f in at.dataframe if "mix_tx" in f.value.columns] == [[word] * 5]
    at = opened("trace", language, "mixed")
    at.session_state["see:selected"] = f"{BITCOIN}:tx:{transactions[2].txid}"
    at.run()
    assert not at.exception
    assert words(language)("mix.title") in text_of(at)
    assert f"- {ground}" in text_of(at)
    at.session_state["see:tabs"] = words(language)("tab.gaps")
    at.run()
    assert not at.exception
    (gaps,) = (f.value for f in at.dataframe if "explained" in f.value.columns)
    assert gap in " ".join(gaps["message"])
    assert [list(f.value["grade"]) for f in at.dataframe if "share_raw" in f.value.columns] == [[word] * 5]
