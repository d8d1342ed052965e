"""Run by alembic. The connection comes from `tracer.store.schema`, which holds the lock and the transaction.

This file opens no connection and reads no settings: a migration never runs outside `Workspace.open`.
"""

from __future__ import annotations

from alembic import context

from tracer.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite can roll DDL back; alembic assumes that it cannot
    render_as_batch=True,
)
context.run_migrations()
