"""Bitcoin-like transactions as facts: inputs that spend whole outputs, outputs in order, the fee as what is left.

One value serves everything that reads such chains: adapters and file imports make it, the ledger takes outpoints as
holdings from it, and clustering and CoinJoin detection look at its shape. No I/O. Amounts are in sat.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Input", "Outpoint", "Output", "Script", "UtxoTransaction"]


class Script(StrEnum):
    """Kinds of output script. Words of Bitcoin Core's `scriptPubKey.type` are mapped by whoever reads them."""

    P2PK = "p2pk"
    P2PKH = "p2pkh"
    P2SH = "p2sh"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR = "p2tr"
    MULTISIG = "multisig"
    OP_RETURN = "op_return"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """One output of one transaction. txid: 64 lower-case hex digits in display order."""

    txid: str
    vout: int

    def __str__(self) -> str:
        return f"{self.txid}:{self.vout}"


@dataclass(frozen=True, slots=True)
class Input:
    """A spent output.

    address: canonical, "" where the script has none or is unknown. amount: sat, of the output that is spent. script:
    hex of the spent scriptPubKey, "" if unknown. sequence: None if unknown.
    """

    outpoint: Outpoint
    address: str
    script_type: Script
    amount: int
    script: str = ""
    sequence: int | None = None

    @property
    def owner(self) -> str:
        """The address, else the script by its hash, else the outpoint itself: what coin is grouped by."""
        return _owner(self.address, self.script, self.outpoint)


@dataclass(frozen=True, slots=True)
class Output:
    """A new output. op_return: hex of the pushed data of an OP_RETURN script, "" otherwise."""

    vout: int
    address: str
    script_type: Script
    amount: int
    script: str = ""
    op_return: str = ""


@dataclass(frozen=True, slots=True)
class UtxoTransaction:
    """A transaction with its inputs resolved.

    chain: CAIP-2. txid: 64 lower-case hex digits. block, tx_index, timestamp (UTC seconds): None while unconfirmed or
    unknown. inputs: empty for a coinbase. outputs: all of them, in order. version, locktime: None if unknown.
    """

    chain: str
    txid: str
    block: int | None
    tx_index: int | None
    timestamp: int | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    version: int | None = None
    locktime: int | None = None

    @property
    def coinbase(self) -> bool:
        """Whether it makes new coin."""
        return not self.inputs

    @property
    def fee(self) -> int:
        """Sat that no output takes; 0 for a coinbase."""
        if self.coinbase:
            return 0
        return sum(i.amount for i in self.inputs) - sum(o.amount for o in self.outputs)

    def owner(self, output: Output) -> str:
        """What the coin of an output is grouped by (see `Input.owner`)."""
        return _owner(output.address, output.script, Outpoint(self.txid, output.vout))


def _owner(address: str, script: str, outpoint: Outpoint) -> str:
    """Scripts without an address are keyed as Electrum keys them: sha256 of the scriptPubKey, bytes reversed."""
    if address:
        return address
    if script:
        return f"script:{hashlib.sha256(bytes.fromhex(script)).digest()[::-1].hex()}"
    return str(outpoint)
