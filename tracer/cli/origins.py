"""`tracer origins`: where the coin of an address came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName, Out, rule_named
from tracer.cli.results import deliver
from tracer.cli.say import amount, clean, line, plural
from tracer.cli.session import session_of
from tracer.model import Rule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("origins")(origins)


def origins(
    context: typer.Context,
    case: CaseName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose coin it is.")],
    asset: Annotated[
        str | None,
        typer.Option(
            "--asset", metavar="ASSET", help="native or a contract (default: all that it ever had)."
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help="haircut, fifo, lifo, seniority, libr or tiho (default: all; on the screen the governing rule).",
        ),
    ] = None,
    out: Out = None,
) -> None:
    """What an address holds and ever got, by where it came from.

    Its coin is followed back to where it entered the known history: an address that was not read, a service, an
    opening balance, a mint. `tracer collect --direction backward` reads more of it.
    """
    session = session_of(context)
    opened = session.case(case)
    named = None if rule is None else str(rule_named(rule))
    on_screen = out is None and not session.json
    if named is None and on_screen:
        named = str(Rule.HAIRCUT) if opened.rule == Rule.POISON else opened.rule
    with session.progress("tracing back") as progress:
        frame = opened.origins(address, asset, named, progress)
    if on_screen:
        _print_origins(frame)
    else:
        deliver(session, "origins", frame, out)
    session.next("gaps", case) if out else session.next("origins", case, address, "--out", "origins.csv")


def _print_origins(frame: pd.DataFrame) -> None:
    """Per asset: what is held, what was ever got, and the inflows, the largest first."""
    for (rule, address, asset), part in frame.groupby(["rule", "address", "asset"], sort=False):
        rows = part.to_dict("records")
        decimals, symbol = rows[0]["decimals"], rows[0]["symbol"]
        held, got = (sum(int(row[name]) for row in rows) for name in ("held_raw", "received_raw"))
        line(f"{clean(address)}, {clean(asset)}, rule {rule}")
        line(
            f"holds {amount(held, decimals, symbol)}; ever got {amount(got, decimals, symbol)}; "
            f"{plural(len(rows), 'inflow')}"
        )
        for row in rows:
            stop = " ".join(filter(None, (row["inflow"], row["stop"], row["theft"])))
            line(f"  {clean(row['from_address'])}  {clean(stop)}, {plural(int(row['hops']), 'hop')}")
            for word, least, most, units in (
                ("holds", "at_least_raw", "at_most_raw", "held_raw"),
                ("got", "received_at_least_raw", "received_at_most_raw", "received_raw"),
            ):
                low, high = (amount(row[name], decimals, symbol) or "?" for name in (least, most))
                line(f"    {word} {amount(row[units], decimals, symbol)} (at least {low}, at most {high})")
