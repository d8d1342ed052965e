"""Opinions as records: judgements, with who, when, and whether withdrawn; label packs. Never deleted."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Connection, insert, select, update

from tracer.errors import NotFoundError
from tracer.model import Judgement
from tracer.store.caserecords import PackPin
from tracer.store.plaintext import plain
from tracer.store.tables import JudgementRow, PackRow

__all__ = ["add_judgement", "add_pack", "judgements", "packs", "withdraw_judgement"]

_PACK = [f.name for f in fields(PackPin) if f.name not in {"removed_at", "reason"}]
"""What a workspace knows of a pack; the rest is the word of a case."""


def add_pack(connection: Connection, pin: PackPin) -> None:
    """Keep a label pack; the same file read in the same way, under the same name, is kept once."""
    values = {name: getattr(pin, name) for name in _PACK}
    same = [getattr(PackRow, name) == values[name] for name in ("name", "sha256", "labels", "options")]
    if connection.scalar(select(PackRow.id).where(*same)) is None:
        connection.execute(insert(PackRow).values(values | {"name": plain(pin.name, "name", 1000)}))


def packs(connection: Connection) -> list[PackPin]:
    """The label packs of the workspace, in the order in which they were kept."""
    rows = connection.execute(select(PackRow.__table__).order_by(PackRow.id)).mappings()
    return [PackPin(**{name: row[name] for name in _PACK}) for row in rows]


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
