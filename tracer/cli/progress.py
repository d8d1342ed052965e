"""Progress on stderr for work that takes longer than two seconds; silent when stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Report", "shown_progress"]

_PATIENCE = 2.0
"""Seconds of silence before the first sign of progress."""


class Report(Protocol):
    """What long work calls: the stage in words, how much is done, of how much (0 when unknown)."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that `done` of `total` of `stage` is done."""


class _Bar:
    """Starts the bar only when the work has lasted longer than `_PATIENCE`; one task per stage."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._progress is None:
            if time.monotonic() - self._begin < _PATIENCE:
                return
            self._progress = _open()
        if stage not in self._tasks:
            # stages are the tracer's own words; markup is off all the same (columns in `_open`)
            self._tasks[stage] = self._progress.add_task(stage, total=total or None)
        self._progress.update(self._tasks[stage], completed=done, total=total or None)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _open() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.start()
    return progress


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@contextmanager
def shown_progress(quiet: bool = False) -> Iterator[Report]:
    """A `Report` that draws on stderr while the block runs, if somebody can see it."""
    if quiet or not sys.stderr.isatty():
        yield _silent
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()
