"""What was collected for a case: one line per fetched address, as canonical bytes that the case file pins by sha256.

Ten thousand addresses would make the case file itself unreadable, so it holds the sha256 of this list, and the list
holds the keys of the captures. Lines are sorted: the same facts give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import get_type_hints

from tracer.errors import StoreError

__all__ = ["Fetched", "history_name", "read_manifest", "uncovered", "write_manifest"]

_DAMAGED = "The list of collected addresses is damaged."


def history_name(address: str, first: int, last: int) -> str:
    """What tables call the history of an address in blocks `first` to `last`."""
    return f"{address} blocks {first}-{last}"


@dataclass(frozen=True, slots=True, order=True)
class Fetched:
    """The history of one address in blocks `first` to `last`, both included.

    round: in which round of the collection it was chosen (the seeds: 0). capture: key of the capture, "" if the
    provider gave no usable answer; then `problem` says what it said. sha256: of the list of answers in the archive.
    transactions: how many the provider knows. complete: every kind of movement was asked for to the end. hub: too
    many transactions; the capture is empty. inflows: transactions in which it is only paid were read in full, too
    (for tracing backward). code: of a contract, the name of its code (`tracer.chains.evm_code`), as far as known.

    An address may have several entries: of other blocks, after the time window was widened, or with `inflows` after
    it was read without. What they share is counted once.
    """

    chain: str
    address: str
    first: int
    last: int
    round: int
    capture: str
    sha256: str
    transactions: int
    complete: bool
    hub: bool
    problem: str = ""
    inflows: bool = False
    code: str = ""

    @classmethod
    def failure(cls, account: tuple[str, str], first: int, last: int, number: int, problem: str) -> Fetched:
        """The entry of a history that could not be had."""
        return cls(
            *account,
            first,
            last,
            number,
            capture="",
            sha256="",
            transactions=0,
            complete=False,
            hub=False,
            problem=problem,
        )

    @property
    def account(self) -> tuple[str, str]:
        """(chain, address)"""
        return self.chain, self.address

    @property
    def name(self) -> str:
        """What tables call the source of its movements."""
        return history_name(self.address, self.first, self.last)


_TYPES = tuple(get_type_hints(Fetched).items())


def write_manifest(entries: Iterable[Fetched]) -> bytes:
    """The list as sorted lines of canonical JSON."""
    lines = (json.dumps(_line(e), sort_keys=True, separators=(",", ":")) for e in sorted(set(entries)))
    return "".join(f"{line}\n" for line in lines).encode()


def _line(entry: Fetched) -> dict[str, object]:
    """An entry without `inflows` or `code` is written as before there was tracing backward, or contracts' code."""
    values = asdict(entry)
    for name in ("inflows", "code"):
        if not values[name]:
            del values[name]
    return values


def uncovered(entries: Iterable[Fetched], first: int, last: int) -> list[tuple[int, int]]:
    """The blocks of `first` to `last` that no entry of an address covers, as (first, last), in order."""
    missing = []
    for start, end in sorted((e.first, e.last) for e in entries):
        if start > last:
            break
        if start > first:
            missing.append((first, start - 1))
        first = max(first, end + 1)
    return [*missing, (first, last)] if first <= last else missing


def read_manifest(data: bytes) -> list[Fetched]:
    """The entries of a list. Raises StoreError for bytes that `write_manifest` did not write."""
    try:
        found = [Fetched(**json.loads(line)) for line in data.decode().splitlines()]
        whole = all(type(getattr(e, name)) is kind for e in found for name, kind in _TYPES) and (
            write_manifest(found) == data
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(_DAMAGED, "Restore the archive from a backup.") from error
    if not whole:
        raise StoreError(_DAMAGED, "Restore the archive from a backup.")
    return found
