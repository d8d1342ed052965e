"""`tracer case`: new, list, show, overlap, rule."""

from __future__ import annotations

from typing import Annotated

import typer

from tracer.cli.options import CaseName, Out, rule_named
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Make, list and show cases; set the rule.")


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.add_typer(_group, name="case")


@_group.command("new")
def new(
    context: typer.Context,
    case: CaseName,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="RULE", help="Governing rule (default: fifo).")
    ] = None,
) -> None:
    """Make a case."""
    from tracer.case import Case

    session = session_of(context)
    chosen = None if rule is None else rule_named(rule)
    made = Case.create(case, workspace=session.workspace)
    if chosen is not None:
        made.set_rule(chosen)
    line(f"Case {clean(made.name)} made; governing rule {made.rule}.")
    session.next("seed", "add", case, "ADDRESS_OR_TX")


@_group.command("list")
def names(context: typer.Context) -> None:
    """List the cases of the workspace."""
    from tracer.case import Case

    session = session_of(context)
    found = Case.names(workspace=session.workspace)
    if session.json:
        print_json(found)
        return
    for name in found:
        line(clean(name))
    if not found:
        session.tell("No cases yet.")
        session.next("case", "new", "NAME")


@_group.command("show")
def show(context: typer.Context, case: CaseName) -> None:
    """Show what a case rests on: rule, as-of time, seeds, files, opinions."""
    session = session_of(context)
    opened = session.case(case)
    files, seeds = opened.files(), opened.seeds()
    if session.json:
        print_json(
            {
                "name": opened.name,
                "rule": opened.rule,
                "as_of": opened.as_of,
                "seeds": records(seeds),
                "files": records(files),
            }
        )
        return
    line(f"Case {clean(opened.name)}")
    line(f"Governing rule: {opened.rule}")
    if len(files):
        line(f"As of:          {_when(opened.as_of)}")
    given = sum(not label.withdrawn_at for label in opened.file.labels)
    line(
        f"Opinions:       {plural(given, 'label')}, {plural(len(opened.stops()), 'stop')}, "
        f"{plural(len(opened.conversions()), 'declared conversion')}, {plural(len(opened.rulings()), 'ruling')}, "
        f"{plural(len(opened.judgements()), 'judgement')}"
    )
    line(f"Label packs:    {len(opened.file.standing_packs):,}")
    line(f"Seeds:          {len(seeds):,}")
    line(f"Files:          {len(files):,}")
    if len(files):
        header = ["number", "name", "rows", "excluded", "grade", "partial", "sha256"]
        table(header, files[header].itertuples(index=False), right=["number", "rows", "excluded"])
    if not len(seeds):
        session.next("seed", "add", case, "ADDRESS_OR_TX")
    elif not len(files):
        session.next("import", case, "FILE")
    else:
        session.next("taint", case)


@_group.command("overlap")
def overlapping(
    context: typer.Context,
    cases: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CASE]...", help="The cases (default: all of the workspace)."),
    ] = None,
    out: Out = None,
) -> None:
    """List the addresses and clusters that stolen coin of two or more cases came to.

    A shared service proves no common hand: labels and stop codes stand beside each row.
    """
    from tracer.case import Case
    from tracer.crosscase import cases_frame, overlap
    from tracer.export import OVERLAP, write_csv

    session = session_of(context)
    with session.progress("tracing the cases") as progress:
        opened = [session.case(name) for name in cases or Case.names(workspace=session.workspace)]
        if not cases:
            states = cases_frame(opened, progress=progress).to_dict("records")
            out_of_it = {row["case"] for row in states if row["state"] == "failed" or not row["seeds"]}
            for row in states:
                if row["case"] in out_of_it:
                    session.tell(f"left out: {clean(row['case'])}: {clean(row['problem'] or row['state'])}")
            opened = [one for one in opened if one.name not in out_of_it]
        frame = overlap(opened)
    if out is not None:
        written = write_csv(out, OVERLAP, frame)
        line(f"wrote {clean(written.path)}: {plural(written.rows or 0, 'row')}")
    elif session.json:
        print_json(records(frame))
    elif len(frame):
        brief = [
            "cases",
            "shared",
            "chain",
            "address",
            "case",
            "symbol",
            "stop",
            "label",
            "first_received_utc",
        ]
        table(brief, frame[brief].itertuples(index=False), right=["cases"])
    else:
        line("The cases share no address and no cluster.")


@_group.command("rule")
def rule(
    context: typer.Context,
    case: CaseName,
    rule: Annotated[
        str, typer.Argument(metavar="RULE", help="poison, haircut, fifo, lifo, seniority, libr or tiho.")
    ],
) -> None:
    """Set the governing rule: the one whose amounts are the result of the case. Fix it before the run."""
    session = session_of(context)
    chosen = rule_named(rule)
    session.case(case).set_rule(chosen)
    line(f"Governing rule of {clean(case)}: {chosen}.")
    session.next("taint", case)


@_group.command("remove-file")
def remove_file(
    context: typer.Context,
    case: CaseName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the file, see `case show`.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; required, kept on record.")],
    author: Annotated[str, typer.Option("--author", metavar="NAME", help="Who decided.")] = "",
) -> None:
    """Take a wrongly imported file out of a case. It stays in the archive; the reason is kept as a verdict."""
    session = session_of(context)
    gone = session.case(case).remove_file(number, reason, author)
    line(f"{clean(gone.name)} was taken out of {clean(case)}.")
    session.next("case", "show", case)


def _when(as_of: int | None) -> str:
    from tracer.export.notes import as_of_text

    return as_of_text(as_of)
