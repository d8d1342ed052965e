"""The providers of one collection, behind one transport and one keeper of answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

from tracer.chains.adapters import JUDGES, adapter_of
from tracer.chains.endpoint import Endpoint
from tracer.collecting.asking import Answers
from tracer.collecting.fetch import Source
from tracer.collecting.keeping import Keeper
from tracer.store import Workspace
from tracer.transport import Patience, Transport, key_of

__all__ = ["open_sources"]


@asynccontextmanager
async def open_sources(
    workspace: Workspace,
    endpoints: Iterable[Endpoint],
    *,
    now: Callable[[], int],
    again: bool = False,
    patience: Patience | None = None,
) -> AsyncIterator[dict[str, Source]]:
    """One source per chain, behind one transport that is closed in the end. The first provider of a chain counts.

    again: do not take answers from the archive. Raises InputError for a kind of provider that has no adapter.
    """
    async with Transport(
        lambda e: key_of(workspace.settings, e),
        JUDGES,
        patience=patience or Patience(),
        certificates=workspace.root / "certificates",
    ) as transport:
        sources: dict[str, Source] = {}
        keeper = Keeper(workspace)
        for endpoint in endpoints:
            send = partial(transport.ask, endpoint)
            answers = Answers(workspace, endpoint.name, send, now, again=again, keeper=keeper)
            sources.setdefault(endpoint.chain, Source(endpoint, adapter_of(endpoint), answers))
        yield sources
