"""One door to the readers of label files: which kind a file is, and how it was read, as text that a case can pin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer.errors import InputError, shown
from tracer.labels.pack import Pack
from tracer.labels.rows import COLUMNS

__all__ = ["KINDS", "Reading", "kind_of", "read_pack"]

KINDS = ("csv", "list", "tagpack", "ofac")
"""The kinds of label files that are read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a label file is read. kind: one of KINDS. mapping: our column -> the column of a CSV. fixed: our column ->
    text for every row that leaves it empty.
    """

    kind: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Mapping and fixed columns as one text; "" when there are none."""
        if not self.mapping and not self.fixed:
            return ""
        return json.dumps({"map": dict(self.mapping), "set": dict(self.fixed)}, sort_keys=True)

    @classmethod
    def from_text(cls, kind: str, text: str) -> Reading:
        """The reading that a case pinned."""
        told = json.loads(text) if text else {}
        return cls(kind, told.get("map", {}), told.get("set", {}))


def kind_of(data: bytes, name: str) -> str:
    """Which kind of label file this is, by its first characters and its columns."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return "ofac"
    if name.casefold().endswith((".yaml", ".yml")) or re.match(rb"(title|creator|tags):", start):
        return "tagpack"
    header = start.split(b"\n", 1)[0]
    return "csv" if re.search(rb"[,;\t]", header) else "list"


def read_pack(data: bytes, name: str, reading: Reading) -> Pack:
    """Read a label file. Raises FileError for one that is not of its kind, InputError for a field that is not one."""
    if reading.kind not in KINDS:
        raise InputError(
            f"There is no kind of label file {shown(reading.kind)}.", f"Choose: {', '.join(KINDS)}."
        )
    for word in sorted({*reading.mapping, *reading.fixed} - set(COLUMNS)):
        raise InputError(f"A label has no field {shown(word)}.", f"Fields: {', '.join(COLUMNS)}.")
    if reading.mapping and reading.kind != "csv":
        raise InputError("--map goes with a CSV.", "Use --set FIELD=TEXT for what the file does not say.")
    if reading.kind == "csv":
        from tracer.labels.text_packs import read_csv

        return read_csv(data, name, reading.mapping, reading.fixed)
    if reading.kind == "list":
        from tracer.labels.text_packs import read_list

        return read_list(data, name, reading.fixed)
    if reading.kind == "tagpack":
        from tracer.labels.tagpack import read_tagpack

        return read_tagpack(data, name, reading.fixed)
    from tracer.labels.ofac import read_ofac

    return read_ofac(data, name, reading.fixed)
