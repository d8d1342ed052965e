"""Transactions that several owners sign, no market's CoinJoins: PayJoins, trades, escrows, and friends who join.

PayJoin: BIP-78. The payer's wallet funds the payment, the payee adds a coin and gets it back with the payment, the
payer bears the fee of the added input. Which coin the payee adds is its own choice: any, or one that leaves no input
unnecessary, so that the result looks like an ordinary payment. The coin is of the kind of the payer's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tools.emulation.network import Network, sat_of, text
from tools.emulation.wallet import Coin, Payment, Wallet, sign_together
from tracer.clusters.coinjoin import CoinJoin

__all__ = ["escrow", "payjoin", "plain_coinjoin", "trade"]

_INPUT = 150
"""Virtual bytes that a fee is reckoned with for an input, at most."""


def payjoin(
    network: Network, payer: Wallet, payee: Wallet, sat: int, rate: int, chance: random.Random, *, hide: bool
) -> str | None:
    """A PayJoin; None where there is no change to bear the fee or the payee has no coin. hide: no unnecessary input."""
    theirs = payee.coins(confirmed=True)
    funded = payer.fund([], [(payee.address(), sat)], rate=rate)
    if funded["changepos"] < 0 or not theirs:
        return None
    made: Any = network.first.call("decodepsbt", funded["psbt"])["tx"]
    paid = [(o["scriptPubKey"]["addresses"][0], sat_of(o["value"])) for o in made["vout"]]
    spent = [{"txid": i["txid"], "vout": i["vout"], "sequence": i["sequence"]} for i in made["vin"]]
    found = [_unspent(network, i["txid"], i["vout"]) for i in spent]
    (kind, *mixed) = {o["scriptPubKey"]["type"] for o in found}
    least = min(sat_of(o["value"]) for o in found)
    change = paid[funded["changepos"]][1] - rate * _INPUT
    fitting = [
        coin
        for coin in theirs
        if _unspent(network, coin.txid, coin.vout)["scriptPubKey"]["type"] == kind
        and (not hide or min(least, coin.sat) > min(change, sat + coin.sat))
    ]
    if mixed or not fitting or change < 1_000:
        return None
    added = chance.choice(fitting)
    payments: list[Payment] = [
        (a, change if n == funded["changepos"] else value + added.sat) for n, (a, value) in enumerate(paid)
    ]
    inputs = [*spent, {**added.outpoint, "sequence": spent[0]["sequence"]}]
    chance.shuffle(inputs)
    psbt = network.first.call("createpsbt", inputs, [{a: text(v)} for a, v in payments], made["locktime"])
    return sign_together(network, [payer, payee], str(psbt), "payjoin")


def plain_coinjoin(network: Network, wallets: Sequence[Wallet], sat: int, rate: int) -> str | None:
    """Friends join equal amounts, everybody bears the same share of the fee and nobody earns."""
    spent: list[Coin] = []
    paid: list[Payment] = []
    for wallet in wallets:
        able = [c for c in wallet.coins(confirmed=True) if c.sat > 2 * sat]
        if not able:
            return None
        spent.append(able[-1])
        paid += [(wallet.address(), sat), (wallet.address(), able[-1].sat - sat - rate * 2 * _INPUT)]
    paid.sort(key=lambda payment: payment[1])
    return _joint(network, wallets, spent, paid, "plain coinjoin", CoinJoin.OTHER)


def trade(network: Network, buyer: Wallet, seller: Wallet, rate: int) -> str | None:
    """The buyer pays a price for a small coin of the seller's in one transaction, as on markets for inscriptions."""
    sold, money = seller.coins(confirmed=True)[-1:], buyer.coins(confirmed=True)[:2]
    if not sold or len(money) < 2 or sum(c.sat for c in money) < 2 * sold[0].sat + 10**6:
        return None
    pads, price = [600, 600], sold[0].sat + 200_000
    change = sum(c.sat for c in money) - sum(pads) - price - rate * 4 * _INPUT
    paid = [(buyer.address(), 600), (seller.address(), sold[0].sat + price), (buyer.address(), 600)]
    return _joint(
        network, [buyer, seller], [money[0], sold[0], money[1]], [*paid, (buyer.address(), change)], "trade"
    )


def escrow(network: Network, wallets: Sequence[Wallet], securities: Sequence[int], rate: int) -> str | None:
    """Two put in securities for a trade outside the chain: one coin each, into a 2-of-2 output, with their change."""
    spent: list[Coin] = []
    keys = []
    paid: list[Payment] = []
    for wallet, security in zip(wallets, securities, strict=True):
        able = [c for c in wallet.coins(confirmed=True) if c.sat > 2 * security]
        if not able:
            return None
        spent.append(able[-1])
        keys.append(wallet.ask("getaddressinfo", address=wallet.address("key")).get("pubkey"))
        paid.append((wallet.address(), able[-1].sat - security - rate * 2 * _INPUT))
    if None in keys:
        return None
    shared: Any = network.first.call("createmultisig", 2, keys, "bech32")
    return _joint(network, wallets, spent, [(shared["address"], sum(securities)), *paid], "escrow")


def _joint(
    network: Network,
    wallets: Sequence[Wallet],
    spent: Sequence[Coin],
    paid: Sequence[Payment],
    act: str,
    kind: CoinJoin = CoinJoin.NONE,
) -> str:
    psbt = network.first.call(
        "createpsbt", [c.outpoint for c in spent], [{a: text(v)} for a, v in paid], network.height
    )
    return sign_together(network, wallets, str(psbt), act, kind)


def _unspent(network: Network, txid: str, vout: int) -> Any:
    """An unspent output, also of a transaction that waits for its block."""
    return network.first.call("gettxout", txid, vout)
