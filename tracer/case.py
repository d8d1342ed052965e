"""Case: the one front door for the web UI, the command line and notebooks.

A case is its record (`CaseBook`: seeds, files, opinions), what follows from it (`Findings`, `Attribution`) and what is
handed over (`Handover`). Here it is opened, and filled from live chains.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracer import bundled, label_packs
from tracer.errors import InputError
from tracer.handover import Handover
from tracer.labelling import LabelImport, read_labels
from tracer.loops import finish
from tracer.model import Rule
from tracer.opinions import Clock
from tracer.store import Workspace
from tracer.store.caserecords import DeclaredConversion

if TYPE_CHECKING:
    from tracer.chains.endpoint import Endpoint
    from tracer.collect import Collected, Event
    from tracer.collecting.budget import Budget
    from tracer.transport import Patience

__all__ = ["Case"]


class Case(Handover):
    """One case. Make it with `Case.create` or `Case.open`."""

    @classmethod
    def create(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """A new case, empty but for the label packs that ship with this version.

        Raises CaseNameError for a bad name or one that is taken.
        """
        opened = Workspace.open(workspace)
        now, language = int(clock()), opened.settings.language
        packs = label_packs.keep_bundled(opened, now)
        made = opened.cases.create(name, rule=Rule.FIFO, now=now, language=language, packs=packs)
        return cls(opened, made.name, clock)

    @classmethod
    def open(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """An existing case. Raises NotFoundError."""
        opened = Workspace.open(workspace)
        return cls(opened, opened.cases.read(name).name, clock)

    @classmethod
    def demo(cls, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """The bundled Bybit case, made in the workspace on first use."""
        return cls.bundled(bundled.BYBIT, workspace, clock=clock)

    @staticmethod
    def bundled_names() -> dict[str, str]:
        """The cases that ship with the tracer: name -> title."""
        return {name: bundled.load(name).title for name in bundled.CASES}

    @classmethod
    def bundled(cls, name: str, workspace: str | Path | None = None, *, clock: Clock = time.time) -> Case:
        """A case that ships with the tracer, made in the workspace on first use. Raises NotFoundError."""
        opened = Workspace.open(workspace)
        facts = bundled.load(name)
        if opened.cases.exists(name):
            case = cls(opened, name, clock)
            if case.file.revision > 1 + len(facts.files):
                return case  # made earlier, to its end; whatever was changed in it since stands
        else:
            case = cls.create(name, workspace, clock=clock)
        for path in facts.files:
            case.import_file(path, partial=facts.partial)
        case.update(
            lambda file: replace(
                file,
                rule=facts.rule,
                seeds=facts.seeds,
                gaps=facts.gaps,
                conversions=tuple(
                    DeclaredConversion(n, c, file.created_at)
                    for n, c in enumerate(facts.conversions, start=1)
                ),
            )
        )
        return case

    @staticmethod
    def names(workspace: str | Path | None = None) -> list[str]:
        """Names of the cases in the workspace, sorted."""
        return Workspace.open(workspace).cases.names()

    @staticmethod
    def read_labels(
        path: str | Path | bytes,
        kind: str | None = None,
        *,
        mapping: Mapping[str, str] | None = None,
        fixed: Mapping[str, str] | None = None,
        name: str | None = None,
        workspace: str | Path | None = None,
        clock: Clock = time.time,
    ) -> LabelImport:
        """Read a label file into the workspace; no case rests on it until `use_pack` (docs/labels.md).

        kind: csv, list, tagpack or ofac (None: recognised). mapping: our column -> the column of a CSV; fixed: our
        column -> text where the file says nothing. Raises FileError, InputError.
        """
        opened = Workspace.open(workspace)
        return read_labels(opened, int(clock()), path, kind, mapping=mapping, fixed=fixed, name=name)

    def providers(self, names: Sequence[str] | None = None, *, backward: bool = False) -> list[Endpoint]:
        """Who would be asked: the named providers, and for other chains of the seeds one that needs no key.

        backward: of the targets, or of the seeds where there are none. Raises NotFoundError for a name or chain without
        a provider, InputError where all that are named serve other chains.
        """
        from tracer.transport import find_provider

        home = self.workspace.root
        named = [find_provider(home, name, "") for name in names or ()]
        chains = {seed.chain for seed in self.file.seeds}
        if backward:
            chains = {target.chain for target in self.file.targets} or chains
        if named and chains and not chains & {e.chain for e in named}:
            raise InputError(
                f"{named[0].name} serves {named[0].chain}; the case starts on {', '.join(sorted(chains))}.",
                "Name a provider of that chain: tracer providers.",
            )
        others = chains - {e.chain for e in named}
        return named + [find_provider(home, None, chain) for chain in sorted(others)]

    async def acollect(
        self,
        providers: Sequence[str] | None = None,
        budget: Budget | None = None,
        report: Callable[[Event], None] = lambda _: None,
        *,
        again: bool = False,
        targets: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> Collected:
        """Fetch the histories that the seeds lead to, inside a running event loop; see `collect`."""
        from tracer.collect import collect, open_sources
        from tracer.collecting.budget import budget_in

        limits = budget_in(self.file.thresholds) if budget is None else budget
        if targets is not None:
            self.set_targets(targets)
        named = self.providers(providers, backward=limits.backward)
        async with open_sources(
            self.workspace, named, now=self._now, again=again, patience=patience
        ) as sources:
            return await collect(self, sources, limits, now=self._now, report=report)

    def collect(
        self,
        providers: Sequence[str] | None = None,
        budget: Budget | None = None,
        report: Callable[[Event], None] = lambda _: None,
        *,
        again: bool = False,
        targets: Sequence[str] | None = None,
    ) -> Collected:
        """Fetch the histories that the seeds lead to, hop after hop, as far as the budget allows.

        With `Budget(direction="backward")`, those that the coin of the targets came from (None: the targets of the last
        time, else the seeds); `origins` then says what it is made of.

        providers: names from providers.toml, one per chain (None: the first of each chain that needs no key). budget:
        None = the one of the last time. Stops and resumes without losing or repeating anything. again: ask anew what
        was answered before. Raises InputError, NotFoundError, ProviderError.
        """
        return finish(self.acollect(providers, budget, report, again=again, targets=targets))
