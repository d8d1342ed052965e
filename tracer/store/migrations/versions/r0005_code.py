"""The code of the contract whose history was fetched; of histories from before it is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the name of the code to the histories."""
    op.add_column("histories", sa.Column("code", sa.Text(), nullable=False, server_default=""))
