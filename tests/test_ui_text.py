"""What the screen says: exact amounts, both clocks, whole CSV files, and every word in both languages."""

from __future__ import annotations

import ast
import csv
import io
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer.ui
from tracer.chains.files import _COUNTED
from tracer.clusters.verdict import CoinJoin
from tracer.endpoint_kinds import STILL_THERE, EndpointKind
from tracer.labels.rows import SOURCE_TYPES
from tracer.model import Rule, StopCode
from tracer.results import CHAIN_REPLACED, CONVENTIONS, GIVEN_UP, OUTPOINT_CONVENTIONS
from tracer.store.caserecords import Verdict
from tracer.ui.flow import KINDS
from tracer.ui.i18n import language_of, words
from tracer.ui.launch import flags
from tracer.ui.overview import figures
from tracer.ui.preview import head_of
from tracer.ui.printing import brief_amount, clean, exact_amount, jst, utc
from tracer.ui.tables import _whole_width, csv_bytes, for_screen

UI = Path(tracer.ui.__file__).parent
ROOT = UI.parent.parent
TABLE = tomllib.loads((UI.parent / "words.toml").read_text(encoding="utf-8"))
FAMILIES = {
    "rule": {str(r) for r in Rule},
    "still": set(STILL_THERE),
    "endpoint_kind": {str(k) for k in EndpointKind},
    "label_change": {
        *("label", "stop", "held", *(f"at_{k}" for k in EndpointKind)),
        *(f"account_{x}" for x in ("stolen", "converted_in", "held", "fee", "burned")),
        *("account_recovered", "account_converted_out"),
    },
    "about_rule": {str(r) for r in Rule},
    "stop": {str(s) for s in StopCode},
    "verdict": {str(v) for v in Verdict},
    "kind": set(KINDS),
    "mixkind": {str(k) for k in CoinJoin if k not in {CoinJoin.NONE, CoinJoin.WHIRLPOOL_TX0}},
}
VALUE_FAMILIES = {
    "sink",
    "edge",
    "linkrule",
    "linkverdict",
    "pattern",
    "excluded",
    "category",
    "path",
    "stage",
    "col",
    "convention",
    "gap",
    "gap_why",
    "ground",
    "range",
    "status",
    "history",
    "role",
    "source_type",
    "case_state",
    "inflow",
    "direction",
    "about_direction",
}
"""Groups whose keys are values from data: looked up with `one_of` or `known`."""


def used_keys() -> tuple[set[str], set[str]]:
    """Keys that the modules ask for, and prefixes of keys that are built from a part."""
    keys: set[str] = set()
    prefixes: set[str] = set()
    for path in (
        *UI.rglob("*.py"),
        *(UI.parent / "export").glob("*.py"),
        UI.parent / "mixes.py",
        UI.parent / "patterns.py",
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"w", "words"}
            ):
                for first in node.args[:1]:
                    if isinstance(first, ast.Constant):
                        keys.add(str(first.value))
                    elif isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                        prefixes.add(str(first.values[0].value))
    return keys, prefixes


def test_every_word_is_there_in_both_languages() -> None:
    for group, keys in TABLE.items():
        for key, entry in keys.items():
            assert set(entry) == {"en", "ja"}, f"{group}.{key}"
            assert all(entry.values()), f"{group}.{key}"
            assert set(re.findall(r"{[\w:,]+}", entry["en"])) == set(re.findall(r"{[\w:,]+}", entry["ja"])), (
                f"{group}.{key}"
            )


def test_every_ground_of_a_coinjoin_has_words_in_both_languages_and_none_is_left_over() -> None:
    told = set()
    for path in (*(UI.parent / "clusters").glob("*.py"), UI.parent / "mixes.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "seen":
                keys = node.args[0]
                parts = [keys.body, keys.orelse] if isinstance(keys, ast.IfExp) else [keys]
                assert all(isinstance(part, ast.Constant) for part in parts), ast.unparse(node)
                told |= {part.value for part in parts if isinstance(part, ast.Constant)}
    assert told == set(TABLE["ground"])


def test_every_key_that_is_asked_for_exists_and_every_key_is_used() -> None:
    known = {f"{group}.{key}" for group, keys in TABLE.items() for key in keys}
    keys, prefixes = used_keys()
    keys = {k for k in keys if "." in k}
    assert keys - known == set()
    for prefix in prefixes:
        assert any(k.startswith(prefix) for k in known), prefix
    families = VALUE_FAMILIES | set(FAMILIES)
    unused = {
        k for k in known - keys if not k.startswith(tuple(prefixes)) and k.split(".")[0] not in families
    }
    assert unused == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_rule_stop_code_and_kind_has_its_words(family: str) -> None:
    assert set(TABLE[family]) == FAMILIES[family]


def test_every_code_of_the_bundled_labels_has_its_words() -> None:
    rows = [
        row
        for path in sorted((ROOT / "data" / "labels").glob("*.csv"))
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    ]
    assert len(rows) > 100
    for column in ("category", "role"):
        assert {row[column] for row in rows if row.get(column)} <= set(TABLE[column]), column
    assert set(TABLE["source_type"]) == set(SOURCE_TYPES)


def test_an_amount_of_unknown_decimals_is_shown_and_says_its_unit() -> None:
    alone = pd.DataFrame({"symbol": [""], "decimals": [None], "taint_raw": [5], "taint": [""]}, dtype=object)
    text, heads = for_screen(alone, words("en"))
    assert text["taint_raw"].tolist() == ["5"]
    assert "smallest units" in heads["taint_raw"]
    mixed = pd.DataFrame(
        {"symbol": ["ETH", "X"], "decimals": [18, None], "taint_raw": [10**18, 7], "taint": ["1", ""]},
        dtype=object,
    )
    text, heads = for_screen(mixed, words("en"))
    assert text["taint_raw"].tolist() == ["1", "7 (smallest units)"]
    assert "smallest units" not in heads["taint_raw"]


@given(st.lists(st.integers(0, 2**256), min_size=1, max_size=5), st.sampled_from([None, 0, 6, 18]))
def test_a_column_is_wide_enough_for_every_digit(amounts: list[int], places: int | None) -> None:
    texts = [exact_amount(units, places) for units in amounts]
    width = _whole_width(texts, "at least", 0)
    assert width >= 8 * max(map(len, texts)) + 16
    assert _whole_width(["5"], "残存汚染額", 0) >= 5 * 14


def test_the_strip_adds_no_two_assets_of_one_symbol_and_puts_known_ones_first() -> None:
    real, fake = "0x" + "a" * 40, "0x" + "b" * 40
    money = pd.DataFrame(
        [
            {"asset": f"eip155:1/{ref}", "symbol": "ETH", "decimals": places, "stolen_raw": units}
            for ref, places, units in (("native", 18, 10**18), (real, 18, 5 * 10**18), (fake, None, 10**30))
        ],
        dtype=object,
    ).assign(fee_raw=0, difference_raw=0)
    columns = ["chain", "address", "taint_raw", "stop", "symbol", "asset", "decimals", "hop"]
    stolen = figures(words("en"), pd.DataFrame(columns=columns), money, pd.DataFrame(), {})[0]
    assert stolen["value"] == "1 ETH"
    assert stolen["note"] == "+2"
    assert stolen["title"].splitlines() == [
        "1 ETH",
        "1,000,000,000,000,000,000,000,000,000,000 ETH (smallest units)",
        "5 ETH",
    ]


def test_every_convention_of_a_result_is_translated() -> None:
    assert {e["en"] for e in TABLE["convention"].values()} == {
        *CONVENTIONS,
        *OUTPOINT_CONVENTIONS,
        GIVEN_UP,
    }


def test_every_gap_and_assumption_of_the_core_is_named_and_explained() -> None:
    core = [p for p in UI.parent.rglob("*.py") if UI not in p.parents and "testing" not in p.parts]
    said = re.compile(r"\b(?:Gap|say)\(\s*\"(\w+)\"")
    codes = {code for path in core for code in said.findall(path.read_text(encoding="utf-8"))}
    codes |= set(_COUNTED) | {CHAIN_REPLACED, "poison", "zero_value", "fake_token"}
    assert {"opening", "overlap", "fees_absent", "exponent"} <= codes
    assert codes - set(TABLE["gap"]) == set()
    assert set(TABLE["gap"]) == set(TABLE["gap_why"])


def test_the_browser_decides_the_first_language() -> None:
    assert [language_of(x) for x in ("ja", "ja-JP", "en-GB", "de", None)] == ["ja", "ja", "en", "en", "en"]


@given(st.integers(0, 2**256), st.integers(0, 40))
def test_exact_amount_is_exact(raw: int, decimals: int) -> None:
    whole, _, part = exact_amount(raw, decimals, group=False).partition(".")
    assert int(whole + part.ljust(decimals, "0")) == raw


@given(st.integers(1, 2**120))
def test_a_shortened_amount_never_claims_more_and_says_that_it_is_cut(raw: int) -> None:
    short = brief_amount(raw, 18).replace(",", "")
    if short[0] != "<":
        value = short.removesuffix("\N{HORIZONTAL ELLIPSIS}").removesuffix("M").split(".")
        units = int(value[0]) * 10**18 * (10**6 if "M" in short else 1)
        units += int((value[1] if len(value) > 1 else "0").ljust(18, "0"))
        assert units <= raw
        assert short.endswith("\N{HORIZONTAL ELLIPSIS}") is (units < raw)


def test_unknown_decimals_print_raw_units() -> None:
    assert exact_amount(123456, None) == "123,456"


def test_both_clocks_show_one_moment() -> None:
    assert utc("2025-02-21T14:16:11Z") == "2025-02-21 14:16:11 UTC"
    assert jst("2025-02-21T15:16:11Z") == "2025-02-22 00:16:11 JST"
    assert utc(0) == "1970-01-01 00:00:00 UTC"
    assert utc("") == jst(None) == ""


@given(st.text(max_size=200))
def test_cleaned_text_is_one_visible_line(text: str) -> None:
    assert clean(text).isprintable()


FRAME = pd.DataFrame(
    {
        "address": ["0xA", "=HYPERLINK(1)"],
        "symbol": ["ETH", "ETH"],
        "decimals": [18, None],
        "taint_raw": pd.Series([401346768858404671846374, 7], dtype=object),
        "first_received_utc": ["2025-02-21T14:16:11Z", ""],
    }
)


def test_the_screen_shows_exact_decimals_and_both_clocks() -> None:
    text, heads = for_screen(FRAME, words("en"))
    assert list(text["taint_raw"]) == ["401,346.768858404671846374", "7 (smallest units)"]
    assert list(text["first_received_jst"]) == ["2025-02-21 23:16:11", ""]
    assert heads["taint_raw"] == "stolen coin here"


def test_raw_integers_are_one_switch_away() -> None:
    text, heads = for_screen(FRAME, words("en"), raw=True)
    assert text["taint_raw"][0] == "401,346,768,858,404,671,846,374"
    assert "smallest units" in heads["taint_raw"]


def test_csv_has_untouched_integers_and_guarded_text() -> None:
    rows = list(csv.reader(io.StringIO(csv_bytes(FRAME).decode())))
    assert rows[1] == ["0xA", "ETH", "18", "401346768858404671846374", "2025-02-21T14:16:11Z"]
    assert rows[2][0] == "'=HYPERLINK(1)"
    assert rows[2][2] == ""


def test_csv_for_japanese_excel_begins_with_a_byte_order_mark() -> None:
    assert csv_bytes(FRAME, bom=True) == b"\xef\xbb\xbf" + csv_bytes(FRAME)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_the_preview_reads_what_japanese_excel_writes(encoding: str) -> None:
    head = head_of("送金元,送金先,金額\r\nA,B,1\r\n".encode(encoding))
    assert list(head.columns) == ["送金元", "送金先", "金額"]
    assert list(head.iloc[0]) == ["A", "B", "1"]


@given(st.binary(max_size=400))
def test_the_preview_of_anything_is_a_frame(data: bytes) -> None:
    assert isinstance(head_of(data), pd.DataFrame)


def test_the_checkout_and_the_installed_ui_are_served_alike() -> None:
    packaged = (UI / "streamlit.toml").read_text(encoding="utf-8")
    assert (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8") == packaged


def test_the_ui_is_served_to_this_machine_only_and_reports_nothing() -> None:
    assert {
        "--server.address=127.0.0.1",
        "--server.allowedHosts=127.0.0.1",
        "--server.enableXsrfProtection=true",
        "--server.enableCORS=true",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
    } <= set(flags())


def test_app_py_is_two_lines_over_the_packaged_ui() -> None:
    code = (ROOT / "app.py").read_text(encoding="utf-8").splitlines()
    assert [line for line in code if line] == [
        '"""Streamlit entry point: `streamlit run app.py`."""',
        "from tracer.ui.main import main",
        "main()",
    ]


def test_one_is_singular_and_what_a_field_says_is_never_read_as_a_choice() -> None:
    said = words("en")
    assert said("collect.finished", fetched="1").endswith(": 1 address fetched.")
    assert said("collect.finished", fetched="0").endswith(": 0 addresses fetched.")
    assert said("collect.finished", fetched="1,001").endswith(": 1,001 addresses fetched.")
    assert said("strip.hops", hops=1) == "1 hop"
    hostile = said("files.done", name="{rows} [a|b]", rows="1", followed="1")
    assert hostile == "{rows} [a|b]: 1 row imported, 1 followed."


def test_every_choice_of_words_stands_behind_its_count() -> None:
    for entry in (entry for group in TABLE.values() for entry in group.values()):
        for text in entry.values():
            assert len(re.findall(r"\[[^\]]*\|", text)) == len(
                re.findall(r"\{\w+\} \[[^|\]]+\|[^\]]+\]", text)
            )


def test_burnt_coin_is_not_said_to_be_at_an_unidentified_address() -> None:
    row = {"chain": "eip155:1", "symbol": "ETH", "asset": "native", "decimals": 0, "hop": 1}
    held = pd.DataFrame(
        [
            row | {"address": "0x0", "taint_raw": 5, "stop": "BURNED"},
            row | {"address": "0x1", "taint_raw": 3, "stop": "UNSPENT"},
        ]
    )
    money = pd.DataFrame(
        [{"asset": "eip155:1/native", "symbol": "ETH", "decimals": 0, "stolen_raw": 8, "fee_raw": 0}]
    ).assign(difference_raw=0)
    strip = {f["name"]: f["value"] for f in figures(words("en"), held, money, pd.DataFrame(), {})}
    assert (strip["Burned"], strip["At unidentified addresses"]) == ("5 ETH", "3 ETH")
