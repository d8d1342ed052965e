"""Questions with a memory: every answer goes to the archive, and what was answered once is not asked again.

Live, `Answers` stands between an adapter and the transport; `Recording` notes which answers one history rests on and
packs the list; `Replay` gives the same answers from the archive alone. So a history can be computed again, years
later, without a network and without the database.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from tracer.chains.adapter import Ask, Request
from tracer.collecting.keeping import Keeper
from tracer.errors import BudgetSpentError, NotAskedError, ProviderError, StoreError
from tracer.store import Answered, Archive, Workspace, is_sha256

__all__ = ["Allowance", "Answers", "Recording", "Replay", "read_bundle"]

_DISTRUSTED = ""
"""Stands for the sha256 of an answer that is not to be used again."""

_DAMAGED = "Restore the archive from a backup, or collect again."


class Allowance:
    """How many questions may go out in all, to whomever; 0: as many as needed."""

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._taken = 0

    @property
    def spent(self) -> bool:
        """Whether none is left."""
        return 0 < self._most <= self._taken

    def take(self) -> None:
        """Count one. Raises BudgetSpentError if none is left."""
        if self.spent:
            raise BudgetSpentError("The requests that were allowed are used up.", "Allow more: --requests N.")
        self._taken += 1


class Answers:
    """An Ask for one provider: the archive first, then `send`. A settled question goes out once, also when many ask.

    allowance: what may still go out; whoever collects sets it. keeper: the way into the workspace, one for all.
    again: do not trust answers from before; each settled question goes out once more.
    """

    def __init__(
        self,
        workspace: Workspace,
        provider: str,
        send: Ask,
        now: Callable[[], int],
        *,
        again: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        self.keeper = keeper or Keeper(workspace)
        self._workspace, self._provider = workspace, provider
        self._send, self._now, self.again = send, now, again
        self._doubtful = again
        self._known: dict[str, str] = {}
        self._flying: dict[str, asyncio.Future[tuple[bytes, str]]] = {}
        self.allowance = Allowance()
        self.sent = 0
        self.from_archive = 0

    async def ask(self, request: Request) -> tuple[bytes, str]:
        """(body, its sha256). Raises ProviderError; then nothing is kept."""
        if not request.settled:
            return await self._asked(request)
        key = request.key
        flying = self._flying.get(key)
        if flying is not None:
            return await asyncio.shield(flying)
        kept = self._kept(key)
        if kept is not None:
            self.from_archive += 1
            return kept
        future = self._flying[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._asked(request)
        except BaseException as error:
            failed = error if isinstance(error, Exception) else ProviderError("The collection was stopped.")
            future.set_exception(failed)
            future.exception()  # nobody may be waiting: that is no fault
            raise
        else:
            future.set_result(answer)
            self._known[key] = answer[1]
            return answer
        finally:
            del self._flying[key]

    def doubt(self) -> None:
        """Use no answer from before: some were given on a chain that is no longer the one."""
        self._doubtful = True

    def distrust(self, recording: Recording) -> None:
        """Ask the settled questions of a recording anew next time: the adapter could make no sense of the answers.

        A node that lags behind may say `null` today to what it knows tomorrow. The answers stay in the archive.
        """
        with self._workspace.store.writer() as writer:
            for key, request in recording.settled.items():
                self._known.pop(key, None)
                writer.add_answer(Answered(key, self._provider, request.text, _DISTRUSTED, 0, self._now()))

    def _kept(self, key: str) -> tuple[bytes, str] | None:
        sha256 = self._known.get(key)
        if sha256 is None and not self._doubtful:
            with self._workspace.store.reader() as view:
                found = view.answer(key)
            sha256 = found.sha256 if found is not None else None
        if sha256 in {None, _DISTRUSTED} or sha256 not in self._workspace.archive:
            return None
        self._known[key] = sha256
        try:
            return self._workspace.archive.read(sha256), sha256
        except StoreError:  # damaged: the provider is asked again, and the archive mends itself
            return None

    async def _asked(self, request: Request) -> tuple[bytes, str]:
        self.allowance.take()
        self.sent += 1
        body = await self._send(request)
        sha256 = await self.keeper.archive(body)
        record = Answered(request.key, self._provider, request.text, sha256, len(body), self._now())
        await self.keeper.write(lambda writer: writer.add_answer(record))
        return body, sha256


class Recording:
    """An Ask that notes which answers it gave."""

    def __init__(self, ask: Callable[[Request], Awaitable[tuple[bytes, str]]]) -> None:
        self._ask = ask
        self._given: dict[str, str] = {}
        self.settled: dict[str, Request] = {}
        self.unanswered = False

    async def __call__(self, request: Request) -> bytes:
        """The body of the answer. `unanswered` says later that there was none for some question."""
        try:
            body, sha256 = await self._ask(request)
        except BaseException:
            self.unanswered = True
            raise
        self._given[request.text] = sha256
        if request.settled:
            self.settled[request.key] = request
        return body

    def bundle(self) -> bytes:
        """One line per question, sorted: the question and the sha256 of its answer. No clock, no order of arrival."""
        return _bundle(self._given)


def read_bundle(bundle: bytes) -> dict[str, str]:
    """sha256 of the answer by question, in sorted order. Raises StoreError for bytes that no Recording made."""
    try:
        given: dict[str, str] = dict(map(json.loads, bundle.decode().splitlines()))
        if _bundle(given) != bundle or not all(map(is_sha256, given.values())):
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError("The list of answers of a history is damaged.", _DAMAGED) from error
    return given


def _bundle(given: Mapping[str, str]) -> bytes:
    lines = (json.dumps([text, sha256], separators=(",", ":")) for text, sha256 in sorted(given.items()))
    return "".join(f"{line}\n" for line in lines).encode()


class Replay:
    """Answers from a bundle and the archive, and from nowhere else."""

    def __init__(self, bundle: bytes, archive: Archive) -> None:
        self._archive = archive
        self._given = read_bundle(bundle)

    async def ask(self, request: Request) -> tuple[bytes, str]:
        """(body, its sha256). Raises NotAskedError for a question that was not asked at the time."""
        sha256 = self._given.get(request.text)
        if sha256 is None:
            raise NotAskedError(
                "This version of the tracer asks what was not asked when the history was collected.",
                "Use the version that collected it, or collect again.",
            )
        return self._archive.read(sha256), sha256
