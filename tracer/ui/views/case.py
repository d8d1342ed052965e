"""The case page, one step after the other in the order of the work."""

from __future__ import annotations

import streamlit as st

from tracer.case import Case
from tracer.model import Rule
from tracer.ui.i18n import Words
from tracer.ui.running import known, started, stoppable, trouble
from tracer.ui.session import current, errors_shown, look_at, say, w
from tracer.ui.shown import prepare
from tracer.ui.snippets import call, show_python, where
from tracer.ui.views.case_collect import collecting
from tracer.ui.views.case_export import export
from tracer.ui.views.case_files import files
from tracer.ui.views.case_opinions import conversions, labels_and_stops
from tracer.ui.views.case_seeds import seeds
from tracer.ui.views.rulings import rulings

__all__ = ["render"]

_STEPS = ("case", "files", "seeds", "collect", "rule", "conversions", "rulings", "opinions", "run", "export")


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words = w()
    case = current()
    draw = {
        "case": _case,
        "files": files,
        "seeds": seeds,
        "collect": collecting,
        "rule": _rule,
        "conversions": conversions,
        "rulings": rulings,
        "opinions": labels_and_stops,
        "run": _run,
        "export": export,
    }
    tabs = st.tabs([f"{i} {words(f'step.{s}')}" for i, s in enumerate(_STEPS, 1)], key="steps")
    for tab, step in zip(tabs, _STEPS, strict=True):
        with tab, errors_shown():
            draw[step](case, words)


def _case(case: Case, words: Words) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"##### {words('case.new')}")
        with st.form("new-case", clear_on_submit=False):
            name = st.text_input(words("case.name"), help=words("case.name_help"), key="new-case-name")
            sent = st.form_submit_button(words("case.create"), type="primary")
        if sent:
            with errors_shown():
                made = Case.create(name.strip())
                look_at(made.name)
                st.session_state["made-case"] = made.name
                say(words("case.created", name=made.name))
                st.rerun()
        place = f", {where()}" if where() else ""
        made_one = st.session_state.get("made-case")
        line = (
            f"case = Case.create({made_one!r}{place})" if made_one else f'# case = Case.create("NAME"{place})'
        )
        show_python(f"from tracer import Case\n\n{line}", words)
    with right:
        st.markdown(f"##### {words('case.open')}: {case.name}")
        _checklist(case, words)
        st.caption(words("case.next"))
        st.caption(words("case.safe"))


def _checklist(case: Case, words: Words) -> None:
    """What the case has and what it still needs, in the order of the work."""
    files, seeds = case.files(), case.seeds()
    run = known(case, f"shown:{case.rule}")
    steps = [
        (len(files) > 0, "files", words("case.files", count=len(files))),
        (len(seeds) > 0, "seeds", words("case.seeds", count=len(seeds))),
        (True, "rule", words.one_of("rule", str(case.rule))),
        (run is not None and run.finished.is_set() and run.error is None, "run", ""),
    ]
    for done, step, text in steps:
        mark = ":material/check_box:" if done else ":material/check_box_outline_blank:"
        st.markdown(f"{mark} **{words(f'step.{step}')}** {text}")


def _rule(case: Case, words: Words) -> None:
    st.caption(words("governing.help"))
    names = [str(r) for r in Rule]
    with st.form("rule"):
        chosen = st.radio(
            words("governing.choose"),
            names,
            index=names.index(str(case.rule)),
            format_func=lambda r: words.one_of("rule", r),
            captions=[words.one_of("about_rule", r) for r in names],
            key=f"rule:{case.name}",
        )
        if st.form_submit_button(words("governing.set"), type="primary") and chosen:
            case.set_rule(Rule(chosen))
            say(words("governing.done", rule=words.one_of("rule", chosen)))
            st.rerun()
    show_python(call(case.name, f"case.set_rule({str(case.rule)!r})"), words)


def _run(case: Case, words: Words) -> None:
    ready = not case.seeds().empty
    if not ready:
        st.info(words("trace.no_seeds"))
    rule = str(case.rule)
    what = f"shown:{rule}"
    if st.button(words("run.start"), type="primary", disabled=not ready, key="run"):
        started(case, what, lambda report: prepare(case, rule, report))
    job = known(case, what)
    if job is not None and not job.wait(1.0):
        stoppable(job, words)
    elif job is not None and not trouble(job, words, again=True):
        st.success(words("run.done"), icon=":material/check_circle:")
        st.caption(words("run.look"))
    show_python(call(case.name, "result = case.taint()", "result.conservation()"), words)
