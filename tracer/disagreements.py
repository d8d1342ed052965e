"""What two sources tell differently: one payment with two amounts, payees or payers.

A file and its correction look like that, and so does a mistake of a provider. Both rows are listed and counted: nobody
can tell from two rows which one is right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pyarrow as pa

from tracer.model import Gap, Kind
from tracer.numbering import codes_of

__all__ = ["REMEDY", "SHOWN", "row_of", "told_differently"]

SHOWN = 3
"""So many examples a gap names."""
_MANY = frozenset({Kind.MINT, Kind.OPENING, Kind.WITHDRAWAL})
"""What a block gives to many, all of them at position 0: the coin of the first block, rewards, withdrawals."""
REMEDY = (
    "If one file corrects the other, take the wrong one out: tracer case remove-file CASE NUMBER (tracer case show CASE"
    " lists them)."
)


@dataclass(frozen=True, slots=True)
class _Told:
    """A followed row. at: among the rows compared; row: in its source; name: what tells it from others."""

    at: int
    capture: int
    row: int
    tx_hash: str
    position: int | None
    kind: str
    payer: str
    payee: str
    asset: str
    amount: bytes

    @property
    def name(self) -> tuple[object, ...]:
        return self.payer, self.payee, self.asset, self.amount, self.kind == Kind.FEE


@dataclass(frozen=True)
class _Sources:
    """names, by number. apart: pairs that number positions differently. ends: the addresses in every row of one."""

    names: Sequence[str]
    apart: Collection[tuple[int, int]]
    ends: Callable[[int], frozenset[str]]

    def placed(self, x: _Told, y: _Told) -> bool:
        """Whether their positions can be compared."""
        pair = min(x.capture, y.capture), max(x.capture, y.capture)
        return x.position is not None and y.position is not None and pair not in self.apart

    def of_two(self, x: _Told, y: _Told) -> bool:
        """Whether each source may be the history of the address that only its own row names."""
        ours, theirs = {x.payer, x.payee} - {y.payer, y.payee}, {y.payer, y.payee} - {x.payer, x.payee}
        return bool(ours & self.ends(x.capture)) and bool(theirs & self.ends(y.capture))

    def would_tell(self, capture: int, other: _Told) -> bool:
        """Whether this payment of another source belongs into a source: that of one address tells no others."""
        ends = self.ends(capture)
        return not ends or bool(ends & {other.payer, other.payee})


def row_of(names: Sequence[str], capture: int, row: int) -> str:
    """A row as a gap names it. names: of the sources, by number."""
    name = names[capture] if capture < len(names) else f"source {capture + 1}"
    return f"row {row} of {name}"


def told_differently(
    whole: pa.Table,
    rows: np.ndarray,
    tx: np.ndarray,
    apart: Collection[tuple[int, int]],
    names: Sequence[str],
) -> list[Gap]:
    """The payments that two sources tell alike but for the amount, the payee or the payer.

    rows: of the table, those of transactions that several sources tell; tx: the number of the transaction of each.
    apart: pairs of sources whose positions mean nothing to each other. names: of the sources.

    Two rows are one payment if they are of one transaction, asset and kind, each source lacks the row of the other, and

    - payer and payee are the same: another amount; or
    - both state the same position: another payee from the same payer, or another payer of the same amount and payee; or
    - no position tells them apart, and amount and payer, or amount and payee, are the same. One transaction may pay
      many, so that a source that holds the payments of one address only is not expected to hold those of others.
    """
    sources = _Sources(names, apart, cache(lambda capture: _common(whole, capture)))
    amounts: list[tuple[_Told, _Told]] = []
    parties: list[tuple[_Told, _Told]] = []
    for told in _by_transaction(whole.take(pa.array(rows)), tx):
        counts: dict[int, Counter[tuple[object, ...]]] = defaultdict(Counter)
        for x in told:
            counts[x.capture][x.name] += 1
        if len(counts) < 2:
            continue
        taken: set[int] = set()
        for how in (_at_one_position, _between_the_same, _of_one_payer, _of_one_payee):
            for x, y in how(told, counts, sources):
                if not taken & {x.at, y.at}:
                    taken |= {x.at, y.at}
                    alike = (x.payer, x.payee) == (y.payer, y.payee)
                    (amounts if alike else parties).append((x, y))
    found = []
    if amounts:
        one, listed = _listed(amounts, sources)
        found.append(
            Gap(
                "overlap_amount",
                f"{one} told with two amounts: {listed}. Both rows of each are counted. {REMEDY}",
            )
        )
    if parties:
        one, listed = _listed(parties, sources)
        found.append(
            Gap(
                "overlap_party",
                f"{one} told with two payees or payers: {listed}. Both rows of each are counted. {REMEDY} If both are"
                " payments of their own, state the position of each inside the transaction.",
            )
        )
    return found


def _listed(pairs: Sequence[tuple[_Told, _Told]], sources: _Sources) -> tuple[str, str]:
    """("2 payments are", the first of them: rows, files, transaction)."""
    texts = [
        f"{row_of(sources.names, x.capture, x.row)} and {row_of(sources.names, y.capture, y.row)}"
        + (f" ({x.tx_hash})" if x.tx_hash else "")
        for x, y in pairs[:SHOWN]
    ]
    if len(pairs) > SHOWN:
        texts.append(f"and {len(pairs) - SHOWN:,} more")
    return "1 payment is" if len(pairs) == 1 else f"{len(pairs):,} payments are", "; ".join(texts)


def _by_transaction(part: pa.Table, tx: np.ndarray) -> Iterator[list[_Told]]:
    """The followed rows of each transaction, in the order of sources and rows."""
    columns = [
        "capture",
        "row",
        "tx_hash",
        "position",
        "kind",
        "from_address",
        "to_address",
        "asset",
        "amount",
    ]
    values = part.select([*columns, "excluded"]).to_pydict()
    found: dict[int, list[_Told]] = defaultdict(list)
    for at in np.lexsort((np.arange(len(tx)), part["capture"].to_numpy())).tolist():
        if not values["excluded"][at] and values["kind"][at] not in {Kind.SPEND, Kind.OUTPUT}:
            found[int(tx[at])].append(_Told(at, *(values[c][at] for c in columns)))
    return iter(found.values())


_Counts = dict[int, Counter[tuple[object, ...]]]
_Pairs = Iterator[tuple[_Told, _Told]]


def _buckets(
    told: Sequence[_Told], counts: _Counts, key: Callable[[_Told], tuple[object, ...] | None]
) -> _Pairs:
    """Pairs of rows of two sources with the same key, of which each source lacks the other's."""
    found: dict[tuple[object, ...], dict[int, list[_Told]]] = defaultdict(lambda: defaultdict(list))
    for x in told:
        of = key(x)
        if of is not None:
            found[of][x.capture].append(x)
    for sources in found.values():
        for a, b in combinations(sorted(sources), 2):
            ours, theirs = _surplus(sources[a], counts[b]), _surplus(sources[b], counts[a])
            yield from ((x, y) for x in ours for y in theirs if x.name != y.name)


def _surplus(rows: Sequence[_Told], other: Counter[tuple[object, ...]]) -> list[_Told]:
    """The rows that another source does not tell; of equal ones, so many as it tells fewer."""
    left, found = Counter(other), []
    for x in rows:
        left[x.name] -= 1
        if left[x.name] < 0:
            found.append(x)
    return found


def _at_one_position(told: Sequence[_Told], counts: _Counts, sources: _Sources) -> _Pairs:
    def place(x: _Told) -> tuple[object, ...] | None:
        many = x.kind in _MANY and not x.payer and not x.position
        return None if x.position is None or many else (x.asset, x.kind, x.position)

    for x, y in _buckets(told, counts, place):
        if sources.placed(x, y) and (x.payer == y.payer or (x.payee, x.amount) == (y.payee, y.amount)):
            yield x, y


def _between_the_same(told: Sequence[_Told], counts: _Counts, _: _Sources) -> _Pairs:
    yield from _buckets(told, counts, lambda x: (x.asset, x.kind, x.payer, x.payee))


def _of_one_payer(told: Sequence[_Told], counts: _Counts, sources: _Sources) -> _Pairs:
    pairs = _buckets(told, counts, lambda x: (x.asset, x.kind, x.amount, x.payer) if x.payer else None)
    yield from (pair for pair in pairs if _one_of_them(*pair, sources))


def _of_one_payee(told: Sequence[_Told], counts: _Counts, sources: _Sources) -> _Pairs:
    pairs = _buckets(told, counts, lambda x: (x.asset, x.kind, x.amount, x.payee) if x.payee else None)
    yield from (pair for pair in pairs if _one_of_them(*pair, sources))


def _one_of_them(x: _Told, y: _Told, sources: _Sources) -> bool:
    """Whether two rows with different ends may be one payment: no position says else, and both files cover both."""
    if sources.placed(x, y) or sources.of_two(x, y):
        return False
    return sources.would_tell(x.capture, y) and sources.would_tell(y.capture, x)


def _common(whole: pa.Table, capture: int) -> frozenset[str]:
    """The addresses that pay or get in every row of a source: whose history it is; of a single row, nobody's."""
    mine = whole.filter(pa.array(whole["capture"].to_numpy() == capture))
    if mine.num_rows < 2:
        return frozenset()
    sides = []
    for name in ("from_address", "to_address"):
        codes, words = codes_of(mine, name)
        sides.append((codes, words))
    found = {words[codes[0]] for codes, words in sides} - {""}
    for address in sorted(found):
        here = np.zeros(mine.num_rows, dtype=bool)
        for codes, words in sides:
            if address in words:
                here |= codes == words.index(address)
        if not here.all():
            found.discard(address)
    return frozenset(found)
