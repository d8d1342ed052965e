"""Labels in a case: what is pinned, what changes it and what does not, and what a change would change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.test_labels_packs import sdn
from tracer import label_packs
from tracer.case import Case
from tracer.cli.app import app
from tracer.custody import exhibits
from tracer.errors import FileError, InputError, NotFoundError, StoreError
from tracer.labels.pack import pack_text
from tracer.labels.reading import Reading
from tracer.replay import replay

S, A, B, C = ("0x" + letter * 40 for letter in "abcd")
HEADER = "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,amount_raw,kind\n"
NOON = 1_740_000_000


def move(n: int, frm: str, to: str, amount: int) -> str:
    return f"eip155:1,{n},0,0,2025-02-2{n}T00:00:00Z,0x{n:064x},{frm},{to},native,{amount},native\n"


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def case(tmp_path: Path, clock: Clock) -> Case:
    """S got 10 stolen and pays A, which pays B, which pays C."""
    made = Case.create("labels", tmp_path / "w", clock=clock)
    made.import_file(
        (HEADER + move(1, S, A, 10) + move(2, A, B, 7) + move(3, B, C, 5)).encode(), name="t.csv"
    )
    made.add_seed(S, amount=10, asset="native")
    return made


def held(case: Case) -> dict[str, int]:
    frame = case.taint().addresses(ranges=False)
    return {a.lower(): n for a, n in zip(frame["address"], frame["taint_raw"], strict=True) if n}


def pack(*rows: str) -> bytes:
    return ("chain,address,name,category,confidence\n" + "\n".join(rows) + "\n").encode()


SERVICE_AT_B = pack(f"ethereum,{B},Exchange B,exchange,70")


def test_a_new_case_pins_the_bundled_packs_with_what_was_read_from_them(case: Case) -> None:
    packs = case.packs()
    assert set(packs["state"]) == {"used"}
    assert {"fbi.csv", "exchanges.csv", "tornado-cash.csv", "thorchain.csv"} <= set(packs["name"])
    for pin in case.file.packs:
        assert pin.sha256 in case.workspace.archive
        assert pin.labels in case.workspace.archive
        assert label_packs.reread(case.workspace.archive, pin) == pin.count


def test_a_label_of_a_pack_ends_the_tracing_and_the_analyst_overrules_it(case: Case) -> None:
    assert held(case) == {A: 3, B: 2, C: 5}
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    assert held(case) == {A: 3, B: 7}
    assert case.book().service("eip155:1", B) == "Exchange B"
    case.stop(B, None)
    assert held(case) == {A: 3, B: 2, C: 5}
    assert "Exchange B" in set(case.labels()["name"])


def test_reading_a_pack_or_a_newer_bundled_one_changes_no_case(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, revision = held(case), case.file.revision
    done = Case.read_labels(SERVICE_AT_B, name="mine.csv", workspace=tmp_path / "w")
    assert (done.pin.count, done.pin.refused, done.notes) == (1, 0, 0)
    newer = (SERVICE_AT_B, "fbi.csv")
    monkeypatch.setattr(
        label_packs,
        "_bundled",
        lambda: ((newer[1], newer[0], label_packs.read_pack(*newer, Reading("csv"))),),
    )
    assert (held(case), case.file.revision) == (before, revision)
    known = case.packs(everything=True).set_index("sha256")["state"].to_dict()
    assert known[done.pin.sha256] == "other version"  # the same bytes stand there as a newer fbi.csv
    second = Case.create("second", tmp_path / "w")
    assert [pin.name for pin in second.file.packs] == ["fbi.csv"]


def test_using_a_pack_takes_the_place_of_one_of_its_name_and_both_stay_on_record(
    case: Case, clock: Clock
) -> None:
    case.import_labels(pack(f"ethereum,{C},Exchange C,exchange,70"), name="mine.csv")
    clock.now += 60
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    standing = [pin for pin in case.file.standing_packs if pin.name == "mine.csv"]
    assert len(standing) == 1
    (gone,) = (pin for pin in case.file.packs if pin.removed_at)
    assert (gone.name, gone.removed_at) == ("mine.csv", NOON + 60)
    assert standing[0].sha256 in gone.reason
    revision = case.file.revision
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    assert case.file.revision == revision  # again: nothing new
    case.drop_pack("mine", "wrong list")
    assert held(case) == {A: 3, B: 2, C: 5}
    with pytest.raises(InputError, match="2 label packs"):
        case.use_pack("mine.csv")  # two files had that name: the sha256 must say which
    case.use_pack(standing[0].sha256[:8])
    assert held(case) == {A: 3, B: 7}
    with pytest.raises(NotFoundError):
        case.drop_pack("nope", "x")
    with pytest.raises(InputError, match="reason"):
        case.drop_pack("mine", " ")


def test_the_difference_of_a_pack_is_told_before_it_is_used(case: Case) -> None:
    pin = Case.read_labels(SERVICE_AT_B, name="mine.csv", workspace=case.workspace.root).pin
    rows = case.label_diff(add=[pin.sha256]).to_dict("records")
    told = {(r["what"], r["address"].lower()): (r["before"], r["after"], r["change_raw"]) for r in rows}
    assert told == {
        ("label", B): ("", "Exchange B", None),
        ("stop", B): ("", "SERVICE", None),
        ("held", B): ("2", "7", 5),
        ("held", C): ("5", "0", -5),
        ("at_parked", ""): ("10", "3", -7),
        ("at_service", ""): ("0", "7", 7),
    }
    assert held(case) == {A: 3, B: 2, C: 5}  # nothing was changed
    case.use_pack(pin.sha256)
    back = case.label_diff(remove=["mine"]).to_dict("records")
    assert {(r["what"], r["before"], r["after"]) for r in back} == {
        (r["what"], r["after"], r["before"]) for r in rows
    }


def test_the_difference_since_a_time_is_what_the_changes_did(case: Case, clock: Clock) -> None:
    clock.now += 100
    number = case.label(B, "Exchange B", category="exchange", confidence=80, author="Sato")
    since = case.label_diff(since=NOON + 50)
    assert list(since[since["what"] == "stop"]["after"]) == ["SERVICE"]
    assert len(case.label_diff(since=NOON + 100)) == 0
    assert set(case.label_diff(withdraw=[number])["what"]) == set(since["what"])
    clock.now += 100
    case.withdraw_label(number)
    assert len(case.label_diff(since=NOON + 50)) == 0
    assert list(case.label_diff(since=NOON + 150).query("what == 'stop'")["before"]) == ["SERVICE"]
    for wrong in ({}, {"since": NOON, "add": ["fbi"]}):
        with pytest.raises(InputError, match="either a change or a time"):
            case.label_diff(**wrong)
    with pytest.raises(NotFoundError):
        case.label_diff(withdraw=[9])


def test_the_analysts_labels_are_numbered_withdrawn_and_never_lost(case: Case, clock: Clock) -> None:
    assert case.label(B, "One", author="Sato", source="interview") == 1
    assert case.label(B, "Two", entity="E", role="deposit", category="exchange", valid_from="2025-01-01") == 2
    assert case.label(B, "One", author="Suzuki", source="interview") == 1  # said already
    assert [x.who for x in case.book().conflict("eip155:1", B).labels] == ["E", "One"]
    clock.now += 5
    case.withdraw_label(1)
    with pytest.raises(NotFoundError):
        case.withdraw_label(1)
    rows = case.labels_of(B).to_dict("records")
    assert [(r["number"], r["name"], bool(r["withdrawn_utc"]), r["author"]) for r in rows] == [
        (2, "Two", False, ""),
        (1, "One", True, "Sato"),
    ]
    assert case.label(B, "One", source="interview") == 3
    assert case.tracing().stops[("eip155:1", B)] == "DEPOSIT"
    case.label(C, "Everywhere", chain="evm")
    assert list(case.labels_of(C)["name"]) == ["Everywhere"]


def test_a_label_of_the_analyst_holds_for_some_time(case: Case) -> None:
    with pytest.raises(InputError, match="which is no time"):
        case.label(A, "X", valid_from="2024-01-02", valid_to="2024-01-01")
    assert case.label(A, "X", valid_from="2024-01-01", valid_to="2024-01-02") == 1


def test_the_analyst_names_an_address_before_the_packs_and_the_conflict_is_exported(
    case: Case, tmp_path: Path
) -> None:
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    case.label(B, "Exchange X", confidence=10)
    assert case.graph().nx.nodes[case_node(case, B)]["label"] == "Exchange X"
    case.export(tmp_path / "out", ["labels", "label_conflicts"])
    lines = (tmp_path / "out" / "label_conflicts.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "Exchange X; Exchange B" in lines[1]
    assert lines[1].endswith(",true")
    assert lines[2].endswith(",false")
    assert (tmp_path / "out" / "labels.csv").read_text().count("Exchange") >= 2


def case_node(case: Case, address: str) -> str:
    return f"eip155:1:{case._display('eip155:1', address)}"


def test_a_case_of_before_there_were_packs_stands_as_it_was(case: Case) -> None:
    case.update(lambda file: replace(file, packs=()))
    case.label(B, "Old", category="exchange")
    case.update(lambda file: replace(file, labels=tuple(replace(x, made_at=None) for x in file.labels)))
    assert held(case) == {A: 3, B: 7}
    assert len(case.label_diff(since=1)) == 0


def test_packs_are_exhibits_and_are_read_again_in_a_replay(case: Case) -> None:
    done = case.import_labels(SERVICE_AT_B, name="mine.csv")
    parts = {(e.part, e.sha256) for e in exhibits(case.workspace.archive, case.file)}
    assert {("label_pack", done.pin.sha256), ("labels", done.pin.labels)} <= parts
    with replay(case) as (found, rebuilt):
        assert [r.problem for r in found if r.problem] == []
        assert held(rebuilt) == {A: 3, B: 7}


def test_a_case_file_that_names_other_labels_than_its_pack_holds_is_noticed(case: Case) -> None:
    done = case.import_labels(SERVICE_AT_B, name="mine.csv")
    forged = replace(label_packs.pack_of(case.workspace.archive, done.pin), labels=())
    sha256 = case.workspace.archive.put(pack_text(forged)[0])
    case.update(
        lambda file: replace(
            file, packs=tuple(replace(p, labels=sha256) if p.name == "mine.csv" else p for p in file.packs)
        )
    )
    with replay(case) as (found, _):
        assert [(r.name, r.problem) for r in found if r.problem] == [
            ("mine.csv", "Reading it again gives other labels.")
        ]
    pin = replace(done.pin, parser="csv 0")
    with pytest.raises(StoreError, match="csv 0, which this version is not"):
        label_packs.reread(case.workspace.archive, pin)


def test_an_exported_list_is_read_back_without_what_was_taken_back(case: Case, tmp_path: Path) -> None:
    case.label(
        B, "Exchange B", category="exchange", role="hot_wallet", source="=1+1", valid_from="2025-01-01"
    )
    case.label(C, "Mistaken", category="exchange")
    case.withdraw_label(2)
    case.export(tmp_path / "out", ["labels"])
    other = Case.create("other", case.workspace.root)
    done = other.import_labels(tmp_path / "out" / "labels.csv")
    assert (done.pin.count, done.pin.refused) == (1, 1)
    (back,) = other.book().of("eip155:1", B)
    assert (back.name, back.role, back.source, back.valid_from) == (
        "Exchange B",
        "hot_wallet",
        "=1+1",
        1735689600,
    )
    assert other.book().of("eip155:1", C) == ()


def test_bad_files_leave_nothing_behind(case: Case, tmp_path: Path) -> None:
    before = case.packs(everything=True)
    for data in (b"", b"<html>", b"name\nx\n", b"\xff\xfe\x00"):
        with pytest.raises(FileError):
            case.import_labels(data, name="bad")
    with pytest.raises(FileError, match="cannot be read"):
        case.import_labels(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="no kind"):
        case.import_labels(SERVICE_AT_B, "xml")
    assert case.packs(everything=True).equals(before)


# The command line


def run(case: Case, *words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["--workspace", str(case.workspace.root), *words])
    assert result.exit_code == status, result.output
    return result


def test_the_command_line_imports_compares_uses_and_drops(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(SERVICE_AT_B + f"ethereum,{S[:-1]},bad,exchange,70\n".encode())
    said = run(case, "label", "import", str(file), "--as", "csv").stdout
    assert "1 label, 1 refused" in said
    assert "row 3, refused" in said
    assert held(case) == {A: 3, B: 2, C: 5}
    out = tmp_path / "diff.csv"
    said = run(case, "label", "diff", case.name, "--add", "mine", "--out", str(out)).stdout
    assert "SERVICE" in said
    assert out.read_text().splitlines()[0].startswith("what,chain,address,asset")
    run(case, "label", "use", case.name, "mine")
    assert held(case) == {A: 3, B: 7}
    assert "mine.csv" in run(case, "label", "packs", case.name).stdout
    assert "row" in run(case, "label", "problems", case.name, "mine").stdout
    run(case, "label", "drop", case.name, "mine", "--reason", "not needed")
    assert held(case) == {A: 3, B: 2, C: 5}
    run(case, "label", "import", str(file), "--case", case.name, "--set", "role=wallet")
    assert held(case) == {A: 3, B: 7}
    file.write_bytes(SERVICE_AT_B)
    assert "in the place of mine.csv" in run(case, "label", "import", str(file), "--case", case.name).stdout
    assert run(case, "label", "diff", case.name, status=2).stderr.startswith("error: ")
    run(case, "label", "import", str(file), "--set", "role", status=2)


def test_the_command_line_shows_every_label_with_its_source(case: Case) -> None:
    run(
        case,
        "label",
        case.name,
        B,
        "Mine",
        "--source",
        "interview",
        "--author",
        "Sato",
        "--valid",
        "2025-01-01/",
    )
    case.import_labels(SERVICE_AT_B, name="mine.csv")
    said = run(case, "label", "show", case.name, B).stdout
    assert "interview (analyst)" in said
    assert "1 by Sato" in said
    assert "2025-01-01T00:00:00Z to ..." in said
    assert "mine.csv" in said
    assert "Sources disagree: Exchange B, Mine." in said
    assert "Exchange B" in run(case, "label", "conflicts", case.name).stdout
    run(case, "label", "withdraw", case.name, "1")
    assert "Mine (withdrawn)" in run(case, "label", "show", case.name, B).stdout
    rows = json.loads(run(case, "--json", "label", "list", case.name).stdout)
    assert {row["name"] for row in rows} == {"Mine", "Exchange B"}
    exch = "0xf1dA173228fcf015F43f3eA15aBBB51f0d8f1123"
    said = run(case, "label", "show", case.name, exch).stdout
    assert all(name in said for name in ("eXch", "FixedFloat", "ChangeNOW", "StealthEX", "Sources disagree"))
    pool = run(case, "label", "show", case.name, "0x910Cbd523D972eb0a6f4cAe4618aD62622b39DbF").stdout
    assert "2022-08-08T00:00:00Z to 2025-03-21T00:00:00Z" in pool
    assert "Sanctions: OFAC SDN: Tornado Cash as of 2025-02-23T00:00:00Z." in pool  # before it was lifted
    case.update(lambda file: replace(file, as_of=1_742_515_200))  # 2025-03-21
    pool = run(case, "label", "show", case.name, "0x910Cbd523D972eb0a6f4cAe4618aD62622b39DbF").stdout
    assert "Sanctions: no hit as of 2025-03-21T00:00:00Z." in pool
    assert "OFAC SDN: Tornado Cash (not in force)" in pool
    assert "No label." in run(case, "label", "show", case.name, A).stdout


def test_a_sanctions_list_is_imported_from_the_command_line(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "sdn_advanced.xml"
    file.write_text(sdn(""))
    assert "0 labels, 1 refused" in run(case, "label", "import", str(file)).stdout
    listed = tmp_path / "sanctioned_addresses_ETH.txt"
    listed.write_text(f"{B}\n")
    told = json.loads(run(case, "--json", "label", "import", str(listed), "--case", case.name).stdout)
    assert (told["kind"], told["labels"], told["problems"]) == ("list", 1, [])
    assert case.book().sanctions("eip155:56", B)
