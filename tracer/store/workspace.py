"""The workspace: one folder (or a folder and a PostgreSQL database) that holds all cases of a team.

    tracer.sqlite    the tables, unless the settings name a PostgreSQL database
    archive/         raw bytes of everything imported or fetched, by sha256
    cases/<name>/    case.toml and what the case exports
    .env             settings of this workspace (read by tracer.settings)

Opening creates what is missing (folders 0700, files 0600) and brings an older schema up to date; a newer one is
refused. Any number of processes may have it open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from tracer.errors import StoreError, shown
from tracer.model import Gap
from tracer.settings import Settings, read_settings
from tracer.store.archive import Archive
from tracer.store.captures import Capture, Draft
from tracer.store.casefile import Cases
from tracer.store.database import open_postgresql, open_sqlite
from tracer.store.files import folder_lock, make_folder
from tracer.store.schema import migrate
from tracer.store.writer import Store, Writer

__all__ = ["DATABASE_FILE", "Workspace", "keep_read"]

DATABASE_FILE = "tracer.sqlite"


class Workspace:
    """An open workspace: `root`, `settings`, `archive`, `store`, `cases` (the case files), `cases_dir`.

    Made by `Workspace.open`.
    """

    def __init__(self, root: Path, settings: Settings, store: Store) -> None:
        self.root = root
        self.settings = settings
        self.store = store
        self.archive = Archive(root / "archive")
        self.cases_dir = root / "cases"
        self.cases = Cases(self.cases_dir, settings.busy_seconds)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, settings: Settings | None = None) -> Workspace:
        """Open the workspace folder `path` (None: the one the settings name), creating it when it is not there.

        `settings` None: they are read from the environment and the folder's `.env`. Raises StoreError when it
        cannot be used, SchemaTooNewError when a newer tracer wrote it, WorkspaceBusyError.
        """
        if settings is None:
            settings = read_settings(path)
        root = Path(path).expanduser().absolute() if path is not None else settings.home
        if root.exists() and not root.is_dir():
            raise StoreError(f"The workspace {shown(root)} is not a folder.", "Name a folder.")
        for folder in (root, root / "archive", root / "cases"):
            make_folder(folder)
        # SQLite makes a file and switches it to WAL outside of its own locks; this lock keeps two first openings apart
        with folder_lock(root / ".open.lock", settings.busy_seconds):
            if settings.database_url is None:
                engine = open_sqlite(root / DATABASE_FILE, settings.busy_seconds)
            else:
                engine = open_postgresql(settings.database_url.get_secret_value(), settings.busy_seconds)
            migrate(engine)
        return cls(root, settings, Store(engine))

    def keep(
        self,
        source: bytes | Path,
        draft: Draft,
        movements: pa.Table | Iterable[pa.Table],
        gaps: Iterable[Gap] = (),
    ) -> tuple[Capture, bool]:
        """Archive the raw bytes and keep what was read from them: all of it or nothing.

        Returns the capture and whether it is new; the same bytes read in the same way are kept once. Raises
        StoreError when `source` is not what `draft.sha256` says was parsed.
        """
        if self.archive.put(source) != draft.sha256:
            raise StoreError(
                "The file changed while it was being imported.",
                "Close the program that writes it and import again.",
            )
        with self.store.writer() as writer:
            return keep_read(writer, draft, movements, gaps)


def keep_read(
    writer: Writer, draft: Draft, movements: pa.Table | Iterable[pa.Table], gaps: Iterable[Gap] = ()
) -> tuple[Capture, bool]:
    """Keep what was read from archived bytes; returns the capture and whether it is new."""
    known = writer.capture(key=draft.key)
    if known is not None:
        return known, False
    number = writer.add_capture(draft)
    for table in [movements] if isinstance(movements, pa.Table) else movements:
        writer.add_movements(number, table)
    writer.add_gaps(number, gaps)
    (kept,) = writer.captures_of([number])
    return kept, True
