"""What follows from the record of one case: every amount, range, path and gap, computed on demand.

A pure function of the case file and of what it pins, made again when the case has changed. Who is behind an address is
in `tracer.attribution`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd

from tracer import evidence, label_packs
from tracer.addresses import canonical, is_address, parse_account
from tracer.casebook import CaseBook, rule_named
from tracer.errors import InputError, NoPathError, NotFoundError, TracerError, shown
from tracer.graph import FlowGraph
from tracer.grounds import grounded
from tracer.model import CONSERVING, NATIVE, Rule
from tracer.opinions import Clock
from tracer.parties import Party, attributed_elsewhere
from tracer.paths import Routes
from tracer.results import TaintResult, frame, gap_frame
from tracer.store import Workspace
from tracer.tracing import Progress, Tracing

__all__ = ["Findings"]


class Findings(CaseBook):
    """The record of one case, and what follows from it."""

    def __init__(self, workspace: Workspace, name: str, clock: Clock = time.time) -> None:
        super().__init__(workspace, name, clock)
        self._tracing: tuple[int, Tracing] | None = None

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

    def taint(self, rule: str | None = None, progress: Progress | None = None) -> TaintResult:
        """The result of a rule (None: the governing one). Raises SeedError."""
        return self.tracing(progress).result(rule_named(rule or self.rule), progress)

    @grounded
    def losses(self) -> pd.DataFrame:
        """What each theft took of each asset, and what that was worth on the day, with the source of the price."""
        return self.taint().losses()

    @grounded
    def compare(self, *, ranges: bool = True, progress: Progress | None = None) -> pd.DataFrame:
        """All rules side by side with the range over every admissible accounting."""
        return self.tracing(progress).compare(ranges=ranges, progress=progress)

    @grounded
    def bounds(
        self,
        targets: Sequence[str] | None = None,
        progress: Progress | None = None,
        *,
        together: bool = False,
        through: bool = False,
    ) -> pd.DataFrame:
        """The range of stolen coin at each target address (None: all traced ones), whatever rule is taken.

        A target may also be the name of a party: the addresses attributed to it, as in `endpoints(by="service")`, are
        one group (what other labels claim for it: `claims`). together: all targets are one group, whose inner
        transfers do not count. through: the range of what ever arrived, each coin counted once, instead of what rests
        there in the end. Raises InputError, NotFoundError.
        """
        tracing = self.tracing(progress)
        wanted = [] if targets is None else list(targets)
        groups = list(dict.fromkeys(self._group(text) for text in wanted))
        if not (together or through or any(group.name for group in groups)):
            pairs = None if targets is None else [group.members[0] for group in groups]
            return tracing.ranges_frame(pairs, progress)
        if not wanted:
            raise InputError(
                "A range of a group, or of what ever arrived, needs to know where.",
                "Name it: --address ADDRESS, or --service NAME.",
            )
        members = [(self._called(group), group.members) for group in groups]
        if together:
            accounts = dict.fromkeys(account for group in groups for account in group.members)
            members = [(" + ".join(name for name, _ in members), tuple(accounts))]
        return tracing.group_frame(members, through=through, progress=progress)

    @grounded
    def claims(self, name: str) -> pd.DataFrame:
        """Addresses that labels in force give to `name` although they are attributed to somebody else.

        Their coin is not part of what is said of `name`. Columns: chain, address, attributed_to, label, confidence,
        source (of the label that names `name`).
        """
        rows = [
            (c.account[0], self._display(*c.account), c.attributed_to, c.label.name)
            + (c.label.confidence, c.label.source)
            for c in self.tracing().parties.claims(name)
        ]
        return frame(rows, ["chain", "address", "attributed_to", "label", "confidence", "source"])

    def _group(self, text: str) -> Party:
        """The party of that name, or the address, as a party without a name."""
        try:
            return Party("", (self._account(text),))
        except InputError as error:
            wrong = error
        parties = self.tracing().parties
        party = parties.called(text)
        if party is not None:
            return party
        claims = parties.claims(text)
        if claims:
            raise NotFoundError(
                f"No address of this case is attributed to {shown(text)}:"
                f" {attributed_elsewhere(claims, self._display)}.",
                "Ask for whom it is attributed to, or for the address; tracer label conflicts says who names whom.",
            )
        if "0x" in text.lower():
            raise wrong
        known = ", ".join(parties.names[:8])
        raise NotFoundError(
            f"There is neither an address nor a label called {shown(text)} in this case.",
            f"Labels: {known}." if known else "There are no labels: tracer label CASE ADDRESS NAME.",
        )

    def _called(self, group: Party) -> str:
        return self._display(*group.members[0]) if len(group.members) == 1 else group.name

    def graph(self, rule: str | None = None) -> FlowGraph:
        """The flow of stolen coin; `.nx` is a networkx.MultiDiGraph."""
        return self.tracing().graph(rule_named(rule or self.rule))

    @grounded
    def coinjoins(self, rule: str | None = None, language: str = "en") -> pd.DataFrame:
        """The CoinJoins that stolen coin entered under the rule, in the order of the chain, one row each.

        mix_kind, confidence (per cent), reasons: what it is taken for and why. anonymity_sets: `5 of 1000000` is five
        outputs of so many sat, largest crowd first. certain_change: outputs that go on. entered_raw: stolen sat that
        went in; rests_raw: what stays there. language: of the reasons.
        """
        return self.tracing().mixes_frame(rule_named(rule or self.rule), language)

    @grounded
    def beyond_mixes(self, rule: str | None = None) -> pd.DataFrame:
        """Where stolen coin may have gone after CoinJoins: a row per output of equal value, under the rule.

        Every row is a possibility (grade `probabilistic`): none is an edge, none is in any total, and shares of
        different values must not be added. Columns: docs/formats.md, beyond_mixes.csv.
        """
        return self.tracing().beyond_frame(rule_named(rule or self.rule))

    @grounded
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

    @grounded
    def routes(self, limit: int = 50) -> pd.DataFrame:
        """`trace_routes` as a table."""
        return self.trace_routes(limit).frame

    @grounded
    def paths(self, to: str | None = None, frm: str | None = None, kind: str = "widest") -> pd.DataFrame:
        """The shortest, widest or earliest path between two addresses; without `to`, the routes of the theft.

        Without `frm` it starts at the first seed from which coin can have flowed. Raises NoPathError where none can.
        """
        if to is None:
            return self.routes()
        finder = self.tracing().paths
        starts = [(s.chain, s.address) for s in self.file.seeds] if frm is None else [self._account(frm)]
        if not starts:
            raise InputError("The case has no seed to start from.", "Give --from ADDRESS.")
        goal = self._account(to)
        names = [f"{chain}:{self._display(chain, address)}" for chain, address in (*starts, goal)]
        first: TracerError | None = None
        for start in dict.fromkeys(name for name in names[:-1] if name != names[-1]):
            try:
                return finder.frame([finder.find(start, names[-1], kind)])
            except (NoPathError, NotFoundError) as error:
                first = first or error
        raise first or InputError("A path needs two different addresses.", "Choose another start or end.")

    @grounded
    def gaps(self, language: str = "en") -> pd.DataFrame:
        """Everything that is missing, cut, refused or assumed. language: of the messages that can be said in it."""
        tracing = self.tracing()
        known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in tracing.program.assets}
        return gap_frame(tracing.all_gaps, known, tracing.display, language)

    @grounded
    def completeness(self) -> pd.DataFrame:
        """How complete the case is about each address that stolen coin can have come to.

        transactions_seen: in how many transactions of the case it takes part. transactions_known: how many there are,
        by the provider that was asked (None: nobody was). history: how far its own is known, see
        `tracer.arrivals.History`.
        """
        rows = self.tracing().completeness()
        return frame(rows, ["chain", "address", "transactions_seen", "transactions_known", "history"])

    @grounded
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

    def _account(self, text: str) -> tuple[str, str]:
        """An address of the case; one that does not name its chain is of the chain whose addresses look like that."""
        chains = {c for capture in self._captures(self.file) for c in capture.chains}
        if text.count(":") > 1:
            return parse_account(text)  # CAIP-10
        fitting = [c for c in sorted(chains) if len(chains) == 1 or is_address(c, text)]
        return parse_account(text, fitting[0] if len(fitting) == 1 else "eip155:1")
