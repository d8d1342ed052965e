"""The tables under the picture. A hidden tab costs nothing: its frame is made when the tab is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.errors import TracerError
from tracer.export.opinions import declared, ruled
from tracer.tracing import ALL_RANGES
from tracer.ui.acting import refusal, take_back
from tracer.ui.filters import filtered
from tracer.ui.i18n import Words
from tracer.ui.printing import plain
from tracer.ui.running import known as running
from tracer.ui.running import poll, result_of, started
from tracer.ui.session import errors_shown, select
from tracer.ui.snippets import action, call, carry_out, show_python
from tracer.ui.tables import note_of, ordered, show_table
from tracer.ui.views.origins import origins
from tracer.ui.views.result_routes import routes_and_paths
from tracer.ui.views.rulings import OFFERED, offer, verdict_of_gap, verdict_of_transfer

__all__ = ["tables", "with_units"]

_TABS = (
    "addresses",
    "transfers",
    "routes",
    "origins",
    "conservation",
    "gaps",
    "declared",
    "compare",
    "judgements",
)

_TRANSFERS_FIRST = (
    "timestamp_utc",
    "symbol",
    "amount_raw",
    "taint_raw",
    "from_address",
    "to_address",
    "excluded",
)


def tables(case: Case, result: Any, addresses: pd.DataFrame, words: Words) -> None:
    """The tabs of a result. addresses: its `addresses(ranges=False)`, shown until the ranges are there."""
    note = note_of(words, rule=str(result.rule), as_of=result.as_of, conventions=result.conventions)
    raw = st.toggle(words("table.raw"), key="see:raw")
    tabs = st.tabs([words(f"tab.{t}") for t in _TABS], key="see:tabs", on_change="rerun")
    draw: dict[str, Callable[[Case, Any, Words, str, bool], None]] = {
        "addresses": partial(_addresses, known=addresses),
        "transfers": _transfers,
        "routes": routes_and_paths,
        "origins": partial(_origins, addresses=addresses),
        "conservation": _conservation,
        "gaps": _gaps,
        "declared": _declared,
        "compare": _compare,
        "judgements": _judgements,
    }
    for tab, name in zip(tabs, _TABS, strict=True):
        if tab.open is not False:
            with tab, errors_shown():
                draw[name](case, result, words, note, raw)
    refusal(OFFERED)  # where the row is no longer chosen under which it was pressed


def _select_row(frame: pd.DataFrame, row: int | None, key: str) -> None:
    """A newly chosen row becomes the chosen node of the picture."""
    if row is None:
        st.session_state.pop(f"see:last:{key}", None)
        return
    at = frame.iloc[row]
    chain, address = str(at["chain"]), str(at["address"])
    node = address if address.startswith("sink:") else f"{chain}:{address}"
    if st.session_state.get(f"see:last:{key}") != node:
        st.session_state[f"see:last:{key}"] = node
        select(node)
        st.rerun()


def _addresses(case: Case, result: Any, words: Words, note: str, raw: bool, *, known: pd.DataFrame) -> None:
    what = f"addresses:{result.rule}"
    # In a large case the ranges take the processor for seconds: only when they are asked for.
    small = result.ledger.rows <= ALL_RANGES
    asked = not small and st.button(words("details.ask_range"), key="ask-ranges")
    job = (
        started(case, what, lambda _: result.addresses(), later=True)
        if small or asked
        else running(case, what)
    )
    ready = job is not None and job.finished.is_set() and job.error is None
    frame: Any = job.result if ready and job is not None else known
    if job is not None and not job.finished.is_set():
        poll(job, words, words("details.ranging"))
    kept = _filtered(frame, words, "addresses", "first_received_utc")
    row = show_table(
        ordered(
            kept, ("address", "symbol", "taint_raw", "taint", "at_least_raw", "at_most_raw", "hop", "stop")
        ),
        words,
        # as the export has it, with the ranges, also while those on the screen are still being computed
        downloads=result.addresses,
        key="addresses",
        file=f"{case.name}_taint_{result.rule}",
        note=note,
        raw=raw,
        without=["rule", "decimals"],
        wide={"address": 380},
        select=True,
    )
    st.caption(words("tab.addresses_help"))
    show_python(call(case.name, f"case.taint({str(result.rule)!r}).addresses()"), words)
    _select_row(kept, row, "addresses")


def _filtered(frame: pd.DataFrame, words: Words, key: str, time: str) -> pd.DataFrame:
    """The rows that match the reader's filters; says so when some do not."""
    kept = filtered(frame, words, key=key, time=time)
    if len(kept) == len(frame):
        return frame
    st.caption(words("table.filtered", shown=f"{len(kept):,}", total=f"{len(frame):,}"))
    return kept.reset_index(drop=True)


def _transfers(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    frame = result.transfers()
    kept = _filtered(frame, words, "transfers", "timestamp_utc")
    row = show_table(
        ordered(kept, _TRANSFERS_FIRST),
        words,
        downloads=frame,
        key="transfers",
        file=f"{case.name}_transfers_{result.rule}",
        note=note,
        raw=raw,
        without=["decimals"],
        wide={"tx_hash": 560, "from_address": 380, "to_address": 380},
        select=True,
    )
    if row is None:
        st.caption(words("ruling.choose"))
    else:
        chosen = kept.iloc[row]
        offer(case, words, chosen, str(chosen["tx_hash"]), verdict_of_transfer(chosen))
    left_out = frame[frame["excluded"].astype(bool)] if len(frame) else frame
    if len(left_out):
        counts = left_out["excluded"].value_counts().sort_index()
        st.caption(
            words(
                "tab.excluded",
                text=", ".join(f"{words.one_of('excluded', str(k))} {n:,}" for k, n in counts.items()),
            )
        )
    show_python(call(case.name, f"case.taint({str(result.rule)!r}).transfers()"), words)


def _origins(case: Case, result: Any, words: Words, note: str, raw: bool, *, addresses: pd.DataFrame) -> None:
    """Of the chosen address first, else of those that stolen coin reached, the largest amounts first."""
    del result, note
    chosen = str(st.session_state.get("see:selected") or "")
    pairs = zip(addresses["chain"], addresses["address"], strict=True)
    accounts = [f"{c}:{a}" for c, a in pairs if not str(a).startswith("sink:")]
    accounts = list(dict.fromkeys([*([chosen] if chosen in accounts else []), *accounts]))
    if accounts:
        origins(case, words, accounts, key="tab", chosen=chosen, raw=raw)


def with_units(result: Any) -> pd.DataFrame:
    """The sources of a result with symbol and decimals, which the export leaves to the asset: sat and wei in one column
    are not read well.
    """
    frame: pd.DataFrame = result.sources()
    known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in result.program.assets}
    units = [known[pair] for pair in zip(frame["chain"], frame["asset"], strict=True)]
    frame = frame.assign(decimals=pd.Series([places for _, places in units], dtype=object))
    frame.insert(frame.columns.tolist().index("asset") + 1, "symbol", [symbol for symbol, _ in units])
    return frame


def _conservation(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    st.caption(words("tab.conservation_help"))
    show_table(
        result.conservation(),
        words,
        key="conservation",
        file=f"{case.name}_conservation_{result.rule}",
        note=note,
        raw=raw,
        without=["decimals"],
    )
    st.markdown(f"**{words('tab.sources')}**")
    show_table(
        with_units(result),
        words,
        downloads=result.sources,
        key="sources",
        file=f"{case.name}_sources_{result.rule}",
        note=note,
        raw=raw,
        without=["decimals"],
    )
    show_python(
        call(
            case.name,
            f"result = case.taint({str(result.rule)!r})",
            "result.conservation()",
            "result.sources()",
        ),
        words,
    )


def _gaps(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    st.caption(words("tab.gaps_help"))
    frame = result.gaps(words.language)
    row = show_table(
        frame,
        words,
        downloads=result.gaps,
        key="gaps",
        file=f"{case.name}_gaps",
        note=note,
        raw=raw,
        without=["decimals"],
        wide={"explained": 520, "message": 520},
        select=True,
    )
    if row is not None:
        chosen = frame.iloc[row]
        offer(case, words, chosen, str(chosen["tx"]), verdict_of_gap(chosen))
    elif "doubtful_conversion" in set(frame["code"]):
        st.caption(words("ruling.choose_gap"))
    st.markdown(f"**{words('tab.conventions')}**")
    for line in result.conventions:
        st.text(f"\N{BULLET} {words.known('convention', line)}")
    show_python(call(case.name, "case.gaps()", f"case.taint({str(result.rule)!r}).conventions"), words)


def _declared(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    """What the result owes to somebody's word: declared conversions and rulings, which can be withdrawn."""
    del result
    st.caption(words("tab.declared_help"))
    st.markdown(f"**{words('tab.conversions')}**")
    conversions, rulings = case.conversions(), case.rulings()
    show_table(
        ordered(conversions, ("number", "symbol", "amount_raw", "source", "withdrawn_utc")),
        words,
        downloads=declared(conversions),
        key="declared",
        file=f"{case.name}_conversions",
        note=note,
        raw=raw,
        wide={"tx": 560, "address": 380, "source": 520},
    )
    st.markdown(f"**{words('tab.rulings')}**")
    show_table(
        ordered(rulings, ("number", "verdict", "reason", "withdrawn_utc", "author")),
        words,
        downloads=ruled(rulings),
        key="ruled",
        file=f"{case.name}_rulings",
        note=note,
        raw=raw,
        wide={"subject": 560, "address": 380, "reason": 520},
    )
    show_python(
        call(
            case.name,
            "case.conversions()",
            "case.rulings()",
        ),
        words,
    )


def _compare(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    del note
    st.caption(words("tab.compare_help"))
    found = result_of(case, "compare", lambda report: case.compare(progress=report), words)
    if found is not None:
        show_table(
            found[0],
            words,
            key="compare",
            file=f"{case.name}_compare",
            raw=raw,
            without=["decimals"],
            note=note_of(words, rule=str(case.rule), as_of=result.as_of),
            wide={"address": 380},
        )
        _group_range(case, found[0], words)
    show_python(
        call(case.name, "case.compare()", *_range_asked()),
        words,
    )


def _group_range(case: Case, compared: pd.DataFrame, words: Words) -> None:
    """The range of several addresses, or of a service by its label, as one holder."""
    st.markdown(f"**{words('group.title')}**")
    st.caption(words("group.help"))
    names = case.tracing().parties.names
    addresses = list(
        dict.fromkeys(
            f"{c}:{a}"
            for c, a in zip(compared["chain"], compared["address"], strict=True)
            if not str(a).startswith("sink:")
        )
    )
    with st.form("group-range"):
        chosen = st.multiselect(words("group.members"), [*names, *addresses], key="see:group")
        through = st.checkbox(words("group.through"), key="see:group-through")
        sent = st.form_submit_button(words("group.compute"))
    if sent:
        st.session_state["see:group-asked"] = (tuple(chosen), through)
    members, ever = st.session_state.get("see:group-asked") or ((), False)
    if not members:
        return
    claimed = [claim for text in members if text in names for claim in case.claims(text).to_dict("records")]
    if claimed:
        told = ", ".join(f"{c['address']} ({plain(c['attributed_to'])})" for c in claimed)
        st.warning(words("group.claimed", addresses=told), icon=":material/help:")
    ranges = result_of(
        case,
        f"group:{members}:{ever}",
        lambda report: case.bounds(members, report, together=True, through=ever),
        words,
    )
    if ranges is not None:
        show_table(
            ranges[0],
            words,
            key="group-ranges",
            file=f"{case.name}_group",
            wide={"address": 520},
            note=words("group.through") if ever else "",
        )


def _range_asked() -> tuple[str, ...]:
    """The Python of the range that was asked for, else an example as a comment."""
    members, ever = st.session_state.get("see:group-asked") or ((), False)
    if not members:
        return ('# case.bounds(["0x...", "0x..."], together=True, through=False)',)
    return (f"case.bounds({list(members)!r}, together=True, through={ever})",)


def _judgements(case: Case, result: Any, words: Words, note: str, raw: bool) -> None:
    del note
    frame = case.judgements()
    show_table(
        ordered(frame, ("number", "verdict", "reason", "withdrawn_utc", "subject")),
        words,
        downloads=frame,
        key="judgements",
        file=f"{case.name}_judgements",
        raw=raw,
        wide={"reason": 520, "subject": 380},
        note=note_of(words, rule=str(case.rule), as_of=result.as_of),
    )
    standing = [int(n) for n, gone in zip(frame["number"], frame["withdrawn_utc"], strict=True) if not gone]
    take_back(
        standing,
        case.withdraw_judgement,
        words=(words("conversion.number"), words("conversion.withdraw"), words("conversion.withdrawn")),
        key="judgement-number",
        button="judgement-withdraw",
    )
    with st.form("judge", clear_on_submit=True):
        subject = st.text_input(words("judge.subject"))
        verdict = st.text_input(words("judge.verdict"))
        reason = st.text_input(words("judge.reason"))
        author = st.text_input(words("judge.author"))
        if st.form_submit_button(words("judge.add")):
            if subject and verdict:
                carry_out("judge", case.judge, subject, verdict, reason=reason, author=author)
                st.rerun()
            raise TracerError(words("judge.incomplete"))
    show_python(
        call(
            case.name,
            "case.judgements()",
            *action("judge", 'case.judge("SUBJECT", "VERDICT", reason="...", author="...")'),
            *action("judgement-number", "case.withdraw_judgement(1)"),
        ),
        words,
    )
