"""What a block explorer's index holds, read from a real anvil over JSON-RPC: the source of the explorer stand-ins.

The stand-ins are our own code and no real explorer; the chain behind them is real, so that what they show can be held
against what the node itself says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.evm_programs import selector, topic
from tests.servers.anvil import Anvil

__all__ = ["Explored", "Inside", "Mined", "Passed", "explore"]

TRANSFER = topic("Transfer(address,address,uint256)")
Raw = dict[str, Any]


@dataclass(frozen=True)
class Inside:
    """An inner call. own: its error; error: its own, or that of a call above it. path: its place in the trace."""

    path: tuple[int, ...]
    kind: str
    sender: str
    to: str
    value: int
    error: str
    own: str


@dataclass(frozen=True)
class Passed:
    """A Transfer event. unique: of a single token, `amount` being its number."""

    log: int
    contract: str
    sender: str
    to: str
    amount: int
    unique: bool


@dataclass(frozen=True)
class Mined:
    """A mined transaction as the node gives it, with what was read out of it."""

    raw: Raw
    receipt: Raw
    time: int
    trace: list[Raw]
    inside: list[Inside]
    passed: list[Passed]

    @property
    def hash(self) -> str:
        return str(self.raw["hash"])

    @property
    def block(self) -> int:
        return int(self.raw["blockNumber"], 16)

    @property
    def index(self) -> int:
        return int(self.raw["transactionIndex"], 16)

    @property
    def failed(self) -> bool:
        return bool(self.receipt["status"] == "0x0")

    def touches(self, address: str) -> bool:
        """Whether a list of transactions of `address` shows it."""
        return address in {self.raw["from"], self.raw["to"], self.receipt.get("contractAddress")}


@dataclass
class Explored:
    """Everything mined until now. headers: blocks without their transactions' contents, by number."""

    node: Anvil
    headers: dict[int, Raw] = field(default_factory=dict)
    mined: list[Mined] = field(default_factory=list)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    def named(self, asset: str) -> tuple[str, str]:
        """Symbol and decimals of a token, as its contract says them; "" where it does not."""
        if asset not in self.names:
            symbol, decimals = (
                bytes.fromhex(
                    str(self.node.call("eth_call", {"to": asset, "data": selector(sign)}, "latest"))[2:]
                )
                for sign in ("symbol()", "decimals()")
            )
            text = symbol[64 : 64 + int.from_bytes(symbol[32:64], "big")].decode()
            self.names[asset] = (text, str(int.from_bytes(decimals, "big")) if decimals else "")
        return self.names[asset]

    def by_hash(self, tx_hash: str) -> Mined | None:
        """The transaction, if there is one."""
        return next((one for one in self.mined if one.hash == tx_hash.lower()), None)


def explore(node: Anvil) -> Explored:
    """Read the whole chain of a node."""
    found = Explored(node)
    latest = int(str(node.call("eth_blockNumber")), 16)
    for number in range(latest + 1):
        block: Any = node.call("eth_getBlockByNumber", hex(number), True)
        found.headers[number] = block | {"transactions": [tx["hash"] for tx in block["transactions"]]}
        time = int(block["timestamp"], 16)
        for raw in block["transactions"]:
            receipt: Any = node.call("eth_getTransactionReceipt", raw["hash"])
            trace: Any = node.call("trace_transaction", raw["hash"])
            found.mined.append(Mined(raw, receipt, time, trace, _inside(trace), _passed(receipt)))
    return found


def _inside(trace: list[Raw]) -> list[Inside]:
    errors: dict[tuple[int, ...], str] = {}
    calls = []
    running: dict[tuple[int, ...], str] = {}
    for frame in trace:
        path, action = tuple(frame["traceAddress"]), frame["action"]
        above = errors.get(path[:-1], "") if path else ""
        errors[path] = above or frame.get("error") or ""
        kind = frame["type"]
        if kind == "suicide":
            sender, to, value = running[path[:-1]], action["refundAddress"], action["balance"]
            if to == sender:
                value = "0x0"
            kind = "selfdestruct"
        elif kind == "create":
            sender, value = action["from"], action["value"]
            to = (frame.get("result") or {}).get("address", "")
        else:
            kind = action["callType"]
            sender, to, value = action["from"], action["to"], action["value"]
        running[path] = sender if kind in {"delegatecall", "callcode"} else to
        if path:
            calls.append(
                Inside(path, kind, sender, to, int(value, 16), errors[path], frame.get("error") or "")
            )
    return calls


def _passed(receipt: Raw) -> list[Passed]:
    moved = []
    for log in receipt["logs"]:
        topics = log["topics"]
        if topics and topics[0] == TRANSFER and len(topics) >= 3:
            ends = ["0x" + word[26:] for word in topics[1:3]]
            unique = len(topics) == 4
            amount = int(topics[3] if unique else log["data"], 16)
            moved.append(Passed(int(log["logIndex"], 16), log["address"], ends[0], ends[1], amount, unique))
    return moved
