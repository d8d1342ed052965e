"""The tables of a workspace, as typed SQLAlchemy classes. Column comments give units; no query lives here.

Amounts are 32-byte big-endian blobs: exact up to 2**256 - 1 on every database, and not summable in SQL by mistake.
Words (addresses, assets, symbols ...) are interned: a movement row holds small numbers, the text stands once in
`words`. Text is kept as UTF-8 bytes there because tokens on chain carry NUL characters in their symbols, which
PostgreSQL's text type refuses, and it is found by its sha256 because a hostile symbol may be larger than an index
entry may be.

Every change of a table needs a migration (tests/test_migrations.py compares the two).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AnswerRow",
    "Base",
    "CaptureRow",
    "GapRow",
    "HistoryRow",
    "JudgementRow",
    "MovementRow",
    "PackRow",
    "WordRow",
]

_ID = BigInteger().with_variant(
    Integer(), "sqlite"
)  # SQLite numbers rows itself only for INTEGER PRIMARY KEY
_DIGEST = LargeBinary(32)


class Base(DeclarativeBase):
    """Base of all tables."""


class WordRow(Base):
    """One interned text. `digest` is the sha256 of `text` (UTF-8 bytes)."""

    __tablename__ = "words"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    digest: Mapped[bytes] = mapped_column(_DIGEST, unique=True)
    text: Mapped[bytes] = mapped_column(LargeBinary)


class CaptureRow(Base):
    """One archived answer or imported file, as read by one parser with one set of options (`key`)."""

    __tablename__ = "captures"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(40))
    media_type: Mapped[str] = mapped_column(String(127))
    size: Mapped[int] = mapped_column(BigInteger)
    fetched_at: Mapped[int] = mapped_column(BigInteger)
    parser: Mapped[str] = mapped_column(String(80))
    parser_version: Mapped[str] = mapped_column(String(40))
    mapping: Mapped[str] = mapped_column(Text)
    grade: Mapped[str] = mapped_column(String(20))
    partial: Mapped[bool]
    rows: Mapped[int] = mapped_column(BigInteger)
    chains: Mapped[str] = mapped_column(Text)


class MovementRow(Base):
    """One row of tracer.movements.SCHEMA. `seq` counts the rows of a capture from 0 in the parser's order."""

    __tablename__ = "movements"

    capture_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("captures.id"), primary_key=True, autoincrement=False
    )
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    row: Mapped[int] = mapped_column(BigInteger)
    chain: Mapped[int] = mapped_column(BigInteger)
    block: Mapped[int | None] = mapped_column(BigInteger)
    tx_index: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int | None] = mapped_column(BigInteger)
    timestamp: Mapped[int | None] = mapped_column(BigInteger)
    tx_hash: Mapped[str] = mapped_column(Text)
    from_address: Mapped[int] = mapped_column(BigInteger)
    to_address: Mapped[int] = mapped_column(BigInteger)
    asset: Mapped[int] = mapped_column(BigInteger)
    symbol: Mapped[int] = mapped_column(BigInteger)
    decimals: Mapped[int | None] = mapped_column(SmallInteger)
    amount: Mapped[bytes] = mapped_column(_DIGEST)
    kind: Mapped[int] = mapped_column(BigInteger)
    excluded: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[str | None] = mapped_column(Text)
    grade: Mapped[int] = mapped_column(BigInteger)
    extra: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index("ix_movements_from", "from_address"),
        Index("ix_movements_to", "to_address"),
        Index("ix_movements_tx", "tx_hash"),
        {"sqlite_with_rowid": False},  # rows of a capture lie together, in order
    )


class GapRow(Base):
    """What a parser found missing, cut or doubtful in a capture. `row` 0 = the whole capture."""

    __tablename__ = "gaps"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    capture_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("captures.id"), index=True)
    row: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)
    chain: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    asset: Mapped[str] = mapped_column(Text)
    amount: Mapped[bytes | None] = mapped_column(_DIGEST)
    tx: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))


class PackRow(Base):
    """A label pack that was read in this workspace: the file and what was read from it are in the archive."""

    __tablename__ = "packs"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64))
    labels: Mapped[str] = mapped_column(String(64))
    parser: Mapped[str] = mapped_column(String(80))
    count: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[int] = mapped_column(BigInteger)
    options: Mapped[str] = mapped_column(Text)
    as_of: Mapped[int | None] = mapped_column(BigInteger)


class JudgementRow(Base):
    """An analyst's decision in a case; withdrawn, never deleted."""

    __tablename__ = "judgements"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    case: Mapped[str] = mapped_column(Text, index=True)
    author: Mapped[str] = mapped_column(Text)
    made_at: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)


class AnswerRow(Base):
    """One answer of a provider. key: sha256 of the question; request: the question, which holds no key of anybody."""

    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), index=True)
    provider: Mapped[str] = mapped_column(Text)
    request: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    fetched_at: Mapped[int] = mapped_column(BigInteger)


class HistoryRow(Base):
    """The blocks of an address's history that somebody fetched, or is fetching until `claimed_until` (UTC seconds)."""

    __tablename__ = "histories"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    chain: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    from_block: Mapped[int] = mapped_column(BigInteger)
    to_block: Mapped[int] = mapped_column(BigInteger)
    worker: Mapped[str] = mapped_column(Text)
    claimed_until: Mapped[int] = mapped_column(BigInteger)
    capture: Mapped[str | None] = mapped_column(String(64))
    transactions: Mapped[int] = mapped_column(BigInteger)
    complete: Mapped[bool]
    hub: Mapped[bool]
    code: Mapped[str] = mapped_column(Text, server_default="")

    __table_args__ = (Index("ix_histories_address", "chain", "address"),)
