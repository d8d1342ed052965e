"""The ledger: movement tables of one case as one ordered, columnar record with dense numbers.

It puts rows in order, cuts the overlap between sources, adds declared conversions and names every assumption it
made. It knows nothing of seeds, taint or stops, and it never merges rows of one source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import ZERO_ADDRESS
from tracer.errors import InputError, shown
from tracer.memory import give_back
from tracer.model import NATIVE, Asset, Conversion, Gap, Kind
from tracer.movements import SCHEMA, amounts_from_column, from_rows
from tracer.numbering import (
    NOBODY,
    address_numbers,
    asset_numbers,
    codes_of,
    integers_of,
    transaction_keys,
    transaction_numbers,
)
from tracer.ordering import OrderInput, order_rows
from tracer.outpoints import (
    Outpoints,
    leave_out,
    number_outpoints,
    outpoint_texts,
    owners,
    source_words,
    transaction_rows,
)
from tracer.source_overlap import cut_overlap

__all__ = ["BURNED", "FEE", "KINDS", "OUTSIDE", "RECOVERED", "Ledger", "build_ledger", "stacked"]

OUTSIDE, FEE, BURNED, RECOVERED = NOBODY, -2, -3, -4
"""Address numbers of accounts that are no address: mint and beacon chain, and the sinks."""

_FROM_OUTSIDE = {Kind.MINT, Kind.WITHDRAWAL, Kind.OPENING}


@dataclass(frozen=True)
class Ledger:
    """Followed movements in ledger order.

    table: the rows (columns of `tracer.movements.SCHEMA` and `capture`, the number of the source). excluded: the
    rows that are left out of flows, in file order. sender, recipient: address numbers (or OUTSIDE, FEE, BURNED,
    RECOVERED); asset: asset numbers; tx: transaction ordinals, rising; amount: exact integers.
    partial: True for rows from a source that does not hold the whole history of its addresses.
    utxo: True for rows of transactions with inputs and outputs (tracer.chains.utxo_rows), in which an outpoint is what
    is held: spends, makes: the number of the outpoint that the row spends or makes, -1 for none; sender and recipient
    are its owner.
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
    utxo: np.ndarray
    spends: np.ndarray
    makes: np.ndarray

    @property
    def rows(self) -> int:
        """Number of followed rows."""
        return len(self.amount)

    @cached_property
    def tx_hash(self) -> list[str]:
        """Transaction hash per row ("" where the source has none)."""
        return [text or "" for text in self.table["tx_hash"].to_pylist()]

    @cached_property
    def outpoint(self) -> list[str | None]:
        """By row, the outpoint that it spends or makes as `txid:vout`, None if none."""
        texts: list[str | None] = outpoint_texts(self.table).to_pylist()
        return texts

    @cached_property
    def spent_in(self) -> dict[tuple[str, str], str]:
        """(chain, outpoint) -> hash of the transaction that spends it."""
        rows = pa.array(np.flatnonzero(self.spends >= 0))
        part = self.table.take(rows)
        names = zip(part["chain"].to_pylist(), outpoint_texts(part).to_pylist(), strict=True)
        return dict(zip(names, part["tx_hash"].to_pylist(), strict=True))

    def rows_of(self, chain: str, tx_hash: str) -> list[int]:
        """The rows of a transaction. Passes over the ledger: of several, ask `rows_of_each`."""
        return self.rows_of_each([(chain, tx_hash)]).get((chain, tx_hash), [])

    def rows_of_each(self, transactions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[int]]:
        """The rows of each transaction, by (chain, hash), in one pass; those that are not there are left out."""
        wanted = set(transactions)
        hashes = pa.array(sorted({tx_hash for _, tx_hash in wanted}), pa.string())
        match = pc.is_in(self.table["tx_hash"].cast(pa.string()), value_set=hashes)
        rows = np.flatnonzero(match.to_numpy())
        part = self.table.select(["chain", "tx_hash"]).take(pa.array(rows))
        found: dict[tuple[str, str], list[int]] = {}
        for name, row in zip(
            zip(part["chain"].to_pylist(), part["tx_hash"].to_pylist(), strict=True),
            rows.tolist(),
            strict=True,
        ):
            if name in wanted:
                found.setdefault(name, []).append(row)
        return found

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
    names: Sequence[str] = (),
) -> Ledger:
    """Order the rows of several sources into one ledger.

    tables: movement tables (`tracer.movements.SCHEMA`), one per source, in the order of the case file; one that has a
    column `source` holds rows of several sources and numbers them itself. partial: by source number, True if it does
    not hold the full history of its addresses. conversions: declared ones, each added to the transaction it names.
    names: of the sources, for gaps and errors. Raises InputError for a row that has neither block nor time, for rows
    that cannot all be true, and for a declared conversion whose transaction is not in the ledger.
    """
    flags = list(partial) + [False] * (len(tables) - len(partial))
    gaps: list[Gap] = []
    whole = stacked(tables)
    keys = transaction_keys(whole)
    once = cut_overlap(whole, gaps, names, keys)
    if once.num_rows != len(keys):
        keys = transaction_keys(once)
    whole = leave_out(once, gaps, names)
    reason, reasons = codes_of(whole, "excluded")
    left_out = np.array([word != "" for word in reasons] + [False])[reason]
    if conversions:
        whole = _add_conversions(whole, conversions, ~left_out, len(flags))
        left_out = np.append(left_out, np.zeros(whole.num_rows - len(left_out), dtype=bool))
        keys = transaction_keys(whole)
    excluded = whole.take(pa.array(np.flatnonzero(left_out)))
    tx = transaction_numbers(keys[~left_out])
    return _number(_Followed(whole, np.flatnonzero(~left_out)), tx, excluded, flags + [False], gaps, names)


def stacked(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all sources in one table, with the number of their source in a column `capture`."""
    numbered = [
        t.select(SCHEMA.names).append_column(
            "capture", t["source"] if "source" in t.column_names else pa.array([i] * t.num_rows, pa.int64())
        )
        for i, t in enumerate(tables)
    ]
    schema = SCHEMA.append(pa.field("capture", pa.int64()))
    # A table that is in one piece stays as it is: a copy of a million rows takes 200 MB.
    return (
        pa.concat_tables(numbered or [schema.empty_table()])
        .cast(schema)
        .unify_dictionaries()
        .combine_chunks()
    )


class _Followed:
    """The rows `at` of a table, one column at a time: a million rows are 200 MB, too much for another copy."""

    def __init__(self, table: pa.Table, at: np.ndarray) -> None:
        self._table, self._at = table, at

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        column = self._table[name]
        return column if len(self._at) == len(column) else column.take(pa.array(self._at))

    def rows(self, order: np.ndarray) -> pa.Table:
        """Whole rows, in this order of followed rows."""
        at = self._at[order]
        return (
            self._table
            if np.array_equal(at, np.arange(self._table.num_rows))
            else self._table.take(pa.array(at))
        )


def _add_conversions(
    table: pa.Table, conversions: Sequence[Conversion], followed: np.ndarray, capture: int
) -> pa.Table:
    """Append the leg that each declared conversion adds to its transaction, of which some row must be followed."""
    hashes, words = codes_of(table, "tx_hash")
    chains, chain_words = codes_of(table, "chain")
    of_chain = {word: code for code, word in enumerate(chain_words)}
    of_hash = {word: code for code, word in enumerate(words)}
    rows: list[dict[str, object]] = []
    for number, c in enumerate(conversions, start=1):
        mine = (hashes == of_hash.get(c.tx, -9)) & (chains == of_chain.get(c.chain, -9))
        at = np.flatnonzero(mine & followed)
        if len(at) == 0:
            raise InputError(
                f"The declared conversion names the transaction {shown(c.tx)} on {c.chain}, which no source holds.",
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


def _number(
    table: _Followed,
    tx: np.ndarray,
    excluded: pa.Table,
    partial: list[bool],
    gaps: list[Gap],
    names: Sequence[str],
) -> Ledger:
    """Give addresses and assets numbers and put the rows in order. tx: the number of the transaction of each row."""
    chain, chains = codes_of(table, "chain")
    kind_code, kind_words = codes_of(table, "kind")
    kind = np.array([KINDS.index(Kind(word)) for word in kind_words] or [0], dtype=np.int8)[kind_code]
    asset, assets = asset_numbers(table, chain, chains)
    addresses, sender, recipient = address_numbers(table, chain, chains)
    token = np.array([a.ref != NATIVE for a in assets] or [False])[asset]
    sender = np.where(_is(kind, *_FROM_OUTSIDE) | (_is(kind, Kind.WRAP) & token), OUTSIDE, sender)
    recipient = np.where(_is(kind, Kind.ISSUER) & (recipient == OUTSIDE), RECOVERED, recipient)
    recipient = np.where(_is(kind, Kind.BURN) | (_is(kind, Kind.UNWRAP) & token), BURNED, recipient)
    recipient = np.where(recipient == OUTSIDE, BURNED, recipient)
    recipient = np.where(_is(kind, Kind.FEE), FEE, recipient)
    sender = np.where(_nobody(addresses)[sender] & (sender >= 0), OUTSIDE, sender)
    coins = number_outpoints(table, transaction_rows(table))
    sender, recipient = _owned(coins, sender, recipient, addresses)

    amount = amounts_from_column(table["amount"])
    opening = _is(kind, Kind.OPENING)  # an opening is before everything, whatever its row says
    found = OrderInput(
        chain=chain,
        block=np.where(opening, -1, integers_of(table, "block")),
        timestamp=np.where(opening, -1, integers_of(table, "timestamp")),
        tx_index=integers_of(table, "tx_index"),
        position=integers_of(table, "position"),
        tx=tx,
        payer=_holding(coins, coins.spends, sender * len(assets) + asset, sender >= 0),
        payee=_holding(coins, coins.makes, recipient * len(assets) + asset, recipient >= 0),
        fee=_is(kind, Kind.FEE) & ~coins.transaction,
        amount=amount,
    )
    _check_moments(table, (found.block < 0) & (found.timestamp < 0) & ~opening)
    order, blocks, transactions = order_rows(found)
    _order_gaps(gaps, blocks, transactions)
    del found, kind_code, token, opening  # the ordered copy of the table is the peak of memory
    give_back(len(order))
    ordered = table.rows(order)
    spends, makes = coins.spends[order], coins.makes[order]
    _check_outpoints(ordered, spends, makes, coins.count, names)
    return Ledger(
        table=ordered,
        excluded=excluded,
        addresses=addresses,
        assets=assets,
        sender=sender[order],
        recipient=recipient[order],
        asset=asset[order],
        tx=_ordinals(tx[order]),
        time=integers_of(ordered, "timestamp"),
        kind=kind[order],
        partial=np.array(partial, dtype=bool)[integers_of(ordered, "capture")],
        amount=[amount[i] for i in order.tolist()],
        gaps=tuple(gaps),
        utxo=coins.transaction[order],
        spends=spends,
        makes=makes,
    )


def _owned(
    coins: Outpoints, sender: np.ndarray, recipient: np.ndarray, addresses: tuple[tuple[str, str], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Payers and payees, where a row of a transaction with inputs and outputs names the owner at its one end."""
    if not coins.count:
        return sender, recipient
    owner = owners(coins, (sender, np.where(recipient >= 0, recipient, OUTSIDE)), addresses)
    made = np.append(owner, OUTSIDE)[coins.makes]
    sender = np.where(coins.spends >= 0, np.append(owner, OUTSIDE)[coins.spends], sender)
    recipient = np.where(coins.makes >= 0, np.where(made >= 0, made, BURNED), recipient)
    return sender, np.where(coins.transaction & (recipient == BURNED) & (coins.makes < 0), OUTSIDE, recipient)


def _holding(coins: Outpoints, outpoint: np.ndarray, account: np.ndarray, known: np.ndarray) -> np.ndarray:
    """By row, a number of the holding that pays or is paid: an outpoint, else an address and an asset; -1: none."""
    numbered = np.where(outpoint >= 0, outpoint, np.where(known, coins.count + account, -1))
    return np.where(coins.transaction & (outpoint < 0), -1, numbered)


def _check_outpoints(
    table: pa.Table, spends: np.ndarray, makes: np.ndarray, count: int, names: Sequence[str]
) -> None:
    """An output is made before it is spent. Raises InputError where blocks, times or indexes say otherwise."""
    at = np.full(count, -1, dtype=np.int64)
    rows = np.flatnonzero(makes >= 0)
    at[makes[rows]] = rows
    spent = np.flatnonzero(spends >= 0)
    early = spent[at[spends[spent]] > spent]
    if len(early):
        first, maker = (table.slice(int(r), 1).to_pylist()[0] for r in (early[0], at[spends[early[0]]]))
        raise InputError(
            f"The transaction {shown(first['tx_hash'])} (row {first['row']}{source_words(first, names)}) spends an"
            f" output of {shown(maker['tx_hash'])} (row {maker['row']}{source_words(maker, names)}),"
            " which stands later in the order of the chain.",
            "Correct block, tx_index and timestamp of the wrong one, and import the file again.",
        )


def _is(kind: np.ndarray, *kinds: Kind) -> np.ndarray:
    """True where a row is of one of the kinds."""
    return np.isin(kind, [KINDS.index(k) for k in kinds])


def _nobody(addresses: tuple[tuple[str, str], ...]) -> np.ndarray:
    """True for the zero address of EVM chains: nobody holds its key, so what "it pays" is minted."""
    return np.array([address == ZERO_ADDRESS for _, address in addresses] or [False])


def _ordinals(tx: np.ndarray) -> np.ndarray:
    """Transactions numbered in the order in which they appear."""
    change = np.ones(len(tx), dtype=bool)
    change[1:] = tx[1:] != tx[:-1]
    return np.cumsum(change) - 1


def _check_moments(table: _Followed, lost: np.ndarray) -> None:
    """Refuse rows that can not be put in order."""
    if lost.any():
        row = table.rows(np.flatnonzero(lost)[:1]).to_pylist()[0]
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
