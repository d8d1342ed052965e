"""Background work: started once, one at a time per case, its error kept for whoever waits."""

from __future__ import annotations

import threading

from tracer.ui.jobs import Jobs, Progress

LONG = 30.0


def test_the_same_work_is_started_once() -> None:
    jobs, calls = Jobs(), []
    gate = threading.Event()

    def work(report: Progress) -> int:
        report("taint", 1, 4)
        calls.append(1)
        gate.wait(LONG)
        return 7

    first = jobs.start("key", work, "case")
    assert jobs.start("key", work, "case") is first
    gate.set()
    assert first.wait(LONG)
    assert (first.result, first.error, calls, first.stage, first.share) == (7, None, [1], "taint", 0.25)
    assert jobs.get("key") is first


def test_works_of_one_case_never_run_at_once() -> None:
    jobs = Jobs()
    running, most = [], []
    guard = threading.Lock()

    def work(_: Progress) -> None:
        with guard:
            running.append(1)
            most.append(len(running))
        threading.Event().wait(0.01)
        with guard:
            running.pop()

    started = [jobs.start(n, work, "case") for n in range(8)]
    assert all(job.wait(LONG) for job in started)
    assert max(most) == 1


def test_an_error_is_kept_and_ends_the_job() -> None:
    def work(_: Progress) -> None:
        raise ValueError("no")

    job = Jobs().start("key", work, "case")
    assert job.wait(LONG)
    assert isinstance(job.error, ValueError)


def test_old_finished_jobs_are_forgotten_and_running_ones_are_not() -> None:
    jobs = Jobs(keep=3)
    gate = threading.Event()
    slow = jobs.start("slow", lambda _: gate.wait(LONG), "other")
    for n in range(10):
        assert jobs.start(n, lambda _: None, "case").wait(LONG)
    assert jobs.get(0) is None
    assert jobs.get("slow") is slow
    gate.set()
    assert slow.wait(LONG)
