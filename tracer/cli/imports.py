"""`tracer import`: read files of transfers into a case and say what was read and what was left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName
from tracer.cli.say import clean, line, plural
from tracer.cli.session import session_of
from tracer.errors import InputError, shown

if TYPE_CHECKING:
    from tracer.crosscheck import ImportReport

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("import")(read)


def read(
    context: typer.Context,
    case: CaseName,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="CSV, Parquet or JSONL; the format is recognised.")
    ],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Our column from theirs, e.g. from_address=Sender. Repeatable.",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="The file is not the full history of its addresses: ranges widen."),
    ] = False,
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="CHAIN", help="Chain of a file that does not name one.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="Name in reports (default: the file name).")
    ] = None,
) -> None:
    """Import files of transfers. A file is taken whole or not at all."""
    session = session_of(context)
    if name is not None and len(files) > 1:
        raise InputError("--name goes with one file.", "Import the files one by one.")
    mapping = _mapping(map_ or [])
    named_chain = _chain(chain)
    opened = session.case(case)
    for file in files:
        with session.progress(f"reading {clean(file.name)}") as progress:
            report = opened.import_file(
                file, mapping=mapping, partial=partial, chain=named_chain, name=name, progress=progress
            )
        _print(report)
    if len(opened.seeds()):
        session.next("taint", case)
    else:
        session.next("seed", "add", case, "ADDRESS_OR_TX")


def _chain(text: str | None) -> str | None:
    from tracer.addresses import chain_id

    return None if text is None else chain_id(text)


def _mapping(pairs: list[str]) -> dict[str, str] | None:
    """`--map` options as {our column: their column}; None when there are none, so that the format is recognised."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and ours.strip() and theirs):
            raise InputError(
                f"--map {shown(pair)} is not of the form OURS=THEIRS.", "For example from_address=Sender."
            )
        if ours.strip() in mapping:
            raise InputError(f"--map names the column {shown(ours.strip())} twice.", "Map each column once.")
        mapping[ours.strip()] = theirs
    return mapping or None


def _print(report: ImportReport) -> None:
    left_out = sum(report.excluded.values())
    line(
        f"{clean(report.name)}: {plural(report.rows, 'row')} read, {report.followed:,} followed, {left_out:,} left out."
    )
    for reason, count in sorted(report.excluded.items()):
        line(f"  left out, {clean(reason)}: {count:,}")
    for warning in report.warnings:
        line(f"  warning: {clean(warning)}")
    for gap in report.disagreements:
        line(f"  WARNING: {clean(gap.message)}")
    line(f"  sha256 {report.sha256}")
