"""Values of Ethereum's JSON-RPC, read strictly: hex quantities, hashes, addresses, data. All of it is hostile.

Every function takes what stood in the answer and the name of the field, and raises ProviderError for anything that is
not exactly the expected form: a float, a negative number, a number of more than 256 bits, a hash with a digit too few.
Forms: ethereum.github.io/execution-apis, "Hex value encoding". Leading zeros of a quantity are let pass: they change
no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tracer.errors import ProviderError, shown

__all__ = [
    "address",
    "array",
    "data",
    "digest",
    "integer",
    "moment",
    "nonsense",
    "optional_address",
    "quantity",
    "record",
    "topic_address",
]

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DIGEST = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_SMALL = 2**53
_PADDING = "0x" + "0" * 24


def nonsense(field: str, value: object) -> ProviderError:
    """The error for an answer whose `field` is `value`."""
    return ProviderError(
        f"The provider answered nonsense: {field} is {shown(value)}.",
        "Ask again later, or ask another provider.",
    )


def record(value: object, field: str) -> Mapping[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise nonsense(field, value)
    return value


def array(value: object, field: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise nonsense(field, value)
    return value


def quantity(value: object, field: str) -> int:
    """A hex quantity of at most 256 bits."""
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise nonsense(field, value)
    return int(value, 16)


def integer(value: object, field: str) -> int:
    """A place in the chain (block, index): a hex quantity or a JSON integer, below 2^53."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else quantity(value, field)
    if not 0 <= number < _SMALL:
        raise nonsense(field, value)
    return number


def moment(value: object, field: str) -> int:
    """UTC seconds before 2106-02-07 (2^32): a later time is one in milliseconds, and no calendar shows it."""
    number = integer(value, field)
    if number >= 1 << 32:
        raise nonsense(field, value)
    return number


def digest(value: object, field: str) -> str:
    """A 32-byte hash, in lower case."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise nonsense(field, value)
    return value.lower()


def address(value: object, field: str) -> str:
    """An address, in lower case."""
    if not isinstance(value, str) or _ADDRESS.fullmatch(value) is None:
        raise nonsense(field, value)
    return value.lower()


def optional_address(value: object, field: str) -> str | None:
    """An address or null."""
    return None if value is None else address(value, field)


def data(value: object, field: str) -> bytes:
    """Bytes of any length."""
    if not isinstance(value, str) or _DATA.fullmatch(value) is None:
        raise nonsense(field, value)
    return bytes.fromhex(value[2:])


def topic_address(topic: str) -> str | None:
    """The address that a topic (32 bytes, lower case) holds; None if its padding is not zero."""
    return "0x" + topic[26:] if topic.startswith(_PADDING) else None
