"""The movements of all collected addresses as one table: what several answers tell is counted once, then judged.

Address poisoning shows only in the history of the victim, and the same payment stands in the histories of both its
ends. So rows are flagged here, over all that was collected, and not one capture at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.flags import flag
from tracer.collecting.frontier import Account
from tracer.collecting.lacking import lacking
from tracer.collecting.manifest import Fetched, uncovered
from tracer.errors import StoreError
from tracer.model import Gap, StopCode
from tracer.movements import SCHEMA
from tracer.source_overlap import cut_overlap
from tracer.store import View

__all__ = ["Facts", "read_facts", "unread"]


@dataclass(frozen=True)
class Facts:
    """table: movements with a column `source`, the number of the entry counted from `first`. entries: those with a
    capture. partial: by entry, whether the history of the account is not whole. gaps: of the answers and of the flags.
    lacks: accounts whose histories lack what others show.
    """

    table: pa.Table
    entries: tuple[Fetched, ...]
    gaps: tuple[Gap, ...]
    partial: tuple[bool, ...]
    lacks: frozenset[Account]

    @property
    def names(self) -> list[str]:
        """By entry, what tables call the source."""
        return [e.name for e in self.entries]

    @property
    def hashes(self) -> list[str]:
        """By entry, the sha256 of its list of answers."""
        return [e.sha256 for e in self.entries]


def read_facts(view: View, entries: Sequence[Fetched], first: int) -> Facts:
    """The collected facts of a case; `first` is the number of the first entry among the sources of the ledger.

    Raises StoreError when the workspace lacks a capture.
    """
    failed = [e for e in entries if not e.capture]
    entries = [e for e in entries if e.capture]
    known = view.capture_numbers([e.capture for e in entries])
    for e in entries:
        if e.capture not in known:
            raise StoreError(
                f"The case rests on the collected history of {e.address}, which this workspace does not hold.",
                "Collect again, or open the workspace that it was collected in.",
            )
    captures = [known[e.capture] for e in entries]
    table = view.movements(captures)
    number = {capture: n for n, capture in enumerate(captures)}
    column = table.schema.get_field_index("capture")
    source = pa.array([number[c] for c in table["capture"].to_pylist()], pa.int64())
    told = table.set_column(column, "capture", source)
    found: list[Gap] = []
    table, flags = flag(cut_overlap(told, found, [e.name for e in entries]).combine_chunks())
    places = [gap for gap in found if gap.code == "place_differs"]  # the ledger finds the others again
    whole = _whole(entries)
    lacks = lacking(told, table, entries, whole)
    table = table.set_column(column, "capture", pc.add(table["capture"], first))
    own = dict.fromkeys(g.gap for g in view.gaps(captures))
    gaps = (*own, *places, *_hubs(entries), *_failed(failed), *lacks.values(), *flags)
    partial = tuple(
        not e.complete or (e.first > 0 and e.account not in whole) or e.account in lacks for e in entries
    )
    return Facts(
        table.rename_columns([*SCHEMA.names, "source"]), tuple(entries), gaps, partial, frozenset(lacks)
    )


def _whole(entries: Sequence[Fetched]) -> set[Account]:
    """The accounts whose histories together go back to the first block without a hole."""
    of: dict[Account, list[Fetched]] = {}
    for e in entries:
        if e.complete and not e.hub:
            of.setdefault(e.account, []).append(e)
    return {account for account, mine in of.items() if not uncovered(mine, 0, max(e.last for e in mine))}


def unread(
    accounts: Sequence[Account], entries: Sequence[Fetched], lifted: Collection[Account] = ()
) -> dict[Account, str]:
    """Stop codes of the accounts in collected rows whose own history was not read: HUB, else PENDING.

    lifted: accounts that the analyst says are no end: they are still to be read.
    """
    read = {e.account for e in entries if e.capture and not e.hub}
    hubs = {e.account for e in entries if e.hub}.difference(read, lifted)
    return {
        account: StopCode.HUB.value if account in hubs else StopCode.PENDING.value
        for account in accounts
        if account not in read
    }


def _failed(entries: Sequence[Fetched]) -> list[Gap]:
    return [
        Gap("not_collected", f"Its history could not be collected: {e.problem}", e.chain, e.address)
        for e in entries
    ]


def _hubs(entries: Sequence[Fetched]) -> list[Gap]:
    return [
        Gap(
            "hub",
            f"At least {e.transactions:,} transactions: taken as a hub and not followed. To read it,"
            " say that coin does not stop there (stop code NONE) or raise the limit, and collect again."
            if e.transactions
            else "More transactions than the provider tells: taken as a hub and not followed. To read it, collect again"
            " from a provider without that limit, such as a node of your own.",
            e.chain,
            e.address,
        )
        for e in entries
        if e.hub
    ]
