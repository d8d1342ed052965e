"""Import of the tracer's own transfers CSV: everything is kept, or one clear line says why nothing was."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import display
from tracer.chains.csv_guard import guard
from tracer.chains.files import FileImport, Limits, read_transfers
from tracer.errors import FileError, InputError
from tracer.movements import MAX_AMOUNT, SCHEMA, amounts_from_column

HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,"
    "from_address,to_address,asset,symbol,decimals,amount_raw,kind"
)
A, B, C = ("0x" + c * 40 for c in "abc")
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
TX = "0x" + "12" * 32
ZERO = "0x" + "0" * 40


def row(**cells: object) -> str:
    """One line of the transfers CSV; by default 5 wei from A to B."""
    given = {
        "chain": "eip155:1",
        "block": 21895251,
        "tx_index": 3,
        "position": "",
        "timestamp_utc": "2025-02-21T14:16:11Z",
        "tx_hash": TX,
        "from_address": A,
        "to_address": B,
        "asset": "native",
        "symbol": "ETH",
        "decimals": 18,
        "amount_raw": 5,
        "kind": "native",
    } | cells
    return ",".join(str(given[name]) for name in HEADER.split(","))


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def read(*rows: str, **options: Any) -> FileImport:
    return read_transfers(csv(*rows), **options)


def codes(result: FileImport) -> list[str]:
    return [gap.code for gap in result.gaps]


def refusal(data: bytes, **options: Any) -> FileError:
    with pytest.raises(FileError) as caught:
        read_transfers(data, **options)
    error = caught.value
    assert "\n" not in str(error), "one line"
    assert str(error).isprintable()
    assert error.hint, "an error says what to do"
    return error


def test_a_row_becomes_the_movement_it_states() -> None:
    result = read(row(position=1))
    assert result.table.schema == SCHEMA
    assert result.format == "transfers (CSV)"
    assert result.sha256 == hashlib.sha256(csv(row(position=1))).hexdigest()
    assert result.table.to_pylist() == [
        {
            "chain": "eip155:1",
            "block": 21895251,
            "tx_index": 3,
            "position": 1,
            "timestamp": 1740147371,
            "tx_hash": TX,
            "from_address": A,
            "to_address": B,
            "asset": "native",
            "symbol": "ETH",
            "decimals": 18,
            "amount": (5).to_bytes(32, "big"),
            "kind": "native",
            "excluded": "",
            "value": None,
            "grade": "fact",
            "row": 1,
            "extra": None,
        }
    ]


def test_empty_block_index_position_and_time_stay_unknown() -> None:
    only = read(row(block="", tx_index="", position="", timestamp_utc="", tx_hash="")).table.to_pylist()[0]
    assert [only[n] for n in ("block", "tx_index", "position", "timestamp")] == [None] * 4
    assert only["tx_hash"] == ""


def test_rows_with_and_without_block_may_be_mixed() -> None:
    assert read(row(), row(block="", position=2)).table["block"].to_pylist() == [21895251, None]


@given(st.lists(st.integers(1, MAX_AMOUNT), min_size=1, max_size=30))
def test_every_amount_up_to_the_largest_survives(amounts: list[int]) -> None:
    result = read(*(row(amount_raw=n, position=i + 1) for i, n in enumerate(amounts)))
    assert amounts_from_column(result.table["amount"]) == amounts


def test_the_bybit_amount_survives_in_raw_and_decimal_form() -> None:
    exact = 401346768858404671846374
    header = HEADER.replace("amount_raw", "amount")
    by_raw = read(row(amount_raw=exact))
    by_text = read_transfers(csv(row(amount_raw="401346.768858404671846374"), header=header))
    assert (
        amounts_from_column(by_raw.table["amount"]) == amounts_from_column(by_text.table["amount"]) == [exact]
    )


def test_amount_and_amount_raw_must_agree() -> None:
    header = HEADER + ",amount"
    good = read_transfers(
        csv(row(amount_raw=15 * 10**17) + ",1.5", row(amount_raw="", position=9) + ",2", header=header)
    )
    assert amounts_from_column(good.table["amount"]) == [15 * 10**17, 2 * 10**18]
    assert "same amount" in str(refusal(csv(row(amount_raw=15) + ",1.5", header=header)))


def test_mixed_case_addresses_are_checked_and_stored_in_lower_case() -> None:
    result = read(row(from_address=display("eip155:1", A), to_address=B.upper().replace("0X", "0x")))
    assert result.table["from_address"].to_pylist() == [A]
    assert result.table["to_address"].to_pylist() == [B]


def test_one_address_in_two_spellings_is_one_word() -> None:
    table = read(row(from_address=display("eip155:1", A)), row(position=2)).table
    assert len(table["from_address"].combine_chunks().dictionary) == 1


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"from_address": "0xAb" + "a" * 38}, "from_address", "checksum"),
        ({"to_address": "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq"}, "to_address", "Bitcoin"),
        ({"to_address": B + "\u200b"}, "to_address", "invisible"),
        ({"to_address": ""}, "to_address", "who received"),
        ({"from_address": ""}, "from_address", "who paid"),
        ({"from_address": "", "to_address": ""}, "from_address", "so is the receiver"),
        ({"chain": "etherium"}, "chain", "Did you mean eip155:1"),
        ({"asset": "USDT"}, "asset", "not an address"),
        ({"amount_raw": "1e18"}, "amount_raw", "exponent"),
        ({"amount_raw": "-5"}, "amount_raw", "negative"),
        ({"amount_raw": "0x5"}, "amount_raw", "hexadecimal"),
        ({"amount_raw": "NaN"}, "amount_raw", "not a number"),
        ({"amount_raw": "1.5"}, "amount_raw", "amount"),
        ({"amount_raw": '"1,000"'}, "amount_raw", "comma"),
        ({"amount_raw": ""}, "amount_raw", "is empty"),
        ({"amount_raw": MAX_AMOUNT + 1}, "amount_raw", "larger than any amount"),
        ({"timestamp_utc": "2025-02-30T00:00:00Z"}, "timestamp_utc", "not a possible date"),
        ({"timestamp_utc": "21/02/2025"}, "timestamp_utc", "day/month"),
        ({"block": "x"}, "block", "whole number"),
        ({"decimals": "99"}, "decimals", "number of decimals"),
        ({"kind": "tokn"}, "kind", "Did you mean token"),
        ({"tx_hash": "0x1234"}, "tx_hash", "64 hex digits"),
        ({"kind": "opening"}, "from_address", "opening"),
        ({"asset": USDT, "decimals": 18, "kind": "token"}, "decimals", "6 decimals"),
    ],
)
def test_a_bad_cell_refuses_the_file_and_names_row_column_and_remedy(
    cells: dict[str, str], column: str, says: str
) -> None:
    error = refusal(csv(row(), row(**cells)), name="hop1.csv")
    assert says in str(error)
    assert "data row 2 (row 3 in a spreadsheet)" in error.message
    assert f"'{column}'" in error.message
    assert "Nothing was imported" in error.message
    assert "hop1.csv" in error.message


def test_equal_problems_are_counted_and_the_first_row_is_shown() -> None:
    error = refusal(
        csv(row(), row(amount_raw="-1"), row(amount_raw="-2"), row(amount_raw="-3"), row(kind="zzz"))
    )
    assert "data row 2" in error.message
    assert "2 other rows have the same problem" in error.message
    assert "1 problem of other kinds" in error.message


def test_hostile_text_in_an_error_is_neutralised() -> None:
    error = refusal(csv(row(kind="\x1b[31mred\u202e")))
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)


def test_a_bad_row_far_behind_the_first_block_is_found(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    count = 60_000  # about 15 MB: two blocks
    with path.open("wb") as file:
        file.write(csv(row(position=1)))
        file.writelines((row(tx_hash=f"0x{i:064x}") + "\n").encode() for i in range(count))
        file.write((row(amount_raw="1,5") + "\n").encode())
    error = refusal(path.read_bytes())
    assert f"has {13 + 1} cells" in str(error)
    path.write_bytes(path.read_bytes().replace(b"1,5,native", b"+5,native"))
    assert read_transfers(path).table.num_rows == count + 2
    path.write_bytes(path.read_bytes().replace(b"+5,native", b"0b5,native"))
    assert f"data row {count + 2} " in str(refusal(path.read_bytes()))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "empty"),
        (csv(), "no rows"),
        (HEADER.encode(), "no rows"),
        (b"PK\x03\x04 workbook", "Excel"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x00\x01\x02\x03" * 100, "not a text file"),
        (b"PAR1broken", "Parquet"),
        (b"chain,chain\n1,2\n", "two columns"),
        (csv(row()) + b"eip155:1,1,2\n", "3 cells, the header 13"),
        (csv(row()) + b'"open', "never closed"),
        (b"\xff\xff\xfe" + csv(row()), "neither UTF-8 nor Shift-JIS"),
        (b"\x1f\x8b" + b"broken gzip", "unpacked"),
    ],
)
def test_a_file_that_is_no_table_of_transfers_is_refused(data: bytes, says: str) -> None:
    assert says in str(refusal(data))


def test_missing_files_and_folders_get_one_line(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.csv", "no file"), (tmp_path, "folder")):
        with pytest.raises(FileError, match=says):
            read_transfers(path)


def test_limits_name_the_number_and_the_remedy() -> None:
    assert "Split" in refusal(csv(row(), row(position=2)), limits=Limits(max_rows=1)).hint
    assert "larger than the limit of 100 bytes" in str(refusal(csv(row()), limits=Limits(max_bytes=100)))
    bomb = gzip.compress(csv(row()) + b" " * 10_000_000)
    assert "larger than the limit" in str(refusal(bomb, limits=Limits(max_bytes=1_000_000)))


def test_missing_columns_are_named_with_the_nearest_ones() -> None:
    error = refusal(b"Sender,Receiver,Quantity\n1,2,3\n")
    assert "from_address" in error.message
    for wish in ("from_address=Sender", "to_address=Receiver", "amount_raw=Quantity"):
        assert wish in error.hint
    assert "whole coins" in error.hint, "the unit decides between amount_raw and amount"
    japanese = refusal("送信元,受取人,数量\n1,2,3\n".encode("cp932"))
    assert "from_address=送信元" in japanese.hint


JAPANESE = row(symbol="テスト円").replace("ETH", "テスト円")


@pytest.mark.parametrize(
    ("encode", "remark"),
    [
        (lambda text: text.encode("utf-8"), ""),
        (lambda text: text.encode("utf-8-sig"), "byte order mark"),
        (lambda text: text.encode("cp932"), "Shift-JIS"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "UTF-16"),
        (lambda text: text.encode("utf-16-le"), "UTF-16"),
        (lambda text: gzip.compress(text.encode()), ""),
        (lambda text: zstandard.compress(text.encode()), ""),
        (lambda text: text.replace("\n", "\r\n").encode(), ""),
        (lambda text: text.replace(",", ";").encode(), "';'"),
        (lambda text: text.replace(",", "\t").encode(), "tabs"),
        (lambda text: ("sep=;\r\n" + text.replace(",", ";")).encode("utf-16"), "UTF-16"),
        (lambda text: ("\n\n" + text).encode(), ""),
    ],
    ids=[
        "utf-8",
        "utf-8-bom",
        "shift-jis",
        "utf-16",
        "utf-16-be",
        "utf-16-le-without-bom",
        "gzip",
        "zstd",
        "crlf",
        "semicolon",
        "tabs",
        "sep-line",
        "blank-lines-first",
    ],
)
def test_encodings_separators_and_packing_of_japanese_excel_are_read_and_said(
    encode: Callable[[str], bytes], remark: str
) -> None:
    data = encode(f"{HEADER}\n{JAPANESE}\n")
    result = read_transfers(data)
    assert result.table["symbol"].to_pylist() == ["テスト円"]
    assert result.table["from_address"].to_pylist() == [A]
    assert result.sha256 == hashlib.sha256(data).hexdigest()
    assert remark in " ".join(result.warnings)


def test_quoted_cells_may_hold_separators_quotes_and_line_breaks() -> None:
    note = 'line one,\n"line" two'
    quoted = note.replace('"', '""')
    data = csv(row() + f',"{quoted}"', row(position=2) + ",x", header=HEADER + ",note")
    extras = read_transfers(data).table["extra"].to_pylist()
    assert [json.loads(e)["note"] for e in extras] == [note, "x"]


def test_blank_rows_below_a_table_are_no_rows() -> None:
    result = read(row(), "," * 12, "", row(position=2), "," * 12)
    assert result.table["row"].to_pylist() == [1, 3]


def test_guarded_text_is_read_back_and_hashes_are_untouched() -> None:
    symbols = ["=SUM(A1)", "'=x", "+1", "-x", "@me", "plain"]
    rows = [row(symbol=guard(s), position=i + 1) for i, s in enumerate(symbols)]
    assert read(*rows).table["symbol"].to_pylist() == symbols


def test_unknown_columns_are_kept_and_known_side_columns_are_read() -> None:
    header = HEADER + ",memo,value_usd,grade,excluded"
    table = read_transfers(csv(row() + ",hello,12.50,declared,poison", header=header)).table
    only = table.to_pylist()[0]
    assert (only["extra"], only["value"], only["grade"], only["excluded"]) == (
        '{"memo": "hello"}',
        "12.50",
        "declared",
        "poison",
    )


@pytest.mark.parametrize(
    ("word", "asset", "kind"),
    [
        ("erc20", USDT, "token"),
        ("ERC-20", USDT, "token"),
        ("transfer", "native", "native"),
        ("transfer", USDT, "token"),
        ("external", "", "native"),
        ("gas", "native", "fee"),
        ("", "native", "native"),
        ("", USDT, "token"),
        ("wrap", "native", "wrap"),
        ("issuer", USDT, "issuer"),
    ],
)
def test_kinds_are_read_with_their_aliases(word: str, asset: str, kind: str) -> None:
    decimals = 6 if asset == USDT else 18
    assert read(row(kind=word, asset=asset, decimals=decimals)).table["kind"].to_pylist() == [kind]


def test_mints_and_burns_have_no_other_end() -> None:
    token = {"asset": USDT, "decimals": 6, "kind": ""}
    table = read(
        row(from_address=ZERO, **token), row(to_address=ZERO, **token), row(to_address=ZERO, kind="native")
    ).table
    assert table["kind"].to_pylist() == ["mint", "burn", "native"]
    assert table["from_address"].to_pylist() == ["", A, A]
    assert table["to_address"].to_pylist() == [B, "", ZERO]


def test_a_self_transfer_and_an_opening_are_kept() -> None:
    table = read(row(to_address=A), row(from_address="", kind="opening")).table
    assert table["to_address"].to_pylist() == [A, B]
    assert table["from_address"].to_pylist() == [A, ""]


@pytest.mark.parametrize("coin", ["", "native", "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE", ZERO])
def test_every_spelling_of_the_chains_own_coin_is_native(coin: str) -> None:
    assert read(row(asset=coin)).table["asset"].to_pylist() == ["native"]


def test_one_asset_has_one_number_of_decimals() -> None:
    token = "0x" + "d" * 40
    error = refusal(
        csv(row(asset=token, decimals=8, kind="token"), row(asset=token, decimals=9, kind="token"))
    )
    assert "contradicts the 8 decimals" in error.message
    table = read(
        row(asset=token, decimals="", kind="token"), row(asset=token, decimals=8, kind="token")
    ).table
    assert table["decimals"].to_pylist() == [8, 8]


def test_the_same_position_twice_in_a_transaction_is_refused() -> None:
    error = refusal(csv(row(position=4), row(position=5), row(position=4, amount_raw=6)))
    assert "data row 3" in error.message
    assert "data row 1" in error.message
    fine = read(row(position=4), row(position=4, asset=USDT, decimals=6, kind="token"))
    assert fine.table.num_rows == 2, "another asset may stand at the same position"


def test_equal_rows_without_position_are_two_transfers_and_said() -> None:
    result = read(row(), row(), row(amount_raw=6), row(position=1))
    assert result.table.num_rows == 4
    gap = next(g for g in result.gaps if g.code == "identical_rows")
    assert gap.message.startswith("1 row repeats")
    assert "data row 2" in gap.message
    assert "identical_rows" not in codes(read(row(), row(to_address=C)))


def test_missing_fees_and_partial_history_are_said() -> None:
    assert "fees_absent" in codes(read(row()))
    fee = row(kind="fee", to_address="", position=0)
    result = read(fee, row(position=1), partial=True)
    assert "fees_absent" not in codes(result)
    assert "partial_history" in codes(result)
    assert result.partial


def test_a_named_chain_must_agree_with_the_file() -> None:
    assert read(row(), chain="ethereum").table["chain"].to_pylist() == ["eip155:1"]
    assert "eip155:56" in str(refusal(csv(row()), chain="bsc"))
    assert read(row(chain=""), chain="base").table["chain"].to_pylist() == ["eip155:8453"]
    assert "--chain" in refusal(csv(row(chain=""))).hint
    with pytest.raises(InputError):
        read(row(), chain="etherium")


def test_several_chains_in_one_file_are_each_checked_by_their_own_rules() -> None:
    bitcoin = "bip122:000000000019d6689c085ae165831e93"
    btc = {
        "chain": bitcoin,
        "tx_hash": "ab" * 32,
        "from_address": "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD",
        "to_address": "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P",
        "decimals": 8,
        "symbol": "BTC",
    }
    table = read(row(), row(**btc), row(position=2)).table
    assert table["chain"].to_pylist() == ["eip155:1", bitcoin, "eip155:1"]
    assert table["to_address"].to_pylist() == [B, btc["to_address"], B]
    assert "Bitcoin" in str(refusal(csv(row(), row(**{**btc, "chain": "eip155:1"}))))


def test_hash_spellings_become_one() -> None:
    digits = "AB" * 32
    table = read(row(tx_hash=digits), row(tx_hash="0x" + digits, position=2)).table
    assert table["tx_hash"].to_pylist() == ["0x" + "ab" * 32] * 2


def test_numbers_as_pandas_writes_them_are_whole_numbers() -> None:
    assert read(row(block="21895251.0")).table["block"].to_pylist() == [21895251]


def test_parquet_with_exact_types_is_read_and_floats_are_refused() -> None:
    base = {
        "chain": ["eip155:1"],
        "from_address": [A],
        "to_address": [B],
        "asset": ["native"],
        "tx_hash": [TX],
    }
    amount = 401346768858404671846374
    for column in (
        pa.array([amount], pa.decimal128(38, 0)),
        pa.array([amount], pa.decimal256(76, 0)),
        pa.array([str(amount)]),
        pa.array([str(amount)]).dictionary_encode(),
    ):
        result = read_transfers(
            parquet(base | {"amount_raw": column, "block": [7], "timestamp": [1740147371]})
        )
        assert amounts_from_column(result.table["amount"]) == [amount]
        assert result.table["timestamp"].to_pylist() == [1740147371]
        assert result.format == "transfers (Parquet)"
    decimal = parquet(base | {"amount": pa.array(["401346.768858404671846374"]).cast(pa.decimal128(38, 18))})
    assert amounts_from_column(read_transfers(decimal).table["amount"]) == [amount]
    assert "floating-point" in str(refusal(parquet(base | {"amount": [1.5]})))


def parquet(columns: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet_times_and_binary_addresses_are_read() -> None:
    columns = {
        "from_address": pa.array([bytes.fromhex(A[2:])]),
        "to_address": pa.array([bytes.fromhex(B[2:])], pa.binary(20)),
        "amount_raw": pa.array([5], pa.uint64()),
        "timestamp": pa.array([1740147371_000], pa.timestamp("ms", "UTC")),
        "tx_hash": pa.array([None], pa.string()),
    }
    only = read_transfers(parquet(columns), chain="eip155:1").table.to_pylist()[0]
    assert (only["from_address"], only["to_address"], only["timestamp"], only["tx_hash"]) == (
        A,
        B,
        1740147371,
        "",
    )


def test_json_lines_keep_large_numbers_exactly() -> None:
    entry = {"chain": "eip155:1", "from": A, "to": B, "amount_raw": MAX_AMOUNT, "memo": {"b": 1, "a": None}}
    lines = [json.dumps(entry), "", json.dumps(entry | {"amount_raw": 1500})]
    result = read_transfers("\n".join(lines).encode())
    assert amounts_from_column(result.table["amount"]) == [MAX_AMOUNT, 1500]
    assert result.format == "transfers (JSON lines)"
    assert "not JSON" in str(refusal(b'{"from": "a", "to": "b", "amount": 1}\n{"from": \n'))
    assert "row 2" in str(refusal(b'{"from": "a", "to": "b", "amount": 1}\n{"other": 1}\n'))
    assert "list" in str(refusal(b'[{"from": 1}]'))


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv(row()))
    seen: list[tuple[int, int]] = []
    result = read_transfers(path, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    assert result.name == "a.csv"


def test_reading_twice_gives_the_same_table() -> None:
    data = csv(*(row(position=i, to_address=f"0x{i % 7:040x}", amount_raw=i) for i in range(1, 500)))
    assert read_transfers(data).table.equals(read_transfers(data).table)


GOOD = csv(row(position=1), row(symbol="テスト", position=2), row(asset=USDT, decimals=6, kind="erc20"))


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.binary(max_size=12))
def test_a_damaged_file_is_refused_in_one_line_or_read_but_never_crashes(
    start: int, cut: int, put: bytes
) -> None:
    data = GOOD[:start] + put + GOOD[start + cut :]
    try:
        result = read_transfers(data)
    except InputError as error:
        refused = str(error)
    else:
        refused = ""
        assert result.table.schema == SCHEMA
        assert result.table.num_rows == result.rows
    assert "\n" not in refused


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_symbol_and_note_survive_a_guarded_round_trip(symbol: str, note: str) -> None:
    cells = ['"' + guard(text).replace('"', '""') + '"' for text in (symbol, note)]
    data = csv(row(symbol=cells[0], asset=USDT, decimals=6) + f",{cells[1]}", header=HEADER + ",note")
    only = read_transfers(data).table.to_pylist()[0]
    assert only["symbol"] == (symbol or "USDT")
    extra = json.loads(only["extra"]) if only["extra"] else {}
    assert extra.get("note", "") == note
