"""Label packs, instead of the unused table of labels: those of an analyst stand in the case file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of label packs."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_table("labels")
    op.create_table(
        "packs",
        sa.Column("id", number, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("labels", sa.String(64), nullable=False),
        sa.Column("parser", sa.String(80), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger()),
    )
