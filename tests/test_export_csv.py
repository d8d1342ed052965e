"""The CSV writer: exact, guarded, complete, and the same bytes for the same table."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.chains.csv_guard import unguard
from tracer.errors import InputError, visible
from tracer.export import write_csv
from tracer.export.columns import Column, ColumnKind, Layout
from tracer.export.csv_text import write_rows
from tracer.export.files import place, write_text

LAYOUT = Layout(
    "t.csv",
    "A test row.",
    (
        Column("name", ColumnKind.TEXT, "", "Text."),
        Column("amount_raw", ColumnKind.AMOUNT, "wei", "Amount."),
        Column("hop", ColumnKind.NUMBER, "", "Number."),
        Column("amount", ColumnKind.DECIMAL, "", "Decimal."),
        Column("at", ColumnKind.TIME, "UTC", "Time."),
    ),
)


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = (
        zip(LAYOUT.names, zip(*rows, strict=True), strict=True) if rows else ((n, ()) for n in LAYOUT.names)
    )
    return pd.DataFrame({name: pd.Series(list(cells), dtype=object) for name, cells in columns})


def text_of(table: pd.DataFrame, layout: Layout = LAYOUT) -> str:
    out = io.StringIO(newline="")
    write_rows(out, layout, table)
    return out.getvalue()


def test_a_row_is_written_with_header_lf_and_exact_integers() -> None:
    big = 2**256 - 1
    text = text_of(frame(("a,b", big, 3, "0.1", "2025-02-21T14:16:11Z"), ("", 0, None, "", None)))
    assert text == f'name,amount_raw,hop,amount,at\n"a,b",{big},3,0.1,2025-02-21T14:16:11Z\n,0,,,\n'


_AWKWARD = st.text() | st.text(alphabet="',\"\r\n=+-@\t x")


@given(st.lists(st.tuples(_AWKWARD, st.integers(min_value=0, max_value=2**256 - 1)), max_size=8))
def test_text_and_amounts_come_back_as_they_were(rows: list[tuple[str, int]]) -> None:
    table = frame(*((name, raw, 0, "0", "") for name, raw in rows))
    read = list(csv.DictReader(io.StringIO(text_of(table), newline="")))
    assert [(unguard(r["name"]), int(r["amount_raw"])) for r in read] == [(visible(t), n) for t, n in rows]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_guarded(start: str) -> None:
    hostile = f"{start}HYPERLINK('http://x')"
    read = list(csv.DictReader(io.StringIO(text_of(frame((hostile, 1, 1, "1", ""))), newline="")))
    assert read[0]["name"] == ("'" + hostile if start.isprintable() else visible(hostile))


def test_negative_integers_and_decimals_are_not_guarded() -> None:
    assert text_of(frame(("", -5, -1, "-0.5", ""))).splitlines()[1] == ",-5,-1,-0.5,"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount_raw", 4.0e23),
        ("amount_raw", "12"),
        ("amount_raw", True),
        ("hop", 1.5),
        ("hop", 1e300),
        ("amount", 0.1),
        ("at", 1740147371),
        ("name", 1.5),
    ],
)
def test_a_cell_that_is_not_exact_is_refused(column: str, value: object) -> None:
    table = frame(("x", 1, 1, "1", ""))
    table[column] = pd.Series([value], dtype=object)
    with pytest.raises(TypeError, match=column):
        text_of(table)


def test_small_integers_that_pandas_made_floats_are_integers_again() -> None:
    table = frame(("x", 1, None, "1", ""), ("y", 1, None, "1", ""))
    table["hop"] = pd.Series([18.0, None])
    assert [line.split(",")[2] for line in text_of(table).splitlines()[1:]] == ["18", ""]


def test_an_undocumented_or_missing_column_is_refused() -> None:
    table = frame(("x", 1, 1, "1", ""))
    with pytest.raises(ValueError, match="undocumented columns \\['extra'\\]"):
        text_of(table.assign(extra=1))
    with pytest.raises(ValueError, match="missing columns \\['hop'\\]"):
        text_of(table.drop(columns="hop"))


def test_columns_follow_the_layout_whatever_the_order_of_the_frame() -> None:
    table = frame(("x", 7, 1, "1", ""))
    assert text_of(table[list(reversed(table.columns))]) == text_of(table)


def test_a_table_longer_than_one_chunk_keeps_every_row() -> None:
    table = frame(*((f"n{i}", i, i, str(i), "") for i in range(20_001)))
    lines = text_of(table).splitlines()
    assert len(lines) == 20_002
    assert lines[-1] == "n20000,20000,20000,20000,"


def test_a_lone_surrogate_is_written_as_its_escape(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", LAYOUT, frame(("a\ud800b", 1, 1, "1", "")))
    assert b"a\\ud800b,1" in (tmp_path / "t.csv").read_bytes()


def test_what_is_reported_is_what_is_on_disk_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "t.csv"
    written = write_csv(path, LAYOUT, frame(("日本", 1, 1, "1", "")))
    data = path.read_bytes()
    assert (written.sha256, written.size, written.rows) == (hashlib.sha256(data).hexdigest(), len(data), 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_csv(path, LAYOUT, frame(("old", 1, 1, "1", "")))
    before = path.read_bytes()
    rows = [(f"n{i}", i, i, "1", "") for i in range(30_000)]
    with pytest.raises(TypeError):  # in the second chunk: thousands of rows are already in the temporary file
        write_csv(path, LAYOUT, frame(*rows, ("bad", 1.5, 1, "1", "")))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]


def test_a_target_that_cannot_be_a_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"), place(tmp_path):
        pytest.fail("nothing to write to")
    with pytest.raises(InputError, match="does not exist"):
        write_text(tmp_path / "no" / "x.txt", "x")
