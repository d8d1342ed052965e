"""What was collected for a case: one line per fetched address, as canonical bytes that the case file pins by sha256.

Ten thousand addresses would make the case file itself unreadable, so it holds the sha256 of this list, and the list
holds the keys of the captures. Lines are sorted: the same facts give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tracer.errors import StoreError

__all__ = ["Fetched", "read_manifest", "write_manifest"]


@dataclass(frozen=True, slots=True, order=True)
class Fetched:
    """The history of one address in blocks `first` to `last`, both included.

    capture: key of the capture; sha256: of its bundle in the archive. transactions: how many the provider knows.
    complete: every kind of movement was asked for to the end. hub: too many transactions; the capture is empty.
    """

    chain: str
    address: str
    first: int
    last: int
    capture: str
    sha256: str
    transactions: int
    complete: bool
    hub: bool


def write_manifest(entries: Iterable[Fetched]) -> bytes:
    """The list as sorted lines of canonical JSON."""
    lines = (json.dumps(asdict(e), sort_keys=True, separators=(",", ":")) for e in sorted(set(entries)))
    return "".join(f"{line}\n" for line in lines).encode()


def read_manifest(data: bytes) -> list[Fetched]:
    """The entries of a list. Raises StoreError for bytes that `write_manifest` did not write."""
    try:
        found = [Fetched(**json.loads(line)) for line in data.decode().splitlines()]
    except (ValueError, TypeError) as error:
        raise StoreError(
            "The list of collected addresses is damaged.", "Restore the archive from a backup."
        ) from error
    if write_manifest(found) != data:
        raise StoreError("The list of collected addresses is damaged.", "Restore the archive from a backup.")
    return found
