"""Run every notebook from top to bottom in a fresh kernel; a cell that raises fails the run.

Notebooks are kept as jupytext scripts in notebooks/, without outputs. A run gets a workspace of its own, so it needs
nothing from, and leaves nothing in, the reader's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_SECONDS = 300


def run(path: Path) -> bool:
    """Execute one notebook in its own folder; True when every cell ran."""
    notebook = jupytext.read(path)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    started = time.monotonic()
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"FAILED {path.name}\n{error}", file=sys.stderr)
        return False
    print(f"ran {path.name} in {time.monotonic() - started:.1f} s")
    return True


def main() -> int:
    """0 when every notebook ran."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["TRACER_HOME"] = home
        results = [run(path) for path in sorted(NOTEBOOKS.glob("*.py"))]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
