"""Bringing a database to the schema of this version: from empty, from any older revision, never from a newer one.

The whole migration is one transaction of the only writer, so that two processes that open a workspace at once
migrate it once, and a crash leaves the old schema. `HEAD` is written here so that opening an up-to-date workspace
need not load alembic; a test holds it equal to the newest revision.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tracer.errors import SchemaTooNewError, StoreError, shown
from tracer.store.database import reading, writing

__all__ = ["HEAD", "MIGRATIONS", "current_revision", "migrate"]

HEAD = "0005"
"""The revision that this version of the tracer writes."""

MIGRATIONS = Path(__file__).parent / "migrations"


def current_revision(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty. Raises StoreError for tables of something else."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            raise StoreError(
                f"The database holds tables that are not the tracer's ({shown(', '.join(sorted(tables)))}).",
                "Give the tracer an empty database of its own.",
            )
        return None
    revisions = list(connection.scalars(text("SELECT version_num FROM alembic_version")))
    if len(revisions) != 1:
        raise StoreError("The schema version of the workspace cannot be read.", "Restore it from a backup.")
    return str(revisions[0])


def migrate(engine: Engine, target: str = HEAD) -> None:
    """Bring the database to revision `target`. Raises SchemaTooNewError when a newer tracer wrote it."""
    with reading(engine) as connection:
        if current_revision(connection) == target:
            return

    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with writing(engine) as connection:
        current = current_revision(connection)  # asked again: another process may have migrated meanwhile
        if current is not None and current not in known:
            raise SchemaTooNewError(
                f"The workspace was written by a newer version of the tracer (schema {shown(current)}, "
                f"this version knows {HEAD}).",
                "Update the tracer, or use another workspace; nothing was changed.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, target)
