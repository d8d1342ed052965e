"""Who can be asked to freeze stolen coin, and for which endpoints: services by their labels, and issuers of tokens.

A service is asked for the addresses that labels attribute to it. An issuer can stop its token at any address, but not
inside a service, whose addresses hold the tokens of all its customers: there the service is asked. Pure selection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tracer.endpoint_kinds import EndpointKind, kind_of
from tracer.endpoints import Endpoints
from tracer.errors import NotFoundError, shown
from tracer.export.notes import Pins
from tracer.export.sheet import FreezeSheet
from tracer.labels.book import entity_key
from tracer.labels.stopping import STOPPING
from tracer.listing import Listed
from tracer.model import Label
from tracer.parties import Parties, attributed_elsewhere, party_key
from tracer.results import CHAIN_REPLACED, frame

__all__ = ["Addressee", "addressee_frame", "addressees", "sheet_for"]

_ISSUERS_PLACES = {EndpointKind.PARKED, EndpointKind.UNREAD, EndpointKind.FROZEN}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom to write to. key: by what several spellings are one party. issuer: as the issuer of tokens, not as the
    holder of addresses.
    """

    name: str
    key: str
    issuer: bool = False


def addressees(
    ends: Endpoints, issuers: Mapping[tuple[str, str], str]
) -> list[tuple[Addressee, list[Listed]]]:
    """Everybody who can be asked, sorted by name, with the endpoints that he can do something about.

    issuers: (chain, asset) -> issuer of the token.
    """
    names: dict[tuple[str, bool], str] = {}
    held_by: dict[tuple[str, bool], list[Listed]] = {}
    for held in ends.holdings:
        for one in _asked(ends, held, issuers):
            party = (one.key, one.issuer)
            names[party] = min(names.get(party, one.name), one.name)
            held_by.setdefault(party, []).append(held)
    found = [(Addressee(names[key, issuer], key, issuer), held_by[key, issuer]) for key, issuer in names]
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].issuer))


def _asked(ends: Endpoints, held: Listed, issuers: Mapping[tuple[str, str], str]) -> list[Addressee]:
    known = ends.ranges.get(held.number)
    if held.sink or (known is not None and not known.at_most):
        return []  # poison may mark it, but no admissible accounting leaves stolen coin there
    found = []
    label = ends.label(held)
    if label is not None and label.category.casefold() in STOPPING:
        found.append(Addressee(label.who, entity_key(label)))
    issuer = issuers.get((held.asset.chain, held.asset.ref))
    if issuer is not None and kind_of(held) in _ISSUERS_PLACES:
        found.append(Addressee(issuer, entity_key(Label("", "", issuer)), issuer=True))
    return found


def addressee_frame(ends: Endpoints, issuers: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """`addressees` as a table: name, role (service or issuer), addresses (how many), symbols joined by ;.

    other_sources_name: whom other labels name as the party behind one of these addresses, joined by "; ".
    """
    rows = []
    for one, held in addressees(ends, issuers):
        symbols = ";".join(sorted({x.asset.symbol or x.asset.ref for x in held}))
        role = "issuer" if one.issuer else "service"
        others = sorted({name for x in held for name in ends.book.others(*ends.account(x))})
        rows.append((one.name, role, len({(x.chain, x.address) for x in held}), symbols, "; ".join(others)))
    return frame(rows, ["name", "role", "addresses", "symbols", "other_sources_name"])


def sheet_for(
    name: str,
    ends: Endpoints,
    issuers: Mapping[tuple[str, str], str],
    *,
    pins: Pins,
    losses: pd.DataFrame,
    seeds: pd.DataFrame,
    gaps: pd.DataFrame,
) -> FreezeSheet:
    """The freeze sheet for the party of that name; a service before an issuer of the same name.

    losses, seeds, gaps: of the whole case. Raises NotFoundError, with those who can be asked, for anybody else.
    """
    known = addressees(ends, issuers)
    key = party_key(name, {one.key for one, _ in known})
    found = min((pair for pair in known if pair[0].key == key), key=lambda pair: pair[0].issuer, default=None)
    if found is None:
        names = ", ".join(one.name for one, _ in known[:8])
        places = {ends.account(held): held.address for held in ends.holdings if not held.sink}
        elsewhere = attributed_elsewhere(
            Parties(ends.book, places).claims(name), lambda chain, address: places[chain, address]
        )
        raise NotFoundError(
            f"No stolen coin is known to rest where {shown(name)} could freeze it"
            f"{f': {elsewhere}' if elsewhere else ''}.",
            f"Whom one can ask: {names}." if names else "Label the addresses of services: tracer label.",
        )
    asked, held = found
    part = ends.only(held)
    addresses, transfers = part.frame(), part.transfers()
    addresses.insert(
        list(addresses.columns).index("label_source") + 1,
        "other_sources_name",
        ["; ".join(ends.book.others(*ends.account(x))) for x in held],
    )
    hashes = set(transfers["tx_hash"]) - {""}
    here = gaps["address"].isin(set(addresses["address"])) | gaps["tx"].isin(hashes)
    here |= gaps["code"] == CHAIN_REPLACED
    others = gaps[~here]["status"]
    return FreezeSheet(
        addressee=asked.name,
        issuer=asked.issuer,
        pins=pins,
        addresses=addresses,
        transfers=transfers,
        totals=part.totals(),
        losses=losses,
        seeds=seeds,
        gaps=gaps[here],
        other_open=int((others == "open").sum()),
        other_assumed=int((others == "assumption").sum()),
    )
