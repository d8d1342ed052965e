"""Looking things up: a transaction, a block explorer's page, how complete an address is, notes, cases side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import tracer
from tracer.addresses import canonical, display
from tracer.case import Case
from tracer.cli.app import app
from tracer.crosscase import cases_frame, overlap
from tracer.errors import AddressError, InputError, NotFoundError
from tracer.explorers import explorer_of
from tracer.model import Rule

THIEF, EXCHANGE, OTHER = ("0x" + digit * 40 for digit in "123")
HEAD = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


def row(n: int, payer: str, payee: str, amount: int, kind: str = "native", tx: int | None = None) -> str:
    at = n if tx is None else tx
    time = f"2025-02-21T14:{at:02d}:00Z"
    return f"eip155:1,{at},0,{n},{time},0x{at:064x},{payer},{payee},native,ETH,18,{amount},{kind}"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = Case.create("heist", tmp_path)
    rows = [
        row(1, "0x" + "9" * 40, THIEF, 100),
        row(2, THIEF, EXCHANGE, 60),
        row(3, THIEF, OTHER, 30, tx=2),
        row(4, THIEF, "0x" + "8" * 40, 1, "poison", tx=2),
        row(5, OTHER, "0x" + "7" * 40, 5),
        row(6, OTHER, "0x" + "6" * 40, 1).replace("0x" + f"{6:064x}", ""),
    ]
    made.import_file("\n".join([HEAD, *rows]).encode(), name="history.csv")
    made.add_seed(THIEF, tx="0x" + f"{1:064x}")
    made.label(EXCHANGE, "Exchange A", category="exchange", source="a list")
    return made


def test_a_transaction_shows_every_movement_followed_or_left_out_with_what_is_stolen_in_it(
    case: Case,
) -> None:
    found = case.transaction("0x" + f"{2:064x}")
    assert [
        (r["to_label"], r["amount_raw"], r["taint_raw"], r["excluded"]) for r in found.to_dict("records")
    ] == [
        ("Exchange A", 60, 60, ""),
        ("", 30, 30, ""),
        ("", 1, 0, "poison"),
    ]
    assert set(found["timestamp_jst"]) == {"2025-02-21T23:02:00+09:00"}
    assert all(set(found[str(rule)]) == {60, 30, 0} for rule in Rule)
    assert set(found["source_name"]) == {"history.csv"}
    assert found["source_row"].tolist() == [2, 3, 4]
    assert set(found["source_sha256"]) == set(case.files()["sha256"])


def test_a_hash_is_found_in_any_spelling(case: Case) -> None:
    plain = f"{2:064x}"
    assert len(case.transaction(plain)) == len(case.transaction(f" 0X{plain.upper()} ")) == 3


@pytest.mark.parametrize("wrong", ["", "0x", "0x" + "f" * 64, "nonsense", "0x" + "0" * 63])
def test_a_hash_that_the_case_lacks_is_said(case: Case, wrong: str) -> None:
    with pytest.raises(NotFoundError, match="no movement"):
        case.transaction(wrong)


def test_how_complete_an_address_is_says_what_was_seen_and_that_nobody_was_asked(case: Case) -> None:
    found = case.completeness().set_index("address")
    assert found.loc[display("eip155:1", THIEF), "transactions_seen"] == 2
    assert found.loc[display("eip155:1", OTHER), "transactions_seen"] == 2  # one payment has no hash
    assert set(found["transactions_known"]) == {None}
    assert set(found["history"]) == {"file"}
    assert display("eip155:1", "0x" + "9" * 40) not in found.index


def test_notes_are_kept_with_who_and_when_and_can_be_withdrawn(case: Case) -> None:
    before = case.taint().addresses()
    number = case.note(EXCHANGE.upper().replace("0X", "0x"), "  asked on Monday ", "Sato")
    case.judge("eip155:1:x", "watch", reason="not a note")
    (kept,) = case.notes(EXCHANGE).to_dict("records")
    assert (kept["reason"], kept["author"], kept["withdrawn_utc"]) == ("asked on Monday", "Sato", "")
    assert kept["made_utc"].endswith("Z")
    assert len(case.notes(OTHER)) == 0
    assert kept["subject"] in set(case.judgements()["subject"])
    case.withdraw_judgement(number)
    assert case.notes()["withdrawn_utc"].tolist() != [""]
    assert case.taint().addresses().equals(before)
    with pytest.raises(InputError, match="needs a text"):
        case.note(EXCHANGE, "  ")
    with pytest.raises(AddressError):
        case.note("0x12", "text")


def test_a_note_is_written_on_the_command_line(case: Case) -> None:
    words = ["-w", str(case.workspace.root), "judge", "note", "heist", EXCHANGE, "asked", "--author", "Sato"]
    done = CliRunner().invoke(app, words, prog_name="tracer")
    assert done.exit_code == 0, done.output
    assert case.notes(EXCHANGE)["reason"].tolist() == ["asked"]


def test_pages_of_explorers_are_made_for_known_chains_and_quote_what_they_are_given() -> None:
    site = explorer_of("eip155:1")
    assert site is not None
    assert site.tx_page("0xab") == "https://etherscan.io/tx/0xab"
    assert site.address_page('"><script>/../') == "https://etherscan.io/address/%22%3E%3Cscript%3E%2F..%2F"
    assert explorer_of("eip155:31337") is None
    for chain in ("bip122:000000000019d6689c085ae165831e93", "tron:0x2b6653dc", "eip155:56"):
        known = explorer_of(chain)
        assert known is not None
        assert known.tx_page("x").startswith("https://")
        assert known.address_page("x").endswith("/x")


def _second(case: Case, name: str) -> Case:
    made = Case.create(name, case.workspace.root)
    rows = [row(1, "0x" + "9" * 40, "0x" + "5" * 40, 70), row(2, "0x" + "5" * 40, EXCHANGE, 70)]
    made.import_file("\n".join([HEAD, *rows]).encode(), name="other.csv")
    made.add_seed("0x" + "5" * 40, tx="0x" + f"{1:064x}", theft="second")
    return made


def test_cases_stand_side_by_side_with_their_state(case: Case) -> None:
    _second(case, "later")
    Case.create("empty", case.workspace.root)
    found = cases_frame(Case.names(case.workspace.root), case.workspace.root).set_index("case")
    assert dict(found["state"]) == {"empty": "empty", "heist": "traced", "later": "traced"}
    assert found.loc["heist", "stolen"] == "0.0000000000000001 ETH"
    assert found.loc["later", "thefts"] == "second"
    assert found.loc["heist", "addresses"] == 5
    assert tracer.cases_frame is cases_frame


def test_a_shared_address_stands_with_the_label_that_each_case_has_for_it(case: Case) -> None:
    found = overlap([case, _second(case, "later")])
    assert {canonical("eip155:1", a) for a in found["address"]} == {EXCHANGE}
    assert dict(zip(found["case"], found["label"], strict=True)) == {"heist": "Exchange A", "later": ""}
    assert dict(zip(found["case"], found["taint_raw"], strict=True)) == {"heist": 60, "later": 70}


def test_overlap_on_the_command_line_compares_seeds_without_transfers(case: Case) -> None:
    report = Case.create("report", case.workspace.root)
    report.add_seed(EXCHANGE, "eip155:1", asset="native", amount=5)
    place = ["-w", str(case.workspace.root), "case", "overlap"]
    done = CliRunner().invoke(app, place, prog_name="tracer")
    assert done.exit_code == 0, done.output
    assert "left out: report" not in done.output
    assert "share no address" not in done.output
    assert display("eip155:1", EXCHANGE) in done.output


def test_overlap_on_the_command_line_says_which_cases_it_leaves_out(case: Case, tmp_path: Path) -> None:
    _second(case, "later")
    Case.create("empty", case.workspace.root)
    place = ["-w", str(case.workspace.root), "case", "overlap"]
    done = CliRunner().invoke(app, place, prog_name="tracer")
    assert done.exit_code == 0, done.output
    assert "left out: empty" in done.output
    assert display("eip155:1", EXCHANGE) in done.output
    assert (
        CliRunner().invoke(app, [*place, "--out", str(tmp_path / "o.csv")], prog_name="tracer").exit_code == 0
    )
    assert (tmp_path / "o.csv").read_text(encoding="utf-8").count("\n") == 3
    alone = CliRunner().invoke(app, [*place, "heist"], prog_name="tracer")
    assert "share no address" in alone.output
