"""Progress on stderr for work that takes longer than two seconds; silent when stderr is not a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Report", "shown_progress"]

_PATIENCE = 2.0
"""Seconds of silence before the first sign of progress."""


class Report(Protocol):
    """What long work calls: the stage in words, how much is done, of how much (0 when unknown)."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that `done` of `total` of `stage` is done."""


class _Bar:
    """One line: the stage and how far it is. A timer opens it, so that work that never reports is seen too."""

    def __init__(self, stage: str, patience: float) -> None:
        self._lock = threading.Lock()
        self._state: tuple[str, int, int] = (stage, 0, 0)
        self._progress: Progress | None = None
        self._closed = False
        self._timer = threading.Timer(patience, self._open)
        self._timer.daemon = True
        self._timer.start()

    def __call__(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            self._state = (stage, done, total)
            self._draw()

    def close(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._progress is not None:
                self._progress.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._closed:
                return
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.add_task(self._state[0], total=None)
            self._progress.start()
            self._draw()

    def _draw(self) -> None:
        if self._progress is not None:
            stage, done, total = self._state
            self._progress.update(
                self._progress.task_ids[0], description=stage, completed=done, total=total or None
            )


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@contextmanager
def shown_progress(stage: str, *, quiet: bool = False, patience: float = _PATIENCE) -> Iterator[Report]:
    """A `Report` that draws on stderr while the block runs, if somebody can see it.

    `stage` is shown until the work reports another; `patience` is the time of silence in seconds.
    """
    if quiet or not sys.stderr.isatty():
        yield _silent
        return
    bar = _Bar(stage, patience)
    try:
        yield bar
    finally:
        bar.close()
