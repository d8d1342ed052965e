"""Signs that one party controls several addresses of an account chain: gas, sweeps, and identical series of payments.

On account chains no transaction shows common ownership, so each function here is circumstantial evidence with stated
conditions. None unites across a service, a contract that passes coin on, or an address with many counterparties; none
looks at an address whose history was not read; and nobody is linked by what others send him unasked. How often each
is wrong on planted histories is measured in docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from tracer.clusters.link import Link
from tracer.clusters.payments import Payments

__all__ = ["GAS_FUNDING", "SAME_SERIES", "SWEEP", "controller_links", "gas_funding", "same_series", "sweeps"]

GAS_FUNDING = "gas_funding"
SWEEP = "sweep"
SAME_SERIES = "same_series"

_DAY = 86_400
_PARTNERS = 50  # an address with more counterparties serves the public, whatever it is called
_TOP_UP = 10**17  # 0.1 of the chain's own coin: gas, and not the loot itself
_DUST = 10**14  # 0.0001 of the chain's own coin: less pays for no transaction
_GAS = 10**16  # what a sweep leaves behind to pay for itself, as in Victor 2020
_FEWEST = 3  # addresses of one controller that a sign needs
_SERIES = 4  # payments of a series; fewer are alike by chance
_JITTER = 12  # seconds: one block of Ethereum
_LONGEST = 1_000  # payments of a series; an address that pays more often is a service


@dataclass(frozen=True)
class Judged:
    """Payments, and of whom nothing may be concluded."""

    payments: Payments
    closed: frozenset[int]

    def is_private(self, address: int) -> bool:
        """Whether an address is known in full and does not serve the public."""
        return address not in self.closed and int(self.payments.partners[address]) <= _PARTNERS

    def link(self, a: int, b: int, rule: str, payment: int, confidence: int, note: str) -> Link:
        """A link that rests on a payment."""
        payments = self.payments
        return Link(payments.name(a), payments.name(b), rule, payments.hash(payment), confidence, note)


def controller_links(
    payments: Payments, *, barred: Collection[int] = (), unread: Collection[int] = ()
) -> list[Link]:
    """All links of this module. barred: services, mixers, bridges, miners. unread: not all payments are known."""
    judged = Judged(payments, frozenset(barred) | frozenset(unread))
    return [*gas_funding(judged), *sweeps(judged), *same_series(judged)]


def gas_funding(judged: Judged) -> Iterator[Link]:
    """Fresh addresses that got the coin they move from one source, and the gas to move it from one funder.

    Conditions, all of them: until the address first pays, its gas came from the funder alone (0.1 ETH at most; less
    than 0.0001 ETH is dust that anybody can send, and counts for nobody); it pays within a day of that; what it pays is
    more than the funder gave, or another asset; the funder never gave it more than gas; at least three such addresses
    whose other coin came first from one and the same address; funder, address and that source are private (no service,
    at most 50 counterparties, read). Confidence 65.

    Source: common funding and regular transfers give away the accounts of one operator, Liu and Zhu, "Fighting Sybils
    in Airdrops" (arXiv 2209.04603, 2022). The conditions are this project's own; without the common source the
    customers of a small gas service would be one party.
    """
    payments = judged.payments
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for address in sorted(set(payments.payee.tolist()) & set(payments.payer.tolist())):
        first = _first_gas(payments, address) if judged.is_private(address) else None
        if first is None:
            continue
        funder = int(payments.payer[first])
        others = (
            int(payments.payer[i]) for i in payments.by_payee.at(address).tolist() if _counts(payments, i)
        )
        source = next((payer for payer in others if payer != funder), None)
        if source is not None and _moves_other_coin(payments, address, funder):
            found.setdefault((funder, source), []).append((address, first))
    for (funder, source), funded in sorted(found.items()):
        if len(funded) >= _FEWEST and judged.is_private(funder) and judged.is_private(source):
            note = f"first gas of {len(funded)} addresses that move coin from {payments.name(source)}"
            for address, first in funded:
                yield judged.link(funder, address, GAS_FUNDING, first, 65, note)


def _counts(payments: Payments, payment: int) -> bool:
    """Whether a payment is more than dust."""
    return payments.amount[payment] >= _DUST or not payments.native[payment]


def _first_gas(payments: Payments, address: int) -> int | None:
    """The payment that gave an address its first gas, if all that it had when it first paid came from there."""
    start = int(payments.by_payer.at(address)[0])
    before = [
        i
        for i in payments.by_payee.at(address).tolist()
        if payments.native[i] and payments.row[i] < payments.row[start] and _counts(payments, i)
    ]
    if not before or len({int(payments.payer[i]) for i in before}) > 1:
        return None
    first: int = before[0]
    known = payments.time[first] >= 0 and payments.time[start] >= 0
    if not known or payments.time[start] - payments.time[first] > _DAY or payments.passed_on[first]:
        return None
    return first


def _moves_other_coin(payments: Payments, address: int, funder: int) -> bool:
    """Whether what an address pays cannot be the coin of its funder, who gave it gas and nothing else."""
    given = [i for i in payments.by_payee.at(address).tolist() if int(payments.payer[i]) == funder]
    if any(not payments.native[i] for i in given) or max(payments.amount[i] for i in given) > _TOP_UP:
        return False
    paid = [i for i in payments.by_payer.at(address).tolist() if int(payments.payee[i]) != funder]
    if any(not payments.native[i] for i in paid):
        return True
    return bool(sum(payments.amount[i] for i in paid) > sum(payments.amount[i] for i in given))


def sweeps(judged: Judged) -> Iterator[Link]:
    """Addresses that got coin from one source and are emptied into one collector, one after the other.

    Conditions, all of them: each payment leaves at most 0.01 ETH (nothing of a token) and is at least half of what the
    address ever got of the asset; at least three addresses, each within a day of the one before, that got the asset
    first from one and the same address; source, collector and addresses are private (no service, at most 50
    counterparties, read) and no contract that passes the coin on. Confidence 60.

    Source: spread and gathered again is a known pattern of laundering ("scatter-gather": Altman et al., "Realistic
    Synthetic Financial Transactions for Anti-Money Laundering Models", NeurIPS 2023). As a rule for ownership the
    conditions are this project's own; without the common source a small service that nobody labelled, or a merchant,
    would be taken for the collector.
    """
    payments = judged.payments
    emptied_by = _Emptied(payments)
    groups: dict[tuple[int, int, int], list[int]] = {}
    for i in np.flatnonzero(_may_empty(judged)).tolist():
        if emptied_by(i):
            key = int(payments.payee[i]), int(payments.asset[i]), emptied_by.source(i)
            groups.setdefault(key, []).append(i)
    for (collector, _, source), emptied in sorted(groups.items()):
        for run in _runs(payments, emptied) if source != collector and judged.is_private(source) else ():
            if len({int(payments.payer[i]) for i in run}) >= _FEWEST:
                note = f"one of {len(run)} payments that emptied addresses funded by {payments.name(source)}"
                for i in run:
                    yield judged.link(int(payments.payer[i]), collector, SWEEP, i, 60, note)


def _may_empty(judged: Judged) -> np.ndarray:
    """By payment: False where it is no sweep for a reason that a whole column shows at once."""
    payments = judged.payments
    private = payments.partners <= _PARTNERS
    private[list(judged.closed)] = False
    # in floating point, with a margin: the exact comparison follows for what is left
    amount = np.array(payments.amount, dtype=np.float64)
    width = len(payments.ledger.assets)
    received = np.zeros(len(payments.ledger.addresses) * width)
    np.add.at(received, payments.payee * width + payments.asset, amount)
    most = 2.001 * amount >= received[payments.payer * width + payments.asset]
    result: np.ndarray = private[payments.payer] & private[payments.payee] & ~payments.passed_on & most
    return result


class _Emptied:
    """Whether a payment leaves (almost) nothing with the payer, who had not spent most of it before."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self._known: dict[tuple[int, int], tuple[dict[int, int], list[int]]] = {}

    def _history(self, payment: int) -> tuple[dict[int, int], list[int]]:
        """The payer's balances of the asset, and the payments that brought it."""
        payments = self._payments
        key = payer, asset = int(payments.payer[payment]), int(payments.asset[payment])
        if key not in self._known:
            got = [i for i in payments.by_payee.at(payer).tolist() if payments.asset[i] == asset]
            self._known[key] = payments.balances(payer, asset), got
        return self._known[key]

    def __call__(self, payment: int) -> bool:
        payments = self._payments
        balances, got = self._history(payment)
        received = sum(payments.amount[i] for i in got)
        floor = _GAS if payments.native[payment] else 0
        amount = payments.amount[payment]
        return balances[int(payments.row[payment])] <= floor < amount and 2 * amount >= received > 0

    def source(self, payment: int) -> int:
        """Who first paid the asset to the payer of an emptying payment."""
        return int(self._payments.payer[self._history(payment)[1][0]])


def _runs(payments: Payments, among: list[int]) -> Iterator[list[int]]:
    """Payments in order of time, cut where one is more than a day after the one before."""
    run: list[int] = []
    for i in sorted((i for i in among if payments.time[i] >= 0), key=lambda i: (payments.time[i], i)):
        if run and payments.time[i] - payments.time[run[-1]] > _DAY:
            yield run
            run = []
        run.append(i)
    if run:
        yield run


def same_series(judged: Judged) -> Iterator[Link]:
    """Addresses whose payments are the same series: equal amounts in equal order at equal intervals.

    Conditions, all of them: four payments or more, of three different amounts or more; the whole series of either
    address agrees, each interval to within 12 seconds; both are private (no service, at most 50 counterparties, read).
    Confidence 50.

    Source: one script pays for all addresses of an operator, so their activities agree, Liu and Zhu, "Fighting Sybils
    in Airdrops" (arXiv 2209.04603, 2022). The conditions are this project's own.
    """
    payments = judged.payments
    alike: dict[tuple[object, ...], list[int]] = {}
    for address in sorted(set(payments.payer.tolist())):
        out = payments.by_payer.at(address).tolist()
        amounts = [payments.amount[i] for i in out]
        timed = all(payments.time[i] >= 0 for i in out)
        if _SERIES <= len(out) <= _LONGEST and len(set(amounts)) >= _FEWEST and timed:
            chain = payments.ledger.addresses[address][0]
            key = (chain, *zip(payments.asset[out].tolist(), amounts, strict=True))
            alike.setdefault(key, []).append(address)
    for group in alike.values():
        linked: list[int] = []
        for address in group if len(group) > 1 else ():
            if judged.is_private(address):
                # the first with the same intervals: one link each, not one for every pair
                twin = next((x for x in linked if _same_intervals(payments, x, address)), None)
                if twin is not None:
                    first = int(payments.by_payer.at(address)[0])
                    note = f"the same {len(payments.by_payer.at(address))} amounts at the same intervals"
                    yield judged.link(twin, address, SAME_SERIES, first, 50, note)
                linked.append(address)


def _same_intervals(payments: Payments, a: int, b: int) -> bool:
    ours, theirs = (payments.time[payments.by_payer.at(x)] for x in (a, b))
    return bool((abs((ours[1:] - ours[:-1]) - (theirs[1:] - theirs[:-1])) <= _JITTER).all())
