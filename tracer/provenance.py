"""Provenance: in which raw answers, and in which records of them, a transaction stands.

A movement of a collected history is read from the answers that name its transaction: because they were asked about it
(receipt, trace), or because they list it (a page of a list, logs, the block). So every answer of the history is looked
through for its hash. This reads the bytes themselves and knows no adapter, so it also shows what a parser left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracer.custody import ANSWER, Exhibit
from tracer.errors import StoreError
from tracer.store import Archive

__all__ = ["Standing", "standing_in"]

_LISTS = ("result", "items")
"""Where a list of an answer stands: JSON-RPC and Etherscan, Blockscout."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a transaction stands. asked: method, list or path of the question. row: the record in the answer, counted
    from 1 (`4.17`: the 17th of the list that answers the 4th call of a batch); "" where the whole answer is about it.
    """

    exhibit: Exhibit
    asked: str
    row: str


def standing_in(archive: Archive, parts: Sequence[Exhibit], tx_hash: str) -> list[Standing]:
    """Where the transaction stands in the answers among `parts`, in their order. Raises NotFoundError, StoreError."""
    wanted = tx_hash.lower()
    found = []
    for part in parts:
        if part.part != ANSWER:
            continue
        body = archive.read(part.sha256)
        if wanted in part.question.lower() or wanted.encode() in body.lower():
            found += [Standing(part, asked, row) for asked, row in _places(part.question, body, wanted)]
    return found


def _places(question: str, body: bytes, wanted: str) -> Iterator[tuple[str, str]]:
    try:
        _, path, params, asked = json.loads(question)
        calls = json.loads(asked) if asked else None
        answer = json.loads(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            "A recorded answer cannot be read.", "Check the case: tracer replay CASE."
        ) from error
    if calls is None:
        name = str(dict(params).get("action", path))
        yield from ((name, row) for row in _rows(answer, wanted, about=_names(wanted, [path, params])))
        return
    asked_calls = calls if isinstance(calls, list) else [calls]
    for place, member in enumerate(answer if isinstance(answer, list) else [answer], start=1):
        at = member.get("id") if isinstance(member, dict) else None
        call = asked_calls[at if isinstance(at, int) and 0 <= at < len(asked_calls) else 0]
        rows = _rows(member, wanted, about=_names(wanted, call))
        batch = str(place) if isinstance(answer, list) else ""
        yield from ((str(call.get("method")), ".".join(filter(None, (batch, row)))) for row in rows)


def _rows(answer: object, wanted: str, *, about: bool) -> list[str]:
    """Records of one answer that name the transaction; [""] if all of it does. about: the question names it."""
    if about:
        return [""]
    listed = next(
        (answer[n] for n in _LISTS if isinstance(answer, dict) and isinstance(answer.get(n), list)), None
    )
    if listed is None:
        return [""] if _names(wanted, answer) else []
    return [str(n) for n, record in enumerate(listed, start=1) if _names(wanted, record)]


def _names(wanted: str, value: object) -> bool:
    return wanted in json.dumps(value).lower()
