"""The Python that does the same as a click: every action of the screen can be repeated in a notebook.

What only reads can be run as it stands. What changes the case is a line that was carried out by a button, with what
was typed; before that it is a comment, so that whoever runs a copied text changes nothing by accident.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import streamlit as st

from tracer.settings import default_home
from tracer.ui.i18n import Words

__all__ = ["action", "call", "carry_out", "remember", "show_python", "where"]

P = ParamSpec("P")
R = TypeVar("R")


def where() -> str:
    """The workspace as source text; "" if it is the one that Python takes by itself."""
    return repr(str(default_home())) if os.environ.get("TRACER_HOME", "").strip() else ""


def call(case: str, line: str, *more: str) -> str:
    """A whole script: open the case, then `line` and `more`.

    >>> print(call("bybit-2025", 'case.taint("fifo").addresses()'))
    from tracer import Case
    <BLANKLINE>
    case = Case.open('bybit-2025')
    case.taint("fifo").addresses()
    """
    opened = ", ".join([repr(case), *filter(None, [where()])])
    return "\n".join(["from tracer import Case", "", f"case = Case.open({opened})", line, *more])


def arguments(values: Mapping[str, object]) -> str:
    """Keyword arguments as source text; empty values are left out."""
    return "".join(f", {name}={value!r}" for name, value in values.items() if value not in (None, "", {}))


def carry_out(key: str, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a method of the case, and keep the line for `action`, until another case is looked at."""
    done = method(*args, **kwargs)
    given = ", ".join(map(_source, args)) + arguments({k: v and _Source(v) for k, v in kwargs.items()})
    remember(key, f"case.{method.__name__}({given.removeprefix(', ')})")
    return done


def remember(key: str, line: str) -> None:
    """Keep the Python of an action that was carried out, for `action`."""
    st.session_state[f"see:did:{key}"] = line


def action(key: str, *examples: str) -> tuple[str, ...]:
    """The line of the last action of that key, else examples of it as comments."""
    done = st.session_state.get(f"see:did:{key}")
    return (str(done),) if done else tuple(f"# {line}" for line in examples)


def _source(value: object) -> str:
    """Source text of a value: the text of words such as codes and rules, which are enumerations."""
    return repr(str(value)) if isinstance(value, str) else repr(value)


class _Source:
    """A value whose `repr` is its source text."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return _source(self._value)


def show_python(code: str, w: Words) -> None:
    """The code in a closed expander, with a copy button."""
    with st.expander(w("python.same")):
        st.code(code, language="python")
