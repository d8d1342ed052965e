"""Amount text to exact integers in the smallest unit: never a float, never rounded.

`amount_raw` is an integer, `amount` a decimal number that is multiplied by 10**decimals. The common spelling (plain
digits, up to 76 of them) is converted as 256-bit decimals in C; anything else goes through Python, one text at a
time, which either yields the exact integer or the reason why not. A positive exponent (4.01E+23) is refused: it is
how a spreadsheet prints a number whose digits it has already thrown away. A negative one (1.5e-05) shows all its
digits and is exact.
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.movements import AMOUNT, MAX_AMOUNT

__all__ = [
    "MAX_DECIMALS",
    "AmountTextError",
    "amount_text",
    "decimal_column",
    "exact",
    "raw_column",
    "without_commas",
]

MAX_DECIMALS = 77
"""10**77 is the largest power of ten below 2**256."""

_PLAIN_INTEGER = r"^[0-9]{1,76}$"
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_LONGEST = 200


class AmountTextError(ValueError):
    """Text that is no exact amount. `code` groups equal problems; `why` and `hint` are for the investigator."""

    def __init__(self, code: str, why: str, hint: str) -> None:
        super().__init__(why)
        self.code, self.why, self.hint = code, why, hint


def exact(text: str, decimals: int) -> int:
    """The integer `text * 10**decimals`. `decimals` 0 reads `amount_raw`. Raises AmountTextError."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or not (match[2] or match[3]):
        raise _not_a_number(text)
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    if sign == "-" and (whole + fraction).strip("0"):
        raise AmountTextError(
            "negative", "is negative", "A payment has an amount above zero; swap from and to if needed."
        )
    if exponent > 0 or (match[4] is not None and decimals == 0):
        raise AmountTextError(
            "exponent",
            "is written with an exponent, as spreadsheets do after dropping digits",
            "Export the file again with this column as text, so that every digit is there.",
        )
    digits, places = (whole + fraction).lstrip("0"), len(fraction) - exponent
    if places > decimals:
        cut = places - decimals
        if digits[-cut:].strip("0"):
            raise _too_fine(places, decimals)
        digits, places = digits[:-cut], decimals
    if len(digits) + decimals - places > 78:
        raise _too_large()
    number = int(digits or "0") * int(10 ** (decimals - places))
    if number > MAX_AMOUNT:
        raise _too_large()
    return number


def amount_text(raw: int, decimals: int) -> str:
    """The decimal text of `raw` smallest units: exact, no exponent, no trailing zeros. `exact` undoes it."""
    with localcontext() as context:
        context.prec = 100
        text = f"{Decimal(raw).scaleb(-decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def without_commas(column: pa.Array) -> pa.Array:
    """Thousands separators removed where unmistakable (1,234,567.8); other text unchanged. For explorer exports."""
    grouped = pc.match_substring_regex(column, rf"^{_GROUPED.pattern}$")
    return pc.if_else(grouped, pc.replace_substring(column, ",", ""), column)


def raw_column(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """`amount_raw` texts as the amount column, and which rows (bool) are not plain integers and hold zero there."""
    plain = pc.match_substring_regex(texts, _PLAIN_INTEGER)
    return _cast(texts, plain, 0), np.invert(np.asarray(plain))


def decimal_column(texts: pa.Array, decimals: int) -> tuple[pa.Array, np.ndarray]:
    """`amount` texts of an asset with `decimals` as the amount column, and which rows are left to `exact`."""
    whole_digits = max(1, 76 - decimals)
    if decimals > 75:
        return _zeros(len(texts)), np.ones(len(texts), dtype=bool)
    pattern = rf"^[0-9]{{1,{whole_digits}}}(\.[0-9]{{0,{decimals}}}0*)?$"
    plain = pc.match_substring_regex(texts, pattern)
    return _cast(texts, plain, decimals), np.invert(np.asarray(plain))


def _cast(texts: pa.Array, plain: pa.Array, decimals: int) -> pa.Array:
    chosen = texts if pc.all(plain).as_py() is not False else pc.if_else(plain, texts, "0")
    numbers = chosen.cast(pa.decimal256(76, decimals))
    # decimal256 is a little-endian 32-byte integer, the amount column a big-endian one
    buffer = numbers.buffers()[1]
    data = np.frombuffer(buffer, dtype=np.uint8)[numbers.offset * 32 : (numbers.offset + len(numbers)) * 32]
    swapped = np.ascontiguousarray(data.reshape(-1, 4, 8)[:, ::-1, ::-1])
    return pa.Array.from_buffers(AMOUNT, len(numbers), [None, pa.py_buffer(swapped)])


def _zeros(count: int) -> pa.Array:
    return pa.Array.from_buffers(AMOUNT, count, [None, pa.py_buffer(bytes(32 * count))])


def _not_a_number(text: str) -> AmountTextError:
    if "," in text:
        return AmountTextError(
            "commas",
            "contains a comma, which could be a thousands separator or a decimal comma",
            "Write it with digits and, for decimals, one point only.",
        )
    if not text.strip():
        return AmountTextError("empty", "is empty", "Every transfer needs its amount.")
    if text.lower().removeprefix("+").removeprefix("-") in ("nan", "inf", "infinity", "null", "none", "#n/a"):
        return AmountTextError(
            "nan", "is not a number", "Fill in the amount from the source, or delete the row."
        )
    if text.lower().startswith("0x"):
        return AmountTextError("hex", "is hexadecimal", "Write the amount as a decimal integer.")
    if len(text) > _LONGEST:
        return _too_large()
    return AmountTextError("text", "is not an amount", "Use digits 0-9 and at most one point, nothing else.")


def _too_fine(places: int, decimals: int) -> AmountTextError:
    return AmountTextError(
        "too_fine",
        f"has {places} decimal places, but the asset has {decimals}" if decimals else "is not a whole number",
        "Check the decimals of the asset (column decimals); amount_raw is a whole number of smallest units."
        if decimals
        else "amount_raw counts smallest units (wei, satoshi); for decimal numbers use a column named amount.",
    )


def _too_large() -> AmountTextError:
    return AmountTextError(
        "too_large",
        "is larger than any amount on a blockchain (2^256-1)",
        "Check the column and the decimals.",
    )
