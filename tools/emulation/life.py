"""What happens: acts drawn by chance, in shares that a plan gives, until so many transactions are made.

An act that its wallet cannot afford is left out. Coins, change and its place are the node's choice, which no seed
reaches: the same seed gives the same plan and not the same chain.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.litecoin_node import RpcError
from tools.emulation import payouts
from tools.emulation.joinmarket import coinjoin
from tools.emulation.joint import escrow, payjoin, plain_coinjoin, trade
from tools.emulation.network import Network
from tools.emulation.plan import PLANS
from tools.emulation.town import Town, any_sum, round_sum
from tools.emulation.wallet import Wallet

__all__ = ["Life"]


@dataclass
class Life:
    """The acts. Each method makes one transaction, or returns None if its wallets cannot."""

    network: Network
    town: Town
    chance: random.Random

    def run(self, plan: str, transactions: int, told: Callable[[int], None] = lambda _: None) -> None:
        """Act until so many transactions are made, first coins left aside. Raises KeyError for an unknown plan."""
        acts: dict[str, Callable[[], str | None]] = {
            name: getattr(self, name.replace(" ", "_")) for name in PLANS[plan]
        }
        names, shares = [*acts], [*PLANS[plan].values()]
        made, waiting = 0, 0
        while made < transactions:
            (name,) = self.chance.choices(names, shares)
            try:
                done = acts[name]() is not None
            except RpcError as error:  # without the coins for it, or with too many unconfirmed ones behind it
                if not any(word in str(error) for word in _CANNOT):
                    raise
                done = False
            made += done
            waiting += done
            if waiting >= self.chance.randrange(4, 14) or not done:
                self.network.mine(self.town.miner.addresses[0], self.chance.randrange(60, 1800))
                waiting = 0
                told(made)

    # people

    def payment(self) -> str | None:
        """One person pays another, the merchant, or a user of JoinMarket; some raise the fee afterwards."""
        payer = self.chance.choice(self.town.people)
        sat = self._sum(payer.balance() // 3)
        if sat < 10_000:
            return None
        rate = self._rate()
        paid = payer.pay(
            [(self._payee(payer), sat)],
            "payment",
            rate=rate,
            replaceable=self.chance.choice([*[None] * 18, True, False]),
            subtract=self.chance.random() < 0.08,
        )
        if self.chance.random() < 0.1:
            try:
                return payer.bump(paid, rate + 20)
            except RpcError as error:
                if not any(word in str(error) for word in _NOT_RAISED):
                    raise
        return paid

    def several_payments(self) -> str | None:
        """One person pays several at once."""
        payer = self.chance.choice(self.town.people)
        count = self.chance.randrange(2, 6)
        sums = [self._sum(payer.balance() // (2 * count)) for _ in range(count)]
        if min(sums) < 10_000:
            return None
        payees = {self._payee(payer): sat for sat in sums}
        return payer.pay([*payees.items()], "several payments", rate=self._rate())

    def everything(self) -> str | None:
        """A person sends all there is to the exchange, or to another wallet."""
        payer = self.chance.choice(self.town.people)
        payee = self._deposit(payer) if self.chance.random() < 0.6 else self._payee(payer)
        sat = payer.balance()
        if sat < 10_000:
            return None
        return payer.pay([(payee, sat)], "everything", rate=self._rate(), subtract=True)

    def gathering(self) -> str | None:
        """A wallet puts its smallest coins together, at an address of its own."""
        wallet = self.chance.choice([*self.town.people, self.town.merchant])
        coins = wallet.coins(confirmed=True)[-self.chance.randrange(3, 9) :]
        total = sum(coin.sat for coin in coins)
        if len(coins) < 3 or total < 100_000:
            return None
        return wallet.build(
            coins,
            [(wallet.address(), total)],
            "gathering",
            rate=self.chance.randrange(1, 8),
            subtractFeeFromOutputs=[0],
        )

    def deposit(self) -> str | None:
        """A person, the merchant or a user of JoinMarket pays in at the exchange, mostly at the same address."""
        payer = self.chance.choice([*self.town.people, self.town.merchant])
        sat = self._sum(payer.balance() // 2)
        if sat < 10_000:
            return None
        return payer.pay([(self._deposit(payer), sat)], "deposit", rate=self._rate())

    def purchase(self) -> str | None:
        """The merchant is paid, at a new address."""
        payer = self.chance.choice(self.town.people)
        sat = self._sum(min(payer.balance() // 4, 2 * 10**7))
        if sat < 10_000:
            return None
        return payer.pay([(self.town.merchant.address(), sat)], "purchase", rate=self._rate())

    def service(self) -> str | None:
        """A stake at the service, which has one address, or its payout from there with the change to it."""
        service = self.town.service
        at = service.addresses[0]
        player = self.chance.choice(self.town.people)
        sat = round_sum(self.chance, 10**7)
        if self.chance.random() < 0.5:
            return player.pay([(at, sat)], "stake", rate=self._rate())
        return service.build([], [(self._address(player), sat)], "prize", rate=12, changeAddress=at)

    # services

    def collection(self) -> str | None:
        """The exchange sweeps deposits."""
        return payouts.collection(self.town.exchange, self.chance)

    def withdrawals(self) -> str | None:
        """The exchange pays customers in one batch."""
        count = self.chance.randrange(1, 16)
        payments = {self._payee(self.town.exchange): self._sum(3 * 10**8) for _ in range(count)}
        return self.town.exchange.pay([*payments.items()], "withdrawals", rate=self._rate())

    def equal_withdrawals(self) -> str | None:
        """A batch in which several take the same round sum: with as many other outputs as in a CoinJoin."""
        payees = dict.fromkeys(self._payee(self.town.exchange) for _ in range(40))  # some are given twice
        return payouts.like_a_coinjoin(self.town.exchange, [*payees], "equal withdrawals", self.chance)

    def salaries(self) -> str | None:
        """The employer pays the same to several, and other sums to some."""
        staff = self.chance.sample(self.town.people, min(len(self.town.people), self.chance.randrange(3, 9)))
        wage = round_sum(self.chance, 10**7)
        payments = [(self._address(one), wage + n * 10**4 * (n > 4)) for n, one in enumerate(staff)]
        return self.town.employer.pay(payments, "salaries", rate=self._rate())

    def equal_parts(self) -> str | None:
        """A person splits coins into equal parts of its own, with other outputs of its own."""
        owner = self.chance.choice(self.town.people)
        return payouts.like_a_coinjoin(
            owner, [owner.address() for _ in range(13)], "equal parts", self.chance
        )

    def mock_mix(self) -> str | None:
        """One person's coins in the shape of a CoinJoin: equal outputs and a change for each input."""
        return payouts.mock_mix(self.chance.choice(self.town.people), self.chance)

    def supplies(self) -> str | None:
        """The merchant or the employer pays suppliers, or buys coin at the exchange."""
        if self.chance.random() < 0.5:
            payee = self.chance.choice([self.town.merchant, self.town.employer]).address()
            return self.town.exchange.pay([(payee, self._sum(10**8))], "withdrawal", rate=self._rate())
        payer = self.chance.choice([self.town.merchant, self.town.employer])
        sat = self._sum(payer.balance() // 5)
        if sat < 10_000:
            return None
        return payer.pay([(self._payee(payer), sat)], "supplies", rate=self._rate())

    # joint transactions

    def payjoin(self) -> str | None:
        """The payee adds any coin, or one that leaves no sign."""
        payer, payee = self._strangers(2)
        sat = self._sum(payer.balance() // 4)
        if sat < 10_000:
            return None
        hide = self.chance.random() < 0.5
        return payjoin(self.network, payer, payee, sat, self._rate(), self.chance, hide=hide)

    def joinmarket(self) -> str | None:
        """A user of JoinMarket joins with others, to itself or to a payee."""
        group = self.town.joiners["native" if self.chance.random() < 0.75 else "nested"]
        taker, *others = self.chance.sample(group, len(group))
        amount = 0 if self.chance.random() < 0.25 else 10**5 + self._sum(10**8)
        to = self._payee(taker.wallet) if self.chance.random() < 0.3 else None
        return coinjoin(self.network, taker, others, amount, to, self.chance)

    def joiner_pays(self) -> str | None:
        """A user of JoinMarket pays out of one account without joining."""
        payer = self.chance.choice([p for group in self.town.joiners.values() for p in group])
        found = payer.account(10**6, self.chance)
        if found is None:
            return None
        account, coins = found
        return payer.wallet.build(
            coins,
            [(self._payee(payer.wallet), self._sum(sum(c.sat for c in coins) // 2))],
            "joiner pays",
            rate=self._rate(),
            locktime=self.network.height if payer.late else 0,
            replaceable=False,
            changeAddress=payer.wallet.address(str(account)),
        )

    def plain_coinjoin(self) -> str | None:
        """Three to six people join equal sums."""
        return plain_coinjoin(
            self.network, self._strangers(self.chance.randrange(3, 7)), self._sum(10**8), self._rate()
        )

    def trade(self) -> str | None:
        """Two people trade in one transaction."""
        return trade(self.network, *self._strangers(2), self._rate())

    def escrow(self) -> str | None:
        """Two people put securities together."""
        return escrow(self.network, self._strangers(2), [self._sum(10**8), self._sum(10**8)], self._rate())

    # what the acts share

    def _strangers(self, count: int) -> list[Wallet]:
        """Different people whose nodes write the same kind of input."""
        kind = self.chance.choice(self.town.people).settings
        alike = [p for p in self.town.people if p.settings == kind]
        others = [p for p in self.town.people if p.settings != kind]
        return [*self.chance.sample(alike, len(alike)), *self.chance.sample(others, len(others))][:count]

    def _payee(self, payer: Wallet) -> str:
        """Where somebody else wants to be paid."""
        joining = [p.wallet for group in self.town.joiners.values() for p in group]
        pool = [*self.town.people, *self.town.people, self.town.merchant, *joining]
        payee = self.chance.choice([w for w in pool if w is not payer])
        return payee.address("0") if payee in joining else self._address(payee)

    def _address(self, payee: Wallet) -> str:
        """A new address; now and then one that was given before."""
        if payee.addresses and self.chance.random() < 0.1:
            return self.chance.choice(payee.addresses)
        return payee.address()

    def _deposit(self, payer: Wallet) -> str:
        """The payer's address at the exchange, seldom a new one."""
        if payer.name not in self.town.deposit or self.chance.random() < 0.1:
            self.town.deposit[payer.name] = self.town.exchange.address(f"deposit {payer.name}")
        return self.town.deposit[payer.name]

    def _sum(self, most: int) -> int:
        """A sum up to about `most` sat, and 10,000 at least; 0 if that is too much."""
        if most < 20_000:
            return 0
        sat = (round_sum if self.chance.random() < 0.45 else any_sum)(self.chance, most)
        return max(10_000, min(most, sat))

    def _rate(self) -> int:
        return self.chance.choice([1, 2, 3, 5, 8, 10, 10, 10, 15, 20, 30, 50])


_CANNOT = (
    "Insufficient funds",
    "Fee estimation failed",
    "too-long-mempool-chain",
    "too long mempool chain",
    "amount too small",
    "amount is too small",
    "Fee exceeds maximum",
)
"""Words of the node when a wallet cannot pay."""
_NOT_RAISED = ("not BIP 125 replaceable", "Insufficient", "change", "Unable to create")
"""Words of the node when a fee cannot be raised."""
