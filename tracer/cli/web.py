"""`tracer ui`: opens the web UI on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from tracer.cli.say import note
from tracer.cli.session import session_of

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("ui")(ui)


def ui(
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port on this machine.")
    ] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Open the web UI. It listens on this machine only."""
    from tracer.ui import launch

    note(f"The web UI is at http://127.0.0.1:{port}, for this machine only. Ctrl-C ends it.")
    status = launch(port=port, workspace=session_of(context).workspace, headless=headless)
    raise typer.Exit(status or 0)
