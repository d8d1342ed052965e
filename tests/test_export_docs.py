"""docs/formats.md and docs/cli.md say what the code does: nothing undocumented, nothing stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reference import BESIDE, cli_markdown, formats_markdown
from tracer.cli.app import app
from tracer.export import LAYOUTS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_every_column_of_every_file_is_documented_as_the_code_has_it() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    assert formats_markdown(text) == text, "run tools/reference.py"
    for layout in (LAYOUTS | BESIDE).values():
        assert f"## {layout.file}" in text
        for column in layout.columns:
            assert f"| `{column.name}` | {column.kind} | {column.unit} | {column.meaning} |" in text


def test_every_column_has_a_meaning_and_every_amount_a_unit() -> None:
    for layout in (LAYOUTS | BESIDE).values():
        assert len(set(layout.names)) == len(layout.names)
        for column in layout.columns:
            assert column.meaning.endswith("."), (layout.file, column.name)
            assert column.unit or not column.name.endswith("_raw"), (layout.file, column.name)


def test_a_format_without_a_place_in_the_document_is_noticed() -> None:
    with pytest.raises(KeyError, match="taint"):
        formats_markdown("# Exported files\n")


def test_the_command_line_page_is_the_program() -> None:
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == cli_markdown(), "run tools/reference.py"


def test_the_command_line_page_names_every_verb() -> None:
    import typer.main

    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    verbs = typer.main.get_command(app).commands
    assert "taint" in verbs
    for verb in verbs:
        assert f"## tracer {verb}\n" in text
