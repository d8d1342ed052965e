"""The clusters of one state of a case: every heuristic's links, what services and the analyst forbid, and the result.

A pure function of ledger, labels and the analyst's rulings; each part is computed on first use and kept. A link with
a service at one end is listed and unites nothing: a service holds the coin of everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from tracer.addresses import transaction_name
from tracer.chains.utxo_rows import transactions_of
from tracer.clusters.bitcoin import BitcoinLinks, bitcoin_links
from tracer.clusters.controllers import controller_links
from tracer.clusters.deposits import (
    Deposit,
    deposit_gaps,
    deposit_links,
    deposit_stops,
    find_deposits,
)
from tracer.clusters.history import History
from tracer.clusters.link import Link, account_of
from tracer.clusters.payments import Payments
from tracer.clusters.stars import regroup
from tracer.clusters.unionfind import Components, components
from tracer.labels import LabelBook, stop_code
from tracer.labels.book import HEURISTIC, SANCTIONED, inferred_name, party_name
from tracer.ledger import Ledger
from tracer.model import Gap, Label, LinkRuling, LinkVerdict, StopCode

__all__ = ["ANALYST", "Account", "Clusters"]

ANALYST = "analyst"
"""The rule of a link that the analyst made."""

Account = tuple[str, str]
"""(chain, canonical address)"""

_NOBODY = frozenset({"defi", "dex", "miner", "mining_pool", "token", "validator"})
"""Label categories of contracts and of payers to everybody (Victor 2020: miners): nobody's customer, nobody's own."""

_OF_OTHERS = frozenset({"broker", SANCTIONED, "theft"})
"""Label categories of wallets that somebody else is known to hold: no exchange's deposit address, whatever they did."""


@dataclass
class Clusters:
    """Inputs, and the clusters that follow from them.

    seeds, unread: accounts that are seeds, and those whose payments are not all known. decided: accounts of which the
    analyst says whether coin stops there. rulings: the analyst's standing word on links, in the order of giving.
    mixing: those of the decided accounts that are transactions (`tx:<txid>`) in which coin stops, as CoinJoins. codes:
    of contracts, the name of their code (`tracer.chains.evm_code`), as far as it is known.
    """

    ledger: Ledger
    book: LabelBook
    seeds: frozenset[Account]
    unread: frozenset[Account]
    decided: frozenset[Account]
    rulings: tuple[LinkRuling, ...]
    mixing: frozenset[Account] = frozenset()
    codes: Mapping[Account, str] = field(default_factory=dict)

    @cached_property
    def payments(self) -> Payments:
        """The payments that the heuristics read."""
        return Payments.of(self.ledger)

    @cached_property
    def services(self) -> Mapping[int, str]:
        """Address number -> the service, mixer or bridge that it is said to belong to."""
        found = {n: self.book.service(*self.ledger.addresses[n]) for n in self._labelled}
        return {n: who for n, who in found.items() if who}

    @cached_property
    def deposits(self) -> tuple[Deposit, ...]:
        """The deposit addresses of exchanges and other services that take customers' coin."""
        if not self.services:
            return ()
        number = self.ledger.address_number
        custodial = {n: who for n, who in self.services.items() if self._takes_deposits(n)}
        found = find_deposits(
            self.payments,
            custodial,
            barred=self._nobody,
            seeds=self._numbers(self.seeds) | self._of_others,
            unread=self._not_read,
            codes={number[account]: code for account, code in self.codes.items() if account in number},
        )
        return tuple(found)

    @cached_property
    def stops(self) -> dict[Account, str]:
        """Where coin stops because the address is a service's deposit address."""
        if not self.deposits:
            return {}
        found = deposit_stops(self.payments, self.deposits)
        return {account: code for account, code in found.items() if account not in self.decided}

    @property
    def gaps(self) -> list[Gap]:
        """The assumption behind each of these stops."""
        if not self.deposits:
            return []
        return deposit_gaps(self.payments, self.deposits, self._numbers(self.decided))

    @property
    def deposit_labels(self) -> list[Label]:
        """What these addresses are called: deposit addresses of the service that they forward to, by inference."""
        found = []
        for d in self.deposits:
            chain, address = self.ledger.addresses[d.address]
            forwarded = d.uses[0].forwarded
            owner = self.book.stop(*self.ledger.addresses[int(self.payments.payee[forwarded])])
            source = f"inferred (docs/clusters.md): it forwards to the service, as in {self.payments.hash(forwarded)}"
            if owner is not None and (chain, address) in self.stops:
                party = party_name(owner)
                found.append(
                    Label(
                        chain,
                        address,
                        inferred_name(party),
                        owner.category,
                        d.confidence,
                        source,
                        entity=party,
                        role="deposit",
                        source_type=HEURISTIC,
                    )
                )
        return found

    @cached_property
    def full_book(self) -> LabelBook:
        """`book`, and the deposit addresses by their service."""
        return self.book.plus(self.deposit_labels)

    @cached_property
    def found(self) -> Components:
        """The clusters, and every link."""
        return components([*self._computed, *self._made, *self._regrouped[0]], withdrawn=self.refused)

    @cached_property
    def refused(self) -> Mapping[Link, str]:
        """The links that unite nothing, and why: a guard, a service at one end, or the analyst's ruling."""
        number = self.ledger.address_number
        found = dict(self._bitcoin.refused)
        for link in [*self._computed, *self._made]:
            for end in (link.a, link.b):
                who = self.services.get(number.get(account_of(end), -1), "")
                if who:
                    found[link] = f"{end} belongs to {who}"
            for ruling in self.rulings:
                if ruling.verdict == LinkVerdict.REJECT and _concerns(ruling, link, self._made.get(link, 0)):
                    found[link] = f"ruling {ruling.number}: {ruling.reason}"
        return found | self._regrouped[1]

    @cached_property
    def _regrouped(self) -> tuple[list[Link], dict[Link, str]]:
        """Links made anew where a rejection took an address out of a group, and the links that it took out."""
        refused = self._bitcoin.refused
        return regroup([link for link in self._computed if link not in refused], self.rulings)

    @cached_property
    def _computed(self) -> tuple[Link, ...]:
        deposits = deposit_links(self.payments, self.deposits)
        barred = self._nobody | set(self.services) | {d.address for d in self.deposits}
        controllers = controller_links(self.payments, barred=barred, unread=self._not_read)
        return (*deposits, *controllers, *self._bitcoin.links, *self._bitcoin.refused)

    @cached_property
    def _bitcoin(self) -> BitcoinLinks:
        """The links of transactions with inputs and outputs."""
        if not self.ledger.utxo.any():
            return BitcoinLinks((), {})
        transactions = transactions_of(self.ledger.table.filter(pa.array(self.ledger.utxo)))
        nobody = {":".join(self.ledger.addresses[n]) for n in {*self.services, *self._nobody}}
        said = {
            is_mix: {name[3:] for _, name in accounts if name == transaction_name(name[3:])}
            for is_mix, accounts in ((True, self.mixing), (False, self.decided - self.mixing))
        }
        return bitcoin_links(History(transactions, said[True], said[False]), nobody)

    @cached_property
    def _made(self) -> dict[Link, int]:
        """The analyst's own links, with the number of the ruling."""
        return {
            Link(r.a, r.b, ANALYST, r.tx, r.confidence, r.reason): r.number
            for r in self.rulings
            if r.verdict == LinkVerdict.ACCEPT
        }

    @cached_property
    def _labelled(self) -> list[int]:
        known = {address for _, address in self.book.addresses}
        return (
            [n for n, (_, address) in enumerate(self.ledger.addresses) if address in known] if known else []
        )

    @cached_property
    def _nobody(self) -> set[int]:
        """Labelled addresses that are neither a deposit address nor a customer."""
        return {
            n
            for n in self._labelled
            if (n in self.services and not self._takes_deposits(n))
            or any(x.category.casefold() in _NOBODY for x in self.book.in_force(*self.ledger.addresses[n]))
        }

    @cached_property
    def _of_others(self) -> set[int]:
        """Addresses of thieves, of brokers, and on sanctions lists."""
        return {
            n
            for n in self._labelled
            if any(x.category.casefold() in _OF_OTHERS for x in self.book.in_force(*self.ledger.addresses[n]))
        }

    def _takes_deposits(self, number: int) -> bool:
        """Whether a service holds its customers' coin, as no mixer or bridge does."""
        label = self.book.stop(*self.ledger.addresses[number])
        return label is not None and stop_code(label) == StopCode.SERVICE

    @cached_property
    def _not_read(self) -> set[int]:
        partial = self.ledger.partial
        touched = {*self.ledger.sender[partial].tolist(), *self.ledger.recipient[partial].tolist()}
        return self._numbers(self.unread) | {n for n in touched if n >= 0}

    def _numbers(self, accounts: Iterable[Account]) -> set[int]:
        number = self.ledger.address_number
        return {number[account] for account in accounts if account in number}


def _concerns(ruling: LinkRuling, link: Link, made: int) -> bool:
    """Whether a rejection means the link: not one that the analyst made afterwards."""
    return (
        {ruling.a, ruling.b} == {link.a, link.b}
        and ruling.rule in {"", link.rule}
        and ruling.tx in {"", link.tx}
        and made < ruling.number
    )
