"""Who lives on the chain: people, an exchange, a merchant, an employer, a service, and users of JoinMarket."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.emulation.joinmarket import Participant, joiner
from tools.emulation.network import Network
from tools.emulation.wallet import Payment, Wallet

__all__ = ["Town", "any_sum", "round_sum", "settle"]

_TYPES = ("bech32", "p2sh-segwit", "legacy")
_NODES = ("legacy", "nested", "native", "careful", "upgraded")


@dataclass(frozen=True, slots=True)
class Town:
    """The wallets by their part. deposit: person's name -> its deposit address at the exchange."""

    miner: Wallet
    people: tuple[Wallet, ...]
    exchange: Wallet
    merchant: Wallet
    employer: Wallet
    service: Wallet
    joiners: dict[str, tuple[Participant, ...]]
    deposit: dict[str, str]

    @property
    def wallets(self) -> tuple[Wallet, ...]:
        """All of them."""
        joining = tuple(p.wallet for group in self.joiners.values() for p in group)
        services = (self.exchange, self.merchant, self.employer, self.service)
        return (self.miner, *self.people, *services, *joining)


def settle(network: Network, chance: random.Random, people: int) -> Town:
    """Make the wallets and give each its first coins, the exchange most."""
    miner = Wallet(network, "legacy", "miner")
    town = Town(
        miner,
        tuple(
            Wallet(
                network,
                _NODES[n % len(_NODES)],
                f"person {n}",
                kinds=chance.sample(_TYPES, 2) if n % 4 == 3 else (),
                offline=n % 4 == 2,
                names_rate=n % 3 == 1,
            )
            for n in range(people)
        ),
        Wallet(network, "native", "exchange", names_rate=True),
        Wallet(network, "nested", "merchant"),
        Wallet(network, "careful", "employer"),
        Wallet(network, "legacy", "service", offline=True),
        {
            kind: tuple(
                joiner(Wallet(network, kind, f"joiner {kind} {n}"), chance)
                for n in range(people // 2 + 3 if kind == "native" else people // 4 + 2)
            )
            for kind in ("native", "nested")
        },
        {},
    )
    network.begin(miner.address())
    grants: list[Payment] = [
        (town.exchange.address("hot"), chance.randrange(10**9, 10**10)) for _ in range(20)
    ]
    for wallet in (*town.people, town.merchant, *[town.employer] * 3, town.service):
        grants += [(wallet.address(), chance.randrange(10**7, 10**9)) for _ in range(4)]
    for group in town.joiners.values():
        for joining in group:
            grants += [(joining.wallet.address(str(n % 3)), chance.randrange(10**7, 10**9)) for n in range(5)]
    for first in range(0, len(grants), 50):
        miner.pay(grants[first : first + 50], "first coins", rate=10)
        network.mine(miner.addresses[0])
    return town


def round_sum(chance: random.Random, most: int) -> int:
    """A sum as people name it: 1, 2, 3 or 5 times a power of ten, or of two digits, up to `most` sat."""
    digits = len(str(most)) - 1
    unit = 10 ** chance.randrange(max(1, digits - 3), digits)
    return chance.choice([1, 2, 3, 5, chance.randrange(10, 100)]) * unit


def any_sum(chance: random.Random, most: int) -> int:
    """A sum of a rate of exchange: no round one."""
    return int(most * 10 ** -chance.uniform(0, 3))
