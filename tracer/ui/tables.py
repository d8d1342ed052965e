"""Tables on the screen: exact, whole, with their provenance, and downloadable as CSV.

On the screen an amount is exact decimal text (or the raw integer on request) and a time is shown in UTC and JST.
The CSV holds the frame as the case gave it: contract column names, raw integers, UTC. Text that a spreadsheet
would run as a formula is guarded. A frame too long for the screen says so; the CSV always has every row.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from csv import writer as csv_writer
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from tracer.chains.csv_guard import guard
from tracer.errors import visible
from tracer.model import Rule
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, exact_amount, jst, missing, utc, whole

__all__ = ["LIMIT", "csv_bytes", "for_screen", "note_of", "ordered", "show_table"]

LIMIT = 2_000
"""Rows on the screen; the CSV has all."""

_CODED = {
    "code": "gap",
    "status": "status",
    "excluded": "excluded",
    "endpoint": "endpoint_kind",
    "still_there": "still",
    "history": "history",
    "role": "role",
    "category": "category",
    "source_type": "source_type",
    "rule": "rule",
    "state": "case_state",
    "range_kind": "range",
    "what": "label_change",
}
"""Columns whose codes are shown in words; the CSV keeps the code."""

_RULES = frozenset(str(rule) for rule in Rule)


def _is_raw(column: str) -> bool:
    return column.endswith("_raw") or column in _RULES


def csv_bytes(frame: pd.DataFrame, *, bom: bool = False) -> bytes:
    """The frame as CSV: UTF-8, LF, integers untouched, empty cells for missing values; `bom` for Japanese Excel."""
    out = io.StringIO()
    writer = csv_writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_written(v) for v in row] for row in frame.itertuples(index=False, name=None))
    return out.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _written(value: object) -> object:
    if missing(value):
        return ""
    if isinstance(value, str):
        return guard(visible(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return int(value) if isinstance(value, float) and value.is_integer() else value


def for_screen(
    frame: pd.DataFrame, w: Words, *, raw: bool = False, without: Collection[str] = ()
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The frame as text for the screen, and the heading of each column.

    Amount columns (`*_raw`, a rule's name) become exact decimal text where `decimals` is known and `raw` is off,
    else integers of smallest units, and the heading says so. `x` beside `x_raw` is the same amount: one is shown.
    A `*_utc` column is followed by the same moment in JST.
    """
    places = [whole(d) for d in frame["decimals"]] if "decimals" in frame.columns else [None] * len(frame)
    out: dict[str, list[str]] = {}
    heads: dict[str, str] = {}
    for column in frame.columns:
        base = column.removesuffix("_raw")
        twin = base if column != base and base in frame.columns else ""
        if column in without or f"{column}_raw" in frame.columns:
            continue
        if column.endswith("_jst") and column.replace("_jst", "_utc") in frame.columns:
            continue  # both clocks are shown beside each other below
        values = list(frame[column])
        heads[column] = w.one_of("col", column)
        if heads[column] == column:
            heads[column] = w.one_of("col", base)
        if _is_raw(column):
            own = (
                raw or "source_raw" in column
            )  # source units are those of the stolen asset, not of this row's
            known = [None if own else p for p in places]
            texts = [] if raw or not twin else list(frame[twin])
            told = bool(texts) and not all(map(missing, texts))  # an unknown asset has no decimal text either
            if all(p is None for p in known):
                out[column] = [_cell(t) for t in texts] if told else [_amount(v, None) for v in values]
                heads[column] += "" if told else f" ({w('table.units')})"
            else:
                out[column] = [_amount(v, p, w) for v, p in zip(values, known, strict=True)]
        elif column.endswith("_utc"):
            other = column.removesuffix("_utc") + "_jst"
            out[column] = [utc(v).removesuffix(" UTC") for v in values]
            out[other] = [jst(v).removesuffix(" JST") for v in values]
            heads[other] = f"{heads[column]} (JST)"
            heads[column] += " (UTC)"
        elif column.startswith("theft_value_"):
            out[column] = [_cell(v) if whole(v) is None else f"{whole(v):,}" for v in values]
        elif values and all(isinstance(v, (bool, np.bool_)) for v in values):
            out[column] = [w("table.yes") if v else w("table.no") for v in values]
        elif column == "message" and "code" in frame.columns:
            heads[column] = w("col.detail")
            out[column] = ["" if missing(v) else clean(str(v), 1_000) for v in values]
        elif column in _CODED:
            group = _CODED[column]
            out[column] = ["; ".join(w.one_of(group, p) for p in _cell(v).split(";")) for v in values]
            if column == "status" and "code" in frame.columns:
                # A gap: what its kind means in the reader's language; the core's own sentence follows as the detail.
                out["explained"] = [w.one_of("gap_why", _cell(code)) for code in frame["code"]]
                heads["explained"] = w("col.explained")
        else:
            out[column] = [_cell(v) for v in values]
    return pd.DataFrame(out, dtype="str" if out else None), heads


def _amount(value: object, places: int | None, w: Words | None = None) -> str:
    """An amount as text; `w`: other rows of its column are whole coins, so one in smallest units says that it is."""
    text = "" if missing(value) else str(value)
    if text.removeprefix("-").isdecimal():
        unit = f" ({w('table.units')})" if w is not None and places is None and int(text) else ""
        return exact_amount(int(text), places) + unit
    return clean(text, 400)  # stolen coin of several assets is `units@asset;...`: shown as it is


def _cell(value: object) -> str:
    return (
        ""
        if missing(value)
        else clean(_written(value), 400)
        if not isinstance(value, str)
        else clean(value, 400)
    )


def note_of(w: Words, *, rule: str, as_of: object, conventions: Sequence[str] = ()) -> str:
    """One line that says what a table rests on."""
    parts = [f"{w('table.rule')}: {w.one_of('rule', rule)}", f"{w('table.as_of')}: {_as_of(as_of, w)}"]
    if conventions:
        parts.append(w("table.conventions", count=len(conventions)))
    return " \N{MIDDLE DOT} ".join(parts)


def _as_of(as_of: object, w: Words) -> str:
    return f"{utc(as_of)} / {jst(as_of)}" if not missing(as_of) else w("table.no_as_of")


def ordered(frame: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    """The frame with those columns on the left, which a reader needs before the others; for the screen, not the CSV."""
    ahead = [c for c in first if c in frame.columns]
    return frame[[*ahead, *(c for c in frame.columns if c not in ahead)]]


def show_table(
    frame: pd.DataFrame,
    w: Words,
    *,
    key: str,
    file: str,
    note: str = "",
    raw: bool = False,
    without: Iterable[str] = (),
    wide: Mapping[str, int] | None = None,
    height: int | None = None,
    select: bool = False,
    downloads: bool | pd.DataFrame | Callable[[], pd.DataFrame] = True,
    narrow: bool = False,
) -> int | None:
    """Show a frame with its note and CSV downloads; returns the chosen row (position in `frame`) when `select`.

    narrow: the note stands above the download buttons, for a panel. downloads: False for none, or the table to give
    instead of `frame`, as the export has it, or what makes that table when somebody asks for it.
    """
    text, heads = for_screen(frame.head(LIMIT), w, raw=raw, without=set(without))
    config = {
        c: st.column_config.TextColumn(
            heads[c],
            width=_whole_width(text[c], heads[c], (wide or {}).get(c, 0))
            if _is_raw(c)
            else (wide or {}).get(c, "medium" if c.endswith(("_utc", "_jst")) else None),
            alignment="right"
            if _is_raw(c)
            or f"{c}_raw" in frame.columns
            or c in {"hop", "decimals", "theft_value_usd", "theft_value_jpy"}
            else "left",
        )
        for c in text.columns
    }
    if frame.empty:
        st.caption(w("table.empty"))
        return None
    tall = height or min(35 * (len(text) + 1) + 3, 420)
    chosen: int | None = None
    if select:
        event = st.dataframe(
            text,
            hide_index=True,
            column_config=config,
            height=tall,
            key=_for_these_rows(f"see:{key}", frame),
            on_select="rerun",
            selection_mode="single-row",
        )
        rows = event["selection"]["rows"]
        chosen = rows[0] if rows else None
    else:
        st.dataframe(text, hide_index=True, column_config=config, height=tall, key=f"see:{key}")
    if downloads is not False:
        table = frame if downloads is True else downloads
        total = len(table) if isinstance(table, pd.DataFrame) else len(frame)
        _downloads(table, total, w, key=key, file=file, note=note, narrow=narrow)
    return chosen


_NAMED_BY = (
    *("case", "cluster_id", "chain", "address", "asset", "a", "b", "rule", "tx", "tx_hash", "position"),
    *("code", "from_address", "to_address", "amount_raw", "source_row", "path"),
)
"""The columns, where a table has them, that say which row is which, whatever else is computed about it."""


def _for_these_rows(key: str, frame: pd.DataFrame) -> str:
    """The key of a table in which a row can be chosen: another one when it shows other rows than the last time.

    Streamlit remembers a choice by its position. After a filter, a ruling or a change by the command line another
    row stands there, which nobody chose; so nothing is chosen then.
    """
    named = frame.head(LIMIT)[[c for c in _NAMED_BY if c in frame.columns]]
    rows = hash(tuple(map(str, named.to_numpy(dtype=object).ravel())))
    last, turn = st.session_state.get(f"{key}:rows", (rows, 0))
    turn += last != rows
    st.session_state[f"{key}:rows"] = rows, turn
    return f"{key}:{turn}" if turn else key


_DIGIT, _LETTER, _EDGES = 8, 14, 24
"""Pixels of a digit, of a letter of any script, and beside the text of a cell."""


def _whole_width(texts: Iterable[str], head: str, least: int) -> int:
    """The width in which no amount of a column is cut: a number without its first digits reads as another number."""
    longest = max((_DIGIT * len(t) if t.isascii() else _LETTER * len(t) for t in texts), default=0)
    title = _DIGIT * len(head) if head.isascii() else _LETTER * len(head)
    return max(least, longest + _EDGES, title + _EDGES)


def _csv_of(table: pd.DataFrame | Callable[[], pd.DataFrame], *, bom: bool) -> bytes:
    return csv_bytes(table if isinstance(table, pd.DataFrame) else table(), bom=bom)


def _downloads(
    table: pd.DataFrame | Callable[[], pd.DataFrame],
    rows: int,
    w: Words,
    *,
    key: str,
    file: str,
    note: str,
    narrow: bool,
) -> None:
    """What the table rests on, and its two CSV buttons."""
    total = f"{rows:,}"
    parts = [w("table.rows", count=total), note]
    if rows > LIMIT:
        parts.insert(1, w("table.cut", shown=f"{LIMIT:,}", total=total))
    text = " \N{MIDDLE DOT} ".join(p for p in parts if p)
    if narrow:
        st.caption(text)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not narrow:
            st.caption(text, width="stretch")
        for bom, label in ((False, w("table.csv")), (True, w("table.csv_excel"))):
            st.download_button(
                label,
                data=partial(_csv_of, table, bom=bom),
                file_name=f"{file}.csv",
                mime="text/csv",
                on_click="ignore",
                key=f"csv:{key}:{bom}",
            )
