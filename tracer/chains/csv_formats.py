"""Which kind of table a file is, told from its column names alone, and where each field of the tracer is in it.

Recognised: the tracer's own transfers CSV, the explorers' CSV exports (Etherscan and its sister sites: transactions,
internal transactions, ERC-20 transfers), ethereum-etl (transactions, token_transfers, traces), flow lists valued in
USD, and any table by mapping. Recognition never looks at values, so the same columns always read the same way.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tracer.errors import FileError, shown

__all__ = ["FIELDS", "Layout", "recognise"]

FIELDS = (
    "chain",
    "block",
    "tx_index",
    "position",
    "timestamp_utc",
    "tx_hash",
    "from_address",
    "to_address",
    "asset",
    "symbol",
    "decimals",
    "amount_raw",
    "amount",
    "kind",
    "value",
    "excluded",
    "grade",
)
"""The fields that `--map FIELD=Column` may name."""

# Spellings of a field in files that are close to our own; compared without case, blanks, _ and -.
_SPELLINGS = {
    "chain": ("chain", "chainid", "network"),
    "block": ("block", "blocknumber", "blockno"),
    "tx_index": ("txindex", "transactionindex"),
    "position": ("position",),
    "timestamp_utc": (
        "timestamputc",
        "timestamp",
        "blocktimestamp",
        "unixtimestamp",
        "datetime(utc)",
        "time",
    ),
    "tx_hash": ("txhash", "transactionhash", "txid", "hash"),
    "from_address": ("fromaddress", "from"),
    "to_address": ("toaddress", "to"),
    "asset": ("asset", "assetcontract", "tokenaddress", "contractaddress"),
    "symbol": ("symbol", "assetsymbol", "tokensymbol"),
    "decimals": ("decimals", "tokendecimals", "tokendecimal"),
    "amount_raw": ("amountraw",),
    "amount": ("amount",),
    "kind": ("kind",),
    "value": ("value", "valueusd", "valueinusd"),
    "excluded": ("excluded",),
    "grade": ("grade",),
}

_EXPLORER_COINS = {
    "eth": "eip155:1",
    "bnb": "eip155:56",
    "matic": "eip155:137",
    "pol": "eip155:137",
    "avax": "eip155:43114",
}


@dataclass(frozen=True)
class Layout:
    """How one file is read.

    name: for people. columns: field -> index of the column. constants: field -> text for every row. extra: indices of
    columns kept as they are. shape: how rows become transfers (`rows` one to one; else a reader of
    explorer_formats.py or etl_formats.py). assumed_chain: used when nobody names one. commas: thousands separators
    are a habit of this source. decimals_of: decimals that the caller gave for a contract.
    """

    name: str
    shape: str
    columns: Mapping[str, int]
    headers: tuple[str, ...]
    constants: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[int, ...] = ()
    assumed_chain: str = ""
    commas: bool = False
    decimals_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def header_of(self) -> dict[str, str]:
        """Field -> the file's own name of its column, for messages."""
        return {name: self.headers[index] for name, index in self.columns.items()}


def recognise(headers: Sequence[str], name: str, mapping: Mapping[str, str] | None = None) -> Layout:
    """The layout of a file with these columns. `mapping`: field -> column name, or `=text` for a constant.

    Also `decimals:CONTRACT` -> `=6` for a token whose decimals the file does not state. Raises FileError that
    names missing columns and the nearest ones.
    """
    headers = tuple(headers)
    squeezed = [_squeeze(h) for h in headers]
    columns, constants, decimals_of = _apply_mapping(headers, name, mapping or {})
    layout = (
        _explorer(headers, squeezed, name) or _etl(headers, squeezed) or _usd_flows(headers, squeezed)
        if not columns
        else None
    ) or _own(headers, squeezed, name, columns, constants)
    taken = set(layout.columns.values())
    return replace(
        layout,
        constants={**layout.constants, **constants},
        decimals_of=decimals_of,
        extra=layout.extra or tuple(i for i in range(len(headers)) if i not in taken),
    )


def _squeeze(header: str) -> str:
    return re.sub(r"[\s_\-]", "", header).lower()


def _apply_mapping(
    headers: Sequence[str], name: str, mapping: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, str], dict[str, str]]:
    columns: dict[str, int] = {}
    constants: dict[str, str] = {}
    decimals_of: dict[str, str] = {}
    for field_name, source in mapping.items():
        if field_name.startswith("decimals:") and source.startswith("="):
            decimals_of[field_name.removeprefix("decimals:").lower()] = source[1:]
        elif field_name not in FIELDS:
            near = difflib.get_close_matches(field_name, FIELDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Fields: {', '.join(FIELDS)}."
            raise FileError(f"{shown(field_name)} is not a field that a column can be mapped to.", hint)
        elif source.startswith("="):
            constants[field_name] = source[1:]
        elif source in headers:
            columns[field_name] = headers.index(source)
        else:
            near = difflib.get_close_matches(source, headers, n=1)
            hint = f"Did you mean {shown(near[0])}?" if near else f"Columns: {_listed(headers)}."
            raise FileError(f"{shown(name)} has no column {shown(source)}.", hint)
    return columns, constants, decimals_of


def _own(
    headers: Sequence[str],
    squeezed: Sequence[str],
    name: str,
    mapped: Mapping[str, int],
    constants: Mapping[str, str],
) -> Layout:
    columns = dict(mapped)
    for field_name, spellings in _SPELLINGS.items():
        if field_name in columns or field_name in constants:
            continue
        found = next((s for s in spellings if s in squeezed), None)
        if found is not None and squeezed.index(found) not in mapped.values():
            columns[field_name] = squeezed.index(found)
    have = {*columns, *constants}
    missing = [f for f in ("from_address", "to_address") if f not in have]
    if not have & {"amount_raw", "amount"}:
        missing.append("amount_raw (or amount)")
    if missing:
        raise FileError(
            f"{shown(name)} has no column for {', '.join(missing)}; its columns are {_listed(headers)}.",
            _mapping_hint(headers, missing),
        )
    kind = "mapped columns" if mapped else "transfers"
    return Layout(kind, "rows", columns, tuple(headers))


def _mapping_hint(headers: Sequence[str], missing: Sequence[str]) -> str:
    guesses = {
        "from_address": ("from", "sender", "source", "payer", "origin", "src", "送信元", "送金元", "出金元"),
        "to_address": (
            "to",
            "receiver",
            "recipient",
            "destination",
            "payee",
            "target",
            "dst",
            "送信先",
            "送金先",
            "受取",
            "宛先",
        ),
        "amount_raw (or amount)": ("value", "quantity", "amount", "wei", "sum", "数量", "金額"),
    }
    wishes = []
    for field_name in missing:
        words = guesses[field_name]
        near = next((h for h in headers if any(_squeeze(h).startswith(w) for w in words)), "")
        if not near:
            near = next(iter(difflib.get_close_matches(field_name, headers, n=1, cutoff=0.4)), "COLUMN")
        wishes.append(f"--map {shown(field_name.split()[0] + '=' + near)}")
    unit = (
        ""
        if "amount_raw (or amount)" not in missing
        else " (amount_raw: whole wei or satoshi; amount: whole coins)"
    )
    return f"Say which column it is: {' '.join(wishes)}{unit}."


def _listed(headers: Sequence[str]) -> str:
    listed = ", ".join(shown(h, 30) for h in headers[:20])
    return f"{listed} ..." if len(headers) > 20 else listed


def _where(squeezed: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Field -> index of the column with the first spelling that occurs; a trailing * matches any continuation."""
    found: dict[str, int] = {}
    for field_name, spellings in wanted.items():
        for spelling in spellings:
            stem = spelling.removesuffix("*")
            matches = (
                i for i, h in enumerate(squeezed) if h == stem or (stem != spelling and h.startswith(stem))
            )
            index = next(matches, None)
            if index is not None:
                found[field_name] = index
                break
    return found


_EXPLORER_COMMON = {
    "tx_hash": ("transactionhash", "txhash"),
    "block": ("blockno", "block"),
    "timestamp_utc": ("unixtimestamp", "datetime(utc)", "datetime"),
    "from_address": ("from",),
}


def _explorer(headers: Sequence[str], squeezed: Sequence[str], name: str) -> Layout | None:
    known = set(squeezed)
    if not known & {"transactionhash", "txhash"} or "from" not in known:
        return None
    incoming = next((h for h in squeezed if h.startswith("valuein(")), None)
    if incoming is not None:
        coin = incoming.removeprefix("valuein(").rstrip(")")
        wanted = _EXPLORER_COMMON | {
            "to_address": ("txto", "to"),
            "created": ("contractaddress",),
            "value_in": ("valuein(*",),
            "value_out": ("valueout(*",),
            "status": ("status",),
            "error": ("errcode",),
        }
        internal = any(h.startswith("parenttx") for h in squeezed)
        if not internal:
            # the USD twin of the fee has the same beginning; the coin's own column is the exact one
            wanted["fee"] = (f"txnfee({coin})",)
        return Layout(
            f"explorer export, {'internal transactions' if internal else 'transactions'}",
            "explorer_internal" if internal else "explorer_native",
            _where(squeezed, wanted),
            tuple(headers),
            constants={"symbol": coin.upper()},
            assumed_chain=_EXPLORER_COINS.get(coin, ""),
            commas=True,
        )
    if "tokensymbol" in known and "to" in known and known & {"tokenid", "token id"}:
        raise FileError(
            f"{shown(name)} is an explorer's NFT export.",
            "The tracer follows coins and fungible tokens: export the ERC-20 token transfers instead.",
        )
    if "tokensymbol" in known and "contractaddress" in known and known & {"tokenvalue", "value"}:
        wanted = _EXPLORER_COMMON | {
            "to_address": ("to",),
            "asset": ("contractaddress",),
            "symbol": ("tokensymbol",),
            "amount": ("tokenvalue", "value"),
            "value": ("usdvaluedayoftx",),
        }
        return Layout(
            "explorer export, ERC-20 transfers",
            "rows",
            _where(squeezed, wanted),
            tuple(headers),
            constants={"kind": ""},
            assumed_chain="eip155:1",
            commas=True,
        )
    return None


def _etl(headers: Sequence[str], squeezed: Sequence[str]) -> Layout | None:
    known = set(squeezed)
    if {"tracetype", "traceaddress", "transactionhash", "fromaddress", "toaddress", "value"} <= known:
        name, shape = "ethereum-etl traces", "etl_traces"
        wanted: dict[str, tuple[str, ...]] = {
            "trace_type": ("tracetype",),
            "call_type": ("calltype",),
            "trace_address": ("traceaddress",),
            "status": ("status",),
            "error": ("error",),
        }
        unwanted: set[str] = {"input", "output"}
    elif {"tokenaddress", "fromaddress", "toaddress", "value", "transactionhash", "logindex"} <= known:
        name, shape = "ethereum-etl token_transfers", "etl_tokens"
        wanted = {"asset": ("tokenaddress",), "log_index": ("logindex",)}
        unwanted = set[str]()
    elif {"hash", "nonce", "fromaddress", "toaddress", "value", "gasprice"} <= known:
        name, shape = "ethereum-etl transactions", "etl_transactions"
        wanted = {
            "nonce": ("nonce",),
            "status": ("receiptstatus",),
            "gas_used": ("receiptgasused",),
            "gas_price": ("receipteffectivegasprice", "gasprice"),
            "created": ("receiptcontractaddress",),
        }
        unwanted = {"input"}
    else:
        return None
    common = {
        "block": ("blocknumber",),
        "tx_index": ("transactionindex",),
        "timestamp_utc": ("blocktimestamp",),
        "tx_hash": ("transactionhash", "hash"),
        "from_address": ("fromaddress",),
        "to_address": ("toaddress",),
        "amount_raw": ("value",),
    }
    columns = _where(squeezed, common | wanted)
    taken = set(columns.values())
    # call data is no money and would be most of the file
    extra = tuple(i for i, h in enumerate(squeezed) if i not in taken and h not in unwanted)
    return Layout(name, shape, columns, tuple(headers), extra=extra, assumed_chain="eip155:1")


def _usd_flows(headers: Sequence[str], squeezed: Sequence[str]) -> Layout | None:
    if not {"timestamp", "txhash", "from", "to", "valueinusd"} <= set(squeezed):
        return None
    wanted = {
        "timestamp_utc": ("timestamp",),
        "block": ("block",),
        "tx_hash": ("txhash",),
        "from_address": ("from",),
        "to_address": ("to",),
        "amount": ("valueinusd",),
        "from_label": ("fromlabel",),
        "to_label": ("tolabel",),
    }
    columns = _where(squeezed, wanted)
    kept = {index for field_name, index in columns.items() if not field_name.endswith("_label")}
    return Layout(
        "flow list valued in USD",
        "usd_flows",
        columns,
        tuple(headers),
        constants={"asset": "usd", "symbol": "USD", "decimals": "2", "kind": "unknown"},
        extra=tuple(i for i in range(len(headers)) if i not in kept),
        assumed_chain="eip155:1",
    )
