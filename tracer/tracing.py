"""What one state of a case says: comparisons, origins, endpoints, graph, paths, made from the runs of every rule.

A Tracing can be thrown away and made again at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tracer.arrivals import Account, History, transactions_seen
from tracer.beyond import GRADE, Entered, possible_outputs
from tracer.chains.utxo_rows import DECIMALS
from tracer.endpoints import Endpoints
from tracer.errors import InputError, NotFoundError, shown
from tracer.flowtable import node_id
from tracer.graph import FlowGraph
from tracer.lookup import transaction_frame
from tracer.mixes import Mix
from tracer.model import NATIVE, UNREAD, Rule
from tracer.origins import origins_frame
from tracer.paths import PathFinder, Routes, asset_scales, trace_routes
from tracer.results import frame
from tracer.runs import ALL_RANGES, Progress, Runs
from tracer.taint.bounds import bounds
from tracer.taint.compile import compile_program
from tracer.taint.origins import Supply, supply
from tracer.taint.program import NEVER, Program
from tracer.times import utc_text

__all__ = ["ALL_RANGES", "Progress", "Tracing"]


@dataclass
class Tracing(Runs):
    """The runs of one state of a case, and what is made of them."""

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
            kind = self.range_kind([(chain, address)], found)
            rows.append((chain or asset.chain, shown_as, asset.ref, found.at_least, found.at_most, kind))
        rows.sort(key=lambda r: (r[0], r[2], -r[4], -r[3], r[1]))
        return frame(rows, ["chain", "address", "asset", "at_least_raw", "at_most_raw", "kind"])

    def group_frame(
        self,
        groups: Sequence[tuple[str, Sequence[tuple[str, str]]]],
        *,
        through: bool,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """The range of what groups of addresses hold together, per asset; columns of `ranges_frame`.

        groups: what to call the group, and its canonical (chain, address) pairs; transfers inside a group do not count.
        through: the range of what ever arrived instead. Raises NotFoundError for an address that the history lacks.
        """
        named: list[tuple[str, frozenset[int]]] = []
        for name, pairs in groups:
            by_asset: dict[int, set[int]] = {}
            for pair in pairs:
                for h in self._holdings(pair):
                    by_asset.setdefault(int(self.program.holding_asset[h]), set()).add(h)
            named += [(name, self.program.group(members)) for members in by_asset.values()]
        found = bounds(self.program, [m for _, m in named], progress=progress, through=through)
        rows = []
        for (name, members), known in zip(named, found, strict=True):
            asset = self.program.assets[int(self.program.holding_asset[min(members)])]
            kind = self.range_kind((self.program.name(h)[:2] for h in members), known)
            rows.append((asset.chain, name, asset.ref, known.at_least, known.at_most, kind))
        rows.sort(key=lambda r: (r[0], r[2], -r[4], -r[3], r[1]))
        return frame(rows, ["chain", "address", "asset", "at_least_raw", "at_most_raw", "kind"])

    def mixes_frame(self, rule: Rule, language: str = "en") -> pd.DataFrame:
        """The CoinJoins that stolen coin entered: why they are ones, how large their crowds are, what went in."""
        found = []
        for mix, rests, carried in self._entered(rule):
            t, parts = mix.transaction, mix.parts
            crowds = "; ".join(f"{d.anonymity_set} of {d.amount}" for d in parts.denominations)
            found.append(
                (rule.value, t.chain, t.txid, t.block, utc_text(t.timestamp), mix.verdict.kind.value)
                + (
                    mix.verdict.confidence,
                    "; ".join(mix.verdict.said(language)),
                    len(t.inputs),
                    len(t.outputs),
                )
                + (crowds, len(parts.change), DECIMALS, sum(carried), rests)
            )
        return frame(
            found,
            [
                "rule",
                "chain",
                "mix_tx",
                "block",
                "timestamp_utc",
                "mix_kind",
                "confidence",
                "reasons",
                "inputs",
            ]
            + ["outputs", "anonymity_sets", "certain_change", "decimals", "entered_raw", "rests_raw"],
        )

    def _entered(self, rule: Rule) -> Iterator[tuple[Mix, int, list[int]]]:
        """CoinJoins with what rests in them, and the stolen units in each input that carries some, in ledger order."""
        taint, by_row = self.held(rule).taint, self.result(rule).tally.by_row
        mixes = {(mix.transaction.chain, mix.transaction.txid): mix for mix in self.all_mixes}
        for name, rows in sorted(self.ledger.rows_of_each(mixes).items(), key=lambda item: item[1][0]):
            carried = [by_row[r] for r in rows if self.ledger.spends[r] >= 0 and by_row[r]]
            holding = self.holding_of.get((*mixes[name].account, NATIVE))
            if carried:
                yield mixes[name], 0 if holding is None else int(taint[holding]), carried

    def beyond_frame(self, rule: Rule) -> pd.DataFrame:
        """Where stolen coin that rests in CoinJoins may have gone, as possibilities (`tracer.beyond`); in no total."""
        entered = {
            mix.account: Entered(rests, len(carried)) for mix, rests, carried in self._entered(rule) if rests
        }
        rows_found = [
            (
                rule.value,
                p.mix.transaction.chain,
                p.mix.transaction.txid,
                p.mix.verdict.kind.value,
                p.mix.verdict.confidence,
                p.entered.rests,
                f"{p.mix.transaction.txid}:{p.vout}",
                self.display(p.mix.transaction.chain, p.owner),
                DECIMALS,
                p.amount,
                p.anonymity_set,
                p.share,
                p.remainder,
                p.spent_tx,
                GRADE,
            )
            for p in possible_outputs(self.all_mixes, entered, self.ledger)
        ]
        return frame(
            rows_found,
            [
                "rule",
                "chain",
                "mix_tx",
                "mix_kind",
                "confidence",
                "rests_raw",
                "outpoint",
                "address",
                "decimals",
            ]
            + ["amount_raw", "anonymity_set", "share_raw", "remainder_raw", "spent_tx", "grade"],
        )

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
                    + (self.range_kind([(chain, address)], bound) if bound else "",)
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
            inferred=self.inferred,
            range_kind=self.range_kind,
            seen=self.seen,
            hashes=self.source_hashes,
        )

    def transaction(self, governing: Rule, tx_hash: str, progress: Progress | None = None) -> pd.DataFrame:
        """Every movement of a transaction under every rule: columns of `tracer.lookup`."""
        results = {rule: self.result(rule, progress) for rule in Rule}
        return transaction_frame(results, governing, self.full_book, self.source_hashes, tx_hash)

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
