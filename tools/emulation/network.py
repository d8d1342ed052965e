"""Several nodes with one chain: each has its own wallet settings, all are told every transaction and every block.

No connection between them: what one node makes is handed to the others at once, so nobody waits for relay. Litecoin
Core 0.21 is Bitcoin Core's wallet code; its fee settings are put to those of Bitcoin Core.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.servers.litecoin_node import Call, Node
from tracer.clusters.coinjoin import CoinJoin

__all__ = ["SETTINGS", "Network", "running_network", "sat_of", "text"]

SETTINGS: dict[str, tuple[str, ...]] = {
    "legacy": ("-addresstype=legacy", "-walletrbf=0"),
    "nested": ("-addresstype=p2sh-segwit", "-walletrbf=1"),
    "native": ("-addresstype=bech32", "-walletrbf=1"),
    "careful": ("-addresstype=bech32", "-walletrbf=0", "-avoidpartialspends=1"),
    "upgraded": ("-addresstype=p2sh-segwit", "-changetype=bech32", "-walletrbf=0"),
}
"""Kind of node -> how its wallets receive, where their change goes, whether they signal replacement."""

_OPTIONS = (
    *("-keypool=20", "-maxtxfee=1", "-fallbackfee=0.0001", "-mintxfee=0.00001", "-minrelaytxfee=0.00001"),
    *("-dustrelayfee=0.00003", "-discardfee=0.0001", "-mempoolreplacement=1"),
)
_FIRST_BLOCKS = 170
"""Of which 70 are ripe."""


class Network:
    """The nodes by kind, and what is known of each transaction that was made.

    acts: txid -> what was done, a word of the plan; kinds: txid -> kind of CoinJoin.
    """

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes
        self.first = next(iter(nodes.values()))
        self.acts: dict[str, str] = {}
        self.kinds: dict[str, CoinJoin] = {}
        self.height = 0

    def begin(self, address: str) -> None:
        """The first blocks; their reward goes to `address`, some of it ripe."""
        found: Any = self.first.call("generatetoaddress", _FIRST_BLOCKS, address)
        blocks = self.first.calls([("getblock", [name, 0]) for name in found])
        for node in [*self.nodes.values()][1:]:
            node.calls([("submitblock", [block]) for block in blocks])
        self.height = _FIRST_BLOCKS
        self.mine(address)

    def publish(self, raw: str, act: str, kind: CoinJoin = CoinJoin.NONE, made_by: Node | None = None) -> str:
        """Hand a signed transaction to all nodes but its maker; returns its txid."""
        calls: list[Call] = [("sendrawtransaction", [raw, 0])]
        told = [node.calls(calls)[0] for node in self.nodes.values() if node is not made_by]
        txid = str(told[0])
        self.acts[txid], self.kinds[txid] = act, kind
        return txid

    def mine(self, address: str, seconds: int = 600) -> None:
        """One block of what waits. Raises AssertionError if the nodes do not agree on it."""
        first, *others = self.nodes.values()
        first.time += seconds
        clock: Call = ("setmocktime", [first.time])
        made: Any = first.calls([clock, ("generatetoaddress", [1, address])])[1]
        block = first.call("getblock", made[0], 0)
        for node in others:
            _, refused, best = node.calls([clock, ("submitblock", [block]), ("getbestblockhash", [])])
            assert (refused, best) == (None, made[0])
        self.height += 1

    def block(self, height: int) -> Any:
        """A block with its transactions, as the first node tells it."""
        return self.first.call("getblock", self.first.call("getblockhash", height), 2)


def sat_of(amount: Decimal) -> int:
    """An amount as the node's RPC tells it, in sat; no float is between."""
    return int(amount.scaleb(8))


def text(sat: int) -> str:
    """An amount as the node's RPC reads it."""
    return f"{sat // 10**8}.{sat % 10**8:08d}"


@contextmanager
def running_network(program: Path) -> Iterator[Network]:
    """One node of each kind with an empty chain; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wallets"))
    nodes: dict[str, Node] = {}
    try:
        for kind, settings in SETTINGS.items():
            nodes[kind] = Node(program, folder / kind, (*_OPTIONS, *settings), decimals=Decimal)
            nodes[kind].start()
        yield Network(nodes)
    finally:
        for node in nodes.values():
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)
