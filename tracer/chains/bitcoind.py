"""The adapter for Bitcoin Core's JSON-RPC: single transactions of one's own node, with nobody told.

The node has no index of addresses, so it tells no histories: an Electrum server in front of it does. With `txindex=1`
it knows every transaction. A transaction's place is proved by the ids of its whole block, which must give the root in
the header. Pruned blocks cannot be read.

Source: developer.bitcoin.org/reference/rpc. A key is written `user:password` (rpcauth, or the cookie file).
"""

from __future__ import annotations

from collections.abc import Iterable

from tracer.chains.adapter import Ask, Head, History, Request
from tracer.chains.bitcoin_adapter import BitcoinAdapter
from tracer.chains.bitcoin_answers import array, check_chain, check_work, digest, hexadecimal, number, record
from tracer.chains.bitcoin_bytes import Header, RawTransaction, read_header, read_transaction, root_of
from tracer.chains.bitcoin_facts import Place
from tracer.chains.bitcoin_history import Entry, transaction_of, unknown
from tracer.chains.bitcoin_questions import Call, Refused, question, read_answers
from tracer.chains.endpoint import Endpoint
from tracer.chains.jsonrpc_asking import together
from tracer.errors import InputError, ProviderError, ProviderStopError, shown

__all__ = ["Bitcoind"]


class Bitcoind(BitcoinAdapter):
    """Adapter of one endpoint of kind `bitcoind`."""

    kind = "bitcoind"
    what = "node"
    name = "bitcoind 1"

    async def head(self, ask: Ask) -> Head:
        """The block `depth` blocks below the newest. Raises ProviderError."""
        node = _Node(ask, self._endpoint)
        check_chain(self._endpoint, await node.hash_of(0))
        newest = number(await node.value(Call("getblockcount"), settled=False), "the newest block")
        return await self.block(ask, max(0, newest - self._endpoint.depth))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        node = _Node(ask, self._endpoint)
        header = await node.header(await node.hash_of(number), number, settled=False)
        return Head(number, header.hash, header.time)

    async def history(self, *_: object, **__: object) -> History:
        """Raises InputError: the node cannot tell."""
        raise InputError(
            "A Bitcoin node has no index of addresses, so it cannot tell what an address did.",
            "Put an Electrum server in front of it (ElectrumX, Fulcrum, electrs), and name that as the provider.",
        )

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`."""
        node = _Node(ask, self._endpoint)
        final = await self.head(ask)
        (told,) = await node.results([Call("getrawtransaction", (tx_hash, True))], settled=False)
        if isinstance(told, Refused):
            if "txindex" in told.words:
                raise ProviderStopError(
                    "The node knows transactions by their id only in its mempool.",
                    "Start it with txindex=1, and let it read the chain again.",
                )
            return unknown(self.chain, tx_hash)
        fields = record(told, "a transaction")
        raw = read_transaction(hexadecimal(fields.get("hex"), "a transaction"), tx_hash)
        if "blockhash" not in fields:
            return unknown(self.chain, tx_hash)
        block_hash = digest(fields["blockhash"], "the block of a transaction")
        block = await node.height_of(block_hash)
        return await transaction_of(node, self.chain, raw, block, final)


class _Node:
    """The questions of one transaction."""

    def __init__(self, ask: Ask, endpoint: Endpoint) -> None:
        self._ask, self._endpoint = ask, endpoint

    async def results(self, calls: list[Call], *, settled: bool = True) -> list[object]:
        """One result or Refused per call, all calls in one question."""
        request = Request(self._endpoint.base_url, body=question(calls), settled=settled)
        return read_answers(await self._ask(request), calls)

    async def value(self, call: Call, *, settled: bool = True) -> object:
        """The result of one call. Raises ProviderError where the node gives an error."""
        (found,) = await self.results([call], settled=settled)
        if isinstance(found, Refused):
            raise ProviderError(
                f"The node refused {call.method} {shown(list(call.params))}: {shown(found.words)}.",
                "It may be pruned or not in sync: ask again later, or ask another provider.",
            )
        return found

    async def hash_of(self, block: int) -> str:
        """The hash of the block of that number, asked anew."""
        return digest(await self.value(Call("getblockhash", (block,)), settled=False), "the hash of a block")

    async def header(self, block_hash: str, block: int, *, settled: bool) -> Header:
        """The header with that hash."""
        answer = await self.value(Call("getblockheader", (block_hash, False)), settled=settled)
        header = read_header(hexadecimal(answer, "a block header"))
        if header.hash != block_hash:
            raise ProviderError(f"The node tells another block than {block_hash}.", "Ask another provider.")
        return check_work(self._endpoint, header, block)

    async def height_of(self, block_hash: str) -> int | None:
        """The number of a block, None if it is not in the chain any more."""
        told = record(await self.value(Call("getblockheader", (block_hash, True)), settled=False), "a block")
        if told.get("confirmations") == -1:
            return None
        return number(told.get("height"), "the height of a block")

    async def transactions(self, txids: Iterable[str]) -> dict[str, RawTransaction]:
        """See `bitcoin_history.Prover`."""
        wanted = sorted(txids)
        calls = [Call("getrawtransaction", (txid, False)) for txid in wanted]
        answers = await together([self.value(call) for call in calls])
        return {
            txid: read_transaction(hexadecimal(answer, "a transaction"), txid)
            for txid, answer in zip(wanted, answers, strict=True)
        }

    async def places(self, entries: Iterable[Entry], *, settled: bool) -> dict[Entry, Place]:
        """See `bitcoin_history.Prover`."""
        return {entry: await self._place(entry, settled=settled) for entry in entries}

    async def _place(self, entry: Entry, *, settled: bool) -> Place:
        block, txid = entry
        block_hash = await self.hash_of(block)
        header = await self.header(block_hash, block, settled=settled)
        told = record(await self.value(Call("getblock", (block_hash, 1)), settled=settled), "a block")
        txids = [digest(one, "a transaction id") for one in array(told.get("tx"), "a block")]
        if txid not in txids or len(set(txids)) != len(txids) or root_of(txids) != header.root:
            raise ProviderError(
                f"The node does not prove that {txid} stands in block {block}.", "Ask another provider."
            )
        return Place(block, txids.index(txid), header.time)
