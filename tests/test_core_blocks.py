"""Blocks as Bitcoin Core's getblock gives them: proved by their own hashes, refused where they do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bitcoin_world import THIEF, World, told
from tests.test_electrum import without_addresses
from tracer.case import Case
from tracer.chains.adapter import History
from tracer.chains.bitcoin_bytes import header_bytes, read_header
from tracer.chains.core_blocks import _pushed, holds_blocks, read_blocks
from tracer.chains.files import read_transfers
from tracer.chains.utxo_rows import table_of
from tracer.errors import FileError

Blocks = list[dict[str, Any]]


@pytest.fixture(scope="module")
def world(bitcoin_theft: World) -> World:
    return bitcoin_theft


@pytest.fixture(autouse=True)
def _private_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node's network has a proof of work and addresses of its own."""
    monkeypatch.setattr("tracer.chains.core_blocks.worked", lambda header, block: True)


@pytest.fixture(scope="module")
def blocks(world: World) -> Blocks:
    """All blocks of the world, without the node's own addresses."""
    found = []
    for height in range(world.tip + 1):
        body = {"id": 0, "method": "getblock", "params": [world.server.call("getblockhash", height), 2]}
        block = json.loads(world.server.post(json.dumps(body).encode()), parse_float=str)["result"]
        for one in block["tx"]:
            for made in one["vout"]:
                made["scriptPubKey"].pop("addresses", None)
        found.append(block)
    return found


def written(blocks: object) -> bytes:
    """As JSON with the node's own numbers."""
    text = json.dumps(blocks)
    return text.replace('"value": "', '"value": ').replace('", "n"', ', "n"').encode()


def copied(blocks: Blocks) -> Blocks:
    return json.loads(json.dumps(blocks))


def with_prevouts(blocks: Blocks) -> Blocks:
    """As verbosity 3 tells it."""
    made = {(t["txid"], o["n"]): o for b in blocks for t in b["tx"] for o in t["vout"]}
    found = copied(blocks)
    for block in found:
        for one in block["tx"]:
            for spent in one["vin"]:
                if "txid" in spent:
                    output = made[spent["txid"], spent["vout"]]
                    spent["prevout"] = {"height": 1, **output}
    return found


def test_transactions_are_those_that_the_node_decodes(world: World, blocks: Blocks) -> None:
    whole = written(blocks)
    assert holds_blocks(whole)
    read = read_blocks(whole, "blocks.json")
    wanted = list(world.txid.values())
    found = {t.txid: t for t in read.transactions}
    history = History(table_of([found[txid] for txid in wanted]))
    assert without_addresses(history) == told(world.server, wanted)
    lines = b"\n".join(written(block) for block in blocks)
    wrapped = written([{"result": block, "error": None} for block in blocks])
    assert read_blocks(lines, "x").transactions == read_blocks(wrapped, "x").transactions == read.transactions


def test_without_the_bytes_a_transaction_is_built_from_its_fields(blocks: Blocks) -> None:
    bare = copied(blocks)
    for block in bare:
        for one in block["tx"]:
            del one["hex"]
    assert read_blocks(written(bare), "x").transactions == read_blocks(written(blocks), "x").transactions


def test_a_single_block_needs_what_its_inputs_spend(blocks: Blocks) -> None:
    (one,) = [b for b in blocks if len(b["tx"]) > 4]
    with pytest.raises(FileError, match="does not say how much") as caught:
        read_blocks(written(one), "x")
    assert "getblock HASH 3" in caught.value.hint
    (told_so,) = [b for b in with_prevouts(blocks) if b["hash"] == one["hash"]]
    known = {t.txid: t for t in read_blocks(written(blocks), "x").transactions}
    assert [known[t.txid] for t in read_blocks(written(told_so), "x").transactions] == [
        known[t["txid"]] for t in one["tx"]
    ]


def test_a_case_is_made_of_blocks(blocks: Blocks, tmp_path: Path) -> None:
    path = tmp_path / "block.json"
    path.write_bytes(written(blocks))
    case = Case.create("theft", tmp_path / "w", clock=lambda: 1_750_000_000)
    case.add_seed(THIEF.address, "bitcoin")
    assert case.import_file(path).format == "getblock (JSON)"
    assert case.taint("fifo").conservation()["stolen_raw"].tolist() == [60 * 10**8]
    assert read_transfers(path).table.num_rows == case.files()["rows"].sum()


@pytest.mark.parametrize("bytes_given", [True, False])
@pytest.mark.parametrize("away", [-1, 1, 256, 300_000])
def test_a_height_that_the_coinbase_contradicts_is_refused(
    blocks: Blocks, away: int, *, bytes_given: bool
) -> None:
    """What the coinbase says counts where the bytes are given, not what is told of it."""
    (one,) = [b for b in with_prevouts(blocks) if len(b["tx"]) > 4]
    coinbase = one["tx"][0]
    if bytes_given:
        coinbase["vin"][0]["coinbase"] = _pushed(one["height"] + away).hex()
    else:
        del coinbase["hex"]
    assert read_blocks(written(one), "x").transactions
    lie = {**one, "height": one["height"] + away}
    with pytest.raises(FileError, match=f"block 1: it says that {one['hash']} is block {lie['height']}, but"):
        read_blocks(written(lie), "x")


@pytest.mark.parametrize(
    ("height", "script"),
    # 227,931 and 840,000 as in those blocks of the main network; the others are the edges of the encoding.
    [
        (0, "00"),
        (1, "51"),
        (16, "60"),
        (17, "0111"),
        (127, "017f"),
        (128, "028000"),
        (227_931, "035b7a03"),
        (840_000, "0340d10c"),
        (8_388_608, "0400008000"),
    ],
)
def test_a_height_in_a_coinbase_is_a_number_of_the_script(height: int, script: str) -> None:
    assert _pushed(height).hex() == script


def test_a_block_from_before_bip34_needs_no_height_in_its_coinbase(
    blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = [b for b in with_prevouts(blocks) if len(b["tx"]) > 4]
    lie = {**one, "height": one["height"] + 9}
    monkeypatch.setattr("tracer.chains.core_blocks._HEIGHT_BOUND", (lie["height"] + 1, one["time"] + 1))
    assert {t.block for t in read_blocks(written(lie), "x").transactions} == {lie["height"]}
    monkeypatch.setattr("tracer.chains.core_blocks._HEIGHT_BOUND", (lie["height"], one["time"] + 1))
    with pytest.raises(FileError, match="BIP-34"):
        read_blocks(written(lie), "x")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda b: b["tx"][1]["vout"][0].update(value="1.5"), "not those of its bytes"),
        (lambda b: b["tx"][1]["vout"][0].update(value="0.000000001"), "is none"),
        (lambda b: b["tx"].pop(), "commits to"),
        (lambda b: b["tx"].append(b["tx"][-1]), "commits to"),
        (lambda b: b["tx"].reverse(), "commits to"),
        (lambda b: b.update(time=b["time"] + 1), "does not hash"),
        (lambda b: b.update(hash="00" * 32), "does not hash"),
        (lambda b: b.update(tx=[t["txid"] for t in b["tx"]]), "verbosity 1"),
        (lambda b: b.pop("nonce"), "incomplete"),
        (lambda b: b["tx"][1].update(hex="00"), "not to be believed"),
        (lambda b: b["tx"][1].update(vin=[]), "inputs of .* not those of its bytes"),
        (lambda b: b["tx"][1]["vin"][0].update(vout=1), "inputs of .* not those of its bytes"),
        (lambda b: b["tx"][1].update(vin=[{"coinbase": "00", "sequence": 0}]), "not those of its bytes"),
        (lambda b: b["tx"][1]["vout"][0].update(value="1e999980"), "is none"),
        (lambda b: b["tx"][1]["vin"][0]["prevout"].update(value="7.0"), "another output"),
        (
            lambda b: b["tx"][1]["vout"][0]["scriptPubKey"].update(address="bcrt1qqqq"),
            "another network",
        ),
    ],
    ids=[
        "amount",
        "fraction",
        "less",
        "more",
        "order",
        "time",
        "hash",
        "ids",
        "cut",
        "bytes",
        "no inputs",
        "other input",
        "new coin",
        "huge",
        "spent",
        "network",
    ],
)
def test_what_does_not_prove_itself_is_refused(
    blocks: Blocks, change: Callable[[dict[str, Any]], object], match: str
) -> None:
    changed = with_prevouts(blocks)
    (one,) = [b for b in changed if len(b["tx"]) > 4]
    change(one)
    with pytest.raises(FileError, match=match):
        read_blocks(written(changed), "blocks.json")


def test_a_block_that_stands_twice_counts_once(blocks: Blocks) -> None:
    once = read_blocks(written(blocks), "x").transactions
    assert read_blocks(written([*blocks, blocks[-3]]), "x").transactions == once


@pytest.fixture
def _before_bip34(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the blocks were of the time before a coinbase named its height."""
    monkeypatch.setattr("tracer.chains.core_blocks._HEIGHT_BOUND", (2**31, 2**31))


@pytest.mark.usefixtures("_before_bip34")
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda b: [*b, {**b[-3], "height": b[-3]["height"] + 9}], "block .* is block .* too"),
        (lambda b: [*b, {**b[-9], "height": b[-3]["height"]}], "another block"),
        (lambda b: [*b[:-3], {**b[-2], "height": b[-3]["height"]}], "does not follow"),
    ],
    ids=["two heights", "two of a height", "one is missing"],
)
def test_blocks_that_are_not_of_one_chain_are_refused(
    blocks: Blocks, change: Callable[[Blocks], Blocks], match: str
) -> None:
    with pytest.raises(FileError, match=match):
        read_blocks(written(change(copied(blocks))), "x")


def _mined_again(block: dict[str, Any]) -> dict[str, Any]:
    """The same transactions in another block, nine higher."""
    fields = (block["version"] & 0xFFFFFFFF, block["previousblockhash"], block["merkleroot"])
    again = read_header(header_bytes(*fields, block["time"] + 1, int(block["bits"], 16), block["nonce"]))
    return {**block, "hash": again.hash, "time": block["time"] + 1, "height": block["height"] + 9}


@pytest.mark.usefixtures("_before_bip34")
def test_a_transaction_in_two_blocks_is_refused(blocks: Blocks) -> None:
    known = with_prevouts(blocks)
    (one,) = [b for b in known if len(b["tx"]) > 4]
    with pytest.raises(FileError, match="stands in block"):
        read_blocks(written([one, _mined_again(one)]), "x")


def test_other_files_are_not_taken_for_blocks(tmp_path: Path) -> None:
    for text in (b"", b"chain,block\n", b'{"txid": 1}', b'{"merkleroot": 1}'):
        assert not holds_blocks(text)
    assert not holds_blocks(tmp_path / "none")
    for text in (b'{"merkleroot": 1, "height": 2', b"[" * 100_000, b'[7, {"merkleroot": 1, "height": 2}]'):
        with pytest.raises(FileError):
            read_blocks(text, "x")
    assert holds_blocks(b' [{"height":1,"merkleroot":""}]')
