"""Whether a whole transaction splits into the parties of a JoinMarket CoinJoin: a label that its shape does not give.

Every input belongs to one party. Each maker put in the equal value, its change and at most a little less (what it adds
to the miner's fee) or more (what it earned); the taker put in the rest, which pays all others. The test by subset sums
is the stricter definition of Goldfeder, Kalodner, Reisman and Narayanan, When the cookie meets the blockchain (PoPETs
2018), `isCoinjoinExtra` in BlockSci; amounts by JoinMarket's documentation of makers' and takers' change. The heuristic
that is measured asks for one such change and never for a split, so it can be wrong here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tracer.utxo import UtxoTransaction

__all__ = ["splits"]

_GIVES = 5_000
"""Sat that a maker adds to the miner's fee at most."""
_SUMS = 400_000
"""Sums of inputs that are looked at; with more, some would fit by accident, and nothing is said."""
_TRIES = 20_000


def splits(transaction: UtxoTransaction, equal: int | None = None) -> bool | None:
    """Whether the inputs can be dealt out to the parties, each once; None if too many choices would have to be tried.

    equal: a value to put in place of the most frequent output's (to see how often accident splits a transaction).
    """
    value, parties = Counter(o.amount for o in transaction.outputs).most_common(1)[0]
    change = [o.amount for o in transaction.outputs if o.amount != value]
    if not 0 <= parties - len(change) <= 1:
        return False
    owners: Counter[object] = Counter()
    for i in transaction.inputs:
        owners[i.script] += i.amount
    coins = sorted(owners.values(), reverse=True)
    joined = value if equal is None else equal
    windows = [(joined + c - joined // 200 - _GIVES, joined + c + _GIVES) for c in change]
    choices = _choices(coins, windows)
    if choices is None:
        return None
    everybody = (1 << len(coins)) - 1
    makers = [[*range(len(change))]]
    if parties == len(change):  # one of the changes is the taker's
        makers = [[*range(taker), *range(taker + 1, len(change))] for taker in range(len(change))]
    search = _Dealing(choices, everybody)
    try:
        return any(search.deal(wanted, 0) for wanted in makers)
    except _TooManyError:
        return None


def _choices(coins: Sequence[int], windows: Sequence[tuple[int, int]]) -> list[list[int]] | None:
    """By window, the sets of coins (bit masks) whose sum lies in it; None if there are too many sums."""
    found: list[list[int]] = [[] for _ in windows]
    highest = max((high for _, high in windows), default=0)
    waiting, looked_at = [(0, 0, 0)], 0
    while waiting:
        first, mask, total = waiting.pop()
        looked_at += 1
        if looked_at > _SUMS:
            return None
        for place, (low, high) in enumerate(windows):
            if low <= total <= high:
                found[place].append(mask)
        waiting.extend(
            (coin + 1, mask | 1 << coin, total + coins[coin])
            for coin in range(first, len(coins))
            if total + coins[coin] <= highest
        )
    return found


class _TooManyError(Exception):
    pass


class _Dealing:
    """Deals disjoint sets of coins to makers, the one with the fewest choices first; the taker gets what is left."""

    def __init__(self, choices: Sequence[Sequence[int]], everything: int) -> None:
        self._choices, self._everything, self._tries = choices, everything, 0

    def deal(self, makers: Sequence[int], dealt: int) -> bool:
        """Whether the makers can each get a set of the coins that are left, and the taker something."""
        self._tries += 1
        if self._tries > _TRIES:
            raise _TooManyError
        if not makers:
            return dealt != self._everything
        free = {m: [mask for mask in self._choices[m] if not mask & dealt] for m in makers}
        next_one = min(makers, key=lambda m: len(free[m]))
        others = [m for m in makers if m != next_one]
        return any(self.deal(others, dealt | mask) for mask in free[next_one])
