"""Outpoints: what a Bitcoin-like transaction spends and makes, and which transactions of a table can be counted.

On such chains the holding is the outpoint (one output of one transaction), not the address: it is made once, spent
whole and once. So a transaction counts only whole, once, and if nobody else spends what it spends; any other is left
out with its reason and is a gap. Rows: `tracer.chains.utxo_rows`.

This module knows rows and outpoints. It must not know seeds, taint or stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.utxo_rows import OUTPUTS, PART
from tracer.copies import contradicted
from tracer.errors import InputError, shown
from tracer.model import NATIVE, UNCONFIRMED, Gap, Kind
from tracer.movements import limbs
from tracer.numbering import Columns, codes_of, integers_of

__all__ = [
    "Outpoints",
    "cut_transactions",
    "leave_out",
    "number_outpoints",
    "outpoint_texts",
    "owners",
    "source_words",
    "transaction_rows",
]

_OUTPOINT = r'"outpoint": ?"(?P<o>[0-9a-f]{64}:[0-9]{1,10})"'
_MOST = 1 << 62
"""No coin of such a chain counts that many units; larger amounts are a fault of the source."""


@dataclass(frozen=True)
class Outpoints:
    """By row: transaction, whether it is part of one; spends, makes: the number of the outpoint, -1 for none.

    count: how many outpoints there are.
    """

    transaction: np.ndarray
    spends: np.ndarray
    makes: np.ndarray
    count: int


def transaction_rows(table: Columns) -> np.ndarray:
    """Which rows are part of a transaction with inputs and outputs: all its rows name one end at most."""
    codes, words = codes_of(table, "kind")
    part = {Kind.SPEND, Kind.OUTPUT}
    if not part & set(words):
        return np.zeros(len(codes), dtype=bool)
    balancing = np.array([word in {Kind.FEE, Kind.MINT} for word in words])[codes]
    for side in ("from_address", "to_address"):
        ends, texts = codes_of(table, side)
        balancing &= np.array([not text for text in texts])[ends]
    found: np.ndarray = np.array([word in part for word in words])[codes] | balancing
    return found


def outpoint_texts(table: Columns) -> pa.StringArray:
    """The outpoint that each row spends or makes, as `txid:vout`; null where it does neither."""
    codes, words = codes_of(table, "kind")
    kind = [np.array([word == k for word in [*words, ""]])[codes] for k in (Kind.SPEND, Kind.OUTPUT)]
    spends = pa.array(kind[0])
    spent = pc.struct_field(pc.extract_regex(_whole(table["extra"].filter(spends)), _OUTPOINT), "o")
    vout = integers_of(table, "position") - OUTPUTS
    made = pc.binary_join_element_wise(_whole(table["tx_hash"]), pa.array(vout).cast(pa.string()), ":")
    made = pc.if_else(pa.array(kind[1] & (vout >= 0)), made, None)
    return _whole(pc.replace_with_mask(made, spends, spent))


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.StringArray:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def number_outpoints(table: Columns, part: np.ndarray) -> Outpoints:
    """Number the outpoints of the rows `part` (see `transaction_rows`), in the order in which they appear."""
    rows = len(part)
    if not part.any():
        return Outpoints(part, *(np.full(rows, -1, dtype=np.int64),) * 2, 0)
    texts = outpoint_texts(table).dictionary_encode()
    code = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    chain, chains = codes_of(table, "chain")
    known = code >= 0
    number, distinct = pd.factorize((code * len(chains) + chain)[known])
    dense = np.full(rows, -1, dtype=np.int64)
    dense[known] = number
    kinds, words = codes_of(table, "kind")
    spend = np.array([word == Kind.SPEND for word in words])[kinds]
    return Outpoints(part, np.where(spend, dense, -1), np.where(spend, -1, dense), len(distinct))


def cut_transactions(whole: pa.Table, gaps: list[Gap]) -> pa.Table:
    """Each transaction from one source only: a whole one, one in a block, one with its index, then the first source.

    The same txid is the same transaction, so copies that differ are a fault of a source, and a gap. Where no source
    holds a transaction whole and each tells what somebody got from it, what they tell is put together.
    """
    part = transaction_rows(whole)
    capture = whole["capture"].to_numpy()
    if not part.any() or len(np.unique(capture[part])) < 2:
        return whole
    rows = np.flatnonzero(part)
    # Usually these are all rows: a copy would take as much memory again.
    some = whole if len(rows) == whole.num_rows else whole.take(pa.array(rows))
    tx = _transactions(some)
    copies, copy = np.unique(np.stack([tx, capture[rows]]), axis=1, return_inverse=True)
    copy = copy.reshape(-1)
    complete, sums = _balance(some, copy, copies.shape[1])
    placed = [_any(integers_of(some, name) >= 0, copy, copies.shape[1]) for name in ("tx_index", "block")]
    best = np.lexsort((copies[1], ~placed[0], ~placed[1], ~complete, copies[0]))
    first = np.flatnonzero(np.diff(copies[0][best], prepend=-1))
    kept = np.zeros(copies.shape[1], dtype=bool)
    kept[best[first]] = True
    received = ~_any(~_received(some), copy, copies.shape[1])
    lone = best[first][received[best[first]]]
    kept |= received & np.isin(copies[0], copies[0][lone])
    gone = int((~kept).sum())
    if not gone:
        return whole
    chosen = np.repeat(best[first], np.diff(np.append(first, len(best))))
    differ = complete[best] & complete[chosen] & (sums[best] != sums[chosen]).any(axis=1)
    differing = np.union1d(copies[0][best][differ], contradicted(some, tx, complete[copy]))
    if len(differing):
        many = f"{len(differing)} transactions stand in two sources"
        message = f"{many} with different inputs, outputs or blocks: one is wrong. The first source counts."
        gaps.append(Gap("overlap_differs", message))
    gaps.append(
        Gap(
            "overlap",
            f"{gone} transactions with inputs and outputs stand in more than one source and are counted once.",
            status="assumption",
        )
    )
    keep = np.ones(whole.num_rows, dtype=bool)
    keep[rows[~kept[copy]]] = False
    told = np.flatnonzero(kept[copy] & received[copy])
    again = np.ones(len(told), dtype=bool)
    again[
        np.unique(np.stack([tx[told], integers_of(some, "position")[told]]), axis=1, return_index=True)[1]
    ] = False
    keep[rows[told[again]]] = False
    return whole.filter(pa.array(keep)).combine_chunks()


def leave_out(whole: pa.Table, gaps: list[Gap], names: Sequence[str] = ()) -> pa.Table:
    """The table with `excluded` completed: what is incomplete, spent twice, or told in terms of accounts.

    names: of the sources, by number. Raises InputError where two rows of one source cannot both be true.
    """
    part = transaction_rows(whole)
    reason, words = codes_of(whole, "excluded")
    waiting = np.array([word == UNCONFIRMED for word in [*words, ""]])[reason]
    if waiting.any():
        left = int(waiting.sum())
        message = f"{left} rows of transactions that no block holds are left out: they can still be replaced."
        gaps.append(Gap(UNCONFIRMED, message))
    if not part.any():
        return whole
    why = [words[code] for code in reason.tolist()]
    followed = np.array([not word for word in why])
    tx = _transactions(whole)
    count = int(tx.max()) + 1
    complete, _ = _balance(whole, tx, count, part)
    received = ~_any(part & ~_received(whole), tx, count)
    broken = part & ~(complete | received)[tx]
    _only_received(np.unique(tx[part & followed & received[tx]]), gaps)
    _mark(why, broken & followed, "incomplete")
    _incomplete(whole, broken & followed, gaps)
    accounts = ~part & followed & _same_coin(whole, part)
    _mark(why, accounts, "account_row")
    if accounts.any():
        message = (
            f"{int(accounts.sum())} rows tell payments between addresses on a chain of which other rows tell inputs and"
            " outputs: they are left out, since they do not say which outputs are spent."
        )
        gaps.append(Gap("account_row", message))
    followed &= ~broken & ~accounts
    loose = len(np.unique(tx[part & followed & (integers_of(whole, "block") < 0)]))
    if loose:
        message = (
            f"{loose} transactions have a time but no block in their source: they are placed by that time, and that a"
            " block holds them rests on the source alone."
        )
        gaps.append(Gap("block_unknown", message))
    again = _double_spends(whole, part & followed, tx, gaps, names)
    _mark(why, again, "double_spend")
    if waiting.any():
        _spends_waiting(whole, part & waiting, part & followed & ~again, gaps)
    column = pa.array(why, pa.string()).dictionary_encode().cast(whole.schema.field("excluded").type)
    at = whole.schema.get_field_index("excluded")
    return whole.set_column(at, whole.schema.field(at), column)


def _mark(why: list[str], rows: np.ndarray, reason: str) -> None:
    for row in np.flatnonzero(rows).tolist():
        why[row] = reason


def _transactions(table: pa.Table) -> np.ndarray:
    """A number per (chain, hash)."""
    tx, words = codes_of(table, "tx_hash")
    chain, _ = codes_of(table, "chain")
    number: np.ndarray = np.unique(chain * (len(words) + 1) + tx, return_inverse=True)[1].reshape(-1)
    return number


def _any(flag: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    found = np.zeros(groups, dtype=bool)
    found[group[flag]] = True
    return found


def _balance(
    table: pa.Table, group: np.ndarray, groups: int, part: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(by group of rows, whether it is one whole transaction; what it says, as sums that differ if it says else)."""
    kind, words = codes_of(table, "kind")
    enters = np.array([word in {Kind.SPEND, Kind.MINT} for word in words])[kind]
    balances = np.array([word in {Kind.FEE, Kind.MINT} for word in words])[kind]
    position = integers_of(table, "position")
    amount = limbs(table["amount"])
    sound = (position >= 0) & (amount[:, :3] == 0).all(axis=1) & (amount[:, 3] < _MOST)
    outpoint = outpoint_texts(table).is_valid().to_numpy(zero_copy_only=False)
    sound &= outpoint | balances
    if part is not None:
        sound |= ~part
    rows = np.arange(len(group)) if part is None else np.flatnonzero(part)
    units = np.where(sound, amount[:, 3], 0).astype(np.int64)[rows]
    own, sign = group[rows], np.where(enters[rows], 1, -1)
    low, high = (np.zeros(groups, dtype=np.int64) for _ in range(2))
    np.add.at(low, own, sign * (units & 0xFFFFFFFF))
    np.add.at(high, own, sign * (units >> 32))
    balanced = (low & 0xFFFFFFFF == 0) & (high + (low >> 32) == 0)
    whole = balanced & (np.bincount(own[balances[rows]], minlength=groups) == 1)
    whole &= ~_any(~sound[rows], own, groups)
    places = np.stack([own, position[rows]])
    distinct, times = np.unique(places, axis=1, return_counts=True)
    whole &= ~_any(times > 1, distinct[0], groups)
    said = np.zeros((groups, 2), dtype=np.int64)
    np.add.at(said[:, 0], own, units)
    np.add.at(said[:, 1], own, units * (position[rows] + 7))  # wraps: it only has to differ if anything does
    return whole, said


def _received(table: pa.Table) -> np.ndarray:
    """Rows that tell what an address got from a transaction of which nothing else was asked."""
    kind, words = codes_of(table, "kind")
    marked = pc.match_substring(_whole(table["extra"].cast(pa.string())), PART).fill_null(fill_value=False)
    output = np.array([word == Kind.OUTPUT for word in words], dtype=bool)[kind]
    found: np.ndarray = output & marked.to_numpy(zero_copy_only=False)
    return found


def _only_received(transactions: np.ndarray, gaps: list[Gap]) -> None:
    if len(transactions):
        message = (
            f"{len(transactions)} transactions are known from the side of those they pay only: their payers were not"
            " read, so what they pay is clean, but for what a seed got."
        )
        gaps.append(Gap("received_only", message, status="assumption"))


def _incomplete(whole: pa.Table, rows: np.ndarray, gaps: list[Gap]) -> None:
    if not rows.any():
        return
    first = whole.slice(int(np.flatnonzero(rows)[0]), 1).to_pylist()[0]
    message = (
        f"{int(rows.sum())} rows belong to transactions whose inputs, outputs and fee do not add up, or of which a row"
        " is missing: they are left out whole."
    )
    gaps.append(Gap("incomplete_transaction", message, first["chain"], tx=first["tx_hash"]))


def _spends_waiting(whole: pa.Table, waiting: np.ndarray, followed: np.ndarray, gaps: list[Gap]) -> None:
    """Say where a transaction that counts spends an output of one that no block is said to hold."""
    rows = np.flatnonzero(waiting | followed)
    some = whole.take(pa.array(rows))
    numbers = number_outpoints(some, np.ones(len(rows), dtype=bool))
    made = numbers.makes[waiting[rows] & (numbers.makes >= 0)]
    spends = np.flatnonzero(followed[rows] & np.isin(numbers.spends, made))
    if len(spends):
        first = some.slice(int(spends[0]), 1)
        row, outpoint = first.to_pylist()[0], outpoint_texts(first)[0].as_py()
        message = (
            f"{len(spends)} outputs that confirmed transactions spend are made in transactions that a source calls"
            f" unconfirmed (first: {row['tx_hash']} spends {outpoint}). Both cannot be: who spends from a block is paid"
            " from one. The makers are left out as unconfirmed, so the coin of these outputs has no known past. Import"
            " the makers again from a source that knows their block."
        )
        gaps.append(Gap("spends_unconfirmed", message, row["chain"], tx=row["tx_hash"]))


def _same_coin(whole: pa.Table, part: np.ndarray) -> np.ndarray:
    """Rows of the coin of a chain of which some rows tell inputs and outputs."""
    chain, _ = codes_of(whole, "chain")
    asset, words = codes_of(whole, "asset")
    native = np.array([word == NATIVE for word in words])[asset]
    found: np.ndarray = native & np.isin(chain, np.unique(chain[part]))
    return found


def _double_spends(
    whole: pa.Table, rows: np.ndarray, tx: np.ndarray, gaps: list[Gap], names: Sequence[str]
) -> np.ndarray:
    """Rows of transactions that spend what another one spends, in the order of who gives way."""
    places = np.flatnonzero(rows)
    lost = np.zeros(len(rows), dtype=bool)
    some = whole if len(places) == whole.num_rows else whole.take(pa.array(places))
    numbers = number_outpoints(some, np.ones(len(places), dtype=bool))
    _compare(some, numbers, names)
    spent = np.flatnonzero(numbers.spends >= 0)
    times = np.bincount(numbers.spends[spent], minlength=numbers.count)
    twice = spent[times[numbers.spends[spent]] > 1]
    if not len(twice):
        return lost
    capture, block = integers_of(some, "capture"), integers_of(some, "block")
    order = twice[np.lexsort((twice, capture[twice], block[twice] < 0, numbers.spends[twice]))]
    claimed: dict[int, int] = {}
    beaten: set[int] = set()
    own = tx[places]
    for row in order.tolist():
        if int(own[row]) in beaten:
            continue
        winner = claimed.setdefault(int(numbers.spends[row]), row)
        if winner == row:
            continue
        one, other = some.slice(winner, 1).to_pylist()[0], some.slice(row, 1).to_pylist()[0]
        if one["capture"] == other["capture"] and (one["block"] is None) == (other["block"] is None):
            raise InputError(
                f"Rows {one['row']} and {other['row']}{source_words(one, names)} spend the same output, in the"
                f" transactions {shown(one['tx_hash'])} and {shown(other['tx_hash'])}: only one of them can be in the"
                " chain.",
                "Take the one that was never confirmed out of the file, and import it again.",
            )
        beaten.add(int(own[row]))
        message = (
            f"Two sources hold transactions that spend the same output: {other['tx_hash']} is left out, since"
            f" {one['tx_hash']} "
            + ("is in a block." if other["block"] is None else "stands in an earlier source.")
        )
        gaps.append(Gap("double_spend", message, other["chain"], tx=other["tx_hash"]))
    lost[places[np.isin(own, sorted(beaten))]] = True
    return lost


def source_words(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Where a row stands, as words after its number; "" if the source has no name."""
    return f" of {shown(names[row['capture']])}" if row["capture"] < len(names) else ""


def _compare(table: pa.Table, numbers: Outpoints, names: Sequence[str]) -> None:
    """What is spent must be what was made: the same amount. Raises InputError with both rows."""
    amount = limbs(table["amount"])[:, 3].astype(np.int64)
    made = np.full(numbers.count, -1, dtype=np.int64)
    rows = np.flatnonzero(numbers.makes >= 0)
    made[numbers.makes[rows]] = rows
    spent = np.flatnonzero(numbers.spends >= 0)
    maker = made[numbers.spends[spent]]
    wrong = np.flatnonzero((maker >= 0) & (amount[maker] != amount[spent]))
    if len(wrong):
        one, other = (table.slice(int(r), 1).to_pylist()[0] for r in (maker[wrong[0]], spent[wrong[0]]))
        raise InputError(
            f"Row {other['row']}{source_words(other, names)} spends an output of {shown(one['tx_hash'])} as"
            f" {amount[spent[wrong[0]]]} sat, but row {one['row']}{source_words(one, names)} made it with"
            f" {amount[maker[wrong[0]]]} sat.",
            "One of the two is wrong: take its file out of the case, or correct it.",
        )


def owners(
    numbers: Outpoints, ends: tuple[np.ndarray, np.ndarray], names: Sequence[tuple[str, str]]
) -> np.ndarray:
    """By outpoint, the address number of its owner, -1 if nobody (OP_RETURN): an address before a script's hash.

    ends: (payer, payee) numbers by row. Sources that do not know the address of a script name it by its hash, or by
    the outpoint alone.
    """
    rank = np.array([2 if a.startswith("script:") else 3 if ":" in a else 1 for _, a in names] + [4])
    found = np.full(numbers.count, -1, dtype=np.int64)
    for numbered, end in zip((numbers.spends, numbers.makes), ends, strict=True):
        rows = np.flatnonzero((numbered >= 0) & (end >= 0))
        which, who = numbered[rows], end[rows]
        better = rank[who] <= rank[found[which]]
        found[which[better]] = who[better]
    return found
