"""The panel beside the picture: everything known about the chosen address, with its evidence, to the last digit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.model import NATIVE, Gap, Rule, StopCode
from tracer.ui.beyond import mix_said, possible_outputs
from tracer.ui.drawn import transfers_at, transfers_of
from tracer.ui.flow import Flow, Node
from tracer.ui.i18n import Words
from tracer.ui.links import explorer_link
from tracer.ui.notes import notes
from tracer.ui.picture import completeness
from tracer.ui.printing import clean, exact_amount, jst, plain, unlisted, utc, whole
from tracer.ui.saying import actions
from tracer.ui.snippets import action, call, show_python
from tracer.ui.tables import show_table

__all__ = ["by_rule", "details", "fold_details", "resting", "transaction_details"]


_WHOLE = 2_000
"""Characters of a name or source: the panel is where all of it is read."""


def _of(frame: pd.DataFrame, chain: str, address: str) -> pd.DataFrame:
    return frame[(frame["chain"] == chain) & (frame["address"] == address)]


def _label(case: Case, chain: str, address: str, w: Words) -> None:
    found = case.labels_of(f"{chain}:{address}")
    found = found[found["withdrawn_utc"] == ""]
    if found.empty:
        st.caption(w("details.no_label"))
    parties = case.label_conflicts_of(f"{chain}:{address}")
    if parties:
        st.warning(w("details.conflict", names=plain(", ".join(parties), _WHOLE)), icon=":material/help:")
    for row in found.to_dict("records"):
        if row["sanctions_hit"]:
            st.warning(w("details.sanctions_hit", name=plain(row["name"], _WHOLE)), icon=":material/gavel:")
        out = "" if row["in_force"] else f" ({w('details.not_in_force')})"
        st.markdown(f"**{plain(row['name'], _WHOLE)}**{out}")
        kind = " / ".join(filter(None, (plain(row["category"]), plain(row["role"]))))
        listed = f"{row['listed_utc'][:10]} - {row['delisted_utc'][:10]}" if row["delisted_utc"] else ""
        said = {
            "category": kind,
            "confidence": row["confidence"],
            "source": plain(row["source"], _WHOLE) or "-",
            "listed": plain(listed),
        }
        st.caption(" \N{MIDDLE DOT} ".join(f"{w(f'details.{k}')}: {v}" for k, v in said.items() if v != ""))


def _warned(gaps: Sequence[Gap], node: Node, w: Words) -> None:
    """What is missing or easily mistaken about this very address, openings apart, which the amounts show."""
    own = [g for g in gaps if g.status == "open" and g.code != "opening" and g.chain == node.chain]
    for gap in own:
        if gap.address.lower() == node.address.lower():
            st.warning(
                f"**{w.one_of('gap', gap.code)}** {plain(gap.said(w.language), 1_000)}",
                icon=":material/warning:",
            )


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


def by_rule(
    own: pd.DataFrame, rules: pd.DataFrame | None, ranges: pd.DataFrame | None, rule: str, w: Words
) -> pd.DataFrame:
    """One line per asset and rule, then the range, for one address: exact decimal text.

    own: its rows of the taint table under `rule`. rules, ranges: its rows of the comparison and of the bounds, None
    while they are computed. An asset that the comparison does not list holds nothing under any rule.
    Assets of which something rests here stand first.
    """
    known = {str(r["asset"]): r for f in (rules, own) if f is not None for r in f.to_dict("records")}
    lines: list[tuple[str, str, str]] = []
    held = {str(r["asset"]): whole(r["taint_raw"]) or 0 for r in own.to_dict("records")}
    for ref, row in sorted(known.items(), key=lambda item: (not held.get(item[0]), item[0])):
        symbol, places = clean(row["symbol"], 12) or clean(ref), whole(row["decimals"])

        def line(name: str, units: object, places: int | None = places, symbol: str = symbol) -> None:
            number = whole(units)
            unit = f" ({w('table.units')})" if places is None and number else ""
            lines.append((symbol, name, "" if number is None else exact_amount(number, places) + unit))

        at = _row(rules, ref)
        for name in [str(r) for r in Rule] if rules is not None else [rule]:
            units = at.get(name, 0) if rules is not None else _row(own, ref).get("taint_raw", 0)
            line(w.one_of("rule", name) + (" \N{BLACK STAR}" if name == rule else ""), units)
        if ranges is not None:
            found = _row(ranges, ref)
            kind = w.one_of("range", str(found.get("kind", "exact")))
            line(f"{w('details.at_least')} ({kind})", found.get("at_least_raw", 0))
            line(f"{w('details.at_most')} ({kind})", found.get("at_most_raw", 0))
    return pd.DataFrame(lines, columns=["asset", "rule", "amount"])


def _row(frame: pd.DataFrame | None, asset: str) -> dict[str, object]:
    found = [] if frame is None else frame[frame["asset"] == asset].to_dict("records")
    return {str(k): v for k, v in found[0].items()} if found else {}


def _moved(here: pd.DataFrame, address: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return here[here["to_address"] == address], here[here["from_address"] == address]


_RESTING = 40
_EVIDENCE = (
    "timestamp_utc",
    "amount_raw",
    "taint_raw",
    "symbol",
    "decimals",
    "from_address",
    "to_address",
    "tx_hash",
    "outpoint",
    "spent_tx",
    "source_name",
    "source_row",
    "excluded",
)


def details(
    case: Case,
    node: Node,
    result: Any,
    addresses: pd.DataFrame,
    rules: pd.DataFrame | None,
    ranges: pd.DataFrame | None,
    w: Words,
) -> None:
    """The panel of one address. addresses: the rows of `result.addresses()`.

    rules: the comparison of all rules, ranges: the bounds of this address; None while they are computed.
    """
    st.markdown(f"##### {w.one_of('kind', node.kind)}")
    st.code(node.address, language=None, wrap_lines=True)
    if node.chain:
        st.caption(f"{w('details.chain')}: {node.chain}")
        if node.complete is not None:
            st.caption(completeness(node.complete, w))
        _label(case, node.chain, node.address, w)
        _warned(result.gap_list, node, w)
    rows = (
        _of(addresses, node.chain, node.address)
        if node.chain
        else addresses[addresses["address"] == node.address]
    )
    if rows.empty:
        st.caption(w("details.clean"))
    else:
        _facts(rows, w)
    if node.chain:
        mine = None if rules is None else _of(rules, node.chain, node.address)
        table = by_rule(rows, mine, ranges, str(result.rule), w)
        st.markdown(f"**{w('details.by_rule')}**")
        show_table(
            table,
            w,
            key=f"rules:{node.id}",
            file="rules",
            downloads=False,
            wide={"asset": 56, "rule": 132, "amount": 190},
            height=35 * (min(len(table), 9) + 1) + 3,
        )
    if not rows.empty:
        st.markdown(f"**{w('details.amounts')}**")
        wanted = ("symbol", "decimals", "received_taint_raw", "balance_raw", "taint_source_raw")
        shown = [c for c in wanted if c in rows.columns]
        show_table(
            rows[shown], w, key=f"sums:{node.id}", file="amounts", without=["decimals"], downloads=False
        )
    if node.chain:
        came, went = _moved(transfers_at(result, node.chain, node.address), node.address)
        note = w("details.evidence")
        for title, part, name in ((w("details.in"), came, "in"), (w("details.out"), went, "out")):
            st.markdown(f"**{title}** ({len(part):,})")
            columns = [c for c in _EVIDENCE if c in part.columns]
            if "spent_tx" not in part.columns:
                columns = [c for c in columns if c != "outpoint"]
            other = "to_address" if name == "in" else "from_address"
            if len(part):
                show_table(
                    part[columns].reset_index(drop=True),
                    w,
                    key=f"{name}:{node.id}",
                    file=f"{case.name}_{name}_{node.address}",
                    note=note,
                    narrow=True,
                    without=["decimals", other],
                    height=min(35 * (len(part) + 1) + 3, 230),
                )
        notes(case, node.chain, node.address, w)
        actions(case, node, w)
        explorer_link(node.chain, w, address=node.address)
    show_python(
        call(
            case.name,
            f"taint = case.taint({str(result.rule)!r}).addresses()",
            f"taint[taint.address == {node.address!r}]",
            "table = case.compare()",
            f"table[table.address == {node.address!r}]",
            f"case.notes({node.address!r}, {node.chain!r})",
            *action(
                f"at:{node.id}",
                f"case.note({node.address!r}, 'TEXT', author='...', chain={node.chain!r})",
                f"case.label({node.address!r}, 'NAME', {node.chain!r}, category='exchange', source='...')",
                f"case.stop({node.address!r}, 'SERVICE', {node.chain!r}, reason='...')",
            ),
        ),
        w,
    )


def transaction_details(case: Case, node: Node, result: Any, w: Words) -> None:
    """The panel of a transaction in which coin of several owners meets: its inputs, outputs and fee.

    Of a CoinJoin first the outputs in which the coin that rests in it may be.
    """
    txid = node.address.removeprefix("tx:")
    st.markdown(f"##### {w.one_of('kind', node.kind)}")
    st.code(txid, language=None, wrap_lines=True)
    st.caption(w("details.joint"))
    if node.stop == StopCode.MIXER:
        mixes = case.coinjoins(str(result.rule), w.language)
        mix_said(mixes[(mixes["chain"] == node.chain) & (mixes["mix_tx"] == txid)], w)
        beyond = case.beyond_mixes(str(result.rule))
        beyond = beyond[(beyond["chain"] == node.chain) & (beyond["mix_tx"] == txid)].reset_index(drop=True)
        st.markdown(f"**{w('mix.title')}** ({len(beyond):,})")
        possible_outputs(beyond, w, key=f"beyond:{node.id}", file=f"beyond_{txid}", narrow=True)
    rows = transfers_of(result, node.chain, txid)
    columns = [
        "kind",
        "amount_raw",
        "taint_raw",
        "symbol",
        "decimals",
        "from_address",
        "to_address",
        "outpoint",
    ]
    show_table(
        rows[[*columns, "spent_tx", "source_name", "source_row"]],
        w,
        key=f"transaction:{node.id}",
        file=f"transaction_{txid}",
        note=w("details.evidence"),
        narrow=True,
        without=["decimals"],
        height=min(35 * (len(rows) + 1) + 3, 420),
    )


def fold_details(node: Node, flow: Flow, w: Words, *, many: bool) -> bool:
    """The panel of a fold: its members, heaviest first. Returns whether the reader wants it opened.

    many: so many members that the button says what opening them means.
    """
    st.markdown(f"##### {w('canvas.others', count=f'{len(node.members):,}')}")
    if node.name:
        st.markdown(plain(node.name))
    st.caption(w("details.fold"))
    count = f"{len(node.members):,}"
    text = w("details.open_many", count=count) if many else w("details.open_fold")
    pressed = st.button(text, type="secondary" if many else "primary", key=f"open:{node.id}")
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
    show_table(frame, w, key=f"fold:{node.id}", file="folded", height=420, narrow=True)
    return pressed


def _largest_of_each(addresses: pd.DataFrame, most: int) -> list[int]:
    """The rows of the largest holders, asset by asset: coins of chains first, then listed tokens.

    Amounts of different assets are not compared: of `most` rows each asset has as many as any other while it lasts.
    """
    columns = zip(*(addresses[c] for c in ("taint_raw", "address", "chain", "asset")), strict=True)
    of: dict[tuple[bool, bool, str, str], list[tuple[int, str, int]]] = defaultdict(list)
    for row, (units, address, chain, asset) in enumerate(columns):
        if units and not str(address).startswith("sink:"):
            key = unlisted(f"{chain}/{asset}"), asset != NATIVE, str(chain), str(asset)
            of[key].append((-units, str(address), row))
    ranked = [(key[0], rank, key, row) for key in of for rank, (*_, row) in enumerate(sorted(of[key]))]
    chosen = sorted(ranked)[:most]
    return [row for *_, row in sorted(chosen, key=lambda entry: (entry[2], entry[1]))]


def resting(addresses: pd.DataFrame, w: Words, key: str) -> int | None:
    """With nothing chosen: where the most coin rests now. Returns the chosen row of `addresses`."""
    st.markdown(f"##### {w('details.resting')}")
    st.caption(w("details.choose"))
    rows = _largest_of_each(addresses, _RESTING)
    top = addresses.iloc[rows][["taint_raw", "symbol", "address", "hop", "stop", "decimals"]]
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
    return None if picked is None else rows[picked]
