"""What the adapters for Bitcoin have in common: the endpoint that they serve, and how an answer is judged.

Source of the judgement: the error codes of JSON-RPC, which Electrum servers and Bitcoin Core share (bitcoin_questions).
"""

from __future__ import annotations

from typing import ClassVar

from tracer.addresses import BITCOIN
from tracer.chains.adapter import Verdict
from tracer.chains.bitcoin_questions import judge
from tracer.chains.endpoint import Endpoint
from tracer.errors import InputError

__all__ = ["BitcoinAdapter"]


class BitcoinAdapter:
    """An adapter of one endpoint. Holds no state: every answer that it uses was asked for.

    kind: of the endpoints that it serves. what: what such an endpoint is called. Raises InputError for another one.
    """

    kind: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.kind != self.kind or endpoint.chain != BITCOIN:
            raise InputError(f"{endpoint.name} is no {self.what} of Bitcoin.", f"Its chain is {BITCOIN}.")
        self._endpoint = endpoint

    @property
    def chain(self) -> str:
        """CAIP-2 id."""
        return self._endpoint.chain

    @staticmethod
    def judge(body: bytes) -> tuple[Verdict, str]:
        """What a body is worth, for the transport."""
        return judge(body)
