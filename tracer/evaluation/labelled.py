"""Ground truth as UTXO JSONL: the form of docs/import.md, with the truth beside the facts.

An output may have an `owner` (any text: the wallet it belongs to), a transaction a `kind` (of CoinJoin, or none). What
has neither is a fact without truth and counts nowhere.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tracer.chains.utxo_jsonl import read_transactions
from tracer.clusters.coinjoin import CoinJoin
from tracer.errors import FileError, shown
from tracer.utxo import UtxoTransaction

__all__ = ["GroundTruth", "read_labelled"]


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Transactions; owner of coin (`Input.owner`) -> wallet; txid -> kind."""

    transactions: tuple[UtxoTransaction, ...]
    owners: dict[str, str]
    kinds: dict[str, CoinJoin]


def read_labelled(path: Path) -> GroundTruth:
    """The truth of one file, of any Bitcoin-like chain (test networks too). Raises FileError that names the row."""
    transactions = tuple(read_transactions(path, alone=True))
    facts = {t.txid: t for t in transactions}
    if len(facts) < len(transactions):
        twice = next(txid for txid, count in Counter(t.txid for t in transactions).items() if count > 1)
        raise FileError(
            f"{shown(path.name)} holds transaction {twice} twice.", "Each counts once: remove one."
        )
    owners: dict[str, str] = {}
    kinds: dict[str, CoinJoin] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            row = json.loads(line)  # a JSON object with these fields: the reader has just checked it
            transaction = facts[row["txid"].lower()]
            for said in row["outputs"]:
                if said.get("owner"):
                    owners[transaction.owner(transaction.outputs[int(said["vout"])])] = str(said["owner"])
            if row.get("kind"):
                kinds[transaction.txid] = _kind(row["kind"], f"{shown(path.name)}, row {number}")
    return GroundTruth(transactions, owners, kinds)


def _kind(word: object, where: str) -> CoinJoin:
    try:
        return CoinJoin(str(word))
    except ValueError:
        raise FileError(
            f"{where}: {shown(word)} is no kind of CoinJoin.", f"Kinds: {', '.join(CoinJoin)}."
        ) from None
