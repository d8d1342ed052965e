"""A provider that forgets a payment is told by the other end of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.anvil import Anvil
from tests.servers.etherscan import EtherscanStandIn
from tests.servers.explored import Explored, explore
from tests.servers.standin import Asked, Reply, stand_in
from tests.test_collect import CHAIN, ETHER, EXCHANGE, hop, new_case, node, run
from tracer.case import Case
from tracer.chains.endpoint import Endpoint
from tracer.collecting.budget import Budget

__all__ = ["node"]

FORGOTTEN = hop(1, 0)
NOTHING = {"status": "0", "message": "No transactions found", "result": []}


@pytest.fixture(scope="module")
def explored(node: Anvil) -> Explored:
    return explore(node)


def collected(explored: Explored, folder: Path, forgotten: str = "") -> Case:
    """The dispersal from an explorer on a free plan, which tells no balances of the past."""
    explorer = EtherscanStandIn(explored, paid=False)

    def answer(asked: Asked) -> Reply:
        about = asked.params.get("address", "").lower()
        return Reply(NOTHING if forgotten and about == forgotten else explorer.answer(asked.params))

    with stand_in(answer) as server:
        where = Endpoint("explorer", "etherscan", CHAIN, server.url + "/v2/api", 0, 4)
        case = new_case(folder)
        assert run(case, where, Budget()).finished
    return case


def lacking(case: Case) -> list[str]:
    gaps = case.gaps()
    return [str(a).lower() for a in gaps[gaps["code"] == "history_lacks"]["address"]]


def test_where_nothing_is_forgotten_nothing_lacks(explored: Explored, tmp_path: Path) -> None:
    assert lacking(collected(explored, tmp_path)) == []


def test_a_payee_whose_history_does_not_know_its_payment_is_a_gap(explored: Explored, tmp_path: Path) -> None:
    """Else 10 ETH would seem to rest there untouched, which is what an investigator acts upon."""
    case = collected(explored, tmp_path, FORGOTTEN)
    assert lacking(case) == [FORGOTTEN]
    ends = case.endpoints()
    (end,) = ends[ends["address"].str.lower() == FORGOTTEN].to_dict("records")
    assert int(end["taint_raw"]) == 10 * ETHER
    assert end["still_there"] == "unknown"


def test_a_payer_whose_history_does_not_know_its_payment_is_one_too(
    explored: Explored, tmp_path: Path
) -> None:
    case = collected(explored, tmp_path, EXCHANGE)
    assert lacking(case) == [EXCHANGE]
