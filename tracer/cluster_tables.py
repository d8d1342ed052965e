"""Clusters as tables: who belongs together and holds what, every link, and whose deposit address is whose.

Columns are those of docs/formats.md. A cluster is listed when one of its addresses is traced; links are listed all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tracer.clusters.clustering import Clusters
from tracer.clusters.link import Link, account_of
from tracer.results import TaintResult, frame
from tracer.times import utc_text

__all__ = ["clusters_frame", "deposits_frame", "links_frame"]


@dataclass(slots=True)
class _Seen:
    """What moved in and out of one (address, asset), and when; -1 is unknown."""

    received: int = 0
    sent: int = 0
    first: int = -1
    last: int = -1

    def at(self, time: int) -> None:
        """Note a movement."""
        if time >= 0:
            self.first = time if self.first < 0 else min(self.first, time)
            self.last = max(self.last, time)


def clusters_frame(clusters: Clusters, result: TaintResult) -> pd.DataFrame:
    """One row per (cluster, chain, address, asset): all traced addresses and those that links join to them."""
    found, ledger, shown = clusters.found, clusters.ledger, result.shown
    taint = _tainted(result)
    names = [":".join(account) for account in ledger.addresses]
    traced = {
        n for n, (chain, address) in enumerate(ledger.addresses) if (chain, shown(chain, address)) in taint
    }
    wanted = {found.cluster_of(names[n]) for n in traced}
    members = {account_of(name) for cluster in wanted for name in found.members.get(cluster, ())}
    numbers = traced | {ledger.address_number[a] for a in members if a in ledger.address_number}
    links = _links_by_member(clusters)
    rows: list[tuple[object, ...]] = []
    for (number, asset_number), moved in _movements(clusters, numbers).items():
        chain, address = ledger.addresses[number]
        text, asset = shown(chain, address), ledger.assets[asset_number]
        mine = links.get(names[number], [])
        label = clusters.full_book.best(chain, address)
        rows.append(
            (_shown(found.cluster_of(names[number]), shown), chain, text)
            + tuple(";".join(str(getattr(x, part)) for x in mine) for part in ("rule", "tx", "confidence"))
            + ((label.name, label.source) if label else ("", ""))
            + (
                moved.received,
                moved.sent,
                taint.get((chain, text), {}).get(asset.ref, 0),
                asset.ref,
                asset.decimals,
            )
            + (utc_text(moved.first), utc_text(moved.last))
        )
    rows.sort(key=lambda r: (r[0], r[1], r[2], r[11]))
    return frame(rows, _CLUSTER_COLUMNS)


def links_frame(clusters: Clusters, shown: Callable[[str, str], str]) -> pd.DataFrame:
    """Every link, sorted; withdrawn: why it unites nothing, "" where it stands."""
    refused = clusters.refused
    rows = [
        (_shown(x.a, shown), _shown(x.b, shown), x.rule, x.tx, x.confidence, refused.get(x, ""))
        for x in clusters.found.links
    ]
    return frame(rows, ["a", "b", "rule", "tx", "confidence", "withdrawn"])


def deposits_frame(clusters: Clusters, shown: Callable[[str, str], str]) -> pd.DataFrame:
    """Every forwarded payment: customer ("" where none can be named), deposit address, service, both transactions."""
    rows = []
    if clusters.deposits:
        payments = clusters.payments
        stopped = clusters.stops
        for d in clusters.deposits:
            chain, address = clusters.ledger.addresses[d.address]
            for use in d.uses:
                asset = clusters.ledger.assets[int(payments.asset[use.forwarded])]
                user = shown(*clusters.ledger.addresses[use.user]) if use.user >= 0 else ""
                rows.append(
                    (chain, user, shown(chain, address), d.service, asset.ref, asset.symbol, asset.decimals)
                    + (payments.amount[use.paid], payments.hash(use.paid))
                    + (payments.amount[use.forwarded], payments.hash(use.forwarded), d.confidence)
                    + (clusters.codes.get((chain, address), ""), d.alike.others if d.alike else 0)
                    + (stopped.get((chain, address), ""),)
                )
    return frame(rows, _DEPOSIT_COLUMNS)


def _tainted(result: TaintResult) -> Mapping[tuple[str, str], Mapping[str, int]]:
    """(chain, address as printed) -> asset -> stolen coin that rests there; only where any ever came."""
    held = result.addresses(ranges=False)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for chain, address, asset, units in zip(
        *(held[c] for c in ("chain", "address", "asset", "taint_raw")), strict=True
    ):
        found.setdefault((chain, address), {})[asset] = units
    return found


def _movements(clusters: Clusters, numbers: set[int]) -> dict[tuple[int, int], _Seen]:
    """What each of the addresses got and paid, per asset, fees included."""
    ledger = clusters.ledger
    found: dict[tuple[int, int], _Seen] = {}
    rows = zip(
        ledger.sender.tolist(),
        ledger.recipient.tolist(),
        ledger.asset.tolist(),
        ledger.time.tolist(),
        ledger.amount,
        strict=True,
    )
    for sender, recipient, asset, time, amount in rows:
        if recipient in numbers:
            seen = found.setdefault((recipient, asset), _Seen())
            seen.received += amount
            seen.at(time)
        if sender in numbers:
            seen = found.setdefault((sender, asset), _Seen())
            seen.sent += amount
            seen.at(time)
    return found


def _links_by_member(clusters: Clusters) -> dict[str, list[Link]]:
    """Name -> its standing links, sorted by rule, transaction and confidence."""
    found: dict[str, list[Link]] = {}
    for link in sorted(clusters.found.links, key=lambda x: (x.rule, x.tx, x.confidence)):
        if link not in clusters.found.withdrawn:
            found.setdefault(link.a, []).append(link)
            found.setdefault(link.b, []).append(link)
    return found


def _shown(name: str, shown: Callable[[str, str], str]) -> str:
    """`chain:address` with the address as people read it."""
    chain, address = account_of(name)
    return f"{chain}:{shown(chain, address)}"


_CLUSTER_COLUMNS: Sequence[str] = (
    *("cluster_id", "chain", "address", "rule", "evidence_tx", "confidence", "label", "label_source"),
    *("received_raw", "sent_raw", "taint_raw", "asset", "decimals", "first_seen_utc", "last_seen_utc"),
)
_DEPOSIT_COLUMNS: Sequence[str] = (
    *("chain", "user", "deposit", "service", "asset", "symbol", "decimals", "paid_raw", "paid_tx"),
    *("forwarded_raw", "forwarded_tx", "confidence", "contract_code", "same_code", "stop"),
)
