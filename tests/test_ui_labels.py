"""The labels page: sources and conflicts, a pack used when its effect was seen, labels given and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.test_labels_case import HEADER, SERVICE_AT_B, A, B, C, S, held, move
from tests.test_ui_pages import opened, text_of
from tracer.case import Case


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    made = Case.create("labelled")
    made.import_file(
        (HEADER + move(1, S, A, 10) + move(2, A, B, 7) + move(3, B, C, 5)).encode(), name="t.csv"
    )
    made.add_seed(S, amount=10, asset="native")
    return made


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_label_is_given_and_taken_back_on_the_page(case: Case, language: str) -> None:
    at = opened("labels", language, case.name)
    at.text_input(key="label-address").set_value(B)
    at.text_input(key="label-name").set_value("Exchange B")
    at.text_input(key="label-author").set_value("Sato")
    at.selectbox(key="label-category").set_value("exchange")
    word = {"en": "Add label", "ja": "ラベルを登録"}[language]
    next(b for b in at.button if b.label == word).click().run()
    assert not at.exception
    assert not at.error
    assert held(case) == {A: 3, B: 7}
    assert case.file.labels[0].author == "Sato"
    at = opened("labels", language, case.name)
    at.button(key="label-withdraw").click().run()
    assert not at.error
    assert held(case) == {A: 3, B: 2, C: 5}


def at_tab(case: Case, tab: str) -> AppTest:
    at = opened("labels", "en", case.name)
    at.session_state["see:label-tabs"] = tab
    return at.run()


def tables_of(at: AppTest) -> list[str]:
    return [frame.value.to_csv() for frame in at.dataframe]


def test_a_pack_is_used_when_its_effect_was_seen_and_taken_out_with_a_reason(case: Case) -> None:
    pin = Case.read_labels(SERVICE_AT_B, name="mine.csv").pin
    at = at_tab(case, "Label packs")
    at.selectbox(key="see:label-pack").set_value(pin.sha256).run()
    assert not at.exception
    shown = "\n".join(tables_of(at))
    assert "SERVICE" in shown
    assert "at services" in shown
    assert held(case) == {A: 3, B: 2, C: 5}
    at.button(key="pack-use").click().run()
    assert not at.error
    assert held(case) == {A: 3, B: 7}
    at = at_tab(case, "Label packs")
    at.selectbox(key="see:label-pack").set_value(pin.sha256).run()
    at.button(key="pack-drop").click().run()
    assert [e.value for e in at.error] == ["Taking a pack out needs a reason."]
    at.text_input(key="pack-reason").set_value("wrong list")
    at.button(key="pack-drop").click().run()
    assert held(case) == {A: 3, B: 2, C: 5}


def test_a_file_of_labels_is_read_on_the_page_and_changes_nothing_yet(case: Case) -> None:
    at = at_tab(case, "Label packs")
    at.file_uploader(key="label-file").set_value(("list.txt", f"{B}\nnonsense\n".encode(), "text/plain"))
    at.text_area(key="label-set").set_value("name=Exchange B\ncategory=exchange\nconfidence=70\nchain=evm")
    next(b for b in at.button if b.label == "Read the file").click().run()
    assert not at.exception
    assert not at.error
    assert "labels read: 1, entries refused: 1" in text_of(at)
    assert held(case) == {A: 3, B: 2, C: 5}
    at.button(key="pack-use").click().run()
    assert held(case) == {A: 3, B: 7}


def test_disagreeing_sources_are_shown_on_the_page_and_in_the_panel_of_the_address(case: Case) -> None:
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    case.label(B, "Someone <b>else</b>")
    at = at_tab(case, "Sources disagree")
    assert any("Exchange B" in text and "Someone" in text for text in tables_of(at))

    def script(name: str, address: str) -> None:
        from tracer.case import Case
        from tracer.ui.details import _label
        from tracer.ui.session import w

        _label(Case.open(name), "eip155:1", address, w())

    panel = AppTest.from_function(script, args=(case.name, B), default_timeout=60).run()
    assert not panel.exception
    assert len(panel.warning) == 1
    assert "Exchange B" in str(panel.warning[0].value)
    assert all("<b>" not in str(m.value) for m in panel.markdown)


def test_the_effect_of_changes_since_a_time_is_listed(case: Case) -> None:
    case.label(B, "Exchange B", category="exchange")
    at = at_tab(case, "What changed")
    at.text_input(key="label-since").set_value("2020-01-01T00:00:00Z")
    next(b for b in at.button if b.label == "Compare").click().run()
    assert not at.exception
    assert any("SERVICE" in text for text in tables_of(at))
