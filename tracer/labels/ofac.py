"""OFAC's sdn_advanced.xml: the digital currency addresses of sanctioned parties, with the day of their listing.

The file declares feature types ("Digital Currency Address - XBT"), then parties with their features, then the entries
that put a party on the list (OFAC, "Advanced Sanctions Data Model", and the tables in the file itself). The word after
the dash is a ticker, not a chain. `listed` is the day of the party's entry: an address may have been added to it later,
which the file does not say. A party that was taken off and put on again has one label for each time on the list. Of a
name in several scripts the Latin one names the party; the others stand behind it. A file is streamed; DTDs, entities
and external references are refused (defusedxml).
"""

from __future__ import annotations

import io
from collections.abc import Container, Iterable, Mapping
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

_PARSER = "ofac 2"
_SOURCE = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN_ADVANCED.XML"
_FEATURE = "Digital Currency Address - "
_DEEPEST = 100
_CREATED = "created"
_REMOVED = frozenset({"removed", "delisted"})
_LONGEST_ALSO = 400


@dataclass(frozen=True, slots=True)
class _Party:
    """profile: its id. name: its primary name. also: the same in other scripts."""

    profile: str
    name: str
    also: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The name, and as many of the others as a label takes."""
        kept: list[str] = []
        for name in self.also:
            if sum(map(len, kept)) + len(name) > _LONGEST_ALSO:
                break
            kept.append(name)
        more = [f"and {len(self.also) - len(kept)} more"] if len(kept) < len(self.also) else []
        return f"{self.name}; also {', '.join(kept + more)}" if self.also else self.name


@dataclass
class _List:
    """What was read so far.

    tickers: feature type id -> ticker. events: id of a sort of event -> its letters in lower case. latin: ids of the
    Latin script. found: (party, ticker, address). times: profile -> (first day, day of removal) on the list; "" where
    unknown or not removed. undated: profiles with a removal whose day is not given.
    """

    tickers: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    latin: set[str] = field(default_factory=set)
    found: list[tuple[_Party, str, str]] = field(default_factory=list)
    times: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    undated: set[str] = field(default_factory=set)
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
    for number, (party, ticker, address) in enumerate(read.found, 1):
        _rows_of(rows, number, party, ticker, address, read)
    if not read.found:
        rows.note(0, name, "no party of the list has a digital currency address", refused=True)
    labels, problems = rows.finish()
    return Pack("OFAC SDN list", _PARSER, labels, problems, label_time(read.issued))


def _rows_of(rows: Rows, number: int, party: _Party, ticker: str, address: str, read: _List) -> None:
    """The rows of one address: one for each time on the list."""
    if not address:
        message = (
            f"{party.name} (profile {party.profile}) has a feature without an address: {_FEATURE}{ticker}"
        )
        rows.note(number, party.name, message, refused=True)
        return
    times = _joined(read.times.get(party.profile, []))
    for listed, removed in times or [("", "")]:
        rows.add(
            number,
            {
                "chain": ticker,
                "address": address,
                "name": f"OFAC SDN: {party.text} ({ticker})",
                "entity": party.name,
                "category": "sanctioned",
                "role": "sanctioned",
                "source": f"{_SOURCE} (profile {party.profile})",
                "source_type": "sanctions",
                "confidence": "60",
                "listed": listed,
                "delisted": removed,
                "delisted_reason": "removed from the list" if removed else "",
                "seen": read.issued,
                "licence": "public domain (US government)",
            },
        )
        if not listed:
            rows.note(
                number, address, f"no entry gives the day on which {party.name} was listed", refused=False
            )
    if party.profile in read.undated:
        message = (
            f"{party.name} was removed on a day that the entry does not give: it is taken as still listed"
        )
        rows.note(number, address, message, refused=False)


def _joined(times: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Times on the list, those that overlap as one, sorted."""
    found: list[tuple[str, str]] = []
    for first, removed in sorted(times):
        if found and (not found[-1][1] or first <= found[-1][1]):
            earlier = found.pop()
            removed = max(earlier[1], removed) if earlier[1] and removed else ""
            first = earlier[0]
        found.append((first, removed))
    return found


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
            letters = "".join(c for c in (element.text or "").casefold() if c.isalpha())
            read.events[element.get("ID", "")] = letters
        elif tag == "Script" and (element.get("ScriptCode") == "Latn" or element.text == "Latin"):
            read.latin.add(element.get("ID", ""))
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
        (read.tickers[feature.get("FeatureTypeID", "")], text)
        for feature in _all(profile, "Feature")
        if feature.get("FeatureTypeID", "") in read.tickers
        for text in [(detail.text or "").strip() for detail in _all(feature, "VersionDetail")] or [""]
    ]
    if details:
        party = _party(profile, read.latin)
        read.found += [(party, ticker, text) for ticker, text in details]


def _party(profile: Element, latin: Container[str]) -> _Party:
    """The party by its primary alias: by the Latin one of its documented names where one is marked, else the first."""
    aliases = _all(profile, "Alias")
    primary = next((a for a in aliases if a.get("Primary") == "true"), aliases[0] if aliases else None)
    names: dict[str, bool] = {}
    for documented in [] if primary is None else _all(primary, "DocumentedName"):
        parts = _all(documented, "NamePartValue")
        text = " ".join(filter(None, ((p.text or "").strip() for p in parts)))
        if text:
            names.setdefault(text, any(part.get("ScriptID") in latin for part in parts))
    chosen = next((text for text, is_latin in names.items() if is_latin), next(iter(names), ""))
    also = tuple(text for text in names if text != chosen)
    return _Party(profile.get("ID", ""), chosen or "a party without a name", also)


def _entry(entry: Element, read: _List) -> None:
    """When a party was on the list, by one of its entries."""
    profile = entry.get("ProfileID", "")
    days: list[tuple[str, bool]] = []
    for event in _all(entry, "EntryEvent"):
        sort = read.events.get(event.get("EntryEventTypeID", ""), _CREATED)
        known = [day for day in map(_date, _all(event, "Date")) if day]
        if sort in _REMOVED and not known:
            read.undated.add(profile)
        if sort == _CREATED or sort in _REMOVED:
            days += [(day, sort in _REMOVED) for day in known]
    times: list[tuple[str, str]] = []
    first, on = "", False
    for day, removed in sorted(
        days, key=lambda at: (at[0], not at[1])
    ):  # off and on again in a day is still on
        if not removed:
            first, on = (first, True) if on else (day, True)
        elif on or not (times or (day, False) in days):
            times.append((first, day))
            first, on = "", False
    read.times.setdefault(profile, []).extend([*times, (first, "")] if on else times)


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
