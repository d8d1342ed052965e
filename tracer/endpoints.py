"""Endpoints: where stolen coin rests or leaves, and what an exchange or issuer needs to know to freeze it.

One row per (address, asset) at which any rule, or the range, leaves stolen coin: a service, a deposit address, a
mixer, a bridge, an address that has not moved it on, or one whose history was not read; and the sinks (fees, burned,
recovered, conversions that nobody can follow). Under one rule the rows add up to the conservation account.

Which codes end a trace: docs/accounting.md, "Stops". Nothing is decided here: a row says what the rules, the ranges and
the ledger say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tracer.addresses import transaction_name
from tracer.amounts import decimal_text
from tracer.arrivals import Account, History, Passage, passages
from tracer.endpoint_kinds import ORDER, STILL_THERE, kind_of, still_there
from tracer.labels.book import LabelBook, entity_key
from tracer.listing import Listed
from tracer.model import Asset, Label, Rule, StopCode
from tracer.movements import amounts_from_column
from tracer.results import TaintResult, frame
from tracer.taint.bounds import Range
from tracer.times import jst_text, utc_text

__all__ = ["BY_SERVICE", "ENDPOINTS", "TRANSFERS", "Endpoints"]


@dataclass(frozen=True)
class Endpoints:
    """The endpoints of one state of a case; each table is computed on first use.

    results: of every rule. ranges: by holding, what is known of them. group_ranges: sets of holdings of one asset ->
    the range of what they hold together. book: who is behind an address. history: how far the own history of
    an address is known. inferred: (chain, canonical address) where coin stops because it is taken for a deposit
    address -> with what confidence. seen: in how many transactions of the case an address takes part. hashes: sha256
    by source. chosen: the endpoints that the tables are about, None for all.
    """

    results: Mapping[Rule, TaintResult]
    governing: Rule
    ranges: Mapping[int, Range]
    group_ranges: Callable[[Sequence[frozenset[int]]], Sequence[Range]]
    book: LabelBook
    history: Callable[[Account], History]
    inferred: Mapping[Account, int]
    range_kind: Callable[[Iterable[Account], Range], str]
    seen: Mapping[Account, int]
    hashes: Sequence[str]
    chosen: tuple[Listed, ...] | None = None

    def only(self, chosen: Iterable[Listed]) -> Endpoints:
        """Some of `holdings`, in their order: every table is about those alone."""
        return replace(self, chosen=tuple(chosen))

    @property
    def _result(self) -> TaintResult:
        return self.results[self.governing]

    @cached_property
    def holdings(self) -> list[Listed]:
        """The endpoints: sorted by sort of place, asset, then amount under the governing rule."""
        if self.chosen is not None:
            return list(self.chosen)
        taint = self._result.outcome.taint
        found = [
            held
            for held in self._result.listing.holdings
            if any(r.outcome.taint[held.number] for r in self.results.values())
            or (held.number in self.ranges and self.ranges[held.number].at_most)
        ]
        return sorted(
            found,
            key=lambda x: (ORDER[kind_of(x)], x.asset.chain, x.asset.ref, -taint[x.number], x.address),
        )

    @cached_property
    def passages(self) -> dict[int, Passage]:
        """By endpoint, what came and what left."""
        result = self._result
        tallies = [r.tally for r in self.results.values()]
        return passages(result.ledger, result.program, tallies, [x.number for x in self.holdings])

    def account(self, held: Listed) -> Account:
        """(chain, canonical address) of a holding; sinks have chain ""."""
        return self._result.program.addresses[int(self._result.program.holding_address[held.number])]

    def label(self, held: Listed) -> Label | None:
        """The label that names an endpoint."""
        return None if held.sink else self.book.best(*self.account(held))

    def _inferred(self, held: Listed) -> int | None:
        """The confidence with which an endpoint is taken for a deposit address; None where a label says it."""
        return None if held.sink else self.inferred.get(self.account(held))

    def _kind(self, bound: Range, rows: Iterable[Listed]) -> str:
        return self.range_kind([self.account(held) for held in rows if not held.sink], bound)

    def _passing(self, held: Listed) -> bool:
        """Whether nobody holds it: a sink, or a CoinJoin, whose outputs hold all that entered."""
        return held.sink or held.address == transaction_name(held.address[3:])

    def _known(self, held: Listed) -> History:
        if self._passing(held):
            return History("")
        known = self.history(self.account(held))
        unknown = known.state == "file" and self._result.program.unknown_opening[held.number]
        return History("partial") if unknown else known

    def frame(self) -> pd.DataFrame:
        """One row per endpoint: columns ENDPOINTS."""
        return frame(list(self._rows.values()), ENDPOINTS)

    @cached_property
    def _rows(self) -> dict[int, tuple[object, ...]]:
        """By endpoint, its row."""
        return {held.number: self._row(held) for held in self.holdings}

    def _row(self, held: Listed) -> tuple[object, ...]:
        h, asset, result = held.number, held.asset, self._result
        label, came, known = self.label(held), self.passages[h], self._known(held)
        units, balance = result.outcome.taint[h], result.outcome.balance[h]
        bound, tally, passing = self.ranges.get(h), result.tally, self._passing(held)
        moments = (tally.first[h], tally.last[h]) if tally.received[h] else (-1, -1)
        if held.sink:
            times = result.ledger.time[came.came] if came.came else [-1]
            moments, balance = (int(min(times)), int(max(times))), units
        return (
            *(kind_of(held).value, label.who if label else "", label.name if label else ""),
            *(
                label.category if label else "",
                label.confidence if label else None,
                label.source if label else "",
                self._inferred(held),
            ),
            *(held.chain, held.address, asset.ref, asset.symbol, asset.decimals),
            *(units, decimal_text(units, asset.decimals), result.source_units(h)),
            *(self.results[rule].outcome.taint[h] for rule in Rule),
            *((bound.at_least, bound.at_most, self._kind(bound, [held])) if bound else (None, None, "")),
            *(text(moment) for moment in moments for text in (utc_text, jst_text)),
            len(came.came),
            *(balance, None if passing else came.left),
            *(utc_text(came.last_left), jst_text(came.last_left)),
            *("" if passing else still_there(known, came, balance), known.state),
            *(None if passing else self.seen.get(self.account(held), 0), known.transactions),
            *self._worth(held),
            *(held.hop, held.stop or ("" if held.sink else StopCode.UNSPENT.value)),
        )

    def _worth(self, held: Listed) -> tuple[int | None, int | None]:
        split = self._result.outcome.split[held.number]
        worth = self._result.listing.valuation.worth((o, source) for o, (_, source) in split.items())
        return worth.usd, worth.jpy

    def transfers(self) -> pd.DataFrame:
        """Every movement that brought stolen coin to an endpoint under any rule: columns TRANSFERS."""
        ends = [(held, row) for held in self.holdings for row in self.passages[held.number].came]
        part = self._result.ledger.table.select(_FACTS).take(pa.array([row for _, row in ends], pa.int64()))
        facts = zip(*(_cells(part[name]) for name in _FACTS if name != "amount"), strict=True)
        amounts = amounts_from_column(part["amount"])
        own, tallies = self._result.tally, [self.results[rule].tally for rule in Rule]
        names = self._result.sources_of
        rows: list[tuple[object, ...]] = []
        for (held, row), known, amount in zip(ends, facts, amounts, strict=True):
            block, index, position, time, tx, chain, sender, kind, grade, source, place = known
            label, decimals = self.label(held), held.asset.decimals
            payer = self._payer(row, sender or "", tx)
            paid_by = self.book.best(chain, payer) if payer else None
            rows.append(
                (
                    *(kind_of(held).value, label.who if label else "", held.chain, held.address),
                    *(held.asset.ref, held.asset.symbol, decimals),
                    *(block, index, position, utc_text(time), jst_text(time), tx),
                    *(self._result.shown(chain, payer), paid_by.who if paid_by else ""),
                    *(amount, decimal_text(amount, decimals)),
                    *(own.by_row[row], decimal_text(own.by_row[row], decimals)),
                    *(t.by_row[row] for t in tallies),
                    *(kind, grade),
                    *((names[source], self.hashes[source]) if source < len(names) else (_DECLARED, "")),
                    place,
                )
            )
        return frame(rows, TRANSFERS)

    def _payer(self, row: int, sender: str, tx: str) -> str:
        """Who paid: of an output the owner of all inputs, or the transaction, if its inputs have several owners."""
        ledger = self._result.ledger
        if ledger.makes[row] < 0:
            return sender
        first, end = np.searchsorted(ledger.tx, [ledger.tx[row], ledger.tx[row] + 1]).tolist()
        payers = {n for n in ledger.sender[first:end].tolist() if n >= 0}
        if len(payers) > 1:
            return transaction_name(tx)
        return ledger.addresses[payers.pop()][1] if payers else ""

    def by_service(self) -> pd.DataFrame:
        """Totals per named service, and per sort of place for what has no name: columns BY_SERVICE.

        The range is that of all addresses of the service together, so transfers between them do not count.
        """
        groups: dict[tuple[str, str, str, str], list[Listed]] = {}
        for held in self.holdings:
            label = self.label(held)
            party = entity_key(label) if label else ""
            sort = "" if label else kind_of(held).value
            groups.setdefault((party, sort, held.chain, held.asset.ref), []).append(held)
        return self._summed(list(groups.values()), [self._members(k[0], g) for k, g in groups.items()])

    def totals(self) -> pd.DataFrame:
        """All endpoints of one asset together, with the range of what they hold: columns BY_SERVICE."""
        groups: dict[tuple[str, str], list[Listed]] = {}
        for held in self.holdings:
            groups.setdefault((held.chain, held.asset.ref), []).append(held)
        members = [frozenset(held.number for held in group) for group in groups.values()]
        return self._summed(list(groups.values()), members)

    def _summed(self, groups: Sequence[list[Listed]], members: Sequence[frozenset[int]]) -> pd.DataFrame:
        found = zip(groups, self.group_ranges(members), strict=True)
        rows = [self._group(group, bound) for group, bound in found]
        rows.sort(key=lambda r: (not r[0], r[3], r[4], -int(str(r[8])), str(r[0]), str(r[1])))
        return frame(rows, BY_SERVICE)

    def _members(self, party: str, rows: Sequence[Listed]) -> frozenset[int]:
        """The holdings of a group; of a named service every one that the ledger knows."""
        found = {held.number for held in rows}
        return frozenset(found | self._of_parties[party, rows[0].asset] if party else found)

    @cached_property
    def _of_parties(self) -> dict[tuple[str, Asset], set[int]]:
        """(party, asset) -> every holding of an address that is attributed to it, endpoint or not."""
        found: dict[tuple[str, Asset], set[int]] = {}
        for held in self._result.listing.holdings:
            label = self.label(held)
            if label is not None:
                found.setdefault((entity_key(label), held.asset), set()).add(held.number)
        return found

    def _group(self, rows: Sequence[Listed], bound: Range) -> tuple[object, ...]:
        chain, ref = rows[0].chain, rows[0].asset.ref
        named = (self.label(held) for held in rows)
        name = min((label.who for label in named if label), default="")
        asset = rows[0].asset
        numbers = [held.number for held in rows]
        lines = [dict(zip(ENDPOINTS, self._rows[h], strict=True)) for h in numbers]
        units = sum(self._result.outcome.taint[h] for h in numbers)
        times = [
            pick((str(line[f"{end}_{clock}"]) for line in lines if line[f"{end}_{clock}"]), default="")
            for end, pick in zip(_ARRIVED, (min, max), strict=True)
            for clock in ("utc", "jst")
        ]
        there = [line["still_there"] for line in lines]
        inferred = [held for held in rows if self._inferred(held) is not None]
        kinds = sorted({kind_of(held) for held in rows}, key=ORDER.__getitem__)
        return (
            *(name, ";".join(kinds)),
            *(sum(not held.sink for held in rows), chain, ref, asset.symbol, asset.decimals),
            *(len({r for h in numbers for r in self.passages[h].came}), units),
            *(decimal_text(units, asset.decimals),),
            *(sum(self.results[rule].outcome.taint[h] for h in numbers) for rule in Rule),
            *(bound.at_least, bound.at_most, self._kind(bound, rows)),
            *(len(inferred), sum(self._result.outcome.taint[held.number] for held in inferred)),
            *times,
            *(there.count(word) for word in STILL_THERE),
            ";".join(sorted({str(line["stop"]) for line in lines if line["stop"]})),
        )


_DECLARED = "declared by the analyst"
_ARRIVED = ("first_arrival", "last_arrival")


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; coded text is read as text, which is ten times faster."""
    coded = pa.types.is_dictionary(column.type)
    return list((column.cast(pa.string()) if coded else column).to_pylist())


_FACTS = (
    *("block", "tx_index", "position", "timestamp", "tx_hash", "chain", "from_address", "kind", "grade"),
    *("capture", "row", "amount"),
)
_RULES = tuple(rule.value for rule in Rule)
ENDPOINTS = (
    *("endpoint", "service", "label", "category", "label_confidence", "label_source"),
    "inferred_confidence",
    *("chain", "address", "asset", "symbol", "decimals", "taint_raw", "taint", "taint_source_raw"),
    *_RULES,
    *("at_least_raw", "at_most_raw", "range_kind"),
    *("first_arrival_utc", "first_arrival_jst", "last_arrival_utc", "last_arrival_jst", "transfers"),
    *("balance_raw", "left_since_raw", "last_left_utc", "last_left_jst", "still_there", "history"),
    *("transactions_seen", "transactions_known", "theft_value_usd", "theft_value_jpy", "hop", "stop"),
)
"""Columns of `Endpoints.frame`; what each means: docs/formats.md, endpoints.csv."""
TRANSFERS = (
    *(
        "endpoint",
        "service",
        "chain",
        "address",
        "asset",
        "symbol",
        "decimals",
        "block",
        "tx_index",
        "position",
    ),
    *("timestamp_utc", "timestamp_jst", "tx_hash", "from_address", "from_label", "amount_raw", "amount"),
    *("taint_raw", "taint", *_RULES, "kind", "grade", "source_name", "source_sha256", "source_row"),
)
"""Columns of `Endpoints.transfers`: docs/formats.md, endpoint_transfers.csv."""
BY_SERVICE = (
    *("service", "endpoint", "addresses", "chain", "asset", "symbol", "decimals", "transfers"),
    *("taint_raw", "taint", *_RULES, "at_least_raw", "at_most_raw", "range_kind"),
    *("inferred_addresses", "inferred_raw"),
    *("first_arrival_utc", "first_arrival_jst", "last_arrival_utc", "last_arrival_jst"),
    *("still_there", "not_seen_to_leave", "partly_left", "left", "not_known", "stop"),
)
"""Columns of `Endpoints.by_service`: docs/formats.md, endpoints_by_service.csv."""
