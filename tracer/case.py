"""Case: the one front door for the web UI, the command line and notebooks.

It keeps what the investigator said (seeds, files, opinions) in the workspace and computes results from it on demand.
Every change is written at once; every result is a pure function of the case file and the files it pins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tracer import bundled, evidence, seeding
from tracer.addresses import canonical, chain_id, is_tx_hash, parse_account
from tracer.addresses import tx_hash as checked_tx
from tracer.chains.files import read_transfers
from tracer.errors import InputError, NotFoundError, shown
from tracer.evidence import ImportReport
from tracer.graph import FlowGraph
from tracer.model import NATIVE, Conversion, Label, Rule, Seed, Stop, StopCode
from tracer.paths import Routes
from tracer.results import CONVENTIONS, TaintResult, frame, gap_frame, utc_text
from tracer.store import Workspace
from tracer.store.caserecords import CaseFile, DeclaredConversion, Pin
from tracer.tracing import Progress, Tracing
from tracer.version import version

__all__ = ["Case"]

Clock = Callable[[], float]


class Case:
    """One case in a workspace. Make it with `Case.create` or `Case.open`."""

    def __init__(self, workspace: Workspace, name: str, clock: Clock = time.time) -> None:
        self.workspace = workspace
        self.name = name
        self._clock = clock
        self._tracing: tuple[int, Tracing] | None = None

    @classmethod
    def create(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """A new, empty case. Raises CaseNameError for a bad name or one that is taken."""
        opened = Workspace.open(workspace)
        made = opened.cases.create(name, rule=Rule.FIFO, now=int(clock()), language=opened.settings.language)
        return cls(opened, made.name, clock)

    @classmethod
    def open(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """An existing case. Raises NotFoundError."""
        opened = Workspace.open(workspace)
        return cls(opened, opened.cases.read(name).name, clock)

    @classmethod
    def demo(cls, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """The bundled Bybit case, made in the workspace on first use."""
        opened = Workspace.open(workspace)
        if opened.cases.exists(bundled.BYBIT):
            return cls(opened, bundled.BYBIT, clock)
        case = cls.create(bundled.BYBIT, workspace, clock=clock)
        facts = bundled.load(bundled.BYBIT)
        for path in facts.files:
            case.import_file(path)
        case._update(
            lambda file: replace(
                file,
                rule=facts.rule,
                seeds=facts.seeds,
                conversions=tuple(
                    DeclaredConversion(n, c, file.created_at)
                    for n, c in enumerate(facts.conversions, start=1)
                ),
            )
        )
        return case

    @staticmethod
    def names(workspace: str | Path | None = None) -> list[str]:
        """Names of the cases in the workspace, sorted."""
        return Workspace.open(workspace).cases.names()

    @property
    def file(self) -> CaseFile:
        """The case file as it stands now."""
        return self.workspace.cases.read(self.name)

    @property
    def rule(self) -> str:
        """The governing rule."""
        return self.file.rule.value

    @property
    def as_of(self) -> int | None:
        """Up to when (UTC seconds) the facts of the case go: the last movement in its files; None without any."""
        return self.tracing().as_of

    def __repr__(self) -> str:
        return (
            f"<Case {self.name}: {len(self.file.seeds)} seeds, {len(self.file.captures)} files, {self.rule}>"
        )

    def _update(self, change: Callable[[CaseFile], CaseFile]) -> CaseFile:
        return self.workspace.cases.update(self.name, change)

    def _now(self) -> int:
        return int(self._clock())

    def set_rule(self, rule: str) -> None:
        """Fix the governing rule: fifo, lifo, haircut, seniority, libr or poison."""
        if rule not in list(Rule):
            raise InputError(f"There is no rule {shown(rule)}.", f"Choose one of {', '.join(Rule)}.")
        self._update(lambda file: replace(file, rule=Rule(rule)))

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
        self._update(lambda file: seeding.with_seeds(file, found))
        return found

    def seeds(self) -> pd.DataFrame:
        """The seeds, numbered from 1."""
        return case_tables.seeds(self.file)

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

        self._update(change)

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
        self._update(lambda file: replace(file, labels=(*(x for x in file.labels if x != made), made)))

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
        self._update(
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

    # Results

    def tracing(self, progress: Progress | None = None) -> Tracing:
        """The computed state of the case as it stands; made again when the case has changed."""
        file = self.file
        if self._tracing is None or self._tracing[0] != file.revision:
            with self.workspace.store.reader() as view:
                made = evidence.trace_of(view, file, self._display, progress)
            self._tracing = (file.revision, made)
        return self._tracing[1]

    def taint(self, rule: str | None = None, progress: Progress | None = None) -> TaintResult:
        """The result of a rule (None: the governing one). Raises SeedError."""
        if rule is not None and rule not in list(Rule):
            raise InputError(f"There is no rule {shown(rule)}.", f"Choose one of {', '.join(Rule)}.")
        return self.tracing(progress).result(Rule(rule or self.rule), progress)

    def compare(self, *, ranges: bool = True, progress: Progress | None = None) -> pd.DataFrame:
        """All rules side by side with the range over every admissible accounting."""
        return self.tracing(progress).compare(ranges=ranges, progress=progress)

    def bounds(self, targets: Sequence[str] | None = None, progress: Progress | None = None) -> pd.DataFrame:
        """The range of stolen coin at each target address (None: all traced ones), whatever rule is taken."""
        pairs = None if targets is None else [self._account(text) for text in targets]
        return self.tracing(progress).ranges_frame(pairs, progress)

    def graph(self, rule: str | None = None) -> FlowGraph:
        """The flow of stolen coin; `.nx` is a networkx.MultiDiGraph."""
        return self.tracing().graph(Rule(rule or self.rule))

    def trace_routes(self, limit: int = 50) -> Routes:
        """The largest routes from the theft to where coin rests, under the governing rule."""
        return self.tracing().routes(Rule(self.rule), limit)

    def routes(self, limit: int = 50) -> pd.DataFrame:
        """`trace_routes` as a table."""
        return self.trace_routes(limit).frame

    def paths(self, to: str | None = None, frm: str | None = None, kind: str = "widest") -> pd.DataFrame:
        """The shortest, widest or earliest path between two addresses; without `to`, the routes of the theft.

        Without `frm` it starts at the first seed. Raises NoPathError where no coin can have flowed.
        """
        if to is None:
            return self.routes()
        finder = self.tracing().paths
        if frm is None:
            seeds = self.file.seeds
            if not seeds:
                raise InputError("The case has no seed to start from.", "Give --from ADDRESS.")
            start = (seeds[0].chain, seeds[0].address)
        else:
            start = self._account(frm)
        ends = [f"{chain}:{self._display(chain, address)}" for chain, address in (start, self._account(to))]
        return finder.frame([finder.find(ends[0], ends[1], kind)])

    def gaps(self) -> pd.DataFrame:
        """Everything that is missing, cut, refused or assumed."""
        tracing = self.tracing()
        known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in tracing.program.assets}
        return gap_frame(tracing.all_gaps, known)

    def export(
        self,
        directory: str | Path,
        formats: Iterable[str] | None = None,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Write the tables with a README and a manifest of sha256 sums; the same case gives the same bytes."""
        from tracer.export import Input, Pins, write_package
        from tracer.export.holdings import all_rules
        from tracer.export.opinions import declared
        from tracer.export.transfers import with_rules

        tracing, governing = self.tracing(progress), self.rule
        results = {rule.value: tracing.result(rule, progress) for rule in Rule}
        tables: dict[str, Callable[[], pd.DataFrame]] = {
            "taint": lambda: results[governing].addresses(),
            "taint_all": lambda: all_rules({rule: r.addresses() for rule, r in results.items()}),
            "transfers": lambda: with_rules(
                results[governing].transfers(), ((rule, r.transfers()) for rule, r in results.items())
            ),
            "conservation": lambda: results[governing].conservation(),
            "compare": lambda: tracing.compare(progress=progress),
            "bounds": lambda: tracing.ranges_frame(None, progress),
            "routes": self.routes,
            "sources": lambda: results[governing].sources(),
            "seeds": self.seeds,
            "gaps": self.gaps,
            "conversions": lambda: declared(self.conversions()),
            "labels": self.labels,
            "stops": self.stops,
            "judgements": self.judgements,
        }
        inputs = [
            Input(
                row["name"], row["sha256"], row["rows"], row["excluded"], row["grade"], partial=row["partial"]
            )
            for row in self.files().to_dict("records")
        ]
        pins = Pins(self.name, governing, self.as_of, version(), CONVENTIONS, tuple(inputs))
        return write_package(Path(directory), tables, pins, formats)

    def _account(self, text: str) -> tuple[str, str]:
        chains = {c for capture in self._captures(self.file) for c in capture.chains}
        return parse_account(text, next(iter(chains)) if len(chains) == 1 else "eip155:1")

    def _display(self, chain: str, address: str) -> str:
        return evidence.display(chain, address)
