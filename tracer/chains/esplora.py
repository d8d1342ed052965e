"""The adapter for Esplora's HTTP API: mempool.space, blockstream.info, or one's own electrs.

Its JSON tells a transaction and a block in full, so both are built again as bytes and must hash to their ids; only its
lists are believed, and their length and sum are compared with the totals that it states. A page of a list comes newest
first, and inside a block in no useful order: places come from merkle proofs. The outputs that inputs spend are not
taken from the answer but from the transactions that made them.

Source: github.com/Blockstream/esplora (API.md), mempool.space/docs/api/rest.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable

from tracer.chains.adapter import Ask, Head, History, Request, Span, Verdict
from tracer.chains.bitcoin_adapter import BitcoinAdapter
from tracer.chains.bitcoin_answers import array, check_chain, check_work, digest, number, place_in, record
from tracer.chains.bitcoin_bytes import Header, RawTransaction, header_bytes, read_header
from tracer.chains.bitcoin_facts import Place
from tracer.chains.bitcoin_history import Entry, Listing, history_of, transaction_of, unknown
from tracer.chains.bitcoin_scripts import hash_of_owner
from tracer.chains.endpoint import Endpoint
from tracer.chains.esplora_transactions import read_listed
from tracer.chains.jsonrpc_asking import together
from tracer.errors import ProviderError, shown

__all__ = ["Esplora"]

_TEXT = re.compile(rb"[0-9a-f]{64}\n?")
_NOTHING = re.compile(rb"[^<{\[]{0,100}not found", re.IGNORECASE)
_TOO_MANY = re.compile(rb"[^<]{0,100}too many (history entries|utxos|transactions)", re.IGNORECASE)


class Esplora(BitcoinAdapter):
    """Adapter of one endpoint of kind `esplora`."""

    kind = "esplora"
    what = "Esplora"
    name = "esplora 1"

    @staticmethod
    def judge(body: bytes) -> tuple[Verdict, str]:
        """What a body is worth, for the transport: JSON, a hash, or one of the errors that say something."""
        if _TEXT.fullmatch(body) or _NOTHING.match(body) or _TOO_MANY.match(body):
            return Verdict.ANSWER, ""
        try:
            json.loads(body)
        except RecursionError:
            return Verdict.AGAIN, "an answer that is nested too deeply"
        except ValueError:
            return Verdict.AGAIN, body[:200].decode(errors="replace")
        return Verdict.ANSWER, ""

    async def head(self, ask: Ask) -> Head:
        """The block `depth` blocks below the newest. Raises ProviderError."""
        explorer = _Explorer(ask, self._endpoint)
        check_chain(self._endpoint, await explorer.hash_of(0))
        newest = number(await explorer.get("/blocks/tip/height", settled=False), "the newest block")
        return await self.block(ask, max(0, newest - self._endpoint.depth))

    async def block(self, ask: Ask, number: int) -> Head:
        """The block of that number, asked anew. Raises ProviderError if there is none."""
        explorer = _Explorer(ask, self._endpoint)
        header = await explorer.header(await explorer.hash_of(number), number, settled=False)
        return Head(number, header.hash, header.time)

    async def history(
        self, ask: Ask, address: str, span: Span, most: int, *, inflows: bool = False
    ) -> History:
        """See `Adapter.history`. `span` must end at or below a final block: its answers are kept for good."""
        explorer = _Explorer(ask, self._endpoint)
        return await history_of(explorer, self.chain, address, span, most, inflows=inflows)

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """See `Adapter.transaction`."""
        explorer = _Explorer(ask, self._endpoint)
        final = await self.head(ask)
        body = await explorer.body(f"/tx/{tx_hash}", settled=False)
        if _NOTHING.match(body):
            return unknown(self.chain, tx_hash)
        listed = read_listed(_decoded(body), tx_hash)
        explorer.heard(listed.raw, listed.block, listed.block_hash)
        return await transaction_of(explorer, self.chain, listed.raw, listed.block, final)


class _Explorer:
    """The questions of one history, and what its pages told already."""

    def __init__(self, ask: Ask, endpoint: Endpoint) -> None:
        self._ask, self._endpoint = ask, endpoint
        self._raw: dict[str, RawTransaction] = {}
        self._hash: dict[int, str] = {}

    async def body(self, path: str, *, settled: bool = True, until: int | None = None) -> bytes:
        """The answer to a path."""
        return await self._ask(Request(self._endpoint.base_url, path, settled=settled, until=until))

    async def get(self, path: str, *, settled: bool = True, until: int | None = None) -> object:
        """The JSON at a path. Raises ProviderError where there is none."""
        return _decoded(await self.body(path, settled=settled, until=until))

    async def hash_of(self, block: int) -> str:
        """The hash of the block of that number, asked anew."""
        body = await self.body(f"/block-height/{block}", settled=False)
        return digest(body.decode(errors="replace").strip(), f"the hash of block {block}")

    async def header(self, block_hash: str, block: int, *, settled: bool = True) -> Header:
        """The header of a block, built again from its fields: it must hash to the hash."""
        told = record(await self.get(f"/block/{block_hash}", settled=settled), "a block")
        header = read_header(
            header_bytes(
                number(told.get("version"), "the version of a block", _WORD),
                digest(told.get("previousblockhash") or "00" * 32, "the hash of the block before"),
                digest(told.get("merkle_root"), "a merkle root"),
                number(told.get("timestamp"), "the time of a block", _WORD),
                number(told.get("bits"), "the target of a block", _WORD),
                number(told.get("nonce"), "the nonce of a block", _WORD),
            )
        )
        if header.hash != block_hash or told.get("height") != block:
            raise ProviderError(
                f"The provider tells another block than the one asked for ({block}, {block_hash}).",
                "Ask another provider.",
            )
        return check_work(self._endpoint, header, block)

    def heard(self, raw: RawTransaction, block: int | None, block_hash: str) -> None:
        """Keep what a page told of a transaction."""
        self._raw[raw.txid] = raw
        if block is not None and self._hash.setdefault(block, block_hash) != block_hash:
            raise ProviderError(
                f"The provider tells two blocks {block}: the chain is being reorganised.", "Ask again later."
            )

    async def listed(self, address: str, span: Span, most: int) -> Listing:
        """See `bitcoin_history.Provider`."""
        base = _path_of(address)
        body = await self.body(base, until=span.last)
        if _TOO_MANY.match(body):
            return Listing(refused=body.decode(errors="replace"))
        told = record(_decoded(body), "an address")
        sums = record(told.get("chain_stats"), "the totals of an address")
        waiting = record(told.get("mempool_stats"), "the totals of an address").get("tx_count")
        count = number(sums.get("tx_count"), "the number of transactions")
        if count > most:
            return Listing(count=count)
        entries: set[Entry] = set()
        path, lowest = f"{base}/txs/chain", span.last
        # Newest first, as documented; else what comes next may be in the span, however old this page is.
        last, falling = 1 << 31, True
        while len(entries) < count and (lowest >= span.first or not falling):
            body = await self.body(path, until=span.last)
            if _TOO_MANY.match(body):
                return Listing(refused=body.decode(errors="replace"), count=count)
            page = [read_listed(one) for one in array(_decoded(body), "a page of transactions")]
            if not page:
                break
            found = set()
            for one in page:
                if one.block is None:
                    raise ProviderError("The provider lists an unconfirmed transaction as confirmed.")
                falling = falling and one.block <= last
                last = one.block
                self.heard(one.raw, one.block, one.block_hash)
                found.add((one.block, one.raw.txid))
            if len(found) < len(page) or found & entries:
                raise ProviderError(
                    f"The provider lists a transaction of {address} twice: its pages moved.",
                    "Ask again later.",
                )
            entries |= found
            lowest = min(lowest, *(block for block, _ in found))
            path = f"{base}/txs/chain/{page[-1].raw.txid}"
        whole = len(entries) >= count or lowest >= span.first or not falling
        received = number(sums.get("funded_txo_sum"), "what an address received", _EVER)
        balance = received - number(sums.get("spent_txo_sum"), "what an address spent", _EVER)
        return Listing(
            tuple(sorted(entries)),
            whole=whole,
            unconfirmed=number(waiting, "the number of unconfirmed transactions"),
            balance=balance if len(entries) == count else None,
            missing=max(0, count - len(entries)) if whole else 0,
        )

    async def transactions(self, txids: Iterable[str]) -> dict[str, RawTransaction]:
        """See `bitcoin_history.Provider`."""
        wanted = sorted(txids)
        return dict(zip(wanted, await together([self._transaction(txid) for txid in wanted]), strict=True))

    async def _transaction(self, txid: str) -> RawTransaction:
        if txid not in self._raw:
            self._raw[txid] = read_listed(await self.get(f"/tx/{txid}"), txid).raw
        return self._raw[txid]

    async def places(self, entries: Iterable[Entry], *, settled: bool) -> dict[Entry, Place]:
        """See `bitcoin_history.Provider`."""
        wanted = list(entries)
        blocks = sorted({block for block, _ in wanted})
        paths = [f"/tx/{txid}/merkle-proof" for _, txid in wanted]
        asking_proofs = together([self.get(path, settled=settled) for path in paths])
        asking_headers = together([self.header(self._hash[b], b, settled=settled) for b in blocks])
        proofs, headers = await asyncio.gather(asking_proofs, asking_headers)
        header = dict(zip(blocks, headers, strict=True))
        return {e: place_in(header[e[0]], e, proof) for e, proof in zip(wanted, proofs, strict=True)}


_WORD = (1 << 32) - 1
_EVER = 1 << 62
"""More than any address can have received in all its life, in sat."""


def _path_of(owner: str) -> str:
    """Where an address is told; of a script without one, by its sha256, whose bytes Electrum alone turns round."""
    if owner.startswith("script:"):
        return f"/scripthash/{bytes.fromhex(hash_of_owner(owner))[::-1].hex()}"
    return f"/address/{owner}"


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        text = shown(body[:120].decode(errors="replace"))
        raise ProviderError(
            f"The provider did not answer in JSON: {text}.", "Ask another provider."
        ) from None
