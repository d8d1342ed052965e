"""Collect: choose whom to ask and how far, watch it, stop it, go on."""

from __future__ import annotations

import time
from typing import cast
from urllib.parse import urlsplit

import streamlit as st

from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collect import Collected, Event
from tracer.collecting.budget import Budget, budget_in
from tracer.transport import providers
from tracer.ui.i18n import Words
from tracer.ui.jobs import CancelledError, Job, Progress
from tracer.ui.printing import clean
from tracer.ui.running import stoppable, trouble
from tracer.ui.session import jobs
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import show_table

__all__ = ["collecting"]


def collecting(case: Case, words: Words) -> None:
    """The step of the Case page."""
    st.caption(words("collect.help"))
    job = jobs().get(("collect", case.name))
    if job is not None and job.finished.is_set():
        jobs().forget(job)
        _ended(job, words)
    elif job is not None:
        stoppable(job, words, words("collect.safe"))
        return
    chains = sorted({seed.chain for seed in case.file.seeds})
    if not chains:
        st.info(words("collect.no_seeds"))
        return
    named = _whom(case, chains, words)
    budget = _how_far(case, words)
    if st.button(words("collect.start"), type="primary", key="collect-start", disabled=named is None):
        _start(case, [e.name for e in named or ()], budget, words)
        st.rerun()
    frame = case.histories()
    if len(frame):
        st.markdown(f"##### {words('collect.list')}")
        show_table(frame, words, key="histories", file=f"{case.name}_histories", wide={"address": 380})
    show_python(
        call(
            case.name,
            "from tracer.collecting.budget import Budget",
            f"case.collect({[e.name for e in named or ()]!r}, {budget!r})",
            "case.histories()",
        ),
        words,
    )


def _whom(case: Case, chains: list[str], words: Words) -> list[Endpoint] | None:
    """One provider per chain, and what each of them will learn; None if a chain has none."""
    known = providers(case.workspace.root)
    chosen: list[Endpoint] = []
    for chain in chains:
        here = [e for e in known if e.chain == chain and e.histories]
        if not here:
            st.error(words("collect.nobody", chain=chain))
            return None
        names = [e.name for e in here]
        free = next((n for n, e in enumerate(here) if not e.key_needed), 0)
        name = st.selectbox(
            words("collect.provider", chain=chain), names, index=free, key=f"collect-provider:{chain}"
        )
        endpoint = here[names.index(name or names[free])]
        chosen.append(endpoint)
        host = urlsplit(endpoint.base_url).netloc
        if endpoint.local:
            st.caption(words("collect.local", name=clean(endpoint.name)))
        else:
            st.warning(
                words("collect.learns", name=clean(endpoint.name), host=clean(host), chain=chain),
                icon=":material/visibility:",
            )
            if not endpoint.encrypted:
                st.warning(words("collect.open"), icon=":material/lock_open:")
    return chosen


def _how_far(case: Case, words: Words) -> Budget:
    known = budget_in(case.file.thresholds)
    with st.container(horizontal=True):
        limits = {
            name: int(
                st.number_input(
                    words(f"collect.{name}"), 0, None, getattr(known, name), key=f"collect-{name}:{case.name}"
                )
            )
            for name in ("addresses", "hops", "most", "least_ppm", "requests")
        }
    return Budget(
        **limits, least_raw=known.least_raw, direction=known.direction, since=known.since, until=known.until
    )


def _start(case: Case, names: list[str], budget: Budget, words: Words) -> None:
    began = time.monotonic()
    key = ("collect", case.name)

    def work(report: Progress) -> Collected:
        def tell(event: Event) -> None:
            job = jobs().get(key)
            if job is not None:
                job.note = _note(event, max(time.monotonic() - began, 0.1), words)
            report("collect", event.fetched, event.fetched + event.queue)

        return case.collect(names, budget, tell)

    jobs().start(key, work, key)


def _note(event: Event, elapsed: float, words: Words) -> str:
    return words(
        "collect.running",
        fetched=f"{event.fetched:,}",
        queue=f"{event.queue:,}",
        sent=f"{event.sent:,}",
        rate=f"{event.sent / elapsed:.1f}",
        kept=f"{event.kept:,}",
        failed=f"{event.failed:,}",
    )


def _ended(job: Job, words: Words) -> None:
    """Say once how a collection ended."""
    if isinstance(job.error, CancelledError):
        st.info(words("collect.halted"))
    elif not trouble(job, words):
        done = cast("Collected", job.result)
        fetched = f"{done.fetched:,}"
        if done.stopped:
            st.warning(words("collect.stopped", text=clean(done.stopped, 400)))
        elif done.exhausted:
            st.info(words("collect.exhausted", fetched=fetched))
        else:
            st.success(words("collect.finished", fetched=fetched), icon=":material/check_circle:")
