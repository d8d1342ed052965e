"""Export: every table of the case, with or without the evidence, made in the case's own folder and given as one zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import streamlit as st

from tracer.case import Case
from tracer.ui.i18n import Words
from tracer.ui.jobs import Progress
from tracer.ui.running import known, started, stoppable, trouble
from tracer.ui.snippets import call, show_python

__all__ = ["export", "packed"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the same export is the same zip."""


def export(case: Case, words: Words) -> None:
    """The step of the Case page."""
    st.caption(words("export.help"))
    evidence = st.checkbox(
        words("export.evidence"), help=words("export.evidence_help"), key="export-evidence"
    )
    what = f"export:{evidence}"
    ready = not case.seeds().empty
    if not ready:
        st.info(words("trace.no_seeds"))
    if st.button(words("export.make"), type="primary", disabled=not ready, key="export-make"):
        started(case, what, lambda report: packed(case, report, evidence=evidence))
    job = known(case, what)
    if job is not None and not job.wait(1.0):
        stoppable(job, words)
    elif job is not None and not trouble(job, words, again=True):
        made = Path(str(job.result))
        st.success(words("export.done", folder=str(made.with_suffix(""))), icon=":material/check_circle:")
        st.download_button(
            words("export.download"),
            data=made.read_bytes,
            file_name=made.name,
            mime="application/zip",
            on_click="ignore",
            key="export-zip",
        )
    show_python(call(case.name, f"case.export({f'{case.name}-export'!r}, evidence={evidence})"), words)


def packed(case: Case, report: Progress, *, evidence: bool) -> Path:
    """Export the case into its folder and pack that; the path of the zip, beside the directory of the same name."""
    directory = case.workspace.cases.folder(case.name) / f"{case.name}-{'evidence' if evidence else 'tables'}"
    paths = case.export(directory, progress=report, evidence=evidence)
    target = directory.with_name(f"{directory.name}.zip")
    target.touch(mode=0o600)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in paths:
            member = zipfile.ZipInfo(path.relative_to(directory.parent).as_posix(), _EPOCH)
            member.external_attr, member.compress_type = 0o600 << 16, zipfile.ZIP_DEFLATED
            file.writestr(member, path.read_bytes())
    return target
