"""Many cases in one call: folders, tables, names; failures are rows; what two cases share is found."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import tracer
from tracer.cli.app import app
from tracer.errors import FileError, InputError

ETH = 10**18
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)
COLLECTOR = "0x" + "c0" * 20


def address(number: int) -> str:
    return f"0x{number:040x}"


def history(number: int) -> str:
    """Theft `number`: 100 coins come to its thief, who pays 60 to a mule and 40 to the collector of all thefts."""
    thief, mule, victim = address(1000 + number), address(2000 + number), address(3000 + number)
    rows = [(1, victim, thief, 100), (2, thief, mule, 60), (3, thief, COLLECTOR, 40)]
    lines = [
        f"eip155:1,{block},{number},1,2025-02-21T14:{block:02d}:00Z,0x{number * 100 + block:064x},{payer},{payee},"
        f"native,ETH,18,{amount * ETH},native"
        for block, payer, payee, amount in rows
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def write_case(folder: Path, number: int) -> None:
    place = folder / f"theft-{number}"
    place.mkdir(parents=True)
    (place / "transfers.csv").write_text(history(number), encoding="utf-8")
    (place / "seeds.txt").write_text(f"{address(1000 + number)} report {number}\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        write_case(tmp_path / "cases", number)
    return tmp_path / "cases"


def test_a_folder_of_cases_is_traced_and_what_they_share_is_found(folder: Path, tmp_path: Path) -> None:
    found = tracer.batch(folder, workspace=tmp_path / "ws", rule="lifo")
    assert found.summary["state"].tolist() == ["traced"] * 3
    assert set(found.summary["rule"]) == {"lifo"}
    assert found.summary["addresses"].tolist() == [3, 3, 3]
    held = found.taint()
    assert held.groupby("case")["taint_raw"].sum().tolist() == [100 * ETH] * 3
    assert set(found.conservation()["difference_raw"]) == {0}
    shared = found.overlap()
    assert set(shared["address"]) == {
        tracer.Case.open("theft-1", tmp_path / "ws")._display("eip155:1", COLLECTOR)
    }
    assert shared["case"].tolist() == ["theft-1", "theft-2", "theft-3"]
    assert shared["cases"].tolist() == [3, 3, 3]
    assert shared["taint_raw"].tolist() == [40 * ETH] * 3
    assert held.attrs["rules"]["theft-1"] == "lifo"
    assert held.attrs["conventions"]


def test_two_cases_that_share_no_address_but_a_cluster_are_found(tmp_path: Path) -> None:
    for number, stranger in ((1, 2), (2, 1)):
        write_case(tmp_path / "cases", number)
        path = tmp_path / "cases" / f"theft-{number}" / "transfers.csv"
        lines = [line for line in history(number).splitlines() if COLLECTOR not in line]
        unrelated = lines[-1].replace(f"{number * 100 + 2:064x}", f"{900 + number:064x}")
        unrelated = unrelated.replace(address(1000 + number), address(77))
        lines.append(unrelated.replace(address(2000 + number), address(2000 + stranger)))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = tracer.batch(tmp_path / "cases", workspace=tmp_path / "ws")
    assert found.overlap().empty
    ruling = found.case("theft-1").judge_link(
        address(2001), address(2002), "accept", reason="one phone in both reports"
    )
    shared = found.overlap()
    assert shared["case"].tolist() == ["theft-1", "theft-2"]
    assert shared["shared"].tolist() == ["cluster", "cluster"]
    assert shared["taint_raw"].tolist() == [60 * ETH, 60 * ETH]
    assert set(shared["cluster_id"]) == {f"eip155:1:{address(2001)}"}
    found.case("theft-1").withdraw_link_ruling(ruling)
    assert found.overlap().empty


def test_a_second_run_adds_nothing_and_a_corrected_one_goes_on(folder: Path, tmp_path: Path) -> None:
    (folder / "theft-2" / "seeds.txt").write_text("0x12 not an address\n", encoding="utf-8")
    first = tracer.batch(folder, workspace=tmp_path / "ws")
    assert first.summary["state"].tolist() == ["traced", "failed", "traced"]
    assert first.failures["step"].tolist() == ["seed, line 1"]
    write_again = f"{address(1002)} report 2\n"
    (folder / "theft-2" / "seeds.txt").write_text(write_again, encoding="utf-8")
    second = tracer.batch(folder, workspace=tmp_path / "ws")
    assert second.summary["state"].tolist() == ["traced"] * 3
    assert second.summary["seeds"].tolist() == [1, 1, 1]
    assert second.summary["files"].tolist() == [1, 1, 1]
    assert second.taint().query("case == 'theft-1'").equals(first.taint().query("case == 'theft-1'"))


def test_a_corrected_file_never_counts_beside_its_earlier_self(folder: Path, tmp_path: Path) -> None:
    tracer.batch(folder, workspace=tmp_path / "ws")
    path = folder / "theft-2" / "transfers.csv"
    path.write_text(history(2).replace(str(100 * ETH), str(110 * ETH)), encoding="utf-8")
    again = tracer.batch(folder, workspace=tmp_path / "ws")
    assert again.failures["step"].tolist() == ["import transfers.csv"]
    assert "remove-file theft-2 1" in again.failures["hint"][0]
    case = tracer.Case.open("theft-2", tmp_path / "ws")
    assert case.taint().conservation()["stolen_raw"].tolist() == [100 * ETH]
    case.import_file(path)
    case.remove_file(1, "the bank corrected it")
    right = tracer.batch(folder, workspace=tmp_path / "ws")
    assert right.conservation()["stolen_raw"].tolist() == [100 * ETH, 110 * ETH, 100 * ETH]
    assert right.summary["files"].tolist() == [1, 1, 1]


def test_a_corrected_seed_never_counts_beside_its_earlier_self(folder: Path, tmp_path: Path) -> None:
    seeds = folder / "theft-2" / "seeds.csv"
    (folder / "theft-2" / "seeds.txt").unlink()
    seeds.write_text(f"address,asset,amount_raw\n{address(1002)},native,{90 * ETH}\n", encoding="utf-8")
    tracer.batch(folder, workspace=tmp_path / "ws")
    seeds.write_text(f"address,asset,amount_raw\n{address(1002)},native,{95 * ETH}\n", encoding="utf-8")
    again = tracer.batch(folder, workspace=tmp_path / "ws")
    assert again.failures["step"].tolist() == ["seeds"]
    assert "tracer seed remove theft-2 1" in again.failures["hint"][0]
    case = tracer.Case.open("theft-2", tmp_path / "ws")
    assert case.seeds()["amount_raw"].tolist() == [90 * ETH]
    case.remove_seed(1)
    right = tracer.batch(folder, workspace=tmp_path / "ws")
    assert right.conservation()["stolen_raw"].tolist() == [100 * ETH, 95 * ETH, 100 * ETH]


def test_of_a_list_with_a_line_that_cannot_be_placed_no_seed_is_added(folder: Path, tmp_path: Path) -> None:
    lines = f"address,tx\n{address(1002)},\n,0x{999:064x}\n"
    (folder / "theft-2" / "seeds.csv").write_text(lines, encoding="utf-8")
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    assert found.failures["step"].tolist() == ["seed, line 3"]
    assert tracer.Case.open("theft-2", tmp_path / "ws").seeds().empty


def test_a_case_without_transfers_or_seeds_is_not_called_traced(folder: Path, tmp_path: Path) -> None:
    (folder / "theft-1" / "transfers.csv").unlink()
    (folder / "theft-2" / "transfers.csv").rename(folder / "theft-2" / "transfers.xlsx")
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    assert found.names == ["theft-3"]
    problems = dict(zip(found.failures["case"], found.failures["problem"], strict=True))
    assert "no transfers" in problems["theft-1"]
    assert "transfers.xlsx" in problems["theft-2"]
    tracer.Case.create("nothing-yet", tmp_path / "ws")
    alone = tracer.batch(["nothing-yet"], workspace=tmp_path / "ws")
    assert "no seed" in alone.failures["problem"][0]


def test_packed_files_of_a_folder_are_read_and_a_link_to_nowhere_is_said(
    folder: Path, tmp_path: Path
) -> None:
    plain = folder / "theft-1" / "transfers.csv"
    (folder / "theft-1" / "transfers.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (folder / "theft-2" / "more.csv").symlink_to(tmp_path / "nowhere.csv")
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    assert found.names == ["theft-1", "theft-3"]
    assert found.summary["addresses"].tolist()[0] == 3
    assert found.failures["step"].tolist() == ["import more.csv"]


def test_every_table_says_the_rule_of_its_rows(folder: Path, tmp_path: Path) -> None:
    (folder / "no-seeds").mkdir()
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    for table, rule in (
        (found.taint("lifo"), "lifo"),
        (found.conservation("poison"), "poison"),
        (found.endpoints(), "fifo"),
        (found.overlap(), "fifo"),
        (tracer.overlap(found.names, tmp_path / "ws"), "fifo"),
    ):
        assert table.attrs["rules"] == dict.fromkeys(found.names, rule)
        assert set(table.attrs["as_of_utc"]) == set(found.names)
        assert all(table.attrs["as_of_utc"].values())
        assert table.attrs["conventions"]


def test_one_bad_case_of_every_kind_leaves_the_others_whole(folder: Path, tmp_path: Path) -> None:
    (folder / "no-seeds").mkdir()
    (folder / "bad-file").mkdir()
    (folder / "bad-file" / "seeds.csv").write_text(f"address\n{address(1)}\n", encoding="utf-8")
    (folder / "bad-file" / "transfers.csv").write_text(HEADER + "\nnonsense\n", encoding="utf-8")
    (folder / "bad name!").mkdir()
    (folder / "bad name!" / "seeds.csv").write_text(f"address\n{address(1)}\n", encoding="utf-8")
    (folder / "bad-lines").mkdir()
    (folder / "bad-lines" / "seeds.csv").write_text("address,amount_raw\n0x1,ten\n0x2,\n", encoding="utf-8")
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    problems = dict(zip(found.failures["case"], found.failures["problem"], strict=True))
    assert set(problems) == {"no-seeds", "bad-file", "bad name!", "bad-lines"}
    assert "line 2" in problems["bad-lines"]
    assert "transfers.csv" in problems["bad-file"]
    assert all(found.failures["hint"])
    assert found.names == ["theft-1", "theft-2", "theft-3"]


def test_a_defect_in_one_case_is_told_and_ends_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = tracer.Case.taint

    def wrong(self: tracer.Case, *given: object, **more: object) -> object:
        if self.name == "theft-2":
            raise RuntimeError("a bug")
        return right(self, *given, **more)

    monkeypatch.setattr(tracer.Case, "taint", wrong)
    found = tracer.batch(folder, workspace=tmp_path / "ws")
    assert found.failures["case"].tolist() == ["theft-2"]
    assert "RuntimeError: a bug" in found.failures["problem"][0]


def test_a_table_makes_the_same_cases_as_folders(folder: Path, tmp_path: Path) -> None:
    rows = [
        {
            "case": f"theft-{n}",
            "address": address(1000 + n),
            "file": f"cases/theft-{n}/transfers.csv",
            "rule": "",
        }
        for n in (1, 2, 3)
    ]
    rows.append({"case": "theft-3", "address": address(2003), "file": "", "rule": "haircut"})
    path = tmp_path / "cases.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    found = tracer.batch(path, workspace=tmp_path / "ws-table")
    assert found.summary["state"].tolist() == ["traced"] * 3
    assert found.summary["seeds"].tolist() == [1, 1, 2]
    assert found.summary["rule"].tolist() == ["fifo", "fifo", "haircut"]
    from_folder = tracer.batch(folder, workspace=tmp_path / "ws").taint()
    same = found.taint().query("case != 'theft-3'").reset_index(drop=True)
    assert same.equals(from_folder.query("case != 'theft-3'").reset_index(drop=True))


@pytest.mark.parametrize(("mark", "encoding"), [(",", "cp932"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_a_table_as_spreadsheets_write_it_is_read(
    folder: Path, tmp_path: Path, mark: str, encoding: str
) -> None:
    rows = (("case", "address", "file"), ("事件", address(1001), "theft-1/transfers.csv"))
    text = "\r\n".join(mark.join(row) for row in rows)
    (folder / "table.csv").write_bytes(text.encode(encoding))
    found = tracer.batch(folder / "table.csv", workspace=tmp_path / "ws")
    assert found.names == ["事件"]
    again = tracer.batch([found.case("事件")], workspace=tmp_path / "ws")
    assert again.summary["addresses"].tolist() == [3]


def test_amounts_of_a_data_frame_stay_exact(folder: Path, tmp_path: Path) -> None:
    wei = 401346768858404671846374
    given = pd.DataFrame(
        {
            "case": ["big"],
            "address": [address(9)],
            "amount_raw": [wei],
            "file": [str(folder / "theft-1" / "transfers.csv")],
        }
    )
    found = tracer.batch(given, workspace=tmp_path / "ws")
    assert found.case("big").seeds()["amount_raw"].tolist() == [wei]


def test_names_of_cases_are_traced_again_and_unknown_ones_fail(folder: Path, tmp_path: Path) -> None:
    tracer.batch(folder, workspace=tmp_path / "ws")
    found = tracer.batch(["theft-1", "nobody", "theft-1"], workspace=tmp_path / "ws")
    assert found.summary["case"].tolist() == ["theft-1", "nobody"]
    assert found.failures["case"].tolist() == ["nobody"]
    assert "nobody" not in tracer.Case.names(tmp_path / "ws")


def test_what_is_no_batch_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("name,address\n", encoding="utf-8")
    nobody = pd.DataFrame({"case": [], "address": []})
    for given in (tmp_path / "empty", tmp_path / "nowhere", [], nobody, None, 5):
        with pytest.raises(InputError) as refused:
            tracer.batch(given, workspace=tmp_path / "ws")
        assert refused.value.hint
    with pytest.raises(FileError, match="column `case`"):
        tracer.batch(tmp_path / "table.csv", workspace=tmp_path / "ws")
    for data in (b"", b"case,address\na,0x1\nb,1,2,3\n", b'case,address\n"a,0x1\n', b"\x00\xff\xfe\x00"):
        (tmp_path / "damaged.csv").write_bytes(data)
        with pytest.raises(FileError):
            tracer.batch(tmp_path / "damaged.csv", workspace=tmp_path / "ws")
    with pytest.raises(InputError, match="rule"):
        tracer.batch(tmp_path / "table.csv", workspace=tmp_path / "ws", rule="fair")


def test_a_batch_runs_inside_a_running_event_loop(folder: Path, tmp_path: Path) -> None:
    async def inside() -> tracer.Batch:
        return tracer.batch(folder, workspace=tmp_path / "ws")

    assert asyncio.run(inside()).names == ["theft-1", "theft-2", "theft-3"]


def test_progress_names_every_case(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    tracer.batch(folder, workspace=tmp_path / "ws", report=lambda *said: told.append(said))
    assert told == [(0, 3, "theft-1"), (1, 3, "theft-2"), (2, 3, "theft-3"), (3, 3, "")]


def test_the_export_is_the_export_of_each_case(folder: Path, tmp_path: Path) -> None:
    found = tracer.batch(folder, workspace=tmp_path / "ws", export=tmp_path / "at-once")
    folders = found.export(tmp_path / "later")
    alone = tmp_path / "alone"
    found.case("theft-2").export(alone)
    assert [f.name for f in folders] == ["theft-1", "theft-2", "theft-3"]
    for path in sorted(alone.iterdir()):
        for out in ("at-once", "later"):
            assert (tmp_path / out / "theft-2" / path.name).read_bytes() == path.read_bytes()


def test_a_case_that_cannot_be_written_is_a_failure_of_its_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "theft-2").write_text("in the way", encoding="utf-8")
    found = tracer.batch(folder, workspace=tmp_path / "ws", export=tmp_path / "out")
    assert found.failures["step"].tolist() == ["export"]
    assert found.names == ["theft-1", "theft-3"]


def test_the_command_line_traces_a_folder_and_its_status_says_whether_all_went_well(
    folder: Path, tmp_path: Path
) -> None:
    words = ["--workspace", str(tmp_path / "ws"), "batch", str(folder), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words, prog_name="tracer")
    assert done.exit_code == 0, done.output
    assert "1 address with stolen coin of several cases" in done.output
    assert (tmp_path / "out" / "theft-3" / "taint.csv").is_file()
    assert len((tmp_path / "out" / "overlap.csv").read_text(encoding="utf-8").splitlines()) == 4
    assert (tmp_path / "out" / "batch.csv").read_text(encoding="utf-8").count(",traced,") == 3
    (folder / "theft-9").mkdir()
    again = CliRunner().invoke(app, [*words[:4], "--json"], prog_name="tracer")
    assert again.exit_code == 1
    told = json.loads(again.stdout)
    assert [row["state"] for row in told["summary"]] == ["traced", "traced", "traced", "failed"]
    assert {row["taint_raw"] for row in told["overlap"]} == {str(40 * ETH)}
    few = CliRunner().invoke(app, [*words[:3], "theft-1", "theft-2"], prog_name="tracer")
    assert few.exit_code == 0, few.output
