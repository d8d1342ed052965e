"""Blockscout's REST API v2: questions, answers, and lists page by page, newest first.

A page brings the parameters of the next one. Version 11 echoes `items_count` among them, version 12 does not; they are
sent back as they came, and nothing else, since unknown parameters are refused (422) and a list that is not sorted on
request keeps its order. Every record has a key that falls from page to page: pages that come twice, and cursors that
do not advance, are an error instead of a loop. Source: docs.blockscout.com (REST API; breaking changes of v12).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracer.chains.adapter import Ask, Request, Span, Verdict
from tracer.chains.evm_values import array, nonsense, record
from tracer.chains.explorer_values import decoded, judged
from tracer.errors import ProviderError, ProviderStopError, shown

__all__ = ["Explorer", "Listing", "Pages", "Read", "judge"]

_STOPS = re.compile(r"(invalid|missing|wrong) api ?key|daily|quota|credits|plan\b|suspended", re.IGNORECASE)
_WAITS = re.compile(
    r"rate limit|too many requests|temporar|try again|timed? ?out|internal server error|something went wrong"
    r"|service unavailable|busy",
    re.IGNORECASE,
)
_PENDING = re.compile(r"not (yet )?been (fully )?processed|not (yet )?indexed", re.IGNORECASE)
_MOST_PAGES = 20_000

Cursor = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. following: the parameters of the next one, None at the end. pending: the index is not whole."""

    items: tuple[Mapping[str, object], ...]
    following: Cursor | None
    pending: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """How a list is read. block, key: of an item; keys fall (None: an item that shares its place with others). take:
    gets each item of the span once.
    """

    path: str
    what: str
    block: Callable[[Mapping[str, object]], int]
    key: Callable[[Mapping[str, object]], tuple[int, ...] | None]
    take: Callable[[Mapping[str, object]], None]
    stop: Callable[[], bool]
    params: Cursor = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What came of reading a list. whole: the instance does not say that its index lacks anything. items: that it gave,
    newer than the span included.
    """

    whole: bool
    items: int


def judge(body: bytes) -> tuple[Verdict, str]:
    """What a body is worth. Pages and other text that is no JSON are an outage: ask again."""
    try:
        answer = decoded(body)
    except ProviderError as error:
        return Verdict.AGAIN, error.message
    if isinstance(answer, dict) and "items" not in answer and "hash" not in answer:
        words = _words(answer)
        if words:
            return judged(words, _STOPS, _WAITS)
    if not isinstance(answer, dict | list):
        return Verdict.AGAIN, f"no answer of this API: {shown(body[:200].decode(errors='replace'))}"
    return Verdict.ANSWER, ""


def _words(answer: Mapping[str, object]) -> str:
    """The words of an error: `message`, `error`, or those of each entry of `errors`."""
    texts = [answer.get("message"), answer.get("error")]
    errors = answer.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            texts += [error.get("title"), error.get("detail")]
    return " ".join(text for text in texts if isinstance(text, str))[:500]


class Explorer:
    """An instance behind an Ask."""

    def __init__(self, ask: Ask, base: str) -> None:
        self._ask, self._base = ask, base

    async def maybe(self, path: str, params: Cursor = (), *, settled: bool) -> object:
        """The answer under /api/v2, None where the instance says that there is no such thing."""
        return _told(path, await self._ask(Request(self._base, f"/api/v2{path}", params, settled=settled)))

    async def code(self, address: str) -> object:
        """The code of an address as the instance has it now, as hex with 0x; None where it refuses."""
        path = f"/smart-contracts/{address}"
        body = await self._ask(Request(self._base, f"/api/v2{path}", settled=False))
        try:
            answer = _told(path, body)
            return "0x" if answer is None else record(answer, "a contract").get("deployed_bytecode")
        except ProviderError:
            return None

    async def get(self, path: str, *, settled: bool) -> object:
        """Like `maybe`, but nothing is an error."""
        answer = await self.maybe(path, settled=settled)
        if answer is None:
            raise ProviderError(
                f"The provider knows nothing of what it was asked ({path}).",
                "It may not be in sync: ask again later, or ask another provider.",
            )
        return answer

    async def page(self, path: str, cursor: Cursor, *, settled: bool) -> Listing:
        """One page of a list; empty where the instance knows nothing of it."""
        answer = await self.maybe(path, cursor, settled=settled)
        if answer is None:
            return Listing((), None, pending=False)
        raw = record(answer, "a page")
        if "items" not in raw or "next_page_params" not in raw:
            raise nonsense("a page", sorted(map(str, raw)))
        items = tuple(record(item, "an item") for item in array(raw["items"], "the items of a page"))
        words = raw.get("message")
        pending = raw.get("status") in (2, "2") or (
            isinstance(words, str) and _PENDING.search(words) is not None
        )
        following = raw["next_page_params"]
        return Listing(items, None if following is None else _cursor(following), pending)

    async def whole(self, path: str, *, settled: bool) -> Listing:
        """A list that belongs to one transaction or block, all pages of it."""
        items: list[Mapping[str, object]] = []
        pending = False
        cursor: Cursor = ()
        seen: set[Cursor] = set()
        for _ in range(_MOST_PAGES):
            page = await self.page(path, cursor, settled=settled)
            items += page.items
            pending |= page.pending
            if page.following is None:
                return Listing(tuple(items), None, pending)
            if page.following in seen or not page.items:
                break
            seen.add(page.following)
            cursor = page.following
        raise stuck(path)

    async def read(self, pages: Pages, span: Span) -> Read:
        """Give the items of a list that stand in the span to `pages.take`, newest first.

        Only pages that begin below the end of the span are settled: before it, new records push old ones on.
        """
        cursor, whole, items = pages.params, True, 0
        last: tuple[int, ...] | None = None
        before = -1
        seen: set[Cursor] = set()
        for _ in range(_MOST_PAGES):
            page = await self.page(pages.path, cursor, settled=0 <= before <= span.last)
            whole &= not page.pending
            items += len(page.items)
            for item in page.items:
                block, key = pages.block(item), pages.key(item)
                if 0 <= before < block or (last is not None and key is not None and key >= last):
                    raise stuck(pages.what)
                before, last = block, last if key is None else key
                if span.first <= before <= span.last:
                    pages.take(item)
            if page.following is None or 0 <= before < span.first or pages.stop():
                return Read(whole, items)
            if not page.items or page.following in seen:
                raise stuck(pages.what)
            seen.add(page.following)
            fixed = tuple(pair for pair in page.following if pair[0] not in dict(pages.params))
            cursor = pages.params + fixed
        raise stuck(pages.what)


def _told(path: str, body: bytes) -> object:
    """What an answer says, None for no such thing. Raises ProviderError where the instance refuses."""
    answer = decoded(body)
    if isinstance(answer, dict) and not {"items", "hash", "height"} & answer.keys():
        words = _words(answer)
        if words.lower().strip(". ") in {"not found", "resource not found"}:
            return None
        if words:
            kind = ProviderStopError if "errors" in answer else ProviderError
            raise kind(f"The provider refused {path}: {shown(words, 200)}.", "Ask another provider.")
    return answer


def _cursor(value: object) -> Cursor:
    """The parameters of the next page, sorted by name, since the order of keys says nothing; never a key of the API."""
    made = []
    for name, part in sorted(record(value, "the parameters of the next page").items()):
        if part is None or name in {"key", "apikey"}:
            continue
        if isinstance(part, float | dict | list):
            raise nonsense(f"the parameter {name} of the next page", part)
        made.append((name, str(part).lower() if isinstance(part, bool) else str(part)))
    return tuple(made)


def stuck(what: str) -> ProviderError:
    """The error for a list that goes round in circles or is out of order."""
    return ProviderError(
        f"The provider's list ({what}) repeats a page or is not in order, newest first.",
        "Ask again later, or ask another provider.",
    )
