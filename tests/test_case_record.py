"""What the record of a case allows: taking a file out again, ranges of groups, names that do not collide."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import CaseNameError, FileError, InputError, NotFoundError, SeedError
from tracer.model import Conversion

S, A, B, C, D = ("0x" + letter * 40 for letter in "5abcd")
TOKEN = "0x" + "7" * 40
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


def tx(block: int) -> str:
    return f"0x{block:064x}"


def row(block: int, payer: str, payee: str, amount: int, asset: str = "native", symbol: str = "ETH") -> str:
    time = f"2025-02-21T14:{block:02d}:00Z"
    return f"eip155:1,{block},0,,{time},{tx(block)},{payer},{payee},{asset},{symbol},18,{amount},"


def file(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """S holds 10 stolen; pays A 6 and B 4; A pays B 3."""
    made = Case.create("record", tmp_path / "w")
    made.import_file(file(row(1, S, A, 6), row(2, S, B, 4)), name="one.csv")
    made.import_file(file(row(3, A, B, 3)), name="two.csv")
    made.add_seed(S, amount=10, asset="native")
    return made


def held(case: Case) -> dict[str, int]:
    frame = case.taint().addresses(ranges=False)
    return {str(a).lower(): int(n) for a, n in zip(frame["address"], frame["taint_raw"], strict=True) if n}


def test_a_file_taken_out_changes_the_result_is_on_record_and_can_come_back(case: Case) -> None:
    assert held(case) == {A: 3, B: 7}
    gone = case.remove_file(2, "wrong export", "Sato")
    assert gone.name == "two.csv"
    assert held(case) == {A: 6, B: 4}
    (record,) = case.judgements().to_dict("records")
    assert (record["subject"], record["author"]) == (gone.sha256, "Sato")
    assert "two.csv: wrong export" in record["reason"]
    case.import_file(file(row(3, A, B, 3)), name="two.csv")
    assert held(case) == {A: 3, B: 7}


def test_a_file_that_something_rests_on_is_not_taken_out(case: Case) -> None:
    case.import_file(file(row(4, C, D, 5), row(5, D, C, 9, TOKEN, "T")), name="three.csv")
    case.add_seed(D, tx=tx(4))
    with pytest.raises(InputError, match="would be taken out"):
        case.remove_file(3, "no")
    case.remove_seed(2)
    number = case.declare(Conversion("eip155:1", tx(4), C, TOKEN, 5, D, "a report"))
    with pytest.raises(InputError, match="Declared conversion 1"):
        case.remove_file(3, "no")
    case.withdraw_conversion(number)
    case.rule_on(tx(4), "leave_out", reason="forged")
    with pytest.raises(InputError, match="Ruling 1"):
        case.remove_file(3, "no")
    case.withdraw_ruling(1)
    case.remove_file(3, "no")
    assert len(case.files()) == 2
    with pytest.raises(NotFoundError):
        case.remove_file(3, "again")
    with pytest.raises(InputError, match="needs a reason"):
        case.remove_file(1, " ")


def test_a_file_is_taken_out_on_the_command_line(case: Case) -> None:
    home = ["-w", str(case.workspace.root)]
    done = CliRunner().invoke(app, [*home, "case", "remove-file", "record", "2", "--reason", "wrong export"])
    assert done.exit_code == 0, done.output
    assert "two.csv was taken out of record." in done.output
    assert list(case.files()["name"]) == ["one.csv"]


def test_a_row_that_has_no_place_in_time_is_refused_at_the_import(case: Case) -> None:
    bad = row(9, S, A, 1).replace("eip155:1,9,0,,2025-02-21T14:09:00Z", "eip155:1,,,,")
    with pytest.raises(FileError, match=r"data row 2: .*no place in the order of time"):
        case.import_file(file(row(8, S, A, 1), bad), name="bad.csv")
    opening = f"eip155:1,,,,,,,{S},native,ETH,18,5,opening"
    case.import_file(file(opening, row(8, S, A, 1)), name="opening.csv")
    assert case.taint().addresses(ranges=False) is not None


def test_an_amount_without_asset_is_written_down_as_native_and_refused_where_there_is_none(
    case: Case,
) -> None:
    (made,) = case.add_seed(B, amount=77)
    assert made.asset == "native"
    case.import_file(file(row(4, C, D, 5, TOKEN, "T")), name="three.csv")
    with pytest.raises(SeedError, match=r"not of what.*--asset"):
        case.add_seed(C, amount=5_000)


def test_an_equal_amount_of_another_chain_or_asset_is_no_reason_to_refuse_a_seed(case: Case) -> None:
    case.import_file(file(row(4, C, D, 31, TOKEN, "T"), row(5, C, D, 9)), name="three.csv")
    case.import_file(file(row(6, C, D, 31).replace("eip155:1,", "eip155:56,")), name="bnb.csv")
    case.add_seed(D, amount=31)
    with pytest.raises(SeedError, match="count the theft twice"):
        case.add_seed(D, amount=9)


# ranges of groups


def ranges(frame: pd.DataFrame) -> list[tuple[str, int, int]]:
    return [(str(r["address"]), r["at_least_raw"], r["at_most_raw"]) for r in frame.to_dict("records")]


def test_a_group_has_one_range_in_which_inner_payments_do_not_count(case: Case) -> None:
    alone = ranges(case.bounds([A, B]))
    assert sorted(low for _, low, _ in alone) == [3, 7]
    ((name, low, high),) = ranges(case.bounds([A, B], together=True))
    assert (low, high) == (10, 10)
    assert name.lower() == f"{A} + {B}"


def test_a_service_is_the_group_of_its_label(case: Case) -> None:
    case.label(A, "Exchange X", category="note")
    case.label(B, "Exchange X", category="note")
    assert ranges(case.bounds(["Exchange X"])) == [("Exchange X", 10, 10)]
    home = ["-w", str(case.workspace.root), "-q"]
    done = CliRunner().invoke(app, [*home, "bounds", "record", "--service", "Exchange X"])
    assert done.exit_code == 0, done.output
    assert "Exchange X" in done.output


def test_through_counts_what_ever_arrived(case: Case) -> None:
    ((_, low, high),) = ranges(case.bounds([A], through=True))
    assert (low, high) == (6, 6)


def test_a_group_needs_members_that_the_history_knows(case: Case) -> None:
    with pytest.raises(InputError, match="needs to know where"):
        case.bounds(None, together=True)
    with pytest.raises(NotFoundError):
        case.bounds([A, D], together=True)


def test_an_unknown_service_is_told_from_a_bad_address(case: Case) -> None:
    case.label(A, "Exch", category="note")
    with pytest.raises(NotFoundError, match=r"called 'exchange' in this case.*Labels: Exch"):
        case.bounds(["exchange"])
    with pytest.raises(InputError, match=r"40 hex|address"):
        case.bounds([A[:-1]])


# declared conversions


def _swap(case: Case) -> Conversion:
    case.import_file(file(row(4, C, D, 5), row(5, D, C, 9, TOKEN, "T")), name="three.csv")
    return Conversion("eip155:1", tx(4), C, TOKEN, 7, D, "a report")


def test_the_same_conversion_twice_is_refused_and_spelling_does_not_matter(case: Case) -> None:
    made = _swap(case)
    assert case.declare(made) == 1
    for again in (
        made,
        replace(made, asset=TOKEN.upper().replace("0X", "0x"), address=C.upper().replace("0X", "0x")),
    ):
        with pytest.raises(InputError, match="declared already, as conversion 1"):
            case.declare(replace(again, source="another report"))
    case.withdraw_conversion(1)
    assert case.declare(made) == 2
    with pytest.raises(InputError):
        case.declare(replace(made, asset="USDT"))


def test_decimals_that_contradict_the_files_are_refused_at_once(case: Case) -> None:
    made = _swap(case)
    with pytest.raises(InputError, match="states 18 decimals"):
        case.declare(replace(made, decimals=6))
    case.declare(replace(made, decimals=18))
    assert case.taint().conservation() is not None


def test_a_conversion_is_booked_on_its_own_chain(case: Case) -> None:
    """The same transaction hash on two chains (a replayed transaction)."""
    case.import_file(file(row(4, C, D, 5)), name="one-chain.csv")
    case.import_file(file(row(4, C, D, 6).replace("eip155:1,", "eip155:56,")), name="other-chain.csv")
    case.add_seed(C, chain="eip155:56")
    case.declare(Conversion("eip155:56", tx(4), C, TOKEN, 7, D, "a report"))
    frame = case.taint().addresses(ranges=False)
    found = frame[(frame["asset"].str.lower() == TOKEN) & (frame["address"].str.lower() == C)]
    assert [(r["chain"], r["taint_raw"]) for r in found.to_dict("records")] == [("eip155:56", 7)]


# names and files


def test_two_cases_cannot_differ_by_letter_case_only(tmp_path: Path) -> None:
    Case.create("Bybit", tmp_path)
    with pytest.raises(CaseNameError, match="Bybit"):
        Case.create("bybit", tmp_path)


def test_a_pipe_is_called_a_pipe(case: Case, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: os.close(os.open(pipe, os.O_RDWR)), daemon=True)
    writer.start()
    with pytest.raises(FileError, match="is a pipe or a device"):
        case.import_file(pipe)


def test_a_file_without_column_names_is_told_so(case: Case) -> None:
    with pytest.raises(FileError, match="no line of column names"):
        case.import_file((row(1, S, A, 5) + "\n").encode(), name="raw.csv")


def test_utf_32_is_named(case: Case) -> None:
    with pytest.raises(FileError, match="UTF-32"):
        case.import_file(file(row(1, S, A, 5)).decode().encode("utf-32"), name="wide.csv")


def test_text_of_strangers_is_visible_in_every_exported_table(case: Case, tmp_path: Path) -> None:
    evil = "\x1b[31m\u202eHTE\u200b\x9b"
    case.import_file(file(row(6, B, C, 1, TOKEN, evil), row(7, S, B, 1)), name="evil.csv")
    case.label(C, evil, source=evil)
    for path in case.export(tmp_path / "out"):
        text = path.read_text(encoding="utf-8")
        assert all(c.isprintable() or c == "\n" for c in text.removeprefix("\ufeff")), path
    frame = pd.read_csv(io.StringIO((tmp_path / "out" / "labels.csv").read_text()))
    assert "\\u001b[31m\\u202eHTE" in str(frame["name"].iloc[0])
