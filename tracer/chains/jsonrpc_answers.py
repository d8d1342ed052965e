"""JSON-RPC 2.0 questions as canonical bytes, and what an answer is worth: pure text, no chain is known here.

A question is one call, or an array of calls (a batch) whose ids are their places, so the same question always has the
same bytes. Answers of a batch may come in any order and are matched by id; one that is missing, foreign or there twice
spoils the whole answer. Source: jsonrpc.org/specification; error codes also EIP-1474.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.chains.adapter import Verdict
from tracer.errors import ProviderError, shown

__all__ = ["Call", "Refusal", "UnreadableError", "judge", "question", "read_answers"]

_WORDS = 300


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the method and its parameters (JSON values)."""

    method: str
    params: tuple[object, ...] = ()


class UnreadableError(ProviderError):
    """The answer to a whole batch cannot be read; the calls may be asked again in smaller batches."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The node's error for one call, in its own words (cut to 300 characters)."""

    code: int
    words: str

    @property
    def reverted(self) -> bool:
        """A contract refused, maybe in words of its own: hostile text, which says nothing about the node."""
        return self.code in {3, -32015} or "revert" in self.words.lower()

    @property
    def unsupported(self) -> bool:
        """The node does not offer the method, or not to this client. Never what it says of one transaction."""
        named = self.code in {-32601, -32004} or _UNSUPPORTED.search(self.words) is not None
        return named and not self.reverted

    @property
    def too_much(self) -> bool:
        """The node wants a smaller range of blocks: too many results, too many blocks, too long."""
        return self._says(_TOO_MUCH) and not (self.unsupported or self.behind)

    @property
    def behind(self) -> bool:
        """The node does not have the newest of the blocks that it was asked for: no smaller range helps."""
        return self._says(_BEHIND)

    @property
    def never(self) -> bool:
        """The node will not answer today, or never, whatever is asked."""
        return self._says(_NEVER) and not self.unsupported and not self.too_much

    @property
    def later(self) -> bool:
        """The node asks for patience."""
        asks = self.code in {-32005, 429, -32016} or self._says(_LATER)
        return asks and not (self.reverted or self.unsupported or self.too_much or self.never)

    def _says(self, pattern: re.Pattern[str]) -> bool:
        return not self.reverted and pattern.search(self.words) is not None


_UNSUPPORTED = re.compile(
    r"(method|namespace|endpoint|api)\b.{0,120}\b(not (found|supported|available|allowed|exist|enabled|implemented)"
    r"|does ?n[o']t exist|disabled|unsupported|forbidden|restricted)"
    r"|(unsupported|unknown|no such|invalid) (rpc )?method|not whitelisted|whitelisted methods"
    r"|(paid|higher|growth|business|enterprise|premium|archive) (plan|tier)"
    r"|\b(trace|debug|ots)(_[a-z]+\b|\b.{0,40}\brequests\b) .{0,20}\b"
    r"(not (found|supported|available|allowed|enabled)|disabled)",
    re.IGNORECASE | re.DOTALL,
)
_TOO_MUCH = re.compile(
    r"more than \d[\d,_]* (results|logs|traces|records)|too many (results|logs|traces|blocks|records)"
    r"|block range|range (is |of blocks )?(too|exceed|limit)|(exceeds?|exceeded) .{0,40}(range|block|results|logs|size)"
    r"|response (is )?(too (big|large)|size)|result (set )?(is )?too (big|large)|too (large|wide|big) .{0,20}range"
    r"|limited to .{0,40}(block|range|results|logs)"
    r"|query (timeout|timed out|returned more)|execution timeout|(max|maximum) .{0,20}(results|logs|range|blocks)"
    r"|ranges? .{0,60}(not exceed|not supported|not allowed)|distance between .{0,40}block"
    r"|\b(blocks|logs|results)\b (?!.{0,30}\brate\b).{0,30}(exceed|limit)"
    r"|(at most|up to|less than) \d[\d,_]* (blocks|logs|results)",
    re.IGNORECASE | re.DOTALL,
)
_BEHIND = re.compile(
    r"(beyond|after|above|greater than|past) .{0,20}(head|latest|current|newest) block|not (yet )?in sync",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"rate.?limit|too many (requests|connections|calls)|request limit|throughput|compute units per second"
    r"|calls? per second|requests per second|try again|retry|temporar|overload|busy|capacity exceeded|throttl"
    r"|service unavailable|bad gateway|gateway time-?out|internal (server )?error|timed? ?out|header not found",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"(invalid|wrong|missing|unknown|expired|incorrect|bad) (api|access|project|auth)[ -]?(key|token|id)"
    r"|api key|unauthori[sz]ed|unauthenticated|must be authenticated|authentication|forbidden|payment required"
    r"|daily|monthly|quota|credits|unsupported (chain|network)|(chain|network) .{0,30}not supported|suspended",
    re.IGNORECASE | re.DOTALL,
)


def question(calls: Sequence[Call]) -> bytes:
    """Canonical JSON: an object for one call, else an array; the id of a call is its place."""
    body = [
        {"id": place, "jsonrpc": "2.0", "method": call.method, "params": list(call.params)}
        for place, call in enumerate(calls)
    ]
    return json.dumps(
        body[0] if len(body) == 1 else body, ensure_ascii=True, sort_keys=True, separators=(",", ":")
    ).encode()


def read_answers(body: bytes, count: int) -> list[object]:
    """Results in the order of the calls; a Refusal where the node gave an error. Raises UnreadableError."""
    answer = _decoded(body)
    if isinstance(answer, dict) and "error" in answer and count > 1:
        refusal = _refusal(answer["error"])
        raise UnreadableError(
            f"The provider refused a batch of {count} calls: {shown(refusal.words)}.",
            "Lower the page size of the provider.",
        )
    members = [answer] if isinstance(answer, dict) else answer
    if not isinstance(members, list) or len(members) != count:
        raise UnreadableError(
            f"The provider answered {count} calls with something else: {shown(body[:200].decode(errors='replace'))}."
        )
    results: dict[int, object] = {}
    for member in members:
        fields = _fields(member)
        place, error = fields.get("id"), fields.get("error")
        if count == 1 and place is None and error is not None:
            place = 0  # JSON-RPC allows a null id for an error
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < count:
            raise UnreadableError(f"The provider answered a call that was not made (id {shown(place)}).")
        if place in results:
            raise UnreadableError(f"The provider answered the call {place} twice.")
        if error is None and "result" not in fields:
            raise UnreadableError(
                f"The provider answered the call {place} with neither a result nor an error."
            )
        results[place] = _refusal(error) if error is not None else fields["result"]
    return [results[place] for place in range(count)]


def judge(body: bytes) -> tuple[Verdict, str]:
    """What a body with status 200 is worth. Pages and other text that is no JSON-RPC are an outage: ask again."""
    try:
        answer = _decoded(body)
    except UnreadableError as error:
        if isinstance(error.__cause__, RecursionError):
            return Verdict.ANSWER, ""  # which the adapter can ask for in other pieces
        return Verdict.AGAIN, error.message
    members = [_fields(member) for member in (answer if isinstance(answer, list) else [answer])]
    if not members or not all("result" in member or "error" in member for member in members):
        return Verdict.AGAIN, f"no JSON-RPC answer: {shown(body[:200].decode(errors='replace'))}"
    refusals = [_refusal(member["error"]) for member in members if member.get("error") is not None]
    for refusal in refusals:
        if refusal.never:
            return Verdict.STOP, refusal.words
    for refusal in refusals:
        if refusal.later:
            return Verdict.AGAIN, refusal.words
    return Verdict.ANSWER, ""


def _fields(member: object) -> dict[str, object]:
    return member if isinstance(member, dict) else {}


def _refusal(error: object) -> Refusal:
    if not isinstance(error, dict):
        return Refusal(0, str(error)[:_WORDS])
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    return Refusal(number, str(error.get("message", ""))[:_WORDS])


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except RecursionError as error:
        raise UnreadableError("The provider's answer is nested too deeply to be read.") from error
    except ValueError as error:
        text = shown(body[:200].decode(errors="replace"))
        raise UnreadableError(f"The provider did not answer in JSON: {text}.") from error
