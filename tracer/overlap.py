"""Where two sources tell the same transaction, each movement counts once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from tracer.model import Gap, Kind
from tracer.numbering import codes_of

__all__ = ["cut_overlap"]


def cut_overlap(whole: pa.Table, gaps: list[Gap]) -> pa.Table:
    """Where two sources tell the same transaction, count each movement once.

    Inside one transaction the union of multisets is taken: a movement that stands twice in one source is two
    movements; one that stands once in each of two sources is one. The row that knows more (transaction index,
    position) is kept, then the one of the earlier source.
    """
    capture = whole["capture"].to_numpy()
    if whole.num_rows == 0 or len(np.unique(capture)) < 2:
        return whole
    tx, words = codes_of(whole, "tx_hash")
    chain, _ = codes_of(whole, "chain")
    blank = np.array([word == "" for word in words] + [True])[tx]
    key = tx * (int(chain.max()) + 1) + chain
    pair = np.unique(np.stack([key[~blank], capture[~blank]]), axis=1)
    shared, count = np.unique(pair[0], return_counts=True)
    rows = np.flatnonzero(np.isin(key, shared[count > 1]) & ~blank)
    if len(rows) == 0:
        return whole
    part = whole.take(pa.array(rows))
    columns = part.select(["from_address", "to_address", "asset", "amount", "kind"]).to_pydict()
    known = [
        (a is not None) + (b is not None)
        for a, b in zip(part["tx_index"].to_pylist(), part["position"].to_pylist(), strict=True)
    ]
    same: dict[tuple[object, ...], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, row in enumerate(rows.tolist()):
        is_fee = columns["kind"][i] == Kind.FEE
        name = (key[row], *(columns[c][i] for c in ("from_address", "to_address", "asset", "amount")), is_fee)
        same[name][int(capture[row])].append(i)
    drop: list[int] = []
    for by_capture in same.values():
        if len(by_capture) < 2:
            continue
        best = max(by_capture, key=lambda c: (len(by_capture[c]), max(known[i] for i in by_capture[c]), -c))
        drop += [int(rows[i]) for c, members in by_capture.items() if c != best for i in members]
    if not drop:
        return whole
    gaps.append(
        Gap(
            "overlap",
            f"{len(drop)} rows stand in more than one imported source and are counted once.",
            status="assumption",
        )
    )
    keep = np.ones(whole.num_rows, dtype=bool)
    keep[drop] = False
    return whole.filter(pa.array(keep)).combine_chunks()
