"""The workspace folder: rights, archive, settings, several processes at once, and kill -9."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.store_workers import import_many, import_until_killed, open_workspace
from tracer.errors import FileError, InputError, NotFoundError, StoreError
from tracer.movements import from_rows
from tracer.settings import Settings, default_home, read_settings
from tracer.store import Archive, CaseFile
from tracer.store.casetext import parse, render
from tracer.testing.store_contract import draft_of, refuses

_SPAWN = multiprocessing.get_context("spawn")  # a fresh interpreter each, as two users have


def _modes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in [root, *root.rglob("*")]
    }


def test_folders_are_0700_and_files_0600_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        workspace = open_workspace(tmp_path / "deep" / "w")
        workspace.keep(b"a", draft_of(b"a"), from_rows([]))
    finally:
        os.umask(before)
    for name, mode in _modes(workspace.root).items():
        assert mode == ("0o700" if (workspace.root / name).is_dir() else "0o600"), name


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    first = open_workspace(tmp_path)
    capture, _ = first.keep(b"a", draft_of(b"a"), from_rows([{"chain": "c", "amount": 1}]))
    with open_workspace(tmp_path).store.reader() as view:
        assert view.captures() == [capture]


def test_opening_twice_keeps_the_locks_that_tell_other_processes_of_a_connection(tmp_path: Path) -> None:
    """The web UI opens a workspace more than once; the command line beside it must not take its log away."""
    first = open_workspace(tmp_path)
    captures = [first.keep(b"a", draft_of(b"a"), from_rows([{"chain": "c", "amount": 1}]))[0]]
    second = open_workspace(tmp_path)
    log = tmp_path / "tracer.sqlite-wal"
    before = log.stat().st_ino
    alone = _SPAWN.Barrier(1)
    other = _SPAWN.Process(target=import_many, args=(tmp_path, 0, alone))
    other.start()
    other.join()
    assert other.exitcode == 0
    assert log.stat().st_ino == before
    captures.append(first.keep(b"b", draft_of(b"b"), from_rows([{"chain": "c", "amount": 2}]))[0])
    for workspace in (first, second):
        with workspace.store.reader() as view:
            assert len(view.captures()) == 8
            assert [c for c in view.captures() if c in captures] == captures


def test_a_workspace_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("x")
    with refuses(StoreError, "not a folder"):
        open_workspace(tmp_path / "w")
    with refuses(StoreError, "cannot be made"):
        open_workspace(tmp_path / "w" / "below")


def test_what_was_parsed_must_be_what_is_archived(tmp_path: Path) -> None:
    with refuses(StoreError, "changed while"):
        open_workspace(tmp_path).keep(b"other bytes", draft_of(b"a"), from_rows([]))


# the archive


@given(raw=st.binary(max_size=300))
def test_the_archive_gives_back_the_bytes(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "shared-archive"
    archive = Archive(root)
    sha256 = archive.put(raw)
    assert sha256 == hashlib.sha256(raw).hexdigest()
    assert archive.put(raw) == sha256
    assert archive.read(sha256) == raw
    assert sha256 in archive
    assert sha256 in archive.names()


def test_a_file_is_archived_block_by_block_and_copied_out(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    raw = os.urandom(1 << 20) * 3 + b"end"
    (tmp_path / "in.csv").write_bytes(raw)
    sha256 = archive.put(tmp_path / "in.csv")
    assert archive.path(sha256) == tmp_path / "archive" / sha256[:2] / f"{sha256[2:]}.zst"
    assert zstandard.ZstdDecompressor().stream_reader(archive.path(sha256).read_bytes()).read() == raw
    archive.copy_to(sha256, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == raw
    with refuses(FileError, "nothing.csv"):
        archive.put(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-60],
        lambda packed: b"",
        lambda packed: packed[:40] + bytes([packed[40] ^ 1]) + packed[41:],
        lambda packed: zstandard.ZstdCompressor().compress(b"forged"),
        lambda packed: b"not zstd at all",
    ],
    ids=["cut", "empty", "bit", "forged", "other"],
)
def test_damaged_evidence_is_refused_and_healed_by_a_new_import(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    archive = Archive(tmp_path / "archive")
    raw = os.urandom(500)
    sha256 = archive.put(raw)
    path = archive.path(sha256)
    path.write_bytes(damage(path.read_bytes()))
    (tmp_path / "out").write_text("old")
    for ask in (archive.read, archive.verify, lambda name: archive.copy_to(name, tmp_path / "out")):
        with refuses(StoreError, sha256, "damaged", "backup"):
            ask(sha256)
    assert (tmp_path / "out").read_text() == "old"
    archive.put(raw)
    assert archive.read(sha256) == raw


def test_what_is_not_in_the_archive_is_not_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    assert archive.names() == []
    with refuses(NotFoundError, "0" * 64):
        archive.read("0" * 64)
    for name in ("../../etc/passwd", "A" * 64, "", "0" * 63):
        with refuses(NotFoundError, "sha256"):
            archive.read(name)


# settings


def test_settings_come_from_the_environment_before_the_workspace_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TRACER_LANGUAGE=ja\nTRACER_TIME_ZONE=UTC\nOTHER=1\n")
    monkeypatch.setenv("TRACER_TIME_ZONE", "Europe/Paris")
    settings = read_settings(tmp_path)
    assert (settings.home, settings.language, settings.time_zone) == (tmp_path, "ja", "Europe/Paris")
    assert settings.database_url is None


def test_the_env_file_of_the_current_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TRACER_LANGUAGE=ja\n")
    monkeypatch.chdir(tmp_path)
    assert read_settings(tmp_path / "w").language == "en"


def test_the_default_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "named"))
    assert default_home() == tmp_path / "named"
    monkeypatch.delenv("TRACER_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_home() == tmp_path / "xdg" / "tracer"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_home() == tmp_path / ".local" / "share" / "tracer"
    assert read_settings().home == default_home()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("TRACER_LANGAUGE=ja", ("TRACER_LANGAUGE", "TRACER_LANGUAGE?")),
        ("TRACER_LANGUAGE=fr", ("TRACER_LANGUAGE", "'en' or 'ja'")),
        ("TRACER_TIME_ZONE=Tokio", ("TRACER_TIME_ZONE", "Asia/Tokyo")),
        ("TRACER_MAX_UPLOAD_ROWS=0", ("TRACER_MAX_UPLOAD_ROWS",)),
        ("TRACER_DATABASE_URL=mysql://u:s3cret@h/d", ("TRACER_DATABASE_URL", "postgresql+psycopg://")),
    ],
)
def test_a_setting_that_cannot_apply_is_refused_without_its_value(
    line: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(line + "\n")
    with pytest.raises(InputError) as caught:
        read_settings(tmp_path)
    for word in words:
        assert word in str(caught.value)
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "line",
    [
        "TRACER_KEY_ETHERSCAN: s3cret",
        "TRACER_KEY_ETHERSCAN s3cret",
        "TRACER_KEY_ETHERSCAN='s3cret",
        "set TRACER_KEY_ETHERSCAN=s3cret",
        "TRACER-KEY-ETHERSCAN=s3cret",
        "TRACERKEY_ETHERSCAN=s3cret",
        "TRACER_KEY_=s3cret",
        "TRACER_KEYS: s3cret",
        "TRACER_DATABASE_URL: postgresql://u:s3cret@h/d",
        "TRACER_KEY_ETHERSCAN",
    ],
)
def test_a_line_that_would_silently_not_apply_is_refused_without_its_value(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# TRACER_NOTE: a comment may say anything\nOTHER 1\n{line}\n")
    with pytest.raises(InputError, match=r"line 3|not a setting") as caught:
        read_settings(tmp_path)
    assert "s3cret" not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffTRACER_KEY_X=k",
        "export TRACER_KEY_X = 'k'",
        "TRACER_KEY_X=k # mine\r\n",
        "# old\nTRACER_KEY_X=k",
    ],
)
def test_ways_to_write_a_key_that_mean_it(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert read_settings(tmp_path).keys["x"].get_secret_value() == "k"


def test_a_database_password_stays_secret_in_settings() -> None:
    settings = Settings(home=Path("/w"), database_url="postgresql://u:s3cret@h/d")
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://u:s3cret@h/d"


# several processes


def test_processes_that_open_and_import_at_once_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "w"
    barrier = _SPAWN.Barrier(2)
    processes = [
        _SPAWN.Process(target=import_many, args=(home, first, barrier)) for first in (0, 3)
    ]  # 3, 4 and 5 are imported by both
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    workspace = open_workspace(home)
    with workspace.store.reader() as view:
        captures = view.captures()
        assert sorted(c.sha256 for c in captures) == sorted(
            hashlib.sha256(b"%d" % n).hexdigest() for n in range(9)
        )
        table = view.movements([c.id for c in captures])
        assert table.num_rows == 9 * 200
        amounts = {int.from_bytes(a, "big") for a in table["amount"].to_pylist()}
        assert amounts == set(range(9))
        ask = view._connection.exec_driver_sql
        assert ask("PRAGMA integrity_check").scalar() == "ok"
        assert (
            ask("SELECT count(*) FROM words").scalar()
            == ask("SELECT count(DISTINCT text) FROM words").scalar()
        )


def test_kill_9_in_the_middle_of_an_import_leaves_no_trace_of_it(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    before, _ = workspace.keep(b"a", draft_of(b"a"), from_rows([{"chain": "c", "amount": 1}]))
    half_way = _SPAWN.Event()
    process = _SPAWN.Process(target=import_until_killed, args=(tmp_path, half_way))
    process.start()
    assert half_way.wait(120)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    workspace = open_workspace(tmp_path)
    with workspace.store.reader() as view:
        assert view.captures() == [before]
        assert view.counts() == {"captures": 1, "movements": 1}
        assert view._connection.exec_driver_sql("SELECT count(*) FROM movements").scalar() == 1
        assert view._connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    again, new = workspace.keep(b"big", draft_of(b"big"), from_rows([{"chain": "c", "amount": 2}]))
    assert new
    assert again.rows == 1


# what docs/workspace.md promises

_DOCS = (Path(__file__).parents[1] / "docs" / "workspace.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        if name == "keys":  # one variable for each key
            name = "key_name"
        (line,) = (line for line in _DOCS.splitlines() if line.startswith(f"| `TRACER_{name.upper()}` |"))
        if isinstance(field.default, (int, float)):
            assert f"| {field.default:.0f} |" in line
        elif isinstance(field.default, str):
            assert f"| `{field.default}` |" in line


def test_the_case_file_in_the_documentation_is_one() -> None:
    example = _DOCS.partition("```toml\n")[2].partition("```")[0]
    case = parse(example, "the example")
    assert case.seeds[0].amount == 401346768858404671846374
    assert parse(render(case), "again") == case
    for name in ("format", *CaseFile.__dataclass_fields__):
        assert f"{name} =" in _DOCS or f"[{name}]" in _DOCS
