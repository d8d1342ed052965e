"""Address poisoning by look-alikes: dust between an address and an imitation of one of its real counterparties.

A poisoner makes an address that begins and ends like one that the victim pays, and puts it into the victim's history
with a tiny, worthless or zero payment, hoping to be copied by mistake (Tsuchiya et al., "Blockchain Address
Poisoning", arXiv 2501.16681; at the Bybit thief's wallet 24 of 42 real receivers had a twin). Here an imitation
shares the first 3 and the last 4 hex digits, 28 bits, with a counterparty that moved real money. Its dust is left
out of flows; anything more than dust is a real payment, stays, and is only pointed out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.chains.tokens import known
from tracer.model import Kind
from tracer.movements import amounts_from_column

__all__ = ["LookAlikes", "find_look_alikes"]

_EVM_LENGTH = 42
_SHOWN_DIGITS = (2, 3, 4, 38, 39, 40, 41)  # places of the first 3 and the last 4 hex digits after 0x


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """dust: places of rows to leave out. paid: (victim, imitation, imitated, rows) with payments above dust."""

    dust: np.ndarray
    paid: tuple[tuple[str, str, str, int], ...]


def find_look_alikes(table: pa.Table) -> LookAlikes:
    """Look at every pair of counterparties of one address that look alike. Rows already excluded prove nothing."""
    payer, payee, addresses = _numbered(table)
    family = _families(addresses)
    named = np.asarray(pc.not_equal(addresses, ""))
    is_fee = np.asarray(pc.equal(table["kind"], Kind.FEE.value))
    usable = (payer != payee) & ~is_fee
    rows = np.arange(len(payer))
    # each row seen from both ends: whose history it is in (victim), and whose address shows up there (other)
    sees_payer = usable & (family[payer] >= 0) & named[payee]
    sees_payee = usable & (family[payee] >= 0) & named[payer]
    victim = np.concatenate([payee[sees_payer], payer[sees_payee]])
    other = np.concatenate([payer[sees_payer], payee[sees_payee]])
    row = np.concatenate([rows[sees_payer], rows[sees_payee]])
    chosen = _with_rivals(victim, family, other)
    if not chosen.any():
        return LookAlikes(np.array([], dtype=np.int64), ())
    victim, other, row = victim[chosen], other[chosen], row[chosen]
    worth = dict(zip(row.tolist(), _worth(table, row), strict=True))
    groups: dict[tuple[int, int], dict[int, list[int]]] = {}
    for v, o, r in zip(victim.tolist(), other.tolist(), row.tolist(), strict=True):
        groups.setdefault((v, int(family[o])), {}).setdefault(o, []).append(r)
    return _judge(groups, worth, addresses.to_pylist())


def _judge(
    groups: dict[tuple[int, int], dict[int, list[int]]], worth: dict[int, str], texts: list[str]
) -> LookAlikes:
    dust: set[int] = set()
    paid = []
    for (victim, _), others in sorted(groups.items()):
        real = sorted(o for o, rows in others.items() if any(worth[r] == "real" for r in rows))
        for o, rows in sorted(others.items()):
            if not real or real == [o]:
                continue
            if o not in real:
                dust.update(r for r in rows if worth[r] == "dust")
            above = sum(worth[r] in ("real", "unknown") for r in rows)
            if above:
                imitated = next(r for r in real if r != o)
                paid.append((texts[victim], texts[o], texts[imitated], above))
    return LookAlikes(np.array(sorted(dust), dtype=np.int64), tuple(paid))


def _worth(table: pa.Table, places: np.ndarray) -> list[str]:
    """`out` (excluded already), `dust`, `real`, or `unknown` for assets whose worth nobody states."""
    part = table.select(["chain", "asset", "amount", "excluded"]).take(pa.array(places))
    chains, assets, out = (part[name].to_pylist() for name in ("chain", "asset", "excluded"))
    result = []
    for chain, asset, amount, reason in zip(
        chains, assets, amounts_from_column(part["amount"]), out, strict=True
    ):
        token = known(chain, asset)
        if reason or amount == 0:
            result.append("out")
        elif token is None:
            result.append("real" if asset == "usd" else "unknown")
        else:
            result.append("dust" if amount <= token.dust else "real")
    return result


def _numbered(table: pa.Table) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Payers and payees as numbers into one list of addresses."""
    ends = [table[name].combine_chunks() for name in ("from_address", "to_address")]
    ends = [e.chunk(0) if isinstance(e, pa.ChunkedArray) else e for e in ends]
    merged = pa.concat_arrays([e.dictionary for e in ends]).dictionary_encode()
    number = merged.indices.to_numpy()
    cut = len(ends[0].dictionary)
    payer, payee = number[:cut][ends[0].indices.to_numpy()], number[cut:][ends[1].indices.to_numpy()]
    return payer, payee, merged.dictionary


def _families(addresses: pa.Array) -> np.ndarray:
    """For each address the number of its look-alike family, -1 for addresses that resemble no other."""
    result = np.full(len(addresses), -1, dtype=np.int64)
    shaped = pc.and_(pc.equal(pc.binary_length(addresses), _EVM_LENGTH), pc.starts_with(addresses, "0x"))
    evm = np.flatnonzero(np.asarray(shaped))
    if len(evm) < 2:
        return result
    fixed = addresses.take(pa.array(evm)).cast(pa.binary()).cast(pa.binary(_EVM_LENGTH))
    letters = np.frombuffer(fixed.buffers()[1], dtype=np.uint8)[: len(evm) * _EVM_LENGTH].reshape(
        -1, _EVM_LENGTH
    )
    face = np.zeros((len(evm), 8), dtype=np.uint8)
    face[:, : len(_SHOWN_DIGITS)] = letters[:, _SHOWN_DIGITS]
    key = face.view(np.uint64).ravel()
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    resembles = counts[inverse] > 1
    result[evm[resembles]] = inverse[resembles]
    return result


def _with_rivals(victim: np.ndarray, family: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which entries are of a victim that met at least two different members of one family. family: by address."""
    if not len(victim):
        return np.zeros(0, dtype=bool)
    # One number per (victim, other) and one per (victim, family): an address is in one family only, so a victim met
    # rivals where it met more others than families. Counting makes numpy sort; without, it hashes, which takes ten
    # times as long where nearly all numbers differ.
    addresses, families = len(family), int(family.max()) + 1
    met, _ = np.unique(victim * addresses + other, return_counts=True)
    groups, members = np.unique(met // addresses * families + family[met % addresses], return_counts=True)
    rivals = pa.array(groups[members > 1])
    if not len(rivals):
        return np.zeros(len(victim), dtype=bool)
    found = pc.is_in(pa.array(victim * families + family[other]), value_set=rivals)
    return np.asarray(found)
