"""A capture: one archived answer or imported file, together with how it was read.

The same bytes read by the same parser with the same options are one capture, however often and under whatever name
they are imported; other options make another capture. `key` says which, and means the same in every workspace, so
a case file can pin it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from tracer.model import Gap

__all__ = ["Capture", "CaptureGap", "Draft"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A capture before it is kept.

    sha256: of the raw bytes, lower-case hex. size: in bytes. parser, parser_version: what read it; raise the version
    when the same bytes would give other rows. mapping: every option that changes what the parser reads (column
    mapping, default chain ...), JSON values only. grade: `fact` or `declared`. partial: the history in it does not
    begin at the first transaction. fetched_at: UTC seconds of the import or answer.
    """

    sha256: str
    name: str
    size: int
    parser: str
    parser_version: str
    fetched_at: int
    kind: str = "file-import"
    media_type: str = "text/csv"
    mapping: Mapping[str, object] = field(default_factory=dict)
    grade: str = "fact"
    partial: bool = False

    @property
    def mapping_json(self) -> str:
        """`mapping` as canonical JSON."""
        return json.dumps(dict(self.mapping), sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def key(self) -> str:
        """64 hex digits: the same for the same bytes read in the same way, in every workspace."""
        parts = [
            self.sha256,
            self.kind,
            self.parser,
            self.parser_version,
            self.mapping_json,
            self.grade,
            self.partial,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Capture:
    """A kept capture. `id` is its number in this database only; `key` identifies it everywhere.

    rows: movements in it. chains: CAIP-2 ids of its movements, sorted.
    """

    id: int
    key: str
    sha256: str
    name: str
    kind: str
    media_type: str
    size: int
    fetched_at: int
    parser: str
    parser_version: str
    mapping: Mapping[str, object]
    grade: str
    partial: bool
    rows: int
    chains: tuple[str, ...]

    @property
    def draft(self) -> Draft:
        """What was kept, without what this database knows of it."""
        return Draft(**{f.name: getattr(self, f.name) for f in fields(Draft)})


@dataclass(frozen=True, slots=True)
class CaptureGap:
    """A gap of a capture. `row` is the 1-based source row, 0 when it concerns the whole capture."""

    capture: int
    row: int
    gap: Gap
