"""Reading UTXO JSONL: what is written comes back exactly, and what is wrong is refused with its row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.utxo_rows import coin, note, pay, row, transaction, txid, write_rows
from tracer.addresses import BITCOIN
from tracer.chains.bitcoin_scripts import script_of
from tracer.chains.script_types import script_type_of
from tracer.chains.text_table import Limits
from tracer.chains.utxo_jsonl import read_transactions
from tracer.errors import FileError
from tracer.utxo import Script

_PAID = transaction(
    [coin("a", 700), coin("b", 400)],
    [pay("c", 600), note("c0ffee"), pay("a", 450)],
    block=800_000,
    time=1_690_000_000,
    version=2,
    locktime=799_999,
)
_P2WPKH = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
_P2PKH = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
_MINTED = transaction([], [pay("miner", 625_000_000)], name="coinbase")


def _read(tmp_path: Path, *rows: Any, **options: Any) -> list[Any]:
    return list(read_transactions(write_rows(tmp_path / "transactions.jsonl", rows), **options))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    assert _read(tmp_path, _PAID, _MINTED) == [_PAID, _MINTED]
    assert _PAID.fee == 50
    assert _MINTED.coinbase


@given(amounts=st.lists(st.integers(0, 2_100_000_000_000_000), min_size=1, max_size=4), quoted=st.booleans())
def test_every_amount_keeps_every_digit(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[int], quoted: bool
) -> None:
    entry: dict[str, Any] = row(transaction([], [pay(f"o{i}", a) for i, a in enumerate(amounts)]))
    for output, amount in zip(entry["outputs"], amounts, strict=True):
        output["amount_raw"] = str(amount) if quoted else amount
    (read,) = _read(tmp_path_factory.mktemp("amounts"), entry)
    assert [o.amount for o in read.outputs] == amounts


def test_a_packed_file_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(f"\n{json.dumps(row(_PAID))}\n\n".encode()))
    assert list(read_transactions(path)) == [_PAID]


def test_outputs_are_in_the_order_of_vout(tmp_path: Path) -> None:
    entry: dict[str, Any] = row(_PAID)
    entry["outputs"].reverse()
    assert _read(tmp_path, entry) == [_PAID]


def test_words_of_nodes_name_the_script(tmp_path: Path) -> None:
    entry: dict[str, Any] = row(_PAID)
    entry["inputs"][0]["script_type"] = "witness_v0_keyhash"
    entry["inputs"][1] |= {"script_type": "v1_p2tr", "script": None}
    entry["outputs"][0]["script_type"] = "TxWitnessV0Keyhash"
    entry["outputs"][1]["script_type"] = "nulldata"
    (read,) = _read(tmp_path, entry)
    assert [i.script_type for i in read.inputs] == [Script.P2WPKH, Script.P2TR]
    assert read.outputs[1].script_type == Script.OP_RETURN


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Script.P2WPKH),  # BIP-173
        ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", Script.P2WSH),  # BIP-173
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", Script.P2TR),  # BIP-350
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Script.P2PKH),  # the genesis block
        ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", Script.P2SH),  # Base58Check version 5
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", Script.P2WPKH),  # BIP-173, test network
        ("", Script.UNKNOWN),
        ("nonsense", Script.UNKNOWN),
    ],
)
def test_an_address_says_its_kind_of_script(address: str, kind: Script) -> None:
    assert script_type_of(address) == kind


def test_without_a_script_type_the_address_or_the_data_decides(tmp_path: Path) -> None:
    entry: dict[str, Any] = row(_PAID)
    for output in entry["outputs"]:
        output |= {"script_type": None, "script": None}
    entry["outputs"][0]["address"] = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    (read,) = _read(tmp_path, entry)
    assert [o.script_type for o in read.outputs] == [Script.P2WPKH, Script.OP_RETURN, Script.UNKNOWN]


def test_a_time_with_its_zone_is_read_as_utc_seconds(tmp_path: Path) -> None:
    (read,) = _read(tmp_path, row(_PAID) | {"timestamp": "2024-05-31T13:26:00+09:00"})
    assert read.timestamp == 1_717_129_560


def _changed(entry: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    copy = json.loads(json.dumps(entry))
    *way, last = path.split("/")
    place: Any = copy
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("txid", "ab", "64 hex digits"),
        ("chain", "ethereum", "not a Bitcoin-like chain"),
        ("chain", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "not a Bitcoin-like chain"),
        ("inputs", None, "not a list"),
        ("outputs", [], "no outputs"),
        ("inputs/0", "x", "not an object"),
        ("inputs/0/txid", None, "64 hex digits"),
        ("inputs/0/amount_raw", None, "amount_raw is missing"),
        ("inputs/0/amount_raw", 700.0, "'700.0', not a whole number"),
        ("inputs/0/amount_raw", 1e300, "not a whole number"),
        ("inputs/0/amount_raw", "7e2", "not a whole number"),
        ("inputs/0/amount_raw", "+700", "not a whole number"),
        ("inputs/0/amount_raw", "700.0", "not a whole number"),
        ("inputs/0/amount_raw", "７００", "not a whole number"),
        ("inputs/0/amount_raw", True, "not a whole number"),
        ("inputs/0/amount_raw", -1, "not a whole number"),
        ("inputs/0/amount_raw", 2_100_000_000_000_001, "more coin than there can be"),
        ("inputs/0/vout", 2**32, "not a whole number in its range"),
        ("inputs/0/script_type", "p2wphk", "no kind of script"),
        ("inputs/0/address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "checksum"),
        ("inputs/0/address", "bc1q\x1b[31m", "not an address"),
        ("inputs/0/script", "0", "not hex"),
        ("inputs/1", row(_PAID)["inputs"][0], "spends an output twice"),
        ("outputs/0/vout", 1, "lacks the output 0"),
        ("outputs/2/vout", 3, "lacks the output 2"),
        ("outputs/0/amount_raw", 651, "pays 1,101 sat but spends only 1,100"),
        ("outputs/0/op_return", "00", "op_return holds data"),
        ("block", -5, "block is '-5'"),
        ("timestamp", "2024-05-31T13:26:00", "timestamp is"),
        ("timestamp", 1.5, "timestamp is"),
        ("timestamp", 1_717_131_600_000, "outside 2009-01-03 to 2106-02-07"),
        ("timestamp", 2**32, "outside 2009-01-03 to 2106-02-07"),
        ("timestamp", 1_230_940_799, "outside 2009-01-03 to 2106-02-07"),
        ("timestamp", "2200-01-01T00:00:00Z", "outside 2009-01-03 to 2106-02-07"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "timestamp is"),
        ("block", 2**31, "block is '2147483648'"),
        ("tx_index", 2**31, "tx_index is '2147483648'"),
        ("locktime", 2**32, "locktime is '4294967296'"),
        ("inputs/0/sequence", 2**32, "inputs[0].sequence is '4294967296'"),
        ("inputs/0/txid", "00" * 32, "a coinbase only"),
        ("inputs/0/address", _P2PKH, f"inputs[0].address is {_P2PKH}, but a script of the kind p2wpkh"),
        (
            "outputs/1/address",
            _P2WPKH,
            f"outputs[1].address is {_P2WPKH}, but a script of the kind op_return",
        ),
        (
            "outputs/0/script",
            "76a914" + "00" * 20 + "88ac",
            "outputs[0].script is of the kind p2pkh, but the script_type is",
        ),
        ("outputs/0/script", "ff", "outputs[0].script is of the kind unknown, but the script_type is"),
    ],
)
def test_a_row_that_is_no_transaction_is_refused_with_its_number(
    tmp_path: Path, path: str, value: object, says: str
) -> None:
    with pytest.raises(FileError) as refused:
        _read(tmp_path, _MINTED, _changed(row(_PAID), path, value))
    assert "row 2:" in refused.value.message
    assert says in refused.value.message
    assert refused.value.hint
    assert refused.value.message.isprintable()


def test_a_time_in_milliseconds_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileError) as refused:
        _read(tmp_path, row(_PAID) | {"timestamp": 1_717_131_600_000})
    assert "divide it by 1,000" in refused.value.hint


@pytest.mark.parametrize("time", [1_230_940_800, 2**32 - 1, None])
def test_every_time_that_a_block_can_have_is_read(tmp_path: Path, time: int | None) -> None:
    (read,) = _read(tmp_path, row(_PAID) | {"timestamp": time})
    assert read.timestamp == time


def test_a_script_of_another_address_is_refused(tmp_path: Path) -> None:
    entry = row(_PAID)
    entry["outputs"][0] |= {"address": _P2WPKH, "script_type": None}
    entry["outputs"][0]["script"] = script_of(_P2WPKH).hex()
    (read,) = _read(tmp_path, entry)
    assert read.outputs[0].script_type is Script.P2WPKH
    for script, says in (
        ("0014" + "00" * 20, "script is one of bc1q"),
        ("51", "script is one of no address"),
    ):
        entry["outputs"][0]["script"] = script
        with pytest.raises(FileError, match=says):
            _read(tmp_path, entry)


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        ('"amount_raw": 600', '"amount_raw": 600, "amount_raw": 1'),
        ('"locktime": 799999', '"locktime": 799999, "locktime": 799999'),
    ],
)
def test_a_field_that_stands_twice_is_refused(tmp_path: Path, once: str, twice: str) -> None:
    text = json.dumps(row(_PAID))
    assert text.count(once) == 1
    path = tmp_path / "transactions.jsonl"
    path.write_text(text.replace(once, twice))
    with pytest.raises(FileError, match=r"row 1: holds the field '?\w+'? twice in one object"):
        list(read_transactions(path))


def test_a_txid_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=f"row 3: has the txid of row 1 \\({txid('tx')}\\)"):
        _read(tmp_path, _PAID, _MINTED, _PAID)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"txid": ' + "9" * 5000 + "}", "{}"])
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(FileError, match="row 1"):
        list(read_transactions(path))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n\n")
    for path, says in [(tmp_path / "none", "no file"), (tmp_path, "not a file"), (empty, "no transaction")]:
        with pytest.raises(FileError, match=says):
            list(read_transactions(path))


def test_limits_hold(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="more than 1 transactions"):
        _read(tmp_path, _PAID, _MINTED, limits=Limits(max_rows=1))
    with pytest.raises(FileError, match="larger than the limit"):
        _read(tmp_path, _PAID, limits=Limits(max_bytes=100))


def test_alone_takes_chain_addresses_and_repetitions_as_they_stand(tmp_path: Path) -> None:
    regtest = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
    entry: dict[str, Any] = row(_PAID) | {"chain": regtest}
    entry["inputs"][0]["address"] = "bcrt1qopaque"
    read, again = _read(tmp_path, entry, entry, alone=True)
    assert again == read
    assert (read.chain, read.inputs[0].address) == (regtest, "bcrt1qopaque")
    assert _read(tmp_path, row(_PAID) | {"chain": "btc"})[0].chain == BITCOIN
