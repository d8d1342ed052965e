"""The skeleton of a token symbol: what it looks like to a person, so that an imitation can be compared.

Fake tokens copy a symbol with letters of another alphabet (the Bybit thief's wallet got `stEТH` and `ЕТН` in
Cyrillic). Skeletons follow the idea of Unicode Technical Standard #39 (confusable detection): compatibility
normalisation, then look-alike letters folded to one. The table is a small own one for Latin symbols; it only decides
what is *flagged*, never what an asset is.
"""

from __future__ import annotations

import unicodedata

__all__ = ["skeleton"]

# Cyrillic, Greek and other letters beside the Latin letter that each is drawn like.
_LOOK_ALIKE = {
    "a": "аαɑ",
    "b": "вьβ",
    "c": "сϲ",
    "d": "ԁ",
    "e": "еєεҽ",
    "g": "ɡԍ",
    "h": "нһη",
    "j": "јϳ",
    "k": "кκ",
    "l": "ӏιiı1|",
    "m": "мμ",
    "n": "пνɴ",
    "o": "оοσ0",
    "p": "рρ",
    "s": "ѕ",
    "t": "тτ",
    "u": "υԱս",
    "v": "ѵ",
    "w": "ԝω",
    "x": "хχ",
    "y": "уүγ",
    "z": "ζ",
}
_FOLD = str.maketrans({alike: letter for letter, alikes in _LOOK_ALIKE.items() for alike in alikes.lower()})


def skeleton(text: str) -> str:
    """`text` with look-alike letters folded, in lower case, letters and digits only. "" for text without any."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text)).lower()
    return "".join(c for c in plain.translate(_FOLD) if c.isalnum())
