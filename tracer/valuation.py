"""What stolen coin was worth when it was stolen: a note beside exact units, with its source, never a total of units.

Only the day of the theft is priced: re-pricing later movements would tell another loss than the victim's. What has no
published price has no value; it is never 0. Sums over assets exist in money only, and only where every part is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from tracer.ledger import Ledger
from tracer.prices import Price, Prices
from tracer.taint.program import Program
from tracer.times import utc_text

__all__ = ["Valuation", "Worth"]


@dataclass(frozen=True, slots=True)
class Worth:
    """Money of the day of the theft, in whole dollars and yen, rounded down; None: unknown."""

    usd: int | None = None
    jpy: int | None = None


@dataclass(frozen=True)
class Valuation:
    """The worth of stolen coin of one case. Amounts are source units: smallest units of the asset that was stolen."""

    ledger: Ledger
    program: Program
    prices: Prices

    @cached_property
    def days(self) -> dict[str, str]:
        """Theft -> UTC day of its first seed whose time is known; thefts without any are missing."""
        known: dict[str, list[int]] = {}
        wanted = {(s.chain, s.tx) for s in self.program.seeds if s.tx}
        times: dict[tuple[str, str | None], int] = {}
        if wanted:
            chains = self.ledger.table["chain"].to_pylist()
            for chain, tx, time in zip(chains, self.ledger.tx_hash, self.ledger.time.tolist(), strict=True):
                if (chain, tx) in wanted and time >= 0:
                    times.setdefault((chain, tx), time)
        for seed in self.program.seeds:
            at = seed.at if seed.at is not None else times.get((seed.chain, seed.tx))
            if at is not None:
                known.setdefault(seed.theft, []).append(at)
        return {theft: utc_text(min(found))[:10] for theft, found in known.items()}

    def price(self, origin: int) -> Price | None:
        """The price of the stolen asset of an origin on the day of its theft."""
        source = self.program.origins[origin]
        asset = self.program.assets[source.asset]
        return self.prices.on(asset.chain, asset.ref, self.days.get(source.theft, ""))

    def worth(self, parts: Iterable[tuple[int, int]]) -> Worth:
        """The worth of (origin, source units) together; unknown as soon as one part of it is."""
        usd: Fraction | None = Fraction(0)
        jpy: Fraction | None = Fraction(0)
        empty = True
        for origin, units in parts:
            if not units:
                continue
            empty = False
            price = self.price(origin)
            places = self.program.assets[self.program.origins[origin].asset].decimals
            coins = None if places is None or price is None else Fraction(units, 10**places)
            usd = _add(usd, coins, price.usd if price else None)
            jpy = _add(jpy, coins, price.jpy if price else None)
        if empty:
            return Worth()
        return Worth(None if usd is None else int(usd), None if jpy is None else int(jpy))


def _add(total: Fraction | None, coins: Fraction | None, price: Fraction | None) -> Fraction | None:
    return None if total is None or coins is None or price is None else total + coins * price
