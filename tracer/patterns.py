"""Patterns in what traced addresses did: an observation each, with figures, transactions and a source. Never a proof.

They say where to look first: how coin was spread, gathered, peeled off or rested, and who imitates whose address. No
pattern moves coin, links addresses or stops a trace. Each is a function over the payments of a ledger; amounts are
exact integers in the smallest unit, times UTC seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tracer.addresses import display, is_evm
from tracer.amounts import decimal_text
from tracer.clusters.payments import Payments
from tracer.ledger import Ledger
from tracer.wording import Words, words

__all__ = [
    "PATTERNS",
    "Pattern",
    "dormant_then_burst",
    "equal_split",
    "fan_in",
    "fan_out",
    "find_patterns",
    "look_alikes",
    "peel_chain",
    "round_amounts",
]

_HOUR, _DAY = 3_600, 86_400
_MANY = 5  # counterparties of a spread, payments of a burst: fewer are ordinary life
_REST = 7 * _DAY
_PEELS = 3  # steps of a chain
_KEPT = 80  # per cent that a step of a peel chain passes on at least
_ROUND = 10  # whole coins


@dataclass(frozen=True, slots=True)
class Pattern:
    """One observation. account: (chain, address). figures: names and values in order. transactions: hashes in order.

    each: the amount that the payments have in common, with its symbol; else empty.
    """

    pattern: str
    account: tuple[str, str]
    transactions: tuple[str, ...]
    source: str
    figures: tuple[tuple[str, int | str], ...] = field(default=())
    each: str = ""

    @property
    def figure_text(self) -> str:
        """The figures as `name=value;...`."""
        return ";".join(f"{name}={value}" for name, value in self.figures)

    def said(self, language: str) -> str:
        """What was seen, as the predicate of a sentence, in a language of `tracer.wording`."""
        w, figures = words(language), dict(self.figures)
        spans = {name: _duration(int(figures.get(name, 0)), w) for name in ("seconds", "rest_seconds")}
        return w(f"observed.{self.pattern}", **{**figures, **spans, "each": self.each})


def find_patterns(payments: Payments, traced: Collection[int]) -> list[Pattern]:
    """Every pattern at traced addresses (numbers of the ledger), by pattern, chain and address."""
    found = [pattern for search in PATTERNS for pattern in search(payments, traced)]
    order = [search.__name__ for search in PATTERNS]
    return sorted(found, key=lambda p: (order.index(p.pattern), p.account, p.transactions))


def fan_out(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """One address pays five or more in one asset, never an hour apart.

    Source: the first hops of the Bybit theft, 2025-02-21; fan-out in AMLSim (github.com/IBM/AMLSim).
    """
    for address in sorted(traced):
        for run in _bursts(payments, payments.by_payer.at(address).tolist()):
            payees = len({int(payments.payee[i]) for i in run})
            if payees >= _MANY:
                yield _pattern(payments, "fan_out", address, run, ("payees", payees))


def fan_in(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """One address is paid by five or more in one asset, never an hour apart.

    Source: fan-in in AMLSim (github.com/IBM/AMLSim).
    """
    for address in sorted(traced):
        for run in _bursts(payments, payments.by_payee.at(address).tolist()):
            payers = len({int(payments.payer[i]) for i in run})
            if payers >= _MANY:
                yield _pattern(payments, "fan_in", address, run, ("payers", payers))


def equal_split(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """One address pays exactly the same amount to five or more, never an hour apart.

    Source: 40 times 10,000 ETH and nine times 10,000 ETH in 48 seconds after the Bybit theft, 2025-02-21.
    """
    for address in sorted(traced):
        by_amount: dict[tuple[int, int], list[int]] = {}
        for i in payments.by_payer.at(address).tolist():
            by_amount.setdefault((int(payments.asset[i]), payments.amount[i]), []).append(i)
        for (asset, amount), same in sorted(by_amount.items()):
            for run in _bursts(payments, same):
                payees = len({int(payments.payee[i]) for i in run})
                if payees >= _MANY:
                    figures = ("payees", payees), ("each_raw", amount)
                    seen = _pattern(payments, "equal_split", address, run, *figures)
                    yield replace(seen, each=_coins(payments, asset, amount))


def dormant_then_burst(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """Coin rests seven days or more, then leaves in five or more payments, never an hour apart.

    Source: wallets of the Bybit theft rested nine days (2025-02-21 to 03-02) before they were emptied.
    """
    for address in sorted(traced):
        out = payments.by_payer.at(address).tolist()
        arrivals = payments.by_payee.at(address).tolist()
        for run in _bursts(payments, out):
            if len(run) < _MANY:
                continue
            start, asset = run[0], payments.asset[run[0]]
            before = [
                i
                for i in (*arrivals, *out)
                if payments.asset[i] == asset and payments.row[i] < payments.row[start]
            ]
            last = max((int(payments.time[i]) for i in before), default=-1)
            rest = int(payments.time[start]) - last
            if last >= 0 and rest >= _REST:
                yield _pattern(payments, "dormant_then_burst", address, run, ("rest_seconds", rest))


def peel_chain(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """Address after address passes on four fifths or more to a new one and pays the rest to others, three in a row.

    Source: Kappos et al., "How to Peel a Million" (USENIX Security 2022), for Bitcoin; on account chains a likeness.
    """
    steps: dict[tuple[int, int], int] = {}  # (address, asset) -> the payment that passes coin on
    for address in sorted(traced):
        by_asset: dict[int, list[int]] = {}
        for i in payments.by_payer.at(address).tolist():
            by_asset.setdefault(int(payments.asset[i]), []).append(i)
        for asset, out in by_asset.items():
            largest = max(out, key=lambda i: (payments.amount[i], -i))
            whole = sum(payments.amount[i] for i in out)
            into = int(payments.payee[largest])
            first = next(i for i in payments.by_payee.at(into).tolist() if payments.asset[i] == asset)
            peels = 1 < len(out) <= _MANY and _KEPT * whole <= 100 * payments.amount[largest]
            if peels and first == largest and into in traced:
                steps[address, asset] = largest
    reached = {(int(payments.payee[i]), asset) for (_, asset), i in steps.items()}
    for (address, asset), step in sorted(steps.items()):
        if (address, asset) in reached:
            continue  # not the beginning
        run, here = [step], int(payments.payee[step])
        while (here, asset) in steps:  # ends: whoever is stepped to was new, so nobody is stepped to twice
            run.append(steps[here, asset])
            here = int(payments.payee[run[-1]])
        if len(run) >= _PEELS:
            end = ("end", display(*payments.ledger.addresses[here]))
            yield _pattern(payments, "peel_chain", address, run, ("steps", len(run)), end)


def round_amounts(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """Three or more payments of an address, and four of five, are whole tens of coins.

    Source: round values are payments rather than change, BlockSci (Kalodner et al., USENIX Security 2020).
    """
    for address in sorted(traced):
        by_asset: dict[int, list[int]] = {}
        for i in payments.by_payer.at(address).tolist():
            by_asset.setdefault(int(payments.asset[i]), []).append(i)
        for asset, out in sorted(by_asset.items()):
            decimals = payments.ledger.assets[asset].decimals
            if decimals is None:
                continue
            even = [i for i in out if payments.amount[i] % (_ROUND * 10**decimals) == 0]
            if len(even) >= _PEELS and 5 * len(even) >= 4 * len(out):
                yield _pattern(payments, "round_amounts", address, even, ("of", len(out)))


def look_alikes(payments: Payments, traced: Collection[int]) -> Iterator[Pattern]:
    """An address that begins and ends like a traced one: the same first three and last four hex digits, not all forty.

    Rows that are left out of flows count here, since that is where imitations stand. Source: Tsuchiya et al.,
    "Blockchain Address Poisoning" (arXiv 2501.16681); after the Bybit theft 24 of 42 real payees had a twin.
    """
    ledger = payments.ledger
    named: dict[tuple[str, str], dict[str, list[str]]] = {}
    for chain, address, tx in _appearances(ledger):
        key = (chain, address[2:5] + address[-4:])
        named.setdefault(key, {}).setdefault(address, []).append(tx)
    for number in sorted(traced):
        chain, address = ledger.addresses[number]
        twins = named.get((chain, address[2:5] + address[-4:]), {}) if is_evm(chain) else {}
        for twin in sorted(set(twins) - {address}):
            hashes = tuple(dict.fromkeys(tx for tx in twins[twin] if tx))
            figures = (("twin", display(chain, twin)),)
            yield Pattern("look_alikes", (chain, address), hashes, _source(look_alikes), figures)


def _appearances(ledger: Ledger) -> Iterator[tuple[str, str, str]]:
    """(chain, address, transaction) of every row, followed or not."""
    for table in (ledger.table, ledger.excluded):
        columns = (table[name].to_pylist() for name in ("chain", "from_address", "to_address", "tx_hash"))
        for chain, payer, payee, tx in zip(*columns, strict=True):
            if is_evm(chain):
                yield from ((chain, address, tx or "") for address in (payer, payee) if address)


PATTERNS = (fan_out, equal_split, fan_in, dormant_then_burst, peel_chain, round_amounts, look_alikes)
"""The patterns, in the order in which they are listed."""


def _bursts(payments: Payments, among: Iterable[int]) -> Iterator[list[int]]:
    """Payments of one asset in order of time, cut where one is more than an hour after the one before."""
    by_asset: dict[int, list[int]] = {}
    for i in among:
        if payments.time[i] >= 0:
            by_asset.setdefault(int(payments.asset[i]), []).append(i)
    for _, same in sorted(by_asset.items()):
        run: list[int] = []
        for i in sorted(same, key=lambda i: (int(payments.time[i]), i)):
            if run and payments.time[i] - payments.time[run[-1]] > _HOUR:
                yield run
                run = []
            run.append(i)
        yield run


def _pattern(
    payments: Payments,
    name: str,
    address: int,
    run: Sequence[int],
    *figures: tuple[str, int | str],
) -> Pattern:
    """A pattern of payments of one asset, with the figures that all of them have."""
    asset = payments.ledger.assets[int(payments.asset[run[0]])]
    total = sum(payments.amount[i] for i in run)
    seconds = int(payments.time[run[-1]]) - int(payments.time[run[0]])
    common = ("payments", len(run)), ("seconds", seconds), ("asset", asset.ref), ("total_raw", total)
    hashes = tuple(dict.fromkeys(hash_ for i in run if (hash_ := payments.hash(i))))
    search = next(x for x in PATTERNS if x.__name__ == name)
    return Pattern(name, payments.ledger.addresses[address], hashes, _source(search), (*figures, *common))


def _source(search: object) -> str:
    """The source that the docstring of a pattern names, on one line."""
    text = " ".join((search.__doc__ or "").split())
    return text.partition("Source: ")[2].removesuffix(".")


def _coins(payments: Payments, asset: int, amount: int) -> str:
    """An amount in whole coins, or in raw units of an asset whose decimals nobody states."""
    what = payments.ledger.assets[asset]
    return f"{decimal_text(amount, what.decimals) or amount} {what.symbol or what.ref}"


def _duration(seconds: int, w: Words) -> str:
    """Seconds in the two largest units: `8 d 22 h`, `58 min 12 s`."""
    parts = [
        (seconds // _DAY, "days"),
        (seconds // _HOUR % 24, "hours"),
        (seconds // 60 % 60, "minutes"),
        (seconds % 60, "seconds"),
    ]
    first = next((n for n, (count, _) in enumerate(parts) if count), len(parts) - 1)
    told = [w(f"duration.{unit}", count=count) for count, unit in parts[first : first + 2] if count]
    return " ".join(told) or w("duration.seconds", count=0)
