"""An evidence package: whoever gets the directory can compute every file of it again, and sees what was changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner, Result

from tests.servers.anvil import Anvil
from tests.test_collect import CHAIN, EXCHANGE, THIEF, endpoint, hop, new_case, node, run
from tracer.case import Case
from tracer.cli.app import app
from tracer.collecting.budget import Budget
from tracer.errors import InputError
from tracer.export.evidence import member
from tracer.package import open_package
from tracer.store.archive import Archive

__all__ = ["node"]

KEY = "sesame-0123456789"
FILE = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,"
    f"kind\n{CHAIN},90000000,0,1,2030-01-01T00:00:00Z,0x{'12' * 32},{EXCHANGE},{hop(9, 9)},native,ETH,18,5,native\n"
)


@dataclass(frozen=True)
class Made:
    """A package and the workspace that it was made in, which is gone when a test begins."""

    directory: Path
    sealed: dict[str, bytes]


@pytest.fixture(scope="module")
def made(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three histories, an imported file, a label and a judgement; other cases' evidence is in the same workspace."""
    home = tmp_path_factory.mktemp("home")
    case = new_case(home / "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACER_KEY_NODE", KEY)
        run(case, endpoint(node), Budget(addresses=3))
    case.import_file(FILE.encode(), name="=bank.csv")
    case.label(EXCHANGE, "Exchange", category="exchange", confidence=90)
    case.judge(EXCHANGE, "asked", reason="letter of 1 March", author="Mori")
    other = Case.create("other", home / "w")
    other.import_file(
        FILE.replace("kind", "kind,note").replace(",native\n", ",native,x\n").encode(), name="other.csv"
    )
    directory = home / "package"
    case.export(directory, evidence=True)
    shutil.rmtree(home / "w")
    return Made(directory, {p.relative_to(directory).as_posix(): p.read_bytes() for p in files(directory)})


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.fixture
def package(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.directory, tmp_path / "package"))


def replayed(package: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["replay", "--package", str(package), *more])


def sealed_again(package: Path, *names: str) -> None:
    """Let the manifest seal what stands there now, as a careful forger would."""
    path = package / "manifest.json"
    document = json.loads(path.read_bytes())
    document["files"] = [e for e in document["files"] if (package / e["name"]).exists()]
    known = {e["name"] for e in document["files"]}
    document["files"] += [{"name": n, "rows": None} for n in names if n not in known]
    for entry in document["files"]:
        if "size" not in entry or entry["name"] in names:
            data = (package / entry["name"]).read_bytes()
            entry |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    document["files"].sort(key=lambda e: e["name"])
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def test_a_package_is_computed_again_to_the_byte_without_its_workspace_and_offline(
    made: Made, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "no-workspace-here"))
    done = replayed(package, "--out", str(tmp_path / "again"))
    assert done.exit_code == 0, done.output
    assert "15 sources" in done.output
    assert "the same, byte for byte" in done.output
    assert hashlib.sha256(made.sealed["manifest.json"]).hexdigest() in done.output
    assert {p.relative_to(package).as_posix(): p.read_bytes() for p in files(package)} == made.sealed
    for name, data in made.sealed.items():
        if name.endswith(".csv") and name != "evidence.csv":
            assert (tmp_path / "again" / name).read_bytes() == data
    assert not (tmp_path / "no-workspace-here").exists()


def test_it_holds_what_the_case_rests_on_and_nothing_else(made: Made) -> None:
    rows = [line.split(",") for line in made.sealed["evidence.csv"].decode().splitlines()[1:]]
    parts = [row[0] for row in rows]
    assert [parts.count(part) for part in ("file", "histories", "history")] == [1, 1, 3]
    assert parts.count("answer") > 15
    listed = {sha256 for row in rows for sha256 in row if len(sha256) == 64 and int(sha256, 16)}
    kept = {name for name in made.sealed if name.startswith("evidence/archive/")}
    assert kept == {member(sha256) for sha256 in listed}
    everything = b"".join(
        zstandard.ZstdDecompressor().stream_reader(data).read() if name in kept else data
        for name, data in made.sealed.items()
    )
    assert KEY.encode() not in everything
    assert b"other.csv" not in everything


def test_every_answer_says_who_gave_it_when_and_to_which_question(made: Made) -> None:
    frame = [line for line in made.sealed["evidence.csv"].decode().splitlines() if line.startswith("answer,")]
    assert all(",node," in line and "2025-06-15T15:06:40Z" in line for line in frame)
    assert any("eth_getTransactionReceipt" in line and THIEF in line.lower() for line in frame)
    assert "'=bank.csv" in made.sealed["evidence.csv"].decode()  # a name is text, never a formula


def test_only_its_owner_can_read_it(made: Made) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(made.directory)} == {0o600}
    folders = [path for path in made.directory.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def answer_with(package: Path, words: bytes) -> tuple[str, bytes]:
    """(sha256, raw bytes) of an answer that holds `words`."""
    archive = Archive(package / "evidence" / "archive")
    found = {name: archive.read(name) for name in archive.names()}
    return next((name, body) for name, body in sorted(found.items()) if words in body)


AMOUNT = hex(10 * 10**18).encode()


def _amount(package: Path) -> str:
    """10 ETH become 11, under the same name; the manifest seals the new bytes."""
    sha256, body = answer_with(package, AMOUNT)
    name = member(sha256)
    packed = zstandard.ZstdCompressor().compress(body.replace(AMOUNT, hex(11 * 10**18).encode()))
    (package / name).write_bytes(packed)
    sealed_again(package, name)
    return sha256


def _amount_renamed(package: Path) -> str:
    """... and under its own sha256, with the list that names the answer left as it is."""
    sha256, body = answer_with(package, AMOUNT)
    changed = body.replace(AMOUNT, hex(11 * 10**18).encode())
    name = member(Archive(package / "evidence" / "archive").put(changed))
    (package / member(sha256)).unlink()
    sealed_again(package, name)
    return sha256


def _missing(package: Path) -> str:
    sha256, _ = answer_with(package, AMOUNT)
    (package / member(sha256)).unlink()
    return member(sha256)


def _table(package: Path) -> str:
    path = package / "taint.csv"
    path.write_text(path.read_text().replace("10000000000000000000", "10000000000000000001", 1))
    return "taint.csv"


def _table_resealed(package: Path) -> str:
    name = _table(package)
    sealed_again(package, name)
    return name


def _extra(package: Path) -> str:
    return member(Archive(package / "evidence" / "archive").put(b'{"jsonrpc":"2.0"}'))


def _extra_resealed(package: Path) -> str:
    name = _extra(package)
    sealed_again(package, name)
    return name


def _case_file(package: Path) -> str:
    path = package / "evidence" / "case.toml"
    path.write_text(path.read_text().replace(THIEF, hop(1, 0)))
    return "evidence/case.toml"


def _case_file_resealed(package: Path) -> str:
    name = _case_file(package)
    sealed_again(package, name)
    return "taint.csv"


def _rule_resealed(package: Path) -> str:
    path = package / "evidence" / "case.toml"
    path.write_text(path.read_text().replace('rule = "fifo"', 'rule = "lifo"'))
    sealed_again(package, "evidence/case.toml")
    return "README.txt"


def _when_resealed(package: Path) -> str:
    path = package / "evidence" / "record.json"
    path.write_text(path.read_text().replace('"provider": "node"', '"provider": "court"', 1))
    sealed_again(package, "evidence/record.json")
    return "evidence.csv"


def _how_resealed(package: Path) -> str:
    path = package / "evidence" / "record.json"
    path.write_text(
        path.read_text()
        .replace('"partial": true', '"partial": false')
        .replace('"partial": false', '"partial": true', 1)
    )
    sealed_again(package, "evidence/record.json")
    return "record.json"


def _judgement(package: Path) -> str:
    path = package / "evidence" / "record.json"
    path.write_text(path.read_text().replace("letter of 1 March", "letter of 2 March"))
    sealed_again(package, "evidence/record.json")
    return "judgements.csv"


def _size(package: Path) -> str:
    path = package / "evidence" / "record.json"
    document = json.loads(path.read_bytes())
    document["answers"][0]["size"] += 1
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    sealed_again(package, "evidence/record.json")
    return str(document["answers"][0]["sha256"])


def _hidden(package: Path) -> str:
    """Bytes behind the packed ones, which unpacking does not show."""
    name = member(answer_with(package, AMOUNT)[0])
    with (package / name).open("ab") as file:
        file.write(b"hidden")
    return name


def _manifest(package: Path) -> str:
    path = package / "manifest.json"
    path.write_text(path.read_text().replace('"rule": "fifo"', '"rule": "lifo"'))
    return "manifest.json"


@pytest.mark.parametrize(
    "harm",
    [
        _amount,
        _amount_renamed,
        _missing,
        _table,
        _table_resealed,
        _extra,
        _extra_resealed,
        _case_file,
        _case_file_resealed,
        _rule_resealed,
        _when_resealed,
        _how_resealed,
        _judgement,
        _size,
        _hidden,
        _manifest,
    ],
    ids=lambda f: f.__name__.strip("_"),
)
def test_whatever_was_changed_is_named(package: Path, harm: Callable[[Path], str]) -> None:
    named = harm(package)
    done = replayed(package)
    assert done.exit_code == 1, done.output
    assert named in done.output


def test_a_table_that_the_manifest_does_not_seal_is_a_problem_and_no_file_beside_the_package(
    package: Path,
) -> None:
    path = package / "manifest.json"
    document = json.loads(path.read_bytes())
    document["files"] = [entry for entry in document["files"] if entry["name"] != "origins.csv"]
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    done = CliRunner().invoke(app, ["--json", "replay", "--package", str(package)])
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert any("origins.csv" in str(problem) for problem in told["problems"])
    assert told["beside"] == []


def test_a_file_beside_the_package_is_named_and_does_no_harm(package: Path) -> None:
    (package / "notes.txt").write_text("mine")
    done = replayed(package)
    assert done.exit_code == 0
    assert "notes.txt lies beside the package" in done.stderr
    told = json.loads(CliRunner().invoke(app, ["--json", "replay", "--package", str(package)]).stdout)
    assert (told["problems"], told["differing"], told["beside"]) == ([], [], ["notes.txt"])


def _link(package: Path, outside: Path) -> None:
    path = package / member(answer_with(package, AMOUNT)[0])
    path.replace(outside / "answer")
    path.symlink_to(outside / "answer")


def _linked_folder(package: Path, outside: Path) -> None:
    (package / "evidence").replace(outside / "evidence")
    (package / "evidence").symlink_to(outside / "evidence")


def _linked_table(package: Path, outside: Path) -> None:
    (package / "taint.csv").replace(outside / "taint.csv")
    (package / "taint.csv").symlink_to(outside / "taint.csv")


def _pipe(package: Path, outside: Path) -> None:
    os.mkfifo(package / "evidence" / "archive" / "pipe")


def _above(package: Path, outside: Path) -> None:
    (outside / "secret").write_text("x")
    _named(package, "../secret")


def _absolute(package: Path, outside: Path) -> None:
    _named(package, "/etc/hostname")


def _named(package: Path, name: str) -> None:
    path = package / "manifest.json"
    document = json.loads(path.read_bytes())
    document["files"].append({"name": name, "rows": None, "sha256": "0" * 64, "size": 1})
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "harm",
    [_link, _linked_folder, _linked_table, _pipe, _above, _absolute],
    ids=lambda f: f.__name__.strip("_"),
)
def test_what_leads_out_of_the_package_is_refused(
    package: Path, tmp_path: Path, harm: Callable[[Path, Path], None]
) -> None:
    harm(package, tmp_path)
    with pytest.raises(InputError):
        open_package(package, 10**9)
    assert replayed(package).exit_code == 2


@pytest.mark.parametrize("resealed", [False, True])
def test_a_small_file_that_unpacks_without_end_is_not_unpacked(package: Path, resealed: bool) -> None:
    name = member(answer_with(package, AMOUNT)[0])
    pack = zstandard.ZstdCompressor(level=19).compressobj()
    block = bytes(1 << 24)
    (package / name).write_bytes(b"".join(pack.compress(block) for _ in range(64)) + pack.flush())
    if resealed:
        sealed_again(package, name)
    problems = [why for what, why in open_package(package, 10**9).problems if what == name]
    assert len(problems) == (1 if resealed else 2)
    assert "may hold" in problems[-1]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[" * 100_000, '{"files": [{"name": 1}]}', "\udcff"],
    ids=["none", "no", "deep", "odd", "text"],
)
def test_a_manifest_that_is_none_is_bad_input(package: Path, text: str) -> None:
    (package / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    done = replayed(package)
    assert done.exit_code == 2
    assert "defect" not in done.output + done.stderr


@pytest.mark.parametrize("name", ["evidence/case.toml", "evidence/record.json"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"a = 1", b"{}", b"[" * 100_000])
def test_a_case_file_or_record_that_is_none_is_named(package: Path, name: str, data: bytes) -> None:
    (package / name).write_bytes(data)
    sealed_again(package, name)
    done = replayed(package)
    assert done.exit_code == 1
    assert name in done.output
    assert "defect" not in done.output + done.stderr


def test_neither_or_both_of_case_and_package_are_bad_input(package: Path) -> None:
    for words in ([], ["theft", "--package", str(package)], ["--package", str(package), "--against", "x"]):
        assert CliRunner().invoke(app, ["replay", *words]).exit_code == 2
    assert replayed(package / "evidence").exit_code == 2
    assert replayed(package / "README.txt").exit_code == 2


def test_an_export_without_the_evidence_takes_that_of_an_earlier_one_away(
    tmp_path: Path,
) -> None:
    case = Case.demo(tmp_path / "w")
    case.export(tmp_path / "out", ["taint"], evidence=True)
    assert replayed(tmp_path / "out").exit_code == 0
    (tmp_path / "out" / "evidence" / "mine.txt").write_text("x")
    case.export(tmp_path / "out", ["taint"])
    left = [path.relative_to(tmp_path / "out").as_posix() for path in files(tmp_path / "out")]
    assert left == ["README.txt", "evidence/mine.txt", "manifest.json", "taint.csv"]


def test_an_export_does_not_write_or_remove_through_a_link(tmp_path: Path) -> None:
    case = Case.demo(tmp_path / "w")
    case.export(tmp_path / "out", ["taint"], evidence=True)
    (tmp_path / "out" / "evidence").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "evidence").symlink_to(tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    for evidence in (True, False):
        with pytest.raises(InputError, match="is a link"):
            case.export(tmp_path / "out", ["taint"], evidence=evidence)
    assert files(tmp_path / "elsewhere") == before


def test_a_case_that_changes_while_it_is_exported_gets_no_seal(tmp_path: Path) -> None:
    case = Case.demo(tmp_path / "w")

    def change(stage: str, done: int, total: int) -> None:
        if stage == "rules":
            Case.open("bybit-2025", tmp_path / "w").label(EXCHANGE, "X")

    with pytest.raises(Exception, match="was changed while"):
        case.export(tmp_path / "out", ["taint", "compare"], change, evidence=True)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_an_export_does_not_depend_on_what_else_the_workspace_holds(node: Anvil, tmp_path: Path) -> None:
    """Numbers of words are given as answers come in: no table may be in their order."""
    assets = [f"0x{n:040x}" for n in range(0xA1, 0xB9)]
    rows = [
        f"{CHAIN},{10 + n},0,1,2025-03-01T00:00:{n:02}Z,0x{n:064x},{hop(7, n)},{THIEF},{asset},T{n},6,1000,token"
        for n, asset in enumerate(assets)
    ]
    head = FILE.splitlines()[0]
    made = []
    for name, first in (("a", []), ("b", rows[::-1][::2]), ("c", rows[5:9])):
        if first:
            other = Case.create("other", tmp_path / name, clock=lambda: 5)
            for number, row in enumerate(first):
                other.import_file(f"{head}\n{row}\n".encode(), name=f"{number}.csv")
        case = Case.create("case", tmp_path / name, clock=lambda: 5)
        case.import_file("\n".join([head, *rows, ""]).encode(), name="all.csv")
        case.add_seed(THIEF)
        case.export(tmp_path / f"out-{name}", evidence=True)
        made.append(
            {p.relative_to(tmp_path / f"out-{name}"): p.read_bytes() for p in files(tmp_path / f"out-{name}")}
        )
    assert made[0] == made[1] == made[2]
