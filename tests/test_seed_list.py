"""Lists of seeds as people paste and save them: every line goes in or is named with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import FileError, InputError, SeedKnownError, TracerError
from tracer.seed_list import SeedLine, raw_amount, read_seed_list, when

A = "0x" + "a" * 40
B = "0x" + "b" * 40


def test_pasted_lines_keep_their_note_and_number() -> None:
    found = read_seed_list("# list\n0xAA, from the complaint\n\n0xBB\u3000FBI list\r\n  0xCC  ")
    assert [(line.number, line.subject, line.source) for line in found.lines] == [
        (2, "0xAA", "from the complaint"),
        (4, "0xBB", "FBI list"),
        (5, "0xCC", ""),
    ]
    assert (found.refused, found.ignored) == ((), ())


def test_a_csv_is_read_by_its_header_and_says_what_it_ignores() -> None:
    text = f'Address,Stage,amount_raw,at,theft,"source"\n{A},"first,\nhop",{10**24},2025-02-21T14:16:11Z,bybit,"a, b"\n'
    found = read_seed_list(text)
    (line,) = found.lines
    assert (line.amount, line.at, line.theft, line.source) == (10**24, 1740147371, "bybit", "a, b")
    assert (line.number, line.subject, found.ignored) == (3, A, ("stage",))


def test_the_tracers_own_list_of_seeds_keeps_its_times() -> None:
    found = read_seed_list(f"number,address,amount_raw,at_utc\n1,{A},5,2025-02-21T14:16:11Z\n")
    assert (found.lines[0].amount, found.lines[0].at) == (5, 1740147371)
    assert found.ignored == ("number",)


@pytest.mark.parametrize("column", ["amount", "Value", "timestamp", "tx_hash", "token"])
def test_a_column_that_would_change_what_a_seed_means_is_refused_when_misnamed(column: str) -> None:
    with pytest.raises(FileError, match=f"'{column.lower()}', which is not read"):
        read_seed_list(f"address,{column}\n{A},5\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_a_csv_may_be_written_by_japanese_excel(encoding: str) -> None:
    found = read_seed_list(f"address,source\r\n,\r\n{A},警察庁\r\n".encode(encoding))
    assert [(line.subject, line.source) for line in found.lines] == [(A, "警察庁")]


def test_a_csv_row_may_name_only_the_theft_transaction() -> None:
    tx = "0x" + "1" * 64
    found = read_seed_list(f"address,tx\n,{tx}\n{A},{tx}\n")
    assert [(line.subject, line.tx) for line in found.lines] == [(tx, ""), (A, tx)]


def test_lines_that_cannot_be_read_are_named_and_the_others_kept() -> None:
    found = read_seed_list(f"address,amount_raw,at\n{A},1e18,\n{A},1,yesterday\n,1,\n{B},5,\n")
    assert [line.subject for line in found.lines] == [B]
    assert [line.number for line in found.refused] == [2, 3, 4]
    assert [
        word in line.error.message
        for word, line in zip(["1e18", "yesterday", "no address"], found.refused, strict=True)
    ]
    assert all(line.error.hint for line in found.refused)


@pytest.mark.parametrize("amount", ["1.5", "1e18", "-1", "٣", "9" * 101])
def test_an_amount_that_is_no_plain_integer_is_refused(amount: str) -> None:
    with pytest.raises(InputError, match="not an integer in the smallest unit"):
        raw_amount(amount)


@pytest.mark.parametrize(
    "text", ["yesterday", "21/02/2025", "", "2025-02-30T00:00:00Z", "2025-02-21T14:16:11.5Z", "12"]
)
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="time"):
        when(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FileError, match=r"list\.xlsx"):
        read_seed_list(b"PK\x03\x04" + bytes(100), "list.xlsx")


@given(
    st.lists(
        st.from_regex(r"[ \t]*0x[0-9a-fA-F]{0,6}([ ,\t\u3000][a-z ]{0,5})?|[ \t]*|#[a-z]*", fullmatch=True)
    )
)
def test_no_line_of_a_pasted_text_is_lost(lines: list[str]) -> None:
    wanted = [n for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    assert [line.number for line in read_seed_list("\n".join(lines)).lines] == wanted


def test_a_refused_line_is_explained_and_a_common_field_yields_to_its_own(tmp_path: Path) -> None:
    case = Case.create("c", tmp_path)
    listed = read_seed_list(f"{A}\n0xBAD note\n{B} own")
    assert case.add_seeds(listed)[0] == []
    assert case.file.seeds == ()
    added, refused = case.add_seeds(listed, SeedLine(0, "", source="FBI"), partly=True)
    assert [(seed.address, seed.source) for seed in added] == [(A, "FBI"), (B, "own")]
    assert case.file.seeds == tuple(added)
    assert [(line.number, line.text) for line in refused] == [(2, "0xBAD note")]
    assert refused[0].error.hint


def test_the_same_seed_twice_in_a_list_is_refused(tmp_path: Path) -> None:
    case = Case.create("c", tmp_path)
    added, refused = case.add_seeds(read_seed_list(f"{A}\n{B}\n{A} again"), partly=True)
    assert [seed.address for seed in added] == [A, B]
    assert [(line.number, type(line.error)) for line in refused] == [(3, SeedKnownError)]


def test_a_list_is_placed_in_the_history_as_its_lines_one_by_one(tmp_path: Path) -> None:
    rows = "".join(
        f"0x{n + 1:064x},{1_700_000_000 + n},{A},0x{n % 7 + 1:040x},{100 + n},{'native' if n % 3 else B}\n"
        for n in range(60)
    )
    head = "tx_hash,timestamp,from_address,to_address,amount_raw,asset\n"
    lines = (
        [f"0x{n + 1:064x},,,," for n in range(0, 60, 5)]
        + [f"0x{n:040x},,{amount},," for n in range(1, 9) for amount in (7, 101, 116)]
        + [f"0x{n:040x},0x{n:064x},,," for n in range(1, 9)]
        + [f"0x{77:064x},,,,", f"0x{3:064x},,,,0x{5:040x}"]
    )
    listed = read_seed_list("address,tx,amount_raw,theft,to\n" + "\n".join(lines) + "\n")
    whole, single = Case.create("whole", tmp_path), Case.create("single", tmp_path)
    for case in (whole, single):
        case.import_file((head + rows).encode(), chain="eip155:1", name="transfers.csv")
    refused = []
    for line in listed.lines:
        try:
            single.add_seed(line.subject, tx=line.tx, amount=line.amount, to=line.to)
        except TracerError as error:
            refused.append((line.number, error.message))
    _, said = whole.add_seeds(listed, partly=True)
    assert whole.file.seeds == single.file.seeds
    assert [(line.number, line.error.message) for line in said] == refused
    assert len(whole.file.seeds) > 20
    assert len(refused) > 5


def _add(tmp_path: Path, text: str) -> str:
    """What `tracer seed add --file` prints for a list."""
    listed = tmp_path / "list.txt"
    listed.write_text(text, encoding="utf-8")
    place = ["--workspace", str(tmp_path / "w")]
    assert CliRunner().invoke(app, ["case", "new", "c", *place]).exit_code == 0
    return CliRunner().invoke(app, ["seed", "add", "c", "--file", str(listed), *place]).output


def test_the_command_line_takes_a_list_whole_or_not_at_all(tmp_path: Path) -> None:
    said = " ".join(_add(tmp_path, f"{A}\n0x12\n0x13\n").split())
    assert "2 of 3 lines cannot be used: line 2:" in said
    assert "No seed was added." in said
    assert "0 seeds" not in said


def test_many_bad_lines_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    said = " ".join(_add(tmp_path, "0x12\n" * 51).split())
    assert "51 of 51 lines" in said
    assert "and 46 more" in said


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    assert "The list of seeds is empty." in _add(tmp_path, "# nothing\n")
