"""What a taint pass says, as tables that an investigator, a notebook and an exporter read.

Raw columns hold exact Python integers, never floats. Every result says its rule, conventions and as-of time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tracer.amounts import decimal_text
from tracer.ledger import Ledger
from tracer.listing import Listing
from tracer.model import NATIVE, Gap, Rule, StopCode
from tracer.taint.bounds import Range
from tracer.taint.engine import Outcome
from tracer.taint.program import Program
from tracer.taint.tally import Tally, tally
from tracer.times import utc_text

__all__ = [
    "CHAIN_REPLACED",
    "CONVENTIONS",
    "GIVEN_UP",
    "OUTPOINT_CONVENTIONS",
    "TaintResult",
    "conventions_of",
    "counted_twice",
    "frame",
    "gap_frame",
    "given_up",
    "grounds",
]

CONVENTIONS = (
    "Amounts are exact integers in the smallest unit. Order is block, transaction index, position.",
    "An opening balance is the least that explains the payments, clean and oldest.",
    "A forwarded lot keeps the age order of its coins (oldest first, under LIFO too).",
    "On account chains fees leave first, under the same rule as any payment.",
    "Inside one transaction an address first spends what it got in it.",
    "What an address gave of one asset converts into what it got of another in the same transaction.",
    "The counterparties of a conversion get only their own taint.",
    "Coin does not leave an address where tracing stops.",
)


OUTPOINT_CONVENTIONS = (
    "On Bitcoin what is held is the output. A transaction takes its inputs whole, serves its outputs, then the fee.",
    "Inputs and outputs stand in the order that the wallet chose; TIHO serves the largest output first instead.",
)
"""What is printed as well where a chain has inputs and outputs."""


CHAIN_REPLACED = "chain_replaced"
"""The code of the gap of a history that ends in a block that its chain gave up."""

GIVEN_UP = (
    "History of a chain that was given up is among it (gaps.csv, chain_replaced): it is to be collected anew."
)
"""What is printed first where a chain was reorganised below the block that the case is pinned on."""


def conventions_of(ledger: Ledger, gaps: Iterable[Gap]) -> tuple[str, ...]:
    """What the numbers of a ledger rest on, one sentence each."""
    replaced = any(gap.code == CHAIN_REPLACED for gap in gaps)
    return (
        *((GIVEN_UP,) if replaced else ()),
        *CONVENTIONS,
        *(OUTPOINT_CONVENTIONS if ledger.utxo.any() else ()),
    )


def given_up(gaps: Iterable[Gap]) -> list[str]:
    """What open gaps say of history that belongs to a chain that was given up: to be read before anything else."""
    return [gap.message for gap in gaps if gap.code == CHAIN_REPLACED]


_TWICE = frozenset(
    {
        "overlap_amount",
        "overlap_party",
        "overlap_position",
        "overlap_unknown",
        "seed_behind_stop",
        "seed_beyond_stop",
    }
)
_GAP_ORDER = {"open": 0, "assumption": 1, "closed": 2}
"""What is open comes first."""


def counted_twice(gaps: Iterable[Gap]) -> list[str]:
    """What open gaps say may make a payment, or the stolen total, count twice: to be read before any amount."""
    return [gap.message for gap in gaps if gap.status == "open" and gap.code in _TWICE]


def gap_frame(
    gaps: Sequence[Gap],
    symbols: Mapping[tuple[str, str], tuple[str, int | None]],
    display: Callable[[str, str], str],
    language: str = "en",
) -> pd.DataFrame:
    """Gaps as a table. symbols: (chain, asset) -> (symbol, decimals); display: the text of an address.

    language: of the messages that can be said in it.
    """
    rows = []
    for gap in sorted(gaps, key=lambda g: _GAP_ORDER.get(g.status, len(_GAP_ORDER))):  # stable
        symbol, decimals = symbols.get((gap.chain, gap.asset), ("", None))
        rows.append(
            (gap.code, gap.status, gap.chain, display(gap.chain, gap.address), gap.asset, symbol, gap.amount)
            + (decimal_text(gap.amount, decimals), gap.tx, gap.said(language))
        )
    columns = [
        "code",
        "status",
        "chain",
        "address",
        "asset",
        "symbol",
        "amount_raw",
        "amount",
        "tx",
        "message",
    ]
    return frame(rows, columns)


def grounds(
    case: str, rule: str, as_of: int | None, conventions: Iterable[str]
) -> dict[Hashable | None, object]:
    """What a table rests on, for its `attrs`. as_of: UTC seconds, None for nothing yet."""
    return {"case": case, "rule": rule, "as_of_utc": utc_text(as_of), "conventions": list(conventions)}


def frame(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """A table of Python objects: pandas must not turn integers into floats or NaN into numbers."""
    return pd.DataFrame({c: pd.Series([r[i] for r in rows], dtype=object) for i, c in enumerate(columns)})


@dataclass(frozen=True, repr=False)
class TaintResult:
    """The result of one rule on one state of a case.

    listing: what the tables of every rule share. ranges: a function that gives the bounds by holding number (computed
    on first use). range_kind: how far a range of accounts holds. case: its name. The tables are the caller's own:
    changing one changes no other; each says in its `attrs` what it rests on.
    """

    rule: Rule
    listing: Listing
    outcome: Outcome
    as_of: int | None
    gap_list: tuple[Gap, ...]
    ranges: Callable[[], Mapping[int, Range]]
    range_kind: Callable[[Iterable[tuple[str, str]], Range], str]
    case: str = ""

    @property
    def ledger(self) -> Ledger:
        """The ordered movements."""
        return self.listing.ledger

    @property
    def program(self) -> Program:
        """The steps that the rule ran."""
        return self.listing.program

    @property
    def sources_of(self) -> tuple[str, ...]:
        """Names of the sources by their number in the ledger."""
        return self.listing.sources_of

    def shown(self, chain: str, address: str) -> str:
        """The text to print for a canonical address (EIP-55 on EVM chains)."""
        return self.listing.shown(chain, address)

    @property
    def conventions(self) -> list[str]:
        """The conventions that the numbers rest on, one sentence each."""
        return list(conventions_of(self.ledger, self.gap_list))

    @cached_property
    def tally(self) -> Tally:
        """Sums over the steps."""
        return tally(self.ledger, self.program, self.outcome)

    def __repr__(self) -> str:
        as_of = utc_text(self.as_of) or "the imported files"
        return f"<TaintResult of {self.case}: rule {self.rule}, as of {as_of}; see .addresses()>"

    def _repr_html_(self) -> str:
        as_of = utc_text(self.as_of) or "the imported files"
        head = f"<p>Rule <b>{self.rule}</b>, as of {as_of}. {' '.join(self.conventions)}</p>"
        return head + self.addresses(ranges=False).head(50).to_html(index=False, escape=True)

    def addresses(self, *, ranges: bool = True) -> pd.DataFrame:
        """What each traced (address, asset) still holds; sinks are rows `sink:<name>`.

        One row per (address, asset) that stolen coin ever reached under the rule, sorted by asset, then by tainted
        amount. With ranges=False the columns at_least_raw and at_most_raw are empty (they cost a max-flow each).
        """
        return self._said((self._with_ranges if ranges else self._without_ranges).copy(deep=False))

    def _said(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with what it rests on in `attrs`."""
        table.attrs = grounds(self.case, self.rule.value, self.as_of, self.conventions)
        return table

    @cached_property
    def _with_ranges(self) -> pd.DataFrame:
        return self._addresses(self.ranges())

    @cached_property
    def _without_ranges(self) -> pd.DataFrame:
        return self._addresses({})

    def _addresses(self, found: Mapping[int, Range]) -> pd.DataFrame:
        taint, balance, sums = self.outcome.taint, self.outcome.balance, self.tally
        rows: list[tuple[object, ...]] = []
        for held in self.listing.holdings:
            h, asset = held.number, held.asset
            units = taint[h]
            if held.sink and held.address == "sink:converted":
                units += sums.converted[self.program.holding_asset[h]]
            if not (units or sums.received[h]):
                continue
            bound = found.get(h)
            stop = held.stop or (StopCode.UNSPENT.value if units and not held.sink else "")
            rows.append(
                (self.rule.value, held.chain, held.address, asset.ref, asset.symbol, asset.decimals)
                + (units, decimal_text(units, asset.decimals), self.source_units(h))
                + (bound.at_least if bound else None, bound.at_most if bound else None)
                + (units if held.sink else balance[h], units if held.sink else sums.received[h])
                + (held.hop, utc_text(sums.first[h]), stop)
                + (self.range_kind([self.program.name(h)[:2]], bound) if bound else "",)
            )
        rows += self._converted_rows({(r[1], r[3]) for r in rows if r[2] == "sink:converted"})
        rows.sort(key=lambda r: (r[1], r[3], -int(str(r[6])), str(r[2])))
        return frame(rows, _ADDRESS_COLUMNS)

    def _converted_rows(self, there: set[tuple[object, object]]) -> list[tuple[object, ...]]:
        """`sink:converted` of assets whose conversions were all followed: units left, no source units."""
        rows: list[tuple[object, ...]] = []
        for number, units in enumerate(self.tally.converted):
            asset = self.program.assets[number]
            if units and (asset.chain, asset.ref) not in there:
                text = decimal_text(units, asset.decimals)
                source = "" if self.rule == Rule.POISON else 0
                rows.append(
                    (
                        self.rule.value,
                        asset.chain,
                        "sink:converted",
                        asset.ref,
                        asset.symbol,
                        asset.decimals,
                        units,
                    )
                    + (text, source, None, None, units, units, None, "", "", "")
                )
        return rows

    def source_units(self, holding: int) -> int | str:
        """Stolen coin in units of the stolen asset; `units@asset;...` where assets of several kinds meet."""
        if self.rule == Rule.POISON:
            return ""
        by_asset: dict[int, int] = {}
        for origin, (_, source) in self.outcome.split[holding].items():
            asset = self.program.origins[origin].asset
            by_asset[asset] = by_asset.get(asset, 0) + source
        if len(by_asset) < 2:
            return next(iter(by_asset.values()), 0)
        named = sorted((self.program.assets[a].key, n) for a, n in by_asset.items())
        return ";".join(f"{n}@{key}" for key, n in named)

    def transfers(self) -> pd.DataFrame:
        """All movements in ledger order with the stolen coin in each, then those left out, with the reason."""
        table = self.listing.movements.copy(deep=False)
        left_out = self.ledger.excluded.num_rows
        taint = pd.Series([*self.tally.by_row, *[0] * left_out], dtype=object)
        converts = pd.Series([*self.tally.converts.tolist(), *[False] * left_out], dtype=object)
        table.insert(table.columns.tolist().index("excluded"), "taint_raw", taint)
        table.insert(table.columns.tolist().index("source_name"), "converts", converts)
        return self._said(table)

    def conservation(self) -> pd.DataFrame:
        """Per asset: stolen + converted in = held + fees + burned + recovered + converted out."""
        rows = []
        for asset, a in zip(self.program.assets, self.tally.accounts, strict=True):
            if a.stolen or a.converted_in:
                rows.append(
                    (
                        asset.key,
                        asset.symbol,
                        asset.decimals,
                        a.stolen,
                        a.converted_in,
                        a.held,
                        a.fee,
                        a.burned,
                    )
                    + (a.recovered, a.converted_out, a.difference)
                )
        return self._said(frame(rows, _ACCOUNT_COLUMNS))

    def sources(self) -> pd.DataFrame:
        """Per (address, asset), the stolen coin by theft and stolen asset. Empty under poison."""
        rows = []
        for h, split in enumerate(self.outcome.split):
            chain, address, asset = self.program.name(h)
            for origin, (units, source) in sorted(split.items()):
                o = self.program.origins[origin]
                worth = self.listing.valuation.worth([(origin, source)])
                rows.append(
                    (chain or asset.chain, self.shown(chain, address), asset.ref, o.theft)
                    + (self.program.assets[o.asset].key, units, source, worth.usd, worth.jpy)
                )
        rows.sort(key=lambda r: tuple(map(str, r)))
        columns = ["chain", "address", "asset", "theft", "origin_asset", "taint_raw", "source_raw"]
        return self._said(frame(rows, [*columns, "theft_value_usd", "theft_value_jpy"]))

    def losses(self) -> pd.DataFrame:
        """Per theft and stolen asset: what was stolen, and what that was worth on the day, says the named source."""
        valuation, rows = self.listing.valuation, []
        for number, origin in enumerate(self.program.origins):
            asset, price = self.program.assets[origin.asset], valuation.price(number)
            worth = valuation.worth([(number, origin.stolen)])
            rows.append(
                (origin.theft, asset.key, asset.symbol, asset.decimals, origin.stolen)
                + (decimal_text(origin.stolen, asset.decimals), valuation.days.get(origin.theft, ""))
                + (worth.usd, worth.jpy, price.source if price else "")
            )
        rows.sort(key=lambda r: (str(r[0]), not str(r[1]).endswith(f"/{NATIVE}"), str(r[1])))
        columns = ["theft", "origin_asset", "symbol", "decimals", "stolen_raw", "stolen", "day"]
        return self._said(frame(rows, [*columns, "theft_value_usd", "theft_value_jpy", "value_source"]))

    def gaps(self, language: str = "en") -> pd.DataFrame:
        """Everything missing, cut, refused or assumed. language: of the messages that can be said in it."""
        known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in self.program.assets}
        return self._said(gap_frame(self.gap_list, known, self.shown, language))


_ADDRESS_COLUMNS = [
    "rule",
    "chain",
    "address",
    "asset",
    "symbol",
    "decimals",
    "taint_raw",
    "taint",
    "taint_source_raw",
    "at_least_raw",
    "at_most_raw",
    "balance_raw",
    "received_taint_raw",
    "hop",
    "first_received_utc",
    "stop",
    "range_kind",
]
_ACCOUNT_COLUMNS = [
    "asset",
    "symbol",
    "decimals",
    "stolen_raw",
    "converted_in_raw",
    "held_raw",
    "fee_raw",
    "burned_raw",
    "recovered_raw",
    "converted_out_raw",
    "difference_raw",
]
