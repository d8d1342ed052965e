"""Checks of what the investigator gives against the imported history, before it is written to the case.

Pure: tables and values in, seeds or a clear refusal out. What the seeds then do is `tracer.taint.seeds`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tracer.errors import InputError, SeedError, SeedKnownError, shown
from tracer.model import NATIVE, Conversion, Kind, Seed
from tracer.movements import amounts_from_column
from tracer.outpoints import outpoint_texts
from tracer.store.caserecords import CaseFile
from tracer.utxo import Outpoint

__all__ = [
    "check_amount",
    "check_conversion",
    "check_history",
    "check_ruled",
    "check_table",
    "check_undeclared",
    "identity",
    "outpoint_of",
    "refuse_known",
    "seed_of_outpoint",
    "seeds_of_transaction",
    "with_asset",
    "with_seeds",
]


_OUTPOINT = re.compile(r"([0-9a-fA-F]{64}):([0-9]{1,10})")


def check_amount(amount: int | None) -> None:
    """Refuse an amount that is no positive integer."""
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0):
        raise SeedError(
            f"The amount {shown(amount)} is not a positive integer.",
            "Give it in the smallest unit (wei, sat), e.g. 10000000000000000000 for 10 ETH.",
        )


def identity(seed: Seed) -> Seed:
    """What makes a seed the same as another: all but where one has it from."""
    return replace(seed, source="")


def refuse_known(known: AbstractSet[Seed], seed: Seed) -> None:
    """Refuse a seed whose `identity` is known: the same seed twice would count the theft twice."""
    if identity(seed) in known:
        raise SeedKnownError(
            f"The case has that seed already: {seed.address if seed.vout is None else f'{seed.tx}:{seed.vout}'}.",
            "A second theft at the same address needs its own --theft name, --tx or amount.",
        )


def with_seeds(file: CaseFile, seeds: Sequence[Seed]) -> CaseFile:
    """The case with more seeds, none of which it has already."""
    known = set(map(identity, file.seeds))
    for seed in seeds:
        refuse_known(known, seed)
    return replace(file, seeds=(*file.seeds, *seeds))


def with_asset(tables: Iterable[pa.Table], seed: Seed) -> Seed:
    """The seed with its asset written down where it states an amount alone: the chain's own coin.

    So that a file imported later does not change what the amount counts. Raises SeedError if the address is seen with
    other assets only.
    """
    if seed.amount is None or seed.asset is not None or seed.tx is not None or seed.at is not None:
        return seed
    refs: set[str] = set()
    for table in tables:
        mine = pc.or_(
            pc.equal(table["from_address"].cast(pa.string()), seed.address),
            pc.equal(table["to_address"].cast(pa.string()), seed.address),
        )
        mine = pc.and_(mine, pc.equal(table["chain"].cast(pa.string()), seed.chain))
        mine = pc.and_(mine, pc.equal(table["excluded"].cast(pa.string()), ""))
        refs.update(pc.unique(table.filter(mine)["asset"].cast(pa.string())).to_pylist())
    if refs and NATIVE not in refs:
        known = ", ".join(sorted(refs)[:3]) + (" ..." if len(refs) > 3 else "")
        raise SeedError(
            f"The seed {seed.address} states {seed.amount} but not of what, and its history has no native coin.",
            f"Say which with --asset ({known}).",
        )
    return replace(seed, asset=NATIVE)


def seeds_of_transaction(tables: Iterable[pa.Table], base: Seed, tx: str, to: str | None) -> list[Seed]:
    """Seeds of a theft transaction: each address that gains in it and pays nothing in it; `to` picks one.

    Raises SeedError if no imported file has the transaction, or nobody only gains in it.
    """
    rows = [row for table in tables for row in _rows_of(table, base.chain, tx)]
    if not rows:
        raise SeedError(
            f"No imported file holds the transaction {tx}.",
            "Import the file that holds it first, or give the receiving address and the amount.",
        )
    payers = {row["from_address"] for row in rows}
    gains: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["kind"] != Kind.FEE and row["to_address"] and row["to_address"] not in payers:
            gains[row["to_address"]] += row["amount"]
    found = sorted(address for address, units in gains.items() if units > 0 and to in (None, address))
    if not found:
        others = f" It pays {', '.join(sorted(gains))}." if gains else ""
        raise SeedError(
            f"{to or 'Nobody'} only gains in the transaction {tx}.{others}",
            "Name the receiver with --to, or give its address as the seed.",
        )
    return [replace(base, address=address, tx=tx) for address in found]


def outpoint_of(text: str) -> Outpoint | None:
    """The outpoint that `txid:vout` names, None for anything else."""
    match = _OUTPOINT.fullmatch(text.strip())
    return Outpoint(match[1].lower(), int(match[2])) if match else None


def seed_of_outpoint(tables: Iterable[pa.Table], base: Seed, outpoint: Outpoint) -> Seed:
    """The seed of one output. Raises SeedError if no source makes or spends it, or `base` says more about when."""
    if base.tx is not None or base.at is not None:
        raise SeedError(
            "An output says by itself in which transaction it was made.", "Leave --tx and --at out."
        )
    for table in tables:
        part = pc.and_(
            pc.equal(table["chain"].cast(pa.string()), base.chain),
            pc.equal(table["excluded"].cast(pa.string()), ""),
        )
        rows = table.filter(part)
        for row in rows.filter(
            pc.fill_null(pc.equal(outpoint_texts(rows), str(outpoint)), fill_value=False)
        ).to_pylist():
            owner = row["to_address"] if row["kind"] == Kind.OUTPUT else row["from_address"]
            if not owner:
                raise SeedError(
                    f"Nobody can spend the output {outpoint}: it holds data.", "Name another output."
                )
            return replace(base, address=owner, tx=outpoint.txid, vout=outpoint.vout)
    raise SeedError(
        f"No source makes or spends the output {outpoint}.",
        "Import the file that holds its transaction first, or give the receiving address and the amount.",
    )


def check_history(tables: Iterable[pa.Table], seeds: Sequence[Seed]) -> None:
    """Refuse an amount alone where the history has an inflow of exactly that amount: it would count twice."""
    for table in tables:
        check_table(table, seeds)


def check_table(table: pa.Table, seeds: Sequence[Seed]) -> None:
    """`check_history` for one table, also used before a file is imported."""
    for seed in seeds:
        if seed.amount is None or seed.tx is not None or seed.at is not None:
            continue
        blob = (
            pa.scalar(seed.amount.to_bytes(32, "big"), type=table["amount"].type)
            if seed.amount < 2**256
            else None
        )
        if blob is None:
            raise SeedError(
                f"The amount {seed.amount} is larger than any chain can hold.", "Check its digits."
            )
        match = pc.and_(
            pc.equal(table["amount"], blob), pc.equal(table["to_address"].cast(pa.string()), seed.address)
        )
        match = pc.and_(match, pc.equal(table["excluded"].cast(pa.string()), ""))
        match = pc.and_(match, pc.equal(table["chain"].cast(pa.string()), seed.chain))
        if seed.asset is not None:
            match = pc.and_(match, pc.equal(table["asset"].cast(pa.string()), seed.asset))
        for row in table.filter(match).slice(0, 1).to_pylist():
            where = f"--tx {row['tx_hash']}" if row["tx_hash"] else "--at with the time of that movement"
            raise SeedError(
                f"The seed {seed.address} with the amount {seed.amount} would count the theft twice: the history has a"
                f" movement of exactly that amount into it (row {row['row']}).",
                f"Give the seed with {where}.",
            )


def check_conversion(tables: Sequence[pa.Table], conversion: Conversion) -> None:
    """Refuse a declared conversion whose transaction no file holds, or in which the address gives nothing."""
    check_amount(conversion.amount)
    rows = [row for table in tables for row in _rows_of(table, conversion.chain, conversion.tx)]
    if not rows:
        raise InputError(
            f"No imported file holds the transaction {conversion.tx}.", "Import the file that holds it first."
        )
    if all(row["from_address"] != conversion.address for row in rows):
        raise InputError(
            f"{conversion.address} gives nothing in the transaction {conversion.tx}.",
            "Declare the conversion for the address that gave the other asset.",
        )
    stated = _decimals_of(tables, conversion.chain, conversion.asset)
    if conversion.decimals is not None and stated and conversion.decimals not in stated:
        raise InputError(
            f"The history states {', '.join(map(str, sorted(stated)))} decimals for {shown(conversion.asset)}, not"
            f" {conversion.decimals}.",
            "Leave --decimals out, or correct it.",
        )


def _decimals_of(tables: Iterable[pa.Table], chain: str, asset: str) -> set[int]:
    """The decimals that followed rows state for an asset."""
    found: set[int] = set()
    for table in tables:
        mine = pc.and_(
            pc.equal(table["asset"].cast(pa.string()), asset),
            pc.equal(table["chain"].cast(pa.string()), chain),
        )
        mine = pc.and_(mine, pc.equal(table["excluded"].cast(pa.string()), ""))
        found.update(d for d in pc.unique(table.filter(mine)["decimals"]).to_pylist() if d is not None)
    return found


def check_undeclared(file: CaseFile, chain: str, tx: str, address: str) -> None:
    """Refuse to separate payment and receipt where a standing declared conversion says that they belong together."""
    for entry in file.standing_conversions:
        c = entry.conversion
        if (c.chain, c.tx, c.address) == (chain, tx, address):
            raise InputError(
                f"Declared conversion {entry.number} says that the address converts in that transaction.",
                f"Withdraw it first: tracer judge withdraw CASE {entry.number}.",
            )


def check_ruled(
    before: Sequence[pa.Table], after: Sequence[pa.Table], file: CaseFile, what: str = ""
) -> None:
    """Refuse rulings (tables before and after) that take away what a seed or a declared conversion rests on.

    what: what is taken away instead, `the file`.
    """
    rests = f"in {what} that would be taken out" if what else "that would be left out"
    for seed in file.seeds:
        if (
            (seed.tx is not None or seed.at is not None)
            and _enters(before, seed)
            and not _enters(after, seed)
        ):
            raise InputError(
                f"The seed {seed.address} enters with a movement {rests}.",
                "Remove or change the seed first: tracer seed list CASE.",
            )
    check_history(after, file.seeds)
    for entry in file.standing_conversions:
        c = entry.conversion
        if all(row["from_address"] != c.address for table in after for row in _rows_of(table, c.chain, c.tx)):
            raise InputError(
                f"Declared conversion {entry.number} rests on movements {rests}.",
                f"Withdraw it first: tracer judge withdraw CASE {entry.number}.",
            )


def _enters(tables: Iterable[pa.Table], seed: Seed) -> bool:
    """Whether a followed movement into the seed matches its transaction, time and asset."""
    for table in tables:
        match = pc.equal(table["to_address"].cast(pa.string()), seed.address)
        match = pc.and_(match, pc.equal(table["chain"].cast(pa.string()), seed.chain))
        match = pc.and_(match, pc.equal(table["excluded"].cast(pa.string()), ""))
        for name, wanted in (("tx_hash", seed.tx), ("timestamp", seed.at), ("asset", seed.asset)):
            if wanted is not None:
                column = table[name].cast(pa.string()) if name == "asset" else table[name]
                match = pc.and_(match, pc.equal(column, wanted).fill_null(fill_value=False))
        if pc.any(match).as_py():
            return True
    return False


def _rows_of(table: pa.Table, chain: str, tx: str) -> list[dict[str, Any]]:
    match = pc.and_(pc.equal(table["tx_hash"], tx), pc.equal(table["chain"].cast(pa.string()), chain))
    match = pc.and_(match, pc.equal(table["excluded"].cast(pa.string()), ""))
    part = table.filter(match)
    rows = part.drop_columns(["amount"]).to_pylist()
    return [row | {"amount": n} for row, n in zip(rows, amounts_from_column(part["amount"]), strict=True)]
