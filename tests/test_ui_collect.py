"""Collecting in the web UI, from a real node: who learns what, progress, stop, go on, and the list of histories."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import streamlit as st

from tests.servers.anvil import Anvil
from tests.test_collect import node
from tests.test_collect_cli import prepared
from tests.test_ui_pages import opened, text_of
from tracer.case import Case
from tracer.ui.jobs import CancelledError, Jobs
from tracer.ui.session import jobs
from tracer.ui.views.case_collect import _note

__all__ = ["node"]

LONG = 60


@pytest.fixture
def case(node: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    home = prepared(node, tmp_path / "w")
    monkeypatch.setenv("TRACER_HOME", str(home))
    st.cache_resource.clear()
    return Case.open("theft")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_collection_is_started_watched_and_listed(case: Case, language: str) -> None:
    at = opened("case", language, "theft")
    expected = {"en": "own runs on this machine", "ja": "own はこのコンピューター"}[language]
    assert expected in text_of(at)
    at.button(key="collect-start").click().run()
    assert not at.exception
    job = jobs().get(("collect", "theft"))
    if job is not None:
        assert job.wait(LONG)
        assert job.error is None
    at = opened("case", language, "theft")
    assert {"en": "26 addresses fetched", "ja": "取得が完了しました（26 件）"}[language] in text_of(at)
    assert len(case.histories()) == 26
    assert any("transactions" in f.value.columns and len(f.value) == 26 for f in at.dataframe)


def test_a_remote_provider_is_named_before_anything_is_sent(case: Case) -> None:
    at = opened("case", "en", "theft")
    at.selectbox(key="collect-provider:eip155:1").set_value("blockscout-ethereum").run()
    assert any("eth.blockscout.com will learn the seeds" in w.value for w in at.warning)


def test_a_collection_can_be_stopped_and_goes_on(case: Case) -> None:
    gate = threading.Event()
    registry: Jobs = jobs()

    def work(report: object) -> object:
        def tell(event: object) -> None:
            gate.wait(LONG)
            report("collect", 1, 2)  # type: ignore[operator]

        return case.collect(["own"], None, tell)

    job = registry.start(("collect", "theft"), work, ("collect", "theft"))
    at = opened("case", "en", "theft")
    at.button(key="job-cancel").click().run()
    gate.set()
    assert job.wait(LONG)
    assert isinstance(job.error, CancelledError)
    at = opened("case", "en", "theft")
    assert any("Stopped. What was fetched is kept" in i.value for i in at.info)
    assert case.collect(["own"]).fetched == 26


def test_the_limits_of_the_page_are_the_budget(case: Case) -> None:
    at = opened("case", "en", "theft")
    at.number_input(key="collect-addresses:theft").set_value(5)
    at.button(key="collect-start").click().run()
    job = jobs().get(("collect", "theft"))
    if job is not None:
        assert job.wait(LONG)
    assert len(case.histories()) == 5
    assert case.file.thresholds["addresses"] == 5
    assert any("The budget is used up" in i.value for i in opened("case", "en", "theft").info)


def test_a_case_without_seeds_or_without_provider_says_so(case: Case) -> None:
    Case.create("empty")
    assert any("Add a seed first" in i.value for i in opened("case", "en", "empty").info)
    Case.create("far").add_seed("0x" + "1" * 40, chain="eip155:777", amount=1)
    assert any("No provider of eip155:777" in e.value for e in opened("case", "en", "far").error)


def test_the_line_of_progress_has_every_figure() -> None:
    from tracer.collect import Event
    from tracer.ui.i18n import words

    text = _note(Event(3, 1_200, 40, 5_000, 70, 2), 100.0, words("en"))
    assert all(part in text for part in ("1,200", "40", "5,000", "50.0 per second", "70", "2 without"))
