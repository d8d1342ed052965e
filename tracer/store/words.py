"""Interning of texts: a movement row holds the number of a word, the text stands once.

Numbers are given by the only writer, counting up; they mean nothing outside one database and are never exported.
A word is found by the sha256 of its UTF-8 bytes, so text of any content and size is kept exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from tracer.store.bulk import insert_rows, select_in
from tracer.store.tables import WordRow

__all__ = ["find_words", "intern_words", "read_words"]

_MANY = 5_000  # numbers and digests are small: longer IN lists than for addresses pay here


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def find_words(connection: Connection, texts: Iterable[str]) -> dict[str, int]:
    """Numbers of those `texts` that the database knows."""
    return _find(connection, {_digest(text): text for text in texts})


def _find(connection: Connection, by_digest: dict[bytes, str]) -> dict[str, int]:
    query = "SELECT digest, id FROM words WHERE digest IN ({keys})"
    found = select_in(connection, query, sorted(by_digest), size=_MANY)
    return {by_digest[bytes(digest)]: int(number) for digest, number in found}


def intern_words(connection: Connection, texts: Iterable[str]) -> dict[str, int]:
    """Numbers of all `texts`; new ones are added in the order of their digests. Only for the writer."""
    by_digest = {_digest(text): text for text in texts}
    last = connection.scalar(select(func.max(WordRow.id))) or 0
    known = _find(connection, by_digest) if last else {}
    # ascending digests fill the unique index from one end, several times faster than at random
    new = sorted(item for item in by_digest.items() if item[1] not in known)
    rows = ((last + n, digest, text.encode()) for n, (digest, text) in enumerate(new, 1))
    insert_rows(connection, WordRow, rows, ("id", "digest", "text"))
    known.update((text, last + n) for n, (_, text) in enumerate(new, 1))
    return known


def read_words(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """Texts of `numbers`."""
    rows = select_in(connection, "SELECT id, text FROM words WHERE id IN ({keys})", numbers, size=_MANY)
    return {int(number): bytes(text).decode() for number, text in rows}
