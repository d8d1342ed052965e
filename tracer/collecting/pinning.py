"""Up to which block each chain is asked: fixed at the first run of a case, and checked at every later one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tracer.chains.adapter import Ask, Request, Span
from tracer.collecting.asking import Recording
from tracer.collecting.budget import Budget
from tracer.collecting.fetch import Source
from tracer.errors import BudgetSpentError, ProviderError, TracerError
from tracer.store import Workspace
from tracer.store.caserecords import ChainHead

__all__ = [
    "Pinned",
    "ReplacedError",
    "check_pinned",
    "given_up",
    "heads_of_others",
    "marked",
    "pin",
    "pin_all",
    "same_chain",
]


class ReplacedError(ProviderError):
    """The block that a case is pinned on is not in the chain any more. head: as it is from now on."""

    def __init__(self, head: ChainHead, found: str) -> None:
        super().__init__(
            f"Block {head.block} of {head.chain} is another one now: the chain was reorganised, or the provider"
            " follows another chain.",
            "Collect the case anew (tracer collect CASE --again) or into a new case: what was read of the other chain"
            " is in neither.",
        )
        self.head = replace(head, replaced=found)


@dataclass(frozen=True)
class Pinned:
    """Up to where a run asks its chains, each by its name; failures: of providers that did not say.

    moved: a chain that was given up is read as it is now, without what was read of it before. spent: the requests were
    used up before all of them said.
    """

    heads: dict[str, ChainHead] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    failures: dict[str, ProviderError] = field(default_factory=dict)
    moved: bool = False
    spent: BudgetSpentError | None = None


async def pin_all(
    sources: Mapping[str, Source],
    known: Iterable[ChainHead],
    others: Mapping[str, list[ChainHead]],
    budget: Budget,
) -> Pinned:
    """Pin every chain, at the blocks that are known where its chain still has them.

    A case that is read anew (`Answers.again`) is pinned anew where its block was given up. others: what the other cases
    of the workspace are pinned on.
    """
    before = {head.chain: head for head in known}
    found, moved = Pinned(), False
    for chain, source in sorted(sources.items()):
        try:
            try:
                head, span = await pin(source, chain, before.get(chain), budget)
            except ReplacedError as error:
                if not source.answers.again:
                    raise
                found.failures[chain] = error  # what the case has is of that chain until another is pinned
                head, span = await pin(source, chain, None, budget)
            if not await same_chain(source, head, others.get(chain, ())):
                source.answers.doubt()
        except ProviderError as error:
            found.failures.setdefault(chain, error)
        except BudgetSpentError as error:
            return replace(found, moved=moved, spent=error)
        else:
            moved |= found.failures.pop(chain, None) is not None
            found.heads[chain], found.spans[chain] = head, span
    return replace(found, moved=moved)


def given_up(heads: Iterable[ChainHead], fresh: Mapping[str, ChainHead]) -> tuple[ChainHead, ...]:
    """The heads in whose place others are now."""
    return tuple(head for head in heads if head.hash != fresh.get(head.chain, head).hash)


def marked(heads: Iterable[ChainHead], fresh: Iterable[ChainHead]) -> tuple[ChainHead, ...]:
    """The heads with those of `fresh` in place of those of the same chains, or behind them."""
    return tuple({head.chain: head for head in (*heads, *fresh)}.values())


async def pin(source: Source, chain: str, known: ChainHead | None, budget: Budget) -> tuple[ChainHead, Span]:
    """The pinned block of a chain, and the blocks to ask for within the time window of the budget.

    Raises ReplacedError if the chain is not the one that `known` was pinned on.
    """
    ask = Recording(source.answers.ask)

    async def once(request: Request) -> bytes:
        return await ask(replace(request, settled=True))  # blocks below the pinned one cannot change any more

    if known is None:
        found = await source.adapter.head(ask)
        head = ChainHead(chain, found.block, found.hash, found.time)
    else:
        head = replace(known, replaced=None)
        _refuse_other(head, (await source.adapter.block(ask, head.block)).hash)
    first, last = 0, head.block
    if budget.since is not None:
        first = await _block_at(source, once, budget.since, last)
    if budget.until is not None and budget.until <= head.time:
        last = max(first, await _block_at(source, once, budget.until, last) - 1)
    return head, Span(first, last)


async def check_pinned(source: Source, head: ChainHead) -> None:
    """See that the chain did not change while it was read. Raises ReplacedError if it did; who does not answer now is
    asked at the next run.
    """
    try:
        there = await source.adapter.block(Recording(source.answers.ask), head.block)
    except (BudgetSpentError, ProviderError):
        return
    _refuse_other(head, there.hash)


def heads_of_others(workspace: Workspace, case: str) -> Mapping[str, list[ChainHead]]:
    """By chain, the blocks that the cases of the workspace beside `case` are pinned on, and those that any was before.

    Answers from then are in the workspace, and may be of another chain than the one that is there now.
    """
    found: dict[str, list[ChainHead]] = defaultdict(list)
    for name in workspace.cases.names():
        with suppress(TracerError):  # a damaged case file says so when it is opened
            file = workspace.cases.read(name)
            for head in (*(file.heads if name != case else ()), *file.former):
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
        raise ReplacedError(head, found)


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
