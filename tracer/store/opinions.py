"""Opinions as records: labels and judgements, each with who, when, and whether it was withdrawn. Never deleted."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from tracer.errors import NotFoundError
from tracer.model import Judgement, Label
from tracer.store.plaintext import plain
from tracer.store.tables import JudgementRow, LabelRow

__all__ = [
    "KeptLabel",
    "add_judgement",
    "add_label",
    "judgements",
    "labels",
    "withdraw_judgement",
    "withdraw_label",
]


@dataclass(frozen=True, slots=True)
class KeptLabel:
    """A label as kept: its number in this database, who gave it, when (UTC seconds), when it was withdrawn."""

    id: int
    label: Label
    author: str
    made_at: int
    withdrawn_at: int | None = None


def add_label(connection: Connection, label: Label, author: str, now: int) -> KeptLabel:
    """Keep a label."""
    number = connection.execute(
        insert(LabelRow)
        .values(
            chain=plain(label.chain, "chain", 256),
            address=plain(label.address, "address", 256),
            name=plain(label.name, "label"),
            category=plain(label.category, "category"),
            confidence=label.confidence,
            source=plain(label.source, "source"),
            valid_from=label.valid_from,
            valid_to=label.valid_to,
            author=plain(author, "author"),
            made_at=now,
        )
        .returning(LabelRow.id)
    ).scalar_one()
    return KeptLabel(number, label, author, now)


def labels(
    connection: Connection, *, chain: str | None, address: str | None, withdrawn: bool
) -> list[KeptLabel]:
    """Labels in the order they were given; `withdrawn` False leaves out those taken back."""
    query = select(LabelRow.__table__).order_by(LabelRow.id)
    if chain is not None:
        query = query.where(LabelRow.chain == chain)
    if address is not None:
        query = query.where(LabelRow.address == address)
    if not withdrawn:
        query = query.where(LabelRow.withdrawn_at.is_(None))
    return [
        KeptLabel(
            row.id,
            Label(
                row.chain,
                row.address,
                row.name,
                row.category,
                row.confidence,
                row.source,
                row.valid_from,
                row.valid_to,
            ),
            row.author,
            row.made_at,
            row.withdrawn_at,
        )
        for row in connection.execute(query)
    ]


def withdraw_label(connection: Connection, number: int, now: int) -> None:
    """Take a label back; a second time changes nothing. Raises NotFoundError."""
    if connection.scalar(select(LabelRow.id).where(LabelRow.id == number)) is None:
        raise NotFoundError(f"There is no label number {number}.", "List the labels to see their numbers.")
    connection.execute(
        update(LabelRow)
        .where(LabelRow.id == number, LabelRow.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )


def add_judgement(
    connection: Connection, case: str, author: str, subject: str, verdict: str, reason: str, now: int
) -> Judgement:
    """Keep a decision of `author` in `case`."""
    number = connection.execute(
        insert(JudgementRow)
        .values(
            case=plain(case, "case", 256),
            author=plain(author, "author"),
            made_at=now,
            subject=plain(subject, "subject"),
            verdict=plain(verdict, "verdict"),
            reason=plain(reason, "reason"),
        )
        .returning(JudgementRow.id)
    ).scalar_one()
    return Judgement(number, case, author, now, subject, verdict, reason)


def judgements(connection: Connection, case: str, *, withdrawn: bool) -> list[Judgement]:
    """Judgements of a case in the order they were made; `withdrawn` False leaves out those taken back."""
    query = select(JudgementRow.__table__).where(JudgementRow.case == case).order_by(JudgementRow.id)
    if not withdrawn:
        query = query.where(JudgementRow.withdrawn_at.is_(None))
    return [Judgement(**row) for row in connection.execute(query).mappings()]


def withdraw_judgement(connection: Connection, case: str, number: int, now: int) -> None:
    """Take a judgement of `case` back; a second time changes nothing. Raises NotFoundError."""
    mine = (JudgementRow.id == number, JudgementRow.case == case)
    if connection.scalar(select(JudgementRow.id).where(*mine)) is None:
        raise NotFoundError(
            f"There is no judgement number {number} in this case.", "List the judgements to see them."
        )
    connection.execute(
        update(JudgementRow).where(*mine, JudgementRow.withdrawn_at.is_(None)).values(withdrawn_at=now)
    )
