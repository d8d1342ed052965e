"""Whirlpool: mixes of one pool size, and the transaction zero (Tx0) that cuts one user's coin into premixes.

Definitions: the Whirlpool server's configuration (pool denomination; must-mix inputs pay the miner fee, liquidity
inputs are earlier mix outputs of exactly the pool size); Stuetz, Stockinger, Moreno-Sanchez, Haslhofer and Maffei,
Adoption and Actual Privacy of Decentralized CoinJoin Implementations in Bitcoin (AFT 2022, arXiv 2109.10229), the SCDH
rule; Dumplings (github.com/nopara73/Dumplings) for mixes of up to ten; the changes of whirlpool-client of 2023 for the
Tx0x2 and its decoy. Pools of 0.025 and 0.25 BTC opened with Ashigaru in 2025.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Ground, Rule, Verdict, judged, seen
from tracer.utxo import Script

__all__ = ["perhaps_of_two", "tx0", "whirlpool", "whirlpool_to_others"]

_POOLS = (100_000, 1_000_000, 2_500_000, 5_000_000, 25_000_000, 50_000_000)
_POOL_FEES = {100_000: 5_000, 1_000_000: 50_000, 5_000_000: 175_000, 50_000_000: 1_750_000}
_MOST_EXCESS = 110_000
"""Sat that a premix may hold beyond the pool size, for miner fees."""
_FEWEST, _MOST = 5, 10
_FIRST = (570_000, 1_554_100_000)  # block and time, April 2019
_MOST_PREMIXES = 70
_CHANGES_OF_TWO = 2
_PAYLOADS = {64, 65, 66, 80, 81, 82, 83}
"""Bytes of the fee payload in the OP_RETURN of a Tx0, measured on real ones: 64 or 80; up to three more where a file
gives the script, with its operations, for the data."""


def whirlpool(shape: Shape) -> Verdict | None:
    """A Whirlpool mix by the published definition, or None."""
    return _mix(shape, CoinJoin.WHIRLPOOL, 99, _native_outputs)


def whirlpool_to_others(shape: Shape) -> Verdict | None:
    """A mix with every mark of Whirlpool that pays other kinds of address as well, as mixing to another wallet does."""
    return _mix(shape, CoinJoin.OTHER, 90, _other_outputs)


def _mix(shape: Shape, kind: CoinJoin, confidence: int, outputs: Rule) -> Verdict | None:
    if shape.equal_value not in _POOLS or shape.before(*_FIRST):
        return None
    return judged(kind, confidence, shape, (_all_of_pool_size, _inputs_of_pool, _strangers, outputs))


def _all_of_pool_size(shape: Shape) -> Ground | None:
    """As many inputs as outputs, 5 to 10, and every output the pool size (Stuetz et al., SCDH; Dumplings)."""
    count = len(shape.paid_out)
    if not (_FEWEST <= count <= _MOST and count == len(shape.paid_in) and shape.equal == count):
        return None
    return seen("pool_size", count=count, pool=shape.equal_value)


def _inputs_of_pool(shape: Shape) -> Ground | None:
    """Remixed inputs of exactly the pool size, the others above it by a miner fee (Stuetz et al., SCDH)."""
    excess = [value - shape.equal_value for value in shape.paid_in]
    remixed = excess.count(0)
    if not remixed or min(excess) < 0 or max(excess) > _MOST_EXCESS:
        return None
    return seen("remixed", remixed=remixed, new=len(excess) - remixed, excess=max(excess))


def _strangers(shape: Shape) -> Ground | None:
    """Native segwit inputs and no address twice: Whirlpool takes P2WPKH alone, one output a participant."""
    if len({*shape.payers, *shape.payees}) < 2 * len(shape.paid_out):
        return None
    return seen("native_strangers") if shape.inputs_are({Script.P2WPKH}) else None


def _native_outputs(shape: Shape) -> Ground | None:
    """Outputs all native segwit (Stuetz et al., SCDH)."""
    return seen("native_outputs") if shape.outputs_are({Script.P2WPKH}) else None


def _other_outputs(shape: Shape) -> Ground | None:
    """Outputs of other kinds, as when participants let their mix end in another wallet."""
    if shape.outputs_are({Script.P2WPKH}):
        return None
    return seen("other_outputs")


def tx0(shape: Shape) -> Verdict | None:
    """A Tx0, or None. With two changes it may be a Tx0x2, which two users build together.

    The client of Whirlpool had both: the Tx0x2, and a decoy of it by one user, made not to differ. None of 372 real Tx0
    has two changes.
    """
    if shape.before(*_FIRST):
        return None
    found = judged(CoinJoin.WHIRLPOOL_TX0, 97, shape, (_fee_payload, _premixes))
    if found is None or len(shape.payers) < 2 or dict(found.grounds[-1].values)["change"] != _CHANGES_OF_TWO:
        return found
    return replace(found, confidence=60, grounds=(*found.grounds, seen("two_changes")))


def perhaps_of_two(shape: Shape) -> bool:
    """Whether it has the shape of a Tx0 that two users may have built."""
    found = tx0(shape)
    return found is not None and found.grounds[-1].key == "two_changes"


def _fee_payload(shape: Shape) -> Ground | None:
    """One OP_RETURN, the first output, with the fee payload; all outputs ascend (BIP-69), the rest native segwit."""
    first, *rest = shape.transaction.outputs
    size = len(first.op_return) // 2
    if first.script_type != Script.OP_RETURN or first.amount or (size and size not in _PAYLOADS):
        return None
    if any(o.script_type not in {Script.P2WPKH, Script.UNKNOWN} for o in rest):
        return None
    if any(a > b for a, b in pairwise(shape.paid_out)):
        return None
    return seen("fee_payload")


def _premixes(shape: Shape) -> Ground | None:
    """Equal premixes a little above a pool size, that pool's fee, and at most two changes (Whirlpool, Tx0).

    A single premix needs the exact fee of a pool, now or at the start (5 %); several may come with a discounted one.
    """
    values = Counter(shape.paid_out[1:])
    for pool in _POOLS:
        fees = {pool // 20, _POOL_FEES.get(pool, 0)} - {0}
        for premix, count in values.items():
            others = [*(values - Counter({premix: count})).elements()]
            if (
                not pool < premix <= pool + _MOST_EXCESS
                or count > _MOST_PREMIXES
                or not 1 <= len(others) <= 3
            ):
                continue
            paid = sorted(fees.intersection(others))
            told = {"count": count, "premix": premix, "pool": pool, "change": len(others) - 1}
            if paid:
                return seen("premix" if count == 1 else "premixes", fee=paid[0], **told)
            if count > 1 and min(others) <= max(fees):
                return seen("premixes_discounted", **told)
    return None
