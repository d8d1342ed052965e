"""Questions to Electrum servers and Bitcoin nodes as canonical bytes, and what answers are worth: pure text.

The id of a call is made of what it asks, so the same question has the same bytes, and so has its answer, however many
are under way on a connection. Source: JSON-RPC; Electrum protocol 1.4 to 1.6 (electrum-protocol.readthedocs.io); error
codes and words of ElectrumX, Fulcrum, electrs, and Bitcoin Core (src/rpc/protocol.h).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.chains.adapter import Verdict
from tracer.chains.jsonrpc_answers import Call
from tracer.errors import ProviderError, shown

__all__ = ["Call", "Refused", "judge", "question", "read_answers"]

_WORDS = 300
_EXACT = 52
"""Bits of an id: a number that every JSON reader keeps exactly."""

_TOO_MANY = re.compile(
    r"(history|response|result|utxo)\b.{0,30}\btoo (large|long|many)|too many|transactions found, query",
    re.IGNORECASE,
)
_LATER_CODES = frozenset({-28, -100, -101, -102})
_LATER = re.compile(
    r"busy|excessive|overload|rate.?limit|too many requests|try again|temporar|time(d)? ?out|unavailable"
    r"|catching up|warming up|loading|verifying|work queue|internal (server )?error|db error|daemon (is )?(down|not)",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"banned|blacklisted|unsupported|not (allowed|permitted)|unknown method|denied", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server's error for one call, in its own words (cut to 300 characters)."""

    code: int
    words: str

    @property
    def too_many(self) -> bool:
        """The script has a longer history than the server tells."""
        return self.code == 3 or _TOO_MANY.search(self.words) is not None

    @property
    def later(self) -> bool:
        """The server asks for patience."""
        return not self.too_many and (
            self.code in _LATER_CODES or (self.code != 2 and _LATER.search(self.words) is not None)
        )

    @property
    def never(self) -> bool:
        """The server will not answer, whatever is asked."""
        return _NEVER.search(self.words) is not None


def question(calls: Sequence[Call]) -> bytes:
    """Canonical JSON: an object for one call, else an array."""
    body = [
        {"id": _id(call), "jsonrpc": "2.0", "method": call.method, "params": list(call.params)}
        for call in calls
    ]
    return json.dumps(body[0] if len(body) == 1 else body, sort_keys=True, separators=(",", ":")).encode()


def _id(call: Call) -> int:
    text = json.dumps([call.method, list(call.params)], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _EXACT)


def read_answers(body: bytes, calls: Sequence[Call]) -> list[object]:
    """Results in the order of the calls; Refused where the server gave an error. Raises ProviderError."""
    members = _members(body)
    if len(members) != len(calls):
        raise ProviderError("The server answered something else than it was asked.", "Use another server.")
    found: list[object] = []
    for call, member in zip(calls, members, strict=True):
        if not isinstance(member, dict) or member.get("id") != _id(call):
            raise ProviderError(f"The server gave no answer to {call.method}.", "Use another server.")
        error = member.get("error")
        if error is None and "result" not in member:
            raise ProviderError(
                f"The server answered {call.method} with neither a result nor an error.",
                "Use another server.",
            )
        found.append(member["result"] if error is None else _refused(error))
    return found


def judge(body: bytes) -> tuple[Verdict, str]:
    """What a body is worth. An error about what was asked is an answer; one about the server is none."""
    for member in _members(body):
        error = member.get("error") if isinstance(member, dict) else "no answer"
        if error is None:
            continue
        refused = _refused(error)
        if refused.later:
            return Verdict.AGAIN, refused.words
        if refused.never:
            return Verdict.STOP, refused.words
    return Verdict.ANSWER, ""


def _members(body: bytes) -> list[object]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        text = shown(body[:200].decode(errors="replace"))
        raise ProviderError(f"The server did not answer in JSON: {text}.", "Use another server.") from None
    return answer if isinstance(answer, list) else [answer]


def _refused(error: object) -> Refused:
    if not isinstance(error, dict):
        return Refused(0, str(error)[:_WORDS])
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    return Refused(number, str(error.get("message", ""))[:_WORDS])
