"""What the browser session is looking at: language, case, rule, selection. Kept in the address bar where it can be.

The language and the case are query parameters, so a reload, a bookmark or a link to a colleague on the same machine
shows the same. Everything else is session state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.errors import StreamlitAPIException

from tracer.case import Case
from tracer.errors import TracerError
from tracer.ui.i18n import LANGUAGES, Words, language_of, words
from tracer.ui.jobs import Jobs
from tracer.ui.printing import plain

__all__ = [
    "DEMO",
    "again",
    "case_names",
    "current",
    "errors_shown",
    "fresh",
    "jobs",
    "look_at",
    "opened",
    "pointed_at",
    "say",
    "select",
    "sent_off",
    "show_error",
    "w",
]

_WHOLE = 2_000
"""Characters of a message that are shown; they hold lists of addresses."""

DEMO = "bybit-2025"
"""The bundled case, shown at the first opening."""


@st.cache_resource
def jobs() -> Jobs:
    """The jobs of this server process."""
    return Jobs()


def w() -> Words:
    """The words of the session's language: chosen in the address bar, else by the browser's locale."""
    chosen = _kept("lang")
    return words(chosen if chosen in LANGUAGES else language_of(st.context.locale))


def keep(name: str, value: str) -> None:
    """Remember a query parameter: a link to another page of the UI would drop it."""
    st.session_state[f"kept:{name}"] = value
    st.query_params[name] = value


def _kept(name: str) -> str:
    """A query parameter, put back into the address bar when a page link has dropped it; "" if it was never set."""
    given = st.query_params.get(name)
    value = str(given or st.session_state.get(f"kept:{name}", ""))
    if value and (value != given or st.session_state.get(f"kept:{name}") != value):
        keep(name, value)
    return value


def case_names() -> list[str]:
    """All cases of the workspace, the bundled ones included before their first use."""
    return sorted({*Case.bundled_names(), *Case.names()})


def current() -> Case:
    """The case that the session looks at; the bundled one at first, or when the named one is gone."""
    name = _kept("case")
    return opened(name if name in case_names() else DEMO)


@st.cache_resource(max_entries=8, show_spinner=False)
def opened(name: str) -> Case:
    """The case of that name, opened once in this process: its results are kept while it is in use."""
    return Case.bundled(name) if name in Case.bundled_names() else Case.open(name)


def look_at(name: str) -> None:
    """Turn to another case: nothing of the old one stays selected."""
    keep("case", name)
    for key in [k for k in st.session_state if str(k).startswith("see:")]:
        del st.session_state[key]


def select(node: str) -> None:
    """Choose a node from the page, "" for none. The picture follows; a click in the picture itself needs no answer."""
    turn, _ = pointed_at()
    st.session_state["see:selected"] = node
    st.session_state["see:pointed"] = (turn + 1, node)


def pointed_at() -> tuple[int, str]:
    """How often the page chose a node, and the one it chose last."""
    pointed: tuple[int, str] = st.session_state.get("see:pointed") or (0, "")
    return pointed


def again() -> None:
    """Run the current fragment once more; the whole page when it is the whole page that runs just now."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


def say(text: str) -> None:
    """Keep a line to be shown at the next run, after a form was sent."""
    st.session_state.setdefault("said", []).append(text)


def fresh(form: str) -> str:
    """The ending of the keys of a form: another one after each time it was sent off, so that its fields are empty.

    Streamlit would empty them also where what was written is refused, and the writer would have to begin anew.
    """
    turn = st.session_state.get(f"sent-off:{form}", 0)
    return f":{turn}" if turn else ""


def sent_off(form: str) -> None:
    """What was written in a form was taken: its fields are empty at the next run."""
    st.session_state[f"sent-off:{form}"] = st.session_state.get(f"sent-off:{form}", 0) + 1


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the tracer as its message and what to do next; never as a traceback."""
    try:
        yield
    except TracerError as error:
        show_error(error.message, error.hint)


def show_error(message: str, hint: str) -> None:
    """An error and what to do next. Both may repeat what somebody else wrote: no markup of it is carried out."""
    st.error(plain(message, _WHOLE), icon=":material/warning:")
    if hint:
        st.caption(plain(hint, _WHOLE))
