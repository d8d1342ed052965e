"""Contracts of one code: what makes them a service's forwarders, and every wallet of persons that must not be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from tests.accounting import CHAIN, movement
from tests.test_deposits import ETH, Row, clusters
from tracer.cluster_tables import deposits_frame
from tracer.clusters.clustering import Clusters
from tracer.evaluation.planted_world import ENTRY_POINT
from tracer.ledger import build_ledger
from tracer.movements import from_rows

CLONE = "eip1167:0x" + "c" * 40
OTHER = "eip1167:0x" + "d" * 40
SETTLED = "sha256:" + "5" * 64


def once(name: str, at: int, payee: str = "H", signer: str = "S") -> list[tuple[Row, str]]:
    """A contract that is paid by somebody of its own and emptied once: rows, each with who signed it."""
    payer = f"U{name}"
    return [((at, payer, name, 5 * ETH), payer), ((at + 5, name, payee, 5 * ETH), signer)]


def known(signed: Sequence[tuple[Row, str]], codes: Mapping[str, str], **more) -> Clusters:
    """Clusters of rows with their signers, where the code of some addresses is known."""
    bare = clusters([row for row, _ in signed], **more)
    rows = [movement(2 * n, *row[1:4], *row[4:], tx=row[0]) for n, (row, _) in enumerate(signed)]
    signers = {row[0]: signer for row, signer in signed}
    rows += [
        movement(10**6 + tx, signer, "", 1, tx=tx, kind="fee", position=-1) for tx, signer in signers.items()
    ]
    given = {name: getattr(bare, name) for name in ("seeds", "unread", "decided", "rulings")}
    named = {(CHAIN, address): code for address, code in codes.items()}
    return Clusters(build_ledger([from_rows(rows)]), bare.book, **given, codes=named)


def sure(found: Clusters) -> dict[str, int]:
    return {found.ledger.addresses[d.address][1]: d.confidence for d in found.deposits}


def three(**more: str) -> list[tuple[Row, str]]:
    return [pair for n, name in enumerate("CDE") for pair in once(name, 10 * n, **more)]


ALL = dict.fromkeys("CDE", CLONE)


@pytest.mark.parametrize("code", [CLONE, SETTLED])
def test_three_contracts_of_one_code_and_one_hand_are_forwarders_from_the_first_payment_on(code: str) -> None:
    assert sure(known(three(), {})) == dict.fromkeys("CDE", 60)
    found = known(three(), dict.fromkeys("CDE", code))
    assert sure(found) == dict.fromkeys("CDE", 90)
    table = deposits_frame(found, lambda _, address: address)
    assert set(zip(table["deposit"], table["contract_code"], table["same_code"], strict=True)) == {
        (x, code, 2) for x in "CDE"
    }
    value = code.partition(":")[2]
    for text in (found.gaps[0].message, found.found.links[0].note):
        assert f"{value}) is that of 2 other contracts that only forward there" in text
        assert "all by the signature of S, who paid none of them" in text


def test_those_that_forward_as_they_are_paid_need_no_signer() -> None:
    signed = [((n, f"U{x}", x, ETH), f"U{x}") for n, x in enumerate("CDE")]
    signed += [((n, x, "H", ETH), f"U{x}") for n, x in enumerate("CDE")]
    assert sure(known(signed, {})) == dict.fromkeys("CDE", 60)
    found = known(signed, ALL)
    assert sure(found) == dict.fromkeys("CDE", 90)
    assert "each in the transaction that paid it" in found.gaps[0].message
    through = [*signed, *(((n, ENTRY_POINT, f"U{x}", 1), f"U{x}") for n, x in enumerate("CDE"))]
    assert sure(known(through, ALL)) == dict.fromkeys("CDE", 60)


def test_what_came_last_waits_for_the_same_hand() -> None:
    last: tuple[Row, str] = ((50, "V", "C", 9 * ETH), "V")
    assert sure(known([*three(), last], {}))["C"] == 40
    found = known([*three(), last], ALL)
    assert sure(found)["C"] == 90
    [gap] = [gap for gap in found.gaps if gap.address == "C"]
    assert f"Not forwarded yet when the history ends: {9 * ETH} smallest units of native" in gap.message


@pytest.mark.parametrize(
    ("why", "signed", "codes"),
    [
        ("two are too few", three()[:4], ALL),
        ("one has another code", three(), ALL | {"E": OTHER}),
        ("the code of one is not known", three(), {"C": CLONE, "D": CLONE}),
        (
            "keys of their own",
            [*once("C", 0, signer="OC"), *once("D", 10, signer="OD"), *once("E", 20, signer="OE")],
            ALL,
        ),
        ("it leaves open what it does", three(), dict.fromkeys("CDE", "delegating:" + "0" * 64)),
        ("accounts with a key", three(), dict.fromkeys("CDE", "eip7702:0x" + "0" * 40)),
        ("a copy pays a person", [*three(), *once("W", 30, payee="P")], ALL | {"W": CLONE}),
        ("a copy pays another exchange", [*three(), *once("W", 30, payee="K")], ALL | {"W": CLONE}),
        ("a copy pays a mixer", [*three(), *once("W", 30, payee="M")], ALL | {"W": CLONE}),
        ("the signer pays one of them", [*three(), ((40, "S", "C", 3), "S"), ((41, "C", "H", 3), "S")], ALL),
        ("a bundler signs", [*three(), *(((10 * n + 5, ENTRY_POINT, "S", 1), "S") for n in range(3))], ALL),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equal_code_alone_proves_nothing(
    why: str, signed: list[tuple[Row, str]], codes: dict[str, str]
) -> None:
    found = known(signed, codes)
    assert {name: found_sure for name, found_sure in sure(found).items() if name in "CDE"} == {
        name: 60 for name in sure(known(signed, {})) if name in "CDE"
    }, why
    assert all(d.alike is None for d in found.deposits)


def test_a_copy_that_was_not_read_breaks_the_evidence_and_does_not_add_to_it() -> None:
    read = [*three(), *once("W", 30, payee="P")]
    assert sure(known(read, ALL | {"W": CLONE}, unread={"W"})) == dict.fromkeys("CDE", 60)
    assert sure(known(three(), ALL, unread={"E"})) == dict.fromkeys("CD", 60)


def test_what_a_wallet_of_the_service_itself_does_breaks_nothing() -> None:
    assert sure(known([*three(), *once("H2", 30, payee="P")], ALL | {"H2": CLONE})) == dict.fromkeys(
        "CDE", 90
    )


def test_a_thief_signs_for_no_service() -> None:
    assert sure(known(three(), ALL, seeds={"S"})) == dict.fromkeys("CDE", 60)


def by_thief(*more: tuple[Row, str]) -> list[tuple[Row, str]]:
    """T drives three contracts of his own with the key S, and one of them still has coin."""
    paid: list[tuple[Row, str]] = [((10 * n, "T", x, 5 * ETH), "T") for n, x in enumerate("CDE", start=1)]
    out: list[tuple[Row, str]] = [((10 * n + 5, x, "H", 5 * ETH), "S") for n, x in enumerate("CDE", start=1)]
    return [*more, *paid, *out, ((90, "T", "C", 7 * ETH), "T")]


@pytest.mark.parametrize("seeds", [set(), {"T"}])
@pytest.mark.parametrize("between", ["", "X", "XY"])
def test_a_key_that_has_its_gas_from_who_pays_the_contracts_is_his(seeds: set[str], between: str) -> None:
    way = ["T", *between, "S"]
    gas: list[tuple[Row, str]] = [
        ((n, payer, payee, 10**17), payer) for n, (payer, payee) in enumerate(pairwise(way))
    ]
    found = known(by_thief(*gas), ALL, seeds=seeds)
    assert sure(found) == {"C": 40, "D": 60, "E": 60}
    assert (CHAIN, "C") not in found.stops


def test_gas_from_a_service_and_what_others_do_with_their_coin_say_nothing_of_the_key() -> None:
    for gas in ([("H", "S")], [("S", "Z")], [("UC", "K"), ("K", "S")], [("UC", "M1"), ("M1", "Z")]):
        paid: list[tuple[Row, str]] = [((n, *ends, 10**17), ends[0]) for n, ends in enumerate(gas)]
        assert sure(known([*paid, *three()], ALL)) == dict.fromkeys("CDE", 90), gas


def test_a_key_that_pays_a_copy_which_is_no_deposit_address_is_no_services() -> None:
    kept: tuple[Row, str] = ((40, "S", "W", 3 * ETH), "S")
    assert sure(known([*three(), kept], ALL)) == dict.fromkeys("CDE", 90)
    assert sure(known([*three(), kept], ALL | {"W": CLONE})) == dict.fromkeys("CDE", 60)


def test_a_safe_is_never_a_deposit_address() -> None:
    twice = [*three(), *[((row[0] + 100, *row[1:]), signer) for row, signer in three()]]
    assert sure(known(twice, {})) == dict.fromkeys("CDE", 80)
    found = known(twice, dict.fromkeys("CDE", "safe:" + "0" * 64))
    assert (found.deposits, found.stops) == ((), {})


def test_what_a_bundle_passes_on_at_once_is_no_sign_of_a_forwarder() -> None:
    signed = [((n, *ends, ETH), "U") for n in (1, 2) for ends in (("U", "C"), ("C", "H"))]
    assert sure(known(signed, {})) == {"C": 90}
    bundle = [((n, ENTRY_POINT, "U", 1), "U") for n in (1, 2)]
    assert sure(known([*signed, *bundle], {})) == {"C": 80}


def together(*more: tuple[Row, str]) -> list[tuple[Row, str]]:
    paid: list[tuple[Row, str]] = [((n, f"U{x}", x, ETH), f"U{x}") for n, x in enumerate("CD")]
    return [*paid, *(((9, x, "H", ETH), "S") for x in "CD"), *more]


def test_payments_of_many_in_one_transaction_are_no_sweep_of_a_service() -> None:
    assert sure(known(together(), {})) == dict.fromkeys("CD", 90)
    assert sure(known(together(((9, ENTRY_POINT, "S", 1), "S")), {})) == dict.fromkeys("CD", 60)
    another = once("W", 30, payee="P")
    for code in (CLONE, "delegating:" + "0" * 64):
        codes = dict.fromkeys("CDW", code)
        assert sure(known(together(), codes)) == dict.fromkeys("CD", 90)
        assert sure(known(together(*another), codes)) == dict.fromkeys("CD", 60)
