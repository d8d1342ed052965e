"""The columnar form of movements, from any source: one pyarrow table with one fixed schema.

Importers and adapters make it, the store keeps it, the ledger orders it. A row is a fact: who paid whom, how much
of what, where in the chain's order. Rows are never merged or de-duplicated by equality: two equal transfers in
one transaction are two transfers.

Amounts are 32-byte big-endian unsigned integers (a uint256 fits exactly), so that no step on the way from the
wire to the CSV goes through a float or a 64-bit integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

__all__ = [
    "AMOUNT",
    "MAX_AMOUNT",
    "SCHEMA",
    "amounts_from_column",
    "amounts_to_column",
    "empty",
    "from_rows",
    "limbs",
]

AMOUNT = pa.binary(32)
MAX_AMOUNT = 2**256 - 1

_WORD = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("chain", _WORD),  # CAIP-2, e.g. eip155:1
        ("block", pa.int64()),  # null when the source has none
        ("tx_index", pa.int64()),  # null when the source has none
        ("position", pa.int64()),  # 0 fee, 1 top-level, then internal by trace, then logs; null if unknown
        ("timestamp", pa.int64()),  # UTC seconds; null when the source has none
        ("tx_hash", pa.string()),  # lower case with 0x on EVM chains; "" when the source has none
        ("from_address", _WORD),  # canonical (EVM: lower case); "" = from outside (mint, opening ...)
        ("to_address", _WORD),  # canonical; "" = to outside (burn, fee ...)
        ("asset", _WORD),  # "native" or the contract address, canonical
        ("symbol", _WORD),  # as the source prints it: hostile text, display only
        ("decimals", pa.int16()),  # null when unknown
        ("amount", AMOUNT),
        ("kind", _WORD),  # a tracer.model.Kind value
        ("excluded", _WORD),  # "" = followed; else why not: poison, zero_value, fake_token, analyst
        ("value", pa.string()),  # value that the source states (decimal text, one currency a file), or null
        ("grade", _WORD),  # "fact", or "declared" for a movement that an analyst declared
        ("row", pa.int64()),  # 1-based data row in the source
        ("extra", pa.string()),  # JSON object of the columns that the tracer does not know; null if none
    ]
)
"""Columns of every movement table, in this order."""


def empty() -> pa.Table:
    """A movement table without rows."""
    return SCHEMA.empty_table()


def amounts_to_column(amounts: Iterable[int]) -> pa.Array:
    """Integers (0 <= n < 2**256) as the `amount` column. Raises OverflowError outside that range."""
    return pa.array([n.to_bytes(32, "big") for n in amounts], type=AMOUNT)


def amounts_from_column(column: pa.Array | pa.ChunkedArray) -> list[int]:
    """The `amount` column as exact Python integers."""
    words = limbs(column)
    numbers: list[int] = words[:, 3].tolist()
    for place in (2, 1, 0):
        large = np.flatnonzero(words[:, place])
        for at, word in zip(large.tolist(), words[large, place].tolist(), strict=True):
            numbers[at] |= word << 64 * (3 - place)
    return numbers


def limbs(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The `amount` column as an (n, 4) uint64 array, most significant limb first, without copying rows in Python."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # combine_chunks of an empty chunked array
        array = array.chunk(0) if array.num_chunks else pa.array([], type=AMOUNT)
    if array.null_count:
        raise ValueError("an amount column has no nulls")
    data = array.buffers()[1]
    words = np.frombuffer(data, dtype=">u8")[array.offset * 4 : (array.offset + len(array)) * 4]
    return words.reshape(-1, 4).astype(np.uint64)


def from_rows(rows: Sequence[dict[str, object]]) -> pa.Table:
    """A movement table from dicts; missing columns get their neutral value. For small inputs and tests.

    `amount` is an integer. Example: ``from_rows([{"chain": "eip155:1", "from_address": "0xa", ...}])``
    """
    neutral: dict[str, object] = {
        "tx_hash": "",
        "from_address": "",
        "to_address": "",
        "asset": "native",
        "symbol": "",
        "kind": "unknown",
        "excluded": "",
        "grade": "fact",
    }
    columns: dict[str, pa.Array] = {}
    for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True):
        if name == "amount":
            columns[name] = amounts_to_column([int(str(row["amount"])) for row in rows])
        elif name == "row":
            columns[name] = pa.array([row.get("row", i + 1) for i, row in enumerate(rows)], type=kind)
        else:
            plain = pa.string() if pa.types.is_dictionary(kind) else kind
            values = pa.array([row.get(name, neutral.get(name)) for row in rows], type=plain)
            columns[name] = values.dictionary_encode().cast(kind) if plain is not kind else values
    return pa.table(columns, schema=SCHEMA)
