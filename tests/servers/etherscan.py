"""A stand-in for Etherscan's API in front of a real anvil, with the misbehaviours that the real one is known for.

It is our own code and no real provider. Shapes: docs.etherscan.io and recorded answers of 2020. It answers a set of
query parameters; tests reach it through an `Ask` or over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.servers.explored import Explored, Inside, Mined
from tracer.chains.adapter import Request, Verdict
from tracer.chains.etherscan import judge

__all__ = ["EtherscanStandIn"]

Raw = dict[str, Any]
_EMPTY = {"txlist": "No transactions found", "txlistinternal": "No internal transactions found"}


@dataclass
class EtherscanStandIn:
    """Answers from the index of a node. All switches are off: then it behaves.

    cap: it silently gives at most so many records. widest: blocks in a range, above which its query times out.
    paid: it tells balances of the past. places: rows of inner payments have a traceId. refuse: words by action that
    it refuses with. change: may replace a row of a list, given the action. spoil: may replace a whole answer, given
    the parameters. stuck: lists whose pages ignore startblock. swap: words of errors stand in `message`.
    """

    chain: Explored
    cap: int = 10**9
    widest: int = 10**9
    paid: bool = True
    places: bool = True
    refuse: dict[str, str] = field(default_factory=dict)
    change: Callable[[str, Raw], Raw | None] = lambda _, row: row
    spoil: Callable[[dict[str, str], bytes], bytes] = lambda _, body: body
    stuck: tuple[str, ...] = ()
    swap: bool = False
    asked: list[Request] = field(default_factory=list)
    withdrawals: list[Raw] = field(default_factory=list)
    rewards: list[Raw] = field(default_factory=list)
    beginning: list[Raw] = field(default_factory=list)

    async def __call__(self, request: Request) -> bytes:
        """As an `Ask`."""
        self.asked.append(request)
        assert not request.body
        body = self.answer(dict(request.params))
        assert judge(body) == (Verdict.ANSWER, ""), body[:300]  # the transport would pass it on
        return body

    def actions(self) -> list[str]:
        """What was asked, in order."""
        return [dict(request.params)["action"] for request in self.asked]

    def answer(self, params: dict[str, str]) -> bytes:
        """The body for a set of parameters."""
        return self.spoil(params, json.dumps(self._answer(params)).encode())

    def error(self, words: str) -> Raw:
        """An error as this API gives it."""
        if self.swap:
            return {"status": "0", "message": words, "result": None}
        return {"status": "0", "message": "NOTOK", "result": words}

    def _answer(self, params: dict[str, str]) -> Raw:
        module, action = params["module"], params["action"]
        if action in self.refuse:
            return self.error(self.refuse[action])
        if module == "proxy":
            return self._proxy(action, params)
        if action == "balancehistory":
            if not self.paid:
                return self.error(
                    "Sorry, it looks like you are trying to access an API Pro endpoint. Contact us to upgrade."
                )
            block = hex(int(params["blockno"]))
            balance = self.chain.node.call("eth_getBalance", params["address"], block)
            return {"status": "1", "message": "OK", "result": str(int(str(balance), 16))}
        if action == "getstatus":
            one = self.chain.by_hash(params["txhash"])
            failed = one is not None and one.failed
            return {
                "status": "1",
                "message": "OK",
                "result": {"isError": str(int(failed)), "errDescription": ""},
            }
        if "txhash" in params:
            one = self.chain.by_hash(params["txhash"])
            rows = [] if one is None else [self._inside(one, call) for call in one.inside if call.value]
            for row in rows:
                del row["hash"]
            return self._list(action, rows)
        return self._ranged(action, params)

    def _ranged(self, action: str, params: dict[str, str]) -> Raw:
        if action == "getminedblocks":
            at = (int(params["page"]) - 1) * int(params["offset"])
            return self._list(action, self.rewards[at : at + int(params["offset"])])
        names = ("fromBlock", "toBlock") if action == "getLogs" else ("startblock", "endblock")
        first, last = (int(params[name]) for name in names)
        if last - first + 1 > self.widest:
            return self.error("Query Timeout occured. Please select a smaller result dataset")
        rows = self._rows(action, params)
        if action not in self.stuck:
            rows = [row for row in rows if first <= _block(row) <= last]
        if params.get("sort") == "desc":
            rows.reverse()
        assert params["page"] == "1"
        return self._list(action, rows[: min(int(params["offset"]), self.cap)])

    def _list(self, action: str, rows: list[Raw]) -> Raw:
        changed = [new for row in rows if (new := self.change(action, row)) is not None]
        if not changed:
            return {"status": "0", "message": _EMPTY.get(action, "No records found"), "result": []}
        return {"status": "1", "message": "OK", "result": changed}

    def _rows(self, action: str, params: dict[str, str]) -> list[Raw]:
        address = params.get("address", "").lower()
        if action == "txlist":
            told = [self._sent(one) for one in self.chain.mined if one.touches(address)]
            return [row for row in self.beginning if row["to"] == address] + told
        if action == "txlistinternal":
            return [
                self._inside(one, call)
                for one in self.chain.mined
                for call in one.inside
                if address in {call.sender, call.to} and call.value
            ]
        if action == "tokentx":
            return [
                row
                for one in self.chain.mined
                for row in self._passed(one)
                if address in {row["from"], row["to"]}
            ]
        if action == "txsBeaconWithdrawal":
            return [row for row in self.withdrawals if row["address"] == address]
        assert action == "getLogs"
        return [
            self._log(log, one)
            for one in self.chain.mined
            for log in one.receipt["logs"]
            if address in {"", log["address"]} and self._asked_for(log["topics"], params)
        ]

    @staticmethod
    def _asked_for(topics: list[str], params: dict[str, str]) -> bool:
        """Whether a log has the topics that are asked for; each but the first needs to be joined to it by name."""
        wanted = {n: params[f"topic{n}"] for n in range(4) if f"topic{n}" in params}
        assert all(params[f"topic0_{n}_opr"] == "and" for n in wanted if n)
        return all(topics[n : n + 1] == [topic] for n, topic in wanted.items())

    @staticmethod
    def _log(log: Raw, one: Mined) -> Raw:
        row = {
            name: log[name] for name in ("address", "topics", "data", "blockNumber", "blockHash", "logIndex")
        }
        row |= {
            "timeStamp": hex(one.time),
            "transactionHash": one.hash,
            "transactionIndex": one.raw["transactionIndex"],
        }
        return {k: "0x" if v == "0x0" else v for k, v in row.items()}

    def _common(self, one: Mined) -> Raw:
        return {
            "blockNumber": str(one.block),
            "timeStamp": str(one.time),
            "hash": one.hash,
            "nonce": str(int(one.raw["nonce"], 16)),
            "blockHash": one.raw["blockHash"],
            "transactionIndex": str(one.index),
            "gas": str(int(one.raw["gas"], 16)),
            "gasPrice": str(int(one.raw["gasPrice"], 16)),
            "gasUsed": str(int(one.receipt["gasUsed"], 16)),
            "cumulativeGasUsed": str(int(one.receipt["cumulativeGasUsed"], 16)),
            "confirmations": str(len(self.asked) + 100),  # another number at each question
        }

    def _sent(self, one: Mined) -> Raw:
        return self._common(one) | {
            "from": one.raw["from"],
            "to": one.raw["to"] or "",
            "value": str(int(one.raw["value"], 16)),
            "isError": str(int(one.failed)),
            "txreceipt_status": str(int(not one.failed)),
            "input": one.raw["input"],
            "contractAddress": one.receipt.get("contractAddress") or "",
        }

    def _inside(self, one: Mined, call: Inside) -> Raw:
        created = call.kind == "create"
        row = {
            "blockNumber": str(one.block),
            "timeStamp": str(one.time),
            "hash": one.hash,
            "from": call.sender,
            "to": "" if created else call.to,
            "value": str(call.value),
            "contractAddress": call.to if created else "",
            "input": "",
            "type": "suicide" if call.kind == "selfdestruct" else call.kind,
            "gas": "100000",
            "gasUsed": "0",
            "isError": str(int(bool(call.error))),
            "errCode": call.error,
        }
        return row | {"traceId": "_".join(map(str, call.path))} if self.places else row

    def _passed(self, one: Mined) -> list[Raw]:
        return [
            self._common(one)
            | {
                "from": moved.sender,
                "to": moved.to,
                "contractAddress": moved.contract,
                "value": str(moved.amount),
                "tokenName": "Token",
                "tokenSymbol": self.chain.named(moved.contract)[0],
                "tokenDecimal": self.chain.named(moved.contract)[1],
                "input": "deprecated",
            }
            for moved in one.passed
            if not moved.unique
        ]

    def _proxy(self, action: str, params: dict[str, str]) -> Raw:
        node = self.chain.node
        made: dict[str, list[object]] = {
            "eth_blockNumber": [],
            "eth_getBlockByNumber": [params.get("tag"), False],
            "eth_getTransactionByHash": [params.get("txhash")],
            "eth_getTransactionReceipt": [params.get("txhash")],
            "eth_getCode": [params.get("address"), params.get("tag")],
            "eth_call": [{"to": params.get("to"), "data": params.get("data")}, params.get("tag")],
        }
        result = node.call(action, *made[action])
        return {"jsonrpc": "2.0", "id": 1, "result": result}


def _block(row: Raw) -> int:
    text = str(row["blockNumber"])
    return 0 if text == "0x" else int(text, 0)
