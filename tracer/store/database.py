"""Opening a database so that two processes cannot hurt each other, on SQLite and on PostgreSQL alike.

One writer at a time: a write transaction takes the database's own lock at its start (SQLite BEGIN IMMEDIATE,
PostgreSQL an advisory lock), so that it never fails half way for a conflict. Readers see one moment and wait for
nobody. Errors of the driver become errors of the tracer; they never print a connection URL or a parameter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool, QueuePool

from tracer.errors import StoreError, WorkspaceBusyError, shown
from tracer.store.files import file_errors

__all__ = ["open_postgresql", "open_sqlite", "reading", "writing"]

_WRITER_LOCK = 0x7472616365720001
"""Number of the PostgreSQL advisory lock that a writer holds: "tracer" in ASCII, then 1."""

_WRITES = "tracer_writes"


def open_sqlite(path: Path, busy_seconds: float) -> Engine:
    """An engine on the SQLite file `path`, created with mode 0600. One connection is kept open between uses.

    A file that is there is never opened and closed here: closing it would free the locks of every connection that this
    process has to it (POSIX), another process would then take itself for the last one and delete the log under them
    (sqlite.org, "How To Corrupt An SQLite Database File", 2.2). Callers keep two first openings apart.
    """
    with file_errors(), suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        # One stays open: opening and closing the last one (which checkpoints) costs more than a small write itself.
        pool_size=1,
        max_overflow=-1,
        hide_parameters=True,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},  # used by one thread at a time
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # the driver must not open transactions by itself
        cursor = raw.cursor()
        for pragma in (
            f"busy_timeout={int(busy_seconds * 1000)}",
            "page_size=16384",  # counts only when the file is new; a sixth less work on large imports
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "journal_size_limit=67108864",  # a large import must not leave a large -wal file behind
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def open_postgresql(url: str, busy_seconds: float) -> Engine:
    """An engine on the PostgreSQL database at `url` (`postgresql+psycopg://`)."""
    try:
        import psycopg  # noqa: F401 - optional: only a team database needs it
    except ImportError as error:
        raise StoreError(
            "The database is PostgreSQL, but its driver is not installed.",
            "Run: pip install 'coinpursuit[postgres]'",
        ) from error
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise StoreError(
            "The database URL cannot be read.",
            "Write it as postgresql+psycopg://user:password@host/database.",
        ) from None  # the cause would print the URL, which may hold a password
    wait = int(busy_seconds * 1000) or 1  # 0 would mean: wait for ever
    return create_engine(
        parsed,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"options": f"-c lock_timeout={wait}", "client_encoding": "utf8"},
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment of the database, whatever others write meanwhile."""
    with _database_errors(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction of the only writer: committed at the end, rolled back whole on any error.

    Raises WorkspaceBusyError when another process keeps writing for longer than `busy_seconds`.
    """
    with _database_errors(), engine.connect() as connection:
        connection = connection.execution_options(**{_WRITES: True})
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            yield connection


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        raise _translated(error.orig if error.orig is not None else error) from error
    except Exception as error:
        # driver-level bulk calls raise the driver's own errors, which SQLAlchemy does not wrap
        if type(error).__module__.partition(".")[0] in {"sqlite3", "psycopg"}:
            raise _translated(error) from error
        raise


_GONE = frozenset(
    {"OperationalError", "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow"}
)
"""Errors of psycopg that mean that the connection is lost, and not that a statement was refused."""


def _translated(error: BaseException) -> StoreError:
    detail = " ".join(str(error).split())
    name = type(error).__name__
    if "database is locked" in detail or name in {"LockNotAvailable", "DeadlockDetected"}:
        return WorkspaceBusyError(
            "Another process is writing to the workspace.", "Wait until it has finished and try again."
        )
    if "not a database" in detail or "malformed" in detail:
        return StoreError(
            f"The database of the workspace is damaged ({shown(detail)}).",
            "Restore it from a backup; the archive of imported files is kept apart and can be imported again.",
        )
    if "disk is full" in detail or name == "DiskFull":
        return StoreError("The disk is full; nothing was changed.", "Free some space and try again.")
    if "disk I/O error" in detail:  # SQLite needs a little room to read, too
        return StoreError(
            "The disk of the workspace cannot be read or written: it may be full. Nothing was changed.",
            "Free some space and try again; if there is enough, check the disk.",
        )
    if "readonly" in detail or "unable to open" in detail:
        return StoreError(
            f"The database of the workspace cannot be opened for writing ({shown(detail)}).",
            "Check the rights of the workspace folder.",
        )
    if type(error).__module__.startswith("psycopg") and name in _GONE:
        return StoreError(
            f"The database server cannot be reached or ended the connection ({shown(detail, 200)}).",
            "What was written before is kept. When the server answers again, run the same command again.",
        )
    return StoreError(f"The database refused ({name}: {shown(detail, 200)}).", "Nothing was changed.")
