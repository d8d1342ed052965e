"""Writes the measured error rates of the clustering heuristics into docs/accuracy.md.

Run `.venv/bin/python tools/accuracy.py` after a change of a heuristic; a test fails until then.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracer.evaluation.accounts import planted_scores
from tracer.evaluation.mix_change import change_scores
from tracer.evaluation.score import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"


def accuracy_markdown(text: str) -> str:
    """The page with the tables of planted histories as the code measures them."""
    for name, scores in (("account chains", planted_scores()), ("coinjoin change", change_scores())):
        table = f"<!-- {name} -->\n\n{markdown(scores)}\n\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _, made=table: made, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    PAGE.write_text(accuracy_markdown(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
