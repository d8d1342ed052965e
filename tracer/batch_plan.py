"""What a batch is asked to trace: a folder of cases, a table of cases, or cases that are there already -> plans.

Nothing is opened or traced here. A plan that cannot be carried out keeps its problem, so that one bad folder or line
does not hide the other forty-nine cases.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tracer.errors import FileError, InputError, TracerError, shown
from tracer.seed_list import SeedLine, read_seed_list

__all__ = ["Plan", "plans_of"]

SEEDS = ("seeds.csv", "seeds.txt")
"""Files of a case folder that name its seeds; every other file of these kinds is a file of transfers."""

_TRANSFERS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")


@dataclass(frozen=True, slots=True)
class Plan:
    """One case of a batch: its name, files to import and seeds to add (both may be empty: the case is there already).

    rule: governing rule, "" = as the case has it. problem: why the plan cannot be carried out, None if it can.
    """

    name: str
    files: tuple[Path, ...] = ()
    seeds: tuple[SeedLine, ...] = ()
    rule: str = ""
    problem: TracerError | None = None


def plans_of(cases: str | Path | pd.DataFrame | Iterable[str]) -> list[Plan]:
    """The plans of a batch, in a stable order.

    A folder: each folder in it is a case of that name, with `seeds.csv` or `seeds.txt` (as `tracer seed add --file`)
    and files of transfers. A table (CSV file or DataFrame): a row per seed, with a column `case`, the columns of a
    seed list, and `file` (several joined by ;, relative to the table) and `rule` where they are wanted. An iterable:
    names of cases. Raises InputError or FileError when nothing can be made of it.
    """
    if isinstance(cases, pd.DataFrame):
        return _of_table(cases.to_csv(index=False), Path.cwd())
    if isinstance(cases, str | Path):
        place = Path(cases)
        if place.is_dir():
            return _of_folder(place)
        if place.is_file():
            return _of_table(place.read_text(encoding="utf-8-sig"), place.resolve().parent)
        raise InputError(
            f"{shown(cases)} is neither a folder nor a table of cases.",
            "Name a folder with one folder per case, or a CSV with a column `case`.",
        )
    names = [str(name) for name in cases]
    if not names:
        raise InputError("There is no case to trace.", "Name at least one.")
    return [Plan(name) for name in dict.fromkeys(names)]


def _of_folder(folder: Path) -> list[Plan]:
    places = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not places:
        raise InputError(
            f"{shown(folder)} has no folder in it.",
            "Make one folder per case, with seeds.csv and the files of transfers.",
        )
    return [_of_place(place) for place in places]


def _of_place(place: Path) -> Plan:
    seeds = [place / name for name in SEEDS if (place / name).is_file()]
    files = sorted(
        p for p in place.iterdir() if p.is_file() and p.suffix.lower() in _TRANSFERS and p.name not in SEEDS
    )
    try:
        if not seeds:
            raise FileError(
                f"The folder {shown(place.name)} has no list of seeds.",
                "Put a seeds.csv or seeds.txt into it: one address a line.",
            )
        return Plan(place.name, tuple(files), _whole(seeds[0].read_bytes(), seeds[0].name))
    except TracerError as problem:
        return Plan(place.name, problem=problem)


def _whole(data: bytes | str, name: str) -> tuple[SeedLine, ...]:
    """The lines of a list of seeds of which none is refused."""
    found = read_seed_list(data, name)
    if found.refused:
        first = found.refused[0]
        more = f" (and {len(found.refused) - 1:,} more lines)" if len(found.refused) > 1 else ""
        raise FileError(f"{name}, line {first.number}: {first.error.message}{more}", first.error.hint)
    if not found.lines:
        raise FileError(
            f"{name} names no seed.", "Write one address a line, or a CSV with a column `address`."
        )
    return found.lines


def _of_table(text: str, home: Path) -> list[Plan]:
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, skipinitialspace=True)
    frame.columns = [str(name).strip().lower() for name in frame.columns]
    if "case" not in frame.columns:
        raise FileError(
            "The table of cases has no column `case`.",
            "Columns: case, address (or tx), and where wanted chain, asset, amount_raw, at, theft, source, file, rule.",
        )
    grouped = frame.groupby(frame["case"].str.strip(), sort=False)
    return [_of_rows(str(name), rows, home) for name, rows in grouped]


def _of_rows(name: str, rows: pd.DataFrame, home: Path) -> Plan:
    try:
        rules = _distinct(rows, "rule")
        if len(rules) > 1:
            raise FileError(f"The case {shown(name)} has several rules.", "Give one rule per case.")
        files = tuple(
            dict.fromkeys(home / part.strip() for cell in _distinct(rows, "file") for part in cell.split(";"))
        )
        seeded = rows.drop(columns=[c for c in ("case", "file", "rule") if c in rows.columns])
        named = [c for c in ("address", "address_or_tx", "seed", "tx") if c in seeded.columns]
        seeded = seeded[(seeded[named] != "").any(axis=1)] if named else seeded.iloc[:0]
        seeds = _whole(seeded.to_csv(index=False), f"the rows of {name}") if len(seeded) else ()
        return Plan(name, files, seeds, rules[0] if rules else "")
    except TracerError as problem:
        return Plan(name, problem=problem)


def _distinct(rows: pd.DataFrame, column: str) -> Sequence[str]:
    if column not in rows.columns:
        return []
    return [text for text in dict.fromkeys(rows[column].str.strip().tolist()) if text]
