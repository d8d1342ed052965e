"""What the command line reads and prints, without a case: amounts, hostile text, tables, times, lists of seeds."""

from __future__ import annotations

import io
import json
import threading

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.cli import say
from tracer.cli.app import _hoisted
from tracer.cli.options import rule_named, seconds, stop_named
from tracer.cli.progress import shown_progress
from tracer.errors import InputError
from tracer.model import Rule, StopCode

A = "0x" + "a" * 40
B = "0x" + "b" * 40


@given(st.text())
def test_no_text_reaches_the_terminal_with_a_control_or_a_second_line(text: str) -> None:
    assert say.clean(text).isprintable()
    if text.isprintable():
        assert say.clean(text) == text


def test_escapes_and_bidi_overrides_are_shown_not_obeyed() -> None:
    assert say.clean("\x1b[2JUSDT\u202e\n") == "\\u001b[2JUSDT\\u202e\\u000a"
    assert say.clean("\U000e0041") == "\\U000e0041"


@pytest.mark.parametrize(
    ("raw", "decimals", "expected"),
    [
        (401346768858404671846374, 18, "401,346.768858404671846374 ETH"),
        (10_000 * 10**18, 18, "10,000 ETH"),
        (1, 18, "0.000000000000000001 ETH"),
        (-5, 1, "-0.5 ETH"),
        (0, 18, "0 ETH"),
        (1234, 0, "1,234 ETH"),
        (1234, None, "1,234 raw units ETH"),
        (1234, float("nan"), "1,234 raw units ETH"),
        (1234, 30_000, "1,234 raw units ETH"),
        (None, 18, ""),
        (float("nan"), 18, ""),
    ],
)
def test_amounts_are_exact_with_thousands_separators(raw: object, decimals: object, expected: str) -> None:
    assert say.amount(raw, decimals, "ETH") == expected


@given(st.integers(-(2**256), 2**256), st.integers(0, 77))
def test_an_amount_read_back_is_the_amount(raw: int, decimals: int) -> None:
    whole, _, part = say.amount(raw, decimals).replace(",", "").partition(".")
    digits = int(whole.lstrip("-")) * 10**decimals + int(part.ljust(decimals, "0") or "0")
    assert (-digits if whole.startswith("-") else digits) == raw


def test_a_table_cuts_nothing_and_aligns_wide_letters(capsys: pytest.CaptureFixture[str]) -> None:
    say.table(["name", "n"], [["取引所", 5], ["x" * 300, None]], right=["n"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "  " + "x" * 300
    assert lines[1] == "  取引所" + " " * (300 - 6) + "  5"


def test_json_keeps_large_integers_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(
        {
            "taint_raw": pd.Series([2**200, None], dtype=object),
            "hop": [1.0, None],
            "partial": [True, False],
            "symbol": ["\x1b", "円"],
        }
    )
    say.print_json(say.records(frame))
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == [
        {"taint_raw": str(2**200), "hop": 1, "partial": True, "symbol": "\x1b"},
        {"taint_raw": None, "hop": None, "partial": False, "symbol": "円"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-21T14:16:11Z",
        "2025-02-21 14:16:11",
        "2025-02-21T23:16:11+09:00",
        "1740147371",
        " 1740147371 ",
    ],
)
def test_a_time_may_be_written_in_several_ways(text: str) -> None:
    assert seconds(text) == 1740147371


@pytest.mark.parametrize("text", ["yesterday", "21/02/2025", "2025-02-21T14:16:11.5Z", "", "12"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        seconds(text)


def test_rules_and_stop_codes_are_read_in_any_case_and_unknown_ones_listed() -> None:
    assert rule_named(" FIFO ") is Rule.FIFO
    assert stop_named("service") is StopCode.SERVICE
    assert stop_named("none") is None
    with pytest.raises(InputError, match="fifo") as rule:
        rule_named("first-in")
    assert "seniority" in rule.value.hint
    with pytest.raises(InputError) as code:
        stop_named("EXCHANGE")
    assert "SERVICE" in code.value.hint


def test_global_options_may_stand_anywhere_but_not_after_two_dashes() -> None:
    words = ["taint", "c", "--workspace", "w", "--rule", "fifo", "-q", "--workspace=v", "--", "--json"]
    assert _hoisted(words) == [
        "--workspace",
        "w",
        "-q",
        "--workspace=v",
        "taint",
        "c",
        "--rule",
        "fifo",
        "--",
        "--json",
    ]
    assert _hoisted(["taint", "--workspace"]) == ["--workspace", "taint"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_for_somebody_who_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    seen = threading.Event()
    monkeypatch.setattr("rich.progress.Progress.start", lambda _: seen.set())
    drawn: list[object] = []
    monkeypatch.setattr("rich.progress.Progress.update", lambda _, task, **state: drawn.append(state))
    with shown_progress("tracing", patience=0) as report:
        assert seen.wait(timeout=60)
        report("[red]fifo", 1, 4)
    assert drawn[-1] == {"description": "[red]fifo", "completed": 1, "total": 4}


@pytest.mark.parametrize(
    ("terminal", "quiet", "patience"), [(False, False, 0), (True, True, 0), (True, False, 600)]
)
def test_progress_is_silent_without_a_terminal_when_quiet_and_for_short_work(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool, patience: float
) -> None:
    stderr = _Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with shown_progress("tracing", quiet=quiet, patience=patience) as report:
        report("fifo", 1, 4)
    assert stderr.getvalue() == ""
