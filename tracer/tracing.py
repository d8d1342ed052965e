"""One state of a case, computed: ledger -> program -> every rule, ranges, graph, paths. Nothing is written.

A Tracing is a pure function of its inputs, so it can be thrown away and made again at any time. Each part is
computed on first use and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from tracer.addresses import transaction_name
from tracer.arrivals import Account, History, transactions_seen
from tracer.clusters.clustering import Clusters
from tracer.collecting.manifest import Fetched
from tracer.endpoints import Endpoints
from tracer.errors import InputError, NotFoundError, shown
from tracer.flowtable import node_id
from tracer.graph import FlowGraph
from tracer.labels import LabelBook
from tracer.ledger import Ledger
from tracer.listing import Listing
from tracer.lookup import transaction_frame
from tracer.mixes import Mix, find_mixes
from tracer.model import CONSERVING, UNREAD, Gap, Label, LinkRuling, Rule, Seed, StopCode
from tracer.origins import origins_frame
from tracer.paths import PathFinder, Routes, asset_scales, trace_routes
from tracer.patterns import Pattern, find_patterns
from tracer.prices import Prices
from tracer.results import TaintResult, conventions_of, frame
from tracer.taint.bounds import Range, bounds, reached
from tracer.taint.by_address import by_address
from tracer.taint.compile import compile_program
from tracer.taint.engine import Outcome, run
from tracer.taint.origins import Supply, supply
from tracer.taint.program import NEVER, Program

__all__ = ["ALL_RANGES", "Progress", "Tracing"]

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); total 0 when it is not known."""

ALL_RANGES = 10_000
"""Up to this many movements every traced holding gets its range; above, the holdings where most coin rests."""

_LARGEST = 200


@dataclass
class Tracing:
    """Inputs, and everything that follows from them.

    seeds, stops ((chain, address) -> code), book (the labels at as_of), gaps (of the sources and of the case),
    source_names and source_hashes (name and sha256 by number of the source in the ledger), display ((chain, address)
    -> the text to print), separate ((chain, transaction, address) that convert nothing there, by a ruling), fetched
    (what was collected, by account), unseen (accounts that only the histories of others name, with their code), decided
    (accounts of which the analyst says whether coin stops there), link_rulings (the standing ones), prices (published
    worth of coins), unread (why the history of an address was not read, as a code that says more than PENDING; it
    changes no amount).
    """

    ledger: Ledger
    seeds: tuple[Seed, ...]
    stops: Mapping[tuple[str, str], str]
    book: LabelBook
    gaps: tuple[Gap, ...]
    source_names: tuple[str, ...]
    display: Callable[[str, str], str]
    as_of: int | None
    separate: frozenset[tuple[str, str, str]] = frozenset()
    source_hashes: tuple[str, ...] = ()
    fetched: Mapping[Account, Fetched] = field(default_factory=dict)
    unseen: Mapping[Account, str] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    decided: frozenset[Account] = frozenset()
    link_rulings: tuple[LinkRuling, ...] = ()
    unread: Callable[[Tracing], Mapping[tuple[str, str], str]] | None = None
    _outcomes: dict[Rule, Outcome] = field(default_factory=dict)
    _held: dict[Rule, Outcome] = field(default_factory=dict)
    _results: dict[Rule, TaintResult] = field(default_factory=dict)
    _ranges: dict[int, Range] = field(default_factory=dict)
    _behind: Program | None = None

    @cached_property
    def program(self) -> Program:
        """The steps that every rule runs. Raises SeedError if a seed contradicts the history."""
        return compile_program(self.ledger, self.seeds, self.all_stops, self.separate, self.mixing)

    @cached_property
    def mixes(self) -> list[Mix]:
        """The CoinJoins in which coin stops, but those of which the analyst says that it does not."""
        return find_mixes(self.ledger, {account for account in self.decided if account not in self.stops})

    @cached_property
    def mixing(self) -> dict[tuple[str, str], Mapping[int, int]]:
        """(chain, transaction) in which coin stops -> input position -> vout of its certain change."""
        named = [(c, a.removeprefix("tx:")) for c, a in self.stops if a == transaction_name(a[3:])]
        said: dict[tuple[str, str], Mapping[int, int]] = {account: {} for account in named}
        return said | {(m.transaction.chain, m.transaction.txid): m.change for m in self.mixes}

    @cached_property
    def full_book(self) -> LabelBook:
        """`book`, and the deposit addresses of its services by their service."""
        return self.book.plus(self.clusters.deposit_labels)

    @cached_property
    def all_stops(self) -> dict[Account, str]:
        """`stops`, and the deposit addresses of services of which it says nothing."""
        return self.clusters.stops | dict(self.stops)

    @cached_property
    def clusters(self) -> Clusters:
        """Which addresses one party controls."""
        return Clusters(
            self.ledger,
            self.book,
            seeds=frozenset((seed.chain, seed.address) for seed in self.seeds),
            unread=frozenset(self.unseen),
            decided=self.decided,
            rulings=self.link_rulings,
        )

    @cached_property
    def listing(self) -> Listing:
        """What the tables of every rule share."""
        codes = self.unread(self) if self.unread is not None else {}
        return Listing(self.ledger, self.program, self.source_names, self.display, codes, self.prices)

    @cached_property
    def all_gaps(self) -> tuple[Gap, ...]:
        """Everything missing or assumed, from the sources to the accounting."""
        program = self.program
        reached = {
            program.addresses[n] for n in np.unique(program.holding_address[program.hop < NEVER]).tolist()
        }
        mixed = [mix.gap() for mix in self.mixes if mix.account in reached]
        return (*self.gaps, *mixed, *self.clusters.gaps, *self.ledger.gaps, *program.gaps)

    @cached_property
    def patterns(self) -> list[Pattern]:
        """What stands out in the behaviour of the addresses that stolen coin can have reached, services left out."""
        program, services = self.program, {StopCode.SERVICE, StopCode.MIXER, StopCode.BRIDGE}
        reached = np.unique(program.holding_address[program.hop < NEVER]).tolist()
        known = len(self.ledger.addresses)  # what comes after them are sinks
        traced = [n for n in reached if n < known and program.stop_code[n] not in services]
        return find_patterns(self.clusters.payments, traced)

    @property
    def conventions(self) -> tuple[str, ...]:
        """What all numbers rest on, one sentence each."""
        return conventions_of(self.ledger)

    def outcome(self, rule: Rule) -> Outcome:
        """Run a rule, once."""
        if rule not in self._outcomes:
            self._outcomes[rule] = run(self.program, rule)
        return self._outcomes[rule]

    def held(self, rule: Rule) -> Outcome:
        """The outcome of a rule with one holding per address and asset; what tables and pictures read."""
        if rule not in self._held:
            self._held[rule] = by_address(self.program, self.outcome(rule))
        return self._held[rule]

    def result(self, rule: Rule, progress: Progress | None = None) -> TaintResult:
        """The tables of a rule."""
        if rule not in self._results:
            if progress:
                progress("taint", 0, 1)
            self._results[rule] = TaintResult(
                rule=rule,
                listing=self.listing,
                outcome=self.held(rule),
                as_of=self.as_of,
                gap_list=self.all_gaps,
                ranges=lambda: self.ranges(progress),
            )
            if progress:
                progress("taint", 1, 1)
        return self._results[rule]

    @cached_property
    def holding_of(self) -> dict[tuple[str, str, str], int]:
        """(chain, address, asset) -> holding number, pots left out; sinks under the chain of their asset.

        Of an address with several outpoints, the holding that stands for it.
        """
        found = {}
        main = self.program.main.tolist()
        for h in range(len(self.program.holding_address)):
            if not self.program.pot[h] and main[h] == h:
                chain, address, asset = self.program.name(h)
                found[chain or asset.chain, address, asset.ref] = h
        return found

    def ranges(self, progress: Progress | None = None) -> dict[int, Range]:
        """The range of every traced holding; on large ledgers, of the holdings where most coin rests."""
        return self.ranges_of(self._default_targets, progress)

    @cached_property
    def _default_targets(self) -> list[int]:
        targets = sorted(set(self.program.main[reached(self.program)].tolist()))
        if self.ledger.rows <= ALL_RANGES:
            return targets
        taint = [self.held(rule).taint for rule in CONSERVING]
        ranked = sorted(targets, key=lambda h: (-max(t[h] for t in taint), h))
        return sorted(ranked[:_LARGEST])

    def ranges_of(self, targets: Sequence[int], progress: Progress | None = None) -> dict[int, Range]:
        """The ranges of some holdings; what is known already is not computed again."""
        missing = [h for h in targets if h not in self._ranges]
        if missing:
            taint = [self.held(rule).taint for rule in CONSERVING]
            target = {h: self.program.target([h]) for h in missing}
            hints = {target[h]: (min(t[h] for t in taint), max(t[h] for t in taint)) for h in missing}
            known = bounds(self.program, list(target.values()), hints=hints, progress=progress)
            self._ranges.update(zip(target, known, strict=True))
        return {h: self._ranges[h] for h in targets}

    def ranges_frame(
        self, addresses: Sequence[tuple[str, str]] | None, progress: Progress | None = None
    ) -> pd.DataFrame:
        """Ranges as a table: chain, address, asset, at_least_raw, at_most_raw, kind.

        addresses: canonical (chain, address) pairs; None: the default targets. An address that stolen coin cannot
        have reached has the range 0 to 0. Raises NotFoundError for one that the history does not know.
        """
        if addresses is None:
            targets = self._default_targets
        else:
            targets = [h for pair in addresses for h in self._holdings(pair)]
        rows = []
        for h, found in self.ranges_of(targets, progress).items():
            chain, address, asset = self.program.name(h)
            shown_as = self.display(chain, address)
            rows.append(
                (chain or asset.chain, shown_as, asset.ref, found.at_least, found.at_most, found.kind)
            )
        rows.sort(key=lambda r: (r[0], r[2], -r[4], -r[3], r[1]))
        return frame(rows, ["chain", "address", "asset", "at_least_raw", "at_most_raw", "kind"])

    def group_frame(
        self,
        groups: Mapping[str, Sequence[tuple[str, str]]],
        *,
        through: bool,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """The range of what groups of addresses hold together, per asset; columns of `ranges_frame`.

        groups: what to call the group -> canonical (chain, address) pairs; transfers inside a group do not count.
        through: the range of what ever arrived instead. Raises NotFoundError for an address that the history lacks.
        """
        named: list[tuple[str, frozenset[int]]] = []
        for name, pairs in groups.items():
            by_asset: dict[int, set[int]] = {}
            for pair in pairs:
                for h in self._holdings(pair):
                    by_asset.setdefault(int(self.program.holding_asset[h]), set()).add(h)
            named += [(name, self.program.group(members)) for members in by_asset.values()]
        found = bounds(self.program, [m for _, m in named], progress=progress, through=through)
        rows = []
        for (name, members), known in zip(named, found, strict=True):
            asset = self.program.assets[int(self.program.holding_asset[min(members)])]
            rows.append((asset.chain, name, asset.ref, known.at_least, known.at_most, known.kind))
        rows.sort(key=lambda r: (r[0], r[2], -r[4], -r[3], r[1]))
        return frame(rows, ["chain", "address", "asset", "at_least_raw", "at_most_raw", "kind"])

    def _holdings(self, pair: tuple[str, str]) -> list[int]:
        found = sorted(h for (chain, address, _), h in self.holding_of.items() if (chain, address) == pair)
        if not found:
            raise NotFoundError(
                f"The imported history has no movement of {shown(self.display(*pair))} on {pair[0]}.",
                "Check the address, or import a file that contains it.",
            )
        return found

    @property
    def named(self) -> list[Label]:
        """The label of each address of the history that has one in force, by address."""
        found = (self.full_book.best(*account) for account in sorted(self.ledger.addresses))
        return [label for label in found if label is not None]

    def is_read(self, pair: tuple[str, str]) -> bool:
        """Whether the history of an address is known: it has movements, and they are not only those of others."""
        return self.stops.get(pair, "") not in UNREAD and any(name[:2] == pair for name in self.holding_of)

    def origins(
        self,
        pair: tuple[str, str],
        asset: str | None,
        rules: Sequence[Rule],
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """What an address holds and ever got, by where it came from (`tracer.origins`), all assets or one.

        The address itself is never a stop. Raises NotFoundError for one that the history does not know or an asset
        that it never had, InputError if its own history was not read.
        """
        code = self.stops.get(pair, "")
        if code in UNREAD:
            raise InputError(
                f"The history of {shown(self.display(*pair))} was not read ({code}): its origins are unknown.",
                "Collect it: tracer collect CASE --direction backward --target ADDRESS.",
            )
        self._holdings(pair)
        program, every = self.behind(pair)
        wanted = [h for h in every if asset in {None, program.name(h)[2].ref}]
        if not wanted:
            raise NotFoundError(
                f"{shown(self.display(*pair))} never had {shown(asset)}.",
                "Leave the asset out to see all that it had.",
            )
        return origins_frame(
            self.ledger, program, wanted, rules, self.display, codes=self.listing.codes, progress=progress
        )

    def behind(self, pair: tuple[str, str]) -> tuple[Program, list[int]]:
        """The program in which coin is traced back from an address, and the holdings of that address, by asset.

        Its only seeds are amounts, which the history lacks; coin goes on from the address whatever stops there.
        """
        if pair in self.all_stops:
            program = self._without_seeds({a: word for a, word in self.all_stops.items() if a != pair})
        else:
            if self._behind is None:
                self._behind = self._without_seeds(self.all_stops)
            program = self._behind
        numbers = [n for n, name in enumerate(program.addresses) if name == pair]
        first = program.main == np.arange(len(program.main))  # of several outpoints, the first stands for all
        found = np.flatnonzero(np.isin(program.holding_address, numbers) & ~program.pot & first).tolist()
        return program, sorted(found, key=lambda h: program.name(h)[2])

    def _without_seeds(self, stops: Mapping[tuple[str, str], str]) -> Program:
        stated = [s for s in self.seeds if s.amount is not None and s.tx is None and s.at is None]
        return compile_program(self.ledger, stated, stops, self.separate, self.mixing)

    def supplies(self, pairs: Iterable[tuple[str, str]]) -> list[Supply]:
        """What each holding of these addresses ever got is made of; addresses without movements have none."""
        found = [self.behind(pair) for pair in pairs]
        return [supply(program, self.ledger, h, ever=True) for program, holdings in found for h in holdings]

    def compare(self, *, ranges: bool = True, progress: Progress | None = None) -> pd.DataFrame:
        """All rules side by side, one row per traced (address, asset), with the range."""
        found = self.ranges(progress) if ranges else {}
        outcomes = {}
        for number, rule in enumerate(Rule):
            outcomes[rule] = self.held(rule)
            if progress:
                progress("rules", number + 1, len(Rule))
        rows = []
        for (chain, address, ref), h in self.holding_of.items():
            taint = [outcomes[rule].taint[h] for rule in Rule]
            bound = found.get(h)
            if any(taint) or (bound is not None and bound.at_most):
                asset = self.program.assets[self.program.holding_asset[h]]
                rows.append(
                    (chain, self.display(chain, address), ref, asset.symbol, asset.decimals, *taint)
                    + (bound.at_least if bound else None, bound.at_most if bound else None)
                    + (bound.kind if bound else "",)
                )
        rows.sort(key=lambda r: (r[0], r[2], -max(r[6 : 5 + len(Rule)]), r[1]))
        columns = [
            *["chain", "address", "asset", "symbol", "decimals"],
            *(rule.value for rule in Rule),
            "at_least_raw",
            "at_most_raw",
            "kind",
        ]
        return frame(rows, columns)

    @cached_property
    def seen(self) -> dict[Account, int]:
        """Per (chain, canonical address), the number of transactions of the case in which it takes part."""
        return transactions_seen(self.ledger)

    def history(self, account: Account) -> History:
        """How far the own history of an address is known."""
        entry = self.fetched.get(account)
        if entry is None:
            return History("unread" if account in self.unseen else "file")
        if not entry.capture or entry.hub:
            return History("unread" if account in self.unseen else "file", entry.transactions or None)
        return History("whole" if entry.complete else "partial", entry.transactions)

    def completeness(self) -> list[tuple[str, str, int, int | None, str]]:
        """(chain, address as printed, transactions seen, how many there are, its history) of what is reached."""
        program = self.program
        reached = program.holding_address[(program.hop < NEVER) & ~program.pot]
        accounts = sorted({program.addresses[n] for n in reached.tolist() if program.addresses[n][0]})
        known = ((account, self.history(account)) for account in accounts)
        return [
            (chain, self.display(chain, address), self.seen.get((chain, address), 0), h.transactions, h.state)
            for (chain, address), h in known
        ]

    def endpoints(self, governing: Rule, progress: Progress | None = None) -> Endpoints:
        """Where stolen coin rests or leaves, with the amounts of every rule and the range."""
        return Endpoints(
            results={rule: self.result(rule, progress) for rule in Rule},
            governing=governing,
            ranges=self.ranges(progress),
            group_ranges=lambda groups: bounds(
                self.program, [self.program.group(group) for group in groups], progress=progress
            ),
            book=self.full_book,
            history=self.history,
            seen=self.seen,
            hashes=self.source_hashes,
        )

    def transaction(self, governing: Rule, tx_hash: str, progress: Progress | None = None) -> pd.DataFrame:
        """Every movement of a transaction under every rule: columns of `tracer.lookup`."""
        results = {rule: self.result(rule, progress) for rule in Rule}
        return transaction_frame(results, governing, self.book, self.source_hashes, tx_hash)

    def graph(self, rule: Rule) -> FlowGraph:
        """The flow of stolen coin as a networkx graph."""
        result = self.result(rule)
        names = {
            node_id(chain, self.display(chain, address)): (label.name, label.category)
            for chain, address in sorted({(c, a) for c, a, _ in self.holding_of})
            if (label := self.full_book.best(chain, address)) is not None
        }
        return FlowGraph.build(
            result.addresses(ranges=False),
            result.transfers(),
            seeds={f"{s.chain}:{self.display(s.chain, s.address)}" for s in self.seeds},
            labels=names,
            rule=rule.value,
            as_of=self.as_of,
            scale=asset_scales(self.program, self.outcome(rule)),
        )

    @cached_property
    def paths(self) -> PathFinder:
        """Searches between any two addresses, over all followed movements."""
        return PathFinder(self.result(Rule.FIFO).transfers())

    def routes(self, rule: Rule, limit: int) -> Routes:
        """The largest routes of stolen coin from the theft to where it rests."""
        result = self.result(rule)
        held = result.addresses(ranges=False)
        stops = {
            node_id(chain, address): stop
            for chain, address, stop in zip(held["chain"], held["address"], held["stop"], strict=True)
            if stop
        }
        return trace_routes(self.program, self.outcome(rule), result.transfers(), limit=limit, stops=stops)
