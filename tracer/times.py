"""UTC seconds as text. Reading times is `tracer.chains.time_text`."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_text"]


def utc_text(seconds: int | None) -> str:
    """UTC seconds as ISO-8601 with Z; "" for an unknown time (None, or the -1 of a column without nulls).

    >>> utc_text(1740147371), utc_text(None)
    ('2025-02-21T14:16:11Z', '')
    """
    if seconds is None or seconds < 0:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
