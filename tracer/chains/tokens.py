"""Native coins and well-known tokens, from data/tokens.toml: decimals, dust, and whose symbols get imitated."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from tracer.addresses import canonical
from tracer.chains.amount_text import exact
from tracer.chains.confusables import skeleton
from tracer.data import data_dir
from tracer.model import NATIVE

__all__ = ["USD", "Token", "imitated", "issuers", "known", "protected_symbols"]

USD = "usd"
"""The pseudo-asset of files that state money only in US dollars."""


@dataclass(frozen=True, slots=True)
class Token:
    """A known asset of a chain. `dust` in smallest units: at most this much is worth about a dollar or less.

    issuer: the company that can stop the token at an address, "" if there is none or it is not known.
    """

    chain: str
    asset: str
    symbol: str
    decimals: int
    dust: int
    source: str
    issuer: str = ""


def known(chain: str, asset: str) -> Token | None:
    """The known token or native coin; None for any other asset. Every EVM chain's own coin has 18 decimals."""
    token = _table().get((chain, asset))
    if token is None and asset == NATIVE and chain.startswith("eip155:"):
        return Token(chain, NATIVE, "", 18, 0, "EVM: 1 coin = 10^18 wei")
    return token


def imitated(chain: str, asset: str, symbol: str) -> Token | None:
    """The known asset of `chain` that `symbol` looks like although the contract is another; None if none."""
    if asset in (NATIVE, USD) or known(chain, asset) is not None:
        return None
    return protected_symbols(chain).get(skeleton(symbol))


@cache
def issuers() -> dict[tuple[str, str], str]:
    """(chain, asset) -> the company that can stop the token at an address."""
    return {name: token.issuer for name, token in _table().items() if token.issuer}


@cache
def protected_symbols(chain: str) -> dict[str, Token]:
    """Known assets of `chain` by the skeleton of their symbol."""
    return {skeleton(token.symbol): token for (of, _), token in _table().items() if of == chain}


@cache
def _table() -> dict[tuple[str, str], Token]:
    with (data_dir() / "tokens.toml").open("rb") as file:
        content = tomllib.load(file)
    tokens = {}
    for entry in content["native"] + content["token"]:
        chain, decimals = entry["chain"], int(entry["decimals"])
        asset = canonical(chain, entry["contract"]) if "contract" in entry else NATIVE
        dust = exact(entry["dust"], decimals)
        tokens[chain, asset] = Token(
            chain, asset, entry["symbol"], decimals, dust, entry["source"], entry.get("issuer", "")
        )
    return tokens
