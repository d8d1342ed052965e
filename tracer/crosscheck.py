"""What an import says: what was read, and what the file tells otherwise than the sources that the case had.

The gaps of the ledger say the latter for as long as both sources stand in the case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tracer import evidence, rulings
from tracer.chains.files import FileImport
from tracer.collecting.facts import read_facts
from tracer.ledger import stacked
from tracer.model import Gap, Label
from tracer.source_overlap import cut_overlap
from tracer.store import Capture, Workspace
from tracer.store.caserecords import CaseFile

__all__ = ["ImportReport", "against", "report"]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. rows: in the file; followed: of these in the flows; excluded: reason -> number of rows.

    is_new: False if the case had the file already. labels: what the file suggests about
    addresses; nothing is taken over from it unless the analyst says so. disagreements: what the file tells otherwise
    than the sources that the case had, as the gaps that come of it.
    """

    name: str
    sha256: str
    format: str
    rows: int
    followed: int
    excluded: Mapping[str, int]
    warnings: tuple[str, ...]
    is_new: bool
    labels: tuple[Label, ...] = ()
    disagreements: tuple[Gap, ...] = ()


def against(workspace: Workspace, file: CaseFile, table: pa.Table, capture: Capture) -> list[Gap]:
    """The open gaps of a file's movements against the sources of the case. capture: the file's own, not compared.

    Only rows of transactions that the file tells are read into one table: a case may be large, what they share is not.
    """
    entries = evidence.collected(workspace, file)
    pins = [pin for pin in file.captures if pin.key != capture.key]
    if not (pins or entries):
        return []
    hashes = table["tx_hash"].combine_chunks().unique()
    named = hashes.filter(pc.not_equal(hashes, ""))

    def shared(other: pa.Table) -> pa.Table:
        if len(named) < len(hashes):  # a row without a hash may be any other
            return other
        return other.filter(pc.is_in(other["tx_hash"], named))

    with workspace.store.reader() as view:
        others = [shared(evidence.tables(view, [one])[0]) for one in evidence.pinned(view, pins)]
        facts = read_facts(view, entries, first=len(pins) + 1) if entries else None
    met = [*others, table, *([shared(facts.table)] if facts else [])]
    ruled = rulings.apply(met, file.standing_rulings)
    found: list[Gap] = []
    names = [*(pin.name for pin in pins), capture.name, *(facts.names if facts else ())]
    cut_overlap(stacked(ruled.tables), found, names)
    return [gap for gap in found if gap.status == "open"]


def report(read: FileImport, *, is_new: bool, disagreements: Iterable[Gap] = ()) -> ImportReport:
    """What the investigator is told about an import."""
    excluded = Counter(read.table["excluded"].cast(pa.string()).to_pylist())
    followed = excluded.pop("", 0)
    return ImportReport(
        read.name,
        read.sha256,
        read.format,
        read.table.num_rows,
        followed,
        dict(sorted(excluded.items())),
        tuple(read.warnings),
        is_new,
        tuple(read.labels),
        tuple(disagreements),
    )
