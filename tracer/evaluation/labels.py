"""Labels of the published CoinJoin datasets: what a file says of its lines, and which lines contradict it.

Dumplings exports one file a protocol, and one of the transactions that spend the mixed coins, which are no CoinJoins
unless they remix them. So neighbours and labels contain errors; a line is set aside when its own shape shows one. The
shapes are the published definitions, written here anew: the heuristics that are measured are not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from tracer.clusters.verdict import CoinJoin
from tracer.utxo import Script, UtxoTransaction

__all__ = ["label_of", "misplaced"]

_FILES = {
    "SamouraiCoinJoins": CoinJoin.WHIRLPOOL,
    "SamouraiTx0s": CoinJoin.WHIRLPOOL_TX0,
    "WasabiCoinJoins": CoinJoin.WASABI1,
    "Wasabi2CoinJoins": CoinJoin.WASABI2,
    "OtherCoinJoins": CoinJoin.JOINMARKET,
}
_NEIGHBOURS = "PostMixTxs"
_LEAST_VALUE = 75_000


def label_of(folder: str, stem: str) -> CoinJoin | None:
    """What a file of Dumplings says of its lines; None for a file that is not of this kind.

    Files of neighbours, and every file in a folder of `false_positives`, say that they are no CoinJoins.
    """
    if stem.endswith(_NEIGHBOURS) or (stem in _FILES and "false_positives" in folder):
        return CoinJoin.NONE
    return _FILES.get(stem)


def misplaced(transaction: UtxoTransaction, labels: Collection[CoinJoin], asked: CoinJoin) -> bool:
    """Whether a line says one thing about the kind that is asked for, by its labels, and its shape another.

    - Whirlpool: one value in five outputs or more, as many as inputs. Among the lines that spend mixed coin, and those
      called Tx0, are mixes.
    - Tx0: an OP_RETURN as first output, the others in rising order. Mixed coin may go through a Tx0 again.
    - JoinMarket: equal outputs = half of all, rounded up, at least three, of 75,000 sat or more (Goldfeder et al.). The
      file also holds pairs, as which trades of inscriptions appear; the neighbours hold sweeps of this shape.
    - Wasabi 1: a line with the shape of JoinMarket could be either, and is set aside.
    - Wasabi 2: more than 70 % reused input addresses are one wallet's consolidation (Svenda et al.).
    """
    labelled = asked in labels
    if asked == CoinJoin.WHIRLPOOL:
        return labelled != _one_pool(transaction)
    if asked == CoinJoin.WHIRLPOOL_TX0:
        return labelled != _payload_first(transaction)
    if asked == CoinJoin.JOINMARKET:
        return labelled != _joinmarket(transaction)
    if asked == CoinJoin.WASABI1:
        return labelled and _joinmarket(transaction)
    return labelled and asked == CoinJoin.WASABI2 and _one_wallet(transaction)


def _one_pool(transaction: UtxoTransaction) -> bool:
    values = {o.amount for o in transaction.outputs}
    return len(values) == 1 and len(transaction.inputs) == len(transaction.outputs) >= 5


def _payload_first(transaction: UtxoTransaction) -> bool:
    amounts = [o.amount for o in transaction.outputs]
    return transaction.outputs[0].script_type == Script.OP_RETURN and amounts == sorted(amounts)


def _joinmarket(transaction: UtxoTransaction) -> bool:
    value, equal = Counter(o.amount for o in transaction.outputs).most_common(1)[0]
    half = (len(transaction.outputs) + 1) // 2
    return equal == half >= 3 and len(transaction.inputs) >= equal and value >= _LEAST_VALUE


def _one_wallet(transaction: UtxoTransaction) -> bool:
    count = len(transaction.inputs)
    return 10 * (count - len({i.script for i in transaction.inputs})) > 7 * count
