"""Every page in both languages on the real bundled case, without a browser (Streamlit's AppTest)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tracer.case import Case
from tracer.ui.session import jobs
from tracer.ui.viewstate import View

THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
CSV = """chain,block,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,kind,timestamp_utc
eip155:1,1,0x{a},0x1111111111111111111111111111111111111111,0x2222222222222222222222222222222222222222,native,ETH,18,100,native,2025-01-01T00:00:00Z
eip155:1,2,0x{b},0x2222222222222222222222222222222222222222,0x3333333333333333333333333333333333333333,native,ETH,18,60,native,2025-01-01T00:01:00Z
""".format(a="a" * 64, b="b" * 64)
SEED = "0x2222222222222222222222222222222222222222"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()
    return tmp_path


def _page(name: str) -> Callable[[], AppTest]:
    def script(page: str) -> None:
        from tracer.ui.main import header
        from tracer.ui.session import errors_shown
        from tracer.ui.views import about, case, cases, clusters, endpoints, labels, lookup, trace

        with errors_shown():
            header()
            pages = dict(
                about=about,
                case=case,
                cases=cases,
                clusters=clusters,
                endpoints=endpoints,
                labels=labels,
                lookup=lookup,
                trace=trace,
            )
            pages[page].render()

    return lambda: AppTest.from_function(script, args=(name,), default_timeout=60)


def opened(page: str, language: str = "en", case: str = "") -> AppTest:
    at = _page(page)()
    at.query_params["lang"] = language
    if case:
        at.query_params["case"] = case
    at.run()
    assert not at.exception
    return at


def text_of(at: AppTest) -> str:
    parts = [*at.markdown, *at.caption, *at.info, *at.success, *at.error, *at.code, *at.text]
    return "\n".join(str(p.value) for p in parts)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("page", ["trace", "endpoints", "lookup", "case", "clusters", "cases", "about"])
def test_every_page_opens_in_every_language_on_the_bundled_case(home: Path, page: str, language: str) -> None:
    at = opened(page, language)
    assert not at.error
    assert at.selectbox(key="case").value == "bybit-2025"
    expected = {"en": "Governing rule: FIFO", "ja": "採用する計算規則：先入先出"}[language]
    assert expected in text_of(at)


def test_the_first_opening_shows_the_traced_bybit_case(home: Path) -> None:
    at = opened("trace")
    assert "Where the coin rests" in text_of(at)
    assert "case.taint('fifo').addresses()" in text_of(at)
    assert len(at.dataframe) >= 2


def test_a_click_on_an_address_shows_its_details_with_evidence(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:selected"] = f"eip155:1:{THIEF}"
    at.run()
    assert not at.exception
    assert THIEF in [c.value for c in at.code]
    frames = [set(f.value.columns) for f in at.dataframe]
    assert any({"tx_hash", "source_name", "source_row", "taint_raw"} <= columns for columns in frames)


def test_the_details_show_every_rule_and_the_range(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:selected"] = "eip155:1:0xF302572594a68aA8F951faE64ED3aE7DA41c72Be"
    at.run()
    assert all(job.wait(60) for job in jobs().of("bybit-2025"))
    at.run()
    rules = next(f.value for f in at.dataframe if list(f.value.columns) == ["asset", "rule", "amount"])
    at_least, at_most = "At least, any rule (exact)", "At most, any rule (exact)"
    assert {"LIFO (last in, first out)", at_least, at_most} <= set(rules["rule"])


def test_an_address_that_does_not_exist_selects_nothing(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:selected"] = "eip155:1:0xnobody"
    at.run()
    assert not at.exception
    assert "Where the coin rests" in text_of(at)


def test_a_case_without_seeds_says_what_to_do(home: Path) -> None:
    Case.create("empty")
    assert "no seeds yet" in text_of(opened("trace", case="empty"))


def test_a_new_case_is_created_and_opened(home: Path) -> None:
    at = opened("case")
    at.text_input(key="new-case-name").set_value("probe-1")
    at.button[0].click().run()
    assert Case.names() == ["bybit-2025", "probe-1"]
    assert at.query_params["case"] in ("probe-1", ["probe-1"])


@pytest.mark.parametrize("name", ["../evil", "", "a/b"])
def test_a_bad_case_name_is_one_line_with_a_hint_and_no_traceback(home: Path, name: str) -> None:
    at = opened("case")
    at.text_input(key="new-case-name").set_value(name)
    at.button[0].click().run()
    assert not at.exception
    assert len(at.error) == 1
    assert Case.names() == ["bybit-2025"]


def test_seeds_are_added_and_a_wrong_checksum_stays_in_the_box_explained(home: Path) -> None:
    case = Case.create("seeds")
    case.import_file(CSV.encode(), name="t.csv")
    at = opened("case", case="seeds")
    wrong = THIEF.replace("Fab8", "FaB8")
    at.text_area(key="seed-lines").set_value(f"{SEED} from the complaint\n{wrong}\nnonsense")
    at.button(key="seeds-add").click().run()
    assert not at.exception
    assert list(case.seeds()["source"]) == ["from the complaint"]
    assert at.text_area(key="seed-lines").value == f"{wrong}\nnonsense"
    refused = next(f.value for f in at.dataframe if "hint" in f.value.columns)
    assert list(refused["line"]) == ["2", "3"]
    assert all(refused["message"])


def test_the_governing_rule_is_chosen_before_the_run(home: Path) -> None:
    at = opened("case")
    at.radio(key="rule:bybit-2025").set_value("haircut")
    next(b for b in at.button if b.label == "Set the rule").click().run()
    assert Case.open("bybit-2025").rule == "haircut"
    assert "Governing rule: Haircut" in text_of(at)


def test_a_declared_conversion_needs_a_source(home: Path) -> None:
    at = opened("case")
    before = len(Case.open("bybit-2025").conversions())
    at.text_input(key="conversion-amount").set_value("5")
    next(b for b in at.button if b.label == "Declare").click().run()
    assert not at.exception
    assert "needs a source" in at.error[0].value
    assert len(Case.open("bybit-2025").conversions()) == before


def test_running_a_small_case_shows_its_result(home: Path) -> None:
    case = Case.create("small")
    case.import_file(CSV.encode(), name="t.csv")
    case.add_seed(SEED)
    at = opened("case", case="small")
    at.button(key="run").click().run()
    assert "The trace is ready." in text_of(at)
    assert "[SEED]" not in text_of(opened("trace", case="small"))


def test_a_file_of_unknown_columns_is_explained_and_can_be_mapped_by_hand(home: Path) -> None:
    case = Case.create("mapped")
    data = CSV.replace("from_address", "Payer").replace("to_address", "Payee").encode()
    at = opened("case", case="mapped")
    at.file_uploader[0].set_value(("odd.csv", data, "text/csv")).run()
    at.button(key="import").click().run()
    assert not at.exception
    assert "from_address" in at.error[0].value
    assert len(case.files()) == 0
    at.selectbox(key="map:from_address").set_value("Payer")
    at.selectbox(key="map:to_address").set_value("Payee")
    at.button(key="import").click().run()
    assert not at.error
    assert list(case.files()["rows"]) == [2]


def test_an_error_in_the_work_is_shown_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    Case.demo()
    monkeypatch.setattr(Case, "taint", broken)
    at = opened("trace")
    assert "ZeroDivisionError" in at.error[0].value
    assert "secret detail" not in text_of(at)


def test_a_path_between_two_addresses_is_shown_and_an_impossible_one_explained(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:tabs"] = "Paths and routes"
    at.run()
    at.selectbox(key="see:to").set_value("0xF302572594a68aA8F951faE64ED3aE7DA41c72Be").run()
    assert not at.error
    assert any("path" in f.value.columns and len(f.value) == 1 for f in at.dataframe)
    at.selectbox(key="see:from").set_value("0xF302572594a68aA8F951faE64ED3aE7DA41c72Be")
    at.selectbox(key="see:to").set_value(THIEF).run()
    assert not at.exception
    assert len(at.error) == 1


def test_every_table_tab_opens(home: Path) -> None:
    names = [
        "Addresses",
        "Transfers",
        "Paths and routes",
        "Where from",
        "Conservation",
        "Gaps and assumptions",
        "Declarations and rulings",
        "Compare rules",
        "Judgements",
    ]
    at = opened("trace")
    assert [tab.label for tab in at.tabs] == names
    for name in names:
        at.session_state["see:tabs"] = name
        at.run()
        assert not at.exception, name
        assert not at.error, name


def test_opening_a_very_large_group_asks_first(home: Path) -> None:
    rows = [CSV.splitlines()[0]]
    for i in range(1_300):
        fields = f"0x{i + 1:064x},{SEED},0x{i + 10:040x},native,ETH,18,{i + 1},native,2025-01-01T00:00:00Z"
        rows.append(f"eip155:1,{i + 2},{fields}")
    case = Case.create("large")
    case.import_file("\n".join(rows).encode(), name="large.csv")
    case.add_seed(SEED, amount=10**9)
    at = opened("trace", case="large")
    at.session_state["see:asked"] = "fold:1:others"
    at.run()
    ask = next(b for b in at.button if "slow and hard to read" in b.label)
    assert "see:view" not in at.session_state
    ask.click().run()
    assert not at.exception
    assert at.session_state["see:view"].opened == ("fold:1:others",)


def test_a_period_draws_only_its_transfers_and_says_so_and_can_be_undone(home: Path) -> None:
    case = Case.create("times")
    later = CSV.replace("T00:01:00Z", "T10:00:00Z")
    case.import_file(later.encode(), name="t.csv")
    case.add_seed(SEED)
    at = opened("trace", case="times")
    assert drawn_targets(at) == 2
    at.session_state["see:view"] = View(until="2025-01-01T05:00:59Z")
    at.session_state["see:undo"] = [View()]
    at.run()
    assert not at.exception
    assert drawn_targets(at) == 1
    said = next(str(c.value) for c in at.caption if "Only transfers of this period" in str(c.value))
    assert "2025-01-01 05:00:59 UTC / 2025-01-01 14:00:59 JST" in said
    at.button(key="see-undo").click().run()
    assert drawn_targets(at) == 2
    at.button(key="see-redo").click().run()
    assert drawn_targets(at) == 1


def test_the_period_is_set_on_either_clock(home: Path) -> None:
    case = Case.create("clock")
    case.import_file(CSV.replace("T00:01:00Z", "T10:00:00Z").encode(), name="t.csv")
    case.add_seed(SEED)
    at = opened("trace", "ja", case="clock")
    start, end = at.datetime_input
    assert [str(start.value), str(end.value)] == ["2025-01-01 09:00:00", "2025-01-01 19:00:00"]


def test_a_hidden_address_leaves_the_picture_only_and_comes_back(home: Path) -> None:
    case = Case.create("hide")
    case.import_file(CSV.encode(), name="t.csv")
    case.add_seed(SEED)
    at = opened("trace", case="hide")
    target = "eip155:1:0x3333333333333333333333333333333333333333"
    at.session_state["see:selected"] = target
    at.run()
    at.button(key=f"hide:{target}").click().run()
    assert not at.exception
    assert drawn_targets(at) == 1
    assert "Hidden by you: 1" in text_of(at)
    assert any(
        "0x3333333333333333333333333333333333333333" in set(f.value.get("address", [])) for f in at.dataframe
    )
    at.button(key="see-unhide").click().run()
    assert drawn_targets(at) == 2


def drawn_targets(at: AppTest) -> int:
    """How many nodes that are no seeds the picture shows."""
    return sum(n.kind != "seed" for n in at.session_state["see:kept:folded"][1].nodes)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_bundled_result_says_that_it_rests_on_declared_conversions(home: Path, language: str) -> None:
    at = opened("trace", language)
    count = len(Case.open("bybit-2025").conversions())
    assert {"en": f"rests on {count} declared conversions", "ja": f"交換の申告 {count} 件"}[
        language
    ] in text_of(at)
    listed = next(f.value for f in at.dataframe if {"number", "source", "amount_raw"} <= set(f.value.columns))
    assert len(listed) == count


def test_the_range_of_a_group_is_computed_in_the_comparison(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:tabs"] = "Compare rules"
    at.run()
    case = Case.open("bybit-2025")
    first, second = (f"eip155:1:{a}" for a in case.compare()["address"][:2])
    at.multiselect(key="see:group").set_value([first, second])
    next(b for b in at.button if b.label == "Compute the range").click().run()
    assert not at.exception
    assert not at.error
    tables = [f.value for f in at.dataframe if "at_least_raw" in f.value.columns and len(f.value) < 5]
    shown = [str(a) for f in tables for a in f["address"]]
    assert any(" + " in a for a in shown)


def test_a_row_is_chosen_until_other_rows_stand_in_its_table(home: Path) -> None:
    at = opened("trace")
    at.session_state["see:tabs"] = "Transfers"
    at.run()
    at.session_state["see:transfers"] = {"selection": {"rows": [3], "columns": []}}
    at.run()
    offered = "0x0085abb10611a46b804015da4915f5ca7bff421973893f5dbbf898822e87e716"
    assert offered in text_of(at)
    at.session_state["see:filter-since:transfers"] = "2025-02-22"
    at.run()
    assert not at.exception
    assert not [b for b in at.button if b.label == "Record the ruling"]


def test_a_seed_that_moved_up_is_not_removed_in_the_place_of_another(home: Path) -> None:
    case = Case.create("two-seeds")
    case.import_file(CSV.encode(), name="t.csv")
    case.add_seed(SEED)
    case.add_seed("0x3333333333333333333333333333333333333333")
    at = opened("case", "en", case.name)
    case.remove_seed(1)
    at.button(key="seed-remove").click().run()
    assert [e.value for e in at.error] == ["Seed 1 is another one now."]
    assert list(case.seeds()["address"]) == ["0x3333333333333333333333333333333333333333"]
    at.button(key="seed-remove").click().run()
    assert case.seeds().empty
