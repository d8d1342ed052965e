"""Kinds of output script: what nodes and files call them, what an address says of its own, what cannot go together."""

from __future__ import annotations

from functools import lru_cache

from tracer.addresses import BITCOIN
from tracer.base58_bech32 import base58check_decode, segwit_decode
from tracer.chains.bitcoin_scripts import read_script
from tracer.utxo import Script

__all__ = ["SCRIPT_WORDS", "contradiction", "script_type_of"]

SCRIPT_WORDS: dict[str, Script] = {
    **{str(kind): kind for kind in Script},
    # Bitcoin Core, scriptPubKey.type (src/script/solver.cpp)
    "pubkey": Script.P2PK,
    "pubkeyhash": Script.P2PKH,
    "scripthash": Script.P2SH,
    "nulldata": Script.OP_RETURN,
    "witness_v0_keyhash": Script.P2WPKH,
    "witness_v0_scripthash": Script.P2WSH,
    "witness_v1_taproot": Script.P2TR,
    "witness_unknown": Script.UNKNOWN,
    "anchor": Script.UNKNOWN,
    "nonstandard": Script.UNKNOWN,
    # Esplora, scriptpubkey_type
    "v0_p2wpkh": Script.P2WPKH,
    "v0_p2wsh": Script.P2WSH,
    "v1_p2tr": Script.P2TR,
    "empty": Script.UNKNOWN,
    # NBitcoin, TxOutType, which Dumplings writes; in lower case
    "txpubkey": Script.P2PK,
    "txpubkeyhash": Script.P2PKH,
    "txscripthash": Script.P2SH,
    "txwitnessv0keyhash": Script.P2WPKH,
    "txwitnessv0scripthash": Script.P2WSH,
    "txwitnessv1taproot": Script.P2TR,
    "txmultisig": Script.MULTISIG,
    "txnulldata": Script.OP_RETURN,
}
"""What files and nodes call a kind of script."""


_SEGWIT = {(0, 20): Script.P2WPKH, (0, 32): Script.P2WSH, (1, 32): Script.P2TR}
_BASE58 = {0x00: Script.P2PKH, 0x6F: Script.P2PKH, 0x05: Script.P2SH, 0xC4: Script.P2SH}


@lru_cache(1 << 16)
def script_type_of(address: str) -> Script:
    """The kind of script that an address of the main or a test network stands for; UNKNOWN if it does not say.

    Witness versions: BIP-141 and BIP-341; Base58 versions: Bitcoin Core, src/kernel/chainparams.cpp.
    """
    prefix, one, _ = address.rpartition("1")
    segwit = segwit_decode(prefix.lower(), address) if one else None
    if segwit is not None:
        return _SEGWIT.get((segwit[0], len(segwit[1])), Script.UNKNOWN)
    payload = base58check_decode(address)
    return _BASE58.get(payload[0], Script.UNKNOWN) if payload else Script.UNKNOWN


def contradiction(chain: str, address: str, kind: Script, script: str) -> str:
    """Why an address, a kind and a script (hex) cannot be those of one output; "" if they can.

    An empty address or script and the kind UNKNOWN say nothing. Scripts are read as Bitcoin Core reads them, but for
    bare multisig, of which Core knows more forms; what address a script has is known on Bitcoin only.
    """
    own = script_type_of(address) if address else Script.UNKNOWN
    if address and (kind is Script.OP_RETURN or (kind != own and Script.UNKNOWN not in (kind, own))):
        return f"address is {address}, but a script of the kind {kind} has another or none"
    if not script:
        return ""
    told = read_script(bytes.fromhex(script))
    if address and chain == BITCOIN and told.address != address:
        return f"script is one of {told.address or 'no address'}, but the address is {address}"
    if kind not in (told.kind, Script.UNKNOWN) and (kind, told.kind) != (Script.MULTISIG, Script.UNKNOWN):
        return f"script is of the kind {told.kind}, but the script_type is {kind}"
    return ""
