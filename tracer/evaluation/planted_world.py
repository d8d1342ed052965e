"""What planted histories are written with: transactions with their fees, addresses with their parties, exchanges."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tracer.chains.evm_code import CodeKind
from tracer.model import Label
from tracer.movements import from_rows

__all__ = [
    "CHAIN",
    "ENTRY_POINT",
    "ETH",
    "FEE",
    "HOUR",
    "START_BLOCK",
    "TOKEN",
    "Exchange",
    "Planted",
    "World",
    "exchange",
]

CHAIN = "eip155:1"
TOKEN = "0x" + "70" * 20
ENTRY_POINT = "0x0000000071727de22e5e9d8baf0edac6f37da032"
ETH = 10**18
START_BLOCK, START_TIME, SLOT = 21_000_000, 1_729_000_000, 12
HOUR = 300  # blocks
FEE = 21_000 * 8 * 10**9


@dataclass
class Planted:
    """A history and its truth.

    rows: movements as dicts (`tracer.movements.from_rows`). labels: what the world knows. party: address -> who
    controls it ("" nobody's in particular). customers: pairs (customer's address, deposit address) that were used.
    funded, swept, scripted: pairs that the heuristics of that name should find. deposits: the labelled exchanges'
    deposit addresses. codes: of contracts, the name of their code (`tracer.chains.evm_code`).
    """

    rows: list[dict[str, object]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    party: dict[str, str] = field(default_factory=dict)
    customers: set[tuple[str, str]] = field(default_factory=set)
    funded: set[tuple[str, str]] = field(default_factory=set)
    swept: set[tuple[str, str]] = field(default_factory=set)
    scripted: set[tuple[str, str]] = field(default_factory=set)
    deposits: set[str] = field(default_factory=set)
    codes: dict[str, str] = field(default_factory=dict)

    def table(self) -> object:
        """The rows as a movement table."""
        return from_rows(sorted(self.rows, key=lambda row: (row["block"], row["tx_index"], row["position"])))


class World:
    """Writes a history: every call is a transaction with its fee."""

    def __init__(self, number: int) -> None:
        self.rng = random.Random(number)  # noqa: S311 - the same world for the same number
        self.made = Planted(party={ENTRY_POINT: ""})
        self._count = 0
        self._codes = 0
        self._transactions = 0

    def code(self, kind: CodeKind) -> str:
        """The name of a new code."""
        self._codes += 1
        return f"{kind}:0x{self._codes:040x}" if kind == CodeKind.CLONE else f"{kind}:{self._codes:064x}"

    def address(self, party: str) -> str:
        """A new address of a party."""
        self._count += 1
        text = f"0x{self.rng.getrandbits(128):032x}{self._count:08x}"
        self.made.party[text] = party
        return text

    def moment(self) -> int:
        """A block within some two weeks."""
        return START_BLOCK + self.rng.randrange(14 * 24 * HOUR)

    def transaction(self, block: int, who: str, *payments: tuple[str, str, int, str]) -> None:
        """(payer, payee, amount, asset) in one transaction that `who` sends and pays for."""
        self._transactions += 1
        shared = {
            "chain": CHAIN,
            "block": block,
            "tx_index": self._transactions,
            "timestamp": START_TIME + (block - START_BLOCK) * SLOT,
            "tx_hash": f"0x{self._transactions:064x}",
        }
        fee = {"from_address": who, "to_address": "", "asset": "native", "amount": FEE, "kind": "fee"}
        self.made.rows.append(shared | fee | {"position": 0, "symbol": "ETH", "decimals": 18})
        for place, (payer, payee, amount, asset) in enumerate(payments, start=1):
            kind = "native" if asset == "native" else "token"
            what = {
                "from_address": payer,
                "to_address": payee,
                "asset": asset,
                "amount": amount,
                "kind": kind,
            }
            what |= (
                {"symbol": "ETH", "decimals": 18} if asset == "native" else {"symbol": "USD", "decimals": 6}
            )
            self.made.rows.append(shared | what | {"position": place})

    def pay(self, block: int, payer: str, payee: str, amount: int, asset: str = "native") -> None:
        """One payment."""
        self.transaction(block, payer, (payer, payee, amount, asset))

    def amount(self, least: float, most: float) -> int:
        """So many ETH, with all 18 decimals."""
        return int(self.rng.uniform(least, most) * 10**6) * 10**12 + self.rng.randrange(10**12)

    def arrive(self, block: int, address: str, amount: int, asset: str = "native") -> None:
        """Coin from somebody who is not otherwise seen."""
        self.pay(block, self.address(""), address, amount, asset)


@dataclass
class Exchange:
    """A service: its main wallet, the account that gives gas and signs sweeps, the deposit address of each person."""

    name: str
    hot: str
    gas: str
    forwarders: str  # code of its deposit addresses if they are contracts that forward at once, else ""
    accounts: dict[str, str] = field(default_factory=dict)


def exchange(world: World, name: str, *, labelled: bool) -> Exchange:
    """A new exchange with coin in its wallets; its main wallet is labelled, or nobody knows it."""
    made = Exchange(name, world.address(name), world.address(name), forwarders="")
    world.arrive(START_BLOCK - 100, made.hot, world.amount(50_000, 90_000))
    world.pay(START_BLOCK - 90, made.hot, made.gas, world.amount(100, 200))
    if labelled:
        world.made.labels.append(Label(CHAIN, made.hot, name, "exchange", 90, "planted"))
    return made
