"""EIP-55 spelling of Ethereum addresses, for many addresses at once.

The capital letters of an EIP-55 address are a checksum: a hex letter is upper case where the Keccak-256 hash of the
lower-case address has a nibble of 8 or more (https://eips.ethereum.org/EIPS/eip-55). One hash in Python costs about
30 us, so whole tables are hashed here as numpy lanes; short lists go through eth-hash. This module knows nothing
of chains or errors: it only spells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from eth_hash.auto import keccak

__all__ = ["spell"]

_FEW = 64  # below this many addresses the numpy set-up costs more than it saves
_CHUNK = 2048  # lanes of one chunk (400 kB) stay in the processor's cache

# FIPS 202: round constants, rotation offsets (lane x + 5y) and where each lane goes in the pi step.
_ROUNDS = (
    "0000000000000001 0000000000008082 800000000000808a 8000000080008000 000000000000808b 0000000080000001 "
    "8000000080008081 8000000000008009 000000000000008a 0000000000000088 0000000080008009 000000008000000a "
    "000000008000808b 800000000000008b 8000000000008089 8000000000008003 8000000000008002 8000000000000080 "
    "000000000000800a 800000008000000a 8000000080008081 8000000000008080 0000000080000001 8000000080008008"
)
_ROUND_CONSTANTS = [np.uint64(int(word, 16)) for word in _ROUNDS.split()]
_ROTATIONS = np.array(
    [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14],
    dtype=np.uint64,
)[:, None]
_BACK_ROTATIONS = (np.uint64(64) - _ROTATIONS) % np.uint64(64)
_FROM = np.array([(x + 3 * y) % 5 + 5 * x for y in range(5) for x in range(5)])


def spell(addresses: Sequence[str]) -> list[str]:
    """The EIP-55 form of each address. Each must be `0x` and 40 lower-case hex digits; the caller has checked."""
    if len(addresses) < _FEW:
        return [_spell_one(address) for address in addresses]
    result: list[str] = []
    for start in range(0, len(addresses), _CHUNK):
        result.extend(_spell_chunk(addresses[start : start + _CHUNK]))
    return result


def _spell_one(address: str) -> str:
    digest = keccak(address[2:].encode("ascii")).hex()
    letters = (c.upper() if h >= "8" else c for c, h in zip(address[2:], digest, strict=False))
    return "0x" + "".join(letters)


def _spell_chunk(addresses: Sequence[str]) -> list[str]:
    text = np.frombuffer("".join(a[2:] for a in addresses).encode("ascii"), dtype=np.uint8).reshape(-1, 40)
    state = np.zeros((25, len(addresses)), dtype=np.uint64)
    state[:5] = text.view("<u8").T
    state[5] = 0x01  # Keccak padding: 0x01 after the 40 bytes, 0x80 in the last byte of the 136-byte block
    state[16] = np.uint64(0x80) << np.uint64(56)
    digest = np.ascontiguousarray(_permute(state)[:3].T).astype("<u8").view(np.uint8)[:, :20]
    nibbles = np.empty((len(addresses), 40), dtype=np.uint8)
    nibbles[:, 0::2] = digest >> 4
    nibbles[:, 1::2] = digest & 15
    upper = (nibbles >= 8) & (text >= ord("a"))
    spelt = np.where(upper, text - np.uint8(32), text).tobytes().decode("ascii")
    return ["0x" + spelt[i : i + 40] for i in range(0, len(spelt), 40)]


def _permute(state: np.ndarray) -> np.ndarray:
    """Keccak-f[1600] on (25, n) lanes."""
    one, top = np.uint64(1), np.uint64(63)
    for constant in _ROUND_CONSTANTS:
        cube = state.reshape(5, 5, -1)
        column = np.bitwise_xor.reduce(cube, axis=0)
        ahead = np.roll(column, -1, axis=0)
        cube = cube ^ (np.roll(column, 1, axis=0) ^ ((ahead << one) | (ahead >> top)))
        lanes = cube.reshape(25, -1)
        moved = ((lanes << _ROTATIONS) | (lanes >> _BACK_ROTATIONS))[_FROM].reshape(5, 5, -1)
        state = (moved ^ (~np.roll(moved, -1, axis=1) & np.roll(moved, -2, axis=1))).reshape(25, -1)
        state[0] ^= constant
    return state
