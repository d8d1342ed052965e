"""What coins were worth on the day of a theft, from published statements: data/prices.csv. Exact fractions, no floats.

A row says that `amount` coins were worth `usd` or `jpy` on a UTC day, and who said so. An amount of 1 is a unit price;
a published loss ("4,502.9 BTC, about 48.2 billion yen") is taken as it was published, so that no unit price is made up
that nobody stated. A row for the US dollar is that day's rate and fills in the yen where only dollars are published.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from tracer.addresses import canonical
from tracer.data import data_dir
from tracer.model import NATIVE

__all__ = ["Price", "Prices", "bundled_prices"]


@dataclass(frozen=True, slots=True)
class Price:
    """The worth of one whole coin on a UTC day (YYYY-MM-DD), None where it is not published; source: who says so."""

    usd: Fraction | None
    jpy: Fraction | None
    source: str


class Prices:
    """Prices by (chain, asset) and day."""

    def __init__(self, table: Mapping[tuple[str, str, str], Price] | None = None) -> None:
        self._table = dict(table or {})

    @classmethod
    def read(cls, lines: Iterable[str]) -> Prices:
        """Prices from the lines of a CSV file with the columns of data/prices.csv. ValueError for a wrong number."""
        stated: dict[tuple[str, str, str], Price] = {}
        rates: dict[str, Price] = {}
        for row in csv.DictReader(lines):
            amount = Fraction(row["amount"])
            usd, jpy = (Fraction(row[c]) / amount if row[c] else None for c in ("usd", "jpy"))
            price = Price(usd, jpy, row["source"])
            if row["asset"] == "USD":
                rates[row["date"]] = price
            else:
                asset = NATIVE if row["asset"] == NATIVE else canonical(row["chain"], row["asset"])
                stated[row["chain"], asset, row["date"]] = price
        return cls({key: _in_yen(price, rates.get(key[2])) for key, price in stated.items()})

    def on(self, chain: str, asset: str, day: str) -> Price | None:
        """The price of an asset on a UTC day; None when none is published."""
        return self._table.get((chain, asset, day))


def _in_yen(price: Price, rate: Price | None) -> Price:
    if price.usd is None or price.jpy is not None or rate is None or rate.jpy is None:
        return price
    return Price(price.usd, price.usd * rate.jpy, f"{price.source}; {rate.source}")


@cache
def bundled_prices() -> Prices:
    """The published prices that ship with the tracer."""
    with (data_dir() / "prices.csv").open(encoding="utf-8", newline="") as file:
        return Prices.read(file)
