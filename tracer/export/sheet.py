"""A freeze sheet: what one exchange or issuer needs to know to freeze stolen coin, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tracer.export.notes import Pins

__all__ = ["FreezeSheet"]


@dataclass(frozen=True)
class FreezeSheet:
    """One request to one addressee.

    issuer: it is asked as the issuer of tokens. addresses: rows of endpoints.csv, and in other_sources_name
    whom other labels name as the party behind the address, joined by "; "; transfers: rows of
    endpoint_transfers.csv; totals: per asset over all of them, with the range of all together. losses, seeds: of the
    whole case. gaps: those at the addresses and transactions; other_open, other_assumed: how many there are elsewhere.
    """

    addressee: str
    issuer: bool
    pins: Pins
    addresses: pd.DataFrame
    transfers: pd.DataFrame
    totals: pd.DataFrame
    losses: pd.DataFrame
    seeds: pd.DataFrame
    gaps: pd.DataFrame
    other_open: int
    other_assumed: int
