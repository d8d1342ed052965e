"""The export of a case in the web UI: the same files as on the command line, as one zip that anybody can check."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
import streamlit as st
from typer.testing import CliRunner

from tests.test_ui_pages import opened, text_of
from tracer.case import Case
from tracer.cli.app import app
from tracer.ui.session import jobs
from tracer.ui.views.case_export import packed

LONG = 120


@pytest.mark.parametrize(("language", "evidence"), [("en", True), ("ja", False)])
def test_a_case_is_exported_with_or_without_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, evidence: bool
) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "w"))
    st.cache_resource.clear()
    case = Case.demo()
    at = opened("case", language, "bybit-2025")
    at.checkbox(key="export-evidence").set_value(evidence).run()
    at.button(key="export-make").click().run()
    job = jobs().get(("bybit-2025", case.file.revision, f"export:{evidence}"))
    assert job is not None
    assert job.wait(LONG)
    at.run()
    assert not at.exception
    folder = tmp_path / "w" / "cases" / "bybit-2025" / f"bybit-2025-{'evidence' if evidence else 'tables'}"
    assert str(folder) in text_of(at)
    case.export(tmp_path / "cli", evidence=evidence)
    archive = folder.with_suffix(".zip")
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "got")
    got = tmp_path / "got" / folder.name
    names = {path.relative_to(got) for path in got.rglob("*") if path.is_file()}
    assert names == {
        path.relative_to(tmp_path / "cli") for path in (tmp_path / "cli").rglob("*") if path.is_file()
    }
    assert all((got / name).read_bytes() == (tmp_path / "cli" / name).read_bytes() for name in names)
    if evidence:
        monkeypatch.setenv("TRACER_HOME", str(tmp_path / "elsewhere"))
        done = CliRunner().invoke(app, ["replay", "--package", str(got)])
        assert done.exit_code == 0, done.output


def test_the_same_export_is_the_same_zip(tmp_path: Path) -> None:
    case = Case.demo(tmp_path)
    first = packed(case, lambda *_: None, evidence=True).read_bytes()
    assert packed(case, lambda *_: None, evidence=True).read_bytes() == first
