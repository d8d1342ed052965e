"""What a case may be called. The name is also a folder, and travels to other systems inside evidence packages.

Letters and digits of any script, `.`, `_` and `-`, beginning with a letter or digit, at most 64 characters, in
Unicode normal form C. Nothing that could leave the cases folder, hide, or look like another name by an invisible
character; nothing that Windows cannot store.
"""

from __future__ import annotations

import re
import unicodedata

from tracer.errors import CaseNameError, shown

__all__ = ["case_name"]

_LONGEST = 64
_LONGEST_BYTES = 200  # a file name may have 255 bytes; exports append to it
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters and marks that show nothing
_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_HINT = "Use letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64 characters."


def case_name(text: str) -> str:
    """`text` as a case name (Unicode NFC). Raises CaseNameError that says what is wrong with it."""
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise CaseNameError("The case name is empty.", _HINT)
    if len(name) > _LONGEST:
        raise CaseNameError(f"The case name {shown(name)} is longer than {_LONGEST} characters.", _HINT)
    for character in name:
        if not _allowed(character):
            raise CaseNameError(f"The case name {shown(name)} has {shown(character)} in it.", _HINT)
    if unicodedata.category(name[0])[0] not in "LN":
        raise CaseNameError(f"The case name {shown(name)} does not begin with a letter or digit.", _HINT)
    if name.endswith(".") or _WINDOWS.fullmatch(name):
        raise CaseNameError(f"The case name {shown(name)} cannot be a folder on every system.", _HINT)
    if len(name.encode()) > _LONGEST_BYTES:
        raise CaseNameError(f"The case name {shown(name)} is too long for a folder.", "Shorten it.")
    return name


def _allowed(character: str) -> bool:
    if character in "._-":
        return True
    kind = unicodedata.category(character)
    if kind in {"Mn", "Mc"}:  # vowel signs of Indic scripts, but no variation selectors: they cannot be seen
        return character not in _INVISIBLE and "VARIATION SELECTOR" not in unicodedata.name(character, "")
    return (kind[0] == "L" or kind == "Nd") and character not in _INVISIBLE
