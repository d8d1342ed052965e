"""From pinned files to a computed case: which captures a case rests on, and the Tracing that follows from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tracer import addresses, rulings
from tracer.chains.files import Limits
from tracer.collecting.budget import budget_in
from tracer.collecting.facts import Facts, read_facts, unread
from tracer.collecting.frontier import Candidate, candidates, governing, payers, stop_codes
from tracer.collecting.manifest import Fetched, read_manifest
from tracer.errors import FileError, InputError, StoreError, shown
from tracer.labels import LabelBook, stop_code
from tracer.ledger import build_ledger
from tracer.model import UNREAD, Gap, Kind, Label, StopCode
from tracer.outpoints import leave_out, transaction_rows
from tracer.prices import bundled_prices
from tracer.results import CHAIN_REPLACED, frame
from tracer.settings import Settings
from tracer.store import Capture, Draft, View, Workspace
from tracer.store.caserecords import CaseFile, Pin
from tracer.taint.tally import tally
from tracer.times import utc_text
from tracer.tracing import Progress, Tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer.chains.files import FileImport

__all__ = [
    "Capture",
    "Fetched",
    "accounts",
    "collected",
    "display",
    "files_frame",
    "keep",
    "limits",
    "pinned",
    "refuse_spends",
    "refuse_unplaced",
    "relabelled",
    "tables",
    "trace_of",
    "wanted",
]

PARSER = "files"
PARSER_VERSION = "1"


def limits(settings: Settings) -> Limits:
    """The import limits of the workspace."""
    return Limits(max_rows=settings.max_upload_rows, max_bytes=settings.max_upload_bytes)


def keep(
    workspace: Workspace,
    source: bytes | Path,
    read: FileImport,
    options: Mapping[str, object],
    *,
    partial: bool,
    now: int,
) -> Capture:
    """Archive the file and store its rows; the same bytes read in the same way are stored once."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    draft = Draft(
        sha256=read.sha256,
        name=read.name,
        size=size,
        parser=PARSER,
        parser_version=PARSER_VERSION,
        fetched_at=now,
        mapping=options,
        partial=partial,
    )
    return workspace.keep(source, draft, read.table, read.gaps)[0]


def refuse_unplaced(read: FileImport) -> None:
    """Raise FileError for a followed row that states neither block nor time: no ledger could put it in order."""
    table = read.table
    lost = pc.and_(pc.is_null(table["block"]), pc.is_null(table["timestamp"]))
    lost = pc.and_(lost, pc.equal(table["excluded"].cast(pa.string()), ""))
    lost = pc.and_(lost, pc.not_equal(table["kind"].cast(pa.string()), Kind.OPENING.value))
    count = int(pc.sum(lost).as_py() or 0)
    if count:
        first = table.filter(lost)["row"][0].as_py()
        more = f" {count - 1:,} other rows have the same problem." if count > 1 else ""
        raise FileError(
            f"{shown(read.name)}, data row {first}: neither block nor time is known, so the row has no place in the"
            f" order of time.{more} Nothing was imported.",
            "Fill the column block or timestamp_utc, or map one: --map timestamp_utc=COLUMN.",
        )


def refuse_spends(read: FileImport) -> None:
    """Raise FileError for two transactions of the file that spend the same output, or one that spends it otherwise."""
    if transaction_rows(read.table).any():
        whole = read.table.append_column("capture", pa.array([0] * read.table.num_rows, pa.int64()))
        try:
            leave_out(whole.unify_dictionaries().combine_chunks(), [])
        except InputError as error:
            raise FileError(
                f"{shown(read.name)}: {error.message} Nothing was imported.", error.hint
            ) from None


def pinned(view: View, pins: Sequence[Pin]) -> list[Capture]:
    """The captures that the case rests on, in its order. Raises StoreError if the workspace lacks one."""
    found = []
    for pin in pins:
        capture = view.capture(key=pin.key)
        if capture is None:
            raise StoreError(
                f"The case rests on the file {pin.name} (sha256 {pin.sha256}), which this workspace does not hold.",
                "Import that file into the case again.",
            )
        if capture.sha256 != pin.sha256:
            raise StoreError(
                f"The case names the sha256 {pin.sha256} for the file {pin.name}, but {capture.sha256} was read.",
                "The case file was changed by hand: restore it from a backup.",
            )
        found.append(capture)
    return found


def tables(view: View, captures: Sequence[Capture]) -> list[pa.Table]:
    """Movements, one table per capture."""
    return [view.movements([capture.id]) for capture in captures]


def files_frame(view: View, file: CaseFile) -> pd.DataFrame:
    """The imported files of a case. excluded: rows that are left out of flows, the standing rulings applied."""
    rows = []
    pins = file.captures
    for number, (pin, capture) in enumerate(zip(pins, pinned(view, pins), strict=True), start=1):
        ruled = rulings.apply(tables(view, [capture]), file.standing_rulings).tables[0]
        left_out = int(pc.sum(pc.not_equal(ruled["excluded"].cast(pa.string()), "")).as_py() or 0)
        rows.append(
            (number, pin.name, pin.sha256, capture.rows, left_out, capture.grade, capture.partial)
            + (utc_text(pin.imported_at),)
        )
    return frame(
        rows, ["number", "name", "sha256", "rows", "excluded", "grade", "partial", "imported_at_utc"]
    )


def collected(workspace: Workspace, file: CaseFile) -> list[Fetched]:
    """What was collected for the case. Raises StoreError when the archive lacks the list or it is damaged."""
    return read_manifest(workspace.archive.read(file.manifest)) if file.manifest else []


def trace_of(
    view: View,
    file: CaseFile,
    entries: Sequence[Fetched],
    labels: Iterable[Label],
    display: Callable[[str, str], str],
    progress: Progress | None,
) -> Tracing:
    """Compute the state of a case from the files it pins, the histories that were collected for it, and labels."""
    if progress:
        progress("reading", 0, 1)
    captures = pinned(view, file.captures)
    imported = tables(view, captures)
    facts = read_facts(view, entries, first=len(captures)) if entries else None
    standing = file.standing_conversions
    ruled = rulings.apply([*imported, *([facts.table] if facts else [])], file.standing_rulings)
    names = (*(pin.name for pin in file.captures), *(facts.names if facts else ()))
    ledger = build_ledger(
        ruled.tables,
        partial=[*(c.partial for c in captures), *(facts.partial if facts else [])],
        conversions=[e.conversion for e in standing],
        names=names,
    )
    gaps = [g.gap for g in view.gaps([c.id for c in captures])] if captures else []
    gaps += facts.gaps if facts else ()
    gaps += [
        Gap(
            "declared_conversion",
            f"Declared, not seen: the address got this in that transaction, says {e.conversion.source}.",
            e.conversion.chain,
            e.conversion.address,
            e.conversion.asset,
            e.conversion.amount,
            e.conversion.tx,
            "closed",
        )
        for e in standing
    ]
    gaps += [*file.gaps, *rulings.gaps(file.standing_rulings, ruled.changed)]
    gaps += [
        Gap("provider_stopped", f"The last collection did not go to its end there: {h.reason}", h.chain)
        for h in file.halted
    ]
    gaps += [
        Gap(
            CHAIN_REPLACED,
            f"What was collected ends in block {h.block} ({h.hash}), which the chain gave up: {h.replaced} stands there"
            " now. Payments of it may never have happened. Collect the case anew (tracer collect CASE --again), or"
            " into a new case.",
            h.chain,
        )
        for h in file.heads
        if h.replaced
    ]
    times = ledger.time[ledger.time >= 0]
    as_of = _as_of(file, int(times.max()) if len(times) else None)
    book = LabelBook(labels, as_of)
    lifted = {(s.chain, s.address) for s in file.stops if s.code is None}
    unseen = _unread_stops(imported, facts, entries, lifted)
    if progress:
        progress("reading", 1, 1)
    return Tracing(
        case=file.name,
        ledger=ledger,
        seeds=file.seeds,
        stops=unseen | stops_of(file, book, ledger.addresses),
        book=book,
        gaps=tuple(gaps),
        decided=frozenset((s.chain, s.address) for s in file.stops),
        link_rulings=file.standing_link_rulings,
        source_names=names,
        source_hashes=(
            *(pin.sha256 for pin in file.captures),
            *(facts.hashes if facts else ()),
        ),
        fetched={
            entry.account: replace(entry, complete=False) if facts and entry.account in facts.lacks else entry
            for entry in sorted(entries, key=_last_word)
        },
        unseen=unseen,
        codes={e.account: e.code for e in sorted(entries, key=_last_word) if e.code},
        prices=bundled_prices(),
        display=display,
        separate=rulings.separate(file.standing_rulings),
        unread=partial(_why_unread, file, entries) if entries else None,
        as_of=as_of,
    )


def _last_word(entry: Fetched) -> tuple[bool, bool, int]:
    """Sorts the entry that says most of an address to the end."""
    return bool(entry.capture), not entry.hub, entry.last


def relabelled(tracing: Tracing, file: CaseFile, labels: Iterable[Label]) -> Tracing:
    """The same facts under other labels and stops: those of `file`, and `labels`."""
    book = LabelBook(labels, tracing.as_of)
    stops = dict(tracing.unseen) | stops_of(file, book, tracing.ledger.addresses)
    return replace(
        tracing, book=book, stops=stops, _outcomes={}, _held={}, _results={}, _ranges={}, _behind=None
    )


def _as_of(file: CaseFile, last: int | None) -> int | None:
    """What the case says; else the block or time that every chain was asked up to; else the last movement."""
    if file.as_of is not None:
        return file.as_of
    until = budget_in(file.thresholds).until
    ends = [head.time if until is None else min(head.time, until) for head in file.heads]
    return min(ends, default=last)


def wanted(file: CaseFile, entries: Sequence[Fetched], tracing: Tracing) -> list[Candidate]:
    """The addresses whose histories the case needs next in its direction, most urgent first, read ones included."""
    if budget_in(file.thresholds).backward:
        times = tracing.ledger.time[np.flatnonzero(np.diff(tracing.ledger.tx, prepend=-1))].tolist()
        whole = {e.account for e in entries if e.capture and (e.inflows or e.hub)}
        shallow = {e.account for e in entries if e.capture} - whole
        supplies = tracing.supplies((t.chain, t.address) for t in file.targets)
        return payers(supplies, times, tracing.unseen.keys(), shallow)
    program = tracing.program
    outcome = tracing.outcome(governing(file.rule))
    found = candidates(program, outcome, tally(tracing.ledger, program, outcome))
    ends = {
        name
        for name, code in zip(program.addresses, program.stop_code, strict=True)
        if code and code not in UNREAD
    }
    return [c for c in found if c.account not in ends]


def _why_unread(file: CaseFile, entries: Sequence[Fetched], tracing: Tracing) -> dict[tuple[str, str], str]:
    """HORIZON, DUST or BUDGET in place of PENDING, where the budget says so, and HORIZON where the history ends before
    the block that the case goes to.
    """
    pending = {account for account, code in tracing.stops.items() if code == StopCode.PENDING}
    read = {e.account for e in entries if e.capture}
    found = [c for c in wanted(file, entries, tracing) if c.account in pending]
    codes = stop_codes(found, read, budget_in(file.thresholds), exhausted=file.exhausted)
    ends = {head.chain: head.block for head in file.heads}
    last: dict[tuple[str, str], int] = {}
    for e in entries:
        if e.capture and not e.hub:
            last[e.account] = max(e.last, last.get(e.account, 0))
    cut = {a for a, block in last.items() if block < ends.get(a[0], 0) and a not in tracing.all_stops}
    return dict.fromkeys(sorted(cut), StopCode.HORIZON.value) | {a: code.value for a, code in codes.items()}


def _unread_stops(
    imported: Sequence[pa.Table],
    facts: Facts | None,
    entries: Sequence[Fetched],
    lifted: Collection[tuple[str, str]],
) -> dict[tuple[str, str], str]:
    """Addresses that only the histories of others name. What an imported file names counts as read."""
    if facts is None:
        return {}
    known = {account for table in imported for account in accounts(table)}
    named = [a for a in accounts(facts.table) if a not in known and a[1] != addresses.ZERO_ADDRESS]
    return unread(named, entries, lifted)


def accounts(table: pa.Table) -> list[tuple[str, str]]:
    """The distinct (chain, address) that rows pay or are paid by, sorted."""
    found: set[tuple[str, str]] = set()
    for side in ("from_address", "to_address"):
        pairs = pa.table({"c": table["chain"].cast(pa.string()), "a": table[side].cast(pa.string())})
        found.update((r["c"], r["a"]) for r in pairs.group_by(["c", "a"]).aggregate([]).to_pylist() if r["a"])
    return sorted(found)


def stops_of(
    file: CaseFile, book: LabelBook, accounts: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Where coin stops: labels (not at seeds), then the analyst's word, which decides."""
    seeded = {(s.chain, s.address) for s in file.seeds}
    found: dict[tuple[str, str], str] = {}
    for account in accounts:
        label = book.stop(*account)
        code = None if label is None or account in seeded else stop_code(label)
        if code is not None:
            found[account] = code.value
    for stop in file.stops:
        if stop.code is None:
            found.pop((stop.chain, stop.address), None)
        else:
            found[stop.chain, stop.address] = stop.code.value
    return found


@lru_cache(maxsize=1_000_000)
def display(chain: str, address: str) -> str:
    """The text to print for an address: EIP-55 on EVM chains; sinks and "" as they are."""
    if not chain or not address:
        return address
    return addresses.display(chain, address)
