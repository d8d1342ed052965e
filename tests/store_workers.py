"""What the processes of tests/test_workspace.py and tests/test_casefile.py do. Imports little: each starts afresh."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pyarrow as pa

from tracer.model import Seed
from tracer.movements import from_rows
from tracer.settings import Settings
from tracer.store import Workspace
from tracer.testing.store_contract import draft_of

__all__ = ["add_seeds", "import_many", "import_until_killed", "open_workspace"]


def open_workspace(home: Path) -> Workspace:
    return Workspace.open(home, Settings(home=home, busy_seconds=120))


def import_many(home: Path, first: int, barrier: Barrier) -> None:
    barrier.wait()
    workspace = open_workspace(home)
    for n in range(first, first + 6):
        raw = b"%d" % n
        rows = [{"chain": "c", "amount": n, "to_address": f"0x{n % 7}_{i % 50}"} for i in range(200)]
        workspace.keep(raw, draft_of(raw), from_rows(rows))


def import_until_killed(home: Path, half_way: Event) -> None:
    def parts() -> Iterator[pa.Table]:
        yield from_rows([{"chain": "c", "amount": i, "row": i} for i in range(30_000)])
        half_way.set()
        signal.pause()

    open_workspace(home).keep(b"big", draft_of(b"big"), parts())


def add_seeds(home: Path, name: str, first: int, barrier: Barrier) -> None:
    barrier.wait()
    cases = open_workspace(home).cases
    for n in range(first, first + 20):
        seed = Seed("eip155:1", f"0x{n}", amount=2**255 + n)
        cases.update(name, lambda case, seed=seed: replace(case, seeds=(*case.seeds, seed)))
