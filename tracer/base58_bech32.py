"""Checksummed text codes of Bitcoin and Tron addresses: Base58Check and Bech32/Bech32m.

Sources: Base58Check as in Bitcoin Core's base58.cpp; BIP-173 (bech32), BIP-350 (bech32m). Pure functions on text;
they say only whether the checksum holds and what is inside, or write it down, never which chain an address belongs to.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["base58check_decode", "base58check_encode", "segwit_decode", "segwit_encode"]

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANT = 1
_BECH32M_CONSTANT = 0x2BC830A3


def base58check_decode(text: str) -> bytes | None:
    """The payload (version byte first) of a Base58Check string; None if a character or the checksum is wrong."""
    if not text or len(text) > 90:
        return None
    number = 0
    for character in text:
        digit = _BASE58.find(character)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = data[:-4], data[-4:]
    if len(data) < 5 or sha256(sha256(payload).digest()).digest()[:4] != checksum:
        return None
    return payload


def base58check_encode(payload: bytes) -> str:
    """The Base58Check string of a payload (version byte first)."""
    data = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, digits = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + "".join(reversed(digits))


def segwit_decode(prefix: str, text: str) -> tuple[int, bytes] | None:
    """Witness version and program of a segwit address with human-readable part `prefix`; None if it is none."""
    lower = text.lower()
    if text not in (lower, text.upper()) or len(text) > 90 or not lower.startswith(prefix + "1"):
        return None
    values = [_BECH32.find(c) for c in lower[len(prefix) + 1 :]]
    if len(values) < 7 or min(values) < 0:
        return None
    constant = _polymod([ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values)
    version, program = values[0], _eight_bits(values[1:-6])
    wanted = _BECH32_CONSTANT if version == 0 else _BECH32M_CONSTANT
    if constant != wanted or program is None or version > 16 or not 2 <= len(program) <= 40:
        return None
    if version == 0 and len(program) not in (20, 32):
        return None
    return version, program


def segwit_encode(prefix: str, version: int, program: bytes) -> str:
    """The segwit address of a witness version (0 to 16) and program (2 to 40 bytes)."""
    values = [version, *_five_bits(program)]
    constant = _BECH32M_CONSTANT if version else _BECH32_CONSTANT
    check = _polymod([ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values + [0] * 6)
    values += [(check ^ constant) >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_BECH32[value] for value in values)}"


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            check ^= generator if top >> i & 1 else 0
    return check


def _eight_bits(values: list[int]) -> bytes | None:
    """Groups of five bits as bytes; None if the padding is not zero or too long."""
    number = 0
    for value in values:
        number = number << 5 | value
    spare = len(values) * 5 % 8
    if spare >= 5 or number & ((1 << spare) - 1):
        return None
    return (number >> spare).to_bytes(len(values) * 5 // 8, "big")


def _five_bits(data: bytes) -> list[int]:
    """Bytes as groups of five bits, padded with zeros at the end."""
    groups = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << (groups * 5 - len(data) * 8)
    return [number >> 5 * (groups - 1 - place) & 31 for place in range(groups)]
