"""Dense numbers for the words of a movement table: addresses, assets, transactions. Fast, exact, in a fixed order."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.errors import InputError, shown
from tracer.model import Asset

__all__ = [
    "NOBODY",
    "Columns",
    "address_numbers",
    "asset_numbers",
    "codes_of",
    "integers_of",
    "transaction_keys",
    "transaction_numbers",
]


class Columns(Protocol):
    """A table, or some rows of one, of which one column at a time is asked for."""

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """The column called `name`."""
        ...


NOBODY = -1
"""Number of an empty address."""

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads bits (Knuth, TAOCP 3, 6.4)
_COMPARED = 1 << 16


def codes_of(table: Columns, name: str) -> tuple[np.ndarray, list[str]]:
    """A text column as (codes, distinct words); null has the code -1."""
    column = _dictionary(table[name])
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [word or "" for word in column.dictionary.to_pylist()]


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=column.type)
    return whole if isinstance(whole, pa.DictionaryArray) else whole.dictionary_encode()


def integers_of(table: Columns, name: str) -> np.ndarray:
    """An integer column as int64, -1 for null."""
    filled = pc.fill_null(table[name].cast(pa.int64()), -1)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def address_numbers(
    table: Columns, chain: np.ndarray, chains: list[str]
) -> tuple[tuple[tuple[str, str], ...], np.ndarray, np.ndarray]:
    """(names sorted by chain and text, sender numbers, recipient numbers); an empty address is NOBODY."""
    sides = [_dictionary(table[name]) for name in ("from_address", "to_address")]
    both = pa.concat_arrays([pa.array([""]), *(side.dictionary for side in sides)])
    coded = both.dictionary_encode()  # not by `unique`: the codes say where each side's words are
    order = pc.sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    ranks, width, keys, start = rank[coded.indices.to_numpy()], len(order), [], 1
    for side in sides:
        own = ranks[start : start + len(side.dictionary)]
        start += len(own)
        codes = pc.fill_null(side.indices, -1).to_numpy(zero_copy_only=False)
        word = np.append(own, 0)[codes]  # "" sorts first, so rank 0 is nobody
        keys.append(np.where(word == 0, NOBODY, chain * width + word))
    seen = np.zeros(max(len(chains), 1) * width, dtype=bool)
    for key in keys:
        seen[key[key >= 0]] = True
    used = np.flatnonzero(seen)
    texts = coded.dictionary.take(pa.array(order[used % width])).to_pylist()
    names = tuple(zip((chains[c] for c in (used // width).tolist()), texts, strict=True))
    number = np.cumsum(seen) - 1
    first, second = (np.where(key < 0, NOBODY, number[key]) for key in keys)
    return names, first, second


def asset_numbers(
    table: Columns, chain: np.ndarray, chains: list[str]
) -> tuple[np.ndarray, tuple[Asset, ...]]:
    """(asset number per row, assets), with the first symbol and the decimals that the sources state."""
    refs, ref_words = codes_of(table, "asset")
    symbols, symbol_words = codes_of(table, "symbol")
    decimals = integers_of(table, "decimals")
    key = chain * max(len(ref_words), 1) + refs
    used, first, number = np.unique(key, return_index=True, return_inverse=True)
    stated: dict[int, set[int]] = defaultdict(set)
    for n, d in _pairs(number, decimals):
        stated[n].add(d)
    named: dict[int, str] = {}
    for n, s in _pairs(number, symbols):
        if symbol_words[s]:
            named.setdefault(n, symbol_words[s])
    assets = []
    for n, (k, row) in enumerate(zip(used.tolist(), first.tolist(), strict=True)):
        where, ref = chains[k // max(len(ref_words), 1)], ref_words[int(refs[row])]
        if len(stated[n]) > 1:
            raise InputError(
                f"The sources disagree about the decimals of {where}/{shown(ref)}: {sorted(stated[n])}.",
                "Correct the decimals column of the wrong file and import it again.",
            )
        assets.append(Asset(where, ref, named.get(n, ""), next(iter(stated[n]), None)))
    return number.reshape(-1), tuple(assets)


def _pairs(number: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """The distinct (number, other) of rows whose `other` is not negative, sorted."""
    width = int(other.max(initial=0)) + 1
    known = other >= 0
    return [divmod(pair, width) for pair in np.unique(number[known] * width + other[known]).tolist()]


def transaction_keys(table: Columns) -> np.ndarray:
    """A number per row that is the same for rows of one transaction: the same hash or, of rows without one, the same
    block and index. -1 where a row tells neither.
    """
    codes, blank, words = _text_codes(table["tx_hash"])
    chain, chains = codes_of(table, "chain")
    block, index = (integers_of(table, name) for name in ("block", "tx_index"))
    key = np.where(blank, -1, chain * words + codes)
    placed = np.flatnonzero(blank & (block >= 0) & (index >= 0))
    if len(placed):
        parts = np.stack([chain[placed], block[placed], index[placed]])
        key[placed] = len(chains) * words + np.unique(parts, axis=1, return_inverse=True)[1].reshape(-1)
    return key


def transaction_numbers(keys: np.ndarray) -> np.ndarray:
    """Dense numbers of the transactions with these keys; a row whose transaction nobody knows is one of its own."""
    alone = keys < 0
    number = np.where(alone, int(keys.max(initial=-1)) + np.cumsum(alone), keys)
    return np.asarray(np.unique(number, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _text_codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, int]:
    """(code per row in the order of first appearance, -1 for null; whether the row has no text; number of codes)."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], pa.string())
    codes = _fixed_width_codes(whole)
    if codes is not None:
        return codes, np.zeros(len(codes), dtype=bool), len(codes)
    coded = whole.dictionary_encode()
    found = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    blank = np.append(pc.equal(coded.dictionary, "").to_numpy(zero_copy_only=False), True)[found]
    return found, blank, len(coded.dictionary)


def _fixed_width_codes(texts: pa.StringArray) -> np.ndarray | None:
    """Codes of texts that are all of one length (transaction hashes), without a table of a million strings.

    Rows are grouped by a 64-bit mix of their bytes and then compared byte by byte with the first of their group; None
    if they are not of one length, or if two different texts share a group.
    """
    rows = len(texts)
    if not rows or texts.null_count or not pa.types.is_string(texts.type):
        return None
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + rows + 1]
    width = int(ends[1] - ends[0])
    if width < 8 or data is None or int(ends[-1] - ends[0]) != rows * width or (np.diff(ends) != width).any():
        return None
    letters = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]].reshape(rows, width)
    key = np.zeros(rows, dtype=np.uint64)
    for at in (*range(0, width - 8, 8), width - 8):  # the last eight bytes may overlap those before
        key ^= np.ascontiguousarray(letters[:, at : at + 8]).view(np.uint64).ravel()
        key *= _ODD
        key ^= key >> np.uint64(29)
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    opens = np.r_[True, ranked[1:] != ranked[:-1]]
    group = np.cumsum(opens) - 1
    first = order[opens]
    for at in range(0, rows, _COMPARED):
        some = slice(at, at + _COMPARED)
        copies = ~opens[some]
        if (letters[order[some][copies]] != letters[first[group[some][copies]]]).any():
            return None
    appearance = np.empty(len(first), dtype=np.int64)
    appearance[np.argsort(first)] = np.arange(len(first))
    codes = np.empty(rows, dtype=np.int64)
    codes[order] = appearance[group]
    return codes
