"""Where a reader can look a transaction or an address up on the web: data/explorers.toml.

Only addresses of pages are made here. Whoever opens one tells that site what he looks for, so nothing opens by itself.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from tracer.data import data_dir

__all__ = ["Explorer", "explorer_of"]


@dataclass(frozen=True, slots=True)
class Explorer:
    """The block explorer of one chain: its name, and templates of its pages."""

    chain: str
    name: str
    tx: str
    address: str

    def tx_page(self, tx_hash: str) -> str:
        """The page of a transaction."""
        return self.tx.format(tx=quote(tx_hash, safe=""))

    def address_page(self, address: str) -> str:
        """The page of an address."""
        return self.address.format(address=quote(address, safe=""))


def explorer_of(chain: str) -> Explorer | None:
    """The explorer of a chain; None for a chain that the table does not have."""
    return _table().get(chain)


@cache
def _table() -> dict[str, Explorer]:
    with (data_dir() / "explorers.toml").open("rb") as file:
        return {entry["chain"]: Explorer(**entry) for entry in tomllib.load(file)["explorer"]}
