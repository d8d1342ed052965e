"""Importing transfers: upload, look at the first rows, import; map the columns by hand where they are not known."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tracer.case import Case
from tracer.errors import FileError
from tracer.ui.i18n import Words
from tracer.ui.preview import COLUMNS, head_of
from tracer.ui.printing import clean
from tracer.ui.session import say
from tracer.ui.snippets import arguments, call, show_python
from tracer.ui.tables import show_table

__all__ = ["files"]

_KINDS = ["csv", "tsv", "txt", "parquet", "jsonl", "gz", "zst"]


def files(case: Case, words: Words) -> None:
    """The second step of the case page."""
    st.caption(words("files.help"))
    upload = st.file_uploader(
        words("files.upload"), type=_KINDS, key=f"upload:{case.name}:{st.session_state.get('uploads', 0)}"
    )
    if upload is not None:
        _uploaded(case, upload.name, upload.getvalue(), words)
    st.markdown(f"##### {words('files.imported')}")
    show_table(case.files(), words, key="files", file=f"{case.name}_files", wide={"sha256": 560})


def _uploaded(case: Case, name: str, data: bytes, words: Words) -> None:
    head = head_of(data)
    st.markdown(f"**{words('files.preview')}**")
    if head.empty:
        st.caption(words("files.no_preview"))
    else:
        st.dataframe(head, hide_index=True, height=35 * (len(head) + 1) + 3)
    failed_name, error = st.session_state.get("import-failed") or ("", None)
    failed = failed_name == name
    if failed and error is not None:
        st.error(error.message, icon="⚠️")
        st.caption(f"{error.hint} {words('files.unknown_format')}")
    with st.expander(words("files.mapping"), expanded=failed):
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
        try:
            with st.spinner(words("files.importing")):
                report = case.import_file(
                    data, mapping=mapping or None, partial=partial, chain=chain.strip() or None, name=name
                )
        except FileError as error:
            st.session_state["import-failed"] = (name, error)
            st.rerun()
        st.session_state.pop("import-failed", None)
        say(_summary(report, name, words))
        for warning in report.warnings:
            say(clean(warning, 400))
        st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1
        st.rerun()
    given = arguments({"mapping": mapping, "chain": chain.strip(), "partial": partial or None})
    show_python(call(case.name, f"case.import_file({name!r}{given})"), words)


def _summary(report: Any, name: str, words: Words) -> str:
    left_out = ", ".join(f"{words.one_of('excluded', k)} {n:,}" for k, n in sorted(report.excluded.items()))
    text = words("files.done", name=clean(name), rows=f"{report.rows:,}", followed=f"{report.followed:,}")
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
