"""The clusters page: which addresses one party seems to control, the link chain that says so, and the analyst's word.

Everything shown comes from `Case`; a link is taken out or added by a ruling with a reason, and comes back when the
ruling is withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.export.clusters import link_ruled
from tracer.ui.beyond import possible_outputs
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, exact_amount
from tracer.ui.running import result_of
from tracer.ui.session import current, say, w
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import note_of, show_table

__all__ = ["render"]

_NAMES = {"a": 480, "b": 480, "cluster_id": 480}


@dataclass(frozen=True)
class _Found:
    """Tables of a case, computed once."""

    members: pd.DataFrame
    links: pd.DataFrame
    deposits: pd.DataFrame
    patterns: pd.DataFrame
    beyond: pd.DataFrame


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words, case = w(), current()
    with st.container(key="said-here"):
        for text in st.session_state.pop("said", []):
            st.success(text, icon=":material/check_circle:")
    st.caption(words("cluster.help"))
    found = result_of(
        case,
        "clusters",
        lambda _: _Found(
            case.clusters(), case.cluster_links(), case.deposits(), case.patterns(), case.beyond_mixes()
        ),
        words,
    )
    if found is None:
        return
    tables: _Found = found[0]
    _clusters(case, words, tables)
    draw = {
        "rulings": _rulings,
        "addresses": _addresses,
        "links": _links,
        "deposits": _deposits,
        "patterns": _patterns,
        "beyond": _beyond,
    }
    tabs = st.tabs([words(f"cluster.tab_{name}") for name in draw], key="see:cluster-tabs", on_change="rerun")
    for tab, name in zip(tabs, draw, strict=True):
        if tab.open is not False:
            with tab:
                draw[name](case, words, tables)


def _clusters(case: Case, words: Words, tables: _Found) -> None:
    """The clusters, the largest first; under them the chosen one."""
    summary = _summary(tables.members, words)
    if summary.empty:
        st.info(words("cluster.none"))
        return
    note = note_of(words, rule=str(case.rule), as_of=case.as_of)
    chosen = show_table(
        summary,
        words,
        key="clusters",
        file=f"{case.name}_cluster_sizes",
        note=note,
        wide=_NAMES | {"stolen_here": 260},
        select=True,
    )
    if chosen is None:
        st.caption(words("cluster.choose"))
        return
    _chosen(case, words, tables, str(summary.iloc[chosen]["cluster_id"]))


def _summary(members: pd.DataFrame, words: Words) -> pd.DataFrame:
    """One row per cluster of two addresses or more: its size, its rules, the stolen coin that rests in it."""
    rows: list[tuple[object, ...]] = []
    joined = members[members["rule"] != ""]
    for cluster, group in joined.groupby("cluster_id", sort=False):
        rules = sorted({rule for text in group["rule"] for rule in str(text).split(";")})
        names = ", ".join(words.one_of("linkrule", rule) for rule in rules)
        rows.append((cluster, group["address"].nunique(), names, _stolen(group)))
    rows.sort(key=lambda row: (-int(str(row[1])), str(row[0])))
    return pd.DataFrame(rows, columns=["cluster_id", "addresses", "linkrules", "stolen_here"], dtype=object)


def _stolen(group: pd.DataFrame) -> str:
    """The stolen coin of a cluster, asset by asset: amounts of different assets are never added."""
    sums: dict[tuple[str, str], tuple[int, object]] = {}
    for row in group.to_dict("records"):
        key = str(row["chain"]), str(row["asset"])
        sums[key] = sums.get(key, (0, None))[0] + int(row["taint_raw"]), row["decimals"]
    parts = [
        f"{exact_amount(units, None if decimals is None else int(str(decimals)))} {asset}"
        for (_, asset), (units, decimals) in sorted(sums.items())
        if units
    ]
    return "; ".join(parts)


def _chosen(case: Case, words: Words, tables: _Found, cluster: str) -> None:
    """One cluster: its addresses, why two of them are linked, and its links."""
    members = tables.members[tables.members["cluster_id"] == cluster]
    st.markdown(f"##### {words('cluster.members')}")
    show_table(
        members.drop(columns=["cluster_id", "rule", "evidence_tx", "confidence"]),
        words,
        key=f"members:{cluster}",
        file=f"{case.name}_cluster",
        without=["decimals"],
        wide={"address": 380},
    )
    names = list(dict.fromkeys(f"{c}:{a}" for c, a in zip(members["chain"], members["address"], strict=True)))
    _why(case, words, names)
    st.markdown(f"##### {words('cluster.links')}")
    inside = tables.links["a"].isin(names) | tables.links["b"].isin(names)
    links = tables.links[inside].reset_index(drop=True)
    row = _show_links(words, links, f"links:{cluster}", f"{case.name}_cluster_links")
    if row is None:
        st.caption(words("cluster.choose_link"))
    else:
        _reject(case, words, links.iloc[row])


def _why(case: Case, words: Words, names: Sequence[str]) -> None:
    """The fewest links that join two addresses, each with its transaction."""
    st.markdown(f"##### {words('cluster.why')}")
    left, right = st.columns(2)
    a = left.selectbox(words("col.a"), names, key=f"see:why-a:{names[0]}")
    b = right.selectbox(words("col.b"), names, index=min(1, len(names) - 1), key=f"see:why-b:{names[0]}")
    if a and b and a != b:
        shown = {
            name.lower(): name for name in names
        }  # links have the canonical spelling, the page the checked one
        here = a
        for step, link in enumerate(case.why_linked(a, b), start=1):
            ends = [shown.get(end.lower(), end) for end in (link.a, link.b)]
            other = ends[0] if ends[1] == here else ends[1]
            rule = words.one_of("linkrule", link.rule)
            st.markdown(f"{step}. **{rule}**, {words('col.confidence')} {link.confidence}")
            text = f"{clean(here)}\n{clean(other)}\n{words('col.tx')} {clean(link.tx)}"
            st.code(f"{text}\n{clean(link.note, 400)}".strip(), language=None)
            here = other
        show_python(call(case.name, f"case.why_linked({a!r}, {b!r})"), words)


def _show_links(words: Words, links: pd.DataFrame, key: str, file: str) -> int | None:
    shown = links.rename(columns={"rule": "linkrule", "withdrawn": "taken_out"})
    return show_table(
        shown.assign(linkrule=[words.one_of("linkrule", str(rule)) for rule in links["rule"]]),
        words,
        key=key,
        file=file,
        wide=_NAMES | {"tx": 560},
        select=True,
        downloads=links,
    )


def _reject(case: Case, words: Words, link: pd.Series) -> None:
    """Take the chosen link out."""
    if link["withdrawn"]:
        st.caption(words("cluster.is_out", why=clean(str(link["withdrawn"]), 300)))
        return
    with st.form(f"reject:{link['a']}:{link['b']}:{link['rule']}:{link['tx']}"):
        reason = st.text_input(words("judge.reason"), key="reject-reason")
        author = st.text_input(words("judge.author"), key="reject-author")
        if st.form_submit_button(words("cluster.reject"), type="primary"):
            a, b, rule, tx = (str(link[name]) for name in ("a", "b", "rule", "tx"))
            number = case.judge_link(
                a, b, "reject", rule=rule, tx=tx, reason=reason.strip(), author=author.strip()
            )
            say(words("ruling.recorded", number=number))
            st.rerun()


def _rulings(case: Case, words: Words, _: _Found) -> None:
    """The analyst's word on links: all of it, a form for a link of the analyst's own, and what withdraws one."""
    with st.form("accept-link", clear_on_submit=True):
        left, right = st.columns(2)
        a = left.text_input(words("col.a"), key="accept-a")
        b = right.text_input(words("col.b"), key="accept-b")
        tx = left.text_input(words("cluster.tx"), key="accept-tx")
        chain = right.text_input(words("seeds.chain"), value="eip155:1", key="accept-chain")
        reason = left.text_input(words("judge.reason"), key="accept-reason")
        author = right.text_input(words("judge.author"), key="accept-author")
        confidence = left.slider(words("label.confidence"), 0, 100, 80, key="accept-confidence")
        sent = st.form_submit_button(words("cluster.accept"), type="primary")
    if sent:
        number = case.judge_link(
            a.strip(),
            b.strip(),
            "accept",
            tx=tx.strip(),
            confidence=confidence,
            chain=chain.strip(),
            reason=reason.strip(),
            author=author.strip(),
        )
        say(words("ruling.recorded", number=number))
        st.rerun()
    frame = case.link_rulings()
    show_table(
        frame.assign(verdict=[words.one_of("linkverdict", str(v)) for v in frame["verdict"]]),
        words,
        key="link-rulings",
        file=f"{case.name}_link_rulings",
        wide=_NAMES | {"tx": 560},
        downloads=link_ruled(frame),
    )
    standing = [int(n) for n, gone in zip(frame["number"], frame["withdrawn_utc"], strict=True) if not gone]
    if standing:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(words("conversion.number"), standing, key="link-ruling-number", width=160)
            if st.button(words("conversion.withdraw"), key="link-ruling-withdraw"):
                case.withdraw_link_ruling(int(chosen))
                st.rerun()
    show_python(
        call(
            case.name,
            'case.judge_link("0x...", "0x...", "reject", reason="...", author="...")',
            'case.judge_link("0x...", "0x...", "accept", tx="0x...", confidence=80, reason="...")',
            "case.withdraw_link_ruling(1)",
        ),
        words,
    )


def _addresses(case: Case, words: Words, tables: _Found) -> None:
    """All traced addresses, and those that links join to one: the file clusters.csv."""
    show_table(
        tables.members,
        words,
        key="cluster-addresses",
        file=f"{case.name}_clusters",
        without=["decimals", "rule", "evidence_tx", "confidence"],
        wide=_NAMES | {"address": 380},
        downloads=tables.members,
    )
    show_python(call(case.name, "case.clusters()", "case.cluster_links()", "case.deposits()"), words)


def _links(case: Case, words: Words, tables: _Found) -> None:
    """Every link, also those that were taken out."""
    row = _show_links(words, tables.links, "all-links", f"{case.name}_cluster_links")
    if row is not None:
        _reject(case, words, tables.links.iloc[row])


def _deposits(case: Case, words: Words, tables: _Found) -> None:
    """Deposit addresses of services, payment by payment."""
    st.caption(words("cluster.deposits_help"))
    wide = {"user": 380, "deposit": 380, "paid_tx": 560, "forwarded_tx": 560}
    show_table(
        tables.deposits, words, key="deposits", file=f"{case.name}_deposits", without=["decimals"], wide=wide
    )


def _patterns(case: Case, words: Words, tables: _Found) -> None:
    """What stands out in how traced addresses behaved."""
    st.caption(words("cluster.patterns_help"))
    frame = tables.patterns
    show_table(
        frame.assign(pattern=[words.one_of("pattern", str(p)) for p in frame["pattern"]]),
        words,
        key="patterns",
        file=f"{case.name}_patterns",
        wide={"address": 380, "observation": 520, "figures": 300, "transactions": 300},
        downloads=frame,
    )
    show_python(call(case.name, "case.patterns()"), words)


def _beyond(case: Case, words: Words, tables: _Found) -> None:
    """Where coin may have gone after CoinJoins."""
    possible_outputs(tables.beyond, words, key="beyond", file=f"{case.name}_beyond_mixes")
    show_python(call(case.name, "case.beyond_mixes()"), words)
