"""The accounting program: the ledger, seeds and stops of a case as one flat list of steps that every rule runs.

Everything that does not depend on the rule is decided here once: order, openings, which part of a payment was
received in the same transaction (pots), conversions, stops. A rule then only answers "which coin leaves first".
Kernels, bounds and graph all read the same program, so they cannot disagree about a hop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

import numpy as np

from tracer.model import Asset, Gap, Seed
from tracer.taint.kernels_amounts import LIMIT, Amounts, pack

__all__ = ["NEVER", "SINKS", "Op", "Origin", "Program", "Share"]

NEVER = 2**31 - 1
"""Hop of a holding that stolen coin can never have reached."""

SINKS = ("sink:fee", "sink:burned", "sink:converted", "sink:recovered")
"""Pseudo-addresses of coin that has no address any more. Each is a holding per asset, like an address."""


class Op(IntEnum):
    """One step. `src` and `dst` are holding numbers, -1 where there is none."""

    CREDIT = 0
    """Clean `amount` enters `dst` from outside (opening, mint, withdrawal, a converter's counterparty)."""
    SEED = 1
    """Stolen `amount` of `origin` enters `dst` from outside."""
    MOVE = 2
    """`amount` leaves `src` under the rule and enters `dst`, keeping its age order."""
    STOPPED = 3
    """`amount` leaves the stopped holding `src`: its taint stays, `dst` gets clean coin."""
    CONVERT = 4
    """`amount` leaves `src` under the rule; `got` enters `dst` (another asset), tainted by the same fraction."""
    RELABEL = 5
    """Of what is in `dst` (a pot that holds one payment), the first `amount` becomes stolen coin of `origin`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A source of stolen coin: one theft in one asset. `stolen` is what its seeds put in, in smallest units."""

    theft: str
    asset: int
    stolen: int


@dataclass(frozen=True, slots=True)
class Share:
    """How a ledger row takes part in steps that net a whole transaction.

    The row carried `amount` of the `total` that `steps` took (`got` False) or brought (`got` True), so its taint
    is floor(taint of the steps * amount / total).
    """

    row: int
    steps: tuple[int, ...]
    amount: int
    total: int
    got: bool


@dataclass(frozen=True)
class Program:
    """Steps in order, and the names of the numbers in them.

    addresses: (chain, address) by address number; sinks are addresses with chain "" and a name of SINKS.
    assets: by asset number. holding_address, holding_asset: int32 arrays by holding number. A *pot* is a
    temporary holding of an address inside one transaction (`pot[h]` True); it is empty at the end.
    stopped: bool by holding (never a pot, always a sink): coin that arrives does not leave, and under poison only
    what arrived tainted counts. stop_code: by address number, "" if none.
    op int8, src, dst int32, origin int16 (-1), row int64 (row of the ordered ledger that the step carries out;
    -1 when none), tx int64 (transaction ordinal, -1 before the first): all by step. amount, got: lists of exact
    integers by step (`got` is 0 except for CONVERT). hop_step: int8, 1 where the step starts a new hop (leaves an
    address that is not a pot), else 0.
    unknown_opening: bool by holding: the history before the first row is unknown, so bounds must widen.
    gaps: openings, unsplit conversions and assumptions made on the way. shares: rows that take part in netted
    transactions. opening: the least opening balance by holding, where it is not 0. hop: by
    holding, the least number of transactions in which stolen coin can have come there (`NEVER`: none).
    outpoint: by holding, its number in the ledger (-1: an account or a sink): on Bitcoin-like chains each outpoint is a
    holding, so an address has several. joint: by holding, True for the pot of one transaction with inputs and outputs,
    which its inputs fill and its outputs, then its fee, empty. Both are empty where there is none.
    """

    addresses: tuple[tuple[str, str], ...]
    assets: tuple[Asset, ...]
    holding_address: np.ndarray
    holding_asset: np.ndarray
    pot: np.ndarray
    stopped: np.ndarray
    stop_code: tuple[str, ...]
    unknown_opening: np.ndarray
    origins: tuple[Origin, ...]
    seeds: tuple[Seed, ...]
    op: np.ndarray
    src: np.ndarray
    dst: np.ndarray
    origin: np.ndarray
    row: np.ndarray
    tx: np.ndarray
    hop_step: np.ndarray
    amount: list[int]
    got: list[int]
    gaps: tuple[Gap, ...]
    shares: tuple[Share, ...] = ()
    opening: dict[int, int] = field(default_factory=dict)
    hop: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    outpoint: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    joint: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.amount)

    @cached_property
    def limbs(self) -> tuple[Amounts, Amounts] | None:
        """`amount` and `got` as columns for the kernels; None if one of them is 2**127 or more."""
        if max(max(column, default=0) for column in (self.amount, self.got)) >= LIMIT:
            return None
        return pack(self.amount), pack(self.got)

    @cached_property
    def main(self) -> np.ndarray:
        """Per holding, the one that stands for its (address, asset): the first that is not a pot."""
        key = self.holding_address.astype(np.int64) * len(self.assets) + self.holding_asset
        found = np.arange(len(key))
        proper = np.flatnonzero(~self.pot)
        if len(proper):
            order = proper[np.argsort(key[proper], kind="stable")]
            at = np.minimum(np.searchsorted(key[order], key), len(order) - 1)
            found = np.where(key[order[at]] == key, order[at], found)
        return found

    @cached_property
    def members(self) -> dict[int, tuple[int, ...]]:
        """The holdings that are not pots by the one that stands for them, where these are several: outpoints."""
        if not len(self.outpoint):
            return {}
        proper = np.flatnonzero(~self.pot)
        order = proper[np.argsort(self.main[proper], kind="stable")]
        starts = np.flatnonzero(np.diff(self.main[order], prepend=-1))
        groups = np.split(order, starts[1:])
        return {int(self.main[g[0]]): tuple(g.tolist()) for g in groups if len(g) > 1}

    def group(self, holdings: Iterable[int]) -> frozenset[int]:
        """Holdings and, of those that stand for an address, all its outpoints."""
        return frozenset(m for h in holdings for m in self.members.get(h, (h,)))

    def target(self, holdings: Iterable[int]) -> int | frozenset[int]:
        """What ranges are asked for: one holding, or the group of several."""
        found = self.group(holdings)
        return next(iter(found)) if len(found) == 1 else found

    @cached_property
    def is_outpoint(self) -> np.ndarray:
        """By holding, True for an outpoint: it is filled once, and emptied whole and once."""
        return self.outpoint >= 0 if len(self.outpoint) else np.zeros(len(self.holding_address), dtype=bool)

    @cached_property
    def is_joint(self) -> np.ndarray:
        """`joint`, of full length."""
        return self.joint if len(self.joint) else np.zeros(len(self.holding_address), dtype=bool)

    def name(self, holding: int) -> tuple[str, str, Asset]:
        """(chain, address, asset) of a holding."""
        chain, address = self.addresses[self.holding_address[holding]]
        return chain, address, self.assets[self.holding_asset[holding]]
