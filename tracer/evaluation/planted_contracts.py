"""Contracts in planted histories: an exchange's forwarders, and wallets and programs of persons that resemble them."""

from __future__ import annotations

from tracer.chains.evm_code import CodeKind
from tracer.evaluation.planted_world import ENTRY_POINT, FEE, START_BLOCK, Exchange, World, exchange

__all__ = ["own_contracts", "swept_contracts", "wallet_contracts"]


def swept_contracts(world: World, wallets: dict[str, list[str]]) -> None:
    """An exchange whose deposit addresses are minimal proxies, emptied one by one by an account of its own."""
    place, code = exchange(world, "Exchange D", labelled=True), world.code(CodeKind.CLONE)
    for person in world.rng.sample(sorted(wallets), len(wallets) // 3):
        deposit, block = world.address(person), world.moment()
        world.made.codes[deposit] = code
        world.made.deposits.add(deposit)
        for _ in range(world.rng.choice([1, 1, 1, 2])):
            wallet, amount = world.rng.choice(wallets[person]), world.amount(0.2, 40)
            world.arrive(block - 50, wallet, amount + 3 * FEE)
            world.pay(block, wallet, deposit, amount)
            world.made.customers.add((wallet, deposit))
            world.transaction(block + 900, place.gas, (deposit, place.hot, amount, "native"))
            block += 2_000


def wallet_contracts(world: World, exchanges: list[Exchange]) -> None:
    """Wallets of persons that are contracts, with keys of their own (Safes), behind a bundler (accounts of ERC-4337) or
    behind a relayer (minimal proxies). Most pay all they have to an exchange, two of them in one transaction.
    """
    bundler, relayer, rng = world.address("bundler"), world.address("relayer"), world.rng
    for kind, signer in ((CodeKind.SAFE, ""), (CodeKind.DELEGATING, bundler), (CodeKind.CLONE, relayer)):
        code, together, at_once = world.code(kind), world.moment(), []
        for n in range(8):
            person = f"owner {n} of a {kind}"
            wallet, block, amount = world.address(person), world.moment(), world.amount(1, 9)
            world.made.codes[wallet] = code
            payee = world.address("") if n % 4 == 3 else rng.choice(exchanges).hot
            paid = (wallet, payee, amount, "native")
            if n % 4 == 2 and signer:
                world.arrive(together - 200, wallet, amount)
                at_once.append(paid)
            else:
                world.arrive(block, wallet, amount)
                refund = [(ENTRY_POINT, bundler, FEE, "native")] if signer == bundler else []
                world.transaction(block + 200, signer or world.address(person), paid, *refund)
        if at_once:
            refund = [(ENTRY_POINT, bundler, FEE, "native")] if signer == bundler else []
            world.transaction(together, signer, *at_once, *refund)


def own_contracts(world: World, exchanges: list[Exchange]) -> None:
    """Somebody who sends his coin to an exchange through copies of a contract of his own."""
    for n in range(3):
        owner, code, place = (
            world.address(f"layerer {n}"),
            world.code(CodeKind.SETTLED),
            world.rng.choice(exchanges),
        )
        world.arrive(START_BLOCK, owner, world.amount(50, 90))
        for _ in range(5):
            contract, block, amount = world.address(f"layerer {n}"), world.moment(), world.amount(1, 9)
            world.made.codes[contract] = code
            world.pay(block, owner, contract, amount)
            world.transaction(block + 200, owner, (contract, place.hot, amount, "native"))
