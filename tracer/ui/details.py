"""The panel beside the picture: everything known about the chosen address, with its evidence, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.model import Rule, StopCode
from tracer.ui.flow import Flow, Node
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, exact_amount, jst, utc, whole
from tracer.ui.session import errors_shown
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import show_table

__all__ = ["details", "fold_details", "resting"]


def _of(frame: pd.DataFrame, chain: str, address: str) -> pd.DataFrame:
    return frame[(frame["chain"] == chain) & (frame["address"] == address)]


def _label(case: Case, chain: str, address: str, w: Words) -> None:
    found = _of(case.labels(), chain, address)
    if found.empty:
        st.caption(w("details.no_label"))
    for row in found.to_dict("records"):
        st.markdown(f"**{_plain(row['name'])}**")
        st.caption(
            f"{w('details.category')}: {_plain(row['category'])} \N{MIDDLE DOT} "
            f"{w('details.confidence')}: {row['confidence']} \N{MIDDLE DOT} "
            f"{w('details.source')}: {_plain(row['source']) or '-'}"
        )


def _plain(text: object) -> str:
    """Text that is shown through Markdown: its markup characters are escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in clean(text))


def _facts(rows: pd.DataFrame, w: Words) -> None:
    first = rows.iloc[0]
    hop = whole(first["hop"])
    stops = sorted({str(s) for s in rows["stop"] if s})
    received = min((str(t) for t in rows["first_received_utc"] if t), default="")
    left, right = st.columns(2)
    left.metric(w("details.hop"), "-" if hop is None else hop)
    right.metric(w("details.stop"), ", ".join(stops) or "-")
    for stop in stops:
        st.caption(f"{stop}: {w.one_of('stop', stop)}")
    if received:
        st.caption(f"{w('details.first')}: {utc(received)} / {jst(received)}")


def _by_rule(rows: pd.DataFrame, compared: pd.DataFrame | None, rule: str, w: Words) -> pd.DataFrame:
    """One line per asset and rule, with the range: exact decimal text."""
    lines: list[dict[str, str]] = []
    for row in rows.to_dict("records"):
        places = whole(row["decimals"])
        symbol = clean(row["symbol"], 12) or clean(row["asset"])

        def text(value: object, places: int | None = places) -> str:
            number = whole(value)
            return "" if number is None else exact_amount(number, places)

        match = compared
        if match is not None:
            match = _of(match, row["chain"], row["address"]) if "chain" in match.columns else match
            match = match[(match["address"] == row["address"]) & (match["asset"] == row["asset"])]
        both = match.to_dict("records")[0] if match is not None and not match.empty else {}
        if both:
            lines += [
                {
                    "asset": symbol,
                    "rule": w.one_of("rule", str(r)) + (" \N{BLACK STAR}" if str(r) == rule else ""),
                    "amount": text(both.get(str(r), both.get(f"{r}_raw"))),
                }
                for r in Rule
            ]
        else:
            lines.append(
                {
                    "asset": symbol,
                    "rule": w.one_of("rule", rule) + " \N{BLACK STAR}",
                    "amount": text(row["taint_raw"]),
                }
            )
        low, high = both.get("at_least_raw", row["at_least_raw"]), both.get("at_most_raw", row["at_most_raw"])
        lines += [
            {"asset": symbol, "rule": w("details.at_least"), "amount": text(low)},
            {"asset": symbol, "rule": w("details.at_most"), "amount": text(high)},
        ]
    return pd.DataFrame(lines, columns=["asset", "rule", "amount"])


def _moved(transfers: pd.DataFrame, chain: str, address: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    here = transfers[transfers["chain"] == chain]
    return here[here["to_address"] == address], here[here["from_address"] == address]


_EVIDENCE = (
    "timestamp_utc",
    "amount_raw",
    "taint_raw",
    "symbol",
    "decimals",
    "from_address",
    "to_address",
    "tx_hash",
    "source_name",
    "source_row",
    "excluded",
)


def details(
    case: Case,
    node: Node,
    result: Any,
    frames: Mapping[str, pd.DataFrame],
    compared: pd.DataFrame | None,
    w: Words,
) -> None:
    """The panel of one address. frames: `addresses` and `transfers` of `result`; compared: all rules, if ready."""
    st.markdown(f"##### {w.one_of('kind', node.kind)}")
    st.code(node.address, language=None, wrap_lines=True)
    if node.chain:
        st.caption(f"{w('details.chain')}: {node.chain}")
        _label(case, node.chain, node.address, w)
    rows = (
        _of(frames["addresses"], node.chain, node.address)
        if node.chain
        else frames["addresses"][frames["addresses"]["address"] == node.address]
    )
    if rows.empty:
        st.caption(w("details.clean"))
    else:
        _facts(rows, w)
        st.markdown(f"**{w('details.by_rule')}**")
        by_rule = _by_rule(rows, compared, result.rule, w)
        show_table(
            by_rule,
            w,
            key=f"rules:{node.id}",
            file="rules",
            downloads=False,
            height=35 * (min(len(by_rule), 9) + 1) + 3,
        )
        if compared is None and node.chain:
            st.caption(w("details.comparing"))
        st.markdown(f"**{w('details.amounts')}**")
        shown = [
            c
            for c in ("symbol", "decimals", "received_taint_raw", "balance_raw", "taint_source_raw")
            if c in rows.columns
        ]
        show_table(
            rows[shown], w, key=f"sums:{node.id}", file="amounts", without=["decimals"], downloads=False
        )
    if node.chain:
        came, went = _moved(frames["transfers"], node.chain, node.address)
        note = w("details.evidence")
        for title, part, name in ((w("details.in"), came, "in"), (w("details.out"), went, "out")):
            st.markdown(f"**{title}** ({len(part):,})")
            columns = [c for c in _EVIDENCE if c in part.columns]
            other = "to_address" if name == "in" else "from_address"
            if len(part):
                show_table(
                    part[columns].reset_index(drop=True),
                    w,
                    key=f"{name}:{node.id}",
                    file=f"{case.name}_{name}_{node.address}",
                    note=note,
                    without=["decimals", other],
                    height=min(35 * (len(part) + 1) + 3, 230),
                )
        _actions(case, node, w)
    show_python(
        call(
            case.name,
            f"taint = case.taint({result.rule!r}).addresses()",
            f"taint[taint.address == {node.address!r}]",
            "table = case.compare()",
            f"table[table.address == {node.address!r}]",
        ),
        w,
    )


def _actions(case: Case, node: Node, w: Words) -> None:
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
                    case.label(node.address, name, chain=node.chain, category=category, source=source)
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
                    case.stop(node.address, code or None, chain=node.chain, reason=reason)
                    st.rerun()


def fold_details(node: Node, flow: Flow, w: Words, *, opened: bool) -> str:
    """The panel of a fold: its members, heaviest first. Returns `open` or `` for the button that was pressed."""
    st.markdown(f"##### {w('canvas.others', count=f'{len(node.members):,}')}")
    if node.name:
        st.markdown(_plain(node.name))
    st.caption(w("details.fold"))
    pressed = st.button(w("details.open_fold"), type="primary", key=f"open:{node.id}", disabled=opened)
    inside = [n for n in flow.nodes if n.id in set(node.members)]
    inside.sort(key=lambda n: (-n.weight, n.id))
    lines = [
        {
            "address": n.address,
            "asset": clean(flow.assets[key].symbol, 12),
            "received_taint": exact_amount(n.received.get(key, 0), flow.assets[key].decimals),
            "taint": exact_amount(n.rests.get(key, 0), flow.assets[key].decimals),
            "stop": n.stop,
        }
        for n in inside
        for key in sorted({*n.received, *n.rests})
    ]
    frame = pd.DataFrame(lines, columns=["address", "asset", "received_taint", "taint", "stop"])
    show_table(frame, w, key=f"fold:{node.id}", file="folded", height=420)
    return "open" if pressed else ""


def resting(addresses: pd.DataFrame, w: Words, key: str) -> int | None:
    """With nothing chosen: where the most coin rests now. Returns the chosen row's index in `addresses`."""
    st.markdown(f"##### {w('details.resting')}")
    st.caption(w("details.choose"))
    held = addresses[
        [
            bool(t) and not str(a).startswith("sink:")
            for t, a in zip(addresses["taint_raw"], addresses["address"], strict=True)
        ]
    ]
    sized = sorted(
        held.index,
        key=lambda i: (
            -(held.at[i, "taint_raw"] // 10 ** (whole(held.at[i, "decimals"]) or 0)),
            str(held.at[i, "address"]),
        ),
    )[:40]
    top = held.loc[sized, ["taint_raw", "symbol", "address", "hop", "stop", "decimals"]]
    picked = show_table(
        top.reset_index(drop=True),
        w,
        key=key,
        file="resting",
        without=["decimals"],
        downloads=False,
        select=True,
        height=560,
    )
    return None if picked is None else int(sized[picked])
