"""`tracer collect` and `tracer providers` as an investigator types them, and a collector that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.servers.anvil import Anvil
from tests.servers.standin import Asked, Reply, stand_in
from tests.test_collect import THIEF, node
from tracer.case import Case
from tracer.cli.app import app

__all__ = ["node"]


def tracer(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(home), *words])


@pytest.fixture
def home(node: Anvil, tmp_path: Path) -> Path:
    return prepared(node, tmp_path / "w")


def prepared(node: Anvil, home: Path) -> Path:
    Case.create("theft", home, clock=lambda: 1_750_000_000).add_seed(THIEF)
    (home / "providers.toml").write_text(
        f'[[provider]]\nname = "own"\nkind = "jsonrpc"\nchain = "eip155:1"\nbase_url = "{node.url}"\nrate = 0\n'
    )
    return home


def test_a_theft_is_collected_with_one_command(home: Path) -> None:
    done = tracer(home, "collect", "theft")
    assert done.exit_code == 0, done.output
    assert "own on this machine is asked: nobody else learns what is traced." in done.stderr
    assert "26 addresses fetched" in done.stdout
    assert "Nothing is left that the budget allows." in done.stdout
    again = json.loads(tracer(home, "--json", "collect", "theft").stdout)
    assert (again["fetched"], again["sent"], again["finished"]) == (26, 1, True)


def test_an_address_that_could_not_be_read_is_not_the_end_of_all(home: Path, node: Anvil) -> None:
    """The seed itself cannot be read: "nothing is left" and status 0 would tell a script that the trace is whole."""

    def contradicts(asked: Asked) -> Reply:
        answers = json.loads(node.post(asked.body))
        for answer in answers if isinstance(answers, list) else []:
            if isinstance(answer.get("result"), dict) and "gasUsed" in answer["result"]:
                answer["result"]["transactionHash"] = "0x" + "9" * 64
        return Reply(answers)

    with stand_in(contradicts) as server:
        known = (home / "providers.toml").read_text()
        (home / "providers.toml").write_text(known.replace(node.url, server.url))
        done = tracer(home, "collect", "theft")
    assert done.exit_code == 1
    assert "1 address could not be read" in done.stdout
    assert "Nothing is left" not in done.stdout
    (home / "providers.toml").write_text(known)
    assert tracer(home, "collect", "theft").exit_code == 0


def test_limits_are_kept_for_the_next_time_and_said(home: Path) -> None:
    done = tracer(home, "collect", "theft", "--addresses", "5")
    assert "5 addresses fetched" in done.stdout
    assert "The budget is used up" in done.stdout
    assert "5 addresses fetched" in tracer(home, "collect", "theft").stdout
    assert "26 addresses fetched" in tracer(home, "collect", "theft", "--addresses", "0").stdout
    taint = tracer(home, "taint", "theft")
    assert "The account adds up to the last unit" in taint.stdout


def test_a_budget_of_requests_is_not_overrun_by_more_than_what_is_in_flight(home: Path) -> None:
    told = json.loads(tracer(home, "--json", "collect", "theft", "--requests", "30").stdout)
    assert told["exhausted"]
    assert told["sent"] < 30 + 8 * 12
    assert json.loads(tracer(home, "--json", "collect", "theft", "--requests", "0").stdout)["fetched"] == 26


def test_a_time_window_asks_for_its_blocks_only(home: Path) -> None:
    told = json.loads(tracer(home, "--json", "collect", "theft", "--until", "2025-02-19T21:20:10Z").stdout)
    assert told["fetched"] == 1


def test_a_provider_that_is_not_there_is_named(home: Path) -> None:
    wrong = (home / "providers.toml").read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1")
    (home / "providers.toml").write_text(wrong[: wrong.index(":1") + 2] + '"\nrate = 0\n')
    assert tracer(home, "collect", "theft", "--provider", "own").exit_code in {1, 2}


def test_a_provider_of_another_chain_is_refused_before_anybody_is_asked(home: Path) -> None:
    with (home / "providers.toml").open("a") as file:
        file.write(
            '[[provider]]\nname = "bnb"\nkind = "blockscout"\nchain = "eip155:56"\nbase_url = "https://h.invalid"\n'
        )
    done = tracer(home, "collect", "theft", "--provider", "bnb")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "bnb serves eip155:56; the case starts on eip155:1." in done.stderr
    assert "will learn" not in done.stderr


def test_who_learns_what_is_said_even_where_quiet_is_asked_for(home: Path) -> None:
    with (home / "providers.toml").open("a") as file:
        file.write(
            '[[provider]]\nname = "far"\nkind = "blockscout"\nchain = "eip155:1"\nbase_url = "https://h.invalid"\n'
        )
        file.write('key_setting = "far"\nkey_needed = true\n')
    done = tracer(home, "--quiet", "collect", "theft", "--provider", "far")
    assert "far at h.invalid will learn the seeds" in done.stderr
    assert "Set TRACER_KEY_FAR in the environment or in .env of the workspace." in done.stderr


def test_providers_are_listed_without_asking_anybody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_KEY_ETHERSCAN", "S3CRETKEY0123456")
    done = tracer(home, "providers")
    assert done.exit_code == 0
    assert "found (settings)" in done.stdout
    assert "S3CRETKEY" not in done.output
    assert {row["name"] for row in json.loads(tracer(home, "--json", "providers").stdout)} >= {
        "own",
        "blockscout-ethereum",
    }


@pytest.mark.parametrize("moment", range(6))
def test_a_collector_that_is_killed_goes_on_to_the_same_bytes(
    node: Anvil, home: Path, tmp_path: Path, moment: int
) -> None:
    """`kill -9` after some answers; the next run asks only for what is missing and ends with the same list."""
    whole = prepared(node, tmp_path / "whole")
    assert tracer(whole, "collect", "theft").exit_code == 0
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from tracer.cli import main; main()",
            "-q",
            "-w",
            str(home),
            "collect",
            "theft",
        ],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    wanted = 1 + 17 * moment
    while process.poll() is None and answers(home) < wanted:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    before = answers(home)
    told = json.loads(tracer(home, "--json", "collect", "theft").stdout)
    assert told["finished"]
    cases = [Case.open("theft", place) for place in (home, whole)]
    assert cases[0].file.manifest == cases[1].file.manifest
    with cases[0].workspace.store.reader() as view:
        keys = [
            key
            for (key,) in view._connection.exec_driver_sql("SELECT key FROM answers WHERE request LIKE '%'")
        ]
    with cases[1].workspace.store.reader() as view:
        once = view._connection.exec_driver_sql("SELECT count(*) FROM answers").scalar()
    assert before <= len(keys) <= once + 8 * 12 + 3  # what was in flight may be asked again, nothing else


def answers(home: Path) -> int:
    from tracer.store import Workspace

    with Workspace.open(home).store.reader() as view:
        return int(view._connection.exec_driver_sql("SELECT count(*) FROM answers").scalar() or 0)
