"""The adapter for Electrum servers (ElectrumX, Fulcrum, electrs): one's own, or a public one.

An address is asked for by the hash of its script: one question tells its list of transactions and its balance. Each
transaction, its merkle branch and the header of its block are questions of their own, so that what two addresses share
is asked once; many are under way at once, so an address takes three round trips. What is checked of the answers is
said in tracer/chains/bitcoin_history.py.

Source: Electrum protocol 1.4 to 1.6 (electrum-protocol.readthedocs.io).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tracer.chains.adapter import Ask, Head, History, Request, Span
from tracer.chains.bitcoin_adapter import BitcoinAdapter
from tracer.chains.bitcoin_answers import (
    array,
    check_chain,
    check_work,
    digest,
    hexadecimal,
    number,
    place_in,
    record,
    sat,
)
from tracer.chains.bitcoin_bytes import Header, RawTransaction, read_header, read_transaction
from tracer.chains.bitcoin_facts import Place
from tracer.chains.bitcoin_history import Entry, Listing, history_of, transaction_of, unknown
from tracer.chains.bitcoin_questions import Call, Refused, question, read_answers
from tracer.chains.bitcoin_scripts import hash_of_owner, script_hash
from tracer.chains.endpoint import Endpoint
from tracer.chains.jsonrpc_asking import together
from tracer.errors import ProviderError, shown

__all__ = ["Electrum"]


class Electrum(BitcoinAdapter):
    """Adapter of one endpoint of kind `electrum`."""

    kind = "electrum"
    what = "Electrum server"
    name = "electrum 1"

    async def head(self, ask: Ask) -> Head:
        """The block `depth` blocks below the newest. Raises ProviderError."""
        server = _Server(ask, self._endpoint)
        check_chain(self._endpoint, await server.start())
        (newest,) = await server.results([Call("blockchain.headers.subscribe")], settled=False)
        height = number(record(newest, "the newest block").get("height"), "the newest block")
        return await self.block(ask, max(0, height - self._endpoint.depth))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        header = await _Server(ask, self._endpoint).header(number, settled=False)
        return Head(number, header.hash, header.time)

    async def history(
        self, ask: Ask, address: str, span: Span, most: int, *, inflows: bool = False
    ) -> History:
        """See `Adapter.history`. `span` must end at or below a final block: its answers are kept for good."""
        return await history_of(
            _Server(ask, self._endpoint), self.chain, address, span, most, inflows=inflows
        )

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`. Its block is found in the histories of the scripts that it pays."""
        server = _Server(ask, self._endpoint)
        final = await self.head(ask)
        call = Call("blockchain.transaction.get", (tx_hash,))
        (answer,) = await server.results([call], settled=False)
        if isinstance(answer, Refused):
            return unknown(self.chain, tx_hash)
        raw = read_transaction(hexadecimal(answer, "a transaction"), tx_hash)
        block = await server.block_of(raw)
        return await transaction_of(server, self.chain, raw, block, final)


class _Server:
    """The questions of one history."""

    def __init__(self, ask: Ask, endpoint: Endpoint) -> None:
        self._ask, self._endpoint = ask, endpoint

    async def results(
        self, calls: list[Call], *, settled: bool = True, until: int | None = None
    ) -> list[object]:
        """One result or Refused per call, all calls in one question."""
        body = question(calls)
        request = Request(self._endpoint.base_url, body=body, settled=settled, until=until)
        return read_answers(await self._ask(request), calls)

    async def value(self, call: Call, *, settled: bool = True) -> object:
        """The result of one call. Raises ProviderError where the server gives an error."""
        (found,) = await self.results([call], settled=settled)
        if isinstance(found, Refused):
            raise ProviderError(
                f"The server refused {call.method} {shown(list(call.params))}: {shown(found.words)}.",
                "It may not be in sync: ask again later, or use another server.",
            )
        return found

    async def start(self) -> str:
        """The hash of block 0, which says whether the chain is the right one."""
        return (await self._header(0, settled=False)).hash

    async def header(self, height: int, *, settled: bool = True) -> Header:
        """The header of a block of the server's chain, with its proof of work checked."""
        return check_work(self._endpoint, await self._header(height, settled=settled), height)

    async def _header(self, height: int, *, settled: bool) -> Header:
        answer = await self.value(Call("blockchain.block.header", (height,)), settled=settled)
        return read_header(hexadecimal(answer, "a block header"))

    async def listed(self, address: str, span: Span, most: int) -> Listing:  # noqa: ARG002 - it comes whole
        """See `bitcoin_history.Provider`. The balance is asked before and after the list, which may change between."""
        name = (hash_of_owner(address),)
        balance = Call("blockchain.scripthash.get_balance", name)
        calls = [balance, Call("blockchain.scripthash.get_history", name), balance]
        before, listed, after = await self.results(calls, until=span.last)
        if isinstance(listed, Refused):
            if listed.too_many:
                return Listing(refused=listed.words)
            raise ProviderError(f"The server refused the history of {address}: {shown(listed.words)}.")
        entries, unconfirmed = _entries(listed)
        known = None if isinstance(before, Refused) or before != after else before
        held = sat(record(known, "a balance").get("confirmed"), "a balance") if known is not None else None
        return Listing(entries, unconfirmed=unconfirmed, balance=held)

    async def transactions(self, txids: Iterable[str]) -> dict[str, RawTransaction]:
        """See `bitcoin_history.Provider`."""
        wanted = sorted(txids)
        return dict(zip(wanted, await together([self._transaction(txid) for txid in wanted]), strict=True))

    async def places(self, entries: Iterable[Entry], *, settled: bool) -> dict[Entry, Place]:
        """See `bitcoin_history.Provider`."""
        wanted = list(entries)
        heights = sorted({height for height, _ in wanted})
        calls = [Call("blockchain.transaction.get_merkle", (txid, height)) for height, txid in wanted]
        asking_proofs = together([self.value(call, settled=settled) for call in calls])
        asking_headers = together([self.header(height, settled=settled) for height in heights])
        proofs, headers = await asyncio.gather(asking_proofs, asking_headers)
        header = dict(zip(heights, headers, strict=True))
        return {e: place_in(header[e[0]], e, proof) for e, proof in zip(wanted, proofs, strict=True)}

    async def block_of(self, raw: RawTransaction) -> int | None:
        """The block that a transaction stands in, None if in none: one of its outputs' scripts lists it."""
        for output in raw.outputs:
            call = Call("blockchain.scripthash.get_history", (script_hash(output.script),))
            (listed,) = await self.results([call], settled=False)
            if not isinstance(listed, Refused):
                blocks = [block for block, txid in _entries(listed)[0] if txid == raw.txid]
                if blocks:
                    return blocks[0]
        return None

    async def _transaction(self, txid: str) -> RawTransaction:
        answer = await self.value(Call("blockchain.transaction.get", (txid,)))
        return read_transaction(hexadecimal(answer, "a transaction"), txid)


def _entries(listed: object) -> tuple[tuple[Entry, ...], int]:
    """Confirmed entries, sorted, and the number of those that wait for a block (height 0 or -1)."""
    found: set[Entry] = set()
    waiting: set[str] = set()
    for one in array(listed, "a history"):
        told = record(one, "an entry of a history")
        txid, height = digest(told.get("tx_hash"), "a transaction id"), told.get("height")
        if height in {0, -1}:
            waiting.add(txid)
        else:
            found.add((number(height, "a height"), txid))
    return tuple(sorted(found)), len(waiting)
