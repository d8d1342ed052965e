"""Items of Blockscout's lists as logs, token movements and inner payments, checked field by field.

Amounts are decimal text in the smallest unit, times are ISO text, addresses are objects with a `hash`. Source: the
OpenAPI description of the REST API v2 (docs.blockscout.com).
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.addresses import ZERO_ADDRESS
from tracer.chains.adapter import LOGS
from tracer.chains.blockscout_sent import Made, party, sure
from tracer.chains.evm_blocks import Log, other
from tracer.chains.evm_movements import Row
from tracer.chains.evm_traces import Frame
from tracer.chains.evm_values import address, array, data, digest, nonsense, record
from tracer.chains.explorer_values import field, number, place, seconds
from tracer.errors import ProviderError
from tracer.model import NATIVE, Kind

__all__ = ["Inner", "Passed", "read_inner", "read_log", "read_passed", "token_row"]

_MOST_TOPICS = 4
_KINDS = frozenset(
    {
        "call",
        "create",
        "create2",
        "selfdestruct",
        "delegatecall",
        "staticcall",
        "callcode",
        "reward",
        "stop",
        "invalid",
    }
)
_STILL = frozenset({"delegatecall", "staticcall", "callcode", "reward", "stop", "invalid"})


@dataclass(frozen=True, slots=True)
class Passed:
    """A token transfer of a list. plain: of an ERC-20 token; else `amount` says nothing."""

    tx_hash: str
    block: int
    block_hash: str
    log: int
    sender: str
    to: str
    asset: str
    amount: int
    type: str
    symbol: object
    decimals: object

    @property
    def plain(self) -> bool:
        """Whether it is a transfer of an amount."""
        return self.type == "ERC-20"

    @property
    def unique(self) -> bool:
        """Whether it is a transfer of single tokens, which are no amounts."""
        return self.type in {"ERC-721", "ERC-1155"}


@dataclass(frozen=True, slots=True)
class Inner:
    """An inner payment of a list. index: its number in its transaction."""

    tx_hash: str
    block: int
    tx_index: int
    index: int
    kind: str
    sender: str
    to: str | None
    amount: int
    failed: bool
    time: int

    @property
    def moved(self) -> bool:
        """Whether coin of the chain changed hands, as far as this item tells."""
        return bool(self.amount) and not self.failed and self.kind not in _STILL and self.to is not None

    @property
    def frame(self) -> Frame:
        """As a frame of a flat trace."""
        return Frame((self.index,), self.kind, self.sender, self.to, self.amount, self.failed)

    @property
    def row(self) -> Row:
        """As a movement whose position is not told."""
        ends = (self.sender, str(self.to))
        return Row(
            self.block,
            self.tx_index,
            None,
            self.tx_hash,
            *ends,
            NATIVE,
            self.amount,
            Kind.INTERNAL,
            self.time,
        )


def read_log(value: object, index: int | None = None) -> Log:
    """A log. index: that of its transaction, where it is known."""
    raw = record(value, "a log")
    topics = [topic for topic in array(field(raw, "topics"), "the topics of a log") if topic is not None]
    if len(topics) > _MOST_TOPICS:
        raise nonsense("the number of topics", len(topics))
    return Log(
        sure(field(raw, "address"), "the address of a log"),
        tuple(digest(topic, "a topic") for topic in topics),
        data(field(raw, "data"), "the data of a log"),
        place(field(raw, "block_number"), "the block of a log"),
        digest(field(raw, "block_hash"), "the block hash of a log"),
        digest(field(raw, "transaction_hash"), "the transaction of a log"),
        -1 if index is None else index,
        place(field(raw, "index"), "the index of a log"),
    )


def read_passed(value: object, asked: str) -> Passed:
    """An item of a list of token transfers, which has to touch the address `asked`."""
    raw = record(value, "a token transfer")
    token = record(field(raw, "token"), "a token")
    sender = sure(field(raw, "from"), "the sender of tokens")
    to = sure(field(raw, "to"), "the recipient of tokens")
    if asked not in {sender, to}:
        raise other("the token transfer's address", asked, f"{sender} or {to}")
    kind = raw.get("token_type", token.get("type"))
    amount = 0
    if kind == "ERC-20":
        total = record(field(raw, "total"), "the amount of a token transfer")
        amount = number(field(total, "value"), "an amount of tokens")
    return Passed(
        digest(field(raw, "transaction_hash"), "the transaction of a token transfer"),
        place(field(raw, "block_number"), "the block of a token transfer"),
        digest(field(raw, "block_hash"), "the block hash of a token transfer"),
        place(field(raw, "log_index"), "the log of a token transfer"),
        sender,
        to,
        address(token.get("address_hash", token.get("address")), "the contract of a token"),
        amount,
        str(kind),
        token.get("symbol"),
        token.get("decimals"),
    )


def token_row(passed: Passed, made: Made) -> Row:
    """A token transfer as a movement."""
    if made.sent.block != passed.block:
        raise other("the block of a token transfer", made.sent.block, passed.block)
    if made.failed:
        raise ProviderError("The provider contradicts itself: tokens moved in a transaction that failed.")
    kind = (
        Kind.MINT if passed.sender == ZERO_ADDRESS else Kind.BURN if passed.to == ZERO_ADDRESS else Kind.TOKEN
    )
    ends = ("" if kind is Kind.MINT else passed.sender, "" if kind is Kind.BURN else passed.to)
    place_ = (passed.block, made.sent.index, LOGS + passed.log, passed.tx_hash)
    return Row(*place_, *ends, passed.asset, passed.amount, kind, made.time)


def read_inner(value: object) -> Inner:
    """An item of a list of inner payments."""
    raw = record(value, "an inner payment")
    kind = str(field(raw, "type")).lower().replace("suicide", "selfdestruct")
    if kind not in _KINDS:
        raise nonsense("the type of an inner payment", kind)
    success, error = field(raw, "success"), raw.get("error")
    if not isinstance(success, bool):
        raise nonsense("the success of an inner payment", success)
    failed = not success or error is not None
    to = party(field(raw, "to"), "the recipient of an inner payment")
    if to is None:
        to = party(raw.get("created_contract"), "a created contract")
    if to is None and not failed and kind not in _STILL:
        raise nonsense("the recipient of an inner payment", None)
    return Inner(
        digest(field(raw, "transaction_hash"), "the transaction of an inner payment"),
        place(field(raw, "block_number"), "the block of an inner payment"),
        place(field(raw, "transaction_index"), "the index of a transaction"),
        place(field(raw, "index"), "the number of an inner payment"),
        kind,
        sure(field(raw, "from"), "the payer of an inner payment"),
        to,
        number(field(raw, "value"), "the amount of an inner payment"),
        failed,
        seconds(field(raw, "timestamp"), "the time of an inner payment"),
    )
