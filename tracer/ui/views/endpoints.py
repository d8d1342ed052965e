"""The Endpoints page: where the coin rests, per address and per service, what brought it, and the freeze sheet."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.export.freeze import freeze_zip
from tracer.ui.filters import filtered
from tracer.ui.i18n import Words
from tracer.ui.jobs import Progress
from tracer.ui.links import explorer_link
from tracer.ui.printing import plain
from tracer.ui.running import known, poll, result_of, started, trouble
from tracer.ui.session import current, errors_shown, w
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import note_of, ordered, show_table

__all__ = ["render"]

_TABS = ("table", "services", "freeze", "losses")
_WIDE = {
    "address": 380,
    "tx_hash": 560,
    "from_address": 380,
    "service": 170,
    "still_there": 300,
    "label_source": 320,
}
_FIRST = (
    *("endpoint", "address", "service", "symbol", "taint_raw", "taint", "at_least_raw", "at_most_raw"),
    *("range_kind", "still_there", "first_arrival_utc", "last_arrival_utc"),
)
"""What a reader needs first stands on the left of the screen; the CSV keeps the order of the contract."""
_SERVICE_FIRST = (
    *("service", "endpoint", "addresses", "symbol", "taint_raw", "taint", "at_least_raw", "at_most_raw"),
    *("range_kind", "still_there", "not_seen_to_leave", "partly_left", "left", "not_known"),
    *("first_arrival_utc", "last_arrival_utc"),
)
_BROUGHT = (
    *("timestamp_utc", "amount_raw", "amount", "taint_raw", "taint", "symbol", "decimals", "tx_hash"),
    *("from_address", "from_label", "block", "kind", "grade", "source_name", "source_row"),
)


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words = w()
    case = current()
    if case.seeds().empty:
        st.info(words("trace.no_seeds"))
        return
    found = result_of(case, "endpoints", lambda report: _tables(case, report), words)
    if found is None:
        return
    tables: dict[str, pd.DataFrame] = found[0]
    st.caption(words("endpoints.help"))
    note = note_of(words, rule=str(case.rule), as_of=case.as_of)
    raw = st.toggle(words("table.raw"), key="see:endpoints-raw")
    tabs = st.tabs([words(f"endpoints.tab_{t}") for t in _TABS], key="see:endpoint-tabs", on_change="rerun")
    draw = {"table": _addresses, "services": _services, "freeze": _freeze, "losses": _losses}
    for tab, name in zip(tabs, _TABS, strict=True):
        if tab.open is not False:
            with tab, errors_shown():
                draw[name](case, tables, words, note, raw)


def _tables(case: Case, report: Progress) -> dict[str, pd.DataFrame]:
    made = {str(by or "address"): make() for by, make in case.endpoint_tables(report).items()}
    return made | {"losses": case.losses(), "asked": case.freeze_addressees(report)}


def _addresses(case: Case, tables: dict[str, pd.DataFrame], words: Words, note: str, raw: bool) -> None:
    whole = tables["address"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sorts = list(dict.fromkeys(whole["endpoint"]))
        chosen = st.pills(
            words("endpoints.kinds"),
            sorts,
            selection_mode="multi",
            format_func=lambda s: words.one_of("endpoint_kind", s),
            key=f"see:endpoint-kinds:{words.language}",
        )
        shown = filtered(whole, words, key="endpoints", time="last_arrival_utc")
    if chosen:
        shown = shown[shown["endpoint"].isin(set(chosen))]
    if len(shown) < len(whole):
        st.caption(words("table.filtered", shown=f"{len(shown):,}", total=f"{len(whole):,}"))
    row = show_table(
        ordered(shown, _FIRST).reset_index(drop=True),
        words,
        key="endpoints",
        file=f"{case.name}_endpoints",
        note=note,
        raw=raw,
        without=["decimals"],
        wide=_WIDE,
        select=True,
        downloads=whole,
    )
    if row is not None:
        _brought(case, shown.iloc[row], tables["transfer"], words, note, raw)
    show_python(call(case.name, "case.endpoints()", 'case.endpoints(by="transfer")'), words)


def _brought(case: Case, at: Any, transfers: pd.DataFrame, words: Words, note: str, raw: bool) -> None:
    """The payments that brought the coin of one endpoint."""
    address = str(at["address"])
    st.markdown(f"**{words('endpoints.brought', address=address)}**")
    same = [transfers[c] == at[c] for c in ("chain", "address", "asset")]
    part = transfers[same[0] & same[1] & same[2]]
    if part.empty:
        st.caption(words("endpoints.declared_only"))
    else:
        show_table(
            part[list(_BROUGHT)].reset_index(drop=True),
            words,
            downloads=part,
            key="endpoint-transfers",
            file=f"{case.name}_to_{address}",
            note=note,
            raw=raw,
            without=["decimals"],
            wide=_WIDE,
        )
    if not address.startswith("sink:"):
        explorer_link(str(at["chain"]), words, address=address)


def _services(case: Case, tables: dict[str, pd.DataFrame], words: Words, note: str, raw: bool) -> None:
    st.caption(words("endpoints.services_help"))
    show_table(
        ordered(tables["service"], _SERVICE_FIRST),
        words,
        downloads=tables["service"],
        key="endpoints-by-service",
        file=f"{case.name}_endpoints_by_service",
        note=note,
        raw=raw,
        without=["decimals"],
        wide=_WIDE,
    )
    show_python(call(case.name, 'case.endpoints(by="service")'), words)


def _freeze(case: Case, tables: dict[str, pd.DataFrame], words: Words, note: str, raw: bool) -> None:
    del note, raw
    asked = tables["asked"]
    st.caption(words("freeze.help"))
    if asked.empty:
        st.info(words("freeze.nobody"))
    else:
        roles = {
            str(r["name"]): words("freeze.issuer", symbols=r["symbols"])
            if r["role"] == "issuer"
            else words("freeze.service")
            for r in asked.to_dict("records")
        }
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = str(
                st.selectbox(
                    words("freeze.whom"),
                    list(roles),
                    format_func=lambda n: f"{n} ({roles[n]})",
                    key=f"freeze-whom:{words.language}",
                    width=420,
                )
            )
            what = f"freeze:{name}"
            others = "; ".join(sorted(set(asked.loc[asked["name"] == name, "other_sources_name"]) - {""}))
            if st.button(words("freeze.make"), type="primary", key="freeze-make"):
                started(case, what, lambda report: freeze_zip(case.freeze_sheet(name, report)))
        if others:
            st.warning(
                words("freeze.others", name=plain(name), names=plain(others, 2_000)), icon=":material/help:"
            )
        job = known(case, what)
        if job is not None and not job.wait(1.0):
            poll(job, words)
        elif job is not None and not trouble(job, words, again=True):
            st.download_button(
                words("freeze.download", name=plain(name)),
                data=bytes(job.result),  # type: ignore[call-overload]
                file_name=f"{case.name}_freeze.zip",
                mime="application/zip",
                on_click="ignore",
                key="freeze-zip",
            )
        show_table(asked, words, key="addressees", file=f"{case.name}_addressees", downloads=False)
    whom = st.session_state.get(f"freeze-whom:{words.language}", "NAME")
    show_python(
        call(case.name, "case.freeze_addressees()", f"case.freeze({whom!r}, {f'{case.name}-freeze'!r})"),
        words,
    )


def _losses(case: Case, tables: dict[str, pd.DataFrame], words: Words, note: str, raw: bool) -> None:
    st.caption(words("endpoints.losses_help"))
    show_table(
        tables["losses"],
        words,
        key="losses",
        file=f"{case.name}_losses",
        note=note,
        raw=raw,
        without=["decimals"],
        wide={"value_source": 720},
    )
    show_python(call(case.name, "case.losses()"), words)
