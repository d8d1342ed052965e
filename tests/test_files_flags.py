"""What is kept but left out of flows, and what must never be left out: real money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import canonical
from tracer.chains.convert import EXCLUDED
from tracer.chains.files import read_transfers
from tracer.chains.flags import flag
from tracer.chains.tokens import known
from tracer.movements import from_rows

STETH = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
FAKE = "0x" + "e" * 39 + "1"
UNKNOWN = "0x" + "f" * 40
# The Bybit thief, the wallet that swapped the stETH, and the poisoner's imitation of it (public chain data).
THIEF = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
SWAPPER = "0xa4b2fd68593b6f34e51cb9edb66e71c1b4ab449e"
IMITATION = "0xa4b24033f4c6d70133e4557c2c32a3fb693e449e"
ETHER = 10**18


def row(payer: str, payee: str, amount: int, asset: str = "native", **cells: object) -> dict[str, object]:
    token = known("eip155:1", asset)
    return {
        "chain": "eip155:1",
        "from_address": payer,
        "to_address": payee,
        "amount": amount,
        "asset": asset,
        "symbol": token.symbol if token else "",
        "kind": "native" if asset == "native" else "token",
    } | cells


def reasons(*rows: dict[str, object]) -> list[str]:
    table, _ = flag(from_rows(rows))
    return list(table["excluded"].to_pylist())


REAL = row(THIEF, SWAPPER, 10_000 * ETHER, STETH)


def test_zero_amounts_of_a_genuine_token_are_left_out() -> None:
    assert reasons(REAL, row(THIEF, IMITATION, 0, STETH)) == ["", "zero_value"]


@pytest.mark.parametrize("amount", [1, 10_000_100_000_000])
def test_dust_of_the_real_token_from_a_look_alike_is_poison(amount: int) -> None:
    assert reasons(REAL, row(IMITATION, THIEF, amount, STETH)) == ["", "poison"]
    assert reasons(row(THIEF, IMITATION, amount, STETH), REAL) == ["poison", ""]


def test_a_real_payment_to_a_look_alike_stays_and_is_pointed_out() -> None:
    table, gaps = flag(from_rows([REAL, row(THIEF, IMITATION, 5 * ETHER)]))
    assert table["excluded"].to_pylist() == ["", ""]
    found = [g for g in gaps if g.code == "look_alike"]
    assert {g.address for g in found} == {SWAPPER, IMITATION}
    assert all(SWAPPER in g.message and IMITATION in g.message for g in found)


def test_a_collected_token_that_borrows_a_symbol_is_fake_whatever_it_moves() -> None:
    fakes = [
        row(THIEF, IMITATION, 5, FAKE, symbol=symbol, kind=kind)
        for symbol in ("ETH", "stE\u0422H", "USDT")
        for kind in ("token", "mint", "burn")
    ]
    own = row(THIEF, IMITATION, 5, UNKNOWN, symbol="THEIR")
    elsewhere = row(THIEF, IMITATION, 5, FAKE, symbol="stETH", chain="eip155:56")
    assert reasons(REAL, *fakes, own, elsewhere) == ["", *["fake_token"] * len(fakes), "", ""]
    ruled = row(THIEF, IMITATION, 0, FAKE, symbol="ETH", excluded="poison")
    assert reasons(REAL, ruled) == ["", "poison"]


def test_dust_without_a_look_alike_is_an_ordinary_payment() -> None:
    other = "0x" + "1" * 40
    assert reasons(REAL, row(other, THIEF, 1), row(THIEF, other, 1)) == ["", "", ""]


def test_a_look_alike_of_somebody_elses_counterparty_is_an_ordinary_address() -> None:
    stranger = "0x" + "2" * 40
    assert reasons(REAL, row(IMITATION, stranger, 1), row(stranger, IMITATION, 1)) == ["", "", ""]


def test_an_imitation_that_deals_only_in_worthless_tokens_is_not_real() -> None:
    spam = row(IMITATION, THIEF, 10**30, UNKNOWN)
    assert reasons(REAL, spam, row(IMITATION, THIEF, 1)) == ["", "", "poison"]


def test_dust_between_real_counterparties_is_kept() -> None:
    assert reasons(REAL, row(SWAPPER, THIEF, 1)) == ["", ""]


def test_fees_make_nobody_a_counterparty() -> None:
    assert reasons(row(THIEF, SWAPPER, 10**17, kind="fee"), row(IMITATION, THIEF, 1)) == ["", ""]


def test_a_stated_reason_is_kept_and_zero_rows_of_it_keep_theirs() -> None:
    marked = row(THIEF, IMITATION, 0, FAKE, excluded="fake_token")
    assert reasons(REAL, marked) == ["", "fake_token"]


def test_each_reason_is_said_once_with_its_number() -> None:
    rows = [REAL, row(THIEF, IMITATION, 0, STETH), row(THIEF, IMITATION, 0), row(IMITATION, THIEF, 1)]
    _, gaps = flag(from_rows(rows))
    assert [(g.code, g.message.split()[0]) for g in gaps] == [("poison", "1"), ("zero_value", "2")]
    assert all(g.status == "assumption" for g in gaps)


ADDRESSES = st.sampled_from([THIEF, SWAPPER, IMITATION, "0x" + "1" * 40, "0xa4b2" + "0" * 32 + "449e"])


@given(
    st.lists(
        st.tuples(ADDRESSES, ADDRESSES, st.integers(0, 10**20), st.sampled_from(["native", STETH, UNKNOWN])),
        max_size=25,
    )
)
def test_nothing_above_dust_is_ever_left_out_and_no_row_is_lost(
    rows: list[tuple[str, str, int, str]],
) -> None:
    table, _ = flag(from_rows([row(*r) for r in rows]))
    assert table.num_rows == len(rows)
    for (payer, payee, amount, asset), reason in zip(rows, table["excluded"].to_pylist(), strict=True):
        token = known("eip155:1", asset)
        limit = token.dust if token else 0
        assert reason in ("", *EXCLUDED)
        assert amount <= limit or reason == ""
        assert amount > 0 or reason == "zero_value"
        assert payer != payee or reason in ("", "zero_value")


IN_ORDER = {
    0: REAL,
    1: row(IMITATION, THIEF, 1),
    2: row(THIEF, IMITATION, 0),
    3: row(THIEF, "0x" + "1" * 40, 1),
}


@given(st.permutations(sorted(IN_ORDER)))
def test_flags_do_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    found = dict(zip(order, reasons(*(IN_ORDER[i] for i in order)), strict=True))
    assert found == {0: "", 1: "poison", 2: "zero_value", 3: ""}


HEADER = "chain,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,kind"


@pytest.mark.parametrize(
    ("asset", "symbol", "kind", "reason"),
    [
        (FAKE, "ETH", "token", "fake_token"),
        (FAKE, "stE\u0422H", "token", "fake_token"),
        (FAKE, "\u0415\u0422\u041d...", "", "fake_token"),
        (FAKE, "USDT", "mint", "fake_token"),
        (FAKE, "PEPE2", "token", ""),
        (STETH, "stETH", "token", ""),
        (STETH, "stETH", "poison", "poison"),
        (FAKE, "ETH", "poison", "poison"),
    ],
)
def test_fake_tokens_and_stated_poison_are_marked_while_reading(
    asset: str, symbol: str, kind: str, reason: str
) -> None:
    payer = "" if kind == "mint" else THIEF
    line = f"eip155:1,{'0x' + 'ab' * 32},{payer},{SWAPPER},{asset},{symbol},18,{10**22},{kind}"
    result = read_transfers(f"{HEADER}\n{line}\n".encode())
    assert result.table["excluded"].to_pylist() == [reason]
    assert [g.code for g in result.gaps if g.code in EXCLUDED] == ([reason] if reason else [])


def test_the_table_of_known_tokens_holds_valid_contracts_and_sources() -> None:
    token = known("eip155:1", STETH)
    assert token is not None
    assert canonical(token.chain, token.asset) == STETH
    assert token.source
    tron = known("tron:0x2b6653dc", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    assert tron is not None
    assert (tron.symbol, tron.decimals) == ("USDT", 6)
