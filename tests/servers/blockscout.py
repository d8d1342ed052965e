"""A stand-in for Blockscout's REST API v2 in front of a real anvil, with the misbehaviours the real one is known for.

It is our own code and no real provider. Shapes: the OpenAPI description of version 11.2 and the notes on version 12
(docs.blockscout.com). It answers a path and query parameters; tests reach it through an `Ask` or over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.evm_programs import topic
from tests.servers.explored import Explored, Inside, Mined, Passed
from tracer.chains.adapter import Request, Verdict
from tracer.chains.blockscout import judge

__all__ = ["BlockscoutStandIn"]

Raw = dict[str, Any]
ZERO = "0x" + "0" * 40
WETH_AT = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"


@dataclass
class BlockscoutStandIn:
    """Answers from the index of a node. All switches are off: then it behaves.

    version: 11 echoes items_count, 12 does not. page: items of one page. traces: raw-trace is to be had. whole: the
    index is whole. twice: lists give every page twice; stuck: their cursor does not advance. change: may replace an
    item of a list, given its name. spoil: may replace a whole answer, given path and parameters.
    """

    chain: Explored
    version: int = 11
    page: int = 50
    traces: bool = True
    finished: tuple[bool, bool] = (True, True)
    twice: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    change: Callable[[str, Raw], Raw | None] = lambda _, row: row
    spoil: Callable[[str, dict[str, str], bytes], bytes] = lambda _path, _params, body: body
    asked: list[Request] = field(default_factory=list)
    withdrawals: list[Raw] = field(default_factory=list)
    unknown: str = "empty"

    async def __call__(self, request: Request) -> bytes:
        """As an `Ask`."""
        self.asked.append(request)
        assert not request.body
        body = self.answer(request.path, dict(request.params))
        assert judge(body) == (Verdict.ANSWER, ""), body[:300]  # the transport would pass it on
        return body

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [request.path for request in self.asked]

    def answer(self, path: str, params: dict[str, str]) -> bytes:
        """The body for a path and parameters."""
        parts = path.removeprefix("/api/v2/").split("/")
        return self.spoil(path, params, json.dumps(self._answer(parts, params)).encode())

    def _answer(self, parts: list[str], params: dict[str, str]) -> object:
        allowed = {"block_number", "index", "transaction_index", "items_count", "topic", "log_index", "hash"}
        foreign = set(params) - allowed
        if foreign:  # as the schema of version 12 has it
            return {
                "errors": [
                    {
                        "title": "Invalid value",
                        "source": {"pointer": "/"},
                        "detail": f"Unexpected field: {foreign}",
                    }
                ]
            }
        match parts:
            case ["main-page", "indexing-status"]:
                blocks, all_ = self.finished
                return {
                    "finished_indexing": all_,
                    "finished_indexing_blocks": blocks,
                    "indexed_blocks_ratio": "1.00",
                    "indexed_internal_transactions_ratio": None,
                }
            case ["main-page", "blocks"]:
                return [self._header(n) for n in sorted(self.chain.headers)[:-5:-1]]
            case ["blocks", number, *rest]:
                if int(number) not in self.chain.headers:
                    return {"message": "Not found"}
                if rest:
                    items = [w for w in self.withdrawals if w["block_number"] == int(number)]
                    return {"items": items, "next_page_params": None}
                return self._header(int(number))
            case ["tokens", asset]:
                if self.chain.node.call("eth_getCode", asset, "latest") == "0x":
                    return {"message": "Not found"}
                return self._token(asset)
            case ["smart-contracts", address]:
                code = self.chain.node.call("eth_getCode", address, "latest")
                if code == "0x":
                    return {"message": "Not found"}
                return {"deployed_bytecode": code, "creation_bytecode": None, "proxy_type": None}
            case ["transactions", tx_hash, *rest]:
                return self._transaction(tx_hash, rest)
            case ["addresses", address, name]:
                return self._list(address.lower(), name, params)
        return {"message": "Not found"}

    def _transaction(self, tx_hash: str, rest: list[str]) -> object:
        one = self.chain.by_hash(tx_hash)
        if one is None:
            return {"message": "Not found"}
        if not rest:
            return self._sent(one)
        if rest == ["raw-trace"]:
            return [_frame(frame) for frame in one.trace] if self.traces else []
        if rest == ["internal-transactions"]:
            rows = [self._inside(one, n, call) for n, call in enumerate(one.inside, start=1)]
        else:
            assert rest == ["logs"]
            rows = [self._log(log) for log in one.receipt["logs"]]
        return self._page(
            rest[0], [new for row in rows if (new := self.change(rest[0], row)) is not None], None
        )

    def _page(self, name: str, rows: list[Raw], following: Raw | None) -> Raw:
        page: Raw = {"items": rows, "next_page_params": following}
        if name in self.pending:
            page |= {"status": 2, "message": "Some internal transactions have not been processed yet"}
        return page

    def _list(self, address: str, name: str, params: dict[str, str]) -> object:
        if name == "counters":
            count = len(self._rows(address, "token-transfers"))
            return {
                "gas_usage_count": "0",
                "token_transfers_count": str(count),
                "transactions_count": "0",
                "validations_count": "0",
            }
        if name == "coin-balance-history":
            return self._balances(address, int(params["block_number"]))
        rows = self._rows(address, name)
        if "topic" in params:
            rows = [row for row in rows if row["topics"][0] == params["topic"]]
        if not rows and self.unknown == "not found":
            return {"message": "Not found"}
        keys = _KEYS[name]
        rows.sort(key=lambda row: tuple(row[k] for k, _ in keys), reverse=True)
        if name not in self.stuck and any(as_ in params for _, as_ in keys):
            after = tuple(int(params[as_]) for _, as_ in keys)
            rows = [row for row in rows if tuple(row[k] for k, _ in keys) < after]
            if name in self.twice:
                rows = [row for row in self._rows(address, name) if tuple(row[k] for k, _ in keys) <= after]
                rows.sort(key=lambda row: tuple(row[k] for k, _ in keys), reverse=True)
        size = min(int(params.get("items_count", self.page)), 100) if self.version >= 12 else self.page
        shown, more = rows[:size], len(rows) > size
        following = {as_: shown[-1][k] for k, as_ in keys} if more else None
        if following is not None and self.version < 12:
            following |= {"items_count": int(params.get("items_count", 0)) + size, "key": None}
        changed = [new for row in shown if (new := self.change(name, row)) is not None]
        return self._page(name, changed, following)

    def _rows(self, address: str, name: str) -> list[Raw]:
        mined = self.chain.mined
        if name == "transactions":
            return [self._sent(one) for one in mined if one.touches(address)]
        if name == "internal-transactions":
            return [
                self._inside(one, n, call)
                for one in mined
                for n, call in enumerate(one.inside, start=1)
                if address in {call.sender, call.to}
            ]
        if name == "token-transfers":
            return [
                self._passed(one, moved)
                for one in mined
                for moved in [*one.passed, *_wraps(one)]
                if address in {moved.sender, moved.to}
            ]
        if name == "withdrawals":
            return [row for row in self.withdrawals if row["receiver"]["hash"].lower() == address]
        assert name == "logs"
        return [self._log(log) for one in mined for log in one.receipt["logs"] if log["address"] == address]

    def _balances(self, address: str, below: int) -> Raw:
        """Blocks in which something moved coin of the address, as far as the node's balances tell."""
        node, items = self.chain.node, []
        for number in range(min(below - 1, max(self.chain.headers)), -1, -1):
            now = int(str(node.call("eth_getBalance", address, hex(number))), 16)
            past = int(str(node.call("eth_getBalance", address, hex(number - 1))), 16) if number else 0
            if now != past:
                time = _iso(int(self.chain.headers[number]["timestamp"], 16))
                items.append(
                    {
                        "block_number": number,
                        "block_timestamp": time,
                        "delta": str(now - past),
                        "value": str(now),
                    }
                )
                break
        return {"items": items, "next_page_params": None}

    def _header(self, number: int) -> Raw:
        raw = self.chain.headers[number]
        return {
            "height": number,
            "hash": raw["hash"],
            "timestamp": _iso(int(raw["timestamp"], 16)),
            "transactions_count": len(raw["transactions"]),
            "type": "block",
        }

    def _sent(self, one: Mined) -> Raw:
        gas, price = int(one.receipt["gasUsed"], 16), int(one.receipt["effectiveGasPrice"], 16)
        created = one.receipt.get("contractAddress")
        return {
            "hash": one.hash,
            "block_number": one.block,
            "position": one.index,
            "timestamp": _iso(one.time),
            "status": "error" if one.failed else "ok",
            "result": "Reverted" if one.failed else "success",
            "from": _party(one.raw["from"]),
            "to": _party(one.raw["to"]),
            "created_contract": _party(created),
            "value": str(int(one.raw["value"], 16)),
            "nonce": int(one.raw["nonce"], 16),
            "gas_used": str(gas),
            "gas_price": str(price),
            "fee": {"type": "actual", "value": str(gas * price)},
            "has_error_in_internal_transactions": any(call.own for call in one.inside),
            "type": 2,
            "token_transfers": None,
        }

    @staticmethod
    def _log(log: Raw) -> Raw:
        return {
            "address": _party(log["address"]),
            "block_hash": log["blockHash"],
            "block_number": int(log["blockNumber"], 16),
            "block_timestamp": None,
            "data": log["data"],
            "decoded": None,
            "index": int(log["logIndex"], 16),
            "smart_contract": None,
            "topics": (log["topics"] + [None] * 4)[:4],
            "transaction_hash": log["transactionHash"],
        }

    @staticmethod
    def _inside(one: Mined, number: int, call: Inside) -> Raw:
        created = call.kind == "create"
        return {
            "block_number": one.block,
            "created_contract": _party(call.to) if created and not call.error else None,
            "error": call.own or None,
            "from": _party(call.sender),
            "gas_limit": "100000",
            "index": number,
            "success": not call.own,
            "timestamp": _iso(one.time),
            "to": None if created else _party(call.to),
            "transaction_hash": one.hash,
            "transaction_index": one.index,
            "type": call.kind,
            "value": str(call.value),
        }

    def _passed(self, one: Mined, moved: Passed) -> Raw:
        total: Raw = {"token_id": str(moved.amount), "token_instance": None}
        if not moved.unique:
            total = {"value": str(moved.amount), "decimals": self.chain.named(moved.contract)[1] or None}
        return {
            "block_hash": one.raw["blockHash"],
            "block_number": one.block,
            "from": _party(moved.sender),
            "log_index": moved.log,
            "method": None,
            "timestamp": _iso(one.time),
            "to": _party(moved.to),
            "token": self._token(moved.contract, "ERC-721" if moved.unique else "ERC-20"),
            "token_type": "ERC-721" if moved.unique else "ERC-20",
            "total": total,
            "transaction_hash": one.hash,
            "type": "token_minting" if moved.sender == ZERO else "token_transfer",
        }

    def _token(self, asset: str, kind: str = "ERC-20") -> Raw:
        symbol, decimals = self.chain.named(asset)
        return {
            "address_hash": asset,
            "symbol": symbol or None,
            "name": "Token",
            "decimals": decimals or None,
            "type": kind,
        }


_KEYS = {
    "transactions": (("block_number", "block_number"), ("position", "index")),
    "internal-transactions": (
        ("block_number", "block_number"),
        ("transaction_index", "transaction_index"),
        ("index", "index"),
    ),
    "token-transfers": (("block_number", "block_number"), ("log_index", "index")),
    "withdrawals": (("index", "index"),),
    "logs": (("block_number", "block_number"), ("index", "index")),
}


_WRAPS = {topic("Deposit(address,uint256)"), topic("Withdrawal(address,uint256)")}


def _wraps(one: Mined) -> list[Passed]:
    """Wraps of the canonical coin, which this explorer lists as tokens from and to nobody."""
    return [
        Passed(
            int(log["logIndex"], 16),
            log["address"],
            *((ZERO, owner) if log["topics"][0].startswith("0xe1ff") else (owner, ZERO)),
            int(log["data"], 16),
            False,
        )
        for log in one.receipt["logs"]
        if log["address"] == WETH_AT and log["topics"][0] in _WRAPS
        for owner in ["0x" + log["topics"][1][26:]]
    ]


def _frame(frame: Raw) -> Raw:
    """A frame has a result or an error, never both."""
    end = "error" if "error" in frame else "result"
    names = ("action", end, "subtraces", "traceAddress", "transactionHash", "type")
    return {name: frame[name] for name in names if name in frame}


def _party(address: str | None) -> Raw | None:
    return None if address is None else {"hash": address, "is_contract": False, "name": None}


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
