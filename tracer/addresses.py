"""Chain names, addresses and transaction hashes: what is valid, how it is stored and how it is shown.

Canonical form (stored, compared): EVM `0x` + 40 lower-case hex digits; Bitcoin and Tron the address itself, bech32 in
lower case, and where a script has no address `script:` and its hash, or the outpoint. Display form: EIP-55 on EVM
chains. A chain is a CAIP-2 id (`eip155:1`); investigators may write
`ethereum`. An address whose checksum fails is refused, never corrected in silence: a wrong letter is the usual trace
of a copying error or of a look-alike. Sources: EIP-55, BIP-173, BIP-350, CAIP-2, CAIP-10, and for Tron
developers.tron.network (Base58Check of 0x41 and 20 bytes).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from tracer.base58_bech32 import base58check_decode, segwit_decode
from tracer.eip55 import spell
from tracer.errors import AddressError, InputError, shown

__all__ = [
    "BITCOIN",
    "CHAIN_NAMES",
    "EVM_ADDRESS",
    "TRON",
    "ZERO_ADDRESS",
    "canonical",
    "chain_id",
    "chain_name",
    "display",
    "display_many",
    "is_address",
    "is_evm",
    "is_tx_hash",
    "is_utxo",
    "parse_account",
    "split_account",
    "transaction_name",
    "tx_hash",
]

BITCOIN = "bip122:000000000019d6689c085ae165831e93"
TRON = "tron:0x2b6653dc"
ZERO_ADDRESS = "0x" + "0" * 40
EVM_ADDRESS = r"^0x[0-9a-f]{40}$"
"""Canonical EVM addresses as a regular expression (RE2 and Python)."""

CHAIN_NAMES: dict[str, str] = {
    "arbitrum": "eip155:42161",
    "avalanche": "eip155:43114",
    "base": "eip155:8453",
    "bitcoin": BITCOIN,
    "bnb": "eip155:56",
    "bsc": "eip155:56",
    "btc": BITCOIN,
    "eth": "eip155:1",
    "ethereum": "eip155:1",
    "mainnet": "eip155:1",
    "optimism": "eip155:10",
    "polygon": "eip155:137",
    "tron": TRON,
}
"""Names that investigators write, and the CAIP-2 id each stands for."""

_CAIP2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
_EIP155 = re.compile(r"eip155:[1-9][0-9]{0,31}")
_EVM_ANY_CASE = re.compile(r"0[xX][0-9a-fA-F]{40}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_SCRIPT_OR_OUTPOINT = re.compile(r"(?:(?:script|tx):[0-9a-fA-F]{64}|[0-9a-fA-F]{64}:[0-9]{1,10})")
"""Owners without an address: a script by its hash, an outpoint of which no more is known (tracer.utxo), and what stands
for a transaction in which coin of several owners meets."""
_LOWER = re.compile(EVM_ADDRESS.removesuffix("$"))
_BITCOIN_VERSIONS = (0x00, 0x05)  # P2PKH and P2SH of the main network
_TRON_VERSION = 0x41


def is_evm(chain: str) -> bool:
    """Whether `chain` (CAIP-2) is an EVM chain."""
    return chain.startswith("eip155:")


def is_address(chain: str, text: str) -> bool:
    """Whether `text` is a valid address of `chain`, checksum included."""
    try:
        canonical(chain, text.strip())
    except AddressError:
        return False
    return True


def is_utxo(chain: str) -> bool:
    """Whether `chain` (CAIP-2) is a Bitcoin-like chain, on which what is held is an output of a transaction."""
    return chain.startswith("bip122:")


def chain_id(text: str) -> str:
    """The CAIP-2 id that `text`, an id or a name such as `ethereum`, stands for. Raises InputError with a hint."""
    word = text.strip()
    named = CHAIN_NAMES.get(word.lower())
    if named is not None:
        return named
    if _EIP155.fullmatch(word) or word in (BITCOIN, TRON):
        return word
    if word.isascii() and word.isdigit() and _EIP155.fullmatch(f"eip155:{word}"):
        raise InputError(
            f"{shown(text)} is not a chain.", f"If you mean an EVM chain number, write eip155:{word}."
        )
    near = difflib.get_close_matches(word.lower(), sorted({*CHAIN_NAMES, *CHAIN_NAMES.values()}), n=1)
    if near:
        hint = f"Did you mean {CHAIN_NAMES.get(near[0], near[0])}?"
    else:
        hint = f"Use a CAIP-2 id such as eip155:1, or one of: {', '.join(sorted(CHAIN_NAMES))}."
    kind = "is not a chain that the tracer knows" if _CAIP2.fullmatch(word) else "is not a chain"
    raise InputError(f"{shown(text)} {kind}.", hint)


def chain_name(chain: str) -> str:
    """A readable name of a CAIP-2 id (`Ethereum`), or the id itself."""
    first = {"eip155:1": "ethereum", "eip155:56": "bsc", BITCOIN: "bitcoin"}.get(chain)
    name = first or next((n for n, c in sorted(CHAIN_NAMES.items()) if c == chain), "")
    return {"": chain, "bsc": "BNB Smart Chain"}.get(name, name.capitalize())


def canonical(chain: str, text: str) -> str:
    """`text` in the canonical form of `chain` (a CAIP-2 id).

    Raises AddressError that says what is wrong: a failed checksum (with the correct spelling), the address of another
    chain, or what an address of this chain looks like.
    """
    if is_evm(chain):
        if _LOWER.fullmatch(text):
            return text
        return _canonical_evm(chain, text)
    if chain == BITCOIN:
        found = text.lower() if _SCRIPT_OR_OUTPOINT.fullmatch(text) else _bitcoin(text)
    elif chain == TRON:
        found = text if _is_tron(text) else None
    else:
        raise AddressError(
            f"{shown(chain)} is not a chain whose addresses the tracer can check.", _known_chains()
        )
    if found is None:
        raise _refusal(chain, text)
    return found


def display(chain: str, address: str) -> str:
    """A canonical address as people read it: EIP-55 on EVM chains, else unchanged. "" stays ""."""
    return display_many(chain, [address])[0]


def display_many(chain: str, addresses: Sequence[str]) -> list[str]:
    """`display` for many addresses; give distinct ones, as each costs microseconds. Words such as `native` pass."""
    if not is_evm(chain):
        return list(addresses)
    places = [i for i, address in enumerate(addresses) if _LOWER.fullmatch(address)]
    result = list(addresses)
    for place, text in zip(places, spell([addresses[i] for i in places]), strict=True):
        result[place] = text
    return result


def split_account(name: str) -> tuple[str, str]:
    """(chain, address) of a CAIP-10 name; what stands for an address may itself hold a colon.

    >>> split_account("eip155:1:0xab"), split_account(BITCOIN + ":tx:0a")[1]
    (('eip155:1', '0xab'), 'tx:0a')
    """
    *chain, address = name.split(":", 2)
    return ":".join(chain), address


def transaction_name(txid: str) -> str:
    """What stands for a transaction where addresses stand: several owners put coin in, so no address paid.

    >>> transaction_name("ab")
    'tx:ab'
    """
    return f"tx:{txid}"


def is_tx_hash(chain: str, text: str) -> bool:
    """Whether `text` has the form of a transaction hash of `chain` (64 hex digits; with 0x on EVM chains)."""
    digits = text.removeprefix("0x") if is_evm(chain) else text
    if is_evm(chain) and digits == text:
        return False
    return _HASH.fullmatch(digits) is not None


def tx_hash(chain: str, text: str) -> str:
    """A transaction hash in canonical form (lower case; 0x on EVM chains only). Raises InputError."""
    word = text.strip()
    digits = word[2:] if word[:2] in ("0x", "0X") else word
    if _HASH.fullmatch(digits) is None:
        raise InputError(
            f"{shown(text)} is not a transaction hash.",
            f"It has {len(digits)} characters; a hash has 64 hex digits. Copy it in full, not the shortened form.",
        )
    return ("0x" if is_evm(chain) else "") + digits.lower()


def parse_account(text: str, chain: str | None = None) -> tuple[str, str]:
    """(chain, canonical address) of a CAIP-10 account (`eip155:1:0x...`), or of a plain address of `chain`.

    Raises AddressError or InputError; a CAIP-10 prefix that differs from `chain` is refused.
    """
    word = text.strip()
    namespace, _, rest = word.partition(":")
    reference, colon, address = rest.partition(":")
    if colon:
        named = chain_id(f"{namespace}:{reference}")
        if chain is not None and named != chain:
            raise AddressError(
                f"{shown(word)} is an account of {named}, but {chain} was given.", "Give one chain for it."
            )
        return named, canonical(named, address)
    if chain is None:
        owner = _owner(word)
        hint = f"It looks like an address of {owner}." if owner else ""
        raise AddressError(
            f"{shown(word)} does not say its chain.", f"{hint} Name the chain, e.g. eip155:1.".strip()
        )
    return chain, canonical(chain, word)


def _canonical_evm(chain: str, text: str) -> str:
    if _EVM_ANY_CASE.fullmatch(text) is None:
        raise _refusal(chain, text)
    digits, lower = text[2:], "0x" + text[2:].lower()
    if digits in (digits.lower(), digits.upper()):
        return lower
    right = spell([lower])[0]
    if right[2:] != digits:
        raise AddressError(
            f"{shown(text)} fails its EIP-55 checksum.",
            f"These digits are spelt {right}: compare with your source and check for a typo. "
            f"If the digits are certain, use that spelling or lower case.",
        )
    return lower


def _bitcoin(text: str) -> str | None:
    payload = base58check_decode(text)
    if payload is not None:
        return text if len(payload) == 21 and payload[0] in _BITCOIN_VERSIONS else None
    return text.lower() if segwit_decode("bc", text) is not None else None


def _is_tron(text: str) -> bool:
    payload = base58check_decode(text)
    return payload is not None and len(payload) == 21 and payload[0] == _TRON_VERSION


def _owner(text: str) -> str:
    """In words, which chain `text` is a valid address of; "" when of none."""
    if _EVM_ANY_CASE.fullmatch(text):
        return "an EVM chain such as Ethereum (eip155:1)"
    if _bitcoin(text) is not None:
        return f"Bitcoin ({BITCOIN})"
    return f"Tron ({TRON})" if _is_tron(text) else ""


def _refusal(chain: str, text: str) -> AddressError:
    """The AddressError for `text`, which is not an address of `chain`."""
    owner = _owner(text)
    if owner:
        return AddressError(
            f"{shown(text)} is an address of {owner}, not of {chain_name(chain)} ({chain}).",
            "Correct the chain, or the address.",
        )
    bare = text.strip()
    if bare != text and bare.isprintable():
        return AddressError(f"{shown(text)} has blanks around the address.", "Remove them.")
    if not text.isprintable() or not text.isascii():
        return AddressError(
            f"{shown(text)} contains invisible or non-ASCII characters.", "Type or copy the address again."
        )
    if is_evm(chain):
        if re.fullmatch(r"[0-9a-fA-F]{40}", text):
            return AddressError(f"{shown(text)} lacks the leading 0x.", f"Write 0x{text}.")
        if _HASH.fullmatch(text.removeprefix("0x")):
            return AddressError(
                f"{shown(text)} is a transaction hash, not an address.", "Give an address here."
            )
        if "..." in text or "\u2026" in text:
            return AddressError(f"{shown(text)} is a shortened address.", "Copy the full 42 characters.")
        return AddressError(
            f"{shown(text)} is not an address of {chain_name(chain)} ({chain}).",
            f"An address is 0x and 40 hex digits (42 characters); this has {len(text)}.",
        )
    return AddressError(
        f"{shown(text)} is not an address of {chain_name(chain)} ({chain}), or its checksum fails.",
        "Compare it with your source letter by letter; upper and lower case count.",
    )


def _known_chains() -> str:
    return f"Known: EVM chains (eip155:<number>), Bitcoin ({BITCOIN}), Tron ({TRON})."
