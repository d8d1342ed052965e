"""What leaves the house: the export of a case, its evidence, and the freeze sheets; each says what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tracer import evidence as sources
from tracer.attribution import Attribution
from tracer.chains.tokens import issuers
from tracer.custody import Custody
from tracer.errors import StoreError
from tracer.freeze import addressee_frame, sheet_for
from tracer.grounds import grounded
from tracer.model import CONSERVING, Rule
from tracer.origins import ORIGIN_COLUMNS
from tracer.results import counted_twice, frame, given_up
from tracer.tracing import Progress
from tracer.version import version

if TYPE_CHECKING:
    from tracer.export import Input, Pins
    from tracer.export.sheet import FreezeSheet

__all__ = ["Handover"]


class Handover(Attribution):
    """A case that can be handed over."""

    def export(
        self,
        directory: str | Path,
        formats: Iterable[str] | None = None,
        progress: Progress | None = None,
        *,
        evidence: bool = False,
    ) -> list[Path]:
        """Write the tables with a README and a manifest of sha256 sums; the same case gives the same bytes.

        evidence: also the case itself and every file and raw answer that it rests on, so that whoever gets the
        directory can compute the tables again (`tracer replay --package`). Raises InputError, StoreError.
        """
        from tracer.export import write_package
        from tracer.export.clusters import link_ruled
        from tracer.export.holdings import all_rules
        from tracer.export.opinions import declared, ruled, untimed
        from tracer.export.transfers import with_rules

        file = self.file
        tracing, governing = self.tracing(progress), self.rule
        results = {rule.value: tracing.result(rule, progress) for rule in Rule}
        ends = tracing.endpoints(Rule(governing), progress)
        tables: dict[str, Callable[[], pd.DataFrame]] = {
            "taint": results[governing].addresses,
            "taint_all": lambda: all_rules({rule: r.addresses() for rule, r in results.items()}),
            "transfers": lambda: with_rules(
                results[governing].transfers(), ((rule, r.transfers()) for rule, r in results.items())
            ),
            "conservation": results[governing].conservation,
            "compare": lambda: tracing.compare(progress=progress),
            "bounds": lambda: tracing.ranges_frame(None, progress),
            "endpoints": ends.frame,
            "endpoints_by_service": ends.by_service,
            "endpoint_transfers": ends.transfers,
            "routes": self.routes,
            "beyond_mixes": self.beyond_mixes,
            "origins": lambda: self._target_origins(progress),
            "losses": results[governing].losses,
            "sources": results[governing].sources,
            "seeds": self.seeds,
            "histories": self.histories,
            "gaps": self.gaps,
            "conversions": lambda: declared(self.conversions()),
            "rulings": lambda: ruled(self.rulings()),
            "clusters": self.clusters,
            "cluster_links": self.cluster_links,
            "deposits": self.deposits,
            "patterns": self.patterns,
            "link_rulings": lambda: link_ruled(self.link_rulings()),
            "labels": lambda: untimed(self.labels()),
            "label_conflicts": self.label_conflicts,
            "stops": self.stops,
            "judgements": self.judgements,
        }
        pins = self._pins()
        if not evidence:
            return write_package(Path(directory), tables, pins, formats)
        custody = Custody.of(self.workspace, file, self.verdicts())

        def listed() -> pd.DataFrame:  # after all other tables
            if self.file != file:
                raise StoreError("The case was changed while it was exported.", "Export it again.")
            return custody.frame(self._display)

        return write_package(
            Path(directory), tables | {"evidence": listed}, pins, formats, custody.attachments()
        )

    def _pins(self) -> Pins:
        """What the numbers of an export rest on."""
        from tracer.export import Input, Pins

        inputs = [
            Input(
                row["name"], row["sha256"], row["rows"], row["excluded"], row["grade"], partial=row["partial"]
            )
            for row in self.files().to_dict("records")
        ]
        if self.file.manifest:
            inputs.append(self._collected_input())
        tracing = self.tracing()
        doubts, replaced = tuple(counted_twice(tracing.all_gaps)), tuple(given_up(tracing.all_gaps))
        return Pins(
            self.name, self.rule, self.as_of, version(), tracing.conventions, tuple(inputs), doubts, replaced
        )

    def _collected_input(self) -> Input:
        """What was collected, as one input: the list of histories, by its sha256."""
        from tracer.export import Input

        entries = [e for e in sources.collected(self.workspace, self.file) if e.capture]
        with self.workspace.store.reader() as view:
            known = view.captures_by_key(e.capture for e in entries)
        return Input(
            f"collected histories of {len(entries):,} addresses",
            self.file.manifest,
            sum(c.rows for c in known.values()),
            partial=any(c.partial for c in known.values()),
        )

    def _target_origins(self, progress: Progress | None) -> pd.DataFrame:
        """The origins of the addresses that the case traces back, as far as their histories were read."""
        tracing = self.tracing()
        frames = [
            tracing.origins((t.chain, t.address), None, CONSERVING, progress)
            for t in self.file.targets
            if tracing.is_read((t.chain, t.address))
        ]
        return pd.concat(frames, ignore_index=True) if frames else frame([], ORIGIN_COLUMNS)

    @grounded
    def freeze_addressees(self, progress: Progress | None = None) -> pd.DataFrame:
        """Who can be asked to freeze stolen coin: services that hold it, and issuers of tokens that rest somewhere."""
        return addressee_frame(self.tracing(progress).endpoints(Rule(self.rule), progress), issuers())

    def freeze_sheet(self, service: str, progress: Progress | None = None) -> FreezeSheet:
        """What one exchange or issuer needs to know to freeze stolen coin. Raises NotFoundError for nobody's name."""
        ends = self.tracing(progress).endpoints(Rule(self.rule), progress)
        return sheet_for(
            service,
            ends,
            issuers(),
            pins=self._pins(),
            losses=self.losses(),
            seeds=self.seeds(),
            gaps=self.gaps(),
        )

    def freeze(self, service: str, directory: str | Path, progress: Progress | None = None) -> list[Path]:
        """Write the freeze sheet for an exchange or issuer: request in English and Japanese, tables, manifest."""
        from tracer.export.freeze import write_freeze

        return write_freeze(Path(directory), self.freeze_sheet(service, progress))
