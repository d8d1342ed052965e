"""Rows that are kept but left out of flows: address poisoning, zero amounts, fake tokens; each reason said once.

What a file itself says is marked while reading (convert.py), and so are its imitated symbols, whose decimals need not
be known; here follow imitated symbols of collected tokens, zero amounts, and the dust of look-alikes, which needs the
whole table. A payment above dust is never left out by itself.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.convert import EXCLUDED
from tracer.chains.fields import words
from tracer.chains.look_alikes import find_look_alikes
from tracer.chains.tokens import imitated
from tracer.model import Gap, Kind
from tracer.movements import limbs

__all__ = ["flag"]

_WHY = {
    "poison": "{n} marked as address poisoning (kind poison, or dust from an address that imitates a real "
    "counterparty) are kept and left out of flows.",
    "zero_value": "{n} of amount zero are kept and left out of flows: anyone can make a transfer of nothing "
    "appear in another's history.",
    "fake_token": "{n} of tokens that borrow the symbol of a known coin or token, but have another contract, "
    "are kept and left out of flows.",
}
_LISTED = 50


def flag(table: pa.Table) -> tuple[pa.Table, list[Gap]]:
    """The table with `excluded` completed, and a Gap per reason and per look-alike that was paid.

    Unconfirmed transactions are counted by the ledger: another source may hold them in a block.
    """
    if not table.num_rows:
        return table, []
    column = table["excluded"].combine_chunks()
    order = ["", *EXCLUDED]
    lookup = np.array([order.index(t) for t in column.dictionary.to_pylist()], dtype=np.int32)
    codes = lookup[column.indices.to_numpy()]
    nothing = ~limbs(table["amount"]).any(axis=1) & ~_parts_of_a_whole(table)
    codes[(codes == 0) & _imitations(table)] = order.index("fake_token")
    codes[(codes == 0) & nothing] = order.index("zero_value")
    at = table.schema.get_field_index("excluded")
    table = table.set_column(at, table.schema.field(at), words(codes, order))
    found = find_look_alikes(table)
    if len(found.dust):
        codes[found.dust] = order.index("poison")
        table = table.set_column(at, table.schema.field(at), words(codes, order))
    return table, [*_reasons(codes, order), *_paid(table, found.paid)]


def _parts_of_a_whole(table: pa.Table) -> np.ndarray:
    """Rows of transactions of Bitcoin-like chains: they only make sense together, and nobody can add one."""
    ends = [
        np.asarray(pc.equal(table[name].cast(pa.string()), "")) for name in ("from_address", "to_address")
    ]
    kinds = pc.is_in(table["kind"].cast(pa.string()), pa.array([Kind.SPEND.value, Kind.OUTPUT.value]))
    whole: np.ndarray = np.asarray(kinds) | (ends[0] & ends[1])
    return whole


def _imitations(table: pa.Table) -> np.ndarray:
    """True for rows of a token that borrows the symbol of a known asset of its chain."""
    columns = [table[name].combine_chunks() for name in ("chain", "asset", "symbol")]
    chains, assets, symbols = (column.dictionary.to_pylist() for column in columns)
    chain, asset, symbol = (column.indices.to_numpy().astype(np.int64) for column in columns)
    named = (chain * len(assets) + asset) * len(symbols) + symbol
    fake = []
    for number in np.unique(named).tolist():
        pair, word = divmod(number, len(symbols))
        if imitated(chains[pair // len(assets)], assets[pair % len(assets)], symbols[word]) is not None:
            fake.append(number)
    return np.isin(named, fake)


def _reasons(codes: np.ndarray, order: list[str]) -> list[Gap]:
    counts = np.bincount(codes, minlength=len(order))
    gaps = []
    for number, reason in enumerate(order):
        count = int(counts[number])
        if reason in _WHY and count:
            rows = f"{count:,} row{'' if count == 1 else 's'}"
            gaps.append(Gap(reason, _WHY[reason].format(n=rows), status="assumption"))
    return gaps


def _paid(table: pa.Table, paid: tuple[tuple[str, str, str, int], ...]) -> list[Gap]:
    chain = pc.unique(table["chain"].combine_chunks()).to_pylist()
    only = str(chain[0]) if len(chain) == 1 else ""
    gaps = [
        Gap(
            "look_alike",
            f"{imitation} begins and ends like {imitated}, another counterparty of {victim}; "
            f"{count:,} payment{'' if count == 1 else 's'} above dust with it {'is' if count == 1 else 'are'} "
            f"followed. Compare the full addresses.",
            chain=only,
            address=imitation,
        )
        for victim, imitation, imitated, count in paid[:_LISTED]
    ]
    if len(paid) > _LISTED:
        gaps.append(
            Gap("look_alike", f"{len(paid) - _LISTED:,} more pairs of look-alike counterparties.", chain=only)
        )
    return gaps
