"""`tracer beyond`: where stolen coin may have gone after a CoinJoin."""

from __future__ import annotations

from typing import Annotated

import typer

from tracer.cli.options import CaseName, Out, rule_named
from tracer.cli.results import deliver
from tracer.cli.say import amount, clean, line, plural
from tracer.cli.session import session_of

__all__ = ["register"]

_LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("beyond")(beyond)


def beyond(
    context: typer.Context,
    case: CaseName,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="RULE", help="The rule to take (default: the governing one)."),
    ] = None,
    out: Out = None,
) -> None:
    """Where stolen coin may have gone after CoinJoins: possibilities only.

    A trace that is certain stops at a CoinJoin. This lists its equal outputs, each 1 of N, with the equal share and
    where it was spent next. Nothing of it is in any total, picture or path.
    """
    from tracer.addresses import BITCOIN

    session = session_of(context)
    frame = session.case(case).beyond_mixes(None if rule is None else str(rule_named(rule)))
    if out is not None or session.json:
        deliver(session, "beyond_mixes", frame, out)
        return
    line(f"{plural(len(frame), 'possible output')}, none of them certain and none in any total")
    for mix, part in frame.groupby("mix_tx", sort=False):
        rows = part.to_dict("records")
        coin = "BTC" if rows[0]["chain"] == BITCOIN else "native"
        held = amount(rows[0]["rests_raw"], rows[0]["decimals"], coin)
        line(f"{clean(mix)} ({rows[0]['mix_kind']}, confidence {rows[0]['confidence']}): {held} rest in it")
        for row in rows[:_LISTED]:
            share = amount(row["share_raw"], row["decimals"], coin)
            spent = f", spent in {clean(row['spent_tx'])}" if row["spent_tx"] else ""
            line(f"  possible, 1 of {row['anonymity_set']}: {clean(row['address'])}, share {share}{spent}")
        if len(rows) > _LISTED:
            line(f"  and {plural(len(rows) - _LISTED, 'more output')}: --out FILE lists them all")
