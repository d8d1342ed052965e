"""The trace page: figures, the flow picture with its details panel, and every table of the result below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.model import Rule
from tracer.ui.canvas import draw, strip
from tracer.ui.details import details, fold_details, resting
from tracer.ui.flow import Flow, Node, build_flow
from tracer.ui.fold import fold
from tracer.ui.i18n import Words
from tracer.ui.jobs import Progress
from tracer.ui.overview import figures
from tracer.ui.pages.result_tables import tables
from tracer.ui.picture import picture
from tracer.ui.printing import clean, jst, utc
from tracer.ui.running import result_of, started
from tracer.ui.session import again, current, pointed_at, select, w

__all__ = ["render"]

_VISIBLE = 150
_ASK_ABOVE = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows: a case, its result under one rule, and the frames made from it once."""

    case: Case
    result: Any
    addresses: pd.DataFrame
    transfers: pd.DataFrame
    conservation: pd.DataFrame
    gaps: pd.DataFrame
    labels: dict[tuple[str, str], tuple[str, str]]
    seeds: tuple[tuple[str, str], ...]


@st.cache_resource(max_entries=6, show_spinner=False)
def _shown(name: str, stamp: int, _case: Case, _result: Any) -> Shown:
    del name, stamp  # the cache key
    labels: dict[tuple[str, str], tuple[str, str]] = {}
    known = _case.labels()
    if len(known):
        for row in known.sort_values("confidence", kind="stable").to_dict("records"):
            labels[str(row["chain"]), str(row["address"])] = (
                str(row["name"] or ""),
                str(row["category"] or ""),
            )
    seeds = _case.seeds()
    return Shown(
        _case,
        _result,
        _result.addresses(ranges=False),
        _result.transfers(),
        _result.conservation(),
        _result.gaps(),
        labels,
        tuple(dict.fromkeys(zip(map(str, seeds["chain"]), map(str, seeds["address"]), strict=True))),
    )


@st.cache_resource(max_entries=12, show_spinner=False)
def _flow(name: str, stamp: int, asset: str | None, excluded: bool, _shown_case: Shown) -> Flow:
    del name, stamp
    return build_flow(
        _shown_case.addresses,
        _shown_case.transfers,
        seeds=_shown_case.seeds,
        labels=_shown_case.labels,
        asset=asset,
        excluded=excluded,
    )


def _caption(case: Case, result: Any, words: Words) -> list[str]:
    when = (
        f"{utc(result.as_of)} / {jst(result.as_of)}" if result.as_of is not None else words("table.no_as_of")
    )
    rule = words.one_of("rule", str(result.rule))
    return [
        f"{words('export.case')}: {case.name}",
        f"{words('table.rule')}: {rule} \N{MIDDLE DOT} {words('table.as_of')}: {when}",
        words("canvas.width"),
    ]


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words = w()
    case = current()
    if case.seeds().empty:
        st.info(words("trace.no_seeds"))
        return
    rule = _rule(case)
    found = result_of(case, f"taint:{rule}", lambda report: case.taint(rule, progress=report), words)
    if found is None:
        return
    result, stamp = found
    shown = _shown(case.name, stamp, case, result)
    started(case, "rules", lambda report: case.compare(ranges=False, progress=report))
    kinds = {where: category for where, (_, category) in shown.labels.items()}
    strip(figures(words, shown.addresses, shown.conservation, shown.gaps, kinds), key="strip")
    _picture_and_panel(shown, stamp, words)
    tables(case, result, words)


def _rule(case: Case) -> str:
    """The rule to look at: the governing rule of the case unless the reader turns to another."""
    chosen = str(st.session_state.get("see:rule") or case.rule)
    return chosen if chosen in {str(r) for r in Rule} else str(case.rule)


def _picked() -> None:
    answer = st.session_state.get("flow") or {}
    st.session_state["see:selected"] = str(answer.get("selected") or "")


def _opened() -> None:
    answer = st.session_state.get("flow") or {}
    if answer.get("open"):
        _open(str(answer["open"]))


def _open(fold_id: str, *, sure: bool = False) -> None:
    """Open a fold. A very large one is opened only when the reader is `sure`: until then it is chosen, and asks."""
    if sure:
        st.session_state.setdefault("see:sure", []).append(fold_id)
    opened = st.session_state.setdefault("see:opened", [])
    if fold_id not in opened:
        opened.append(fold_id)
    select("")


def _opened_folds(flow: Flow, limit: int, keep: set[str]) -> tuple[list[str], str]:
    """The folds that are open, and one that the reader must first be asked about, because it is very large."""
    opened: list[str] = st.session_state.get("see:opened") or []
    sure = set(st.session_state.get("see:sure") or [])
    if set(opened) <= sure:
        return list(opened), ""
    large = {n.id for n in fold(flow, limit, keep=keep).nodes if len(n.members) > _ASK_ABOVE} - sure
    asks = [f for f in opened if f in large]
    st.session_state["see:opened"] = [f for f in opened if f not in large]
    if asks:
        st.session_state["see:selected"] = asks[-1]
    return list(st.session_state["see:opened"]), asks[-1] if asks else ""


@st.fragment
def _picture_and_panel(shown: Shown, stamp: int, words: Words) -> None:
    """The picture and the panel: a click runs only this part again."""
    case, result = shown.case, shown.result
    asset, excluded, limit, everything = _view(shown, words)
    flow = _flow(case.name, stamp, asset, excluded, shown)
    selected = str(st.session_state.get("see:selected") or "")
    turn, pointed = pointed_at()
    known = {n.id.lower(): n.id for n in flow.nodes}
    pairs = st.session_state.get("see:route") or []
    route = [(known.get(a.lower(), a), known.get(b.lower(), b)) for a, b in pairs]
    keep = {pointed, *(n for pair in route for n in pair)}
    opened, asks = _opened_folds(flow, limit, keep)
    selected = asks or selected
    folded = fold(flow, limit, keep=keep, opened=opened, hidden=not everything)
    inside = {member: n.id for n in folded.nodes for member in n.members}
    left, right = st.columns([12, 5], gap="small")
    with left:
        data = picture(
            folded,
            words,
            caption=_caption(case, result, words),
            selected=pointed,
            turn=turn,
            route=[(inside.get(a, a), inside.get(b, b)) for a, b in route],
            total=len(flow.nodes),
            name=f"{case.name}_{result.rule}",
        )
        data["height"] = 640
        draw(data, "flow", _picked, _opened)
    with right, st.container(height=706, border=True, key="panel"):
        node = {n.id: n for n in (*folded.nodes, *flow.nodes)}.get(selected)
        if node is None:
            row = resting(
                shown.addresses, words, key=f"resting:{len(opened)}:{st.session_state.get('see:turn', 0)}"
            )
            if row is not None:
                st.session_state["see:turn"] = st.session_state.get("see:turn", 0) + 1
                at = shown.addresses.iloc[row]
                select(f"{at['chain']}:{at['address']}")
                again()
        elif node.members:
            if fold_details(node, flow, words, many=len(node.members) > _ASK_ABOVE):
                _open(node.id, sure=True)
                again()
        else:
            frames = {"addresses": shown.addresses, "transfers": shown.transfers}
            rules = _ready(case, "rules", lambda report: case.compare(ranges=False, progress=report))
            ranges = (
                _ready(case, f"range:{node.id}", lambda report: case.bounds([_account(node)], report))
                if node.chain
                else None
            )
            details(case, node, result, frames, rules, ranges, words)


def _account(node: Node) -> str:
    return f"{node.chain}:{node.address}"


def _ready(case: Case, what: str, work: Callable[[Progress], object]) -> Any:
    """The result of a job if it is there within a moment; None while it works or when it failed."""
    job = started(case, what, work)
    return job.result if job.wait(0.5) and job.error is None else None


def _view(shown: Shown, words: Words) -> tuple[str | None, bool, int, bool]:
    """The controls above the picture: (asset key or None, show left-out transfers, node limit, no folding)."""
    case = shown.case
    assets = _assets(shown)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.selectbox(
            words("view.rule"),
            [str(r) for r in Rule],
            index=[str(r) for r in Rule].index(str(shown.result.rule)),
            format_func=lambda r: (
                words.one_of("rule", r) + (words("view.governing") if r == str(case.rule) else "")
            ),
            key="see:rule-choice",
            on_change=_turn_rule,
            width=330,
            label_visibility="collapsed",
        )
        asset = st.selectbox(
            words("view.asset"),
            ["", *assets],
            format_func=lambda a: assets[a] if a else words("view.all_assets"),
            key="see:asset",
            width=200,
            label_visibility="collapsed",
        )
        with st.popover(words("view.more")):
            limit = st.slider(words("view.limit"), 20, _ASK_ABOVE, _VISIBLE, 10, key="see:limit")
            everything = st.checkbox(words("view.everything", limit=f"{_ASK_ABOVE:,}"), key="see:everything")
            excluded = st.checkbox(
                words("view.excluded"), key="see:excluded", help=words("view.excluded_help")
            )
            if st.button(words("view.reset"), key="see-reset"):
                for key in ("see:opened", "see:route", "see:sure"):
                    st.session_state.pop(key, None)
                select("")
                again()
        if st.session_state.get("see:route") and st.button(words("view.clear_route"), key="see-clear"):
            st.session_state.pop("see:route")
            again()
    return asset or None, excluded, limit, everything


def _turn_rule() -> None:
    st.session_state["see:rule"] = st.session_state["see:rule-choice"]


def _assets(shown: Shown) -> dict[str, str]:
    """Asset key -> how it is called, for assets that carry stolen coin; ."""
    rows = shown.conservation.to_dict("records")
    return {
        str(r["asset"]): clean(r["symbol"] or r["asset"], 24)
        for r in sorted(rows, key=lambda r: str(r["asset"]))
    }
