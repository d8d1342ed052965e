"""The code of contracts by name, of whom it is asked, and what a provider that does not tell leaves behind."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from tests.evm_programs import DELEGATOR, EMITTER, PAYER, assemble
from tracer.chains import evm_code
from tracer.chains.evm_code import CodeKind, kind_of, may_be_contract, name_of, read_code
from tracer.chains.evm_movements import Row
from tracer.errors import NotAskedError, ProviderError
from tracer.model import NATIVE, Kind

LENDER = "ab" * 20
CLONE = f"363d3d373d3d3d363d73{LENDER}5af43d82803e903d91602b57fd5bf3"
# runs the code of one address, which stands in its own
DEPOSIT = assemble(f"CALLDATASIZE 0 0 CALLDATACOPY 0 0 CALLDATASIZE 0 0x{LENDER} GAS DELEGATECALL STOP")
STORED = assemble("0 0 0 0 0 SLOAD GAS DELEGATECALL STOP")  # a proxy whose slot 0 says whose code it runs
SWEEPER = assemble("0 0 0 0 ADDRESS 0 SLOAD GAS CALL STOP")  # pays whom its slot 0 names


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", None),
        (f"ef0100{LENDER}", CodeKind.LENT),
        (CLONE, CodeKind.CLONE),
        (CLONE + "00", CodeKind.SETTLED),
        (STORED.hex(), CodeKind.DELEGATING),
        (SWEEPER.hex(), CodeKind.SETTLED),
        (DELEGATOR.hex(), CodeKind.DELEGATING),  # whoever calls it says whose
        (DEPOSIT.hex(), CodeKind.SETTLED),
        (PAYER.hex(), CodeKind.SETTLED),
        (EMITTER.hex(), CodeKind.SETTLED),
    ],
    ids=[
        "none",
        "lent",
        "clone",
        "longer",
        "stored",
        "sweeper",
        "told",
        "deposit",
        "payer",
        "emitter",
    ],
)
def test_a_code_has_a_kind(code: str, kind: CodeKind | None) -> None:
    assert kind_of(name_of(bytes.fromhex(code))) == kind


def test_a_name_says_whose_code_runs_or_which_it_is() -> None:
    assert name_of(b"") == ""
    assert name_of(bytes.fromhex(f"ef0100{LENDER}")) == f"eip7702:0x{LENDER}"
    assert name_of(bytes.fromhex(CLONE)) == f"eip1167:0x{LENDER}"
    assert name_of(SWEEPER) == f"sha256:{hashlib.sha256(SWEEPER).hexdigest()}"
    assert name_of(SWEEPER) != name_of(SWEEPER + b"\0")


def test_what_a_compiler_notes_behind_the_code_is_no_code() -> None:
    noted = SWEEPER + bytes.fromhex("fe" + "f4" * 40)
    assert kind_of(name_of(noted)) == CodeKind.SETTLED
    reached = SWEEPER + bytes.fromhex("fe5b" + "f4" * 40)  # somebody may jump there
    assert kind_of(name_of(reached)) == CodeKind.DELEGATING
    assert (
        kind_of(name_of(SWEEPER + bytes.fromhex("5b61f4f400"))) == CodeKind.SETTLED
    )  # a number that is pushed


def test_a_safe_is_known_whatever_build_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = [STORED + note + len(note).to_bytes(2, "big") for note in (b"one build", b"another")]
    assert [kind_of(name_of(code)) for code in noted] == [CodeKind.DELEGATING] * 2
    monkeypatch.setattr(evm_code, "_SAFES", {hashlib.sha256(STORED).hexdigest()})
    assert [kind_of(name_of(code)) for code in noted] == [CodeKind.SAFE] * 2
    assert name_of(noted[0]) != name_of(noted[1])
    assert kind_of(name_of(STORED)) == CodeKind.SAFE  # without a note: its last bytes are no length


def row(tx: str, sender: str, to: str, kind: Kind, amount: int = 1, asset: str = NATIVE) -> Row:
    position = {Kind.FEE: 0, Kind.NATIVE: 1, Kind.INTERNAL: 2}.get(kind, 100)
    return Row(1, 0, position, tx, sender, to, asset, amount, kind, 0)


SIGNED = [row("0x1", "A", "", Kind.FEE), row("0x1", "A", "B", Kind.NATIVE)]
PAID = [row("0x2", "S", "A", Kind.NATIVE)]
SWEPT = [
    row("0x3", "S", "", Kind.FEE),
    row("0x3", "S", "A", Kind.NATIVE, 0),
    row("0x3", "A", "H", Kind.INTERNAL),
]
TAKEN = [row("0x4", "S", "", Kind.FEE), row("0x4", "A", "H", Kind.TOKEN, asset="0xt")]
POISON = [row("0x5", "S", "", Kind.FEE), row("0x5", "A", "H", Kind.TOKEN, 0, asset="0xt")]


@pytest.mark.parametrize(
    ("rows", "asks"),
    [
        ([*PAID, *SIGNED], False),
        (SIGNED[1:], False),  # without gas prices there is no fee
        (PAID, False),
        (SWEPT, True),
        (SWEPT[1:], True),
        ([*SIGNED, *SWEPT], True),  # EIP-7702: it has a key, and code
        (TAKEN, True),
        ([*SIGNED, *TAKEN], False),  # its owner let somebody take tokens
        (POISON, False),
    ],
    ids=["wallet", "no fee", "paid", "swept", "swept, no fee", "both", "taken", "let", "poison"],
)
def test_only_who_pays_without_signing_is_asked_for_its_code(rows: list[Row], asks: bool) -> None:
    assert may_be_contract(rows, "A") is asks
    asked = []

    async def ask() -> object:
        asked.append(1)
        return "0x" + CLONE

    found, gaps = asyncio.run(read_code("eip155:1", "A", rows, ask))
    assert (found, gaps, len(asked)) == (f"eip1167:0x{LENDER}" if asks else "", [], int(asks))


@pytest.mark.parametrize("answer", [None, 7, "0x1", "none"])
def test_who_does_not_tell_the_code_leaves_a_gap(answer: object) -> None:
    async def ask() -> object:
        return answer

    found, [gap] = asyncio.run(read_code("eip155:1", "A", SWEPT, ask))
    assert (found, gap.code, gap.status, gap.chain, gap.address) == (
        "",
        "code_unknown",
        "assumption",
        "eip155:1",
        "A",
    )


def test_an_old_recording_has_no_code_and_an_outage_is_an_error() -> None:
    async def old() -> object:
        raise NotAskedError("not asked")

    async def down() -> object:
        raise ProviderError("down")

    assert asyncio.run(read_code("eip155:1", "A", SWEPT, old)) == ("", [])
    with pytest.raises(ProviderError, match="down"):
        asyncio.run(read_code("eip155:1", "A", SWEPT, down))
