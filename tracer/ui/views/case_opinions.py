"""What the investigator declares: conversions with their source, labels, and where tracing stops."""

from __future__ import annotations

import streamlit as st

from tracer.case import Case
from tracer.errors import InputError
from tracer.export.opinions import declared
from tracer.model import NATIVE, Conversion, StopCode
from tracer.ui.acting import take_back
from tracer.ui.i18n import Words
from tracer.ui.session import say
from tracer.ui.snippets import action, call, carry_out, show_python
from tracer.ui.tables import ordered, show_table
from tracer.ui.views.labels import give

__all__ = ["conversions", "labels_and_stops"]


def conversions(case: Case, words: Words) -> None:
    """Declare what an address also got in a transaction, or withdraw such a declaration."""
    st.caption(words("conversion.help"))
    with st.form("conversion"):
        left, right = st.columns(2)
        tx = left.text_input(words("conversion.tx"), key="conversion-tx")
        address = right.text_input(words("conversion.address"), key="conversion-address")
        asset = left.text_input(words("conversion.asset"), value=NATIVE, key="conversion-asset")
        amount = right.text_input(words("conversion.amount"), key="conversion-amount")
        counterparty = left.text_input(words("conversion.counterparty"), key="conversion-counterparty")
        source = right.text_input(words("conversion.source"), key="conversion-source")
        symbol = left.text_input(words("conversion.symbol"), key="conversion-symbol")
        decimals = right.number_input(words("conversion.decimals"), 0, 77, 18, key="conversion-decimals")
        chain = left.text_input(words("seeds.chain"), value="eip155:1", key="conversion-chain")
        sent = st.form_submit_button(words("conversion.declare"), type="primary")
    if sent:
        if not amount.strip().isdecimal():
            raise InputError(words("conversion.not_whole"))
        if not source.strip():
            raise InputError(words("conversion.no_source"))
        number = carry_out(
            "declare",
            case.declare,
            Conversion(
                chain=chain.strip(),
                tx=tx.strip(),
                address=address.strip(),
                asset=asset.strip(),
                amount=int(amount.strip()),
                counterparty=counterparty.strip(),
                source=source.strip(),
                symbol=symbol.strip(),
                decimals=int(decimals),
            ),
        )
        say(words("conversion.declared", number=number))
        st.rerun()
    frame = case.conversions()
    show_table(
        ordered(frame, ("number", "symbol", "amount_raw", "source", "withdrawn_utc")),
        words,
        downloads=declared(frame),
        key="conversions",
        file=f"{case.name}_conversions",
        wide={"tx": 560, "address": 380, "source": 420},
    )
    take_back(
        [int(n) for n, gone in zip(frame["number"], frame["withdrawn_utc"], strict=True) if not gone],
        case.withdraw_conversion,
        words=(words("conversion.number"), words("conversion.withdraw"), words("conversion.withdrawn")),
        key="conversion-number",
        button="conversion-withdraw",
    )
    show_python(
        call(
            case.name,
            "from tracer.model import Conversion",
            "case.conversions()",
            *action(
                "declare",
                'case.declare(Conversion(chain="eip155:1", tx="0x...", address="0x...", asset="native",',
                '                        amount=1, counterparty="0x...", source="..."))',
            ),
            *action("conversion-number", "case.withdraw_conversion(1)"),
        ),
        words,
    )


def labels_and_stops(case: Case, words: Words) -> None:
    """Name an address, or say that coin stops there (or does not)."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"##### {words('label.title')}")
        give(case, words)
    with right:
        st.markdown(f"##### {words('stopping.title')}")
        with st.form("stop", clear_on_submit=True):
            address = st.text_input(words("label.address"), key="stop-address")
            code = st.selectbox(
                words("stopping.code"),
                ["", *(str(c) for c in StopCode)],
                format_func=lambda c: f"{c}: {words.one_of('stop', c)}" if c else words("stopping.none"),
                key="stop-code",
            )
            reason = st.text_input(words("stopping.reason"), key="stop-reason")
            chain = st.text_input(words("seeds.chain"), value="eip155:1", key="stop-chain")
            sent = st.form_submit_button(words("stopping.add"), type="primary")
        if sent:
            carry_out(
                "stop", case.stop, address.strip(), code or None, chain=chain.strip(), reason=reason.strip()
            )
            st.rerun()
        show_table(case.stops(), words, key="stops", file=f"{case.name}_stops")
        show_python(
            call(case.name, "case.stops()", *action("stop", 'case.stop("0x...", "SERVICE", reason="...")')),
            words,
        )
