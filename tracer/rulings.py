"""Rulings of the analyst: which rows are followed against the default, and what a result says about it.

A ruling changes no fact: the rows stay as they were imported, and each computation applies the standing rulings to a
copy of them, before the ledger is built. The latest ruling on a subject holds; one on a transaction is stronger than
one on its token. Pure: tables and values in, tables, gaps or a clear refusal out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import is_tx_hash
from tracer.errors import InputError
from tracer.model import Gap, Kind
from tracer.movements import SCHEMA, limbs
from tracer.store.caserecords import Ruling, Verdict

__all__ = ["BY_ANALYST", "Ruled", "apply", "check_separate", "check_subject", "gaps", "separate"]

BY_ANALYST = "analyst"
"""`excluded` of a row that the analyst left out."""

_NOT_SEEN = "Import the file that holds it first."


@dataclass(frozen=True, slots=True)
class Ruled:
    """Movement tables after rulings. changed: number of a ruling -> rows that are followed or left out by it."""

    tables: list[pa.Table]
    changed: Mapping[int, int]


def apply(tables: Sequence[pa.Table], rulings: Sequence[Ruling]) -> Ruled:
    """The tables with `excluded` as the standing `rulings` (in the order in which they were made) want it.

    A row that is left out already keeps its reason; a row of amount zero is never followed.
    """
    moving = [r for r in rulings if r.verdict != Verdict.SEPARATE]
    moving.sort(key=_is_of_transaction)  # stable: within each kind the latest comes last and holds
    if not moving:
        return Ruled(list(tables), {})
    changed = {r.number: 0 for r in moving}
    ruled = [_apply(table, moving, changed) for table in tables]
    return Ruled(ruled, changed)


def _apply(table: pa.Table, rulings: Sequence[Ruling], changed: dict[int, int]) -> pa.Table:
    decides = np.full(table.num_rows, -1, dtype=np.int64)
    for at, ruling in enumerate(rulings):
        decides[_rows_of(table, ruling.chain, ruling.subject)] = at
    if not (decides >= 0).any():
        return table
    followed = np.array([r.verdict == Verdict.FOLLOW for r in rulings] + [False])[decides]
    left_out = np.array([r.verdict == Verdict.LEAVE_OUT for r in rulings] + [False])[decides]
    before = table["excluded"].cast(pa.string())
    out = pc.not_equal(before, "").to_numpy()
    enters = followed & out & limbs(table["amount"]).any(axis=1)
    leaves = left_out & ~out
    after = pc.if_else(pa.array(enters), "", pc.if_else(pa.array(leaves), BY_ANALYST, before))
    for at, rows in enumerate(np.bincount(decides[enters | leaves], minlength=len(rulings)).tolist()):
        changed[rulings[at].number] += rows
    place = table.schema.get_field_index("excluded")
    return table.set_column(
        place, SCHEMA.field("excluded"), after.dictionary_encode().cast(SCHEMA.field("excluded").type)
    )


def separate(rulings: Sequence[Ruling]) -> frozenset[tuple[str, str, str]]:
    """(chain, transaction, address) that convert nothing, by the standing `rulings`."""
    return frozenset((r.chain, r.subject, r.address) for r in rulings if r.verdict == Verdict.SEPARATE)


def gaps(rulings: Sequence[Ruling], changed: Mapping[int, int]) -> list[Gap]:
    """One gap per standing ruling, so that every result says what it rests on."""
    latest = {(r.chain, r.subject): r.number for r in rulings if r.verdict != Verdict.SEPARATE}
    return [_gap(r, latest.get((r.chain, r.subject), r.number), changed.get(r.number, 0)) for r in rulings]


def _gap(ruling: Ruling, latest: int, rows: int) -> Gap:
    who = f" by {ruling.author}" if ruling.author else ""
    if ruling.verdict == Verdict.SEPARATE:
        what = "what the address paid and what it got in the transaction are taken as unrelated"
    elif latest != ruling.number:
        what = f"overruled by ruling {latest}, so no amount rests on it"
    else:
        count = f"{rows:,} row{'' if rows == 1 else 's'}"
        verb = "is" if rows == 1 else "are"
        follows = ruling.verdict == Verdict.FOLLOW
        what = f"{count} that would be left out {verb} followed" if follows else f"{count} {verb} left out"
    of_transaction = _is_of_transaction(ruling)
    return Gap(
        "ruling",
        f"Ruling {ruling.number}{who}: {what}. Reason: {ruling.reason}",
        ruling.chain,
        ruling.address,
        "" if of_transaction else ruling.subject,
        None,
        ruling.subject if of_transaction else "",
        "closed",
    )


def check_subject(tables: Sequence[pa.Table], chain: str, subject: str) -> None:
    """Refuse a subject that no imported file holds."""
    if any(len(_rows_of(table, chain, subject)) for table in tables):
        return
    what = (
        f"the transaction {subject}" if is_tx_hash(chain, subject) else f"a token of the contract {subject}"
    )
    others = {
        other
        for table in tables
        for other in pc.unique(table["chain"].cast(pa.string())).to_pylist()
        if other != chain and len(_rows_of(table, other, subject))
    }
    hint = f"It is on {', '.join(sorted(others))}: name that chain (--chain)." if others else _NOT_SEEN
    raise InputError(f"No imported file holds {what} on {chain}.", hint)


def check_separate(tables: Sequence[pa.Table], chain: str, tx: str, address: str) -> None:
    """Refuse to separate payment and receipt of an address that does not both pay and get in the transaction."""
    pays = gets = False
    for table in tables:
        part = table.take(pa.array(_rows_of(table, chain, tx)))
        part = part.filter(pc.equal(part["excluded"].cast(pa.string()), ""))
        part = part.filter(pc.not_equal(part["kind"].cast(pa.string()), Kind.FEE.value))
        pays |= address in part["from_address"].to_pylist()
        gets |= address in part["to_address"].to_pylist()
    if not (pays and gets):
        raise InputError(
            f"{address} does not both pay and get something in the transaction {tx}: there is nothing to separate.",
            "Name the address of the doubtful conversion, see `tracer gaps CASE`.",
        )


def _is_of_transaction(ruling: Ruling) -> bool:
    return is_tx_hash(ruling.chain, ruling.subject)


def _rows_of(table: pa.Table, chain: str, subject: str) -> np.ndarray:
    """The numbers of the rows of a transaction, or of a token contract."""
    if is_tx_hash(chain, subject):
        mine = pc.equal(table["tx_hash"], subject)
    else:
        mine = pc.equal(table["asset"].cast(pa.string()), subject)
    rows: np.ndarray = np.flatnonzero(mine.fill_null(fill_value=False).to_numpy())
    if len(rows):
        chains = table["chain"].take(pa.array(rows)).cast(pa.string())
        rows = rows[pc.equal(chains, chain).to_numpy()]
    return rows
