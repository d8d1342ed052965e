"""Times of transfers as UTC seconds, from the spellings that files use.

Read: ISO-8601 (`2025-02-21T14:29:47Z`, `2025-02-21 14:29:47`, with an offset, with fractions, which are cut),
`2025/2/21 14:29:47` as Japanese Excel writes it, and Unix time in s, ms, us or ns, told apart by size. A time without
a zone is UTC. Refused: impossible dates, and day/month/year spellings, which cannot be told from month/day/year.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TimeTextError", "time_column", "utc_seconds"]

_ISO_UTC = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?$"
_CLOCK = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?)?"
    r"\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_UNIX = re.compile(r"([0-9]{1,19})(?:\.0+)?")
_LAST = 4102444800  # 2100-01-01: later is a mistaken column or unit


class TimeTextError(ValueError):
    """Text that is no time. `code` groups equal problems; `why` and `hint` are for the investigator."""

    def __init__(self, code: str, why: str, hint: str) -> None:
        super().__init__(why)
        self.code, self.why, self.hint = code, why, hint


def utc_seconds(text: str) -> int:
    """The UTC seconds that `text` names. Raises TimeTextError."""
    unix = _UNIX.fullmatch(text)
    if unix:
        return _checked(_from_unix(int(unix[1])))
    match = _CLOCK.fullmatch(text)
    if match is None:
        if re.fullmatch(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}.*", text, re.ASCII):
            raise TimeTextError(
                "order",
                "could be day/month or month/day",
                "Write times as 2025-02-21T14:29:47Z (UTC), or use a column of Unix times.",
            )
        raise TimeTextError(
            "text", "is not a time", "Write times as 2025-02-21T14:29:47Z (UTC), or as Unix time."
        )
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if match[4] is None:
        raise TimeTextError("date_only", "is a date without a time", "Add the time of day in UTC.")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[7]))
    except ValueError:
        raise TimeTextError(
            "impossible", "is not a possible date and time", "Correct it at the source."
        ) from None
    return _checked(int(moment.timestamp()))


def time_column(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Times as int64 seconds, and which rows (bool) are left to `utc_seconds` and null there. Empty text is null."""
    if pc.all(
        pc.match_substring_regex(texts, r"^[1-9][0-9]{8,9}$")
    ).as_py():  # a whole column of Unix seconds
        seconds = texts.cast(pa.int64())
        return seconds, np.asarray(pc.greater(seconds, _LAST))
    iso = pc.match_substring_regex(texts, _ISO_UTC)
    clean = pc.if_else(iso, pc.utf8_rtrim(texts, "Z"), None)
    try:
        seconds = clean.cast(pa.timestamp("s")).cast(pa.int64())
    except pa.ArrowInvalid:  # an impossible date somewhere: every row goes through the exact reader
        return pa.nulls(len(texts), pa.int64()), np.asarray(pc.not_equal(texts, ""))
    odd = pc.fill_null(pc.or_(pc.less_equal(seconds, 0), pc.greater(seconds, _LAST)), fill_value=False)
    left = pc.and_(pc.or_(pc.invert(iso), odd), pc.not_equal(texts, ""))
    return seconds, np.asarray(left)


def _from_unix(number: int) -> int:
    for limit, unit in ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3)):
        if number >= limit:
            return number // unit
    return number


def _zone(text: str | None) -> timezone:
    if text is None or text in ("Z", "UTC", "GMT"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _checked(seconds: int) -> int:
    if not 0 < seconds <= _LAST:
        raise TimeTextError("range", "lies outside 1970-2100", "Check the column and its unit.")
    return seconds
