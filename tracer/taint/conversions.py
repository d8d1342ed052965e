"""Swaps, wraps and stakes: what one transaction converts, decided from net amounts before any rule runs.

What an address gave of one asset converts into what it got of another; its counterparties get only their own taint.
What cannot be attributed goes to `sink:converted` and is a gap. The net-delta reading of a swap follows Wu et al.,
TRacer (arXiv 2201.05757), with assets keyed by contract, never by symbol.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from fractions import Fraction
from itertools import pairwise

from tracer.ledger import KINDS, OUTSIDE
from tracer.model import Gap, Kind
from tracer.taint.program import Op, Share
from tracer.taint.steps import CONVERTED, Steps

__all__ = ["Row", "convert", "has_converter", "leave_unsplit"]

_WRAPS = {KINDS.index(Kind.WRAP), KINDS.index(Kind.UNWRAP)}

Row = tuple[int, int, int, int, int]
"""(ledger row, payer, payee, asset, amount)"""


def has_converter(movements: Sequence[Row]) -> bool:
    """Does any address give one asset and get another, on balance?"""
    net: dict[tuple[int, int], int] = defaultdict(int)
    for _, payer, payee, asset, amount in movements:
        net[payer, asset] -= amount
        net[payee, asset] += amount
    gave = {address for (address, _), v in net.items() if v < 0 and address >= 0}
    return any(v > 0 and address in gave for (address, _), v in net.items())


Parts = dict[tuple[int, int, int], int]
"""(asset, giver, getter) -> amount: who in the end gave what to whom, pass-through accounts removed; in the order in
which the coin arrived."""


def convert(steps: Steps, tx: int, movements: Sequence[Row]) -> bool:
    """Net the transaction; False (and nothing appended) if no address converts once pass-through is removed.

    What an address paid or got whose payment and receipt are unrelated (`Steps.separate`) is no part of any conversion.
    """
    every, row_parts = _who_paid_whom(movements)
    apart = _separate(steps, movements)
    parts = {key: n for key, n in every.items() if not apart.intersection(key[1:])} if apart else every
    gave, got = _sides(parts)
    converters = dict.fromkeys(
        a for a in gave if a in got and a not in steps.closed
    )  # in the order of payments
    if not converters:
        return False
    taken: dict[tuple[int, int], list[int]] = defaultdict(list)  # (giver, asset) -> steps that took from it
    brought: dict[tuple[int, int], list[int]] = defaultdict(list)
    first_row: dict[tuple[int, int], int] = {}
    for r, payer, _, asset, _ in movements:
        first_row.setdefault((payer, asset), r)

    for address in converters:
        if address in steps.stop_code:  # unread (a pool that nobody fetched): the stolen coin it holds stays
            for asset, amount in got[address].items():
                step = steps.add(Op.CREDIT, -1, steps.holding(address, asset), amount, tx=tx)
                brought[address, asset].append(step)
            continue
        _convert_one(steps, tx, address, gave[address], got[address], movements, taken, brought)
        _note_strangers(steps, address, parts, movements, taken)
    third = _third_party(steps, parts, converters, gave, got)
    paid_through = {(third[0], third[1])} if third is not None else set()
    served = {(p, a) for p, a, _ in third[3]} if third is not None else set()
    through = _through(third)

    for (asset, giver, getter), amount in every.items():
        if apart.intersection((giver, getter)):
            step = steps.pay(giver, steps.holding(getter, asset), asset, amount, tx=tx)
            taken[giver, asset].append(step)
        elif giver in converters or giver == OUTSIDE:
            # The counterparty gets only its own taint; what a conversion brought is booked already.
            if giver in converters and (getter, asset) in served:
                given = through.pop((getter, asset), None)
                if third is not None and given is not None:
                    _pay_through(steps, tx, third[:2], given, (getter, asset), taken, brought)
            elif getter >= 0 and getter not in converters:
                steps.add(Op.CREDIT, -1, steps.holding(getter, asset), amount, tx=tx)
        elif getter in converters:
            if (giver, asset) not in paid_through:
                why = "an address paid into a conversion and got nothing back"
                step = leave_unsplit(steps, tx, giver, asset, amount, first_row.get((giver, asset), -1), why)
                taken[giver, asset].append(step)
        else:
            dst = steps.holding(getter, asset)
            taken[giver, asset].append(steps.pay(giver, dst, asset, amount, tx=tx))
    _share_out(steps, movements, row_parts, taken, brought)
    return True


def _separate(steps: Steps, movements: Sequence[Row]) -> set[int]:
    """The addresses that convert nothing in this transaction, by a ruling."""
    if not steps.separate:
        return set()
    tx = steps.ledger.tx_hash[movements[0][0]]
    return {address for row in movements for address in row[1:3] if (tx, address) in steps.separate}


def _who_paid_whom(movements: Sequence[Row]) -> tuple[Parts, dict[int, list[tuple[int, int]]]]:
    """Replay in order with pots. Returns the net parts, and per row the (giver, amount) that it carried."""
    pots: dict[tuple[int, int], deque[tuple[int, int, int]]] = defaultdict(deque)
    row_parts: dict[int, list[tuple[int, int]]] = {}
    for at, (r, payer, payee, asset, amount) in enumerate(movements):
        carried: list[tuple[int, int]] = []
        left = amount
        pot = pots[payer, asset] if payer >= 0 else deque()
        while left and pot:
            giver, part, came = pot.popleft()
            if part > left:
                pot.appendleft((giver, part - left, came))
                part = left
            carried.append((giver, part))
            left -= part
        if left:
            carried.append((payer, left))
        row_parts[r] = carried
        pots[payee, asset].extend((giver, part, at) for giver, part in carried)
    parts: Parts = defaultdict(int)
    arrival: dict[tuple[int, int, int], int] = {}
    for (payee, asset), pot in pots.items():
        for giver, amount, at in pot:
            if giver != payee:
                key = (asset, giver, payee)
                parts[key] += amount
                arrival[key] = min(arrival.get(key, at), at)
    return _net(parts, arrival), row_parts


def _net(parts: Parts, arrival: dict[tuple[int, int, int], int]) -> Parts:
    """Remove accounts that both gave and got one asset: what they got goes on to whom they gave.

    Earlier arrivals first, so that the result does not depend on how addresses are numbered.
    """
    while True:
        order = sorted(parts, key=lambda key: arrival[key])  # stable: parts of one row keep their order
        getters = {(asset, getter) for asset, _, getter in parts}
        middle = next(((a, g) for a, g, _ in order if g >= 0 and (a, g) in getters), None)
        if middle is None:
            return {k: parts[k] for k in order}
        asset, address = middle
        into = next(k for k in order if k[0] == asset and k[2] == address)
        out = next(k for k in order if k[0] == asset and k[1] == address)
        amount = min(parts[into], parts[out])
        came = max(arrival[into], arrival[out])
        for key in (into, out):
            parts[key] -= amount
            if not parts[key]:
                del parts[key]
        if into[1] != out[2]:
            key = (asset, into[1], out[2])
            arrival[key] = min(arrival[key], came) if key in parts else came
            parts[key] = parts.get(key, 0) + amount


Side = dict[int, dict[int, int]]
"""address -> asset -> amount"""


def _sides(parts: Parts) -> tuple[Side, Side]:
    """(what each address gave, what each address got), by asset."""
    gave: Side = defaultdict(lambda: defaultdict(int))
    got: Side = defaultdict(lambda: defaultdict(int))
    for (asset, giver, getter), amount in parts.items():
        if giver >= 0:
            gave[giver][asset] += amount
        if getter >= 0:
            got[getter][asset] += amount
    return gave, got


def _convert_one(
    steps: Steps,
    tx: int,
    address: int,
    gave: dict[int, int],
    got: dict[int, int],
    movements: Sequence[Row],
    taken: dict[tuple[int, int], list[int]],
    brought: dict[tuple[int, int], list[int]],
) -> None:
    """What one address gave becomes what it got."""
    values = _stated_values(steps, address, movements) if len(gave) + len(got) > 2 else {}
    split = _split(gave, got, values)
    if split is None:
        for asset, amount in gave.items():
            why = f"{len(gave)} assets given for {len(got)} got in one transaction and no value stated"
            row = next((r for r, payer, _, a, _ in movements if (payer, a) == (address, asset)), -1)
            taken[address, asset].append(leave_unsplit(steps, tx, address, asset, amount, row, why))
        for asset, amount in got.items():
            brought[address, asset].append(
                steps.add(Op.CREDIT, -1, steps.holding(address, asset), amount, tx=tx)
            )
        return
    for given_asset, got_asset, given_amount, got_amount in split:
        src, dst = steps.holding(address, given_asset), steps.holding(address, got_asset)
        if given_amount:
            step = steps.add(Op.CONVERT, src, dst, given_amount, got=got_amount, tx=tx)
            taken[address, given_asset].append(step)
            brought[address, got_asset].append(step)
        elif got_amount:
            steps.add(Op.CREDIT, -1, dst, got_amount, tx=tx)


def _note_strangers(
    steps: Steps,
    address: int,
    parts: Parts,
    movements: Sequence[Row],
    taken: dict[tuple[int, int], list[int]],
) -> None:
    """List a conversion whose two sides are strangers: it may be a payment and an unrelated gift.

    A wrap, or a payment to the contract of the asset that was got (staking), is no such case.
    """
    ledger = steps.ledger
    if any(ledger.kind[r] in _WRAPS for r, payer, payee, _, _ in movements if address in {payer, payee}):
        return
    paid = {getter for _, giver, getter in parts if giver == address}
    payers = {giver for _, giver, getter in parts if getter == address}
    contracts = {steps.assets[asset].ref for asset, _, getter in parts if getter == address}
    issuers = {a for a in paid if a >= 0 and steps.names[a][1] in contracts}
    if paid & payers or issuers:
        return
    chain, name = steps.names[address]
    message = (
        "Taken as a conversion, but whom it paid and who paid it are not the same: it may be a payment and an unrelated"
        " receipt in one transaction. Look at the transaction."
    )
    tx = next((ledger.tx_hash[r] for r, payer, _, _, _ in movements if payer == address), "")
    for (giver, asset), numbers in taken.items():
        if giver == address:
            units, ref = steps.items[numbers[0]].amount, steps.assets[asset].ref
            gap = Gap("doubtful_conversion", message, chain, name, ref, units, tx, "assumption")
            steps.doubts.setdefault(numbers[0], gap)


def _split(
    gave: dict[int, int], got: dict[int, int], values: dict[tuple[bool, int], Fraction]
) -> list[tuple[int, int, int, int]] | None:
    """(asset given, asset got, amount given, amount got) for each pair, split by value; None if values lack."""
    if len(gave) == 1 and len(got) == 1:
        (a, x), (b, y) = next(iter(gave.items())), next(iter(got.items()))
        return [(a, b, x, y)]
    given_value = {a: values.get((False, a), Fraction(0)) for a in gave}
    got_value = {b: values.get((True, b), Fraction(0)) for b in got}
    if not all(given_value.values()) or not all(got_value.values()):
        return None
    total_given, total_got = sum(given_value.values()), sum(got_value.values())
    given_parts = {a: _shares(gave[a], [got_value[b] / total_got for b in got]) for a in gave}
    got_parts = {b: _shares(got[b], [given_value[a] / total_given for a in gave]) for b in got}
    return [(a, b, given_parts[a][j], got_parts[b][i]) for i, a in enumerate(gave) for j, b in enumerate(got)]


def _shares(amount: int, weights: list[Fraction]) -> list[int]:
    """`amount` cut in proportion at floor(cumulative weight * amount): exact, nothing lost."""
    cuts = [0]
    reached = Fraction(0)
    for weight in weights:
        reached += weight
        cuts.append(int(reached * amount))
    cuts[-1] = amount
    return [b - a for a, b in pairwise(cuts)]


def _stated_values(steps: Steps, address: int, movements: Sequence[Row]) -> dict[tuple[bool, int], Fraction]:
    """Net stated value per (got?, asset) of the address's own rows; empty if any of them states none."""
    column = steps.ledger.table["value"]
    values: dict[tuple[bool, int], Fraction] = defaultdict(Fraction)
    for r, payer, payee, asset, _ in movements:
        if address in (payer, payee):
            stated = column[r].as_py()
            if stated is None:
                return {}
            values[payee == address, asset] += Fraction(stated)
    for asset in {a for _, a in values}:
        both = min(values[True, asset], values[False, asset])
        values[True, asset] -= both
        values[False, asset] -= both
    return values


def _third_party(
    steps: Steps, parts: Parts, converters: Collection[int], gave: Side, got: Side
) -> tuple[int, int, int, list[tuple[int, int, int]]] | None:
    """A swap whose proceeds go to somebody else: (payer, asset, amount into converters, [(payee, asset, got)]).

    Only when exactly one address paid into converters in one asset and got nothing, and everything that came out
    of converters to addresses that gave nothing is one other asset.
    """
    into: dict[tuple[int, int], int] = defaultdict(int)
    out: dict[tuple[int, int], int] = defaultdict(int)
    for (asset, giver, getter), amount in parts.items():
        if getter in converters and giver >= 0 and giver not in got and giver not in steps.stop_code:
            into[giver, asset] += amount
        if giver in converters and getter >= 0 and getter not in gave:
            out[getter, asset] += amount
    if len(into) != 1:
        return None
    (payer, asset), amount = next(iter(into.items()))
    payees = [(p, a, n) for (p, a), n in out.items() if a != asset]
    if not payees or len({a for _, a, _ in payees}) != 1:
        return None
    return payer, asset, amount, payees


def _through(
    third: tuple[int, int, int, list[tuple[int, int, int]]] | None,
) -> dict[tuple[int, int], tuple[int, int]]:
    """(payee, asset got) -> (part of the payer's coin, amount got): the payer's coin in proportion to what came out."""
    if third is None:
        return {}
    _, _, amount, payees = third
    total = sum(n for _, _, n in payees)
    given = _shares(amount, [Fraction(n, total) for _, _, n in payees])
    return {(payee, asset): (part, n) for (payee, asset, n), part in zip(payees, given, strict=True)}


def _pay_through(
    steps: Steps,
    tx: int,
    payer: tuple[int, int],
    given: tuple[int, int],
    payee: tuple[int, int],
    taken: dict[tuple[int, int], list[int]],
    brought: dict[tuple[int, int], list[int]],
) -> None:
    """Coin of the payer (address, asset) becomes what the payee (address, asset) got; given: (amount, amount got)."""
    part, n = given
    dst = steps.holding(*payee)
    if not part:
        steps.add(Op.CREDIT, -1, dst, n, tx=tx)
        return
    step = steps.add(Op.CONVERT, steps.holding(*payer), dst, part, got=n, tx=tx, hop=1)
    taken[payer].append(step)
    brought[payee].append(step)


def leave_unsplit(steps: Steps, tx: int, address: int, asset: int, amount: int, row: int, why: str) -> int:
    """Coin that left as part of a conversion which cannot be attributed: to `sink:converted`, and a gap."""
    step = steps.pay(address, steps.holding(CONVERTED, asset), asset, amount, tx=tx)
    chain, name = steps.names[address]
    message = f"A conversion that cannot be followed: {why}. What was given counts as converted, not as lost."
    tx_hash = steps.ledger.tx_hash[row] if row >= 0 else ""
    ref = steps.assets[asset].ref
    steps.doubts[step] = Gap("unsplit_conversion", message, chain, name, ref, amount, tx_hash)
    return step


def _share_out(
    steps: Steps,
    movements: Sequence[Row],
    row_parts: dict[int, list[tuple[int, int]]],
    taken: dict[tuple[int, int], list[int]],
    brought: dict[tuple[int, int], list[int]],
) -> None:
    """Say which part of the netted steps each row carried, so that every row can show its taint."""
    paid: dict[tuple[int, int], int] = defaultdict(int)
    received: dict[tuple[int, int], int] = defaultdict(int)
    for r, payer, payee, asset, amount in movements:
        received[payee, asset] += amount
        for giver, part in row_parts[r]:
            if giver == payer:
                paid[giver, asset] += part
    for r, _, payee, asset, amount in movements:
        for giver, part in row_parts[r]:
            if taken.get((giver, asset)):
                steps.shares.append(Share(r, tuple(taken[giver, asset]), part, paid[giver, asset], got=False))
        if brought.get((payee, asset)):
            steps.shares.append(
                Share(r, tuple(brought[payee, asset]), amount, received[payee, asset], got=True)
            )
