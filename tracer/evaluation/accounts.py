"""The clustering heuristics of account chains against planted histories, whose truth is known.

Pairs of addresses are counted: for a rule, the pairs that it should find and those that it links; for whole clusters,
all pairs of one party and all that are in one cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracer.clusters import Link, components
from tracer.clusters.clustering import Clusters
from tracer.clusters.controllers import GAS_FUNDING, SAME_SERIES, SWEEP
from tracer.clusters.deposits import BLOCKS, GAS, RULE
from tracer.evaluation.planted import CHAIN, Planted, plant
from tracer.evaluation.score import Score
from tracer.labels import LabelBook
from tracer.ledger import build_ledger

__all__ = ["cluster", "planted_scores"]

_SUREST = 90


def cluster(planted: Planted, *, codes: bool = True) -> Clusters:
    """The clusters of a planted history, as a case computes them. codes: whether the code of contracts is known."""
    ledger = build_ledger([planted.table()])
    nobody: frozenset[tuple[str, str]] = frozenset()
    known = {(CHAIN, address): code for address, code in planted.codes.items()} if codes else {}
    return Clusters(
        ledger,
        LabelBook(planted.labels),
        seeds=nobody,
        unread=nobody,
        decided=nobody,
        rulings=(),
        codes=known,
    )


def planted_scores(numbers: Sequence[int] = (1, 2, 3, 4, 5), people: int = 150) -> list[Score]:
    """The scores of every heuristic of account chains, added up over the planted histories of these numbers."""
    sums: dict[str, list[int]] = {}
    for number in numbers:
        planted = plant(number, people)
        for name, *counts in (*_measure(planted, cluster(planted)), *_without_codes(planted)):
            line = sums.setdefault(name, [0, 0, 0])
            for place, count in enumerate(counts):
                line[place] += count
    data = f"planted {min(numbers)} to {max(numbers)}"
    source = f"tracer.evaluation.planted, {people} people each"
    return [
        Score(name, data, "true", truth, 0, found, right, source=source)
        for name, (truth, found, right) in sums.items()
    ]


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
        if rule == RULE:
            yield from _by_confidence(planted, links, len(wanted))
    found = _as_published(clusters)
    right = {pair for pair in found if _one_party(planted, pair)}
    yield f"{RULE} without our guards (Victor 2020)", len(planted.customers), len(found), len(right)
    stops = {address for _, address in clusters.stops}
    yield "DEPOSIT stop", len(planted.deposits), len(stops), len(stops & planted.deposits)
    surest = {clusters.ledger.addresses[d.address][1] for d in clusters.deposits if d.confidence >= _SUREST}
    sure = stops & surest
    yield (
        f"DEPOSIT stop, confidence {_SUREST}",
        len(planted.deposits),
        len(sure),
        len(sure & planted.deposits),
    )
    members = [list(map(_bare, names)) for names in clusters.found.members.values()]
    together = {frozenset((a, b)) for names in members for i, a in enumerate(names) for b in names[:i]}
    owned: dict[str, list[str]] = {}
    for address, party in planted.party.items():
        if party:
            owned.setdefault(party, []).append(address)
    all_pairs = sum(len(x) * (len(x) - 1) // 2 for x in owned.values())
    right_pairs = {pair for pair in together if _one_party(planted, pair)}
    yield "whole clusters (all rules)", all_pairs, len(together), len(right_pairs)


def _without_codes(planted: Planted) -> Iterable[tuple[str, int, int, int]]:
    """The rows of deposit addresses where no code is known, as in a case of files."""
    for name, *counts in _measure(planted, cluster(planted, codes=False)):
        if name.startswith((f"{RULE}, confidence", "DEPOSIT")):
            truth, found, right = counts
            yield f"{name}, no code known", truth, found, right


def _by_confidence(
    planted: Planted, links: Sequence[Link], wanted: int
) -> Iterable[tuple[str, int, int, int]]:
    """The same for the links of each confidence."""
    for confidence in sorted({link.confidence for link in links}, reverse=True):
        pairs = {frozenset((_bare(link.a), _bare(link.b))) for link in links if link.confidence == confidence}
        right = sum(_one_party(planted, pair) for pair in pairs)
        yield f"{RULE}, confidence {confidence}", wanted, len(pairs), right


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
