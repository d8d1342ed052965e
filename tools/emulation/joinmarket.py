"""JoinMarket-like CoinJoins between real wallets, after what JoinMarket documents of its protocol.

Facts: JoinMarket-Org/joinmarket-clientserver, docs/USAGE.md (mixdepths, sweeps), docs/YIELDGENERATOR.md (offers:
relative 0.002 %, absolute 500 sat, both varied by a tenth, from 100,000 sat on; before, higher ones with a contribution
to the miner fee), and its taker: a maker's change is its inputs - amount - contribution + fee earned, the taker's pays
the rest or is left out in a sweep; change below 27,300 sat is refused; inputs and outputs are shuffled. A maker's
inputs come from one account (mixdepth), its equal output goes to the next account, its change returns to the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tools.emulation.network import Network, text
from tools.emulation.wallet import Coin, Payment, Wallet, sign_together
from tracer.clusters.coinjoin import CoinJoin

__all__ = ["ACCOUNTS", "Participant", "coinjoin", "joiner"]

ACCOUNTS = 5
_DUST = 27_300
_LEAST = 100_000
_VIRTUAL_BYTES = {"nested": (91, 32), "native": (68, 31)}
"""Virtual bytes of an input and of an output."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a maker asks. relative: share of the amount; absolute: sat; share: sat that it adds to the miner fee."""

    relative: Fraction
    absolute: int
    share: int
    least: int

    def fee(self, amount: int) -> int:
        """Sat that the taker pays for an amount."""
        return self.absolute + round(self.relative * amount)


@dataclass(frozen=True, slots=True)
class Participant:
    """A wallet with accounts, told apart by the labels of its addresses. late: writes locktimes, as later releases."""

    wallet: Wallet
    offer: Offer
    late: bool
    tidy: bool

    def account(self, needed: int, chance: random.Random) -> tuple[int, list[Coin]] | None:
        """An account that can give that much with change, and its coins for it; None if there is none."""
        able = []
        every = self.wallet.coins(confirmed=True)
        for account in range(ACCOUNTS):
            chosen = self.choose([coin for coin in every if coin.label == str(account)], needed + _DUST)
            if chosen:
                able.append((account, chosen))
        if not able:
            return None
        return able[0] if self.tidy else chance.choice(able)

    def choose(self, coins: Sequence[Coin], needed: int) -> list[Coin]:
        """The smallest coin that suffices, else the largest ones together; none if all do not. coins: largest first."""
        enough = [coin for coin in coins if coin.sat >= needed]
        if enough:
            return [enough[-1]]
        chosen: list[Coin] = []
        for coin in coins:
            chosen.append(coin)
            if sum(c.sat for c in chosen) >= needed:
                return chosen
        return []


def joiner(wallet: Wallet, chance: random.Random) -> Participant:
    """A participant with an offer of a default kind."""
    about = Fraction(chance.randrange(900, 1101), 1000)
    kind = chance.random()
    if kind < 0.55:
        offer = Offer(Fraction(2, 100_000) * about, 0, 0, round(_LEAST * about))
    elif kind < 0.8:
        offer = Offer(Fraction(0), round(500 * about), 0, round(_LEAST * about))
    else:  # releases before 0.9 asked for more, and gave to the miner fee
        share = chance.randrange(70, 131)
        offer = Offer(Fraction(2, 10_000) * about, 0, share, max(_LEAST, share * 7_500))
    return Participant(wallet, offer, chance.random() < 0.6, chance.random() < 0.5)


def coinjoin(
    network: Network,
    taker: Participant,
    others: Sequence[Participant],
    amount: int,
    to: str | None,
    chance: random.Random,
) -> str | None:
    """One CoinJoin. amount: sat, 0 for a sweep of one account. to: where the taker's output goes, None for its next
    account. None if the taker cannot pay or fewer than three makers can.
    """
    sweep = amount == 0
    rate = chance.randrange(2, 30)
    count = chance.randrange(3, 10)
    found = taker.account(amount + 60_000 if amount else 2 * _LEAST, chance)
    if found is None:
        return None
    account, coins = found
    if sweep:
        coins = taker.wallet.coins(str(account), confirmed=True)
        amount = sum(c.sat for c in coins) * 99 // 100  # who can join about that much
    joining: list[tuple[Participant, int, list[Coin]]] = []
    for maker in chance.sample(others, len(others)):
        given = None if amount < maker.offer.least else maker.account(amount + maker.offer.share, chance)
        if given is not None:
            joining.append((maker, *given))
        if len(joining) == count:
            break
    if len(joining) < 3:
        return None
    inputs = [*coins, *(coin for _, _, given in joining for coin in given)]
    size_in, size_out = _VIRTUAL_BYTES[taker.wallet.settings]
    miner = rate * (11 + size_in * len(inputs) + size_out * (2 * len(joining) + 2 - sweep))
    given_to_miner = sum(m.offer.share for m, _, _ in joining)
    miner = max(0, miner - given_to_miner)
    if sweep:
        left = sum(c.sat for c in coins) - miner
        asked = sum(m.offer.absolute for m, _, _ in joining)
        amount = int((left - asked) / (1 + sum(m.offer.relative for m, _, _ in joining)))
        while amount + sum(m.offer.fee(amount) for m, _, _ in joining) > left:  # fees are rounded
            amount -= 1
    paid: list[Payment] = [(to or taker.wallet.address(str((account + 1) % ACCOUNTS)), amount)]
    for maker, own, given in joining:
        change = sum(c.sat for c in given) - amount - maker.offer.share + maker.offer.fee(amount)
        if change < _DUST:
            return None
        paid.append((maker.wallet.address(str((own + 1) % ACCOUNTS)), amount))
        paid.append((maker.wallet.address(str(own)), change))
    rest = sum(c.sat for c in coins) - amount - miner - sum(m.offer.fee(amount) for m, _, _ in joining)
    if rest < 0:
        return None
    if not sweep and rest > 2_730:  # below, the taker's change is left to the miner
        paid.append((taker.wallet.address(str(account)), rest))
    chance.shuffle(inputs)
    chance.shuffle(paid)
    locktime = network.height - (chance.randrange(100) if chance.random() < 0.1 else 0) if taker.late else 0
    psbt = network.first.call(
        "createpsbt", [c.outpoint for c in inputs], [{a: text(sat)} for a, sat in paid], max(0, locktime)
    )
    signers = [taker.wallet, *(maker.wallet for maker, _, _ in joining)]
    return sign_together(network, signers, str(psbt), "joinmarket", CoinJoin.JOINMARKET)
