"""Rulings: the investigator overrules what is followed by default, from the Case page or from a row of a table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.export.opinions import ruled
from tracer.store.caserecords import Verdict
from tracer.ui.acting import as_drawn, refusal, take_back
from tracer.ui.i18n import Words
from tracer.ui.printing import clean
from tracer.ui.session import say
from tracer.ui.snippets import action, call, carry_out, show_python
from tracer.ui.tables import ordered, show_table

__all__ = ["OFFERED", "offer", "rulings", "verdict_of_gap", "verdict_of_transfer"]

OFFERED = "offered"
"""Where a refusal of what `offer` recorded is kept (`tracer.ui.acting.refusal`)."""


def rulings(case: Case, words: Words) -> None:
    """The step of the Case page: all rulings, a form for a new one, and what withdraws one."""
    st.caption(words("ruling.help"))
    with st.form("ruling"):
        left, right = st.columns(2)
        verdict = left.selectbox(
            words("col.verdict"),
            list(Verdict),
            format_func=lambda v: words.one_of("verdict", v),
            key="ruling-verdict",
        )
        subject = right.text_input(words("ruling.subject"), key="ruling-subject")
        address = left.text_input(words("ruling.address"), key="ruling-address")
        reason = right.text_input(words("judge.reason"), key="ruling-reason")
        author = left.text_input(words("judge.author"), key="ruling-author")
        chain = right.text_input(words("seeds.chain"), value="eip155:1", key="ruling-chain")
        sent = st.form_submit_button(words("ruling.rule"), type="primary")
    if sent and verdict is not None:
        _record(
            case,
            words,
            subject.strip(),
            Verdict(verdict),
            address.strip() or None,
            chain.strip(),
            reason,
            author,
        )
        st.rerun()
    frame = case.rulings()
    show_table(
        ordered(frame, ("number", "verdict", "reason", "withdrawn_utc", "author")),
        words,
        downloads=ruled(frame),
        key="rulings",
        file=f"{case.name}_rulings",
        wide={"subject": 560, "address": 380, "reason": 420},
    )
    standing = [int(n) for n, gone in zip(frame["number"], frame["withdrawn_utc"], strict=True) if not gone]
    take_back(
        standing,
        case.withdraw_ruling,
        words=(words("conversion.number"), words("conversion.withdraw"), words("conversion.withdrawn")),
        key="ruling-number",
        button="ruling-withdraw",
    )
    show_python(
        call(
            case.name,
            "case.rulings()",
            *action("ruling", 'case.rule_on("0x...", "leave_out", reason="...", author="...")'),
            *action("ruling-number", "case.withdraw_ruling(1)"),
        ),
        words,
    )


def verdict_of_transfer(row: pd.Series) -> Verdict | None:
    """What can be ruled about a transfer: follow one that is left out, leave out one that is followed."""
    if not row["tx_hash"]:
        return None
    if not row["excluded"]:
        return Verdict.LEAVE_OUT
    return Verdict.FOLLOW if int(row["amount_raw"]) else None  # a zero amount carries nothing


def verdict_of_gap(row: pd.Series) -> Verdict | None:
    """What can be ruled about a gap: a doubtful conversion may be a payment and an unrelated receipt."""
    return Verdict.SEPARATE if row["code"] == "doubtful_conversion" and row["status"] == "open" else None


def offer(case: Case, words: Words, row: pd.Series, tx: str, verdict: Verdict | None) -> None:
    """Under a table: rule on the transaction `tx` of its chosen row, which has `chain` and perhaps `address`."""
    if verdict is None:
        st.caption(words("ruling.none"))
        return
    chain = str(row["chain"])
    address = str(row["address"]) if verdict is Verdict.SEPARATE else None
    with st.form(f"rule:{verdict}:{tx}:{address}"):
        st.markdown(f"**{words.one_of('verdict', verdict)}**")
        st.code(" ".join(clean(part) for part in (chain, tx, address or "")).strip(), language=None)
        keys = [f"offer-{name}:{verdict}:{tx}:{address}" for name in ("reason", "author")]
        for key, name in zip(keys, ("reason", "author"), strict=True):
            st.text_input(words(f"judge.{name}"), key=key)

        def record() -> None:
            reason, author = (str(st.session_state[key]) for key in keys)
            _record(case, words, tx, verdict, address, chain, reason, author)

        st.form_submit_button(words("ruling.rule"), type="primary", on_click=as_drawn(OFFERED, record))
    refusal(OFFERED)


def _record(
    case: Case,
    words: Words,
    subject: str,
    verdict: Verdict,
    address: str | None,
    chain: str,
    reason: str,
    author: str,
) -> None:
    number = carry_out(
        "ruling",
        case.rule_on,
        subject,
        verdict,
        address,
        chain=chain,
        reason=reason.strip(),
        author=author.strip(),
    )
    say(words("ruling.recorded", number=number))
