"""From a transaction to the raw answers that it stands in, and to the very records in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.servers.anvil import Anvil
from tests.test_collect import THIEF, endpoint, new_case, node, run
from tracer.case import Case
from tracer.cli.app import app
from tracer.collecting.budget import Budget
from tracer.custody import ANSWER, Exhibit
from tracer.errors import InputError, NotFoundError, StoreError
from tracer.provenance import standing_in
from tracer.store.archive import Archive

__all__ = ["node"]

TX, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32


@pytest.fixture(scope="module")
def case(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = new_case(tmp_path_factory.mktemp("w"))
    run(made, endpoint(node), Budget(addresses=4))
    return made


def record(case: Case, sha256: str, row: str) -> str:
    """The record of an answer that `row` points to, by counting."""
    found: Any = json.loads(case.workspace.archive.read(sha256))
    for place in filter(None, row.split(".")):
        listed = found if isinstance(found, list) else found["result"]
        found = listed[int(place) - 1]
    return json.dumps(found)


def test_every_movement_of_a_case_leads_to_the_answers_that_tell_it(case: Case) -> None:
    moved = case.taint().transfers()
    moved = moved[moved["kind"] == "native"]
    assert len(moved) == 15
    for row in moved.to_dict("records"):
        found = case.evidence(str(row["tx_hash"]))
        same = ["position", "from_address", "to_address", "asset", "amount_raw", "kind"]
        mine = found[(found[same] == [row[name] for name in same]).all(axis=1)]
        assert {*mine["asked"]} >= {
            "eth_getTransactionByHash",
            "eth_getTransactionReceipt",
            "trace_transaction",
        }
        assert row["source_name"] in set(mine["source"])
        for asked, sha256, at in zip(mine["asked"], mine["sha256"], mine["row"], strict=True):
            assert row["tx_hash"] in record(case, sha256, at), asked
        sent = mine[mine["asked"] == "eth_getTransactionByHash"].iloc[0]
        told = json.loads(record(case, sent["sha256"], sent["row"]))
        told = told.get("result", told)
        assert int(told["value"], 16) == row["amount_raw"]
        assert told["from"] == str(row["from_address"]).lower()
        assert set(mine["provider"]) == {"node"}


def test_the_command_prints_movements_and_answers_in_full(case: Case) -> None:
    moved = case.taint().transfers()
    tx = str(moved[moved["kind"] == "native"]["tx_hash"].iloc[0])
    home = str(case.workspace.root)
    done = CliRunner().invoke(app, ["-w", home, "evidence", case.name, tx.upper().replace("0X", "0x")])
    assert done.exit_code == 0, done.output
    assert f"{THIEF} blocks 0-" in done.output
    assert "10 ETH" in done.output
    told = json.loads(CliRunner().invoke(app, ["-w", home, "--json", "evidence", case.name, tx]).stdout)
    assert {row["sha256"] for row in told} <= set(done.output.split())
    assert {row["amount_raw"] for row in told} == {str(10**19)}


def test_a_row_of_a_file_leads_to_the_file(tmp_path: Path) -> None:
    case = Case.demo(tmp_path)
    moved = case.taint().transfers()
    moved = moved[moved["grade"] == "fact"]
    for at in (0, len(moved) - 1):
        row = moved.iloc[at]
        (found,) = [
            r
            for r in case.evidence(str(row["tx_hash"])).to_dict("records")
            if r["row"] == str(row["source_row"])
        ]
        assert (found["sha256"], found["amount_raw"]) == (case.files()["sha256"][0], row["amount_raw"])
        assert (found["from_address"], found["asked"]) == (row["from_address"], "")


def test_what_is_no_hash_or_stands_nowhere_is_said(case: Case) -> None:
    with pytest.raises(NotFoundError, match="No source of the case"):
        case.evidence(TX)
    for text in (TX[:-1], "", THIEF):
        with pytest.raises(InputError, match="no hash"):
            case.evidence(text)
    done = CliRunner().invoke(app, ["-w", str(case.workspace.root), "evidence", case.name, TX])
    assert done.exit_code == 2


def place(tmp_path: Path, question: list[object], body: object) -> list[tuple[str, str]]:
    archive = Archive(tmp_path)
    sha256 = archive.put(body if isinstance(body, bytes) else json.dumps(body).encode())
    part = Exhibit(ANSWER, "", "", "", json.dumps(question), sha256)
    return [(s.asked, s.row) for s in standing_in(archive, [part], TX)]


def rpc(*calls: tuple[str, list[object]]) -> list[object]:
    body = [{"id": n, "jsonrpc": "2.0", "method": m, "params": p} for n, (m, p) in enumerate(calls)]
    return ["http://node", "", [], json.dumps(body if len(body) > 1 else body[0])]


RECEIPT = "eth_getTransactionReceipt"


@pytest.mark.parametrize(
    ("question", "body", "expected"),
    [
        (rpc((RECEIPT, [TX])), {"id": 0, "result": {"transactionHash": TX}}, [(RECEIPT, "")]),
        (  # answers of a batch come in any order, and a call tree does not repeat the hash
            rpc((RECEIPT, [OTHER]), ("debug_traceTransaction", [TX])),
            [{"id": 1, "result": {"type": "CALL"}}, {"id": 0, "result": {"transactionHash": OTHER}}],
            [("debug_traceTransaction", "1")],
        ),
        (
            rpc(("eth_chainId", []), ("eth_getLogs", [{}])),
            [{"id": 0, "result": "0x1"}, {"id": 1, "result": [{"h": OTHER}, {"h": TX.upper()}, {"h": TX}]}],
            [("eth_getLogs", "2.2"), ("eth_getLogs", "2.3")],
        ),
        (
            ["http://e", "", [["module", "account"], ["action", "txlist"]], ""],
            {"status": "1", "result": [{"hash": OTHER}, {"hash": TX}]},
            [("txlist", "2")],
        ),
        (
            ["http://e", "", [["action", "txlistinternal"], ["txhash", TX]], ""],
            {"status": "1", "result": [{"value": "1"}]},
            [("txlistinternal", "")],
        ),
        (
            ["http://b", f"/api/v2/transactions/{TX}/logs", [], ""],
            {"items": [{}]},
            [(f"/api/v2/transactions/{TX}/logs", "")],
        ),
        (["http://b", "/api/v2/addresses/0x1/transactions", [], ""], {"items": [{"hash": OTHER}]}, []),
    ],
    ids=["alone", "batch", "logs", "list", "inner", "path", "other"],
)
def test_records_are_counted_as_they_stand(
    tmp_path: Path, question: list[object], body: object, expected: list[tuple[str, str]]
) -> None:
    assert place(tmp_path, question, body) == expected


def test_an_answer_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        place(tmp_path, rpc((RECEIPT, [TX])), b"<html>")
