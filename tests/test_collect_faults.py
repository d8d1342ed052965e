"""A provider that fails in every way it can, and two collectors on one workspace: the result is the same."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.anvil import Anvil
from tests.servers.standin import Asked, Reply, stand_in
from tests.test_collect import CHAIN, THIEF, endpoint, held, hop, new_case, node, run
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collecting.budget import Budget
from tracer.store import Workspace
from tracer.transport import Patience

__all__ = ["node"]

WHOLE = 26
STUBBORN = Patience(attempts=20, first=0.001, longest=0.01, deadline=30)


def behind(url: str) -> Endpoint:
    return Endpoint("behind", "jsonrpc", CHAIN, url, rate=0, concurrency=4)


def passing_on(node: Anvil) -> Callable[[Asked], Reply]:
    return lambda asked: Reply(node.post(asked.body))


FAULTS: dict[str, Callable[[bytes], Reply]] = {
    "429": lambda _: Reply({"error": "slow down"}, 429),
    "429 with a time": lambda _: Reply({"error": "slow down"}, 429, {"retry-after": "0.02"}),
    "rate limit as an answer": lambda _: Reply(
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "rate limit exceeded"}}
    ),
    "web page": lambda _: Reply(b"<html>checking your browser</html>"),
    "503": lambda _: Reply(b"upstream gone", 503),
    "reset": lambda _: Reply(b"{}", fault="reset"),
    "cut": lambda body: Reply(body, fault="cut"),
    "half a body": lambda body: Reply(body[: len(body) // 2]),
    "empty": lambda _: Reply(b""),
}


@pytest.mark.parametrize("fault", [*FAULTS, "all of them"])
def test_a_provider_that_fails_a_third_of_the_time_changes_nothing(
    node: Anvil, tmp_path: Path, fault: str
) -> None:
    chance, lock = random.Random(7), threading.Lock()
    kinds = list(FAULTS) if fault == "all of them" else [fault]

    def sometimes(asked: Asked) -> Reply:
        with lock:
            kind = chance.choice(kinds) if chance.random() < 0.33 else ""
        body = node.post(asked.body)
        return FAULTS[kind](body) if kind else Reply(body)

    with stand_in(passing_on(node)) as server:
        calm = new_case(tmp_path / "calm")
        run(calm, behind(server.url), Budget())
        sent = len(server.asked)
        server.answer = sometimes
        rough = new_case(tmp_path / "rough")
        done = run(rough, behind(server.url), Budget(), patience=STUBBORN)
    assert (done.fetched, done.failed, done.finished) == (WHOLE, 0, True)
    assert len(server.asked) - sent > sent * 1.2
    assert rough.file.manifest == calm.file.manifest
    assert held(rough) == held(calm)


def test_a_provider_that_answers_for_somebody_else_is_not_believed(node: Anvil, tmp_path: Path) -> None:
    """Logs, receipts and traces of other transactions than asked for: a visible failure, never a movement."""

    def wrong(asked: Asked) -> Reply:
        answers = json.loads(node.post(asked.body))
        for answer in answers if isinstance(answers, list) else []:
            result = answer.get("result")
            if isinstance(result, dict) and "gasUsed" in result and "transactionHash" in result:
                result["transactionHash"] = "0x" + "9" * 64
        return Reply(answers)

    with stand_in(wrong) as server:
        case = new_case(tmp_path)
        done = run(case, behind(server.url), Budget())
    assert (done.fetched, done.failed) == (0, 1)
    (gap,) = case.gaps()[case.gaps()["code"] == "not_collected"].to_dict("records")
    assert gap["address"].lower() == THIEF
    run(case, endpoint(node), Budget())
    assert sum(held(case).values()) == 60 * 10**18


def test_a_provider_that_forgets_transactions_is_found_out_by_the_balance(
    node: Anvil, tmp_path: Path
) -> None:
    """A list that is silently cut: the address then holds more or less than its movements say, and that is a gap."""

    def short(asked: Asked) -> Reply:
        answers = json.loads(node.post(asked.body))
        for answer in answers if isinstance(answers, list) else []:
            result = answer.get("result")
            if isinstance(result, list):
                lost = hop(1, 5)
                answer["result"] = [r for r in result if r.get("action", {}).get("to") != lost]
        return Reply(answers)

    with stand_in(short) as server:
        case = new_case(tmp_path)
        run(case, behind(server.url), Budget(hops=1))
    open_gaps = case.gaps()[case.gaps()["status"] == "open"]
    assert "balance_differs" in set(open_gaps["code"])


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_collectors_on_one_workspace_share_the_work(
    node: Anvil, tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "w"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    if database == "postgresql":
        home.mkdir()
        (home / ".env").write_text(f"TRACER_DATABASE_URL={request.getfixturevalue('postgres_url')}\n")
    for name in ("one", "two"):
        Case.create(name, home).add_seed(THIEF)
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "jsonrpc"\nchain = "{CHAIN}"\nbase_url = "{node.url}"\nrate = 0\n'
    )
    command = [sys.executable, "-c", "from tracer.cli import main; main()", "-q", "--json", "-w", str(home)]
    both = [
        subprocess.Popen([*command, "collect", name], stdout=subprocess.PIPE, env=environment, text=True)
        for name in ("one", "two")
    ]
    told = [json.loads(process.communicate(timeout=240)[0]) for process in both]
    assert [(t["fetched"], t["failed"], t["finished"]) for t in told] == [(WHOLE, 0, True)] * 2
    assert Case.open("one", home).file.manifest == Case.open("two", home).file.manifest
    with Workspace.open(home).store.reader() as view:
        ask = view._connection.exec_driver_sql
        histories = ask("SELECT count(*) FROM histories").scalar()
        captures = ask("SELECT count(*) FROM captures").scalar()
        twice = ask(
            "SELECT count(*) FROM (SELECT key FROM answers WHERE position('finalized' in request) = 0 "
            "GROUP BY key HAVING count(*) > 1) AS again"
            if database == "postgresql"
            else "SELECT count(*) FROM (SELECT key FROM answers WHERE instr(request, 'finalized') = 0 "
            "GROUP BY key HAVING count(*) > 1)"
        ).scalar()
    assert (histories, captures) == (WHOLE, WHOLE)
    assert (
        twice <= 8
    )  # what both asked in the same instant: the abilities of the node, a block that two histories share
