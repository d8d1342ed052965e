"""The trace page: figures, the flow picture with its details panel, and every table of the result below."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

from tracer.case import Case
from tracer.model import Rule
from tracer.results import counted_twice
from tracer.ui.canvas import draw, strip
from tracer.ui.details import details, fold_details, resting, transaction_details
from tracer.ui.flow import Flow, Node
from tracer.ui.fold import fold
from tracer.ui.i18n import Words
from tracer.ui.jobs import Job
from tracer.ui.overview import figures
from tracer.ui.picture import picture, still_picture
from tracer.ui.printing import jst, utc
from tracer.ui.running import poll, result_of, started
from tracer.ui.session import again, current, pointed_at, select, w
from tracer.ui.shown import Shown, prepare
from tracer.ui.views.result_tables import tables
from tracer.ui.views.trace_view import ASK_ABOVE, controls, period_text, rests_on
from tracer.ui.viewstate import change, view, without

__all__ = ["render"]

_INSTANT = 0.1
"""Seconds that the panel waits for the other rules and for the range; what is not ready by then follows."""


@st.cache_resource(max_entries=12, show_spinner=False)
def _flow(
    name: str,
    stamp: int,
    asset: str | None,
    period: tuple[str, str],
    excluded: bool,
    least: int,
    _shown: Shown,
) -> Flow:
    del name, stamp  # the cache key
    return _shown.flow(asset, *period, excluded=excluded, least=least)


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words = w()
    case = current()
    if case.seeds().empty:
        st.info(words("trace.no_seeds"))
        return
    rule = _rule(case)
    found = result_of(case, f"shown:{rule}", lambda report: prepare(case, rule, report), words)
    if found is None:
        return
    shown: Shown = found[0]
    kinds = {where: category for where, (_, category) in shown.labels.items()}
    strip(figures(words, shown.addresses, shown.conservation, shown.gaps, kinds), key="strip")
    doubts = counted_twice(shown.result.gap_list)
    if doubts:
        st.warning(words("trace.counted_twice", count=f"{len(doubts):,}"), icon=":material/warning:")
    _picture_and_panel(shown, found[1], words)
    tables(case, shown.result, shown.addresses, words)
    started(case, "rules", lambda report: case.compare(ranges=False, progress=report), later=True)


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
        st.session_state["see:asked"] = str(answer["open"])


def _open(fold_id: str) -> None:
    change(opened=(*(f for f in view().opened if f != fold_id), fold_id))
    select("")


def _asked(folded: Flow) -> bool:
    """Open the fold that was double-clicked; a very large one is only chosen: its panel asks. Whether one opened."""
    wanted = str(st.session_state.pop("see:asked", ""))
    node = next((n for n in folded.nodes if n.id == wanted and n.members), None)
    if node is None:
        return False
    if len(node.members) > ASK_ABOVE:
        st.session_state["see:selected"] = wanted
        return False
    _open(wanted)
    return True


T = TypeVar("T")


def _kept(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gave for this key the last time in this session: a click need not fold and place everything anew."""
    last: tuple[Hashable, T] | None = st.session_state.get(f"see:kept:{name}")
    if last is None or last[0] != key:
        last = st.session_state[f"see:kept:{name}"] = (key, make())
    return last[1]


@st.fragment
def _picture_and_panel(shown: Shown, stamp: int, words: Words) -> None:
    """The picture and the panel: a click runs only this part again."""
    chosen = controls(shown, words)
    now = view()
    period = (now.since, now.until)
    flow = (
        shown.whole
        if chosen.asset is None and not chosen.excluded and not any(period)
        else _flow(shown.case.name, stamp, chosen.asset, period, chosen.excluded, chosen.least, shown)
    )
    _, pointed = pointed_at()
    known = {n.id.lower(): n.id for n in flow.nodes} if now.route else {}
    route = [(known.get(a.lower(), a), known.get(b.lower(), b)) for a, b in now.route]
    keep = {pointed, *(n for pair in route for n in pair)}

    def folding() -> Flow:
        now = view()

        def make() -> Flow:
            folded = fold(flow, chosen.limit, keep=keep, opened=now.opened, hidden=not chosen.everything)
            return without(folded, now.hidden)

        return _kept("folded", (stamp, chosen, period, now.opened, now.hidden, frozenset(keep)), make)

    folded = folding()
    if _asked(folded):
        folded = folding()
    left, right = st.columns([12, 5], gap="small")
    with left:
        _picture(shown, flow, folded, route, words, chosen.said)
    with right, st.container(height=706, border=True, key="panel"):
        _panel(shown, flow, folded, words)


def _picture(
    shown: Shown, flow: Flow, folded: Flow, route: list[tuple[str, str]], words: Words, least: str
) -> None:
    turn, pointed = pointed_at()
    inside = {member: n.id for n in folded.nodes for member in n.members} if route else {}
    still = _kept("still", (id(folded), words.language), lambda: (folded, still_picture(folded, words)))[1]
    data = picture(
        folded,
        words,
        still=still,
        caption=_caption(shown, words, least),
        selected=pointed,
        turn=turn,
        route=[(inside.get(a, a), inside.get(b, b)) for a, b in route],
        total=len(flow.nodes),
        name=f"{shown.case.name}_{shown.result.rule}",
    )
    data["height"] = 640
    draw(data, "flow", _picked, _opened)
    limits = _limits(words, least)
    if limits:
        st.caption("  \n".join(limits))


def _limits(words: Words, least: str) -> list[str]:
    """What the reader's own view leaves out of the picture: shown below it and in its exports."""
    now = view()
    hidden = words("view.hidden", count=f"{len(now.hidden):,}") if now.hidden else ""
    return [line for line in (period_text(now, words), least, hidden) if line]


def _caption(shown: Shown, words: Words, least: str) -> list[str]:
    result = shown.result
    when = (
        f"{utc(result.as_of)} / {jst(result.as_of)}" if result.as_of is not None else words("table.no_as_of")
    )
    rule = words.one_of("rule", str(result.rule))
    lines = [
        f"{words('export.case')}: {shown.case.name}",
        f"{words('table.rule')}: {rule} \N{MIDDLE DOT} {words('table.as_of')}: {when}",
    ]
    if any(shown.decisions):
        lines.append(rests_on(shown, words))
    return [*lines, *_limits(words, least), words("canvas.width")]


def _panel(shown: Shown, flow: Flow, folded: Flow, words: Words) -> None:
    case = shown.case
    selected = str(st.session_state.get("see:selected") or "")
    node = next((n for part in (folded, flow) for n in part.nodes if n.id == selected), None)
    if node is None:
        turn = st.session_state.get("see:turn", 0)
        row = resting(shown.addresses, words, key=f"resting:{len(view().opened)}:{turn}")
        if row is not None:
            st.session_state["see:turn"] = turn + 1
            at = shown.addresses.iloc[row]
            select(f"{at['chain']}:{at['address']}")
            again()
        return
    if node.members:
        if fold_details(node, flow, words, many=len(node.members) > ASK_ABOVE):
            _open(node.id)
            again()
    elif node.address.startswith("tx:"):
        transaction_details(case, node, shown.result, words)
    else:
        jobs = [started(case, "rules", lambda report: case.compare(ranges=False, progress=report))]
        if node.chain:
            jobs.append(
                started(case, f"range:{node.id}", lambda report: case.bounds([_account(node)], report))
            )
        rules, ranges = (_ready(job) for job in (jobs[0], jobs[-1]))
        details(case, node, shown.result, shown.addresses, rules, ranges if node.chain else None, words)
        waiting = next((job for job in jobs if not job.finished.is_set()), None)
        if waiting is not None:
            poll(waiting, words, words("details.comparing"))
    if node.kind != "seed" and st.button(words("details.hide"), key=f"hide:{node.id}"):
        change(hidden=(*view().hidden, node.id))
        select("")
        again()


def _account(node: Node) -> str:
    return f"{node.chain}:{node.address}"


def _ready(job: Job) -> Any:
    """The result of a job if it is there within an instant; None while it works or when it failed."""
    return job.result if job.wait(_INSTANT) and job.error is None else None
