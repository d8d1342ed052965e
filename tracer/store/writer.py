"""Writing to the store: everything inside one `with store.writer()` block becomes visible at once, or not at all.

The writer is the only one while its block runs; another process waits for it. It also sees what it wrote itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, func, insert, select, update

from tracer.errors import StoreError
from tracer.model import Gap, Judgement
from tracer.movements import SCHEMA
from tracer.store import collected, opinions
from tracer.store.bulk import insert_rows, large_import
from tracer.store.captures import Draft
from tracer.store.caserecords import PackPin
from tracer.store.collected import Answered, History, HistoryKey
from tracer.store.columns import WORDS, check_movements, rows_of
from tracer.store.database import reading, writing
from tracer.store.plaintext import plain
from tracer.store.tables import CaptureRow, GapRow, MovementRow
from tracer.store.view import View
from tracer.store.words import intern_words

__all__ = ["Store", "Writer"]

_FEW = 20_000
"""Below so many rows, keeping the indexes row by row costs nothing worth the trouble."""


class Writer(View):
    """A View that can also write. Made by `Store.writer()`."""

    def add_capture(self, draft: Draft) -> int:
        """Keep a capture without rows yet; returns its number.

        Raises StoreError when a capture with the same key is kept already: ask `capture(key=...)` first.
        """
        if self.capture(key=draft.key) is not None:
            raise StoreError("This file is already kept, read in the same way.", "Use the kept one.")
        number = self._connection.execute(
            insert(CaptureRow)
            .values(
                key=draft.key,
                sha256=plain(draft.sha256, "sha256", 64),
                name=plain(draft.name, "file name", 4096),
                kind=plain(draft.kind, "kind", 40),
                media_type=plain(draft.media_type, "media type", 127),
                size=draft.size,
                fetched_at=draft.fetched_at,
                parser=plain(draft.parser, "parser", 80),
                parser_version=plain(draft.parser_version, "parser version", 40),
                mapping=draft.mapping_json,
                grade=plain(draft.grade, "grade", 20),
                partial=draft.partial,
                rows=0,
                chains="[]",
            )
            .returning(CaptureRow.id)
        ).scalar_one()
        return int(number)

    def add_movements(self, capture_id: int, table: pa.Table) -> int:
        """Add the rows of `table` (tracer.movements.SCHEMA) to a capture; returns how many.

        A capture may be filled in several calls, in the order of its source rows. Raises FileError for a row that
        cannot be kept exactly, StoreError for rows out of order or of another schema, NotFoundError.
        """
        check_movements(table)
        if not table.num_rows:
            return 0
        row = table["row"]
        if pc.any(pc.less(pc.pairwise_diff(row.combine_chunks(), 1), 0)).as_py():
            table = table.sort_by("row")  # a stable sort: rows of one source row keep their order
        (before,) = self.captures_of([capture_id])
        mine = MovementRow.capture_id == capture_id
        last = self._connection.scalar(select(func.max(MovementRow.row)).where(mine)) if before.rows else None
        if last is not None and table["row"][0].as_py() < last:
            raise StoreError("The rows of a capture must be added in the order of their source.")
        texts: set[str] = set()
        for name in WORDS:
            for chunk in table[name].chunks:
                texts.update(chunk.dictionary.to_pylist())
        numbers = intern_words(self._connection, texts)
        kept = self._connection.scalar(select(func.coalesce(func.sum(CaptureRow.rows), 0))) or 0
        large = table.num_rows > max(kept, _FEW)
        with large_import(self._connection, MovementRow) if large else nullcontext():
            insert_rows(
                self._connection,
                MovementRow,
                rows_of(table, numbers, capture_id, before.rows),
                ("capture_id", "seq", *SCHEMA.names),
            )
        chains = sorted({*before.chains, *pc.unique(table["chain"].cast(pa.string())).to_pylist()})
        self._connection.execute(
            update(CaptureRow)
            .where(CaptureRow.id == capture_id)
            .values(rows=before.rows + table.num_rows, chains=json.dumps(chains))
        )
        return int(table.num_rows)

    def add_gaps(self, capture_id: int, gaps: Iterable[Gap], rows: Sequence[int] | None = None) -> None:
        """Add gaps to a capture; `rows` gives the source row of each (0, the default: the whole capture)."""
        self.captures_of([capture_id])
        listed = list(gaps)
        where = [0] * len(listed) if rows is None else rows
        values = [
            {
                "capture_id": capture_id,
                "row": row,
                "code": plain(gap.code, "gap code", 60),
                "message": plain(gap.message, "gap message"),
                "chain": plain(gap.chain, "chain"),
                "address": plain(gap.address, "address"),
                "asset": plain(gap.asset, "asset"),
                "amount": None if gap.amount is None else gap.amount.to_bytes(32, "big"),
                "tx": plain(gap.tx, "transaction"),
                "status": plain(gap.status, "gap status", 20),
            }
            for gap, row in zip(listed, where, strict=True)
        ]
        if values:
            self._connection.execute(insert(GapRow), values)

    def add_pack(self, pin: PackPin) -> None:
        """Keep a label pack, once."""
        opinions.add_pack(self._connection, pin)

    def add_judgement(
        self, case: str, *, subject: str, verdict: str, now: int, author: str = "", reason: str = ""
    ) -> Judgement:
        """Keep a decision made in `case` at `now` (UTC seconds)."""
        return opinions.add_judgement(self._connection, case, author, subject, verdict, reason, now)

    def withdraw_judgement(self, case: str, number: int, *, now: int) -> None:
        """Take a judgement of `case` back; it stays on record. Raises NotFoundError."""
        opinions.withdraw_judgement(self._connection, case, number, now)

    def add_answer(self, answer: Answered) -> None:
        """Keep the record of an answer whose bytes are in the archive."""
        collected.add_answer(self._connection, answer)

    def claim(self, wanted: HistoryKey, worker: str, *, now: int, until: int) -> History:
        """Say that `worker` fetches a history; the answer tells whose it is, and whether it is there already."""
        return collected.claim(self._connection, wanted, worker, now, until)

    def finish(
        self, key: str, capture: str, *, transactions: int, complete: bool, hub: bool, code: str = ""
    ) -> None:
        """Note what a claimed history came to. Raises NotFoundError."""
        collected.finish(
            self._connection,
            key,
            capture,
            transactions=transactions,
            complete=complete,
            hub=hub,
            code=code,
        )

    def release(self, worker: str) -> None:
        """Give up every claim of a worker."""
        collected.release(self._connection, worker)


class Store:
    """The tables of one workspace, whichever database holds them. `Workspace.open` makes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def database(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def reader(self) -> Iterator[View]:
        """A View of this moment."""
        with reading(self._engine) as connection:
            yield View(connection)

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """A Writer: all of its block or nothing is kept. Raises WorkspaceBusyError when another one does not end."""
        with writing(self._engine) as connection:
            yield Writer(connection)
