"""Rulings: the analyst overrules what is followed by default, on record; every number worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.accounting import seed, trace
from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import InputError, NotFoundError, TracerError
from tracer.model import CONSERVING, Conversion
from tracer.movements import from_rows
from tracer.rulings import check_separate

S, A, P, X, POOL = ("0x" + letter * 40 for letter in "5a8ef")
FAKE = "0x" + "7" * 40
HEADER = (
    "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals,"
    "amount_raw,kind"
)


def tx(block: int) -> str:
    return f"0x{block:064x}"


def movement(
    block: int,
    payer: str,
    payee: str,
    amount: int,
    kind: str = "native",
    asset: str = "native",
    symbol: str = "ETH",
) -> str:
    time = f"2025-02-21T14:{block:02d}:00Z"
    return f"eip155:1,{block},0,,{time},{tx(block)},{payer},{payee},{asset},{symbol},18,{amount},{kind}"


# S steals 100, pays 60 to A, 30 to P (marked as poison by the source); a token that borrows the symbol USDT comes and
# goes; at 7 S pays 4 to A while X, a stranger, gives S 9 of another token.
ROWS = [
    movement(2, "0x" + "9" * 40, S, 100),
    movement(3, S, A, 60),
    movement(4, S, P, 30, "poison"),
    movement(5, X, S, 50, "token", FAKE, "USDT"),
    movement(6, S, A, 20, "token", FAKE, "USDT"),
    movement(7, S, A, 4),
    movement(7, X, S, 9, "token", "0x" + "6" * 40, "OWN"),
    movement(8, S, A, 0, "native"),
]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    made = Case.create("heist", tmp_path / "ws", clock=lambda: 1_740_000_000)
    made.add_seed(S, tx=tx(2), source="test")
    made.import_file(path)
    return made


def held(case: Case, rule: str = "fifo") -> dict[tuple[str, str], int]:
    frame = case.taint(rule).addresses(ranges=False)
    assert set(case.taint(rule).conservation()["difference_raw"]) <= {0}
    cells = zip(frame["address"], frame["asset"], frame["taint_raw"], strict=True)
    return {(address.lower(), asset): units for address, asset, units in cells if units}


def excluded(case: Case) -> dict[int, str]:
    frame = case.taint().transfers()
    return {row: why for row, why in zip(frame["source_row"], frame["excluded"], strict=True) if why}


def ruling_gaps(case: Case) -> list[str]:
    gaps = case.gaps()
    mine = gaps[gaps["code"] == "ruling"]
    assert set(mine["status"]) <= {"closed"}
    return list(mine["message"])


class TestFollowAndLeaveOut:
    def test_by_default_marked_rows_are_kept_with_their_reason_and_not_followed(self, case: Case) -> None:
        assert excluded(case) == {3: "poison", 4: "fake_token", 5: "fake_token", 8: "zero_value"}
        assert ruling_gaps(case) == []

    @pytest.mark.parametrize("rule", [r.value for r in CONSERVING])
    def test_a_payment_taken_for_poisoning_is_followed_once_ruled(self, case: Case, rule: str) -> None:
        # 100 stolen, 60 and 4 paid on; the 4 convert into what X gave (the doubtful conversion)
        assert held(case, rule)[S, "native"] == 36
        assert case.rule_on(tx(4), "follow", reason="a real payment, see invoice", author="Sato") == 1
        assert held(case, rule)[P, "native"] == 30
        assert held(case, rule)[S, "native"] == 6
        assert 3 not in excluded(case)
        assert ruling_gaps(case) == [
            "Ruling 1 by Sato: 1 row that would be left out is followed. Reason: a real payment, see invoice"
        ]
        assert list(case.files()["excluded"]) == [3]

    def test_a_row_of_amount_zero_stays_out_since_it_carries_nothing(self, case: Case) -> None:
        case.rule_on(tx(8), "follow", reason="r")
        assert excluded(case)[8] == "zero_value"
        assert "0 rows" in ruling_gaps(case)[0]

    def test_a_token_taken_for_an_imitation_is_followed_and_a_ruling_on_a_transaction_is_stronger(
        self, case: Case
    ) -> None:
        case.rule_on(tx(6), "leave_out", reason="an airdrop")
        case.rule_on(FAKE, "follow", reason="the issuer's second contract")
        assert excluded(case) == {3: "poison", 5: "fake_token", 8: "zero_value"}
        case.withdraw_ruling(1)
        assert excluded(case) == {3: "poison", 8: "zero_value"}
        case.rule_on(tx(6), "leave_out", reason="an airdrop")
        case.rule_on(FAKE, "leave_out", reason="seen again: an imitation")
        assert excluded(case) == {3: "poison", 4: "fake_token", 5: "fake_token", 8: "zero_value"}
        assert "overruled by ruling 4" in ruling_gaps(case)[0]

    @pytest.mark.parametrize("rule", [r.value for r in CONSERVING])
    def test_leaving_out_a_payment_of_stolen_coin_leaves_the_coin_where_it_was(
        self, case: Case, rule: str
    ) -> None:
        case.rule_on(tx(3), "leave_out", reason="a payment that the exchange reversed")
        assert excluded(case)[2] == "analyst"
        assert held(case, rule)[S, "native"] == 96
        assert (A, "native") not in held(case, rule)
        assert sum(case.taint(rule).conservation()["stolen_raw"]) == 100

    def test_the_latest_standing_ruling_on_a_subject_holds_and_withdrawn_ones_stay_on_record(
        self, case: Case
    ) -> None:
        before = case.taint().addresses()
        case.rule_on(tx(3), "leave_out", reason="one")
        case.rule_on(tx(3), "follow", reason="two")
        assert 2 not in excluded(case)
        case.withdraw_ruling(2)
        assert excluded(case)[2] == "analyst"
        case.withdraw_ruling(1)
        assert case.taint().addresses().equals(before)
        assert list(case.rulings()["withdrawn_utc"] != "") == [True, True]
        assert case.rule_on(tx(3), "follow", reason="three") == 3
        with pytest.raises(NotFoundError, match="no ruling 1 to withdraw"):
            case.withdraw_ruling(1)

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((tx(99), "follow"), "No imported file holds the transaction"),
            (("0x" + "1" * 40, "leave_out"), "No imported file holds a token of the contract"),
            ((tx(3), "ignore"), "no ruling 'ignore'"),
            ((tx(3), "follow", A), "An address goes with `separate`"),
            ((tx(3), "separate"), "An address goes with `separate`"),
            ((FAKE, "separate", A), "is no transaction"),
            (("native", "leave_out"), "is no transaction"),
            (("0x12", "follow"), "0x12"),
            ((tx(3), "separate", S), "does not both pay and get"),
            ((tx(2), "leave_out"), "enters with a movement that would be left out"),
        ],
    )
    def test_a_ruling_that_says_nothing_about_the_files_is_refused(
        self, case: Case, words: tuple[str, ...], says: str
    ) -> None:
        with pytest.raises(TracerError, match=says) as refused:
            case.rule_on(*words, reason="r")
        assert refused.value.hint
        assert len(case.rulings()) == 0

    def test_a_ruling_without_a_reason_is_refused(self, case: Case) -> None:
        with pytest.raises(InputError, match="needs a reason"):
            case.rule_on(tx(3), "follow", reason=" ")

    def test_a_subject_on_another_chain_is_named(self, case: Case) -> None:
        with pytest.raises(InputError) as refused:
            case.rule_on(tx(3), "follow", chain="eip155:56", reason="r")
        assert "It is on eip155:1" in refused.value.hint

    def test_what_a_declared_conversion_rests_on_is_not_left_out(self, case: Case) -> None:
        case.declare(Conversion("eip155:1", tx(3), S, FAKE, 5, POOL, "swap page"))
        with pytest.raises(InputError, match="Declared conversion 1 rests on"):
            case.rule_on(tx(3), "leave_out", reason="r")

    def test_a_seed_with_an_amount_is_not_counted_twice_by_a_ruling(self, case: Case) -> None:
        case.add_seed(
            P, amount=30, asset="native"
        )  # the movement of exactly 30 into P is left out by default
        with pytest.raises(TracerError, match="would count the theft twice"):
            case.rule_on(tx(4), "follow", reason="r")


class TestSeparate:
    @pytest.mark.parametrize(
        ("rule", "paid"), [("haircut", 5), ("fifo", 10), ("lifo", 0), ("seniority", 10), ("libr", 0)]
    )
    def test_payment_and_receipt_go_each_with_their_own_taint(self, rule: str, paid: int) -> None:
        # S has 10 stolen (first) and 10 clean coins and pays 10; X pays all of its 300, of which 100 are stolen
        one = {"tx": 5}
        payments = [
            ("N", "S", 4),
            ("N", "S", 6),
            ("N", "X", 200, "usd"),
            ("S", "A", 10, "native", one),
            ("X", "S", 300, "usd", one),
        ]
        seeds = [seed("S", amount=10, asset="native"), seed("X", amount=100, asset="usd", theft="two")]
        as_conversion = trace(payments, seeds, rule)
        assert (as_conversion.held(("S", "usd")), as_conversion.held("A")) == (30 * paid, 3)
        assert [g.code for g in as_conversion.program.gaps if g.code == "doubtful_conversion"] != []
        ruled = trace(payments, seeds, rule, separate=[("0x5", "S")])
        assert (ruled.held("A"), ruled.held("S"), ruled.held(("S", "usd"))) == (paid, 10 - paid, 100)
        assert ruled.tally.by_row == [0, 0, 0, paid, 100]
        assert not ruled.tally.converts.any()
        assert [g.code for g in ruled.program.gaps if g.code == "doubtful_conversion"] == []
        assert all(account.difference == 0 for account in ruled.tally.accounts)

    @pytest.mark.parametrize("rule", [r.value for r in CONSERVING])
    def test_another_conversion_in_the_same_transaction_stays_one(self, rule: str) -> None:
        one = {"tx": 5}
        payments = [
            ("S", "pool", 10, "native", one),
            ("pool", "S", 100, "usd", one),
            ("B", "pool", 10, "native", one),
            ("pool", "B", 100, "usd", one),
        ]
        seeds = [seed("S", amount=10, asset="native"), seed("B", amount=10, asset="native")]
        t = trace(payments, seeds, rule, separate=[("0x5", "S")])
        assert (t.held("pool"), t.held(("S", "usd")), t.held(("B", "usd"))) == (10, 0, 100)
        assert t.tally.by_row == [10, 0, 10, 100]
        assert sum(units for split in t.outcome.split for _, units in split.values()) == 20

    def test_in_a_case_it_closes_the_doubt_and_is_on_record(self, case: Case) -> None:
        assert "doubtful_conversion" in set(case.gaps()["code"])
        assert held(case)[S, "0x" + "6" * 40] == 9
        case.rule_on(tx(7), "separate", S, reason="the receipt is a gift")
        assert "doubtful_conversion" not in set(case.gaps()["code"])
        assert held(case) == {(S, "native"): 36, (A, "native"): 64}
        assert "taken as unrelated. Reason: the receipt is a gift" in ruling_gaps(case)[0]
        with pytest.raises(InputError, match="Ruling 1 says"):
            case.declare(Conversion("eip155:1", tx(7), S, FAKE, 5, POOL, "swap page"))

    def test_what_is_declared_to_convert_is_not_separated(self, case: Case) -> None:
        case.declare(Conversion("eip155:1", tx(7), S, FAKE, 5, POOL, "swap page"))
        with pytest.raises(InputError, match="Declared conversion 1 says"):
            case.rule_on(tx(7), "separate", S, reason="r")


def run(case: Case, *words: str, status: int = 0) -> Result:
    place = str(case.workspace.root)
    result = CliRunner().invoke(app, ["--workspace", place, *words], prog_name="tracer")
    assert result.exit_code == status, result.output
    return result


def test_rows_that_are_left_out_and_fees_are_nothing_to_separate() -> None:
    """An address that pays only a fee, or gets only an imitation, does not both pay and get."""
    tx_hash, pay = (
        tx(7),
        {"chain": "eip155:1", "tx_hash": tx(7), "from_address": S, "to_address": A, "amount": 5},
    )
    fee = pay | {"kind": "fee", "to_address": ""}
    got = pay | {"from_address": X, "to_address": S}
    for rows in ([pay], [fee, got], [pay, got | {"excluded": "fake_token"}]):
        with pytest.raises(InputError, match="nothing to separate"):
            check_separate([from_rows(rows)], "eip155:1", tx_hash, S)
    check_separate([from_rows([pay, got])], "eip155:1", tx_hash, S)


def test_rulings_are_made_listed_and_withdrawn_on_the_command_line(case: Case) -> None:
    assert "Ruling 1 recorded" in run(case, "judge", "follow", "heist", tx(4), "--reason", "paid").stdout
    run(case, "judge", "leave-out", "heist", FAKE, "--reason", "fake", "--author", "Sato")
    run(case, "judge", "separate", "heist", tx(7), "--address", S, "--reason", "gift")
    run(case, "judge", "add", "heist", A, "mule")
    assert "rests on 0 declared conversions and 3 rulings" in run(case, "taint", "heist").stdout
    listed = json.loads(run(case, "judge", "list", "heist", "--json").stdout)
    assert [row["verdict"] for row in listed["rulings"]] == ["follow", "leave_out", "separate"]
    run(case, "judge", "withdraw", "heist", "2", "--kind", "ruling")
    run(case, "judge", "withdraw", "heist", "1", "--kind", "verdict")
    run(case, "judge", "withdraw", "heist", "1", "--kind", "label", status=2)
    run(case, "judge", "withdraw", "heist", "1", status=2)
    listed = json.loads(run(case, "judge", "list", "heist", "--json").stdout)
    assert [row["withdrawn_utc"] != "" for row in listed["rulings"]] == [False, True, False]
    assert listed["judgements"][0]["withdrawn_utc"] != ""
    assert "rests on 0 declared conversions and 2 rulings" in run(case, "taint", "heist").stdout
    run(case, "judge", "follow", "heist", tx(4), status=2)  # no reason


def test_an_export_carries_the_rulings_and_the_rows_they_leave_out(case: Case, tmp_path: Path) -> None:
    case.rule_on(tx(3), "leave_out", reason="=cmd()", author="Sato")
    case.export(tmp_path / "out")
    lines = (tmp_path / "out" / "rulings.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "number,verdict,chain,subject,address,reason,author,withdrawn",
        f"1,leave_out,eip155:1,{tx(3)},,'=cmd(),Sato,false",
    ]
    left_out = [
        line
        for line in (tmp_path / "out" / "transfers.csv").read_text("utf-8").splitlines()
        if ",analyst," in line
    ]
    assert len(left_out) == 1
    assert "8 rows, 5 left out of the flows" in (tmp_path / "out" / "README.txt").read_text("utf-8")
