"""The ledger: movement tables of one case as one ordered, columnar record with dense numbers.

It puts rows in order, cuts the overlap between sources, adds declared conversions and names every assumption it
made. It knows nothing of seeds, taint or stops, and it never merges rows of one source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.errors import InputError, shown
from tracer.model import NATIVE, Asset, Conversion, Gap, Kind
from tracer.movements import SCHEMA, amounts_from_column, from_rows
from tracer.ordering import OrderInput, order_rows

__all__ = ["BURNED", "FEE", "KINDS", "OUTSIDE", "RECOVERED", "Ledger", "build_ledger", "cut_overlap"]

OUTSIDE, FEE, BURNED, RECOVERED = -1, -2, -3, -4
"""Address numbers of accounts that are no address: mint and beacon chain, and the sinks."""

_ZERO = "0x" + "0" * 40
_FROM_OUTSIDE = {Kind.MINT, Kind.WITHDRAWAL, Kind.OPENING}


@dataclass(frozen=True)
class Ledger:
    """Followed movements in ledger order.

    table: the rows (columns of `tracer.movements.SCHEMA` and `capture`, the number of the source). excluded: the
    rows that are left out of flows, in file order. sender, recipient: address numbers (or OUTSIDE, FEE, BURNED,
    RECOVERED); asset: asset numbers; tx: transaction ordinals, rising; amount: exact integers.
    partial: True for rows from a source that does not hold the whole history of its addresses.
    """

    table: pa.Table
    excluded: pa.Table
    addresses: tuple[tuple[str, str], ...]
    assets: tuple[Asset, ...]
    sender: np.ndarray
    recipient: np.ndarray
    asset: np.ndarray
    tx: np.ndarray
    time: np.ndarray
    kind: np.ndarray
    partial: np.ndarray
    amount: list[int]
    gaps: tuple[Gap, ...]

    @property
    def rows(self) -> int:
        """Number of followed rows."""
        return len(self.amount)

    @cached_property
    def tx_hash(self) -> list[str]:
        """Transaction hash per row ("" where the source has none)."""
        return [text or "" for text in self.table["tx_hash"].to_pylist()]

    @cached_property
    def address_number(self) -> dict[tuple[str, str], int]:
        """(chain, address) -> number."""
        return {name: i for i, name in enumerate(self.addresses)}

    @cached_property
    def asset_number(self) -> dict[tuple[str, str], int]:
        """(chain, contract or "native") -> number."""
        return {(a.chain, a.ref): i for i, a in enumerate(self.assets)}


KINDS = tuple(Kind)
"""`Ledger.kind` holds indexes into this tuple."""


def build_ledger(
    tables: Sequence[pa.Table],
    *,
    partial: Sequence[bool] = (),
    conversions: Sequence[Conversion] = (),
) -> Ledger:
    """Order the rows of several sources into one ledger.

    tables: movement tables (`tracer.movements.SCHEMA`), one per source, in the order of the case file; one that has a
    column `source` holds rows of several sources and numbers them itself. partial: by source number, True if it does
    not hold the full history of its addresses. conversions: declared ones, each added
    to the transaction it names. Raises InputError for a row that has neither block nor time, and for a declared
    conversion whose transaction is not in the ledger.
    """
    flags = list(partial) + [False] * (len(tables) - len(partial))
    numbered = [
        t.select(SCHEMA.names).append_column(
            "capture", t["source"] if "source" in t.column_names else pa.array([i] * t.num_rows, pa.int64())
        )
        for i, t in enumerate(tables)
    ]
    schema = SCHEMA.append(pa.field("capture", pa.int64()))
    # A table that is in one piece stays as it is: a copy of a million rows takes 200 MB.
    whole = pa.concat_tables(numbered or [schema.empty_table()]).cast(schema)
    whole = whole.unify_dictionaries().combine_chunks()
    del numbered
    gaps: list[Gap] = []
    whole = cut_overlap(whole, gaps)
    reason, reasons = _codes(whole, "excluded")
    left_out = np.array([word != "" for word in reasons] + [False])[reason]
    excluded = whole.take(pa.array(np.flatnonzero(left_out)))
    table = whole.take(pa.array(np.flatnonzero(~left_out))).combine_chunks() if left_out.any() else whole
    del whole  # a million rows are 300 MB, so no copy is kept longer than it is needed
    table = _add_conversions(table, conversions, len(flags))
    return _number(table, excluded, flags + [False], gaps)


def _codes(table: pa.Table, name: str) -> tuple[np.ndarray, list[str]]:
    """A text column as (codes, distinct words)."""
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], type=table[name].type)
    if not isinstance(column, pa.DictionaryArray):
        column = column.dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [word or "" for word in column.dictionary.to_pylist()]


def _integers(table: pa.Table, name: str) -> np.ndarray:
    """An integer column as int64, -1 for null."""
    filled = pc.fill_null(table[name].cast(pa.int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def cut_overlap(whole: pa.Table, gaps: list[Gap]) -> pa.Table:
    """Where two sources tell the same transaction, count each movement once.

    Inside one transaction the union of multisets is taken: a movement that stands twice in one source is two
    movements; one that stands once in each of two sources is one. The row that knows more (transaction index,
    position) is kept, then the one of the earlier source.
    """
    capture = whole["capture"].to_numpy()
    if whole.num_rows == 0 or len(np.unique(capture)) < 2:
        return whole
    tx, words = _codes(whole, "tx_hash")
    chain, _ = _codes(whole, "chain")
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


def _add_conversions(table: pa.Table, conversions: Sequence[Conversion], capture: int) -> pa.Table:
    """Append the leg that each declared conversion adds to its transaction."""
    if not conversions:
        return table
    hashes, words = _codes(table, "tx_hash")
    of_hash = {word: code for code, word in enumerate(words)}
    rows: list[dict[str, object]] = []
    for number, c in enumerate(conversions, start=1):
        at = np.flatnonzero(hashes == of_hash.get(c.tx, -9))
        if len(at) == 0:
            raise InputError(
                f"The declared conversion names the transaction {shown(c.tx)}, which no imported file holds.",
                "Import a file with that transaction, or withdraw the conversion.",
            )
        there = table.slice(int(at[0]), 1).to_pylist()[0]
        rows.append(
            {name: there[name] for name in ("chain", "block", "tx_index", "timestamp", "tx_hash")}
            | {"from_address": c.counterparty, "to_address": c.address, "asset": c.asset, "amount": c.amount}
            | {"symbol": c.symbol, "decimals": c.decimals, "kind": "token" if c.asset != NATIVE else "native"}
            | {"grade": "declared", "row": number, "extra": None}
        )
    extra = from_rows(rows).append_column("capture", pa.array([capture] * len(rows), pa.int64()))
    return pa.concat_tables([table, extra]).unify_dictionaries().combine_chunks()


def _number(table: pa.Table, excluded: pa.Table, partial: list[bool], gaps: list[Gap]) -> Ledger:
    """Give addresses, assets and transactions numbers and put the rows in order."""
    chain, chains = _codes(table, "chain")
    kind_code, kind_words = _codes(table, "kind")
    kind = np.array([KINDS.index(Kind(word)) for word in kind_words] or [0], dtype=np.int8)[kind_code]
    asset, assets = _assets(table, chain, chains)
    addresses, sender, recipient = _addresses(table, chain, chains)
    token = np.array([a.ref != NATIVE for a in assets] or [False])[asset]
    sender = np.where(_is(kind, *_FROM_OUTSIDE) | (_is(kind, Kind.WRAP) & token), OUTSIDE, sender)
    recipient = np.where(_is(kind, Kind.ISSUER) & (recipient == OUTSIDE), RECOVERED, recipient)
    recipient = np.where(_is(kind, Kind.BURN) | (_is(kind, Kind.UNWRAP) & token), BURNED, recipient)
    recipient = np.where(recipient == OUTSIDE, BURNED, recipient)
    recipient = np.where(_is(kind, Kind.FEE), FEE, recipient)
    sender = np.where(_nobody(addresses)[sender] & (sender >= 0), OUTSIDE, sender)

    amount = amounts_from_column(table["amount"])
    tx = _transactions(table, chain)
    opening = _is(kind, Kind.OPENING)  # an opening is before everything, whatever its row says
    found = OrderInput(
        chain=chain,
        block=np.where(opening, -1, _integers(table, "block")),
        timestamp=np.where(opening, -1, _integers(table, "timestamp")),
        tx_index=_integers(table, "tx_index"),
        position=_integers(table, "position"),
        tx=tx,
        payer=np.where(sender >= 0, sender * len(assets) + asset, -1),
        payee=np.where(recipient >= 0, recipient * len(assets) + asset, -1),
        fee=_is(kind, Kind.FEE),
        amount=amount,
    )
    _check_moments(table, (found.block < 0) & (found.timestamp < 0) & ~opening)
    order, blocks, transactions = order_rows(found)
    _order_gaps(gaps, blocks, transactions)
    in_order = np.array_equal(order, np.arange(len(order)))
    ordered = table if in_order else table.take(pa.array(order))
    return Ledger(
        table=ordered,
        excluded=excluded,
        addresses=addresses,
        assets=assets,
        sender=sender[order],
        recipient=recipient[order],
        asset=asset[order],
        tx=_ordinals(tx[order]),
        time=_integers(ordered, "timestamp"),
        kind=kind[order],
        partial=np.array(partial, dtype=bool)[_integers(ordered, "capture")],
        amount=[amount[i] for i in order.tolist()],
        gaps=tuple(gaps),
    )


def _is(kind: np.ndarray, *kinds: Kind) -> np.ndarray:
    """True where a row is of one of the kinds."""
    return np.isin(kind, [KINDS.index(k) for k in kinds])


def _addresses(
    table: pa.Table, chain: np.ndarray, chains: list[str]
) -> tuple[tuple[tuple[str, str], ...], np.ndarray, np.ndarray]:
    """(names, sender numbers, recipient numbers); an empty address is OUTSIDE."""
    sender, sender_words = _codes(table, "from_address")
    recipient, recipient_words = _codes(table, "to_address")
    words = sorted({*sender_words, *recipient_words, ""})
    rank = {word: i for i, word in enumerate(words)}
    blank = rank[""]
    sides = []
    for codes, distinct in ((sender, sender_words), (recipient, recipient_words)):
        ranks = np.array([rank[w] for w in distinct] or [blank], dtype=np.int64)[codes]
        sides.append(np.where(ranks == blank, -1, chain * len(words) + ranks))
    seen = np.zeros(max(len(chains), 1) * len(words), dtype=bool)
    for side in sides:
        seen[side[side >= 0]] = True
    used = np.flatnonzero(seen)
    names = tuple((chains[k // len(words)], words[k % len(words)]) for k in used.tolist())
    number = np.cumsum(seen) - 1
    first, second = (np.where(side < 0, OUTSIDE, number[side]) for side in sides)
    return names, first, second


def _nobody(addresses: tuple[tuple[str, str], ...]) -> np.ndarray:
    """True for the zero address of EVM chains: nobody holds its key, so what "it pays" is minted."""
    return np.array([address == _ZERO for _, address in addresses] or [False])


def _assets(table: pa.Table, chain: np.ndarray, chains: list[str]) -> tuple[np.ndarray, tuple[Asset, ...]]:
    """(asset number per row, assets), with the first symbol and the decimals that the sources state."""
    refs, ref_words = _codes(table, "asset")
    symbols, symbol_words = _codes(table, "symbol")
    decimals = _integers(table, "decimals")
    key = chain * max(len(ref_words), 1) + refs
    used, first, number = np.unique(key, return_index=True, return_inverse=True)
    stated: dict[int, set[int]] = defaultdict(set)
    for n, d in _pairs(number, decimals):
        stated[n].add(d)
    named: dict[int, str] = {}
    for n, s in _pairs(number, symbols):
        if symbol_words[s]:
            named.setdefault(n, symbol_words[s])
    assets = []
    for n, (k, row) in enumerate(zip(used.tolist(), first.tolist(), strict=True)):
        where, ref = chains[k // max(len(ref_words), 1)], ref_words[int(refs[row])]
        if len(stated[n]) > 1:
            raise InputError(
                f"The sources disagree about the decimals of {where}/{shown(ref)}: {sorted(stated[n])}.",
                "Correct the decimals column of the wrong file and import it again.",
            )
        assets.append(Asset(where, ref, named.get(n, ""), next(iter(stated[n]), None)))
    return number.reshape(-1), tuple(assets)


def _pairs(number: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """The distinct (number, other) of rows whose `other` is not negative, sorted."""
    width = int(other.max(initial=0)) + 1
    known = other >= 0
    return [divmod(pair, width) for pair in np.unique(number[known] * width + other[known]).tolist()]


def _transactions(table: pa.Table, chain: np.ndarray) -> np.ndarray:
    """A transaction number per row: the hash; without one, the row's (block, index); without that, its own."""
    column = table["tx_hash"].combine_chunks().dictionary_encode()
    words = column.dictionary
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    blank = np.append(pc.equal(words, "").to_numpy(zero_copy_only=False), True)[codes]
    block, index = (_integers(table, name) for name in ("block", "tx_index"))
    alone = blank & ((block < 0) | (index < 0))
    number = chain * len(words) + codes
    taken = (int(chain.max(initial=0)) + 1) * len(words)
    placed = np.flatnonzero(blank & ~alone)
    if len(placed):
        parts = np.stack([chain[placed], block[placed], index[placed]])
        distinct, inverse = np.unique(parts, axis=1, return_inverse=True)
        number[placed] = taken + inverse.reshape(-1)
        taken += distinct.shape[1]
    number[alone] = taken + np.arange(int(alone.sum()))
    return np.asarray(np.unique(number, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _ordinals(tx: np.ndarray) -> np.ndarray:
    """Transactions numbered in the order in which they appear."""
    change = np.ones(len(tx), dtype=bool)
    change[1:] = tx[1:] != tx[:-1]
    return np.cumsum(change) - 1


def _check_moments(table: pa.Table, lost: np.ndarray) -> None:
    """Refuse rows that can not be put in order."""
    if lost.any():
        row = table.slice(int(np.flatnonzero(lost)[0]), 1).to_pylist()[0]
        raise InputError(
            f"Row {row['row']} has neither a block nor a time, so it cannot be put in order"
            f" ({int(lost.sum())} such rows).",
            "Fill the column block or timestamp_utc.",
        )


def _order_gaps(gaps: list[Gap], blocks: int, transactions: int) -> None:
    """Say which order was assumed."""
    if blocks:
        message = (
            f"{blocks} blocks have no transaction index: their transactions are put in an order in which a"
            " payer is funded before it pays, then in file order."
        )
        gaps.append(Gap("order_in_block", message, status="assumption"))
    if transactions:
        message = (
            f"{transactions} transactions have movements without a position: they are put in an order in which"
            " a payer is funded before it pays, then in file order."
        )
        gaps.append(Gap("order_in_transaction", message, status="assumption"))
