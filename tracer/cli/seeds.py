"""`tracer seed`: add (one, or a list from a file), list, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName, Chain, seconds
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of
from tracer.errors import FileError, InputError, shown

if TYPE_CHECKING:
    from tracer.case import Case
    from tracer.model import Seed
    from tracer.seed_list import SeedLine, SeedList

__all__ = ["register"]

_SHOWN_PROBLEMS = 5

_group = typer.Typer(no_args_is_help=True, help="Say where stolen coin enters.")


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.add_typer(_group, name="seed")


@_group.command("add")
def add(
    context: typer.Context,
    case: CaseName,
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="ADDRESS_OR_TX",
            help="Address that received stolen coin, the theft transaction, or one output of it (TXID:VOUT, Bitcoin).",
        ),
    ] = None,
    chain: Chain = "eip155:1",
    tx: Annotated[
        str | None,
        typer.Option(
            "--tx", metavar="HASH", help="Only what this transaction paid to the address is stolen."
        ),
    ] = None,
    asset: Annotated[
        str | None,
        typer.Option(
            "--asset",
            metavar="ASSET",
            help="native or a contract address (default: every asset; with an amount alone: native).",
        ),
    ] = None,
    amount_raw: Annotated[
        int | None,
        typer.Option(
            "--amount-raw", metavar="N", min=1, help="Stolen amount in the smallest unit (wei, sat)."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="UTC", help="Only the inflow at this time, e.g. 2025-02-21T14:16:11Z."),
    ] = None,
    theft: Annotated[
        str | None, typer.Option("--theft", metavar="NAME", help="Name of the theft; one by default.")
    ] = None,
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where you have it from.")] = "",
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="With a theft transaction: only this receiver."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A list: one address, transaction or output a line, or a CSV with a column address.",
        ),
    ] = None,
) -> None:
    """Add a seed. Without --tx, --at or --amount-raw everything that the address received is stolen."""
    from tracer.addresses import chain_id
    from tracer.seed_list import SeedLine, read_seed_list

    if (subject is None) == (file is None):
        raise InputError("Give one ADDRESS_OR_TX, or a list with --file FILE.")
    session = session_of(context)
    common = SeedLine(
        number=0,
        subject=subject or "",
        chain=chain_id(chain),
        tx=tx or "",
        asset=asset or "",
        amount=amount_raw,
        at=seconds(at),
        theft=theft or "",
        source=source,
        to=to or "",
    )
    opened = session.case(case)
    if file is None:
        added = opened.add_seed(
            common.subject,
            common.chain,
            tx=tx,
            asset=asset,
            amount=amount_raw,
            at=common.at,
            theft=theft,
            source=source,
            to=to,
        )
    else:
        listed = read_seed_list(_read(file), file.name)
        if listed.ignored:
            session.tell(f"Columns not read: {', '.join(clean(name) for name in listed.ignored)}.")
        added = _add_list(opened, listed, common)
    line(f"{plural(len(added), 'seed')} added to {clean(opened.name)}; it has {len(opened.seeds()):,} now.")
    if len(opened.files()):
        session.next("taint", case)
    else:
        session.next("import", case, "FILE")


@_group.command("list")
def show(context: typer.Context, case: CaseName) -> None:
    """List the seeds of a case."""
    session = session_of(context)
    frame = session.case(case).seeds()
    if session.json:
        print_json(records(frame))
        return
    header = ["number", "theft", "chain", "address", "asset", "amount_raw", "tx", "at_utc", "source"]
    table(header, frame[header].itertuples(index=False), right=["number", "amount_raw"])
    if not len(frame):
        session.next("seed", "add", case, "ADDRESS_OR_TX")


@_group.command("remove")
def remove(
    context: typer.Context,
    case: CaseName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the seed, see `seed list`.")],
) -> None:
    """Remove a seed."""
    session = session_of(context)
    session.case(case).remove_seed(number)
    line(f"Seed {number} removed from {clean(case)}.")
    session.next("seed", "list", case)


def _add_list(case: Case, listed: SeedList, common: SeedLine) -> list[Seed]:
    """Add all seeds of a list or none. Raises FileError that names the lines that cannot be used."""
    if not listed.lines and not listed.refused:
        raise FileError(
            "The list of seeds is empty.", "Write one address a line, or a CSV with a column `address`."
        )
    added, refused = case.add_seeds(listed, common)
    if refused:
        told = [f"line {line.number}: {line.error.message}" for line in refused[:_SHOWN_PROBLEMS]]
        if len(refused) > _SHOWN_PROBLEMS:
            told.append(f"and {len(refused) - _SHOWN_PROBLEMS:,} more")
        hint = "Correct these lines and give the file again." if len(refused) > 1 else refused[0].error.hint
        raise FileError(
            f"{len(refused):,} of {len(listed.lines) + len(listed.refused):,} lines cannot be used:"
            f" {'; '.join(told)}",
            f"No seed was added. {hint}",
        )
    return added


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise FileError(f"{shown(file)} does not exist.", "Check the path.") from None
    except IsADirectoryError:
        raise FileError(f"{shown(file)} is a directory.", "Name a file.") from None
    except OSError as error:
        raise FileError(
            f"{shown(file)} cannot be read ({error.strerror}).", "Check its permissions."
        ) from None
