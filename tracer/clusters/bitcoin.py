"""Whose Bitcoin addresses belong together: every rule applied, guarded, and each link kept with its evidence.

Links that a guard refuses are returned too, with the reason: they unite nothing, and an analyst can see them. Error
rate: docs/accuracy.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from tracer.clusters.change import change_link, find_change
from tracer.clusters.common_input import common_input
from tracer.clusters.history import History
from tracer.clusters.link import Link
from tracer.clusters.unionfind import components

__all__ = ["BitcoinLinks", "bitcoin_links"]

_LEAST_CONFIDENCE = 70
_LARGE = 10


@dataclass(frozen=True, slots=True)
class BitcoinLinks:
    """Links that stand, sorted, and links that a guard refused, with the reason."""

    links: tuple[Link, ...]
    refused: dict[Link, str]


def bitcoin_links(history: History, services: Collection[str] = ()) -> BitcoinLinks:
    """Common inputs and change over a history of transactions.

    services: `chain:address` of labelled services; no link touches them, else all their customers would become one.
    """
    stand: list[Link] = []
    refused: dict[Link, str] = {}
    for transaction in history.transactions:
        for link in common_input(transaction, history):
            _sort_out(link, services, stand, refused)
    together = components(stand)
    size = Counter(together.cluster_of(name) for name in together.names)
    for transaction in history.transactions:
        change = find_change(transaction, history)
        found = None if change is None else change_link(transaction, change)
        if found is None:
            continue
        if _collapses(together.cluster_of(found.a), together.cluster_of(found.b), size):
            refused[found] = "change that would join two large clusters"
        else:
            _sort_out(found, services, stand, refused)
    return BitcoinLinks(tuple(sorted(stand)), refused)


def _sort_out(link: Link, services: Collection[str], stand: list[Link], refused: dict[Link, str]) -> None:
    if link.a in services or link.b in services:
        refused[link] = "touches a service"
    elif link.confidence < _LEAST_CONFIDENCE:
        refused[link] = f"confidence below {_LEAST_CONFIDENCE}"
    else:
        stand.append(link)


def _collapses(a: str, b: str, size: Counter[str]) -> bool:
    """Whether change would join two clusters that common inputs alone made large.

    Moeser and Narayanan (FC 2022): one wrong change link between two large clusters spoils both, so such a link needs
    more than the signs. A new change address is in no large cluster unless later spent with many others.
    """
    return a != b and min(size[a], size[b]) >= _LARGE
