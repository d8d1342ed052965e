"""Labels: who is said to control an address, by whom, and where sources disagree. Pure; fetches nothing."""

from __future__ import annotations

from tracer.labels.book import Conflict, LabelBook
from tracer.labels.stopping import stop_code

__all__ = ["Conflict", "LabelBook", "stop_code"]
