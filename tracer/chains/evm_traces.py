"""Traces of one transaction as payments of the chain's own coin, in the order of execution.

Two forms are read: the flat list of `trace_transaction` (openethereum.github.io, trace module) and the tree of
`debug_traceTransaction` with the callTracer (geth.ethereum.org, built-in tracers). Both give the same payments.

A frame that failed takes back everything below it, even where the frames below show no error. DELEGATECALL and
STATICCALL move nothing although a value is repeated there; CALLCODE pays from an account to itself. Frames without
value are no payments. A frame is called by the account that runs in the frame above; a trace in which it is not is not
believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tracer.chains.evm_blocks import other
from tracer.chains.evm_values import address, array, digest, integer, optional_address, quantity, record
from tracer.errors import ProviderError

__all__ = ["DEEPEST", "Frame", "Payment", "Trace", "payments", "read_flat", "read_tree"]

DEEPEST = 1100
"""Frames below each other: the chain allows 1,024 calls."""

_MOVES = {"call", "create", "create2", "suicide", "selfdestruct"}
_STILL = {"delegatecall", "staticcall", "callcode"}
_BORROWS = {"delegatecall", "callcode"}  # code of another account, run as the caller


@dataclass(frozen=True, slots=True)
class Frame:
    """One call. path: place in the tree. kind: lower case. to: None for a creation that failed."""

    path: tuple[int, ...]
    kind: str
    sender: str
    to: str | None
    value: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Payment:
    """Coin that an inner call moved. destroyed: by a contract that ends itself. born: the payer was made in the same
    transaction.
    """

    sender: str
    to: str
    amount: int
    destroyed: bool
    born: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """All frames of a transaction in the order of execution; the first is the transaction itself."""

    frames: tuple[Frame, ...]

    @property
    def root(self) -> Frame:
        """The frame of the transaction itself."""
        return self.frames[0]


def read_flat(value: object, tx_hash: str, block_hash: str) -> Trace | None:
    """The answer of `trace_transaction`; None where the node has no trace of it. Raises ProviderError."""
    frames = []
    for member in array(value, "a trace") if value is not None else []:
        raw = record(member, "a frame")
        if raw.get("transactionHash") is not None:
            of = digest(raw["transactionHash"], "the transaction of a frame")
            if of != tx_hash:
                raise other("the transaction of a frame", tx_hash, of)
        if raw.get("blockHash") is not None:
            stands = digest(raw["blockHash"], "the block of a frame")
            if stands != block_hash:
                raise other("the block of a frame", block_hash, stands)
        frames.append(_flat_frame(raw))
    return _checked(frames)


def _flat_frame(raw: object) -> Frame:
    fields = record(raw, "a frame")
    path = tuple(
        integer(step, "a trace address") for step in array(fields.get("traceAddress"), "traceAddress")
    )
    if len(path) > DEEPEST:
        raise ProviderError("The provider answered nonsense: a call deeper than the chain allows.")
    kind, action = str(fields.get("type")).lower(), record(fields.get("action"), "an action")
    failed = fields.get("error") is not None
    if kind in {"suicide", "selfdestruct"}:
        return Frame(
            path,
            "selfdestruct",
            address(action.get("address"), "the address of a frame"),
            address(action.get("refundAddress"), "the heir of a contract"),
            quantity(action.get("balance"), "the balance of a contract"),
            failed,
        )
    sender = address(action.get("from"), "the payer of a frame")
    value = quantity(action.get("value") or "0x0", "the value of a frame")
    if kind == "create":
        result = fields.get("result")
        made = record(result, "a result").get("address") if result is not None else None
        return Frame(
            path, kind, sender, None if failed else address(made, "a created contract"), value, failed
        )
    if kind != "call":
        raise ProviderError(f"The provider answered nonsense: a frame of the unknown type {kind[:40]!r}.")
    kind = str(action.get("callType") or "call").lower()
    return Frame(path, kind, sender, address(action.get("to"), "the payee of a frame"), value, failed)


def read_tree(value: object) -> Trace | None:
    """The answer of `debug_traceTransaction` with the callTracer; None where the node has no trace of it, or another
    tracer only (whose answer has `structLogs` instead). Raises ProviderError.
    """
    if value is None or (isinstance(value, dict) and "structLogs" in value):
        return None
    frames = []
    waiting: list[tuple[tuple[int, ...], object]] = [((), value)]
    while waiting:
        path, member = waiting.pop()
        if len(path) > DEEPEST:
            raise ProviderError("The provider answered nonsense: a call deeper than the chain allows.")
        raw = record(member, "a frame")
        kind = str(raw.get("type")).lower()
        failed = raw.get("error") is not None
        sender = address(raw.get("from"), "the payer of a frame")
        to = optional_address(raw.get("to"), "the payee of a frame")
        amount = quantity(raw.get("value") or "0x0", "the value of a frame")
        frames.append(Frame(path, kind, sender, to, amount, failed))
        inner = array([] if raw.get("calls") is None else raw["calls"], "the calls of a frame")
        waiting += [((*path, place), call) for place, call in enumerate(inner)]
    return _checked(frames)


def _checked(frames: list[Frame]) -> Trace | None:
    """The frames in order; None if there are none or if they contradict each other, so that they prove nothing."""
    ordered = sorted(frames, key=lambda frame: frame.path)
    if not ordered or ordered[0].path or len({frame.path for frame in ordered}) != len(ordered):
        return None
    running: dict[tuple[int, ...], tuple[Frame, str | None]] = {}
    for place, frame in enumerate(ordered):
        if frame.kind not in _MOVES | _STILL:
            return None
        if frame.path:
            above = running.get(frame.path[:-1])
            fitting = None if above is None else _within(frame, *above)
            if fitting is None:
                return None
            ordered[place] = frame = fitting
        running[frame.path] = (frame, frame.sender if frame.kind in _BORROWS else frame.to)
    return Trace(tuple(ordered))


def _within(frame: Frame, above: Frame, account: str | None) -> Frame | None:
    """`frame`, called while `account` ran in the frame `above`; None if somebody else is said to have called.

    Nodes built on revm (anvil, Reth) repeat the ends and the value of the call itself where a contract names itself
    heir and is not destroyed (EIP-6780), or zeros: nothing moved there.
    """
    if account is None or frame.sender == account:
        return frame
    if frame.kind == "selfdestruct" and (
        not frame.value or (frame.sender, frame.to) == (above.sender, account)
    ):
        return replace(frame, sender=account, to=account, value=0)
    return None


def payments(trace: Trace) -> Iterator[Payment]:
    """What inner calls moved, in the order of execution; the transaction's own value is not among it."""
    born: set[str] = set()
    taken_back: tuple[int, ...] | None = None
    for frame in trace.frames:
        if taken_back is not None and frame.path[: len(taken_back)] == taken_back:
            continue
        taken_back = None
        if frame.failed:
            taken_back = frame.path
            continue
        if frame.kind.startswith("create") and frame.to is not None:
            born.add(frame.to)
        if frame.path and frame.value and frame.kind in _MOVES:
            if frame.to is None:
                raise ProviderError("The provider answered nonsense: a payment to nobody.")
            yield Payment(
                frame.sender, frame.to, frame.value, frame.kind == "selfdestruct", frame.sender in born
            )
