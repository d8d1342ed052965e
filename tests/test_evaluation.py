"""Measuring heuristics: labelled data is read strictly, counts are right, the shipped ground truth keeps its rates."""

from __future__ import annotations

import csv
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.test_bitcoin_clusters import spend
from tests.test_coinjoin import MAKERS_CHANGE, MAKERS_IN, mix, tx0, wasabi1, whirlpool
from tests.utxo_rows import coin, pay, row, transaction, txid, write_rows
from tests.wallet_world import FILE, shipped
from tracer.cli.app import app
from tracer.clusters.coinjoin import CoinJoin
from tracer.clusters.history import History
from tracer.errors import FileError, InputError
from tracer.evaluation.coinjoins import Labelled, coincidence_score, kind_scores, read_folder
from tracer.evaluation.dumplings import read_dumplings
from tracer.evaluation.emulation import REGTEST, read_emulation
from tracer.evaluation.evaluate import evaluate
from tracer.evaluation.labels import label_of, misplaced
from tracer.evaluation.ownership import ownership_scores
from tracer.evaluation.score import Score
from tracer.utxo import Script, UtxoTransaction

WORDS = {Script.P2WPKH: "TxWitnessV0Keyhash", Script.P2PKH: "TxPubkeyhash", Script.OP_RETURN: "TxNullData"}


def dumplings(tx: UtxoTransaction) -> str:
    """A line of Dumplings."""
    inputs = "}{".join(
        f"{i.outpoint.txid}-{i.outpoint.vout}-{i.amount}+{i.script}+{WORDS[i.script_type]}" for i in tx.inputs
    )
    outputs = "}{".join(
        f"{o.amount}+{o.script or '6a40' + o.op_return}+{WORDS[o.script_type]}" for o in tx.outputs
    )
    return f"{tx.txid}:::{'0' * 64}:::7:::{tx.timestamp or 1_710_000_000}:::{inputs}:::{outputs}\n"


def write(folder: Path, stem: str, *txs: UtxoTransaction) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}.txt"
    path.write_text("".join(map(dumplings, txs)), encoding="ascii")
    return path


# --- Dumplings


def test_a_line_of_dumplings_is_read_to_the_sat(tmp_path: Path) -> None:
    tx = tx0()
    (read,) = read_dumplings(write(tmp_path, "any", tx))
    assert read.txid == tx.txid
    assert (read.block, read.tx_index, read.timestamp) == (None, 7, 1_710_000_000)
    assert read.inputs == tx.inputs
    assert [(o.vout, o.amount, o.script_type, o.op_return) for o in read.outputs] == [
        (o.vout, o.amount, o.script_type, o.op_return) for o in tx.outputs
    ]


def test_taproot_is_known_by_its_script_and_data_by_its_push(tmp_path: Path) -> None:
    line = dumplings(transaction([coin("a", 900)], [pay("b", 500)]))
    script = "5120" + "ab" * 32
    path = tmp_path / "t.txt"
    path.write_text(
        line.rstrip() + f"}}{{300+{script}+Unknown}}{{0+6a4c50{'cd' * 80}+TxNullData}}{{0+6a05ab+TxNullData\n"
    )
    (read,) = read_dumplings(path)
    assert read.outputs[1].script_type == Script.P2TR
    assert read.outputs[2].op_return == "cd" * 80
    assert (read.outputs[3].script_type, read.outputs[3].op_return) == (
        Script.OP_RETURN,
        "",
    )  # a push cut short


@pytest.mark.parametrize(
    ("old", "new"),
    [(":::7", ":::"), ("-0-1003825", "-0-1.5"), ("+TxWitnessV0Keyhash\n", "\n"), ("}{", "}{x}{")],
)
def test_a_damaged_line_is_named(tmp_path: Path, old: str, new: str) -> None:
    tx = mix([1_003_825, 1_000_000], [1_000_000, 1_000_000])
    path = write(tmp_path, "any", whirlpool(), tx)
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[1]
    path.write_text(lines[0] + lines[1].replace(old, new, 1))
    with pytest.raises(FileError, match="line 2"):
        list(read_dumplings(path))


def test_files_say_their_kind_and_folders_of_false_positives_say_none(tmp_path: Path) -> None:
    assert label_of("dumplings", "SamouraiCoinJoins") == CoinJoin.WHIRLPOOL
    assert label_of("dumplings", "SamouraiPostMixTxs") == CoinJoin.NONE
    assert label_of("jm_filter_false_positives", "OtherCoinJoins") == CoinJoin.NONE
    assert label_of("dumplings", "README") is None
    write(tmp_path / "a", "SamouraiTx0s", tx0())
    write(tmp_path / "a", "SamouraiPostMixTxs", tx0())
    write(tmp_path / "a", "notes", whirlpool())
    (one,) = read_folder(tmp_path)
    assert one.labels == {CoinJoin.WHIRLPOOL_TX0, CoinJoin.NONE}


@pytest.mark.parametrize(
    ("tx", "labels", "asked", "contradicts"),
    [
        (whirlpool(), {CoinJoin.WHIRLPOOL}, CoinJoin.WHIRLPOOL, False),
        (whirlpool(), {CoinJoin.NONE}, CoinJoin.WHIRLPOOL, True),
        (whirlpool(), {CoinJoin.WHIRLPOOL_TX0}, CoinJoin.WHIRLPOOL_TX0, True),
        (tx0(), {CoinJoin.WHIRLPOOL_TX0}, CoinJoin.WHIRLPOOL_TX0, False),
        (tx0(), {CoinJoin.NONE}, CoinJoin.WHIRLPOOL_TX0, True),
        (mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE), {CoinJoin.JOINMARKET}, CoinJoin.JOINMARKET, False),
        (mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE), {CoinJoin.NONE}, CoinJoin.JOINMARKET, True),
        (mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE), {CoinJoin.WASABI1}, CoinJoin.WASABI1, True),
        (mix([900, 900], [500, 500, 300, 300]), {CoinJoin.JOINMARKET}, CoinJoin.JOINMARKET, True),
        (mix([90_000] * 3, [74_999] * 3 + [1, 2, 3]), {CoinJoin.JOINMARKET}, CoinJoin.JOINMARKET, True),
        (mix([90_000] * 3, [75_000] * 3 + [1, 2, 3]), {CoinJoin.JOINMARKET}, CoinJoin.JOINMARKET, False),
        (wasabi1(), {CoinJoin.WASABI1}, CoinJoin.WASABI1, False),
        (wasabi1(), {CoinJoin.WASABI2}, CoinJoin.WASABI2, False),
        (
            transaction([coin("a", 900, source=str(i)) for i in range(4)], [pay("b", 3_000)]),
            {CoinJoin.WASABI2},
            CoinJoin.WASABI2,
            True,
        ),
    ],
)
def test_a_line_whose_shape_contradicts_its_label_is_set_aside(
    tx: UtxoTransaction, labels: set[CoinJoin], asked: CoinJoin, contradicts: bool
) -> None:
    assert misplaced(tx, labels, asked) == contradicts


def test_counts_by_published_labels_and_by_shape() -> None:
    named = [
        (whirlpool(5), CoinJoin.WHIRLPOOL),
        (whirlpool(6), CoinJoin.WHIRLPOOL),
        (mix([900], [400, 400]), CoinJoin.WHIRLPOOL),  # a wrong label
        (whirlpool(7), CoinJoin.NONE),  # a remix among the neighbours
        (mix([800], [300, 400]), CoinJoin.NONE),
    ]
    rows = [
        Labelled(
            UtxoTransaction(t.chain, txid(str(i)), None, None, None, t.inputs, t.outputs), frozenset({label})
        )
        for i, (t, label) in enumerate(named)
    ]
    published, shape = kind_scores(rows, "d", "s", by_shape=True)
    assert (published.positives, published.negatives, published.found, published.right) == (3, 2, 3, 2)
    assert (shape.positives, shape.negatives, shape.found, shape.right, shape.set_aside) == (2, 1, 2, 2, 2)
    assert (published.precision, published.recall, shape.precision) == ("0.6666", "0.6666", "1.0000")


def test_a_share_is_never_rounded_up_to_perfect() -> None:
    score = Score("h", "d", "true", 100_000, 0, 100_000, 99_999, linked=1, known=3)
    assert (score.precision, score.recall, score.coverage) == ("0.9999", "0.9999", "0.3333")
    empty = Score("h", "d", "true", 0, 0, 0, 0)
    assert (empty.precision, empty.recall, empty.coverage) == ("", "", "")


# --- emulations


def core(tx: UtxoTransaction, **more: object) -> dict[str, Any]:
    """A transaction as Bitcoin Core's getblock gives it."""
    return {
        "txid": tx.txid,
        "version": 2,
        "locktime": 0,
        "vin": [{"txid": i.outpoint.txid, "vout": i.outpoint.vout, "sequence": 1} for i in tx.inputs]
        or [{"coinbase": "00"}],
        "vout": [
            {
                "value": o.amount / 10**8,
                "n": o.vout,
                "scriptPubKey": {
                    "hex": o.script,
                    "type": "witness_v0_keyhash",
                    "address": f"bcrt-{o.script[4:12]}",
                },
            }
            for o in tx.outputs
        ],
    } | more


def emulation(path: Path, blocks: list[list[dict[str, Any]]], keys: dict[str, list[str]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for height, txs in enumerate(blocks):
            text = json.dumps({"height": height, "time": 1_700_000_000 + height, "tx": txs})
            archive.writestr(f"grid/run 1/data/btc-node/block_{height}.json", text)
        for client, addresses in keys.items():
            archive.writestr(
                f"grid/run 1/data/{client}/keys.json", json.dumps([{"address": a} for a in addresses])
            )
        archive.writestr("grid/run 1/data/client/logs.txt", "not read")
    return path


def small_world(tmp_path: Path) -> Path:
    mined = transaction([], [pay("miner", 500_000_001)], name="mined")
    fund = transaction(
        [coin("miner", 500_000_001, source="x")],
        [pay("a1", 1_000), pay("a2", 900), pay("b1", 800)],
        name="fund",
    )
    spent = core(fund) | {"vin": [{"txid": mined.txid, "vout": 0, "sequence": 1}]}
    together = transaction([coin("a", 1)], [pay("shop", 1_800)], name="together")
    gathered = core(together) | {"vin": [{"txid": fund.txid, "vout": v, "sequence": 1} for v in (0, 1)]}
    address = {who: f"bcrt-{pay(who, 1).script[4:12]}" for who in ("a1", "a2", "b1")}
    keys = {"client-a": [address["a1"], address["a2"]], "client-b": [address["b1"]]}
    return emulation(tmp_path / "e.zip", [[core(mined)], [spent], [gathered]], keys)


def test_an_emulation_is_read_with_its_inputs_resolved_and_its_owners(tmp_path: Path) -> None:
    (run,) = read_emulation(small_world(tmp_path))
    assert run.name == "run 1"
    assert [t.chain for t in run.transactions] == [REGTEST] * 3
    assert run.transactions[0].outputs[0].amount == 500_000_001
    assert [i.amount for i in run.transactions[2].inputs] == [1_000, 900]
    assert sorted(run.owners.values()) == ["client-a", "client-a", "client-b", "miner"]
    scores = {s.heuristic: s for s in evaluate([tmp_path])}
    assert (scores["clusters"].positives, scores["clusters"].found, scores["clusters"].right) == (1, 1, 1)
    assert (scores["clusters"].linked, scores["clusters"].known) == (2, 4)
    assert scores["any CoinJoin"].found == 0


@pytest.mark.parametrize(
    "block",
    [
        [{"txid": "ab" * 32}],
        [core(mix([1], [1]))],  # spends what is not there
        [
            core(transaction([], [pay("m", 1)]))
            | {"vout": [{"value": 1e-9, "n": 0, "scriptPubKey": {"hex": ""}}]}
        ],
    ],
    ids=["no inputs", "unknown input", "part of a sat"],
)
def test_a_block_that_is_none_is_refused(tmp_path: Path, block: list[dict[str, Any]]) -> None:
    with pytest.raises(FileError, match=r"e\.zip"):
        list(read_emulation(emulation(tmp_path / "e.zip", [block], {})))


def test_an_archive_that_is_none_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04")
    with pytest.raises(FileError, match="not a readable zip"):
        list(read_emulation(bad))
    good = small_world(tmp_path)
    monkeypatch.setattr("tracer.evaluation.emulation._LARGEST_SUM", 10)
    with pytest.raises(FileError, match="too large"):
        list(read_emulation(good))
    monkeypatch.undo()
    monkeypatch.setattr("tracer.evaluation.emulation._LARGEST_MEMBER", 10)
    with pytest.raises(FileError, match="larger than"):
        list(read_emulation(good))


# --- accident


def test_what_accident_explains_is_estimated_from_those_that_failed() -> None:
    """Transactions of the shape in which nobody earns: as many are taken for JoinMarket's as the estimate says."""
    dice = random.Random(7)
    strangers = []
    for _ in range(400):
        ins = [dice.randint(10**6, 10**8) for _ in range(40)]
        strangers.append(mix(ins, [5 * 10**7] * 4 + [dice.randint(10**5, 5 * 10**7) for _ in range(4)]))
    score = coincidence_score(strangers, "strangers", "made")
    assert score is not None
    assert score.found + score.negatives == 400
    assert score.found >= 20
    assert score.right * 4 < score.found  # next to nothing is left
    makers = mix(MAKERS_IN, [83_240_446] * 5 + MAKERS_CHANGE, Script.P2PKH)
    assert coincidence_score([makers], "m", "made") == Score(
        "joinmarket", "m", "by coincidence", 0, 0, 1, 1, source="made"
    )
    assert coincidence_score([whirlpool()], "w", "made") is None


# --- ground truth


def test_the_shipped_ground_truth_is_what_the_world_gives() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(json.dumps(shipped().rows()))


def test_clustering_is_right_in_99_of_100_pairs_of_the_ground_truth() -> None:
    scores = {score.heuristic: score for score in evaluate([FILE])}
    for rule in ("common_input", "change", "clusters"):
        assert scores[rule].right * 100 >= scores[rule].found * 99
        assert scores[rule].found > 100
    naive = scores["common_input without CoinJoin rules"]
    assert naive.right * 100 < naive.found * 80
    assert scores["clusters"].linked * 100 >= scores["clusters"].known * 40
    assert (scores["joinmarket"].precision, scores["joinmarket"].recall) == ("1.0000", "1.0000")


def test_hops_of_peel_chains_are_right_where_they_lead_back_to_the_payer() -> None:
    """Three hops: the third is followed to the payee, whose program has the payer's habits; the change rests."""
    first = transaction(
        [coin("a", 10**7)], [pay("x", 10**6), pay("b", 8_999_000)], name="1", block=1, version=1
    )
    second = spend(first, 1, [("y", 10**6), ("c", 7_998_000)], name="2", block=2, version=1)
    third = spend(second, 1, [("z", 10**6), ("d", 6_997_000)], name="3", block=3, version=1)
    payee = spend(third, 0, [("w", 400_000), ("z2", 599_000)], name="4", block=4, version=1)
    history = [first, second, third, payee]
    owners = {t.owner(o): "other" for t in history for o in t.outputs}
    owners |= {coin(name, 1).owner: "payer" for name in "abcd"}
    scores = {score.heuristic: score for score in ownership_scores(History(history), owners, "d", "s")}
    peel = scores["peel_chain"]
    assert (peel.positives, peel.found, peel.right) == (4, 3, 2)


def test_a_kind_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.jsonl", [row(whirlpool()) | {"kind": "wasabi3"}])
    with pytest.raises(FileError, match="row 1: 'wasabi3'"):
        evaluate([path])


def test_ground_truth_of_a_test_network_is_read_and_no_transaction_counts_twice(tmp_path: Path) -> None:
    elsewhere = row(whirlpool()) | {"kind": "whirlpool", "chain": REGTEST}
    (score,) = evaluate([write_rows(tmp_path / "t.jsonl", [elsewhere])])
    assert (score.heuristic, score.right, score.found) == ("whirlpool", 1, 1)
    with pytest.raises(FileError, match="twice"):
        evaluate([write_rows(tmp_path / "t.jsonl", [elsewhere, elsewhere])])


def test_a_path_without_labelled_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no labelled data"):
        evaluate([tmp_path])


# --- the command


def test_evaluate_writes_the_table(tmp_path: Path) -> None:
    write(tmp_path / "dumplings", "SamouraiCoinJoins", whirlpool())
    write(
        tmp_path / "dumplings",
        "SamouraiPostMixTxs",
        transaction([coin("a", 900)], [pay("b", 500)], name="other"),
    )
    out = tmp_path / "accuracy.csv"
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "dumplings"), "--out", str(out)])
    assert (done.exit_code, done.stderr) == (0, "")
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["heuristic"], r["labels"], r["positives"], r["negatives"], r["precision"]) for r in rows] == [
        ("whirlpool", "published", "1", "1", "1.0000"),
        ("whirlpool", "by shape", "1", "1", "1.0000"),
    ]
    assert rows[0]["coverage"] == ""
    told = json.loads(CliRunner().invoke(app, ["--json", "evaluate", str(FILE)]).stdout)
    assert {t["heuristic"] for t in told} >= {"clusters", "change", "common_input", "joinmarket"}
    assert CliRunner().invoke(app, ["evaluate", str(tmp_path / "none")]).exit_code == 2
