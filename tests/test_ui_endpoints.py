"""The pages Endpoints, Transaction and Cases, notes and filters, on small cases, without a browser."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.test_ui_pages import CSV, SEED, home, opened, text_of
from tracer.case import Case
from tracer.errors import InputError
from tracer.ui.filters import _moment, least_units
from tracer.ui.i18n import words
from tracer.ui.session import jobs
from tracer.ui.tables import for_screen, ordered
from tracer.ui.views.lookup import hash_in

__all__ = ["home"]

PAYEE = "0x3333333333333333333333333333333333333333"
HASH = "0x" + "b" * 64


@pytest.fixture
def case(home: Path) -> Case:
    made = Case.create("heist")
    made.import_file(CSV.encode(), name="t.csv")
    made.add_seed(SEED)
    made.label(PAYEE, "Exchange A", category="exchange", confidence=80, source="a list")
    return made


def links(at: AppTest) -> list[str]:
    return [str(element.proto.url) for element in at.get("link_button")]


def frame_with(at: AppTest, *columns: str):
    return next(f.value for f in at.dataframe if set(columns) <= set(f.value.columns))


def test_the_endpoints_page_lists_every_place_with_all_rules_and_the_range(case: Case) -> None:
    at = opened("endpoints", case="heist")
    frame = frame_with(at, "endpoint", "still_there", "haircut", "at_least_raw")
    assert list(frame["endpoint"]) == ["service", "not moved on"]
    assert list(frame["service"]) == ["Exchange A", ""]
    assert list(frame["taint_raw"]) == ["0.00000000000000006", "0.00000000000000004"]
    assert "first_arrival_jst" in frame.columns
    assert "case.endpoints()" in text_of(at)


def test_a_sort_and_a_least_amount_narrow_the_table_and_say_so(case: Case) -> None:
    at = opened("endpoints", case="heist")
    at.session_state["see:endpoint-kinds:en"] = ["parked"]
    at.run()
    assert list(frame_with(at, "endpoint", "haircut")["endpoint"]) == ["not moved on"]
    assert "1 of 2 rows match" in text_of(at)
    at.session_state["see:endpoint-kinds:en"] = []
    at.session_state["see:filter-asset:endpoints"] = "eip155:1/native"
    at.session_state["see:filter-least:endpoints"] = "0.00000000000000005"
    at.run()
    assert list(frame_with(at, "endpoint", "haircut")["service"]) == ["Exchange A"]
    at.session_state["see:filter-least:endpoints"] = ""
    at.session_state["see:filter-since:endpoints"] = "2025-01-01 00:01"
    at.run()
    assert list(frame_with(at, "endpoint", "haircut")["service"]) == ["Exchange A"]
    at.session_state["see:filter-since:endpoints"] = "the other day"
    at.run()
    assert not at.exception
    assert len(at.error) == 1


def test_a_period_is_read_as_it_is_typed_in_japan_and_ends_after_it_began(case: Case) -> None:
    at = opened("endpoints", "ja", case="heist")
    at.session_state["see:filter-since:endpoints"] = "２０２５－０１－０１　００：０１"
    at.session_state["see:filter-until:endpoints"] = "2025/1/1"
    at.run()
    assert not at.error
    assert "2 行中 1 行" in text_of(at)
    at.session_state["see:filter-until:endpoints"] = "2024-12-31"
    at.run()
    assert [e.value for e in at.error] == [
        "終了が開始より前です（開始 2025-01-01 00:01:00 UTC、終了 2024-12-31 23:59:59 UTC）。"
    ]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2025-01-01", "2025-01-01T23:59:59Z"),
        ("2025-01-01 09:00+09:00", "2025-01-01T00:00:59Z"),
        ("2025-01-01 09:00:05", "2025-01-01T09:00:05Z"),
        ("1735689600", "2025-01-01T00:00:00Z"),
    ],
)
def test_the_end_of_a_period_is_the_last_second_of_what_was_written(text: str, last: str) -> None:
    assert _moment(text, end=True) == last


@pytest.mark.parametrize(
    ("text", "places", "units"),
    [
        *(("", 18, 0), (" 1,000 ", 2, 100_000), ("0.001", 2, 1), ("1e2", 0, 100), ("0.5", None, 1)),
        *(("2", 0, 2), ("１，０００．５", 2, 100_050), ("　５", 0, 5)),
    ],
)
def test_a_least_amount_is_read_exactly_and_rounded_up(text: str, places: int | None, units: int) -> None:
    assert least_units(text, places, words("en")) == units


@pytest.mark.parametrize(
    "text", ["-1", "a", "1/2", "1 2", "nan", "\u0661/", "0,5", "1,00,0", "1_0", "1e99999999"]
)
def test_a_least_amount_that_is_no_number_is_said(text: str) -> None:
    with pytest.raises(InputError):
        least_units(text, 18, words("ja"))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_totals_per_service_and_what_the_theft_was_worth_are_tabs_of_the_page(
    case: Case, language: str
) -> None:
    at = opened("endpoints", language, case="heist")
    for name, column in (("services", "addresses"), ("losses", "value_source")):
        at.session_state["see:endpoint-tabs"] = words(language)(f"endpoints.tab_{name}")
        at.run()
        assert not at.exception
        assert not at.error
        assert len(frame_with(at, column))


def test_the_freeze_sheet_of_a_service_is_made_and_offered_as_a_zip(case: Case) -> None:
    at = opened("endpoints", case="heist")
    at.session_state["see:endpoint-tabs"] = "Freeze sheet"
    at.run()
    assert "Exchange A (service)" in at.selectbox(key="freeze-whom:en").options
    at.button(key="freeze-make").click().run()
    assert all(job.wait(60) for job in jobs().of("heist"))
    at.run()
    assert not at.exception
    assert not at.error
    job = next(job for job in jobs().of("heist") if isinstance(job.result, bytes))
    with zipfile.ZipFile(io.BytesIO(bytes(job.result))) as archive:
        assert "freeze_request_ja.html" in archive.namelist()
        assert "Exchange A" in archive.read("freeze_request_en.html").decode()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_warns_that_other_sources_name_somebody_else(case: Case, language: str) -> None:
    def warnings() -> list[str]:
        at = opened("endpoints", language, case="heist")
        at.session_state["see:endpoint-tabs"] = words(language)("endpoints.tab_freeze")
        at.run()
        assert not at.exception
        return [str(warning.value) for warning in at.warning]

    assert not any("B*z" in text or "Exchange A" in text for text in warnings())
    case.label(PAYEE, "B*z", category="swapper", confidence=20)
    (told,) = [text for text in warnings() if "Exchange A" in text]
    assert "B\\*z" in told


def test_the_range_of_a_party_says_which_address_is_not_counted_in_it(case: Case) -> None:
    case.label(PAYEE, "B*z", category="note", confidence=20)
    case.label(SEED, "B*z", category="note")
    at = opened("trace", case="heist")
    at.session_state["see:tabs"] = "Compare rules"
    at.run()
    assert {"B*z", "Exchange A"} <= set(at.multiselect(key="see:group").options)
    at.multiselect(key="see:group").set_value(["B*z"])
    next(b for b in at.button if b.label == "Compute the range").click().run()
    assert not at.exception
    (told,) = [str(warning.value) for warning in at.warning if "Exchange A" in str(warning.value)]
    assert PAYEE in told


def test_without_a_label_the_page_says_why_nobody_can_be_asked(home: Path) -> None:
    made = Case.create("bare")
    made.import_file(CSV.encode(), name="t.csv")
    made.add_seed(SEED)
    at = opened("endpoints", case="bare")
    at.session_state["see:endpoint-tabs"] = "Freeze sheet"
    at.run()
    assert "Nobody can be asked yet" in text_of(at)


def test_a_pasted_hash_shows_movements_evidence_and_a_link_that_only_a_click_opens(case: Case) -> None:
    at = opened("lookup", case="heist")
    at.text_input(key="see:lookup").set_value(HASH.upper().replace("0X", "0x")).run()
    assert not at.error
    moved = frame_with(at, "to_label", "taint_raw")
    assert list(moved["to_label"]) == ["Exchange A"]
    assert list(moved["taint_raw"]) == ["0.00000000000000006"]
    assert list(frame_with(at, "sha256", "source")["source"]) == ["t.csv"]
    assert links(at) == [f"https://etherscan.io/tx/{HASH}"]
    assert "2025-01-01 09:01:00 JST" in text_of(at)


@pytest.mark.parametrize("wrong", ["0x12", "<script>", "f" * 64])
def test_an_unknown_hash_is_one_line_with_a_hint(case: Case, wrong: str) -> None:
    at = opened("lookup", case="heist")
    at.text_input(key="see:lookup").set_value(wrong).run()
    assert not at.exception
    assert len(at.error) == 1
    assert not links(at)


def test_the_panel_takes_a_note_shows_it_and_withdraws_it(case: Case) -> None:
    at = opened("trace", case="heist")
    target = f"eip155:1:{PAYEE}"
    at.session_state["see:selected"] = target
    at.run()
    assert links(at) == [f"https://etherscan.io/address/{PAYEE}"]
    assert "Transactions seen: 1 (how many there are is not known)" in text_of(at)
    at.text_area(key=f"note-text:{target}").set_value("asked <b>them</b> on Monday")
    at.text_input(key=f"note-author:{target}").set_value("Sato")
    next(b for b in at.button if b.label == "Add the note").click().run()
    (kept,) = case.notes(PAYEE).to_dict("records")
    assert (kept["reason"], kept["author"]) == ("asked <b>them</b> on Monday", "Sato")
    at.session_state["see:selected"] = target
    at.run()
    assert "asked <b>them</b> on Monday" in [t.value for t in at.text]
    at.button(key=f"note-withdraw:{kept['number']}").click().run()
    assert case.notes(PAYEE)["withdrawn_utc"].tolist() != [""]


def test_a_least_amount_draws_fewer_transfers_and_the_picture_says_so(case: Case) -> None:
    at = opened("trace", case="heist")

    def drawn() -> int:
        return len(at.session_state["see:kept:folded"][1].edges)

    before = drawn()
    at.session_state["see:asset:en"] = "eip155:1/native"
    at.session_state["see:least"] = "0.00000000000000007"
    at.run()
    assert not at.exception
    assert drawn() < before
    assert "Only transfers of at least 0.00000000000000007 ETH are drawn" in text_of(at)


def test_the_cases_page_lists_states_and_shared_addresses_and_opens_a_case(case: Case) -> None:
    other = Case.create("later")
    other.import_file(CSV.encode(), name="t.csv")
    other.add_seed(SEED, theft="later")
    Case.create("nothing-yet")
    at = opened("cases", case="heist")
    assert all(job.wait(120) for job in jobs().of("heist"))
    at.run()
    assert not at.exception
    states = dict(
        zip(*(frame_with(at, "case", "state", "stolen")[c] for c in ("case", "state")), strict=True)
    )
    assert states["heist"] == states["later"] == "traced"
    assert states["nothing-yet"] == "nothing to trace yet"
    assert set(states) == {"heist", "later", "nothing-yet"}  # no bundled case that nobody opened
    shared = frame_with(at, "cases", "label_source")
    assert set(shared["case"]) == {"heist", "later"}
    assert PAYEE in set(shared["address"])
    assert "tracer.overlap(" in text_of(at)


def test_nothing_of_another_case_is_left_in_the_filters_after_a_turn(case: Case) -> None:
    at = opened("endpoints", case="heist")
    at.session_state["see:endpoint-kinds:en"] = ["parked"]
    at.run()
    Case.create("second")
    st.cache_resource.clear()
    at.selectbox(key="case").set_value("bybit-2025").run()
    assert not at.session_state["see:endpoint-kinds:en"]


def test_the_python_of_the_cases_page_gives_its_tables_and_seeds_alone_are_shared(case: Case) -> None:
    seed = case.file.seeds[0]
    Case.create("second-report").add_seed(seed.address, seed.chain, asset="native", amount=5)
    at = opened("cases", "en", case.name)
    code = next(c.value for c in at.code if "tracer.overlap" in c.value)
    made: dict[str, object] = {}
    *lines, last = code.splitlines()
    exec("\n".join(lines), made)
    shared = eval(last, made)
    assert {"second-report", case.name} <= set(shared["case"])
    rows = [f for f in (d.value for d in at.dataframe) if "cases" in f.columns and "address" in f.columns]
    assert len(rows[0]) == len(shared)


@pytest.mark.parametrize(
    "spelling", ["  {0} ", "{1}", "{2}", "https://etherscan.io/tx/{0}#eventlog", "０ｘ{2}"]
)
def test_a_hash_is_found_as_people_paste_it(case: Case, spelling: str) -> None:
    tx = "0x" + "b" * 64
    at = opened("lookup", case="heist")
    at.text_input(key="see:lookup").set_value(spelling.format(tx, tx.upper(), tx[2:])).run()
    assert not at.error
    assert tx in [c.value for c in at.code]
    assert f"case.evidence({tx!r})" in text_of(at)


def test_two_hashes_at_once_or_a_cut_one_are_no_hash() -> None:
    tx, other = "0x" + "b" * 64, "0x" + "c" * 64
    assert hash_in(f"{tx} {other}") == f"{tx} {other}"
    assert hash_in(tx[:-1]) == tx[:-1]
    assert hash_in(tx + "b") == tx + "b"


def test_worth_has_separators_and_yes_and_no_are_words_of_the_reader() -> None:
    frame = pd.DataFrame({"theft_value_usd": [168391903020], "in_force": [True], "shown": [False]})
    text, _ = for_screen(ordered(frame, ("shown",)), words("ja"))
    assert list(text.columns) == ["shown", "theft_value_usd", "in_force"]
    assert text.iloc[0].to_list() == ["－", "168,391,903,020", "○"]
