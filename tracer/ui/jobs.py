"""Long work beside the page: one thread per piece of work, its progress, its result or its error.

The page polls; a reload or a second browser tab finds the same job instead of starting it again. A job never
touches Streamlit: it only writes into its own record.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

__all__ = ["Job", "Jobs", "Progress"]

Progress = Callable[[str, int, int], None]
"""progress(stage, done, total); total 0 when unknown."""

_numbers = itertools.count(1)


@dataclass
class Job:
    """A piece of work: its number (unique in the process), its last reported progress, then result or error."""

    key: Hashable
    number: int = field(default_factory=lambda: next(_numbers))
    stage: str = ""
    done: int = 0
    total: int = 0
    result: object = None
    error: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    def report(self, stage: str, done: int, total: int) -> None:
        """Called by the work."""
        self.stage, self.done, self.total = stage, done, total

    @property
    def share(self) -> float:
        """Progress of the current stage, 0..1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0

    def wait(self, seconds: float) -> bool:
        """Whether it is finished within `seconds`."""
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

    def start(self, key: Hashable, work: Callable[[Progress], object], line: Hashable) -> Job:
        """The job of that key, started now unless it is there already."""
        with self._guard:
            job = self._jobs.get(key)
            if job:
                return job
            job = self._jobs[key] = Job(key)
            old = [k for k, j in self._jobs.items() if j.finished.is_set()]
            for k in old[: max(len(self._jobs) - self._keep, 0)]:
                del self._jobs[k]
            lock = self._lines.setdefault(line, threading.Lock())

        def run() -> None:
            try:
                with lock:
                    job.result = work(job.report)
            except Exception as error:  # noqa: BLE001 - shown by the page that waits for this job
                job.error = error
            finally:
                job.finished.set()

        threading.Thread(target=run, name=f"tracer-job-{job.number}", daemon=True).start()
        return job
