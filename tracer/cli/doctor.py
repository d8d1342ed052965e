"""`tracer doctor`: is this installation able to trace? One line a check; exit status 1 when one failed."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from tracer.cli.say import clean, line, print_json
from tracer.cli.session import session_of
from tracer.errors import StoreError, TracerError

__all__ = ["register"]

_LEAST_DISK = 2**30
"""Free bytes below which an import of a large file is likely to fail."""


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("doctor")(doctor)


def doctor(context: typer.Context) -> None:
    """Check that this installation can trace.

    Python, packages, bundled data, settings, workspace, schema and disk.
    """
    session = session_of(context)
    found = list(_checks(session.workspace))
    if session.json:
        print_json([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in found])
    else:
        for name, ok, detail in found:
            line(f"{'ok    ' if ok else 'FAILED'}  {name:<10}{clean(detail)}")
    if not all(ok for _, ok, _ in found):
        raise typer.Exit(1)
    session.next("demo", "--out", "bybit-demo")


def _checks(workspace: Path | None) -> Iterator[tuple[str, bool, str]]:
    from tracer.settings import read_settings

    yield "python", sys.version_info >= (3, 11), f"{platform.python_version()} (3.11 or newer is needed)"
    yield _tried("packages", _packages)
    yield _tried("data", _data)
    home = Path(workspace) if workspace is not None else None
    yield _tried("settings", lambda: f"workspace {read_settings(home).home}")
    yield _tried("workspace", lambda: _cases(home))
    yield _tried("disk", lambda: _disk(home))


def _tried(name: str, check: Callable[[], str]) -> tuple[str, bool, str]:
    try:
        return name, True, check()
    except (TracerError, OSError) as problem:
        return name, False, str(problem)


def _packages() -> str:
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        needed = [text for text in requires("coinpursuit") or [] if "extra ==" not in text]
    except PackageNotFoundError:
        raise StoreError(
            "coinpursuit is not installed.", "Run make setup, or pip install coinpursuit."
        ) from None
    missing = []
    for text in needed:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise StoreError(f"Missing packages: {', '.join(missing)}.", "Run make setup again.")
    return f"all {len(needed)} required packages are installed"


def _data() -> str:
    from tracer.data import data_dir

    return str(data_dir())


def _cases(home: Path | None) -> str:
    from tracer.case import Case

    return f"opens, its schema fits, {len(Case.names(workspace=home))} cases"


def _disk(home: Path | None) -> str:
    from tracer.settings import default_home

    place = (home or default_home()).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _LEAST_DISK:
        raise StoreError(
            f"Only {free / 2**20:,.0f} MiB are free on {place}.", "Free some space: 1 GiB is needed."
        )
    return f"{free / 2**30:,.1f} GiB free on {place}"
