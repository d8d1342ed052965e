"""What ships with the tracer: recorded public facts, each with its source. Reads data/, writes nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tracer.addresses import canonical
from tracer.data import data_dir
from tracer.errors import NotFoundError, shown
from tracer.model import Conversion, Gap, Rule, Seed

__all__ = ["BYBIT", "CASES", "DMM", "LIFI", "TXPHISH", "Facts", "bundled_packs", "load"]

BYBIT = "bybit-2025"
DMM = "dmm-2024"
LIFI = "lifi-2024"
TXPHISH = "txphish-2024"
CASES = (BYBIT, DMM, LIFI, TXPHISH)
"""The bundled cases; the first is the demonstration."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a bundled case consists of. gaps: what is known to be missing. partial: no file is the whole history."""

    name: str
    title: str
    rule: Rule
    files: tuple[Path, ...]
    seeds: tuple[Seed, ...]
    conversions: tuple[Conversion, ...]
    gaps: tuple[Gap, ...] = ()
    partial: bool = False


def bundled_packs() -> list[Path]:
    """The label packs (data/labels/*.csv), sorted by name."""
    return sorted((data_dir() / "labels").glob("*.csv"))


def load(name: str) -> Facts:
    """The facts of a bundled case (data/cases/<name>/case.toml). Raises NotFoundError."""
    if name not in CASES:
        raise NotFoundError(f"There is no bundled case {shown(name)}.", f"Bundled: {', '.join(CASES)}.")
    folder = data_dir() / "cases" / name
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    seeds = tuple(
        Seed(
            chain=s["chain"],
            address=canonical(s["chain"], s["address"]),
            tx=s.get("tx"),
            asset=s["asset"],
            amount=int(s["amount_raw"]) if "amount_raw" in s else None,
            theft=s["theft"],
            source=s["source"],
        )
        for s in case["seed"]
    )
    conversions: tuple[Conversion, ...] = ()
    if "declared" in case:
        declared = tomllib.loads((folder / case["declared"]).read_text(encoding="utf-8"))
        conversions = tuple(
            Conversion(
                chain=c["chain"],
                tx=c["tx"],
                address=c["address"],
                asset=c["asset"],
                amount=int(c["amount_raw"]),
                counterparty=c["counterparty"],
                source=declared["source"],
                symbol=c["symbol"],
                decimals=c["decimals"],
            )
            for c in declared["conversion"]
        )
    files = tuple(folder / file for file in case["files"])
    return Facts(
        case["name"],
        case["title"],
        Rule(case["rule"]),
        files,
        seeds,
        conversions,
        tuple(Gap(**gap) for gap in case.get("gap", ())),
        case.get("partial", False),
    )
