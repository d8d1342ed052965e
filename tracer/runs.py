"""One state of a case, and every rule run on it: ledger -> program -> outcomes and ranges. Nothing is written.

A pure function of its inputs; each part is computed on first use and kept. What is made of it (comparisons, graph,
routes, endpoints) is in `tracer.tracing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tracer.addresses import transaction_name
from tracer.arrivals import Account
from tracer.clusters.clustering import Clusters
from tracer.collecting.manifest import Fetched
from tracer.endpoint_kinds import CONDITIONAL
from tracer.errors import NotFoundError, shown
from tracer.labels import LabelBook
from tracer.ledger import Ledger
from tracer.listing import Listing
from tracer.mixes import Mix, declared_mixes, find_mixes
from tracer.model import CONSERVING, UNREAD, Gap, LinkRuling, Rule, Seed, StopCode
from tracer.parties import Parties
from tracer.patterns import Pattern, find_patterns
from tracer.prices import Prices
from tracer.results import TaintResult, conventions_of
from tracer.taint.bounds import Range, bounds, reached
from tracer.taint.by_address import by_address
from tracer.taint.compile import compile_program
from tracer.taint.engine import Outcome, run
from tracer.taint.program import NEVER, Program

__all__ = ["ALL_RANGES", "Progress", "Runs"]

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); total 0 when it is not known."""

ALL_RANGES = 10_000
"""Up to this many movements every traced holding gets its range; above, the holdings where most coin rests."""

_LARGEST = 200


@dataclass
class Runs:
    """Inputs, and everything that follows from them.

    seeds, stops ((chain, address) -> code), book (the labels at as_of), gaps (of the sources and of the case),
    source_names and source_hashes (name and sha256 by number of the source in the ledger), display ((chain, address)
    -> the text to print), separate ((chain, transaction, address) that convert nothing there, by a ruling), fetched
    (what was collected, by account), unseen (accounts that only the histories of others name, with their code), decided
    (accounts of which the analyst says whether coin stops there), link_rulings (the standing ones), prices (published
    worth of coins), codes (of contracts, the name of their code), unread (why the history of an address was not read,
    as a code that says more than PENDING; it changes no amount), case (its name).
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
    codes: Mapping[Account, str] = field(default_factory=dict)
    unread: Callable[[Any], Mapping[tuple[str, str], str]] | None = None
    case: str = ""
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
    def all_mixes(self) -> list[Mix]:
        """`mixes`, and the transactions of which the analyst alone says that they mix."""
        known = {mix.account for mix in self.mixes}
        said = {account for account, code in self.stops.items() if code == StopCode.MIXER} - known
        named = [account for account in said if account[1] == transaction_name(account[1][3:])]
        return [*self.mixes, *declared_mixes(self.ledger, named)]

    @cached_property
    def mixing(self) -> dict[tuple[str, str], Mapping[int, int]]:
        """(chain, transaction) in which coin stops -> input position -> vout of its certain change."""
        named = [(c, a.removeprefix("tx:")) for c, a in self._stopped_transactions]
        said: dict[tuple[str, str], Mapping[int, int]] = {account: {} for account in named}
        return said | {(m.transaction.chain, m.transaction.txid): m.change for m in self.mixes}

    @cached_property
    def full_book(self) -> LabelBook:
        """`book`, and the deposit addresses of its services by their service."""
        return self.clusters.full_book

    @cached_property
    def all_stops(self) -> dict[Account, str]:
        """`stops`, and the deposit addresses of services of which it says nothing."""
        return self.clusters.stops | dict(self.stops)

    @cached_property
    def inferred(self) -> Mapping[Account, int]:
        """Where coin stops only because the address is taken for a deposit address -> with what confidence."""
        known = ((self.ledger.addresses[d.address], d.confidence) for d in self.clusters.deposits)
        stops = self.clusters.stops
        return {account: sure for account, sure in known if account in stops and account not in self.stops}

    def range_kind(self, accounts: Iterable[Account], known: Range) -> str:
        """The kind of the range of what these accounts hold together: conditional where one rests on inference."""
        return CONDITIONAL if any(a in self._on_inference for a in accounts) else known.kind

    @cached_property
    def _on_inference(self) -> frozenset[Account]:
        """Inferred accounts, and whom one pays that stolen coin can have reached: it would be there otherwise."""
        ledger, program = self.ledger, self.program
        reached = np.unique(program.holding_address[program.hop < NEVER])
        inferred = [n for n in reached.tolist() if program.addresses[n] in self.inferred]
        paid = np.unique(ledger.recipient[np.isin(ledger.sender, inferred)])
        return frozenset(self.inferred) | {ledger.addresses[n] for n in paid.tolist() if n >= 0}

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
            mixing=self._stopped_transactions,
            codes=self.codes,
        )

    @property
    def _stopped_transactions(self) -> frozenset[Account]:
        """The transactions of which the analyst says that coin stops in them."""
        return frozenset(a for a in self.stops if a[1] == transaction_name(a[1][3:]))

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
        stops = zip(program.addresses, program.stop_code, strict=True)
        unread = _unread_gap(sum(code in UNREAD and name in reached for name, code in stops))
        return (*self.gaps, *unread, *mixed, *self.clusters.gaps, *self.ledger.gaps, *program.gaps)

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
        return conventions_of(self.ledger, self.gaps)

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
                range_kind=self.range_kind,
                case=self.case,
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

    def _holdings(self, pair: tuple[str, str]) -> list[int]:
        found = sorted(h for (chain, address, _), h in self.holding_of.items() if (chain, address) == pair)
        if not found:
            raise NotFoundError(
                f"The imported history has no movement of {shown(self.display(*pair))} on {pair[0]}.",
                "Check the address, or import a file that contains it.",
            )
        return found

    @cached_property
    def parties(self) -> Parties:
        """Whose the addresses of the history are that ever had coin."""
        return Parties(self.full_book, {(chain, address) for chain, address, _ in self.holding_of})

    def is_read(self, pair: tuple[str, str]) -> bool:
        """Whether the history of an address is known: it has movements, and they are not only those of others."""
        return self.stops.get(pair, "") not in UNREAD and any(name[:2] == pair for name in self.holding_of)


def _unread_gap(count: int) -> tuple[Gap, ...]:
    """What it means for the numbers that addresses were not read at which some accounting leaves stolen coin."""
    if not count:
        return ()
    message = (
        f"Of {count:,} addresses that stolen coin can have reached under some rule the history was not read (their "
        "stop code says why): every rule and range counts what arrived there as resting there."
    )
    return (Gap("unread", message, status="assumption"),)
