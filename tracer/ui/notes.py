"""The notes on one address, and the form for a new one."""

from __future__ import annotations

import streamlit as st

from tracer.case import Case
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, jst, plain, utc
from tracer.ui.session import errors_shown
from tracer.ui.snippets import carry_out

__all__ = ["notes"]


def notes(case: Case, chain: str, address: str, words: Words) -> None:
    """Show the notes on an address, withdrawn ones marked, and take or withdraw one."""
    found = case.notes(address, chain).to_dict("records")
    standing = [row for row in found if not row["withdrawn_utc"]]
    with st.expander(f"{words('note.title')} ({len(standing):,})", expanded=bool(standing)):
        for row in found:
            st.text("\n".join(clean(line, len(line)) for line in str(row["reason"]).splitlines()))
            who = " \N{MIDDLE DOT} ".join(
                part
                for part in (
                    plain(row["author"]),
                    f"{utc(row['made_utc'])} / {jst(row['made_utc'])}",
                    words("note.withdrawn", when=utc(row["withdrawn_utc"])) if row["withdrawn_utc"] else "",
                )
                if part
            )
            st.caption(who)
            number = int(row["number"])
            if not row["withdrawn_utc"] and st.button(
                words("note.withdraw", number=number), key=f"note-withdraw:{number}"
            ):
                carry_out(f"at:{chain}:{address}", case.withdraw_judgement, number)
                st.rerun()
        with st.form(f"note:{chain}:{address}", border=False, clear_on_submit=True):
            text = st.text_area(words("note.text"), key=f"note-text:{chain}:{address}", height=80)
            author = st.text_input(words("note.author"), key=f"note-author:{chain}:{address}")
            if st.form_submit_button(words("note.add")):
                with errors_shown():
                    carry_out(f"at:{chain}:{address}", case.note, address, text, author, chain)
                    st.rerun()
        st.caption(words("note.help"))
