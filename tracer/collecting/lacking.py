"""Histories that lack what other histories show: a provider that forgets is told by the other ends of its payments.

A payment stands in the history of its payer and in that of its payee. A history that was read to its end and does not
hold a transaction in which another one pays its address is not whole, whatever its provider said (an index that lost
rows answers "No transactions found"): what the address paid on may be missing as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.collecting.frontier import Account
from tracer.collecting.manifest import Fetched
from tracer.model import Gap, Kind

__all__ = ["lacking"]

_NOTHING = pa.scalar(bytes(32), pa.binary(32))


def lacking(
    told: pa.Table, counted: pa.Table, entries: Sequence[Fetched], whole: Collection[Account]
) -> dict[Account, Gap]:
    """By account, the gap for what its history lacks.

    told: rows as the histories tell them, `capture` being the number of the entry from 0. counted: the movements that
    count. whole: accounts whose entries cover all blocks that they span.
    """
    spans: dict[Account, tuple[int, int]] = {}
    for e in entries:
        if e.account in whole:
            low, high = spans.get(e.account, (e.first, e.last))
            spans[e.account] = (min(low, e.first), max(high, e.last))
    accounts = sorted(spans)
    if not accounts or not counted.num_rows:
        return {}
    code = {account: n for n, account in enumerate(accounts)}
    hashes = pc.unique(told["tx_hash"])
    many = len(hashes)
    of_entry = np.array([code.get(e.account, -1) for e in entries])
    owner = of_entry[told["capture"].to_numpy()]
    own = np.unique((owner * many + _codes(told["tx_hash"], hashes))[owner >= 0])
    keys = pa.array([f"{chain} {address}" for chain, address in accounts])
    spanned = np.array([spans[account] for account in accounts])
    rows = counted.filter(
        pc.and_(
            pc.and_(pc.equal(counted["excluded"], ""), pc.not_equal(counted["amount"], _NOTHING)),
            pc.and_(pc.not_equal(counted["kind"], Kind.FEE.value), pc.is_valid(counted["block"])),
        )
    )
    block, tx = rows["block"].to_numpy(), _codes(rows["tx_hash"], hashes)
    lost: list[np.ndarray] = []
    for side in ("from_address", "to_address"):
        names = (rows[name].cast(pa.string()) for name in ("chain", side))
        party = _codes(pc.binary_join_element_wise(*names, " "), keys)
        at = np.flatnonzero(party >= 0)
        low, high = spanned[party[at]].T
        at = at[(low <= block[at]) & (block[at] <= high)]
        found = party[at] * many + tx[at]
        lost.append(found[~np.isin(found, own)])
    lacks, count = np.unique(np.unique(np.concatenate(lost)) // many, return_counts=True)
    return {accounts[n]: _gap(accounts[n], int(c)) for n, c in zip(lacks, count, strict=True)}


def _codes(texts: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    """The place of each text in `known`, -1 where it is not there."""
    found = pc.index_in(texts.cast(pa.string()), value_set=known.cast(pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _gap(account: Account, count: int) -> Gap:
    message = (
        f"Its collected history lacks {count} transactions in which other histories pay it or are paid by it: what it "
        "paid on may be missing too. Collect again from another provider."
    )
    return Gap("history_lacks", message, account[0], account[1])
