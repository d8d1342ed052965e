"""Bitcoin-like transactions as movement rows: nothing is lost on the way there and back, nothing counts half."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import BITCOIN
from tracer.chains.flags import flag
from tracer.chains.utxo_rows import FEES, OUTPUTS, table_of, transactions_of
from tracer.movements import SCHEMA, amounts_from_column
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

ADDRESSES = ("", "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P", "bc1qx6jpnnfjrfcx9ehhdmj7qqyzpyd8pek00trrq7")
HEX = st.binary(max_size=6).map(bytes.hex)
NUMBER = st.none() | st.integers(0, 2**32 - 1)
TXID = st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}")


@st.composite
def transactions(draw):
    txid = draw(TXID)
    inputs = tuple(
        Input(
            Outpoint(draw(TXID), draw(st.integers(0, 5000))),
            draw(st.sampled_from(ADDRESSES)),
            draw(st.sampled_from(Script)),
            draw(st.integers(0, 21 * 10**14)),
            draw(HEX),
            draw(NUMBER),
        )
        for _ in range(draw(st.integers(0, 4)))
    )
    left = sum(i.amount for i in inputs) if inputs else 10**12
    outputs = []
    for vout in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(Script))
        amount = draw(st.integers(0, left))
        left -= amount
        address = "" if kind is Script.OP_RETURN else draw(st.sampled_from(ADDRESSES))
        data = draw(HEX) if kind is Script.OP_RETURN else ""
        outputs.append(Output(vout, address, kind, amount, draw(HEX), data))
    place = draw(st.none() | st.integers(0, 10**6))
    return UtxoTransaction(
        BITCOIN,
        txid,
        place,
        None if place is None else draw(NUMBER),
        draw(st.none() | st.integers(0, 2**31)),
        inputs,
        tuple(outputs),
        draw(NUMBER),
        draw(NUMBER),
    )


@given(st.lists(transactions(), max_size=4, unique_by=lambda t: t.txid))
def test_a_transaction_survives_its_rows(found):
    found = [t for t in found if t.inputs or t.outputs]
    table = table_of(found)
    assert table.schema.equals(SCHEMA)
    assert transactions_of(table) == found
    assert transactions_of(table.take(pa.array(range(table.num_rows)[::-1], pa.int64()))) == found[::-1]


@given(transactions().filter(lambda t: t.inputs), st.data())
def test_a_transaction_of_which_a_row_is_missing_is_none(transaction, data):
    table = table_of([transaction])
    gone = data.draw(st.integers(0, table.num_rows - 1))
    amount = amounts_from_column(table["amount"])[gone]
    kept = table.filter(pa.array([i != gone for i in range(table.num_rows)]))
    if amount or gone == table.num_rows - 1:
        assert transactions_of(kept) == []


def test_the_rows_of_the_dmm_theft_add_up_to_the_satoshi():
    parent = "c03acb80562302248f8be621e765315345a85cd3856bf49583e97b0428342908"
    victim = "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD"
    amounts = [50_300_000_000] + [50_000_000_000] * 8
    theft = UtxoTransaction(
        BITCOIN,
        "975ec405ac9dc9fa5ab8009d94d6a1fe31dff8a8127ea90d023104e52754e4d7",
        1,
        0,
        None,
        tuple(Input(Outpoint(parent, 21 + n), victim, Script.P2SH, a) for n, a in enumerate(amounts)),
        (Output(0, "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P", Script.P2PKH, 450_290_000_000),),
    )
    rows = table_of([theft], rows=[7]).to_pylist()
    assert [r["kind"] for r in rows] == ["spend"] * 9 + ["output", "fee"]
    assert [r["position"] for r in rows] == [*range(9), OUTPUTS, FEES]
    assert rows[0]["extra"] == f'{{"outpoint":"{parent}:21","script_type":"p2sh"}}'
    assert int.from_bytes(rows[-1]["amount"], "big") == 10_000_000
    assert {r["row"] for r in rows} == {7}
    assert (rows[0]["symbol"], rows[0]["decimals"], rows[-2]["from_address"]) == ("BTC", 8, "")


def test_a_transaction_that_pays_more_than_it_has_is_refused():
    bad = UtxoTransaction(
        BITCOIN,
        "0" * 64,
        1,
        0,
        None,
        (Input(Outpoint("1" * 64, 0), "", Script.P2PKH, 5),),
        (Output(0, "", Script.P2PKH, 6),),
    )
    with pytest.raises(ValueError, match="pays 1 sat more"):
        table_of([bad])


def test_unconfirmed_transactions_are_left_out_and_zero_outputs_are_no_poison():
    def made(txid, block):
        spent = Input(Outpoint("1" * 64, 0), ADDRESSES[1], Script.P2PKH, 5)
        nothing = Output(1, "", Script.OP_RETURN, 0, "6a", "")
        return UtxoTransaction(
            BITCOIN, txid, block, 0, None, (spent,), (Output(0, ADDRESSES[2], Script.P2WPKH, 5), nothing)
        )

    table, gaps = flag(table_of([made("2" * 64, 9), made("3" * 64, None)]))
    assert table["excluded"].to_pylist() == [""] * 4 + ["unconfirmed"] * 4
    assert (
        gaps == []
    )  # the ledger says it once, when it knows that no other source holds the transaction in a block
    assert pc.all(pc.equal(table["grade"].cast(pa.string()), "fact")).as_py()
