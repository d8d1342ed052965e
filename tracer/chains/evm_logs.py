"""Logs of a receipt as token movements: transfers, mints, burns, wraps, issuers' acts.

A token movement is an ERC-20 Transfer with exactly three topics and 32 bytes of data. With four topics it is an
ERC-721 token: it has no amount and is only counted, like ERC-1155. Any other shape is a gap, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from eth_hash.auto import keccak

from tracer.addresses import ZERO_ADDRESS
from tracer.chains.evm_blocks import Log
from tracer.chains.evm_contracts import (
    DEPOSIT,
    DESTROYED,
    ISSUE,
    MANY_ITEMS,
    NATIVE_LOGGERS,
    REDEEM,
    SINGLE_ITEM,
    TRANSFER,
    USDT,
    WITHDRAWAL,
    WRAPPED,
)
from tracer.chains.evm_values import topic_address
from tracer.model import Gap, Kind

__all__ = ["Moved", "destroyed", "is_unique", "lacks_logs", "read_logs"]

_WORD = 32
_BLOOM = 256


@dataclass(frozen=True, slots=True)
class Moved:
    """A token movement told by a log. "" as sender or recipient is the outside."""

    index: int
    sender: str
    to: str
    asset: str
    amount: int
    kind: Kind


def read_logs(chain: str, logs: Sequence[Log]) -> Iterator[Moved | Gap]:
    """What the logs of one transaction moved, in order; a Gap for each that cannot be read."""
    for log in logs:
        if not log.topics or log.address in NATIVE_LOGGERS:
            continue
        first = log.topics[0]
        if first == TRANSFER and not is_unique(log):
            yield _transfer(chain, log)
        elif first in {DEPOSIT, WITHDRAWAL} and log.address == WRAPPED.get(chain):
            yield _wrap(chain, log)
        elif first in {DESTROYED, ISSUE, REDEEM} and log.address == USDT.get(chain):
            yield _issuer(chain, log)


def lacks_logs(logs: Sequence[Log], bloom: bytes) -> bool:
    """Whether a receipt shows that logs of it are missing: their numbers have a hole, or its summary names what no log
    holds. Logs of a transaction are numbered one after the other; the summary has three bits for every address and
    topic (Yellow Paper, section 4.3.1). A provider that gives no summary, or an empty one, proves nothing.
    """
    if any(after.index != before.index + 1 for before, after in pairwise(logs)):
        return True
    held = 0
    for log in logs:
        for text in (log.address, *log.topics):
            held |= _bits(text)
    return len(bloom) == _BLOOM and bool(int.from_bytes(bloom, "big") & ~held)


@lru_cache(maxsize=100_000)
def _bits(text: str) -> int:
    digest = keccak(bytes.fromhex(text[2:]))
    return sum({1 << (int.from_bytes(digest[at : at + 2], "big") % (8 * _BLOOM)) for at in (0, 2, 4)})


def is_unique(log: Log) -> bool:
    """Whether the log moves single tokens (ERC-721, ERC-1155), which are no amounts."""
    if not log.topics:
        return False
    return (log.topics[0] == TRANSFER and len(log.topics) == 4) or log.topics[0] in {
        SINGLE_ITEM,
        MANY_ITEMS,
    }


def destroyed(chain: str, log: Log) -> str | None:
    """Whose tokens a log of TetherToken's `destroyBlackFunds` took away; None if it is no such log."""
    if not log.topics or log.topics[0] != DESTROYED or log.address != USDT.get(chain):
        return None
    found = _issuer(chain, log)
    return found.sender if isinstance(found, Moved) else None


def _transfer(chain: str, log: Log) -> Moved | Gap:
    ends = [topic_address(topic) for topic in log.topics[1:]]
    if len(ends) != 2 or None in ends or len(log.data) != _WORD:
        return _unreadable(chain, log, "a Transfer")
    sender, to = str(ends[0]), str(ends[1])
    amount = int.from_bytes(log.data, "big")
    if sender == ZERO_ADDRESS:
        return Moved(log.index, "", to, log.address, amount, Kind.MINT)
    if to == ZERO_ADDRESS:
        return Moved(log.index, sender, "", log.address, amount, Kind.BURN)
    return Moved(log.index, sender, to, log.address, amount, Kind.TOKEN)


def _wrap(chain: str, log: Log) -> Moved | Gap:
    owner = topic_address(log.topics[1]) if len(log.topics) == 2 else None
    if owner is None or len(log.data) != _WORD:
        return _unreadable(chain, log, "a wrap")
    amount = int.from_bytes(log.data, "big")
    if log.topics[0] == DEPOSIT:
        return Moved(log.index, "", owner, log.address, amount, Kind.WRAP)
    return Moved(log.index, owner, "", log.address, amount, Kind.UNWRAP)


def _issuer(chain: str, log: Log) -> Moved | Gap:
    """TetherToken names the address in the data on Ethereum; other deployments have it as a topic."""
    words = list(log.topics[1:]) + [
        "0x" + log.data[at : at + _WORD].hex() for at in range(0, len(log.data), _WORD)
    ]
    whole = len(log.data) % _WORD == 0
    if log.topics[0] == DESTROYED:
        owner = topic_address(words[0]) if whole and len(words) == 2 else None
        if owner is None:
            return _unreadable(chain, log, "an issuer's act")
        return Moved(log.index, owner, "", log.address, int(words[1], 16), Kind.ISSUER)
    if not whole or len(words) != 1:
        return _unreadable(chain, log, "an issuer's act")
    verb = "made" if log.topics[0] == ISSUE else "took back"
    return Gap(
        "issuer_without_account",
        f"The issuer {verb} tokens; the event (log {log.index}) does not say whose balance changed.",
        chain=chain,
        asset=log.address,
        amount=int(words[0], 16),
        tx=log.tx_hash,
    )


def _unreadable(chain: str, log: Log, what: str) -> Gap:
    return Gap(
        "unreadable_log",
        f"Log {log.index} looks like {what} but has {len(log.topics)} topics and {len(log.data)} bytes of data: "
        f"if it moved tokens, that movement is missing.",
        chain=chain,
        asset=log.address,
        tx=log.tx_hash,
    )
