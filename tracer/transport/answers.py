"""What came back, before anybody believes it: bounded in size and depth, JSON and not a web page, without our key."""

from __future__ import annotations

import json
import re

import httpx2

from tracer.errors import ProviderError

__all__ = ["MOST_BYTES", "body_of", "refuse_no_json", "retry_after", "without"]

MOST_BYTES = 64 * 2**20
"""A larger answer is refused. The largest honest one is a page of traces, a few megabytes."""

_DEEPEST = 2_100
"""Nesting: a call tree of the EVM is at most 1,024 frames deep, two brackets a frame (Yellow Paper, section 9.1)."""

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]+|[\]}]+', re.DOTALL)
_LONGEST_WAIT = 300.0


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
    for token in _TOKENS.findall(body):
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
    return body.replace(key.encode(), b"[key]") if key else body
