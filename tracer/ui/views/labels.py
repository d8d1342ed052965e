"""The labels page: who is said to control an address, where sources disagree, the packs of the case, what they change.

Everything comes from `Case`. A pack is read first and used when the reader has seen what it would change.
"""

from __future__ import annotations

import hashlib

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.errors import InputError
from tracer.export.opinions import untimed
from tracer.labels.reading import KINDS
from tracer.ui.acting import take_back
from tracer.ui.i18n import Words
from tracer.ui.running import result_of
from tracer.ui.session import current, errors_shown, fresh, say, sent_off, w
from tracer.ui.snippets import action, arguments, call, carry_out, show_python
from tracer.ui.tables import note_of, ordered, show_table

__all__ = ["CATEGORIES", "give", "render"]

CATEGORIES = (
    *("none", "exchange", "custodian", "swapper", "service", "deposit", "mixer", "bridge"),
    *("dex", "aggregator", "theft", "sanctioned", "victim"),
)
_WIDE = {"address": 380, "name": 260, "entity": 200, "source": 420, "because": 520, "entities": 260}
_FIRST = ("address", "name", "category", "confidence", "number", "in_force", "sanctions_hit", "source")


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words, case = w(), current()
    st.caption(words("label.help"))
    draw = {"labels": _labels, "conflicts": _conflicts, "packs": _packs, "changes": _changes}
    tabs = st.tabs([words(f"label.tab_{name}") for name in draw], key="see:label-tabs", on_change="rerun")
    for tab, name in zip(tabs, draw, strict=True):
        if tab.open is not False:
            with tab, errors_shown():
                draw[name](case, words)


def _labels(case: Case, words: Words) -> None:
    found = case.labels()
    st.caption(words("label.listed"))
    show_table(
        ordered(found, _FIRST),
        words,
        key="all-labels",
        file=f"{case.name}_labels",
        note=note_of(words, rule=str(case.rule), as_of=case.as_of),
        downloads=untimed(found),
        wide=_WIDE,
    )
    left, right = st.columns(2, gap="large")
    with left:
        give(case, words)
    numbers = [n for n, label in enumerate(case.file.labels, start=1) if label.withdrawn_at is None]
    with right:
        take_back(
            numbers,
            case.withdraw_label,
            words=(words("label.number"), words("label.withdraw"), words("label.withdrawn")),
            key="label-number",
            button="label-withdraw",
            width=240,
        )


def give(case: Case, words: Words) -> None:
    """The form for a label of the analyst."""
    turn = fresh("label")
    with st.form(f"label{turn}"):
        address = st.text_input(words("label.address"), key=f"label-address{turn}")
        name = st.text_input(words("label.name"), key=f"label-name{turn}")
        entity = st.text_input(words("label.entity"), key=f"label-entity{turn}")
        category = st.selectbox(
            words("label.category"),
            CATEGORIES,
            format_func=lambda c: words.one_of("category", c),
            key=f"label-category{turn}",
        )
        role = st.text_input(words("label.role"), key=f"label-role{turn}")
        confidence = st.slider(words("label.confidence"), 0, 100, 50, key=f"label-confidence{turn}")
        source = st.text_input(words("label.source"), key=f"label-source{turn}")
        author = st.text_input(words("label.author"), key=f"label-author{turn}")
        chain = st.text_input(words("seeds.chain"), value="eip155:1", key=f"label-chain{turn}")
        sent = st.form_submit_button(words("label.add"), type="primary")
    if sent:
        number = carry_out(
            "label",
            case.label,
            address.strip(),
            name.strip(),
            chain=chain.strip(),
            category="" if category == "none" else category,
            confidence=confidence,
            source=source.strip(),
            entity=entity.strip(),
            role=role.strip(),
            author=author.strip(),
        )
        say(words("label.done", number=number))
        sent_off("label")
        st.rerun()
    show_python(
        call(
            case.name,
            "case.labels()",
            *action(
                "label", 'case.label("0x...", "Exchange A", category="exchange", confidence=80, source="...")'
            ),
        ),
        words,
    )


def _conflicts(case: Case, words: Words) -> None:
    st.caption(words("label.conflicts_help"))
    found = case.label_conflicts()
    show_table(
        ordered(found, ("address", "entities", "name", "confidence", "shown", "category", "source")),
        words,
        downloads=found,
        key="label-conflicts",
        file=f"{case.name}_label_conflicts",
        note=note_of(words, rule=str(case.rule), as_of=case.as_of),
        wide=_WIDE,
    )
    show_python(call(case.name, "case.label_conflicts()"), words)


def _packs(case: Case, words: Words) -> None:
    """The packs, one of them with what using it or taking it out would change, and a form that reads another."""
    st.caption(words("label.packs_help"))
    listed = case.packs(everything=True)
    show_table(
        ordered(listed, ("name", "state", "kind", "labels", "refused", "reason")),
        words,
        downloads=listed,
        key="label-packs",
        file=f"{case.name}_label_packs",
        wide={"sha256": 480, "labels_sha256": 480, "name": 260, "state": 96, "reason": 320},
    )
    _read(case, words)
    rows = [row for row in listed.to_dict("records") if row["state"] != "taken out"]
    by_sum = {str(row["sha256"]): row for row in rows}
    chosen = st.selectbox(
        words("label.pack"),
        list(by_sum),
        index=None,
        format_func=lambda s: (
            f"{by_sum[s]['name']} ({words.one_of('case_state', str(by_sum[s]['state']))}, {s[:12]})"
        ),
        key="see:label-pack",
    )
    if chosen is not None:
        _pack(case, words, chosen, str(by_sum[chosen]["name"]), used=by_sum[chosen]["state"] == "used")


def _read(case: Case, words: Words) -> None:
    with st.expander(words("label.import")), st.form("label-file"):
        file = st.file_uploader(words("label.file"), key="label-file")
        kind = st.selectbox(
            words("label.kind"),
            ["", *KINDS],
            format_func=lambda k: k or words("label.recognised"),
            key="label-kind",
        )
        left, right = st.columns(2)
        fixed = left.text_area(words("label.set"), key="label-set", height=100)
        mapping = right.text_area(words("label.map"), key="label-map", height=100)
        sent = st.form_submit_button(words("label.read"), type="primary")
    if sent and file is not None:
        done = Case.read_labels(
            file.getvalue(),
            kind or None,
            mapping=_pairs(mapping, words),
            fixed=_pairs(fixed, words),
            name=file.name,
            workspace=case.workspace.root,
        )
        pin = done.pin
        st.session_state["see:label-pack"] = pin.sha256
        say(words("label.was_read", name=pin.name, labels=f"{pin.count:,}", refused=f"{pin.refused:,}"))
        st.rerun()
    show_python(call(case.name, 'pack = case.read_labels("sdn_advanced.xml").pin', "pack.sha256"), words)


def _pairs(text: str, words: Words) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = line.partition("=")
        if not equals:
            raise InputError(words("label.pair"))
        found[key.strip()] = value.strip()
    return found


def _pack(case: Case, words: Words, sha256: str, name: str, *, used: bool) -> None:
    """What is to be known about a pack, what it changes, and the button that changes it."""
    st.markdown(f"##### {words('label.problems')}")
    show_table(
        case.pack_problems(sha256),
        words,
        key=f"problems:{sha256}",
        file="label_problems",
        wide={"text": 420, "message": 520},
        height=200,
    )
    st.markdown(f"##### {words('label.would_not') if used else words('label.would')}")
    change: dict[str, object] = {"remove": [sha256]} if used else {"add": [sha256]}
    _difference(case, words, f"label-diff:{used}:{sha256}", change)
    if used:
        reason = st.text_input(words("label.reason"), key="pack-reason")
        if st.button(words("label.drop"), key="pack-drop"):
            carry_out("pack", case.drop_pack, sha256, reason)
            say(words("label.dropped", name=name))
            st.rerun()
    elif st.button(words("label.use"), type="primary", key="pack-use"):
        carry_out("pack", case.use_pack, sha256)
        say(words("label.used", name=name))
        st.rerun()
    verb = f'case.drop_pack({sha256!r}, "...")' if used else f"case.use_pack({sha256!r})"
    shown = f"case.label_diff({arguments(change).removeprefix(', ')})"
    show_python(call(case.name, shown, *action("pack", verb)), words)


def _difference(case: Case, words: Words, what: str, change: dict[str, object]) -> None:
    found = result_of(case, what, lambda _: case.label_diff(**change), words)  # type: ignore[arg-type]
    if found is None:
        return
    frame: pd.DataFrame = found[0]
    if frame.empty:
        st.info(words("label.no_change"))
        return
    key = hashlib.sha256(what.encode()).hexdigest()[:12]
    note = note_of(words, rule=str(case.rule), as_of=case.as_of)
    show_table(
        frame, words, key=f"diff:{key}", file=f"{case.name}_label_diff", note=note, raw=True, wide=_WIDE
    )


def _changes(case: Case, words: Words) -> None:
    """What the changes of labels since a time did to the case."""
    from tracer.seed_list import when

    with st.form("label-since"):
        since = st.text_input(words("label.since"), placeholder="2026-11-26T00:00:00Z", key="label-since")
        sent = st.form_submit_button(words("label.compare"))
    if sent and since.strip():
        st.session_state["see:label-since-asked"] = when(since)
    asked = st.session_state.get("see:label-since-asked")
    if asked is not None:
        _difference(case, words, f"label-diff-since:{asked}", {"since": asked})
    show_python(call(case.name, f"case.label_diff(since={asked or 1764115200})"), words)
