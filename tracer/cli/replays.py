"""`tracer replay`: a case computed again from its archive alone, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.options import CaseName
from tracer.cli.say import clean, line, plural, print_json
from tracer.cli.session import session_of

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("replay")(replay)


def replay(
    context: typer.Context,
    case: CaseName,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write every table of the rebuilt case.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="Compare with an earlier export, byte for byte."),
    ] = None,
) -> None:
    """Compute the case again from its archive alone, without network, and compare.

    Every file and every recorded answer is checked against its sha256 and read anew; exit status 1 if anything
    differs from what the workspace holds, or from the export named by --against.
    """
    from tempfile import TemporaryDirectory

    from tracer.replay import compare_export
    from tracer.replay import replay as rebuild

    session = session_of(context)
    opened = session.case(case)
    paths: list[Path] = []
    differing: list[str] = []
    with (
        TemporaryDirectory(prefix="tracer-export-") as folder,
        session.progress("replaying") as progress,
        rebuild(opened, progress) as (found, rebuilt),
    ):
        bad = [r for r in found if r.problem]
        target = out or (Path(folder) if against is not None else None)
        if target is not None and not bad:
            paths = rebuilt.export(target, progress=progress)
            differing = [] if against is None else compare_export(against, target)
    if session.json:
        print_json(
            {
                "sources": len(found),
                "rows": sum(r.rows for r in found),
                "problems": [{"name": r.name, "sha256": r.sha256, "problem": r.problem} for r in bad],
                "differing": differing,
            }
        )
    for r in bad if not session.json else ():
        line(f"{clean(r.name)} ({r.sha256}): {clean(r.problem)}")
    if not bad and not session.json:
        line(
            f"{plural(len(found), 'source')} with {sum(r.rows for r in found):,} rows rebuilt from the archive: "
            "equal to what the workspace holds."
        )
        if against is not None and not differing:
            line(f"Every file of {clean(against)} is the same, byte for byte.")
        for name in differing:
            line(f"{clean(name)} differs from the one in {clean(against)}.")
        if out is not None:
            line(f"wrote {plural(len(paths), 'file')} to {clean(out)}.")
    if bad or differing:
        raise typer.Exit(1)
