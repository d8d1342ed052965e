"""Who is behind the addresses of a case: labels, clusters, patterns, and the services where stolen coin ended.

Opinions with their source, beside the facts and never mixed into them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from tracer import cluster_tables, evidence, label_packs
from tracer.casebook import rule_named
from tracer.errors import InputError, shown
from tracer.findings import Findings
from tracer.grounds import grounded, of_case, say_grounds
from tracer.label_tables import conflicts_frame, diff_frame, labels_frame
from tracer.labels import LabelBook
from tracer.model import LinkRuling, Rule
from tracer.results import frame
from tracer.tracing import Progress

if TYPE_CHECKING:
    from tracer.clusters import Link

__all__ = ["Attribution"]


class Attribution(Findings):
    """The findings of one case, with who is behind them."""

    def book(self) -> LabelBook:
        """All labels that the case rests on, at its `as_of`, inferred deposit addresses among them."""
        return self.tracing().full_book

    @of_case
    def labels(self) -> pd.DataFrame:
        """Every label of the addresses in the history of the case, and the analyst's own, those taken back marked.

        Of several labels of an address the one that names it stands first.
        """
        tracing = self.tracing()
        given = label_packs.given_labels(self.file)
        return labels_frame(tracing.book, tracing.ledger.addresses, given, self._display)

    @of_case
    def labels_of(self, address: str) -> pd.DataFrame:
        """Every label of one address, whether or not the history knows it. Raises AddressError."""
        account = self._account(address)
        given = [x for x in label_packs.given_labels(self.file) if x.address == account[1]]
        return labels_frame(self.tracing().book, [account], given, self._display)

    def label_conflicts_of(self, address: str) -> tuple[str, ...]:
        """The parties that labels in force name for one address, where they are several. Raises AddressError."""
        found = self.book().conflict(*self._account(address))
        return () if found is None else found.entities

    @of_case
    def label_conflicts(self) -> pd.DataFrame:
        """Where labels in force give an address of the history to different parties: one row per label."""
        tracing = self.tracing()
        return conflicts_frame(tracing.full_book, tracing.ledger.addresses, self._display)

    @grounded
    def label_diff(
        self,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        withdraw: Sequence[int] = (),
        since: int | None = None,
    ) -> pd.DataFrame:
        """What a change of labels changes, under the governing rule; the case itself stays as it is.

        add, remove: packs by name or sha256, as if the case used them or no longer did. withdraw: numbers of the
        analyst's labels, as if taken back. since: UTC seconds; labels and packs as they stood then against those of
        now. Stops and rulings are those of now. Columns: docs/formats.md. Raises InputError, NotFoundError.
        """
        if (since is None) == (not (add or remove or withdraw)):
            raise InputError(
                "A comparison needs either a change or a time.",
                "Name a pack to add or remove, a label to take back, or the time since when.",
            )
        file = self.file
        if since is not None:
            changed = label_packs.as_it_stood(file, since)
        else:
            known = self.known_packs()
            changed = label_packs.as_if(file, known, add, remove, withdraw, self._now())
        now = self.tracing()
        other = evidence.relabelled(now, changed, label_packs.labels_of(self.workspace.archive, changed))
        before, after = (now, other) if since is None else (other, now)
        return diff_frame(before, after, Rule(self.rule))

    @grounded
    def clusters(self, rule: str | None = None) -> pd.DataFrame:
        """Which addresses one party controls: a row per (cluster, chain, address, asset), taint under the rule."""
        tracing = self.tracing()
        return cluster_tables.clusters_frame(tracing.clusters, tracing.result(rule_named(rule or self.rule)))

    @grounded
    def cluster_links(self) -> pd.DataFrame:
        """Every link between two addresses with its rule and evidence; `withdrawn` says why one unites nothing."""
        tracing = self.tracing()
        return cluster_tables.links_frame(tracing.clusters, tracing.display)

    @grounded
    def deposits(self) -> pd.DataFrame:
        """Deposit addresses of services: every forwarded payment with the customer who made it."""
        tracing = self.tracing()
        return cluster_tables.deposits_frame(tracing.clusters, tracing.display)

    def why_linked(self, a: str, b: str) -> list[Link]:
        """The fewest links that join two addresses into one cluster, in order. Raises NotFoundError."""
        ends = (":".join(self._account(text)) for text in (a, b))
        return list(self.tracing().clusters.found.why(*ends))

    def _check_rejection(self, ruling: LinkRuling) -> None:
        """Refuse a rejection that meets no link, naming those there are: else nothing would come of it, unsaid."""
        found = self.tracing().clusters.found
        ends = {ruling.a, ruling.b}
        direct = [link for link in found.links_of(ruling.a) if {link.a, link.b} == ends]
        if any(ruling.rule in {"", x.rule} and ruling.tx in {"", x.tx} for x in direct):
            return
        pair = " and ".join(shown(self._display_name(name)) for name in (ruling.a, ruling.b))
        if direct:
            raise InputError(
                f"No link between {pair} has that rule and transaction.",
                f"Those between them: {self._listed(direct)}.",
            )
        if found.cluster_of(ruling.a) != found.cluster_of(ruling.b):
            raise InputError(
                f"No link joins {pair}, so there is none to reject.",
                "The list of links shows what is linked.",
            )
        raise InputError(
            f"{pair} have no link of their own to reject; others join them.",
            f"Reject one of these: {self._listed(found.why(ruling.a, ruling.b))}.",
        )

    def _listed(self, links: Sequence[Link]) -> str:
        """Links as an error names them."""
        return ", ".join(
            f"{self._display_name(x.a)} - {self._display_name(x.b)} ({x.rule}, {x.tx or 'no transaction'})"
            for x in links
        )

    @grounded
    def patterns(self, language: str = "en") -> pd.DataFrame:
        """What stands out in how traced addresses behaved: observations with figures and transactions, no proof.

        language: of the observations.
        """
        tracing = self.tracing()
        rows = [
            (p.pattern, p.account[0], tracing.display(*p.account), p.said(language), p.figure_text)
            + (";".join(p.transactions), p.source)
            for p in tracing.patterns
        ]
        return frame(
            rows, ["pattern", "chain", "address", "observation", "figures", "transactions", "source"]
        )

    def endpoints(self, by: str | None = None, progress: Progress | None = None) -> pd.DataFrame:
        """Where stolen coin rests or leaves: one row per (address, asset), under every rule and with the range.

        by: "service" for totals per named service, with the range of its addresses together; "transfer" for every
        movement that brought the coin. Columns: docs/formats.md. Raises InputError for another `by`.
        """
        tables = self.endpoint_tables(progress)
        if by not in tables:
            raise InputError(
                f"Endpoints cannot be listed by {shown(by)}.", "By: service, transfer, or nothing."
            )
        return tables[by]()

    def endpoint_tables(
        self, progress: Progress | None = None
    ) -> dict[str | None, Callable[[], pd.DataFrame]]:
        """The tables of `endpoints` by what they are listed by, computed once for all of them."""
        found = self.tracing(progress).endpoints(Rule(self.rule), progress)
        tables = {None: found.frame, "service": found.by_service, "transfer": found.transfers}
        return {by: partial(self._grounded, table) for by, table in tables.items()}

    def _grounded(self, table: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        return say_grounds(self, table())
