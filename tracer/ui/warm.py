"""While the browser loads the page, the server already traces the case that was worked on last.

A browser needs about a second for the page's own code; a case of 5,000 addresses needs about as long to be traced.
The job that runs here is the one that the page asks for: whoever opens another case loses nothing but that it starts
when the page asks.
"""

from __future__ import annotations

import logging
import threading

from tracer.case import Case
from tracer.errors import TracerError
from tracer.ui.running import started
from tracer.ui.session import case_names, opened
from tracer.ui.shown import prepare

__all__ = ["latest", "warm_up"]


def latest() -> str:
    """The case whose record was changed last by an import, a statement or its making; the bundled one at first."""

    def changed(name: str) -> tuple[int, str]:
        file = Case.open(name).file
        times = [pin.imported_at for pin in file.captures] + [e.declared_at for e in file.conversions]
        return max([file.created_at, *times]), name

    names = Case.names()
    return max(names, key=changed) if names else case_names()[0]


def warm_up() -> threading.Thread:
    """Start the work in a thread of its own; a case that cannot be opened is left for the page to explain."""
    # This thread belongs to no page, which is what Streamlit warns about.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)

    def work() -> None:
        try:
            case = opened(latest())
            if not case.seeds().empty:
                rule = str(case.rule)
                started(case, f"shown:{rule}", lambda report: prepare(case, rule, report))
        except TracerError:
            return

    thread = threading.Thread(target=work, name="tracer-warm-up", daemon=True)
    thread.start()
    return thread
