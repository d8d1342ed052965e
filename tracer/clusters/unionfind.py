"""Links to clusters: exact union-find that remembers every link.

Names are numbered in sorted order, so the smallest number of a cluster is its smallest name: the cluster id does not
depend on the order of the links. The set of links is the provenance; a withdrawn one is kept, marked, and unites
nothing. Union-find: Galler and Fischer, An improved equivalence algorithm (1964); path halving: Tarjan and van Leeuwen,
Worst-case analysis of set union algorithms (1984).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np

from tracer.clusters.link import Link
from tracer.errors import NotFoundError, shown

__all__ = ["Components", "components", "smallest_members"]

_FIELDS = attrgetter(
    "a", "b", "rule", "tx", "confidence", "note"
)  # the order of Link, at the speed of tuples


def smallest_members(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """The smallest member of the cluster of each of `count` numbers, when a[i] and b[i] are one for every i.

    a, b: int arrays of equal length with values below `count`. Returns an int64 array of length `count`.
    """
    parent = list(range(count))
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        while parent[x] != x:
            parent[x] = x = parent[parent[x]]
        while parent[y] != y:
            parent[y] = y = parent[parent[y]]
        if x < y:
            parent[y] = x
        else:
            parent[x] = y
    roots = np.array(parent, dtype=np.int64)
    while True:
        further = roots[roots]
        if np.array_equal(further, roots):
            return roots
        roots = further


def components(links: Iterable[Link], withdrawn: Collection[Link] = ()) -> Components:
    """The clusters that the links make, in whatever order they come.

    withdrawn: links that count no longer; those not among `links` change nothing.
    """
    kept = tuple(sorted(set(links), key=_FIELDS))
    gone = frozenset(withdrawn).intersection(kept) if withdrawn else frozenset()
    names = tuple(sorted({link.a for link in kept} | {link.b for link in kept}))
    number = {name: i for i, name in enumerate(names)}
    standing = [link for link in kept if link not in gone] if gone else kept
    a = np.array([number[link.a] for link in standing], dtype=np.int64)
    b = np.array([number[link.b] for link in standing], dtype=np.int64)
    return Components(kept, gone, names, smallest_members(a, b, len(names)))


@dataclass(frozen=True)
class Components:
    """Clusters with the links that made them.

    links: every link, sorted, withdrawn ones too. withdrawn: those of them that unite nothing. names: all addresses
    of the links (`chain:address`), sorted. smallest: int64 by number of a name, the number of the smallest name in its
    cluster.
    """

    links: tuple[Link, ...]
    withdrawn: frozenset[Link]
    names: tuple[str, ...]
    smallest: np.ndarray

    @cached_property
    def number(self) -> dict[str, int]:
        """Name -> its number."""
        return {name: i for i, name in enumerate(self.names)}

    def cluster_of(self, name: str) -> str:
        """The smallest name in the cluster of `name`; `name` itself where no link knows it."""
        at = self.number.get(name)
        return name if at is None else self.names[self.smallest[at]]

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Cluster id -> its names, sorted, for the clusters of two names or more; ids sorted."""
        order = np.argsort(self.smallest, kind="stable")
        starts = np.flatnonzero(np.diff(self.smallest[order], prepend=-1))
        found = {}
        for part in np.split(order, starts[1:]) if len(order) else ():
            if len(part) > 1:
                found[self.names[part[0]]] = tuple(self.names[i] for i in part.tolist())
        return found

    def why(self, a: str, b: str) -> tuple[Link, ...]:
        """The fewest links that lead from `a` to `b`, in that order; of parallel ones the most confident.

        Empty when a is b. Raises NotFoundError when the two are not in one cluster.
        """
        if a == b:
            return ()
        if a not in self.number or b not in self.number or self.cluster_of(a) != self.cluster_of(b):
            raise NotFoundError(
                f"No link joins {shown(a)} and {shown(b)}.", "The list of links shows what is linked."
            )
        reached_by = self._search(a, b)
        chain: list[Link] = []
        here = b
        while here != a:
            link = reached_by[here]
            chain.append(link)
            here = link.b if here == link.a else link.a
        return tuple(reversed(chain))

    def _search(self, start: str, end: str) -> dict[str, Link]:
        """Breadth first from `start` until `end` is met: name -> the link over which it was met first."""
        neighbours: dict[str, list[Link]] = {}
        for link in sorted(self.links_of(start), key=lambda x: (x.a, x.b, -x.confidence)):  # stable
            if link not in self.withdrawn:
                neighbours.setdefault(link.a, []).append(link)
                neighbours.setdefault(link.b, []).append(link)
        found: dict[str, Link] = {}
        waiting = deque([start])
        while end not in found:
            here = waiting.popleft()
            for link in neighbours[here]:
                other = link.b if here == link.a else link.a
                if other != start and other not in found:
                    found[other] = link
                    waiting.append(other)
        return found

    def links_of(self, name: str) -> tuple[Link, ...]:
        """All links, sorted, with an end in the cluster of `name`; withdrawn ones too."""
        at = self.number.get(name)
        if at is None:
            return ()
        found: set[int] = set()
        for order, sides in self._link_order:
            first, last = np.searchsorted(sides, [self.smallest[at], self.smallest[at] + 1])
            found.update(order[first:last].tolist())
        return tuple(self.links[i] for i in sorted(found))

    @cached_property
    def _link_order(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """For either end: the numbers of the links by the cluster of that end, and these clusters, rising."""
        sides = []
        for end in ("a", "b"):
            names = map(attrgetter(end), self.links)
            cluster = self.smallest[np.array([self.number[name] for name in names], dtype=np.int64)]
            order = np.argsort(cluster, kind="stable")
            sides.append((order, cluster[order]))
        return tuple(sides)
