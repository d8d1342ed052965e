"""Values in the answers of Bitcoin providers: strict, exact, with an error that says which one is wrong."""

from __future__ import annotations

import re

from tracer.chains.bitcoin_bytes import MOST_SAT, Header, merkle_root
from tracer.chains.bitcoin_facts import Place
from tracer.chains.bitcoin_history import Entry
from tracer.chains.bitcoin_work import worked
from tracer.chains.endpoint import Endpoint
from tracer.errors import ProviderError, ProviderStopError, shown

__all__ = [
    "array",
    "check_chain",
    "check_work",
    "digest",
    "hexadecimal",
    "number",
    "place_in",
    "record",
    "sat",
]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_BRANCH = 32


def record(value: object, what: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise _wrong(value, what)
    return value


def array(value: object, what: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise _wrong(value, what)
    return value


def number(value: object, what: str, most: int = (1 << 31) - 1) -> int:
    """A whole number from 0 to `most`: heights, places, counts, indexes."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _wrong(value, what)
    return value


def sat(value: object, what: str) -> int:
    """An amount in sat."""
    return number(value, what, MOST_SAT)


def digest(value: object, what: str) -> str:
    """64 lower-case hex digits."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise _wrong(value, what)
    return value


def hexadecimal(value: object, what: str) -> bytes:
    """Bytes written in hex digits."""
    try:
        if not isinstance(value, str) or " " in value:
            raise ValueError(what)
        return bytes.fromhex(value)
    except ValueError:
        raise _wrong(value, what) from None


def check_chain(endpoint: Endpoint, genesis: str) -> None:
    """Raise ProviderStopError unless block 0 of the provider is that of its chain (CAIP-2 names it by its start)."""
    wanted = endpoint.genesis or endpoint.chain.partition(":")[2]
    if not genesis.startswith(wanted):
        raise ProviderStopError(
            f"{endpoint.name} serves another chain: its first block is {genesis}, not {wanted}...",
            "Name the address of a provider of Bitcoin.",
        )


def check_work(endpoint: Endpoint, header: Header, block: int) -> Header:
    """The header, if it carries the work of a block of that height. A private network has a proof of work of its own.

    Raises ProviderError.
    """
    if not endpoint.genesis and not worked(header, block):
        raise ProviderError(
            f"The header of block {block} lacks the work that it claims, or that a block of its height and time has.",
            "The block may be invented: ask another provider.",
        )
    return header


def place_in(header: Header, entry: Entry, proof: object) -> Place:
    """The place that a merkle proof gives (blockchain.transaction.get_merkle; Esplora has the same form).

    Raises ProviderError unless the branch ends in the root of the header.
    """
    block, txid = entry
    told = record(proof, "a merkle proof")
    index = number(told.get("pos"), "the place in a block")
    branch = [digest(one, "a merkle branch") for one in array(told.get("merkle"), "a merkle branch")]
    if len(branch) > _LONGEST_BRANCH or merkle_root(txid, branch, index) != header.root:
        raise ProviderError(
            f"The provider does not prove that {txid} stands in block {block}.",
            "The chain may just have been reorganised: ask again later, or ask another provider.",
        )
    return Place(block, index, header.time)


def _wrong(value: object, what: str) -> ProviderError:
    return ProviderError(
        f"The provider's answer is not understood: {what} is {shown(value, 80)}.", "Ask another provider."
    )
