"""The words of screen and letters in English and Japanese: one table (words.toml), one lookup.

A key that is missing in a language, or that no module uses, fails the tests; so nothing is half translated. The
Japanese is written for police and court readers: the terms are listed in docs/ui.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["LANGUAGES", "Words", "words"]

LANGUAGES: Mapping[str, str] = {"en": "English", "ja": "日本語"}
"""Language codes and what they call themselves."""


_COUNTED = re.compile(r"\{(\w+)\} \[([^|\]]*)\|([^\]]*)\]")


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("tracer").joinpath("words.toml").read_text(encoding="utf-8")
    return {
        f"{group}.{key}": entry for group, keys in tomllib.loads(text).items() for key, entry in keys.items()
    }


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. Call it with a key: ``w("case.new")``; fields go in as keywords."""

    language: str

    def __call__(self, key: str, /, **fields: object) -> str:
        """The text for `key`. Raises KeyError for an unknown key: a defect, found by the tests.

        `{count} [row|rows]` in the table is the first word where the field is 1, else the second.
        """
        text = _table()[key][self.language]
        if not fields:
            return text
        chosen = _COUNTED.sub(
            lambda m: f"{{{m[1]}}} {m[2] if str(fields[m[1]]) == '1' else m[3]}", text
        )  # in the template: what a field says is never read as a choice
        return chosen.format(**fields)

    def one_of(self, group: str, key: str) -> str:
        """The text for a value from data, e.g. a rule or a stop code; the value itself when the table has none."""
        entry = _table().get(f"{group}.{key}")
        return entry[self.language] if entry else key

    def known(self, group: str, text: str) -> str:
        """The translation of a fixed English sentence of the core; the sentence itself when the table has none."""
        same = (e for k, e in _table().items() if k.startswith(f"{group}.") and e["en"] == text)
        return next(same, {self.language: text})[self.language]


def words(language: str) -> Words:
    """The words of `language`, English for one that the table does not have."""
    return Words(language if language in LANGUAGES else "en")
