"""Heuristics against wallets that are not ours: litecoind chooses coins and change, and says whose they are."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import require
from tests.servers.litecoin import binaries
from tools.emulate_wallets import emulate
from tools.emulation.network import running_network
from tracer.clusters.bitcoin import bitcoin_links
from tracer.clusters.history import History
from tracer.evaluation.evaluate import evaluate
from tracer.evaluation.labelled import GroundTruth, read_labelled


@dataclass(frozen=True)
class Emulation:
    """What was written, and what was done: txid -> act."""

    file: Path
    truth: GroundTruth
    acts: dict[str, str]


@pytest.fixture(scope="module")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Emulation:
    """A small life of wallets; the seed plans it, but does not choose the coins."""
    program = require("litecoind", binaries()[0])
    with running_network(program) as network:
        lines = emulate(network, seed=1, plan="people", transactions=140, people=5)
    file = tmp_path_factory.mktemp("emulated") / "wallets.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    rows = map(json.loads, lines)
    return Emulation(file, read_labelled(file), {row["txid"]: row["act"] for row in rows if "act" in row})


def test_every_coin_has_an_owner_but_shared_ones(emulation: Emulation) -> None:
    acts = Counter(emulation.acts.values())
    assert sum(acts.values()) >= 140
    assert {"payment", "joinmarket", "withdrawals"} <= acts.keys()
    for transaction in emulation.truth.transactions:
        ownerless = [
            o for o in transaction.outputs if o.amount and transaction.owner(o) not in emulation.truth.owners
        ]
        shared = emulation.acts.get(transaction.txid) == "escrow"
        assert len(ownerless) == shared, transaction.txid


def test_what_joins_addresses_joins_one_owner(emulation: Emulation) -> None:
    """But for transactions of several that look like one owner's work (docs/accuracy.md): PayJoins, escrows."""
    truth = emulation.truth
    links = [
        link
        for link in bitcoin_links(History(truth.transactions)).links
        if emulation.acts[link.tx] not in {"payjoin", "escrow"}
    ]
    right = [
        link for link in links if len({truth.owners[name.split(":", 2)[2]] for name in (link.a, link.b)}) == 1
    ]
    assert len(links) > 50
    assert len(right) * 100 >= len(links) * 95


def test_coinjoins_of_joinmarket_are_told_from_payouts(emulation: Emulation) -> None:
    """Accidents of amounts remain: one payout of the shape in some fifty has a change that looks earned."""
    scores = {score.heuristic: score for score in evaluate([emulation.file])}
    joinmarket = scores["joinmarket"]
    assert joinmarket.positives >= 2
    assert joinmarket.found - joinmarket.right <= 2
    assert joinmarket.right * 2 > joinmarket.positives
    assert scores["clusters"].positives > 1_000
