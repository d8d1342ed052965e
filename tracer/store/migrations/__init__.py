"""The alembic environment of the store: every schema change of a workspace as one file under `versions/`."""
