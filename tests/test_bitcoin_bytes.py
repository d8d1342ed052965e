"""Bytes of Bitcoin: transactions, headers, merkle branches and scripts, against public facts and by laws."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import BITCOIN, canonical
from tracer.base58_bech32 import base58check_decode, base58check_encode, segwit_decode, segwit_encode
from tracer.chains.bitcoin_bytes import (
    RawOutput,
    double_sha256,
    merkle_root,
    read_header,
    read_transaction,
    serialized,
)
from tracer.chains.bitcoin_scripts import read_script, script_hash, script_of
from tracer.errors import AddressError, ProviderError
from tracer.utxo import Outpoint, Script

GENESIS_HEADER = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa"
    "4b1e5e4a29ab5f49ffff001d1dac2b7c"
)
GENESIS_COINBASE = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a"
    "616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a"
    "01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a"
    "4c702b6bf11d5fac00000000"
)
GENESIS_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"


def test_the_first_block_is_read() -> None:
    header = read_header(GENESIS_HEADER)
    assert header.hash == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert (header.root, header.time, header.previous) == (GENESIS_TXID, 1_231_006_505, "00" * 32)
    assert merkle_root(GENESIS_TXID, [], 0) == header.root
    coinbase = read_transaction(GENESIS_COINBASE, GENESIS_TXID)
    assert coinbase.inputs == ()
    assert [output.amount for output in coinbase.outputs] == [50 * 10**8]
    assert read_script(coinbase.outputs[0].script) == ("", Script.P2PK, "")


def test_a_header_of_another_length_is_none() -> None:
    with pytest.raises(ProviderError):
        read_header(GENESIS_HEADER[:79])


hashes = st.binary(min_size=32, max_size=32)
raw_outputs = st.builds(RawOutput, st.integers(0, 10**12), st.binary(max_size=300))
raw_inputs = st.tuples(
    st.builds(Outpoint, hashes.map(bytes.hex), st.integers(0, 2**32 - 1)),
    st.binary(max_size=300),
    st.integers(0, 2**32 - 1),
)


@given(
    st.integers(-(2**31), 2**31 - 1),
    st.lists(raw_inputs, min_size=1, max_size=4),
    st.lists(raw_outputs, min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=300), max_size=3),
)
def test_what_is_written_is_read_with_and_without_witness(
    version: int,
    spent: list[tuple[Outpoint, bytes, int]],
    outputs: list[RawOutput],
    locktime: int,
    items: list[bytes],
) -> None:
    plain = serialized(version, spent, outputs, locktime)
    if len(plain) == 64:
        return
    txid = double_sha256(plain)[::-1].hex()
    stack = bytes([len(items)]) + b"".join(_sized(item) for item in items)
    full = plain[:4] + b"\x00\x01" + plain[4:-4] + stack * len(spent) + plain[-4:]
    for data in (plain, full):
        found = read_transaction(data, txid)
        assert (found.version, found.locktime, list(found.outputs)) == (version, locktime, outputs)
        assert list(found.inputs) == [(o, s) for o, _, s in spent]
        for wrong in (data[:-1], data + b"\0", b"", data[:5]):
            with pytest.raises(ProviderError, match="not to be believed"):
                read_transaction(wrong, txid)


def _sized(item: bytes) -> bytes:
    return (bytes([len(item)]) if len(item) < 0xFD else b"\xfd" + len(item).to_bytes(2, "little")) + item


def test_a_transaction_that_could_be_two_hashes_is_refused() -> None:
    spent = [(Outpoint("11" * 32, 0), b"", 0)]
    data = serialized(1, spent, [RawOutput(1, b"\x51" * 4)], 0)
    assert len(data) == 64
    with pytest.raises(ProviderError):
        read_transaction(data, double_sha256(data)[::-1].hex())


def test_more_coin_than_there_is_is_refused() -> None:
    data = serialized(
        1, [(Outpoint("11" * 32, 0), b"", 0)], [RawOutput(21 * 10**14, b""), RawOutput(1, b"")], 0
    )
    with pytest.raises(ProviderError, match="21 million"):
        read_transaction(data, double_sha256(data)[::-1].hex())


def _rows(leaves: list[bytes]) -> list[list[bytes]]:
    rows = [leaves]
    while len(rows[-1]) > 1:
        row = rows[-1] + rows[-1][-1:] * (len(rows[-1]) % 2)
        rows.append([double_sha256(a + b) for a, b in zip(row[::2], row[1::2], strict=True)])
    return rows


@given(st.lists(hashes, min_size=1, max_size=40, unique=True), st.data())
def test_a_merkle_branch_proves_one_place_only(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    rows, branch, at = _rows(leaves), [], place
    for row in rows[:-1]:
        branch.append(row[min(at ^ 1, len(row) - 1)][::-1].hex())
        at >>= 1
    txid, root = leaves[place][::-1].hex(), rows[-1][0][::-1].hex()
    assert merkle_root(txid, branch, place) == root
    for other in range(2 ** (len(branch) + 1)):
        if other == place:
            continue
        with suppress(ProviderError):  # no such place in the block
            assert merkle_root(txid, branch, other) != root


@given(hashes, st.integers(0, 16), st.integers(2, 40))
def test_addresses_are_written_as_they_are_read(data: bytes, version: int, size: int) -> None:
    program = (data * 2)[: size if version else (20 if size % 2 else 32)]
    text = segwit_encode("bc", version, program)
    assert segwit_decode("bc", text) == (version, program)
    payload = bytes(version % 3) + data[:size]
    assert base58check_decode(base58check_encode(payload)) == payload


@pytest.mark.parametrize(
    ("address", "script", "kind"),
    [  # BIP-173, BIP-350 (test vectors); the first P2PKH address; the P2SH address of BIP-13's author; BIP-433
        (
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
            "p2wpkh",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "p2tr",
        ),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
            "unknown",
        ),
        ("bc1sw50qgdz25j", "6002751e", "unknown"),
        ("bc1pfeessrawgf", "51024e73", "unknown"),
        (
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
            "p2pkh",
        ),
        ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87", "p2sh"),
    ],
)
def test_an_address_is_its_script_and_the_other_way_round(address: str, script: str, kind: str) -> None:
    assert script_of(address).hex() == script
    told = read_script(script_of(address))
    assert (told.address, told.kind) == (address, kind)
    assert canonical(BITCOIN, address) == address


@pytest.mark.parametrize(
    ("script", "kind", "memo"),
    [
        ("", "unknown", ""),
        ("6a", "op_return", ""),
        ("6a0548656c6c6f", "op_return", "48656c6c6f"),
        ("6a4c0548656c6c6f", "op_return", "48656c6c6f"),
        ("6a024142024344", "op_return", "41424344"),
        ("6a0541", "op_return", ""),
        ("6a4e", "op_return", ""),
        ("21" + "02" * 33 + "ac", "p2pk", ""),
        ("21" + "05" * 33 + "ac", "unknown", ""),
        ("51" + ("21" + "03" * 33) * 3 + "53ae", "multisig", ""),
        ("54" + ("21" + "03" * 33) * 3 + "53ae", "unknown", ""),
        ("51" + ("21" + "03" * 33) * 3 + "52ae", "unknown", ""),
        ("0013" + "00" * 19, "unknown", ""),
    ],
)
def test_scripts_without_an_address_are_named_by_their_kind(script: str, kind: str, memo: str) -> None:
    assert read_script(bytes.fromhex(script)) == ("", kind, memo)


@given(st.binary(max_size=80))
def test_any_bytes_are_some_script(script: bytes) -> None:
    told = read_script(script)
    assert not told.address or script_of(told.address) == script


def test_scripts_are_named_as_electrum_names_them() -> None:
    # the example of the protocol's documentation: the genesis address
    script = script_of("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    assert script_hash(script) == "8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161"
    for wrong in (
        "",
        "bc1qnothing",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "LaMT348PWRnrqeeWArpwQPbuanpXDZGEUz",
    ):
        with pytest.raises(AddressError):
            script_of(wrong)
