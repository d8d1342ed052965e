"""CoinJoin detection against labelled transactions: one row for each kind, by the labels as published and by shape.

And two that need no labels: how many of JoinMarket's kind were called so by accident, and how many split into parties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from tracer.clusters.coinjoin import CoinJoin, classify
from tracer.clusters.joinmarket import chance, joinmarket, joinmarket_shaped
from tracer.clusters.shape import Shape
from tracer.evaluation.dumplings import read_dumplings
from tracer.evaluation.labels import label_of, misplaced
from tracer.evaluation.score import Score
from tracer.evaluation.split import splits
from tracer.utxo import UtxoTransaction

__all__ = ["Labelled", "coincidence_score", "dumplings_scores", "kind_scores", "party_score", "read_folder"]

_SOURCE = "Dumplings exports, crocs-muni/coinjoin-analysis"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A transaction with the kinds that its labels give it (a line may stand in several files)."""

    transaction: UtxoTransaction
    labels: frozenset[CoinJoin]


def dumplings_scores(folder: Path) -> list[Score]:
    """The rows of all files of Dumplings under a folder, whatever its depth; none if there are no such files."""
    labelled = read_folder(folder)
    if not labelled:
        return []
    scores = kind_scores(labelled, folder.name, _SOURCE, by_shape=True)
    transactions = [row.transaction for row in labelled]
    unlabelled = (measure(transactions, folder.name, _SOURCE) for measure in (coincidence_score, party_score))
    return [*scores, *(score for score in unlabelled if score is not None)]


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


def coincidence_score(transactions: Iterable[UtxoTransaction], data_set: str, source: str) -> Score | None:
    """What of `joinmarket` can be accident, estimated without labels; None if no transaction is of its shape.

    The rule asks for change that a maker earned. Where nobody did, such change turns up by accident with the
    probability p of `chance`, so that for each transaction which fits but for it, p / (1 - p) others passed by accident
    (an estimate of false discoveries by decoys, as in Elias and Gygi, Nature Methods 4, 2007). Rounded up.
    negatives: the transactions that fit but for it.
    """
    found, expected, without = 0, Fraction(0), 0
    for transaction in transactions:
        shape = Shape(transaction)
        if joinmarket_shaped(shape):
            if joinmarket(shape) is None:
                odds = chance(shape)
                without += 1
                expected += odds / (1 - odds) if odds < 1 else 1
            elif classify(transaction).kind == CoinJoin.JOINMARKET:
                found += 1
    if not found and not without:
        return None
    right = max(0, found - ceil(expected))
    return Score("joinmarket", data_set, "by coincidence", 0, without, found, right, source=source)


def party_score(transactions: Iterable[UtxoTransaction], data_set: str, source: str) -> Score | None:
    """What of `joinmarket` splits into parties to the last coin (`tracer.evaluation.split`), which the rule never asks.

    right: those that split, less as many as accident splits, rounded up: the share of them that also splits with
    another value in place of the equal one. negatives: transactions of the same shape that do not split. set_aside:
    those with too many coins to tell. None if nothing can be told.
    """
    found, split, negatives, aside = 0, 0, 0, 0
    tried, by_accident = 0, 0
    for transaction in transactions:
        called = classify(transaction).kind == CoinJoin.JOINMARKET
        if not called and not joinmarket_shaped(Shape(transaction)):
            continue
        parties = splits(transaction)
        if not called:
            negatives += parties is False
        elif parties is None:
            aside += 1
        else:
            found += 1
            split += parties
            others = [splits(transaction, decoy) for decoy in _decoys(Shape(transaction).equal_value)]
            tried += sum(other is not None for other in others)
            by_accident += sum(other is True for other in others)
    if not found and not negatives:
        return None
    right = max(0, split - ceil(Fraction(split * by_accident, tried))) if tried else split
    return Score(
        "joinmarket", data_set, "by parties", 0, negatives, found, right, set_aside=aside, source=source
    )


def _decoys(equal: int) -> list[int]:
    """Values in which nobody joined, 5 % to 20 % away."""
    return [equal + equal * percent // 100 for percent in (-20, -10, -5, 5, 10, 20)]


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
