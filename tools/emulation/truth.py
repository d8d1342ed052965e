"""The chain as ground truth: every transaction with the wallet that each output belongs to, and what it was made as.

The owner of an output is the one wallet that says of its address that it is its own (`getaddressinfo`, ismine). Form:
UTXO JSONL (docs/import.md) with `owner` and `kind` (docs/accuracy.md), and `act`, the plan's word for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.servers.litecoin import GENESIS
from tools.emulation.network import Network, sat_of
from tools.emulation.wallet import Wallet

__all__ = ["ground_truth"]

CHAIN = f"bip122:{GENESIS[:32]}"
_AT_ONCE = 2_000


def ground_truth(network: Network, wallets: Sequence[Wallet]) -> Iterator[str]:
    """The lines of the file, in the order of the chain; new coin that nobody spent is left out."""
    blocks = [network.block(height) for height in range(1, network.height + 1)]
    outputs = {t["txid"]: t["vout"] for block in blocks for t in block["tx"]}
    spent = {i["txid"] for block in blocks for t in block["tx"] for i in t["vin"] if "txid" in i}
    addresses = sorted({a for vout in outputs.values() for o in vout if (a := _address(o))})
    owners = _owners(addresses, wallets)
    for block in blocks:
        for index, found in enumerate(block["tx"]):
            if not index and found["txid"] not in spent:
                continue
            yield json.dumps(_row(network, block, index, found, outputs, owners), separators=(",", ":"))


def _owners(addresses: Sequence[str], wallets: Sequence[Wallet]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for wallet in wallets:
        for first in range(0, len(addresses), _AT_ONCE):
            some = addresses[first : first + _AT_ONCE]
            told: list[Any] = wallet.node.calls([("getaddressinfo", [a]) for a in some], wallet.path)
            for address, said in zip(some, told, strict=True):
                if said["ismine"]:
                    assert address not in owners, f"{address} belongs to two wallets"
                    owners[address] = wallet.name
    return owners


def _row(
    network: Network,
    block: Any,
    index: int,
    found: Any,
    outputs: dict[str, Any],
    owners: dict[str, str],
) -> dict[str, object]:
    row: dict[str, object] = {
        "chain": CHAIN,
        "txid": found["txid"],
        "block": block["height"],
        "tx_index": index,
        "timestamp": block["time"],
        "version": found["version"],
        "locktime": found["locktime"],
        "inputs": [_input(i, outputs) for i in found["vin"] if "coinbase" not in i],
        "outputs": [_output(o, owners) for o in found["vout"]],
    }
    if index:
        row["kind"] = str(network.kinds[found["txid"]])
        row["act"] = network.acts[found["txid"]]
    return row


def _input(found: Any, outputs: dict[str, Any]) -> dict[str, object]:
    spent = outputs[found["txid"]][found["vout"]]
    script = spent["scriptPubKey"]
    return {
        "txid": found["txid"],
        "vout": found["vout"],
        "address": None,
        "script_type": script["type"],
        "amount_raw": sat_of(spent["value"]),
        "script": script["hex"],
        "sequence": found["sequence"],
    }


def _output(found: Any, owners: dict[str, str]) -> dict[str, object]:
    """Addresses of this chain are no addresses of Bitcoin's: the script stands for them."""
    script = found["scriptPubKey"]
    output: dict[str, object] = {
        "vout": found["n"],
        "address": None,
        "script_type": script["type"],
        "amount_raw": sat_of(found["value"]),
        "script": script["hex"],
        "op_return": None,
    }
    if owner := owners.get(_address(found)):
        output["owner"] = owner
    return output


def _address(output: Any) -> str:
    """The one address of an output, "" if it has none."""
    (address,) = output["scriptPubKey"].get("addresses", [""])
    return str(address)
