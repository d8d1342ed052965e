"""The frame of the web UI: page settings, navigation, and the row that is always visible: case, rule, language."""

from __future__ import annotations

import streamlit as st

from tracer.errors import TracerError
from tracer.ui.i18n import LANGUAGES
from tracer.ui.printing import plain
from tracer.ui.session import case_names, current, errors_shown, keep, look_at, w
from tracer.ui.views import about, case, cases, clusters, endpoints, labels, lookup, trace

__all__ = ["header", "main"]

_CSS = """
<style>
[data-testid="stMainBlockContainer"] { padding: 4.4rem 1.4rem 2rem; max-width: none; }
[data-testid="stVerticalBlock"] { gap: .7rem; }
[data-testid="stMetricValue"] { font-size: 1.15rem; }
code { overflow-wrap: anywhere; }
</style>
"""


def main() -> None:
    """Run the web UI. Called by app.py and by `tracer ui`."""
    st.set_page_config(page_title="coinpursuit", page_icon="🧭", layout="wide")
    st.html(_CSS)
    words = w()
    first = st.Page(trace.render, title=words("nav.trace"), default=True)

    def by_its_name() -> None:
        """`/trace`, which people write and keep: the first page itself only has the address `/`."""
        st.switch_page(first, query_params=dict(st.query_params))

    chosen = st.navigation(
        [
            first,
            st.Page(by_its_name, title=words("nav.trace"), url_path="trace", visibility="hidden"),
            st.Page(endpoints.render, title=words("nav.endpoints"), url_path="endpoints"),
            st.Page(clusters.render, title=words("nav.clusters"), url_path="clusters"),
            st.Page(labels.render, title=words("nav.labels"), url_path="labels"),
            st.Page(lookup.render, title=words("nav.lookup"), url_path="transaction"),
            st.Page(case.render, title=words("nav.case"), url_path="case"),
            st.Page(cases.render, title=words("nav.cases"), url_path="cases"),
            st.Page(about.render, title=words("nav.about"), url_path="about"),
        ],
        position="top",
    )
    with errors_shown():
        header()
        chosen.run()


def _turn_case() -> None:
    look_at(st.session_state["case"])


def _turn_language() -> None:
    language = st.session_state.get("language")
    if language:
        keep("lang", language)


def header() -> None:
    """The case picker, what the numbers of this case rest on, and the language switch."""
    words = w()
    names = case_names()
    try:
        looked_at = current()
    except TracerError:
        looked_at = None
    name = looked_at.name if looked_at else names[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="header"):
        st.session_state["case"] = name
        st.selectbox(
            words("header.case"),
            names,
            key="case",
            on_change=_turn_case,
            width=300,
            label_visibility="collapsed",
        )
        if looked_at:
            st.caption(words("header.rule", rule=words.one_of("rule", str(looked_at.rule))), width="content")
        st.space("stretch")
        st.session_state["language"] = words.language
        st.segmented_control(
            words("header.language"),
            list(LANGUAGES),
            format_func=lambda code: LANGUAGES[code],
            key="language",
            on_change=_turn_language,
            label_visibility="collapsed",
        )
    for head in looked_at.file.heads if looked_at else ():
        if head.replaced:
            st.error(words("header.replaced", chain=head.chain, block=head.block), icon=":material/warning:")
    with st.container(
        key="said-here"
    ):  # always there: a line that comes or goes must not move the chosen tab
        for text in st.session_state.pop("said", []):
            st.success(plain(text, 2_000), icon=":material/check_circle:")
