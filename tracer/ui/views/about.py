"""What the numbers mean, what they rest on, and what they are not: for whoever has to rely on them."""

from __future__ import annotations

import streamlit as st

from tracer.model import Rule, StopCode
from tracer.results import CONVENTIONS, OUTPOINT_CONVENTIONS
from tracer.ui.i18n import Words
from tracer.ui.session import w

__all__ = ["render"]

_PARTS = ("numbers", "range", "conserve", "stops", "links", "limits", "ethics", "privacy")


def render() -> None:
    """Draw the page."""
    words = w()
    with st.container(width=900):
        st.markdown(f"#### {words('about.title')}")
        st.markdown(words("about.lead"))
        for part in _PARTS[:1]:
            _part(part, words)
        _rules(words)
        for part in _PARTS[1:4]:
            _part(part, words)
        _stops(words)
        for part in _PARTS[4:]:
            _part(part, words)
        _conventions(words)


def _part(name: str, words: Words) -> None:
    st.markdown(f"##### {words(f'about.{name}_title')}")
    st.markdown(words(f"about.{name}"))


def _rules(words: Words) -> None:
    for rule in Rule:
        st.markdown(f"- **{words.one_of('rule', str(rule))}**: {words.one_of('about_rule', str(rule))}")


def _stops(words: Words) -> None:
    for code in StopCode:
        st.markdown(f"- **{code}**: {words.one_of('stop', str(code))}")


def _conventions(words: Words) -> None:
    """The conventions that every result of this version rests on."""
    st.markdown(f"##### {words('tab.conventions')}")
    for line in (*CONVENTIONS, *OUTPOINT_CONVENTIONS):
        st.text(f"\N{BULLET} {words.known('convention', line)}")
