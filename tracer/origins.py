"""The origins of an address as a table: what it holds, and all it ever got, by where that coin came from.

One row per rule, asset and inflow (`tracer.taint.origins`), with the range over every admissible accounting. Amounts
add up per rule and asset: `held_raw` to what rests at the address, `received_raw` to everything that it ever got.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from tracer.amounts import decimal_text
from tracer.ledger import Ledger
from tracer.model import Rule
from tracer.results import frame
from tracer.taint.bounds import Range
from tracer.taint.origins import Inflow, InflowKind, Supply, supply
from tracer.taint.program import Program
from tracer.times import utc_text

__all__ = ["ORIGIN_COLUMNS", "origins_frame"]

ORIGIN_COLUMNS = (
    *("rule", "chain", "address", "asset", "symbol", "decimals"),
    *("inflow", "from_address", "from_asset", "stop", "theft", "hops"),
    *("held_raw", "held", "held_source_raw", "at_least_raw", "at_most_raw"),
    *("received_raw", "received", "received_source_raw", "received_at_least_raw", "received_at_most_raw"),
    *("kind", "first_utc", "last_utc"),
)

_WORK = 2_000_000
"""Steps that are looked at for ranges, for one asset and question: beyond, the largest inflows have them."""


class _Made:
    """One supply, and the ranges of its largest inflows."""

    def __init__(self, found: Supply) -> None:
        self.supply = found
        self.number = {inflow: n for n, inflow in enumerate(found.inflows)}
        order = sorted(self.number.values(), key=lambda n: (-found.most(n), n))
        ranged = order[: max(_WORK // max(found.program.steps, 1), 1)]
        self.ranges: dict[int, Range] = {n: found.range(n) for n in ranged}

    def units(self, rule: Rule, inflow: Inflow) -> tuple[int, int]:
        """(units at the target, units as they entered)"""
        return self.supply.splits[rule].get(self.number.get(inflow, -1), (0, 0))

    def range(self, inflow: Inflow) -> tuple[int | None, int | None, str]:
        """(at least, at most, kind); None where it was not computed."""
        number = self.number.get(inflow)
        if number is None:
            return 0, 0, "exact"
        found = self.ranges.get(number)
        return (None, None, "") if found is None else (found.at_least, found.at_most, found.kind)


def origins_frame(
    ledger: Ledger,
    program: Program,
    holdings: Sequence[int],
    rules: Sequence[Rule],
    shown: Callable[[str, str], str],
    *,
    codes: Mapping[tuple[str, str], str],
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """What the holdings of one address are made of; columns `ORIGIN_COLUMNS`, see docs/formats.md, origins.csv.

    program: compiled with amounts as its only seeds, and the address not stopped. rules: conserving ones. codes: stop
    codes that say more than those of the program. Raises ConservationError if an answer does not add up.
    """
    rows: list[tuple[object, ...]] = []
    for number, holding in enumerate(holdings):
        held, got = (_Made(supply(program, ledger, holding, ever=ever)) for ever in (False, True))
        rows += _rows(ledger, program, held, got, rules, shown, codes)
        if progress is not None:
            progress("origins", number + 1, len(holdings))
    return frame(rows, ORIGIN_COLUMNS)


def _rows(
    ledger: Ledger,
    program: Program,
    held: _Made,
    got: _Made,
    rules: Sequence[Rule],
    shown: Callable[[str, str], str],
    codes: Mapping[tuple[str, str], str],
) -> list[tuple[object, ...]]:
    """All inflows of one holding under all rules, the largest first."""
    chain, address, asset = program.name(got.supply.target)
    times = ledger.time[np.flatnonzero(np.diff(ledger.tx, prepend=-1))].tolist()
    uncertain = _unknown_openings(program)
    alike: list[tuple[Inflow, tuple[str | int, ...], tuple[object, ...]]] = []
    for inflow, number in got.number.items():
        whose = program.addresses[inflow.address]
        stop = codes.get(whose, program.stop_code[inflow.address]) if inflow.kind in _WITH_CODE else ""
        least, most, kind = held.range(inflow)
        least_got, most_got, kind_got = got.range(inflow)
        if (inflow.kind, inflow.address, inflow.asset) in uncertain:
            most = most_got = None
        first, last = (
            times[t] if t >= 0 else None for t in (got.supply.first[number], got.supply.last[number])
        )
        name = (str(inflow.kind), shown(*whose), program.assets[inflow.asset].ref, stop, inflow.theft)
        ranges = (least, most, least_got, most_got, "enclosing" if "enclosing" in {kind, kind_got} else kind)
        alike.append((inflow, (*name, got.supply.hops[number]), (*ranges, utc_text(first), utc_text(last))))
    rows = []
    for rule in rules:
        head = (rule.value, chain, shown(chain, address), asset.ref, asset.symbol, asset.decimals)
        named = []
        for inflow, source, (low, high, low_got, high_got, *when) in alike:
            have, had = held.units(rule, inflow), got.units(rule, inflow)
            now = (have[0], decimal_text(have[0], asset.decimals), have[1], low, high)
            ever = (had[0], decimal_text(had[0], asset.decimals), had[1], low_got, high_got)
            named.append((-have[0], -had[0], source, (*head, *source, *now, *ever, *when)))
        rows += [row for *_, row in sorted(named, key=lambda n: n[:3])]
    return rows


def _unknown_openings(program: Program) -> set[tuple[InflowKind, int, int]]:
    """The openings of which nobody knows how large they were: the history before the first row was not read."""
    found = np.flatnonzero(program.unknown_opening)
    pairs = zip(program.holding_address[found].tolist(), program.holding_asset[found].tolist(), strict=True)
    return {(InflowKind.OPENING, address, asset) for address, asset in pairs}


_WITH_CODE = {InflowKind.UNREAD, InflowKind.STOPPED}
