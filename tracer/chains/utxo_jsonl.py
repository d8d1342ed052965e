"""Bitcoin-like transactions from JSON lines: one whole transaction a line, checked strictly, streamed.

The form is in docs/import.md. Nothing is guessed or repaired: a float, a missing output, an input without its amount, a
txid twice are errors that name the row, because each of them would make a fee or a flow that never was. Files may be
packed (gzip, zstd). Nothing is stored here, and spends across rows are not compared: that is the ledger's work.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from tracer.addresses import BITCOIN, canonical, chain_id
from tracer.chains.script_types import SCRIPT_WORDS, contradiction, script_type_of
from tracer.chains.text_bytes import Utf8Stream, beginning, find_encoding
from tracer.chains.text_table import Limits
from tracer.errors import AddressError, FileError, InputError, shown
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

__all__ = ["Numbered", "holds_transactions", "read_transactions", "read_whole"]

_LONGEST_LINE = (
    32 << 20
)  # a block is at most 4 MB; in this form a transaction takes about five times its bytes
_MOST_SAT = 21_000_000 * 10**8  # MAX_MONEY, Bitcoin Core src/consensus/amount.h
_MOST_ELSEWHERE = 2**63 - 1
_MOST_OUTPUTS = _WORD = 2**32  # version, locktime, sequence and the time of a block are fields of 32 bits
_PLACES = 2**31
_FIRST_DAY = 1_230_940_800  # 2009-01-03: Bitcoin began, and no chain of its kind is older
_NOWHERE = "00" * 32
_TXID = re.compile(r"[0-9a-fA-F]{64}")
_DIGITS = re.compile(r"[0-9]{1,19}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_CHAIN = re.compile(r"bip122:[0-9a-f]{32}")
_ADDRESS = re.compile(r"[!-~]{1,128}")
_REDO = "Write the transaction again from its source, in the form of docs/import.md."


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    """Why a line is no transaction, and what to do."""

    def __init__(self, why: str, hint: str = _REDO) -> None:
        super().__init__(why)
        self.why, self.hint = why, hint


def read_transactions(
    path: str | Path, *, alone: bool = False, limits: Limits | None = None
) -> Iterator[UtxoTransaction]:
    """The transactions of a JSON lines file, in its order; memory holds one line and the txids seen.

    alone: every transaction is looked at by itself and none enters a ledger. Then a txid may stand twice, addresses are
    taken as they stand, without their checksum, and any chain `bip122:...` will do (test networks).
    Raises FileError at the first bad row: then nothing of the file is to be used.
    """
    path = Path(path)
    limits = limits or Limits()
    name = path.name
    try:
        if not path.is_file():
            known = path.exists()
            raise FileError(
                f"{shown(path)} is not a file." if known else f"There is no file {shown(path)}.",
                "Give one file of JSON lines." if known else "Check the path.",
            )
        encoding = find_encoding(path, name, limits.max_bytes)
        with Utf8Stream(path, encoding) as stream:
            yield from _transactions(io.BufferedReader(stream, 1 << 20), name, limits, alone)
    except OSError as error:
        raise FileError(
            f"{shown(name)} cannot be read ({type(error).__name__}).", "Check path and rights."
        ) from error


@dataclass(frozen=True, slots=True)
class Numbered:
    """All transactions of a file. rows: the line of each, the first is 1. sha256: of the file as given."""

    transactions: list[UtxoTransaction]
    rows: list[int]
    sha256: str


def read_whole(source: Path | bytes, name: str, limits: Limits | None = None) -> Numbered:
    """All transactions of a JSON lines file that are to enter a ledger. Raises FileError at the first bad row."""
    limits = limits or Limits()
    encoding = find_encoding(source, name, limits.max_bytes)
    with Utf8Stream(source, encoding) as stream:
        lines = io.BufferedReader(stream, 1 << 20)  # closes the stream when nobody holds it
        found = list(_numbered(lines, name, limits, alone=False))
        digest = stream.sha256()
    return Numbered([t for _, t in found], [row for row, _ in found], digest)


def holds_transactions(source: Path | bytes) -> bool:
    """Whether a file begins like one of this form: its first line is a JSON object with a txid and inputs."""
    start = beginning(source)
    return start.startswith(b"{") and b'"txid"' in start and b'"inputs"' in start


def _transactions(
    lines: io.BufferedIOBase, name: str, limits: Limits, alone: bool
) -> Iterator[UtxoTransaction]:
    return (transaction for _, transaction in _numbered(lines, name, limits, alone))


def _numbered(
    lines: io.BufferedIOBase, name: str, limits: Limits, alone: bool
) -> Iterator[tuple[int, UtxoTransaction]]:
    seen: dict[bytes, int] = {}
    number = 0
    while line := lines.readline(_LONGEST_LINE + 1):
        number += 1
        try:
            if len(line) > _LONGEST_LINE:
                raise _Refusal(f"is longer than {_LONGEST_LINE:,} bytes", "Write one transaction a line.")
            if not line.strip():
                continue
            transaction = _transaction(_parsed(line), alone)
            key = bytes.fromhex(transaction.txid)
            if key in seen and not alone:
                raise _Refusal(
                    f"has the txid of row {seen[key]} ({transaction.txid})",
                    "A transaction stands in a file once: remove the copy.",
                )
        except _Refusal as refusal:
            raise FileError(f"{shown(name)}, row {number}: {refusal.why}.", refusal.hint) from None
        seen[key] = number
        if len(seen) > limits.max_rows:
            raise FileError(
                f"{shown(name)} has more than {limits.max_rows:,} transactions, the limit for one file.",
                "Split it, for example by block range.",
            )
        yield number, transaction
    if not seen:
        raise FileError(f"{shown(name)} holds no transaction.", "Check that the export was complete.")


def _parsed(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line, parse_float=_Float, parse_constant=_Float, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise _Refusal("is not JSON", "Write one complete JSON object a line.") from None
    return _object(value, "the row")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; a field that stands in it twice could say two things, of which one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refusal(f"holds the field {shown(twice)} twice in one object")
    return found


class _Float(str):
    """A number with a point or exponent, kept as text so that it is refused with the digits that were written."""

    __slots__ = ()


def _transaction(row: dict[str, object], alone: bool) -> UtxoTransaction:
    chain = _chain(row.get("chain"), alone)
    txid = _txid(row.get("txid"), "txid")
    most = _MOST_SAT if chain == BITCOIN else _MOST_ELSEWHERE
    inputs = tuple(
        _input(_object(entry, f"inputs[{i}]"), f"inputs[{i}].", chain, most, alone)
        for i, entry in enumerate(_array(row, "inputs"))
    )
    outputs = sorted(
        (
            _output(_object(entry, f"outputs[{i}]"), f"outputs[{i}].", chain, most, alone)
            for i, entry in enumerate(_array(row, "outputs"))
        ),
        key=lambda output: output.vout,
    )
    _check(txid, inputs, outputs)
    return UtxoTransaction(
        chain=chain,
        txid=txid,
        block=_optional(row, "block", _PLACES),
        tx_index=_optional(row, "tx_index", _PLACES),
        timestamp=_seconds(row.get("timestamp")),
        inputs=inputs,
        outputs=tuple(outputs),
        version=_optional(row, "version", _WORD),
        locktime=_optional(row, "locktime", _WORD),
    )


def _check(txid: str, inputs: tuple[Input, ...], outputs: list[Output]) -> None:
    """What holds for every transaction that a block can contain."""
    if not outputs:
        raise _Refusal(f"transaction {txid} has no outputs")
    for place, output in enumerate(outputs):
        if output.vout != place:
            raise _Refusal(
                f"transaction {txid} lacks the output {place}, or has one twice",
                "List all outputs, also those without value: what is missing would be taken for a fee.",
            )
    if len({i.outpoint for i in inputs}) < len(inputs):
        raise _Refusal(f"transaction {txid} spends an output twice")
    spent, paid = sum(i.amount for i in inputs), sum(o.amount for o in outputs)
    if inputs and spent < paid:
        raise _Refusal(
            f"transaction {txid} pays {paid:,} sat but spends only {spent:,} sat",
            "An input or its amount is missing. Only a coinbase (no inputs) makes coin.",
        )


def _input(row: dict[str, object], at: str, chain: str, most: int, alone: bool) -> Input:
    outpoint = Outpoint(
        _txid(row.get("txid"), at + "txid"), _below(_needed(row, "vout", at), at + "vout", _MOST_OUTPUTS)
    )
    if outpoint.txid == _NOWHERE:
        raise _Refusal(
            f"{at}txid is the one of no transaction, which stands in a coinbase only",
            "A coinbase has an empty list of inputs.",
        )
    address = _address(row.get("address"), at + "address", chain, alone)
    script = _hex(row.get("script"), at + "script")
    kind = _script_type(row.get("script_type"), address, "", at)
    _agree(at, chain, "" if alone else address, kind, script)
    return Input(
        outpoint, address, kind, _amount(row, at, most), script, _optional(row, "sequence", _WORD, at)
    )


def _output(row: dict[str, object], at: str, chain: str, most: int, alone: bool) -> Output:
    address = _address(row.get("address"), at + "address", chain, alone)
    data = _hex(row.get("op_return"), at + "op_return")
    script = _hex(row.get("script"), at + "script")
    kind = _script_type(row.get("script_type"), address, data, at)
    _agree(at, chain, "" if alone else address, kind, script)
    vout = _below(_needed(row, "vout", at), at + "vout", _MOST_OUTPUTS)
    return Output(vout, address, kind, _amount(row, at, most), script, data)


def _chain(value: object, alone: bool) -> str:
    if isinstance(value, str):
        try:
            chain = chain_id(value)
        except InputError:
            chain = value if alone else ""
        if _CHAIN.fullmatch(chain):
            return chain
    raise _Refusal(
        f"chain is {shown(value)}, not a Bitcoin-like chain", f"Write {BITCOIN} (or bitcoin) for Bitcoin."
    )


def _txid(value: object, field: str) -> str:
    if not isinstance(value, str) or _TXID.fullmatch(value) is None:
        raise _Refusal(f"{field} is {shown(value)}, not 64 hex digits")
    return value.lower()


def _address(value: object, field: str, chain: str, alone: bool) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or _ADDRESS.fullmatch(value) is None:
        raise _Refusal(f"{field} is {shown(value)}, not an address")
    if alone:
        return value
    try:
        return _checked(chain, value)
    except AddressError as error:
        raise _Refusal(f"{field}: {error.message.removesuffix('.')}", error.hint) from None


_checked = lru_cache(1 << 16)(canonical)


def _script_type(value: object, address: str, data: str, at: str) -> Script:
    """The kind as the file states it, else as the address shows it."""
    if value is None or value == "":
        kind = Script.OP_RETURN if data else script_type_of(address)
    else:
        known = SCRIPT_WORDS.get(value.lower()) if isinstance(value, str) else None
        if known is None:
            raise _Refusal(
                f"{at}script_type is {shown(value)}, which is no kind of script",
                f"Known: {', '.join(SCRIPT_WORDS)}.",
            )
        kind = known
    if data and kind != Script.OP_RETURN:
        raise _Refusal(f"{at}op_return holds data, but the script_type is {kind}")
    return kind


def _agree(at: str, chain: str, address: str, kind: Script, script: str) -> None:
    why = contradiction(chain, address, kind, script)
    if why:
        raise _Refusal(f"{at}{why}", "Take address, script and script_type from one source.")


def _amount(row: dict[str, object], at: str, most: int) -> int:
    value = _needed(row, "amount_raw", at)
    amount = _number(value)
    if amount is None:
        raise _Refusal(
            f"{at}amount_raw is {shown(value)}, not a whole number of sat",
            "Write the amount in sat as an integer or as digits in quotes, never as a number with a point.",
        )
    if amount > most:
        raise _Refusal(f"{at}amount_raw is {shown(value)}, more coin than there can be")
    return amount


def _seconds(value: object) -> int | None:
    """Unix seconds, or RFC 3339 text with its zone; None if unknown."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not isinstance(value, _Float) and _DIGITS.fullmatch(value) is None:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise _Refusal(
                f"timestamp is {shown(value)}, no time with its zone",
                "Write Unix seconds, or a time such as 2024-05-31T04:26:00Z.",
            )
        number = int(moment.timestamp())
    else:
        number = _below(value, "timestamp", 2**63)
    if not _FIRST_DAY <= number < _WORD:
        raise _Refusal(
            f"timestamp is {shown(value)}, outside 2009-01-03 to 2106-02-07, the times that a block can have",
            "Write Unix seconds: a number of 13 digits is in milliseconds, divide it by 1,000.",
        )
    return number


def _optional(row: dict[str, object], field: str, end: int, at: str = "") -> int | None:
    value = row.get(field)
    return None if value is None or value == "" else _below(value, at + field, end)


def _below(value: object, field: str, end: int) -> int:
    number = _number(value)
    if number is None or number >= end:
        raise _Refusal(f"{field} is {shown(value)}, not a whole number in its range")
    return number


def _number(value: object) -> int | None:
    """A JSON integer or a string of digits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and not isinstance(value, _Float) and _DIGITS.fullmatch(value):
        return int(value)
    return None


def _hex(value: object, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise _Refusal(f"{field} is {shown(value)}, not hex")
    return value.lower()


def _needed(row: dict[str, object], field: str, at: str) -> object:
    value = row.get(field)
    if value is None or value == "":
        raise _Refusal(f"{at}{field} is missing")
    return value


def _object(value: object, field: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Refusal(f"{field} is {shown(value)}, not an object")
    return value


def _array(row: dict[str, object], field: str) -> list[object]:
    value = row.get(field)
    if not isinstance(value, list):
        raise _Refusal(f"{field} is {shown(value)}, not a list", "A coinbase has an empty list of inputs.")
    return value
