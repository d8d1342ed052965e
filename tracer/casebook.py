"""The casebook: what the investigator said in one case, kept in the workspace.

Seeds, files and opinions. Every change is written at once, all of it or nothing; nothing is computed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tracer import evidence, seeding
from tracer.addresses import canonical, chain_id, is_tx_hash, parse_account
from tracer.addresses import tx_hash as checked_tx
from tracer.chains.files import read_transfers
from tracer.errors import InputError, NotFoundError, shown
from tracer.evidence import ImportReport
from tracer.model import NATIVE, Conversion, Label, Rule, Seed, Stop, StopCode
from tracer.results import frame
from tracer.store import Workspace
from tracer.store.caserecords import CaseFile, DeclaredConversion, Pin
from tracer.times import utc_text
from tracer.tracing import Progress

__all__ = ["CaseBook", "Clock", "rule_named"]

Clock = Callable[[], float]


def rule_named(rule: str) -> Rule:
    """The rule of that name. Raises InputError that lists them."""
    if rule not in list(Rule):
        raise InputError(f"There is no rule {shown(rule)}.", f"Choose one of {', '.join(Rule)}.")
    return Rule(rule)


class CaseBook:
    """The record of one case in a workspace."""

    def __init__(self, workspace: Workspace, name: str, clock: Clock = time.time) -> None:
        self.workspace = workspace
        self.name = name
        self._clock = clock

    @property
    def file(self) -> CaseFile:
        """The case file as it stands now."""
        return self.workspace.cases.read(self.name)

    @property
    def rule(self) -> str:
        """The governing rule."""
        return self.file.rule.value

    def __repr__(self) -> str:
        return (
            f"<Case {self.name}: {len(self.file.seeds)} seeds, {len(self.file.captures)} files, {self.rule}>"
        )

    def update(self, change: Callable[[CaseFile], CaseFile]) -> CaseFile:
        """Replace the case file by what `change` makes of it, under a lock."""
        return self.workspace.cases.update(self.name, change)

    def _now(self) -> int:
        return int(self._clock())

    def set_rule(self, rule: str) -> None:
        """Fix the governing rule: fifo, lifo, haircut, seniority, libr or poison."""
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

        amount: smallest units. at: UTC seconds. See docs/accounting.md, "Seeds". Raises AddressError, SeedError.
        """
        place = chain_id(chain)
        ref = None if asset is None else asset if asset == NATIVE else canonical(place, asset)
        base = Seed(
            place, "", checked_tx(place, tx) if tx else None, ref, amount, at, theft or "theft", source or ""
        )
        seeding.check_amount(amount)
        if is_tx_hash(place, address_or_tx):
            only = canonical(place, to) if to else None
            found = seeding.seeds_of_transaction(
                self._movements(), base, checked_tx(place, address_or_tx), only
            )
        else:
            if to is not None:
                raise InputError(
                    "--to goes with a theft transaction.", "Leave it out, or name the transaction."
                )
            account_chain, address = parse_account(address_or_tx, place)
            found = [replace(base, chain=account_chain, address=address)]
        seeding.check_history(self._movements(), found)
        self.update(lambda file: seeding.with_seeds(file, found))
        return found

    def seeds(self) -> pd.DataFrame:
        """The seeds, numbered from 1."""
        rows = [
            (n, s.theft, s.chain, self._display(s.chain, s.address), s.asset or "", s.amount)
            + (s.tx or "", utc_text(s.at), s.source)
            for n, s in enumerate(self.file.seeds, start=1)
        ]
        return frame(
            rows, ["number", "theft", "chain", "address", "asset", "amount_raw", "tx", "at_utc", "source"]
        )

    def remove_seed(self, number: int) -> None:
        """Take a seed out. Raises NotFoundError."""

        def change(file: CaseFile) -> CaseFile:
            if not 1 <= number <= len(file.seeds):
                raise NotFoundError(f"There is no seed {number}.", "See the list of seeds.")
            return replace(file, seeds=(*file.seeds[: number - 1], *file.seeds[number:]))

        self.update(change)

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
        seeding.check_table(read.table, self.file.seeds)
        options = {"mapping": dict(mapping or {}), "chain": chain or ""}
        capture = evidence.keep(self.workspace, source, read, options, partial=partial, now=self._now())
        pin = Pin(capture.sha256, capture.key, capture.name, self._now())
        before = len(self.file.captures)
        after = self.update(
            lambda file: (
                file
                if any(p.key == pin.key for p in file.captures)
                else replace(file, captures=(*file.captures, pin))
            )
        )
        return evidence.report(read, is_new=len(after.captures) > before)

    def files(self) -> pd.DataFrame:
        """The imported files."""
        with self.workspace.store.reader() as view:
            return evidence.files_frame(view, self.file.captures)

    def _captures(self, file: CaseFile) -> list[evidence.Capture]:
        with self.workspace.store.reader() as view:
            return evidence.pinned(view, file.captures)

    def _movements(self) -> list[pa.Table]:
        with self.workspace.store.reader() as view:
            return evidence.tables(view, evidence.pinned(view, self.file.captures))

    # Opinions

    def declare(self, conversion: Conversion) -> int:
        """Record a declared conversion (graded, sourced); returns its number. Its transaction must be imported."""
        if not conversion.source.strip():
            raise InputError(
                "A declared conversion needs a source.", "Say where you have it from: --source TEXT."
            )
        seeding.check_conversion(self._movements(), conversion)
        file = self.update(
            lambda f: replace(
                f,
                conversions=(*f.conversions, DeclaredConversion(f.next_conversion, conversion, self._now())),
            )
        )
        return file.conversions[-1].number

    def conversions(self) -> pd.DataFrame:
        """Declared conversions, withdrawn ones marked."""
        rows = [
            (
                e.number,
                e.conversion.chain,
                e.conversion.tx,
                self._display(e.conversion.chain, e.conversion.address),
            )
            + (self._display(e.conversion.chain, e.conversion.counterparty), e.conversion.asset)
            + (e.conversion.symbol, e.conversion.decimals, e.conversion.amount, e.conversion.source)
            + (utc_text(e.declared_at), utc_text(e.withdrawn_at))
            for e in self.file.conversions
        ]
        columns = [
            "number",
            "chain",
            "tx",
            "address",
            "counterparty",
            "asset",
            "symbol",
            "decimals",
            "amount_raw",
            "source",
        ]
        return frame(rows, [*columns, "declared_utc", "withdrawn_utc"])

    def withdraw_conversion(self, number: int) -> None:
        """Take a declared conversion back; it stays on record. Raises NotFoundError."""

        def change(file: CaseFile) -> CaseFile:
            if all(e.number != number or e.withdrawn for e in file.conversions):
                raise NotFoundError(
                    f"There is no declared conversion {number} to withdraw.", "See `judge list`."
                )
            kept = (
                replace(e, withdrawn_at=self._now()) if e.number == number else e for e in file.conversions
            )
            return replace(file, conversions=tuple(kept))

        self.update(change)

    def label(
        self,
        address: str,
        name: str,
        chain: str = "eip155:1",
        category: str = "",
        confidence: int = 50,
        source: str = "",
    ) -> None:
        """Say who controls an address. Categories exchange, service, mixer and bridge stop the tracing there."""
        place, known = parse_account(address, chain_id(chain))
        if not 0 <= confidence <= 100:
            raise InputError("A confidence lies between 0 and 100.", "50 and more stops the tracing.")
        made = Label(place, known, name, category, confidence, source)
        self.update(lambda file: replace(file, labels=(*(x for x in file.labels if x != made), made)))

    def labels(self) -> pd.DataFrame:
        """The labels of this case."""
        rows = [
            (x.chain, self._display(x.chain, x.address), x.name, x.category, x.confidence, x.source)
            for x in self.file.labels
        ]
        return frame(rows, ["chain", "address", "name", "category", "confidence", "source"])

    def stop(self, address: str, code: str | None, chain: str = "eip155:1", reason: str = "") -> None:
        """End the tracing at an address with a stop code, or with None let coin go on from there."""
        place, known = parse_account(address, chain_id(chain))
        if code is not None and code not in list(StopCode):
            raise InputError(f"There is no stop code {shown(code)}.", f"Codes: {', '.join(StopCode)}.")
        made = Stop(place, known, None if code is None else StopCode(code), reason)
        self.update(
            lambda file: replace(
                file, stops=(*(s for s in file.stops if (s.chain, s.address) != (place, known)), made)
            )
        )

    def stops(self) -> pd.DataFrame:
        """The analyst's stops; an empty code means that coin goes on."""
        rows = [
            (s.chain, self._display(s.chain, s.address), s.code.value if s.code else "", s.reason)
            for s in self.file.stops
        ]
        return frame(rows, ["chain", "address", "code", "reason"])

    def judge(self, subject: str, verdict: str, reason: str = "", author: str = "") -> int:
        """Record a verdict of the analyst; it moves no coin. Returns its number."""
        with self.workspace.store.writer() as writer:
            made = writer.add_judgement(
                case=self.name,
                author=author,
                subject=subject,
                verdict=verdict,
                reason=reason,
                now=self._now(),
            )
        return made.id

    def judgements(self) -> pd.DataFrame:
        """The verdicts, withdrawn ones marked."""
        with self.workspace.store.reader() as view:
            rows = [
                (
                    j.id,
                    j.author,
                    utc_text(j.made_at),
                    j.subject,
                    j.verdict,
                    j.reason,
                    utc_text(j.withdrawn_at),
                )
                for j in view.judgements(self.name)
            ]
        return frame(rows, ["number", "author", "made_utc", "subject", "verdict", "reason", "withdrawn_utc"])

    def _display(self, chain: str, address: str) -> str:
        return evidence.display(chain, address)
