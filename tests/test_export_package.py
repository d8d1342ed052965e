"""The export of a case: complete, sealed, byte-identical, and alone in its directory."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tracer.errors import InputError
from tracer.export import FORMATS, Input, Pins, write_package
from tracer.export.columns import ColumnKind, Layout
from tracer.export.holdings import all_rules
from tracer.export.transfers import CONTRACT, layout_for, with_rules
from tracer.model import Rule

PINS = Pins(
    case="bybit-2025",
    rule="fifo",
    as_of=1740960000,
    version="1.2.3",
    conventions=("Order is block, transaction index,\nposition.",),
    inputs=(Input("evil\x1b[31m.csv", "ab" * 32, 215, 16, partial=True),),
)
_CELL: dict[ColumnKind, object] = {
    ColumnKind.TEXT: "text",
    ColumnKind.TIME: "2025-02-21T14:16:11Z",
    ColumnKind.NUMBER: 1,
    ColumnKind.AMOUNT: 10**24,
    ColumnKind.SHARES: "1@eip155:1/native;2@eip155:1/0xaa",
    ColumnKind.DECIMAL: "0.1",
}


def sample(layout: Layout) -> pd.DataFrame:
    return pd.DataFrame({c.name: pd.Series([_CELL[c.kind]], dtype=object) for c in layout.columns})


def tables() -> dict[str, Callable[[], pd.DataFrame]]:
    return {name: (lambda layout=layout: sample(layout)) for name, layout in FORMATS.items()}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_format_is_written_with_readme_and_manifest_last(tmp_path: Path) -> None:
    paths = write_package(tmp_path / "new" / "dir", tables(), PINS)
    names = [path.name for path in paths]
    assert names == [layout.file for layout in FORMATS.values()] + ["README.txt", "manifest.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE((tmp_path / "new" / "dir").stat().st_mode) == 0o700


def test_a_second_export_of_the_same_case_has_the_same_bytes(tmp_path: Path) -> None:
    write_package(tmp_path / "a", tables(), PINS)
    write_package(tmp_path / "b", tables(), PINS)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    write_package(tmp_path / "a", tables(), PINS)
    assert first == contents(tmp_path / "a")


def test_the_manifest_seals_every_other_file_and_pins_every_input(tmp_path: Path) -> None:
    write_package(tmp_path, tables(), PINS)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    sealed = {entry["name"]: entry for entry in manifest["files"]}
    found = contents(tmp_path)
    assert set(sealed) == set(found) - {"manifest.json"}
    for name, entry in sealed.items():
        assert entry["sha256"] == hashlib.sha256(found[name]).hexdigest()
        assert entry["size"] == len(found[name])
    assert manifest["inputs"][0] == {
        "name": "evil\x1b[31m.csv",
        "sha256": "ab" * 32,
        "rows": 215,
        "excluded": 16,
        "grade": "fact",
        "partial": True,
    }
    assert (manifest["rule"], manifest["as_of_utc"], manifest["code_version"]) == (
        "fifo",
        "2025-03-03T00:00:00Z",
        "1.2.3",
    )


def test_the_readme_says_rule_as_of_version_conventions_and_inputs_in_plain_lines(tmp_path: Path) -> None:
    write_package(tmp_path, tables(), PINS)
    text = (tmp_path / "README.txt").read_text("utf-8")
    for expected in ("fifo", "2025-03-03T00:00:00Z", "coinpursuit 1.2.3", "ab" * 32, "partial history"):
        assert expected in text
    assert "- Order is block, transaction index, position." in text
    assert "\x1b" not in text


def test_only_the_wanted_tables_are_computed(tmp_path: Path) -> None:
    asked: list[str] = []

    def watched(name: str) -> Callable[[], pd.DataFrame]:
        def make() -> pd.DataFrame:
            asked.append(name)
            return sample(FORMATS[name])

        return make

    paths = write_package(
        tmp_path, {name: watched(name) for name in FORMATS}, PINS, formats=["gaps", "taint"]
    )
    assert asked == ["taint", "gaps"]
    assert [path.name for path in paths] == ["taint.csv", "gaps.csv", "README.txt", "manifest.json"]


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no export format 'tainted'"):
        write_package(tmp_path / "out", tables(), PINS, formats=["tainted"])
    assert not (tmp_path / "out").exists()


def test_foreign_files_stay_and_stale_tables_of_the_same_case_go(tmp_path: Path) -> None:
    (tmp_path / "my notes.txt").write_text("mine")
    (tmp_path / "suspects.csv").write_text("mine too")
    write_package(tmp_path, tables(), PINS)
    write_package(tmp_path, tables(), PINS, formats=["taint"])
    assert set(contents(tmp_path)) == {
        "my notes.txt",
        "suspects.csv",
        "taint.csv",
        "README.txt",
        "manifest.json",
    }


def test_an_export_that_is_cut_leaves_no_seal_over_old_and_new_tables(tmp_path: Path) -> None:
    write_package(tmp_path, tables(), PINS)
    (tmp_path / ".taint.csv.0123abcd.part").write_bytes(b"half")

    def cut() -> pd.DataFrame:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_package(tmp_path, tables() | {"gaps": cut}, PINS)
    assert not (tmp_path / "manifest.json").exists()
    assert not list(tmp_path.glob(".*.part"))
    write_package(tmp_path, tables(), PINS)
    assert (tmp_path / "manifest.json").exists()


def test_a_forged_manifest_does_not_get_other_files_deleted(tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("x")
    inside = tmp_path / "out"
    inside.mkdir()
    forged = {"case": PINS.case, "files": [{"name": "../precious.txt"}, {"name": "notes.txt"}]}
    (inside / "manifest.json").write_text(json.dumps(forged))
    (inside / "notes.txt").write_text("y")
    write_package(inside, tables(), PINS)
    assert outside.exists()
    assert (inside / "notes.txt").exists()


def test_the_export_of_another_case_is_not_mixed_with_this_one(tmp_path: Path) -> None:
    write_package(tmp_path, tables(), PINS)
    before = contents(tmp_path)
    other = Pins(case="dmm-2024", rule="fifo", as_of=None, version="1.2.3")
    with pytest.raises(InputError, match="holds the export of the case 'bybit-2025'"):
        write_package(tmp_path, tables(), other)
    assert contents(tmp_path) == before


def test_a_directory_that_cannot_be_one_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        write_package(tmp_path / "file", tables(), PINS)
    with pytest.raises(InputError, match="cannot be made"):
        write_package(tmp_path / "file" / "below", tables(), PINS)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="not a manifest of the tracer"):
        write_package(tmp_path, tables(), PINS)


def test_the_transfers_file_begins_with_the_import_contract() -> None:
    contract = (
        "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
        "amount_raw,kind"
    )
    assert ",".join(column.name for column in CONTRACT) == contract
    assert layout_for().names[: len(CONTRACT)] == tuple(contract.split(","))


def test_the_taint_and_bounds_files_have_the_columns_of_their_contract() -> None:
    taint = (
        "rule,chain,address,asset,symbol,decimals,taint_raw,taint,taint_source_raw,at_least_raw,at_most_raw,"
        "balance_raw,received_taint_raw,hop,first_received_utc,stop,range_kind"
    )
    assert ",".join(FORMATS["taint"].names) == taint
    assert FORMATS["taint_all"].columns == FORMATS["taint"].columns
    assert ",".join(FORMATS["bounds"].names) == "chain,address,asset,at_least_raw,at_most_raw,kind"


def movements(*taints: int) -> pd.DataFrame:
    table = pd.concat([sample(layout_for())] * len(taints), ignore_index=True)
    table["taint_raw"] = pd.Series(list(taints), dtype=object)
    return table


def test_rules_stand_side_by_side_with_the_governing_one_in_taint_raw(tmp_path: Path) -> None:
    lifo = movements(3, 10**24)
    joined = with_rules(lifo, [("lifo", lifo), ("fifo", movements(1, 2))])
    assert list(lifo.columns) == list(movements(1).columns)
    assert joined["taint_raw"].tolist() == [3, 10**24]
    assert joined["taint_raw_fifo"].tolist() == [1, 2]
    assert joined["taint_raw_lifo"].tolist() == [3, 10**24]
    made = {"transfers": lambda: joined}
    write_package(tmp_path, made, PINS, formats=["transfers"])
    header = (tmp_path / "transfers.csv").read_text().splitlines()[0]
    assert "taint_raw,taint_raw_fifo,taint_raw_lifo,excluded" in header


def test_rules_over_different_movements_are_not_joined() -> None:
    with pytest.raises(ValueError, match="differ"):
        with_rules(movements(1, 2), [("lifo", movements(1))])
    changed = movements(1, 2)
    changed["amount_raw"] = pd.Series([1, 2], dtype=object)
    with pytest.raises(ValueError, match="differ"):
        with_rules(movements(1, 2), [("lifo", changed)])


def test_all_rules_come_in_the_order_of_the_rules_and_stay_exact() -> None:
    frames = {
        str(rule): sample(FORMATS["taint"]).assign(rule=str(rule), at_least_raw=None)
        for rule in reversed(Rule)
    }
    frames["fifo"]["taint_raw"] = pd.Series([5])  # a small int64 column beside object columns
    joined = all_rules(frames)
    assert joined["rule"].tolist() == [str(rule) for rule in Rule]
    assert [type(value) for value in joined["taint_raw"]] == [int] * len(Rule)
    with pytest.raises(ValueError, match="unknown rules"):
        all_rules({"tiho2": sample(FORMATS["taint"])})
