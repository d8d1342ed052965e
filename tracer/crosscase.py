"""The cases of a workspace side by side, and what two of them share: an address or a cluster that coin of both came to.

The same deposit address or collector in two thefts is a lead that no single case shows. A shared service proves no
common hand: the stop code and the label stand beside each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import pandas as pd

from tracer.addresses import display, is_evm
from tracer.amounts import decimal_text
from tracer.case import Case
from tracer.clusters.link import Link
from tracer.clusters.unionfind import components
from tracer.errors import TracerError
from tracer.model import Rule
from tracer.results import CONVENTIONS, frame
from tracer.times import utc_text

__all__ = ["cases_frame", "overlap", "rests_on"]

_Account = tuple[str, str]
"""(chain, canonical address)"""

_COLUMNS = ["chain", "address", "cases", "case", "asset", "symbol", "decimals"]
_RESULT = ["taint_raw", "received_taint_raw", "hop", "first_received_utc", "stop", "label", "label_source"]


def overlap(cases: Iterable[str | Case], workspace: str | Path | None = None) -> pd.DataFrame:
    """One row per shared address, case and asset; `cases` is the number of cases that share it.

    shared: `address` where stolen coin can have come to the address in two of the cases (poison knows every such
    address), else `cluster` where the links of the cases, taken together, put it into one cluster with an address of
    another case; `cluster_id` names that cluster ("" where there is none). Amounts are those of each case's governing
    rule, exact integers in the smallest unit. Sorted by number of cases, then by address.
    """
    found: dict[_Account, dict[str, list[tuple[object, ...]]]] = defaultdict(dict)
    links: set[Link] = set()
    refused: set[Link] = set()
    opened = [given if isinstance(given, Case) else Case.open(given, workspace) for given in cases]
    for case in opened:
        for account, row in _traced(case):
            found[account].setdefault(case.name, []).append(row)
        if case.file.seeds:
            clusters = case.tracing().clusters
            links.update(clusters.found.links)
            refused.update(clusters.found.withdrawn)
    joined = components(links, refused)
    cluster = {account: joined.cluster_of(":".join(account)) for account in found}
    sharing: dict[str, set[str]] = defaultdict(set)
    for account, by_case in found.items():
        sharing[cluster[account]].update(by_case)
    rows: list[tuple[object, ...]] = []
    for account, by_case in found.items():
        chain, address = account
        alone = len(by_case) > 1
        among = len(by_case) if alone else len(sharing[cluster[account]])
        if among < 2:
            continue
        named = cluster[account] if joined.members.get(cluster[account]) else ""
        ends = ("address" if alone else "cluster", named)
        text = display(chain, address)
        rows += [(chain, text, among, name, *row, *ends) for name, mine in by_case.items() for row in mine]
    rows.sort(key=lambda r: (-int(str(r[2])), r[0], r[1], r[3], str(r[4])))
    table = frame(rows, [*_COLUMNS, *_RESULT, "shared", "cluster_id"])
    table.attrs = rests_on(opened)
    return table


def rests_on(cases: Iterable[Case], rule: str | None = None) -> dict[Hashable | None, object]:
    """What a table over several cases rests on, for its `attrs`.

    rules: case -> the rule of its rows (`rule`, else its governing rule). as_of_utc: case -> up to when its facts go.
    conventions: those of any of them. A case without seeds has no facts to rest on yet.
    """
    given = list(cases)
    traced = {case.name: case.tracing() for case in given if case.file.seeds}
    conventions = dict.fromkeys(line for tracing in traced.values() for line in tracing.conventions)
    return {
        "rules": {case.name: rule or case.rule for case in given},
        "as_of_utc": {
            case.name: utc_text(traced[case.name].as_of) if case.name in traced else "" for case in given
        },
        "conventions": list(conventions or dict.fromkeys(CONVENTIONS)),
    }


def _traced(case: Case) -> Iterable[tuple[_Account, tuple[object, ...]]]:
    """(account, the rest of the row) of everything that stolen coin can have come to."""
    if not case.file.seeds:
        return
    governed = case.taint().addresses(ranges=False).set_index(["chain", "address", "asset"])
    amounts = governed[["taint_raw", "received_taint_raw"]].to_dict("index")
    book = case.book()
    for row in case.taint(Rule.POISON.value).addresses(ranges=False).to_dict("records"):
        if str(row["address"]).startswith("sink:"):
            continue
        chain, text = str(row["chain"]), str(row["address"])
        account = (chain, text.lower() if is_evm(chain) else text)
        label = book.best(*account)
        known = amounts.get((row["chain"], row["address"], row["asset"]), {})
        yield (
            account,
            (row["asset"], row["symbol"], row["decimals"])
            + (known.get("taint_raw", 0), known.get("received_taint_raw", 0))
            + (row["hop"], row["first_received_utc"], row["stop"])
            + ((label.who, label.source) if label else ("", "")),
        )


def cases_frame(
    cases: Iterable[str | Case],
    workspace: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """One row per case: seeds, what was stolen, and whether it can be traced.

    state: empty (no seeds or no movements yet), traced or failed; of a failed one, problem says why. stolen: exact
    decimal text with symbols, joined by ; (amounts of different assets are never added). addresses: how many stolen
    coin came to.
    """
    wanted = list(cases)
    rows = []
    for number, given in enumerate(wanted):
        if progress:
            progress("cases", number, len(wanted))
        rows.append(_case_row(given if isinstance(given, Case) else Case.open(given, workspace)))
    columns = ["case", "state", "seeds", "thefts", "stolen", "addresses", "open_gaps"]
    return frame(rows, [*columns, "files", "histories", "rule", "as_of_utc", "problem"])


def _case_row(case: Case) -> tuple[object, ...]:
    file = case.file
    thefts = ";".join(sorted({seed.theft for seed in file.seeds}))
    found: tuple[object, ...] = ("", None, None)
    state, problem, as_of = "empty", "", ""
    if file.seeds and (file.captures or file.manifest):
        try:
            result = case.taint()
            losses = result.losses().to_dict("records")
            reached = result.addresses(ranges=False)["address"].drop_duplicates()
            found = (
                "; ".join(f"{_coins(loss)} {loss['symbol'] or loss['origin_asset']}" for loss in losses),
                sum(not str(address).startswith("sink:") for address in reached),
                sum(gap.status == "open" for gap in result.gap_list),
            )
            state, as_of = "traced", utc_text(result.as_of)
        except TracerError as error:
            state, problem = "failed", error.message
    return (
        *(case.name, state, len(file.seeds), thefts, *found, len(file.captures)),
        *(len(case.histories()), case.rule, as_of, problem),
    )


def _coins(loss: dict[Hashable, object]) -> str:
    raw, places = int(str(loss["stolen_raw"])), loss["decimals"]
    return decimal_text(raw, int(str(places))) if places is not None else str(raw)
