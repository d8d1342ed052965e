"""The Python that does the same as a click: every action of the screen can be repeated in a notebook."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from tracer.ui.i18n import Words

__all__ = ["call", "show_python"]


def call(case: str, line: str, *more: str) -> str:
    """A whole script: open the case, then `line` and `more`.

    >>> print(call("bybit-2025", 'case.taint("fifo").addresses()'))
    from tracer import Case
    <BLANKLINE>
    case = Case.open('bybit-2025')
    case.taint("fifo").addresses()
    """
    return "\n".join(["from tracer import Case", "", f"case = Case.open({case!r})", line, *more])


def arguments(values: Mapping[str, object]) -> str:
    """Keyword arguments as source text; empty values are left out."""
    return "".join(f", {name}={value!r}" for name, value in values.items() if value not in (None, "", {}))


def show_python(code: str, w: Words) -> None:
    """The code in a closed expander, with a copy button."""
    with st.expander(w("python.same")):
        st.code(code, language="python")
