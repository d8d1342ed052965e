"""Importing beside the page: a cancelled import leaves nothing; its outcome waits for whoever looks next."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tracer.case import Case
from tracer.ui.jobs import CancelledError, Job, Jobs, Progress
from tracer.ui.session import jobs

LONG = 60.0
HEAD = "chain,block,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,kind,timestamp_utc\n"
ROWS = 40_000
ROW = "eip155:1,{n},0x{n:064x},0x{p:040x},0x{q:040x},native,ETH,18,{n},native,2025-01-01T00:00:00Z\n"
LARGE = (HEAD + "".join(ROW.format(n=n, p=n % 97 + 1, q=n % 89 + 200) for n in range(1, ROWS + 1))).encode()


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    return Case.create("import")


def page(name: str) -> AppTest:
    def script() -> None:
        from tracer.ui.views import case

        case.render()

    at = AppTest.from_function(script, default_timeout=LONG)
    at.query_params["case"] = name
    return at.run()


def places_for_a_file(at: AppTest) -> list[str]:
    return [str(u.key) for u in at.file_uploader if str(u.key).startswith("upload:")]


def test_a_file_is_taken_out_for_a_reason_and_only_the_one_that_was_shown(case: Case) -> None:
    for n in (1, 2, 3):
        case.import_file((HEAD + ROW.format(n=n, p=n, q=9)).encode(), name=f"{n}.csv")
    at = page("import")
    at.selectbox(key="file-number").set_value(2)
    at.button(key="file-remove").click().run()
    assert "needs a reason" in at.error[0].value
    assert len(case.file.captures) == 3
    at.text_input(key="file-reason").input("corrected").run()
    case.remove_file(1, "by the command line")  # what stands as number 2 is another file now
    at.button(key="file-remove").click().run()
    assert "another one now" in at.error[0].value
    at.selectbox(key="file-number").set_value(1)
    at.text_input(key="file-reason").input("corrected")
    at.button(key="file-remove").click().run()
    assert [pin.name for pin in case.file.captures] == ["3.csv"]
    assert "corrected" in "".join(case.judgements()["reason"])
    assert at.text_input(key="file-reason").value == ""


def test_a_cancelled_import_leaves_nothing_and_can_be_done_again(case: Case) -> None:
    registry = Jobs()
    seen: list[tuple[int, int]] = []
    job: Job

    def work(report: Progress) -> Any:
        def stop_half_way(stage: str, done: int, total: int) -> None:
            seen.append((done, total))
            if 0 < done < total:
                registry.of("line")[0].cancel()
            report(stage, done, total)

        return case.import_file(LARGE, name="large.csv", progress=stop_half_way)

    job = registry.start("import", work, "line")
    assert job.wait(LONG)
    assert isinstance(job.error, CancelledError), (job.error, seen)
    assert 0 < seen[-1][0] < seen[-1][1]
    assert case.files().empty
    assert case.import_file(LARGE, name="large.csv").rows == ROWS


def test_a_page_that_opens_later_shows_a_running_import_and_its_end(case: Case) -> None:
    gate = threading.Event()
    rows = "\n".join([HEAD.strip(), ROW.format(n=1, p=1, q=2)]).encode()

    def work(report: Progress) -> tuple[str, object]:
        report("import", 1, 4)
        gate.wait(LONG)
        return "left.csv", case.import_file(rows, name="left.csv")

    job = jobs().start(("import", case.name), work, case.name)
    at = page(case.name)
    assert [b.key for b in at.button if b.key == "job-cancel"]
    assert not places_for_a_file(at)
    gate.set()
    assert job.wait(LONG)
    at = page(case.name)
    assert "left.csv: 1 row imported" in at.success[0].value
    assert jobs().get(("import", case.name)) is None
    assert not page(case.name).success


def test_the_cancel_button_ends_the_import_and_says_that_nothing_was_taken(case: Case) -> None:
    pressed = threading.Event()

    def work(report: Progress) -> None:
        report("import", 1, 4)
        pressed.wait(LONG)
        report("import", 2, 4)

    job = jobs().start(("import", case.name), work, case.name)
    at = page(case.name)
    at.button(key="job-cancel").click().run()
    pressed.set()
    assert job.wait(LONG)
    at = page(case.name)
    assert "was cancelled" in at.info[0].value
    assert places_for_a_file(at)


def test_a_job_that_was_cancelled_before_its_turn_never_begins() -> None:
    registry, begun = Jobs(), []
    gate = threading.Event()
    first = registry.start("first", lambda _: gate.wait(LONG), "line")
    second = registry.start("second", lambda _: begun.append(1), "line")
    second.cancel()
    gate.set()
    assert first.wait(LONG)
    assert second.wait(LONG)
    assert isinstance(second.error, CancelledError)
    assert begun == []
