"""Which address to fetch next, and why the others are not: a pure function of one computed state of the case.

The key is the largest share of its theft that rests at an address, in units of the stolen asset, under the governing
rule (haircut if that is poison, which knows no shares). Ties: who got stolen coin earlier, then the address. So the
order depends on what was collected, never on which answer came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction

from tracer.collecting.budget import Budget
from tracer.model import Rule, StopCode
from tracer.taint.engine import Outcome
from tracer.taint.program import Program
from tracer.taint.tally import Tally

__all__ = ["Account", "Candidate", "candidates", "reason", "stop_codes"]

Account = tuple[str, str]
"""(CAIP-2 chain, canonical address)"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that holds stolen coin. first: UTC second of its first arrival, -1 if unknown. hop: from the seeds."""

    account: Account
    share: Fraction
    first: int
    hop: int

    @property
    def key(self) -> tuple[Fraction, int, Account]:
        """Sorts the most urgent first."""
        return -self.share, self.first, self.account


def governing(rule: Rule) -> Rule:
    """The rule that orders the frontier."""
    return Rule.HAIRCUT if rule is Rule.POISON else rule


def candidates(program: Program, outcome: Outcome, sums: Tally) -> list[Candidate]:
    """All addresses at which stolen coin rests under a conserving rule, most urgent first."""
    shares: dict[Account, dict[int, int]] = {}
    first: dict[Account, int] = {}
    hop: dict[Account, int] = {}
    for holding, split in enumerate(outcome.split):
        chain, address, _ = program.name(holding)
        if not split or not chain or program.pot[holding]:
            continue
        account = (chain, address)
        held = shares.setdefault(account, {})
        for origin, (_, source) in split.items():
            held[origin] = held.get(origin, 0) + source
        when = sums.first[holding]
        known = first.get(account, -1)
        first[account] = when if known < 0 else known if when < 0 else min(known, when)
        hop[account] = min(hop.get(account, int(program.hop[holding])), int(program.hop[holding]))
    found = [
        Candidate(
            account,
            max(Fraction(n, outcome.entered[o]) for o, n in held.items()),
            first[account],
            hop[account],
        )
        for account, held in shares.items()
        if any(held.values())
    ]
    return sorted(found, key=lambda c: c.key)


def reason(candidate: Candidate, budget: Budget) -> StopCode | None:
    """Why a candidate is not fetched at all under this budget; None: it is."""
    if budget.hops and candidate.hop > budget.hops:
        return StopCode.HORIZON
    if candidate.share * 1_000_000 < budget.least_ppm:
        return StopCode.DUST
    return None


def stop_codes(
    found: list[Candidate], fetched: AbstractSet[Account], budget: Budget, *, exhausted: bool
) -> Mapping[Account, StopCode]:
    """The code of every address that was not fetched: HORIZON, DUST, else BUDGET (`exhausted`) or PENDING."""
    rest = StopCode.BUDGET if exhausted else StopCode.PENDING
    return {c.account: reason(c, budget) or rest for c in found if c.account not in fetched}
