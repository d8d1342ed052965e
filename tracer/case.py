"""Case: the one front door for the web UI, the command line and notebooks.

A case is its record (`CaseBook`: seeds, files, opinions) and what follows from it. Every result is a pure function of
the case file and the files it pins, computed on demand and made again when the case has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tracer import bundled, cluster_tables, evidence, label_packs
from tracer.addresses import canonical, is_address, parse_account
from tracer.casebook import CaseBook, rule_named
from tracer.chains.tokens import issuers
from tracer.custody import Custody
from tracer.errors import AddressError, InputError, NotFoundError, StoreError, shown
from tracer.freeze import addressee_frame, sheet_for
from tracer.graph import FlowGraph
from tracer.label_tables import conflicts_frame, diff_frame, labels_frame
from tracer.labelling import LabelImport, read_labels
from tracer.labels import LabelBook
from tracer.loops import finish
from tracer.model import CONSERVING, NATIVE, Rule
from tracer.opinions import Clock
from tracer.origins import ORIGIN_COLUMNS
from tracer.paths import Routes
from tracer.results import TaintResult, frame, gap_frame
from tracer.store import Workspace
from tracer.store.caserecords import DeclaredConversion
from tracer.tracing import Progress, Tracing
from tracer.version import version

if TYPE_CHECKING:
    from tracer.chains.endpoint import Endpoint
    from tracer.clusters import Link
    from tracer.collect import Collected, Event
    from tracer.collecting.budget import Budget
    from tracer.export import Input, Pins
    from tracer.export.sheet import FreezeSheet
    from tracer.transport import Patience

__all__ = ["Case"]


class Case(CaseBook):
    """One case. Make it with `Case.create` or `Case.open`."""

    def __init__(self, workspace: Workspace, name: str, clock: Clock = time.time) -> None:
        super().__init__(workspace, name, clock)
        self._tracing: tuple[int, Tracing] | None = None

    @classmethod
    def create(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """A new case, empty but for the label packs that ship with this version.

        Raises CaseNameError for a bad name or one that is taken.
        """
        opened = Workspace.open(workspace)
        now, language = int(clock()), opened.settings.language
        packs = label_packs.keep_bundled(opened, now)
        made = opened.cases.create(name, rule=Rule.FIFO, now=now, language=language, packs=packs)
        return cls(opened, made.name, clock)

    @classmethod
    def open(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """An existing case. Raises NotFoundError."""
        opened = Workspace.open(workspace)
        return cls(opened, opened.cases.read(name).name, clock)

    @classmethod
    def demo(cls, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """The bundled Bybit case, made in the workspace on first use."""
        return cls.bundled(bundled.BYBIT, workspace, clock=clock)

    @staticmethod
    def bundled_names() -> dict[str, str]:
        """The cases that ship with the tracer: name -> title."""
        return {name: bundled.load(name).title for name in bundled.CASES}

    @classmethod
    def bundled(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """A case that ships with the tracer, made in the workspace on first use. Raises NotFoundError."""
        opened = Workspace.open(workspace)
        facts = bundled.load(name)
        if opened.cases.exists(name):
            case = cls(opened, name, clock)
            if case.file.revision > 1 + len(facts.files):
                return case  # made earlier, to its end; whatever was changed in it since stands
        else:
            case = cls.create(name, workspace, clock=clock)
        for path in facts.files:
            case.import_file(path, partial=facts.partial)
        case.update(
            lambda file: replace(
                file,
                rule=facts.rule,
                seeds=facts.seeds,
                gaps=facts.gaps,
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

    @staticmethod
    def read_labels(
        path: str | Path | bytes,
        kind: str | None = None,
        *,
        mapping: Mapping[str, str] | None = None,
        fixed: Mapping[str, str] | None = None,
        name: str | None = None,
        workspace: str | Path | None = None,
        clock: Clock = time.time,
    ) -> LabelImport:
        """Read a label file into the workspace; no case rests on it until `use_pack` (docs/labels.md).

        kind: csv, list, tagpack or ofac (None: recognised). mapping: our column -> the column of a CSV; fixed: our
        column -> text where the file says nothing. Raises FileError, InputError.
        """
        opened = Workspace.open(workspace)
        return read_labels(opened, int(clock()), path, kind, mapping=mapping, fixed=fixed, name=name)

    @property
    def as_of(self) -> int | None:
        """Up to when (UTC seconds) the facts of the case go: the last movement in its files; None without any."""
        return self.tracing().as_of

    def tracing(self, progress: Progress | None = None) -> Tracing:
        """The computed state of the case as it stands; made again when the case has changed."""
        file = self.file
        if self._tracing is None or self._tracing[0] != file.revision:
            entries = evidence.collected(self.workspace, file)
            with self.workspace.store.reader() as view:
                labels = label_packs.labels_of(self.workspace.archive, file)
                made = evidence.trace_of(view, file, entries, labels, self._display, progress)
            self._tracing = (file.revision, made)
        return self._tracing[1]

    def book(self) -> LabelBook:
        """All labels that the case rests on, at its `as_of`."""
        return self.tracing().book

    def labels(self) -> pd.DataFrame:
        """Every label of the addresses in the history of the case, and the analyst's own, those taken back marked.

        Of several labels of an address the one that names it stands first.
        """
        tracing = self.tracing()
        given = label_packs.given_labels(self.file)
        return labels_frame(tracing.book, tracing.ledger.addresses, given, self._display)

    def labels_of(self, address: str) -> pd.DataFrame:
        """Every label of one address, whether or not the history knows it. Raises AddressError."""
        account = self._account(address)
        given = [x for x in label_packs.given_labels(self.file) if x.address == account[1]]
        return labels_frame(self.book(), [account], given, self._display)

    def label_conflicts_of(self, address: str) -> tuple[str, ...]:
        """The parties that labels in force name for one address, where they are several. Raises AddressError."""
        found = self.book().conflict(*self._account(address))
        return () if found is None else found.entities

    def label_conflicts(self) -> pd.DataFrame:
        """Where labels in force give an address of the history to different parties: one row per label."""
        tracing = self.tracing()
        return conflicts_frame(tracing.book, tracing.ledger.addresses, self._display)

    def label_diff(
        self,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        withdraw: Sequence[int] = (),
        since: int | None = None,
    ) -> pd.DataFrame:
        """What a change of labels changes, under the governing rule; the case itself stays as it is.

        add, remove: packs by name or sha256, as if the case used them or no longer did. withdraw: numbers of the
        analyst's labels, as if taken back. since: UTC seconds; labels and packs as they stood then against those of
        now. Stops and rulings are those of now. Columns: docs/formats.md. Raises InputError, NotFoundError.
        """
        if (since is None) == (not (add or remove or withdraw)):
            raise InputError(
                "A comparison needs either a change or a time.",
                "Name a pack to add or remove, a label to take back, or the time since when.",
            )
        file = self.file
        if since is not None:
            changed = label_packs.as_it_stood(file, since)
        else:
            known = self.known_packs()
            changed = label_packs.as_if(file, known, add, remove, withdraw, self._now())
        now = self.tracing()
        other = evidence.relabelled(now, changed, label_packs.labels_of(self.workspace.archive, changed))
        before, after = (now, other) if since is None else (other, now)
        return diff_frame(before, after, Rule(self.rule))

    def taint(self, rule: str | None = None, progress: Progress | None = None) -> TaintResult:
        """The result of a rule (None: the governing one). Raises SeedError."""
        return self.tracing(progress).result(rule_named(rule or self.rule), progress)

    def losses(self) -> pd.DataFrame:
        """What each theft took of each asset, and what that was worth on the day, with the source of the price."""
        return self.taint().losses()

    def compare(self, *, ranges: bool = True, progress: Progress | None = None) -> pd.DataFrame:
        """All rules side by side with the range over every admissible accounting."""
        return self.tracing(progress).compare(ranges=ranges, progress=progress)

    def bounds(
        self,
        targets: Sequence[str] | None = None,
        progress: Progress | None = None,
        *,
        together: bool = False,
        through: bool = False,
    ) -> pd.DataFrame:
        """The range of stolen coin at each target address (None: all traced ones), whatever rule is taken.

        A target may also be the name of a label: all addresses with that name are one group. together: all targets
        are one group, whose inner transfers do not count. through: the range of what ever arrived, each coin counted
        once, instead of what rests there in the end. Raises InputError, NotFoundError.
        """
        labelled = self._labelled()
        wanted = [] if targets is None else list(targets)
        if not (together or through or any(text in labelled or "0x" not in text.lower() for text in wanted)):
            pairs = None if targets is None else [self._account(text) for text in wanted]
            return self.tracing(progress).ranges_frame(pairs, progress)
        if not wanted:
            raise InputError(
                "A range of a group, or of what ever arrived, needs to know where.",
                "Name it: --address ADDRESS, or --service NAME.",
            )
        members = {text: labelled.get(text) or [self._member(text, labelled)] for text in wanted}
        if together:
            pairs = list(dict.fromkeys(pair for group in members.values() for pair in group))
            members = {" + ".join(self._named(text, group) for text, group in members.items()): pairs}
        else:
            members = {self._named(text, group): group for text, group in members.items()}
        return self.tracing(progress).group_frame(members, through=through, progress=progress)

    def _member(self, text: str, labels: Iterable[str]) -> tuple[str, str]:
        try:
            return self._account(text)
        except AddressError:
            if "0x" in text.lower():
                raise
            known = ", ".join(sorted(labels)[:8])
            raise NotFoundError(
                f"There is neither an address nor a label called {shown(text)} in this case.",
                f"Labels: {known}." if known else "There are no labels: tracer label CASE ADDRESS NAME.",
            ) from None

    def _labelled(self) -> dict[str, list[tuple[str, str]]]:
        """The addresses of each label name and each party that the history knows."""
        tracing = self.tracing()
        found: dict[str, list[tuple[str, str]]] = {}
        for account in sorted({(chain, address) for chain, address, _ in tracing.holding_of}):
            labels = tracing.full_book.in_force(*account)
            for name in dict.fromkeys(text for x in labels for text in (x.name, x.who)):
                found.setdefault(name, []).append(account)
        return found

    def _named(self, text: str, group: Sequence[tuple[str, str]]) -> str:
        return self._display(*group[0]) if len(group) == 1 and self._display(*group[0]) != text else text

    def graph(self, rule: str | None = None) -> FlowGraph:
        """The flow of stolen coin; `.nx` is a networkx.MultiDiGraph."""
        return self.tracing().graph(rule_named(rule or self.rule))

    def origins(
        self,
        address: str,
        asset: str | None = None,
        rule: str | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """What an address holds and ever got, by where that coin entered the known history (docs/accounting.md).

        asset: "native" or a contract; None: everything that it ever had. rule: None = every conserving rule.
        One row per rule, asset and inflow, with the range over every admissible accounting; `held_raw` adds up to
        what the address holds, `received_raw` to all it ever got. Raises InputError, NotFoundError.
        """
        rules = [rule_named(rule)] if rule is not None else list(CONSERVING)
        if rules == [Rule.POISON]:
            raise InputError(
                "Poison does not split coin by where it came from.", f"Choose one of {', '.join(CONSERVING)}."
            )
        pair = self._account(address)
        ref = asset if asset in {None, NATIVE} else canonical(pair[0], str(asset))
        return self.tracing(progress).origins(pair, ref, rules, progress)

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

    def clusters(self, rule: str | None = None) -> pd.DataFrame:
        """Which addresses one party controls: a row per (cluster, chain, address, asset), taint under the rule."""
        tracing = self.tracing()
        return cluster_tables.clusters_frame(tracing.clusters, tracing.result(rule_named(rule or self.rule)))

    def cluster_links(self) -> pd.DataFrame:
        """Every link between two addresses with its rule and evidence; `withdrawn` says why one unites nothing."""
        tracing = self.tracing()
        return cluster_tables.links_frame(tracing.clusters, tracing.display)

    def deposits(self) -> pd.DataFrame:
        """Deposit addresses of services: every forwarded payment with the customer who made it."""
        tracing = self.tracing()
        return cluster_tables.deposits_frame(tracing.clusters, tracing.display)

    def patterns(self) -> pd.DataFrame:
        """What stands out in how traced addresses behaved: observations with figures and transactions, no proof."""
        tracing = self.tracing()
        rows = [
            (p.pattern, p.account[0], tracing.display(*p.account), p.observation, p.figure_text)
            + (";".join(p.transactions), p.source)
            for p in tracing.patterns
        ]
        return frame(
            rows, ["pattern", "chain", "address", "observation", "figures", "transactions", "source"]
        )

    def why_linked(self, a: str, b: str) -> list[Link]:
        """The fewest links that join two addresses into one cluster, in order. Raises NotFoundError."""
        ends = (":".join(self._account(text)) for text in (a, b))
        return list(self.tracing().clusters.found.why(*ends))

    def endpoints(self, by: str | None = None, progress: Progress | None = None) -> pd.DataFrame:
        """Where stolen coin rests or leaves: one row per (address, asset), under every rule and with the range.

        by: "service" for totals per named service, with the range of its addresses together; "transfer" for every
        movement that brought the coin. Columns: docs/formats.md. Raises InputError for another `by`.
        """
        tables = self.endpoint_tables(progress)
        if by not in tables:
            raise InputError(
                f"Endpoints cannot be listed by {shown(by)}.", "By: service, transfer, or nothing."
            )
        return tables[by]()

    def endpoint_tables(
        self, progress: Progress | None = None
    ) -> dict[str | None, Callable[[], pd.DataFrame]]:
        """The tables of `endpoints` by what they are listed by, computed once for all of them."""
        found = self.tracing(progress).endpoints(Rule(self.rule), progress)
        return {None: found.frame, "service": found.by_service, "transfer": found.transfers}

    def providers(self, names: Sequence[str] | None = None, *, backward: bool = False) -> list[Endpoint]:
        """Who would be asked: the named providers, and for other chains of the seeds one that needs no key.

        backward: of the targets, or of the seeds where there are none. Raises NotFoundError for a name or chain without
        a provider.
        """
        from tracer.transport import find_provider

        home = self.workspace.root
        named = [find_provider(home, name, "") for name in names or ()]
        chains = {seed.chain for seed in self.file.seeds}
        if backward:
            chains = {target.chain for target in self.file.targets} or chains
        others = chains - {e.chain for e in named}
        return named + [find_provider(home, None, chain) for chain in sorted(others)]

    async def acollect(
        self,
        providers: Sequence[str] | None = None,
        budget: Budget | None = None,
        report: Callable[[Event], None] = lambda _: None,
        *,
        again: bool = False,
        targets: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> Collected:
        """Fetch the histories that the seeds lead to, inside a running event loop; see `collect`."""
        from tracer.collect import collect, open_sources
        from tracer.collecting.budget import budget_in

        limits = budget_in(self.file.thresholds) if budget is None else budget
        if targets is not None:
            self.set_targets(targets)
        named = self.providers(providers, backward=limits.backward)
        async with open_sources(
            self.workspace, named, now=self._now, again=again, patience=patience
        ) as sources:
            return await collect(self, sources, limits, now=self._now, report=report)

    def collect(
        self,
        providers: Sequence[str] | None = None,
        budget: Budget | None = None,
        report: Callable[[Event], None] = lambda _: None,
        *,
        again: bool = False,
        targets: Sequence[str] | None = None,
    ) -> Collected:
        """Fetch the histories that the seeds lead to, hop after hop, as far as the budget allows.

        With `Budget(direction="backward")`, those that the coin of the targets came from (None: the targets of the last
        time, else the seeds); `origins` then says what it is made of.

        providers: names from providers.toml, one per chain (None: the first of each chain that needs no key). budget:
        None = the one of the last time. Stops and resumes without losing or repeating anything. again: ask anew what
        was answered before. Raises InputError, NotFoundError, ProviderError.
        """
        return finish(self.acollect(providers, budget, report, again=again, targets=targets))

    def gaps(self) -> pd.DataFrame:
        """Everything that is missing, cut, refused or assumed."""
        tracing = self.tracing()
        known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in tracing.program.assets}
        return gap_frame(tracing.all_gaps, known, tracing.display)

    def export(
        self,
        directory: str | Path,
        formats: Iterable[str] | None = None,
        progress: Progress | None = None,
        *,
        evidence: bool = False,
    ) -> list[Path]:
        """Write the tables with a README and a manifest of sha256 sums; the same case gives the same bytes.

        evidence: also the case itself and every file and raw answer that it rests on, so that whoever gets the
        directory can compute the tables again (`tracer replay --package`). Raises InputError, StoreError.
        """
        from tracer.export import write_package
        from tracer.export.clusters import link_ruled
        from tracer.export.holdings import all_rules
        from tracer.export.opinions import declared, ruled, untimed
        from tracer.export.transfers import with_rules

        file = self.file
        tracing, governing = self.tracing(progress), self.rule
        results = {rule.value: tracing.result(rule, progress) for rule in Rule}
        ends = tracing.endpoints(Rule(governing), progress)
        tables: dict[str, Callable[[], pd.DataFrame]] = {
            "taint": results[governing].addresses,
            "taint_all": lambda: all_rules({rule: r.addresses() for rule, r in results.items()}),
            "transfers": lambda: with_rules(
                results[governing].transfers(), ((rule, r.transfers()) for rule, r in results.items())
            ),
            "conservation": results[governing].conservation,
            "compare": lambda: tracing.compare(progress=progress),
            "bounds": lambda: tracing.ranges_frame(None, progress),
            "endpoints": ends.frame,
            "endpoints_by_service": ends.by_service,
            "endpoint_transfers": ends.transfers,
            "routes": self.routes,
            "origins": lambda: self._target_origins(progress),
            "losses": results[governing].losses,
            "sources": results[governing].sources,
            "seeds": self.seeds,
            "histories": self.histories,
            "gaps": self.gaps,
            "conversions": lambda: declared(self.conversions()),
            "rulings": lambda: ruled(self.rulings()),
            "clusters": self.clusters,
            "cluster_links": self.cluster_links,
            "deposits": self.deposits,
            "patterns": self.patterns,
            "link_rulings": lambda: link_ruled(self.link_rulings()),
            "labels": lambda: untimed(self.labels()),
            "label_conflicts": self.label_conflicts,
            "stops": self.stops,
            "judgements": self.judgements,
        }
        pins = self._pins()
        if not evidence:
            return write_package(Path(directory), tables, pins, formats)
        custody = Custody.of(self.workspace, file, self.verdicts())

        def listed() -> pd.DataFrame:  # after all other tables
            if self.file != file:
                raise StoreError("The case was changed while it was exported.", "Export it again.")
            return custody.frame(self._display)

        return write_package(
            Path(directory), tables | {"evidence": listed}, pins, formats, custody.attachments()
        )

    def _target_origins(self, progress: Progress | None) -> pd.DataFrame:
        """The origins of the addresses that the case traces back, as far as their histories were read."""
        tracing = self.tracing()
        frames = [
            tracing.origins((t.chain, t.address), None, CONSERVING, progress)
            for t in self.file.targets
            if tracing.is_read((t.chain, t.address))
        ]
        return pd.concat(frames, ignore_index=True) if frames else frame([], ORIGIN_COLUMNS)

    def _pins(self) -> Pins:
        """What the numbers of an export rest on."""
        from tracer.export import Input, Pins

        inputs = [
            Input(
                row["name"], row["sha256"], row["rows"], row["excluded"], row["grade"], partial=row["partial"]
            )
            for row in self.files().to_dict("records")
        ]
        if self.file.manifest:
            inputs.append(self._collected_input())
        return Pins(self.name, self.rule, self.as_of, version(), self.tracing().conventions, tuple(inputs))

    def completeness(self) -> pd.DataFrame:
        """How complete the case is about each address that stolen coin can have come to.

        transactions_seen: in how many transactions of the case it takes part. transactions_known: how many there are,
        by the provider that was asked (None: nobody was). history: how far its own is known, see
        `tracer.arrivals.History`.
        """
        rows = self.tracing().completeness()
        return frame(rows, ["chain", "address", "transactions_seen", "transactions_known", "history"])

    def transaction(self, tx_hash: str, progress: Progress | None = None) -> pd.DataFrame:
        """Every movement of a transaction: kind, parties, labels, amount, stolen coin under every rule, evidence.

        Rows that are left out of flows come last, with the reason. Raises NotFoundError for a hash that the case lacks.
        """
        found = self.tracing(progress).transaction(Rule(self.rule), tx_hash, progress)
        if found.empty:
            raise NotFoundError(
                f"The case knows no movement of the transaction {shown(tx_hash)}.",
                "Give the hash in full; it may also be outside what was imported or collected.",
            )
        return found

    def freeze_addressees(self, progress: Progress | None = None) -> pd.DataFrame:
        """Who can be asked to freeze stolen coin: services that hold it, and issuers of tokens that rest somewhere."""
        return addressee_frame(self.tracing(progress).endpoints(Rule(self.rule), progress), issuers())

    def freeze_sheet(self, service: str, progress: Progress | None = None) -> FreezeSheet:
        """What one exchange or issuer needs to know to freeze stolen coin. Raises NotFoundError for nobody's name."""
        ends = self.tracing(progress).endpoints(Rule(self.rule), progress)
        return sheet_for(
            service,
            ends,
            issuers(),
            pins=self._pins(),
            losses=self.losses(),
            seeds=self.seeds(),
            gaps=self.gaps(),
        )

    def freeze(self, service: str, directory: str | Path, progress: Progress | None = None) -> list[Path]:
        """Write the freeze sheet for an exchange or issuer: request in English and Japanese, tables, manifest."""
        from tracer.export.freeze import write_freeze

        return write_freeze(Path(directory), self.freeze_sheet(service, progress))

    def _collected_input(self) -> Input:
        """What was collected, as one input: the list of histories, by its sha256."""
        from tracer.export import Input

        entries = [e for e in evidence.collected(self.workspace, self.file) if e.capture]
        with self.workspace.store.reader() as view:
            known = view.captures_by_key(e.capture for e in entries)
        return Input(
            f"collected histories of {len(entries):,} addresses",
            self.file.manifest,
            sum(c.rows for c in known.values()),
            partial=any(c.partial for c in known.values()),
        )

    def _account(self, text: str) -> tuple[str, str]:
        """An address of the case; one that does not name its chain is of the chain whose addresses look like that."""
        chains = {c for capture in self._captures(self.file) for c in capture.chains}
        if text.count(":") > 1:
            return parse_account(text)  # CAIP-10
        fitting = [c for c in sorted(chains) if len(chains) == 1 or is_address(c, text)]
        return parse_account(text, fitting[0] if len(fitting) == 1 else "eip155:1")
