"""Values as block explorers write them, read strictly: decimal text, places, times, names. All of it is hostile.

Explorers give numbers as decimal text. A JSON integer is taken too, since it is exact; a float, an exponent, a sign, a
thousands separator or a number of more than 256 bits is not. Raises ProviderError, never guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from tracer.chains.adapter import Verdict
from tracer.chains.amount_text import MAX_DECIMALS
from tracer.chains.evm_values import address, integer, nonsense
from tracer.errors import ProviderError, shown
from tracer.movements import MAX_AMOUNT

__all__ = [
    "LONGEST",
    "decoded",
    "field",
    "judged",
    "number",
    "party",
    "place",
    "seconds",
    "symbol",
    "token_decimals",
]

LONGEST = 100
"""Characters of a token's symbol that are kept."""

_DIGITS = re.compile(r"[0-9]{1,78}")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|\+00:00)")


def decoded(body: bytes) -> object:
    """The JSON of an answer. Raises ProviderError for anything else, such as a page of HTML."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        text = shown(body[:200].decode(errors="replace"))
        raise ProviderError(f"The provider did not answer in JSON: {text}.", "Ask again later.") from error


def number(value: object, field: str) -> int:
    """A whole number of at most 256 bits, as decimal text or as a JSON integer."""
    if isinstance(value, str) and _DIGITS.fullmatch(value) is not None:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_AMOUNT:
        raise nonsense(field, value)
    return value


def place(value: object, field: str) -> int:
    """A block or an index: a whole number below 2^53."""
    return integer(number(value, field), field)


def party(value: object, field: str) -> str | None:
    """An address, or None where the explorer leaves it empty (the recipient of a creation)."""
    return None if value is None or value == "" else address(value, field)


def seconds(value: object, field: str) -> int:
    """UTC seconds of `2025-02-21T14:13:35.000000Z`."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise nonsense(field, value)
    try:
        return int(datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise nonsense(field, value) from error


def symbol(value: object) -> str:
    """Text of a token's maker, for display only: bounded, without NUL."""
    return value.replace("\0", "\ufffd")[:LONGEST] if isinstance(value, str) else ""


def token_decimals(value: object) -> int | None:
    """Decimals of a token; None where the explorer does not know them or they make no sense."""
    if not isinstance(value, str) or _DIGITS.fullmatch(value) is None:
        value = value if isinstance(value, int) and not isinstance(value, bool) else None
    found = None if value is None else int(value)
    return found if found is not None and 0 <= found <= MAX_DECIMALS else None


def judged(words: str, stops: re.Pattern[str], waits: re.Pattern[str]) -> tuple[Verdict, str]:
    """The verdict on an error in the provider's own words."""
    if stops.search(words):
        return Verdict.STOP, words
    if waits.search(words):
        return Verdict.AGAIN, words
    return Verdict.ANSWER, ""


def field(raw: Mapping[str, object], name: str) -> object:
    """A member that has to be there. Raises ProviderError."""
    if name not in raw:
        raise ProviderError(
            f"The provider answered nonsense: the field {name} is missing.",
            "Ask again later, or ask another provider.",
        )
    return raw[name]
