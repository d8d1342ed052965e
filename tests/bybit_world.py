"""The first hops of the Bybit theft on a real node, from the real addresses, with all that happens on a real chain.

Addresses, amounts and times of the theft, the swaps and the poisoning are the published ones (data/cases/bybit-2025);
what the record does not hold (a disperse contract, wraps, a contract that destroys itself, an issuer ...) is added at
addresses of its own. What each transaction moves is written down by hand in `told`, and becomes the file that a
collection is held against.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.evm_programs import (
    EXPLODER,
    PAYER,
    REVERTING_PAYER,
    assemble,
    call,
    calls,
    erc20,
    issued_token,
    wrapped_coin,
)
from tests.evm_world import ETHER, USDT, WETH_AT, Fact
from tests.servers.anvil import Anvil
from tracer.chains.adapter import LOGS
from tracer.chains.etl_formats import creation_address

__all__ = ["COLD", "METH", "STETH", "THIEF", "BybitWorld", "make_bybit_world"]

ATTACKER = "0x0fa09c3a328792253f8dee7116848723b72a6d2e"
COLD = "0x1db92e2eebc8e0c075a02bea49a2935bcd2dfcf4"
THIEF = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
SWAPPER = "0xa4b2fd68593b6f34e51cb9edb66e71c1b4ab449e"
IMITATION = "0xa4b24033f4c6d70133e4557c2c32a3fb693e449e"
GATHERER = "0xdd90071d52f20e85c89802e5dc1ec0a7b6475f92"
FIRST = [
    "0x36ed3c0213565530c35115d93a80f9c04d94e4cb",
    "0xaf620e6d32b1c67f3396ef5d2f7d7642dc2e6ce9",
    "0x3a21f4e6bbe527d347ca7c157f4233c935779847",
    "0x51e9d833ecae4e8d9d8be17300aee6d3398c135d",
    "0xfa3fcccb897079fd83bfba690e7d47eb402d6c49",
    "0x83ef5e80fad88288f770152875ab0bb16641a09e",
]
SECOND = [
    "0x9a991b300fe9ced1b630456afd1a7e2666e96a7b",
    "0x4fb076055afd54b6d92b4dcf1c0f7005cc0fb3ba",
    "0x54f740576bb5074998c64fdd6fc10700769ba9f5",
    "0x54acab846901bdbdc553a675d97240511e4bfba2",
    "0x8b62111bd342c352daf453ccd0676833c0a31ca1",
]
STETH = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
METH = "0xd5f7838f5c461feff7fe49ea5ebaf7728bb0adfa"
FAKE_STETH = "0xee33058e9fceb8ebece8bdb0e70fcb257595c562"
POOL = "0x6bb000067005450704003100632eb93ea00c0000"
DISPERSE = "0xd152f549545093347a162dce210e7293f1452150"
FORWARDER, ROUTER, REVERTER, BOMB, NURSERY = (f"0x{0xC0DE00 + n:040x}" for n in range(5))
CHILDREN = [creation_address(NURSERY, nonce) for nonce in (0, 1)]
HEIR, ISSUER, CUSTOMER = (f"0x{0xAB00 + n:040x}" for n in range(3))
PRICE = 1_000_000_007
DECIMALS = {"native": 18, STETH: 18, METH: 18, FAKE_STETH: 18, WETH_AT: 18, USDT: 6}
SYMBOLS = {
    "native": "ETH",
    STETH: "stETH",
    METH: "mETH",
    FAKE_STETH: "st\u0415\u0422H",
    WETH_AT: "WETH",
    USDT: "USDT",
}
STOLEN = {
    "native": 401_346_768858404671846374,
    STETH: 90_375_547907685258392043,
    METH: 8_000 * ETHER,
}


@dataclass
class BybitWorld:
    """rows: lines of a transfers CSV that tell everything; theft: hash of the theft by asset; hashes by title."""

    node: Anvil
    rows: list[str] = field(default_factory=list)
    theft: dict[str, str] = field(default_factory=dict)
    hash: dict[str, str] = field(default_factory=dict)
    told: dict[str, list[Fact]] = field(default_factory=dict)
    _waiting: list[tuple[str, str, list[Fact]]] = field(default_factory=list)

    @property
    def csv(self) -> bytes:
        """The file."""
        head = "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,symbol,decimals"
        return "\n".join([f"{head},amount_raw,kind", *self.rows, ""]).encode()

    def opening(self, address: str, amount: int) -> None:
        """An address has coin before the first block."""
        self.node.endow(address, amount)
        self.rows.append(f"eip155:1,0,0,,,,,{address},native,ETH,18,{amount},opening")

    def send(self, title: str, sender: str, to: str | None, value: int, data: str, *facts: Fact) -> None:
        """A transaction of the next block; `facts` without the fee."""
        self.hash[title] = self.node.send(sender, to, value, data, price=PRICE)
        self._waiting.append((title, sender, list(facts)))

    def mine(self, when: str) -> None:
        """The next block, at that time of 21 February 2025 or a later day; the rows of its transactions."""
        day = when if "T" in when else f"2025-02-21T{when}"
        time = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        block = self.node.mine(time)
        for index, (title, sender, facts) in enumerate(self._waiting):
            receipt = self.node.call("eth_getTransactionReceipt", self.hash[title])
            assert isinstance(receipt, dict)
            assert int(receipt["transactionIndex"], 16) == index
            assert (receipt["status"] == "0x0") == title.startswith("failed"), title
            facts.insert(0, (0, "fee", sender, "", "native", int(receipt["gasUsed"], 16) * PRICE))
            self.told[title] = facts
            for position, kind, payer, payee, asset, amount in facts:
                place = (
                    f"eip155:1,{block},{index},{position},{day}Z,{self.hash[title]},{payer},{payee},{asset}"
                )
                self.rows.append(f"{place},{SYMBOLS[asset]},{DECIMALS[asset]},{amount},{kind}")
        self._waiting.clear()


def native(sender: str, to: str, value: int = 0) -> Fact:
    return (1, "native", sender, to, "native", value)


def inner(place: int, sender: str, to: str, value: int) -> Fact:
    return (1 + place, "internal", sender, to, "native", value)


def token(log: int, sender: str, to: str, asset: str, amount: int, kind: str = "token") -> Fact:
    return (LOGS + log, kind, sender, to, asset, amount)


def make_bybit_world(node: Anvil) -> BybitWorld:
    """Install the programs and replay the theft; 70 empty blocks at the end make it final."""
    world = BybitWorld(node)
    programs = {
        COLD: PAYER,
        DISPERSE: PAYER,
        FORWARDER: PAYER,
        ROUTER: PAYER,
        POOL: PAYER,
        REVERTER: REVERTING_PAYER,
        BOMB: EXPLODER,
        STETH: erc20("stETH", 18),
        METH: erc20("mETH", 18),
        FAKE_STETH: erc20(SYMBOLS[FAKE_STETH], 18),
        WETH_AT: wrapped_coin(),
        USDT: issued_token(),
        NURSERY: FACTORY_OF_HEIRS,
    }
    for address, code in programs.items():
        node.install(address, code)
    for asset, owner, amount in (
        (STETH, COLD, STOLEN[STETH]),
        (METH, COLD, STOLEN[METH]),
        (USDT, POOL, 10_000_000 * 10**6),
        (FAKE_STETH, THIEF, 10**30),
    ):
        node.call("anvil_setStorageAt", asset, f"0x{int(owner, 16):064x}", f"0x{amount:064x}")
    world.opening(COLD, STOLEN["native"] + 12 * ETHER)
    world.opening(ATTACKER, 10 * ETHER)
    world.opening(POOL, 60_000 * ETHER)
    world.opening(IMITATION, ETHER)
    world.opening(ISSUER, ETHER)
    world.opening(CUSTOMER, 100 * ETHER)
    for payee, clean in ((THIEF, 7), (FIRST[0], 50), (SECOND[0], 3)):
        value = clean * ETHER
        world.send(f"clean coin {clean}", CUSTOMER, payee, value, "0x", native(CUSTOMER, payee, value))
    world.mine("14:00:11")
    _theft(world)
    _swap(world)
    _disperse(world)
    _contracts(world)
    _tokens(world)
    node.call("anvil_mine", hex(70))
    return world


HEIRLESS, WITH_HEIR = assemble("ADDRESS SELFDESTRUCT"), assemble(f"{HEIR} SELFDESTRUCT")


def _maker(code: bytes) -> str:
    """Assembly that makes a contract whose making runs `code`, with all the coin that came."""
    return f"{int.from_bytes(code.ljust(32, bytes(1)), 'big')} 0 MSTORE {len(code)} 0 CALLVALUE CREATE STOP"


FACTORY_OF_HEIRS = assemble(f"CALLDATASIZE @heir JUMPI {_maker(HEIRLESS)} heir: {_maker(WITH_HEIR)}")
"""Makes a contract that ends while it is made: in favour of itself, or with call data in favour of HEIR."""


def _theft(world: BybitWorld) -> None:
    """The cold wallet is emptied, as a contract that the attacker commands."""
    eth, steth, meth = STOLEN["native"], STOLEN[STETH], STOLEN[METH]
    told = (native(ATTACKER, COLD), inner(1, COLD, THIEF, eth))
    world.send("theft", ATTACKER, COLD, 0, calls((THIEF, eth, "0x")), *told)
    for title, asset, amount in (("theft of stETH", STETH, steth), ("theft of mETH", METH, meth)):
        data = calls((asset, 0, call("transfer(address,uint256)", THIEF, amount)))
        world.send(
            title, ATTACKER, COLD, 0, data, native(ATTACKER, COLD), token(0, COLD, THIEF, asset, amount)
        )
    # log indices count through the block: the second theft logs first, the third second
    title, sender, facts = world._waiting[-1]
    world._waiting[-1] = (title, sender, [facts[0], token(1, COLD, THIEF, METH, meth)])
    world.mine("14:16:11")
    world.theft = {
        "native": world.hash["theft"],
        STETH: world.hash["theft of stETH"],
        METH: world.hash["theft of mETH"],
    }


def _swap(world: BybitWorld) -> None:
    """stETH to the swapper and through a pool; the poisoners answer within a minute."""
    send = world.send
    send("gas money", THIEF, SWAPPER, ETHER, "0x", native(THIEF, SWAPPER, ETHER))
    world.mine("14:29:47")
    amount = 10_000 * ETHER
    pay = call("transfer(address,uint256)", SWAPPER, amount)
    send("stETH", THIEF, STETH, 0, pay, native(THIEF, STETH), token(0, THIEF, SWAPPER, STETH, amount))
    world.mine("14:41:23")
    nothing = call("transferFrom(address,address,uint256)", THIEF, IMITATION, 0)
    send(
        "nothing",
        IMITATION,
        STETH,
        0,
        nothing,
        native(IMITATION, STETH),
        token(0, THIEF, IMITATION, STETH, 0),
    )
    # the forger owns the code of the fake: anybody's balance moves as it likes
    fake = calls((FAKE_STETH, 0, call("mint(address,uint256)", THIEF, amount)))
    send(
        "fake",
        IMITATION,
        ROUTER,
        0,
        fake,
        native(IMITATION, ROUTER),
        token(1, "", THIEF, FAKE_STETH, amount, "mint"),
    )
    send("dust", IMITATION, THIEF, 10**13, "0x", native(IMITATION, THIEF, 10**13))
    world.mine("14:42:35")
    allow = call("approve(address,uint256)", POOL, 2**255)
    send("allow", SWAPPER, STETH, 0, allow, native(SWAPPER, STETH))
    got = 9_980 * ETHER
    take = call("transferFrom(address,address,uint256)", SWAPPER, POOL, amount)
    swap = calls((STETH, 0, take), (SWAPPER, got, "0x"))
    told = (native(SWAPPER, POOL), inner(1, POOL, SWAPPER, got), token(0, SWAPPER, POOL, STETH, amount))
    send("swap", SWAPPER, POOL, 0, swap, *told)
    world.mine("14:43:23")
    send("proceeds", SWAPPER, GATHERER, got, "0x", native(SWAPPER, GATHERER, got))
    world.mine("14:45:11")
    small = 78_187942612402470000
    send("second hop", GATHERER, SECOND[0], small, "0x", native(GATHERER, SECOND[0], small))
    world.mine("2025-02-22T06:28:23")


def _disperse(world: BybitWorld) -> None:
    """10,000 ETH each: some by plain payments, some through a contract that pays many."""
    each = 10_000 * ETHER
    for number, payee in enumerate(FIRST[:2]):
        world.send(f"first {number}", THIEF, payee, each, "0x", native(THIEF, payee, each))
    world.mine("2025-02-22T07:01:11")
    spread = calls(*((payee, each, "0x") for payee in FIRST[2:]))
    told = [inner(n, DISPERSE, payee, each) for n, payee in enumerate(FIRST[2:], start=1)]
    total = each * len(told)
    world.send("disperse", THIEF, DISPERSE, total, spread, native(THIEF, DISPERSE, total), *told)
    world.send("failed", THIEF, REVERTER, 5 * ETHER, calls((HEIR, 5 * ETHER, "0x")))
    world.mine("2025-02-22T07:03:47")
    # more than there is: the token takes it back, and the caller with it
    much = call("transfer(address,uint256)", SWAPPER, 10**40)
    world.send("failed token", THIEF, STETH, 0, much)
    world.mine("2025-02-22T07:05:11")


def _contracts(world: BybitWorld) -> None:
    """Payments that only a trace tells, payments that never were, and contracts that end."""
    send = world.send
    amount = 2_345 * ETHER + 1
    through = calls((ROUTER, amount, calls((SECOND[1], amount, "0x"))))
    told = (
        native(FIRST[0], FORWARDER, amount),
        inner(1, FORWARDER, ROUTER, amount),
        inner(2, ROUTER, SECOND[1], amount),
    )
    send("through two contracts", FIRST[0], FORWARDER, amount, through, *told)
    back = calls((REVERTER, 5 * ETHER, calls((HEIR, 5 * ETHER, "0x"))), (SECOND[2], 3 * ETHER, "0x"))
    told = (native(FIRST[1], ROUTER, 8 * ETHER), inner(1, ROUTER, SECOND[2], 3 * ETHER))
    send("taken back inside", FIRST[1], ROUTER, 8 * ETHER, back, *told)
    world.mine("2025-02-22T08:00:11")
    send("into the bomb", FIRST[1], BOMB, 0, "0x" + "00" * 12 + BOMB[2:], native(FIRST[1], BOMB))
    world.mine("2025-02-22T08:01:11")
    bang = "0x" + "00" * 12 + HEIR[2:]
    told = (native(FIRST[1], BOMB, 2 * ETHER), inner(1, BOMB, HEIR, 2 * ETHER))
    send("destroyed for an heir", FIRST[1], BOMB, 2 * ETHER, bang, *told)
    told = (
        native(FIRST[2], NURSERY, 4 * ETHER),
        inner(1, NURSERY, CHILDREN[0], 4 * ETHER),
        inner(2, CHILDREN[0], HEIR, 4 * ETHER),
    )
    send("made and ended for an heir", FIRST[2], NURSERY, 4 * ETHER, "0x01", *told)
    told = (
        native(FIRST[2], NURSERY, 6 * ETHER),
        inner(1, NURSERY, CHILDREN[1], 6 * ETHER),
        (3, "burn", CHILDREN[1], "", "native", 6 * ETHER),
    )
    send("made and ended for nobody", FIRST[2], NURSERY, 6 * ETHER, "0x", *told)
    world.mine("2025-02-22T08:02:11")


def _tokens(world: BybitWorld) -> None:
    """The wrapped coin, a token that is made for coin and burned, and an issuer who destroys."""
    send, payer, second = world.send, FIRST[3], SECOND[3]
    wrap = (native(payer, WETH_AT, 20 * ETHER), token(0, "", payer, WETH_AT, 20 * ETHER, "wrap"))
    send("wrap", payer, WETH_AT, 20 * ETHER, call("deposit()"), *wrap)
    send("gas for the second", payer, second, ETHER, "0x", native(payer, second, ETHER))
    world.mine("2025-02-23T00:00:11")
    pay = call("transfer(address,uint256)", second, 15 * ETHER)
    send(
        "wrapped coin",
        payer,
        WETH_AT,
        0,
        pay,
        native(payer, WETH_AT),
        token(0, payer, second, WETH_AT, 15 * ETHER),
    )
    world.mine("2025-02-23T00:01:11")
    told = (
        native(second, WETH_AT),
        inner(1, WETH_AT, second, 9 * ETHER),
        token(0, second, "", WETH_AT, 9 * ETHER, "unwrap"),
    )
    send("unwrap", second, WETH_AT, 0, call("withdraw(uint256)", 9 * ETHER), *told)
    world.mine("2025-02-23T00:02:11")
    staker = FIRST[4]
    mint = calls((METH, 0, call("mint(address,uint256)", staker, 30 * ETHER)))
    told = (native(staker, POOL, 31 * ETHER), token(0, "", staker, METH, 30 * ETHER, "mint"))
    send("staked", staker, POOL, 31 * ETHER, mint, *told)
    world.mine("2025-02-23T01:00:11")
    burned = (native(staker, METH), token(0, staker, "", METH, 12 * ETHER, "burn"))
    send("burned", staker, METH, 0, call("burn(uint256)", 12 * ETHER), *burned)
    world.mine("2025-02-23T01:01:11")
    buyer, cents = FIRST[5], 275_000 * 10**6 + 1
    buy = calls((USDT, 0, call("transfer(address,uint256)", buyer, cents)))
    told = (native(buyer, POOL, 100 * ETHER), token(0, POOL, buyer, USDT, cents))
    send("bought dollars", buyer, POOL, 100 * ETHER, buy, *told)
    world.mine("2025-02-23T02:00:11")
    send("listed", ISSUER, USDT, 0, call("addBlackList(address)", buyer), native(ISSUER, USDT))
    destroyed = (native(ISSUER, USDT), token(1, buyer, "", USDT, cents, "issuer"))
    send("destroyed", ISSUER, USDT, 0, call("destroyBlackFunds(address)", buyer), *destroyed)
    send("a customer", CUSTOMER, SECOND[4], 5 * ETHER, "0x", native(CUSTOMER, SECOND[4], 5 * ETHER))
    world.mine("2025-02-24T02:00:11")
    half = 4_000 * ETHER
    send("mixed", buyer, SECOND[4], half, "0x", native(buyer, SECOND[4], half))
    world.mine("2025-02-24T03:00:11")
    send("spent", SECOND[4], SECOND[0], 2 * ETHER, "0x", native(SECOND[4], SECOND[0], 2 * ETHER))
    world.mine("2025-02-24T04:00:11")
