"""Routes from the theft to where coin rests, and paths between two addresses; a chosen row is lit in the picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.ui.i18n import Words
from tracer.ui.running import result_of
from tracer.ui.session import select
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import note_of, show_table
from tracer.ui.viewstate import change

__all__ = ["routes_and_paths"]

_LIMITS = (50, 200, 1_000)


def routes_and_paths(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    """The tab. Routes follow the governing rule; paths say which way coin can have gone, whatever the rule."""
    _routes(case, result, words, raw)
    st.markdown(f"**{words('paths.title')}**")
    st.caption(words("paths.help"))
    known = result.addresses(ranges=False)
    choices = [a for a in dict.fromkeys(map(str, known["address"])) if not a.startswith("sink:")]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        start = st.selectbox(
            words("paths.from"),
            ["", *choices],
            format_func=lambda a: a or words("paths.theft"),
            key="see:from",
            width=400,
        )
        end = st.selectbox(
            words("paths.to"), ["", *choices], format_func=lambda a: a or "-", key="see:to", width=400
        )
        kind = st.selectbox(
            words("paths.kind"),
            ["widest", "shortest", "earliest"],
            format_func=lambda k: words.one_of("path", k),
            key="see:kind",
            width=200,
        )
    if end:
        found = case.paths(to=end, frm=start or None, kind=kind)
        _shown(found, words, key=f"paths:{start}:{end}:{kind}", file=f"{case.name}_paths", note=note, raw=raw)
        show_python(call(case.name, f"case.paths(to={end!r}, frm={start or None!r}, kind={kind!r})"), words)


def _routes(case: Case, result: Any, words: Words, raw: bool) -> None:
    limit = st.selectbox(words("paths.limit"), _LIMITS, key="see:route-limit", width=200)
    found = result_of(case, f"routes:{limit}", lambda _: case.routes(limit=limit), words)
    if found is not None:
        note = note_of(words, rule=str(case.rule), as_of=result.as_of)
        _shown(found[0], words, key=f"routes:{limit}", file=f"{case.name}_routes", note=note, raw=raw)
        st.caption(words("tab.routes_help"))
    show_python(call(case.name, f"case.routes(limit={limit})"), words)


def _shown(frame: pd.DataFrame, words: Words, *, key: str, file: str, note: str, raw: bool) -> None:
    """The table; a newly chosen row becomes the lit route of the picture."""
    row = show_table(
        frame,
        words,
        key=key,
        file=file,
        note=note,
        raw=raw,
        without=["decimals"],
        select=True,
        wide={"path": 480},
    )
    lit = None if row is None else (key, str(frame.iloc[row]["path"]))
    if lit is None:
        st.session_state.pop("see:lit", None)
    elif st.session_state.get("see:lit") != lit:
        st.session_state["see:lit"] = lit
        stops = [stop.strip() for stop in lit[1].split(" > ") if stop.strip()]
        change(route=tuple(pairwise(stops)))
        select("")
        st.rerun()
