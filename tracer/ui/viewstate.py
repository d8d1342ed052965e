"""What the reader did to the picture: opened groups, hidden addresses, a lit route, a period; with undo and redo.

A view changes what is drawn, never an amount. It lives in the browser session and is forgotten with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from tracer.ui.flow import Flow

__all__ = ["View", "change", "redo", "steps", "undo", "view", "without"]

_NOW, _PAST, _FUTURE = "see:view", "see:undo", "see:redo"
_KEPT = 100


@dataclass(frozen=True, slots=True)
class View:
    """opened: fold ids. hidden: node or fold ids.

    route: pairs of node ids to light. since, until: period of the drawn transfers, UTC text, "" for open.
    """

    opened: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    route: tuple[tuple[str, str], ...] = ()
    since: str = ""
    until: str = ""


def view() -> View:
    """The view of this session."""
    now: View = st.session_state.get(_NOW) or View()
    return now


def change(**fields: Any) -> None:
    """Change the view; the view before can be had back with `undo`."""
    before = view()
    after = replace(before, **fields)
    if after != before:
        st.session_state[_PAST] = [*st.session_state.get(_PAST, []), before][-_KEPT:]
        st.session_state[_FUTURE] = []
        st.session_state[_NOW] = after


def steps() -> tuple[int, int]:
    """How many changes can be undone, and how many of those undone can be done again."""
    return len(st.session_state.get(_PAST, [])), len(st.session_state.get(_FUTURE, []))


def undo() -> None:
    """Back to the view before the last change, if there is one."""
    _step(_PAST, _FUTURE)


def redo() -> None:
    """Take back the last undo."""
    _step(_FUTURE, _PAST)


def _step(taken: str, given: str) -> None:
    stack: list[View] = list(st.session_state.get(taken, []))
    if stack:
        st.session_state[given] = [*st.session_state.get(given, []), view()]
        st.session_state[_NOW] = stack.pop()
        st.session_state[taken] = stack


def without(flow: Flow, hidden: Collection[str]) -> Flow:
    """`flow` without the hidden nodes and the flows at them. Only the picture leaves them out."""
    if not hidden:
        return flow
    gone = set(hidden)
    return Flow(
        tuple(n for n in flow.nodes if n.id not in gone),
        tuple(e for e in flow.edges if e.source not in gone and e.target not in gone),
        flow.assets,
    )
