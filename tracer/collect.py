"""Collect the history of a case hop after hop, in rounds, so that it can be stopped, killed, resumed and repeated.

Round n + 1 is chosen from the state after round n - 1, while round n is still being fetched: the rate of the provider
stays used, and what is chosen depends on what was collected, never on which answer came first. Each choice computes the
case anew, so rounds grow with what is there: ten thousand addresses take some twenty choices, not a hundred and fifty.
A round is merged when it is complete, in sorted order; what was fetched of an unfinished one is in the workspace and
is not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial

from tracer import evidence
from tracer.casebook import CaseBook
from tracer.chains.adapter import Ask, Span
from tracer.chains.adapters import JUDGES, adapter_of
from tracer.chains.endpoint import Endpoint
from tracer.collecting.asking import Answers, Recording
from tracer.collecting.budget import Budget
from tracer.collecting.fetch import Source, fetch, worker_name
from tracer.collecting.frontier import Account, candidates, governing, reason
from tracer.collecting.manifest import Fetched, write_manifest
from tracer.errors import InputError, ProviderError, ProviderStopError
from tracer.model import UNREAD
from tracer.store import Workspace
from tracer.store.caserecords import ChainHead
from tracer.taint.tally import tally
from tracer.transport import Patience, Transport, key_of

__all__ = ["ROUND", "Collected", "Event", "collect", "open_sources"]

ROUND = 64
"""Addresses that are chosen at once in the beginning."""

_GROWTH = 4
"""Later, a round is this part (a quarter) of what was fetched before."""

_ALL = 10**9
"""Transactions of a seed that are read: all of them."""


@dataclass(frozen=True, slots=True)
class Event:
    """How far a collection is. sent: requests that went out; kept: answers taken from the archive; queue: addresses
    chosen and not yet fetched; failed: addresses whose history could not be had.
    """

    round: int
    fetched: int
    queue: int
    sent: int
    kept: int
    failed: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection came to. finished: nothing is left that the budget allows. exhausted: the budget ended it.

    stopped: what a provider said when it would answer no more, "" otherwise.
    """

    fetched: int
    failed: int
    rounds: int
    sent: int
    kept: int
    finished: bool
    exhausted: bool
    stopped: str = ""


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
        for endpoint in endpoints:
            answers = Answers(workspace, endpoint.name, partial(transport.ask, endpoint), now, again=again)
            sources.setdefault(endpoint.chain, Source(endpoint, adapter_of(endpoint), answers))
        yield sources


async def collect(
    case: CaseBook,
    sources: Mapping[str, Source],
    budget: Budget,
    *,
    now: Callable[[], int],
    report: Callable[[Event], None] = lambda _: None,
    size: int = ROUND,
) -> Collected:
    """Fetch what the budget allows, from the seeds on; resumes where an earlier run ended.

    sources: by chain (CAIP-2). Cancel the task to stop: what is fetched stays. Raises InputError without seeds or for
    a seed whose chain has no source, ProviderError if a chain was reorganised below its pinned block.
    """
    file = case.file
    if not file.seeds:
        raise InputError("The case has no seed to start from.", "Add one: tracer seed add CASE ADDRESS.")
    missing = sorted({seed.chain for seed in file.seeds} - set(sources))
    if missing:
        raise InputError(f"No provider is named for {missing[0]}.", "Name one: --provider NAME.")
    run = _Run(case, sources, budget, now, report, size)
    try:
        return await run.all()
    finally:
        with case.workspace.store.writer() as writer:
            writer.release(run.worker)


class _Run:
    """One collection of one case."""

    def __init__(
        self,
        case: CaseBook,
        sources: Mapping[str, Source],
        budget: Budget,
        now: Callable[[], int],
        report: Callable[[Event], None],
        size: int,
    ) -> None:
        self.case, self.sources, self.budget = case, sources, budget
        self.now, self.report, self.size = now, report, size
        self.worker = worker_name()
        self.seeds = {(s.chain, s.address) for s in case.file.seeds}
        self.lifted = {(s.chain, s.address) for s in case.file.stops if s.code is None}
        self.spans: dict[str, Span] = {}
        self.entries: list[Fetched] = []
        self.waiting = 0
        self.stopped = ""
        self.spent = False

    async def all(self) -> Collected:
        await self._pin()
        file = self.case.file
        earlier = evidence.collected(self.case.workspace, file)
        self.entries = [e for e in earlier if e.capture and not (e.hub and e.account in self.lifted)]
        retry = sorted({e.account for e in earlier} - self._accounts())  # failed, or no hub after all
        rounds = max((e.round for e in self.entries), default=-1)
        seeds = sorted(self.seeds - self._accounts())
        if rounds < 0 or seeds or retry:
            rounds += 1
            await self._fetch(rounds, dict.fromkeys([*seeds, *retry]))
        chosen = await self._choose(rounds - 1, ()) if rounds > 0 else []
        idle = 0
        while idle < 2 and not self._over():
            rounds += 1
            fetching = asyncio.create_task(self._fetch(rounds, chosen))
            try:
                following = await self._choose(rounds - 1, chosen)
            finally:
                await _settle(fetching)
            idle = 0 if chosen else idle + 1
            chosen = following
        finished = not self.stopped and not await self._left()
        self._keep(exhausted=self.spent and not finished)
        return Collected(
            fetched=sum(bool(e.capture) for e in self.entries),
            failed=sum(not e.capture for e in self.entries),
            rounds=max((e.round for e in self.entries), default=0),
            sent=self._sent(),
            kept=sum(s.answers.from_archive for s in self.sources.values()),
            finished=finished,
            exhausted=self.spent and not finished,
            stopped=self.stopped,
        )

    async def _pin(self) -> None:
        """Fix up to which block each chain is asked; if that was done before, see that the chain is still the same."""
        known = {head.chain: head for head in self.case.file.heads}
        fresh: list[ChainHead] = []
        for chain, source in sorted(self.sources.items()):
            ask = Recording(source.answers.ask)
            if chain in known:
                head = known[chain]
                there = await source.adapter.block(ask, head.block)
                if there.hash != head.hash:
                    raise ProviderError(
                        f"Block {head.block} of {chain} is another one now: the chain was reorganised, or the provider"
                        " follows another chain.",
                        "Collect into a new case; nothing was changed in this one.",
                    )
            else:
                found = await source.adapter.head(ask)
                head = ChainHead(chain, found.block, found.hash, found.time)
                fresh.append(head)
            first, last = 0, head.block
            if self.budget.since is not None:
                first = await _block_at(source, ask, self.budget.since, last)
            if self.budget.until is not None and self.budget.until <= head.time:
                last = max(first, await _block_at(source, ask, self.budget.until, last) - 1)
            self.spans[chain] = Span(first, last)
        values = {k: v for k, v in asdict(self.budget).items() if v is not None}
        self.case.update(
            lambda f: replace(f, heads=(*f.heads, *fresh), thresholds={**_others(f.thresholds), **values})
        )

    def _accounts(self) -> set[Account]:
        return {e.account for e in self.entries}

    def _sent(self) -> int:
        return sum(s.answers.sent for s in self.sources.values())

    def _over(self) -> bool:
        """Whether the budget or a provider ends the collection."""
        budget = self.budget
        self.spent = self.spent or bool(
            (budget.addresses and len(self.entries) >= budget.addresses)
            or (budget.requests and self._sent() >= budget.requests)
        )
        return self.spent or bool(self.stopped)

    async def _choose(self, rounds: int, taken: Iterable[Account]) -> list[Account]:
        """The next addresses, from the state after round `rounds`; `taken` are being fetched."""
        entries = [e for e in self.entries if e.round <= rounds]
        if not entries:
            return []
        found = await asyncio.to_thread(self._urgent, entries)
        known = {*self._accounts(), *taken}
        room = self.budget.addresses - len(known) if self.budget.addresses else len(found)
        chosen = [a for a in found if a not in known][: max(self.size, len(entries) // _GROWTH)]
        return chosen[: max(room, 0)]

    async def _left(self) -> bool:
        """Whether an address that may be read is left."""
        found = await asyncio.to_thread(self._urgent, self.entries) if self.entries else []
        return bool(set(found) - self._accounts())

    def _urgent(self, entries: Sequence[Fetched]) -> list[Account]:
        """Addresses that hold stolen coin and whose history may be read, most urgent first."""
        file = self.case.file
        with self.case.workspace.store.reader() as view:
            tracing = evidence.trace_of(view, file, entries, evidence.display, None)
        program = tracing.program
        outcome = tracing.outcome(governing(file.rule))
        sums = tally(tracing.ledger, program, outcome)
        ends = {
            name
            for name, code in zip(program.addresses, program.stop_code, strict=True)
            if code and code not in UNREAD
        }
        return [
            c.account
            for c in candidates(program, outcome, sums)
            if c.account not in ends and c.account[0] in self.sources and reason(c, self.budget) is None
        ]

    async def _fetch(self, number: int, accounts: Iterable[Account]) -> None:
        """Fetch a round and merge it. Cancelled, it merges nothing; what was fetched is in the workspace."""
        wanted = list(accounts)
        if not wanted:
            return
        self.waiting = len(wanted)
        self._tell(number)
        room = asyncio.Semaphore(max(s.endpoint.concurrency for s in self.sources.values()) * 2)
        done = await _together([self._one(number, account, room) for account in wanted])
        self.entries = sorted([*self.entries, *(e for e in done if e is not None)])
        self._keep(exhausted=False)
        self._tell(number)

    async def _one(self, number: int, account: Account, room: asyncio.Semaphore) -> Fetched | None:
        """One history; None if it was not asked for because the run ends, an entry with its problem if it failed."""
        source, span = self.sources[account[0]], self.spans[account[0]]
        async with room:
            if self.stopped or (self.budget.requests and self._sent() >= self.budget.requests):
                self.spent = self.spent or not self.stopped
                return None
            try:
                entry = await fetch(
                    source,
                    self.case.workspace,
                    account,
                    span,
                    most=self._most(account),
                    inflows=False,
                    round_number=number,
                    worker=self.worker,
                    now=self.now,
                )
            except ProviderStopError as error:
                self.stopped = self.stopped or str(error)
                return None
            except ProviderError as error:
                entry = Fetched(
                    account[0],
                    account[1],
                    span.first,
                    span.last,
                    number,
                    capture="",
                    sha256="",
                    transactions=0,
                    complete=False,
                    hub=False,
                    problem=str(error),
                )
        self.waiting -= 1
        self._tell(number)
        return entry

    def _most(self, account: Account) -> int:
        """Transactions that are read; an address with more is a hub, unless it is a seed or said to be none."""
        whole = account in self.seeds or account in self.lifted or not self.budget.most
        return _ALL if whole else self.budget.most

    def _tell(self, number: int) -> None:
        kept = sum(s.answers.from_archive for s in self.sources.values())
        failed = sum(not e.capture for e in self.entries)
        self.report(Event(number, len(self.entries) - failed, self.waiting, self._sent(), kept, failed))

    def _keep(self, *, exhausted: bool) -> None:
        """Pin the list of what was fetched in the case file."""
        sha256 = self.case.workspace.archive.put(write_manifest(self.entries))
        self.case.update(lambda f: replace(f, manifest=sha256, exhausted=exhausted))


def _others(thresholds: Mapping[str, str | int | bool]) -> dict[str, str | int | bool]:
    return {k: v for k, v in thresholds.items() if k not in Budget.__dataclass_fields__}


async def _settle(task: asyncio.Task[None]) -> None:
    """Wait for a task, and end it when we are ended."""
    try:
        await task
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _together(work: Sequence[Coroutine[None, None, Fetched | None]]) -> list[Fetched | None]:
    """Run all; when one fails for another reason than its provider, or we are ended, end the others."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
