"""`tracer freeze`: whom one can ask to freeze stolen coin, and the request with its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.options import CaseName
from tracer.cli.say import clean, line, note, plural, print_json, records, table
from tracer.cli.session import session_of
from tracer.errors import InputError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("freeze")(freeze)


def freeze(
    context: typer.Context,
    case: CaseName,
    service: Annotated[
        str | None,
        typer.Option(
            "--service", metavar="NAME", help="An exchange by its label, or the issuer of a token (Tether)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Directory for the sheet; made if missing.")
    ] = None,
) -> None:
    """Write the freeze sheet for an exchange or issuer: a request in English and Japanese, and its evidence.

    Without --service, says whom one can ask. What only the sender knows is left as blanks in brackets.
    """
    if (service is None) != (out is None):
        raise InputError(
            "--service and --out go together.", "Without both, those who can be asked are listed."
        )
    from tracer.export.freeze import write_freeze

    session = session_of(context)
    opened = session.case(case)
    if service is None or out is None:
        with session.progress("tracing under every rule") as progress:
            frame = opened.freeze_addressees(progress)
        if session.json:
            print_json(records(frame))
        elif len(frame):
            table(list(frame.columns), frame.itertuples(index=False), right=["addresses"])
            session.next("freeze", case, "--service", str(frame["name"].iloc[0]), "--out", "freeze")
        else:
            line("Nobody yet: no label names the service behind an address where stolen coin rests.")
            session.next("label", case, "ADDRESS", "NAME", "--category", "exchange")
        return
    with session.progress("tracing under every rule") as progress:
        sheet = opened.freeze_sheet(service, progress)
        paths = write_freeze(out, sheet)
    line(f"wrote {plural(len(paths), 'file')} to {clean(out)}:")
    for path in paths:
        line(f"  {clean(path.name)}")
    contested = sheet.addresses[sheet.addresses["other_sources_name"] != ""].drop_duplicates("address")
    for row in contested.to_dict("records"):
        note(
            f"warning: {row['address']} is attributed to {clean(row['service'])};"
            f" other sources name: {clean(row['other_sources_name'])}"
        )
    session.tell("Fill in the blanks in brackets, check the addresses with the service, and send it.")
