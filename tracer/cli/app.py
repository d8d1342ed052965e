"""The `tracer` command: global options, error messages and exit status, and the list of verbs.

Verbs are registered here and nowhere else. An error is one line and one hint on stderr: a traceback helps nobody who
follows stolen coin; TRACER_DEBUG=1 shows it to those who mend the tracer.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tracer.cli import (
    batches,
    beyond,
    cases,
    classify,
    clusters,
    collecting,
    doctor,
    evaluate,
    evidence,
    exports,
    freeze,
    imports,
    judgements,
    labels,
    opinions,
    origins,
    replays,
    results,
    seeds,
    web,
)
from tracer.cli.say import error, line
from tracer.cli.session import Session
from tracer.errors import InputError, NotFoundError, TracerError

__all__ = ["READER_GONE", "app"]

_ORDER = [
    "demo",
    "case",
    "seed",
    "import",
    "providers",
    "collect",
    "taint",
    "bounds",
    "endpoints",
    "freeze",
    "paths",
    "beyond",
    "origins",
    "clusters",
    "patterns",
    "gaps",
    "evidence",
    "label",
    "stop",
    "judge",
    "export",
    "batch",
    "replay",
    "classify",
    "evaluate",
    "ui",
    "doctor",
]
"""Verbs as an investigation goes."""
READER_GONE = 141
"""Exit status when the reader of the output has gone: what a shell reports for a tool that SIGPIPE ended."""
_FLAGS = {"--quiet", "-q", "--json"}
_WITH_VALUE = {"--workspace", "-w"}


class _Root(TyperGroup):
    """The root command: global options may stand anywhere; errors become one line, a hint and an exit status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let the global options stand anywhere."""
        with _closed_pipe_is_normal():
            return super().parse_args(ctx, _hoisted(args))

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order of an investigation."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; turn an error into its message and exit status."""
        with _closed_pipe_is_normal():
            return self._invoke(ctx)

    def _invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TracerError as problem:
            _debug()
            error(problem.message, problem.hint)
            raise typer.Exit(2 if isinstance(problem, (InputError, NotFoundError)) else 1) from None
        except KeyboardInterrupt:
            error("Interrupted.", "Nothing is half-written: run the command again.")
            raise typer.Exit(130) from None
        except OSError as problem:
            if problem.errno == errno.EPIPE:
                raise
            _debug()
            error(f"{problem.strerror or problem}: {problem.filename or 'the system gives no file name'}")
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as problem:  # noqa: BLE001 - the outermost edge: whatever it is, it is told in one line
            _debug()
            error(
                f"A defect of the tracer: {type(problem).__name__}: {problem}",
                "It is not your mistake: run it again with TRACER_DEBUG=1 and report the traceback.",
            )
            raise typer.Exit(1) from None


@contextmanager
def _closed_pipe_is_normal() -> Iterator[None]:
    """When the reader of the output has gone (`tracer gaps CASE | head`), end as other tools do."""
    try:
        yield
    except OSError as problem:
        if problem.errno != errno.EPIPE:
            raise
        raise typer.Exit(READER_GONE) from None


def _debug() -> None:
    if os.environ.get("TRACER_DEBUG"):
        import traceback

        traceback.print_exc()


def _hoisted(args: list[str]) -> list[str]:
    """`args` with the global options first, so that they may also stand after the verb; `--` ends the search."""
    first: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _FLAGS or word.startswith("--workspace="):
            first.append(word)
        elif word in _WITH_VALUE:
            first += [word, *(value for value in [next(words, None)] if value is not None)]
        else:
            rest.append(word)
    return first + rest


def _print_version(wanted: bool) -> None:
    if wanted:
        from tracer.version import version

        line(f"tracer {version()} (coinpursuit)")
        raise typer.Exit


app = typer.Typer(
    name="tracer",
    cls=_Root,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110},
    help="Follow stolen coins: exact, reproducible fund-flow tracing for exchange thefts.",
    epilog=(
        "First steps: `tracer demo --out DIR` traces a real theft offline; `tracer case new NAME` begins your own. "
        "The global options above may stand anywhere. Exit status: 0 nothing failed, 2 bad input, 1 anything else."
    ),
)


@app.callback()
def _globals(
    context: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", metavar="DIR", help="Folder that holds all cases (default: TRACER_HOME)."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no hints.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Tables as JSON; raw amounts as strings.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Session(workspace=workspace, quiet=quiet, json=json)


for _module in (
    cases,
    seeds,
    imports,
    collecting,
    results,
    evidence,
    beyond,
    origins,
    clusters,
    labels,
    opinions,
    judgements,
    exports,
    batches,
    freeze,
    replays,
    classify,
    evaluate,
    web,
    doctor,
):
    _module.register(app)
