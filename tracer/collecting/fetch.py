"""Fetch the history of one address: ask, keep the answers as one capture, note the coverage. All of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from tracer.chains.adapter import Adapter, Request, Span
from tracer.collecting.frontier import Account
from tracer.collecting.manifest import Fetched
from tracer.errors import InputError
from tracer.store import Draft, Workspace

__all__ = ["KIND", "Recorder", "fetch", "options_of"]

KIND = "collected"
"""Kind of a capture that holds the answers of a provider."""

MEDIA_TYPE = "application/x-ndjson"


class Recorder(Protocol):
    """An Ask that remembers what was asked, so that the answers can be kept together."""

    async def __call__(self, request: Request) -> bytes:
        """The body of the answer."""
        ...

    def bundle(self) -> bytes:
        """The list of all requests so far with the sha256 of their answers, as canonical bytes."""
        ...


def options_of(account: Account, span: Span, most: int, *, inflows: bool) -> dict[str, object]:
    """What decides the movements of a capture besides the answers: kept with it, read again by a replay."""
    chain, address = account
    return {
        "chain": chain,
        "address": address,
        "first": span.first,
        "last": span.last,
        "most": most,
        "inflows": inflows,
    }


async def fetch(
    adapter: Adapter,
    recorder: Recorder,
    workspace: Workspace,
    account: Account,
    span: Span,
    *,
    most: int,
    inflows: bool,
    now: Callable[[], int],
) -> Fetched:
    """Ask for `account` in `span` and keep what came. Raises ProviderError; then nothing is kept but the answers."""
    chain, address = account
    if chain != adapter.chain:
        raise InputError(
            f"The provider is for {adapter.chain}, not for {chain}.", "Name a provider of that chain."
        )
    history = await adapter.history(recorder, address, span, most, inflows=inflows)
    raw = recorder.bundle()
    parser, _, version = adapter.name.rpartition(" ")
    draft = Draft(
        sha256=hashlib.sha256(raw).hexdigest(),
        name=f"{address} blocks {span.first}-{span.last}",
        size=len(raw),
        parser=parser,
        parser_version=version,
        fetched_at=now(),
        kind=KIND,
        media_type=MEDIA_TYPE,
        mapping=options_of(account, span, most, inflows=inflows),
        partial=span.first > 0 or not history.complete,
    )
    capture, _ = workspace.keep(raw, draft, history.table, history.gaps)
    return Fetched(
        chain=chain,
        address=address,
        first=span.first,
        last=span.last,
        capture=capture.key,
        sha256=capture.sha256,
        transactions=history.transactions,
        complete=history.complete,
        hub=history.hub,
    )
