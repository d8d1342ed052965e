"""The Cases page: every case of the workspace side by side, and the addresses that two of them share."""

from __future__ import annotations

import re
from functools import partial

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.crosscase import cases_frame, overlap
from tracer.ui.jobs import Progress
from tracer.ui.running import result_of
from tracer.ui.session import current, look_at, opened, w
from tracer.ui.snippets import show_python, where
from tracer.ui.tables import show_table

__all__ = ["render"]

_THOUSANDS = re.compile(r"(?<![\w.,])\d+")

_PYTHON = """import tracer

workspace = {workspace}
cases = tracer.cases_frame(tracer.Case.names(workspace), workspace)
tracer.overlap(cases.loc[cases["state"] != "failed", "case"], workspace)"""


def render() -> None:
    """Draw the page."""
    words = w()
    names = sorted({*Case.names(), current().name})  # a bundled case that nobody opened is none of theirs
    st.caption(words("cases.help"))
    stamps = ",".join(f"{name}:{opened(name).file.revision}" for name in names)
    found = result_of(current(), f"cases:{stamps}", partial(_side_by_side, names), words)
    if found is None:
        return
    cases, shared = found[0]
    row = show_table(
        cases.assign(stolen=[_THOUSANDS.sub(lambda m: f"{int(m[0]):,}", text) for text in cases["stolen"]]),
        words,
        downloads=cases,
        key="cases",
        file="cases",
        select=True,
        wide={"stolen": 520, "problem": 420, "case": 200},
    )
    if row is not None:
        name = str(cases["case"].iloc[row])
        st.button(words("cases.look", name=name), key="cases-look", on_click=look_at, args=(name,))
    st.markdown(f"**{words('cases.overlap')}**")
    st.caption(words("cases.overlap_help"))
    if shared.empty:
        st.caption(words("cases.none"))
    else:
        show_table(
            shared,
            words,
            key="overlap",
            file="overlap",
            without=["decimals"],
            wide={"address": 380, "label": 160, "label_source": 320},
        )
    show_python(_PYTHON.format(workspace=where() or None), words)


def _side_by_side(names: list[str], report: Progress) -> tuple[pd.DataFrame, pd.DataFrame]:
    cases = [opened(name) for name in names]
    frame = cases_frame(cases, progress=report)
    # a case that has only seeds yet shares them all the same
    failed = set(frame[frame["state"] == "failed"]["case"])
    return frame, overlap(case for case in cases if case.name not in failed)
