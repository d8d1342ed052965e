"""The command line on a real case: from files and seeds to tables, and the bundled theft offline."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tracer.cli.app import app
from tracer.export import FORMATS

S, A, B, E = ("0x" + letter * 40 for letter in "5abe")
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)
ETH = 10**18


def movement(block: int, payer: str, payee: str, amount: int, kind: str = "native") -> str:
    time = f"2025-02-21T14:{block:02d}:00Z"
    return f"eip155:1,{block},0,1,{time},0x{block:064x},{payer},{payee},native,ETH,18,{amount},{kind}"


# the thief receives 100, pays 60 to A and 40 to B; B is clean with 60 and pays 50 on to E; one poison transfer
ROWS = [
    movement(1, E, B, 60 * ETH),
    movement(2, "0x" + "9" * 40, S, 100 * ETH),
    movement(3, S, A, 60 * ETH),
    movement(4, S, B, 40 * ETH),
    movement(5, B, E, 80 * ETH),
    movement(6, S, "0x" + "8" * 40, 1, "poison"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "ws"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    return path


def run(workspace: Path, *words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["--workspace", str(workspace), *words], prog_name="tracer")
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def case(workspace: Path, history: Path) -> str:
    run(workspace, "case", "new", "heist", "--rule", "fifo")
    run(workspace, "seed", "add", "heist", S, "--source", "test")
    run(workspace, "import", "heist", str(history))
    return "heist"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def raw(value: str) -> int:
    return int(value or "0")


def test_each_step_says_what_to_do_next(workspace: Path, history: Path) -> None:
    place = f"tracer --workspace {workspace}"
    assert f"next: {place} seed add heist ADDRESS_OR_TX" in run(workspace, "case", "new", "heist").stderr
    assert f"next: {place} import heist FILE" in run(workspace, "seed", "add", "heist", S).stderr
    assert f"next: {place} taint heist" in run(workspace, "import", "heist", str(history)).stderr
    assert f"next: {place} taint heist" in run(workspace, "case", "show", "heist").stderr


def test_an_import_says_what_was_read_and_what_was_left_out(workspace: Path, history: Path) -> None:
    run(workspace, "case", "new", "heist")
    out = run(workspace, "import", "heist", str(history)).stdout
    assert "history.csv: 6 rows read, 5 followed, 1 left out." in out
    assert "left out, poison: 1" in out
    assert hashlib.sha256(history.read_bytes()).hexdigest() in out


def test_poison_does_not_claim_that_its_account_adds_up(workspace: Path, case: str) -> None:
    out = run(workspace, "taint", case, "--rule", "poison").stdout
    assert "its amounts do not add up to the theft" in out
    assert "The account adds up" not in out


def test_an_account_that_does_not_add_up_is_an_error(
    workspace: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer.results import TaintResult

    true = TaintResult.conservation
    monkeypatch.setattr(TaintResult, "conservation", lambda self: true(self).assign(difference_raw=1))
    result = run(workspace, "taint", case, status=1)
    assert "error: The account does not add up for eip155:1/native." in result.stderr


def test_a_trace_on_the_screen_names_rule_holders_account_and_gaps(workspace: Path, case: str) -> None:
    out = run(workspace, "taint", case).stdout
    assert "Case heist, rule fifo (governing rule)" in out
    assert re.search(rf"60 ETH .* {A}", out, re.IGNORECASE)
    assert "The account adds up to the last unit" in out
    assert "Gaps: " in out


def test_the_taint_file_holds_the_stolen_amount_exactly(workspace: Path, case: str, tmp_path: Path) -> None:
    run(workspace, "taint", case, "--rule", "fifo", "--out", str(tmp_path / "t.csv"))
    found = rows(tmp_path / "t.csv")
    assert list(found[0]) == list(FORMATS["taint"].names)
    held = {row["address"].lower(): int(row["taint_raw"]) for row in found}
    # first in, first out: B pays its 60 clean coins first, then 20 of the 40 stolen ones
    assert held[A] == 60 * ETH
    assert held[B] == 20 * ETH
    assert held[E] == 20 * ETH
    assert sum(held.values()) == 100 * ETH
    for row in found:
        assert raw(row["at_least_raw"]) <= int(row["taint_raw"]) <= raw(row["at_most_raw"])


def test_all_rules_come_in_one_file_and_every_transfer_carries_each(
    workspace: Path, case: str, tmp_path: Path
) -> None:
    run(workspace, "taint", case, "--rule", "all", "--out", str(tmp_path / "t.csv"),
        "--transfers", str(tmp_path / "m.csv"))  # fmt: skip
    rules = ["poison", "haircut", "fifo", "lifo", "seniority", "libr", "tiho"]
    assert list(dict.fromkeys(row["rule"] for row in rows(tmp_path / "t.csv"))) == rules
    moved = rows(tmp_path / "m.csv")
    assert len(moved) == len(ROWS)
    assert ",".join(moved[0]).startswith(HEADER + ",taint_raw,taint_raw_poison,taint_raw_haircut")
    paid = next(row for row in moved if row["block"] == "5")
    assert (paid["taint_raw_fifo"], paid["taint_raw"]) == (str(20 * ETH), str(20 * ETH))
    assert paid["taint_raw_lifo"] == str(40 * ETH)
    assert paid["taint_raw_haircut"] == str(32 * ETH)
    assert next(row for row in moved if row["kind"] == "poison")["excluded"] == "poison"


def test_an_exported_transfers_file_can_be_imported_again(workspace: Path, case: str, tmp_path: Path) -> None:
    run(workspace, "taint", case, "--out", str(tmp_path / "a.csv"), "--transfers", str(tmp_path / "m.csv"))
    run(workspace, "case", "new", "again", "--rule", "fifo")
    run(workspace, "seed", "add", "again", S)
    run(workspace, "import", "again", str(tmp_path / "m.csv"))
    run(workspace, "taint", "again", "--out", str(tmp_path / "b.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_bounds_hold_for_the_wanted_addresses(workspace: Path, case: str, tmp_path: Path) -> None:
    run(workspace, "bounds", case, "--out", str(tmp_path / "b.csv"), "--address", A, "--address", B)
    found = {row["address"].lower(): row for row in rows(tmp_path / "b.csv")}
    assert set(found) == {A, B}
    assert (found[A]["at_least_raw"], found[A]["at_most_raw"]) == (str(60 * ETH), str(60 * ETH))
    assert (found[B]["at_least_raw"], found[B]["at_most_raw"]) == ("0", str(20 * ETH))
    assert found[B]["kind"] == "exact"
    for unknown in ("0x12", "0x" + "7" * 40):
        run(workspace, "bounds", case, "--address", unknown, status=2)


def test_routes_and_paths_name_every_transaction(workspace: Path, case: str) -> None:
    routes = run(workspace, "paths", case).stdout
    assert f"tx 0x{3:064x}" in routes
    assert "60 ETH" in routes
    shortest = run(workspace, "paths", case, "--from", S, "--to", E, "--kind", "shortest").stdout
    assert f"tx 0x{4:064x}\n   tx 0x{5:064x}" in shortest
    refused = run(workspace, "paths", case, "--from", E, "--to", S, status=2)
    assert refused.stderr.startswith("error: ")


def test_gaps_are_told_in_words(workspace: Path, case: str, tmp_path: Path) -> None:
    out = run(workspace, "gaps", case).stdout
    assert "poison" in out
    # E pays 60 that it is not seen to receive: the opening is told with its amount and its address
    assert re.search(rf"^  opening: .*\n    60 ETH  {E}$", out, re.MULTILINE | re.IGNORECASE)
    run(workspace, "gaps", case, "--out", str(tmp_path / "g.csv"))
    assert any(row["code"] == "poison" for row in rows(tmp_path / "g.csv"))


def test_labels_stops_and_verdicts_are_kept_and_listed(workspace: Path, case: str) -> None:
    assert "No labels." in run(workspace, "label", case).stdout
    run(workspace, "label", case, B, "Exchange A", "--source", "https://example.org", "--confidence", "90")
    assert "Exchange A" in run(workspace, "label", case).stdout
    run(workspace, "stop", case, B, "SERVICE", "--reason", "deposit wallet")
    assert "SERVICE" in run(workspace, "stop", case).stdout
    held = json.loads(run(workspace, "taint", case, "--json").stdout)["fifo"]
    at_b = next(row for row in held if row["address"].lower() == B)
    assert (at_b["taint_raw"], at_b["stop"]) == (str(40 * ETH), "SERVICE")
    run(workspace, "judge", "add", case, B, "confirmed", "--author", "Sato")
    assert "confirmed" in run(workspace, "judge", "list", case).stdout


def test_a_conversion_can_be_declared_listed_and_withdrawn(workspace: Path, case: str) -> None:
    words = ["judge", "convert", case, "--tx", f"0x{3:064x}", "--address", S, "--asset", "0x" + "7" * 40,
             "--amount-raw", str(5 * ETH), "--counterparty", A, "--source", "swap page"]  # fmt: skip
    assert "Conversion 1 declared." in run(workspace, *words).stdout
    assert "swap page" in run(workspace, "judge", "list", case).stdout
    run(workspace, "judge", "withdraw", case, "1")
    listed = json.loads(run(workspace, "judge", "list", case, "--json").stdout)["conversions"]
    assert len(listed) == 1


def test_a_seed_can_be_removed(workspace: Path, case: str) -> None:
    run(workspace, "seed", "add", case, A)
    assert A in run(workspace, "seed", "list", case).stdout.lower()
    number = json.loads(run(workspace, "seed", "list", case, "--json").stdout)[-1]["number"]
    run(workspace, "seed", "remove", case, str(number))
    assert A not in run(workspace, "seed", "list", case).stdout.lower()
    run(workspace, "seed", "remove", case, "99", status=2)


def test_cases_are_listed_and_an_unknown_one_is_bad_input(workspace: Path, case: str) -> None:
    assert run(workspace, "case", "list").stdout == "heist\n"
    assert json.loads(run(workspace, "case", "list", "--json").stdout) == ["heist"]
    shown = json.loads(run(workspace, "case", "show", case, "--json").stdout)
    assert (shown["rule"], len(shown["seeds"]), len(shown["files"])) == ("fifo", 1, 1)
    run(workspace, "taint", "no-such-case", status=2)
    run(workspace, "case", "new", "../escape", status=2)
    run(workspace, "case", "new", "heist", status=2)


def test_the_governing_rule_is_set_and_printed(workspace: Path, case: str) -> None:
    run(workspace, "case", "rule", case, "LIFO")
    assert "rule lifo (governing rule)" in run(workspace, "taint", case).stdout
    assert "rule fifo (the governing rule of the case is lifo)" in run(
        workspace, "taint", case, "--rule", "fifo"
    ).stdout  # fmt: skip


def test_an_export_is_whole_and_byte_identical(workspace: Path, case: str, tmp_path: Path) -> None:
    out = run(workspace, "export", case, "--out", str(tmp_path / "one")).stdout
    run(workspace, "export", case, "--out", str(tmp_path / "two"))
    names = {layout.file for layout in FORMATS.values()} | {"README.txt", "manifest.json"}
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("one", "two"))
    assert set(one) == names
    assert one == two
    for name in names:
        assert name in out
    manifest = json.loads(one["manifest.json"])
    for entry in manifest["files"]:
        assert hashlib.sha256(one[entry["name"]]).hexdigest() == entry["sha256"]


def test_the_same_work_in_another_workspace_gives_the_same_bytes(history: Path, tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        place = tmp_path / name
        run(place, "case", "new", "heist", "--rule", "fifo")
        run(place, "seed", "add", "heist", S)
        run(place, "import", "heist", str(history))
        run(place, "export", "heist", "--out", str(place / "out"))
        made.append({path.name: path.read_bytes() for path in (place / "out").iterdir()})
    assert made[0] == made[1]


def test_only_wanted_tables_are_exported(workspace: Path, case: str, tmp_path: Path) -> None:
    run(workspace, "export", case, "--out", str(tmp_path / "out"), "--format", "gaps", "--format", "taint")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "gaps.csv",
        "taint.csv",
        "README.txt",
        "manifest.json",
    }


def test_the_demo_traces_the_bundled_theft_and_the_case_can_be_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")], prog_name="tracer")
    assert result.exit_code == 0, result.output
    assert "401,346.768858404671846374 ETH" in result.stdout
    assert "The account adds up to the last unit" in result.stdout
    stolen = {row["asset"]: row["stolen_raw"] for row in rows(tmp_path / "out" / "conservation.csv")}
    assert stolen["eip155:1/native"] == "401346768858404671846374"
    assert {row["difference_raw"] for row in rows(tmp_path / "out" / "conservation.csv")} == {"0"}
    listed = CliRunner().invoke(app, ["gaps", "bybit-2025"], prog_name="tracer")
    assert (listed.exit_code, "opening" in listed.stdout) == (0, True)


def test_doctor_finds_a_working_installation(workspace: Path) -> None:
    out = run(workspace, "doctor").stdout
    assert "FAILED" not in out
    for check in ("python", "packages", "data", "settings", "workspace", "disk"):
        assert re.search(rf"^ok +{check} ", out, re.MULTILINE)


def test_doctor_says_what_is_broken(workspace: Path) -> None:
    workspace.mkdir()
    (workspace / ".env").write_text("TRACER_LANGUAGE=klingon\n")
    out = run(workspace, "doctor", status=1).stdout
    assert re.search(r"^FAILED +settings .*TRACER_LANGUAGE", out, re.MULTILINE)


def test_endpoints_are_printed_and_written_per_address_per_service_and_per_movement(
    workspace: Path, case: str, tmp_path: Path
) -> None:
    run(workspace, "label", case, A, "Exchange A", "--category", "exchange", "--source", "test")
    printed = run(workspace, "endpoints", case).stdout
    assert "Exchange A" in printed
    assert "60 " in printed
    for by, file, count in (
        ([], "endpoints.csv", 3),
        (["--by", "service"], "endpoints_by_service.csv", 2),
        (["--by", "transfer"], "endpoint_transfers.csv", 3),
    ):
        run(workspace, "endpoints", case, *by, "--out", str(tmp_path / file))
        found = rows(tmp_path / file)
        assert len(found) == count, file
        assert sum(raw(r["taint_raw"]) for r in found if r["service"] == "Exchange A") == 60 * ETH
    assert "service, transfer" in run(workspace, "endpoints", case, "--by", "x", status=2).stderr


def test_origins_are_printed_for_one_rule_and_written_for_all(
    workspace: Path, case: str, tmp_path: Path
) -> None:
    out = run(workspace, "origins", case, B).stdout
    assert "holds 20 ETH; ever got 100 ETH" in out
    assert "rule fifo" in out
    assert "rule lifo" not in out
    assert "at least" in out
    result = run(workspace, "origins", case, B, "--asset", "native", "--out", str(tmp_path / "origins.csv"))
    assert "wrote" in result.stdout
    found = rows(tmp_path / "origins.csv")
    assert {row["rule"] for row in found} == {"haircut", "fifo", "lifo", "seniority", "libr", "tiho"}
    for rule in {row["rule"] for row in found}:
        mine = [row for row in found if row["rule"] == rule]
        assert sum(int(row["held_raw"]) for row in mine) == 20 * ETH
        assert sum(int(row["received_raw"]) for row in mine) == 100 * ETH
    told = json.loads(run(workspace, "--json", "origins", case, B, "--rule", "lifo").stdout)
    assert {row["rule"] for row in told} == {"lifo"}
    assert "never had" in run(workspace, "origins", case, B, "--asset", "0x" + "7" * 40, status=2).stderr
    assert "Poison" in run(workspace, "origins", case, B, "--rule", "poison", status=2).stderr
