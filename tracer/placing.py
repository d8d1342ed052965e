"""Lines of a list of seeds made into seeds of one history, which is sorted once instead of read once for each line.

Pure: tables, the seeds that stand and lines in; seeds and refusals out. What is checked stands in `tracer.seeding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer import seeding
from tracer.addresses import canonical, chain_id, is_tx_hash, is_utxo, parse_account, tx_hash
from tracer.errors import InputError, TracerError, shown
from tracer.model import NATIVE, Seed
from tracer.outpoints import outpoint_texts
from tracer.seed_list import RefusedLine, SeedLine

__all__ = ["Placing", "RowsBy"]


class RowsBy:
    """Rows of tables by the text of one column. The column is sorted at the first question."""

    def __init__(
        self,
        tables: Callable[[], Sequence[pa.Table]],
        column: Callable[[pa.Table], pa.Array | pa.ChunkedArray],
    ) -> None:
        self._tables, self._column = tables, column

    @cached_property
    def _sorted(self) -> list[tuple[pa.Table, dict[str, int], np.ndarray, np.ndarray]]:
        return [(table, *_sorted(self._column(table))) for table in self._tables()]

    def __call__(self, text: str) -> list[pa.Table]:
        """The rows of each table that has some, in their order."""
        found = []
        for table, codes, rows, starts in self._sorted:
            if (code := codes.get(text)) is not None:
                found.append(table.take(rows[starts[code] : starts[code + 1]]))
        return found


def _sorted(column: pa.Array | pa.ChunkedArray) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    """(text: code), rows sorted by code, and where in them each code begins; rows without a text come last."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = whole.cast(pa.string()).dictionary_encode()
    words = texts.dictionary.to_pylist()
    codes = texts.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    rows = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes, np.arange(len(words) + 1), sorter=rows)
    return {word: code for code, word in enumerate(words)}, rows, starts


class Placing:
    """The seeds that lines name in a history (movement tables), beside the seeds that stand already."""

    def __init__(self, tables: Sequence[pa.Table], standing: Iterable[Seed]) -> None:
        self._tables = tables
        self._from = RowsBy(lambda: self._followed, lambda table: table["from_address"])
        self._to = RowsBy(lambda: self._followed, lambda table: table["to_address"])
        self._tx = RowsBy(lambda: self._followed, lambda table: table["tx_hash"])
        self._outpoint = RowsBy(lambda: self._followed, outpoint_texts)
        self._known = {seeding.identity(seed) for seed in standing}

    @cached_property
    def _followed(self) -> list[pa.Table]:
        # one chunk a column: taking rows by number from several is a hundred times slower
        return [
            t.filter(pc.equal(t["excluded"].cast(pa.string()), "")).combine_chunks() for t in self._tables
        ]

    def all(self, lines: Iterable[SeedLine]) -> tuple[list[Seed], list[RefusedLine]]:
        """The seeds of the lines that can be used, and the lines that cannot."""
        seeds: list[Seed] = []
        refused: list[RefusedLine] = []
        for line in lines:
            try:
                seeds.extend(self.seeds(line))
            except TracerError as error:
                refused.append(RefusedLine(line.number, line.text, error))
        return seeds, refused

    def seeds(self, line: SeedLine) -> list[Seed]:
        """The seeds of a line: several for a theft transaction. Raises AddressError, InputError, SeedError."""
        found = self._named(line)
        if line.amount is not None:
            found = [self._with_asset(seed) for seed in found]
            for seed in found:
                seeding.check_history(self._to(seed.address), [seed])
        for seed in found:
            seeding.refuse_known(self._known, seed)
        self._known.update(map(seeding.identity, found))
        return found

    def _named(self, line: SeedLine) -> list[Seed]:
        chain = chain_id(line.chain or "eip155:1")
        asset = line.asset if line.asset in {"", NATIVE} else canonical(chain, line.asset)
        tx = tx_hash(chain, line.tx) if line.tx else None
        seeding.check_amount(line.amount)
        base = Seed(chain, "", tx, asset or None, line.amount, line.at, line.theft or "theft", line.source)
        subject = line.subject.strip()
        outpoint = seeding.outpoint_of(subject)
        if outpoint is not None and not is_utxo(chain):
            raise InputError(
                f"{shown(subject)} is an output of a transaction, which {chain} does not have.",
                "Say which chain it is on, e.g. --chain bitcoin.",
            )
        if outpoint is not None:
            return [seeding.seed_of_outpoint(self._outpoint(str(outpoint)), base, outpoint)]
        if is_tx_hash(chain, subject):
            wanted = tx_hash(chain, subject)
            to = canonical(chain, line.to) if line.to else None
            return seeding.seeds_of_transaction(self._tx(wanted), base, wanted, to)
        if line.to:
            raise InputError("--to goes with a theft transaction.", "Leave it out, or name the transaction.")
        account_chain, address = parse_account(subject, chain)
        return [replace(base, chain=account_chain, address=address)]

    def _with_asset(self, seed: Seed) -> Seed:
        return seeding.with_asset([*self._from(seed.address), *self._to(seed.address)], seed)
