"""The freeze sheet: who can be asked, what the request says, that it claims nothing beyond the evidence."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.accounting import CHAIN, history, seed
from tracer.case import Case
from tracer.cli.app import app
from tracer.endpoints import Endpoints
from tracer.errors import InputError, NotFoundError
from tracer.export.freeze import freeze_zip
from tracer.export.letter import letter
from tracer.freeze import addressees
from tracer.labels import LabelBook
from tracer.model import Label, Rule
from tracer.tracing import Tracing
from tracer.wording import words

THIEF, EXCHANGE, DEPOSIT, HOLDER = ("0x" + letter * 40 for letter in "1234")
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
HEAD = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


def row(n: int, payer: str, payee: str, amount: int, asset: str = "native", symbol: str = "ETH") -> str:
    places, kind = (18, "native") if asset == "native" else (6, "token")
    time = f"2025-02-21T14:{n:02d}:00Z"
    return f"{CHAIN},{n},0,1,{time},0x{n:064x},{payer},{payee},{asset},{symbol},{places},{amount},{kind}"


ROWS = [
    row(1, "0x" + "9" * 40, THIEF, 10**20),
    row(2, THIEF, EXCHANGE, 6 * 10**19),
    row(3, THIEF, DEPOSIT, 3 * 10**19),
    row(4, "0x" + "9" * 40, THIEF, 5_000_000, USDT, "USDT"),
    row(5, THIEF, HOLDER, 4_000_001, USDT, "USDT"),
    row(6, THIEF, EXCHANGE, 999_999, USDT, "USDT"),
    row(7, EXCHANGE, "0x" + "8" * 40, 10**18),
]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case.create("heist", tmp_path_factory.mktemp("freeze"))
    made.import_file("\n".join([HEAD, *ROWS]).encode(), name="history.csv")
    made.add_seed(THIEF, tx="0x" + f"{1:064x}", source="complaint 12")
    made.add_seed(THIEF, tx="0x" + f"{4:064x}", asset=USDT)
    made.label(EXCHANGE, "Exchange A 14", category="exchange", confidence=80, source="a list")
    made.label(DEPOSIT, "Exchange A", category="deposit", confidence=60, source="cluster")
    made.label(THIEF, "Lazarus", category="theft", confidence=90)
    return made


def test_services_and_issuers_can_be_asked_and_nobody_else(case: Case) -> None:
    frame = case.freeze_addressees()
    assert [tuple(r) for r in frame.itertuples(index=False)] == [
        ("Exchange A", "service", 2, "ETH;USDT", ""),
        ("Tether", "issuer", 1, "USDT", ""),
    ]


def test_an_issuer_is_not_asked_for_what_lies_inside_a_service(case: Case) -> None:
    sheet = case.freeze_sheet("tether")
    assert sheet.issuer
    assert set(sheet.addresses["asset"]) == {USDT}
    assert sum(sheet.addresses["taint_raw"]) == 4_000_001
    assert not {EXCHANGE, DEPOSIT} & {a.lower() for a in sheet.addresses["address"]}


def test_the_sheet_holds_exactly_what_reached_the_service(case: Case) -> None:
    sheet = case.freeze_sheet("exchange a")
    assert {(r["symbol"], r["taint_raw"]) for r in sheet.addresses.to_dict("records")} == {
        ("ETH", 6 * 10**19),
        ("ETH", 3 * 10**19),
        ("USDT", 999_999),
    }
    totals = sheet.totals.set_index("symbol")
    assert totals.loc["ETH", "taint_raw"] == 9 * 10**19
    assert totals.loc["ETH", "at_least_raw"] == 9 * 10**19
    assert set(sheet.transfers["tx_hash"]) == {f"0x{n:064x}" for n in (2, 3, 6)}


def test_a_name_that_nobody_bears_is_an_error_that_says_whom_one_can_ask(case: Case) -> None:
    with pytest.raises(NotFoundError, match=r"Exchange A, Tether"):
        case.freeze_sheet("Lazarus")


def body(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", text.split("</style>")[1]))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_letter_states_every_amount_hash_and_time_in_full(case: Case, language: str) -> None:
    text = body(letter(case.freeze_sheet("Exchange A"), words(language)))
    for fact in (
        "60 ETH",
        "90 ETH",
        "0.999999 USDT",
        f"0x{2:064x}",
        f"0x{6:064x}",
        "2025-02-21 14:02:00 UTC",
        "2025-02-21 23:02:00 JST",
        "2025-02-21 14:07:00 UTC",
        "complaint 12",
        hashlib.sha256("\n".join([HEAD, *ROWS]).encode()).hexdigest(),
        "a list",
        "80",
    ):
        assert fact in text, fact
    assert "{" not in text
    assert {"en": "governing rule: 60 ETH", "ja": "採用した計算規則：60 ETH"}[language] in text


def test_the_letter_makes_no_claim_beyond_the_evidence(case: Case) -> None:
    text = body(letter(case.freeze_sheet("Exchange A"), words("en")))
    assert "does not say that you or the holder of an account took part in a crime" in text
    assert "the chain itself was not asked" in text
    assert "Nothing has left" not in text
    for blank in ("[date]", "[authority", "[legal basis", "[name of the case"):
        assert blank in text


def test_payments_that_only_poison_marks_are_not_in_the_letter() -> None:
    # P gets 10 stolen and pays 10 on; then 5 clean come and go to E: only poison marks those
    payments = [("V", "T", 10), ("T", "E", 10), ("E", "X", 10), ("Q", "E", 5)]
    state = Tracing(
        ledger=history([*payments]),
        seeds=(seed("T", amount=10, tx="0x0"),),
        stops={},
        book=LabelBook([Label(CHAIN, "E", "Exchange A", "exchange", 10)]),
        gaps=(),
        source_names=("f",),
        source_hashes=("aa",),
        display=lambda _, a: a,
        as_of=None,
    )
    ends: Endpoints = state.endpoints(Rule.FIFO)
    assert "E" in {x.address for x in ends.holdings}
    assert addressees(ends, {}) == []


def test_hostile_names_cannot_leave_their_place_in_the_letter(case: Case, tmp_path: Path) -> None:
    made = Case.create("hostile", tmp_path)
    made.import_file("\n".join([HEAD, *ROWS]).encode(), name="<b>history</b>.csv")
    made.add_seed(THIEF, tx="0x" + f"{1:064x}", source="<script>alert(1)</script>")
    made.label(EXCHANGE, "<img src=x>\u202eA", category="exchange", source="{rule}")
    text = letter(made.freeze_sheet("<img src=x>\u202eA"), words("en"))
    assert "<script" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "{rule}" in text
    assert "default-src 'none'" in text


def test_the_same_case_gives_the_same_bytes_in_a_folder_and_as_an_archive(case: Case, tmp_path: Path) -> None:
    first = case.freeze("Exchange A", tmp_path / "a")
    second = case.freeze("Exchange A", tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    sheet = case.freeze_sheet("Exchange A")
    assert freeze_zip(sheet) == freeze_zip(sheet)
    with zipfile.ZipFile(BytesIO(freeze_zip(sheet))) as archive:
        assert {n: archive.read(n) for n in archive.namelist()} == {p.name: p.read_bytes() for p in first}
    manifest = json.loads((tmp_path / "a" / "freeze_manifest.json").read_bytes())
    for entry in manifest["files"]:
        assert hashlib.sha256((tmp_path / "a" / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
    assert {entry["name"] for entry in manifest["files"]} | {"freeze_manifest.json"} == {
        p.name for p in first
    }


def test_the_sheet_of_one_addressee_never_replaces_that_of_another(case: Case, tmp_path: Path) -> None:
    case.freeze("Exchange A", tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(InputError, match="Exchange A"):
        case.freeze("Tether", tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    case.freeze("Exchange A", tmp_path)


def test_the_command_lists_whom_to_ask_and_writes_the_sheet(case: Case, tmp_path: Path) -> None:
    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, ["-w", str(case.workspace.root), *words], prog_name="tracer")
        assert done.exit_code == status, done.output
        return done.output

    listed = run("freeze", "heist")
    assert "Exchange A" in listed
    assert "Tether" in listed
    run("freeze", "heist", "--service", "Exchange A", "--out", str(tmp_path / "sheet"))
    with (tmp_path / "sheet" / "freeze_addresses.csv").open(newline="", encoding="utf-8") as file:
        assert sum(int(r["taint_raw"]) for r in csv.DictReader(file) if r["symbol"] == "ETH") == 9 * 10**19
    assert "go together" in run("freeze", "heist", "--service", "Exchange A", status=2)
    assert "Whom one can ask" in run(
        "freeze", "heist", "--service", "Nobody", "--out", str(tmp_path), status=2
    )
