"""Contracts of one code that do nothing but forward to one service: its deposit addresses by what they are.

Services make a contract per customer in one factory, of one code: bitbank's published deposit contracts, or BitGo's
forwarders, which are minimal proxies (EIP-1167). Such a contract forwards when it is paid, or when the service's own
account tells it to. That two contracts have the same code proves less than it seems, because wallets come from
factories as well (Safe; BitGo's wallets and thirdweb's accounts of ERC-4337, which are minimal proxies too), and two
persons may pay one exchange. So equal code counts only with what wallets of several persons do not do together:

- the code alone settles what the contract does (`tracer.chains.evm_code`): no Safe, no proxy whose storage or
  caller says whose code it runs, no account that lends itself code (EIP-7702);
- every known contract of that code, also those not wholly read, pays wallets of one and the same service and nobody
  else: of persons, some pay somebody else, or another exchange;
- of those that pass every other guard of `tracer.clusters.deposits`, three or more were forwarded by one hand: each in
  the transaction that paid it, which no owner signed, or each by one signer who paid none of that code, has no coin
  from a payer of them or a thief, and is no bundler of ERC-4337. Persons sign with keys of their own; who moves coin
  through contracts of his own pays them himself, and gives the key that drives them its gas.

What remains: wallets that are minimal proxies, served by one relayer, of which the case knows payments to one exchange
only; and somebody who drives copies of one program with a key whose gas the case does not trace to him. These
conditions are this project's own; docs/accuracy.md has what they do on planted histories. Sources, on GitHub:
bitbankinc/exchangeDepositContract, BitGo/eth-multisig-v4, thirdweb-dev/contracts; EIP-1167, EIP-7702, ERC-4337.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tracer.chains.evm_code import CodeKind, kind_of
from tracer.clusters.payments import Payments

__all__ = ["Alike", "Contracts", "Forwards"]

_FEW = 3
"""Contracts that one hand forwards, at least."""

_HOPS = 3
"""Payments between a thief and the key that his coin gives gas to, at most: further back everybody is connected."""

_SETTLED = frozenset({CodeKind.CLONE, CodeKind.SETTLED})

Forwards = Mapping[int, Sequence[tuple[int, int]]]
"""Address number of what passes as a deposit address -> (payment in, payment out) that belong together: places in
`Payments`."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A contract with others of its code. code: its name. others: how many the same hand forwarded. hand: the number of
    the address that signed for it, -1 where each was forwarded in the transaction that paid it.
    """

    code: str
    others: int
    hand: int

    def text(self, payments: Payments) -> str:
        """The evidence in words."""
        kind, _, value = self.code.partition(":")
        code = f"a minimal proxy of {value}" if kind == CodeKind.CLONE else f"sha256 {value}"
        how = (
            "each in the transaction that paid it"
            if self.hand < 0
            else f"all by the signature of {payments.ledger.addresses[self.hand][1]}, who paid none of them"
        )
        return f"its code ({code}) is that of {self.others} other contracts that only forward there, {how}"


@dataclass
class Contracts:
    """The contracts of a ledger whose code is known.

    services: address number -> name of the service whose wallet it is. codes: address number -> name of its code.
    """

    payments: Payments
    services: Mapping[int, str]
    codes: Mapping[int, str]

    @cached_property
    def _families(self) -> dict[str, list[int]]:
        """Code -> the contracts that have it, services' wallets left out."""
        found: dict[str, list[int]] = {}
        for address, code in sorted(self.codes.items()):
            if address not in self.services:
                found.setdefault(code, []).append(address)
        return found

    @cached_property
    def _paid(self) -> dict[str, set[str]]:
        """Code -> the services that contracts of it ever paid; "" stands for everybody else."""
        return {
            code: {
                self.services.get(payee, "")
                for address in family
                for payee in self.payments.payees_of(address)
            }
            for code, family in self._families.items()
        }

    def is_safe(self, address: int) -> bool:
        """Whether it is a Safe, the wallet of its owners."""
        return kind_of(self.codes.get(address, "")) == CodeKind.SAFE

    def may_be_anybodys(self, address: int) -> bool:
        """Whether contracts of its code serve persons: one of them pays somebody who is no service."""
        return "" in self._paid.get(self.codes.get(address, ""), ())

    def alike(self, forwards: Forwards, strangers: Collection[int]) -> dict[int, Alike]:
        """The contracts of `forwards` that forward like others of their code, by address number.

        strangers: addresses that sign for no service (seeds, thieves).
        """
        found: dict[int, Alike] = {}
        for code, family in self._families.items():
            if kind_of(code) not in _SETTLED or len(self._paid[code]) != 1:
                continue
            members = [address for address in family if address in forwards]
            own = {payer for address in family for payer in self.payments.payers_of(address)}
            for hand, moved in sorted(_by_hand(self.payments, forwards, members).items()):
                if len(moved) < _FEW or not self._behind(hand).isdisjoint(own.union(strangers)):
                    continue
                for address in moved:
                    if address not in found or found[address].others < len(moved) - 1:
                        found[address] = Alike(code, len(moved) - 1, hand)
        return found

    def _behind(self, hand: int) -> set[int]:
        """A signer (-1: nobody) and whoever gave it coin, also through others; a service's coin is anybody's."""
        found = {hand} - {-1}
        last = found
        for _ in range(_HOPS):
            payers = {payer for one in last for payer in self.payments.payers_of(one)}
            last = payers.difference(found, self.services)
            found = found | last
        return found


def _by_hand(payments: Payments, forwards: Forwards, members: Sequence[int]) -> dict[int, list[int]]:
    """Who forwarded which contracts; -1 is nobody: it happened as they were paid."""
    found: dict[int, list[int]] = {}
    for address in members:
        pairs = forwards[address]
        hands = {
            -1 if payments.tx[paid] == payments.tx[out] else payments.signer.get(int(payments.tx[out]))
            for paid, out in pairs
            if not payments.bundled[out]
        }
        for hand in hands:
            if hand is not None:
                found.setdefault(hand, []).append(address)
    return found
