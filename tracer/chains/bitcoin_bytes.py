"""Transactions and block headers of Bitcoin from their bytes, and the proofs that bind them together.

A provider is not believed where bytes can be checked: a transaction is the one that was asked for if it hashes to its
id, it stands in a block if its merkle branch ends in the root of the header, and a header is a block's if it hashes to
the block's hash. Amounts of inputs come from the transactions that made them, checked in the same way, because an id
commits to the ids and outputs of all that came before.

Written here rather than taken from a library because a reader for evidence refuses what a wallet's reader lets pass
(bytes left over, impossible amounts, inner nodes of merkle trees that look like transactions). Format: BIP-144 and
developer.bitcoin.org/reference (transactions, block headers). No chain is asked here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracer.errors import ProviderError
from tracer.utxo import Outpoint

__all__ = [
    "MOST_SAT",
    "Header",
    "RawOutput",
    "RawTransaction",
    "double_sha256",
    "header_bytes",
    "merkle_root",
    "read_header",
    "read_transaction",
    "root_of",
    "serialized",
]

MOST_SAT = 21_000_000 * 10**8
"""No amount and no sum of outputs is larger (Bitcoin Core, consensus/amount.h)."""

_NULL = bytes(32)
_INNER_NODE = 64


@dataclass(frozen=True, slots=True)
class RawOutput:
    """amount: sat. script: scriptPubKey."""

    amount: int
    script: bytes


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """A transaction as its bytes say.

    inputs: (outpoint, sequence), empty for a coinbase. coinbase: its scriptSig, empty for other transactions.
    """

    txid: str
    version: int
    locktime: int
    inputs: tuple[tuple[Outpoint, int], ...]
    outputs: tuple[RawOutput, ...]
    coinbase: bytes = b""


@dataclass(frozen=True, slots=True)
class Header:
    """A block header. hash, previous, root: 64 hex digits in display order. time: UTC seconds. bits: compact target."""

    hash: str
    previous: str
    root: str
    time: int
    bits: int


def double_sha256(data: bytes) -> bytes:
    """sha256 of sha256, in the order of the wire."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


class _Bytes:
    """Bytes that are read from the front. Raises IndexError when they end too soon."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise IndexError("cut short")
        part, self.at = self.data[self.at : end], end
        return part

    def number(self, width: int) -> int:
        """The next little-endian number."""
        return int.from_bytes(self.take(width), "little")

    def count(self) -> int:
        """The next CompactSize."""
        first = self.number(1)
        if first < 0xFD:
            return first
        return self.number(1 << (first - 0xFC))


@lru_cache(maxsize=4096)
def read_transaction(data: bytes, txid: str) -> RawTransaction:
    """The transaction `txid` from its serialization, with or without witness.

    Raises ProviderError for bytes that are not exactly that transaction. What many addresses share is read once.
    """
    try:
        found = _transaction(data)
    except IndexError:
        raise _wrong(txid, "its bytes are cut short or are no transaction") from None
    if found.txid != txid:
        raise _wrong(txid, f"its bytes are those of {found.txid}")
    if sum(output.amount for output in found.outputs) > MOST_SAT:
        raise _wrong(txid, "it pays more than 21 million coins")
    return found


def _transaction(data: bytes) -> RawTransaction:
    source = _Bytes(data)
    version = int.from_bytes(source.take(4), "little", signed=True)
    witness = data[4:6] == b"\x00\x01"
    if witness:
        source.take(2)
    begin = source.at
    spent = [_input(source) for _ in range(source.count())]
    outputs = [_output(source) for _ in range(source.count())]
    end = source.at
    if witness:
        for _ in spent:
            for _ in range(source.count()):
                source.take(source.count())
    locktime = source.number(4)
    stripped = data[:4] + data[begin:end] + data[-4:]
    if source.at != len(data) or not spent or not outputs or len(stripped) == _INNER_NODE:
        raise IndexError("no transaction")  # 64 bytes could be two hashes of a merkle tree (CVE-2017-12842)
    coinbase = len(spent) == 1 and spent[0][0] == Outpoint(_NULL.hex(), 0xFFFFFFFF)
    inputs = tuple((outpoint, sequence) for outpoint, _, sequence in spent)
    return RawTransaction(
        double_sha256(stripped)[::-1].hex(),
        version,
        locktime,
        () if coinbase else inputs,
        tuple(outputs),
        spent[0][1] if coinbase else b"",
    )


def _input(source: _Bytes) -> tuple[Outpoint, bytes, int]:
    outpoint = Outpoint(source.take(32)[::-1].hex(), source.number(4))
    return outpoint, source.take(source.count()), source.number(4)


def _output(source: _Bytes) -> RawOutput:
    return RawOutput(source.number(8), source.take(source.count()))


def serialized(
    version: int,
    inputs: Sequence[tuple[Outpoint, bytes, int]],
    outputs: Sequence[RawOutput],
    locktime: int,
) -> bytes:
    """A transaction without witness as bytes, which its id is the hash of. inputs: (outpoint, scriptSig, sequence).

    Raises OverflowError for numbers that do not fit.
    """
    parts = [version.to_bytes(4, "little", signed=True), _compact(len(inputs))]
    for outpoint, script, sequence in inputs:
        parts += [bytes.fromhex(outpoint.txid)[::-1], outpoint.vout.to_bytes(4, "little")]
        parts += [_compact(len(script)), script, sequence.to_bytes(4, "little")]
    parts.append(_compact(len(outputs)))
    for output in outputs:
        parts += [output.amount.to_bytes(8, "little"), _compact(len(output.script)), output.script]
    return b"".join([*parts, locktime.to_bytes(4, "little")])


def _compact(number: int) -> bytes:
    if number < 0xFD:
        return bytes([number])
    width = 2 if number < 1 << 16 else 4
    return bytes([0xFC + width.bit_length() - 1]) + number.to_bytes(width, "little")


def header_bytes(version: int, previous: str, root: str, time: int, bits: int, nonce: int) -> bytes:
    """A block header as its 80 bytes, which the hash of the block is the hash of. All numbers of 32 bits."""
    words = [version.to_bytes(4, "little"), bytes.fromhex(previous)[::-1], bytes.fromhex(root)[::-1]]
    return b"".join([*words, *(word.to_bytes(4, "little") for word in (time, bits, nonce))])


def read_header(data: bytes) -> Header:
    """A block header from its 80 bytes. Raises ProviderError for another length."""
    if len(data) != 80:
        raise ProviderError("The provider gave a block header that is none.", "Ask another provider.")
    return Header(
        hash=double_sha256(data)[::-1].hex(),
        previous=data[4:36][::-1].hex(),
        root=data[36:68][::-1].hex(),
        time=int.from_bytes(data[68:72], "little"),
        bits=int.from_bytes(data[72:76], "little"),
    )


def merkle_root(txid: str, branch: Sequence[str], index: int) -> str:
    """The root that a merkle branch (hashes, deepest first, in display order) leads to from a transaction at `index`.

    Raises ProviderError for a branch that cannot be one. The last hash of an uneven row is paired with itself, so
    an index in the repeated half would be a place that does not exist (CVE-2012-2459).
    """
    here, place = bytes.fromhex(txid)[::-1], index
    for text in branch:
        other = bytes.fromhex(text)[::-1]
        if len(other) != 32 or (place & 1 and other == here):
            raise _wrong(txid, "its merkle branch is none")
        here = double_sha256(other + here if place & 1 else here + other)
        place >>= 1
    if place:
        raise _wrong(txid, f"it cannot be number {index} of its block")
    return here[::-1].hex()


def root_of(txids: Sequence[str]) -> str:
    """The merkle root of a whole block. Ids that stand twice may have the root of another block (CVE-2012-2459)."""
    row = [bytes.fromhex(txid)[::-1] for txid in txids]
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        row = [double_sha256(left + right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0][::-1].hex()


def _wrong(txid: str, why: str) -> ProviderError:
    return ProviderError(
        f"The provider's transaction {txid} is not to be believed: {why}.", "Ask another provider."
    )
