"""The command line: `tracer VERB CASE ...`. Talks to Case only; docs/cli.md lists every verb and option.

Importing it is cheap, so that `tracer --help` answers at once: pandas, numba and the rest are imported by the verb
that needs them.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """The `tracer` command. Exits with 0 only when nothing failed, 2 for bad input, 1 for anything else.

    141 when the reader of its output has gone: a closed pipe (`tracer gaps CASE | head`) is no error to tell.
    """
    from tracer.cli.app import READER_GONE, app

    status: object = 0
    try:
        app(prog_name="tracer")
    except SystemExit as end:
        status = end.code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (
            BrokenPipeError
        ):  # what is left is dropped here, else the interpreter complains of it at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            status = status or READER_GONE
    sys.exit(status)  # type: ignore[arg-type]
