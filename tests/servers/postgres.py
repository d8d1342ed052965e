"""A private PostgreSQL server for tests, on a unix socket in a temporary folder: no port, no password, no leftovers.

`postgres_url` gives each test an empty database of its own as a SQLAlchemy URL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.servers import require

__all__ = ["PostgresServer", "postgres_server", "postgres_url"]

_START_SECONDS = 60


class PostgresServer:
    """One running server; `database()` makes an empty database and gives its name."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._binaries = binaries
        self._numbers = count(1)
        self._account: dict[str, object] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            account = _unprivileged()
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def start(self) -> None:
        """Make the cluster and wait until it answers. Durability is off: the data lives for one test run."""
        data = self.folder / "data"
        initdb = [self._binaries / "initdb", "-D", data, "-U", "tracer", "-A", "trust", "-E", "UTF8"]
        self._run([*initdb, "--locale=C.UTF-8", "--no-sync"])
        server = [self._binaries / "postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses="]
        for setting in ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=50"):
            server += ["-c", setting]
        with (self.folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in server],
                stdout=log,
                stderr=log,
                env=self._environment(),
                **self._account,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log_text = (self.folder / "server.log").read_text(errors="replace")
                    pytest.fail(f"PostgreSQL did not start:\n{log_text}", pytrace=False)
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Fast shutdown: open connections are cut."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)

    def database(self) -> str:
        """Create an empty database; returns its name."""
        name = f"case{next(self._numbers)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database that `database()` made, cutting whoever is still connected."""
        with self._connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str) -> str:
        """SQLAlchemy URL of `database`."""
        return f"postgresql+psycopg://tracer@/{database}?host={self.folder}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="tracer", dbname="postgres", autocommit=True)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    def _run(self, command: list[object]) -> None:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self._environment(),
            **self._account,
        )
        if done.returncode:
            pytest.fail(f"{command[0]} failed:\n{done.stderr}", pytrace=False)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("no account but root to run PostgreSQL under", pytrace=False)


def _binaries() -> Path | None:
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    on_path = shutil.which("initdb")
    found = [path.parent for path in packaged] + ([Path(on_path).resolve().parent] if on_path else [])
    return next((folder for folder in found if (folder / "postgres").exists()), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running private server (one a test process)."""
    binaries = require("postgresql", _binaries())
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # not pytest's tmp_path: only its owner may enter that
    server = PostgresServer(binaries, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """SQLAlchemy URL of an empty database that only this test uses."""
    name = postgres_server.database()
    yield postgres_server.url(name)
    postgres_server.drop(name)
