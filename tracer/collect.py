"""Collect the history of a case hop after hop, in rounds, so that it can be stopped, killed, resumed and repeated.

Round n + 1 is chosen from the state after round n - 1, while round n is still being fetched: the rate of the provider
stays used, and what is chosen depends on what was collected, never on which answer came first. Each choice computes the
case anew, so rounds grow with what is there: ten thousand addresses take some twenty choices, not a hundred and fifty.
A round is merged when it is complete, in sorted order; what was fetched of an unfinished one is in the workspace and
is not asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from tracer import evidence
from tracer.casebook import CaseBook
from tracer.chains.adapter import Span
from tracer.collecting.asking import Allowance
from tracer.collecting.budget import Budget
from tracer.collecting.fetch import Source, fetch, worker_name
from tracer.collecting.frontier import Account, Candidate, reason, starting_points
from tracer.collecting.manifest import Fetched, uncovered, write_manifest
from tracer.collecting.pinning import ReplacedError, check_pinned, given_up, heads_of_others, marked, pin_all
from tracer.collecting.report import Collected, Event, Rate
from tracer.collecting.sources import open_sources
from tracer.collecting.tasks import end, together
from tracer.errors import BudgetSpentError, InputError, ProviderError, ProviderStopError, visible
from tracer.label_packs import labels_of
from tracer.memory import give_back
from tracer.store.caserecords import ChainStop, Target

__all__ = ["ROUND", "Collected", "Event", "collect", "open_sources"]

ROUND = 64
"""Addresses that are chosen at once in the beginning."""

_GROWTH = 4
"""Later, a round is this part (a quarter) of what was fetched before."""

_ALL = 10**9
"""Transactions of a seed or target that are read: all of them."""

_PATIENCE = 8
"""Histories of a chain that fail one after the other before its provider is given up for this time."""

_TICK = 0.5
"""Seconds between two reports while nothing else happens: a rate that falls to nothing is seen, a stop is heard."""


async def collect(
    case: CaseBook,
    sources: Mapping[str, Source],
    budget: Budget,
    *,
    now: Callable[[], int],
    report: Callable[[Event], None] = lambda _: None,
    size: int = ROUND,
) -> Collected:
    """Fetch what the budget allows, from the seeds on or from the targets back; resumes where an earlier run ended.

    sources: by chain (CAIP-2). Cancel the task to stop, or raise in `report`, which is called at least twice a second:
    what is fetched stays. A provider that fails ends its own chain only. Raises InputError without seeds (backward:
    targets) or for one whose chain has no source, ProviderError if no chain can be asked at all.
    """
    file = case.file
    budget = budget.named({seed.asset for seed in file.seeds if seed.asset is not None})
    start = starting_points(file, backward=budget.backward)
    missing = sorted({chain for chain, _ in start} - set(sources))
    if missing:
        raise InputError(f"No provider is named for {missing[0]}.", "Name one: --provider NAME.")
    run = _Run(case, sources, budget, start, now, report, size)
    work = asyncio.create_task(run.all())
    ticking = asyncio.create_task(run.tick())
    try:
        await asyncio.wait([work, ticking], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await ticking  # whoever watches has had enough
        return await work
    finally:
        await end(work, ticking)
        with case.workspace.store.writer() as writer:
            writer.release(run.worker)


class _Run:
    """One collection of one case. entries: what was read, `of` each address, `hubs` of them as hubs; failed: what could
    not be.
    """

    def __init__(
        self,
        case: CaseBook,
        sources: Mapping[str, Source],
        budget: Budget,
        start: Sequence[Account],
        now: Callable[[], int],
        report: Callable[[Event], None],
        size: int,
    ) -> None:
        self.case, self.sources, self.budget, self.start = case, sources, budget, start
        self.now, self.report, self.size = now, report, size
        self.worker = worker_name()
        self.rate = Rate(time.monotonic)
        lifted = {(s.chain, s.address) for s in case.file.stops if s.code is None}
        self.whole = {(s.chain, s.address) for s in case.file.seeds} | lifted | set(start)
        self.allowance = Allowance(budget.requests)
        for source in sources.values():
            source.answers.allowance = self.allowance
        self.spans: dict[str, Span] = {}
        self.anchors: dict[str, str] = {}
        self.entries: list[Fetched] = []
        self.to_replace: list[Fetched] = []
        self.of: dict[Account, list[Fetched]] = {}
        self.hubs_no_more: set[Account] = set()
        self.failed: dict[Account, Fetched] = {}
        self.hubs = 0
        self.round = self.hop = self.waiting = 0
        self.stopped: dict[str, str] = {}
        self.in_a_row: Counter[str] = Counter()
        self.spent = False

    async def all(self) -> Collected:
        anew = {chain for chain, source in self.sources.items() if source.answers.again}
        earlier: list[Fetched] = []
        for entry in evidence.collected(self.case.workspace, self.case.file):
            (self.to_replace if entry.chain in anew else earlier).append(entry)
        self.hubs_no_more = {e.account for e in earlier if self._is_no_hub(e)}
        self._merge(e for e in earlier if not self._is_no_hub(e))
        try:
            await self._pin()
            await self._rounds()
        except BudgetSpentError:
            self.spent = True
        except ReplacedError as error:
            self._give_up(error)
            raise
        finished = not self.stopped and not await self._left()
        exhausted = self.spent and not finished
        self._keep(exhausted=exhausted)
        return Collected(
            fetched=len(self.of),
            failed=len(self.failed),
            rounds=max((e.round for e in self.entries), default=0),
            sent=self._sent(),
            kept=self._kept(),
            finished=finished,
            exhausted=exhausted,
            stopped=self._said(),
        )

    async def _rounds(self) -> None:
        """Round after round, until nothing is left, the budget is used up or nobody answers."""
        rounds = max((e.round for e in self.entries), default=-1)
        # The starting points, what failed, what is no hub after all, and what a wider time window opens.
        deep = {e.account for e in self.entries if e.inflows or not self.budget.backward}
        retry = sorted({*self.failed, *self.hubs_no_more, *deep} - set(self.start))
        first = [account for account in (*self.start, *retry) if self._missing(account)]
        if first:
            rounds += 1
            await self._fetch(rounds, self._affordable(first))
        chosen = await self._choose(rounds - 1, ()) if rounds > 0 else []
        idle = 0
        while idle < 2 and not self._over():
            rounds += 1
            fetching = asyncio.create_task(self._fetch(rounds, chosen))
            try:
                following = await self._choose(rounds - 1, chosen)
                await fetching
            finally:
                await end(fetching)
            idle = 0 if chosen else idle + 1
            chosen = following

    async def tick(self) -> None:
        """Report while nothing else does."""
        while True:
            self._tell()
            await asyncio.sleep(_TICK)

    async def _pin(self) -> None:
        """Fix up to which block each chain is asked; if that was done before, see that the chain is still the same."""
        others = heads_of_others(self.case.workspace, self.case.name)
        found = await pin_all(self.sources, self.case.file.heads, others, self.budget)
        self.spans = found.spans
        self.anchors = {chain: head.hash for chain, head in found.heads.items()}
        self.stopped |= {chain: str(error) for chain, error in found.failures.items()}
        for error in found.failures.values():
            self._give_up(error)
        self._merge(e for e in self.to_replace if e.chain not in found.heads)  # nobody reads it anew now
        if found.spent is not None:
            raise found.spent
        if len(found.failures) == len(self.sources):
            raise next(iter(found.failures.values()))
        limits = {k: v for k, v in asdict(self.budget).items() if v is not None and v != ""}
        targets = tuple(Target(*a) for a in self.start) if self.budget.backward else self.case.file.targets
        manifest = self._list() if found.moved else self.case.file.manifest
        self.case.update(
            lambda f: replace(
                f,
                heads=marked(f.heads, found.heads.values()),
                former=(*f.former, *given_up(f.heads, found.heads)),
                targets=targets,
                manifest=manifest,
                thresholds={**_others(f.thresholds), **limits},
            )
        )

    def _give_up(self, error: ProviderError) -> None:
        """Note in the case if its history belongs to a chain that was given up."""
        if isinstance(error, ReplacedError) and error.head not in self.case.file.heads:
            self.case.update(lambda f: replace(f, heads=marked(f.heads, [error.head])))

    def _is_no_hub(self, entry: Fetched) -> bool:
        """Whether an address that was taken as a hub may be read after all."""
        most = self.budget.most
        return entry.hub and (entry.account in self.whole or not most or entry.transactions <= most)

    def _merge(self, entries: Iterable[Fetched]) -> None:
        """Add what was fetched; what failed stands apart, until it succeeds."""
        for entry in entries:
            if entry.capture:
                self.entries.append(entry)
                self.hubs += entry.hub
                self.of.setdefault(entry.account, []).append(entry)
                self.failed.pop(entry.account, None)
            else:
                self.failed[entry.account] = entry
        self.entries.sort()

    def _missing(self, account: Account) -> list[Span]:
        """The blocks of an address that are still to be asked for."""
        span = self.spans.get(account[0])
        mine = [e for e in self.of.get(account, ()) if e.inflows or e.hub or not self.budget.backward]
        if span is None or any(e.hub for e in mine):
            return []
        return [Span(*blocks) for blocks in uncovered(mine, span.first, span.last)]

    def _affordable(self, accounts: Iterable[Account], taken: Iterable[Account] = ()) -> list[Account]:
        """The first of the accounts that the limit on addresses allows; what was read before costs nothing."""
        known = {*self.of, *self.failed, *taken}
        room = self.budget.addresses - len(known) if self.budget.addresses else len(known | set(accounts))
        chosen = []
        for account in accounts:
            if account in known or room > 0:
                chosen.append(account)
                room -= account not in known
        return chosen

    def _sent(self) -> int:
        return sum(s.answers.sent for s in self.sources.values())

    def _kept(self) -> int:
        return sum(s.answers.from_archive for s in self.sources.values())

    def _said(self) -> str:
        """What providers said that answer no more."""
        if len(self.sources) == 1:
            return "".join(self.stopped.values())
        return "; ".join(f"{chain}: {text}" for chain, text in sorted(self.stopped.items()))

    def _over(self) -> bool:
        """Whether the budget ends the collection, or nobody answers any more."""
        full = 0 < self.budget.addresses <= len(self.of.keys() | self.failed.keys())
        self.spent = self.spent or full or self.allowance.spent
        return self.spent or self.spans.keys() <= self.stopped.keys()

    async def _choose(self, rounds: int, taken: Sequence[Account]) -> list[Account]:
        """The next addresses, from the state after round `rounds`; `taken` are being fetched."""
        entries = [e for e in self.entries if e.round <= rounds]
        if not entries:
            return []
        known = {*self.failed, *taken}
        found = [
            c
            for c in await asyncio.to_thread(self._urgent, entries)
            if c.account not in known and self._missing(c.account)
        ]
        found = found[: max(self.size, len(entries) // _GROWTH)]
        self.hop = max([self.hop, *(c.hop for c in found)])
        return self._affordable([c.account for c in found], taken)

    async def _left(self) -> bool:
        """Whether an address that may be read is left."""
        if self.sources.keys() > self.spans.keys():
            return True
        found = await asyncio.to_thread(self._urgent, self.entries) if self.entries else []
        accounts = {*self.start, *(c.account for c in found)} - self.failed.keys()
        return any(self._missing(account) for account in accounts)

    def _urgent(self, entries: Sequence[Fetched]) -> list[Candidate]:
        """Addresses whose history the budget allows to read, most urgent first. Nothing of the trace stays."""
        try:
            return self._traced(entries)
        finally:
            give_back()  # each of the threads that take turns would keep what its largest trace took

    def _traced(self, entries: Sequence[Fetched]) -> list[Candidate]:
        file = self.case.file
        labels = labels_of(self.case.workspace.archive, file)
        with self.case.workspace.store.reader() as view:
            tracing = evidence.trace_of(view, file, entries, labels, evidence.display, None)
        open_chains = self.spans.keys() - self.stopped.keys()
        return [
            c
            for c in evidence.wanted(file, entries, tracing)
            if c.account[0] in open_chains and reason(c, self.budget) is None
        ]

    async def _fetch(self, number: int, accounts: Sequence[Account]) -> None:
        """Fetch a round and merge it. Cancelled, it merges nothing; what was fetched is in the workspace."""
        if not accounts:
            return
        self.round, self.waiting = number, len(accounts)
        self._tell()
        rooms = {c: asyncio.Semaphore(s.endpoint.concurrency * 2) for c, s in self.sources.items()}
        sent = {chain: source.answers.sent for chain, source in self.sources.items()}
        done = await together([self._one(number, account, rooms[account[0]]) for account in accounts])
        for head in self.case.file.heads:
            source = self.sources.get(head.chain)
            if source is not None and source.answers.sent > sent[head.chain]:
                await check_pinned(source, head)
        self.waiting = 0
        self._merge(entry for entries in done for entry in entries)
        self._keep(exhausted=False)
        self._tell()

    async def _one(self, number: int, account: Account, room: asyncio.Semaphore) -> list[Fetched]:
        """What is missing of one history; nothing if the run ends, an entry with its problem if it failed."""
        chain = account[0]
        found: list[Fetched] = []
        async with room:
            for span in self._missing(account):
                if chain in self.stopped or self.allowance.spent:
                    return found
                try:
                    entry = await fetch(
                        self.sources[chain],
                        self.case.workspace,
                        account,
                        span,
                        most=_ALL if account in self.whole or not self.budget.most else self.budget.most,
                        inflows=self.budget.backward,
                        anchor=self.anchors[chain],
                        round_number=number,
                        worker=self.worker,
                        now=self.now,
                    )
                except BudgetSpentError:
                    return found
                except ProviderStopError as error:
                    self.stopped.setdefault(chain, str(error))
                    return found
                except ProviderError as error:
                    entry = Fetched.failure(account, span.first, span.last, number, str(error))
                    self.in_a_row[chain] += 1
                    if self.in_a_row[chain] >= _PATIENCE:
                        self.stopped.setdefault(
                            chain, f"{_PATIENCE} histories in a row failed, the last: {error}"
                        )
                else:
                    self.in_a_row[chain] = 0
                found.append(entry)
        self.waiting -= 1
        self._tell()
        return found

    def _tell(self) -> None:
        sent = self._sent()
        self.report(
            Event(
                self.round,
                len(self.of),
                self.waiting,
                sent,
                self._kept(),
                len(self.failed),
                hubs=self.hubs,
                hop=self.hop,
                rate=self.rate.now(sent),
                stopped=self._said(),
            )
        )

    def _keep(self, *, exhausted: bool) -> None:
        """Pin the list of what was fetched in the case file."""
        sha256 = self._list()
        halted = tuple(ChainStop(chain, visible(text)) for chain, text in sorted(self.stopped.items()))
        self.case.update(lambda f: replace(f, manifest=sha256, exhausted=exhausted, halted=halted))

    def _list(self) -> str:
        """The sha256 of the list of what was fetched, in the archive."""
        data = write_manifest([*self.entries, *self.failed.values()])
        return self.case.workspace.archive.put(data)


def _others(thresholds: Mapping[str, str | int | bool]) -> dict[str, str | int | bool]:
    return {k: v for k, v in thresholds.items() if k not in Budget.__dataclass_fields__}
