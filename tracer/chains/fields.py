"""Text columns to checked columns: chains, hashes, addresses, kinds, numbers, times.

Each function takes one batch and adds what is wrong to `Problems`. Work is done once per distinct text, and in C
for the usual spelling; only odd cells are looked at one by one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import EVM_ADDRESS, canonical, chain_id, is_evm, tx_hash
from tracer.chains.problems import Problems
from tracer.chains.time_text import TimeTextError, time_column, utc_seconds
from tracer.chains.tokens import USD
from tracer.eip55 import spell
from tracer.errors import InputError, shown
from tracer.model import NATIVE, Kind

__all__ = [
    "KIND_ALIASES",
    "addresses",
    "chains",
    "encode",
    "hashes",
    "kinds",
    "numbers",
    "times",
    "trim",
    "words",
]

_MIXED = re.compile(r"0[xX][0-9a-fA-F]{40}")
_NATIVE_SPELLINGS = (
    "",
    NATIVE,
    "0x" + "e" * 40,
    "0x" + "0" * 40,
)  # ERC-7528 and Dune's zero address mean the coin

_KINDS = frozenset(kind.value for kind in Kind)

KIND_ALIASES = {
    "coin": Kind.NATIVE,
    "coinbase": Kind.MINT,
    "erc-20": Kind.TOKEN,
    "erc20": Kind.TOKEN,
    "eth": Kind.NATIVE,
    "external": Kind.NATIVE,
    "gas": Kind.FEE,
    "internal_tx": Kind.INTERNAL,
    "normal": Kind.NATIVE,
    "token_transfer": Kind.TOKEN,
    "trace": Kind.INTERNAL,
    "transfer": Kind.NATIVE,
    "trc20": Kind.TOKEN,
    "tx": Kind.NATIVE,
}
"""Other programs' words for a kind (`transfer` of a contract's asset is read as token)."""


def trim(column: pa.Array) -> pa.Array:
    """Without ASCII blanks around; no-break and zero-width characters stay, to be refused."""
    return pc.ascii_trim_whitespace(column)


def encode(column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """(codes, distinct values) of a text column."""
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary


def words(codes: np.ndarray, values: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """A dictionary column from codes into values, which may repeat."""
    texts = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    merged = texts.dictionary_encode()
    if len(merged.dictionary) == len(texts):
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts)
    return pa.DictionaryArray.from_arrays(merged.indices.take(pa.array(codes)), merged.dictionary)


def _per_distinct(
    column: pa.Array, rows: np.ndarray, field: str, problems: Problems, read: Callable[[str], object]
) -> tuple[np.ndarray, list[object]]:
    """Codes and what `read` makes of each distinct text; None where it raises InputError, which becomes a problem."""
    codes, texts = encode(column)
    results: list[object] = []
    for code, text in enumerate(texts.to_pylist()):
        try:
            results.append(read(text))
        except InputError as error:
            results.append(None)
            # messages differ in the quoted text only: without it they name the kind of problem
            kind = error.message.replace(shown(text), "")
            problems.add(field, kind, rows[codes == code], text, kind.strip().rstrip("."), error.hint)
    return codes, results


def chains(
    column: pa.Array | None, given: str | None, assumed: str, rows: np.ndarray, problems: Problems
) -> tuple[np.ndarray, list[str]]:
    """(codes, chains). A file's own chain must agree with the `given` one; empty cells take `given`, then `assumed`."""
    default = given or assumed

    def read(text: str) -> str:
        if not text:
            if not default:
                raise InputError("is missing.", "Say which chain it is: --chain eip155:1, or a column chain.")
            return default
        found = chain_id(text)
        if given is not None and found != given:
            raise InputError(
                f"{shown(text)} is not the chain {given} that was asked for.",
                "Import it as that chain, or leave it out.",
            )
        return found

    texts = pa.repeat(pa.scalar("", pa.string()), len(rows)) if column is None else trim(column)
    codes, found = _per_distinct(texts, rows, "chain", problems, read)
    names = [str(c) if c is not None else "eip155:1" for c in found]
    distinct = sorted(set(names))
    return np.array([distinct.index(n) for n in names], dtype=np.int32)[codes], distinct


def hashes(
    column: pa.Array, chain_codes: np.ndarray, chain_list: list[str], rows: np.ndarray, problems: Problems
) -> pa.Array:
    """Transaction hashes in canonical form; "" stays."""
    texts = pc.ascii_lower(trim(column))
    evm_chain = np.array([is_evm(c) for c in chain_list])[chain_codes]
    prefixed = np.asarray(pc.match_substring_regex(texts, "^0x[0-9a-f]{64}$"))
    good = np.asarray(pc.equal(texts, "")) | (prefixed & evm_chain)
    if good.all():
        return texts
    bare = np.asarray(pc.match_substring_regex(texts, "^[0-9a-f]{64}$"))
    good |= bare & ~evm_chain
    add, cut = bare & evm_chain, prefixed & ~evm_chain
    if add.any():
        longer = pc.binary_join_element_wise(pa.scalar("0x"), texts, "")
        texts = pc.if_else(pa.array(add), longer, texts)
    if cut.any():
        texts = pc.if_else(pa.array(cut), pc.utf8_slice_codeunits(texts, 2), texts)
    left = ~(good | add | cut)
    if left.any():
        mask = pa.array(left)
        _per_distinct(
            column.filter(mask), rows[left], "tx_hash", problems, lambda text: tx_hash("eip155:1", text)
        )
    return texts


def addresses(
    column: pa.Array,
    chain_codes: np.ndarray,
    chain_list: list[str],
    rows: np.ndarray,
    field: str,
    problems: Problems,
) -> pa.DictionaryArray:
    """Canonical addresses, "" where empty. Field `asset`: the chain's own coin becomes `native`, `usd` passes."""
    texts = trim(column)
    if len(chain_list) == 1:
        return _of_one_chain(texts, chain_list[0], rows, field, problems)
    parts, order = [], []
    for code, chain in enumerate(chain_list):
        mask = chain_codes == code
        parts.append(_of_one_chain(texts.filter(pa.array(mask)), chain, rows[mask], field, problems))
        order.append(np.flatnonzero(mask))
    joined = pa.chunked_array(parts).unify_dictionaries().combine_chunks()
    return joined.take(pa.array(np.argsort(np.concatenate(order), kind="stable")))


def _of_one_chain(
    texts: pa.Array, chain: str, rows: np.ndarray, field: str, problems: Problems
) -> pa.DictionaryArray:
    codes, distinct = encode(texts)
    if field == "asset":
        lower = pc.ascii_lower(distinct)
        coin = pc.is_in(lower, pa.array(_NATIVE_SPELLINGS))
        distinct = pc.if_else(coin, NATIVE, pc.if_else(pc.equal(lower, USD), USD, distinct))
        clean = pc.is_in(distinct, pa.array([NATIVE, USD]))
    else:
        clean = pc.equal(distinct, "")
    if is_evm(chain):
        clean = pc.or_(clean, pc.match_substring_regex(distinct, EVM_ADDRESS))
    odd = np.flatnonzero(~np.asarray(clean))
    if not len(odd):
        return words(codes, distinct)
    values = distinct.to_pylist()
    known = _spelt_right([values[i] for i in odd]) if is_evm(chain) else {}
    for place in odd:
        text = values[place]
        try:
            values[place] = known.get(text) or canonical(chain, text)
        except InputError as error:
            kind = error.message.replace(shown(text), "")
            problems.add(field, kind, rows[codes == place], text, kind.strip().rstrip("."), error.hint)
            values[place] = ""
            if problems.rows > 10_000:  # enough to tell; each further look-up scans the batch
                break
    return words(codes, values)


def _spelt_right(texts: list[str]) -> dict[str, str]:
    """Mixed-case EVM addresses whose EIP-55 checksum holds, with their canonical form."""
    lower = {t: t.lower() for t in texts if _MIXED.fullmatch(t)}
    right = spell(list(lower.values()))
    return {text: low for (text, low), good in zip(lower.items(), right, strict=True) if text[2:] == good[2:]}


def kinds(column: pa.Array, rows: np.ndarray, problems: Problems) -> tuple[np.ndarray, list[str]]:
    """(codes, kind words); "" where the file says none."""

    def read(text: str) -> str:
        word = text.lower()
        if not word or word in _KINDS:
            return word
        if word in KIND_ALIASES:
            return KIND_ALIASES[word].value
        near = difflib.get_close_matches(word, [*Kind, *KIND_ALIASES], n=1)
        raise InputError(
            f"{shown(text)} is not a kind of transfer.",
            f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(Kind)}; or unknown.",
        )

    codes, found = _per_distinct(trim(column), rows, "kind", problems, read)
    return codes, [str(word or "") for word in found]


def numbers(column: pa.Array, rows: np.ndarray, field: str, problems: Problems) -> pa.Array:
    """Whole numbers below 10**18 as int64, null where empty. `21895251.0`, as pandas writes it, is one too."""
    texts = trim(column)
    empty = pc.equal(texts, "")
    plain = pc.match_substring_regex(texts, r"^[0-9]{1,18}$")
    if not pc.all(pc.or_(plain, empty)).as_py():
        texts = pc.replace_substring_regex(texts, r"^([0-9]{1,15})\.0+$", r"\1")
        plain = pc.match_substring_regex(texts, r"^[0-9]{1,18}$")
        bad = ~np.asarray(pc.or_(plain, empty))
        if bad.any():
            text = column[int(np.flatnonzero(bad)[0])].as_py()
            problems.add(
                field,
                "number",
                rows[bad],
                text,
                "is not a whole number",
                "Use digits only, without commas; leave it empty if it is not known.",
            )
    return pc.if_else(plain, texts, None).cast(pa.int64())


def times(column: pa.Array, rows: np.ndarray, problems: Problems) -> pa.Array:
    """UTC seconds as int64, null where empty."""
    texts = trim(column)
    seconds, left = time_column(texts)
    if not left.any():
        return seconds

    def read(text: str) -> int:
        try:
            return utc_seconds(text)
        except TimeTextError as error:
            raise InputError(f"{shown(text)} {error.why}.", error.hint) from error

    mask = pa.array(left)
    codes, found = _per_distinct(texts.filter(mask), rows[left], "timestamp_utc", problems, read)
    return pc.replace_with_mask(seconds, mask, pa.array(found, pa.int64()).take(pa.array(codes)))
