"""The clusters page: which addresses one party seems to control, the link chain that says so, and the analyst's word.

Everything shown comes from `Case`; a link is taken out or added by a ruling with a reason, and comes back when the
ruling is withdrawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.export.clusters import link_ruled
from tracer.ui.acting import as_drawn, refusal, take_back
from tracer.ui.beyond import possible_outputs
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, exact_amount, plain, whole
from tracer.ui.running import result_of
from tracer.ui.session import current, errors_shown, fresh, say, sent_off, w
from tracer.ui.snippets import action, call, carry_out, show_python
from tracer.ui.tables import note_of, ordered, show_table

__all__ = ["render"]

_NAMES = {"a": 480, "b": 480, "cluster_id": 480}
_MEMBERS = {"address": 380, "label": 260, "label_source": 320}
_MEMBERS_FIRST = ("address", "label", "taint_raw", "received_raw", "sent_raw", "asset")


@dataclass(frozen=True)
class _Found:
    """Tables of a case, computed once."""

    members: pd.DataFrame
    links: pd.DataFrame
    deposits: pd.DataFrame
    patterns: pd.DataFrame
    beyond: pd.DataFrame
    symbols: dict[tuple[str, str], str]
    conventions: tuple[str, ...]

    def first(self) -> str:
        """The tab that says most: why addresses are linked, else the first that is not empty."""
        named = {"links": self.links, "deposits": self.deposits, "patterns": self.patterns}
        return next((name for name, frame in named.items() if len(frame)), "addresses")


def _found(case: Case) -> _Found:
    taint = case.taint().addresses(ranges=False)
    return _Found(
        case.clusters(),
        case.cluster_links(),
        case.deposits(),
        case.patterns(),
        case.beyond_mixes(),
        {
            (str(c), str(a)): str(s)
            for c, a, s in zip(taint["chain"], taint["asset"], taint["symbol"], strict=True)
        },
        case.tracing().conventions,
    )


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words, case = w(), current()
    with st.container(key="refused-here"):
        refusal("reject")
    st.caption(words("cluster.help"))
    found = result_of(case, "clusters", lambda _: _found(case), words)
    if found is None:
        return
    tables: _Found = found[0]
    note = note_of(words, rule=str(case.rule), as_of=case.as_of, conventions=tables.conventions)
    _clusters(case, words, tables, note)
    draw = {
        "links": _links,
        "deposits": _deposits,
        "patterns": _patterns,
        "addresses": _addresses,
        "beyond": _beyond,
        "rulings": _rulings,
    }
    tabs = st.tabs(
        [words(f"cluster.tab_{name}") for name in draw],
        default=words(f"cluster.tab_{tables.first()}"),
        key="see:cluster-tabs",
        on_change="rerun",
    )
    for tab, name in zip(tabs, draw, strict=True):
        if tab.open is not False:
            with tab, errors_shown():
                draw[name](case, words, tables, note)


def _clusters(case: Case, words: Words, tables: _Found, note: str) -> None:
    """The clusters, the largest first; under them the chosen one."""
    summary = _summary(tables.members, words, tables.symbols)
    if summary.empty:
        st.info(words("cluster.none"))
        return
    chosen = show_table(
        summary,
        words,
        key="clusters",
        file=f"{case.name}_cluster_sizes",
        note=note,
        wide=_NAMES | {"stolen_here": 420},
        select=True,
        downloads=_sizes(tables.members),
    )
    if chosen is None:
        st.caption(words("cluster.choose"))
        return
    _chosen(case, words, tables, str(summary.iloc[chosen]["cluster_id"]), note)


def _sized(
    members: pd.DataFrame,
) -> list[tuple[str, int, list[str], dict[tuple[str, str], tuple[int, object]]]]:
    """Per cluster of two addresses or more, the largest first: name, size, rules, stolen coin asset by asset.

    Amounts of different assets are never added: (chain, asset) -> (smallest units, decimals).
    """
    found = []
    for cluster, group in members[members["rule"] != ""].groupby("cluster_id", sort=False):
        rules = sorted({rule for text in group["rule"] for rule in str(text).split(";")})
        sums: dict[tuple[str, str], tuple[int, object]] = {}
        for row in group.to_dict("records"):
            key = str(row["chain"]), str(row["asset"])
            sums[key] = sums.get(key, (0, None))[0] + int(row["taint_raw"]), row["decimals"]
        held = {key: sums[key] for key in sorted(sums) if sums[key][0]}
        found.append((str(cluster), group["address"].nunique(), rules, held))
    return sorted(found, key=lambda entry: (-entry[1], entry[0]))


def _summary(members: pd.DataFrame, words: Words, symbols: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The clusters for the screen: whole coins, by their symbols where these tell them apart, and rules in words."""
    rows = []
    for cluster, size, rules, held in _sized(members):
        twins = Counter(symbols.get(key, "") for key in held)
        coins = [
            f"{exact_amount(units, whole(places))} {symbols[key] if twins[symbols.get(key, '')] == 1 else key[1]}"
            if symbols.get(key)
            else f"{exact_amount(units, whole(places))} {key[1]}"
            for key, (units, places) in held.items()
        ]
        names = ", ".join(words.one_of("linkrule", rule) for rule in rules)
        rows.append((cluster, size, names, "; ".join(coins)))
    return pd.DataFrame(rows, columns=["cluster_id", "addresses", "linkrules", "stolen_here"], dtype=object)


def _sizes(members: pd.DataFrame) -> pd.DataFrame:
    """The same for the CSV: codes of rules, and integers as `units@asset`, in every language the same bytes."""
    rows = [
        (
            cluster,
            size,
            ";".join(rules),
            ";".join(f"{n}@{chain}/{asset}" for (chain, asset), (n, _) in held.items()),
        )
        for cluster, size, rules, held in _sized(members)
    ]
    return pd.DataFrame(rows, columns=["cluster_id", "addresses", "rules", "taint_raw"], dtype=object)


def _chosen(case: Case, words: Words, tables: _Found, cluster: str, note: str) -> None:
    """One cluster: its addresses, why two of them are linked, and its links."""
    members = tables.members[tables.members["cluster_id"] == cluster]
    st.markdown(f"##### {words('cluster.members')}")
    show_table(
        ordered(members.drop(columns=["cluster_id", "rule", "evidence_tx", "confidence"]), _MEMBERS_FIRST),
        words,
        key=f"members:{cluster}",
        file=f"{case.name}_cluster",
        note=note,
        without=["decimals"],
        wide=_MEMBERS,
        downloads=members,
    )
    names = list(dict.fromkeys(f"{c}:{a}" for c, a in zip(members["chain"], members["address"], strict=True)))
    _why(case, words, names)
    st.markdown(f"##### {words('cluster.links')}")
    inside = tables.links["a"].isin(names) | tables.links["b"].isin(names)
    links = tables.links[inside].reset_index(drop=True)
    row = _show_links(words, links, f"links:{cluster}", f"{case.name}_cluster_links", note)
    if row is None:
        st.caption(words("cluster.choose_link"))
    else:
        _reject(case, words, links.iloc[row], "cluster")


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


def _show_links(words: Words, links: pd.DataFrame, key: str, file: str, note: str) -> int | None:
    shown = links.rename(columns={"rule": "linkrule", "withdrawn": "taken_out"})
    return show_table(
        ordered(
            shown.assign(linkrule=[words.one_of("linkrule", str(rule)) for rule in links["rule"]]),
            ("linkrule", "confidence", "taken_out"),
        ),
        words,
        key=key,
        file=file,
        note=note,
        wide=_NAMES | {"tx": 560, "taken_out": 260, "a": 390, "b": 390},
        select=True,
        downloads=links,
    )


def _reject(case: Case, words: Words, link: pd.Series, table: str) -> None:
    """Take the link out that was chosen in a table; one may be chosen in each of both at the same time."""
    if link["withdrawn"]:
        st.caption(words("cluster.is_out", why=plain(str(link["withdrawn"]), 300)))
        return

    def take_out() -> None:
        a, b, rule, tx = (str(link[name]) for name in ("a", "b", "rule", "tx"))
        reason, author = (
            str(st.session_state[f"reject-{name}:{table}"]).strip() for name in ("reason", "author")
        )
        number = carry_out(
            "link", case.judge_link, a, b, "reject", rule=rule, tx=tx, reason=reason, author=author
        )
        say(words("ruling.recorded", number=number))

    with st.form(f"reject:{table}:{link['a']}:{link['b']}:{link['rule']}:{link['tx']}"):
        st.text_input(words("judge.reason"), key=f"reject-reason:{table}")
        st.text_input(words("judge.author"), key=f"reject-author:{table}")
        st.form_submit_button(words("cluster.reject"), type="primary", on_click=as_drawn("reject", take_out))


def _rulings(case: Case, words: Words, _: _Found, note: str) -> None:
    """The analyst's word on links: all of it, a form for a link of the analyst's own, and what withdraws one."""
    turn = fresh("accept-link")
    with st.form(f"accept-link{turn}"):
        left, right = st.columns(2)
        a = left.text_input(words("col.a"), key=f"accept-a{turn}")
        b = right.text_input(words("col.b"), key=f"accept-b{turn}")
        tx = left.text_input(words("cluster.tx"), key=f"accept-tx{turn}")
        chain = right.text_input(words("seeds.chain"), value="eip155:1", key=f"accept-chain{turn}")
        reason = left.text_input(words("judge.reason"), key=f"accept-reason{turn}")
        author = right.text_input(words("judge.author"), key=f"accept-author{turn}")
        confidence = left.slider(words("label.confidence"), 0, 100, 80, key=f"accept-confidence{turn}")
        sent = st.form_submit_button(words("cluster.accept"), type="primary")
    if sent:
        number = carry_out(
            "link",
            case.judge_link,
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
        sent_off("accept-link")
        st.rerun()
    frame = case.link_rulings()
    named = frame.assign(
        verdict=[words.one_of("linkverdict", str(v)) for v in frame["verdict"]],
        rule=[words.one_of("linkrule", str(rule)) if rule else "" for rule in frame["rule"]],
    )
    show_table(
        ordered(
            named.rename(columns={"rule": "linkrule"}),
            ("number", "verdict", "reason", "withdrawn_utc", "confidence", "author", "linkrule"),
        ),
        words,
        key="link-rulings",
        file=f"{case.name}_link_rulings",
        note=note,
        wide=_NAMES | {"tx": 560, "reason": 320},
        downloads=link_ruled(frame),
    )
    standing = [int(n) for n, gone in zip(frame["number"], frame["withdrawn_utc"], strict=True) if not gone]
    take_back(
        standing,
        case.withdraw_link_ruling,
        words=(words("conversion.number"), words("conversion.withdraw"), words("conversion.withdrawn")),
        key="link-ruling-number",
        button="link-ruling-withdraw",
    )
    show_python(
        call(
            case.name,
            "case.link_rulings()",
            *action(
                "link",
                'case.judge_link("0x...", "0x...", "reject", reason="...", author="...")',
                'case.judge_link("0x...", "0x...", "accept", tx="0x...", confidence=80, reason="...")',
            ),
            *action("link-ruling-number", "case.withdraw_link_ruling(1)"),
        ),
        words,
    )


def _addresses(case: Case, words: Words, tables: _Found, note: str) -> None:
    """All traced addresses, and those that links join to one: the file clusters.csv."""
    show_table(
        ordered(tables.members, ("cluster_id", *_MEMBERS_FIRST)),
        words,
        key="cluster-addresses",
        file=f"{case.name}_clusters",
        note=note,
        without=["decimals", "rule", "evidence_tx", "confidence"],
        wide=_NAMES | _MEMBERS,
        downloads=tables.members,
    )
    show_python(call(case.name, "case.clusters()", "case.cluster_links()", "case.deposits()"), words)


def _links(case: Case, words: Words, tables: _Found, note: str) -> None:
    """Every link, also those that were taken out."""
    row = _show_links(words, tables.links, "all-links", f"{case.name}_cluster_links", note)
    if row is not None:
        _reject(case, words, tables.links.iloc[row], "all")
    example = 'case.judge_link("0x...", "0x...", "reject", reason="...", author="...")'
    show_python(call(case.name, "case.cluster_links()", *action("link", example)), words)


def _deposits(case: Case, words: Words, tables: _Found, note: str) -> None:
    """Deposit addresses of services, payment by payment."""
    st.caption(words("cluster.deposits_help"))
    show_table(
        ordered(
            tables.deposits,
            ("service", "confidence", "user", "deposit", "symbol", "paid_raw", "forwarded_raw"),
        ),
        words,
        downloads=tables.deposits,
        key="deposits",
        file=f"{case.name}_deposits",
        note=note,
        without=["decimals"],
        wide={"user": 380, "deposit": 380, "paid_tx": 560, "forwarded_tx": 560, "service": 200},
    )
    show_python(call(case.name, "case.deposits()"), words)


def _patterns(case: Case, words: Words, tables: _Found, note: str) -> None:
    """What stands out in how traced addresses behaved."""
    st.caption(words("cluster.patterns_help"))
    frame = tables.patterns
    show_table(
        case.patterns(words.language).assign(
            pattern=[words.one_of("pattern", str(p)) for p in frame["pattern"]]
        ),
        words,
        key="patterns",
        file=f"{case.name}_patterns",
        note=note,
        wide={"address": 380, "observation": 520, "figures": 300, "transactions": 300},
        downloads=frame,
    )
    show_python(call(case.name, "case.patterns()"), words)


def _beyond(case: Case, words: Words, tables: _Found, note: str) -> None:
    """Where coin may have gone after CoinJoins."""
    possible_outputs(tables.beyond, words, key="beyond", file=f"{case.name}_beyond_mixes", note=note)
    show_python(call(case.name, "case.beyond_mixes()"), words)
