"""Collecting in the web UI, from a real node: who learns what, progress, stop, go on, and the list of histories."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.servers.anvil import Anvil
from tests.test_collect import EXCHANGE, THIEF, node
from tests.test_collect_cli import prepared
from tests.test_ui_pages import opened, text_of
from tracer.case import Case
from tracer.collect import Collected
from tracer.collecting.budget import Budget
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


@pytest.mark.parametrize("reload", [False, True])
def test_who_was_asked_is_asked_again_and_not_the_default(case: Case, reload: bool) -> None:
    """The page of a running collection has no choice in it, so that the browser forgets what was chosen."""
    with (case.workspace.root / "providers.toml").open("a") as file:
        file.write(
            '[[provider]]\nname = "away"\nkind = "jsonrpc"\nchain = "eip155:1"\nbase_url = "http://127.0.0.1:9"\n'
        )
    at = opened("case", "en", "theft")
    assert at.selectbox(key="collect-provider:eip155:1").value == "own"
    at.selectbox(key="collect-provider:eip155:1").set_value("away").run()
    at.button(key="collect-start").click().run()
    job = jobs().get(("collect", "theft"))
    if job is not None:
        assert job.wait(LONG)
    at = opened("case", "en", "theft") if reload else at.run()
    assert any("away gave no answer" in e.value for e in at.error)
    assert at.selectbox(key="collect-provider:eip155:1").value == "away"


def test_a_collection_can_be_stopped_and_goes_on(case: Case) -> None:
    gate = threading.Event()
    registry: Jobs = jobs()

    def work(report: object) -> object:
        def tell(event: object) -> None:
            gate.wait(LONG)
            report("collect", 1, 2)

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


def collected(addresses: int) -> None:
    """Collect through the page, so many addresses at most (0: without limit), and wait for the end."""
    at = opened("case", "en", "theft")
    at.number_input(key="collect-addresses:theft").set_value(addresses)
    at.button(key="collect-start").click().run()
    job = jobs().get(("collect", "theft"))
    assert job is None or job.wait(LONG)  # None: it ended within the run


def test_the_limits_of_the_page_are_the_budget(case: Case) -> None:
    collected(5)
    assert len(case.histories()) == 5
    assert case.file.thresholds["addresses"] == 5
    assert any("The budget is used up" in i.value for i in opened("case", "en", "theft").info)


def test_how_a_collection_ended_is_said_in_every_tab(case: Case) -> None:
    collected(5)
    for tab in ("first", "second"):
        assert any("The budget is used up" in i.value for i in opened("case", "en", "theft").info), tab
    collected(0)
    assert "26 addresses fetched" in text_of(opened("case", "en", "theft"))


def test_a_case_without_seeds_or_without_provider_says_so(case: Case) -> None:
    Case.create("empty")
    assert any("Add a seed first" in i.value for i in opened("case", "en", "empty").info)
    Case.create("far").add_seed("0x" + "1" * 40, chain="eip155:777", amount=1)
    assert any("No provider of eip155:777" in e.value for e in opened("case", "en", "far").error)


def test_the_line_of_progress_has_every_figure() -> None:
    from tracer.collect import Event
    from tracer.ui.i18n import words

    event = Event(3, 1_200, 40, 5_000, 70, 2, hubs=4, hop=6, rate=49.96, stopped="eip155:56: limit")
    text = _note(event, words("en"))
    parts = (
        "Round 3, hop 6",
        "1,200",
        "40",
        "5,000",
        "50.0 per second now",
        "70",
        "2 without",
        "4 hubs",
        ": limit",
    )
    assert all(part in text for part in parts)
    assert all(part in _note(event, words("ja")) for part in ("ホップ6", "毎秒 50.0", "ハブ 4", ": limit"))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_coin_is_traced_back_from_the_page_and_what_it_is_made_of_is_shown(case: Case, language: str) -> None:
    at = opened("case", language, "theft")
    at.radio(key="collect-direction:theft").set_value("backward").run()
    at.text_area(key="collect-targets:theft").set_value(EXCHANGE)
    at.text_input(key="collect-least_raw:theft").set_value("native=1")
    at.button(key="collect-start").click().run()
    assert not at.exception
    job = jobs().get(("collect", "theft"))
    if job is not None:
        assert job.wait(LONG)
        assert job.error is None
    assert [t.address for t in case.file.targets] == [EXCHANGE]
    assert case.file.thresholds["direction"] == "backward"
    at = opened("case", language, "theft")
    known = jobs().of("theft")
    assert all(job.wait(LONG) for job in known)
    at = opened("case", language, "theft")
    assert {"en": "Where the coin came from", "ja": "資産の出所"}[language] in text_of(at)
    frames = [f.value for f in at.dataframe if "inflow" in f.value.columns]
    assert len(frames) == 1
    assert list(frames[0]["from_address"].str.lower()) == [THIEF]
    assert list(frames[0]["held_raw"]) == ["9,000,000,000,000,000,000"] or "9" in str(
        frames[0]["held_raw"][0]
    )


def test_limits_that_are_not_understood_are_said_and_start_nothing(case: Case) -> None:
    at = opened("case", "en", "theft")
    at.text_input(key="collect-least_raw:theft").set_value("a lot").run()
    assert any("no least value" in e.value for e in at.error)
    assert not at.exception
    assert case.file.manifest == ""


def test_what_is_said_in_the_picture_is_computed_at_once_and_collected_on(case: Case) -> None:
    """Not a hub, and this is a service: the tables change without a request; then only what is new is asked."""
    case.collect(["own"], Budget(most=5))
    node = f"eip155:1:{case._display('eip155:1', EXCHANGE)}"

    def chosen() -> AppTest:
        at = opened("trace", "en", "theft")
        at.session_state["see:selected"] = node
        at.run()
        assert not at.exception
        return at

    def stop_of() -> str:
        frame = case.taint().addresses(ranges=False)
        return str(frame[frame["address"].str.lower() == EXCHANGE].iloc[0]["stop"])

    assert stop_of() == "HUB"
    chosen().button(key=f"no-hub:{node}").click().run()
    assert stop_of() == "PENDING"
    done = case.collect(["own"])
    assert (done.fetched, done.finished, stop_of()) == (26, True, "UNSPENT")
    assert 0 < done.sent <= 12  # the exchange alone
    chosen().button(key=f"service:{node}").click().run()
    assert stop_of() == "SERVICE"
    assert case.collect(["own"]).sent == 1


def test_addresses_that_could_not_be_read_are_no_success(case: Case) -> None:
    result = Collected(
        fetched=5, failed=2, rounds=1, sent=9, kept=0, finished=True, exhausted=False, stopped=""
    )
    job = jobs().start(("collect", "theft"), lambda _: result, ("collect", "theft"))
    assert job.wait(LONG)
    at = opened("case", "en", "theft")
    assert any("2 addresses could not be read" in w.value for w in at.warning)
    assert not any("Nothing is left" in s.value for s in at.success)
