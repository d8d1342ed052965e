"""Many rows at the speed of the driver: executemany on SQLite, COPY on PostgreSQL, and lookups of many keys at once.

SQLAlchemy's own row handling costs several times the database's work at a million rows. Names of tables and columns
come from `tables.py` only, never from data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.schema import CreateIndex, DropIndex

from tracer.store.tables import Base

__all__ = ["LOOKUP", "insert_rows", "large_import", "select_in", "stream"]

LOOKUP = 500
"""Keys per IN list: measured best on SQLite (20,000 addresses a second against 1,800 one by one)."""

_FETCH = 20_000


def insert_rows(
    connection: Connection, table: type[Base], rows: Iterable[tuple[Any, ...]], columns: Sequence[str]
) -> None:
    """Insert `rows` (plain tuples in the order of `columns`) inside the connection's transaction."""
    raw: Any = connection.connection.driver_connection
    names = ", ".join(f'"{name}"' for name in columns)
    cursor = raw.cursor()
    try:
        if connection.dialect.name == "postgresql":
            with cursor.copy(f'COPY "{table.__tablename__}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(columns))
            cursor.executemany(f'INSERT INTO "{table.__tablename__}" ({names}) VALUES ({marks})', rows)  # noqa: S608
    finally:
        cursor.close()


@contextmanager
def large_import(connection: Connection, table: type[Base]) -> Iterator[None]:
    """Around the insertion of more rows than `table` holds so far.

    On SQLite its indexes are built once, after the block, which halves the time; readers go on undisturbed, because
    the change is part of the transaction. On PostgreSQL that would lock readers out; there the planner is told about
    the new rows, or its first lookups would read the whole table.
    """
    known = table.__table__
    if connection.dialect.name == "sqlite" and isinstance(known, Table):
        indexes = sorted(known.indexes, key=lambda index: str(index.name))
        for index in indexes:
            connection.execute(DropIndex(index))
        yield
        for index in indexes:
            connection.execute(CreateIndex(index))
    else:
        yield
        connection.execute(text(f'ANALYZE "{table.__tablename__}"'))


def stream(
    connection: Connection, sql: str, parameters: Sequence[Any] = ()
) -> Iterator[list[tuple[Any, ...]]]:
    """The answer to `sql` (with `?` marks) as lists of at most 20,000 plain rows, without holding all of them."""
    raw: Any = connection.connection.driver_connection
    postgresql = connection.dialect.name == "postgresql"
    # a named cursor keeps the answer on the server; the client's own would hold all of it in memory
    cursor = raw.cursor(name="tracer") if postgresql else raw.cursor()
    try:
        cursor.execute(sql.replace("?", "%s") if postgresql else sql, tuple(parameters))
        while rows := cursor.fetchmany(_FETCH):
            yield rows
    finally:
        cursor.close()


def select_in(
    connection: Connection, sql: str, keys: Sequence[Any], before: Sequence[Any] = (), size: int = LOOKUP
) -> Iterator[tuple[Any, ...]]:
    """The rows of `sql`, whose `{keys}` becomes an IN list, for all `keys`, `size` of them at a time.

    `before`: parameters of the marks that stand before the list.
    """
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        marks = ", ".join("?" * len(part))
        for rows in stream(connection, sql.replace("{keys}", marks), [*before, *part]):
            yield from rows
