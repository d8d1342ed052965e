"""Importing transfers: upload, look at the first rows, import; map the columns by hand where they are not known."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from tracer.case import Case
from tracer.errors import FileError
from tracer.ui.acting import as_drawn, refusal
from tracer.ui.i18n import Words
from tracer.ui.jobs import CancelledError, Job, Progress
from tracer.ui.preview import COLUMNS, head_of
from tracer.ui.printing import clean, plain
from tracer.ui.running import stoppable, trouble
from tracer.ui.session import jobs, say, show_error
from tracer.ui.snippets import action, arguments, call, carry_out, show_python
from tracer.ui.tables import show_table

__all__ = ["files"]

_AT_ONCE = 1.0
"""Seconds in which a small file is imported without a progress bar."""
_KINDS = ["csv", "tsv", "txt", "parquet", "jsonl", "gz", "zst"]


def _key(case: Case) -> tuple[str, str]:
    """One import of a case at a time, whichever tab started it."""
    return "import", case.name


def files(case: Case, words: Words) -> None:
    """The second step of the case page.

    The import runs beside the page: a closed tab does not end it, and the next page that looks at the case says how it
    ended. It is written whole or not at all.
    """
    st.caption(words("files.help"))
    job = jobs().get(_key(case))
    if job is not None and job.finished.is_set():
        jobs().forget(job)
        _ended(case, job, words)
    elif job is not None:
        stoppable(job, words, words("files.safe"))
        return
    refused = _refused(case, words)
    upload = st.file_uploader(
        words("files.upload"), type=_KINDS, key=f"upload:{case.name}:{st.session_state.get('uploads', 0)}"
    )
    if upload is not None:
        _uploaded(case, upload.name, upload.getvalue(), words, refused=refused)
    st.markdown(f"##### {words('files.imported')}")
    frame = case.files()
    show_table(
        frame.rename(columns={"excluded": "left_out"}),
        words,
        key="files",
        file=f"{case.name}_files",
        wide={"sha256": 560},
        downloads=frame,
    )
    _take_out(case, words)


def _take_out(case: Case, words: Words) -> None:
    """Take a file out of the case, such as one that a later file corrects."""
    drawn = case.file.captures
    if not drawn:
        return

    def chosen() -> None:
        number, reason = int(st.session_state["file-number"]), str(st.session_state["file-reason"])
        carry_out("file", case.remove_file, number, reason, expected=drawn[number - 1].sha256)
        say(words("files.taken_out", name=clean(drawn[number - 1].name)))
        st.session_state["file-reason"] = ""

    with st.expander(words("files.take_out")):
        st.caption(words("files.take_out_help"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                words("files.number"),
                list(range(1, len(drawn) + 1)),
                format_func=lambda n: f"{n}: {clean(drawn[n - 1].name, 60)}" if n <= len(drawn) else str(n),
                key="file-number",
                width=340,
            )
            st.text_input(words("files.reason"), key="file-reason", width=340)
            st.button(words("files.take_out"), key="file-remove", on_click=as_drawn("file-number", chosen))
        show_python(call(case.name, "case.files()", *action("file", "case.remove_file(1, 'REASON')")), words)
    refusal("file-number")


def _ended(case: Case, job: Job, words: Words) -> None:
    """Say once how an import ended; after a refused file the page keeps it, to map its columns."""
    st.session_state.pop("import-failed", None)
    if isinstance(job.error, CancelledError):
        st.info(words("files.cancelled"))
    elif isinstance(job.error, FileError):
        st.session_state["import-failed"] = case.name, job.error
    elif not trouble(job, words):
        name, report = cast(tuple[str, Any], job.result)
        st.success(_summary(report, name, words), icon=":material/check_circle:")
        for warning in report.warnings:
            st.warning(plain(warning, 400))
        for gap in report.disagreements:
            why = f"**{words.one_of('gap', gap.code)}** {words.one_of('gap_why', gap.code)}"
            st.warning(f"{why}\n\n{plain(gap.message, 1200)}", icon=":material/warning:")
        st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1


def _refused(case: Case, words: Words) -> bool:
    """Say why the last file of this case was refused, if it was."""
    where, error = st.session_state.get("import-failed") or ("", None)
    if where != case.name or error is None:
        return False
    show_error(error.message, f"{error.hint} {words('files.unknown_format')}")
    return True


def _uploaded(case: Case, name: str, data: bytes, words: Words, *, refused: bool) -> None:
    head = head_of(data)
    st.markdown(f"**{words('files.preview')}**")
    if head.empty:
        st.caption(words("files.no_preview"))
    else:
        st.dataframe(head, hide_index=True, height=35 * (len(head) + 1) + 3)
    with st.expander(words("files.mapping"), expanded=refused):
        st.caption(words("files.mapping_help"))
        mapping = _mapping(list(head.columns), words)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chain = st.text_input(
            words("files.chain"),
            placeholder="eip155:1",
            key="import-chain",
            width=340,
            help=words("files.chain_help"),
        )
        partial = st.checkbox(words("files.partial"), key="import-partial", help=words("files.partial_help"))
        go = st.button(words("files.import"), type="primary", key="import")
    if go:
        given_chain = chain.strip() or None

        def work(report: Progress) -> tuple[str, Any]:
            return name, case.import_file(
                data, mapping=mapping or None, partial=partial, chain=given_chain, name=name, progress=report
            )

        jobs().start(_key(case), work, case.name).wait(_AT_ONCE)
        st.rerun()
    given = arguments({"mapping": mapping, "chain": chain.strip(), "partial": partial or None})
    show_python(call(case.name, f"case.import_file({name!r}{given})"), words)


def _summary(report: Any, name: str, words: Words) -> str:
    left_out = ", ".join(f"{words.one_of('excluded', k)} {n:,}" for k, n in sorted(report.excluded.items()))
    text = words("files.done", name=plain(name), rows=f"{report.rows:,}", followed=f"{report.followed:,}")
    return f"{text} {words('files.left_out', text=left_out)}" if left_out else text


def _mapping(columns: list[str], words: Words) -> dict[str, str]:
    """The reader's choice: contract column -> column of the file; only what was chosen."""
    chosen: dict[str, str] = {}
    grid = st.columns(4)
    for i, target in enumerate(COLUMNS):
        picked = grid[i % 4].selectbox(
            target, ["", *columns], format_func=lambda c: c or words("files.automatic"), key=f"map:{target}"
        )
        if picked:
            chosen[target] = picked
    return chosen
