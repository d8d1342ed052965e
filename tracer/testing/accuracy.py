"""How often the clustering heuristics of account chains are right, and how much they find, on planted histories.

Precision and coverage are kept apart, always with the counts: a rule that finds little and is never wrong is another
tool than one that finds everything and errs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracer.clusters import components
from tracer.clusters.clustering import Clusters
from tracer.clusters.controllers import GAS_FUNDING, SAME_SERIES, SWEEP
from tracer.clusters.deposits import BLOCKS, GAS, RULE
from tracer.labels import LabelBook
from tracer.ledger import build_ledger
from tracer.testing.planted import CHAIN, Planted, plant

__all__ = ["Rate", "account_rates", "cluster", "markdown"]


@dataclass(frozen=True, slots=True)
class Rate:
    """One line of docs/accuracy.md: pairs of addresses (or addresses, for the stop).

    truth: how many there are to find. found: how many were named. right: how many of those are true. source: on what
    ground truth.
    """

    heuristic: str
    source: str
    truth: int
    found: int
    right: int

    @property
    def precision(self) -> str:
        """Right / found in per cent with one decimal, "" when nothing was found."""
        return _percent(self.right, self.found)

    @property
    def coverage(self) -> str:
        """Right / truth in per cent with one decimal, "" when there is nothing to find."""
        return _percent(self.right, self.truth)


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    tenths = (part * 2_000 + whole) // (2 * whole)  # rounded half up, in integers
    return f"{tenths // 10}.{tenths % 10} %"


def cluster(planted: Planted) -> Clusters:
    """The clusters of a planted history, as a case computes them."""
    ledger = build_ledger([planted.table()])
    nobody: frozenset[tuple[str, str]] = frozenset()
    return Clusters(
        ledger, LabelBook(planted.labels), seeds=nobody, unread=nobody, decided=nobody, rulings=()
    )


def account_rates(numbers: Sequence[int] = tuple(range(1, 11)), people: int = 150) -> list[Rate]:
    """The rates of every heuristic of account chains, added up over the planted histories of these numbers."""
    source = f"planted histories {numbers[0]} to {numbers[-1]}, {people} people each"
    sums: dict[str, list[int]] = {}
    for number in numbers:
        planted = plant(number, people)
        for name, truth, found, right in _measure(planted, cluster(planted)):
            line = sums.setdefault(name, [0, 0, 0])
            for place, count in enumerate((truth, found, right)):
                line[place] += count
    return [Rate(name, source, *counts) for name, counts in sums.items()]


def _measure(planted: Planted, clusters: Clusters) -> Iterable[tuple[str, int, int, int]]:
    """(heuristic, truth, found, right) of one history."""
    truth = {
        RULE: planted.customers,
        GAS_FUNDING: planted.funded,
        SWEEP: planted.swept,
        SAME_SERIES: planted.scripted,
    }
    for rule, pairs in truth.items():
        links = [link for link in clusters.found.links if link.rule == rule]
        found = {frozenset((_bare(link.a), _bare(link.b))) for link in links}
        right = {pair for pair in found if _one_party(planted, pair)}
        wanted = {frozenset(pair) for pair in pairs}
        if rule == SAME_SERIES:  # one link for each address to its twin says it for all pairs
            joined = _pairs(clusters, rule)
            yield rule, len(wanted), len(joined), len({p for p in joined if _one_party(planted, p)})
        else:
            yield rule, len(wanted), len(found), len(right)
    found = _as_published(clusters)
    right = {pair for pair in found if _one_party(planted, pair)}
    yield f"{RULE} without our guards (Victor 2020)", len(planted.customers), len(found), len(right)
    stops = {address for _, address in clusters.stops}
    yield "DEPOSIT stop", len(planted.deposits), len(stops), len(stops & planted.deposits)
    members = [list(map(_bare, names)) for names in clusters.found.members.values()]
    together = {frozenset((a, b)) for names in members for i, a in enumerate(names) for b in names[:i]}
    owned: dict[str, list[str]] = {}
    for address, party in planted.party.items():
        if party:
            owned.setdefault(party, []).append(address)
    all_pairs = sum(len(x) * (len(x) - 1) // 2 for x in owned.values())
    right_pairs = {pair for pair in together if _one_party(planted, pair)}
    yield "whole clusters (all rules)", all_pairs, len(together), len(right_pairs)


def _as_published(clusters: Clusters) -> set[frozenset[str]]:
    """The pairs of the paper's rule as it stands: whoever paid what was then forwarded to an exchange."""
    payments, ledger = clusters.payments, clusters.ledger
    services = set(clusters.services)
    found = set()
    for i in range(len(payments.row)):
        address = int(payments.payer[i])
        if int(payments.payee[i]) not in services or address in services:
            continue
        gap = GAS if payments.native[i] else 0
        before = [x for x in payments.by_payee.at(address).tolist() if payments.row[x] < payments.row[i]]
        for x in reversed(before):
            fits = (
                payments.asset[x] == payments.asset[i] and 0 <= payments.amount[x] - payments.amount[i] <= gap
            )
            if fits and payments.within(x, i, BLOCKS):
                found.add(
                    frozenset((ledger.addresses[int(payments.payer[x])][1], ledger.addresses[address][1]))
                )
                break
    return found


def _pairs(clusters: Clusters, rule: str) -> set[frozenset[str]]:
    """All pairs that the links of one rule join."""
    found = components(link for link in clusters.found.links if link.rule == rule)
    return {
        frozenset((_bare(a), _bare(b)))
        for names in found.members.values()
        for i, a in enumerate(names)
        for b in names[:i]
    }


def _one_party(planted: Planted, pair: Iterable[str]) -> bool:
    parties = {planted.party[address] for address in pair}
    return len(parties) == 1 and parties != {""}


def _bare(name: str) -> str:
    return name.removeprefix(f"{CHAIN}:")


def markdown(rates: Iterable[Rate]) -> str:
    """The rates as a Markdown table."""
    lines = [
        "| heuristic | ground truth | to find | found | right | precision | coverage |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.heuristic} | {r.source} | {r.truth:,} | {r.found:,} | {r.right:,} | {r.precision} | {r.coverage} |"
        for r in rates
    ]
    return "\n".join(lines)
