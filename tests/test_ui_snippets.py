"""The Python beside the buttons: it runs as it stands, changes nothing by accident, and repeats what a button did."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tracer import Case
from tracer.store.caserecords import CaseFile
from tracer.wording import words

CASE = "txphish-2024"
ONE, OTHER = "0x4EE036077e55632a2a030425Cd59fc0F75840b35", "0x58D43EcfD767DEeC65c574DaddC00A3E2F876AE6"
FAR = "0xc9375fbfc0855b50316e68982001d5b7d0e9d028"
LONG = 120.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace of the web UI, which a fresh interpreter would not take by itself."""
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    st.cache_resource.clear()
    Case.bundled(CASE)
    return tmp_path / "home"


def page(view: str) -> AppTest:
    at = AppTest.from_string(f"from tracer.ui.views import {view}\n{view}.render()", default_timeout=LONG)
    at.query_params["case"] = CASE
    return at.run()


def scripts(at: AppTest) -> list[str]:
    return [str(c.value) for c in at.code if "tracer" in str(c.value)]


def run(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh interpreter, which does not know where the web UI works."""
    with monkeypatch.context() as fresh:
        fresh.delenv("TRACER_HOME")
        exec(compile(script, "snippet", "exec"), {})


def said(file: CaseFile) -> str:
    """What a case file says, but when it was said and how often it changed."""
    return re.sub(r"(made|withdrawn|added|created|imported)_at=\d+|revision=\d+", "", repr(file))


@pytest.mark.parametrize("view", ["trace", "endpoints", "clusters", "labels", "lookup", "case", "cases"])
def test_a_copied_script_runs_and_changes_nothing(
    home: Path, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = page(view)
    found = scripts(at)
    for name in [tab.label for tab in at.tabs]:
        if view == "clusters":  # draws the open tab only
            at.session_state["see:cluster-tabs"] = name
            found += scripts(at.run())
    assert found
    before = Case.open(CASE).file
    for script in dict.fromkeys(found):
        if not re.search(r"^case\.(collect|export|freeze)\(|^pack = ", script, re.MULTILINE):
            run(script, monkeypatch)
    assert Case.open(CASE).file == before
    assert not (home.parent / "elsewhere" / "tracer").exists()


def _press(at: AppTest, word: str) -> AppTest:
    next(b for b in at.button if b.label == words("en")(word)).click()
    return at.run()


def link(at: AppTest) -> AppTest:
    at.session_state["see:cluster-tabs"] = "Your rulings on links"
    at.run()
    for name, text in {"a": ONE, "b": FAR, "reason": "one device", "author": "K. {Sato}"}.items():
        at.text_input(key=f"accept-{name}").input(text)
    at.slider(key="accept-confidence").set_value(0)
    return _press(at, "cluster.accept")


def stop(at: AppTest) -> AppTest:
    at.text_input(key="stop-address").input(FAR)
    at.selectbox(key="stop-code").set_value("SERVICE")
    at.text_input(key="stop-reason").input('it\'s "theirs"')
    return _press(at, "stopping.add")


def label(at: AppTest) -> AppTest:
    for name, text in {"address": FAR, "name": "取引所 '甲'", "source": "report 12"}.items():
        at.text_input(key=f"label-{name}").input(text)
    return _press(at, "label.add")


def seed(at: AppTest) -> AppTest:
    at.text_area(key="seed-lines").input(f"{FAR}\n{OTHER}")
    at.text_input(key="seed-source").input("{list} of the police")
    return at.button(key="seeds-add").click().run()


@pytest.mark.parametrize(
    ("view", "act", "verb"),
    [
        ("clusters", link, "judge_link"),
        ("case", stop, "stop"),
        ("labels", label, "label"),
        ("case", seed, "add_seeds"),
    ],
)
def test_after_a_button_the_script_repeats_what_it_did(
    home: Path,
    view: str,
    act: Callable[[AppTest], AppTest],
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twin = home.parent / "twin"
    shutil.copytree(home, twin)
    at = act(page(view))
    assert not at.exception
    (script,) = [s for s in scripts(at) if re.search(rf"^case\.{verb}\(", s, re.MULTILINE)]
    assert said(Case.open(CASE).file) != said(Case.open(CASE, twin).file)
    run(script.replace(repr(str(home)), repr(str(twin))), monkeypatch)
    assert said(Case.open(CASE, twin).file) == said(Case.open(CASE).file)
