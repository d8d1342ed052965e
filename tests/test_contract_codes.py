"""Deposit addresses that are contracts, on a real chain: their code is read by every kind of provider, kept with their
history, and told again from the archive; and it is asked of nobody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evm_programs import CLONER, PAYER, UPGRADEABLE, calls, clone, deployment, forwarder
from tests.servers.anvil import FIRST_TIME, Anvil, running
from tests.servers.explored import Explored, explore
from tests.servers.standin import stand_in
from tests.test_adapters import Asking, read
from tests.test_collect import CHAIN, ETHER, NOW, endpoint, run
from tests.test_collect_whole import Explorers
from tests.test_explorers import BLOCKSCOUT, ETHERSCAN
from tests.test_replay import tracer
from tracer.case import Case
from tracer.chains import evm_code
from tracer.chains.adapter import Span
from tracer.chains.etl_formats import creation_address
from tracer.chains.jsonrpc import JsonRpc
from tracer.collecting.budget import Budget
from tracer.collecting.manifest import read_manifest, write_manifest
from tracer.errors import NotAskedError
from tracer.replay import replay

THIEF, HOT, SWEEPER, OWNER, RELAYER = (f"0x{n:02x}" + "0" * 36 + "77" for n in range(0xA1, 0xA6))
FACTORY, IMPLEMENTATION, WALLETS = (f"0x{n:02x}" + "0" * 36 + "88" for n in range(0xB1, 0xB4))
WALLET, PLAIN, LENT = (f"0x{n:02x}" + "0" * 36 + "99" for n in range(0xC1, 0xC4))
CLONES = [creation_address(FACTORY, n) for n in (1, 2, 3)]
RICH = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"  # has coin from the first block of an anvil on
PRICE = 3
LEFT = 10**7  # wei that a plain account leaves for its fee
CODES = {
    **dict.fromkeys(CLONES, f"eip1167:{IMPLEMENTATION}"),
    WALLET: f"delegating:{hashlib.sha256(UPGRADEABLE).hexdigest()}",
    LENT: f"eip7702:{WALLETS}",
}


@pytest.fixture(scope="module")
def node(anvil_binary: Path) -> Iterator[Anvil]:
    """The thief pays three clones, a wallet, a plain account and one that lent itself code; each pays the exchange."""
    with running(anvil_binary) as server:
        for payer in (THIEF, SWEEPER, OWNER, RELAYER):
            server.send(RICH, payer, 100 * ETHER, price=PRICE)
        server.mine(FIRST_TIME + 10)
        server.install(FACTORY, CLONER)
        server.call("anvil_setNonce", FACTORY, "0x1")  # as contracts begin (EIP-161)
        server.install(IMPLEMENTATION, forwarder(HOT))
        server.install(WALLETS, PAYER)
        server.install(WALLET, UPGRADEABLE)
        server.call("anvil_setStorageAt", WALLET, "0x0", f"0x{int(WALLETS, 16):064x}")
        server.install(LENT, bytes.fromhex(f"ef0100{WALLETS[2:]}"))
        for _ in CLONES:
            server.send(SWEEPER, FACTORY, 0, deployment(clone(IMPLEMENTATION)), price=PRICE)
        server.mine()
        for n, payee in enumerate([*CLONES, WALLET, PLAIN, LENT], start=1):
            server.send(THIEF, payee, n * ETHER, price=PRICE)
        server.mine()
        for contract in CLONES:
            server.send(SWEEPER, contract, 0, "0x01", price=PRICE)
        server.send(OWNER, WALLET, 0, calls((HOT, 4 * ETHER, "0x")), price=PRICE)
        server.send(PLAIN, HOT, 5 * ETHER - LEFT, price=PRICE)
        server.send(RELAYER, LENT, 0, calls((HOT, 6 * ETHER, "0x")), price=PRICE)
        server.mine()
        assert int(str(server.call("eth_getBalance", HOT, "latest")), 16) == 21 * ETHER - LEFT
        server.call("anvil_mine", hex(70))
        yield server


@pytest.fixture(scope="module")
def chain(node: Anvil) -> Explored:
    return explore(node)


Kind = str
KINDS = ("jsonrpc", "etherscan", "blockscout")


def collected(folder: Path, kind: Kind, node: Anvil, chain: Explored, name: str = "theft") -> Case:
    case = Case.create(name, folder, clock=lambda: NOW)
    case.add_seed(THIEF)
    case.label(HOT, "Exchange", category="exchange", confidence=95)
    with ExitStack() as opened:
        where = endpoint(node)
        if kind != "jsonrpc":
            explorer = Explorers(kind, chain)
            where = explorer.endpoint(opened.enter_context(stand_in(explorer.reply)).url)
        done = run(case, where, Budget())
    assert (done.failed, done.finished) == (0, True)
    return case


@pytest.fixture(scope="module", params=KINDS)
def case(
    request: pytest.FixtureRequest, node: Anvil, chain: Explored, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    return collected(tmp_path_factory.mktemp(request.param), request.param, node, chain)


def by_address(case: Case) -> dict[str, tuple[int, str, int, str]]:
    found = case.deposits()
    columns = (found[name] for name in ("confidence", "contract_code", "same_code", "stop"))
    return dict(zip(found["deposit"].str.lower(), zip(*columns, strict=True), strict=True))


def test_the_code_of_contracts_is_known_and_three_of_one_factory_are_forwarders(case: Case) -> None:
    histories = case.histories()
    told = dict(zip(histories["address"].str.lower(), histories["contract_code"], strict=True))
    assert {address: code for address, code in told.items() if code} == CODES
    assert by_address(case) == {
        **{contract: (90, CODES[contract], 2, "DEPOSIT") for contract in CLONES},
        WALLET: (60, CODES[WALLET], 0, "DEPOSIT"),
        PLAIN: (60, "", 0, "DEPOSIT"),
        LENT: (60, CODES[LENT], 0, "DEPOSIT"),
    }
    [gap] = [g for g in case.tracing().all_gaps if g.code == "deposit_address" and g.address == CLONES[0]]
    assert f"a minimal proxy of {IMPLEMENTATION}" in gap.message
    assert f"all by the signature of {SWEEPER}" in gap.message
    assert not [g for g in case.tracing().all_gaps if g.code == "code_unknown"]


def test_codes_are_told_again_from_the_archive_to_the_byte(case: Case, tmp_path: Path) -> None:
    case.export(tmp_path / "one")
    done = tracer(case.workspace.root, "replay", "theft", "--against", str(tmp_path / "one"))
    assert done.exit_code == 0, done.output
    assert "eip1167:" in (tmp_path / "one" / "histories.csv").read_text()


def test_a_changed_code_in_the_list_of_histories_is_noticed(case: Case) -> None:
    archive = case.workspace.archive
    entries = read_manifest(archive.read(case.file.manifest))
    changed = [replace(e, code=CODES[WALLET]) if e.address == CLONES[0] else e for e in entries]
    manifest = archive.put(write_manifest(changed))
    before = case.file.manifest
    case.update(lambda file: replace(file, manifest=manifest))
    try:
        with replay(case) as (found, _):
            problems = {r.name: r.problem for r in found if r.problem}
    finally:
        case.update(lambda file: replace(file, manifest=before))
    assert list(problems) == [f"{CHAIN}:{CLONES[0]}"]
    assert "The list of histories says something else" in problems[f"{CHAIN}:{CLONES[0]}"]


def test_a_second_case_takes_the_code_with_the_history(node: Anvil, chain: Explored, tmp_path: Path) -> None:
    one = collected(tmp_path, "jsonrpc", node, chain)
    two = collected(tmp_path, "jsonrpc", node, chain, "second")
    assert two.file.manifest == one.file.manifest
    assert by_address(two) == by_address(one)


def ask_of(kind: Kind, node: Anvil, chain: Explored) -> tuple[Any, Any]:
    if kind == "jsonrpc":
        return JsonRpc(endpoint(node)), Asking(node)
    explorer = {"etherscan": ETHERSCAN, "blockscout": BLOCKSCOUT}[kind]
    return explorer.adapter(), explorer.stand_in(chain)


def is_code(request: Any) -> bool:
    return (
        b"eth_getCode" in request.body or "eth_getCode" in request.text or "smart-contracts" in request.path
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_who_pays_without_signing_is_asked_for_its_code_and_once(
    kind: Kind, node: Anvil, chain: Explored
) -> None:
    for address in (THIEF, PLAIN, HOT, SWEEPER, OWNER, *CODES):
        adapter, ask = ask_of(kind, node, chain)
        asked: list[Any] = ask.requests if kind == "jsonrpc" else ask.asked
        told = asyncio.run(adapter.history(ask, address, Span(0, 4), 100))
        assert sum(map(is_code, asked)) == (address in CODES), address
        assert told.code == CODES.get(address, "")
        if kind != "blockscout":  # its answers name no block
            assert all(request.settled for request in asked if is_code(request))


def refusing(kind: Kind, node: Anvil, chain: Explored) -> Any:
    if kind == "jsonrpc":
        return Asking(node, ("eth_getCode",))
    if kind == "etherscan":
        return ETHERSCAN.stand_in(chain, refuse={"eth_getCode": "Missing Or invalid Action name"})
    words = json.dumps({"message": "Not available on this instance"}).encode()
    return BLOCKSCOUT.stand_in(
        chain, spoil=lambda path, _, body: words if "smart-contracts" in path else body
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_does_not_tell_breaks_nothing_and_is_said(
    kind: Kind, node: Anvil, chain: Explored
) -> None:
    adapter, ask = ask_of(kind, node, chain)
    right = asyncio.run(adapter.history(ask, CLONES[0], Span(0, 4), 100))
    told = asyncio.run(adapter.history(refusing(kind, node, chain), CLONES[0], Span(0, 4), 100))
    assert (told.code, told.complete) == ("", right.complete)
    assert told.table.equals(right.table)
    [gap] = set(told.gaps) - set(right.gaps)
    assert (gap.code, gap.status, gap.address) == ("code_unknown", "assumption", CLONES[0])
    plain = asyncio.run(adapter.history(refusing(kind, node, chain), PLAIN, Span(0, 4), 100))
    assert not [gap for gap in plain.gaps if gap.code == "code_unknown"]


def forgetting(method: str, params: list[object], result: object) -> object:
    return ValueError("missing trie node") if method == "eth_getCode" and params[1] != "latest" else result


def test_a_node_that_has_forgotten_the_block_tells_the_code_of_now(node: Anvil) -> None:
    told = read(node, CLONES[0], 0, 4, Asking(node, change=forgetting))
    assert (told.code, told.complete) == (CODES[CLONES[0]], True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_history_from_before_is_read_again_as_it_was(kind: Kind, node: Anvil, chain: Explored) -> None:
    adapter, ask = ask_of(kind, node, chain)

    async def old(request: Any) -> bytes:
        if is_code(request):
            raise NotAskedError("not asked")
        return bytes(await ask(request))

    told = asyncio.run(adapter.history(old, CLONES[0], Span(0, 4), 100))
    right = asyncio.run(adapter.history(ask, CLONES[0], Span(0, 4), 100))
    assert replace(told, code=right.code, table=right.table) == right
    assert told.table.equals(right.table)
    assert told.code == ""


def test_a_case_from_before_is_replayed_as_it_was(
    node: Anvil, chain: Explored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(evm_code, "may_be_contract", lambda *_: False)
        case = collected(tmp_path / "w", "jsonrpc", node, chain)
    assert by_address(case) == dict.fromkeys((*CODES, PLAIN), (60, "", 0, "DEPOSIT"))
    assert b"code" not in case.workspace.archive.read(case.file.manifest)
    with replay(case) as (found, rebuilt):
        assert [r.problem for r in found if r.problem] == []
        assert rebuilt.deposits().equals(case.deposits())


def test_a_safe_is_its_owners(
    node: Anvil, chain: Explored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evm_code, "_SAFES", {hashlib.sha256(UPGRADEABLE).hexdigest()})
    found = by_address(collected(tmp_path / "w", "jsonrpc", node, chain))
    assert WALLET not in found
    assert set(found) == {*CODES, PLAIN} - {WALLET}
