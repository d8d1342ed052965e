"""README.txt of an export: what the numbers are, under which rule, from which inputs; and manifest.json, its seal.

Both are made from the case alone: they print the case's `as_of`, never the time of the export, so that a second
export of the same case has the same bytes and a reader can check every file against its sha256.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracer.errors import shown
from tracer.export.columns import Layout
from tracer.export.files import Written
from tracer.times import utc_text

__all__ = ["MANIFEST", "README", "Input", "Pins", "as_of_text", "manifest_text", "readme_text"]

README = "README.txt"
MANIFEST = "manifest.json"


_EVIDENCE = (
    "- evidence/case.toml: the case: seeds, opinions, and the sha256 of what it rests on.",
    "- evidence/record.json: how each source was read, who gave an answer and when, judgements.",
    "- evidence/archive: the imported files and raw answers, each under its sha256, packed with zstd.",
)
_CHECK = (
    "Check: `tracer replay --package DIRECTORY` reads the raw answers again, without network, and computes every file.",
    f"Write down the sha256 of {MANIFEST}: it stands for everything here, and whoever changes one byte changes it.",
)
_CHECK_JA = (
    "`tracer replay --package ディレクトリ` で、証拠の原データから全ファイルを(通信なしで)再計算し、照合できます。",
    f"{MANIFEST} の sha256 を報告書に記録してください。1バイトでも変われば、この値が変わります。",
)


@dataclass(frozen=True, slots=True)
class Input:
    """One imported file that the numbers rest on; `sha256` of its bytes as they were imported (hex)."""

    name: str
    sha256: str
    rows: int
    excluded: int = 0
    grade: str = "fact"
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Pins:
    """What the numbers of an export rest on.

    `rule` is the governing rule; `as_of` UTC seconds or None; `version` the code version; `conventions` the
    sentences that the accounting prints with every result; `doubts` what open gaps say may be counted twice, `replaced`
    what they say of history that belongs to a chain that was given up.
    """

    case: str
    rule: str
    as_of: int | None
    version: str
    conventions: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    doubts: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def as_of_text(seconds: int | None) -> str:
    """UTC seconds as ISO-8601 with Z, `not set` for None."""
    return utc_text(seconds) or "not set"


def readme_text(pins: Pins, layouts: Iterable[Layout], *, evidence: bool = False) -> str:
    """The text of README.txt for an export that holds the tables `layouts`, with or without the evidence."""
    lines = [
        f"Export of the case {shown(pins.case)}",
        "",
        f"Governing rule:  {pins.rule}",
        f"As of (UTC):     {as_of_text(pins.as_of)}",
        f"Code version:    coinpursuit {pins.version}",
        "",
        *(f"A CHAIN WAS GIVEN UP: {_one_line(text)}" for text in pins.replaced),
        *(f"MAY BE COUNTED TWICE: {_one_line(text)}" for text in pins.doubts),
        *([""] if pins.doubts or pins.replaced else ()),
        "Amounts in columns that end in _raw are exact integers in the smallest unit of the asset (wei, sat).",
        "Open the files as text columns: a spreadsheet that reads them as numbers keeps only 15 digits.",
        "Text that begins with = + - @ carries a leading ' against formulas; the importer removes it again.",
        "Every column is explained in docs/formats.md of the project.",
        "",
        "Conventions and assumptions",
        *(f"- {_one_line(text)}" for text in pins.conventions),
        "- Every assumption about a single address is a row of gaps.csv with the status assumption.",
        "",
        "Inputs (sha256 of the bytes as imported)",
        *(_input_line(entry) for entry in pins.inputs),
        *([] if pins.inputs else ["- none"]),
        "",
        "Files",
        *(f"- {layout.file}: {layout.row}" for layout in layouts),
        *(_EVIDENCE if evidence else ()),
        f"- {MANIFEST}: sha256 and size of every file above.",
        *(["", *_CHECK] if evidence else ()),
        "",
        "日本語",
        f"この一式は案件 {shown(pins.case)} の追跡結果です。適用した計算規則は {pins.rule} です。",
        "_raw で終わる列は、最小単位(wei、satoshi)の正確な整数です。",
        "表計算ソフトでは「文字列」として読み込んでください。",
        "gaps.csv は、欠けている情報と置いた仮定の一覧です。",
        *(
            ["取得した履歴に、その後無効となったチェーンのものが含まれます。再取得が必要です(gaps.csv)。"]
            if pins.replaced
            else ()
        ),
        *(
            ["二重に計上されているおそれのある金額があります。gaps.csv を先に確認してください。"]
            if pins.doubts
            else ()
        ),
        "conservation.csv の difference_raw は 0 です(poison を除く)。",
        "各ファイルの sha256 は manifest.json で確認できます。",
        *(_CHECK_JA if evidence else ()),
    ]
    return "\n".join(lines) + "\n"


def manifest_text(pins: Pins, files: Mapping[str, Written]) -> str:
    """The text of manifest.json: inputs and outputs (by name) with their sha256, keys sorted, no clock."""
    content = {
        "as_of": pins.as_of,
        "as_of_utc": None if pins.as_of is None else as_of_text(pins.as_of),
        "case": pins.case,
        "code_version": pins.version,
        "files": [
            {"name": name, "rows": entry.rows, "sha256": entry.sha256, "size": entry.size}
            for name, entry in sorted(files.items())
        ],
        "format": 1,
        "inputs": [
            {
                "excluded": entry.excluded,
                "grade": entry.grade,
                "name": entry.name,
                "partial": entry.partial,
                "rows": entry.rows,
                "sha256": entry.sha256,
            }
            for entry in pins.inputs
        ],
        "rule": pins.rule,
    }
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _input_line(entry: Input) -> str:
    partial = ", partial history" if entry.partial else ""
    return (
        f"- {entry.sha256}  {shown(entry.name)}: {entry.rows} rows, {entry.excluded} left out of the flows, "
        f"grade {entry.grade}{partial}"
    )
