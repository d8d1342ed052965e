"""Exported files: CSV tables of the contracts in docs/formats.md, README.txt and manifest.json.

Takes plain DataFrames and values; writes exact integers, guarded text, and the same bytes for the same case.
`write_package` writes the export of a case, `write_csv` one table.
"""

from __future__ import annotations

from tracer.export.batches import BATCH, OVERLAP
from tracer.export.files import Written, write_csv
from tracer.export.notes import Input, Pins
from tracer.export.package import FORMATS, LAYOUTS, choose, layout_of, write_package

__all__ = [
    "BATCH",
    "FORMATS",
    "LAYOUTS",
    "OVERLAP",
    "Input",
    "Pins",
    "Written",
    "choose",
    "layout_of",
    "write_csv",
    "write_package",
]
