"""Blocks of Bitcoin as Bitcoin Core's `getblock` gives them (verbosity 2 or 3): files that prove themselves.

A file holds one block, an array of blocks, or one block a line, each as it is or inside the answer of the RPC. The
header must hash to the block's hash and carry its work (`bitcoin_work`), the ids of the transactions must give the
root in the header, and every transaction must hash to its id. The height is the one with which the coinbase begins
(BIP-34), in blocks that are young enough to need one. The blocks must be of one chain, as far as the file
tells; one that stands in it twice counts once. Only what inputs spend may have to be believed: with
verbosity 3 the node states it; where the transaction that made it is in the same file, that one decides. With verbosity
2 it must be.

Source: developer.bitcoin.org/reference/rpc/getblock.html; Bitcoin Core, src/rpc/blockchain.cpp.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tracer.addresses import BITCOIN
from tracer.chains.bitcoin_bytes import (
    MOST_SAT,
    RawOutput,
    RawTransaction,
    header_bytes,
    read_header,
    read_transaction,
    root_of,
    serialized,
)
from tracer.chains.bitcoin_facts import Place, spent_of, told_of
from tracer.chains.bitcoin_scripts import read_script
from tracer.chains.bitcoin_work import worked
from tracer.chains.text_bytes import Utf8Stream, beginning, find_encoding
from tracer.chains.text_table import Limits
from tracer.chains.utxo_jsonl import Numbered
from tracer.errors import FileError, TracerError, shown
from tracer.utxo import Outpoint, UtxoTransaction

__all__ = ["holds_blocks", "read_blocks"]

_HEIGHTS = 2**31
_SAT = 10**8
_HEIGHT_BOUND = (227_931, 1_364_774_400)
"""From this height on every block of the main network begins its coinbase with its height (BIP-34; Bitcoin Core,
src/kernel/chainparams.cpp, BIP34Height). Mined on 2013-03-24: no block dated April 2013 or later (UTC seconds) is
lower, so that a false low height does not escape."""
_AGAIN = "Write the block again: bitcoin-cli getblock HASH 3 > block.json"


_Placed = tuple[Place, int, dict[str, Any], RawTransaction]
"""Where a transaction stands, the number of its block in the file, what is told of it, and its bytes."""


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    """Why a block is none."""


def holds_blocks(source: Path | bytes) -> bool:
    """Whether a file begins like one of these."""
    start = beginning(source)
    return start[:1] in {b"{", b"["} and b'"merkleroot"' in start and b'"height"' in start


def read_blocks(source: Path | bytes, name: str, limits: Limits | None = None) -> Numbered:
    """All transactions of the blocks of a file, in ledger order; rows: the number of the block in the file, from 1.

    Raises FileError for the first thing that is wrong: then nothing of the file is to be used.
    """
    limits = limits or Limits()
    with Utf8Stream(source, find_encoding(source, name, limits.max_bytes)) as stream:
        text = b"".join(iter(lambda: stream.read(1 << 20), b"")).decode()
        digest = stream.sha256()
    raws: dict[str, RawTransaction] = {}
    placed: list[_Placed] = []
    known: dict[int, dict[str, Any]] = {}
    for number, block in enumerate(_blocks(text, name), 1):
        try:
            found = list(_checked(block))
            before = known.setdefault(block["height"], block)
            if before is not block and before != block:
                raise _Refusal(
                    f"the file has another block {block['height']}, or tells it otherwise: one chain has one"
                )
        except _Refusal as refusal:
            raise FileError(f"{shown(name)}, block {number}: {refusal}.", _AGAIN) from None
        except (TracerError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            said = (
                error.message if isinstance(error, TracerError) else f"it is incomplete ({shown(error, 80)})"
            )
            raise FileError(f"{shown(name)}, block {number}: {said}", _AGAIN) from None
        if before is not block:
            continue  # told twice
        placed += [(place, number, told, raw) for place, told, raw in found]
        raws |= {raw.txid: raw for _, _, raw in found}
        if len(placed) > limits.max_rows:
            raise FileError(
                f"{shown(name)} has more than {limits.max_rows:,} transactions, the limit for one file.",
                "Split it by blocks.",
            )
    _one_chain(known, placed, name)
    placed.sort(key=lambda one: (one[1], one[0].index))
    transactions = [_whole(place, told, raw, raws, name) for place, _, told, raw in placed]
    return Numbered(transactions, [number for _, number, _, _ in placed], digest)


def _one_chain(known: Mapping[int, dict[str, Any]], placed: Sequence[_Placed], name: str) -> None:
    """Raise FileError where blocks (by height) do not follow each other, or a transaction stands in two of them.

    A coinbase may: two of 2010 do (BIP-30).
    """
    wrong = "blocks of two chains: one of them was taken back, or a height is not the block's"
    heights: dict[str, int] = {}
    for height, block in known.items():
        if heights.setdefault(block["hash"], height) != height:
            raise FileError(
                f"{shown(name)}: block {height} is block {heights[block['hash']]} too; {wrong}.", _AGAIN
            )
        after = known.get(height + 1)
        if after is not None and after.get("previousblockhash") != block["hash"]:
            raise FileError(
                f"{shown(name)}: block {height + 1} does not follow block {height}; {wrong}.", _AGAIN
            )
    seen: set[str] = set()
    for place, _, _, raw in placed:
        if raw.inputs and raw.txid in seen:
            raise FileError(
                f"{shown(name)}: {raw.txid} stands in block {place.block} and another; {wrong}.", _AGAIN
            )
        seen.add(raw.txid)


def _blocks(text: str, name: str) -> Iterator[dict[str, Any]]:
    """The blocks in a text, out of the RPC's envelope."""
    try:
        documents = [json.loads(text, parse_float=Decimal)]
    except RecursionError:
        raise FileError(f"{shown(name)} is nested too deeply.", _AGAIN) from None
    except ValueError:
        try:
            documents = [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise FileError(f"{shown(name)} is no JSON, nor one block a line.", _AGAIN) from None
    for document in documents:
        for block in document if isinstance(document, list) else [document]:
            inner = block.get("result", block) if isinstance(block, dict) else None
            if not isinstance(inner, dict):
                raise FileError(f"{shown(name)} holds something else than blocks.", _AGAIN)
            yield inner


def _checked(block: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any], RawTransaction]]:
    """The transactions of a block, each proved by its id, all of them by the header."""
    if not all(isinstance(told, dict) for told in block["tx"]):
        raise _Refusal("it lists ids instead of transactions (verbosity 1)")
    header = read_header(
        header_bytes(
            block["version"] & 0xFFFFFFFF,
            block.get("previousblockhash", "00" * 32),
            block["merkleroot"],
            block["time"],
            int(block["bits"], 16),
            block["nonce"],
        )
    )
    raws = [_raw(told) for told in block["tx"]]
    txids = [raw.txid for raw in raws]
    height = block["height"]
    if type(height) is not int or not 0 <= height < _HEIGHTS:
        raise _Refusal(f"its height is {shown(height)}")
    if header.hash != block["hash"] or not worked(header, height):
        raise _Refusal(
            "its header does not hash to its hash, or lacks the work of a block of its height and time"
        )
    if not txids or len(set(txids)) != len(txids) or root_of(txids) != header.root:
        raise _Refusal("its transactions are not those that its header commits to")
    bound = height >= _HEIGHT_BOUND[0] or header.time >= _HEIGHT_BOUND[1]
    if bound and not raws[0].coinbase.startswith(_pushed(height)):
        raise _Refusal(
            f"it says that {header.hash} is block {height}, but its coinbase begins with another height (BIP-34)"
        )
    for index, (told, raw) in enumerate(zip(block["tx"], raws, strict=True)):
        yield Place(height, index, header.time), told, raw


def _pushed(height: int) -> bytes:
    """The script that pushes a height, as short as can be (BIP-34; Bitcoin Core, src/script/script.h, CScriptNum)."""
    if height <= 16:
        return bytes([0x50 + height if height else 0])
    number = height.to_bytes(height.bit_length() // 8 + 1, "little")  # one bit more than it has: the sign
    return bytes([len(number)]) + number


def _raw(told: dict[str, Any]) -> RawTransaction:
    """A transaction, built again as bytes unless they are given."""
    txid = str(told["txid"])
    outputs = [_output(made) for made in told["vout"]]
    if "hex" in told:
        raw = read_transaction(bytes.fromhex(told["hex"]), txid)
    else:
        spent = [
            (Outpoint("00" * 32, 0xFFFFFFFF), bytes.fromhex(one["coinbase"]), one["sequence"])
            if "coinbase" in one
            else (Outpoint(one["txid"], one["vout"]), bytes.fromhex(one["scriptSig"]["hex"]), one["sequence"])
            for one in told["vin"]
        ]
        raw = read_transaction(serialized(told["version"], spent, outputs, told["locktime"]), txid)
    if list(raw.outputs) != outputs:
        raise _Refusal(f"the outputs of {txid} are not those of its bytes")
    spends = [Outpoint(one["txid"], one["vout"]) for one in told["vin"] if "coinbase" not in one]
    if spends != [outpoint for outpoint, _ in raw.inputs]:
        raise _Refusal(f"the inputs of {txid} are not those of its bytes")
    return raw


def _output(made: dict[str, Any]) -> RawOutput:
    """An output; its address, where the node states one, must be an address of Bitcoin."""
    script = made["scriptPubKey"]
    sat = Decimal(made["value"]) * _SAT
    # The range first: a number of a million digits takes a minute to write out.
    if isinstance(made["value"], float) or not 0 <= sat <= MOST_SAT or sat != int(sat):
        raise _Refusal(f"the amount {shown(made['value'])} is none")
    output = RawOutput(int(sat), bytes.fromhex(script["hex"]))
    stated = script.get("address") or (script.get("addresses") or [""])[0]
    address = read_script(output.script).address
    if stated and address and stated != address:
        raise _Refusal(f"it is a block of another network than Bitcoin's main one ({shown(stated)})")
    return output


def _whole(
    place: Place, told: dict[str, Any], raw: RawTransaction, raws: Mapping[str, RawTransaction], name: str
) -> UtxoTransaction:
    """A transaction with what it spends, from the file's transactions or as the node states it."""
    inputs = []
    for spent, (outpoint, sequence) in zip(told["vin"], raw.inputs, strict=False):
        parent, stated = raws.get(outpoint.txid), spent.get("prevout")
        try:
            output = None if stated is None else _output(stated)
        except (_Refusal, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise FileError(
                f"{shown(name)}: what {raw.txid} spends is not understood ({shown(error, 80)}).", _AGAIN
            ) from None
        if parent is not None:
            made = parent.outputs[outpoint.vout] if outpoint.vout < len(parent.outputs) else None
            if made is None or (output is not None and output != made):
                raise FileError(
                    f"{shown(name)}: {raw.txid} spends {outpoint}, which is another output.", _AGAIN
                )
            output = made
        if output is None:
            raise FileError(
                f"{shown(name)}: {raw.txid} spends {outpoint}, and the file does not say how much that is.",
                "Write the block with verbosity 3: bitcoin-cli getblock HASH 3 > block.json",
            )
        inputs.append(spent_of(outpoint, sequence, output))
    whole = told_of(BITCOIN, raw, place, inputs)
    if whole.fee < 0:
        raise FileError(f"{shown(name)}: {raw.txid} pays more than it spends.", _AGAIN)
    return whole
