"""Every heuristic on Bitcoin against the labelled data that a user has: folders and files to rows of accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tracer.clusters.history import History
from tracer.errors import InputError, shown
from tracer.evaluation.coinjoins import Labelled, dumplings_scores, kind_scores
from tracer.evaluation.labelled import read_labelled
from tracer.evaluation.ownership import emulation_scores, ownership_scores
from tracer.evaluation.score import Score

__all__ = ["evaluate"]

_SUFFIXES = (".jsonl", ".zip")


def evaluate(paths: Iterable[Path]) -> list[Score]:
    """The rows for all data under the paths, in their order.

    A folder: files of Dumplings anywhere in it, emulations (`.zip`) and ground truth (`.jsonl`). Raises InputError for
    a path without any of these.
    """
    scores = []
    for path in paths:
        found = list(_scores(path))
        if not found:
            raise InputError(
                f"{shown(path)} holds no labelled data.",
                "Give a folder of Dumplings files, an emulation (.zip) or ground truth (.jsonl): docs/accuracy.md.",
            )
        scores += found
    return scores


def _scores(path: Path) -> Iterator[Score]:
    if path.is_dir():
        yield from dumplings_scores(path)
        for inner in sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file()):
            yield from _scores(inner)
    elif path.suffix == ".zip" and path.is_file():
        yield from emulation_scores(path)
    elif path.suffix == ".jsonl":
        truth = read_labelled(path)
        labelled = [
            Labelled(t, frozenset({truth.kinds[t.txid]})) for t in truth.transactions if t.txid in truth.kinds
        ]
        yield from kind_scores(labelled, path.stem, path.name, by_shape=False)
        if truth.owners:
            yield from ownership_scores(History(truth.transactions), truth.owners, path.stem, path.name)
