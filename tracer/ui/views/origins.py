"""Where the coin of an address came from, as a table: one address at a time, under one rule, with the range."""

from __future__ import annotations

import streamlit as st

from tracer.case import Case
from tracer.model import CONSERVING, Rule
from tracer.ui.i18n import Words
from tracer.ui.running import result_of
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import note_of, show_table

__all__ = ["origins"]


def origins(
    case: Case, words: Words, accounts: list[str], *, key: str, chosen: str = "", raw: bool = False
) -> None:
    """The origins of one of `accounts` (`chain:address`); `chosen` is the one to begin with."""
    st.caption(words("origins.help"))
    names = [str(rule) for rule in CONSERVING]
    governing = str(case.rule if case.rule in names else Rule.HAIRCUT)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        account = st.selectbox(
            words("origins.address"),
            accounts,
            index=accounts.index(chosen) if chosen in accounts else 0,
            key=f"origins-of:{key}:{chosen}",
            width=560,
        )
        rule = st.selectbox(
            words("table.rule"),
            names,
            index=names.index(governing),
            format_func=lambda r: words.one_of("rule", r),
            key=f"origins-rule:{key}",
            width=240,
        )
    if account is None:
        return
    found = result_of(
        case, f"origins:{account}", lambda report: (case.origins(account, progress=report), case.as_of), words
    )
    if found is not None:
        whole, as_of = found[0]
        frame = whole[whole["rule"] == rule].reset_index(drop=True)
        shown = frame.assign(inflow=[words.one_of("inflow", str(kind)) for kind in frame["inflow"]])
        show_table(
            shown,
            words,
            key=f"origins:{key}",
            file=f"{case.name}_origins",
            note=note_of(words, rule=str(rule), as_of=as_of),
            raw=raw,
            without=["rule", "chain", "address", "decimals", *(["theft"] if not any(frame["theft"]) else [])],
            wide={"from_address": 380, "inflow": 240},
            downloads=whole,
        )
    show_python(call(case.name, f"case.origins({account!r})"), words)
