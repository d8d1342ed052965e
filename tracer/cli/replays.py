"""`tracer replay`: a case computed again from its archive alone, or from an evidence package alone, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.say import clean, line, note, plural, print_json
from tracer.cli.session import Session, session_of
from tracer.errors import InputError, TracerError
from tracer.version import version

if TYPE_CHECKING:
    from tracer.case import Case
    from tracer.cli.progress import Report
    from tracer.replay import Replayed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("replay")(replay)


@dataclass
class _Outcome:
    """What a replay came to. problems: (what, sha256 or "", why). seal: of a package, sha256 of its manifest."""

    found: Sequence[Replayed] = ()
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    strangers: Sequence[str] = ()
    seal: str = ""
    case: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not self.problems and not self.differing


def replay(
    context: typer.Context,
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="Name of the case; not with --package.")
    ] = None,
    package: Annotated[
        Path | None,
        typer.Option(
            "--package",
            metavar="DIR",
            help="Check and compute again an export made with --evidence; needs no workspace.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write every table of the rebuilt case.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="Compare with an earlier export, byte for byte."),
    ] = None,
) -> None:
    """Compute a case again from its archive alone, without network, and compare.

    Every file and every recorded answer is checked against its sha256 and read anew; exit status 1 if anything
    differs from what the workspace holds, from the export named by --against, or from what the package says.
    """
    if (case is None) == (package is None):
        raise InputError(
            "Name either a case or a package.", "tracer replay CASE, or tracer replay --package DIR."
        )
    if package is not None and against is not None:
        raise InputError("A package is compared with itself.", "Leave --against out.")
    session = session_of(context)
    outcome = _case(session, str(case), out, against) if package is None else _package(session, package, out)
    if session.json:
        _as_json(outcome)
    else:
        _as_lines(outcome, package or against, out, package is not None)
    if not outcome.good:
        raise typer.Exit(1)


def _case(session: Session, name: str, out: Path | None, against: Path | None) -> _Outcome:
    from tracer.replay import replay as rebuild

    outcome = _Outcome(case=name)
    opened = session.case(name)
    with session.progress("replaying") as progress, rebuild(opened, progress) as (found, rebuilt):
        outcome.found = found
        outcome.problems = [(r.name, r.sha256, r.problem) for r in found if r.problem]
        if outcome.good and out is not None:
            rebuilt.export(out, progress=progress)
        if outcome.good and against is not None:
            outcome.differing = _differing(rebuilt, against, progress)
    return outcome


def _package(session: Session, directory: Path, out: Path | None) -> _Outcome:
    from tracer.replay import replay_package

    outcome = _Outcome()
    with (
        session.progress("replaying") as progress,
        replay_package(directory, progress) as (package, found, rebuilt),
    ):
        outcome.found, outcome.seal, outcome.strangers = found, package.seal, package.strangers
        outcome.problems = [(name, "", why) for name, why in package.problems]
        outcome.problems += [(r.name, r.sha256, r.problem) for r in found if r.problem]
        if rebuilt is not None:
            outcome.case = rebuilt.name
            named = {name for name, _ in package.problems}
            try:
                differing = _differing(rebuilt, directory, progress)
                outcome.differing = [name for name in differing if name not in named]
            except TracerError as error:
                outcome.problems.append(("The case", "", f"nothing can be computed from it: {error.message}"))
            if outcome.good and out is not None:
                rebuilt.export(out, progress=progress)
        if not outcome.good and package.version != version():
            note(
                f"It was made by coinpursuit {clean(package.version)}, and this is {version()}: check it with the"
                " version that made it."
            )
    return outcome


def _differing(rebuilt: Case, against: Path, progress: Report) -> list[str]:
    """The names of files of an export that are not what the rebuilt case gives."""
    from tracer.package import formats_in
    from tracer.replay import compare_export

    formats, with_evidence = formats_in(against)
    with TemporaryDirectory(prefix="tracer-export-") as folder:
        rebuilt.export(folder, formats, progress, evidence=with_evidence)
        return compare_export(against, Path(folder))


def _as_json(outcome: _Outcome) -> None:
    print_json(
        {
            "case": outcome.case,
            "sources": len(outcome.found),
            "rows": sum(r.rows for r in outcome.found),
            "problems": [{"name": n, "sha256": s, "problem": p} for n, s, p in outcome.problems],
            "differing": outcome.differing,
            "beside": list(outcome.strangers),
            "manifest_sha256": outcome.seal,
        }
    )


def _as_lines(outcome: _Outcome, compared: Path | None, out: Path | None, packed: bool) -> None:
    for name, sha256, why in outcome.problems:
        line(f"{clean(name)}{f' ({sha256})' if sha256 else ''}: {clean(why)}")
    for name in outcome.differing:
        line(f"{clean(name)} differs from the one in {clean(compared)}.")
    for name in outcome.strangers:
        note(f"{clean(name)} lies beside the package and is not part of it.")
    if outcome.good:
        sources = (
            f"{plural(len(outcome.found), 'source')} with {sum(r.rows for r in outcome.found):,} rows rebuilt"
        )
        if packed:
            line(f"{sources} from the evidence of the case {clean(outcome.case)}.")
        else:
            line(f"{sources} from the archive: equal to what the workspace holds.")
        if compared is not None:
            line(f"Every file of {clean(compared)} is the same, byte for byte.")
    if outcome.seal:
        line(f"sha256 of its manifest.json: {outcome.seal}")
    if out is not None and outcome.good:
        line(f"wrote the tables to {clean(out)}.")
