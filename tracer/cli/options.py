"""Arguments and options that several verbs share, and the small words that they read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.errors import InputError, shown
from tracer.model import Rule, StopCode

__all__ = ["CaseName", "Chain", "Out", "rule_named", "seconds", "stop_named", "target"]


def target(path: Path | None) -> Path | None:
    """`path` if a file can be written there; a wrong one is refused before the trace, not after it."""
    if path is not None:
        from tracer.export.files import check_target

        check_target(path)
    return path


CaseName = Annotated[str, typer.Argument(metavar="CASE", help="Name of the case.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", callback=target, help="Write the table as CSV to this file."),
]
Chain = Annotated[
    str,
    typer.Option("--chain", metavar="CHAIN", help="CAIP-2 id or a name: eip155:1, ethereum, bitcoin."),
]


def rule_named(word: str) -> Rule:
    """The rule called `word`. Raises InputError that lists the rules."""
    try:
        return Rule(word.strip().lower())
    except ValueError:
        raise InputError(f"There is no rule {shown(word)}.", f"Rules: {', '.join(Rule)}.") from None


def stop_named(word: str) -> StopCode | None:
    """The stop code called `word`; None for `none`. Raises InputError that lists the codes."""
    if word.strip().lower() == "none":
        return None
    try:
        return StopCode(word.strip().upper())
    except ValueError:
        raise InputError(
            f"There is no stop code {shown(word)}.", f"Codes: {', '.join(StopCode)}, or none (coin goes on)."
        ) from None


def seconds(text: str | None) -> int | None:
    """UTC seconds of a time as people write it, see `tracer.seed_list.when`; None for None."""
    from tracer.seed_list import when

    return None if text is None else when(text)
