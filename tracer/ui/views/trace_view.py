"""The controls above the picture: rule, asset, period, what is drawn, undo and redo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import streamlit as st

from tracer.model import Rule
from tracer.ui.filters import least_units
from tracer.ui.i18n import Words
from tracer.ui.printing import JST, clean, jst, utc, whole
from tracer.ui.session import again, errors_shown, select
from tracer.ui.shown import Shown
from tracer.ui.tables import show_table
from tracer.ui.viewstate import View, change, redo, steps, undo, view

__all__ = ["ASK_ABOVE", "Controls", "controls", "period_text", "rests_on"]

ASK_ABOVE = 1_000
"""More addresses than this are drawn only when the reader says so."""
_VISIBLE = 150
_DECLARED = ("number", "source", "amount_raw", "symbol", "decimals", "tx", "withdrawn_utc")
_RULED = ("number", "verdict", "reason", "author", "subject", "withdrawn_utc")
_ZONES: dict[str, timezone] = {"JST": JST, "UTC": UTC}


@dataclass(frozen=True, slots=True)
class Controls:
    """asset: key or None for all; excluded: draw left-out transfers; limit: visible addresses; everything: no folds.

    least: only transfers with that many smallest units of stolen coin are drawn; said: `least` as the reader wrote it.
    """

    asset: str | None
    excluded: bool
    limit: int
    everything: bool
    least: int = 0
    said: str = ""


def controls(shown: Shown, words: Words) -> Controls:
    """Draw the row of controls and say what they are set to."""
    case, assets = shown.case, _assets(shown)
    rules = [str(r) for r in Rule]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.selectbox(
            words("view.rule"),
            rules,
            index=rules.index(str(shown.result.rule)),
            format_func=lambda r: (
                words.one_of("rule", r) + (words("view.governing") if r == str(case.rule) else "")
            ),
            key=_rule_key(words),
            on_change=partial(_turn_rule, _rule_key(words)),
            width=310,
            label_visibility="collapsed",
        )
        asset = st.selectbox(
            words("view.asset"),
            ["", *assets],
            format_func=lambda a: assets[a] if a else words("view.all_assets"),
            key=f"see:asset:{words.language}",
            width=160,
            label_visibility="collapsed",
        )
        with st.popover(words("period.title")):
            _period(shown, words)
        with st.popover(words("filter.title")):
            least, said = _least(shown, asset, words)
        with st.popover(words("view.more")):
            limit = st.slider(words("view.limit"), 20, ASK_ABOVE, _VISIBLE, 10, key="see:limit")
            everything = st.checkbox(words("view.everything", limit=f"{ASK_ABOVE:,}"), key="see:everything")
            excluded = st.checkbox(
                words("view.excluded"), key="see:excluded", help=words("view.excluded_help")
            )
            if st.button(words("view.reset"), key="see-reset"):
                change(**{name: getattr(View(), name) for name in View.__slots__})
                select("")
                again()
        _history(words)
        if any(shown.decisions):
            _decisions(shown, words)
        if view().route and st.button(words("view.clear_route"), key="see-clear"):
            change(route=())
            again()
        if view().hidden and st.button(
            words("view.show_hidden", count=f"{len(view().hidden):,}"), key="see-unhide"
        ):
            change(hidden=())
            again()
    return Controls(asset or None, excluded, limit, everything, least, said)


def rests_on(shown: Shown, words: Words) -> str:
    """The sentence that says on how many statements of the analyst the result rests."""
    declared, ruled = shown.decisions
    return words("declared.rests", count=f"{declared:,}", rulings=f"{ruled:,}")


def _decisions(shown: Shown, words: Words) -> None:
    """Say that the result rests on somebody's statements, and list them where it is said."""
    with st.popover(words("declared.button", count=f"{sum(shown.decisions):,}"), icon=":material/warning:"):
        st.caption(rests_on(shown, words))
        for frame, columns, name in (
            (shown.case.conversions(), _DECLARED, "declared-short"),
            (shown.case.rulings(), _RULED, "ruled-short"),
        ):
            if len(frame):
                show_table(
                    frame[list(columns)],
                    words,
                    key=name,
                    file=name,
                    downloads=False,
                    height=min(35 * (len(frame) + 1) + 3, 320),
                    without=["decimals"],
                    wide={"source": 420, "reason": 420, "tx": 220, "subject": 220},
                )
        st.caption(words("tab.declared_help"))


def _history(words: Words) -> None:
    back, forth = steps()
    if st.button("\N{LEFTWARDS ARROW WITH HOOK}", key="see-undo", help=words("view.undo"), disabled=not back):
        undo()
        again()
    if st.button(
        "\N{RIGHTWARDS ARROW WITH HOOK}", key="see-redo", help=words("view.redo"), disabled=not forth
    ):
        redo()
        again()


def _period(shown: Shown, words: Words) -> None:
    """From and to, in UTC or JST, by the minute; both ends are included."""
    times = [t for t in shown.drawn["timestamp_utc"] if t]
    if not times:
        st.caption(words("period.none"))
        return
    now = view()
    first, last = min(times), max(times)
    st.caption(words("period.help"))
    zone = _ZONES[
        st.segmented_control(
            words("period.zone"),
            list(_ZONES),
            default="JST" if words.language == "ja" else "UTC",
            key="see:zone",
            required=True,
        )
    ]
    turn = f"{zone}:{now.since}:{now.until}"  # a field follows the view, also after undo
    with st.form("period", border=False):
        low, high = _moment(first, zone), _moment(last, zone) + timedelta(minutes=1)
        start = st.datetime_input(
            words("period.from"),
            _moment(now.since or first, zone),
            low,
            high,
            step=60,
            key=f"see:since:{turn}",
        )
        end = st.datetime_input(
            words("period.to"), _moment(now.until or last, zone), low, high, step=60, key=f"see:until:{turn}"
        )
        if st.form_submit_button(words("period.show"), type="primary") and start and end:
            since, until = _text(start, zone), _text(end + timedelta(seconds=59), zone)
            change(since="" if since <= first else since, until="" if until >= last else until)
            again()
    if (now.since or now.until) and st.button(words("period.all"), key="see-all-time"):
        change(since="", until="")
        again()


def _moment(text: str, zone: timezone) -> datetime:
    """UTC text as a local clock time of `zone`, cut to the minute."""
    return datetime.fromisoformat(text).astimezone(zone).replace(second=0, tzinfo=None)


def _text(local: datetime, zone: timezone) -> str:
    """A local clock time of `zone` as UTC text."""
    return local.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def period_text(now: View, words: Words) -> str:
    """What the period means for the picture, both clocks; "" without one."""
    if not (now.since or now.until):
        return ""
    ends = [f"{utc(t)} / {jst(t)}" if t else words("period.open") for t in (now.since, now.until)]
    return words("period.shown", since=ends[0], until=ends[1])


def _least(shown: Shown, asset: str, words: Words) -> tuple[int, str]:
    """The least stolen amount of a drawn transfer, of the chosen asset: smallest units, and as text; 0 for none."""
    with errors_shown():
        text = st.text_input(
            words("filter.least"), key="see:least", disabled=not asset, help=words("filter.least_help")
        )
        of = next((r for r in shown.conservation.to_dict("records") if r["asset"] == asset), None)
        if of is not None and (units := least_units(text, whole(of["decimals"]), words)):
            return units, words("filter.drawn", amount=text.strip(), symbol=clean(of["symbol"] or asset, 24))
    return 0, ""


def _rule_key(words: Words) -> str:
    return f"see:rule-choice:{words.language}"  # a box keeps the words it was first drawn with


def _turn_rule(key: str) -> None:
    st.session_state["see:rule"] = st.session_state[key]


def _assets(shown: Shown) -> dict[str, str]:
    """Asset key -> how it is called, for assets that carry stolen coin."""
    rows = shown.conservation.to_dict("records")
    return {
        str(r["asset"]): clean(r["symbol"] or r["asset"], 24)
        for r in sorted(rows, key=lambda r: str(r["asset"]))
    }
