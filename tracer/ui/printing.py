"""How the screen prints amounts, addresses and times: exact where it is evidence, short where it is a picture.

Tables and the details panel print every digit. Only labels inside the flow picture are shortened, and a
shortened amount is cut, never rounded up: the picture must not claim more coin than there is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tracer.chains.tokens import known
from tracer.errors import visible
from tracer.times import JST

__all__ = [
    "JST",
    "brief_address",
    "brief_amount",
    "clean",
    "exact_amount",
    "jst",
    "missing",
    "plain",
    "unlisted",
    "utc",
    "whole",
]


def missing(value: object) -> bool:
    """Whether a cell of a frame is empty: None, NaN or empty text."""
    return value is None or value == "" or value != value  # noqa: PLR0124 - a NaN is not equal to itself


def whole(value: object) -> int | None:
    """A cell as an exact integer; None for an empty cell. A small number that pandas made a float is taken back."""
    if type(value) is int:
        return value
    if missing(value):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else int(str(value))


def clean(text: object, limit: int = 120) -> str:
    """Text from a chain, file or label pack as one visible line.

    Control, bidirectional and zero-width characters are written as escapes, so that a symbol cannot reorder or
    hide the text next to it; anything beyond `limit` characters is cut with an ellipsis.
    """
    raw = "" if text is None else str(text)
    if len(raw) <= limit and raw.isprintable():
        return raw
    out = visible(raw[:limit])
    return out if len(raw) <= limit else out + "\N{HORIZONTAL ELLIPSIS}"


_MARKUP = re.compile(
    r"[\\`*{}\[\]|<>~$&!]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it is none
    r"|:(?=[A-Za-z/])"  # directives and icons
    r"|^[#+-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"  # headings and lists
)


def plain(text: object, limit: int = 120) -> str:
    r"""`clean` text that is shown through Markdown: what would be markup is escaped.

    An address of the web that stands in it may become a link: it is shown in full, and asked only by a click.

    >>> print(plain("![a](http://b.c/d_e) 1. at 10:30, sub_total_"))
    \!\[a\](http\://b.c/d_e) 1. at 10:30, sub_total\_
    """
    return _MARKUP.sub(r"\\\g<0>", clean(text, limit))


def unlisted(key: str) -> bool:
    """Whether an asset, `chain/contract`, is no coin of its chain and not in data/tokens.toml: anybody can make it."""
    chain, _, asset = key.partition("/")
    return known(chain, asset) is None


def exact_amount(raw: int, decimals: int | None, *, group: bool = True) -> str:
    """`raw` smallest units as exact decimal text, without trailing zeros; raw units when decimals are unknown.

    >>> exact_amount(401346768858404671846374, 18)
    '401,346.768858404671846374'
    >>> exact_amount(10**22, 18, group=False)
    '10000'
    """
    sign, digits = ("-", str(-raw)) if raw < 0 else ("", str(raw))
    places = decimals or 0
    digits = digits.rjust(places + 1, "0")
    whole, part = (digits[:-places], digits[-places:].rstrip("0")) if places else (digits, "")
    head = f"{int(whole):,}" if group else str(int(whole))
    return f"{sign}{head}.{part}" if part else f"{sign}{head}"


def brief_amount(raw: int, decimals: int | None) -> str:
    """A short form for labels in the picture, cut to four or two decimal places; an ellipsis says that it is cut.

    >>> brief_amount(401346768858404671846374, 18), brief_amount(5, 18), brief_amount(10**22, 18)
    ('401,346.76…', '<0.0001', '10,000')
    """
    places = decimals or 0
    whole = raw // 10**places
    if whole >= 10**9:
        text, cut = f"{whole // 10**6:,}M", whole // 10**6 * 10 ** (6 + places)
    else:
        unit = 10 ** max(places - (2 if whole >= 10 else 4), 0)
        cut = raw // unit * unit
        if raw and not cut:
            return "<0.0001"
        text = exact_amount(cut, decimals)
    return text if cut == raw else text + "\N{HORIZONTAL ELLIPSIS}"


def brief_address(address: str) -> str:
    """First six and last four characters, for labels only; every table and panel prints the whole address."""
    text = clean(address)
    return text if len(text) <= 14 else f"{text[:6]}\N{HORIZONTAL ELLIPSIS}{text[-4:]}"


def _moment(when: object) -> datetime | None:
    if missing(when):
        return None
    if isinstance(when, str):
        return datetime.fromisoformat(when).astimezone(UTC)
    return datetime.fromtimestamp(int(str(when)), UTC)


def utc(when: object) -> str:
    """UTC seconds or ISO-8601 text as `2025-02-21 14:16:11 UTC`; empty text for a missing time."""
    moment = _moment(when)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def jst(when: object) -> str:
    """The same moment in Japan, `2025-02-21 23:16:11 JST`; empty text for a missing time."""
    moment = _moment(when)
    return f"{moment.astimezone(JST):%Y-%m-%d %H:%M:%S} JST" if moment else ""
