"""A trace in words and small tables, for someone who sees it for the first time.

Always says the rule, the as-of time, where the stolen coin is, whether the account adds up, and what is missing. The
lists are the head of a table: how much is not listed is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer.cli.say import amount, clean, line, plural, table

if TYPE_CHECKING:
    import pandas as pd

    from tracer.case import Case
    from tracer.results import TaintResult

__all__ = ["print_result"]

_LISTED = 10


def print_result(case: Case, result: TaintResult) -> None:
    """Print the trace of one rule."""
    from tracer.export.notes import as_of_text

    governing = (
        " (governing rule)"
        if result.rule == case.rule
        else f" (the governing rule of the case is {case.rule})"
    )
    line(f"Case {clean(case.name)}, rule {result.rule}{governing}, as of {as_of_text(result.as_of)}")
    addresses = result.addresses()
    _print_holders(addresses)
    _print_account(result.conservation(), result.rule)
    _print_gaps(result.gaps())


def _print_holders(addresses: pd.DataFrame) -> None:
    rows = [row for row in addresses.to_dict("records") if _units(row["taint_raw"]) > 0]
    holders = [row for row in rows if not str(row["address"]).startswith("sink:")]
    line()
    if not holders:
        line("No address holds stolen coin. Are the seeds and the imported files about the same addresses?")
        return
    assets = sorted({(str(row["chain"]), str(row["asset"])) for row in holders})
    line(f"Stolen coin rests at {plural(len({row['address'] for row in holders}), 'address', 'addresses')}.")
    for chain, asset in assets:
        # amounts of different assets are never ranked against each other
        part = [row for row in holders if (row["chain"], row["asset"]) == (chain, asset)]
        part.sort(key=lambda row: (-_units(row["taint_raw"]), str(row["address"])))
        line()
        line(f"{clean(part[0]['symbol']) or 'Asset'} ({clean(chain)}/{clean(asset)}), largest first")
        table(
            ["amount", "at least", "at most", "hop", "stop", "address"],
            ([*_amounts(row), _hop(row["hop"]), row["stop"], row["address"]] for row in part[:_LISTED]),
            right=["amount", "at least", "at most", "hop"],
        )
        rest = part[_LISTED:]
        if rest:
            total = amount(
                sum(_units(row["taint_raw"]) for row in rest), part[0]["decimals"], part[0]["symbol"]
            )
            line(f"  and {plural(len(rest), 'more address', 'more addresses')} with {total}")


def _amounts(row: dict[Any, Any]) -> list[str]:
    names = ("taint_raw", "at_least_raw", "at_most_raw")
    return [
        amount(row[name], row["decimals"], row["symbol"] if name == "taint_raw" else "") for name in names
    ]


def _print_account(frame: pd.DataFrame, rule: str) -> None:
    line()
    if not len(frame):
        line(
            f"The rule {rule} keeps no account: it marks whole balances, so its amounts do not add up to the theft."
        )
        return
    line("Account: stolen + converted in = held + fees + burned + recovered + converted out")
    names = ["stolen", "converted_in", "held", "fee", "burned", "recovered", "converted_out", "difference"]
    for row in frame.to_dict("records"):
        line(f"  {clean(row['symbol']) or 'asset'} ({clean(row['asset'])})")
        for name in names:
            units = _units(row[f"{name}_raw"])
            if units or name in ("stolen", "held", "difference"):
                line(f"    {name.replace('_', ' '):<14}{amount(units, row['decimals'], row['symbol']):>44}")
    wrong = [row["asset"] for row in frame.to_dict("records") if _units(row["difference_raw"])]
    if wrong:
        line(
            f"The account does NOT add up for {', '.join(clean(asset) for asset in wrong)}: do not use these amounts."
        )
    else:
        line("The account adds up to the last unit: no stolen coin was lost or made.")


def _print_gaps(frame: pd.DataFrame) -> None:
    counts = frame["status"].value_counts()
    opened, assumed = int(counts.get("open", 0)), int(counts.get("assumption", 0))
    line()
    line(f"Gaps: {opened:,} open, {plural(assumed, 'assumption')} (`tracer gaps` tells each).")


def _units(raw: object) -> int:
    text = str(raw)
    return int(text) if text.lstrip("-").isdigit() else 0


def _hop(hop: object) -> str:
    return "" if str(hop) in ("nan", "None", "<NA>") else str(int(float(str(hop))))
