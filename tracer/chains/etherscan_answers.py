"""The envelope of Etherscan's API and what an answer in it is worth: `{"status", "message", "result"}` with status 200.

Status 1 is an answer, status 0 an empty list or an error whose words stand in `result`, in some versions in `message`;
status 2 (Blockscout's compatible endpoint) a list that is not whole yet. The proxy module answers in JSON-RPC's
envelope when it succeeds and in either when it does not. Sources: docs.etherscan.io (common error messages, geth
proxy), docs.blockscout.com (JSON RPC and Etherscan-compatible API).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracer.chains.adapter import Verdict
from tracer.chains.explorer_values import decoded, judged
from tracer.errors import ProviderError, ProviderStopError, shown

__all__ = ["Listing", "Refused", "judge", "read_listing", "read_proxy", "read_value"]

_STOPS = re.compile(
    r"max(imum)? daily|daily (rate )?limit|(invalid|missing|incorrect)[ /a-z]* api ?key"
    r"|free api access is not supported"
    r"|deprecated v1|unsupported chain|banned|blocked|suspended",
    re.IGNORECASE,
)
_WAITS = re.compile(
    r"max(imum)? (calls|rate)|rate limit|too many (requests|calls)|temporarily|(please )?try again|server (too )?busy"
    r"|service unavailable|internal server error|something went wrong",
    re.IGNORECASE,
)
_SPLITS = re.compile(
    r"query time ?-?out|select a smaller|result window|window is too large|too many (results|records)|10,?000 records",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"no (matching )?(transactions?|records?|internal transactions?|token transfers?|transfers?|logs?|blocks?"
    r"|withdrawals?)( were)? found\.?",
    re.IGNORECASE,
)
_PENDING = re.compile(r"not (yet )?been (fully )?processed", re.IGNORECASE)
_UNSUPPORTED = re.compile(
    r"api pro|pro (endpoint|plan)|upgrade|(missing|invalid|unknown) .{0,20}(action|module)|action name"
    r"|not (supported|available|implemented|exist)|unknown (action|module|method)|method not found",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in the provider's words."""

    words: str

    @property
    def split(self) -> bool:
        """The provider wants a smaller range of blocks."""
        return _SPLITS.search(self.words) is not None

    @property
    def unsupported(self) -> bool:
        """The provider does not offer this list, or not with this key."""
        return _UNSUPPORTED.search(self.words) is not None and not self.split

    def error(self, what: str, hint: str = "Ask another provider.") -> ProviderError:
        """The error for a question that has to be answered."""
        kind = ProviderStopError if self.unsupported else ProviderError
        return kind(f"The provider refused {what}: {shown(self.words, 200)}.", hint)


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of a list. pending: the provider says that they are not all."""

    rows: tuple[object, ...]
    pending: bool = False


def judge(body: bytes) -> tuple[Verdict, str]:
    """What a body is worth. Pages and other text that is no answer of this API are an outage: ask again."""
    try:
        answer = decoded(body)
    except ProviderError as error:
        return Verdict.AGAIN, error.message
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer or "message" in answer):
        return Verdict.AGAIN, f"no answer of this kind of API: {shown(body[:200].decode(errors='replace'))}"
    if _succeeded(answer):
        return Verdict.ANSWER, ""
    words = _words(answer)
    if _SPLITS.search(words):
        return Verdict.ANSWER, ""  # "... try again with a smaller range": not now, but for less
    return judged(words, _STOPS, _WAITS)


def _succeeded(answer: dict[str, object]) -> bool:
    """Whether it carries a result; then no text in it (a token may be called anything) is the provider's own word."""
    if "jsonrpc" in answer and "status" not in answer:
        return answer.get("error") is None and "result" in answer
    return str(answer.get("status")) == "1" or isinstance(answer.get("result"), list | dict)


def _words(answer: dict[str, object]) -> str:
    """The words of an error, wherever they stand."""
    error = answer.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    texts = [answer.get("message"), answer.get("result"), inner]
    return " ".join(text for text in texts if isinstance(text, str))[:500]


def _envelope(body: bytes) -> dict[str, object]:
    answer = decoded(body)
    if not isinstance(answer, dict):
        raise ProviderError(
            f"The provider answered nonsense: {shown(body[:200].decode(errors='replace'))}.",
            "Ask again later.",
        )
    return answer


def read_listing(body: bytes) -> Listing | Refused:
    """An answer that should be a list. Empty only where the provider says in words that it found nothing."""
    answer = _envelope(body)
    status, result, words = str(answer.get("status")), answer.get("result"), _words(answer)
    if status == "2" or (status != "1" and _PENDING.search(words)):
        return Listing(tuple(result) if isinstance(result, list) else (), pending=True)
    if status == "1" and isinstance(result, list):
        return Listing(tuple(result))
    if status == "0" and not (isinstance(result, list | dict) and result) and _says_empty(answer):
        return Listing(())
    return Refused(words or shown(body[:200].decode(errors="replace")))


def _says_empty(answer: dict[str, object]) -> bool:
    """Whether the message or the result consists of the words for nothing found: "No API key found" does not."""
    texts = (answer.get("message"), answer.get("result"))
    return any(isinstance(text, str) and _EMPTY.fullmatch(text.strip()) for text in texts)


def read_value(body: bytes) -> object | Refused:
    """An answer that should be a single value."""
    answer = _envelope(body)
    if str(answer.get("status")) == "1" and "result" in answer:
        return answer["result"]
    return Refused(_words(answer) or shown(body[:200].decode(errors="replace")))


def read_proxy(body: bytes) -> object | Refused:
    """The result of a call of the proxy module, as a node gives it; null is None."""
    answer = _envelope(body)
    if "jsonrpc" in answer and answer.get("error") is None and "result" in answer:
        return answer["result"]
    return Refused(_words(answer) or shown(body[:200].decode(errors="replace")))
