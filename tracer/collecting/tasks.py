"""Several tasks as one: they end together, whatever ends one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

__all__ = ["end", "together"]

T = TypeVar("T")


async def together(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run all; when one fails for another reason than its provider, or we are ended, end the others."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """End tasks that still run, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
