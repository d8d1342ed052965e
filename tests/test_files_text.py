"""The small readers under the file import: amounts, times, guarded text, symbols, encodings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracer.chains.amount_text import (
    MAX_DECIMALS,
    AmountTextError,
    amount_text,
    decimal_column,
    exact,
    raw_column,
    without_commas,
)
from tracer.chains.confusables import skeleton
from tracer.chains.csv_guard import guard, unguard
from tracer.chains.extra_json import as_json
from tracer.chains.time_text import TimeTextError, time_column, utc_seconds
from tracer.chains.tokens import imitated, known
from tracer.movements import MAX_AMOUNT, amounts_from_column

AMOUNTS = st.integers(0, MAX_AMOUNT)


@given(AMOUNTS, st.integers(0, MAX_DECIMALS))
@example(MAX_AMOUNT, MAX_DECIMALS)
@example(401346768858404671846374, 18)
def test_amount_text_and_exact_are_inverse(raw: int, decimals: int) -> None:
    text = amount_text(raw, decimals)
    assert "e" not in text.lower()
    assert exact(text, decimals) == raw


@given(st.lists(AMOUNTS, min_size=1, max_size=20))
def test_the_fast_column_equals_the_exact_reader_or_leaves_the_row(numbers: list[int]) -> None:
    column, left = raw_column(pa.array([str(n) for n in numbers]))
    for read, number, skipped in zip(amounts_from_column(column), numbers, left, strict=True):
        assert skipped == (number >= 10**76)
        assert skipped or read == number


@given(
    st.lists(st.tuples(st.integers(0, 10**30), st.integers(0, 24)), min_size=1, max_size=20),
    st.integers(0, 30),
)
def test_the_fast_decimal_column_equals_the_exact_reader(parts: list[tuple[int, int]], decimals: int) -> None:
    texts = [amount_text(number, places) for number, places in parts]
    column, left = decimal_column(pa.array(texts), decimals)
    for text, read, skipped in zip(texts, amounts_from_column(column), left, strict=True):
        if not skipped:
            assert read == exact(text, decimals)


def test_an_amount_of_78_digits_keeps_every_digit() -> None:
    assert exact(str(MAX_AMOUNT), 0) == MAX_AMOUNT
    assert exact("401346.768858404671846374", 18) == 401346768858404671846374
    assert exact("1.500000000000", 6) == 1_500_000
    assert exact("1.5e-05", 18) == 15 * 10**12
    assert exact(".5", 1) == 5
    assert exact("-0.0", 18) == 0


@pytest.mark.parametrize(
    ("text", "decimals", "code"),
    [
        ("1e18", 0, "exponent"),
        ("4.01347E+23", 18, "exponent"),
        ("1e-1", 0, "exponent"),
        ("1,234.5", 18, "commas"),
        ("1234,5", 18, "commas"),
        ("1.1234567", 6, "too_fine"),
        ("0.5", 0, "too_fine"),
        ("-1", 0, "negative"),
        ("NaN", 18, "nan"),
        ("#N/A", 18, "nan"),
        ("0xff", 0, "hex"),
        ("", 0, "empty"),
        (".", 18, "text"),
        ("1 000", 0, "text"),
        ("1_000", 0, "text"),
        ("１２", 0, "text"),  # full-width digits
        ("٣", 0, "text"),  # Arabic-Indic digit
        ("1\u200b", 0, "text"),
        ("--1", 0, "text"),
        ("1.2.3", 18, "text"),
        (str(MAX_AMOUNT + 1), 0, "too_large"),
        ("1" + "0" * 60, 18, "too_large"),
        ("9" * 500, 0, "too_large"),
    ],
)
def test_amounts_that_are_not_exact_are_refused_with_their_reason(
    text: str, decimals: int, code: str
) -> None:
    with pytest.raises(AmountTextError) as caught:
        exact(text, decimals)
    assert caught.value.code == code
    column, left = (raw_column if decimals == 0 else lambda t: decimal_column(t, decimals))(pa.array([text]))
    assert left.tolist() == [True], "the fast path must leave it to the exact reader"
    assert len(column) == 1


def test_thousands_separators_are_removed_only_where_unmistakable() -> None:
    texts = ["1,234.5", "1,234,567", "12,34", "1,2345", "1234,567", "0.5", ""]
    assert without_commas(pa.array(texts)).to_pylist() == [
        "1234.5",
        "1234567",
        "12,34",
        "1,2345",
        "1234,567",
        "0.5",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-21T14:29:47Z",
        "2025-02-21 14:29:47",
        "2025-02-21T14:29:47.999Z",
        "2025-02-21T23:29:47+09:00",
        "2025-02-21 23:29:47 +0900",
        "2025/2/21 14:29:47",
        "2025-02-21 14:29:47 UTC",
        "1740148187",
        "1740148187.0",
        "1740148187123",
        "1740148187123456",
        "1740148187123456789",
    ],
)
def test_times_of_many_spellings_are_one_second(text: str) -> None:
    assert utc_seconds(text) == 1740148187
    seconds, left = time_column(pa.array([text, ""]))
    assert seconds[1].as_py() is None
    assert not left[1]
    assert left[0] or seconds[0].as_py() == 1740148187


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2025-02-30T00:00:00Z", "impossible"),
        ("2025-02-21T25:00:00Z", "impossible"),
        ("2025-02-21 14:29:47 +25:00", "impossible"),
        ("02/21/2025 14:29", "order"),
        ("2025-02-21", "date_only"),
        ("0", "range"),
        ("2300-01-01T00:00:00Z", "range"),
        ("yesterday", "text"),
        ("9999999999999999999", "range"),
    ],
)
def test_times_that_cannot_be_are_refused(text: str, code: str) -> None:
    with pytest.raises(TimeTextError) as caught:
        utc_seconds(text)
    assert caught.value.code == code
    assert time_column(pa.array([text]))[1].tolist() == [True]


@given(st.lists(st.integers(1, 4_102_444_799), min_size=1, max_size=30))
def test_a_column_of_iso_times_is_read_in_one_go(seconds: list[int]) -> None:
    texts = [str(np.datetime64(s, "s")) + "Z" for s in seconds]
    read, left = time_column(pa.array(texts))
    assert not left.any()
    assert read.to_pylist() == seconds


@given(st.text())
@example("'=1")
@example("''")
@example("'")
@example("\t=")
@example("=HYPERLINK(1)")
def test_unguard_undoes_guard_and_no_guarded_text_is_a_formula(text: str) -> None:
    assert unguard(guard(text)) == text
    assert guard(text)[:1] not in tuple("=+-@\t\r")


def test_plain_text_is_not_guarded() -> None:
    assert guard("USDT") == "USDT"
    assert guard("it's") == "it's"
    assert guard("'quoted'") == "'quoted'"


@pytest.mark.parametrize("fake", ["EТH", "ЕТН...", "ΕTH", "ＥＴＨ", "E\u200bTH", "eth", "$ETH"])
def test_imitated_symbols_have_the_skeleton_of_the_coin(fake: str) -> None:
    assert skeleton(fake) == skeleton("ETH")
    token = imitated("eip155:1", "0x" + "1" * 40, fake)
    assert token is not None
    assert token.symbol == "ETH"


def test_a_known_contract_imitates_nobody_and_other_symbols_are_free() -> None:
    steth = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
    assert imitated("eip155:1", steth, "stETH") is None
    assert imitated("eip155:1", "native", "ETH") is None
    assert imitated("eip155:1", "0x" + "1" * 40, "USDC.e") is None
    assert imitated("eip155:56", "0x" + "1" * 40, "ETH") is None, "a bridged ETH exists on BNB Smart Chain"


def test_known_decimals_and_the_rule_for_every_evm_coin() -> None:
    usdt = known("eip155:1", "0xdac17f958d2ee523a2206206994597c13d831ec7")
    other_coin = known("eip155:999999", "native")
    assert usdt is not None
    assert (usdt.symbol, usdt.decimals, usdt.dust) == ("USDT", 6, 10**6)
    assert other_coin is not None
    assert other_coin.decimals == 18
    assert known("eip155:1", "0x" + "1" * 40) is None


def test_extra_columns_become_json_without_empty_cells() -> None:
    columns = {'a "quoted"': pa.array(["1", "", ""]), "b": pa.array(["'=x", "", 'say "hi"\n'])}
    assert as_json(columns, 3).to_pylist() == [
        '{"a \\"quoted\\"": "1", "b": "=x"}',
        None,
        '{"b": "say \\"hi\\"\\n"}',
    ]
