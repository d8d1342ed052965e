"""A stand-in for Esplora's HTTP API that serves the blocks of a real node, with the habits that its users report.

It is our own code and no real Esplora, which cannot be installed here. Forms and paths: github.com/Blockstream/esplora,
API.md. Habits: 25 transactions a page, newest block first and inside a block in an order of no use (a spender stands
before its parent); plain text for hashes and errors; 429 without Retry-After; `Too many history entries` for hubs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from tests.servers.litecoin import Litecoin
from tests.servers.standin import Asked, Reply, StandIn, stand_in
from tracer.chains.bitcoin_bytes import double_sha256
from tracer.chains.bitcoin_scripts import read_script

__all__ = ["PAGE", "esplora", "indexed"]

PAGE = 25
_COIN = 100_000_000
_TYPES = {
    "pubkey": "p2pk",
    "pubkeyhash": "p2pkh",
    "scripthash": "p2sh",
    "witness_v0_keyhash": "v0_p2wpkh",
    "witness_v0_scripthash": "v0_p2wsh",
    "witness_v1_taproot": "v1_p2tr",
    "multisig": "multisig",
    "nulldata": "op_return",
}


class Index:
    """All confirmed transactions of a node's chain in Esplora's form, by id and by address."""

    def __init__(self, node: Litecoin) -> None:
        self.blocks: list[dict[str, Any]] = []
        self.transactions: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[str]] = {}
        height = int(str(node.call("getblockcount")))
        hashes = node.calls([("getblockhash", [n]) for n in range(height + 1)])
        for block_hash in hashes:
            body = json.dumps({"id": 0, "method": "getblock", "params": [block_hash, 2]}).encode()
            self._add(json.loads(node.post(body), parse_float=Decimal)["result"])

    def _add(self, block: dict[str, Any]) -> None:
        self.blocks.append(block)
        for one in block["tx"]:
            self.transactions[one["txid"]] = self._transaction(one, block)
        for one in block["tx"]:
            told = self.transactions[one["txid"]]
            ends = [spent["prevout"] for spent in told["vin"] if spent["prevout"]] + told["vout"]
            for owner in {name for end in ends for name in _names(end)}:
                self.history.setdefault(owner, []).append(one["txid"])

    def _transaction(self, one: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
        return {
            "txid": one["txid"],
            "version": one["version"],
            "locktime": one["locktime"],
            "vin": [self._input(spent) for spent in one["vin"]],
            "vout": [_output(made) for made in one["vout"]],
            "size": one["size"],
            "weight": one["weight"],
            "fee": 0,
            "status": {
                "confirmed": True,
                "block_height": block["height"],
                "block_hash": block["hash"],
                "block_time": block["time"],
            },
        }

    def _input(self, spent: dict[str, Any]) -> dict[str, Any]:
        if "coinbase" in spent:
            return {
                "txid": "00" * 32,
                "vout": 0xFFFFFFFF,
                "prevout": None,
                "scriptsig": spent["coinbase"],
                "is_coinbase": True,
                "sequence": spent["sequence"],
            }
        return {
            "txid": spent["txid"],
            "vout": spent["vout"],
            "prevout": self.transactions[spent["txid"]]["vout"][spent["vout"]]
            if spent["txid"] in self.transactions
            else None,
            "scriptsig": spent["scriptSig"]["hex"],
            "witness": spent.get("txinwitness", []),
            "is_coinbase": False,
            "sequence": spent["sequence"],
        }

    def answer(self, path: str) -> Reply:
        """What the API says at a path."""
        match path.strip("/").split("/"):
            case ["blocks", "tip", "height"]:
                return Reply(str(len(self.blocks) - 1).encode())
            case ["block-height", height] if int(height) < len(self.blocks):
                return Reply(
                    self.blocks[int(height)]["hash"].encode(), headers={"content-type": "text/plain"}
                )
            case ["block", block_hash]:
                return next(
                    (Reply(_block(b)) for b in self.blocks if b["hash"] == block_hash), _nothing("Block")
                )
            case ["tx", txid] if txid in self.transactions:
                return Reply(self.transactions[txid])
            case ["tx", txid, "merkle-proof"] if txid in self.transactions:
                return Reply(self._proof(txid))
            case ["tx", *_]:
                return _nothing("Transaction")
            case ["address" | "scripthash", owner]:
                return Reply(self._totals(owner))
            case ["address" | "scripthash", owner, "txs", "chain", *last]:
                return Reply(self._page(owner, last[0] if last else ""))
        return _nothing("Block")

    def _page(self, owner: str, last: str) -> list[dict[str, Any]]:
        listed = self.history.get(owner, [])[::-1]  # newest first, also inside a block
        start = listed.index(last) + 1 if last else 0
        return [self.transactions[txid] for txid in listed[start : start + PAGE]]

    def _totals(self, owner: str) -> dict[str, Any]:
        received = spent = 0
        for txid in self.history.get(owner, []):
            told = self.transactions[txid]
            received += sum(o["value"] for o in told["vout"] if owner in _names(o))
            before = [i["prevout"] for i in told["vin"] if i["prevout"]]
            spent += sum(o["value"] for o in before if owner in _names(o))
        totals = {"funded_txo_sum": received, "spent_txo_sum": spent}
        return {
            "address": owner,
            "chain_stats": {**totals, "tx_count": len(self.history.get(owner, []))},
            "mempool_stats": {"funded_txo_sum": 0, "spent_txo_sum": 0, "tx_count": 0},
        }

    def _proof(self, txid: str) -> dict[str, Any]:
        block = self.blocks[self.transactions[txid]["status"]["block_height"]]
        row = [bytes.fromhex(one["txid"])[::-1] for one in block["tx"]]
        place = at = row.index(bytes.fromhex(txid)[::-1])
        branch = []
        while len(row) > 1:
            row += row[-1:] * (len(row) % 2)
            branch.append(row[at ^ 1][::-1].hex())
            row = [double_sha256(a + b) for a, b in zip(row[::2], row[1::2], strict=True)]
            at >>= 1
        return {"block_height": block["height"], "merkle": branch, "pos": place}


def _names(end: dict[str, Any]) -> set[str]:
    """What an output can be asked by: its address, and the sha256 of its script."""
    script = bytes.fromhex(end["scriptpubkey"])
    return {
        hashlib.sha256(script).hexdigest(),
        *([end["scriptpubkey_address"]] if read_script(script).address else []),
    }


def _output(made: dict[str, Any]) -> dict[str, Any]:
    script = made["scriptPubKey"]["hex"]
    address = read_script(bytes.fromhex(script)).address
    return {
        "scriptpubkey": script,
        "scriptpubkey_asm": "",
        "scriptpubkey_type": _TYPES.get(made["scriptPubKey"]["type"], "unknown"),
        **({"scriptpubkey_address": address} if address else {}),
        "value": int(made["value"] * _COIN),
    }


def _block(block: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": block["hash"],
        "height": block["height"],
        "version": block["version"],
        "timestamp": block["time"],
        "tx_count": block["nTx"],
        "size": block["size"],
        "weight": block["weight"],
        "merkle_root": block["merkleroot"],
        "previousblockhash": block.get("previousblockhash"),
        "nonce": block["nonce"],
        "bits": int(block["bits"], 16),
        "difficulty": 1,
    }


def _nothing(what: str) -> Reply:
    return Reply(f"{what} not found".encode(), 404, {"content-type": "text/plain"})


def indexed(node: Litecoin) -> Index:
    """The index of a node's chain as it is now."""
    return Index(node)


@contextmanager
def esplora(index: Index, change: Callable[[Asked, Reply], Reply] | None = None) -> Iterator[StandIn]:
    """Run the stand-in over an index. change: may replace an answer."""

    def answer(asked: Asked) -> Reply:
        reply = index.answer(asked.path)
        return change(asked, reply) if change else reply

    with stand_in(answer) as server:
        yield server
