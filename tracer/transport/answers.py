"""What came back, before anybody believes it: bounded in size and depth, JSON and not a web page, without our key."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote, quote_plus

import httpx2

from tracer.errors import ProviderError

__all__ = ["MOST_BYTES", "body_of", "refuse_no_json", "retry_after", "without"]

MOST_BYTES = 64 * 2**20
"""A larger answer is refused. The largest honest one is a page of traces, a few megabytes."""

_DEEPEST = 2_100
"""Nesting: a call tree of the EVM is at most 1,024 frames deep, two brackets a frame (Yellow Paper, section 9.1)."""

# possessive, and a text without its end is one too: neither memory nor time grows with what a hostile answer holds
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]+|[\]}]+', re.DOTALL)
_BLOT = b"[key]"
_PASSWORD = 6
"""Characters from which a password is looked for alone; a shorter one would blot out what it merely looks like."""


async def body_of(response: httpx2.Response, who: str, most: int = MOST_BYTES) -> bytes:
    """The body, read piece by piece so that a small packed answer cannot fill the memory. Raises ProviderError."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most:
            raise ProviderError(
                f"{who} sent more than {most // 2**20} MiB in one answer.", "Ask for fewer blocks at a time."
            )
        parts.append(part)
    return b"".join(parts)


def refuse_no_json(body: bytes, who: str) -> None:
    """Raise ProviderError for a body that is no JSON text or is nested deeper than any honest one."""
    depth = deepest = 0
    for found in _TOKENS.finditer(body):
        token = found[0]
        if token[0] == 0x22:
            continue
        depth += len(token) if token[0] in b"[{" else -len(token)
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise ProviderError(f"{who} sent an answer that is nested {deepest:,} levels deep.")
    try:
        json.loads(body)
    except RecursionError:
        return  # a deep but honest call tree: its reader decides
    except ValueError:
        kind = "a web page" if body.lstrip()[:1] == b"<" else "something that is not JSON"
        raise ProviderError(f"{who} answered with {kind}.") from None


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the provider asks to wait (RFC 9110, 10.2.3), None if it does not say; a date counts as unsaid."""
    text = response.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else None


def without(key: str, body: bytes) -> bytes:
    """The body with the key blotted out where the provider repeats it. Nothing else is ever changed in an answer."""
    for spelling in _spellings(key):
        body = body.replace(spelling, _BLOT)
    return body


@lru_cache(maxsize=64)
def _spellings(key: str) -> tuple[bytes, ...]:
    """How an answer may repeat a key, longest first: as it is, in an address, in JSON, as the header said it, and the
    password of `user:password` alone.
    """
    if not key:
        return ()
    known = {key, b64encode(key.encode()).decode()}
    known |= {key.partition(":")[2]} if len(key.partition(":")[2]) >= _PASSWORD else set()
    for text in list(known):
        known |= {quote(text, safe=""), quote(text), quote_plus(text)}
        known |= {json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
        known |= {json.dumps(text)[1:-1].replace("/", "\\/")}
    return tuple(sorted((text.encode() for text in known), key=lambda text: (-len(text), text)))
