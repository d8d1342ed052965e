"""Fetch the history of one address: claim it, ask, keep the answers as one capture. All of it or nothing.

A history is fetched once for all cases of the workspace: who wants one that another collector is fetching waits for
it; who wants one that is there takes it. The claim of a collector that died on this machine ends at once, of one on
another machine when it runs out.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tracer.chains.adapter import Adapter, Span
from tracer.chains.adapter import History as Told
from tracer.chains.endpoint import Endpoint
from tracer.collecting.asking import Answers, Recording
from tracer.collecting.frontier import Account
from tracer.collecting.keeping import Keeper
from tracer.collecting.manifest import Fetched, history_name
from tracer.errors import ProviderError, StoreError
from tracer.store import Capture, Draft, History, HistoryKey, Workspace, Writer, keep_read

__all__ = ["KIND", "Question", "Source", "draft_of", "fetch", "question_of", "worker_name"]

KIND = "collected"
"""Kind of a capture that holds the answers of a provider."""

_CLAIM = 600
"""Seconds that a claim lasts; it is renewed at half time."""

_collectors = itertools.count(1)
_PAUSE = 0.5
"""Seconds between two looks at a history that somebody else is fetching."""


@dataclass(frozen=True)
class Source:
    """A provider that is being asked: its endpoint, the adapter for it, and the answers so far."""

    endpoint: Endpoint
    adapter: Adapter
    answers: Answers


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that decides the movements of a history besides the answers; kept with its capture.

    endpoint: kind, chain, base URL, page, depth and genesis; its name and pace change nothing. anchor: hash of the
    block that the case is pinned on: after a reorganisation the same heights hold other histories.
    """

    address: str
    first: int
    last: int
    most: int
    inflows: bool
    endpoint: Endpoint
    anchor: str = ""

    @property
    def options(self) -> dict[str, object]:
        """As JSON values."""
        where = asdict(self.endpoint)
        names = [
            "kind",
            "chain",
            "base_url",
            "page",
            "depth",
            *(["genesis"] if self.endpoint.genesis else []),
        ]
        return {
            "address": self.address,
            "first": self.first,
            "last": self.last,
            "most": self.most,
            "inflows": self.inflows,
            "anchor": self.anchor,
            "endpoint": {name: where[name] for name in names},
        }

    def key(self, parser: str) -> HistoryKey:
        """What the workspace knows this history by; `parser` is the adapter's name."""
        text = json.dumps([parser, self.options], sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return HistoryKey(digest, self.endpoint.chain, self.address, self.first, self.last)


def question_of(options: Mapping[str, object]) -> Question:
    """The question that a capture answers, from its kept options. Raises StoreError if they are none."""
    try:
        values = dict(options)
        where = values.pop("endpoint")
        endpoint = Endpoint(name="archive", **where)  # type: ignore[arg-type]
        return Question(endpoint=endpoint, **values)  # type: ignore[arg-type]
    except (TypeError, KeyError, ValueError) as error:
        raise StoreError(
            "What a collected history answers is not understood.", "Collect it again."
        ) from error


def draft_of(question: Question, adapter: Adapter, told: Told, bundle: bytes, now: int) -> Draft:
    """The capture of a history before it is kept."""
    parser, _, version = adapter.name.rpartition(" ")
    return Draft(
        sha256=hashlib.sha256(bundle).hexdigest(),
        name=history_name(question.address, question.first, question.last),
        size=len(bundle),
        parser=parser,
        parser_version=version,
        fetched_at=now,
        kind=KIND,
        media_type="application/x-ndjson",
        mapping=question.options,
        partial=question.first > 0 or not told.complete,
    )


def worker_name() -> str:
    """Who claims: host, process, when the process began (numbers of processes are used again), and which of its
    collectors: one process may collect several cases at once.
    """
    return f"{socket.gethostname()}/{os.getpid()}/{_began(os.getpid())}/{next(_collectors)}"


def _began(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_gone(worker: str) -> bool:
    """Whether a worker was a process of this machine that runs no more."""
    host, _, rest = worker.partition("/")
    process, began, *_ = [*rest.split("/"), ""]
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(began) and _began(int(process)) != began


async def fetch(
    source: Source,
    workspace: Workspace,
    account: Account,
    span: Span,
    *,
    most: int,
    inflows: bool,
    anchor: str,
    round_number: int,
    worker: str,
    now: Callable[[], int],
) -> Fetched:
    """The history of `account` in `span`, from the workspace (not if `Answers.again`) or from the provider.

    Raises ProviderError; then nothing is kept but the answers, and those are asked again next time if it was the
    adapter that could not make sense of them.
    """
    question = Question(account[1], span.first, span.last, most, inflows, source.endpoint, anchor)
    wanted = question.key(source.adapter.name)
    keeper = source.answers.keeper
    while True:
        found = await keeper.write(partial(_claimed, wanted, worker, now()))
        if found.capture is not None and not source.answers.again:
            return _entry(workspace, account, question, found, round_number)
        if found.capture is not None or found.worker == worker:
            break
        await asyncio.sleep(_PAUSE)
    renewing = asyncio.create_task(_renew(keeper, wanted, worker, now))
    try:
        recording = Recording(source.answers.ask)
        try:
            told = await source.adapter.history(recording, question.address, span, most, inflows=inflows)
        except ProviderError:
            if not recording.unanswered:
                source.answers.distrust(recording)
            raise
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
    bundle = recording.bundle()
    draft = draft_of(question, source.adapter, told, bundle, now())
    await keeper.archive(bundle)
    done = await keeper.write(partial(_finished, wanted, draft, told))
    return _entry(workspace, account, question, done, round_number)


def _claimed(wanted: HistoryKey, worker: str, at: int, writer: Writer) -> History:
    found = writer.claim(wanted, worker, now=at, until=at + _CLAIM)
    if found.capture is None and found.worker != worker and _is_gone(found.worker):
        found = writer.claim(wanted, worker, now=found.claimed_until, until=at + _CLAIM)
    return found


def _finished(wanted: HistoryKey, draft: Draft, told: Told, writer: Writer) -> History:
    """Keep the rows of a history and note what it came to."""
    capture, _ = keep_read(writer, draft, told.table, told.gaps)
    writer.finish(
        wanted.key,
        capture.key,
        transactions=told.transactions,
        complete=told.complete,
        hub=told.hub,
        code=told.code,
    )
    done = writer.history(wanted.key)
    assert done is not None  # noqa: S101 - just written
    return done


async def _renew(keeper: Keeper, wanted: HistoryKey, worker: str, now: Callable[[], int]) -> None:
    while True:
        await asyncio.sleep(_CLAIM / 2)
        await keeper.write(partial(_claimed, wanted, worker, now()))


def _entry(
    workspace: Workspace, account: Account, question: Question, found: History, round_number: int
) -> Fetched:
    with workspace.store.reader() as view:
        capture: Capture | None = view.capture(key=found.capture)
    if capture is None:
        raise StoreError(
            f"The workspace lacks the collected history of {account[1]}.", "Restore it from a backup."
        )
    return Fetched(
        inflows=question.inflows,
        chain=account[0],
        address=account[1],
        first=question.first,
        last=question.last,
        round=round_number,
        capture=capture.key,
        sha256=capture.sha256,
        transactions=found.transactions,
        complete=found.complete,
        hub=found.hub,
        code=found.code,
    )
