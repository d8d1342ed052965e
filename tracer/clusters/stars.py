"""Links of which one stands for evidence on many pairs, and what a rejection leaves of that evidence.

All inputs of a transaction vouch for each other, and so do all addresses with one series of payments, but only a tree
of links is kept: every pair would be a square of them. So a rejection of a pair is applied to the whole group: the
address named second comes off, every other one stays with those it was with, by new links with the same evidence.
Common-input ownership: Meiklejohn et al., A Fistful of Bitcoins (IMC 2013). Which of the two comes off no source
tells, so the analyst does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tracer.clusters.controllers import SAME_SERIES
from tracer.clusters.link import Link, account_of
from tracer.clusters.unionfind import components
from tracer.model import LinkRuling, LinkVerdict

__all__ = ["regroup"]

_COMMON_INPUT = "common_input"


def regroup(links: Iterable[Link], rulings: Sequence[LinkRuling]) -> tuple[list[Link], dict[Link, str]]:
    """What the rejections among the rulings make of links that stand in groups.

    Returns the links made anew, and the links (also of these) that unite nothing any more, with the ruling. Links of
    rules whose every link is its own evidence are not looked at.
    """
    rejections = [r for r in rulings if r.verdict == LinkVerdict.REJECT]
    made: list[Link] = []
    refused: dict[Link, str] = {}
    for group in _groups(links) if rejections else ():
        at: dict[str, list[Link]] = {}
        for link in group:
            at.setdefault(link.a, []).append(link)
            at.setdefault(link.b, []).append(link)
        meant = [r for r in rejections if _means(r, at)]
        if meant:
            _take_out(at, meant, made, refused)
    return made, refused


def _groups(links: Iterable[Link]) -> Iterator[list[Link]]:
    """Links that rest on the same evidence, sorted: inputs of one transaction, addresses with one series."""
    by_tx: dict[tuple[str, str], list[Link]] = {}
    series: list[Link] = []
    for link in sorted(links):
        if link.rule == _COMMON_INPUT:
            by_tx.setdefault((account_of(link.a)[0], link.tx), []).append(link)
        elif link.rule == SAME_SERIES:
            series.append(link)
    yield from by_tx.values()
    alike = components(series)
    by_cluster: dict[str, list[Link]] = {}
    for link in series:
        by_cluster.setdefault(alike.cluster_of(link.a), []).append(link)
    yield from by_cluster.values()


def _means(ruling: LinkRuling, at: dict[str, list[Link]]) -> bool:
    """Whether a rejection concerns the evidence of a group: both addresses are in it, rule and transaction agree."""
    if ruling.a not in at or ruling.b not in at:
        return False
    evidence = [*at[ruling.a], *at[ruling.b]]
    return ruling.rule in {"", evidence[0].rule} and ruling.tx in {"", *(link.tx for link in evidence)}


def _take_out(
    at: dict[str, list[Link]], rejections: Sequence[LinkRuling], made: list[Link], refused: dict[Link, str]
) -> None:
    """Apply rejections to one group, in the order in which they were made."""
    standing = sorted({link for found in at.values() for link in found})
    apart = {frozenset((r.a, r.b)) for r in rejections}

    def join(a: str, b: str) -> None:
        shown = at[b][0]
        note = f"{shown.note}; " if shown.note else ""
        link = Link(
            a, b, shown.rule, shown.tx, shown.confidence, f"{note}linked anew when a ruling took another out"
        )
        made.append(link)
        standing.append(link)

    for ruling in rejections:
        before = components(standing)
        if before.cluster_of(ruling.a) != before.cluster_of(ruling.b):
            continue
        name = ruling.b
        mates = [x for x in before.members[before.cluster_of(name)] if x != name]
        refused.update(
            {
                link: f"ruling {ruling.number}: {ruling.reason}"
                for link in standing
                if name in (link.a, link.b)
            }
        )
        standing[:] = [link for link in standing if name not in (link.a, link.b)]
        left = components(standing)
        first, *others = sorted({left.cluster_of(x) for x in mates})
        for other in others:
            join(first, other)
        parts: dict[str, list[str]] = {}
        after = components(standing)
        for x in sorted(set(at) - {name}):
            parts.setdefault(after.cluster_of(x), []).append(x)
        free = (x for x, part in parts.items() if not any(frozenset((name, y)) in apart for y in part))
        companion = next(free, None)
        if companion is not None:
            join(companion, name)
