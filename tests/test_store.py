"""The store contract on SQLite and on a real PostgreSQL, and what is particular to each."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tracer.errors import StoreError, WorkspaceBusyError
from tracer.movements import MAX_AMOUNT, SCHEMA, from_rows
from tracer.settings import Settings
from tracer.store import Workspace
from tracer.store.database import _translated
from tracer.testing.store_contract import StoreContract, draft_of, refuses


def _settings(home: Path, **values: object) -> Settings:
    return Settings(home=home, busy_seconds=30, **values)


class TestOnSqlite(StoreContract):
    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Workspace:
        return Workspace.open(tmp_path / "w", _settings(tmp_path / "w"))

    def test_it_is_sqlite(self, workspace: Workspace) -> None:
        assert workspace.store.database == "sqlite"


class TestOnPostgresql(StoreContract):
    @pytest.fixture
    def workspace(self, tmp_path: Path, postgres_url: str) -> Workspace:
        return Workspace.open(tmp_path / "w", _settings(tmp_path / "w", database_url=SecretStr(postgres_url)))

    def test_it_is_postgresql(self, workspace: Workspace) -> None:
        assert workspace.store.database == "postgresql"

    def test_a_second_writer_waits_and_then_says_who_is_busy(
        self, workspace: Workspace, postgres_url: str
    ) -> None:
        hurried = workspace.settings.model_copy(update={"busy_seconds": 0.05})
        other = Workspace.open(workspace.root, hurried)
        with workspace.store.writer(), refuses(WorkspaceBusyError, "try again"), other.store.writer():
            pass


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_free = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_int64 = st.integers(-(2**63), 2**63 - 1)
_row = st.fixed_dictionaries(
    {
        "amount": st.integers(0, MAX_AMOUNT),
        "block": st.none() | _int64,
        "tx_index": st.none() | _int64,
        "position": st.none() | _int64,
        "timestamp": st.none() | _int64,
        "decimals": st.none() | st.integers(-(2**15), 2**15 - 1),
        "tx_hash": _free,
        "value": st.none() | _free,
        "extra": st.none() | _free,
    }
    | dict.fromkeys(
        ("chain", "from_address", "to_address", "asset", "symbol", "kind", "excluded", "grade"), _text
    )
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("w")
    return Workspace.open(home, _settings(home))


@given(rows=st.lists(_row, max_size=12), name=st.binary(min_size=16, max_size=16))
def test_any_movement_table_comes_back_exactly(
    shared: Workspace, rows: list[dict[str, object]], name: bytes
) -> None:
    table = from_rows(rows)
    with shared.store.writer() as writer:  # each example works on what the earlier ones left
        number = writer.add_capture(draft_of(name, n=len(writer.captures())))
        writer.add_movements(number, table)
    with shared.store.reader() as view:
        assert view.movements([number]).select(SCHEMA.names).to_pylist() == table.to_pylist()


def test_a_second_writer_on_sqlite_waits_and_then_says_who_is_busy(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, _settings(tmp_path))
    hurried = Workspace.open(tmp_path, Settings(home=tmp_path, busy_seconds=0.05))
    with workspace.store.writer(), refuses(WorkspaceBusyError, "try again"), hurried.store.writer():
        pass
    with hurried.store.writer() as writer:
        writer.add_capture(draft_of(b"a"))


def test_sqlite_runs_with_wal_and_foreign_keys(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, _settings(tmp_path))
    with workspace.store.reader() as view:
        ask = view._connection.exec_driver_sql
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA synchronous").scalar() == 2


def test_small_captures_are_read_together_and_a_large_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collection has tens of thousands: an array for each column of each took four times the memory of the rest."""
    monkeypatch.setattr("tracer.store.view._TOGETHER", 6)
    workspace = Workspace.open(tmp_path / "w", _settings(tmp_path / "w"))
    sizes = [1, 2, 0, 9, 1, 0, 0, 3, 2, 1, 1, 6, 0]
    kept = []
    for number, size in enumerate(sizes):
        raw = b"%d" % number
        rows = [{"chain": "bip122:0", "amount": 100 * number + n, "row": n + 1} for n in range(size)]
        kept.append(
            workspace.keep(raw, draft_of(raw), from_rows(rows) if rows else SCHEMA.empty_table())[0].id
        )
    asked = [kept[n] for n in (12, 4, 0, 3, 8, 2, 7, 1, 11, 5, 9, 10, 6)]
    with workspace.store.reader() as view:
        together = view.movements(asked)
        alone = [view.movements([number]) for number in asked]
    assert together.to_pylist() == [row for table in alone for row in table.to_pylist()]
    assert together.num_rows == sum(sizes)
    assert together["block"].num_chunks == 6  # 12 4 0 | 3 | 8 2 7 | 1 | 11 5 | 9 10 6: not one for each


def test_indexes_are_there_again_after_a_large_import(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, _settings(tmp_path))

    def indexes() -> list[tuple[str, str]]:
        with sqlite3.connect(tmp_path / "tracer.sqlite") as raw:
            found = raw.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
            ).fetchall()
        raw.close()
        return found

    before = indexes()
    rows = [{"chain": "c", "amount": 1}] * 20_001
    workspace.keep(b"a", draft_of(b"a"), from_rows(rows))
    assert indexes() == before
    with refuses(ZeroDivisionError), workspace.store.writer() as writer:
        writer.add_movements(writer.add_capture(draft_of(b"b")), from_rows(rows * 2))
        raise ZeroDivisionError
    assert indexes() == before


def test_a_damaged_database_is_named_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tracer.sqlite").write_bytes(b"this is a letter to the prosecutor" * 100)
    with refuses(StoreError, "damaged", "backup"):
        Workspace.open(tmp_path, _settings(tmp_path))
    assert (tmp_path / "tracer.sqlite").read_bytes().startswith(b"this is a letter")


def test_a_database_of_something_else_is_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tracer.sqlite") as raw:
        raw.execute("CREATE TABLE invoices (n)")
    raw.close()
    with refuses(StoreError, "invoices", "empty database"):
        Workspace.open(tmp_path, _settings(tmp_path))


def test_a_password_never_shows_when_the_server_cannot_be_reached(tmp_path: Path) -> None:
    url = SecretStr("postgresql+psycopg://u:s3cret-word@127.0.0.1:1/none")
    with pytest.raises(StoreError) as caught:
        Workspace.open(tmp_path, _settings(tmp_path, database_url=url))
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "s3cret-word" not in f"{seen} {seen!r}"
        seen = seen.__cause__ or seen.__context__


def test_a_lost_connection_is_no_refusal_and_says_how_to_go_on() -> None:
    """What a server says when it is restarted in the middle of somebody's work; another error stays what it is."""
    lost = [
        psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
        psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly"),
    ]
    for error in lost:
        told = _translated(error)
        assert "cannot be reached or ended the connection" in told.message
        assert "run the same command again" in told.hint
    assert "refused" in _translated(psycopg.errors.UndefinedColumn("no such column")).message
