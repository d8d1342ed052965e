"""The global options of one command, and the way from there to a case."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from tracer.cli.progress import Report, shown_progress
from tracer.cli.say import clean, note

if TYPE_CHECKING:
    from tracer.case import Case

__all__ = ["Session", "session_of"]


@dataclass(frozen=True, slots=True)
class Session:
    """Global options: the workspace folder (None: TRACER_HOME), no hints, JSON instead of tables."""

    workspace: Path | None = None
    quiet: bool = False
    json: bool = False

    def case(self, name: str) -> Case:
        """The case `name` of the workspace."""
        from tracer.case import Case

        case = Case.open(name, workspace=self.workspace)
        for head in case.file.heads:
            if head.replaced:  # said also where people want no hints: what follows may not be true any more
                note(
                    f"The chain {clean(head.chain)} gave up block {head.block}, up to which this case was collected: "
                    f"collect it anew ({self.command('collect', case.name, '--again')})."
                )
        return case

    def progress(self, stage: str) -> AbstractContextManager[Report]:
        """Progress on stderr while the block runs; `stage` is what it does at first."""
        return shown_progress(stage, quiet=self.quiet)

    def command(self, *words: str) -> str:
        """A `tracer` command line that works in this workspace, quoted for the shell."""
        place = () if self.workspace is None else ("--workspace", str(self.workspace))
        return shlex.join(["tracer", *place, *words])

    def next(self, *words: str) -> None:
        """Say which command is useful next."""
        if not self.quiet and not self.json:
            note(f"next: {self.command(*words)}")

    def tell(self, text: str) -> None:
        """One line for people on stderr, unless --quiet."""
        if not self.quiet:
            note(text)


def session_of(context: typer.Context) -> Session:
    """The session that the global options of this command made."""
    return cast("Session", context.obj)
