"""The leading apostrophe that keeps a spreadsheet from running text of a CSV cell as a formula.

Token symbols and labels are written by strangers; a cell that begins with = + - @ tab or CR is executed by
spreadsheet programs (OWASP, "CSV Injection"). The exporter guards text cells, the importer removes the guard;
`unguard(guard(t)) == t` for every text. Never used on numbers, hashes and addresses: those are validated instead.
"""

from __future__ import annotations

import re

__all__ = ["GUARDED", "guard", "unguard"]

GUARDED = r"^'+[=+\-@\t\r]"
"""What guarded text looks like (RE2 and Python), for vectorised callers."""

_NEEDS_GUARD = re.compile(
    r"'*[=+\-@\t\r]"
)  # text that only looks guarded must be guarded too, or it would lose a '
_GUARDED = re.compile(GUARDED)


def guard(text: str) -> str:
    """`text` with a leading ' if a spreadsheet could take it for a formula (or if it looks guarded already)."""
    return "'" + text if _NEEDS_GUARD.match(text) else text


def unguard(text: str) -> str:
    """The text that `guard` was given."""
    return text[1:] if _GUARDED.match(text) else text
