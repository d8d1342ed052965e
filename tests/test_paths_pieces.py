"""Queues of coin pieces: exact under any cutting and moving, equal to moving single coins, and cheap to sweep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.paths.pieces import Piece, PieceQueue, Trails

orders = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 12), st.booleans()),
    min_size=1,
    max_size=40,
)


def flat(queue: PieceQueue, trails: Trails) -> list[tuple[int, tuple[int, ...]]]:
    """Every unit as (where it set out, the steps of its way)."""
    return [
        (piece.start, tuple(trails.steps(piece.way)))
        for piece in queue.pieces(trails)
        for _ in range(piece.amount)
    ]


@given(orders, st.integers(1, 200))
def test_moving_pieces_equals_moving_single_coins(moves: list[tuple[int, int, int, bool]], few: int) -> None:
    trails = Trails()
    queues = [PieceQueue(few=few) for _ in range(3)]
    coins: list[list[tuple[int, tuple[int, ...]]]] = [[], [], []]
    for start, (queue, purse) in enumerate(zip(queues, coins, strict=True)):
        queue.put(Piece(20, 20, start))
        purse += [(start, ())] * 20
    for step, (a, b, amount, newest) in enumerate(moves):
        amount = min(amount, queues[a].total)
        if not amount or a == b:
            continue
        taken = queues[a].take(amount, newest=newest)
        queues[b].add(taken, step, trails)
        cut = len(coins[a]) - amount if newest else amount
        lot = coins[a][cut:] if newest else coins[a][:cut]
        coins[a] = coins[a][:cut] if newest else coins[a][cut:]
        coins[b] += [(start, (*way, step)) for start, way in lot]
        queues[b]._tidy(trails) if few < 20 else None
    assert [flat(queue, trails) for queue in queues] == coins
    assert [queue.total for queue in queues] == [len(purse) for purse in coins]


@given(st.lists(st.integers(1, 10**25), min_size=1, max_size=20), st.integers(0, 10**20))
def test_scaling_gives_exactly_what_was_got_and_keeps_the_source(amounts: list[int], got: int) -> None:
    trails, queue = Trails(), PieceQueue()
    for start, amount in enumerate(amounts):
        queue.put(Piece(amount, amount, start))
    pieces = queue.scaled(got).pieces(trails)
    assert sum(p.amount for p in pieces) == got
    assert [p.source for p in pieces] == amounts


@given(st.integers(1, 10**25), st.integers(1, 10**25), st.data())
def test_a_cut_piece_loses_neither_coin_nor_source(amount: int, source: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, amount))
    first, rest = Piece(amount, source, 0).cut(at)
    assert (first.amount, first.amount + rest.amount) == (at, amount)
    assert first.source + rest.source == source
    assert min(first.source, rest.source) >= 0


def test_more_than_there_is_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="more is taken"):
        PieceQueue().take(1)


def test_sweeps_that_leave_dust_do_not_touch_every_piece() -> None:
    trails = Trails()
    queues = [PieceQueue(), PieceQueue()]
    for start in range(32_000):
        taken = PieceQueue()
        taken.put(Piece(3, 3, start))
        queues[0].add(taken, start, trails)
    before, sweeps = len(trails.step), 2_000
    for sweep in range(sweeps):
        source, goal = queues[sweep % 2], queues[1 - sweep % 2]
        goal.add(source.take(source.total - 1), sweep, trails)
    assert queues[0].total + queues[1].total == 96_000
    assert (
        len(trails.step) - before < sweeps * 32_000 / 50
    )  # work per sweep, in notes taken, far below the pieces
