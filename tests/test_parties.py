"""Parties: every table and request attributes an address to the same party, and says who is named beside it."""

from __future__ import annotations

import csv
import html
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.test_freeze import HEAD, row
from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import NotFoundError
from tracer.labels import LabelBook
from tracer.model import Label
from tracer.parties import Parties, attributed_elsewhere

CLAIMED = "0xf1dA173228fcf015F43f3eA15aBBB51f0d8f1123"
THIEF, NOW, BINANCE, BINANCE_99, WIDE, LOOKALIKE = ("0x" + digit * 40 for digit in "123456")
SPELLINGS = {BINANCE: ("binance", 20), BINANCE_99: ("Binance 99", 30), WIDE: ("\uff22inance", 5)}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The thief pays the address that four sources claim (60), ChangeNOW's own (5) and three spellings of Binance."""
    made = Case.create("claims", tmp_path_factory.mktemp("parties"))
    paid = [(CLAIMED.lower(), 60), (NOW, 5), (BINANCE, 1), (BINANCE_99, 2), (WIDE, 4), (LOOKALIKE, 3)]
    rows = [row(1, "0x" + "9" * 40, THIEF, 100)]
    rows += [row(n, THIEF, payee, amount) for n, (payee, amount) in enumerate(paid, 2)]
    made.import_file("\n".join([HEAD, *rows]).encode(), name="history.csv")
    made.add_seed(THIEF, tx="0x" + f"{1:064x}")
    made.label(NOW, "ChangeNOW", category="swapper", confidence=70, source="its site")
    made.label(LOOKALIKE, THIEF, category="note")
    for address, (name, confidence) in SPELLINGS.items():
        made.label(address, name, category="exchange", confidence=confidence)
    return made


def tracer(case: Case, *words: str, as_json: bool = False) -> Result:
    form = ["--json"] if as_json else []
    return CliRunner().invoke(app, [*form, "-w", str(case.workspace.root), "-q", *words])


def ranges(case: Case, name: str, **how: bool) -> list[tuple[int, int]]:
    found = case.bounds([name], **how)
    return [
        (int(low), int(high)) for low, high in zip(found["at_least_raw"], found["at_most_raw"], strict=True)
    ]


@pytest.mark.parametrize("name", ["Binance", "binance", "Binance 99", "BINANCE", "\uff22inance"])
def test_every_spelling_of_a_party_is_the_party_of_the_endpoints(case: Case, name: str) -> None:
    services = case.endpoints(by="service").set_index("service")
    row = services.loc[min(text for text, _ in SPELLINGS.values())]
    assert ranges(case, name) == [(7, 7)] == [(row["at_least_raw"], row["at_most_raw"])]


def test_an_address_of_another_party_is_not_counted_and_the_command_says_whose_it_is(case: Case) -> None:
    services = case.endpoints(by="service").set_index("service")["at_least_raw"]
    assert ranges(case, "ChangeNOW", together=True) == [(5, 5)] == [(services["ChangeNOW"],) * 2]
    assert ranges(case, "eXch") == [(60, 60)] == [(services["eXch"],) * 2]
    (claim,) = case.claims("ChangeNOW").to_dict("records")
    assert (claim["address"], claim["attributed_to"], claim["confidence"]) == (CLAIMED, "eXch", 20)
    done = tracer(case, "bounds", "claims", "--service", "ChangeNOW")
    assert f"not counted for ChangeNOW: {CLAIMED} is attributed to eXch" in done.output
    assert "not counted" not in tracer(case, "bounds", "claims", "--service", "eXch").output


def test_a_name_that_only_losing_labels_carry_is_refused_with_whose_the_address_is(case: Case) -> None:
    for name in ("StealthEX", "fixedfloat", "FixedFloat secondary"):
        with pytest.raises(NotFoundError, match=f"{CLAIMED} is attributed to 'eXch'"):
            case.bounds([name])
        with pytest.raises(NotFoundError, match=f"{CLAIMED} is attributed to 'eXch'"):
            case.freeze_sheet(name)


OTHERS = "ChangeNOW; FixedFloat; StealthEX"


def test_the_four_names_of_one_address_stand_in_every_place_that_names_it(case: Case, tmp_path: Path) -> None:
    names = {"eXch", *OTHERS.split("; ")}
    assert set(case.labels_of(CLAIMED)["entity"]) == names
    shown = tracer(case, "label", "show", "claims", CLAIMED).output
    conflicts = tracer(case, "label", "conflicts", "claims").output
    case.export(tmp_path / "export")
    with (tmp_path / "export" / "label_conflicts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["address"] == CLAIMED]
    assert {row["entity"]: int(row["confidence"]) for row in rows} == dict.fromkeys(names, 20) | {"eXch": 60}
    done = tracer(case, "freeze", "claims", "--service", "eXch", "--out", str(tmp_path / "sheet"))
    assert f"warning: {CLAIMED} is attributed to eXch; other sources name: {OTHERS}" in done.output
    letters = [
        html.unescape((tmp_path / "sheet" / f"freeze_request_{code}.html").read_text())
        for code in ("en", "ja")
    ]
    assert f"Other sources name: {OTHERS}." in letters[0]
    assert f"他の出典が挙げる名義：{OTHERS}<" in letters[1]
    with (tmp_path / "sheet" / "freeze_addresses.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["address"], row["service"], row["other_sources_name"]) == (CLAIMED, "eXch", OTHERS)
    for text in (shown, conflicts):
        assert all(name in text for name in names)


def test_nobody_is_named_beside_a_party_that_all_sources_agree_on(case: Case, tmp_path: Path) -> None:
    asked = case.freeze_addressees().set_index("name")["other_sources_name"]
    assert (asked["eXch"], asked["ChangeNOW"]) == (OTHERS, "")
    done = tracer(case, "freeze", "claims", "--service", "ChangeNOW", "--out", str(tmp_path))
    assert "warning" not in done.output
    assert "ther sources name" not in (tmp_path / "freeze_request_en.html").read_text()


def test_a_label_that_looks_like_an_address_takes_no_address_over(case: Case) -> None:
    assert THIEF in case.tracing().parties.names
    assert ranges(case, THIEF) == [(25, 25)]


def test_a_numbered_entity_is_itself_before_it_is_the_party_without_the_number() -> None:
    labels = [Label("c", "a", "x", entity="Shop 14"), Label("c", "b", "Shop")]
    parties = Parties(LabelBook(labels), [("c", "a"), ("c", "b"), ("c", "unlabelled")])
    found = {name: parties.called(name) for name in ("Shop 14", "shop 15", "Mall")}
    assert [party and party.members for party in found.values()] == [(("c", "a"),), (("c", "b"),), None]
    assert parties.names == ["Shop", "Shop 14"]


def test_many_claims_are_counted_in_full() -> None:
    labels = [Label("c", f"a{n}", who, confidence=c) for n in range(7) for who, c in (("X", 9), ("Y", 1))]
    claims = Parties(LabelBook(labels), [("c", f"a{n}") for n in range(7)]).claims("y")
    assert len(claims) == 7
    assert attributed_elsewhere(claims, lambda _, a: a).endswith("a4 is attributed to 'X'; and 2 more")
