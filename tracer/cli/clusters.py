"""`tracer clusters` and `patterns`: which addresses one party controls, and how traced addresses behaved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.options import CaseName, Out, target
from tracer.cli.results import deliver
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of

__all__ = ["register"]

_LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command("clusters")(clusters)
    app.command("patterns")(patterns)


def clusters(
    context: typer.Context,
    case: CaseName,
    out: Out = None,
    links: Annotated[
        Path | None,
        typer.Option(
            "--links", metavar="FILE", callback=target, help="Also write every link with its evidence."
        ),
    ] = None,
    deposits: Annotated[
        Path | None,
        typer.Option(
            "--deposits",
            metavar="FILE",
            callback=target,
            help="Also write the deposit addresses of services with their customers.",
        ),
    ] = None,
) -> None:
    """Which addresses one party controls.

    A cluster is an opinion: each link names its rule, its transaction and its confidence, and can be taken out
    (`tracer judge reject-link`). Services are never part of one. How often each rule errs: docs/accuracy.md.
    """
    session = session_of(context)
    opened = session.case(case)
    with session.progress("clustering"):
        frame, linked = opened.clusters(), opened.cluster_links()
    if links is not None:
        deliver(session, "cluster_links", linked, links)
    if deposits is not None:
        deliver(session, "deposits", opened.deposits(), deposits)
    if out is not None:
        deliver(session, "clusters", frame, out)
    elif session.json:
        print_json({"clusters": records(frame), "cluster_links": records(linked)})
    elif links is None and deposits is None:
        joined = frame[frame["rule"] != ""]
        count = joined["cluster_id"].nunique()
        line(f"{plural(count, 'cluster')} of {plural(joined['address'].nunique(), 'address', 'addresses')}")
        groups = joined.groupby("cluster_id", sort=False)["address"].nunique()
        largest = sorted(groups.items(), key=lambda item: (-item[1], str(item[0])))
        table(["cluster", "addresses"], largest[:_LISTED], right=["addresses"])
        if len(largest) > _LISTED:
            line(f"and {plural(len(largest) - _LISTED, 'more cluster')}: --out FILE lists them all")
        taken_out = int((linked["withdrawn"] != "").sum())
        line(f"{plural(len(linked), 'link')}, {taken_out:,} of them taken out; --links FILE lists them")
        if largest:
            line(
                f"The range of a cluster: tracer bounds {clean(case)} --together --address A --address B ..."
            )
    session.next("judge", "reject-link", case, "--help")


def patterns(context: typer.Context, case: CaseName, out: Out = None) -> None:
    """What stands out in how traced addresses behaved.

    Fan-outs, equal splits, rests, peel chains, look-alikes: each an observation with its transactions, never a proof.
    """
    session = session_of(context)
    with session.progress("looking for patterns"):
        frame = session.case(case).patterns()
    if out is not None or session.json:
        deliver(session, "patterns", frame, out)
        return
    line(f"{plural(len(frame), 'observation')}, none of them a proof; --out FILE lists the transactions")
    for name, group in frame.groupby("pattern", sort=False):
        line()
        line(f"{clean(name)} ({len(group):,})")
        for row in group.to_dict("records"):
            line(f"  {clean(row['address'])} {clean(row['observation'])}")
