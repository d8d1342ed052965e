"""OFAC's sdn_advanced.xml: the digital currency addresses of sanctioned parties, with the day of their listing.

The file declares feature types ("Digital Currency Address - XBT"), then parties with their features, then the entries
that put a party on the list (OFAC, "Advanced Sanctions Data Model", and the tables in the file itself). The word after
the dash is a ticker, not a chain. `listed` is the day of the party's entry: an address may have been added to it later,
which the file does not say. A file is streamed; DTDs, entities and external references are refused (defusedxml).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml.ElementTree import iterparse

from tracer.errors import FileError, shown
from tracer.labels.networks import chain_of_ticker
from tracer.labels.pack import Pack
from tracer.labels.rows import Rows, label_time

__all__ = ["read_ofac"]

_PARSER = "ofac 1"
_SOURCE = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN_ADVANCED.XML"
_FEATURE = "Digital Currency Address - "
_DEEPEST = 100
_CREATED = "Created"


@dataclass
class _List:
    """What was read so far. tickers: feature type id -> ticker; found: (profile, name, ticker, address)."""

    tickers: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    found: list[tuple[str, str, str, str]] = field(default_factory=list)
    listed: dict[str, str] = field(default_factory=dict)
    issued: str = ""


def read_ofac(data: bytes, name: str, fixed: Mapping[str, str]) -> Pack:
    """The labels of a sdn_advanced.xml. Raises FileError for anything that is not one."""
    read = _List()
    try:
        _stream(data, read, name)
    except defusedxml.DefusedXmlException as error:
        raise FileError(
            f"{shown(name)} holds {type(error).__name__}: declarations that no sanctions list needs.",
            "Nothing was imported. Download the file again from the authority itself.",
        ) from None
    except ParseError as error:
        raise FileError(
            f"{shown(name)} is not complete XML ({shown(error, 120)}).", "Download it again."
        ) from None
    if not read.tickers:
        raise FileError(
            f"{shown(name)} declares no digital currency addresses.",
            "The file that has them is sdn_advanced.xml; sdn.xml has not.",
        )
    rows = Rows(fixed, chain_of_ticker)
    for number, (profile, party, ticker, address) in enumerate(read.found, 1):
        rows.add(
            number,
            {
                "chain": ticker,
                "address": address,
                "name": f"OFAC SDN: {party} ({ticker})",
                "entity": party,
                "category": "sanctioned",
                "role": "sanctioned",
                "source": f"{_SOURCE} (profile {profile})",
                "source_type": "sanctions",
                "confidence": "60",
                "listed": read.listed.get(profile, ""),
                "seen": read.issued,
                "licence": "public domain (US government)",
            },
        )
        if profile not in read.listed:
            rows.note(number, address, f"no entry gives the day on which {party} was listed", refused=False)
    if not read.found:
        rows.note(0, name, "no party of the list has a digital currency address", refused=True)
    labels, problems = rows.finish()
    return Pack("OFAC SDN list", _PARSER, labels, problems, label_time(read.issued))


def _stream(data: bytes, read: _List, name: str) -> None:
    path: list[Element] = []
    for event, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            path.append(element)
            if len(path) > _DEEPEST:
                raise FileError(f"{shown(name)} is nested too deeply.", "Nothing was imported.")
            if len(path) == 1 and _tag(element) != "Sanctions":
                raise FileError(
                    f"{shown(name)} is no advanced sanctions list: it begins with {shown(_tag(element), 40)}.",
                    "Import sdn_advanced.xml.",
                )
            continue
        path.pop()
        tag = _tag(element)
        if tag == "FeatureType" and (element.text or "").startswith(_FEATURE):
            read.tickers[element.get("ID", "")] = (element.text or "").removeprefix(_FEATURE).strip()
        elif tag == "EntryEventType":
            read.events[element.get("ID", "")] = (element.text or "").strip()
        elif tag == "DateOfIssue":
            read.issued = _date(element)
        elif tag == "Profile":
            _profile(element, read)
        elif tag == "SanctionsEntry":
            _entry(element, read)
        if len(path) == 2 and tag in {"DistinctParty", "SanctionsEntry", "Location", "IDRegDocument"}:
            # an entry is done: forget it, the file has hundreds of megabytes
            path[-1].remove(element)


def _profile(profile: Element, read: _List) -> None:
    details = [
        (read.tickers[feature.get("FeatureTypeID", "")], detail.text or "")
        for feature in _all(profile, "Feature")
        if feature.get("FeatureTypeID", "") in read.tickers
        for detail in _all(feature, "VersionDetail")
    ]
    if details:
        number = profile.get("ID", "")
        read.found += [(number, _name(profile), ticker, text.strip()) for ticker, text in details]


def _name(profile: Element) -> str:
    """The primary name of the party."""
    names = _all(profile, "Alias")
    first = next((a for a in names if a.get("Primary") == "true"), names[0] if names else None)
    parts = [] if first is None else [(p.text or "").strip() for p in _all(first, "NamePartValue")]
    return " ".join(filter(None, parts)) or "a party without a name"


def _entry(entry: Element, read: _List) -> None:
    """The first day on which a party was put on the list."""
    days = [
        _date(day)
        for event in _all(entry, "EntryEvent")
        if read.events.get(event.get("EntryEventTypeID", ""), _CREATED) == _CREATED
        for day in _all(event, "Date")
    ]
    profile = entry.get("ProfileID", "")
    known = [*filter(None, days), *filter(None, [read.listed.get(profile)])]
    if known:
        read.listed[profile] = min(known)


def _date(element: Element) -> str:
    parts = {_tag(part): (part.text or "").strip() for part in element}
    try:
        return date(int(parts["Year"]), int(parts["Month"]), int(parts["Day"])).isoformat()
    except (KeyError, ValueError):
        return ""


def _all(element: Element, tag: str) -> list[Element]:
    return [found for found in element.iter() if _tag(found) == tag]


def _tag(element: Element) -> str:
    """The name without its namespace, which changed between editions of the file."""
    return element.tag.rpartition("}")[2]
