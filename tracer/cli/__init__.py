"""The command line: `tracer VERB CASE ...`. Talks to Case only; docs/cli.md lists every verb and option.

Importing it is cheap, so that `tracer --help` answers at once: pandas, numba and the rest are imported by the verb
that needs them.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The `tracer` command. Exits with 0 only when nothing failed, 2 for bad input, 1 for anything else."""
    from tracer.cli.app import app

    app(prog_name="tracer")
