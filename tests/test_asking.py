"""Questions with a memory: asked once, kept, given again from the archive alone."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer.chains.adapter import Request
from tracer.collecting.asking import Answers, Recording, Replay
from tracer.collecting.keeping import Keeper
from tracer.errors import ProviderError, StoreError
from tracer.store import Workspace, Writer

NOW = 1_740_000_000


def question(n: int, *, settled: bool = True) -> Request:
    return Request("https://node.example", body=b'{"n":%d}' % n, settled=settled)


class Provider:
    """Answers n with n, and remembers; each answer waits for `gate` if there is one."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.asked: list[bytes] = []
        self.gate = gate
        self.fail: Exception | None = None

    async def __call__(self, request: Request) -> bytes:
        self.asked.append(request.body)
        if self.gate is not None:
            await self.gate.wait()
        if self.fail is not None:
            raise self.fail
        return request.body + b"!"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path)


def answers(workspace: Workspace, provider: Provider, *, again: bool = False) -> Answers:
    return Answers(workspace, "node", provider, lambda: NOW, again=again)


def test_a_settled_question_is_sent_once_in_all_runs(workspace: Workspace) -> None:
    provider = Provider()
    for _ in range(2):
        asking = answers(workspace, provider)

        async def run(asking: Answers = asking) -> list[tuple[bytes, str]]:
            return [await asking.ask(question(n)) for n in (1, 2, 1)]

        first, second, third = asyncio.run(run())
        assert (first[0], second[0], third) == (b'{"n":1}!', b'{"n":2}!', first)
    assert provider.asked == [b'{"n":1}', b'{"n":2}']
    asyncio.run(answers(workspace, provider, again=True).ask(question(1)))
    assert len(provider.asked) == 3


def test_an_unsettled_question_is_sent_every_time_and_kept_every_time(workspace: Workspace) -> None:
    provider = Provider()
    asking = answers(workspace, provider)
    for _ in range(3):
        asyncio.run(asking.ask(question(1, settled=False)))
    assert len(provider.asked) == 3
    assert (asking.sent, asking.from_archive) == (3, 0)


def test_many_who_ask_at_once_cause_one_request(workspace: Workspace) -> None:
    async def run() -> Provider:
        provider = Provider(asyncio.Event())
        asking = answers(workspace, provider)
        waiting = [asyncio.create_task(asking.ask(question(1))) for _ in range(5)]
        await asyncio.sleep(0)
        assert provider.gate is not None
        provider.gate.set()
        assert len(set(await asyncio.gather(*waiting))) == 1
        return provider

    assert len(asyncio.run(run()).asked) == 1


@pytest.mark.parametrize("stop", [True, False])
def test_a_failed_or_stopped_question_keeps_nothing_and_fails_all_who_wait(
    workspace: Workspace, stop: bool
) -> None:
    async def run() -> None:
        provider = Provider(asyncio.Event())
        provider.fail = ProviderError("down")
        asking = answers(workspace, provider)
        waiting = [asyncio.create_task(asking.ask(question(1))) for _ in range(3)]
        await asyncio.sleep(0)
        assert provider.gate is not None
        if stop:
            waiting[0].cancel()
        provider.gate.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError if stop else ProviderError)
        assert all(isinstance(f, ProviderError) for f in found[1:])
        provider.fail = None
        assert (await asking.ask(question(1)))[0] == b'{"n":1}!'

    asyncio.run(run())


def test_a_damaged_or_lost_answer_is_asked_again(workspace: Workspace) -> None:
    provider = Provider()
    _, sha256 = asyncio.run(answers(workspace, provider).ask(question(1)))
    for harm in (lambda p: p.write_bytes(b"rubbish"), lambda p: p.unlink()):
        act: Callable[[Path], object] = harm
        act(workspace.archive.path(sha256))
        assert asyncio.run(answers(workspace, provider).ask(question(1))) == (b'{"n":1}!', sha256)
        assert workspace.archive.read(sha256) == b'{"n":1}!'
    assert len(provider.asked) == 3


def test_a_recording_is_the_same_whatever_the_order_and_replays_alone(workspace: Workspace) -> None:
    asking = answers(workspace, Provider())
    bundles = []
    for order in ((1, 2, 3), (3, 1, 2, 1)):
        recording = Recording(asking.ask)
        for n in order:
            asyncio.run(recording(question(n)))
        bundles.append(recording.bundle())
    assert bundles[0] == bundles[1]
    replay = Replay(bundles[0], workspace.archive)
    assert asyncio.run(Recording(replay.ask)(question(2))) == b'{"n":2}!'
    again = Recording(replay.ask)
    for n in (2, 3, 1):
        asyncio.run(again(question(n)))
    assert again.bundle() == bundles[0]
    with pytest.raises(ProviderError, match="was not asked"):
        asyncio.run(replay.ask(question(9)))


@pytest.mark.parametrize("damaged", [b"{", b"[1]\n", b"\xff"])
def test_a_damaged_bundle_is_refused(workspace: Workspace, damaged: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        Replay(damaged, workspace.archive)


@pytest.mark.filterwarnings("error")
def test_a_write_that_fails_after_its_collector_was_ended_is_no_loose_error(workspace: Workspace) -> None:
    """A lost database ends all fetches of a round; the first error is told, and no traceback of the others."""
    loose: list[dict[str, object]] = []

    def lost(writer: Writer) -> None:
        raise StoreError("The disk is full.")

    async def go() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loose.append(context))
        writing = asyncio.create_task(Keeper(workspace).write(lost))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        del writing
        gc.collect()

    asyncio.run(go())
    gc.collect()
    assert loose == []
