"""CSV exports of Etherscan and its sister explorers: one row of theirs to the movements it stands for.

A transaction row states value *and* fee: it becomes a fee (position 0) and a payment (position 1). A failed
transaction (Status `Error(0)`, or an ErrCode) moved no value although its value is listed, but burnt its fee. The
value stands in Value_IN or Value_OUT, depending on whose page was exported. The value of a contract creation goes to
ContractAddress. Source: exports of the site itself; Status of an internal row is the API's isError (0 = fine).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.amount_text import without_commas
from tracer.chains.cells import Cells, is_zero, stack
from tracer.chains.problems import Problems

__all__ = ["read_internal", "read_native"]

_RAW = ("value_in", "value_out", "fee", "status", "error", "created")


def read_native(cells: Cells, problems: Problems, counts: Counter[str]) -> Cells:
    """Rows of an export of transactions as payments and fees."""
    failed = _failed(cells, problems, ok=r"^$|^success$", bad=r"^(error|fail)")
    value = _payments(cells, problems, failed).having(kind="native", position="1")
    fee = without_commas(cells.get("fee"))
    paid = cells.having(amount=fee, to_address="", kind="fee", position="0").where(pc.invert(is_zero(fee)))
    counts["failed_transaction"] += int(pc.sum(failed).as_py() or 0)
    return stack([paid.without(*_RAW), value.without(*_RAW)])


def read_internal(cells: Cells, problems: Problems, counts: Counter[str]) -> Cells:
    """Rows of an export of internal transactions as payments without position."""
    failed = _failed(cells, problems, ok=r"^$|^0$|^success$", bad=r"^1$|^(error|fail)")
    counts["failed_transaction"] += int(pc.sum(failed).as_py() or 0)
    return _payments(cells, problems, failed).having(kind="internal").without(*_RAW)


def _failed(cells: Cells, problems: Problems, *, ok: str, bad: str) -> pa.Array:
    status = pc.ascii_lower(pc.ascii_trim_whitespace(cells.get("status")))
    says_bad = pc.match_substring_regex(status, bad)
    unclear = np.asarray(pc.invert(pc.or_(says_bad, pc.match_substring_regex(status, ok))))
    if unclear.any():
        place = int(np.flatnonzero(unclear)[0])
        problems.add(
            "status",
            "status",
            cells.rows[unclear],
            cells.get("status")[place].as_py(),
            "says neither that the transaction succeeded nor that it failed",
            "Leave Status empty for success, or write Error(0) for failure.",
        )
    has_error = pc.not_equal(pc.ascii_trim_whitespace(cells.get("error")), "")
    return pc.or_(says_bad, has_error)


def _payments(cells: Cells, problems: Problems, failed: pa.Array) -> Cells:
    came, went = without_commas(cells.get("value_in")), without_commas(cells.get("value_out"))
    nothing_came = is_zero(came)
    both = np.asarray(pc.and_(pc.invert(pc.or_(nothing_came, is_zero(went))), pc.not_equal(came, went)))
    if both.any():
        place = int(np.flatnonzero(both)[0])
        problems.add(
            "value_in",
            "both",
            cells.rows[both],
            came[place].as_py(),
            f"disagrees with the outgoing value {went[place].as_py()[:40]} of the same row",
            "One row states one payment: export the page again.",
        )
    amount = pc.if_else(nothing_came, pc.if_else(is_zero(went), "0", went), came)
    receiver = cells.get("to_address")
    receiver = pc.if_else(pc.equal(pc.ascii_trim_whitespace(receiver), ""), cells.get("created"), receiver)
    return cells.having(amount=amount, to_address=receiver).where(pc.invert(failed))
