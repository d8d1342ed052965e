"""Keeping facts, opinions, raw evidence and case files. The only package that knows SQLAlchemy.

`Workspace` is the way in; `CaseFile` is what one case rests on. Nothing here fetches, parses or computes.
"""

from __future__ import annotations

from tracer.store.archive import Archive, is_sha256
from tracer.store.captures import Capture, CaptureGap, Draft
from tracer.store.casefile import Cases
from tracer.store.casename import case_name
from tracer.store.caserecords import CaseFile, DeclaredConversion, PackPin, Pin, Ruling, Verdict
from tracer.store.collected import Answered, History, HistoryKey
from tracer.store.view import View
from tracer.store.workspace import Workspace, keep_read
from tracer.store.writer import Store, Writer

__all__ = [
    "Answered",
    "Archive",
    "Capture",
    "CaptureGap",
    "CaseFile",
    "Cases",
    "DeclaredConversion",
    "Draft",
    "History",
    "HistoryKey",
    "PackPin",
    "Pin",
    "Ruling",
    "Store",
    "Verdict",
    "View",
    "Workspace",
    "Writer",
    "case_name",
    "is_sha256",
    "keep_read",
]
