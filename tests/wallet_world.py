"""A small world of wallets whose owners are known: payments, consolidations, PayJoins, CoinJoins, trades.

Written to have what misleads clustering in it, not to be like the real chain: rates measured here guard against
mistakes in the rules, they do not predict error rates on mainnet. `python -m tests.wallet_world` writes the file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.utxo_rows import row, script, txid
from tracer.addresses import BITCOIN
from tracer.clusters.coinjoin import CoinJoin
from tracer.utxo import Input, Outpoint, Output, Script, UtxoTransaction

FILE = Path(__file__).parent / "ground_truth" / "wallets.jsonl"
FEE = 1_000


@dataclass
class Wallet:
    """What a program does alike every time, and the coins that it holds."""

    name: str
    kind: Script
    version: int
    locks: bool
    replaceable: bool
    coins: list[tuple[Outpoint, str, int]] = field(default_factory=list)
    used: int = 0

    def address(self) -> str:
        self.used += 1
        return script(f"{self.name}/{self.used}", self.kind)


class World:
    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.transactions: list[UtxoTransaction] = []
        self.kinds: dict[str, CoinJoin] = {}
        self.owner: dict[str, str] = {}  # script -> wallet
        kinds = [Script.P2PKH, Script.P2SH, Script.P2WPKH, Script.P2TR]
        self.wallets = [
            Wallet(f"wallet {i}", kinds[i % 4], 1 + i % 2, i % 3 == 0, i % 5 < 3) for i in range(16)
        ]
        self.exchange = Wallet("exchange", Script.P2WPKH, 2, locks=False, replaceable=True)
        for wallet in [*self.wallets, self.exchange]:
            self.book(
                [],
                [
                    (wallet, self.random.randrange(10**8, 10**9))
                    for _ in range(4 if wallet is not self.exchange else 30)
                ],
                None,
            )

    def book(
        self,
        spent: list[tuple[Wallet, tuple[Outpoint, str, int]]],
        paid: Iterable[tuple[Wallet, int]],
        maker: Wallet | None,
        kind: CoinJoin = CoinJoin.NONE,
    ) -> None:
        """A transaction; `maker` is the wallet whose program writes it."""
        height = 800_000 + len(self.transactions)
        name = txid(f"world {height}")
        outputs = []
        for vout, (wallet, amount) in enumerate(paid):
            to = wallet.address()
            self.owner[to] = wallet.name
            outputs.append(Output(vout, "", wallet.kind, amount, to))
            wallet.coins.append((Outpoint(name, vout), to, amount))
        inputs = []
        for wallet, coin in spent:
            wallet.coins.remove(coin)
            sequence = 0xFFFFFFFD if maker and maker.replaceable else 0xFFFFFFFE
            inputs.append(Input(coin[0], "", wallet.kind, coin[2], coin[1], sequence))
        self.transactions.append(
            UtxoTransaction(
                BITCOIN,
                name,
                height,
                1,
                1_690_000_000 + 600 * len(self.transactions),
                tuple(inputs),
                tuple(outputs),
                maker.version if maker else 1,
                height - 1 if maker and maker.locks else 0,
            )
        )
        self.kinds[name] = kind

    def choose(self, wallet: Wallet, amount: int) -> list[tuple[Outpoint, str, int]]:
        """As many coins as the payment needs, at random."""
        coins = self.random.sample(wallet.coins, len(wallet.coins))
        chosen, total = [], 0
        while coins and total < amount + FEE:
            chosen.append(coins.pop())
            total += chosen[-1][2]
        return chosen if total >= amount + FEE else []

    def pay(self, payer: Wallet, payee: Wallet) -> None:
        amount = self.random.randrange(10**6, 6 * 10**7)
        if self.random.random() < 0.5:
            amount -= amount % 10**6
        chosen = self.choose(payer, amount)
        if not chosen:
            return
        change = sum(c[2] for c in chosen) - amount - FEE
        outputs = [(payee, amount), (payer, change)]
        self.random.shuffle(outputs)
        self.book([(payer, c) for c in chosen], outputs, payer)

    def gather(self, wallet: Wallet) -> None:
        coins = wallet.coins[: self.random.randrange(3, 8)]
        if len(coins) > 1:
            self.book([(wallet, c) for c in coins], [(wallet, sum(c[2] for c in coins) - FEE)], wallet)

    def payjoin(self, payer: Wallet, payee: Wallet) -> None:
        """The payee adds a coin that the payment did not need (BIP-78)."""
        mine = max(payer.coins, key=lambda c: c[2], default=None)
        theirs = min(payee.coins, key=lambda c: c[2], default=None)
        if mine is None or theirs is None or mine[2] < 4 * theirs[2] or payee.kind != payer.kind:
            return
        amount = mine[2] // 3
        self.book(
            [(payer, mine), (payee, theirs)],
            [(payee, amount + theirs[2]), (payer, mine[2] - amount - FEE)],
            payer,
        )

    def trade(self, buyer: Wallet, seller: Wallet) -> None:
        """Buyer and seller sign one transaction, as on a market for inscriptions."""
        if len(buyer.coins) < 2 or not seller.coins:
            return
        pads, sold = buyer.coins[:2], min(seller.coins, key=lambda c: c[2])
        price = 600 + sold[2] // 2
        if sum(c[2] for c in pads) < price + 10_000:
            return
        total = sum(c[2] for c in pads) + sold[2]
        self.book(
            [(buyer, pads[0]), (seller, sold), (buyer, pads[1])],
            [
                (buyer, 600),
                (seller, sold[2] + price),
                (buyer, 600),
                (buyer, total - sold[2] - price - 1_200 - FEE),
            ],
            buyer,
        )

    def joinmarket(self) -> None:
        able = [w for w in self.wallets if w.kind == Script.P2WPKH and w.coins]
        taker, *makers = self.random.sample(able, len(able))
        value = min(max(c[2] for c in w.coins) for w in able) - 200_000
        if value < 10**6 or len(makers) < 2:
            return
        spent = [(w, max(w.coins, key=lambda c: c[2])) for w in (taker, *makers)]
        earned = [self.random.randrange(100, 4_000) for _ in makers]
        paid = [(w, value) for w, _ in spent]
        paid += [(w, coin[2] - value + fee) for (w, coin), fee in zip(spent[1:], earned, strict=True)]
        paid.append((taker, spent[0][1][2] - value - sum(earned) - FEE))
        self.random.shuffle(paid)
        self.random.shuffle(spent)
        self.book(spent, paid, taker, CoinJoin.JOINMARKET)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            one, other = self.random.sample(self.wallets, 2)
            what = self.random.random()
            if what < 0.62:
                self.pay(one, self.random.choice([other, other, self.exchange]))
            elif what < 0.74:
                self.gather(one)
            elif what < 0.82:
                self.pay(self.exchange, one)
            elif what < 0.88:
                self.payjoin(one, other)
            elif what < 0.94:
                self.trade(one, other)
            else:
                self.joinmarket()

    def rows(self) -> list[dict[str, object]]:
        found = []
        for transaction in self.transactions:
            entry = row(transaction) | {"kind": str(self.kinds[transaction.txid])}
            for output in entry["outputs"]:
                output["owner"] = self.owner[output["script"]]
            found.append(entry)
        return found


def shipped() -> World:
    """The world of the shipped file."""
    world = World()
    world.run(220)
    return world


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(
        "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in shipped().rows()), encoding="utf-8"
    )
