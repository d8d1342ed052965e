"""The casebook: what the investigator said in one case, kept in the workspace.

Seeds and files; opinions come from `tracer.opinions` and `tracer.linkrulings`. Every change is written at once, all of
it or nothing; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tracer import crosscheck, evidence, rulings, seeding
from tracer.addresses import chain_id, is_tx_hash, parse_account
from tracer.addresses import tx_hash as checked_tx
from tracer.chains.files import read_transfers
from tracer.crosscheck import ImportReport
from tracer.custody import exhibits_of, record_of
from tracer.errors import InputError, NotFoundError, shown
from tracer.grounds import of_case
from tracer.labelling import Labelling
from tracer.linkrulings import LinkRulings
from tracer.model import Rule, Seed
from tracer.placing import Placing
from tracer.provenance import standing_in
from tracer.results import frame
from tracer.seed_list import RefusedLine, SeedLine, SeedList
from tracer.store.caserecords import CaseFile, Pin, Target
from tracer.times import utc_text
from tracer.tracing import Progress

__all__ = ["CaseBook", "rule_named"]


def rule_named(rule: str) -> Rule:
    """The rule of that name. Raises InputError that lists them."""
    if rule not in list(Rule):
        raise InputError(f"There is no rule {shown(rule)}.", f"Choose one of {', '.join(Rule)}.")
    return Rule(rule)


class CaseBook(LinkRulings, Labelling):
    """The record of one case in a workspace."""

    @property
    def rule(self) -> str:
        """The governing rule."""
        return self.file.rule.value

    def __repr__(self) -> str:
        return (
            f"<Case {self.name}: {len(self.file.seeds)} seeds, {len(self.file.captures)} files, {self.rule}>"
        )

    def set_rule(self, rule: str) -> None:
        """Fix the governing rule: fifo, lifo, haircut, seniority, libr, tiho or poison."""
        chosen = rule_named(rule)
        self.update(lambda file: replace(file, rule=chosen))

    # Seeds

    def add_seed(
        self,
        address_or_tx: str,
        chain: str = "eip155:1",
        *,
        tx: str | None = None,
        asset: str | None = None,
        amount: int | None = None,
        at: int | None = None,
        theft: str | None = None,
        source: str | None = None,
        to: str | None = None,
    ) -> list[Seed]:
        """Say where stolen coin enters; returns the seeds added (several for a theft transaction).

        address_or_tx: an address, the hash of the theft transaction, or one output of it, `txid:vout` (Bitcoin).

        amount: smallest units. at: UTC seconds. See docs/accounting.md, "Seeds". Raises AddressError, SeedError.
        """
        line = SeedLine(
            number=0,
            subject=address_or_tx,
            chain=chain,
            tx=tx or "",
            asset=asset or "",
            amount=amount,
            at=at,
            theft=theft or "",
            source=source or "",
            to=to or "",
        )
        found = self._placing().seeds(line)
        self.update(lambda file: seeding.with_seeds(file, found))
        return found

    def add_seeds(
        self, listed: SeedList, common: SeedLine | None = None, *, partly: bool = False
    ) -> tuple[list[Seed], list[RefusedLine]]:
        """Add the seeds of a list in one write; returns what was added, and the lines that cannot be used.

        Fields of `common` apply where a line has none of its own. partly: the good lines go in although others are
        refused; else one refused line keeps all of them out.
        """
        found, refused = self.placed_seeds(listed, common)
        if refused and not partly:
            return [], refused
        self.update(lambda file: seeding.with_seeds(file, found))
        return found, refused

    def placed_seeds(
        self, listed: SeedList, common: SeedLine | None = None
    ) -> tuple[list[Seed], list[RefusedLine]]:
        """What `add_seeds` would add, and the lines that it would refuse; nothing is written."""
        lines = listed.lines if common is None else [line.or_else(common) for line in listed.lines]
        found, unplaced = self._placing().all(lines)
        return found, sorted([*listed.refused, *unplaced], key=lambda line: line.number)

    def _placing(self) -> Placing:
        return Placing(self._movements(), self.file.seeds)

    @of_case
    def seeds(self) -> pd.DataFrame:
        """The seeds, numbered from 1."""
        rows = [
            (n, s.theft, s.chain, self._display(s.chain, s.address), s.asset or "", s.amount)
            + (s.tx or "" if s.vout is None else f"{s.tx}:{s.vout}", utc_text(s.at), s.source)
            for n, s in enumerate(self.file.seeds, start=1)
        ]
        return frame(
            rows, ["number", "theft", "chain", "address", "asset", "amount_raw", "tx", "at_utc", "source"]
        )

    def remove_seed(self, number: int, expected: Seed | None = None) -> None:
        """Take a seed out; those behind it move up. expected: the seed that must have that number.

        Raises NotFoundError.
        """

        def change(file: CaseFile) -> CaseFile:
            if not 1 <= number <= len(file.seeds):
                raise NotFoundError(f"There is no seed {number}.", "See the list of seeds.")
            if expected is not None and file.seeds[number - 1] != expected:
                raise NotFoundError(f"Seed {number} is another one now.", "See the list of seeds.")
            return replace(file, seeds=(*file.seeds[: number - 1], *file.seeds[number:]))

        self.update(change)

    # Targets

    def set_targets(self, addresses: Sequence[str], chain: str = "eip155:1") -> None:
        """Say whose coin is traced back to where it came from; replaces those named before. Raises AddressError."""
        place = chain_id(chain)
        found = {Target(*parse_account(text, None if text.count(":") > 1 else place)) for text in addresses}
        self.update(lambda file: replace(file, targets=tuple(sorted(found))))

    # Files

    def import_file(
        self,
        path: str | Path | bytes,
        mapping: Mapping[str, str] | None = None,
        partial: bool = False,
        *,
        chain: str | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Read a file of transfers into the case: all of it or nothing. The same file again changes nothing.

        mapping: {our column: the file's column}, docs/import.md. partial: the file does not hold the whole history of
        its addresses. Raises FileError with the row and what to do.
        """
        source = path if isinstance(path, bytes) else Path(path)
        read = read_transfers(
            source,
            chain=None if chain is None else chain_id(chain),
            mapping=mapping,
            partial=partial,
            name=name,
            progress=None if progress is None else lambda done, total: progress("import", done, total),
            limits=evidence.limits(self.workspace.settings),
        )
        evidence.refuse_unplaced(read)
        evidence.refuse_spends(read)
        file = self.file
        seeding.check_history(rulings.apply([read.table], file.standing_rulings).tables, file.seeds)
        options = {"mapping": dict(mapping or {}), "chain": chain or ""}
        if progress is not None:
            progress("store", 0, 1)
        capture = evidence.keep(self.workspace, source, read, options, partial=partial, now=self._now())
        differing = crosscheck.against(self.workspace, file, read.table, capture)
        pin = Pin(capture.sha256, capture.key, capture.name, self._now())
        before = len(self.file.captures)
        after = self.update(
            lambda file: (
                file
                if any(p.key == pin.key for p in file.captures)
                else replace(file, captures=(*file.captures, pin))
            )
        )
        return crosscheck.report(read, is_new=len(after.captures) > before, disagreements=differing)

    def remove_file(self, number: int, reason: str, author: str = "", expected: str = "") -> Pin:
        """Take an imported file out of the case, with a reason that is kept as a judgement; returns what it was.

        The file stays in the archive and can be imported again. expected: the sha256 that must have that number.
        Raises NotFoundError, InputError without a reason, or where a seed, ruling or declared conversion rests on it.
        """
        if not reason.strip():
            raise InputError("Taking a file out needs a reason.", "Say why: --reason TEXT.")
        file = self.file
        if not 1 <= number <= len(file.captures):
            raise NotFoundError(f"There is no file {number}.", "See `tracer case show CASE`.")
        gone = file.captures[number - 1]
        if expected and gone.sha256 != expected:
            raise NotFoundError(f"File {number} is another one now.", "See the list of files.")
        kept = tuple(pin for pin in file.captures if pin != gone)
        left = self._imported(replace(file, captures=kept))
        seeding.check_ruled(
            self._movements(), rulings.apply(left, file.standing_rulings).tables, file, "the file"
        )
        for ruling in file.standing_rulings:
            try:
                rulings.check_subject(left, ruling.chain, ruling.subject)
            except InputError as error:
                raise InputError(
                    f"Ruling {ruling.number} on {shown(ruling.subject)} rests on the file that would be taken out.",
                    f"Withdraw it first: tracer judge withdraw {self.name} {ruling.number} --kind ruling.",
                ) from error
        self.update(lambda f: replace(f, captures=tuple(pin for pin in f.captures if pin != gone)))
        self.judge(gone.sha256, "file taken out", reason=f"{gone.name}: {reason.strip()}", author=author)
        return gone

    @of_case
    def files(self) -> pd.DataFrame:
        """The imported files."""
        with self.workspace.store.reader() as view:
            return evidence.files_frame(view, self.file)

    @of_case
    def histories(self) -> pd.DataFrame:
        """What was collected: one row per address and reading, in the order of rounds."""
        found = sorted(evidence.collected(self.workspace, self.file), key=lambda e: (e.round, e.account))
        rows = [
            (e.round, e.chain, self._display(e.chain, e.address), e.first, e.last, e.transactions)
            + (e.complete, e.hub, e.inflows, e.code, e.problem, e.sha256)
            for e in found
        ]
        columns = ["round", "chain", "address", "first_block", "last_block", "transactions"]
        return frame(rows, [*columns, "complete", "hub", "inflows", "contract_code", "problem", "sha256"])

    @of_case
    def evidence(self, tx: str) -> pd.DataFrame:
        """The movements of a transaction, and for each the raw answers or file rows that say so.

        One row per movement, source and place: asked (method or list of the question), provider, sha256, row (the
        record in the answer, see `tracer.provenance`; the data row in a file). Raises InputError, NotFoundError.
        """
        file, archive = self.file, self.workspace.archive
        entries = [e for e in evidence.collected(self.workspace, file) if e.capture]
        with self.workspace.store.reader() as view:
            captures = view.captures_by_key([*(p.key for p in file.captures), *(e.capture for e in entries)])
            hashes = _hashes(tx, {chain for c in captures.values() for chain in c.chains})
            moved = view.movements_of_transactions(hashes, capture_ids=[c.id for c in captures.values()])
            rows_of: dict[int, list[dict[str, Any]]] = {}
            for row in moved.to_pylist():
                rows_of.setdefault(row["capture"], []).append(row)
            rows: list[tuple[object, ...]] = []
            for pin in file.captures:
                for row in rows_of.get(captures[pin.key].id, ()):
                    place = ("", "", pin.sha256, str(row["row"]), utc_text(pin.imported_at))
                    rows.append((*self._moved(row, pin.name), *place))
            for entry in entries:
                mine = rows_of.get(captures[entry.capture].id, [])
                parts = exhibits_of(archive, entry) if mine else []
                record = record_of(view, parts, ())
                for row in mine:
                    for standing in standing_in(archive, parts, row["tx_hash"]):
                        given = record.answered.get(standing.exhibit.asked)
                        who, when = (
                            ("", "") if given is None else (given.provider, utc_text(given.fetched_at))
                        )
                        place = (standing.asked, who, standing.exhibit.sha256, standing.row, when)
                        rows.append((*self._moved(row, entry.name), *place))
        if not rows:
            raise NotFoundError(
                f"No source of the case tells of the transaction {shown(tx)}.",
                "Check the hash, or collect or import the history of an address in it.",
            )
        return frame(rows, [*_MOVED, "asked", "provider", "sha256", "row", "fetched_at_utc"])

    def _moved(self, row: Mapping[str, Any], source: str) -> tuple[object, ...]:
        chain, amount = row["chain"], int.from_bytes(row["amount"], "big")
        ends = (self._display(chain, row["from_address"]), self._display(chain, row["to_address"]))
        told = tuple(row[name] for name in ("block", "tx_index", "position", "tx_hash"))
        what = (row["asset"], row["symbol"], row["decimals"], amount, row["kind"])
        return (chain, *told, *ends, *what, source)


_MOVED = (
    *("chain", "block", "tx_index", "position", "tx_hash", "from_address", "to_address", "asset", "symbol"),
    *("decimals", "amount_raw", "kind", "source"),
)


def _hashes(tx: str, chains: AbstractSet[str]) -> list[str]:
    """The hash as the chains of the case spell it. Raises InputError where it is none on any of them."""
    found = {checked_tx(chain, tx) for chain in chains if is_tx_hash(chain, tx)}
    if chains and not found:
        raise InputError(
            f"{shown(tx)} is no hash of a transaction.", "Give it in full, as an explorer shows it."
        )
    return sorted(found)
