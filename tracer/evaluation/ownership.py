"""Clustering against wallets whose owners are known: of the pairs that were joined, how many are one owner's.

Pairs are counted among the addresses with a known owner. The first row is common-input ownership with no regard to
CoinJoins, as many tools apply it: what the filter is worth.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tracer.clusters import Link, components
from tracer.clusters.bitcoin import bitcoin_links
from tracer.clusters.history import History
from tracer.clusters.peel import follow_peel
from tracer.evaluation.emulation import read_emulation
from tracer.evaluation.score import Score
from tracer.utxo import UtxoTransaction

__all__ = ["emulation_scores", "ownership_scores"]

_SOURCE = "emulation of Wasabi 2 wallets, crocs-muni"


def emulation_scores(path: Path) -> list[Score]:
    """The rows of every run in an archive."""
    scores = []
    for run in read_emulation(path):
        history = History(run.transactions)
        scores += [
            _joint_score(history, run.owners, run.name),
            *ownership_scores(history, run.owners, run.name, _SOURCE),
        ]
    return scores


def ownership_scores(history: History, owners: Mapping[str, str], data_set: str, source: str) -> list[Score]:
    """Rows for each rule, all of them, and the naive one. owners: owner of coin (`Input.owner`) -> who that is."""
    found = bitcoin_links(history)
    known = {
        f"{t.chain}:{owner}": owners[owner]
        for t in history.transactions
        for owner in (*(i.owner for i in t.inputs), *(t.owner(o) for o in t.outputs))
        if owner in owners
    }
    sets = {
        "common_input without CoinJoin rules": _naive(history.transactions),
        "common_input": [link for link in found.links if link.rule == "common_input"],
        "change": [link for link in found.links if link.rule == "change"],
        "clusters": list(found.links),
    }
    scores = [_score(name, links, known, data_set, source) for name, links in sets.items()]
    return [*scores, _peel_score(history, owners, data_set, source)]


def _score(name: str, links: Iterable[Link], known: Mapping[str, str], data_set: str, source: str) -> Score:
    together = components(links)
    clusters: dict[str, Counter[str]] = defaultdict(Counter)
    for address, owner in known.items():
        clusters[together.cluster_of(address)][owner] += 1
    joined = [members for members in clusters.values() if members.total() > 1]
    covered = sum(members.total() for members in joined)
    return Score(
        name,
        data_set,
        "true",
        sum(map(_pairs, Counter(known.values()).values())),
        0,
        sum(_pairs(members.total()) for members in joined),
        sum(_pairs(count) for members in joined for count in members.values()),
        linked=covered,
        known=len(known),
        source=source,
    )


def _peel_score(history: History, owners: Mapping[str, str], data_set: str, source: str) -> Score:
    """Hops of peel chains: of those that were followed, how many lead to an output of whoever paid.

    positives: payments of one owner among whose outputs is one of its own. A chain is followed from every transaction
    that is no hop of an earlier one.
    """
    hops: dict[str, int] = {}
    for transaction in history.transactions:
        if transaction.txid not in hops and not transaction.coinbase:
            hops |= {hop.txid: hop.change for hop in follow_peel(transaction, history)[0]}
    back = {t.txid: _own_outputs(t, owners) for t in history.transactions}
    right = sum(change in back[txid] for txid, change in hops.items())
    return Score(
        "peel_chain", data_set, "true", sum(map(bool, back.values())), 0, len(hops), right, source=source
    )


def _own_outputs(transaction: UtxoTransaction, owners: Mapping[str, str]) -> set[int]:
    """The outputs, of several, that go back to the one owner who pays; none if that is not known."""
    payers = {owners.get(i.owner) for i in transaction.inputs}
    if len(payers) != 1 or None in payers or len(transaction.outputs) < 2:
        return set()
    return {o.vout for o in transaction.outputs if owners.get(transaction.owner(o)) in payers}


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _naive(transactions: Iterable[UtxoTransaction]) -> list[Link]:
    links = []
    for transaction in transactions:
        owners = list(dict.fromkeys(f"{transaction.chain}:{i.owner}" for i in transaction.inputs))
        links += [Link(owners[0], other, "common_input", transaction.txid) for other in owners[1:]]
    return links


def _joint_score(history: History, owners: Mapping[str, str], data_set: str) -> Score:
    """CoinJoin detection, of any kind: joint are the transactions that spend coin of two owners or more."""
    joint = {
        t.txid
        for t in history.transactions
        if len({owners[i.owner] for i in t.inputs if i.owner in owners}) > 1
    }
    return Score(
        "any CoinJoin",
        data_set,
        "true",
        len(joint),
        len(history.transactions) - len(joint),
        len(history.mixed),
        len(history.mixed & joint),
        source=_SOURCE,
    )
