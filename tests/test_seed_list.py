"""Lists of seeds as people paste and save them: every line goes in or is named with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tracer.cli.app import app
from tracer.errors import AddressError, FileError, InputError
from tracer.seed_list import SeedLine, add_lines, raw_amount, read_seed_list, when

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
    assert [line.given() for line in found.lines] == [
        {"amount": 10**24, "at": 1740147371, "theft": "bybit", "source": "a, b"}
    ]
    assert (found.lines[0].number, found.lines[0].subject, found.ignored) == (3, A, ("stage",))


def test_the_tracers_own_list_of_seeds_keeps_its_times() -> None:
    found = read_seed_list(f"number,address,amount_raw,at_utc\n1,{A},5,2025-02-21T14:16:11Z\n")
    assert found.lines[0].given() == {"amount": 5, "at": 1740147371}
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
        word in line.message
        for word, line in zip(["1e18", "yesterday", "no address"], found.refused, strict=True)
    ]
    assert all(line.hint for line in found.refused)


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


def test_a_refused_line_is_explained_and_a_common_field_yields_to_its_own() -> None:
    added: list[tuple[str, dict[str, object]]] = []

    def add(seed: str, **fields: object) -> None:
        if seed == "0xBAD":
            raise AddressError("Checksum wrong.", "Check for a typo.")
        added.append((seed, fields))

    lines = read_seed_list("0xAA\n0xBAD note\n0xCC own").lines
    done, refused = add_lines(lines, add, SeedLine(0, "", chain="c", source="FBI"))
    assert done == 2
    assert added == [("0xAA", {"chain": "c", "source": "FBI"}), ("0xCC", {"chain": "c", "source": "own"})]
    assert [(line.number, line.text, line.message, line.hint) for line in refused] == [
        (2, "0xBAD note", "Checksum wrong.", "Check for a typo.")
    ]


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
    assert "no seed was added" in said
    assert "0 seeds" not in said


def test_many_bad_lines_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    said = " ".join(_add(tmp_path, "0x12\n" * 51).split())
    assert "51 of 51 lines" in said
    assert "and 46 more" in said


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    assert "The list of seeds is empty." in _add(tmp_path, "# nothing\n")
