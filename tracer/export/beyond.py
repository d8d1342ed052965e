"""beyond_mixes.csv: where stolen coin may have gone after a CoinJoin, as possibilities that no total contains."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["BEYOND_MIXES"]

_A, _N, _T = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT

BEYOND_MIXES = Layout(
    "beyond_mixes.csv",
    "An output of a CoinJoin in which stolen coin that rests in it may be: a possibility, in no total of any file.",
    (
        Column("rule", _T, "", "The accounting rule under which the coin rests in the mix."),
        Column("chain", _T, "CAIP-2", "The chain."),
        Column("mix_tx", _T, "", "The CoinJoin, in full."),
        Column(
            "mix_kind",
            _T,
            "",
            "whirlpool, wasabi1, wasabi2, joinmarket or other_coinjoin (also: the analyst's word).",
        ),
        Column("confidence", _N, "per cent", "How sure it is that the transaction is one."),
        Column("rests_raw", _A, "sat", "Stolen coin that rests in the mix: the same in each of its rows."),
        Column("outpoint", _T, "", "The output, txid:vout."),
        Column("address", _T, "", "Its owner in full: address, script:hash, or the outpoint itself."),
        Column("decimals", _N, "digits", "Digits after the point of one whole coin."),
        Column("amount_raw", _A, "sat", "What the output holds."),
        Column(
            "anonymity_set", _N, "outputs", "How many outputs of the mix have that value: it is 1 of so many."
        ),
        Column(
            "share_raw",
            _A,
            "sat",
            "Equal share, rounded down, as if the coin had left in outputs of this value, as far as they can hold it.",
        ),
        Column(
            "remainder_raw",
            _A,
            "sat",
            "What the rounding leaves over among all outputs of this value together.",
        ),
        Column(
            "spent_tx", _T, "", "The transaction that spends the output; empty: none that the case knows."
        ),
        Column("grade", _T, "", "probabilistic, always: no finding about this output or its owner."),
    ),
)
