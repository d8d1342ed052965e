"""CSV files of ethereum-etl: transactions, token_transfers and traces, as movements with positions.

Positions follow one scheme over the three files, so that they can be imported side by side: 0 fee, 1 top-level value,
2.. internal payments in the order of execution (depth-first by trace address), LOGS + log index for tokens.
Traces: DELEGATECALL and STATICCALL frames move nothing although they repeat a value, CALLCODE moves to itself; what
failed moved nothing, and neither did any call below it. Column meanings: ethereum-etl.readthedocs.io, Schema.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from eth_hash.auto import keccak

from tracer.chains.adapter import LOGS
from tracer.chains.cells import Cells, is_zero, stack
from tracer.chains.problems import Problems

__all__ = ["creation_address", "read_tokens", "read_traces", "read_transactions"]

_RAW_TRANSACTION = ("nonce", "status", "gas_used", "gas_price", "created")
_RAW_TRACE = ("trace_type", "call_type", "trace_address", "status", "error")


def read_transactions(cells: Cells, problems: Problems, counts: Counter[str]) -> Cells:
    """Rows of transactions.csv as payments, and as fees where the file was joined with receipts."""
    del problems
    failed = pc.equal(pc.ascii_trim_whitespace(cells.get("status")), "0")
    counts["failed_transaction"] += int(pc.sum(failed).as_py() or 0)
    receiver = pc.if_else(
        pc.equal(cells.get("to_address"), ""), cells.get("created"), cells.get("to_address")
    )
    value = cells.having(to_address=_created(cells, receiver), kind="native", position="1")
    fees = _fees(cells)
    paid = cells.having(amount_raw=fees, to_address="", kind="fee", position="0").where(
        pc.invert(is_zero(fees))
    )
    return stack([paid.without(*_RAW_TRANSACTION), value.where(pc.invert(failed)).without(*_RAW_TRANSACTION)])


def creation_address(creator: str, nonce: int) -> str:
    """The address of the contract that `creator` makes with `nonce`: last 20 bytes of keccak(rlp([creator, nonce]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    items = b"\x94" + bytes.fromhex(creator[2:]) + encoded
    return "0x" + keccak(bytes([0xC0 + len(items)]) + items)[12:].hex()


def _created(cells: Cells, receiver: pa.Array) -> pa.Array:
    """`receiver` with the addresses of created contracts filled in, where the file has creator and nonce."""
    empty = np.flatnonzero(np.asarray(pc.equal(receiver, "")))
    if not len(empty):
        return receiver
    places = pa.array(empty)
    senders = pc.ascii_lower(cells.get("from_address").take(places)).to_pylist()
    nonces = cells.get("nonce").take(places).to_pylist()
    made = [
        creation_address(s, int(n)) if len(s) == 42 and _is_hex(s) and n.isdecimal() and len(n) < 20 else ""
        for s, n in zip(senders, nonces, strict=True)
    ]
    mask = np.zeros(len(cells), dtype=bool)
    mask[empty] = True
    return pc.replace_with_mask(receiver, pa.array(mask), pa.array(made, pa.string()))


def _is_hex(address: str) -> bool:
    return address.startswith("0x") and all(c in "0123456789abcdef" for c in address[2:])


def _fees(cells: Cells) -> pa.Array:
    used, price = cells.get("gas_used"), cells.get("gas_price")
    if pc.all(pc.equal(used, "")).as_py():
        return cells.constant("")
    products = [
        str(int(u) * int(p))
        if u.isdecimal() and p.isdecimal() and len(u) + len(p) < 60
        else u and f"{u} * {p}"
        for u, p in zip(used.to_pylist(), price.to_pylist(), strict=True)
    ]
    return pa.array(products, pa.string())


def read_tokens(cells: Cells, problems: Problems, counts: Counter[str]) -> Cells:
    """Rows of token_transfers.csv with positions behind all internal payments."""
    del counts
    index = pc.ascii_trim_whitespace(cells.get("log_index"))
    good = pc.match_substring_regex(index, r"^[0-9]{1,9}$")
    bad = np.invert(np.asarray(good))
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        problems.add(
            "log_index",
            "log_index",
            cells.rows[bad],
            index[place].as_py(),
            "is not a log index",
            "Export it again.",
        )
        index = pc.if_else(good, index, "0")
    position = pc.add(index.cast(pa.int64()), LOGS).cast(pa.string())
    return cells.having(position=position).without("log_index")


def read_traces(cells: Cells, problems: Problems, counts: Counter[str]) -> Cells:
    """All rows of traces.csv (the whole file at once) as payments; frames that moved nothing are counted."""
    types, calls = cells.get("trace_type"), cells.get("call_type")
    known = np.asarray(pc.match_substring_regex(types, r"^(call|create|suicide|reward|genesis|daofork)$"))
    if not known.all():
        place = int(np.flatnonzero(~known)[0])
        problems.add(
            "trace_type",
            "trace_type",
            cells.rows[~known],
            types[place].as_py(),
            "is not a trace type",
            "Known: call, create, suicide, reward, genesis, daofork.",
        )
    is_call = np.asarray(pc.equal(types, "call"))
    moves = ~is_call | np.asarray(pc.match_substring_regex(calls, r"^(call)?$"))
    failed = np.asarray(pc.or_(pc.equal(cells.get("status"), "0"), pc.not_equal(cells.get("error"), "")))
    paths = [
        tuple(int(p) for p in t.split(",") if p.isdecimal()) for t in cells.get("trace_address").to_pylist()
    ]
    hashes = cells.get("tx_hash").to_pylist()
    reverted = _below_a_failure(hashes, paths, failed)
    pays = moves & ~np.asarray(is_zero(cells.get("amount_raw")))
    keep = pays & ~reverted
    counts["reverted_call"] += int((pays & reverted).sum())
    counts["not_a_transfer"] += int((~pays).sum())
    position, kind = _positions(hashes, paths, keep), _trace_kinds(types, paths)
    everything = cells.having(position=pa.array(position, pa.string()), kind=kind)
    return everything.where(pa.array(keep)).without(*_RAW_TRACE)


def _below_a_failure(hashes: list[str], paths: list[tuple[int, ...]], failed: np.ndarray) -> np.ndarray:
    """Rows that failed or were called, at any depth, by a frame that failed: their value was given back."""
    broken: dict[str, set[tuple[int, ...]]] = {}
    for failure in np.flatnonzero(failed):
        broken.setdefault(hashes[failure], set()).add(paths[failure])
    result = failed.copy()
    if broken:
        for place, (tx, path) in enumerate(zip(hashes, paths, strict=True)):
            above = broken.get(tx)
            if above and any(path[:depth] in above for depth in range(len(path) + 1)):
                result[place] = True
    return result


def _positions(hashes: list[str], paths: list[tuple[int, ...]], keep: np.ndarray) -> list[str]:
    """Depth-first order inside each transaction; rewards and other frames without a transaction have none."""
    frames: dict[str, list[int]] = {}
    for kept in np.flatnonzero(keep):
        if hashes[kept]:
            frames.setdefault(hashes[kept], []).append(int(kept))
    result = [""] * len(hashes)
    for places in frames.values():
        places.sort(key=lambda p: paths[p])
        following = 2
        for place in places:
            result[place] = str(following) if paths[place] else "1"
            following += 1 if paths[place] else 0
    return result


def _trace_kinds(types: pa.Array, paths: list[tuple[int, ...]]) -> pa.Array:
    top = pa.array([not path for path in paths])
    from_nothing = pc.match_substring_regex(types, "^(reward|genesis)$")
    kind = pc.if_else(pc.and_(top, pc.match_substring_regex(types, "^(call|create)$")), "native", "internal")
    return pc.if_else(from_nothing, "mint", kind)
