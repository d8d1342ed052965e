"""A way to a block explorer: a link that opens by a click only, with the words what that tells the site."""

from __future__ import annotations

import streamlit as st

from tracer.explorers import explorer_of
from tracer.ui.i18n import Words

__all__ = ["explorer_link"]


def explorer_link(chain: str, words: Words, *, tx: str = "", address: str = "") -> None:
    """The link to a transaction or an address; nothing for a chain without a known explorer."""
    site = explorer_of(chain)
    if site is None:
        return
    if tx:
        name, page = words("explorer.open_tx", name=site.name), site.tx_page(tx)
    else:
        name, page = words("explorer.open_address", name=site.name), site.address_page(address)
    st.link_button(name, page, icon=":material/open_in_new:", help=words("explorer.warning"))
    st.caption(words("explorer.warning"))
