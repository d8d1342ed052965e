"""Reading the store: one View sees one moment of the database, whatever other processes write meanwhile.

Many things are asked for at once (lists of captures, addresses, transactions); a loop of single questions is the
mistake this class is shaped against. Results have a defined order, and what does not exist is an error, not a blank.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, func, select

from tracer.errors import NotFoundError
from tracer.model import Gap, Judgement
from tracer.movements import SCHEMA
from tracer.store import collected, opinions
from tracer.store.bulk import LOOKUP, select_in, stream
from tracer.store.captures import Capture, CaptureGap
from tracer.store.caserecords import PackPin
from tracer.store.collected import Answered, History
from tracer.store.columns import Columns
from tracer.store.tables import CaptureRow, GapRow
from tracer.store.words import find_words, read_words

__all__ = ["View"]

_COLUMNS = ", ".join(f'"{name}"' for name in (*SCHEMA.names, "capture_id"))

_TOGETHER = 20_000
"""Rows of several captures that are read at once."""

_Value = TypeVar("_Value")


class View:
    """What the store holds at one moment. Made by `Store.reader()`; not for use after its `with` block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def capture(self, *, key: str | None = None, sha256: str | None = None) -> Capture | None:
        """The capture with this `key`; or the latest kept one of the bytes `sha256`; None when there is none."""
        if (key is None) == (sha256 is None):
            raise TypeError("give either key or sha256")
        found = self._captures(CaptureRow.key == key if key is not None else CaptureRow.sha256 == sha256)
        return found[-1] if found else None

    def captures_by_key(self, keys: Iterable[str]) -> dict[str, Capture]:
        """Captures by `Capture.key`; keys that are not kept are left out."""
        parts = _parts(sorted(set(keys)))
        return {c.key: c for part in parts for c in self._captures(CaptureRow.key.in_(part))}

    def capture_numbers(self, keys: Iterable[str]) -> dict[str, int]:
        """Numbers of captures by `Capture.key`; keys that are not kept are left out."""
        query = select(CaptureRow.key, CaptureRow.id)
        parts = _parts(sorted(set(keys)))
        return {
            row.key: row.id
            for part in parts
            for row in self._connection.execute(query.where(CaptureRow.key.in_(part)))
        }

    def captures_of(self, ids: Iterable[int]) -> list[Capture]:
        """Captures by number, in the order of `ids`. Raises NotFoundError for a number that is not there."""
        wanted = list(ids)
        found = {c.id: c for part in _parts(wanted) for c in self._captures(CaptureRow.id.in_(part))}
        _all_known(wanted, found)
        return [found[number] for number in wanted]

    def captures(self) -> list[Capture]:
        """All captures, in the order they were kept."""
        return self._captures()

    def _captures(self, *where: ColumnElement[bool]) -> list[Capture]:
        rows = self._connection.execute(select(CaptureRow.__table__).where(*where).order_by(CaptureRow.id))
        return [
            Capture(**dict(row, mapping=json.loads(row["mapping"]), chains=tuple(json.loads(row["chains"]))))
            for row in rows.mappings()
        ]

    def movements(self, capture_ids: Iterable[int]) -> pa.Table:
        """All movements of these captures: columns of tracer.movements.SCHEMA and int64 `capture`.

        Order: the captures as given (each once), then the source row; so ascending numbers give (capture, row).
        Raises NotFoundError for a number that is not there.
        """
        columns = Columns()
        for numbers in _batches(self._sizes(capture_ids)):
            for rows in self._rows_of(numbers):
                columns.add(rows)
        return self._table(columns)

    def _rows_of(self, numbers: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of one capture, as lists; or those of several together, in the order of `numbers`."""
        marks = ", ".join("?" * len(numbers))
        query = f"SELECT {_COLUMNS} FROM movements WHERE capture_id IN ({marks}) ORDER BY capture_id, seq"  # noqa: S608 - own names
        parts = stream(self._connection, query, numbers)
        if len(numbers) == 1:
            yield from parts
            return
        place = {number: at for at, number in enumerate(numbers)}
        rows = sorted((row for part in parts for row in part), key=lambda row: place[row[-1]])
        if rows:
            yield rows

    def _sizes(self, capture_ids: Iterable[int]) -> dict[int, int]:
        """How many movements these captures have, each once, in the order given. Raises NotFoundError."""
        wanted = list(dict.fromkeys(capture_ids))
        query = select(CaptureRow.id, CaptureRow.rows)
        found = {
            row.id: row.rows
            for part in _parts(wanted)
            for row in self._connection.execute(query.where(CaptureRow.id.in_(part)))
        }
        _all_known(wanted, found)
        return {number: found[number] for number in wanted}

    def movements_of_addresses(
        self, addresses: Iterable[str], *, chain: str | None = None, capture_ids: Iterable[int] | None = None
    ) -> pa.Table:
        """Movements that pay or are paid by any of the canonical `addresses`, each once, by (capture, row).

        `chain`, `capture_ids` narrow the answer. Addresses that no movement names give no rows.
        """
        numbers = sorted(find_words(self._connection, addresses).values())
        rows: dict[tuple[int, int], tuple[Any, ...]] = {}
        for side in ("from_address", "to_address"):
            rows |= self._keyed(side, numbers)
        return self._narrowed(rows, chain, capture_ids)

    def movements_of_transactions(
        self, hashes: Iterable[str], *, chain: str | None = None, capture_ids: Iterable[int] | None = None
    ) -> pa.Table:
        """Movements of these transaction hashes, as `movements_of_addresses` gives them."""
        return self._narrowed(self._keyed("tx_hash", sorted(set(hashes))), chain, capture_ids)

    def _keyed(self, column: str, keys: Sequence[Any]) -> dict[tuple[int, int], tuple[Any, ...]]:
        query = f"SELECT seq, {_COLUMNS} FROM movements WHERE {column} IN ({{keys}})"  # noqa: S608 - own names
        return {(row[-1], row[0]): row[1:] for row in select_in(self._connection, query, keys)}

    def _narrowed(
        self,
        rows: dict[tuple[int, int], tuple[Any, ...]],
        chain: str | None,
        capture_ids: Iterable[int] | None,
    ) -> pa.Table:
        kept = [rows[key] for key in sorted(rows)]
        if capture_ids is not None:
            only = set(capture_ids)
            kept = [row for row in kept if row[-1] in only]
        if chain is not None:
            number = find_words(self._connection, [chain]).get(chain)
            kept = [row for row in kept if row[0] == number]
        columns = Columns()
        if kept:
            columns.add(kept)
        return self._table(columns)

    def _table(self, columns: Columns) -> pa.Table:
        return columns.table(lambda numbers: read_words(self._connection, numbers))

    def gaps(self, capture_ids: Iterable[int]) -> list[CaptureGap]:
        """Gaps of these captures, in the order of `capture_ids`, then as they were kept."""
        wanted = list(self._sizes(capture_ids))
        place = {number: at for at, number in enumerate(wanted)}
        query = select(GapRow.__table__).order_by(GapRow.id)
        rows = (
            row
            for part in _parts(wanted)
            for row in self._connection.execute(query.where(GapRow.capture_id.in_(part)))
        )
        found = [
            CaptureGap(
                row.capture_id,
                row.row,
                Gap(
                    row.code,
                    row.message,
                    row.chain,
                    row.address,
                    row.asset,
                    None if row.amount is None else int.from_bytes(row.amount, "big"),
                    row.tx,
                    row.status,
                ),
            )
            for row in rows
        ]
        return sorted(found, key=lambda gap: place[gap.capture])

    def packs(self) -> list[PackPin]:
        """The label packs of the workspace, in the order in which they were kept."""
        return opinions.packs(self._connection)

    def judgements(self, case: str, *, withdrawn: bool = True) -> list[Judgement]:
        """Judgements of a case in the order they were made; `withdrawn` False leaves out those taken back."""
        return opinions.judgements(self._connection, case, withdrawn=withdrawn)

    def answer(self, key: str) -> Answered | None:
        """The newest answer to the question with this key, None if it was never answered."""
        return collected.latest_answer(self._connection, key)

    def answers(self, keys: Iterable[str]) -> list[Answered]:
        """Every answer on record to the questions with these keys, as they came in."""
        found = [
            row for part in _parts(sorted(set(keys))) for row in collected.all_answers(self._connection, part)
        ]
        return [answered for _, answered in sorted(found, key=lambda row: row[0])]

    def history(self, key: str) -> History | None:
        """A fetched history, or one that is being fetched; None if nobody asked for it."""
        return collected.history(self._connection, key)

    def counts(self) -> dict[str, int]:
        """How many captures and movements there are, for a health check."""
        captures, rows = self._connection.execute(
            select(func.count(CaptureRow.id), func.coalesce(func.sum(CaptureRow.rows), 0))
        ).one()
        return {"captures": int(captures), "movements": int(rows)}


def _all_known(wanted: Sequence[int], found: Collection[int]) -> None:
    missing = sorted(set(wanted).difference(found))
    if missing:
        raise NotFoundError(
            f"The workspace has no capture number {', '.join(map(str, missing[:5]))}.",
            "Import the file again; a case file names it by its sha256.",
        )


def _parts(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Lists short enough for one IN: databases allow some ten thousand parameters."""
    for at in range(0, len(values), LOOKUP):
        yield values[at : at + LOOKUP]


def _batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Captures in their order, as many together as have 20,000 rows at most; a larger one is alone.

    A collection has tens of thousands of small ones: a query and an array for each would cost more than their rows.
    """
    batch: list[int] = []
    rows = 0
    for number, size in sizes.items():
        if batch and (rows + size > _TOGETHER or len(batch) == LOOKUP):
            yield batch
            batch, rows = [], 0
        batch.append(number)
        rows += size
    if batch:
        yield batch
