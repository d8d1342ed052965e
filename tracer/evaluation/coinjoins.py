"""CoinJoin detection against labelled transactions: one row for each kind, by the labels as published and by shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tracer.clusters.coinjoin import CoinJoin, classify
from tracer.evaluation.dumplings import read_dumplings
from tracer.evaluation.labels import label_of, misplaced
from tracer.evaluation.score import Score
from tracer.utxo import UtxoTransaction

__all__ = ["Labelled", "dumplings_scores", "kind_scores", "read_folder"]

_SOURCE = "Dumplings exports, crocs-muni/coinjoin-analysis"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A transaction with the kinds that its labels give it (a line may stand in several files)."""

    transaction: UtxoTransaction
    labels: frozenset[CoinJoin]


def dumplings_scores(folder: Path) -> list[Score]:
    """The rows of all files of Dumplings under a folder, whatever its depth; none if there are no such files."""
    labelled = read_folder(folder)
    return kind_scores(labelled, folder.name, _SOURCE, by_shape=True) if labelled else []


def read_folder(folder: Path) -> list[Labelled]:
    """The lines of all files of Dumplings under a folder, each txid once, in the order of the files' names."""
    found: dict[str, tuple[UtxoTransaction, set[CoinJoin]]] = {}
    for path in sorted(folder.rglob("*.txt")):
        label = label_of(path.parent.name, path.stem)
        if label is not None:
            for transaction in read_dumplings(path):
                found.setdefault(transaction.txid, (transaction, set()))[1].add(label)
    return [Labelled(transaction, frozenset(labels)) for transaction, labels in found.values()]


def kind_scores(labelled: Iterable[Labelled], data_set: str, source: str, *, by_shape: bool) -> list[Score]:
    """One row for every kind that some label gives. by_shape: and one without the lines that contradict their label."""
    rows = list(labelled)
    verdicts = {row.transaction.txid: classify(row.transaction).kind for row in rows}
    kinds = [kind for kind in CoinJoin if kind != CoinJoin.NONE and any(kind in row.labels for row in rows)]
    scores = []
    for kind in kinds:
        scores.append(_score(kind, rows, verdicts, data_set, "published" if by_shape else "true", source, 0))
        if by_shape:
            kept = [row for row in rows if not misplaced(row.transaction, row.labels, kind)]
            aside = len(rows) - len(kept)
            scores.append(_score(kind, kept, verdicts, data_set, "by shape", source, aside))
    return scores


def _score(
    kind: CoinJoin,
    rows: list[Labelled],
    verdicts: Mapping[str, CoinJoin],
    data_set: str,
    labels: str,
    source: str,
    aside: int,
) -> Score:
    positives = {row.transaction.txid for row in rows if kind in row.labels}
    found = {row.transaction.txid for row in rows if verdicts[row.transaction.txid] == kind}
    return Score(
        str(kind),
        data_set,
        labels,
        len(positives),
        len(rows) - len(positives),
        len(found),
        len(found & positives),
        aside,
        source=source,
    )
