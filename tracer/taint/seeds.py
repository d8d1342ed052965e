"""Where stolen coin enters: the seeds of a case against its ledger (docs/accounting.md, "Seeds").

An amount alone is added before the first movement. With a transaction or a time, the matching inflow is
relabelled. With neither, every inflow counts that is decided in `tracer.taint.entry`.
On Bitcoin-like chains an inflow is an output, and an output to an address that also pays in the transaction is change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import is_utxo
from tracer.errors import SeedError, shown
from tracer.ledger import Ledger
from tracer.model import NATIVE, Asset, Gap, Seed
from tracer.outpoints import outpoint_texts
from tracer.taint.steps import Steps

__all__ = ["Marks", "Plan", "plan_seeds", "two_thefts"]


@dataclass
class Marks:
    """Stolen coin to mark on inflows of one (address, asset).

    left: transaction ordinal -> amount still to mark, None = no limit. origin: whose coin that is. every: the origin
    of the inflows of all other transactions, None if only the named ones count. outpoints: number of an outpoint ->
    (amount to mark, None = all; origin).
    """

    left: dict[int, int | None] = field(default_factory=dict)
    origin: dict[int, int] = field(default_factory=dict)
    every: int | None = None
    outpoints: dict[int, tuple[int | None, int]] = field(default_factory=dict)

    def name(self, number: int, amount: int | None, held: int, origin: int) -> int:
        """Mark so much of the output `number`, which holds `held`; None: all. Returns what does not fit.

        Amounts named one by one add up and the whole stays the whole, in whatever order they are named.
        """
        before = self.outpoints.get(number, (0, origin))[0]
        if amount is None or before is None:
            self.outpoints[number] = (None, origin)
            return max(0, (amount or 0) - held)
        part = min(amount, held - before)
        self.outpoints[number] = (before + part, origin)
        return amount - part


@dataclass
class Plan:
    """Seeds resolved against the ledger.

    origins: (theft, asset number). start: (address number, asset number, amount, origin) entering before the
    first movement. marks: (address number, asset number) -> Marks. gaps: what had to be assumed.
    """

    origins: list[tuple[str, int]] = field(default_factory=list)
    start: list[tuple[int, int, int, int]] = field(default_factory=list)
    marks: dict[tuple[int, int], Marks] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def origin(self, theft: str, asset: int) -> int:
        """The number of the source (theft, asset), new if needed."""
        key = (theft, asset)
        if key not in self.origins:
            self.origins.append(key)
        return self.origins.index(key)


def plan_seeds(steps: Steps, seeds: Sequence[Seed]) -> Plan:
    """Resolve seeds. Raises SeedError for a seed that contradicts the history."""
    plan = Plan()
    ledger = steps.ledger
    outputs = [seed for seed in seeds if seed.vout is not None]
    found = _rows_of_outputs(ledger, outputs)
    for seed in outputs:  # first: an amount of an address alone goes into what they leave, whatever the order
        _plan_outpoint(plan, ledger, seed, found.get((seed.chain, _outpoint(seed))))
    for seed in seeds:
        if seed.vout is not None:
            continue
        address = steps.address(seed.chain, seed.address)
        inflows = np.flatnonzero(ledger.recipient == address)
        inflows = inflows[ledger.sender[inflows] != address]
        inflows = _without_change(ledger, inflows, address)
        if seed.tx is not None or seed.at is not None:
            _plan_matching(plan, ledger, seed, address, inflows)
        elif seed.amount is not None:
            _plan_amount(plan, steps, seed, seed.amount, address, inflows)
        else:
            _plan_every(plan, ledger, seed, address)
    return plan


def _without_change(ledger: Ledger, inflows: np.ndarray, address: int) -> np.ndarray:
    """Inflows without the outputs of transactions in which the address spends: these are its own coin."""
    own = np.unique(ledger.tx[(ledger.sender == address) & (ledger.spends >= 0)])
    kept: np.ndarray = inflows[~(ledger.utxo[inflows] & np.isin(ledger.tx[inflows], own))]
    return kept


def _outpoint(seed: Seed) -> str:
    return f"{seed.tx}:{seed.vout}"


def _rows_of_outputs(ledger: Ledger, seeds: Sequence[Seed]) -> dict[tuple[str, str], int]:
    """(chain, outpoint) -> the row that makes an output that a seed names, else the row that spends it.

    One pass over the ledger for all of them.
    """
    if not seeds:
        return {}
    texts = outpoint_texts(ledger.table)
    named = pc.is_in(texts, value_set=pa.array(sorted({_outpoint(seed) for seed in seeds}), pa.string()))
    rows = np.flatnonzero(named.to_numpy(zero_copy_only=False))
    rows = rows[np.argsort(ledger.makes[rows] >= 0, kind="stable")]  # who makes it comes last and stands
    chains = ledger.table["chain"].take(pa.array(rows)).to_pylist()
    return dict(
        zip(zip(chains, texts.take(pa.array(rows)).to_pylist(), strict=True), rows.tolist(), strict=True)
    )


def _plan_outpoint(plan: Plan, ledger: Ledger, seed: Seed, row: int | None) -> None:
    """One output is stolen, up to the amount, whether a source tells how it was made or only that it was spent."""
    named = _outpoint(seed)
    if row is None:
        raise SeedError(
            f"No source holds the output {shown(named)}, neither made nor spent.",
            "Import the file that holds its transaction, or correct the outpoint.",
        )
    owner = int(ledger.recipient[row] if ledger.makes[row] >= 0 else ledger.sender[row])
    asset, number = int(ledger.asset[row]), int(max(ledger.makes[row], ledger.spends[row]))
    marks = plan.marks.setdefault((owner, asset), Marks())
    origin = plan.origin(seed.theft, asset)
    if marks.outpoints.get(number, (None, origin))[1] != origin:
        raise two_thefts(seed, f"the output {named}")
    left = marks.name(number, seed.amount, ledger.amount[row], origin)
    if left:
        message = (
            f"The seed states {seed.amount}, which is {left} more than the output {named} holds"
            f" ({ledger.amount[row]}); only that counts."
        )
        ref = ledger.assets[asset].ref
        plan.gaps.append(Gap("seed_amount", message, seed.chain, seed.address, ref, left, str(seed.tx)))


def _ref_matches(ledger: Ledger, seed: Seed, rows: np.ndarray) -> np.ndarray:
    if seed.asset is None:
        return rows
    wanted = ledger.asset_number.get((seed.chain, seed.asset), -9)
    return np.asarray(rows[ledger.asset[rows] == wanted], dtype=np.int64)


def _plan_matching(plan: Plan, ledger: Ledger, seed: Seed, address: int, inflows: np.ndarray) -> None:
    """Relabel the inflow of the stated transaction or time."""
    rows = _ref_matches(ledger, seed, inflows)
    if seed.tx is not None:
        rows = np.array([r for r in rows.tolist() if ledger.tx_hash[r] == seed.tx], dtype=np.int64)
    if seed.at is not None:
        rows = rows[ledger.time[rows] == seed.at]
    what = f"the transaction {shown(seed.tx)}" if seed.tx is not None else "that time"
    if len(rows) == 0:
        raise SeedError(
            f"No movement into the seed {seed.address} is known for {what}.",
            "Import the file that holds it, correct the hash or time, or give --amount-raw alone if the history"
            " lacks the theft.",
        )
    assets = np.unique(ledger.asset[rows])
    if seed.amount is not None and len(assets) > 1:
        raise SeedError(
            f"The seed {seed.address} got {len(assets)} assets in {what}, so the amount is ambiguous.",
            "Say which with --asset.",
        )
    left = seed.amount
    for asset in assets.tolist():
        marks = plan.marks.setdefault((address, asset), Marks())
        origin = plan.origin(seed.theft, asset)
        made = ledger.makes[rows[ledger.asset[rows] == asset]].tolist()
        if any(marks.outpoints[n][1] != origin for n in made if n in marks.outpoints):
            raise two_thefts(seed, f"an output of {what}")
        for tx in np.unique(ledger.tx[rows[ledger.asset[rows] == asset]]).tolist():
            if marks.origin.setdefault(tx, origin) != origin:
                raise two_thefts(seed, f"what it got in {what}")
            if left is None:
                marks.left[tx] = None
                continue
            total = sum(ledger.amount[r] for r in rows.tolist() if ledger.tx[r] == tx)
            part = min(left, total)
            left -= part
            before = marks.left.get(tx, 0)
            marks.left[tx] = None if before is None else before + part
    if left:
        plan.gaps.append(
            Gap(
                "seed_amount",
                f"The seed states {seed.amount}, but the matching inflow is {left} smaller; only the inflow counts.",
                seed.chain,
                seed.address,
                ledger.assets[int(assets[0])].ref,
                left,
                seed.tx or "",
            )
        )


def _plan_amount(
    plan: Plan, steps: Steps, seed: Seed, amount: int, address: int, inflows: np.ndarray
) -> None:
    """Add the amount before the first movement: the history lacks the theft."""
    ledger = steps.ledger
    ref = seed.asset
    if ref is None:
        seen = np.unique(ledger.asset[(ledger.recipient == address) | (ledger.sender == address)])
        refs = sorted(ledger.assets[i].ref for i in seen.tolist())
        if refs and NATIVE not in refs:
            raise SeedError(
                f"The seed {seed.address} states {seed.amount} but not of what, and its history has no native coin.",
                f"Say which with --asset ({', '.join(refs[:3])}).",
            )
        ref = NATIVE
    asset = ledger.asset_number.get((seed.chain, ref))
    if asset is None:
        known = [a for a in steps.assets if (a.chain, a.ref) == (seed.chain, ref)]
        if not known:
            steps.assets.append(Asset(seed.chain, ref))
        asset = next(i for i, a in enumerate(steps.assets) if (a.chain, a.ref) == (seed.chain, ref))
    for r in inflows.tolist():
        if ledger.asset[r] == asset and ledger.amount[r] == amount:
            raise SeedError(
                f"The seed {seed.address} with amount {amount} would count the theft twice: the history"
                f" already has a movement of exactly that amount into it, in {ledger.tx_hash[r] or 'a row'}.",
                f"Give --tx {ledger.tx_hash[r]} with the seed."
                if ledger.tx_hash[r]
                else "Give --at with the seed.",
            )
    left = _mark_openings(plan, ledger, seed, address, asset, amount)
    if not left:
        return
    if is_utxo(seed.chain):
        message = (
            f"The seed states {amount}, of which {left} is in no output that the address spends without a source"
            " telling how it was made. It rests at the address and cannot be followed: give --tx or the outpoint."
        )
        plan.gaps.append(Gap("seed_amount", message, seed.chain, seed.address, steps.assets[asset].ref, left))
    plan.start.append((address, asset, left, plan.origin(seed.theft, asset)))


def _mark_openings(plan: Plan, ledger: Ledger, seed: Seed, address: int, asset: int, amount: int) -> int:
    """Where outputs are held: mark those that the address spends and no source makes, in order; returns the rest."""
    if not ledger.utxo.any():
        return amount
    rows = np.flatnonzero((ledger.sender == address) & (ledger.spends >= 0) & (ledger.asset == asset))
    rows = rows[~np.isin(ledger.spends[rows], ledger.makes)]
    for r in rows.tolist():
        if not amount:
            break
        marks = plan.marks.setdefault((address, asset), Marks())
        number, origin = int(ledger.spends[r]), plan.origin(seed.theft, asset)
        before, whose = marks.outpoints.get(number, (0, origin))
        if before is not None and whose == origin:
            amount = marks.name(number, amount, ledger.amount[r], origin)
    return amount


def _plan_every(plan: Plan, ledger: Ledger, seed: Seed, address: int) -> None:
    """Every inflow counts (and the opening, if the address pays more than it got)."""
    own = np.flatnonzero((ledger.recipient == address) | (ledger.sender == address))
    own = _ref_matches(ledger, seed, own)
    if len(own) == 0:
        message = "The seed has no movements in the imported history: nothing enters there."
        plan.gaps.append(Gap("seed_unknown", message, seed.chain, seed.address, seed.asset or ""))
    for asset in np.unique(ledger.asset[own]).tolist():
        marks = plan.marks.setdefault((address, asset), Marks())
        origin = plan.origin(seed.theft, asset)
        if marks.every not in {None, origin}:
            raise two_thefts(seed, "everything it got")
        marks.every = origin


def two_thefts(seed: Seed, what: str) -> SeedError:
    """The error for two thefts that claim the same coin."""
    return SeedError(
        f"Two thefts claim {what}: the seed {seed.address} stands under {shown(seed.theft)} and under another name.",
        "Give both the same --theft, or say with --tx which inflow belongs to which.",
    )
