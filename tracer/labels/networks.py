"""Which chain an address in somebody's list belongs to, from what the list calls it and from the address itself.

Lists name a network (`ethereum`), a coin (`BTC`), a token standard (`BEP20`) or, on sanctions lists, a *ticker*: OFAC's
"Digital Currency Address - USDT" covers addresses on Tron, Ethereum and Bitcoin (Omni). The form of the address then
decides. An EVM address of a sanctions list applies on every EVM chain, because the same key controls it there. What
does not fit together is said, and what no checksum of ours can prove is refused.
"""

from __future__ import annotations

import re

from tracer.addresses import BITCOIN, TRON, canonical, chain_id, is_evm
from tracer.errors import AddressError, InputError, shown
from tracer.labels.book import ANY_EVM

__all__ = ["chain_of_network", "chain_of_ticker"]

_EVM_FORM = re.compile(r"0[xX][0-9a-fA-F]{40}")
_NETWORKS = {
    "arb": "eip155:42161",
    "avax": "eip155:43114",
    "bep20": "eip155:56",
    "etc": "eip155:61",
    "evm": ANY_EVM,
    ANY_EVM: ANY_EVM,
    "gno": "eip155:100",
    "gnosis": "eip155:100",
    "matic": "eip155:137",
    "op": "eip155:10",
    "pol": "eip155:137",
    "trx": TRON,
    "xbt": BITCOIN,
}
"""Words of label lists beside those that `tracer.addresses.chain_id` knows."""

_EVERYWHERE = frozenset({"usdc", "usdt"})
"""Tokens that exist on many chains: the word says nothing about the chain."""

_TICKERS = {
    "ARB": (ANY_EVM,),
    "BSC": (ANY_EVM,),
    "ETC": (ANY_EVM,),
    "ETH": (ANY_EVM,),
    "TRX": (TRON,),
    "USDC": (ANY_EVM, TRON),
    "USDT": (ANY_EVM, TRON, BITCOIN),
    "XBT": (BITCOIN,),
}
"""OFAC's tickers, and the chains on which an address listed under them is what it seems to be."""


def chain_of_network(word: str, address: str) -> tuple[str, str]:
    """(chain, remark) for an address that a list puts on the network, coin or token standard `word`.

    The remark says what was assumed, "" if nothing. Raises InputError for a network whose addresses cannot be checked.
    """
    text = word.strip()
    if not text or text.casefold() in _EVERYWHERE:
        found = _by_form(address)
        if found is None:
            raise InputError("its chain is not stated, and its form does not tell it")
        if found != ANY_EVM:
            return found, "" if not text else f"{text} is on many chains: taken for {found} by its form"
        return (
            "eip155:1",
            f"the chain is not stated{f' ({text})' if text else ''}: taken for Ethereum by its form",
        )
    known = _NETWORKS.get(text.casefold())
    if known is not None:
        return known, ""
    try:
        return chain_id(text), ""
    except InputError:
        raise InputError(f"the tracer cannot check addresses of the network {shown(text, 40)}") from None


def chain_of_ticker(ticker: str, address: str) -> tuple[str, str]:
    """(chain, remark) for an address on a sanctions list under `ticker`; the form of the address decides.

    Raises InputError when the address has the form of no chain that the tracer can check.
    """
    found = _by_form(address)
    if found is None:
        raise InputError(
            f"listed under {shown(ticker, 20)}: an address of a chain that the tracer cannot check"
        )
    if found in _TICKERS.get(ticker.upper(), ()):
        return found, ""
    return found, f"ambiguous: listed under {shown(ticker, 20)}, by its form an address on {found}"


def _by_form(address: str) -> str | None:
    if _EVM_FORM.fullmatch(address):
        return ANY_EVM
    return next((chain for chain in (BITCOIN, TRON) if _fits(chain, address)), None)


def _fits(chain: str, address: str) -> bool:
    try:
        canonical(chain, address)
    except AddressError:
        return False
    return True


def checkable(chain: str) -> str:
    """The chain whose rules check an address of `chain`: any EVM chain for `eip155:*`."""
    return "eip155:1" if is_evm(chain) else chain
