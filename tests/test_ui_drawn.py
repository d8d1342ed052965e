"""The picture and the panel read single rows of the ledger: the same cells as the whole transfers table."""

from __future__ import annotations

import pandas as pd
import pytest

from tracer.case import Case
from tracer.results import TaintResult
from tracer.ui.drawn import drawn_transfers, transfers_at

THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TaintResult:
    return Case.demo(tmp_path_factory.mktemp("drawn")).taint()


def _same(part: pd.DataFrame, whole: pd.DataFrame) -> None:
    assert len(part)
    pd.testing.assert_frame_equal(part, whole[list(part.columns)].reset_index(drop=True), check_dtype=False)


def test_the_picture_reads_the_tainted_rows_of_the_transfers_table(result: TaintResult) -> None:
    whole = result.transfers()
    _same(drawn_transfers(result), whole[whole["taint_raw"] != 0])


def test_left_out_rows_come_after_the_tainted_ones(result: TaintResult) -> None:
    whole = result.transfers()
    _same(
        drawn_transfers(result, excluded=True),
        whole[(whole["taint_raw"] != 0) | (whole["excluded"].astype(bool))],
    )


def test_the_panel_reads_every_row_of_an_address_left_out_ones_too(result: TaintResult) -> None:
    whole = result.transfers()
    left_out = str(whole[whole["excluded"].astype(bool)]["to_address"].iloc[0])
    for address in (THIEF, left_out):
        part = transfers_at(result, "eip155:1", address)
        _same(part, whole[(whole["from_address"] == address) | (whole["to_address"] == address)])
        assert set(part.columns) == set(whole.columns)
