"""`tracer evaluate`: how often the heuristics err, on labelled data that the user has. Belongs to no case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracer.cli.options import Out
from tracer.cli.say import clean, line, plural, print_json, records, table
from tracer.cli.session import session_of
from tracer.errors import InputError

__all__ = ["register"]

_SHOWN = ("heuristic", "data_set", "labels", "positives", "found", "right", "precision", "recall", "coverage")


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("evaluate")(evaluate)


def evaluate(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Folders of Dumplings files, emulations (.zip), ground truth (.jsonl)."
        ),
    ] = None,
    planted: Annotated[
        int,
        typer.Option(
            "--planted",
            metavar="N",
            min=0,
            help="So many made histories of an account chain, and 200 made CoinJoins for each, with known truth.",
        ),
    ] = 0,
    out: Out = None,
) -> None:
    """Measure the heuristics on data whose truth is known.

    Labelled Bitcoin data of yours: CoinJoins, common inputs, change, clusters. Planted histories of account chains:
    deposit addresses, gas, sweeps, series; planted CoinJoins: whose change is whose.

    Formats and public data sets: docs/accuracy.md.
    """
    import pandas as pd

    from tracer.evaluation.accounts import planted_scores
    from tracer.evaluation.evaluate import evaluate as measure
    from tracer.evaluation.mix_change import change_scores
    from tracer.export.standalone import ACCURACY

    if not paths and not planted:
        raise InputError("There is nothing to measure on.", "Name labelled data, or give --planted 5.")
    session = session_of(context)
    with session.progress("measuring"):
        scores = measure(paths or [])
        numbers = range(1, planted + 1)
        scores += [*planted_scores(numbers), *change_scores(numbers)] if planted else []
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
