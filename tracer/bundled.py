"""What ships with the tracer: recorded public facts, each with its source. Reads data/, writes nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tracer.data import data_dir
from tracer.model import Conversion, Rule, Seed

__all__ = ["BYBIT", "Facts", "bundled_packs", "load"]

BYBIT = "bybit-2025"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a bundled case consists of."""

    name: str
    title: str
    rule: Rule
    files: tuple[Path, ...]
    seeds: tuple[Seed, ...]
    conversions: tuple[Conversion, ...]


def bundled_packs() -> list[Path]:
    """The label packs (data/labels/*.csv), sorted by name."""
    return sorted((data_dir() / "labels").glob("*.csv"))


def load(name: str) -> Facts:
    """The facts of a bundled case (data/cases/<name>/case.toml)."""
    folder = data_dir() / "cases" / name
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    seeds = tuple(
        Seed(
            chain=s["chain"],
            address=s["address"].lower(),
            tx=s.get("tx"),
            asset=s["asset"],
            amount=int(s["amount_raw"]),
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
    return Facts(case["name"], case["title"], Rule(case["rule"]), files, seeds, conversions)
