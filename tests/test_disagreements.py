"""Two sources that tell one transaction differently: two amounts, payees or payers of a payment; two places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from tests.accounting import CHAIN
from tracer import Case, source_overlap
from tracer.cli.app import app
from tracer.disagreements import told_differently
from tracer.errors import InputError
from tracer.ledger import build_ledger
from tracer.model import Gap
from tracer.movements import from_rows
from tracer.results import counted_twice

Row = dict[str, Any]


def row(position: int | None = None, tx: str = "0x1", **more: Any) -> Row:
    """S pays A 5 in the first transaction of block 1."""
    at: Row = {"chain": CHAIN, "block": 1, "tx_index": 0, "position": position, "timestamp": 1, "tx_hash": tx}
    return at | {"from_address": "S", "to_address": "A", "amount": 5} | more


def read(*files: list[Row]) -> tuple[int, dict[str, Gap]]:
    """(how many rows count, the gaps of the overlap by code)."""
    ledger = build_ledger(
        [from_rows(rows) for rows in files], names=[f"{n}.csv" for n in "abc"[: len(files)]]
    )
    found = {g.code: g for g in ledger.gaps if g.code.startswith(("overlap", "place"))}
    return len(ledger.amount), found


def codes(*files: list[Row]) -> tuple[int, list[str]]:
    count, found = read(*files)
    return count, sorted(found)


class TestAmounts:
    def test_a_payment_with_two_amounts_is_an_open_gap_that_names_rows_files_and_transaction(self) -> None:
        count, found = read([row(1, "0x9"), row(1)], [row(1, amount=7)])
        gap = found["overlap_amount"]
        assert (count, gap.status) == (3, "open")
        assert "1 payment is told with two amounts: row 2 of a.csv and row 1 of b.csv (0x1)." in gap.message
        assert "remove-file" in gap.message
        assert counted_twice([gap]) == [gap.message]

    def test_only_the_first_three_are_named_and_the_others_counted(self) -> None:
        ours = [row(1, f"0x{n}", block=n) for n in range(1, 6)]
        _, found = read(ours, [r | {"amount": 7} for r in ours])
        assert "5 payments are told" in found["overlap_amount"].message
        assert "(0x3); and 2 more." in found["overlap_amount"].message

    def test_beside_rows_that_both_tell(self) -> None:
        more = row(2, amount=9)
        assert codes([row(1), more], [row(1, amount=7), more]) == (3, ["overlap", "overlap_amount"])
        # of two equal payments the other file corrects one
        assert codes([row(), row()], [row(), row(amount=6)]) == (3, ["overlap", "overlap_amount"])

    def test_what_contradicts_nothing(self) -> None:
        assert codes([row(1)], [row(1), row(1, amount=7)]) == (2, ["overlap"])  # that source knows more
        for unlike in ({"kind": "internal"}, {"to_address": "B", "from_address": "T"}, {"asset": "0xa"}):
            assert codes([row(1)], [row(1, **{"amount": 7} | unlike)]) == (2, [])
        assert codes([row(1)], [row(1, tx="0x2", amount=7)]) == (2, [])
        assert codes([row(1)], [row(1, amount=7, excluded="poison")])[1] == []


class TestPayeesAndPayers:
    @pytest.mark.parametrize("position", [None, 1])
    @pytest.mark.parametrize("other", [{"to_address": "B"}, {"from_address": "T"}])
    def test_a_corrected_payee_or_payer_is_an_open_gap(self, position: int | None, other: Row) -> None:
        count, found = read([row(position)], [row(position, **other)])
        gap = found["overlap_party"]
        assert (count, gap.status) == (2, "open")
        assert "row 1 of a.csv and row 1 of b.csv (0x1)" in gap.message
        assert counted_twice([gap]) == [gap.message]

    def test_payee_and_amount_may_both_differ_at_one_position(self) -> None:
        assert codes([row(1)], [row(1, to_address="B", amount=7)]) == (2, ["overlap_party"])
        # without one they are two payments of one transaction, as far as anybody can tell
        assert codes([row()], [row(to_address="B", amount=7)]) == (2, [])

    def test_one_transaction_may_pay_many(self) -> None:
        assert codes([row(1)], [row(2, to_address="B")]) == (2, [])  # positions tell them apart
        assert codes([row(), row(to_address="B")], [row()]) == (2, ["overlap"])  # a source that knows more
        whole = [row(n, to_address=f"P{n}") for n in range(40)]
        assert codes(whole[:30], whole[20:]) == (40, ["overlap"])
        assert codes(*([r] for r in whole[:3])) == (3, [])

    def test_histories_of_two_payees_without_positions_tell_two_payments(self) -> None:
        """Each holds the rows of one address, so neither is expected to hold the other's payment."""
        ours = [row(), row(None, "0x2", block=2, from_address="A", to_address="X", amount=1)]
        theirs = [
            row(to_address="B"),
            row(None, "0x3", block=3, from_address="B", to_address="Y", amount=1),
        ]
        assert codes(ours, theirs) == (2 + 2, [])
        # the history of the payer would tell both
        payer = [row(), row(None, "0x4", block=4, to_address="Z", amount=1)]
        assert codes(payer, [row(to_address="B"), row(None, "0x5", block=5, to_address="Z", amount=1)])[
            1
        ] == ["overlap_party"]

    def test_histories_of_two_payees_that_one_payer_paid_alone_tell_two_payments(self) -> None:
        """Every row of each names the payer too, whose history neither is."""
        ours = [row(), row(None, "0x2", block=2, amount=1)]
        theirs = [row(to_address="B"), row(None, "0x3", block=3, to_address="B", amount=1)]
        assert codes(ours, theirs) == (4, [])
        mixed = [row(to_address="B"), row(None, "0x2", block=2, amount=1)]
        assert codes(ours, mixed) == (3, ["overlap", "overlap_party"])

    def test_positions_of_sources_that_number_differently_do_not_tell_payments_apart(self) -> None:
        shared = [row(0, "0x2", block=2), row(0, "0x3", block=3)]
        theirs = [r | {"position": 4} for r in shared]
        found = codes([*shared, row(0)], [*theirs, row(4, to_address="B")])
        assert found == (4, ["overlap", "overlap_party"])

    def test_what_a_block_gives_to_many_stands_at_one_position(self) -> None:
        given = {"from_address": "", "kind": "mint"}
        assert codes([row(0, **given)], [row(0, to_address="B", **given)]) == (2, [])
        assert codes([row(9, **given)], [row(9, to_address="B", **given)]) == (2, ["overlap_party"])
        given["kind"] = "opening"
        assert codes([row(0, **given)], [row(0, to_address="B", **given)]) == (2, [])
        assert codes([row(0, **given)], [row(0, amount=7, **given)]) == (2, ["overlap_amount"])

    def test_a_fee_and_a_payment_of_the_same_amount_are_two(self) -> None:
        assert codes([row()], [row(kind="fee", to_address="")]) == (2, [])


class TestPlaces:
    def test_the_rows_of_a_transaction_that_stands_in_two_blocks_are_put_together(self) -> None:
        later = {"block": 2, "timestamp": 9}
        ours = [row(1), row(1, "0x9", from_address="A", to_address="Z", timestamp=5)]
        theirs = [row(1, **later), row(2, from_address="A", to_address="B", amount=3, **later)]
        files = [from_rows(rows) for rows in (ours, theirs)]
        ledger = build_ledger(files, names=["a.csv", "b.csv"])
        placed = ledger.table.select(["tx_hash", "block", "timestamp"]).to_pylist()
        assert [p for p in placed if p["tx_hash"] == "0x1"] == [
            {"tx_hash": "0x1", "block": 1, "timestamp": 1}
        ] * 2
        (gap,) = [g for g in ledger.gaps if g.code == "place_differs"]
        assert gap.status == "open"
        assert "1 transaction is told in two blocks" in gap.message
        assert (
            "row 1 of a.csv (block 1, index 0, 1970-01-01T00:00:01Z) and row 1 of b.csv (block 2"
            in gap.message
        )

    def test_a_row_that_states_its_index_counts_before_the_first_source(self) -> None:
        count, found = read([row(1, tx_index=None)], [row(1, block=2)])
        assert (count, list(found)) == (1, ["place_differs", "overlap"])
        files = [from_rows([row(1, tx_index=None)]), from_rows([row(1, block=2)])]
        assert build_ledger(files).table["block"].to_pylist() == [2]

    @pytest.mark.parametrize("other", [{"timestamp": 3601}, {"block": 2}, {"tx_index": 3}])
    def test_times_blocks_and_indexes_of_one_file_too(self, other: Row) -> None:
        first, second = row(1), row(2, to_address="B", **other)
        assert codes([first, second]) == (2, ["place_differs"])
        table = build_ledger([from_rows([first, second])]).table
        for name in other:
            assert table[name].to_pylist() == [first[name]] * 2

    def test_a_row_without_a_block_takes_that_of_its_transaction(self) -> None:
        """By its time alone it would stand behind block 7."""
        files = [
            [row(1), row(1, "0x7", block=7, timestamp=7)],
            [row(2, block=None, tx_index=None, to_address="B", timestamp=8)],
        ]
        assert codes(*files) == (3, ["place_differs"])
        files[1][0]["timestamp"] = None
        assert codes(*files) == (3, [])
        table = build_ledger([from_rows(rows) for rows in files]).table
        assert table["block"].to_pylist() == [1, 1, 7]

    def test_transactions_of_two_chains_are_two(self) -> None:
        assert codes([row(1)], [row(1, chain="eip155:56", block=9)]) == (2, [])


A, B, C = (f"0x{d * 40}" for d in "123")
HEAD = "chain,block,timestamp_utc,tx_hash,from_address,to_address,asset,amount_raw\n"
LINE = HEAD + f"eip155:1,1,2025-01-01T00:00:00Z,0x{'a' * 64},{A},{{payee}},native,5\n"


def told(payee: str) -> bytes:
    return LINE.format(payee=payee).encode()


def test_the_import_says_it_at_once_and_the_same_file_again_says_nothing(tmp_path: Path) -> None:
    case = Case.create("x", tmp_path)
    assert case.import_file(told(B), name="first.csv").disagreements == ()
    assert case.import_file(told(B), name="first.csv").disagreements == ()
    (gap,) = case.import_file(told(C), name="second.csv").disagreements
    assert gap.code == "overlap_party"
    assert "row 1 of first.csv and row 1 of second.csv" in gap.message
    assert case.import_file(told(C), name="second.csv").disagreements == (gap,)
    case.add_seed(A)
    assert gap.message in set(case.gaps()["message"])
    case.remove_file(1, "corrected")
    assert "overlap_party" not in set(case.gaps()["code"])


def test_what_a_ruling_leaves_out_disagrees_with_nothing(tmp_path: Path) -> None:
    case = Case.create("x", tmp_path)
    case.import_file(told(B), name="first.csv")
    case.rule_on(f"0x{'a' * 64}", "leave_out", reason="test")
    assert case.import_file(told(C), name="second.csv").disagreements == ()


def test_a_file_on_which_a_ruling_rests_stays_and_the_ruling_is_named(tmp_path: Path) -> None:
    case = Case.create("x", tmp_path)
    case.import_file(told(B), name="first.csv")
    number = case.rule_on(f"0x{'a' * 64}", "leave_out", reason="test")
    with pytest.raises(InputError, match=f"Ruling {number} on .* rests on the file") as refused:
        case.remove_file(1, "corrected")
    assert refused.value.hint == f"Withdraw it first: tracer judge withdraw x {number} --kind ruling."
    case.withdraw_ruling(number)
    assert case.remove_file(1, "corrected").name == "first.csv"


def test_the_command_line_and_the_web_ui_say_it_in_both_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.create("x", tmp_path)
    case.import_file(told(B), name="first.csv")
    (tmp_path / "second.csv").write_bytes(told(C))
    done = CliRunner().invoke(
        app, ["import", "x", str(tmp_path / "second.csv"), "--workspace", str(tmp_path)]
    )
    assert "WARNING: 1 payment is told with two payees or payers: row 1 of first.csv" in done.output
    case.remove_file(2, "test")

    monkeypatch.setenv("TRACER_HOME", str(tmp_path))
    st.cache_resource.clear()

    def script() -> None:
        from tracer.ui.views import case

        case.render()

    for language, text in (("en", "One payment, two payees"), ("ja", "受取先または支払元が異なる")):
        at = AppTest.from_function(script, default_timeout=60)
        at.query_params["case"], at.query_params["lang"] = "x", language
        at.run()
        at.file_uploader[0].set_value(("second.csv", told(C), "text/csv")).run()
        at.button(key="import").click().run()
        (warning,) = [w.value for w in at.warning if text in w.value]
        assert "row 1 of first" in warning
        case.remove_file(2, "test")


@pytest.mark.parametrize("left_out", [False, True])
def test_only_transactions_that_sources_do_not_tell_alike_are_compared_row_by_row(
    monkeypatch: pytest.MonkeyPatch, left_out: bool
) -> None:
    """Two files of a million rows tell most alike: to compare these took as long as all the rest."""
    compared: list[int] = []

    def noting(whole: Any, rows: Any, *more: Any) -> list[Gap]:
        compared.extend(whole["block"].to_pylist()[at] for at in rows.tolist())
        return told_differently(whole, rows, *more)

    monkeypatch.setattr(source_overlap, "told_differently", noting)
    ours = [row(1, f"0x{n}", block=n) for n in range(1, 6)]
    other: Row = {"excluded": "failed"} if left_out else {"amount": 7}
    theirs = [r | other if r["block"] == 3 else r for r in ours]
    read(ours, theirs)
    assert compared == [3, 3]
