"""Emulated wallets: blocks of a test network and the keys of every client, so that each coin's owner is known.

The archives that crocs-muni publishes for its emulations of Wasabi 2: in each run `data/btc-node/block_N.json` (Bitcoin
Core's getblock with verbosity 2) and `data/<client>/keys.json`. They are read from the zip, never unpacked; members are
looked up by name, and their number and sizes are bounded.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tracer.chains.script_types import SCRIPT_WORDS
from tracer.errors import FileError, shown
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["Run", "read_emulation"]

REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
MINER = "miner"
_BLOCK = re.compile(r"(?P<run>.+)/data/btc-node/block_(?P<height>[0-9]{1,8})\.json")
_KEYS = re.compile(r"(?P<run>.+)/data/(?P<client>[^/]+)/keys\.json")
_MOST_MEMBERS = 500_000
_LARGEST_MEMBER = 64 << 20
_LARGEST_SUM = 4 << 30
_SAT = 10**8


@dataclass(frozen=True, slots=True)
class Run:
    """One emulation. owners: address -> client; the addresses that mined coin belong to one more, `miner`."""

    name: str
    transactions: tuple[UtxoTransaction, ...]
    owners: dict[str, str]


def read_emulation(path: Path) -> Iterator[Run]:
    """The runs in an archive, by name. Raises FileError for what is no such archive, or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _runs(archive, path.name)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise FileError(f"{shown(path.name)} is not a readable zip archive.", "Download it again.") from error


def _runs(archive: zipfile.ZipFile, name: str) -> Iterator[Run]:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > _LARGEST_SUM:
        raise FileError(f"{shown(name)} holds too many or too large files.", "Give one emulation at a time.")
    blocks: dict[str, dict[int, zipfile.ZipInfo]] = {}
    keys: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        if block := _BLOCK.fullmatch(member.filename):
            blocks.setdefault(block["run"], {})[int(block["height"])] = member
        elif found := _KEYS.fullmatch(member.filename):
            keys.setdefault(found["run"], {})[found["client"]] = member
    for run in sorted(blocks):
        owners: dict[str, str] = {}
        for client, member in sorted(keys.get(run, {}).items()):
            for key in _json(archive, member, name):
                owners[_field(key, "address", name)] = client
        transactions: dict[str, UtxoTransaction] = {}
        for _, member in sorted(blocks[run].items()):
            _add_block(_json(archive, member, name), transactions, owners, name)
        yield Run(run.rpartition("/")[2], tuple(transactions.values()), owners)


def _json(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Any:
    where = f"{shown(name)}, {shown(member.filename)}"
    if member.file_size > _LARGEST_MEMBER:
        raise FileError(f"{where} is larger than {_LARGEST_MEMBER:,} bytes.", "It is no block of Bitcoin.")
    with archive.open(member) as file:
        data = file.read(_LARGEST_MEMBER + 1)
    try:
        return json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise FileError(f"{where} is not JSON.", "Download the archive again.") from None


def _add_block(
    block: Any, transactions: dict[str, UtxoTransaction], owners: dict[str, str], name: str
) -> None:
    try:
        height, seconds = int(block["height"]), int(block["time"])
        for index, entry in enumerate(block["tx"]):
            inputs = () if "coinbase" in entry["vin"][0] else tuple(_inputs(entry, transactions))
            outputs = tuple(_output(o) for o in entry["vout"])
            transactions[entry["txid"]] = UtxoTransaction(
                REGTEST,
                entry["txid"],
                height,
                index,
                seconds,
                inputs,
                outputs,
                entry["version"],
                entry["locktime"],
            )
            if not inputs:
                for output in outputs:
                    owners.setdefault(output.address, MINER)
    except (KeyError, TypeError, IndexError, ValueError, ArithmeticError) as error:
        raise FileError(
            f"{shown(name)} holds a block that is not as getblock gives it ({type(error).__name__}: {shown(error)}).",
            "Blocks with verbosity 2 are read, from the first on.",
        ) from None


def _inputs(entry: Any, transactions: dict[str, UtxoTransaction]) -> Iterator[Input]:
    for spent in entry["vin"]:
        output = transactions[spent["txid"]].outputs[spent["vout"]]
        yield Input(
            Outpoint(spent["txid"], spent["vout"]),
            output.address,
            output.script_type,
            output.amount,
            output.script,
            spent["sequence"],
        )


def _output(entry: Any) -> Output:
    script = entry["scriptPubKey"]
    sat = Decimal(entry["value"]) * _SAT
    if sat != int(sat):
        raise ValueError(f"value {entry['value']}")
    kind = SCRIPT_WORDS.get(script["type"], Script.UNKNOWN)
    return Output(int(entry["n"]), script.get("address", ""), kind, int(sat), script["hex"])


def _field(key: Any, field: str, name: str) -> str:
    if not isinstance(key, dict) or not isinstance(key.get(field), str):
        raise FileError(f"{shown(name)} holds keys without {field}.", "Download the archive again.")
    return str(key[field])
