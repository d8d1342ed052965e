"""The one client: asks a provider at its pace, tries again what may succeed, and says plainly what will not.

The way is HTTP, or lines over TCP for Electrum servers. A key goes only to the base URL of its own endpoint: redirects
are refused, not followed, and plain http is refused with a key. Messages never hold an address of the web with a
query, so no key can be in them. Whoever asks gets the bytes of an answer that the judge of that kind of provider called
an answer, or a ProviderError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tracer.chains.adapter import Judge, Request, Verdict
from tracer.chains.endpoint import BASIC, Endpoint
from tracer.errors import InputError, ProviderError, ProviderStopError, shown
from tracer.transport.answers import MOST_BYTES, refuse_no_json, without
from tracer.transport.certificates import Certificates
from tracer.transport.http import Http
from tracer.transport.lines import Lines
from tracer.transport.pace import Pace
from tracer.transport.ways import Came, LostError, Way

__all__ = ["Counts", "Patience", "Transport"]

_JUDGED = frozenset({200, 400, 404, 422, 500})
"""Statuses whose JSON body says what is the matter (JSON-RPC answers errors with 400 and 500, Blockscout with 404)."""
_REFUSED = frozenset({401, 403})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_TOO_LONG = 300.0
_UNREACHED = 3
"""Attempts at a provider that never answered anything: a wrong address or no network is said soon."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to insist. attempts: for one question. first, longest: seconds of a pause that the provider did not
    name itself. deadline: seconds for one attempt from the first byte sent to the last one read.
    """

    attempts: int = 8
    first: float = 0.5
    longest: float = 30.0
    deadline: float = 120.0


@dataclass(slots=True)
class Counts:
    """What went over the wire of one endpoint so far."""

    sent: int = 0
    again: int = 0
    received: int = 0


class _AgainError(Exception):
    """One attempt failed in a way that the next one may not."""


@dataclass(slots=True)
class _Line:
    endpoint: Endpoint
    way: Way
    pace: Pace
    key: str
    counts: Counts
    reached: bool = False


class Transport:
    """An open client: `async with Transport(...) as transport`. Bound to the event loop it was opened in.

    key_of: the key for an endpoint, "" for none. judges: by kind of endpoint. certificates: the folder that keeps those
    of Electrum servers, None for none. wire: another way to send by HTTP, for tests.
    """

    def __init__(
        self,
        key_of: Callable[[Endpoint], str],
        judges: Mapping[str, Judge],
        *,
        patience: Patience = Patience(),
        most_bytes: int = MOST_BYTES,
        certificates: Path | None = None,
        wire: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._key_of = key_of
        self._judges = judges
        self._patience = patience
        self._most_bytes = most_bytes
        self._certificates = Certificates(certificates)
        self._wire = wire
        self._lines: dict[Endpoint, _Line] = {}
        self._paces: dict[str, Pace] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines.values():
            await line.way.aclose()
        self._lines.clear()

    def counts(self, endpoint: Endpoint) -> Counts:
        """What was sent to and received from an endpoint."""
        line = self._lines.get(endpoint)
        return line.counts if line else Counts()

    async def ask(self, endpoint: Endpoint, request: Request) -> bytes:
        """The body of the answer. Raises ProviderError after all attempts, ProviderStopError when none can help."""
        line = self._line(endpoint)
        if request.base != endpoint.base_url:
            raise InputError(f"The question is for {shown(request.base)}, not for {endpoint.name}.")
        most, made, said = self._patience.attempts, 0, ""
        while made < (most if line.reached else min(most, _UNREACHED)):
            made += 1
            try:  # the pause before the next attempt is the pace's: all questions keep it
                return await self._once(line, request)
            except _AgainError as error:
                said = str(error)
        raise ProviderError(
            f"{endpoint.name} gave no answer in {made} attempts: {said}",
            "Try again later; what was answered until now is kept."
            if line.reached
            else "Check the network and the provider's address.",
        )

    async def _once(self, line: _Line, request: Request) -> bytes:
        async with line.pace.turn():
            line.counts.sent += 1
            try:
                async with asyncio.timeout(self._patience.deadline):
                    came = await line.way.send(request)
            except TimeoutError:
                raise self._again(line, None, f"no answer within {self._patience.deadline:.0f} s") from None
            except LostError as error:
                raise self._again(line, None, str(error)) from None
        line.counts.received += len(came.body)
        line.reached = True
        return self._judged(line, came, without(line.key, came.body))

    def _judged(self, line: _Line, came: Came, body: bytes) -> bytes:
        who, status = line.endpoint.name, came.status
        if came.redirect:
            raise ProviderStopError(
                f"{who} redirects to another address; a redirect is not followed.",
                "Write the final address into providers.toml of the workspace.",
            )
        if status in _REFUSED:
            raise ProviderStopError(
                f"{who} refuses the question (status {status}).",
                "Check the key, and whether its plan allows this.",
            )
        words = f"status {status}"
        if status in _JUDGED:
            try:
                if not line.endpoint.text:
                    refuse_no_json(body, who)
            except ProviderError as error:
                raise self._again(line, came.wait, f"{error.message} ({words})") from None
            verdict, said = self._judges[line.endpoint.kind](body)
            words = shown(said, 200) if said else words
            if verdict is Verdict.STOP:
                raise ProviderStopError(f"{who} will not answer: {words}", "See the plan of your key.")
            if verdict is Verdict.ANSWER:
                line.pace.answered()
                return body
        elif status not in _LATER:
            raise ProviderError(f"{who} answered with status {status}.", "Check the provider's address.")
        raise self._again(line, came.wait, words)

    def _again(self, line: _Line, seconds: float | None, words: str) -> Exception:
        if seconds is not None and seconds > _TOO_LONG:
            return ProviderStopError(
                f"{line.endpoint.name} asks to wait {seconds:,.0f} seconds.", "Go on after that time."
            )
        line.counts.again += 1
        line.pace.refused(seconds)
        return _AgainError(words)

    def _line(self, endpoint: Endpoint) -> _Line:
        line = self._lines.get(endpoint)
        if line is not None:
            return line
        key = self._key_of(endpoint) if endpoint.key_setting else ""
        if endpoint.key_needed and not key:
            raise ProviderStopError(
                f"{endpoint.name} answers only with a key.",
                f"Set TRACER_KEY_{endpoint.key_setting.upper()} in the environment or in .env of the workspace.",
            )
        if key and not endpoint.local and not endpoint.base_url.startswith("https://"):
            raise ProviderStopError(
                f"The key for {endpoint.name} would travel unencrypted.", "Use its https address."
            )
        if not key.isprintable() or (not key.isascii() and endpoint.key_param != BASIC):
            raise ProviderStopError(
                f"The key for {endpoint.name} holds characters that no key has.",
                "Copy it again, without quotes.",
            )
        patience = self._patience
        way: Way
        if endpoint.lines:
            way = Lines(endpoint, self._certificates, self._most_bytes)
        else:
            way = Http(endpoint, key, patience.deadline, self._most_bytes, self._wire)
        pace = self._paces.get(
            endpoint.origin
        )  # a provider counts the questions about all its chains together
        if pace is None:
            pace = Pace(endpoint.rate, endpoint.concurrency, patience.first, patience.longest)
            self._paces[endpoint.origin] = pace
        line = self._lines[endpoint] = _Line(endpoint, way, pace, key, Counts())
        return line
