"""Wasabi Wallet's CoinJoins: 1.x (ZeroLink, rounds of 0.1 BTC) and 2.x (WabiSabi, many standard denominations).

Definitions: Stuetz et al., Adoption and Actual Privacy of Decentralized CoinJoin Implementations in Bitcoin (AFT 2022,
arXiv 2109.10229), the WCDH rule, and Dumplings (github.com/nopara73/Dumplings) for both; Ficsor, Kogman, Ontivero and
Seres, WabiSabi: Centrally Coordinated CoinJoins with Variable Amounts (ePrint 2021/206); Svenda, Gavenda, Mavroudis and
Hicks, CoinJoin ecosystem insights (PoPETs 2026), for the rounds of other coordinators after June 2024 (15 inputs or
more instead of 50) and for the filter of reused addresses.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tracer.base58_bech32 import segwit_decode
from tracer.clusters.joinmarket import makers
from tracer.clusters.shape import Shape
from tracer.clusters.verdict import CoinJoin, Ground, Verdict, judged, seen
from tracer.utxo import Script

__all__ = ["DENOMINATIONS", "small_wasabi2", "wasabi1", "wasabi2"]

_COORDINATORS = ("bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew", "bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw")
"""Whom rounds of Wasabi 1 paid until block 610,000 (Dumplings); later ones took a new address each time."""
_COORDINATOR_KEYS = {
    *_COORDINATORS,
    *(f"0014{found[1].hex()}" for a in _COORDINATORS if (found := segwit_decode("bc", a)) is not None),
}
_FIRST1 = (530_500, 1_530_800_000)  # July 2018
_LAST1 = (846_000, 1_717_200_000)  # the last round was on 2024-05-30 (Svenda et al.)
_FIRST2 = (741_213, 1_655_200_000)  # June 2022
_BASE, _SPREAD = 10_000_000, 2_000_000
_FEWEST_EQUAL = 10
_FEWEST_INPUTS = 15
_FEWEST_SMALL = 5
_LEAST_DENOMINATION, _LARGEST_DENOMINATION = 5_000, 134_375_000_000


def _multiples(base: int, factors: tuple[int, ...]) -> set[int]:
    powers = []
    power = 1
    while power <= _LARGEST_DENOMINATION:
        powers.append(power)
        power *= base
    return {f * p for f in factors for p in powers if _LEAST_DENOMINATION <= f * p <= _LARGEST_DENOMINATION}


_ROUND = frozenset(_multiples(10, (1, 2, 5)))
DENOMINATIONS = frozenset(_ROUND | _multiples(2, (1,)) | _multiples(3, (1, 2)))
"""Standard denominations of Wasabi 2 in sat: 2^k, 3^k, 2*3^k, 10^k, 2*10^k, 5*10^k from 5,000 on (78 values)."""


def wasabi1(shape: Shape) -> Verdict | None:
    """A round of Wasabi 1, or None."""
    if shape.before(*_FIRST1) or shape.after(*_LAST1):
        return None
    paid = judged(CoinJoin.WASABI1, 99, shape, (_pays_coordinator, _native_segwit))
    if paid is not None:
        return paid
    verdict = judged(CoinJoin.WASABI1, 95, shape, (_native_segwit, _tenth_of_a_bitcoin, _some_change))
    earning = makers(shape) if verdict is not None else 0
    if verdict is None or not 2 * earning > len(shape.change):
        return verdict
    doubt = seen("perhaps_joinmarket", earning=earning)
    return replace(verdict, confidence=50, grounds=(*verdict.grounds, doubt))


def _pays_coordinator(shape: Shape) -> Ground | None:
    """Until block 610,000: an output to the coordinator and a value that stands more than twice (Dumplings, WCDH)."""
    if shape.equal <= 2 or len(shape.payers) <= 2 or _COORDINATOR_KEYS.isdisjoint(shape.payees):
        return None
    return seen("pays_coordinator", equal=shape.equal, value=shape.equal_value)


def _native_segwit(shape: Shape) -> Ground | None:
    """Wasabi 1 is native segwit throughout (WCDH)."""
    only = {Script.P2WPKH}
    return seen("native_segwit") if _kinds(shape, only) else None


def _kinds(shape: Shape, kinds: set[Script]) -> bool:
    return shape.inputs_are(kinds) and shape.outputs_are(kinds)


def _tenth_of_a_bitcoin(shape: Shape) -> Ground | None:
    """Ten or more equal outputs of 0.1 +- 0.02 BTC, to as many addresses, from at least as many inputs (WCDH)."""
    if shape.equal < _FEWEST_EQUAL or abs(shape.equal_value - _BASE) > _SPREAD:
        return None
    if len(shape.paid_in) < shape.equal or len(shape.equal_payees) < shape.equal:
        return None
    return seen("tenths", equal=shape.equal, value=shape.equal_value, inputs=len(shape.paid_in))


def _some_change(shape: Shape) -> Ground | None:
    """At least two outputs of unique value: changes and the coordinator's fee (WCDH)."""
    return seen("unique_values", change=len(shape.change)) if len(shape.change) >= 2 else None


def wasabi2(shape: Shape) -> Verdict | None:
    """A round of Wasabi 2, or None. Rounds of 50 inputs or more are the surest."""
    count = len(shape.paid_in)
    if count < _FEWEST_INPUTS or shape.before(*_FIRST2):
        return None
    return judged(CoinJoin.WASABI2, 99 if count >= 50 else 95, shape, _WABISABI)


def small_wasabi2(shape: Shape) -> Verdict | None:
    """A transaction built as Wasabi 2 builds rounds, but with fewer inputs than coordinators ask for."""
    if not _FEWEST_SMALL <= len(shape.paid_in) < _FEWEST_INPUTS or shape.before(*_FIRST2):
        return None
    verdict = judged(CoinJoin.OTHER, 70, shape, _WABISABI)
    return verdict and replace(
        verdict, grounds=(*verdict.grounds, seen("few_inputs", inputs=len(shape.paid_in)))
    )


def _segwit_or_taproot(shape: Shape) -> Ground | None:
    """Inputs P2WPKH or P2TR (Dumplings); outputs may leave the wallet to other kinds, but are no data."""
    if not shape.inputs_are({Script.P2WPKH, Script.P2TR}) or shape.has_data:
        return None
    return seen("segwit_or_taproot", inputs=len(shape.paid_in))


def _sorted_values(shape: Shape) -> Ground | None:
    """Inputs and outputs each in descending order of value (WalletWasabi sorts both; Dumplings)."""
    for values in (shape.paid_in, shape.paid_out):
        if any(a < b for a, b in pairwise(values)):
            return None
    return seen("descending")


def _standard_denominations(shape: Shape) -> Ground | None:
    """More than 80 % of the outputs are standard denominations (Dumplings).

    Three different ones or more, and not only round decimal numbers: a payout of round sums is no WabiSabi round, whose
    wallets break amounts into powers of two and three as well.
    """
    count = len(shape.paid_out)
    standard = [value for value in shape.paid_out if value in DENOMINATIONS]
    kinds = set(standard)
    if 5 * len(standard) <= 4 * count or len(kinds) < 3 or kinds <= _ROUND:
        return None
    return seen("denominations", standard=len(standard), outputs=count, kinds=len(kinds))


def _many_payers(shape: Shape) -> Ground | None:
    """At most 70 % of the inputs reuse an address: else it is one wallet's consolidation (Svenda et al.)."""
    count, distinct = len(shape.paid_in), len(shape.payers)
    return seen("many_payers", payers=distinct) if 10 * (count - distinct) <= 7 * count else None


_WABISABI = (_segwit_or_taproot, _sorted_values, _standard_denominations, _many_payers)
