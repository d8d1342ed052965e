"""Keeping what is collected without waiting for the disk each time: what comes together is written together.

A disk confirms a hundred writes a second or so, while a node of one's own gives thousands of answers. So whoever has
something to keep hands it over and waits; all that waits goes into one transaction, in a thread, while the next
questions are under way. Nobody goes on before what he handed over is on disk: after `kill -9` or a power cut nothing
that was used is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tracer.store import Workspace, Writer

__all__ = ["Keeper"]

T = TypeVar("T")


class Keeper:
    """The way into one workspace for everybody who collects in it. Used from one event loop at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._waiting: list[tuple[Callable[[Writer], Any], asyncio.Future[Any]]] = []
        self._working: asyncio.Task[None] | None = None

    async def archive(self, data: bytes) -> str:
        """Keep bytes in the archive; returns their sha256."""
        return await asyncio.to_thread(self._workspace.archive.put, data)

    async def write(self, work: Callable[[Writer], T]) -> T:
        """What `work` returns, once what it wrote is on disk. It may be called again if another one's work fails.

        Whoever is cancelled here is so after the write.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            results = await asyncio.to_thread(self._written, [work for work, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                    future.exception()  # whoever waited may have been ended meanwhile: that is no fault
                else:
                    future.set_result(result)

    def _written(self, works: Sequence[Callable[[Writer], Any]]) -> list[Any]:
        """Results or errors, by work: all in one transaction, or each in its own where one of them fails."""
        try:
            with self._workspace.store.writer() as writer:
                return [work(writer) for work in works]
        except Exception as error:  # noqa: BLE001 - it is raised where the work came from
            if len(works) == 1:
                return [error]
            return [result for work in works for result in self._written([work])]
