"""The benchmarks run and judge their budgets; what they measure is for `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.synthetic import history
from tracer.model import Rule


def test_a_small_benchmark_prints_every_line_beside_its_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past = history(300)
    ledger = run.ingest(past, tmp_path)
    run.passes(past, ledger)
    run.sweeping(lots=20, count=100)
    run.ranges(300)
    run.coinjoins(50)
    run.whole_case(60)
    printed = capsys.readouterr().out
    assert [rule for rule in Rule if f"  {rule}: pass on arrays" not in printed] == []
    for words in (
        "CSV -> movement table",
        "peak memory",
        "100 sweeps of 20 lots",
        "range of one",
        "50 Bitcoin transactions",
        "CoinJoin verdicts",
        "case of 60",
    ):
        assert words in printed


def test_a_line_says_whether_its_budget_was_met(capsys: pytest.CaptureFixture[str]) -> None:
    run.line("quick", 1.0, plain=4.0, budget=1.0)
    run.line("slow", 2.0, budget=1.0)
    quick, slow = capsys.readouterr().out.splitlines()
    assert "4.0x" in quick
    assert quick.endswith("ok")
    assert slow.endswith("over")
