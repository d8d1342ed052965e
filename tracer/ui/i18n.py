"""The language of the screen: which one a browser asks for, and its words (`tracer.wording`)."""

from __future__ import annotations

from tracer.wording import LANGUAGES, Words, words

__all__ = ["LANGUAGES", "Words", "language_of", "words"]


def language_of(locale: str | None) -> str:
    """The language for a browser's locale: Japanese for `ja` and `ja-JP`, else English."""
    return "ja" if (locale or "").lower().split("-")[0] == "ja" else "en"
