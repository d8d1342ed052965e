"""Where a chain can be asked: the address of a provider, its limits, and which key it takes. No secret is in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tracer.errors import InputError, shown

__all__ = ["BASIC", "IN_URL", "KINDS", "Endpoint"]

KINDS = ("jsonrpc", "etherscan", "blockscout", "electrum", "esplora", "bitcoind")
"""Kinds of endpoint that have an adapter."""

BASIC, IN_URL = "{basic}", "{key}"
"""Values of `key_param` that name no parameter."""

_SCHEMES = {"electrum": ("ssl", "tcp")}
_BITCOIN_DEPTH, _DEPTH = 6, 64


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider of one chain.

    name: what the investigator calls it. kind: one of KINDS. chain: CAIP-2. base_url: without a key, without a
    trailing slash. rate: requests per second that the provider allows (0: no limit, a node of one's own).
    concurrency: requests in flight. key_setting: name of the setting that may hold a key ("" takes none). key_needed:
    without the key it does not answer. key_param: query parameter in which the key travels; "" = the header
    `Authorization: Bearer`, BASIC = `Authorization: Basic` with the key `user:password`, IN_URL = in the base URL.
    page: records per page. depth: blocks below the latest that count as final where the chain has no finalized tag
    (0: the usual number, 6 on Bitcoin, else 64). genesis: hash of block 0, only for a private network that stands in
    for the chain.
    """

    name: str
    kind: str
    chain: str
    base_url: str
    rate: float = 3.0
    concurrency: int = 4
    key_setting: str = ""
    key_needed: bool = False
    key_param: str = ""
    page: int = 1000
    depth: int = 0
    genesis: str = ""

    def __post_init__(self) -> None:
        if self.depth == 0:
            usual = _BITCOIN_DEPTH if self.chain.startswith("bip122:") else _DEPTH
            object.__setattr__(self, "depth", usual)
        parts = urlsplit(self.base_url)
        if self.kind not in KINDS:
            raise InputError(
                f"There is no kind of provider {shown(self.kind)}.", f"Kinds: {', '.join(KINDS)}."
            )
        schemes = _SCHEMES.get(self.kind, ("https", "http"))
        if parts.scheme not in schemes or not parts.hostname or (self.lines and not _port(self.base_url)):
            example = "ssl://host:50002" if self.lines else "https://host or http://127.0.0.1:8545"
            raise InputError(
                f"{shown(self.base_url)} is not the address of a provider of the kind {self.kind}.",
                f"Write {example}.",
            )
        if parts.username or parts.password:
            raise InputError(
                "The address of a provider must not hold a password.",
                "Put the key into the provider's key setting.",
            )
        if not (self.rate >= 0 and self.concurrency >= 1 and self.page >= 1 and self.depth >= 0):
            raise InputError(
                f"The limits of the provider {shown(self.name)} make no sense.", "Check rate and page."
            )

    @property
    def lines(self) -> bool:
        """Whether it speaks in lines over TCP instead of HTTP."""
        return self.kind in _SCHEMES

    @property
    def text(self) -> bool:
        """Whether some of its answers are plain text (a hash, an error) and no JSON."""
        return self.kind == "esplora"

    @property
    def histories(self) -> bool:
        """Whether it can tell what an address did; a Bitcoin node tells single transactions only."""
        return self.kind != "bitcoind"

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read what is asked."""
        return urlsplit(self.base_url).scheme in {"https", "ssl"}

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a key is bound to."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def local(self) -> bool:
        """Whether it is a node on this machine: nobody else learns what is asked."""
        return (urlsplit(self.base_url).hostname or "") in {"127.0.0.1", "::1", "localhost"}


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
