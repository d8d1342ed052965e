"""What collecting code and chain adapters agree on: requests without secrets, answers as bytes, movements out.

An adapter turns an address and a span of blocks into requests, and their answers into a movement table. It never
touches the network, the clock, the store or a key: it asks through an `Ask`. Live, that is the transport behind the
archive; in a replay, the archive alone. So the same answers give the same movements, and nothing has to be parsed in
two places. Its output depends on the answers only, never on the order in which they arrive.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from tracer.model import Gap

__all__ = ["LOGS", "Adapter", "Ask", "Head", "History", "Judge", "Request", "Span", "Verdict"]

LOGS = 1 << 20
"""Position of the first log of a block: a token movement stands at LOGS + its log index. Positions below: 0 the fee,
1 the top-level value, 2 and up the internal movements of the transaction in the order of its trace."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a provider. Holds no key: the transport adds it on the way out.

    base: the endpoint's base URL. path: what follows it ("" for JSON-RPC). params: query parameters in order. body:
    canonical JSON of a POST, b"" for a GET. settled: the answer cannot change any more (it ends at or below a
    finalized block), so it is asked once and then read from the archive. until: the block up to which the answer is
    read, where the provider cannot be told so: it is not sent, but the question about a later block is another one.
    """

    base: str
    path: str = ""
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    settled: bool = True
    until: int | None = None

    @property
    def text(self) -> str:
        """The question as one line of canonical JSON, for the record."""
        parts = [self.base, self.path, [list(p) for p in self.params], self.body.decode()]
        return json.dumps(parts if self.until is None else [*parts, self.until])

    @property
    def key(self) -> str:
        """64 hex digits: the same question has the same key in every workspace."""
        return hashlib.sha256(self.text.encode()).hexdigest()


Ask = Callable[[Request], Awaitable[bytes]]
"""Gives the body of the answer. Raises ProviderError when there is none, after all retries (in a replay NotAskedError:
it was not asked at the time)."""


class Verdict(StrEnum):
    """What an answer is worth before anybody parses it."""

    ANSWER = "answer"
    """It answers the question, be it with an error that the adapter knows how to handle (split the range ...)."""
    AGAIN = "again"
    """The provider asks for patience (too many requests, temporarily unavailable): ask again later."""
    STOP = "stop"
    """It will not answer today, or never (daily limit, wrong key, unsupported chain): tell the investigator."""


Judge = Callable[[bytes], tuple[Verdict, str]]
"""(verdict, the provider's own words) for a body that came with status 200. Each kind of endpoint has one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Head:
    """A block: number, hash (lower case with 0x), UTC seconds."""

    block: int
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class History:
    """What a provider knows of an address in a span.

    table: movements (`tracer.movements.SCHEMA`; `row` counts them from 1 in ledger order). Of a transaction in which
    the address pays, all movements; of one in which it is only paid, those that touch it. gaps: everything cut,
    refused or not supported. complete: every kind of movement that exists on the chain was asked for, to the end of
    the span. transactions: how many were seen. hub: the address has more transactions than the caller wants to read:
    the table is empty, `transactions` says how many there are at least. code: the name of the contract's code
    (`tracer.chains.evm_code`), "" for a plain account and where it is not known.
    """

    table: pa.Table
    gaps: tuple[Gap, ...] = ()
    complete: bool = True
    transactions: int = 0
    hub: bool = False
    code: str = ""


class Adapter(Protocol):
    """One way to read one chain. Implementations are tested by one contract suite (tests/test_adapters.py).

    Every method raises ProviderError when the provider fails for good; what it merely cannot tell is a gap.
    """

    @property
    def chain(self) -> str:
        """CAIP-2 id."""
        ...

    @property
    def name(self) -> str:
        """Kind and version of the parser, for the record: `jsonrpc 2`. Raised when the same answers give other rows."""
        ...

    async def head(self, ask: Ask) -> Head:
        """The newest block that cannot be reorganised any more (finalized, or a fixed depth below the latest)."""
        ...

    async def block(self, ask: Ask, number: int) -> Head:
        """A block by number, asked anew: its hash tells whether the chain is still the one that was read."""
        ...

    async def history(
        self, ask: Ask, address: str, span: Span, most: int, *, inflows: bool = False
    ) -> History:
        """The movements of a canonical address in a span, at most `most` transactions (else a hub).

        inflows: also all movements of transactions in which the address is only paid (for tracing backward).
        """
        ...

    async def transaction(self, ask: Ask, tx_hash: str) -> History:
        """All movements of one transaction; an empty table with a gap `unknown_transaction` if there is none."""
        ...
