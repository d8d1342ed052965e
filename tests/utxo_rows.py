"""Bitcoin-like transactions for tests: short to write, and as rows of UTXO JSONL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tracer.addresses import BITCOIN
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

_OPCODES = {
    Script.P2WPKH: "0014{:.40}",
    Script.P2TR: "5120{:.64}",
    Script.P2PKH: "76a914{:.40}88ac",
    Script.P2SH: "a914{:.40}87",
    Script.P2WSH: "0020{:.64}",
}


def txid(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def script(owner: str, kind: Script = Script.P2WPKH) -> str:
    """A script of that kind which only this owner has."""
    return _OPCODES[kind].format(hashlib.sha256(owner.encode()).hexdigest())


def coin(owner: str, amount: int, *, source: str = "", kind: Script = Script.P2WPKH, vout: int = 0) -> Input:
    """An input of `amount` sat that `owner` (a name) spends."""
    return Input(Outpoint(txid(source or f"{owner}/{amount}"), vout), "", kind, amount, script(owner, kind))


def pay(owner: str, amount: int, *, kind: Script = Script.P2WPKH) -> Output:
    """An output of `amount` sat to `owner` (a name); the transaction numbers it."""
    return Output(0, "", kind, amount, script(owner, kind))


def note(data: str) -> Output:
    """An OP_RETURN output with this hex data."""
    return Output(0, "", Script.OP_RETURN, 0, "", data)


def transaction(
    inputs: Sequence[Input],
    outputs: Iterable[Output],
    *,
    name: str = "tx",
    block: int | None = None,
    time: int | None = None,
    version: int | None = None,
    locktime: int | None = None,
) -> UtxoTransaction:
    numbered = tuple(
        Output(i, o.address, o.script_type, o.amount, o.script, o.op_return) for i, o in enumerate(outputs)
    )
    return UtxoTransaction(
        BITCOIN, txid(name), block, 0 if block else None, time, tuple(inputs), numbered, version, locktime
    )


def row(tx: UtxoTransaction) -> dict[str, object]:
    """The transaction in the form of docs/import.md."""
    return {
        "chain": tx.chain,
        "txid": tx.txid,
        "block": tx.block,
        "tx_index": tx.tx_index,
        "timestamp": tx.timestamp,
        "version": tx.version,
        "locktime": tx.locktime,
        "inputs": [
            {
                "txid": i.outpoint.txid,
                "vout": i.outpoint.vout,
                "address": i.address or None,
                "script_type": str(i.script_type),
                "amount_raw": str(i.amount),
                "script": i.script,
                "sequence": i.sequence,
            }
            for i in tx.inputs
        ],
        "outputs": [
            {
                "vout": o.vout,
                "address": o.address or None,
                "script_type": str(o.script_type),
                "amount_raw": o.amount,
                "script": o.script,
                "op_return": o.op_return or None,
            }
            for o in tx.outputs
        ],
    }


def write_rows(path: Path, transactions: Iterable[UtxoTransaction | dict[str, object]]) -> Path:
    rows = (t if isinstance(t, dict) else row(t) for t in transactions)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path
