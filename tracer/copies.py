"""Copies of one transaction, from several sources, that cannot all be true: other addresses, or another block.

The same transaction id is the same transaction, down to the script of every output, and it stands in one block. A
source may know a script by its hash alone, or no block: that contradicts nobody.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tracer.numbering import codes_of, integers_of

__all__ = ["contradicted"]


def contradicted(rows: pa.Table, tx: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The transactions (numbers as in `tx`, by row) of which whole copies differ. whole: rows of such copies."""
    kind, _ = codes_of(rows, "kind")
    block, position = integers_of(rows, "block"), integers_of(rows, "position")
    found = [_several(block, [tx], whole & (block >= 0))]
    for name in ("from_address", "to_address"):
        owner, words = codes_of(rows, name)
        hashed = np.array([word.startswith("script:") for word in [*words, ""]])[owner]
        stated = np.array([bool(word) and ":" not in word for word in [*words, ""]])[owner]
        found += [_several(owner, [tx, kind, position], whole & known) for known in (hashed, stated)]
    return np.unique(np.concatenate(found))


def _several(value: np.ndarray, place: list[np.ndarray], known: np.ndarray) -> np.ndarray:
    """The transactions in which one place has several known values."""
    pairs = np.unique(np.stack([*(p[known] for p in place), value[known]]), axis=1)
    at, count = np.unique(pairs[:-1], axis=1, return_counts=True)
    several: np.ndarray = at[0][count > 1]
    return several
