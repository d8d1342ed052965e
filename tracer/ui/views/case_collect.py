"""Collect: choose whom to ask and how far, watch it, stop it, go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import streamlit as st

from tracer.addresses import parse_account
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collect import Collected, Event
from tracer.collecting.budget import Budget, Direction, budget_in
from tracer.seed_list import when
from tracer.times import utc_text
from tracer.transport import providers
from tracer.ui.i18n import Words
from tracer.ui.jobs import CancelledError, Job, Progress
from tracer.ui.printing import plain
from tracer.ui.running import stoppable, trouble
from tracer.ui.session import jobs
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import show_table
from tracer.ui.views.origins import origins

__all__ = ["collecting"]


def collecting(case: Case, words: Words) -> None:
    """The step of the Case page."""
    st.caption(words("collect.help"))
    job = jobs().get(("collect", case.name))
    if job is not None and job.finished.is_set():
        _ended(job, words)  # in every tab, until the next start
    elif job is not None:
        stoppable(job, words, words("collect.safe"))
        return
    known = budget_in(case.file.thresholds)
    direction, targets = _which_way(case, known, words)
    places = [parse_account(text, "eip155:1")[0] for text in targets] or [s.chain for s in case.file.seeds]
    chains = sorted(set(places))
    if not chains:
        st.info(words("collect.no_targets" if direction == Direction.BACKWARD else "collect.no_seeds"))
        return
    named = _whom(case, chains, words)
    budget = replace(_how_far(case, known, words), direction=direction)
    if st.button(words("collect.start"), type="primary", key="collect-start", disabled=named is None):
        _asked().update({(case.name, e.chain): e.name for e in named or ()})
        _start(case, [e.name for e in named or ()], budget, targets, words)
        st.rerun()
    frame = case.histories()
    if len(frame):
        st.markdown(f"##### {words('collect.list')}")
        show_table(frame, words, key="histories", file=f"{case.name}_histories", wide={"address": 380})
    show_python(
        call(
            case.name,
            "from tracer.collecting.budget import Budget",
            f"case.collect({[e.name for e in named or ()]!r}, {budget!r}{f', targets={targets!r}' * bool(targets)})",
            "case.histories()",
        ),
        words,
    )
    if case.file.targets:
        st.markdown(f"##### {words('origins.title')}")
        origins(case, words, [f"{t.chain}:{t.address}" for t in case.file.targets], key="collect")


@st.cache_resource
def _asked() -> dict[tuple[str, str], str]:
    """By case and chain, who was asked last. While a collection runs the page forgets what was chosen in it; going on
    with the default would tell a stranger the addresses that one's own node was asked about.
    """
    return {}


def _which_way(case: Case, known: Budget, words: Words) -> tuple[str, list[str]]:
    """The direction, and backward the targets as they were written, one a line."""
    ways = [str(d) for d in Direction]
    direction = st.radio(
        words("collect.direction"),
        ways,
        index=ways.index(known.direction),
        format_func=lambda d: words.one_of("direction", d),
        captions=[words.one_of("about_direction", d) for d in ways],
        horizontal=True,
        key=f"collect-direction:{case.name}",
    )
    if direction != Direction.BACKWARD:
        return Direction.FORWARD.value, []
    before = "\n".join(f"{t.chain}:{t.address}" for t in case.file.targets)
    text = st.text_area(
        words("collect.targets"),
        before,
        help=words("collect.targets_help"),
        height=100,
        key=f"collect-targets:{case.name}",
    )
    return Direction.BACKWARD.value, text.split()


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
        before = _asked().get((case.name, chain))
        at = names.index(before) if before in names else free
        name = st.selectbox(
            words("collect.provider", chain=chain), names, index=at, key=f"collect-provider:{chain}"
        )
        endpoint = here[names.index(name or names[at])]
        chosen.append(endpoint)
        host = urlsplit(endpoint.base_url).netloc
        if endpoint.local:
            st.caption(words("collect.local", name=plain(endpoint.name)))
        else:
            st.warning(
                words("collect.learns", name=plain(endpoint.name), host=plain(host), chain=chain),
                icon=":material/visibility:",
            )
            if not endpoint.encrypted:
                st.warning(words("collect.open"), icon=":material/lock_open:")
    return chosen


def _how_far(case: Case, known: Budget, words: Words) -> Budget:
    with st.container(horizontal=True):
        limits: dict[str, Any] = {
            name: int(
                st.number_input(
                    words(f"collect.{name}"), 0, None, getattr(known, name), key=f"collect-{name}:{case.name}"
                )
            )
            for name in ("addresses", "hops", "most", "least_ppm", "requests")
        }
    with st.container(horizontal=True):
        least = st.text_input(
            words("collect.least_raw"),
            known.least_raw,
            placeholder="native=1000000000000000000",
            help=words("collect.least_raw_help"),
            key=f"collect-least_raw:{case.name}",
        )
        since, until = (
            st.text_input(
                words(f"collect.{name}"),
                utc_text(value),
                placeholder="2025-02-21",
                key=f"collect-{name}:{case.name}",
            )
            for name, value in (("since", known.since), ("until", known.until))
        )
    return Budget(**limits, least_raw=least.strip(), since=_moment(since), until=_moment(until))


def _moment(text: str) -> int | None:
    return when(text.strip()) if text.strip() else None


def _start(case: Case, names: list[str], budget: Budget, targets: list[str], words: Words) -> None:
    key = ("collect", case.name)

    def work(report: Progress) -> Collected:
        def tell(event: Event) -> None:
            job = jobs().get(key)
            if job is not None:
                job.note = _note(event, words)
            report("collect", event.fetched, event.fetched + event.queue)

        return case.collect(names, budget, tell, targets=targets or None)

    before = jobs().get(key)
    if before is not None:
        jobs().forget(before)
    jobs().start(key, work, key)


def _note(event: Event, words: Words) -> str:
    """Every figure of a collection that runs, and who answers no more."""
    said = words(
        "collect.running",
        fetched=f"{event.fetched:,}",
        queue=f"{event.queue:,}",
        sent=f"{event.sent:,}",
        rate=f"{event.rate:.1f}",
        kept=f"{event.kept:,}",
        failed=f"{event.failed:,}",
        hubs=f"{event.hubs:,}",
        hop=f"{event.hop:,}",
        round=f"{event.round:,}",
    )
    return f"{said}  \n{words('collect.stopped', text=plain(event.stopped, 400))}" if event.stopped else said


def _ended(job: Job, words: Words) -> None:
    """Say how the last collection ended."""
    if isinstance(job.error, CancelledError):
        st.info(words("collect.halted"))
    elif not trouble(job, words):
        done = cast("Collected", job.result)
        fetched = f"{done.fetched:,}"
        if done.stopped:
            st.warning(words("collect.stopped", text=plain(done.stopped, 400)))
        if done.exhausted:
            st.info(words("collect.exhausted", fetched=fetched))
        if done.failed:
            st.warning(words("collect.unread", failed=f"{done.failed:,}"))
        elif done.finished:
            st.success(words("collect.finished", fetched=fetched), icon=":material/check_circle:")
