"""A small world on a real node: one transaction per thing that an adapter has to get right, with what it moved.

`told` of each transaction is written down by hand from the programs in tests/evm_programs.py: (position, kind, from,
to, asset, amount), "" being the outside. Adapters are held against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.evm_programs import (
    CALLCODER,
    DELEGATOR,
    EMITTER,
    EXPLODER,
    FACTORY,
    PAYER,
    REVERTING_PAYER,
    WETH,
    calls,
    deployment,
    event,
    selector,
    topic,
    word,
)
from tests.servers.anvil import Anvil
from tracer.chains.adapter import LOGS
from tracer.chains.etl_formats import creation_address

__all__ = ["THIEF", "USDT", "WETH_AT", "Fact", "World", "make_world", "name"]

Fact = tuple[int, str, str, str, str, int]


def name(number: int) -> str:
    """An address that nobody has."""
    return f"0x{0xABC0_0000_0000_0000_0000 + number:040x}"


THIEF, OTHER, VICTIM, CARRIER = name(1), name(2), name(3), name(4)
PAYEES = [name(0x100 + n) for n in range(8)]
HEIR, BABY_PAYEE, HUB = name(0x201), name(0x202), name(0x203)
DISPERSER, REVERTER, BOMB, MAKER, PROXY, OLD_PROXY = (name(0x300 + n) for n in range(6))
TOKEN, NFT = name(0x401), name(0x402)
WETH_AT = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
TRANSFER = topic("Transfer(address,address,uint256)")
ZERO = "0x" + "0" * 40
PRICE = 3
ETHER = 10**18


def transfer(sender: str, to: str, amount: int) -> str:
    """Call data with which the emitter logs an ERC-20 Transfer."""
    return event([TRANSFER, sender, to], word(amount))


@dataclass
class World:
    """hash: transactions by name. told: what each moved, without the fee. first, last: the blocks they stand in."""

    node: Anvil
    first: int = 0
    last: int = 0
    hash: dict[str, str] = field(default_factory=dict)
    told: dict[str, list[Fact]] = field(default_factory=dict)
    touched: dict[str, set[str]] = field(default_factory=dict)

    def names(self, address: str) -> set[str]:
        """Transactions in which the address pays or is paid."""
        return {n for n, facts in self.told.items() if any(address in fact[2:4] for fact in facts)}


def make_world(node: Anvil) -> World:
    """Install the programs and send the transactions."""
    world = World(node)
    for address in (THIEF, OTHER, VICTIM, CARRIER):
        node.endow(address, 100 * ETHER)
    programs = {
        DISPERSER: PAYER,
        REVERTER: REVERTING_PAYER,
        BOMB: EXPLODER,
        MAKER: FACTORY,
        PROXY: DELEGATOR,
        OLD_PROXY: CALLCODER,
        TOKEN: EMITTER,
        NFT: EMITTER,
        USDT: EMITTER,
        WETH_AT: WETH,
    }
    for address, code in programs.items():
        node.install(address, code)
    node.endow(BOMB, 700)
    world.first = node.mine() + 1
    nonces: dict[str, int] = {}

    def send(title: str, sender: str, to: str | None, value: int, data: str, *facts: Fact) -> None:
        world.hash[title] = node.send(sender, to, value, data, price=PRICE)
        world.told[title] = [(0, "fee", sender, "", "native", -1), *facts]
        nonces[sender] = nonces.get(sender, 0) + 1

    def native(sender: str, to: str, value: int) -> Fact:
        return (1, "native", sender, to, "native", value)

    def inner(position: int, sender: str, to: str, value: int) -> Fact:
        return (position, "internal", sender, to, "native", value)

    def token(log: int, kind: str, sender: str, to: str, amount: int, asset: str = TOKEN) -> Fact:
        return (LOGS + log, kind, sender, to, asset, amount)

    # block 1: plain payments, to the wei and beyond 64 bits
    send("native", THIEF, PAYEES[0], 99 * ETHER + 1, "0x", native(THIEF, PAYEES[0], 99 * ETHER + 1))
    send("empty", THIEF, PAYEES[0], 0, "0x", native(THIEF, PAYEES[0], 0))
    send("received", OTHER, THIEF, 5, "0x", native(OTHER, THIEF, 5))
    send("failed", THIEF, REVERTER, 50, "0x")
    node.mine()
    # block 2: inner calls
    spread = calls((PAYEES[1], 10, "0x"), (PAYEES[2], 20, "0x"))
    send(
        "disperse",
        THIEF,
        DISPERSER,
        30,
        spread,
        native(THIEF, DISPERSER, 30),
        inner(2, DISPERSER, PAYEES[1], 10),
        inner(3, DISPERSER, PAYEES[2], 20),
    )
    taken_back = calls((REVERTER, 5, calls((PAYEES[3], 5, "0x"))), (PAYEES[1], 3, "0x"))
    send(
        "reverted inside",
        THIEF,
        DISPERSER,
        8,
        taken_back,
        native(THIEF, DISPERSER, 8),
        inner(2, DISPERSER, PAYEES[1], 3),
    )
    send(
        "destroyed",
        OTHER,
        BOMB,
        7,
        "0x" + word(HEIR).hex(),
        native(OTHER, BOMB, 7),
        inner(2, BOMB, HEIR, 707),
    )
    child = creation_address(MAKER, 0)
    send("made inside", THIEF, MAKER, 9, "0x", native(THIEF, MAKER, 9), inner(2, MAKER, child, 9))
    made = creation_address(THIEF, nonces[THIEF])
    send("made", THIEF, None, 11, deployment(PAYER), native(THIEF, made, 11))
    send("delegated", THIEF, PROXY, 4, "0x" + word(PAYEES[4]).hex(), native(THIEF, PROXY, 4))
    send("called as own", THIEF, OLD_PROXY, 4, "0x" + word(PAYEES[4]).hex(), native(THIEF, OLD_PROXY, 4))
    node.mine()
    # block 3: tokens; log indices count through the block
    twice = calls(
        (TOKEN, 0, transfer(THIEF, PAYEES[5], 2**200)), (TOKEN, 0, transfer(THIEF, PAYEES[5], 2**200))
    )
    send(
        "two equal",
        THIEF,
        DISPERSER,
        0,
        twice,
        native(THIEF, DISPERSER, 0),
        token(0, "token", THIEF, PAYEES[5], 2**200),
        token(1, "token", THIEF, PAYEES[5], 2**200),
    )
    send(
        "poison",
        CARRIER,
        TOKEN,
        0,
        transfer(THIEF, PAYEES[6], 0),
        native(CARRIER, TOKEN, 0),
        token(2, "token", THIEF, PAYEES[6], 0),
    )
    send(
        "minted",
        CARRIER,
        TOKEN,
        0,
        transfer(ZERO, THIEF, 12),
        native(CARRIER, TOKEN, 0),
        token(3, "mint", "", THIEF, 12),
    )
    send(
        "burned",
        THIEF,
        TOKEN,
        0,
        transfer(THIEF, ZERO, 12),
        native(THIEF, TOKEN, 0),
        token(4, "burn", THIEF, "", 12),
    )
    send(
        "unique",
        THIEF,
        NFT,
        0,
        event([TRANSFER, THIEF, PAYEES[5], 77]),
        native(THIEF, NFT, 0),
    )
    send(
        "spread to strangers",
        OTHER,
        DISPERSER,
        0,
        calls((TOKEN, 0, transfer(OTHER, THIEF, 1)), (TOKEN, 0, transfer(OTHER, PAYEES[7], 2))),
        native(OTHER, DISPERSER, 0),
        token(6, "token", OTHER, THIEF, 1),
        token(7, "token", OTHER, PAYEES[7], 2),
    )
    node.mine()
    # block 4: the wrapped coin, and an issuer
    send(
        "wrap",
        THIEF,
        WETH_AT,
        50,
        selector("deposit()"),
        native(THIEF, WETH_AT, 50),
        token(0, "wrap", "", THIEF, 50, WETH_AT),
    )
    send(
        "unwrap",
        THIEF,
        WETH_AT,
        0,
        selector("withdraw(uint256)") + word(20).hex(),
        native(THIEF, WETH_AT, 0),
        inner(2, WETH_AT, THIEF, 20),
        token(1, "unwrap", THIEF, "", 20, WETH_AT),
    )
    forged = event([topic("Deposit(address,uint256)"), THIEF], word(10**6))
    send("forged wrap", CARRIER, TOKEN, 0, forged, native(CARRIER, TOKEN, 0))
    destroyed = event([topic("DestroyedBlackFunds(address,uint256)")], word(THIEF) + word(31))
    send(
        "destroyed tokens",
        CARRIER,
        USDT,
        0,
        destroyed,
        native(CARRIER, USDT, 0),
        token(3, "issuer", THIEF, "", 31, USDT),
    )
    world.last = node.mine()
    for _ in range(70):  # until all of it is final
        node.mine()
    for title, tx in world.hash.items():
        receipt = node.call("eth_getTransactionReceipt", tx)
        assert isinstance(receipt, dict)
        assert (receipt["status"] == "0x0") == (title == "failed"), title
        fee = int(receipt["gasUsed"], 16) * PRICE
        world.told[title][0] = (*world.told[title][0][:5], fee)
    return world
