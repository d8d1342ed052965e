"""Result tables of a case as coded columns, read once for the graph and the path search.

Node ids are CAIP-10 (`chain:address`), asset keys are `chain/ref`; both are coded as small integers so that a scan
over a million movements touches no text. Row numbers are positions in the given table: its order is the ledger's
order, and this module never sorts, merges or drops a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tracer.errors import InputError, NotFoundError, shown
from tracer.joined import joined, outpoint_codes
from tracer.model import Kind

__all__ = ["OUTSIDE", "FlowTable", "column", "node_id", "plain", "seconds", "small_number"]

OUTSIDE = "outside"
"""Node of coin that comes from no address: mint, withdrawal, opening."""

_SINK_OF_KIND = {"fee": "sink:fee", "issuer": "sink:recovered"}
_NEEDED = ("chain", "tx_hash", "from_address", "to_address", "asset", "amount_raw")


def node_id(chain: str, address: str) -> str:
    """CAIP-10 id of an address; a sink (`sink:fee` ...) is one node for all chains.

    >>> node_id("eip155:1", "0xab"), node_id("", "sink:fee")
    ('eip155:1:0xab', 'sink:fee')
    """
    return address if address.startswith("sink:") or address == OUTSIDE else f"{chain}:{address}"


def plain(node: str) -> str:
    """A node id in the spelling by which ids are compared: checksum capitals of EVM addresses do not count.

    >>> plain("eip155:1:0xAB"), plain("bip122:000000000019d6689c085ae165831e93:1Ab")
    ('eip155:1:0xab', 'bip122:000000000019d6689c085ae165831e93:1Ab')
    """
    chain, sep, address = node.rpartition(":")
    return chain + sep + address.lower() if address[:2] in {"0x", "0X"} else node


def small_number(value: object) -> int | None:
    """A block, position, hop or row number; None when empty.

    Beside nulls pandas holds such a number as a float, which is exact below 2**53 and refused (ValueError) above.

    >>> small_number(7.0), small_number("12"), small_number(float("nan"))
    (7, 12, None)
    """
    if value is None or value == "" or value != value:  # noqa: PLR0124 (NaN)
        return None
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 2**53:
            raise ValueError(f"{value!r} is no exact whole number")
        return int(value)
    return int(str(value))


def column(frame: pd.DataFrame, name: str, missing: object) -> pd.Series[Any]:
    """A column as objects without nulls; a column that the table lacks holds `missing` everywhere."""
    if name not in frame.columns:
        return pd.Series([missing] * len(frame), index=frame.index, dtype=object)
    column = frame[name].astype(object)
    return column.where(column.notna(), missing)


def _words(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    """A text column as (code per row, distinct words); empty and missing cells are the word ""."""
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=np.int64), [""]
    codes, words = pd.factorize(frame[name])
    return np.where(codes < 0, len(words), codes), [*(str(word) for word in words), ""]


def _pairs(
    first: tuple[np.ndarray, list[str]], second: tuple[np.ndarray, list[str]], join: Callable[[str, str], str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Two coded columns as one: (codes, sorted distinct `join` of their words)."""
    key = first[0] * len(second[1]) + second[0]
    used, number = np.unique(key, return_inverse=True)
    texts = [join(first[1][k // len(second[1])], second[1][k % len(second[1])]) for k in used.tolist()]
    words = sorted(set(texts))
    rank = {word: i for i, word in enumerate(words)}
    return np.array([rank[text] for text in texts], dtype=np.int64)[number], tuple(words)


def _sides(frame: pd.DataFrame) -> tuple[list[int], list[int], tuple[str, ...]]:
    """(payer codes, payee codes, node ids); an empty side is coin from outside or a sink."""
    chain, chains = _words(frame, "chain")
    sender, senders = _words(frame, "from_address")
    senders = [word or OUTSIDE for word in senders]
    recipient, recipients = _words(frame, "to_address")
    kind, kinds = _words(frame, "kind")
    sinks = [_SINK_OF_KIND.get(word, "sink:burned") for word in kinds]
    blank = np.array([word == "" for word in recipients])[recipient]
    recipient = np.where(blank, len(recipients) + kind, recipient)
    words = senders + recipients + sinks
    both = np.concatenate([sender, recipient + len(senders)])
    codes, nodes = _pairs((np.concatenate([chain, chain]), chains), (both, words), node_id)
    return codes[: len(frame)].tolist(), codes[len(frame) :].tolist(), nodes


def seconds(texts: pd.Series[Any]) -> list[int | None]:
    """ISO-8601 text as UTC seconds; None where it is empty."""
    codes, distinct = pd.factorize(texts)
    words = [str(word) for word in distinct]
    known = [int(datetime.fromisoformat(word).timestamp()) if word else None for word in words]
    return [known[code] for code in codes.tolist()]


def _ordinals(frame: pd.DataFrame) -> list[int]:
    """Number of the transaction of each row: neighbours of one chain and hash belong together; no hash: alone."""
    chain, _ = _words(frame, "chain")
    tx, hashes = _words(frame, "tx_hash")
    alone = np.array([word == "" for word in hashes])[tx]
    change = alone | (np.diff(chain, prepend=-1) != 0) | (np.diff(tx, prepend=-1) != 0)
    ordinals: list[int] = (np.cumsum(change) - 1).tolist()
    return ordinals


@dataclass(frozen=True)
class FlowTable:
    """A transfers table, coded. All lists are by row in ledger order.

    nodes, assets: ids by code, sorted. payer, payee: node codes; asset: asset codes. amount, taint: exact integers
    in smallest units. time: UTC seconds or None. tx: transaction ordinal. converts: row is a leg of a conversion.
    followed: False for rows that are left out of flows (poisoning, zero value ...). symbol, decimals: by asset.
    frame: the table itself, for evidence. comes, goes: where coin is before and after, as codes: the node, or on
    Bitcoin-like chains the outpoint or the transaction. inner: the coin stays with its owner inside a transaction, as
    an input does that nobody else's coin joins: no edge.
    """

    nodes: tuple[str, ...]
    assets: tuple[str, ...]
    payer: list[int]
    payee: list[int]
    asset: list[int]
    amount: list[int]
    taint: list[int]
    time: list[int | None]
    tx: list[int]
    converts: list[bool]
    followed: list[bool]
    symbol: tuple[str, ...]
    decimals: tuple[int | None, ...]
    frame: pd.DataFrame
    comes: list[int]
    goes: list[int]
    inner: list[bool]

    @classmethod
    def read(cls, transfers: pd.DataFrame) -> FlowTable:
        """Code a transfers table (columns of docs/formats.md; `taint_raw`, `excluded`, `converts` optional).

        Raises InputError when a needed column is missing.

        >>> row = {"chain": "eip155:1", "tx_hash": "0x1", "asset": "native", "amount_raw": 5}
        >>> table = FlowTable.read(pd.DataFrame([row | {"from_address": "0xa", "to_address": "0xb"}]))
        >>> table.nodes, table.amount
        (('eip155:1:0xa', 'eip155:1:0xb'), [5])
        """
        lost = [name for name in _NEEDED if name not in transfers.columns]
        if lost:
            raise InputError(
                f"The transfers table lacks the column {shown(lost[0])}.",
                "Use the transfers of a traced case, or the columns listed in docs/formats.md.",
            )
        frame = joined(transfers.reset_index(drop=True))
        payer, payee, nodes = _sides(frame)
        comes, goes = outpoint_codes(frame, len(nodes))
        codes, assets = _pairs(_words(frame, "chain"), _words(frame, "asset"), "{}/{}".format)
        asset = codes.tolist()
        symbol, decimals = _names(frame, asset, len(assets))
        return cls(
            nodes=nodes,
            assets=assets,
            payer=payer,
            payee=payee,
            asset=asset,
            amount=[int(str(v)) for v in frame["amount_raw"]],
            taint=[int(str(v)) for v in column(frame, "taint_raw", 0)],
            time=seconds(column(frame, "timestamp_utc", "")),
            tx=_ordinals(frame),
            converts=[v in {True, "true", "True"} for v in column(frame, "converts", missing=False)],
            followed=[not v for v in column(frame, "excluded", "")],
            symbol=symbol,
            decimals=decimals,
            frame=frame,
            comes=np.where(comes >= 0, comes, payer).tolist(),
            goes=np.where(goes >= 0, goes, payee).tolist(),
            inner=_inner(frame, payer, payee),
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.amount)

    @cached_property
    def places(self) -> dict[str, list[Any]]:
        """The evidence columns (see `evidence`) as lists: a path of 100,000 movements looks up each of its rows."""
        texts = {name: [str(v) for v in column(self.frame, name, "")] for name in ("tx_hash", "source_name")}
        names = ("block", "tx_index", "position", "source_row")
        return texts | {name: [small_number(v) for v in column(self.frame, name, None)] for name in names}

    def evidence(self, rows: Iterable[int]) -> list[dict[str, Any]]:
        """Where each of `rows` stands: tx_hash, block, tx_index, position, source_name, source_row (None: unknown)."""
        names = ("tx_hash", "block", "tx_index", "position", "source_name", "source_row")
        places = self.places
        return [{name: places[name][row] for name in names} for row in rows]

    @cached_property
    def code(self) -> dict[str, int]:
        """Node code by `plain` node id."""
        return {plain(node): code for code, node in enumerate(self.nodes)}

    def find(self, address: str) -> int:
        """Node code of a CAIP-10 id or of a bare address that stands on one chain only.

        Raises NotFoundError when no transfer names it, InputError when several chains do.
        """
        wanted = plain(address.strip())
        if wanted in self.code:
            return self.code[wanted]
        ends = [code for node, code in self.code.items() if node.endswith(":" + wanted)]
        if len(ends) > 1:
            raise InputError(
                f"{shown(address)} stands on {len(ends)} chains: {', '.join(self.nodes[i] for i in sorted(ends))}.",
                "Give it with its chain.",
            )
        if ends:
            return ends[0]
        raise NotFoundError(
            f"No transfer in this case names the address {shown(address)}.",
            "Check the address, or import its transfers first.",
        )


def _inner(frame: pd.DataFrame, payer: list[int], payee: list[int]) -> list[bool]:
    """Inputs of a transaction whose inputs all have one owner, and what a coinbase makes before it pays it out."""
    kinds = column(frame, "kind", "")
    ends = zip(
        payer, payee, kinds, column(frame, "from_address", ""), column(frame, "to_address", ""), strict=True
    )
    return [
        (kind == Kind.SPEND and a == b) or (kind == Kind.MINT and not (x or y)) for a, b, kind, x, y in ends
    ]


def _names(
    frame: pd.DataFrame, asset: list[int], assets: int
) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    """(symbol, decimals) by asset, from the first row that names the asset."""
    first = {code: row for row, code in reversed(list(enumerate(asset)))}
    part = frame.iloc[[first[code] for code in range(assets)]]
    symbols = tuple(str(v) for v in column(part, "symbol", ""))
    return symbols, tuple(small_number(v) for v in column(part, "decimals", None))
