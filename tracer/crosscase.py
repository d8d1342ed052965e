"""What two cases share: an address that stolen coin of both came to.

The same deposit address or collector in two thefts is a lead that no single case shows. A shared service proves no
common hand: the stop code and the label stand beside each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from tracer.case import Case
from tracer.model import Rule
from tracer.results import frame

__all__ = ["overlap"]

_COLUMNS = ["chain", "address", "cases", "case", "asset", "symbol", "decimals"]
_RESULT = ["taint_raw", "received_taint_raw", "hop", "first_received_utc", "stop"]


def overlap(cases: Iterable[str | Case], workspace: str | Path | None = None) -> pd.DataFrame:
    """One row per shared address, case and asset; `cases` is the number of cases that share the address.

    An address is shared when stolen coin can have come to it in two of the cases (poison knows every such address);
    amounts are those of each case's governing rule, exact integers in the smallest unit. Sorted by number of cases,
    then address.
    """
    found: dict[tuple[str, str], dict[str, list[tuple[object, ...]]]] = defaultdict(dict)
    for given in cases:
        case = given if isinstance(given, Case) else Case.open(given, workspace)
        for chain, address, row in _traced(case):
            found[chain, address].setdefault(case.name, []).append(row)
    shared = sorted((-len(by_case), account) for account, by_case in found.items() if len(by_case) > 1)
    rows = [
        (*account, -count, name, *row)
        for count, account in shared
        for name, of_case in sorted(found[account].items())
        for row in of_case
    ]
    return frame(rows, [*_COLUMNS, *_RESULT])


def _traced(case: Case) -> Iterable[tuple[str, str, tuple[object, ...]]]:
    """(chain, address, the rest of the row) of everything that stolen coin can have come to."""
    if not case.file.seeds:
        return
    governed = case.taint().addresses(ranges=False).set_index(["chain", "address", "asset"])
    amounts = governed[["taint_raw", "received_taint_raw"]].to_dict("index")
    for row in case.taint(Rule.POISON.value).addresses(ranges=False).to_dict("records"):
        if str(row["address"]).startswith("sink:"):
            continue
        known = amounts.get((row["chain"], row["address"], row["asset"]), {})
        yield (
            row["chain"],
            row["address"],
            (row["asset"], row["symbol"], row["decimals"])
            + (known.get("taint_raw", 0), known.get("received_taint_raw", 0))
            + (row["hop"], row["first_received_utc"], row["stop"]),
        )
