"""Filters of a table: asset, least stolen amount, period. They change what is shown, never an amount or a download."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from unicodedata import normalize

import numpy as np
import pandas as pd
import streamlit as st

from tracer.errors import InputError
from tracer.seed_list import when
from tracer.ui.i18n import Words
from tracer.ui.printing import clean, utc, whole

__all__ = ["filtered", "least_units"]

_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?", re.ASCII)
_ENDLESS = re.compile(
    r"[eE][+-]?[0-9]{3}"
)  # no coin has so many digits, and to write them out takes for ever
_DAY = re.compile(r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}", re.ASCII)
_ZONE = re.compile(r"[+-][0-9]{2}:?[0-9]{2}$", re.ASCII)


def filtered(frame: pd.DataFrame, words: Words, *, key: str, time: str) -> pd.DataFrame:
    """Draw the filters of a table and return the rows that match, with their old index.

    frame: columns chain, asset, symbol, decimals, taint_raw and `time` (UTC text, "" for unknown: in no period).
    """
    with st.popover(words("filter.title")):
        assets = _assets(frame)
        asset = st.selectbox(
            words("filter.asset"),
            ["", *assets],
            format_func=lambda a: assets.get(a, words("filter.all")),
            key=f"see:filter-asset:{key}",
        )
        least = st.text_input(
            words("filter.least"),
            key=f"see:filter-least:{key}",
            disabled=not asset,
            help=words("filter.least_help"),
        )
        since = st.text_input(words("filter.since"), key=f"see:filter-since:{key}")
        until = st.text_input(words("filter.until"), key=f"see:filter-until:{key}")
    keep = np.ones(len(frame), dtype=bool)
    if asset:
        keep &= np.array([f"{c}/{a}" == asset for c, a in zip(frame["chain"], frame["asset"], strict=True)])
        units = least_units(least, _places(frame, asset), words)
        if units:
            keep &= np.array([(whole(u) or 0) >= units for u in frame["taint_raw"]])
    if since.strip() or until.strip():
        first, last = _moment(since), _moment(until, end=True)
        if first and last and first > last:
            raise InputError(words("filter.swapped", since=utc(first), until=utc(last)))
        keep &= _within(frame[time], first, last)
    return frame[keep]


def least_units(text: str, places: int | None, words: Words) -> int:
    """A number of whole coins as smallest units, rounded up; 0 for empty text. Raises InputError.

    Digits may be full-width, as Japanese keyboards write them. A comma separates thousands: `0,5` is refused.
    """
    typed = normalize("NFKC", text).strip()
    if not typed:
        return 0
    try:
        if _ENDLESS.search(typed):
            raise ValueError
        number = Fraction(typed.replace(",", "")) * 10 ** (places or 0)
    except (ValueError, ZeroDivisionError):
        number = Fraction(-1)
    if number < 0 or "/" in typed or "_" in typed or ("," in typed and not _THOUSANDS.fullmatch(typed)):
        raise InputError(words("filter.bad_least", text=clean(text, 40)), words("filter.bad_least_hint"))
    return int(-(-number.numerator // number.denominator))


def _assets(frame: pd.DataFrame) -> dict[str, str]:
    """Asset key -> how it is called."""
    rows = (
        frame[["chain", "asset", "symbol"]]
        .drop_duplicates()
        .astype(str)
        .sort_values(["chain", "asset", "symbol"])
    )
    return {f"{c}/{a}": clean(s or a, 24) for c, a, s in rows.itertuples(index=False)}


def _places(frame: pd.DataFrame, asset: str) -> int | None:
    rows = zip(frame["chain"], frame["asset"], frame["decimals"], strict=True)
    return next((whole(places) for c, a, places in rows if f"{c}/{a}" == asset), None)


def _moment(text: str, *, end: bool = False) -> str:
    """A UTC time as people write it, as text of a `_utc` column; `end`: the last second of a minute or day.

    A date alone is the whole day in UTC. Raises InputError.
    """
    typed = normalize("NFKC", text).strip()
    if not typed:
        return ""
    day = _DAY.fullmatch(typed)
    moment = datetime.fromtimestamp(when(f"{typed} 00:00" if day else typed), UTC)
    if end and day:
        moment += timedelta(days=1, seconds=-1)
    elif end and _ZONE.sub("", typed).count(":") == 1:
        moment += timedelta(seconds=59)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _within(times: Iterable[object], since: str, until: str) -> np.ndarray:
    known = [str(t or "") for t in times]
    return np.array(
        [bool(t) and (not since or t >= since) and (not until or t <= until) for t in known], bool
    )
