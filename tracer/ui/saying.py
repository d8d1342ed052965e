"""What the analyst says of the address in the panel: who it is, and whether coin stops there."""

from __future__ import annotations

import streamlit as st

from tracer.case import Case
from tracer.model import UNREAD, StopCode
from tracer.ui.flow import Node
from tracer.ui.i18n import Words
from tracer.ui.session import errors_shown, say
from tracer.ui.snippets import carry_out

__all__ = ["actions"]


def _at_once(case: Case, node: Node, w: Words) -> None:
    """The two words that are said most often: all is computed anew at once, and collecting goes on from there."""
    with st.container(horizontal=True):
        if node.stop in UNREAD and st.button(
            w("details.no_hub"), help=w("details.no_hub_help"), key=f"no-hub:{node.id}"
        ):
            carry_out(
                f"at:{node.id}",
                case.stop,
                node.address,
                None,
                chain=node.chain,
                reason=w("details.said_here"),
            )
            say(w("details.collect_on"))
            st.rerun()
        if node.stop != StopCode.SERVICE and st.button(
            w("details.is_service"), help=w("details.is_service_help"), key=f"service:{node.id}"
        ):
            carry_out(
                f"at:{node.id}",
                case.stop,
                node.address,
                StopCode.SERVICE,
                chain=node.chain,
                reason=w("details.said_here"),
            )
            st.rerun()


def actions(case: Case, node: Node, w: Words) -> None:
    """The forms under the panel of an address: a label, and whether coin stops there."""
    if node.kind != "seed":
        with errors_shown():
            _at_once(case, node, w)
    with st.expander(w("details.act")):
        with st.form(f"label:{node.id}", border=False):
            name = st.text_input(w("label.name"), key=f"label-name:{node.id}")
            category = st.selectbox(
                w("label.category"),
                ["", "exchange", "mixer", "bridge", "swap", "sanctioned", "victim"],
                format_func=lambda c: w.one_of("category", c or "none"),
                key=f"label-category:{node.id}",
            )
            source = st.text_input(w("label.source"), key=f"label-source:{node.id}")
            if st.form_submit_button(w("label.add")) and name:
                with errors_shown():
                    carry_out(
                        f"at:{node.id}",
                        case.label,
                        node.address,
                        name,
                        chain=node.chain,
                        category=category,
                        source=source,
                    )
                    st.rerun()
        with st.form(f"stop:{node.id}", border=False):
            codes = ["", *(str(c) for c in StopCode)]
            code = st.selectbox(
                w("stopping.code"),
                codes,
                format_func=lambda c: c or w("stopping.none"),
                key=f"stop-code:{node.id}",
            )
            reason = st.text_input(w("stopping.reason"), key=f"stop-reason:{node.id}")
            if st.form_submit_button(w("stopping.add")):
                with errors_shown():
                    carry_out(
                        f"at:{node.id}",
                        case.stop,
                        node.address,
                        code or None,
                        chain=node.chain,
                        reason=reason,
                    )
                    st.rerun()
