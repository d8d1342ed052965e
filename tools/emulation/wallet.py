"""A wallet of a node: its addresses, its coins, and payments with the node's own choice of coins and of change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.servers.litecoin_node import Call, Node
from tools.emulation.network import SETTINGS, Network, sat_of, text
from tracer.clusters.coinjoin import CoinJoin

__all__ = ["Coin", "Payment", "Wallet", "sign_together"]

Payment = tuple[str, int]
"""Address and sat."""


@dataclass(frozen=True, slots=True)
class Coin:
    """An unspent output. label: of its address, "" for the node's own change addresses."""

    txid: str
    vout: int
    sat: int
    address: str
    label: str
    confirmed: bool

    @property
    def outpoint(self) -> dict[str, object]:
        """As RPC calls name it."""
        return {"txid": self.txid, "vout": self.vout}


class Wallet:
    """One owner's wallet. Amounts in sat, rates in sat per virtual byte.

    kinds: types of address that it asks for, in turn; none: the node's default. offline: payments are built as PSBT,
    without the locktime that the node's own payments have, as programs do that keep the keys elsewhere. names_rate:
    each payment names its rate, which this node takes for a wish to signal replacement; else the rate is set before.
    """

    def __init__(
        self,
        network: Network,
        node: str,
        name: str,
        *,
        kinds: Sequence[str] = (),
        offline: bool = False,
        names_rate: bool = False,
    ) -> None:
        self.network, self.name, self.kinds = network, name, kinds
        self.offline, self.names_rate = offline, names_rate
        self.node: Node = network.nodes[node]
        self.settings = node
        self.replaceable = names_rate or "-walletrbf=1" in SETTINGS[node]
        self.path = f"/wallet/{quote(name)}"
        self._asked = 0
        self.addresses: list[str] = []
        self.node.call("createwallet", name)

    def ask(self, method: str, **named: object) -> Any:
        """The result of one call to this wallet. Raises RpcError."""
        calls: list[Call] = [(method, named)]
        return self.node.calls(calls, self.path)[0]

    def address(self, label: str = "received") -> str:
        """A new address to be paid at."""
        kind = {"address_type": self.kinds[self._asked % len(self.kinds)]} if self.kinds else {}
        self._asked += 1
        self.addresses.append(self.ask("getnewaddress", label=label, **kind))
        return self.addresses[-1]

    def coins(self, label: str | None = None, *, confirmed: bool = False) -> list[Coin]:
        """Unspent coins, largest first; of one label if that is given."""
        found = [
            Coin(
                str(entry["txid"]),
                int(entry["vout"]),
                sat_of(entry["amount"]),
                str(entry["address"]),
                str(entry.get("label", "")),
                entry["confirmations"] > 0,
            )
            for entry in self.ask("listunspent", minconf=1 if confirmed else 0)
            if entry["safe"] and entry["spendable"]
        ]
        kept = [coin for coin in found if label in {None, coin.label}]
        return sorted(kept, key=lambda c: (-c.sat, c.txid, c.vout))

    def balance(self) -> int:
        """What it could spend now, before fees."""
        return sat_of(self.ask("getbalance"))

    def pay(
        self,
        payments: Sequence[Payment],
        act: str,
        *,
        rate: int,
        replaceable: bool | None = None,
        subtract: bool = False,
    ) -> str:
        """Pay with coins of the node's choice. subtract: the payees bear the fee."""
        options: dict[str, object] = {} if replaceable is None else {"replaceable": replaceable}
        if self.offline:
            if subtract:
                options["subtractFeeFromOutputs"] = [*range(len(payments))]
            return self.build([], payments, act, rate=rate, **options)
        if self.names_rate:
            options["fee_rate"] = rate
        else:
            self.ask("settxfee", amount=text(1_000 * rate))
        if len(payments) == 1:
            ((address, sat),) = payments
            txid = self.ask(
                "sendtoaddress", address=address, amount=text(sat), subtractfeefromamount=subtract, **options
            )
        else:
            to = {address: text(sat) for address, sat in payments}
            bearing = [*to] if subtract else []
            txid = self.ask("sendmany", dummy="", amounts=to, subtractfeefrom=bearing, **options)
        raw = self.ask("gettransaction", txid=txid)["hex"]
        return self.network.publish(raw, act, made_by=self.node)

    def build(
        self, coins: Sequence[Coin], payments: Sequence[Payment], act: str, *, rate: int, **options: object
    ) -> str:
        """Spend these coins, and others of the node's choice if `add_inputs` is among the options, by a PSBT."""
        funded = self.fund(coins, payments, rate=rate, **options)
        return sign_together(self.network, [self], funded["psbt"], act)

    def fund(
        self,
        coins: Sequence[Coin],
        payments: Sequence[Payment],
        *,
        rate: int,
        locktime: int | None = None,
        **options: object,
    ) -> Any:
        """What walletcreatefundedpsbt answers. locktime: None for the wallet's habit."""
        habit = 0 if self.offline else self.network.height
        return self.ask(
            "walletcreatefundedpsbt",
            inputs=[coin.outpoint for coin in coins],
            outputs=[{address: text(sat)} for address, sat in payments],
            locktime=habit if locktime is None else locktime,
            options={"fee_rate": rate, "replaceable": self.replaceable, **options},
        )

    def bump(self, txid: str, rate: int) -> str:
        """Replace an unconfirmed payment by one of a higher fee."""
        made = self.ask("bumpfee", txid=txid, options={"fee_rate": rate})["txid"]
        act = self.network.acts.pop(txid)
        self.network.kinds.pop(txid)
        return self.network.publish(self.ask("gettransaction", txid=made)["hex"], act, made_by=self.node)


def sign_together(
    network: Network, wallets: Sequence[Wallet], psbt: str, act: str, kind: CoinJoin = CoinJoin.NONE
) -> str:
    """Each wallet signs its own inputs; the transaction is published. Raises AssertionError if one is left unsigned."""
    signed = [wallet.ask("walletprocesspsbt", psbt=psbt)["psbt"] for wallet in wallets]
    together = network.first.call("combinepsbt", signed)
    final: Any = network.first.call("finalizepsbt", together)
    assert final["complete"], f"{act}: an input is not signed"
    return network.publish(str(final["hex"]), act, kind)
