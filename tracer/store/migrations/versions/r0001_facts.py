"""Facts: captures, their movements and gaps, and the interned words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of facts."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "words",
        sa.Column("id", number, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("text", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "captures",
        sa.Column("id", number, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("media_type", sa.String(127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("parser", sa.String(80), nullable=False),
        sa.Column("parser_version", sa.String(40), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("grade", sa.String(20), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("chains", sa.Text(), nullable=False),
    )
    op.create_table(
        "movements",
        sa.Column("capture_id", sa.BigInteger(), sa.ForeignKey("captures.id"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger()),
        sa.Column("tx_index", sa.BigInteger()),
        sa.Column("position", sa.BigInteger()),
        sa.Column("timestamp", sa.BigInteger()),
        sa.Column("tx_hash", sa.Text(), nullable=False),
        sa.Column("from_address", sa.BigInteger(), nullable=False),
        sa.Column("to_address", sa.BigInteger(), nullable=False),
        sa.Column("asset", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.BigInteger(), nullable=False),
        sa.Column("decimals", sa.SmallInteger()),
        sa.Column("amount", sa.LargeBinary(32), nullable=False),
        sa.Column("kind", sa.BigInteger(), nullable=False),
        sa.Column("excluded", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("grade", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.Text()),
        sa.PrimaryKeyConstraint("capture_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_movements_from", "movements", ["from_address"])
    op.create_index("ix_movements_to", "movements", ["to_address"])
    op.create_index("ix_movements_tx", "movements", ["tx_hash"])
    op.create_table(
        "gaps",
        sa.Column("id", number, primary_key=True),
        sa.Column("capture_id", sa.BigInteger(), sa.ForeignKey("captures.id"), nullable=False, index=True),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.LargeBinary(32)),
        sa.Column("tx", sa.Text(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
    )
