"""Small transfers tables for the tests of graph and paths."""

from __future__ import annotations

from typing import Any

import pandas as pd

CHAIN = "eip155:1"
COLUMNS = [
    "chain",
    "block",
    "tx_index",
    "position",
    "timestamp_utc",
    "tx_hash",
    "from_address",
    "to_address",
    "asset",
    "symbol",
    "decimals",
    "amount_raw",
    "kind",
    "excluded",
    "taint_raw",
    "converts",
    "source_name",
    "source_row",
]


def transfer(
    number: int, payer: str, payee: str, amount: int, taint: int | None = None, **more: Any
) -> dict[str, Any]:
    """Row `number`: its own transaction, one second later than the row before."""
    row = {
        "chain": CHAIN,
        "block": 100 + number,
        "tx_index": 0,
        "position": 1,
        "timestamp_utc": pd.Timestamp(1_740_000_000 + number, unit="s").strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tx_hash": f"0x{number:064x}",
        "from_address": payer,
        "to_address": payee,
        "asset": "native",
        "symbol": "ETH",
        "decimals": 18,
        "amount_raw": amount,
        "kind": "native",
        "excluded": "",
        "taint_raw": amount if taint is None else taint,
        "converts": False,
        "source_name": "file.csv",
        "source_row": number + 1,
    }
    return row | more


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).astype({"amount_raw": object, "taint_raw": object})


def chain_of(*payments: tuple[Any, ...]) -> pd.DataFrame:
    """A table from (payer, payee, amount[, taint]) tuples, in ledger order."""
    return table([transfer(i, *p) for i, p in enumerate(payments)])


def node(address: str) -> str:
    return f"{CHAIN}:{address}"
