"""Deposit addresses of exchanges: whose customer paid which of them, and where stolen coin is in an exchange's hands.

An exchange gives each customer an address of his own and forwards what arrives there to its main wallet. So an
address that forwards what it just got to a wallet of a service is a deposit address, and whoever paid it is its
customer: F. Victor, "Address Clustering Heuristics for Ethereum" (Financial Cryptography 2020), the rule by which most
of the 340,000 entities of that study were found. The window is the paper's 3,200 blocks; the author's later code uses
10,000. What is forwarded may be less than what came by the gas, at most 0.01 ETH; a token is forwarded whole.

The paper's rule also takes a personal wallet that forwards once for a deposit address, and a payer for many for one
customer. Guards: the address forwards to one service, is never paid by it, is no service and no seed, does not split
what it gets, keeps nothing (`tracer.clusters.forwarding`), and either forwards twice or pays nobody else. Payers that
look like shared custodians, and deposit addresses that many pay (a merchant's), link nobody. These guards are this
project's own: their measured effect is in docs/accuracy.md. The service is never part of a cluster.

Where the code of contracts is known, those of one code that do nothing but forward are the service's
(`tracer.clusters.same_code`), and a Safe is the wallet of its owners, never a deposit address. That several pay in one
transaction says nothing where a bundler of ERC-4337 signed it, who puts payments of many persons into one, nor of
contracts of a code that persons use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tracer.amounts import decimal_text
from tracer.clusters.forwarding import kept
from tracer.clusters.link import Link
from tracer.clusters.payments import Payments
from tracer.clusters.same_code import Alike, Contracts
from tracer.model import Gap, StopCode

__all__ = [
    "BLOCKS",
    "BLOCKS_LATER",
    "GAS",
    "RULE",
    "Deposit",
    "Use",
    "deposit_gaps",
    "deposit_links",
    "deposit_stops",
    "find_deposits",
]

RULE = "deposit_address"

BLOCKS = 3_200
"""Window between being paid and forwarding: Victor 2020."""

BLOCKS_LATER = 10_000
"""The window of the author's later code; what was not forwarded by then is taken to be kept."""

GAS = 10**16
"""The chain's own coin may lose this much on the way, in wei: Victor 2020 (0.01 ETH)."""

_CUSTOMERS = 10  # a deposit address that more pay is a merchant's or a broker's: its payers are strangers
_ACCOUNTS = 3  # a payer to more deposit addresses of one service pays for others
_SURE = {"forwarder": 90, "repeated": 80, "once": 60, "pending": 40, "other": 40}
_STOPS = 50  # as with labels: below this an opinion stops nothing


@dataclass(frozen=True, slots=True)
class Use:
    """One payment of a customer (address number, -1 if none is named) and its forwarding: places in `Payments`."""

    user: int
    paid: int
    forwarded: int


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit address. address: number. uses: in the order of forwarding, at least one. confidence: 0 to 100.

    pending: (ledger row, units) that came and were not forwarded yet when the history ends. alike: others of its code
    that forward as it does.
    """

    address: int
    service: str
    uses: tuple[Use, ...]
    confidence: int
    pending: tuple[tuple[int, int], ...] = ()
    alike: Alike | None = None


def find_deposits(
    payments: Payments,
    services: Mapping[int, str],
    *,
    barred: Collection[int] = (),
    seeds: Collection[int] = (),
    unread: Collection[int] = (),
    codes: Mapping[int, str] | None = None,
    blocks: int = BLOCKS,
    gas: int = GAS,
) -> list[Deposit]:
    """The deposit addresses of services, by address number.

    services: address number -> name of the service whose wallet it is. barred: other addresses that are nobody's own
    (mixers, bridges, miners): neither deposit address nor customer. seeds: others that are no deposit address. unread:
    addresses of which not all payments are known, so no guard can be checked. codes: address number -> name of the
    contract's code, where it is known. blocks, gas: see `BLOCKS`, `GAS`.
    """
    contracts = Contracts(payments, services, codes or {})
    known = np.zeros(len(payments.ledger.addresses), dtype=bool)
    known[list(services)] = True
    senders = np.unique(payments.payer[known[payments.payee]]).tolist()
    nobody = {*services, *barred}
    excluded = {*nobody, *seeds, *unread}
    together = _swept_together(payments, known)
    found = []
    for address in senders:
        if address not in excluded and not contracts.is_safe(address):
            made = _judge(payments, contracts, address, together, blocks, gas)
            if made is not None:
                found.append(made)
    forwards = {d.address: [(use.paid, use.forwarded) for use in d.uses] for d in found}
    same = contracts.alike(forwards, seeds)
    return [_with_customers(_as_forwarder(d, same.get(d.address)), nobody, payments) for d in found]


def _as_forwarder(deposit: Deposit, same: Alike | None) -> Deposit:
    return deposit if same is None else replace(deposit, confidence=_SURE["forwarder"], alike=same)


def _judge(
    payments: Payments,
    contracts: Contracts,
    address: int,
    together: np.ndarray,
    blocks: int,
    gas: int,
) -> Deposit | None:
    """The guards, then the match of every forwarding."""
    services = contracts.services
    out, into = payments.by_payer.at(address), payments.by_payee.at(address)
    forwards = [i for i in out.tolist() if int(payments.payee[i]) in services]
    names = {services[int(payments.payee[i])] for i in forwards}
    others = payments.payees_of(address).difference(services)
    payers = payments.payers_of(address)
    if len(names) != 1 or len(others) > 1 or (others and len(forwards) < 2):
        return None
    service = names.pop()
    if any(services.get(payer) == service for payer in payers):
        return None
    uses = tuple(_uses(payments, into.tolist(), forwards, blocks, gas))
    if not uses:
        return None
    rest = kept(payments, address, services, blocks=max(blocks, BLOCKS_LATER), gas=gas)
    if rest.held:
        return None
    at_once = sum(
        payments.tx[u.paid] == payments.tx[u.forwarded] and not payments.bundled[u.paid] for u in uses
    )
    if others:
        how = "other"
    elif rest.pending and sum(payments.row[u.forwarded] < rest.pending[0][0] for u in uses) < 2:
        how = "pending"  # it may keep what it has now, or have kept it while it forwarded other coin
    elif (at_once > 1 or any(together[u.forwarded] for u in uses)) and not contracts.may_be_anybodys(address):
        how = "forwarder"  # only a contract, or the service's own sweep of many, can do that
    else:
        how = "repeated" if len(uses) > 1 else "once"
    return Deposit(address, service, uses, _SURE[how], rest.pending)


def _uses(
    payments: Payments, into: Sequence[int], forwards: Sequence[int], blocks: int, gas: int
) -> Iterator[Use]:
    """For each forwarding, the latest earlier payment that it can be; each payment explains one forwarding."""
    waiting: dict[int, list[int]] = {}
    events = sorted([*into, *forwards], key=lambda i: int(payments.row[i]))
    forwarding = set(forwards)
    for event in events:
        asset = int(payments.asset[event])
        if event not in forwarding:
            waiting.setdefault(asset, []).append(event)
            continue
        amount, native = payments.amount[event], bool(payments.native[event])
        if native and amount <= gas:
            continue  # any two small amounts would match
        before = waiting.get(asset, [])
        for place in range(len(before) - 1, -1, -1):
            paid = before[place]
            if not payments.within(paid, event, blocks):
                break
            if 0 <= payments.amount[paid] - amount <= (gas if native else 0):
                del before[place]
                yield Use(int(payments.payer[paid]), paid, event)
                break


def _swept_together(payments: Payments, service: np.ndarray) -> np.ndarray:
    """By payment: True where several addresses pay services in one transaction, which only the service can order."""
    at = np.flatnonzero(
        service[payments.payee] & ~service[payments.payer] & ~payments.passed_on & ~payments.bundled
    )
    pairs = np.unique(np.stack([payments.tx[at], payments.payer[at]], axis=1), axis=0)
    ordinals, counts = np.unique(pairs[:, 0], return_counts=True)
    result = np.zeros(len(payments.row), dtype=bool)
    result[at] = np.isin(payments.tx[at], ordinals[counts > 1])
    return result


def _with_customers(deposit: Deposit, nobody: Collection[int], payments: Payments) -> Deposit:
    """The same with -1 as user where the payer is no customer: a service, or a contract that only passes coin on."""
    uses = tuple(
        Use(-1 if u.user in nobody or payments.passed_on[u.paid] else u.user, u.paid, u.forwarded)
        for u in deposit.uses
    )
    return replace(deposit, uses=uses)


def deposit_links(payments: Payments, deposits: Sequence[Deposit]) -> list[Link]:
    """A link from each customer to the deposit address, one per payment.

    None where the payer has more deposit addresses at one service than a customer has (a custodian, an exchange that
    nobody labelled), and none where more pay the address than one customer's wallets do.
    """
    accounts: dict[tuple[int, str], set[int]] = {}
    for deposit in deposits:
        for use in deposit.uses:
            accounts.setdefault((use.user, deposit.service), set()).add(deposit.address)
    links = []
    for deposit in deposits:
        if len(payments.payers_of(deposit.address)) > _CUSTOMERS:
            continue
        for use in deposit.uses:
            if use.user >= 0 and len(accounts[use.user, deposit.service]) <= _ACCOUNTS:
                note = f"forwarded to {deposit.service} in {payments.hash(use.forwarded)}"
                note += f"; {deposit.alike.text(payments)}" if deposit.alike else ""
                names = payments.name(use.user), payments.name(deposit.address)
                links.append(Link(*names, RULE, payments.hash(use.paid), deposit.confidence, note))
    return links


def deposit_stops(payments: Payments, deposits: Sequence[Deposit]) -> dict[tuple[str, str], str]:
    """(chain, address) -> DEPOSIT for the addresses that coin does not leave but into the service's hands."""
    return {
        payments.ledger.addresses[d.address]: StopCode.DEPOSIT.value
        for d in deposits
        if d.confidence >= _STOPS
    }


def deposit_gaps(payments: Payments, deposits: Sequence[Deposit], decided: Collection[int]) -> list[Gap]:
    """One assumption per address that is taken for a deposit address, with its evidence.

    decided: the addresses (by number) of which the analyst says whether coin stops there.
    """
    found = []
    for d in deposits:
        if d.confidence < _STOPS or d.address in decided:
            continue
        chain, address = payments.ledger.addresses[d.address]
        use = d.uses[0]
        count = f"{len(d.uses):,} payment{'' if len(d.uses) == 1 else 's'}"
        same = f"; {d.alike.text(payments)}" if d.alike else ""
        message = (
            f"Taken for a deposit address of {d.service} (confidence {d.confidence}): it forwarded {count} whole, first"
            f" {payments.hash(use.paid)} in {payments.hash(use.forwarded)}, and paid nobody else{same}. Coin stops"
            f" there; to let it go on: tracer stop CASE ADDRESS none.{_pending(payments, d)}"
        )
        evidence = payments.hash(use.forwarded)
        found.append(Gap("deposit_address", message, chain, address, tx=evidence, status="assumption"))
    return found


def _pending(payments: Payments, deposit: Deposit) -> str:
    """What came last and was not forwarded when the history ends, as a sentence."""
    ledger = payments.ledger
    parts = []
    for row, units in deposit.pending:
        asset = ledger.assets[int(ledger.asset[row])]
        amount = decimal_text(units, asset.decimals) or f"{units} smallest units"
        parts.append(f"{amount} of {asset.ref} (came in {ledger.tx_hash[row]})")
    return f" Not forwarded yet when the history ends: {', '.join(parts)}." if parts else ""
