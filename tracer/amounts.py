"""Exact decimal text of integer amounts. Never a float on the way."""

from __future__ import annotations

__all__ = ["decimal_text"]


def decimal_text(raw: int | None, decimals: int | None) -> str:
    """`raw` smallest units as a decimal number, without trailing zeros; "" if either is unknown.

    >>> decimal_text(401346768858404671846374, 18)
    '401346.768858404671846374'
    >>> decimal_text(-5, 1), decimal_text(100, 2), decimal_text(7, None)
    ('-0.5', '1', '')
    """
    if raw is None or decimals is None:
        return ""
    sign = "-" if raw < 0 else ""
    digits = str(abs(raw)).rjust(decimals + 1, "0")
    whole, part = (digits[:-decimals], digits[-decimals:].rstrip("0")) if decimals else (digits, "")
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"
