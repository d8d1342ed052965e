"""Long work beside the page: one thread per piece of work, its progress, its result or its error.

The page polls; a reload or a second browser tab finds the same job instead of starting it again, and a closed tab
does not end it. A job never touches Streamlit: it only writes into its own record. A cancelled job ends where its
work next reports progress, by an exception, so that the work leaves things as if it had failed there.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

__all__ = ["CancelledError", "Job", "Jobs", "Progress"]

Progress = Callable[[str, int, int], None]
"""progress(stage, done, total); total 0 when unknown."""

_numbers = itertools.count(1)


class CancelledError(Exception):
    """Raised inside a piece of work that somebody cancelled."""


@dataclass
class Job:
    """A piece of work: its number (unique in the process), its last reported progress, then result or error.

    note: what the work says beside its progress.
    """

    key: Hashable
    line: Hashable = None
    number: int = field(default_factory=lambda: next(_numbers))
    stage: str = ""
    done: int = 0
    total: int = 0
    result: object = None
    error: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)
    wanted: threading.Event = field(default_factory=threading.Event)
    stopping: bool = False
    note: str = ""

    def report(self, stage: str, done: int, total: int) -> None:
        """Called by the work. Raises CancelledError when the job is to end."""
        self.stage, self.done, self.total = stage, done, total
        if self.stopping:
            raise CancelledError

    def cancel(self) -> None:
        """Ask the work to end where it next reports progress; what is finished already stays finished."""
        self.stopping = True
        self.wanted.set()

    @property
    def share(self) -> float:
        """Progress of the current stage, 0..1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0

    def wait(self, seconds: float) -> bool:
        """Whether it is finished within `seconds`. Whoever waits wants it: it starts now, if it was put off."""
        self.wanted.set()
        return self.finished.wait(seconds)


class Jobs:
    """The jobs of this process by key. Works of one `line` (a case) run one after another, never at once."""

    def __init__(self, keep: int = 24) -> None:
        self._keep = keep
        self._jobs: dict[Hashable, Job] = {}
        self._lines: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Hashable) -> Job | None:
        """The job of that key, if there is one."""
        with self._guard:
            return self._jobs.get(key)

    def of(self, line: Hashable) -> list[Job]:
        """The jobs of one line, oldest first."""
        with self._guard:
            return [job for job in self._jobs.values() if job.line == line]

    def forget(self, job: Job) -> None:
        """Drop a finished job whose outcome was seen, so that the same work can be started again."""
        with self._guard:
            if self._jobs.get(job.key) is job and job.finished.is_set():
                del self._jobs[job.key]

    def start(
        self, key: Hashable, work: Callable[[Progress], object], line: Hashable, *, pause: float = 0.0
    ) -> Job:
        """The job of that key, started now unless it is there already.

        pause: seconds for which work that nobody waits for yet is put off, so that it does not take the processor from
        a page that is just being drawn.
        """
        with self._guard:
            job = self._jobs.get(key)
            if job:
                return job
            job = self._jobs[key] = Job(key, line)
            old = [k for k, j in self._jobs.items() if j.finished.is_set()]
            for k in old[: max(len(self._jobs) - self._keep, 0)]:
                del self._jobs[k]
            lock = self._lines.setdefault(line, threading.Lock())

        def run() -> None:
            try:
                if pause:
                    job.wanted.wait(pause)
                with lock:
                    job.report("", 0, 0)
                    job.result = work(job.report)
            except Exception as error:  # noqa: BLE001 - shown by the page that waits for this job
                job.error = error
            finally:
                job.finished.set()

        threading.Thread(target=run, name=f"tracer-job-{job.number}", daemon=True).start()
        return job
