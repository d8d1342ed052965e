"""Up to which block each chain is asked: fixed at the first run of a case, and checked at every later one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from tracer.chains.adapter import Ask, Request, Span
from tracer.collecting.asking import Recording
from tracer.collecting.budget import Budget
from tracer.collecting.fetch import Source
from tracer.errors import BudgetSpentError, ProviderError, TracerError
from tracer.store import Workspace
from tracer.store.caserecords import ChainHead

__all__ = ["check_pinned", "heads_of_others", "pin", "same_chain"]


async def pin(source: Source, chain: str, known: ChainHead | None, budget: Budget) -> tuple[ChainHead, Span]:
    """The pinned block of a chain, and the blocks to ask for within the time window of the budget.

    Raises ProviderError if the chain is not the one that `known` was pinned on.
    """
    ask = Recording(source.answers.ask)

    async def once(request: Request) -> bytes:
        return await ask(replace(request, settled=True))  # blocks below the pinned one cannot change any more

    if known is None:
        found = await source.adapter.head(ask)
        head = ChainHead(chain, found.block, found.hash, found.time)
    else:
        head = known
        _refuse_other(head, (await source.adapter.block(ask, head.block)).hash)
    first, last = 0, head.block
    if budget.since is not None:
        first = await _block_at(source, once, budget.since, last)
    if budget.until is not None and budget.until <= head.time:
        last = max(first, await _block_at(source, once, budget.until, last) - 1)
    return head, Span(first, last)


async def check_pinned(source: Source, head: ChainHead) -> None:
    """See that the chain did not change while it was read. Raises ProviderError if it did; who does not answer now is
    asked at the next run.
    """
    try:
        there = await source.adapter.block(Recording(source.answers.ask), head.block)
    except (BudgetSpentError, ProviderError):
        return
    _refuse_other(head, there.hash)


def heads_of_others(workspace: Workspace, case: str) -> Mapping[str, list[ChainHead]]:
    """By chain, the blocks that the cases of the workspace beside `case` are pinned on."""
    found: dict[str, list[ChainHead]] = defaultdict(list)
    for name in workspace.cases.names():
        with suppress(TracerError):  # a damaged case file says so when it is opened
            for head in workspace.cases.read(name).heads if name != case else ():
                found[head.chain].append(head)
    return found


async def same_chain(source: Source, head: ChainHead, others: Iterable[ChainHead]) -> bool:
    """Whether the blocks that other cases are pinned on are on the chain that is read now.

    False also where the provider does not say, or lags behind: then answers from before are not used. Raises
    BudgetSpentError.
    """
    ask = Recording(source.answers.ask)
    for block, known in sorted({(o.block, o.hash) for o in others} - {(head.block, head.hash)}):
        try:
            if (await source.adapter.block(ask, block)).hash != known:
                return False
        except BudgetSpentError:
            raise
        except ProviderError:
            return False
    return True


def _refuse_other(head: ChainHead, found: str) -> None:
    if found != head.hash:
        raise ProviderError(
            f"Block {head.block} of {head.chain} is another one now: the chain was reorganised, or the provider"
            " follows another chain.",
            "Collect into a new case; what was read of the other chain is not in this one.",
        )


async def _block_at(source: Source, ask: Ask, moment: int, last: int) -> int:
    """The first block, up to `last`, that is not older than `moment` (UTC seconds); `last` if all are."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        if (await source.adapter.block(ask, middle)).time < moment:
            low = middle + 1
        else:
            high = middle
    return low
