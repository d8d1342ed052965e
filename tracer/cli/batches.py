"""`tracer batch`: many cases in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of
from tracer.errors import InputError

__all__ = ["register"]

_NOT_LISTED = ("step", "problem", "hint")
"""Said below the table, where a case failed."""

_SHARED = ["cases", "case", "chain", "address", "asset", "taint_raw", "hop", "stop"]
_LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("batch")(batch)


def batch(
    context: typer.Context,
    cases: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER_OR_TABLE_OR_CASES",
            help="A folder with one folder per case, a CSV with a column `case`, or names of cases.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Export every case into a folder of its name."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option("--rule", metavar="RULE", help="Governing rule of the cases that state none."),
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Also fetch the histories that the seeds lead to.")
    ] = False,
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", metavar="NAME", help="With --collect: whom to ask; repeatable."),
    ] = None,
) -> None:
    """Make, fill and trace many cases. A case that fails is listed and does not end the others.

    A folder of a case holds seeds.csv or seeds.txt (as `seed add --file`) and files of transfers. A table has a row per
    seed, with the columns of a list of seeds and, where wanted, file and rule. Run it again after a correction: what
    is there already is not added twice. Exit status 1 if a case failed.
    """
    from tracer.batches import batch as run
    from tracer.export import BATCH, OVERLAP, write_csv

    session = session_of(context)
    if provider and not collect:
        raise InputError("--provider goes with --collect.", "Add --collect, or leave it out.")
    only = Path(cases[0])
    what = only if len(cases) == 1 and (only.exists() or only.suffix) else cases
    with session.progress("tracing cases") as progress:
        found = run(
            what,
            workspace=session.workspace,
            rule=rule,
            collect=collect,
            providers=provider,
            export=out,
            report=lambda done, total, name: progress(clean(name) or "done", done, total),
        )
        shared = found.overlap()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_csv(out / BATCH.file, BATCH, found.summary)
        write_csv(out / OVERLAP.file, OVERLAP, shared)
    if session.json:
        print_json({"summary": records(found.summary), "overlap": records(shared)})
    else:
        brief = [name for name in BATCH.names if name not in _NOT_LISTED]
        table(brief, found.summary[brief].itertuples(index=False), right=["seeds", "files", "histories"])
        for row in found.failures.to_dict("records"):
            line(
                f"failed: {clean(row['case'])}, {clean(row['step'])}: {clean(row['problem'])} {clean(row['hint'])}"
            )
        if len(shared):
            many = shared[["chain", "address"]].drop_duplicates().shape[0]
            line()
            line(f"{plural(many, 'address', 'addresses')} with stolen coin of several cases:")
            table(_SHARED, shared[_SHARED].head(_LISTED).itertuples(index=False), right=["taint_raw"])
            if len(shared) > _LISTED:
                line(f"  and {len(shared) - _LISTED:,} more rows (overlap.csv and --json hold all)")
        if out is not None:
            line(
                f"wrote {plural(len(found.names), 'folder')}, {BATCH.file} and {OVERLAP.file} to {clean(out)}"
            )
    if len(found.failures):
        raise typer.Exit(1)
