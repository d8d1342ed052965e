"""The work of a block header of Bitcoin's main network: what it states and carries, and the least that is believed.

A header states its own target, so a header that meets it proves nothing by itself: anybody makes one with an easy
target in a moment. What the network demanded at some heights is public. A header at or above such a height, or dated a
day or more after such a block, may have at most four times the target of that block: it must carry a quarter of the
work. The difficulty never fell that far below an earlier one of the table; if it ever does, honest blocks are refused
with an error and not read wrongly. A header is still no proof that its block is in the chain: what the real chain
demands exactly follows from all headers before it, which are not read here.

Sources: the compact target (`bits`) and the time in the headers of the blocks named below, as any node
(`getblockheader`) and any block explorer gives them; Bitcoin Core, src/pow.cpp (CheckProofOfWork: no target that is
negative, zero, too large for 256 bits or above the limit of the network) and src/kernel/chainparams.cpp (powLimit).
"""

from __future__ import annotations

from tracer.chains.bitcoin_bytes import Header

__all__ = ["target_of", "worked"]

_EASIEST = 0x1D00FFFF
_KNOWN = (  # height, time of the header (UTC seconds), bits
    (100_000, 1_293_623_863, 0x1B04864C),
    (200_000, 1_348_310_759, 0x1A05DB8B),
    (300_000, 1_399_703_554, 0x1900896C),
    (400_000, 1_456_417_484, 0x1806B99F),
    (500_000, 1_513_622_125, 0x18009645),
    (700_000, 1_631_333_672, 0x170F48E4),
    (800_000, 1_690_168_629, 0x17053894),
    (840_000, 1_713_571_767, 0x17034219),
)
_MARGIN = 4
_DAY = 86_400  # a header may be dated up to two hours ahead of the network's time


def target_of(bits: int) -> int:
    """The target that a compact one stands for; 0 (which no hash meets) for one that is negative or above 256 bits."""
    size, word = bits >> 24, bits & 0x7FFFFF
    target = word << 8 * (size - 3) if size >= 3 else word >> 8 * (3 - size)
    return 0 if bits & 0x800000 or target >= 1 << 256 else target


def worked(header: Header, block: int) -> bool:
    """Whether the header meets its target, and the target is one that the main network can have had at that height."""
    target = target_of(header.bits)
    return int(header.hash, 16) <= target <= _most(block, header.time)


def _most(block: int, time: int) -> int:
    """The easiest target that is believed of a block of that height and time."""
    known = [target_of(_EASIEST)]
    known += [
        _MARGIN * target_of(bits) for height, at, bits in _KNOWN if block >= height or time >= at + _DAY
    ]
    return min(known)
