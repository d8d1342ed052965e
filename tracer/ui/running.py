"""Run a case in the background and wait for it on the page: progress while it works, the result when it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from tracer.case import Case
from tracer.errors import TracerError
from tracer.ui.i18n import Words
from tracer.ui.jobs import CancelledError, Job, Progress
from tracer.ui.session import jobs, show_error

__all__ = ["bar", "known", "poll", "result_of", "started", "stoppable", "trouble"]

_AT_ONCE = 2.0
"""Seconds to wait before a progress bar is worth showing."""
_PAUSE = 1.5
"""Seconds by which work that nobody waits for is put off."""


def started(case: Case, what: str, work: Callable[[Progress], object], *, later: bool = False) -> Job:
    """The job `what` of this case as it stands, started now unless it runs or is done.

    later: nobody waits for it yet; it starts when the page has been drawn.

    The key holds the revision of the case file: after any change, by whatever process, it is another job.
    """
    return jobs().start(_key(case, what), work, case.name, pause=_PAUSE if later else 0.0)


def _key(case: Case, what: str) -> tuple[str, int, str]:
    return case.name, case.file.revision, what


def known(case: Case, what: str) -> Job | None:
    """The job `what` of this case as it stands, if it was ever started."""
    return jobs().get(_key(case, what))


def trouble(job: Job, w: Words, *, again: bool = False) -> bool:
    """Show the job's error, if it has one: message and hint, never a traceback. again: with a button to try again."""
    if job.error is None:
        return False
    if isinstance(job.error, CancelledError):
        st.info(w("run.cancelled"))
    elif isinstance(job.error, TracerError):
        show_error(job.error.message, job.error.hint)
    else:
        st.error(w("run.defect", kind=type(job.error).__name__), icon=":material/warning:")
    if again and st.button(w("run.again"), key=f"again:{job.number}"):
        jobs().forget(job)
        st.rerun()
    return True


def bar(job: Job, w: Words, what: str = "") -> None:
    """The progress of a job as it is now. what: said while the work has named no stage."""
    stage = w.one_of("stage", job.stage) if job.stage else what or w("run.working")
    count = f" {job.done:,} / {job.total:,}" if job.total else ""
    st.progress(job.share, text=f"{stage}{count}")


@st.fragment(run_every=0.3)
def poll(job: Job, w: Words, what: str = "") -> None:
    """The progress of a job, three times a second; the whole page runs again once when it is finished."""
    if job.finished.is_set():
        st.rerun()
    bar(job, w, what)


@st.fragment(run_every=0.3)
def stoppable(job: Job, w: Words, note: str = "") -> None:
    """`poll` with a button that ends the job; `note` stands below."""
    if job.finished.is_set():
        st.rerun()
    bar(job, w)
    if job.note:
        st.caption(job.note)
    if job.stage == "store":
        st.caption(w("run.storing"))
    elif job.stopping:
        st.caption(w("run.stopping"))
    elif st.button(w("run.cancel"), key="job-cancel"):
        job.cancel()
        st.rerun(scope="fragment")
    if note:
        st.caption(note)


def result_of(case: Case, what: str, work: Callable[[Progress], object], w: Words) -> tuple[Any, int] | None:
    """(result, number of its job), or None while it is still working or when it failed: then the page shows why."""
    job = started(case, what, work)
    if not job.wait(_AT_ONCE):
        poll(job, w)
        return None
    return None if trouble(job, w, again=True) else (job.result, job.number)
