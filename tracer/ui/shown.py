"""What the trace page shows of a case under one rule: computed in the job, before anybody looks.

The result, the frames that the page reads, and the flow of the picture as it is first seen. Views of it (one asset,
left-out transfers, a period) are made from the same frames when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tracer.case import Case
from tracer.ui.drawn import drawn_transfers
from tracer.ui.flow import Completeness, Flow, build_flow
from tracer.ui.jobs import Progress
from tracer.ui.printing import whole

__all__ = ["Shown", "prepare"]


@dataclass(frozen=True)
class Shown:
    """A case, its result under one rule, and the frames made from it once.

    labels: (chain, address) -> (party, category) of the label that names it. seeds: (chain, address). decisions:
    numbers of declared conversions and of rulings that stand. complete: (chain, address) -> how much of it was seen.
    """

    case: Case
    result: Any
    addresses: pd.DataFrame
    conservation: pd.DataFrame
    gaps: pd.DataFrame
    labels: dict[tuple[str, str], tuple[str, str]]
    seeds: tuple[tuple[str, str], ...]
    decisions: tuple[int, int]
    complete: dict[tuple[str, str], Completeness]

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """The transfers that carry stolen coin."""
        return drawn_transfers(self.result)

    @cached_property
    def whole(self) -> Flow:
        """The flow of everything that carries stolen coin, at any time."""
        return self.flow()

    def flow(
        self,
        asset: str | None = None,
        since: str = "",
        until: str = "",
        *,
        excluded: bool = False,
        least: int = 0,
    ) -> Flow:
        """The flow of one asset (None: all) in a period (UTC text, "" for open); `excluded`: with left-out rows.

        least: only transfers with that many smallest units of stolen coin.
        """
        return build_flow(
            self.addresses,
            drawn_transfers(self.result, excluded=True) if excluded else self.drawn,
            seeds=self.seeds,
            labels=self.labels,
            complete=self.complete,
            asset=asset,
            excluded=excluded,
            since=since,
            until=until,
            least=least,
        )


def _labels(case: Case, result: Any) -> dict[tuple[str, str], tuple[str, str]]:
    book = case.book()
    found = ((account, book.best(*account)) for account in result.ledger.addresses)
    return {
        (chain, result.shown(chain, address)): (label.who, label.category)
        for (chain, address), label in found
        if label is not None
    }


def prepare(case: Case, rule: str, report: Progress) -> Shown:
    """The work of a job: trace the case under `rule` and make everything that the first picture needs."""
    result = case.taint(rule, progress=report)
    report("picture", 0, 1)
    seeds = case.seeds()
    shown = Shown(
        case,
        result,
        result.addresses(ranges=False),
        result.conservation(),
        result.gaps(),
        _labels(case, result),
        tuple(dict.fromkeys(zip(map(str, seeds["chain"]), map(str, seeds["address"]), strict=True))),
        (len(case.file.standing_conversions), len(case.file.standing_rulings)),
        {
            (str(chain), str(address)): Completeness(int(seen), whole(known), str(history))
            for chain, address, seen, known, history in case.completeness().itertuples(index=False)
        },
    )
    report("picture", len(shown.whole.nodes), len(shown.whole.nodes))
    return shown
