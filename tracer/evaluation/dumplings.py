"""Labelled Bitcoin transactions in the line format of Dumplings, which published CoinJoin datasets share.

    txid:::block hash:::position in the block:::Unix seconds:::inputs:::outputs

Inputs, joined by `}{`, are `txid-index-sat+script hex+type`, outputs `sat+script hex+type`, with the type in NBitcoin's
words. Source: Dumplings (github.com/nopara73/Dumplings), as written by its scanner. The height is not in the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tracer.addresses import BITCOIN
from tracer.chains.script_types import SCRIPT_WORDS
from tracer.errors import FileError, shown
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["read_dumplings"]

_LONGEST_LINE = 32 << 20
_LINE = re.compile(r"([0-9a-f]{64}):::([0-9a-f]{64}):::([0-9]{1,9}):::([0-9]{1,12}):::(.*):::(.*)")
_INPUT = re.compile(r"([0-9a-f]{64})-([0-9]{1,10})-([0-9]{1,16})\+((?:[0-9a-f]{2})*)\+(\w{0,40})")
_TAPROOT = re.compile(r"5120[0-9a-f]{64}")
_PUSH = re.compile(r"6a(?:4c)?([0-9a-f]{2})((?:[0-9a-f]{2})*)")
_OUTPUT = re.compile(r"([0-9]{1,16})\+((?:[0-9a-f]{2})*)\+(\w{0,40})")


def read_dumplings(path: Path) -> Iterator[UtxoTransaction]:
    """The transactions of one file, in its order, without block. Raises FileError that names the line."""
    with path.open(encoding="ascii", errors="replace", newline="\n") as lines:
        number = 0
        while line := lines.readline(_LONGEST_LINE):
            number += 1
            if line.strip():
                yield _transaction(line.rstrip("\r\n"), f"{shown(path.name)}, line {number}")


def _transaction(line: str, where: str) -> UtxoTransaction:
    match = _LINE.fullmatch(line)
    if match is None:
        raise FileError(f"{where} is no line of Dumplings.", "Give the files as they are published.")
    txid, _block_hash, position, seconds, spent, paid = match.groups()
    return UtxoTransaction(
        BITCOIN,
        txid,
        None,
        int(position),
        int(seconds),
        tuple(_input(text, where) for text in spent.split("}{") if text),
        tuple(_output(vout, text, where) for vout, text in enumerate(paid.split("}{"))),
    )


def _input(text: str, where: str) -> Input:
    match = _INPUT.fullmatch(text)
    if match is None:
        raise FileError(f"{where}: {shown(text)} is no input.", "Give the files as they are published.")
    txid, vout, amount, script, kind = match.groups()
    return Input(Outpoint(txid, int(vout)), "", _type(kind, script), int(amount), script)


def _output(vout: int, text: str, where: str) -> Output:
    match = _OUTPUT.fullmatch(text)
    if match is None:
        raise FileError(f"{where}: {shown(text)} is no output.", "Give the files as they are published.")
    amount, script, kind = match.groups()
    form = _type(kind, script)
    return Output(vout, "", form, int(amount), script, _pushed(script) if form == Script.OP_RETURN else "")


def _type(kind: str, script: str) -> Script:
    """The kind as stated; taproot, which older versions of NBitcoin do not know, by its script (BIP-341)."""
    return Script.P2TR if _TAPROOT.fullmatch(script) else SCRIPT_WORDS.get(kind.lower(), Script.UNKNOWN)


def _pushed(script: str) -> str:
    """Hex of the data of an OP_RETURN with one push of up to 255 bytes; "" for any other."""
    match = _PUSH.fullmatch(script)
    return match[2] if match and int(match[1], 16) * 2 == len(match[2]) else ""
