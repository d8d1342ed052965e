"""Which address to fetch next, and why the others are not: a pure function of one computed state of the case.

Forward, the key is the largest share of its theft that rests at an address, in units of the stolen asset, under the
governing rule (haircut if that is poison, which knows no shares). Ties: who got stolen coin earlier, then the address.

Backward, it is the largest share of everything that a target ever got (in units of the target's asset) that the
address may have supplied: the most that any conserving rule says, of coin that can have come there in the order of
time. Ties: who paid earlier, then the address. An address on the way that was read forward only comes first: then the
transactions in which it was merely paid say who paid in the end.

So the order depends on what was collected, never on which answer came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction

from tracer.collecting.budget import Budget
from tracer.errors import InputError
from tracer.model import Rule, StopCode
from tracer.store.caserecords import CaseFile
from tracer.taint.engine import Outcome
from tracer.taint.origins import InflowKind, Supply
from tracer.taint.program import Program
from tracer.taint.tally import Tally

__all__ = [
    "Account",
    "Candidate",
    "candidates",
    "governing",
    "payers",
    "reason",
    "starting_points",
    "stop_codes",
]

Account = tuple[str, str]
"""(CAIP-2 chain, canonical address)"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that holds stolen coin, or may have supplied a target.

    first: UTC second of its first arrival (or payment), -1 if unknown. hop: from the seeds (or to the target). units:
    by chain and asset, in smallest units of the stolen asset (or of the target's).
    """

    account: Account
    share: Fraction
    first: int
    hop: int
    units: Mapping[tuple[str, str], int] = field(default_factory=dict)

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
        if not split or not chain or program.pot[holding] or address.startswith("tx:"):
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
            _by_asset(program, held),
        )
        for account, held in shares.items()
        if any(held.values())
    ]
    return sorted(found, key=lambda c: c.key)


def _by_asset(program: Program, held: Mapping[int, int]) -> dict[tuple[str, str], int]:
    """Stolen coin by the asset in which it was stolen; thefts of one asset together."""
    units: dict[tuple[str, str], int] = {}
    for origin, source in held.items():
        asset = program.assets[program.origins[origin].asset]
        units[asset.chain, asset.ref] = units.get((asset.chain, asset.ref), 0) + source
    return units


def payers(
    supplies: Iterable[Supply],
    times: Sequence[int],
    unseen: AbstractSet[Account],
    shallow: AbstractSet[Account],
) -> list[Candidate]:
    """The addresses to read next when coin is traced back, most urgent first.

    supplies: of everything that each target ever got, one per holding. times: UTC seconds by transaction ordinal.
    unseen: accounts whose history was not read; shallow: those of which transactions that only pay them were not read
    in full.
    """
    share: dict[Account, Fraction] = {}
    first: dict[Account, int] = {}
    hop: dict[Account, int] = {}
    units: dict[Account, dict[tuple[str, str], int]] = {}

    def note(account: Account, part: Fraction, when: int, hops: int) -> None:
        share[account] = max(share.get(account, Fraction(0)), part)
        known = first.get(account, -1)
        first[account] = when if known < 0 else known if when < 0 else min(known, when)
        hop[account] = min(hop.get(account, hops), hops)

    for supply in supplies:
        chain, _, asset = supply.program.name(supply.target)
        for number, inflow in enumerate(supply.inflows):
            account = supply.program.addresses[inflow.address]
            if account in unseen and inflow.kind in {InflowKind.UNREAD, InflowKind.OPENING}:
                most, at = supply.most(number), supply.first[number]
                note(account, Fraction(most, supply.total), times[at] if at >= 0 else -1, supply.hops[number])
                mine = units.setdefault(account, {})
                mine[chain, asset.ref] = mine.get((chain, asset.ref), 0) + most
        for address, hops in supply.way.items():
            account = supply.program.addresses[address]
            if account in shallow:
                note(account, Fraction(1), -1, hops)
                units.setdefault(account, {})[chain, asset.ref] = supply.total
    found = [Candidate(a, share[a], first[a], hop[a], units[a]) for a in share]
    return sorted((c for c in found if c.share), key=lambda c: c.key)


def reason(candidate: Candidate, budget: Budget) -> StopCode | None:
    """Why a candidate is not fetched at all under this budget; None: it is."""
    if budget.hops and candidate.hop > budget.hops:
        return StopCode.HORIZON
    if candidate.share * 1_000_000 < budget.least_ppm:
        return StopCode.DUST
    if candidate.units and all(units < budget.least_of(*asset) for asset, units in candidate.units.items()):
        return StopCode.DUST
    return None


def stop_codes(
    found: list[Candidate], fetched: AbstractSet[Account], budget: Budget, *, exhausted: bool
) -> Mapping[Account, StopCode]:
    """The code of every address that was not fetched: HORIZON, DUST, else BUDGET (`exhausted`) or PENDING."""
    rest = StopCode.BUDGET if exhausted else StopCode.PENDING
    return {c.account: reason(c, budget) or rest for c in found if c.account not in fetched}


def starting_points(file: CaseFile, *, backward: bool) -> list[Account]:
    """Where a collection begins: the seeds; backward the targets, or the seeds where none is named.

    Raises InputError if there are none.
    """
    found = {(s.chain, s.address) for s in file.seeds}
    if backward:
        found = {(t.chain, t.address) for t in file.targets} or found
    if not found and backward:
        raise InputError("The case has nothing to trace back.", "Name an address: --target ADDRESS.")
    if not found:
        raise InputError("The case has no seed to start from.", "Add one: tracer seed add CASE ADDRESS.")
    return sorted(found)
