"""Schema changes: from empty, from an older revision with data in it, never from a newer one, and once only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from tracer.errors import SchemaTooNewError
from tracer.movements import amounts_from_column, from_rows
from tracer.settings import Settings
from tracer.store import Store, Workspace
from tracer.store.database import open_postgresql, open_sqlite, reading, writing
from tracer.store.schema import HEAD, MIGRATIONS, current_revision, migrate
from tracer.store.tables import Base
from tracer.testing.store_contract import draft_of, refuses


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield open_sqlite(tmp_path / "tracer.sqlite", 30)
    else:
        yield open_postgresql(request.getfixturevalue("postgres_url"), 30)


def test_the_head_in_the_code_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_an_empty_database_gets_exactly_the_tables_of_the_models(engine: Engine) -> None:
    migrate(engine)
    with reading(engine) as connection:
        assert current_revision(connection) == HEAD
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_comparison_sees_a_model_without_migration(engine: Engine) -> None:
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE words"))
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert [change[0] for change in found] == ["add_table"]


def test_facts_of_the_previous_revision_survive(engine: Engine) -> None:
    migrate(engine, "0001")
    with reading(engine) as connection:
        assert current_revision(connection) == "0001"
    with Store(engine).writer() as writer:
        number = writer.add_capture(draft_of(b"a"))
        writer.add_movements(number, from_rows([{"chain": "eip155:1", "amount": 2**255, "symbol": "a\0"}]))
    migrate(engine)
    with Store(engine).reader() as view:
        back = view.movements([number])
        assert view.judgements("c") == []
    assert amounts_from_column(back["amount"]) == [2**255]
    assert back["symbol"].to_pylist() == ["a\0"]
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_histories_from_before_there_were_codes_survive_without_one(engine: Engine) -> None:
    migrate(engine, "0004")
    told = "key, chain, address, from_block, to_block, worker, claimed_until, capture, transactions, complete, hub"
    with writing(engine) as connection:
        values = "'k', 'eip155:1', '0xa', 0, 9, 'w', 0, 'c', 7, true, false"
        connection.execute(text(f"INSERT INTO histories ({told}) VALUES ({values})"))
    migrate(engine)
    with Store(engine).writer() as writer:
        found = writer.history("k")
    assert found is not None
    assert (found.capture, found.transactions, found.complete, found.hub, found.code) == (
        "c",
        7,
        True,
        False,
        "",
    )


def test_a_newer_schema_is_refused_and_left_alone(engine: Engine) -> None:
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    with refuses(SchemaTooNewError, "9001", "Update the tracer"):
        migrate(engine)
    with reading(engine) as connection:
        assert current_revision(connection) == "9001"


def test_a_newer_workspace_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    Workspace.open(tmp_path, settings)
    engine = open_sqlite(tmp_path / "tracer.sqlite", 30)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    with refuses(SchemaTooNewError, "newer version"):
        Workspace.open(tmp_path, settings)


def test_a_migration_that_fails_leaves_the_old_schema(engine: Engine) -> None:
    migrate(engine, "0001")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE coverage (n integer)"))  # the last table of 0002 cannot be made
    with pytest.raises(Exception, match="coverage"):
        migrate(engine)
    with reading(engine) as connection:
        assert current_revision(connection) == "0001"
        assert not engine.dialect.has_table(connection, "labels")
