"""`tracer providers` and `tracer collect`: fetch histories hop after hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from tracer.cli.options import CaseName, seconds
from tracer.cli.say import clean, line, note, plural, print_json, table
from tracer.cli.session import Session, session_of
from tracer.errors import InputError

if TYPE_CHECKING:
    from tracer.case import Case
    from tracer.chains.endpoint import Endpoint
    from tracer.collect import Collected, Event
    from tracer.collecting.budget import Budget

__all__ = ["register"]

_Limit = int | None


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command("providers")(providers)
    app.command("collect")(collect)


def providers(context: typer.Context) -> None:
    """List who can be asked about which chain, and where a key was found. Asks nobody."""
    from tracer.settings import read_settings
    from tracer.transport import providers as known
    from tracer.transport.keys import origin_of_key

    session = session_of(context)
    settings = read_settings(session.workspace)
    rows = [
        {
            "name": e.name,
            "chain": e.chain,
            "kind": e.kind,
            "host": urlsplit(e.base_url).netloc,
            "per_second": f"{e.rate:g}" if e.rate else "no limit",
            "key": _key(e, origin_of_key(settings, e)),
        }
        for e in known(settings.home)
    ]
    if session.json:
        print_json(rows)
        return
    table(list(rows[0]), [tuple(row.values()) for row in rows], right=["per_second"])
    session.tell("Add or replace providers in providers.toml of the workspace (docs/collecting.md).")


def _key(endpoint: Endpoint, origin: str) -> str:
    if not endpoint.key_setting:
        return "takes none"
    if origin:
        return f"found ({origin})"
    name = f"TRACER_KEY_{endpoint.key_setting.upper()}"
    return f"needed: {name}" if endpoint.key_needed else f"not needed ({name})"


def collect(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    case: CaseName,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="Whom to ask, one per chain; repeatable (default: one that needs no key).",
        ),
    ] = None,
    addresses: Annotated[
        int | None, typer.Option("--addresses", metavar="N", min=0, help="Fetch at most N addresses.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option("--requests", metavar="N", min=0, help="Send at most N requests.")
    ] = None,
    hops: Annotated[
        int | None, typer.Option("--hops", metavar="N", min=0, help="Go at most N hops from the seeds.")
    ] = None,
    least_ppm: Annotated[
        int | None,
        typer.Option(
            "--least-ppm",
            metavar="N",
            min=0,
            help="Leave addresses with less than N millionths of the theft.",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            "--most", metavar="N", min=0, help="An address with more transactions is a hub: not followed."
        ),
    ] = None,
    least_raw: Annotated[
        list[str] | None,
        typer.Option(
            "--least-raw",
            metavar="[ASSET=]N",
            help="Leave addresses with less than N smallest units of the stolen asset; once per stolen asset.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="UTC", help="Only blocks from this time on; none: from the first."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="UTC", help="Only blocks before this time; none: to the last."),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", metavar="WAY", help="forward (from the seeds) or backward (from targets)."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="ADDRESS",
            help="Whose coin is traced back; repeatable (default: those of the last time, else the seeds).",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Read the whole case anew: ask again what was answered before, "
            "and of a chain that was reorganised as it is now.",
        ),
    ] = False,
) -> None:
    """Fetch the histories that the seeds lead to, hop after hop; backward, those that the targets' coin came from.

    Ctrl-C stops it; the same command goes on where it ended. A limit that is left out is the one of the last time, and
    so is the direction; 0 means none. What is left unread shows as a stop code (BUDGET, HORIZON, DUST, HUB, PENDING).
    Exit status 1 if a provider stopped or an address could not be read.
    """
    session = session_of(context)
    opened = session.case(case)
    budget = _budget(
        opened.file.thresholds,
        {"since": since, "until": until},
        addresses=addresses,
        requests=requests,
        hops=hops,
        least_ppm=least_ppm,
        most=most,
        least_raw=None if least_raw is None else " ".join(least_raw),
        direction=direction,
    )
    if target:
        if not budget.backward:
            raise InputError("--target goes with --direction backward.", "Add it, or leave the target out.")
        opened.set_targets(target)
    for endpoint in opened.providers(provider, backward=budget.backward):
        _warn(session, endpoint, backward=budget.backward)
    with session.progress("collecting") as progress:

        def report(event: Event) -> None:
            progress(_doing(event), event.fetched, event.fetched + event.queue)

        done = opened.collect(provider, budget, report, again=again)
    _say(session, opened, done)


def _doing(event: Event) -> str:
    """The line of progress."""
    said = f"collecting, round {event.round}, hop {event.hop}, {event.rate:.0f} requests/s"
    if event.failed or event.hubs:
        said += f", {event.failed} without history, {plural(event.hubs, 'hub')}"
    return f"{said}, stopped: {clean(event.stopped)}" if event.stopped else said


def _budget(
    thresholds: Mapping[str, str | int | bool], moments: Mapping[str, str | None], **given: int | str | None
) -> Budget:
    """The limits of the last time with those that are given now; a moment may be `none`."""
    from dataclasses import replace

    from tracer.collecting.budget import budget_in

    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, text in moments.items():
        if text is not None:
            changes[name] = None if text.strip().lower() == "none" else seconds(text)
    if changes.get("least_raw") == "0":
        changes["least_raw"] = ""
    return replace(budget_in(thresholds), **changes)


def _warn(session: Session, endpoint: Endpoint, *, backward: bool) -> None:
    """Before the first request: who learns what. --quiet does not hide it."""
    if endpoint.local:
        session.tell(f"{clean(endpoint.name)} on this machine is asked: nobody else learns what is traced.")
        return
    note(
        f"{clean(endpoint.name)} at {clean(urlsplit(endpoint.base_url).netloc)} will learn "
        + (
            "the targets and every address that their coin comes from"
            if backward
            else "the seeds and every address that the coin of the case reaches"
        )
        + f" on {endpoint.chain}."
    )
    if not endpoint.encrypted:
        note("Nothing is encrypted on the way there: whoever passes it on can read it too.")


def _say(session: Session, opened: Case, done: Collected) -> None:
    from tracer.collecting.budget import budget_in

    case = opened.name
    if session.json:
        print_json(
            {
                name: getattr(done, name)
                for name in ("fetched", "failed", "rounds", "sent", "kept", "finished")
            }
            | {"exhausted": done.exhausted, "stopped": done.stopped}
        )
    else:
        line(f"{plural(done.fetched, 'address', 'addresses')} fetched in {plural(done.rounds + 1, 'round')}.")
        line(f"{plural(done.sent, 'request')} sent, {done.kept:,} answers taken from the archive.")
        if done.failed:
            line(
                f"{plural(done.failed, 'address', 'addresses')} could not be read: see `tracer gaps {clean(case)}`."
            )
        if done.finished and not done.failed:
            line("Nothing is left that the budget allows.")
        if done.exhausted:
            line("The budget is used up: raise --addresses or --requests to go on.")
        if done.stopped:
            line(f"Stopped by the provider: {clean(done.stopped)}")
    targets = opened.file.targets
    if budget_in(opened.file.thresholds).backward and targets:
        session.next("origins", case, f"{targets[0].chain}:{targets[0].address}", "--out", "origins.csv")
    else:
        session.next("taint", case)
    if done.stopped or done.failed:
        raise typer.Exit(1)
