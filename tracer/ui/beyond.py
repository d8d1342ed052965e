"""The outputs of CoinJoins in which stolen coin may be, on the screen: each is possible, 1 of so many, and no more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from tracer.addresses import BITCOIN
from tracer.ui.i18n import Words
from tracer.ui.printing import exact_amount, jst, plain, utc, whole
from tracer.ui.tables import show_table

__all__ = ["mix_said", "possible_outputs"]

_CROWDS = 8


def mix_said(frame: pd.DataFrame, words: Words) -> None:
    """What one CoinJoin is taken for and why, its crowds, and what went in: a row of `Case.coinjoins`, if any."""
    for row in frame.to_dict("records"):
        places, coin = row["decimals"], "BTC" if row["chain"] == BITCOIN else ""
        kind = words.one_of("mixkind", str(row["mix_kind"]))
        st.markdown(f"**{kind}** \N{MIDDLE DOT} {words('details.confidence')}: {row['confidence']}")
        if row["timestamp_utc"]:
            st.caption(f"{utc(row['timestamp_utc'])} / {jst(row['timestamp_utc'])}")
        st.caption(
            words("mix.size", inputs=row["inputs"], outputs=row["outputs"], change=row["certain_change"])
        )
        entered, rests = whole(row["entered_raw"]) or 0, whole(row["rests_raw"]) or 0
        for name, units in (("entered", entered), ("rests", rests), ("on", entered - rests)):
            st.markdown(f"{words(f'mix.{name}')}: {exact_amount(units, places)} {coin} ({units:,} sat)")
        crowds = [part.split(" of ") for part in filter(None, str(row["anonymity_sets"]).split("; "))]
        if crowds:
            st.markdown(f"**{words('mix.crowds')}**")
        for count, amount in crowds[:_CROWDS]:
            said = words("mix.crowd", count=count, amount=f"{exact_amount(int(amount), places)} {coin}")
            st.markdown(f"- {said} ({int(amount):,} sat)")
        if len(crowds) > _CROWDS:
            st.caption(words("mix.more", count=len(crowds) - _CROWDS))
        st.markdown(f"**{words('mix.reasons')}**")
        for reason in str(row["reasons"]).split("; "):
            st.markdown(f"- {plain(reason, 300)}")


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
