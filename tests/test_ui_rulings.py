"""Rulings in the web UI: made in the Case page or from a row, named beside the result, taken back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.test_ui_pages import opened, text_of
from tracer.case import Case
from tracer.store.caserecords import Verdict
from tracer.ui.views.rulings import verdict_of_gap, verdict_of_transfer

PAYER = "0x2222222222222222222222222222222222222222"
PAID = "0x" + "b" * 64
ROWS = f"""chain,block,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,kind,timestamp_utc
eip155:1,1,0x{"a" * 64},0x1111111111111111111111111111111111111111,{PAYER},native,ETH,18,100,native,2025-01-01T00:00:00Z
eip155:1,2,{PAID},{PAYER},0x3333333333333333333333333333333333333333,native,ETH,18,60,native,2025-01-01T00:01:00Z
"""


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    made = Case.create("ruled")
    made.import_file(ROWS.encode(), name="rows.csv")
    made.add_seed(PAYER)
    return made


def held(case: Case) -> dict[str, int]:
    frame = case.taint().addresses()
    return {str(a)[:4]: int(n) for a, n in zip(frame["address"], frame["taint_raw"], strict=True) if n}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_ruling_made_on_the_case_page_changes_the_result_and_is_named_beside_it(
    case: Case, language: str
) -> None:
    assert held(case) == {"0x22": 40, "0x33": 60}
    at = opened("case", language, case.name)
    at.selectbox(key="ruling-verdict").set_value(Verdict.LEAVE_OUT)
    at.text_input(key="ruling-subject").set_value(PAID)
    at.text_input(key="ruling-reason").set_value("forged")
    at.text_input(key="ruling-author").set_value("Sato")
    next(b for b in at.button if "ruling" in b.label or "裁定" in b.label).click().run()
    assert not at.exception
    assert not at.error
    assert held(case) == {"0x22": 100}
    trace = opened("trace", language, case.name)
    said = text_of(trace)
    assert {"en": "0 declared conversions and 1 ruling", "ja": "交換の申告 0 件と裁定 1 件"}[language] in said
    at = opened("case", language, case.name)
    at.button(key="ruling-withdraw").click().run()
    assert not at.error
    assert held(case) == {"0x22": 40, "0x33": 60}
    assert list(case.rulings()["withdrawn_utc"]) != [""]


def test_a_ruling_without_a_reason_is_refused_in_one_line(case: Case) -> None:
    at = opened("case", "en", case.name)
    at.text_input(key="ruling-subject").set_value(PAID)
    next(b for b in at.button if "ruling" in b.label).click().run()
    assert [e.value for e in at.error] == ["A ruling needs a reason."]
    assert case.rulings().empty


def test_a_chosen_transfer_is_left_out_and_then_followed_again(case: Case) -> None:
    def script(name: str, row: int) -> None:
        from tracer.case import Case
        from tracer.ui.session import w
        from tracer.ui.views.rulings import offer, verdict_of_transfer

        opened = Case.open(name)
        chosen = opened.taint().transfers().iloc[row]
        offer(opened, w(), chosen, str(chosen["tx_hash"]), verdict_of_transfer(chosen))

    for expected in ({"0x22": 100}, {"0x22": 40, "0x33": 60}):
        frame = case.taint().transfers()
        row = list(frame["tx_hash"]).index(PAID)
        at = AppTest.from_function(script, args=(case.name, row), default_timeout=60).run()
        at.text_input[0].set_value("looked at it")
        at.button[0].click().run()
        assert not at.exception
        assert held(case) == expected


def test_what_can_be_ruled_depends_on_the_row() -> None:
    transfer = {"tx_hash": "0x1", "excluded": "", "amount_raw": 5}
    assert verdict_of_transfer(pd.Series(transfer)) is Verdict.LEAVE_OUT
    assert verdict_of_transfer(pd.Series(transfer | {"excluded": "poison"})) is Verdict.FOLLOW
    assert verdict_of_transfer(pd.Series(transfer | {"excluded": "zero_value", "amount_raw": 0})) is None
    assert verdict_of_transfer(pd.Series(transfer | {"tx_hash": ""})) is None
    gap = {"code": "doubtful_conversion", "status": "open"}
    assert verdict_of_gap(pd.Series(gap)) is Verdict.SEPARATE
    assert verdict_of_gap(pd.Series(gap | {"status": "closed"})) is None
    assert verdict_of_gap(pd.Series(gap | {"code": "opening"})) is None


def test_a_judgement_is_withdrawn_and_stays_on_record(case: Case) -> None:
    case.judge(PAYER, "suspect", reason="seen", author="Sato")
    at = opened("trace", "en", case.name)
    at.session_state["see:tabs"] = at.tabs[-1].label if at.tabs else ""
    at.run()
    at.button(key="judgement-withdraw").click().run()
    assert not at.exception
    assert len(case.judgements()) == 1
    assert list(case.judgements()["withdrawn_utc"]) != [""]
