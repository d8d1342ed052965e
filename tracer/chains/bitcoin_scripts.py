"""Output scripts of Bitcoin: which address they are shown as, what kind they are, and the script that an address means.

The patterns are those of Bitcoin Core's `Solver` (script/standard.cpp); addresses as in BIP-13 (P2SH), BIP-141 and
BIP-173 (version 0), BIP-341 and BIP-350 (version 1 and up). P2PK, bare multisig, OP_RETURN and anything else have no
address. The human-readable part is always that of the main network: scripts do not know their network.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

from tracer.base58_bech32 import base58check_decode, base58check_encode, segwit_decode, segwit_encode
from tracer.errors import AddressError, shown
from tracer.utxo import Script

__all__ = ["PREFIX", "Told", "hash_of_owner", "read_script", "script_hash", "script_of"]

PREFIX = "bc"
_P2PKH, _P2SH = b"\x00", b"\x05"
_RETURN, _CHECKSIG, _CHECKMULTISIG = 0x6A, 0xAC, 0xAE
_KEY_SIZES = {2: 33, 3: 33, 4: 65, 6: 65, 7: 65}
"""Length of a public key by its first byte (6 and 7: the hybrid form)."""


class Told(NamedTuple):
    """What a script says. address: "" if it has none. op_return: hex of the pushed data, "" if there is none."""

    address: str
    kind: Script
    op_return: str = ""


@lru_cache(maxsize=65_536)
def read_script(script: bytes) -> Told:
    """What an output script (scriptPubKey) says. Never fails: what is not known is `Script.UNKNOWN`."""
    size = len(script)
    if size == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return Told(base58check_encode(_P2PKH + script[3:23]), Script.P2PKH)
    if size == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return Told(base58check_encode(_P2SH + script[2:22]), Script.P2SH)
    version = _witness_version(script)
    if version is not None:
        return _witness(version, script[2:])
    if size and script[0] == _RETURN:
        return Told("", Script.OP_RETURN, b"".join(_pushes(script[1:])).hex())
    if size > 2 and script[-1] == _CHECKSIG and script[0] == size - 2 and _is_key(script[1:-1]):
        return Told("", Script.P2PK)
    return Told("", Script.MULTISIG if _is_multisig(script) else Script.UNKNOWN)


def script_of(address: str) -> bytes:
    """The output script that a Bitcoin address stands for. Raises AddressError for what is none."""
    segwit = segwit_decode(PREFIX, address)
    if segwit is not None:
        version, program = segwit
        return bytes([version + 0x50 if version else 0, len(program)]) + program
    payload = base58check_decode(address)
    if payload is not None and len(payload) == 21 and payload[:1] == _P2PKH:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    if payload is not None and len(payload) == 21 and payload[:1] == _P2SH:
        return b"\xa9\x14" + payload[1:] + b"\x87"
    raise AddressError(f"{shown(address)} is not an address of Bitcoin.", "Compare it with your source.")


def script_hash(script: bytes) -> str:
    """How Electrum servers name a script: sha256, bytes reversed (Electrum protocol, "Script hashes")."""
    return hashlib.sha256(script).digest()[::-1].hex()


def hash_of_owner(name: str) -> str:
    """The script hash of an address, or of the owner of a script that has none (`script:` and the hash).

    Raises AddressError for what is neither.
    """
    kind, _, digest = name.partition(":")
    return digest if kind == "script" and len(digest) == 64 else script_hash(script_of(name))


def _witness_version(script: bytes) -> int | None:
    """The witness version of a witness program (BIP-141), None if the script is none."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2:
        return None
    if script[0] == 0:
        return 0 if len(script) in (22, 34) else None
    return script[0] - 0x50 if 0x51 <= script[0] <= 0x60 else None


def _witness(version: int, program: bytes) -> Told:
    kinds = {(0, 20): Script.P2WPKH, (0, 32): Script.P2WSH, (1, 32): Script.P2TR}
    return Told(segwit_encode(PREFIX, version, program), kinds.get((version, len(program)), Script.UNKNOWN))


def _is_key(data: bytes) -> bool:
    return bool(data) and _KEY_SIZES.get(data[0]) == len(data)


def _is_multisig(script: bytes) -> bool:
    """m, keys, n, OP_CHECKMULTISIG."""
    if len(script) < 3 or script[-1] != _CHECKMULTISIG:
        return False
    most, least = script[-2] - 0x50, script[0] - 0x50
    body, keys = script[1:-2], 0
    while body and _is_key(body[1 : 1 + body[0]]):
        body, keys = body[1 + body[0] :], keys + 1
    return not body and 1 <= least <= most == keys <= 16


def _pushes(code: bytes) -> list[bytes]:
    """The data that a script pushes, up to the first operation that pushes none or is cut short."""
    found, at = [], 0
    while at < len(code):
        operation, at = code[at], at + 1
        if operation <= 0x4B:
            size = operation
        elif operation <= 0x4E:
            width = 1 << (operation - 0x4C)
            size, at = int.from_bytes(code[at : at + width], "little"), at + width
        else:
            break
        if at + size > len(code):
            break
        found.append(code[at : at + size])
        at += size
    return found
