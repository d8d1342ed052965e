"""The thin row of figures above the picture: what was stolen, where it rests, what is missing, does it add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tracer.model import StopCode
from tracer.ui.flow import kind_of
from tracer.ui.i18n import Words
from tracer.ui.picture import Json
from tracer.ui.printing import brief_amount, clean, exact_amount, unlisted, whole

__all__ = ["figures"]

_CHAINS = 2
"""Amounts in one figure: of so many chains the largest each."""
_PLACES = ("exchange", "mixer", "bridge", "sanctioned", "burned", "unknown")


_Asset = tuple[str, str, int | None]
"""(asset key, symbol for display, decimals): equal symbols do not make one asset of two contracts."""


def _sum(rows: Iterable[tuple[_Asset, int]]) -> dict[_Asset, int]:
    total: dict[_Asset, int] = defaultdict(int)
    for asset, value in rows:
        total[asset] += value
    return {a: v for a, v in total.items() if v}


def _units(value: object) -> int:
    return whole(value) or 0


def _asset(key: str, row: Mapping[Any, Any]) -> _Asset:
    return key, clean(row.get("symbol") or row.get("asset"), 12), whole(row.get("decimals"))


def _symbol(asset: _Asset, w: Words) -> str:
    return asset[1] if asset[2] is not None else f"{asset[1]} ({w('table.units')})"


def _item(name: str, amounts: Mapping[_Asset, int], w: Words, note: str = "") -> Json:
    """A figure: the largest amount, known assets first (a worthless token comes in any number), and the one of a second
    chain, with which it cannot be compared; all in the hint.
    """
    sized = sorted(
        amounts.items(), key=lambda a: (unlisted(a[0][0]), -(a[1] // 10 ** (a[0][2] or 0)), a[0][:2])
    )
    lines = [f"{exact_amount(v, a[2])} {_symbol(a, w)}" for a, v in sized]
    first: dict[str, str] = {}
    for asset, units in sized:
        if not (first and unlisted(asset[0])):
            first.setdefault(
                asset[0].partition("/")[0], f"{brief_amount(units, asset[2])} {_symbol(asset, w)}"
            )
    said = list(first.values())[:_CHAINS]
    value = " \N{MIDDLE DOT} ".join(said)
    more = f"+{len(sized) - len(said)}" if len(sized) > len(said) else ""
    return {
        "name": name,
        "value": value or "0",
        "note": " ".join(t for t in (more, note) if t),
        "title": "\n".join(lines),
        "tone": "",
    }


def figures(
    w: Words,
    addresses: pd.DataFrame,
    conservation: pd.DataFrame,
    gaps: pd.DataFrame,
    categories: Mapping[tuple[str, str], str],
) -> list[Json]:
    """The figures of a result. categories: (chain, address) -> category of its label."""
    money = conservation.to_dict("records")
    items = [
        _item(
            w("strip.stolen"), _sum((_asset(str(r["asset"]), r), _units(r["stolen_raw"])) for r in money), w
        )
    ]
    by_place: dict[str, list[tuple[_Asset, int]]] = defaultdict(list)
    holders: dict[str, set[tuple[str, str]]] = defaultdict(set)
    everyone = set()
    columns = ("chain", "address", "taint_raw", "stop", "symbol", "asset", "decimals")
    for chain, address, units, stop, *named in zip(*(addresses[c].tolist() for c in columns), strict=True):
        where = str(chain), str(address)
        if where[1].startswith("sink:"):
            continue
        everyone.add(where)
        value = _units(units)
        if value:
            kind = (
                "burned" if stop == StopCode.BURNED else kind_of(categories.get(where, ""), str(stop or ""))
            )
            place = kind if kind in _PLACES else "unknown"
            row = dict(zip(columns[4:], named, strict=True))
            by_place[place].append((_asset(f"{chain}/{row['asset']}", row), value))
            holders[place].add(where)
    hops = [_units(h) for h in addresses["hop"]]
    items.append(
        {
            "name": w("strip.addresses"),
            "value": f"{len(everyone):,}",
            "note": w("strip.hops", hops=max(hops, default=0)),
            "title": "",
            "tone": "",
        }
    )
    items += [
        _item(w(f"strip.{place}"), _sum(by_place[place]), w, f"({len(holders[place]):,})")
        for place in _PLACES
        if by_place[place]
    ]
    fees = _sum((_asset(str(r["asset"]), r), _units(r["fee_raw"])) for r in money)
    if fees:
        items.append(_item(w("strip.fees"), fees, w))
    open_gaps, assumed = (
        int((gaps["status"] == s).sum()) if len(gaps) else 0 for s in ("open", "assumption")
    )
    items.append(
        {
            "name": w("strip.gaps"),
            "value": f"{open_gaps:,}",
            "note": w("strip.assumed", count=f"{assumed:,}"),
            "title": "",
            "tone": "warn" if open_gaps else "",
        }
    )
    exact = all(_units(r["difference_raw"]) == 0 for r in money)
    items.append(
        {
            "name": w("strip.conservation"),
            "value": w("strip.exact") if exact else w("strip.broken"),
            "note": "",
            "title": w("strip.conservation_help"),
            "tone": "good" if exact else "bad",
        }
    )
    return items
