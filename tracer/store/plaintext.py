"""Which text a database column may hold: what every database keeps exactly, and nothing else.

PostgreSQL refuses NUL characters and no database keeps lone surrogates (a file name whose bytes are not UTF-8 has
them in Python). Such text is refused with a clear line; it is never cut or replaced silently.
"""

from __future__ import annotations

from tracer.errors import InputError, shown

__all__ = ["plain", "storable"]


def storable(text: str, what: str) -> str:
    """`text` unchanged when it has a UTF-8 form, else InputError that calls it `what`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"The {what} {shown(text)} holds characters that are not text.", "Rename it with plain letters."
        ) from None
    return text


def plain(text: str, what: str, limit: int = 1_000_000) -> str:
    """`text` unchanged when every database keeps it exactly, else InputError. `limit` in UTF-8 bytes."""
    if "\0" in storable(text, what):
        raise InputError(f"The {what} {shown(text)} holds a NUL character.", "Remove it and try again.")
    if len(text.encode()) > limit:
        raise InputError(f"The {what} {shown(text)} is longer than {limit:,} bytes.", "Shorten it.")
    return text
