"""`tracer export` and `tracer demo`: everything that a case says, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName
from tracer.cli.say import clean, line, plural
from tracer.cli.session import Session, session_of
from tracer.cli.summary import print_result

if TYPE_CHECKING:
    from tracer.case import Case

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command("export")(export)
    app.command("demo")(demo)


def export(
    context: typer.Context,
    case: CaseName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Directory; made if missing.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="NAME", help="Only this table (taint, transfers, ...); repeatable."),
    ] = None,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence",
            help="Also the case and every file and raw answer that it rests on: `tracer replay --package DIR`"
            " computes all of it again.",
        ),
    ] = False,
) -> None:
    """Write every table as CSV, with sha256 sums.

    README.txt says what the numbers rest on; manifest.json carries the sums.
    """
    from tracer.export import choose

    session = session_of(context)
    wanted = None if formats is None else choose(formats)
    _write(session, session.case(case), out, wanted, evidence=evidence)


def demo(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write every table to this directory.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--case", metavar="CASE", help="bybit-2025, dmm-2024 (Bitcoin), lifi-2024 or txphish-2024."
        ),
    ] = "bybit-2025",
) -> None:
    """Trace a bundled theft, offline: Bybit 2025, DMM Bitcoin 2024, LI.FI 2024 or a phishing theft of 2024.

    Needs no key and no network. The case stays in the workspace under its name, so every verb can look into it.
    """
    from tracer.case import Case

    session = session_of(context)
    case = Case.bundled(name, workspace=session.workspace)
    line(f"A real theft, from recorded public facts: {Case.bundled_names()[name]}.")
    line(
        "The tracer follows the stolen coin payment by payment. Where stolen and clean coin mix, an accounting"
    )
    line("rule decides which leaves first; `at least` and `at most` hold under every admissible rule.")
    line()
    with session.progress("tracing") as progress:
        result = case.taint(progress=progress)
    print_result(case, result)
    line()
    if out is not None:
        _write(session, case, out, None)
    session.next("ui")
    session.next("case", "new", "NAME")


def _write(
    session: Session, case: Case, out: Path, formats: list[str] | None, *, evidence: bool = False
) -> None:
    with session.progress("tracing under every rule and writing") as progress:
        paths = case.export(out, formats=formats, progress=progress, evidence=evidence)
    line(f"wrote {plural(len(paths), 'file')} to {clean(out)}:")
    below = [path for path in paths if path.parent != out]
    for path in paths:
        if path.parent == out:
            line(f"  {clean(path.name)}")
    if below:
        line(f"  evidence: {plural(len(below), 'file')}")
        session.next("replay", "--package", str(out))
    session.tell(f"Begin with {clean(out / 'README.txt')}.")
