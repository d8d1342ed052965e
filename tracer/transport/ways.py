"""What a transport needs of a way to a provider: send one question, get the bytes of one answer, or say what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tracer.chains.adapter import Request

__all__ = ["Came", "LostError", "Way"]


@dataclass(frozen=True, slots=True)
class Came:
    """What came back. status: as HTTP counts; 200 where the protocol has none. wait: seconds that the provider asks to
    wait, None if it does not say. redirect: it names another address instead of answering.
    """

    body: bytes
    status: int = 200
    wait: float | None = None
    redirect: bool = False


class LostError(Exception):
    """The connection failed; another attempt may not. Its text holds no address and no secret."""


class Way(Protocol):
    """An open way to one endpoint. Used from one event loop."""

    async def send(self, request: Request) -> Came:
        """Ask. Raises LostError; ProviderError for what no further attempt can mend."""
        ...

    async def aclose(self) -> None:
        """Close; what is under way fails with LostError."""
        ...
