"""Run a coroutine to its end from plain code, also where an event loop is running already, as in a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["finish"]

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. With a loop running in this thread, another thread gets a loop of its own.

    A KeyboardInterrupt while waiting cancels the work and waits until it has ended.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    found: list[T] = []
    failed: list[BaseException] = []
    started = threading.Event()
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = []

    async def whole() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run makes one
        handle.append((asyncio.get_running_loop(), task))
        started.set()
        return await work

    def run() -> None:
        try:
            found.append(asyncio.run(whole()))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="tracer-loop", daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        started.wait()
        if handle:
            loop, task = handle[0]
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failed:
        raise failed[0]
    return found[0]
