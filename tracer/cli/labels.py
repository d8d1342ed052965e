"""`tracer label`: who is said to control an address. The analyst's own labels, and the packs that a case rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tracer.cli.options import CaseName, Chain, Out, seconds
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import Session, session_of
from tracer.errors import InputError, shown

if TYPE_CHECKING:
    import pandas as pd

    from tracer.labelling import LabelImport

__all__ = ["register"]

_LISTED = ("number", "address", "name", "category", "role", "confidence", "in_force", "pack", "source")
_SHOWN = 5


class _Group(TyperGroup):
    """`tracer label CASE ADDRESS NAME` is short for `tracer label add CASE ADDRESS NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the word in that was left out."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            args = ["add", *args]
        return super().resolve_command(ctx, args)


_group = typer.Typer(cls=_Group, no_args_is_help=True, help="Label addresses, and import packs of labels.")

_Address = Annotated[
    str | None,
    typer.Argument(metavar="ADDRESS", help="The address; without it the existing labels are listed."),
]
_Pack = Annotated[str, typer.Argument(metavar="PACK", help="Its name, or the beginning of its sha256.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.add_typer(_group, name="label")


@_group.command("add")
def add(
    context: typer.Context,
    case: CaseName,
    address: _Address = None,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Who controls it, e.g. an exchange.")
    ] = None,
    chain: Chain = "eip155:1",
    category: Annotated[
        str, typer.Option("--category", metavar="WORD", help="exchange, mixer, bridge, ...")
    ] = "",
    confidence: Annotated[
        int, typer.Option("--confidence", metavar="N", min=0, max=100, help="How sure, 0-100.")
    ] = 50,
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where you have it from.")] = "",
    entity: Annotated[
        str, typer.Option("--entity", metavar="NAME", help="Who that is, if the name does not say it.")
    ] = "",
    role: Annotated[
        str, typer.Option("--role", metavar="WORD", help="What it does: hot_wallet, deposit, router, ...")
    ] = "",
    author: Annotated[str, typer.Option("--author", metavar="NAME", help="Who says so.")] = "",
    valid: Annotated[
        str, typer.Option("--valid", metavar="FROM/TO", help="UTC days or times; either may be empty.")
    ] = "",
) -> None:
    """Label an address. The word `add` may be left out. Your label names it before every pack.

    --chain evm is for every EVM chain.
    """
    session = session_of(context)
    opened = session.case(case)
    if address is None:
        _list(session, opened.labels(), "labels", _LISTED)
        return
    if name is None:
        raise InputError(
            "A label needs a name.", 'For example: tracer label CASE ADDRESS "Exchange A" --source URL'
        )
    first, _, last = valid.partition("/")
    number = opened.label(
        address,
        name,
        chain=chain,
        category=category,
        confidence=confidence,
        source=source,
        entity=entity,
        role=role,
        author=author,
        valid_from=first.strip(),
        valid_to=last.strip(),
    )
    line(f"Labelled {clean(address)}: {clean(name)} (label {number}).")
    session.next("label", "show", case, address)


@_group.command("list")
def list_(context: typer.Context, case: CaseName, out: Out = None) -> None:
    """List every label of the addresses in the history of the case, and your own."""
    session = session_of(context)
    found = session.case(case).labels()
    if out is not None:
        from tracer.export.opinions import untimed

        _write(session, "labels", untimed(found), out)
    _list(session, found, "labels", _LISTED)


@_group.command("show")
def show(
    context: typer.Context,
    case: CaseName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address, or CAIP-10.")],
) -> None:
    """Say all that is said about one address, the label that names it first."""
    session = session_of(context)
    opened = session.case(case)
    found = opened.labels_of(address)
    if session.json:
        print_json(records(found))
        return
    if not len(found):
        line("No label.")
    for row in found.to_dict("records"):
        state = "withdrawn" if row["withdrawn_utc"] else "" if row["in_force"] else "not in force"
        line(f"{clean(row['name'])}{f' ({state})' if state else ''}")
        said = {
            "entity": row["entity"],
            "category": " / ".join(filter(None, (row["category"], row["role"]))),
            "confidence": row["confidence"],
            "source": f"{row['source']} ({row['source_type']})",
            "valid": _span(row["valid_from_utc"], row["valid_to_utc"]),
            "listed": _span(row["listed_utc"], row["delisted_utc"]),
            "lifted": row["delisted_reason"],
            "pack": row["pack"],
            "label": "" if row["number"] is None else f"{row['number']} by {row['author'] or 'the analyst'}",
        }
        for word, text in said.items():
            if text not in {"", None}:
                line(f"  {word + ':':12}{clean(str(text))}")
    hits = [str(row["name"]) for row in found.to_dict("records") if row["sanctions_hit"]]
    line(f"Sanctions: {clean('; '.join(hits)) if hits else 'no hit'} as of {_as_of(opened.as_of)}.")
    parties = {str(name) for name in opened.label_conflicts_of(address)}
    if parties:
        line(f"Sources disagree: {clean(', '.join(sorted(parties)))}.")


def _as_of(seconds: int | None) -> str:
    from tracer.times import utc_text

    return utc_text(seconds) or "today's lists"


def _span(first: str, last: str) -> str:
    return f"{first or '...'} to {last or '...'}" if first or last else ""


@_group.command("withdraw")
def withdraw(
    context: typer.Context,
    case: CaseName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of your label, see `list`.")],
) -> None:
    """Take a label of yours back; it stays on record."""
    session = session_of(context)
    session.case(case).withdraw_label(number)
    line(f"Label {number} withdrawn.")
    session.next("label", "list", case)


@_group.command("conflicts")
def conflicts(context: typer.Context, case: CaseName, out: Out = None) -> None:
    """List addresses that labels give to different parties."""
    session = session_of(context)
    found = session.case(case).label_conflicts()
    if out is not None:
        _write(session, "label_conflicts", found, out)
    columns = ("address", "entity", "name", "category", "confidence", "stop", "pack", "shown", "source")
    _list(session, found, "conflicts", columns)


@_group.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of labels.")],
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="KIND", help="csv, list, tagpack or ofac (default: recognised)."),
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="The case that rests on it from now on.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="Our column from that of a CSV. Repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=TEXT", help="What the file does not say. Repeatable."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="Name of the pack (default: the file name).")
    ] = None,
) -> None:
    """Import a file of labels. A case is changed only with --case; see `label diff` for what it would change."""
    from tracer.case import Case

    session = session_of(context)
    mapping, fixed = _pairs("--map", map_), _pairs("--set", set_)
    if case is None:
        done = Case.read_labels(
            file, as_, mapping=mapping, fixed=fixed, name=name, workspace=session.workspace
        )
    else:
        done = session.case(case).import_labels(file, as_, mapping=mapping, fixed=fixed, name=name)
    _print(session, done)
    if case is not None and not session.json:
        for pin in session.case(case).file.packs:
            if pin.removed_at and pin.reason == f"replaced by {done.pin.sha256}":
                line(f"  in the place of {clean(pin.name)}, sha256 {pin.sha256}")
    if case is None:
        session.next("label", "diff", "CASE", "--add", done.pin.sha256[:12])
    else:
        session.next("label", "diff", case, "--remove", done.pin.name)


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given or ():
        key, equals, text = pair.partition("=")
        if not equals or not key.strip() or key.strip() in found:
            raise InputError(
                f"{option} {shown(pair)} cannot be used.", f"Write {option} field=text, each field once."
            )
        found[key.strip()] = text
    return found


def _print(session: Session, done: LabelImport) -> None:
    pin = done.pin
    if session.json:
        problems = [
            {"row": p.row, "refused": p.refused, "text": p.text, "message": p.message} for p in done.problems
        ]
        print_json(
            {
                "name": pin.name,
                "kind": pin.kind,
                "sha256": pin.sha256,
                "labels": pin.count,
                "problems": problems,
            }
        )
        return
    counts = f"{plural(pin.count, 'label')}, {pin.refused:,} refused, {done.notes:,} noted"
    line(f"{clean(pin.name)} ({pin.kind}): {counts}.")
    for problem in done.problems[:_SHOWN]:
        state = "refused" if problem.refused else "noted"
        line(f"  row {problem.row}, {state}: {clean(problem.text)}: {clean(problem.message)}")
    if len(done.problems) > _SHOWN:
        line(f"  and {len(done.problems) - _SHOWN:,} more: tracer label problems CASE {pin.sha256[:12]}")
    line(f"  sha256 {pin.sha256}")


@_group.command("problems")
def problems(context: typer.Context, case: CaseName, pack: _Pack) -> None:
    """List what must be known about the entries of a pack, by row of its file."""
    session = session_of(context)
    _list(session, session.case(case).pack_problems(pack), "problems")


@_group.command("packs")
def packs(
    context: typer.Context,
    case: CaseName,
    everything: Annotated[
        bool, typer.Option("--all", help="Also packs that the case could use, such as newer bundled ones.")
    ] = False,
) -> None:
    """List the label packs that the case rests on, with the day of each."""
    session = session_of(context)
    found = session.case(case).packs(everything=everything)
    _list(
        session,
        found,
        "packs",
        ("name", "state", "kind", "as_of_utc", "labels", "refused", "sha256", "reason"),
    )


@_group.command("use")
def use(context: typer.Context, case: CaseName, pack: _Pack) -> None:
    """Let the case rest on a pack, in the place of one of the same name."""
    session = session_of(context)
    pin = session.case(case).use_pack(pack)
    line(f"The case uses {clean(pin.name)}, sha256 {pin.sha256}.")
    session.next("taint", case)


@_group.command("drop")
def drop(
    context: typer.Context,
    case: CaseName,
    pack: _Pack,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; required, kept on record.")],
) -> None:
    """Take a pack out of the case."""
    session = session_of(context)
    pin = session.case(case).drop_pack(pack, reason)
    line(f"The case no longer uses {clean(pin.name)}.")
    session.next("taint", case)


@_group.command("diff")
def diff(
    context: typer.Context,
    case: CaseName,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="PACK", help="As if the case used it. Repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="PACK", help="As if it did not. Repeatable.")
    ] = None,
    withdraw: Annotated[
        list[int] | None,
        typer.Option("--withdraw", metavar="N", help="As if your label N were taken back. Repeatable."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="UTC", help="What the changes since then did.")
    ] = None,
    out: Out = None,
) -> None:
    """Say what a change of labels changes: names, stops, amounts under the governing rule, the account.

    The case itself stays as it is.
    """
    session = session_of(context)
    found = session.case(case).label_diff(add or (), remove or (), withdraw or (), seconds(since))
    if out is not None:
        _write(session, "label_diff", found, out)
    columns = ("what", "address", "asset", "symbol", "before", "after", "change_raw", "because")
    _list(session, found, "differences", columns)


def _write(session: Session, name: str, frame: pd.DataFrame, out: Path) -> None:
    from tracer.export import LAYOUTS, write_csv

    written = write_csv(out, LAYOUTS[name], frame)
    session.tell(f"wrote {clean(written.path)}: {plural(len(frame), 'row')}")


def _list(session: Session, frame: pd.DataFrame, what: str, columns: tuple[str, ...] = ()) -> None:
    """Print a table: all of it as JSON, the chosen columns on the screen."""
    if session.json:
        print_json(records(frame))
    elif len(frame):
        chosen = [name for name in (columns or frame.columns) if name in frame.columns]
        table([str(name) for name in chosen], frame[chosen].itertuples(index=False))
    else:
        line(f"No {what}.")
