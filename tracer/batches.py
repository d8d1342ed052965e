"""Many cases in one call, for notebooks and the command line: what failed is a row, never the end of the others.

found = tracer.batch("cases/")
found.summary
found.taint()          # one table over all cases
found.overlap()        # addresses that two cases share
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tracer.batch_plan import Plan, plans_of
from tracer.case import Case
from tracer.casebook import rule_named
from tracer.crosscase import overlap, rests_on
from tracer.errors import FileError, SeedError, SeedKnownError, TracerError, shown, visible
from tracer.export import BATCH
from tracer.opinions import Clock
from tracer.results import CONVENTIONS, frame
from tracer.seed_list import SeedList
from tracer.times import utc_text

if TYPE_CHECKING:
    from tracer.collecting.budget import Budget

__all__ = ["Batch", "batch"]

Report = Callable[[int, int, str], None]
"""Called with (cases done, cases, name of the case that is next)."""


@dataclass
class Batch:
    """What a batch came to.

    summary: a row per case, in the order of the batch: `state` is traced or failed; of a failed one, `step`, `problem`
    and `hint` say what happened. Tables are made when they are asked for, over the traced cases, with a first column
    `case`, and say in `attrs` what they rest on.
    """

    summary: pd.DataFrame
    workspace: str | Path | None = None
    clock: Clock = time.time

    @property
    def names(self) -> list[str]:
        """The traced cases."""
        return [str(n) for n in self.summary.loc[self.summary["state"] == "traced", "case"]]

    @property
    def failures(self) -> pd.DataFrame:
        """The rows of the summary that failed."""
        failed = self.summary[self.summary["state"] == "failed"]
        return failed[["case", "step", "problem", "hint"]].reset_index(drop=True)

    def case(self, name: str) -> Case:
        """One of the traced cases."""
        return Case.open(name, self.workspace, clock=self.clock)

    def taint(self, rule: str | None = None) -> pd.DataFrame:
        """Who holds stolen coin, in every case, under `rule` (None: the governing rule of each case)."""
        return self._over(lambda case: case.taint(rule).addresses(), rule)

    def conservation(self, rule: str | None = None) -> pd.DataFrame:
        """The account of every case."""
        return self._over(lambda case: case.taint(rule).conservation(), rule)

    def compare(self, *, ranges: bool = True) -> pd.DataFrame:
        """All rules side by side, in every case."""
        return self._over(lambda case: case.compare(ranges=ranges))

    def endpoints(self) -> pd.DataFrame:
        """Where the coin of every case rests or leaves."""
        return self._over(lambda case: case.endpoints())

    def clusters(self) -> pd.DataFrame:
        """Which addresses one party controls, in every case."""
        return self._over(lambda case: case.clusters())

    def gaps(self) -> pd.DataFrame:
        """Everything missing or assumed, in every case."""
        return self._over(lambda case: case.gaps())

    def overlap(self) -> pd.DataFrame:
        """Addresses and clusters that two or more of the traced cases share (`tracer.crosscase`)."""
        return overlap(self.names, self.workspace)

    def export(self, directory: str | Path) -> list[Path]:
        """The export of every traced case, each in a folder of its name; the folders."""
        return [_export(self.case(name), Path(directory)) for name in self.names]

    def _over(self, table: Callable[[Case], pd.DataFrame], rule: str | None = None) -> pd.DataFrame:
        parts, cases = [], []
        for name in self.names:
            case = self.case(name)
            part = table(case)
            part.insert(0, "case", pd.Series([name] * len(part), index=part.index, dtype=object))
            parts.append(part)
            cases.append(case)
        whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"case": []})
        whole.attrs = rests_on(cases, rule)
        return whole

    def _repr_html_(self) -> str:
        head = f"<p>{len(self.names)} of {len(self.summary)} cases traced. {' '.join(CONVENTIONS)}</p>"
        return head + self.summary.to_html(index=False, escape=True)


def batch(
    cases: str | Path | pd.DataFrame | Iterable[str | Case],
    *,
    workspace: str | Path | None = None,
    rule: str | None = None,
    collect: bool = False,
    providers: Iterable[str] | None = None,
    budget: Budget | None = None,
    export: str | Path | None = None,
    report: Report | None = None,
    clock: Clock = time.time,
) -> Batch:
    """Make, fill and trace many cases; a case that is there already is gone on with, and nothing is added twice.

    cases: a folder, a table or names (`tracer.batch_plan.plans_of`). rule: governing rule of the cases that state
    none. collect: also fetch histories, from `providers` within `budget` (as `Case.collect`). export: a directory; each
    case is written there in a folder of its name while it is open, which costs less than `Batch.export` later. report:
    progress; None: a line on stderr where somebody can see it. Raises InputError when nothing can be made of `cases`.
    """
    plans = plans_of(cases)
    if rule is not None:
        rule_named(rule)
    tell = report if report is not None else _said
    asked = list(providers or ()) or None
    rows = []
    for number, plan in enumerate(plans):
        tell(number, len(plans), plan.name)
        run = _Run(plan, rule, workspace, clock)
        rows.append(run.row(collect=collect, providers=asked, budget=budget, export=export))
    tell(len(plans), len(plans), "")
    return Batch(frame(rows, BATCH.names), workspace, clock)


@dataclass
class _Run:
    """One case of a batch; `step` is what it is at."""

    plan: Plan
    rule: str | None
    workspace: str | Path | None
    clock: Clock
    step: str = "plan"

    def row(
        self,
        *,
        collect: bool,
        providers: list[str] | None,
        budget: Budget | None,
        export: str | Path | None,
    ) -> tuple[object, ...]:
        """The row of the summary."""
        try:
            if self.plan.problem is not None:
                raise self.plan.problem
            case = self._filled()
            if collect:
                self.step = "collect"
                case.collect(providers, budget)
            self.step = "trace"
            row = self._traced(case)
            if export is not None:
                self.step = "export"
                _export(case, Path(export))
            return row
        except TracerError as problem:
            return self._failed(problem.message, problem.hint)
        except OSError as problem:
            return self._failed(
                f"{problem.strerror or problem}: {shown(problem.filename)}", "Check the file."
            )
        except Exception as problem:  # noqa: BLE001 - one defect must not cost the other cases
            return self._failed(
                f"A defect of the tracer: {type(problem).__name__}: {visible(problem)}",
                "It is not your mistake: report it, with this case.",
            )

    def _filled(self) -> Case:
        plan = self.plan
        self.step = "open"
        if plan.name in Case.names(self.workspace):
            case = Case.open(plan.name, self.workspace, clock=self.clock)
        elif not plan.seeds and not plan.files:
            case = Case.open(plan.name, self.workspace, clock=self.clock)  # raises: no such case
        else:
            case = Case.create(plan.name, self.workspace, clock=self.clock)
        chosen = plan.rule or self.rule or ""
        if chosen and chosen != case.rule:
            case.set_rule(chosen)
        self._refuse_changed_files(case)
        for path in plan.files:
            self.step = f"import {path.name}"
            case.import_file(path)
        self._seeded(case)
        return case

    def _refuse_changed_files(self, case: Case) -> None:
        """A corrected file beside its earlier self would count twice what was corrected."""
        there = {path: _sha256(path) for path in self.plan.files if path.is_file()}
        names = {path.name for path in there}
        for number, pin in enumerate(case.file.captures, start=1):
            if pin.name in names and pin.sha256 not in there.values():
                self.step = f"import {pin.name}"
                raise FileError(
                    f"{shown(pin.name)} is not the file of that name that was imported before (number {number}).",
                    f"Both would count. Import the new one (tracer import {case.name} FILE), then take the old one "
                    f"out: tracer case remove-file {case.name} {number} --reason TEXT",
                )

    def _seeded(self, case: Case) -> None:
        """Add the seeds that an earlier run of the batch did not add; all of them or none."""
        before = case.file.seeds
        listed = SeedList(self.plan.seeds)
        found, refused = case.placed_seeds(listed)
        for line in refused:
            if not isinstance(line.error, SeedKnownError):
                self.step = f"seed, line {line.number}"
                raise line.error
        self.step = "seeds"
        for number, old in enumerate(before, start=1):
            where = (old.chain, old.address, old.theft)
            if any((new.chain, new.address, new.theft) == where and new not in before for new in found):
                raise SeedError(
                    f"The case has another seed at {old.address} (number {number}), which an earlier list named.",
                    "Both would count. Take the old one out (tracer seed remove "
                    f"{case.name} {number}), or add the second by hand (tracer seed add).",
                )
        case.add_seeds(listed, partly=True)

    def _traced(self, case: Case) -> tuple[object, ...]:
        if not case.file.seeds:
            raise SeedError("The case has no seed: nothing was stolen.", "Add one: tracer seed add.")
        if not (case.file.captures or case.file.manifest):
            raise FileError(
                "The case has no transfers: nothing can be followed.",
                "Put a file of transfers beside its seeds, or collect (--collect).",
            )
        held = case.taint().addresses(ranges=False)
        real = held[~held["address"].astype(str).str.startswith("sink:")]
        hops = [int(h) for h in real["hop"] if h is not None]
        gaps = case.gaps()
        histories = case.histories()
        return (
            (case.name, "traced", len(case.seeds()), len(case.files()), len(histories), case.rule)
            + (utc_text(case.as_of), real["address"].nunique(), max(hops, default=None))
            + (int((gaps["status"] == "open").sum()), "", "", "")
        )

    def _failed(self, problem: str, hint: str) -> tuple[object, ...]:
        return self.plan.name, "failed", *[None] * 3, "", "", *[None] * 3, self.step, problem, hint


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _export(case: Case, directory: Path) -> Path:
    """The export of a case in a folder of its name; the folder."""
    directory.mkdir(parents=True, exist_ok=True)
    case.export(directory / case.name)
    return directory / case.name


def _said(done: int, total: int, name: str) -> None:
    """Progress for whoever watches a terminal or a notebook."""
    if total > 1 and (sys.stderr.isatty() or "ipykernel" in sys.modules):
        text = f"{done} of {total} cases" + (f", next: {visible(name)}" if name else "")
        sys.stderr.write(f"\r{text:<100.100}" + ("\n" if done == total else ""))
        sys.stderr.flush()
