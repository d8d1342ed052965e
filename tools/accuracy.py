"""Writes the measured error rates of the clustering heuristics into docs/accuracy.md.

Run `.venv/bin/python tools/accuracy.py` after a change of a heuristic; a test fails until then.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracer.evaluation.accounts import markdown, planted_scores

PAGE = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"


def accuracy_markdown(text: str) -> str:
    """The page with the table of account chains as the code measures it."""
    table = f"<!-- account chains -->\n\n{markdown(planted_scores())}\n\n<!-- end -->"
    return re.sub(r"<!-- account chains -->.*?<!-- end -->", lambda _: table, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(accuracy_markdown(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
