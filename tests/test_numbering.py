"""Dense numbers: the quick ways give what the plain ways give."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer import numbering
from tracer.numbering import address_numbers, transaction_keys, transaction_numbers

CELL = st.sampled_from(["", "a", "b", "aa", "B", "é", "0x1"])


def table_of(**columns: list[object]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    empty = {"block": [None] * rows, "tx_index": [None] * rows, "chain": ["c:1"] * rows}
    types = {"block": pa.int64(), "tx_index": pa.int64()}
    return pa.table({n: pa.array(v, types.get(n, pa.string())) for n, v in {**empty, **columns}.items()})


def numbers(table: pa.Table) -> np.ndarray:
    return transaction_numbers(transaction_keys(table))


@given(
    st.lists(st.sampled_from([f"{n:066d}" for n in range(12)] + ["0x" + "f" * 64]), max_size=40), st.data()
)
def test_hashes_of_one_length_are_numbered_as_by_a_dictionary(hashes: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(hashes)))
    table = table_of(tx_hash=[*hashes])
    table = pa.concat_tables([table.slice(0, cut), table.slice(cut)])  # chunks and offsets
    plain = [list(dict.fromkeys(hashes)).index(h) for h in hashes]
    assert numbers(table).tolist() == plain


def test_different_hashes_that_share_a_group_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "_ODD", np.uint64(0))  # every row falls into one group
    hashes = ["0x" + c * 64 for c in "aabca"]
    found = numbers(table_of(tx_hash=hashes))
    assert found.tolist() == [0, 0, 1, 2, 0]


def test_rows_without_a_hash_are_one_transaction_by_block_and_index_or_alone() -> None:
    table = table_of(
        tx_hash=["", None, "", "x", ""], block=[1, 1, 2, 1, None], tx_index=[0, 0, None, 0, None]
    )
    found = numbers(table).tolist()
    assert found[0] == found[1]
    assert len(set(found)) == 4


@given(st.lists(st.tuples(st.sampled_from([0, 1]), CELL, CELL), max_size=30))
def test_addresses_are_numbered_by_chain_and_text(rows: list[tuple[int, str, str]]) -> None:
    chains = ["c:1", "c:2"]
    table = table_of(from_address=[r[1] for r in rows], to_address=[r[2] for r in rows])
    chain = np.array([r[0] for r in rows], dtype=np.int64)
    names, sender, recipient = address_numbers(table, chain, chains)
    expected = sorted({(chains[c], a) for c, *sides in rows for a in sides if a})
    assert list(names) == expected
    for number, side in ((sender, 1), (recipient, 2)):
        assert [names[n][1] if n >= 0 else "" for n in number.tolist()] == [r[side] for r in rows]
