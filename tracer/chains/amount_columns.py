"""The amount column of a batch, from `amount_raw`, from `amount` and decimals, or from both if they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.amount_text import AmountTextError, decimal_column, exact, raw_column, without_commas
from tracer.chains.cells import Assets, Cells
from tracer.chains.fields import encode, trim
from tracer.chains.problems import Problems
from tracer.errors import shown
from tracer.movements import AMOUNT

__all__ = ["UNKNOWN", "read_amounts"]

UNKNOWN = -1
"""The number of decimals of an asset whose decimals nobody states."""

_ASSUMED = 18  # only for rows left out of flows
_MANY = 10_000  # bad cells after which the rest need no words of their own

_Fast = Callable[[pa.Array], tuple[pa.Array, np.ndarray]]


def read_amounts(
    cells: Cells,
    assets: Assets,
    decimals: np.ndarray,
    left_out: np.ndarray,
    problems: Problems,
    counts: Counter[str],
    *,
    commas: bool,
) -> tuple[pa.Array, set[tuple[str, str]]]:
    """The amount column, and the (chain, asset) whose decimals were assumed for rows that are `left_out` of flows."""
    raw = trim(cells.get("amount_raw"))
    has_raw = np.asarray(pc.not_equal(raw, ""))
    if has_raw.all() and "amount" not in cells.columns:
        return _read(raw, cells, "amount_raw", raw_column, 0, problems, counts), set()
    text = without_commas(trim(cells.get("amount"))) if commas else trim(cells.get("amount"))
    has_text = np.asarray(pc.not_equal(text, ""))
    stated_in = "amount" if "amount" in cells.columns else "amount_raw"
    nothing = ~(has_raw | has_text)
    problems.refuse(cells, stated_in, nothing, "is empty", "Every transfer needs its amount.")
    result = np.zeros((len(cells), 32), dtype=np.uint8)
    if has_raw.any():
        mask = pa.array(has_raw)
        column = _read(raw.filter(mask), cells.where(mask), "amount_raw", raw_column, 0, problems, counts)
        result[has_raw] = _bytes_of(column)
    scale, assumed = _scales(cells, has_text & ~has_raw, assets, decimals, left_out, problems)
    counts["decimals_assumed"] += int(assumed.sum())
    for places in np.unique(scale[has_text & (scale != UNKNOWN)]).tolist():
        at = has_text & (scale == places)
        mask, fast = pa.array(at), partial(decimal_column, decimals=places)
        found = _bytes_of(
            _read(text.filter(mask), cells.where(mask), "amount", fast, places, problems, counts)
        )
        wrong = np.zeros(len(cells), dtype=bool)
        wrong[np.flatnonzero(at)[has_raw[at] & (result[at] != found).any(axis=1)]] = True
        problems.refuse(
            cells, "amount", wrong, "is not the same amount as amount_raw", "Correct one of the columns."
        )
        result[at] = found
    column = pa.Array.from_buffers(AMOUNT, len(cells), [None, pa.py_buffer(result)])
    return column, {assets.of(pair) for pair in np.unique(assets.pairs[assumed]).tolist()}


def _scales(
    cells: Cells,
    wanted: np.ndarray,
    assets: Assets,
    decimals: np.ndarray,
    left_out: np.ndarray,
    problems: Problems,
) -> tuple[np.ndarray, np.ndarray]:
    """Decimals with which to read `amount`, and the rows where they are assumed; unknown ones are an error."""
    scale = decimals.copy()
    missing = wanted & (decimals == UNKNOWN)
    assumed = missing & left_out
    scale[assumed] = _ASSUMED
    for pair in np.unique(assets.pairs[missing & ~assumed]).tolist():
        asset = assets.of(pair)[1]
        problems.refuse(
            cells,
            "amount",
            missing & ~assumed & (assets.pairs == pair),
            f"cannot be turned into smallest units: the decimals of the token {shown(asset)} are not known",
            f"Look them up (decimals() of the contract) and add --map decimals:{asset}==N, or a column decimals.",
        )
    return scale, assumed


def _read(
    texts: pa.Array,
    cells: Cells,
    field: str,
    fast: _Fast,
    decimals: int,
    problems: Problems,
    counts: Counter[str],
) -> pa.Array:
    """Texts as amounts: the usual ones by `fast`, each other one by `exact`, which may find a problem."""
    column, left = fast(texts)
    if not left.any():
        return column
    data = _bytes_of(column).copy()
    places = np.flatnonzero(left)
    codes, distinct = encode(texts.take(pa.array(places)))
    for code, text in enumerate(distinct.to_pylist()):
        at = places[codes == code]
        try:
            number = exact(text, decimals)
        except AmountTextError as error:
            problems.add(field, error.code, cells.rows[at], text, error.why, error.hint)
            if problems.rows > _MANY:
                break
        else:
            data[at] = np.frombuffer(number.to_bytes(32, "big"), dtype=np.uint8)
            counts["exponent"] += len(at) if "e" in text.lower() else 0
    return pa.Array.from_buffers(AMOUNT, len(texts), [None, pa.py_buffer(data)])


def _bytes_of(column: pa.Array) -> np.ndarray:
    data: np.ndarray = np.frombuffer(column.buffers()[1], dtype=np.uint8)
    return data[column.offset * 32 : (column.offset + len(column)) * 32].reshape(-1, 32)
