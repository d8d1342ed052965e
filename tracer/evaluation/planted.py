"""Histories of an account chain with a known truth: who controls which address, and what looks like it but is not.

The error rates of the clustering heuristics (docs/accuracy.md) are measured on these: exchanges with deposit addresses
and main wallets, a service that nobody labelled, operators who fund gas, sweep and script their payments, and the
innocent who look alike: custodians who pay for many, wallets that forward everything once, batch payers, airdrops,
poisoning, gas services, employers, instalments, generous friends, merchants. Planted histories are simpler than real
ones: the rates compare rules and versions with each other, they do not say how often a rule errs in a given case.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracer.chains.evm_code import CodeKind
from tracer.evaluation.planted_contracts import own_contracts, swept_contracts, wallet_contracts
from tracer.evaluation.planted_world import (
    CHAIN,
    ETH,
    FEE,
    HOUR,
    START_BLOCK,
    TOKEN,
    Exchange,
    Planted,
    World,
    exchange,
)

__all__ = ["CHAIN", "Planted", "plant"]


def plant(number: int = 1, people: int = 150) -> Planted:
    """A history with its truth; the same for the same `number`. people: how many customers there are."""
    world = World(number)
    exchanges = [exchange(world, f"Exchange {name}", labelled=True) for name in "ABC"]
    exchanges[2].forwarders = world.code(CodeKind.SETTLED)
    dark = exchange(world, "Dark exchange", labelled=False)
    wallets = {f"person {n}": [] for n in range(people)}  # type: dict[str, list[str]]
    for person, owned in wallets.items():
        owned += [world.address(person) for _ in range(world.rng.randint(1, 3))]
        for place in world.rng.sample(exchanges, world.rng.randint(1, 2)):
            _customer(world, person, owned, place)
    for n, (person, owned) in enumerate(wallets.items()):
        if n % 6 == 0:
            _customer(world, person, owned, dark)
    for n in range(people // 10):
        _operator(world, f"operator {n}")
        _innocent(world, exchanges, wallets)
    for _ in range(max(1, people // 50)):
        _employer(world, wallets)
    _instalments(world, wallets)
    _custodian(world, exchanges, wallets)
    _batches(world, wallets)
    _gas_service(world, wallets)
    for n in range(people // 10):
        _saver(world, f"saver {n}", world.rng.choice(exchanges))
    swept_contracts(world, wallets)
    wallet_contracts(world, exchanges)
    own_contracts(world, exchanges)
    return world.made


def _customer(world: World, person: str, owned: list[str], place: Exchange) -> None:
    """A customer's deposits, in coin or in tokens, from any of his wallets; swept some hours later."""
    deposit = world.address(person)
    place.accounts[person] = deposit
    labelled = bool(place.name != "Dark exchange")
    if place.forwarders:
        world.made.codes[deposit] = place.forwarders
    if labelled:
        world.made.deposits.add(deposit)
    block = world.moment()
    for _ in range(world.rng.choice([1, 1, 2, 3, 5])):
        block += world.rng.randrange(1, 30 * HOUR)
        wallet = world.rng.choice(owned)
        if world.rng.random() < 0.7:
            amount = world.amount(0.2, 40)
            world.arrive(block - 50, wallet, amount + 3 * FEE)
            if place.forwarders:
                payments = (wallet, deposit, amount, "native"), (deposit, place.hot, amount, "native")
                world.transaction(block, wallet, *payments)
                world.made.customers.add((wallet, deposit))
                continue
            world.pay(block, wallet, deposit, amount)
            # in the last case later than any exchange's window
            later = block + world.rng.choice([100, 400, 900, 2_500, 6_000])
            world.pay(later, deposit, place.hot, amount - FEE)
            block = later
        else:
            units = world.rng.randrange(10**8, 10**11)
            world.arrive(block - 60, wallet, ETH // 50)
            world.arrive(block - 50, wallet, units, TOKEN)
            world.pay(block, wallet, deposit, units, TOKEN)
            if not place.forwarders:
                world.pay(block + 80, place.gas, deposit, 2 * FEE)
            signer = place.gas if place.forwarders else deposit
            world.transaction(block + 120, signer, (deposit, place.hot, units, TOKEN))
            block += 120
        if labelled:
            world.made.customers.add((wallet, deposit))
    if world.rng.random() < 0.3:
        world.pay(block + 500, place.hot, world.rng.choice(owned), world.amount(0.5, 5))


def _emptied(world: World, place: Exchange, block: int, deposit: str, amount: int) -> None:
    """What came later is forwarded: by the deposit address, or by the exchange's account where it is a contract."""
    if place.forwarders:
        world.transaction(block, place.gas, (deposit, place.hot, amount, "native"))
    else:
        world.pay(block, deposit, place.hot, amount - FEE)


def _operator(world: World, name: str) -> None:
    """Somebody who spreads loot over fresh addresses, gives them gas, scripts their payments and gathers them."""
    count = world.rng.randint(4, 10)
    block = world.moment()
    source, funder, collector = (world.address(name) for _ in range(3))
    world.arrive(block, source, 10**13, TOKEN)
    world.arrive(block, source, world.amount(1, 2))
    world.arrive(block + 1, funder, world.amount(2, 4))
    fresh = [world.address(name) for _ in range(count)]
    outside = [world.address("") for _ in range(3)]
    parts = [world.rng.randrange(10**8, 10**10) for _ in range(3)]
    gaps = [world.rng.randrange(40, 200) for _ in range(3)]
    scripted = world.rng.random() < 0.5
    for n, address in enumerate(fresh):
        at = block + 20 + 7 * n
        rest = world.rng.randrange(10**10, 10**11)
        last = rest if not scripted else 10**10 + 7
        world.pay(at, source, address, sum(parts) + last if scripted else rest, TOKEN)
        world.pay(at + 30, funder, address, world.amount(0.01, 0.05))
        world.made.funded.add((funder, address))
        spent = at + 100
        if scripted:
            for payee, part, gap in zip(outside, parts, gaps, strict=True):
                spent += gap
                world.pay(spent, address, payee, part, TOKEN)
        world.pay(spent + 50, address, collector, last, TOKEN)
        world.made.swept.add((address, collector))
    if scripted:
        world.made.scripted |= {(a, b) for i, a in enumerate(fresh) for b in fresh[:i]}


def _innocent(world: World, exchanges: list[Exchange], wallets: dict[str, list[str]]) -> None:
    """What looks like one party and is not."""
    rng = world.rng
    people = rng.sample(sorted(wallets), 8)
    one, two, three, four = (rng.choice(wallets[p]) for p in people[:4])
    block = world.moment()
    # a wallet of another person that forwards everything once, straight to the main wallet
    lone = world.address(people[0] + " alone")
    amount = world.amount(1, 9)
    world.pay(block, two, lone, amount)
    world.pay(block + 200, lone, rng.choice(exchanges).hot, amount - FEE)
    # somebody pays into another's deposit address: a debt
    place = rng.choice([e for e in exchanges if people[2] in e.accounts] or exchanges[:1])
    deposit = place.accounts.get(people[2])
    if deposit is not None:
        amount = world.amount(1, 9)
        world.pay(block + 300, four, deposit, amount)
        _emptied(world, place, block + 600, deposit, amount)
    # a friend who gives their first gas to three others, who then move tokens of their own
    friend = world.address("friend of " + people[4])
    world.arrive(block, friend, ETH)
    for person in people[4 : 4 + rng.choice([1, 2, 2, 3])]:
        new = world.address(person + " new")
        world.arrive(block + 5, new, 10**9, TOKEN)
        world.pay(block + 10, friend, new, ETH // 50)
        world.pay(block + 90, new, one, 10**9, TOKEN)
    # a merchant to whom three strangers send all that they have on the wallet, within a day
    merchant = world.address("merchant of " + people[7])
    for person in people[5:8]:
        new = world.address(person + " shopper")
        amount = world.amount(0.5, 2)
        world.arrive(block + 5, new, amount + FEE)
        if rng.random() < 0.4:
            world.pay(block + rng.randrange(20, 2_000), new, merchant, amount)
        else:
            world.pay(block + rng.randrange(20, 2_000), new, merchant, amount // 3)
    # poisoning: dust to a wallet and to a deposit address
    poisoner = world.address("poisoner")
    world.arrive(block, poisoner, ETH)
    world.pay(block + 700, poisoner, three, 10**12)
    if deposit is not None:
        world.pay(block + 710, poisoner, deposit, 10**13)


def _saver(world: World, person: str, place: Exchange) -> None:
    """A wallet that once sent all it had to an exchange, and keeps what it got before or long before the end."""
    wallet, block, amount = (
        world.address(person),
        START_BLOCK + world.rng.randrange(HOUR),
        world.amount(1, 9),
    )
    world.arrive(block, wallet, amount)
    world.pay(block + 200, wallet, place.hot, amount - FEE)
    world.arrive(block + world.rng.choice([-100, 100, 2 * 24 * HOUR]), wallet, world.amount(20, 200))


def _employer(world: World, wallets: dict[str, list[str]]) -> None:
    """Fresh wallets of strangers with one source of tokens and one giver of gas: wages; two in three go their own ways.

    The others sell all of it to the same trader the same day.
    """
    employer, clerk, trader = world.address("employer"), world.address("clerk"), world.address("trader")
    block = world.moment()
    world.arrive(block, employer, 10**13, TOKEN)
    world.arrive(block, employer, ETH)
    world.arrive(block, clerk, ETH)
    sells = world.rng.random() < 0.33
    for person in world.rng.sample(sorted(wallets), world.rng.randint(3, 6)):
        new, wage = world.address(person + " at work"), world.rng.randrange(10**9, 10**10)
        world.pay(block + 10, employer, new, wage, TOKEN)
        world.pay(block + 20, clerk, new, ETH // 50)
        later = block + 40 + world.rng.randrange(1_000)
        world.pay(later, new, trader if sells else world.rng.choice(wallets[person]), wage, TOKEN)


def _instalments(world: World, wallets: dict[str, list[str]]) -> None:
    """Strangers who pay a shop by the same plan, some of them by a machine that is never late."""
    shop = world.address("shop")
    for person, late in zip(world.rng.sample(sorted(wallets), 6), (0, 0, 0, 900, 900, 900), strict=True):
        wallet, block = world.address(person + " card"), world.moment()
        world.arrive(block, wallet, 10**9, TOKEN)
        for n, units in enumerate((500, 250, 250, 100)):
            due = block + 10 + n * 24 * HOUR + world.rng.randrange(late + 1)
            world.pay(due, wallet, shop, units * 10**6, TOKEN)


def _custodian(world: World, exchanges: list[Exchange], wallets: dict[str, list[str]]) -> None:
    """An unlabelled custodian that pays into the deposit addresses of many customers."""
    custodian = world.address("custodian")
    world.arrive(START_BLOCK, custodian, world.amount(5_000, 6_000))
    for person in world.rng.sample(sorted(wallets), len(wallets) // 5):
        place = next((e for e in exchanges if person in e.accounts), None)
        if place is not None:
            block, amount = world.moment(), world.amount(1, 20)
            world.pay(block, custodian, place.accounts[person], amount)
            _emptied(world, place, block + 300, place.accounts[person], amount)


def _batches(world: World, wallets: dict[str, list[str]]) -> None:
    """A payroll through a batch-payment contract, and an airdrop, to people who have nothing to do with each other."""
    contract, payer, issuer = (world.address(name) for name in ("contract", "payroll", "issuer"))
    world.arrive(START_BLOCK, payer, world.amount(900, 1_000))
    people = world.rng.sample(sorted(wallets), min(40, len(wallets)))
    wages = [(wallets[p][0], world.amount(1, 3)) for p in people]
    total = sum(amount for _, amount in wages)
    paid = [(contract, payee, amount, "native") for payee, amount in wages]
    world.transaction(world.moment(), payer, (payer, contract, total, "native"), *paid)
    gift = [(issuer, owned[0], 5_000_000, TOKEN) for owned in wallets.values()]
    world.arrive(START_BLOCK, issuer, 10**12, TOKEN)
    world.transaction(world.moment(), issuer, *gift)


def _gas_service(world: World, wallets: dict[str, list[str]]) -> None:
    """A service that sells gas to whoever asks: many customers; and a small one with a few."""
    for count, name in ((60, "gas service"), (5, "small gas service")):
        service = world.address(name)
        world.arrive(START_BLOCK, service, world.amount(100, 200))
        for person, block in zip(sorted(wallets)[:count], _moments(world), strict=False):
            new = world.address(person + " visitor")
            world.arrive(block, new, 10**8 + world.rng.randrange(10**8), TOKEN)
            world.pay(block + 10, service, new, ETH // 40)
            world.pay(block + 60, new, world.address(""), 10**8, TOKEN)


def _moments(world: World) -> Iterator[int]:
    while True:
        yield world.moment()
