"""The outputs of CoinJoins in which stolen coin may be, on the screen: each is possible, 1 of so many, and no more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from tracer.ui.i18n import Words
from tracer.ui.tables import show_table

__all__ = ["possible_outputs"]


def possible_outputs(
    frame: pd.DataFrame, words: Words, *, key: str, file: str, note: str = "", narrow: bool = False
) -> None:
    """Show rows of `Case.beyond_mixes`; the download has them as the export does.

    narrow: in a panel of one mix, whose hash is known: the output, its owner, its share and the next spend.
    """
    st.caption(words("mix.help"))
    shown = frame.assign(
        mix_kind=[words.one_of("mixkind", str(kind)) for kind in frame["mix_kind"]],
        grade=[words("mix.possible", count=int(n)) for n in frame["anonymity_set"]],
    )
    first = [
        "grade",
        "address",
        "amount_raw",
        "share_raw",
        "remainder_raw",
        "decimals",
        "outpoint",
        "spent_tx",
    ]
    if not narrow:
        first = ["mix_tx", "mix_kind", "rests_raw", *first]
    show_table(
        shown[first],
        words,
        key=key,
        file=file,
        note=note,
        without=["decimals"],
        narrow=narrow,
        wide={"mix_tx": 560, "address": 380, "outpoint": 580, "spent_tx": 560},
        downloads=frame,
    )
