"""Which adapter reads which kind of endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tracer.chains.adapter import Adapter, Judge
from tracer.chains.bitcoind import Bitcoind
from tracer.chains.blockscout import Blockscout
from tracer.chains.electrum import Electrum
from tracer.chains.endpoint import Endpoint
from tracer.chains.esplora import Esplora
from tracer.chains.etherscan import Etherscan
from tracer.chains.jsonrpc import JsonRpc
from tracer.errors import InputError

__all__ = ["JUDGES", "adapter_of"]

_ADAPTERS: dict[str, type[Bitcoind | Blockscout | Electrum | Esplora | Etherscan | JsonRpc]] = {
    "jsonrpc": JsonRpc,
    "etherscan": Etherscan,
    "blockscout": Blockscout,
    "electrum": Electrum,
    "esplora": Esplora,
    "bitcoind": Bitcoind,
}

JUDGES: Mapping[str, Judge] = MappingProxyType({kind: made.judge for kind, made in _ADAPTERS.items()})
"""By kind of endpoint: what a body that came back is worth."""


def adapter_of(endpoint: Endpoint) -> Adapter:
    """The adapter of an endpoint. Raises InputError for a kind that has none."""
    made = _ADAPTERS.get(endpoint.kind)
    if made is None:
        raise InputError(
            f"There is no adapter for the kind {endpoint.kind}.", f"Kinds: {', '.join(_ADAPTERS)}."
        )
    return made(endpoint)
