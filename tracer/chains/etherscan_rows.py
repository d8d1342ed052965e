"""Rows of Etherscan's lists as transactions, token movements and inner payments, checked field by field.

The conventions are those of the site's CSV exports (explorer_formats.py): a failed transaction is listed with its value
but moved nothing, an inner payment with isError 1 neither, a creation has its payee in contractAddress. Source:
docs.etherscan.io, accounts; recorded answers of 2020 have the same fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.addresses import ZERO_ADDRESS
from tracer.chains.adapter import LOGS, Span
from tracer.chains.evm_blocks import Transaction, other
from tracer.chains.evm_contracts import NATIVE_LOGGERS
from tracer.chains.evm_movements import Row
from tracer.chains.evm_traces import DEEPEST, Frame, Trace
from tracer.chains.evm_values import address, digest, moment, nonsense, record
from tracer.chains.explorer_history import Listed, Sent
from tracer.chains.explorer_values import field, number, party, place, symbol, token_decimals
from tracer.model import NATIVE, Kind

__all__ = [
    "GENESIS",
    "Inner",
    "block_of",
    "genesis_amount",
    "inner_row",
    "read_inner",
    "read_sent",
    "read_token",
    "trace_of",
]

GENESIS = "GENESIS"
"""What stands for the sender of the coin that the chain began with."""

_TRACE = re.compile(rf"[0-9]{{1,5}}(?:_[0-9]{{1,5}}){{0,{DEEPEST}}}")
_KINDS = frozenset(
    {"call", "create", "create2", "suicide", "selfdestruct", "delegatecall", "staticcall", "callcode"}
)
_STATES = {"": None, "0": False, "1": True}


@dataclass(frozen=True, slots=True)
class Inner:
    """A row of a list of inner payments. path: its place in the trace, () where the row does not tell. number: in its
    transaction, where the row tells that instead (Blockscout's form).
    """

    block: int
    time: int
    tx_hash: str
    kind: str
    sender: str
    to: str | None
    amount: int
    failed: bool
    path: tuple[int, ...]
    number: int | None = None

    def repeats(self, created: str | None) -> bool:
        """Whether it is the creation that the transaction itself is. created: by the transaction, None for nothing."""
        return self.kind in {"create", "create2"} and created is not None and self.to == created

    @property
    def moved(self) -> bool:
        """Whether coin of the chain changed hands."""
        return (
            bool(self.amount)
            and not self.failed
            and self.kind not in {"delegatecall", "staticcall", "callcode"}
            and self.to is not None
        )


def _time(raw: Mapping[str, object]) -> int:
    what = "the time of a row"
    return moment(number(field(raw, "timeStamp"), what), what)


def block_of(value: object, span: Span) -> int:
    """The block of a row, which has to lie in the span that was asked for."""
    block = place(field(record(value, "a row"), "blockNumber"), "the block of a row")
    if not span.first <= block <= span.last:
        raise other("the block of a row", f"{span.first} to {span.last}", block)
    return block


def genesis_amount(value: object, asked: str) -> int | None:
    """Coin that the chain began with, in wei; None for any other row."""
    raw = record(value, "a row")
    if raw.get("from") != GENESIS:
        return None
    if address(raw.get("to"), "the recipient of a transaction") != asked:
        raise other("the recipient of the coin of the beginning", asked, raw.get("to"))
    return number(field(raw, "value"), "an amount")


def read_sent(value: object, asked: str) -> Sent:
    """A row of txlist, which has to touch the address `asked`."""
    raw = record(value, "a row")
    to = party(field(raw, "to"), "the recipient of a transaction")
    created = party(raw.get("contractAddress"), "a created contract")
    sender = address(field(raw, "from"), "the sender of a transaction")
    if to is None and created is None:
        raise nonsense("the recipient of a transaction", "neither an address nor a created contract")
    payee = to if to is not None else str(created)
    if asked not in {sender, payee}:
        raise other("the transaction's address", asked, f"{sender} or {payee}")
    failed = _flag(field(raw, "isError"), "isError")
    status = raw.get("txreceipt_status", "")
    if str(status) not in _STATES:
        raise nonsense("txreceipt_status", status)
    told = _STATES[str(status)]
    if told is not None and told is failed:
        raise nonsense("isError and txreceipt_status", f"{raw['isError']} and {status}")
    price = raw.get("gasPrice")
    sent = Transaction(
        digest(field(raw, "hash"), "the hash of a transaction"),
        place(field(raw, "blockNumber"), "the block of a transaction"),
        digest(field(raw, "blockHash"), "the block hash of a transaction"),
        place(field(raw, "transactionIndex"), "the index of a transaction"),
        sender,
        to,
        number(field(raw, "value"), "the value of a transaction"),
        place(field(raw, "nonce"), "the nonce of a transaction"),
        None if price in (None, "") else number(price, "the gas price"),
        0,
    )
    return Sent(sent, _time(raw), failed, payee)


def _flag(value: object, name: str) -> bool:
    found = _STATES.get(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if found is None:
        raise nonsense(name, value)
    return found


def read_token(value: object, listed: Listed) -> Row | None:
    """A row of tokentx; None for a single token (ERC-721, ERC-1155), for a log that repeats a payment of coin, and
    for a log that was listed before.
    """
    raw = record(value, "a row")
    asset = address(field(raw, "contractAddress"), "the contract of a token")
    tx_hash = digest(field(raw, "hash"), "the transaction of a token transfer")
    block = place(field(raw, "blockNumber"), "the block of a token transfer")
    sender = address(field(raw, "from"), "the sender of tokens")
    to = address(field(raw, "to"), "the recipient of tokens")
    if listed.address not in {sender, to}:
        raise other("the token transfer's address", listed.address, f"{sender} or {to}")
    if asset in NATIVE_LOGGERS:
        return None
    listed.found(tx_hash, block)
    time = _time(raw)
    listed.timed(block, time)
    if raw.get("tokenID") not in (None, ""):
        listed.singles.append(tx_hash)
        return None
    amount = number(field(raw, "value"), "an amount of tokens")
    listed.named(asset, symbol(raw.get("tokenSymbol")), token_decimals(raw.get("tokenDecimal")))
    index = place(field(raw, "transactionIndex"), "the index of a transaction")
    kind = Kind.MINT if sender == ZERO_ADDRESS else Kind.BURN if to == ZERO_ADDRESS else Kind.TOKEN
    ends = ("" if kind is Kind.MINT else sender, "" if kind is Kind.BURN else to)
    log = raw.get("logIndex")  # compatible endpoints tell it
    if log in (None, ""):
        return Row(block, index, None, tx_hash, *ends, asset, amount, kind, time)
    row = Row(
        block,
        index,
        LOGS + place(log, "the log of a token transfer"),
        tx_hash,
        *ends,
        asset,
        amount,
        kind,
        time,
    )
    return row if listed.logged(row) else None


def read_inner(value: object, tx_hash: str | None = None) -> Inner:
    """A row of txlistinternal. tx_hash: the transaction that was asked for; such rows need not repeat it."""
    raw = record(value, "a row")
    stands = raw.get("hash", raw.get("transactionHash"))
    if stands is None and tx_hash is None:
        raise nonsense("the transaction of an inner payment", None)
    found = tx_hash if stands is None else digest(stands, "the transaction of an inner payment")
    if tx_hash is not None and found != tx_hash:
        raise other("the transaction of an inner payment", tx_hash, found)
    kind = str(field(raw, "type")).lower()
    if kind == "call" and raw.get("callType") not in (None, ""):
        kind = str(raw["callType"]).lower()
    if kind not in _KINDS:
        raise nonsense("the type of an inner payment", kind)
    failed = _flag(field(raw, "isError"), "isError")
    to = party(field(raw, "to"), "the recipient of an inner payment")
    if to is None:
        to = party(raw.get("contractAddress"), "a created contract")
    if to is None and not failed:
        raise nonsense("the recipient of an inner payment", "empty")
    trace_id = raw.get("traceId")
    path: tuple[int, ...] = ()
    if isinstance(trace_id, str) and _TRACE.fullmatch(trace_id) is not None:
        path = tuple(int(step) for step in trace_id.split("_"))
    numbered = raw.get("index")
    return Inner(
        place(field(raw, "blockNumber"), "the block of an inner payment"),
        _time(raw),
        str(found),
        kind,
        address(field(raw, "from"), "the payer of an inner payment"),
        to,
        number(field(raw, "value"), "the amount of an inner payment"),
        failed,
        path,
        None if numbered in (None, "") else place(numbered, "the number of an inner payment"),
    )


def inner_row(inner: Inner) -> Row:
    """An inner payment as far as the list tells it: neither the transaction's index nor the position."""
    return Row(
        inner.block, 0, None, inner.tx_hash, inner.sender, str(inner.to), NATIVE, inner.amount, Kind.INTERNAL,
        inner.time,
    )  # fmt: skip


def trace_of(root: Frame, rows: Sequence[Inner]) -> Trace | None:
    """The trace that a list of a transaction's inner payments stands for.

    In the order of the rows' places in the trace where each tells its own, else of their numbers, else in the order
    given. A frame that failed takes back those below it where the places tell which those are; None where rows have
    numbers only, since those below a failure are not marked there (Blockscout). The creation that is the transaction
    itself stands in Blockscout's list too, and counts once.
    """
    rows = [row for row in rows if not row.repeats(root.to if root.kind == "create" else None)]
    if rows and all(row.number is not None and not row.path for row in rows):
        if any(row.failed for row in rows):
            return None
        rows = sorted(rows, key=lambda row: row.number or 0)
    paths = [row.path for row in rows]
    if all(paths) and len(set(paths)) == len(paths):
        rows = sorted(rows, key=lambda row: row.path)
    else:
        paths = []
    frames = [root]
    for at, row in enumerate(rows):
        kind = "selfdestruct" if row.kind == "suicide" else row.kind
        path = row.path if paths else (at,)
        to = None if row.failed and kind.startswith("create") else row.to
        frames.append(Frame(path, kind, row.sender, to, row.amount, row.failed))
    return Trace(tuple(frames))
