"""Where two sources tell the same transaction, each movement counts once.

The same transaction: the same hash, or, where a source has none, the same place in the chain (block, index). Inside it
a movement is told by payer, payee, asset and amount, and by its position where both sources state one. Rows of one
source are never taken for each other: equal rows are two movements. Transactions with inputs and outputs are taken
whole from one source (`tracer.outpoints`). What two sources tell differently is listed
(`tracer.disagreements`), and each transaction is put at one place (`tracer.places`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from tracer.disagreements import told_differently
from tracer.model import Gap, Kind
from tracer.numbering import codes_of, integers_of, transaction_keys
from tracer.outpoints import cut_transactions, transaction_rows
from tracer.places import settle_places

__all__ = ["cut_overlap"]

_NAMED = ("from_address", "to_address", "asset", "amount")


def cut_overlap(
    whole: pa.Table, gaps: list[Gap], names: Sequence[str] = (), keys: np.ndarray | None = None
) -> pa.Table:
    """The table without the rows that an earlier source tells already; what was decided is added to `gaps`.

    The row that knows more (transaction index, position) is kept, then the one of the earlier source. Equal rows at
    different positions are two movements, unless the two sources number every shared transaction differently. names: of
    the sources, by number. keys: of the transactions of the rows (`transaction_keys`), if they are known already.
    """
    capture = whole["capture"].to_numpy()
    if whole.num_rows == 0:
        return whole
    key = transaction_keys(whole) if keys is None else keys
    whole = settle_places(whole, np.where(transaction_rows(whole), -1, key), gaps, names)
    if len(np.unique(capture)) < 2:
        return whole
    cut = cut_transactions(whole, gaps)
    if cut is not whole:
        whole, key = cut, transaction_keys(cut)
        capture = whole["capture"].to_numpy()
    _doubt(whole, capture, gaps)
    known = key >= 0
    pairs = np.unique(np.stack([key[known], capture[known]]), axis=1)
    shared, count = np.unique(pairs[0], return_counts=True)
    rows = np.flatnonzero(known & np.isin(key, shared[count > 1]))
    if len(rows) == 0:
        return whole
    part = whole.take(pa.array(rows))
    same = _alike(part, key[rows], capture[rows])
    other = _other_numbering(same)
    uneven = _uneven(same, dict(zip(shared.tolist(), count.tolist(), strict=True)))
    uneven |= set(key[rows][_left_out(part)].tolist())
    differing = rows[np.isin(key[rows], list(uneven))]
    gaps += told_differently(whole, differing, key[differing], other, names)
    kept: list[bool] = [True] * len(rows)
    apart = 0
    for members in same.values():
        if len({m.capture for m in members}) > 1:
            apart += _merge(members, other, kept)
    if apart:
        gaps.append(
            Gap(
                "overlap_position",
                f"{apart} rows equal one of another source in everything but the position inside their transaction:"
                " counted as movements of their own. If the sources number positions differently, leave one out.",
            )
        )
    if all(kept):
        return whole
    gaps.append(
        Gap(
            "overlap",
            f"{kept.count(False)} rows stand in more than one imported source and are counted once.",
            status="assumption",
        )
    )
    keep = np.ones(whole.num_rows, dtype=bool)
    keep[rows[~np.array(kept)]] = False
    return whole.filter(pa.array(keep)).combine_chunks()


@dataclass(frozen=True, slots=True)
class _Row:
    at: int  # among the rows of shared transactions
    tx: int
    capture: int
    position: int | None
    known: int  # how much it says about its place


_Name = tuple[object, ...]


def _alike(part: pa.Table, key: np.ndarray, capture: np.ndarray) -> dict[_Name, list[_Row]]:
    """Rows that tell the same but for their position, in the order of sources and rows."""
    columns = part.select([*_NAMED, "kind", "tx_index", "position"]).to_pydict()
    same: dict[_Name, list[_Row]] = defaultdict(list)
    for at in np.lexsort((np.arange(len(key)), capture)).tolist():
        place, position = columns["tx_index"][at], columns["position"][at]
        row = _Row(at, int(key[at]), int(capture[at]), position, (place is not None) + (position is not None))
        same[(row.tx, *(columns[c][at] for c in _NAMED), columns["kind"][at] == Kind.FEE)].append(row)
    return same


def _uneven(same: dict[_Name, list[_Row]], sources: Mapping[int, int]) -> set[int]:
    """The transactions that not all of their sources tell alike; of most there is nothing more to look at.

    sources: transaction -> how many tell it.
    """
    found: set[int] = set()
    for members in same.values():
        counts = Counter([m.capture for m in members])
        if len(counts) < sources[members[0].tx] or len(set(counts.values())) > 1:
            found.add(members[0].tx)
    return found


def _left_out(part: pa.Table) -> np.ndarray:
    """True where a row is left out of flows: a source that tells it does not tell what others follow."""
    codes, words = codes_of(part, "excluded")
    found: np.ndarray = np.isin(codes, [n for n, word in enumerate(words) if word])
    return found


def _other_numbering(same: dict[_Name, list[_Row]]) -> set[tuple[int, int]]:
    """Pairs of sources that state different positions for equal rows in all of two or more shared transactions."""
    agree: dict[tuple[int, int], set[int]] = defaultdict(set)
    differ: dict[tuple[int, int], set[int]] = defaultdict(set)
    for members in same.values():
        places: dict[int, set[int]] = defaultdict(set)
        for m in members:
            if m.position is not None:
                places[m.capture].add(m.position)
        for (first, ours), (second, theirs) in combinations(sorted(places.items()), 2):
            found = agree if ours & theirs else differ
            found[first, second].add(members[0].tx)
    return {pair for pair, found in differ.items() if len(found) > 1 and not agree[pair]}


def _merge(members: Sequence[_Row], other: set[tuple[int, int]], kept: list[bool]) -> int:
    """Take source after source into one list of movements; returns how many were told apart by position alone."""
    found: list[_Row] = []
    apart = 0
    for capture in sorted({m.capture for m in members}):
        free = list(range(len(found)))
        # those with a position first: a row without one may be any movement that is left
        for row in sorted((m for m in members if m.capture == capture), key=lambda m: m.position is None):
            match = _match(row, found, free, other)
            if match is None:
                apart += row.position is not None and any(found[n].position is not None for n in free)
                found.append(row)
                continue
            free.remove(match)
            worse = row if row.known <= found[match].known else found[match]
            kept[worse.at] = False
            if worse is not row:
                found[match] = row
    return apart


def _match(row: _Row, found: Sequence[_Row], free: Sequence[int], other: set[tuple[int, int]]) -> int | None:
    """The movement among the free ones that `row` tells again: at its position, else one whose position is open."""

    def comparable(m: _Row) -> bool:
        return (min(m.capture, row.capture), max(m.capture, row.capture)) not in other

    if row.position is None:
        return free[0] if free else None
    for n in free:
        if found[n].position == row.position and comparable(found[n]):
            return n
    return next((n for n in free if found[n].position is None or not comparable(found[n])), None)


def _doubt(whole: pa.Table, capture: np.ndarray, gaps: list[Gap]) -> None:
    """List the rows that name no transaction and look like rows of another source: nobody can tell whether they are."""
    tx, words = codes_of(whole, "tx_hash")
    blank = np.array([word == "" for word in words] + [True])[tx]
    unplaced = blank & ((integers_of(whole, "tx_index") < 0) | (integers_of(whole, "block") < 0))
    if not unplaced.any():
        return
    names = [codes_of(whole, name)[0] for name in ("chain", "from_address", "to_address", "asset")]
    amount = whole["amount"].combine_chunks().dictionary_encode()
    amount = amount.combine_chunks() if isinstance(amount, pa.ChunkedArray) else amount
    when = integers_of(whole, "timestamp")
    when = np.where(when >= 0, when, -2 - integers_of(whole, "block"))
    columns = [*names, amount.indices.to_numpy(zero_copy_only=False), when]
    _, number = np.unique(np.stack(columns), axis=1, return_inverse=True)
    number = number.reshape(-1)
    pairs = np.unique(np.stack([number, capture]), axis=1)[0]
    several = np.flatnonzero(np.bincount(pairs) > 1)
    doubtful = int((unplaced & np.isin(number, several)).sum())
    if doubtful:
        gaps.append(
            Gap(
                "overlap_unknown",
                f"{doubtful} rows name no transaction and look like rows of another source: all are counted. If they"
                " are the same movements, leave one of the files out.",
            )
        )
