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
from tracer.clusters.coinjoin import classify
from tracer.clusters.history import History
from tracer.clusters.joinmarket import joinmarket_shaped
from tracer.clusters.link import Link
from tracer.clusters.shape import Shape
from tracer.evaluation.evaluate import evaluate
from tracer.evaluation.labelled import GroundTruth, read_labelled

RECORDED = Path(__file__).parent / "ground_truth" / "node_wallets.jsonl"
"""python tools/emulate_wallets.py --seed 7 --people 5 --transactions 170"""


@dataclass(frozen=True)
class Emulation:
    """What was written, and what was done: txid -> act."""

    file: Path
    truth: GroundTruth
    acts: dict[str, str]


def read_emulation(file: Path) -> Emulation:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return Emulation(file, read_labelled(file), {row["txid"]: row["act"] for row in rows if "act" in row})


@pytest.fixture(scope="module")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Emulation:
    """A small life of wallets; the seed plans it, but does not choose the coins."""
    program = require("litecoind", binaries()[0])
    with running_network(program) as network:
        lines = emulate(network, seed=1, plan="people", transactions=140, people=5)
    file = tmp_path_factory.mktemp("emulated") / "wallets.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_emulation(file)


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


def joining(emulation: Emulation) -> tuple[list[Link], list[Link]]:
    """Links that stand: all, and those between addresses of two owners."""
    owners = emulation.truth.owners
    links = list(bitcoin_links(History(emulation.truth.transactions)).links)
    return links, [k for k in links if len({owners[name.split(":", 2)[2]] for name in (k.a, k.b)}) > 1]


def test_what_joins_addresses_joins_one_owner(emulation: Emulation) -> None:
    """But for PayJoins that look like one owner's payment (docs/accuracy.md)."""
    links, wrong = joining(emulation)
    unexpected = [link for link in wrong if emulation.acts[link.tx] != "payjoin"]
    assert len(links) > 50
    assert len(unexpected) * 100 <= len(links) * 5  # the node's own chance is in it


def test_no_link_of_a_recorded_life_is_wrong() -> None:
    links, wrong = joining(read_emulation(RECORDED))
    assert wrong == []
    assert Counter(link.rule for link in links) == {"common_input": 113, "change": 35}


def test_recorded_coinjoins_are_found_and_payouts_of_their_shape_are_not() -> None:
    recorded = read_emulation(RECORDED)
    called = Counter(
        (recorded.acts[t.txid], classify(t).kind.value)
        for t in recorded.truth.transactions
        if t.txid in recorded.acts and joinmarket_shaped(Shape(t))
    )
    assert called == {
        ("joinmarket", "joinmarket"): 12,
        ("joinmarket", "other_coinjoin"): 1,  # one earned change only, which may be an accident
        ("equal withdrawals", "none"): 2,
        ("equal parts", "none"): 3,
        ("mock mix", "none"): 2,
    }


def test_coinjoins_of_joinmarket_are_told_from_payouts(emulation: Emulation) -> None:
    """Accidents of amounts remain: one payout of the shape in some fifty has a change that looks earned."""
    scores = {score.heuristic: score for score in evaluate([emulation.file])}
    joinmarket = scores["joinmarket"]
    assert joinmarket.positives >= 2
    assert joinmarket.found - joinmarket.right <= 2
    assert joinmarket.right * 2 > joinmarket.positives
    assert scores["clusters"].positives > 1_000
