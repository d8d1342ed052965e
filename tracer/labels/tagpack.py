"""GraphSense TagPacks: YAML files of attribution tags, with a header that the tags inherit from.

Format, confidence scale and tag types: github.com/graphsense/graphsense-tagpack-tool (README, confidence.csv). A tag
says `label` (the text), `actor` (who that is), `network` or, in older packs, `currency`. Its `category` (older) or
`concepts` are mapped to ours; a word we do not know is kept as it stands, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.errors import FileError, shown
from tracer.labels.pack import Pack
from tracer.labels.rows import Rows, label_time
from tracer.labels.yaml_text import Mapping as Entry
from tracer.labels.yaml_text import parse_yaml

__all__ = ["CONFIDENCE", "read_tagpack"]

_PARSER = "tagpack 1"
CONFIDENCE = {
    "override": 100,
    "ownership": 100,
    "ledger_immanent": 100,
    "manual_transaction": 90,
    "service_api": 70,
    "forensic_investigation": 70,
    "authority_data": 60,
    "trusted_provider": 50,
    "service_data": 50,
    "forensic": 50,
    "untrusted_transaction": 40,
    "web_crawl": 20,
    "heuristic": 10,
    "unknown": 5,
}
"""Levels of the TagPack confidence ids."""
_CATEGORIES = {
    "coinjoin": "mixer",
    "cross_chain_bridge": "bridge",
    "defi_bridge": "bridge",
    "defi_dex": "dex",
    "defi_lending": "defi",
    "exploit": "theft",
    "gambling": "service",
    "hacking": "theft",
    "hosted_wallet": "custodian",
    "market": "service",
    "mixing": "mixer",
    "mixing_service": "mixer",
    "payment_processor": "service",
    "sanction": "sanctioned",
    "service_hack": "theft",
    "user": "",
    "wallet_service": "custodian",
}
"""Their category, concept or kind of abuse -> our category; others keep their name."""
_KNOWING = ("exchange", "mixer", "bridge", "custodian", "service", "theft", "sanctioned")
"""Of several concepts the first of these says most about what happens to coin."""


def read_tagpack(data: bytes, name: str, fixed: Mapping[str, str]) -> Pack:
    """The labels of a TagPack. fixed: field -> text for tags that leave it empty. Raises FileError."""
    header = parse_yaml(data, name)
    tags = header.get("tags")
    if not isinstance(tags, list):
        raise FileError(f"{shown(name)} has no list `tags`.", "Is it a TagPack? See docs/labels.md.")
    rows = Rows(fixed)
    for tag in tags:
        if isinstance(tag, Entry):
            _add(rows, Entry(header | tag), tag)
        else:
            rows.note(0, str(tag), "a tag that is no mapping", refused=True)
    labels, problems = rows.finish()
    title = _text(header, "title") or name
    return Pack(title, _PARSER, labels, problems, label_time(_day(_text(header, "lastmod"))))


def _add(rows: Rows, entry: Entry, tag: Entry) -> None:
    address = _text(entry, "address")
    if not address:
        what = "a tag of a transaction, not of an address" if "tx_hash" in tag else "a tag without an address"
        rows.note(tag.line, _text(tag, "tx_hash") or _text(tag, "label"), what, refused=True)
        return
    level = _text(entry, "confidence") or "unknown"
    if level not in CONFIDENCE and not level.isdecimal():
        rows.note(tag.line, address, f"the confidence {shown(level, 40)} is not known", refused=True)
        return
    category = _category(entry)
    kind = _text(entry, "tag_type") or "actor"
    if kind != "actor":
        rows.note(
            tag.line, address, f"a tag of type {shown(kind, 20)} does not say who controls it", refused=False
        )
        category = ""
    rows.add(
        tag.line,
        {
            "chain": _text(entry, "network") or _text(entry, "currency"),
            "address": address,
            "name": _text(entry, "label"),
            "entity": _text(entry, "actor"),
            "category": category,
            "source": _text(entry, "source"),
            "confidence": str(CONFIDENCE.get(level, level)),
            "seen": _day(_text(entry, "lastmod")),
        },
    )


def _category(entry: Entry) -> str:
    concepts = entry.get("concepts")
    listed = [c for c in concepts if isinstance(c, str)] if isinstance(concepts, list) else []
    own = _mapped(_text(entry, "category"))
    if own:
        return own
    found = [mapped for word in [*listed, _text(entry, "abuse")] if (mapped := _mapped(word))]
    return next((word for word in _KNOWING if word in found), found[0] if found else "")


def _mapped(word: str) -> str:
    text = word.casefold()
    return _CATEGORIES.get(text, text)


def _day(text: str) -> str:
    """`lastmod` without the time of day that some packs add."""
    return text[:10]


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key, "")
    return value.strip() if isinstance(value, str) else ""
