"""`tracer evaluate`: how often the heuristics err, on labelled data that the user has. Belongs to no case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.options import Out
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of

__all__ = ["register"]

_SHOWN = ("heuristic", "data_set", "labels", "positives", "found", "right", "precision", "recall", "coverage")


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("evaluate")(evaluate)


def evaluate(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", help="Folders of Dumplings files, emulations (.zip), ground truth (.jsonl)."
        ),
    ],
    out: Out = None,
) -> None:
    """Measure the heuristics on labelled Bitcoin data: CoinJoins, common inputs, change, clusters.

    Formats and public data sets: docs/accuracy.md.
    """
    import pandas as pd

    from tracer.evaluation.evaluate import evaluate as measure
    from tracer.export.standalone import ACCURACY

    session = session_of(context)
    with session.progress("measuring"):
        scores = measure(paths)
    frame = pd.DataFrame(
        [[getattr(s, name) for name in ACCURACY.names] for s in scores], columns=[*ACCURACY.names]
    )
    if out is not None:
        from tracer.export import write_csv

        written = write_csv(out, ACCURACY, frame)
        line(f"wrote {clean(written.path)}: {plural(written.rows or 0, 'row')}")
    if session.json:
        print_json(records(frame))
    else:
        table(_SHOWN, frame[[*_SHOWN]].itertuples(index=False), right=_SHOWN[3:])
