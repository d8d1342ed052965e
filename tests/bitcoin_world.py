"""A theft on a real node, every transaction of which is known: split, peeled, mixed with clean coin, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bitcoin_coins import COIN, Chain, Coin, owner
from tests.servers.litecoin import Litecoin, running
from tracer.addresses import BITCOIN
from tracer.chains.bitcoin_bytes import RawOutput
from tracer.chains.bitcoin_scripts import script_of
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["PAID", "World", "bitcoin_theft", "make_world", "told"]

VICTIM, THIEF, CLEAN, EXCHANGE = (owner(n) for n in (1, 2, 3, 4))
SPLITS = tuple(owner(10 + n) for n in range(3))
PEELS = tuple(owner(20 + n) for n in range(5))
PAID = {
    "p2pkh": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "p2sh": "35hK24tcLEWcgNA4JxpvbkNkoAcDGqQPsP",
    "p2wpkh": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "p2tr": "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    "future": "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
}
"""Real addresses of every form (BIP-173, BIP-350 and well-known ones), paid here."""
_KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
MEMO = b"=:ETH.ETH:0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"


@dataclass
class World:
    """txid: by title; all of these are final. tip: height of the newest block. last: the newest final one."""

    chain: Chain
    txid: dict[str, str] = field(default_factory=dict)
    tip: int = 0

    @property
    def server(self) -> Litecoin:
        return self.chain.server

    @property
    def last(self) -> int:
        return self.tip - 6

    def title(self, name: str, coins: list[Coin]) -> list[Coin]:
        self.txid[name] = coins[0].at.txid
        return coins


def make_world(server: Litecoin) -> World:
    """See the module. Blocks: theft; split; peel chain inside one block; put together; odd scripts."""
    chain = Chain(server)
    world = World(chain)
    funds = chain.endow(VICTIM, 2)
    clean = chain.endow(CLEAN)
    world.txid["coinbase"] = funds[0].at.txid
    (stolen, rest) = world.title("theft", chain.pay(funds, [(THIEF, 60 * COIN), (VICTIM, 40 * COIN - 5000)]))
    chain.mine()
    splits = world.title(
        "split", chain.pay([stolen], [(SPLITS[0], 30 * COIN), (SPLITS[1], 20 * COIN), (SPLITS[2], 9 * COIN)])
    )
    (kept,) = world.title("clean", chain.pay(clean, [(SPLITS[1], 50 * COIN - 1)]))
    chain.mine()
    peeled, here = [], splits[0]
    for n, peel in enumerate(PEELS):  # each spends what the one before made in the same block
        left = here.amount - COIN - 700
        out, here = world.title(f"peel {n}", chain.pay([here], [(EXCHANGE, COIN), (peel, left)]))
        peeled.append(out)
    chain.mine()
    world.title("together", chain.pay([here, splits[1], kept, splits[2]], [(EXCHANGE, 100 * COIN)]))
    twice = chain.pay([rest], [(VICTIM, COIN), (VICTIM, COIN), (VICTIM, 37 * COIN)])
    world.title("to itself", twice)
    chain.mine()
    odd = [
        *(RawOutput(1000 + n, script_of(address)) for n, address in enumerate(PAID.values())),
        RawOutput(2000, bytes([33]) + _KEY + b"\xac"),
        RawOutput(3000, b"\x51" + (bytes([33]) + _KEY) * 2 + b"\x52\xae"),
        RawOutput(4000, b"\x61"),
        RawOutput(0, b"\x6a" + bytes([len(MEMO)]) + MEMO),
    ]
    world.title("odd", chain.pay([twice[0]], [(VICTIM, COIN // 2)], extra=odd))
    chain.mine()
    world.tip = chain.bury(7)
    return world


@pytest.fixture(scope="session")
def bitcoin_theft(litecoin_binaries: tuple[Path, Path]) -> Iterator[World]:
    """The theft on a running node, for all tests that only read it."""
    with running(litecoin_binaries) as server:
        yield make_world(server)


_KINDS = {
    "pubkey": Script.P2PK,
    "pubkeyhash": Script.P2PKH,
    "scripthash": Script.P2SH,
    "witness_v0_keyhash": Script.P2WPKH,
    "witness_v0_scripthash": Script.P2WSH,
    "witness_v1_taproot": Script.P2TR,
    "multisig": Script.MULTISIG,
    "nulldata": Script.OP_RETURN,
}


def told(server: Litecoin, txids: Iterable[str]) -> list[UtxoTransaction]:
    """What the node itself decodes of mined transactions, as facts: made of its JSON, by none of the tracer's readers.

    Addresses are left to the reader that is tested: the node prints those of another network.
    """
    found = []
    for txid in txids:
        one = _decoded(server, txid)
        block = server.call("getblock", one["blockhash"])
        assert isinstance(block, dict)
        inputs = []
        for spent in one["vin"]:
            if "coinbase" not in spent:
                made = _decoded(server, spent["txid"])["vout"][spent["vout"]]
                where = Outpoint(spent["txid"], spent["vout"])
                inputs.append(
                    Input(where, "", _kind(made), _sat(made), made["scriptPubKey"]["hex"], spent["sequence"])
                )
        outputs = [
            Output(made["n"], "", _kind(made), _sat(made), made["scriptPubKey"]["hex"], _memo(made))
            for made in one["vout"]
        ]
        found.append(
            UtxoTransaction(
                BITCOIN,
                txid,
                block["height"],
                block["tx"].index(txid),
                block["time"],
                tuple(inputs),
                tuple(outputs),
                one["version"],
                one["locktime"],
            )
        )
    return found


def _decoded(server: Litecoin, txid: str) -> dict:
    body = json.dumps({"id": 0, "method": "getrawtransaction", "params": [txid, True]}).encode()
    answer = json.loads(server.post(body), parse_float=Decimal)
    assert answer["error"] is None, answer
    return dict(answer["result"])


def _sat(made: dict) -> int:
    return int(Decimal(made["value"]) * COIN)


def _kind(made: dict) -> Script:
    return _KINDS.get(made["scriptPubKey"]["type"], Script.UNKNOWN)


def _memo(made: dict) -> str:
    words = made["scriptPubKey"]["asm"].split()
    return words[1] if words and words[0] == "OP_RETURN" and len(words) > 1 else ""
