"""UTC seconds as text. Reading times is `tracer.chains.time_text`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

__all__ = ["JST", "jst_text", "utc_text"]

JST = timezone(timedelta(hours=9), "JST")
"""Japan Standard Time; it has had no daylight saving time since 1951."""


def utc_text(seconds: int | None) -> str:
    """UTC seconds as ISO-8601 with Z; "" for an unknown time (None, or the -1 of a column without nulls).

    >>> utc_text(1740147371), utc_text(None)
    ('2025-02-21T14:16:11Z', '')
    """
    if seconds is None or seconds < 0:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def jst_text(seconds: int | None) -> str:
    """UTC seconds as ISO-8601 in Japan Standard Time; "" for an unknown time.

    >>> jst_text(1740147371), jst_text(-1)
    ('2025-02-21T23:16:11+09:00', '')
    """
    if seconds is None or seconds < 0:
        return ""
    return datetime.fromtimestamp(seconds, JST).isoformat()
