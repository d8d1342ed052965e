"""Lists of Etherscan's API read to their end: a short page is not the end, and a block that does not fit is a gap.

Every question is the first page of a range of blocks. The last block of a page may be cut, so it is dropped and asked
again from that block on; an answer that then lacks what was seen before is an error and no end. Free plans silently
give fewer records than asked for (docs.etherscan.io, changelog of July 2026), so a page proves its own end only with
the newest records of the rest of the range: they have to be its last block, row for row. A range that the provider
finds too large or too slow is halved, down to one block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tracer.chains.adapter import Ask, Request, Span
from tracer.chains.etherscan_answers import Listing, Refused, read_listing, read_proxy, read_value
from tracer.chains.etherscan_rows import block_of
from tracer.errors import ProviderError, shown

__all__ = ["Explorer", "Order", "Pages", "Question", "Reader", "read_list"]

_NO_PROXY = (
    'Ask another provider. A Blockscout instance has no module "proxy": write kind = "blockscout" for it.'
)
_MOST_PAGES = 20_000
"""Questions for one list before the provider is given up."""

_CHANGING = frozenset({"confirmations"})
"""Members of a row that differ whenever one asks."""


class Explorer:
    """An endpoint of this kind behind an Ask. chain: the number that the parameter `chainid` takes, "" for none."""

    def __init__(self, ask: Ask, base: str, chain: str) -> None:
        self._ask, self._base = ask, base
        self._fixed = (("chainid", chain),) if chain else ()

    async def _body(self, params: Sequence[tuple[str, str]], *, settled: bool) -> bytes:
        return await self._ask(Request(self._base, params=(*self._fixed, *params), settled=settled))

    async def listing(
        self, module: str, action: str, params: Sequence[tuple[str, str]], *, settled: bool = True
    ) -> Listing | Refused:
        """A list."""
        asked = (("module", module), ("action", action), *params)
        return read_listing(await self._body(asked, settled=settled))

    async def value(
        self, module: str, action: str, params: Sequence[tuple[str, str]], *, settled: bool = True
    ) -> object | Refused:
        """A single value."""
        asked = (("module", module), ("action", action), *params)
        return read_value(await self._body(asked, settled=settled))

    async def node(self, method: str, *params: tuple[str, str], settled: bool) -> object | Refused:
        """The result of a call of the proxy module, as a node gives it."""
        asked = (("module", "proxy"), ("action", method), *params)
        return read_proxy(await self._body(asked, settled=settled))

    async def known(self, method: str, *params: tuple[str, str], settled: bool) -> object:
        """Like `node`, but a refusal is an error, and so is null."""
        answer = await self.node(method, *params, settled=settled)
        if isinstance(answer, Refused):
            raise answer.error(method, _NO_PROXY if answer.unsupported else "Ask another provider.")
        if answer is None:
            raise ProviderError(
                f"The provider knows nothing of what it was asked ({method} {shown([v for _, v in params])}).",
                "It may not be in sync: ask again later, or ask another provider.",
            )
        return answer


Order = Literal["asc", "desc"]
Question = Callable[[Span, Order], Awaitable[Listing | Refused]]
"""Asks for the first page of a span, oldest or newest first."""


@dataclass(slots=True)
class Pages:
    """What came of reading a list. cut: (block, why) of blocks of which rows may be missing. pending: the provider says
    that its index is not whole. unsupported: it does not offer the list, in its words. count: rows that were kept.
    """

    cut: list[tuple[Span, str]] = field(default_factory=list)
    pending: bool = False
    unsupported: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """How a list is read. page: records asked for. take: gets each row, in the order of the chain. stop: whether that
    is enough.
    """

    ask: Question
    page: int
    take: Callable[[object], None]
    stop: Callable[[], bool]


async def read_list(reader: Reader, span: Span) -> Pages:
    """Give all rows of a list in a span to `reader.take`."""
    pages = Pages()
    waiting = [span]
    held: Sequence[object] = ()  # rows that the next answer has to begin with
    for _ in range(_MOST_PAGES):
        if not waiting or reader.stop():
            return pages
        part = waiting.pop(0)
        answer = await reader.ask(part, "asc")
        if isinstance(answer, Refused):
            if answer.unsupported and not pages.count:
                pages.unsupported = answer.words
                return pages
            if not answer.split:
                raise answer.error("a list")
            waiting = _halves(part, answer.words, pages) + waiting
            held = held if part.first < part.last else ()
            continue
        pages.pending |= answer.pending
        if Counter(_order(held)) - Counter(_order(answer.rows)):
            raise ProviderError(
                f"The provider's list lacks records of block {part.first} that it gave before.",
                "Ask again later, or ask another provider.",
            )
        kept, rest = await _proven(reader, part, answer.rows, pages)
        held = answer.rows[len(kept) :]
        for row in kept:
            reader.take(row)
        pages.count += len(kept)
        waiting = ([rest] if rest is not None else []) + waiting
    raise ProviderError("The provider's list does not come to an end.", "Ask another provider.")


def _halves(span: Span, words: str, pages: Pages) -> list[Span]:
    """The span in two; a single block that is refused is noted."""
    if span.first == span.last:
        pages.cut.append((span, words))
        return []
    middle = (span.first + span.last) // 2
    return [Span(span.first, middle), Span(middle + 1, span.last)]


async def _proven(
    reader: Reader, span: Span, rows: Sequence[object], pages: Pages
) -> tuple[Sequence[object], Span | None]:
    """The rows that a page proves, and the span that is left to ask for (None at the end)."""
    if not rows:
        return (), None
    blocks = [block_of(row, span) for row in rows]
    if blocks != sorted(blocks):
        raise ProviderError("The provider's list is not in the order that was asked for.", "Ask again later.")
    last = blocks[-1]
    at = blocks.index(last)
    sure, ending = rows[:at], rows[at:]
    why = f"the block has more records than a page of {reader.page}"
    if len(rows) < reader.page or not sure:
        newest = await reader.ask(Span(last, span.last), "desc")
        if isinstance(newest, Refused):
            if not newest.split:
                raise newest.error("a list")
            why = newest.words
        else:
            pages.pending |= newest.pending
            # a full page of one block, newest first as oldest first: `sort` does nothing there and proves nothing
            unsorted = len(rows) >= max(reader.page, 2) and _order(newest.rows) == _order(rows)
            if _alike(newest.rows, ending) and not unsorted:
                return rows, None
            if len(rows) < reader.page:
                why = "the provider's page does not hold all records of the block"
    if sure:
        return sure, Span(last, span.last)
    pages.cut.append((Span(last, last), why))
    return ending, Span(last + 1, span.last) if last < span.last else None


def _alike(newest: Sequence[object], ending: Sequence[object]) -> bool:
    return Counter(_order(newest)) == Counter(_order(ending))


def _order(rows: Sequence[object]) -> list[str]:
    return [_constant(row) for row in rows]


def _constant(row: object) -> str:
    """A row without what changes from question to question, to compare by."""
    if not isinstance(row, dict):
        return repr(row)
    return repr(sorted((str(k), str(v).lower()) for k, v in row.items() if k not in _CHANGING))
