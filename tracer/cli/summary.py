"""A trace in words and small tables, for someone who sees it for the first time.

Always says the rule, the as-of time, where the stolen coin is, whether the account adds up, and what is missing. The
lists are the head of a table: how much is not listed is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracer.cli.say import amount, clean, line, plural, table
from tracer.errors import ConservationError
from tracer.model import Rule

if TYPE_CHECKING:
    import pandas as pd

    from tracer.case import Case
    from tracer.results import TaintResult

__all__ = ["print_endpoints", "print_result"]

_LISTED, _DOUBTS = 10, 3
_ENTRIES = ("stolen", "converted_in", "held", "fee", "burned", "recovered", "converted_out", "difference")

Row = dict[Any, Any]


def print_result(case: Case, result: TaintResult) -> None:
    """Print the trace of one rule. Raises ConservationError if its account does not add up."""
    from tracer.export.notes import as_of_text
    from tracer.results import OUTPOINT_CONVENTIONS, counted_twice, given_up

    governing = (
        " (governing rule)"
        if result.rule == case.rule
        else f" (the governing rule of the case is {case.rule})"
    )
    line(f"Case {clean(case.name)}, rule {result.rule}{governing}, as of {as_of_text(result.as_of)}")
    account = sorted(result.conservation().to_dict("records"), key=lambda row: _native_first(row["asset"]))
    stolen = [_amount(row, "stolen_raw") for row in account if _units(row["stolen_raw"])]
    line(f"Stolen: {', '.join(stolen) or 'nothing: the imported files do not know the seeds'}")
    _print_losses(result.losses())
    for text in given_up(result.gap_list):
        line(f"A CHAIN WAS GIVEN UP: {text}")
    _print_doubts(counted_twice(result.gap_list))
    _print_holders(result.addresses())
    for text in (c for c in result.conventions if c in OUTPOINT_CONVENTIONS):
        line(text)
    _print_account(account, result.rule)
    gaps = result.gaps()
    _print_gaps(case.name, gaps)
    _print_decisions(case.name, gaps)


_BRIEF = {
    None: (
        "endpoint",
        "service",
        "taint",
        "at_least",
        "at_most",
        "range_kind",
        "last_arrival_utc",
        "still_there",
        "address",
    ),
    "service": (
        *("service", "endpoint", "addresses", "taint", "at_least", "at_most", "range_kind"),
        "last_arrival_utc",
    ),
    "transfer": ("endpoint", "service", "taint", "amount", "timestamp_utc", "tx_hash", "address"),
}
_AMOUNTS = ("taint", "amount", "at_least", "at_most")


def print_endpoints(case: Case, frame: pd.DataFrame, by: str | None) -> None:
    """Print the endpoints, or one of the tables beside them, one block per asset; every row, no row cut."""
    line(f"Case {clean(case.name)}, rule {case.rule}")
    columns = _BRIEF[by]
    rows = frame.to_dict("records")
    for chain, asset in dict.fromkeys((str(row["chain"]), str(row["asset"])) for row in rows):
        part = [row for row in rows if (row["chain"], row["asset"]) == (chain, asset)]
        line()
        line(f"{clean(part[0]['symbol']) or 'Asset'} ({clean(f'{chain}/{asset}')})")
        cells = (
            [_amount(r, f"{c}_raw", bare=True) if c in _AMOUNTS else r[c] for c in columns] for r in part
        )
        table(
            [column.replace("_", " ") for column in columns],
            cells,
            right=[c.replace("_", " ") for c in _AMOUNTS],
        )


def _print_doubts(doubts: Sequence[str]) -> None:
    """What may be counted twice, before any amount is read."""
    for text in doubts[:_DOUBTS]:
        line(f"  MAY BE COUNTED TWICE: {clean(text)}")
    if len(doubts) > _DOUBTS:
        line(f"  and {len(doubts) - _DOUBTS:,} more such gaps: `tracer gaps` lists them")


def _print_losses(losses: pd.DataFrame) -> None:
    """What the theft was worth on the day; who says so is in losses.csv. Of several thefts each is named."""
    several = len(set(losses["theft"])) > 1
    for row in losses.to_dict("records"):
        money = [
            f"{int(row[c]):,} {c[-3:].upper()}"
            for c in ("theft_value_usd", "theft_value_jpy")
            if row[c] is not None
        ]
        if money:
            what = clean(row["symbol"]) or clean(row["origin_asset"])
            if several:
                what = f"{clean(row['theft'])}: {_amount(row, 'stolen_raw')}"
            line(f"  {what} was worth about {', '.join(money)} on {row['day']} (sources: losses.csv)")
        elif several:
            line(f"  {clean(row['theft'])}: {_amount(row, 'stolen_raw')}, of which no worth is known")


def _print_holders(addresses: pd.DataFrame) -> None:
    rows = [row for row in addresses.to_dict("records") if _units(row["taint_raw"]) > 0]
    holders = [row for row in rows if not str(row["address"]).startswith("sink:")]
    line()
    if not holders:
        line("No address holds stolen coin. Are the seeds and the imported files about the same addresses?")
        return
    line(f"Stolen coin rests at {plural(len({row['address'] for row in holders}), 'address', 'addresses')}.")
    assets = {(str(row["chain"]), str(row["asset"])) for row in holders}
    for chain, asset in sorted(assets, key=lambda pair: (pair[0], _native_first(pair[1]))):
        # one table per asset: amounts of different assets are never ranked against each other
        _print_holders_of(
            clean(f"{chain}/{asset}"), [r for r in holders if (r["chain"], r["asset"]) == (chain, asset)]
        )
    line()
    line("hop: payments away from the theft. stop: why the trace ends; UNSPENT: not moved on in these files.")
    line(
        "at least, at most: what rests there whatever rule is taken (poison, which marks whole balances, is none)."
    )


def _print_holders_of(asset: str, rows: list[Row]) -> None:
    rows.sort(key=lambda row: (-_units(row["taint_raw"]), str(row["address"])))
    line()
    line(f"{clean(rows[0]['symbol']) or 'Asset'} ({asset}), largest first")
    table(
        ["amount", "at least", "at most", "hop", "stop", "address"],
        (
            [
                _amount(row, "taint_raw"),
                _amount(row, "at_least_raw", bare=True),
                _amount(row, "at_most_raw", bare=True),
            ]
            + [row["hop"], row["stop"], row["address"]]
            for row in rows[:_LISTED]
        ),
        right=["amount", "at least", "at most", "hop"],
    )
    rest = rows[_LISTED:]
    if rest:
        total = amount(sum(_units(row["taint_raw"]) for row in rest), rest[0]["decimals"], rest[0]["symbol"])
        line(f"  and {plural(len(rest), 'more address', 'more addresses')} with {total}")


def _print_account(account: list[Row], rule: str) -> None:
    line()
    line("Account: stolen + converted in = held + fees + burned + recovered + converted out")
    for row in account:
        line(f"  {clean(row['symbol']) or 'asset'} ({clean(row['asset'])})")
        for name in _ENTRIES:
            if _units(row[f"{name}_raw"]) or name in ("stolen", "held", "difference"):
                line(f"    {name.replace('_', ' '):<14}{_amount(row, f'{name}_raw'):>44}")
    wrong = [str(row["asset"]) for row in account if _units(row["difference_raw"])]
    if rule == Rule.POISON:
        line("Poison marks every balance that stolen coin touched: its amounts do not add up to the theft.")
    elif wrong:
        raise ConservationError(
            f"The account does not add up for {', '.join(wrong)}.",
            "Do not use these amounts: report the defect.",
        )
    else:
        line("The account adds up to the last unit: no stolen coin was lost or made.")


def _print_gaps(name: str, frame: pd.DataFrame) -> None:
    counts = frame["status"].value_counts()
    opened, assumed = int(counts.get("open", 0)), int(counts.get("assumption", 0))
    line()
    line(f"Gaps: {opened:,} open, {plural(assumed, 'assumption')}; `tracer gaps {clean(name)}` lists them.")


def _print_decisions(name: str, frame: pd.DataFrame) -> None:
    """What the amounts owe to somebody's word."""
    counts = frame["code"].value_counts()
    inferred = int(counts.get("deposit_address", 0))
    if inferred:
        line(
            f"{plural(inferred, 'address is', 'addresses are')} inferred to be a service's deposit address: ranges that"
            f" rest on that are conditional; `tracer bounds {clean(name)}` says which."
        )
    declared, ruled = int(counts.get("declared_conversion", 0)), int(counts.get("ruling", 0))
    if declared + ruled:
        line(
            f"This result rests on {plural(declared, 'declared conversion')} and {plural(ruled, 'ruling')} of the "
            f"analyst; `tracer judge list {clean(name)}` shows them."
        )


def _native_first(asset: object) -> tuple[bool, str]:
    """Sort key of an asset: a chain's own coin before its tokens."""
    return not str(asset).endswith("native"), str(asset)


def _amount(row: Row, column: str, *, bare: bool = False) -> str:
    return amount(row[column], row["decimals"], "" if bare else row["symbol"])


def _units(raw: object) -> int:
    return raw if isinstance(raw, int) else 0
