"""Transactions of Bitcoin-like chains as movement rows, and back: what stores, captures and exports carry unchanged.

One transaction is a `spend` row per input, an `output` row per output, and one row that balances it: `fee` (what no
output takes, 0 included), or `mint` for a coinbase (what it makes). So the rows of a transaction add up exactly, and a
transaction of which a row is missing shows. The coin between inputs and outputs belongs to the transaction, which is
why a `spend` has no payee and an `output` no payer.

| row | from_address | to_address | position | extra |
|---|---|---|---|---|
| spend | owner of the spent output | | index of the input | outpoint, script_type, script, sequence |
| mint | | | 0 | |
| output | | owner, "" for OP_RETURN | OUTPUTS + vout | script_type, script, op_return |
| fee | | | FEES | |

The first row also carries version and locktime. A transaction that is told from the payee's side only (an address was
paid in it, and nothing else was asked) has no row but its outputs there, each marked with `part`.

It decides nothing about order, confirmation or double spends.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import BITCOIN
from tracer.model import NATIVE, UNCONFIRMED, Kind
from tracer.movements import SCHEMA, amounts_from_column, amounts_to_column
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["DECIMALS", "FEES", "OUTPUTS", "PART", "table_of", "transactions_of"]

OUTPUTS = 1 << 20
"""Position of output 0: above every index of an input that fits into a block."""
FEES = 1 << 21
"""Position of the fee: after all outputs, which are served first."""
PART = '"part":true'
"""In `extra` of an output that is told without the inputs of its transaction."""
DECIMALS = 8
"""1 BTC = 10^8 sat."""

_SYMBOLS = {BITCOIN: "BTC"}
_KINDS = (Kind.SPEND, Kind.OUTPUT, Kind.FEE, Kind.MINT)


def table_of(
    transactions: Iterable[UtxoTransaction],
    rows: Sequence[int] | None = None,
    parts: Collection[tuple[int | None, str]] = (),
) -> pa.Table:
    """A movement table (`tracer.movements.SCHEMA`), transactions in the order given, rows in that of the docstring.

    rows: the row of the source (1-based) that each transaction stands in, not falling; without it rows are counted
    from 1. parts: (block, txid) of those of which only outputs are known. A transaction without a block is
    `unconfirmed`: its rows are kept, and left out of flows.
    Raises ValueError for a transaction that pays more than its inputs hold.
    """
    found = _Rows()
    sizes: list[int] = []
    for transaction in transactions:
        before = len(found.amount)
        found.add(transaction, part=(transaction.block, transaction.txid) in parts)
        sizes.append(len(found.amount) - before)
    counts = np.array(sizes, dtype=np.int64)
    numbers = (
        np.arange(1, len(found.amount) + 1)
        if rows is None
        else np.repeat(np.array(rows, dtype=np.int64), counts)
    )
    return found.table(counts, numbers)


class _Rows:
    """Columns as they grow; what a whole transaction shares is kept once a transaction."""

    def __init__(self) -> None:
        self.shared: list[tuple[str, int | None, int | None, int | None, str]] = []
        self.position: list[int] = []
        self.payer: list[str] = []
        self.payee: list[str] = []
        self.amount: list[int] = []
        self.kind: list[Kind] = []
        self.extra: list[str | None] = []

    def add(self, t: UtxoTransaction, *, part: bool) -> None:
        """All rows of one transaction."""
        if part:
            self.shared.append((t.chain, t.block, t.tx_index, t.timestamp, t.txid))
            self._outputs(t, f",{PART}")
            return
        if t.fee < 0:
            raise ValueError(f"{t.txid} pays {-t.fee} sat more than its inputs hold")
        self.shared.append((t.chain, t.block, t.tx_index, t.timestamp, t.txid))
        first = len(self.extra)
        for number, spent in enumerate(t.inputs):
            extra = f'{{"outpoint":"{spent.outpoint}"{_script(spent.script_type, spent.script)}'
            if spent.sequence is not None:
                extra += f',"sequence":{spent.sequence}'
            self._row(Kind.SPEND, number, spent.owner, "", spent.amount, extra + "}")
        if t.coinbase:
            self._row(Kind.MINT, 0, "", "", sum(o.amount for o in t.outputs), None)
        self._outputs(t)
        if not t.coinbase:
            self._row(Kind.FEE, FEES, "", "", t.fee, None)
        told = [(name, n) for name, n in (("version", t.version), ("locktime", t.locktime)) if n is not None]
        if told:
            before = (self.extra[first] or "{}")[:-1]
            parts = ([before[1:]] if before != "{" else []) + [f'"{name}":{n}' for name, n in told]
            self.extra[first] = f"{{{','.join(parts)}}}"

    def _outputs(self, t: UtxoTransaction, mark: str = "") -> None:
        for output in t.outputs:
            burned = output.script_type is Script.OP_RETURN
            extra = _script(output.script_type, output.script)
            if output.op_return:
                extra += f',"op_return":{quoted(output.op_return)}'
            payee = "" if burned else t.owner(output)
            self._row(Kind.OUTPUT, OUTPUTS + output.vout, "", payee, output.amount, f"{{{extra[1:]}{mark}}}")

    def _row(self, kind: Kind, position: int, payer: str, payee: str, amount: int, extra: str | None) -> None:
        self.kind.append(kind)
        self.position.append(position)
        self.payer.append(payer)
        self.payee.append(payee)
        self.amount.append(amount)
        self.extra.append(extra)

    def table(self, counts: np.ndarray, numbers: np.ndarray) -> pa.Table:
        """All rows; `counts`: rows by transaction, `numbers`: the source row of each."""
        which = pa.array(np.repeat(np.arange(len(counts)), counts))
        size = len(self.amount)
        if not size:
            return SCHEMA.empty_table()
        chain, block, index, time, txid = zip(*self.shared, strict=True)
        unconfirmed = [UNCONFIRMED if b is None else "" for b in block]
        columns: dict[str, Any] = {
            "chain": pa.array(chain, pa.string()).take(which),
            "block": pa.array(block, pa.int64()).take(which),
            "tx_index": pa.array(index, pa.int64()).take(which),
            "position": pa.array(self.position, pa.int64()),
            "timestamp": pa.array(time, pa.int64()).take(which),
            "tx_hash": pa.array(txid, pa.string()).take(which),
            "from_address": pa.array(self.payer, pa.string()),
            "to_address": pa.array(self.payee, pa.string()),
            "asset": pa.array([NATIVE] * size, pa.string()),
            "symbol": pa.array([_SYMBOLS.get(c, "") for c in chain], pa.string()).take(which),
            "decimals": pa.array(np.full(size, DECIMALS), pa.int16()),
            "amount": amounts_to_column(self.amount),
            "kind": pa.array([str(k) for k in self.kind], pa.string()),
            "excluded": pa.array(unconfirmed, pa.string()).take(which),
            "value": pa.nulls(size, pa.string()),
            "grade": pa.array(["fact"] * size, pa.string()),
            "row": pa.array(numbers, pa.int64()),
            "extra": pa.array(self.extra, pa.string()),
        }
        encoded = [
            columns[name].dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else columns[name]
            for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)
        ]
        return pa.Table.from_arrays(encoded, schema=SCHEMA)


def _script(kind: Script, script: str) -> str:
    """`,"script_type":...,"script":...` as far as known."""
    return f',"script_type":"{kind}"' + (f',"script":{quoted(script)}' if script else "")


def transactions_of(table: pa.Table) -> list[UtxoTransaction]:
    """The transactions of Bitcoin-like chains whose rows are all in a movement table, by first appearance.

    Other rows are passed over, and so is a transaction whose rows do not balance: the ledger lists these as gaps. Of a
    row that stands there more than once (two sources) the first counts.
    """
    kinds = pc.is_in(table["kind"].cast(pa.string()), pa.array([str(k) for k in _KINDS]))
    part = table.filter(pc.and_(kinds, pc.equal(table["asset"].cast(pa.string()), NATIVE)))
    names = ("chain", "block", "tx_index", "timestamp", "tx_hash", "from_address", "to_address", "kind")
    columns = [part[name].to_pylist() for name in (*names, "position", "extra")]
    grouped: dict[tuple[str, str], dict[int, tuple[Any, ...]]] = {}
    for amount, row in zip(amounts_from_column(part["amount"]), zip(*columns, strict=True), strict=True):
        members = grouped.setdefault((row[0], row[4]), {})
        members.setdefault(row[8], (*row, amount))
    found = []
    for members in grouped.values():
        rows = [members[position] for position in sorted(p for p in members if p is not None)]
        signed = sum(r[10] if r[7] in (Kind.SPEND, Kind.MINT) else -r[10] for r in rows)
        utxo = any(r[7] in (Kind.SPEND, Kind.OUTPUT) for r in rows)
        if utxo and signed == 0 and any(r[7] in (Kind.FEE, Kind.MINT) for r in rows):
            found.append(_transaction(rows))
    return found


def _transaction(rows: Sequence[tuple[Any, ...]]) -> UtxoTransaction:
    """One transaction from all its rows in order: (columns of `transactions_of`, amount)."""
    inputs, outputs = [], []
    chain, block, index, time, txid = rows[0][:5]
    told = json.loads(rows[0][9]) if rows[0][9] else {}
    for _, _, _, _, _, payer, payee, kind, position, text, amount in rows:
        extra = json.loads(text) if text else {}
        script, script_type = extra.get("script", ""), Script(extra.get("script_type", Script.UNKNOWN))
        if kind == Kind.SPEND:
            spent, _, vout = extra["outpoint"].rpartition(":")
            inputs.append(
                Input(
                    Outpoint(spent, int(vout)),
                    _address(payer),
                    script_type,
                    amount,
                    script,
                    extra.get("sequence"),
                )
            )
        elif kind == Kind.OUTPUT:
            outputs.append(
                Output(
                    position - OUTPUTS,
                    _address(payee),
                    script_type,
                    amount,
                    script,
                    extra.get("op_return", ""),
                )
            )
    return UtxoTransaction(
        chain,
        txid,
        block,
        index,
        time,
        tuple(inputs),
        tuple(outputs),
        told.get("version"),
        told.get("locktime"),
    )


def _address(owner: str) -> str:
    """The address of an owner; "" for one that is named by its script or outpoint."""
    return "" if ":" in owner else owner
