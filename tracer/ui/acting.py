"""Buttons that act on what stood on the screen when they were pressed.

A case may change between the drawing of a page and the press of a button: in another tab, or by the command line.
Streamlit draws anew before it tells that a button was pressed, and puts the first choice where the chosen one is gone:
the press would meet an entry that nobody chose, or nothing. A callback runs before that, with what was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from tracer.errors import TracerError
from tracer.ui.session import say, show_error
from tracer.ui.snippets import carry_out

__all__ = ["as_drawn", "refusal", "take_back"]


def as_drawn(place: str, act: Callable[[], None]) -> Callable[[], None]:
    """The callback of a button or form: does `act`; what is refused is kept for `refusal` of the same place."""

    def pressed() -> None:
        try:
            act()
        except TracerError as error:
            st.session_state[f"refused:{place}"] = error.message, error.hint

    return pressed


def refusal(place: str) -> None:
    """Show, once, why the last press of a button at that place did nothing."""
    message, hint = st.session_state.pop(f"refused:{place}", ("", ""))
    if message:
        show_error(message, hint)


def take_back(
    numbers: Sequence[int],
    act: Callable[[int], None],
    *,
    words: tuple[str, str, str],
    key: str,
    button: str,
    width: int = 160,
) -> None:
    """A box with the numbers of what can be taken back, and the button that does it.

    words: those of the box, of the button, and what is said when it is done, with `{number}`.
    """

    def chosen() -> None:
        number = int(st.session_state[key])
        carry_out(key, act, number)
        say(words[2].format(number=number))

    if numbers:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(words[0], numbers, key=key, width=width)
            st.button(words[1], key=button, on_click=as_drawn(key, chosen))
    refusal(key)
