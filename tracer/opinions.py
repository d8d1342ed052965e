"""What the investigator says in one case and may take back: conversions, rulings, stops, verdicts.

Every opinion is checked against the imported history before it is kept, and is withdrawn, never deleted. Nothing is
computed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from tracer import evidence, rulings, seeding
from tracer.addresses import canonical, chain_id, is_tx_hash, parse_account
from tracer.addresses import tx_hash as checked_tx
from tracer.chains.tokens import USD
from tracer.collecting.facts import read_facts
from tracer.errors import InputError, NotFoundError, shown
from tracer.grounds import of_case
from tracer.model import NATIVE, Conversion, Judgement, Stop, StopCode
from tracer.results import frame
from tracer.store import Workspace
from tracer.store.caserecords import CaseFile, DeclaredConversion, Ruling, Verdict
from tracer.times import utc_text

__all__ = ["NOTE", "Clock", "Opinions"]

NOTE = "note"
"""The verdict of a judgement that is a note on an address; its text is the reason."""

Clock = Callable[[], float]


class Opinions:
    """The opinions of one case in a workspace."""

    def __init__(self, workspace: Workspace, name: str, clock: Clock = time.time) -> None:
        self.workspace = workspace
        self.name = name
        self._clock = clock

    @property
    def file(self) -> CaseFile:
        """The case file as it stands now."""
        return self.workspace.cases.read(self.name)

    def update(self, change: Callable[[CaseFile], CaseFile]) -> CaseFile:
        """Replace the case file by what `change` makes of it, under a lock."""
        return self.workspace.cases.update(self.name, change)

    def _now(self) -> int:
        return int(self._clock())

    def _captures(self, file: CaseFile) -> list[evidence.Capture]:
        with self.workspace.store.reader() as view:
            return evidence.pinned(view, file.captures)

    def _imported(self, file: CaseFile | None = None) -> list[pa.Table]:
        """The movements as they were imported, one table per file, then what was collected."""
        file = self.file if file is None else file
        entries = evidence.collected(self.workspace, file)
        with self.workspace.store.reader() as view:
            imported = evidence.tables(view, evidence.pinned(view, file.captures))
            return [*imported, *([read_facts(view, entries, first=len(imported)).table] if entries else [])]

    def _movements(self) -> list[pa.Table]:
        """The movements as the standing rulings want them."""
        return rulings.apply(self._imported(), self.file.standing_rulings).tables

    def declare(self, conversion: Conversion) -> int:
        """Record a declared conversion (graded, sourced); returns its number. Its transaction must be imported."""
        if not conversion.source.strip():
            raise InputError(
                "A declared conversion needs a source.", "Say where you have it from: --source TEXT."
            )
        place = chain_id(conversion.chain)
        conversion = replace(
            conversion,
            chain=place,
            tx=checked_tx(place, conversion.tx),
            address=canonical(place, conversion.address),
            counterparty=canonical(place, conversion.counterparty),
            asset=conversion.asset
            if conversion.asset in {NATIVE, USD}
            else canonical(place, conversion.asset),
        )
        seeding.check_conversion(self._movements(), conversion)
        for entry in self.file.standing_conversions:
            same = replace(entry.conversion, source="", symbol="", decimals=None)
            if same == replace(conversion, source="", symbol="", decimals=None):
                raise InputError(
                    f"That was declared already, as conversion {entry.number}: twice would count it twice.",
                    "If the address got the amount twice, withdraw that one and declare the sum.",
                )
        for r in self.file.standing_rulings:
            if (r.chain, r.subject, r.address) == (conversion.chain, conversion.tx, conversion.address):
                raise InputError(
                    f"Ruling {r.number} says that the address converts nothing in that transaction.",
                    f"Withdraw it first: tracer judge withdraw CASE {r.number} --kind ruling.",
                )
        file = self.update(
            lambda f: replace(
                f,
                conversions=(*f.conversions, DeclaredConversion(f.next_conversion, conversion, self._now())),
            )
        )
        return file.conversions[-1].number

    @of_case
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

    def rule_on(
        self,
        subject: str,
        verdict: str,
        address: str | None = None,
        *,
        chain: str = "eip155:1",
        reason: str = "",
        author: str = "",
    ) -> int:
        """Overrule what is followed by default (docs/accounting.md, "Rulings"); returns the ruling's number.

        subject: a transaction hash or a token contract that an imported file holds. verdict: `follow` its rows that
        are left out, `leave_out` its rows, or `separate` what `address` paid from what it got in the transaction.
        Raises InputError, also without a reason and where a seed or a declared conversion rests on the rows.
        """
        if verdict not in list(Verdict):
            raise InputError(f"There is no ruling {shown(verdict)}.", f"Choose one of {', '.join(Verdict)}.")
        if not reason.strip():
            raise InputError(
                "A ruling needs a reason.", "Say why: --reason TEXT. It is printed with every result."
            )
        place, chosen = chain_id(chain), Verdict(verdict)
        apart = chosen == Verdict.SEPARATE
        if apart != (address is not None):
            raise InputError(
                "An address goes with `separate`, and only with it.",
                "separate: name the address whose payment and receipt are unrelated; else leave it out.",
            )
        of_transaction = is_tx_hash(place, subject.strip())
        if (apart and not of_transaction) or subject == NATIVE:
            raise InputError(
                f"{shown(subject)} is no transaction.", "Give the hash of the transaction in full."
            )
        known = checked_tx(place, subject) if of_transaction else canonical(place, subject)
        who = canonical(place, address) if address is not None else ""
        file, imported = self.file, self._imported()
        rulings.check_subject(imported, place, known)
        made = Ruling(file.next_ruling, chosen, place, known, who, reason, author, self._now())
        after = replace(file, rulings=(*file.rulings, made))
        tables = self._checked(file, after, imported)
        if apart:
            rulings.check_separate(tables, place, known, who)
            seeding.check_undeclared(file, place, known, who)
        after = self.update(lambda f: replace(f, rulings=(*f.rulings, replace(made, number=f.next_ruling))))
        return after.rulings[-1].number

    @of_case
    def rulings(self) -> pd.DataFrame:
        """Rulings, withdrawn ones marked."""
        rows = [
            (
                r.number,
                r.verdict.value,
                r.chain,
                r.subject,
                self._display(r.chain, r.address),
                r.reason,
                r.author,
            )
            + (utc_text(r.made_at), utc_text(r.withdrawn_at))
            for r in self.file.rulings
        ]
        columns = ["number", "verdict", "chain", "subject", "address", "reason", "author"]
        return frame(rows, [*columns, "made_utc", "withdrawn_utc"])

    def withdraw_ruling(self, number: int) -> None:
        """Take a ruling back; it stays on record. Raises NotFoundError, InputError if something rests on it."""

        def change(file: CaseFile) -> CaseFile:
            if all(r.number != number for r in file.standing_rulings):
                raise NotFoundError(f"There is no ruling {number} to withdraw.", "See `judge list`.")
            now = self._now()
            kept = (replace(r, withdrawn_at=now) if r.number == number else r for r in file.rulings)
            return replace(file, rulings=tuple(kept))

        file = self.file
        self._checked(file, change(file), self._imported())
        self.update(change)

    def _checked(self, before: CaseFile, after: CaseFile, imported: list[pa.Table]) -> list[pa.Table]:
        """The movements as the rulings of `after` want them. InputError if a seed or a conversion loses its rows."""
        tables = rulings.apply(imported, after.standing_rulings).tables
        seeding.check_ruled(rulings.apply(imported, before.standing_rulings).tables, tables, after)
        return tables

    def stop(self, address: str, code: str | None, chain: str = "eip155:1", reason: str = "") -> None:
        """End the tracing at an address with a stop code, or with None let coin go on from there."""
        place, known = parse_account(address, chain_id(chain))
        if code is not None and code not in list(StopCode):
            raise InputError(
                f"There is no stop code {shown(code)}.",
                f"Codes: {', '.join(StopCode)}. To let coin go on: none on the command line, None in Python.",
            )
        made = Stop(place, known, None if code is None else StopCode(code), reason)
        self.update(
            lambda file: replace(
                file, stops=(*(s for s in file.stops if (s.chain, s.address) != (place, known)), made)
            )
        )

    @of_case
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

    def note(self, address: str, text: str, author: str = "", chain: str = "eip155:1") -> int:
        """Write a note on an address: a judgement that moves no coin; returns its number."""
        if not text.strip():
            raise InputError("A note needs a text.", "Write what you found, and how.")
        return self.judge(self._about(address, chain), NOTE, text.strip(), author)

    @of_case
    def notes(self, address: str | None = None, chain: str = "eip155:1") -> pd.DataFrame:
        """The notes on an address (None: on all), withdrawn ones marked; `withdraw_judgement` takes one back."""
        found = self.judgements()
        found = found[found["verdict"] == NOTE]
        if address is not None:
            found = found[found["subject"] == self._about(address, chain)]
        return found.reset_index(drop=True)

    def _about(self, address: str, chain: str) -> str:
        place, known = parse_account(address, chain_id(chain))
        return f"{place}:{self._display(place, known)}"

    @of_case
    def judgements(self) -> pd.DataFrame:
        """The verdicts, withdrawn ones marked."""
        rows = [
            (j.id, j.author, utc_text(j.made_at), j.subject, j.verdict, j.reason, utc_text(j.withdrawn_at))
            for j in self.verdicts()
        ]
        return frame(rows, ["number", "author", "made_utc", "subject", "verdict", "reason", "withdrawn_utc"])

    def verdicts(self) -> Sequence[Judgement]:
        """The judgements on record, in the order in which they were made."""
        with self.workspace.store.reader() as view:
            return view.judgements(self.name)

    def withdraw_judgement(self, number: int) -> None:
        """Take a verdict back; it stays on record. Raises NotFoundError."""
        with self.workspace.store.writer() as writer:
            writer.withdraw_judgement(self.name, number, now=self._now())

    def _display(self, chain: str, address: str) -> str:
        return evidence.display(chain, address)
