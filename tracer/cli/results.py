"""`tracer taint`, `bounds`, `endpoints`, `paths`, `gaps`: what the case says, on the screen or as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import CaseName, Out, rule_named, target
from tracer.cli.say import amount, clean, line, note, plural, print_json, records, table
from tracer.cli.session import Session, session_of
from tracer.cli.summary import print_endpoints, print_result
from tracer.errors import InputError, shown
from tracer.model import Rule

if TYPE_CHECKING:
    import pandas as pd

    from tracer.case import Case
    from tracer.results import TaintResult

__all__ = ["deliver", "register"]

_KINDS = ("shortest", "widest", "earliest")
_ENDPOINT_TABLES = {None: "endpoints", "service": "endpoints_by_service", "transfer": "endpoint_transfers"}


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command("taint")(taint)
    app.command("bounds")(bounds)
    app.command("endpoints")(endpoints)
    app.command("paths")(paths)
    app.command("gaps")(gaps)


def deliver(session: Session, name: str, frame: pd.DataFrame, out: Path | None) -> None:
    """The table as CSV in `out`, or as JSON, or on the screen."""
    from tracer.export import layout_of, write_csv

    if out is not None:
        written = write_csv(out, layout_of(name, frame), frame)
        line(f"wrote {clean(written.path)}: {plural(written.rows or 0, 'row')}")
    elif session.json:
        print_json(records(frame))
    else:
        right = [str(column) for column in frame.columns if str(column).endswith("_raw")]
        table([str(column) for column in frame.columns], frame.itertuples(index=False), right=right)


def taint(
    context: typer.Context,
    case: CaseName,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help="poison, haircut, fifo, lifo, seniority, libr, tiho, or all (default: the governing rule).",
        ),
    ] = None,
    out: Out = None,
    transfers: Annotated[
        Path | None,
        typer.Option(
            "--transfers",
            metavar="FILE",
            callback=target,
            help="Also write every transfer with the stolen coin in it.",
        ),
    ] = None,
) -> None:
    """Trace the coin: who holds how much of it.

    Prints the account that it adds up; --out writes every address, --transfers every payment.
    """
    session = session_of(context)
    opened = session.case(case)
    rules = _rules(rule, opened.rule)
    first = opened.rule if opened.rule in rules else rules[0]
    with session.progress("tracing") as progress:
        found = {name: opened.taint(name, progress=progress) for name in rules}
        written = _write_taint(found, first, out, transfers)
    if session.json:
        print_json({name: records(result.addresses()) for name, result in found.items()})
    else:
        print_result(opened, found[first])
        if len(rules) > 1:
            line()
            line(f"Rules computed: {', '.join(rules)}. Amounts above: {first}.")
    for path, rows in written:
        session.tell(f"wrote {clean(path)}: {plural(rows, 'row')}")
    session.next("bounds", case) if out else session.next(
        "taint", case, "--rule", "all", "--out", "taint.csv"
    )


def bounds(
    context: typer.Context,
    case: CaseName,
    out: Out = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            "--address", metavar="ADDRESS", help="Only this address; repeatable (default: all reached)."
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="All addresses attributed to this party, as one; repeatable.",
        ),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="Everything named is one group with one range.")
    ] = False,
    through: Annotated[
        bool, typer.Option("--through", help="What ever arrived, instead of what rests there in the end.")
    ] = False,
) -> None:
    """What an address, a service or a group holds at least and at most.

    The range over every admissible accounting: no rule that a court may take leaves it. Transfers inside a group do
    not count.
    """
    session = session_of(context)
    opened = session.case(case)
    with session.progress("computing ranges") as progress:
        wanted = [*(address or []), *(service or [])]
        frame = opened.bounds(wanted or None, progress=progress, together=together, through=through)
    deliver(session, "bounds", frame, out)
    for name in service or []:
        for claim in opened.claims(name).to_dict("records"):
            note(
                f"not counted for {clean(name)}: {claim['address']} is attributed to {clean(claim['attributed_to'])};"
                f" a label of confidence {claim['confidence']} names it {clean(claim['label'])}"
            )
    session.next("export", case, "--out", f"{case}-export")


def endpoints(
    context: typer.Context,
    case: CaseName,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="service: totals per service; transfer: every movement that brought coin.",
        ),
    ] = None,
    out: Out = None,
) -> None:
    """Where stolen coin rests or leaves: services, deposit addresses, mixers, bridges, addresses that hold it.

    For each: the amount under every rule, the range, when it came, whether it is still there, and who is behind it.
    """
    session = session_of(context)
    opened = session.case(case)
    with session.progress("tracing under every rule") as progress:
        frame = opened.endpoints(by, progress)
    if out is None and not session.json:
        print_endpoints(opened, frame, by)
    else:
        deliver(session, _ENDPOINT_TABLES[by], frame, out)
    session.next("export", case, "--out", f"{case}-export")


def paths(
    context: typer.Context,
    case: CaseName,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="Where the path begins (default: the seeds)."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="ADDRESS", help="Where it ends (default: routes to where stolen coin rests)."
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="shortest, widest or earliest.")
    ] = "widest",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many routes to list.")] = 50,
    out: Out = None,
) -> None:
    """Routes of the coin, or paths between addresses.

    Always in the order of time, with the transaction of every hop.
    """
    if kind not in _KINDS:
        raise InputError(f"There is no kind of path {shown(kind)}.", f"Kinds: {', '.join(_KINDS)}.")
    if start is not None and to is None:
        raise InputError(
            "--from needs --to.", "Without both, the routes from the theft to where coins rest are listed."
        )
    session = session_of(context)
    opened = session.case(case)
    with session.progress("searching"):
        frame = opened.routes(limit=limit) if to is None else opened.paths(to=to, frm=start, kind=kind)
    if out is not None or session.json:
        deliver(session, "routes", frame, out)
    else:
        _print_paths(opened, frame)
    session.next("gaps", case)


def gaps(context: typer.Context, case: CaseName, out: Out = None) -> None:
    """What is missing, cut, refused or assumed."""
    session = session_of(context)
    with session.progress("tracing"):
        frame = session.case(case).gaps()
    if out is not None or session.json:
        deliver(session, "gaps", frame, out)
    else:
        _print_gaps(frame)
    if (frame["code"] == "doubtful_conversion").any():
        session.next("judge", "separate", case, "--help")
    elif frame["code"].str.contains("conversion").any():
        session.next("judge", "convert", case, "--help")
    else:
        session.next("export", case, "--out", f"{case}-export")


def _rules(word: str | None, governing: str) -> list[str]:
    if word is None:
        return [str(governing)]
    return [str(rule) for rule in Rule] if word.strip().lower() == "all" else [str(rule_named(word))]


def _write_taint(
    found: dict[str, TaintResult], first: str, out: Path | None, transfers: Path | None
) -> list[tuple[Path, int]]:
    from tracer.export import layout_of, write_csv
    from tracer.export.holdings import all_rules
    from tracer.export.transfers import with_rules

    written = []
    if out is not None:
        frame = all_rules({name: result.addresses() for name, result in found.items()})
        written.append(write_csv(out, layout_of("taint_all", frame), frame))
    if transfers is not None:
        frame = found[first].transfers()
        if len(found) > 1:
            frame = with_rules(frame, ((name, result.transfers()) for name, result in found.items()))
        written.append(write_csv(transfers, layout_of("transfers", frame), frame))
    return [(entry.path, entry.rows or 0) for entry in written]


def _print_gaps(frame: pd.DataFrame) -> None:
    """Gaps by status; those with the same words together, each with its amount, address and transaction."""
    if not len(frame):
        line("No gaps: nothing is missing, cut, refused or assumed.")
    for status in ("open", "assumption", "closed"):
        part = frame[frame["status"] == status]
        if len(part):
            line(f"{status} ({len(part):,})")
        together: dict[tuple[str, str], list[str]] = {}
        for row in part.to_dict("records"):
            size = f"{row['amount']} {row['symbol']}" if row["amount"] else ""
            where = [size, row["address"], f"tx {row['tx']}" if row["tx"] else ""]
            together.setdefault((row["code"], row["message"]), []).append("  ".join(filter(None, where)))
        for (code, message), places in together.items():
            line(f"  {clean(code)}: {clean(message)}")
            for place in filter(None, places):
                line(f"    {clean(place)}")


def _print_paths(case: Case, frame: pd.DataFrame) -> None:
    """Each path as a block: the amount, the addresses in order, the transactions that prove it."""
    rows = frame.to_dict("records")
    line(f"{plural(sum(int(row['routes']) for row in rows), 'path')} in {clean(case.name)}, rule {case.rule}")
    for row in rows:
        total = amount(row["amount_raw"], row["decimals"], row["symbol"])
        line()
        if not row["endpoint"]:
            line(f"{plural(int(row['routes']), 'more path')} with {total} in all, not listed (see --limit)")
            continue
        when = f", {clean(row['first_utc'])} to {clean(row['last_utc'])}" if row["first_utc"] else ""
        line(f"{row['rank']}. {total} ({clean(row['asset'])}), {plural(int(row['hops']), 'hop')}{when}")
        if row["measure"] == "whole":
            line("   the amount is all coin that moved this way, stolen or not")
        if row["source_asset"] != row["asset"]:
            line(f"   set out as {int(row['source_raw']):,} raw units of {clean(row['source_asset'])}")
        for address in str(row["path"]).split(" > "):
            line(f"   > {clean(address)}")
        for hash_ in str(row["tx_hashes"]).split():
            line(f"   tx {clean(hash_)}")
        if row["stop"]:
            line(f"   stop: {clean(row['stop'])}")
