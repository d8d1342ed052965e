"""What a taint pass says, as tables that an investigator, a notebook and an exporter read.

Raw columns hold exact Python integers, never floats. Every result says its rule, conventions and as-of time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tracer.amounts import decimal_text
from tracer.ledger import Ledger
from tracer.model import Gap, Rule, StopCode
from tracer.taint.bounds import Range
from tracer.taint.engine import Outcome
from tracer.taint.program import NEVER, Program
from tracer.taint.tally import Tally, tally
from tracer.times import utc_text

__all__ = ["CONVENTIONS", "TaintResult", "frame", "gap_frame"]

CONVENTIONS = (
    "Amounts are exact integers in the smallest unit. Order is block, transaction index, position.",
    "An opening balance is the least that explains the payments, clean and oldest.",
    "A forwarded lot keeps the age order of its coins (oldest first, under LIFO too).",
    "Fees leave first, under the same rule as any payment.",
    "Inside one transaction an address first spends what it got in it.",
    "What an address gave of one asset converts into what it got of another in the same transaction.",
    "The counterparties of a conversion get only their own taint.",
    "Coin does not leave an address where tracing stops.",
)


def gap_frame(
    gaps: Sequence[Gap],
    symbols: Mapping[tuple[str, str], tuple[str, int | None]],
    display: Callable[[str, str], str],
) -> pd.DataFrame:
    """Gaps as a table. symbols: (chain, asset) -> (symbol, decimals); display: the text of an address."""
    rows = []
    for gap in gaps:
        symbol, decimals = symbols.get((gap.chain, gap.asset), ("", None))
        rows.append(
            (gap.code, gap.status, gap.chain, display(gap.chain, gap.address), gap.asset, symbol, gap.amount)
            + (decimal_text(gap.amount, decimals), gap.tx, gap.message)
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


def frame(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """A table of Python objects: pandas must not turn integers into floats or NaN into numbers."""
    return pd.DataFrame({c: pd.Series([r[i] for r in rows], dtype=object) for i, c in enumerate(columns)})


@dataclass(frozen=True)
class TaintResult:
    """The result of one rule on one state of a case.

    shown: canonical (chain, address) -> the text to print (EIP-55 on EVM chains). ranges: a function that gives
    the bounds by holding number (computed on first use).
    """

    rule: Rule
    ledger: Ledger
    program: Program
    outcome: Outcome
    as_of: int | None
    sources_of: tuple[str, ...]
    gap_list: tuple[Gap, ...]
    shown: Callable[[str, str], str]
    ranges: Callable[[], Mapping[int, Range]]

    @property
    def conventions(self) -> list[str]:
        """The conventions that the numbers rest on, one sentence each."""
        return list(CONVENTIONS)

    @cached_property
    def tally(self) -> Tally:
        """Sums over the steps."""
        return tally(self.ledger, self.program, self.outcome)

    def _repr_html_(self) -> str:
        as_of = utc_text(self.as_of) or "the imported files"
        head = f"<p>Rule <b>{self.rule}</b>, as of {as_of}. {' '.join(CONVENTIONS)}</p>"
        return head + self.addresses(ranges=False).head(50).to_html(index=False, escape=True)

    def addresses(self, *, ranges: bool = True) -> pd.DataFrame:
        """What each traced (address, asset) still holds; sinks are rows `sink:<name>`.

        One row per (address, asset) that stolen coin ever reached under the rule, sorted by asset, then by tainted
        amount. With ranges=False the columns at_least_raw and at_most_raw are empty (they cost a max-flow each).
        """
        program, outcome, sums = self.program, self.outcome, self.tally
        found = self.ranges() if ranges else {}
        rows: list[tuple[object, ...]] = []
        for h in range(len(program.holding_address)):
            chain, address, asset = program.name(h)
            units = outcome.taint[h]
            if address == "sink:converted" and not chain:
                units += sums.converted[program.holding_asset[h]]
            if program.pot[h] or not (units or sums.received[h]):
                continue
            bound = found.get(h)
            hop = int(program.hop[h])
            rows.append(
                (
                    self.rule.value,
                    chain or asset.chain,
                    self.shown(chain, address),
                    asset.ref,
                    asset.symbol,
                    asset.decimals,
                    units,
                    decimal_text(units, asset.decimals),
                    self._source_units(h),
                    bound.at_least if bound else None,
                    bound.at_most if bound else None,
                    outcome.balance[h] if chain else units,
                    sums.received[h] if chain else units,
                    hop if chain and hop < NEVER else None,
                    utc_text(sums.first[h]),
                    self._stop(h, units),
                )
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
                    + (text, source, None, None, units, units, None, "", "")
                )
        return rows

    def _source_units(self, holding: int) -> int | str:
        """Stolen coin in units of the stolen asset; `units@asset;...` where assets of several kinds meet."""
        if self.rule == Rule.POISON:
            return ""
        by_asset: dict[int, int] = {}
        for origin, (_, source) in self.outcome.split[holding].items():
            asset = self.program.origins[origin].asset
            by_asset[asset] = by_asset.get(asset, 0) + source
        if len(by_asset) < 2:
            return next(iter(by_asset.values()), 0)
        return ";".join(f"{n}@{self.program.assets[a].key}" for a, n in sorted(by_asset.items()))

    def _stop(self, holding: int, units: int) -> str:
        chain, address, _ = self.program.name(holding)
        if not chain:
            return {"sink:burned": "BURNED", "sink:recovered": "RECOVERED"}.get(address, "")
        code = self.program.stop_code[self.program.holding_address[holding]]
        return code or (StopCode.UNSPENT.value if units else "")

    def transfers(self) -> pd.DataFrame:
        """All movements in ledger order with the stolen coin in each, then those left out, with the reason."""
        parts = [self._rows(self.ledger.table, self.tally.by_row, self.tally.converts.tolist())]
        left_out = self.ledger.excluded
        if left_out.num_rows:
            parts.append(self._rows(left_out, [0] * left_out.num_rows, [False] * left_out.num_rows))
        return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]

    def _rows(self, table, taint: list[int], converts: list[bool]) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        columns = {name: table[name].to_pylist() for name in table.column_names if name != "amount"}
        amounts = [int.from_bytes(b, "big") for b in table["amount"].to_pylist()]
        names = (*self.sources_of, "declared by the analyst")
        chain = columns["chain"]
        data = {
            "chain": chain,
            "block": columns["block"],
            "tx_index": columns["tx_index"],
            "position": columns["position"],
            "timestamp_utc": [utc_text(t) for t in columns["timestamp"]],
            "tx_hash": columns["tx_hash"],
            "from_address": [self.shown(c, a) for c, a in zip(chain, columns["from_address"], strict=True)],
            "to_address": [self.shown(c, a) for c, a in zip(chain, columns["to_address"], strict=True)],
            "asset": columns["asset"],
            "symbol": columns["symbol"],
            "decimals": columns["decimals"],
            "amount_raw": amounts,
            "kind": columns["kind"],
            "taint_raw": taint,
            "excluded": columns["excluded"],
            "grade": columns["grade"],
            "converts": converts,
            "source_name": [names[c] for c in columns["capture"]],
            "source_row": columns["row"],
        }
        return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in data.items()})

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
        return frame(rows, _ACCOUNT_COLUMNS)

    def sources(self) -> pd.DataFrame:
        """Per (address, asset), the stolen coin by theft and stolen asset. Empty under poison."""
        rows = []
        for h, split in enumerate(self.outcome.split):
            chain, address, asset = self.program.name(h)
            for origin, (units, source) in sorted(split.items()):
                o = self.program.origins[origin]
                rows.append(
                    (chain or asset.chain, self.shown(chain, address), asset.ref, o.theft)
                    + (self.program.assets[o.asset].key, units, source)
                )
        rows.sort(key=lambda r: tuple(map(str, r)))
        return frame(rows, ["chain", "address", "asset", "theft", "origin_asset", "taint_raw", "source_raw"])

    def gaps(self) -> pd.DataFrame:
        """Everything missing, cut, refused or assumed."""
        known = {(a.chain, a.ref): (a.symbol, a.decimals) for a in self.program.assets}
        return gap_frame(self.gap_list, known, self.shown)


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
