"""`tracer stop`: the analyst's word on where tracing ends, beside the facts and never instead of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName, Chain, stop_named
from tracer.cli.say import clean, line, print_json, records, table
from tracer.cli.session import Session, session_of
from tracer.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]

_Address = Annotated[
    str | None,
    typer.Argument(metavar="ADDRESS", help="The address; without it the existing ones are listed."),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("stop")(stop)


def stop(
    context: typer.Context,
    case: CaseName,
    address: _Address = None,
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE", help="SERVICE, DEPOSIT, MIXER, BRIDGE, ... or none: coin goes on from here."
        ),
    ] = None,
    chain: Chain = "eip155:1",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; printed with the result.")
    ] = "",
) -> None:
    """End tracing at an address, or list the stops.

    The code `none` says that coin goes on from there, against a label or a heuristic.
    """
    session = session_of(context)
    opened = session.case(case)
    if address is None:
        _list(session, opened.stops(), "stops")
        return
    if code is None:
        raise InputError("A stop needs a code.", "For example SERVICE, or none when coin goes on from here.")
    chosen = stop_named(code)
    place, known = _account(address, chain)
    opened.stop(known, chosen, chain=place, reason=reason)
    line(
        f"{clean(address)}: {'coin goes on from here' if chosen is None else f'tracing ends here ({chosen})'}."
    )
    session.next("taint", case)


def _account(address: str, chain: str) -> tuple[str, str]:
    from tracer.addresses import chain_id, parse_account

    return parse_account(address, chain_id(chain))


def _list(session: Session, frame: pd.DataFrame, what: str) -> None:
    """Print stops."""
    if session.json:
        print_json(records(frame))
    elif len(frame):
        table([str(name) for name in frame.columns], frame.itertuples(index=False))
    else:
        line(f"No {what}.")
