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

from tracer.case import Case
from tracer.errors import FileError, InputError, TracerError, shown
from tracer.seed_list import SeedLine, decoded, read_seed_list

__all__ = ["Plan", "plans_of"]

SEEDS = ("seeds.csv", "seeds.txt")
"""Files of a case folder that name its seeds; every other file of these kinds is a file of transfers."""

_TRANSFERS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_PACKED = (".gz", ".zst")
_UNREAD = {
    ".xlsx",
    ".xls",
    ".xlsm",
    ".xlsb",
    ".ods",
    ".numbers",
    ".zip",
    ".7z",
    ".rar",
    ".tar",
    ".tgz",
    ".bz2",
    ".xz",
}
"""Files that may well hold transfers and are not read: a case is not traced as if they were not there."""


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


def plans_of(cases: str | Path | pd.DataFrame | Iterable[str | Case]) -> list[Plan]:
    """The plans of a batch, in a stable order.

    A folder: each folder in it is a case of that name, with `seeds.csv` or `seeds.txt` (as `tracer seed add --file`)
    and files of transfers. A table (CSV file or DataFrame): a row per seed, with a column `case`, the columns of a
    seed list, and `file` (several joined by ;, relative to the table) and `rule` where they are wanted. An iterable:
    names of cases, or cases. Raises InputError or FileError when nothing can be made of it.
    """
    if isinstance(cases, pd.DataFrame):
        return _of_table(cases.to_csv(index=False), Path.cwd(), "The table of cases")
    if isinstance(cases, str | Path):
        place = Path(cases)
        if place.is_dir():
            return _of_folder(place)
        if place.is_file():
            text = decoded(place.read_bytes(), place.name)
            return _of_table(text, place.resolve().parent, shown(place.name))
        raise InputError(
            f"{shown(cases)} is neither a folder nor a table of cases.",
            "Name a folder with one folder per case, or a CSV with a column `case`.",
        )
    if not isinstance(cases, Iterable):
        raise InputError(
            f"{shown(cases)} is not a batch of cases.", "Give a folder, a table, or a list of names of cases."
        )
    names = [name.name if isinstance(name, Case) else str(name) for name in cases]
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
    # a link to nowhere is no file and no folder: it is listed, so that its import fails and says so
    inside = [p for p in sorted(place.iterdir()) if not p.is_dir() and not p.name.startswith((".", "~$"))]
    files = [p for p in inside if _kind(p) in _TRANSFERS and p.name not in SEEDS]
    try:
        unread = [p.name for p in inside if _kind(p) in _UNREAD]
        if unread:
            raise FileError(
                f"{shown(unread[0])} is not a kind of file that is read.",
                "Save a workbook as CSV UTF-8 and unpack an archive; a file without transfers belongs elsewhere.",
            )
        if not seeds:
            raise FileError(
                f"The folder {shown(place.name)} has no list of seeds.",
                "Put a seeds.csv or seeds.txt into it: one address a line.",
            )
        return Plan(place.name, tuple(files), _whole(seeds[0].read_bytes(), seeds[0].name))
    except TracerError as problem:
        return Plan(place.name, problem=problem)


def _kind(path: Path) -> str:
    """The ending that says what is in a file: that of `transfers.csv.gz` is `.csv`."""
    packed = path.suffix.lower() in _PACKED
    return Path(path.stem).suffix.lower() if packed else path.suffix.lower()


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


def _of_table(text: str, home: Path, name: str) -> list[Plan]:
    head = next(iter(text.splitlines()), "")
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=max(",;\t", key=head.count),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
        )
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except pd.errors.ParserError as problem:
        raise FileError(
            f"{name} is not a table: {str(problem).strip().removeprefix('Error tokenizing data. C error: ')}.",
            "Every line needs as many cells as the first; a cell with a comma in it stands in quotes.",
        ) from None
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    if "case" not in frame.columns:
        raise FileError(
            f"{name} has no column `case`.",
            "Columns: case, address (or tx), and where wanted chain, asset, amount_raw, at, theft, source, file, rule.",
        )
    if frame.empty:
        raise InputError("There is no case to trace.", f"{name} has a header and no line below it.")
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
