"""What providers were asked and what they said, and who is fetching which history just now.

Answers are append-only: the same question asked again is another row. A history is fetched once for all cases of the
workspace; a claim keeps two collectors from fetching it at once, and runs out when its holder dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from tracer.errors import NotFoundError
from tracer.store.plaintext import plain
from tracer.store.tables import AnswerRow, HistoryRow

__all__ = [
    "Answered",
    "History",
    "HistoryKey",
    "add_answer",
    "all_answers",
    "claim",
    "finish",
    "history",
    "latest_answer",
    "release",
]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: sha256 of its bytes in the archive, size in bytes, UTC seconds."""

    key: str
    provider: str
    request: str
    sha256: str
    size: int
    fetched_at: int


@dataclass(frozen=True, slots=True)
class HistoryKey:
    """A history that can be fetched. key: 64 hex digits over everything that decides its movements."""

    key: str
    chain: str
    address: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class History:
    """A history as kept. capture: key of its capture, None while it is being fetched; the rest as fetched."""

    capture: str | None
    worker: str
    claimed_until: int
    transactions: int
    complete: bool
    hub: bool
    code: str = ""


def add_answer(connection: Connection, answer: Answered) -> None:
    """Keep the record of an answer whose bytes are in the archive."""
    connection.execute(
        insert(AnswerRow).values(
            key=answer.key,
            provider=plain(answer.provider, "provider"),
            request=plain(answer.request, "request"),
            sha256=answer.sha256,
            size=answer.size,
            fetched_at=answer.fetched_at,
        )
    )


def latest_answer(connection: Connection, key: str) -> Answered | None:
    """The newest answer to a question."""
    query = select(AnswerRow.__table__).where(AnswerRow.key == key).order_by(AnswerRow.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Answered(*row[1:])


def all_answers(connection: Connection, keys: Sequence[str]) -> list[tuple[int, Answered]]:
    """The answers to some questions, each with its number in the order of arrival."""
    query = select(AnswerRow.__table__).where(AnswerRow.key.in_(keys))
    return [(row[0], Answered(*row[1:])) for row in connection.execute(query)]


def history(connection: Connection, key: str) -> History | None:
    """The history with that key, if anybody fetched it or is fetching it."""
    row = connection.execute(select(HistoryRow.__table__).where(HistoryRow.key == key)).one_or_none()
    if row is None:
        return None
    return History(
        row.capture, row.worker, row.claimed_until, row.transactions, row.complete, row.hub, row.code
    )


def claim(connection: Connection, wanted: HistoryKey, worker: str, now: int, until: int) -> History:
    """Say that `worker` fetches a history until `until` (UTC seconds); returns what is kept after that.

    It is the worker's own when `worker` in the answer says so. A claim that ran out goes to whoever asks.
    """
    known = history(connection, wanted.key)
    if known is None:
        connection.execute(
            insert(HistoryRow).values(
                key=wanted.key,
                chain=wanted.chain,
                address=wanted.address,
                from_block=wanted.first,
                to_block=wanted.last,
                worker=plain(worker, "worker"),
                claimed_until=until,
                capture=None,
                transactions=0,
                complete=False,
                hub=False,
            )
        )
        return History(None, worker, until, 0, complete=False, hub=False)
    if known.capture is not None or (known.worker != worker and known.claimed_until > now):
        return known
    connection.execute(
        update(HistoryRow).where(HistoryRow.key == wanted.key).values(worker=worker, claimed_until=until)
    )
    return History(None, worker, until, 0, complete=False, hub=False)


def finish(
    connection: Connection,
    key: str,
    capture: str,
    *,
    transactions: int,
    complete: bool,
    hub: bool,
    code: str = "",
) -> None:
    """Note what a claimed history came to. Raises NotFoundError if nobody claimed it."""
    done = connection.execute(
        update(HistoryRow)
        .where(HistoryRow.key == key)
        .values(capture=capture, transactions=transactions, complete=complete, hub=hub, code=code)
    )
    if done.rowcount != 1:
        raise NotFoundError("Nobody is fetching that history.")


def release(connection: Connection, worker: str) -> None:
    """Give up every claim of a worker that ends, so that nobody waits for it."""
    mine = (HistoryRow.worker == worker) & HistoryRow.capture.is_(None)
    connection.execute(update(HistoryRow).where(mine).values(claimed_until=0))
