"""Answers of providers, and which histories were fetched or are being fetched (instead of the unused coverage)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of collecting."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_table("coverage")
    op.create_table(
        "answers",
        sa.Column("id", number, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, index=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "histories",
        sa.Column("id", number, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.Column("capture", sa.String(64)),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("hub", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_histories_address", "histories", ["chain", "address"])
