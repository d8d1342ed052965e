"""Coroutines are run to their end from plain code and from inside a running loop, as in a notebook."""

from __future__ import annotations

import asyncio

import pytest

from tracer.loops import finish


async def double(number: int) -> int:
    await asyncio.sleep(0)
    if number < 0:
        raise ValueError(number)
    return 2 * number


def test_plain_code_gets_the_result_or_the_error() -> None:
    assert finish(double(4)) == 8
    with pytest.raises(ValueError, match="-1"):
        finish(double(-1))


def test_a_running_loop_is_no_hindrance() -> None:
    async def notebook() -> int:
        with pytest.raises(ValueError, match="-1"):
            finish(double(-1))
        return finish(double(4))

    assert asyncio.run(notebook()) == 8
