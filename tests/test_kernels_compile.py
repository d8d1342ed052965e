"""What is done in bulk for large ledgers, compiling and summing up, gives what is done step by step for small ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounting import CHAIN, movement, seed
from tracer.ledger import build_ledger
from tracer.model import Rule
from tracer.movements import from_rows
from tracer.taint import compile as compiling
from tracer.taint.compile import compile_program
from tracer.taint.engine import run_plain
from tracer.taint.kernels import run_bulk
from tracer.taint.tally import tally
from tracer.taint.transactions import plain_rows

_PEOPLE = ["A", "B", "C", "D", "0x" + "0" * 40]

_rows = st.lists(
    st.tuples(
        st.integers(0, 9),  # transaction
        st.sampled_from(_PEOPLE),
        st.sampled_from(_PEOPLE),
        st.sampled_from([1, 10, 10**20]),
        st.sampled_from(["native", "0xt"]),
        st.sampled_from(["native", "native", "native", "fee", "wrap", "unwrap", "mint", "burn", "opening"]),
    ),
    min_size=1,
    max_size=25,
)


def described(program):
    """Everything that a program says, with holdings by name instead of by number."""
    seen, names = {}, []
    for holding, pot in enumerate(program.pot.tolist()):
        chain, address, asset = program.name(holding)
        key = (chain, address, asset.ref, pot)
        seen[key] = seen.get(key, 0) + 1
        names.append((*key, seen[key]))
    names.append(None)
    columns = (program.op, program.origin, program.row, program.tx, program.hop_step)
    steps = list(
        zip(
            *(column.tolist() for column in columns),
            [names[h] for h in program.src.tolist()],
            [names[h] for h in program.dst.tolist()],
            program.amount,
            program.got,
            strict=True,
        )
    )
    openings = len(program.opening)
    return {
        "openings": sorted(steps[:openings], key=str),
        "steps": steps[openings:],
        "hop": {names[h]: hop for h, hop in enumerate(program.hop.tolist())},
        "opening": {names[h]: amount for h, amount in program.opening.items()},
        "flags": {
            names[h]: flags
            for h, flags in enumerate(zip(program.stopped, program.unknown_opening, strict=True))
        },
        "gaps": sorted(map(str, program.gaps)),
        "rest": (program.addresses, program.assets, program.origins, program.shares, program.stop_code),
    }


def one_by_one(ledger, mixing=()):
    return np.zeros(ledger.rows, dtype=bool), np.zeros(0, dtype=np.int64)


def ledger_of(rows):
    return build_ledger(
        [
            from_rows(
                [
                    movement(
                        n,
                        "" if kind in ("mint", "opening") else payer,
                        "" if kind == "fee" else payee,
                        units,
                        asset,
                        tx=tx,
                        kind=kind,
                    )
                    for n, (tx, payer, payee, units, asset, kind) in enumerate(rows)
                ]
            )
        ]
    )


@given(rows=_rows, stop=st.sampled_from([None, "B"]), amount=st.sampled_from([None, 5]))
@settings(deadline=None, max_examples=150)
def test_the_program_does_not_depend_on_which_transactions_are_taken_in_bulk(rows, stop, amount):
    ledger = ledger_of(rows)
    seeds = [seed("A", amount=amount, asset="native"), seed("C")]
    stops = {(CHAIN, stop): "SERVICE"} if stop else {}
    bulk = compile_program(ledger, seeds, stops)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "plain_rows", one_by_one)
        assert described(bulk) == described(compile_program(ledger, seeds, stops))


def test_a_payment_with_its_fee_is_taken_in_bulk_and_a_router_is_not():
    rows = [
        movement(0, "A", "", 1, tx=0, kind="fee"),
        movement(1, "A", "B", 9, tx=0),
        movement(2, "B", "R", 5, tx=1),
        movement(3, "R", "C", 5, tx=1),
        movement(4, "D", "D", 5, tx=2),
    ]
    plain, payments = plain_rows(build_ledger([from_rows(rows)]))
    assert plain.tolist() == [True, True, False, False, True]
    assert payments.tolist() == [0, 1]


@given(rows=_rows, stop=st.sampled_from([None, "B"]), rule=st.sampled_from(list(Rule)))
@settings(deadline=None, max_examples=150)
def test_sums_over_columns_are_the_sums_over_steps(rows, stop, rule):
    ledger = ledger_of(rows)
    program = compile_program(
        ledger, [seed("A", amount=5, asset="native"), seed("C")], {(CHAIN, stop): "SERVICE"} if stop else {}
    )
    plain = tally(ledger, program, run_plain(program, rule))
    bulk = tally(ledger, program, run_bulk(program, rule))
    for field in ("received", "first", "by_row", "accounts", "converted"):
        assert getattr(bulk, field) == getattr(plain, field), field
    assert bulk.converts.tolist() == plain.converts.tolist()
