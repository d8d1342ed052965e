"""The CSV of every table in the web UI is byte for byte the file of the export."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.case import Case
from tracer.export.opinions import declared, ruled, untimed
from tracer.ui.tables import csv_bytes


def test_downloads_are_the_exported_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_HOME", str(tmp_path / "w"))
    case = Case.demo()
    case.export(tmp_path / "out")
    result = case.taint()
    tables = {
        "taint": result.addresses(),
        "conservation": result.conservation(),
        "sources": result.sources(),
        "gaps": result.gaps(),
        "compare": case.compare(),
        "conversions": declared(case.conversions()),
        "rulings": ruled(case.rulings()),
        "judgements": case.judgements(),
        "labels": untimed(case.labels()),
        "label_conflicts": case.label_conflicts(),
        "stops": case.stops(),
        "seeds": case.seeds(),
        "routes": case.routes(),
    }
    for name, frame in tables.items():
        assert csv_bytes(frame) == (tmp_path / "out" / f"{name}.csv").read_bytes(), name
    lines = csv_bytes(result.transfers()).splitlines()
    first = (tmp_path / "out" / "transfers.csv").read_bytes().splitlines()
    assert len(lines) == len(first)
    column = lines[0].split(b",").index(b"converts")
    assert {line.split(b",")[column] for line in lines[1:] if b'"' not in line} <= {b"true", b"false"}
