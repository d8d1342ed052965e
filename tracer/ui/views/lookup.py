"""The Transaction page: paste a hash, and see everything that the case knows of it."""

from __future__ import annotations

import re
from unicodedata import normalize

import streamlit as st

from tracer.case import Case
from tracer.ui.i18n import Words
from tracer.ui.links import explorer_link
from tracer.ui.printing import jst, utc
from tracer.ui.running import result_of
from tracer.ui.session import current, errors_shown, w
from tracer.ui.snippets import call, show_python
from tracer.ui.tables import note_of, ordered, show_table

__all__ = ["hash_in", "render"]

_FIRST = (
    *("kind", "symbol", "amount_raw", "amount", "taint_raw", "from_address", "from_label"),
    *("to_address", "to_label", "excluded"),
)
_HASH = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_WIDE = {
    "from_address": 380,
    "to_address": 380,
    "source_name": 220,
    "sha256": 520,
    "asked": 260,
    "message": 520,
}


def render() -> None:
    """Draw the page for the case that the session looks at."""
    words = w()
    case = current()
    st.caption(words("lookup.help"))
    wanted = hash_in(st.text_input(words("lookup.hash"), key="see:lookup", placeholder="0x..."))
    if case.seeds().empty:
        st.info(words("trace.no_seeds"))
    elif wanted:
        with errors_shown():
            wanted = _found(case, wanted, words)
    show_python(
        call(
            case.name,
            *(
                line if wanted else f"# {line}"
                for line in (
                    f"case.transaction({wanted or '0x...'!r})",
                    f"case.evidence({wanted or '0x...'!r})",
                )
            ),
        ),
        words,
    )


def hash_in(text: str) -> str:
    """The one hash in what was pasted: with spaces, in capitals, or the address of a block explorer's page.

    Text that holds none, or several, is returned as it is: the case then says that it knows no such transaction.
    """
    typed = normalize("NFKC", text).strip()
    found = {match.lower() for match in _HASH.findall(typed)}
    return found.pop() if len(found) == 1 else typed


def _found(case: Case, wanted: str, words: Words) -> str:
    """Show what the case knows of a transaction; returns its hash as the case spells it."""
    job = result_of(case, f"transaction:{wanted}", lambda report: case.transaction(wanted, report), words)
    if job is None:
        return wanted
    moved = job[0]
    wanted = str(moved["tx_hash"].iloc[0])
    for (chain, tx), part in moved.groupby(["chain", "tx_hash"], sort=False):
        first = part.iloc[0]
        st.code(str(tx), language=None, wrap_lines=True)
        when = first["timestamp_utc"]
        st.caption(
            words(
                "lookup.at",
                chain=chain,
                block=first["block"] or "-",
                utc=utc(when) or "-",
                jst=jst(when) or "-",
            )
        )
        explorer_link(str(chain), words, tx=str(tx))
    st.markdown(f"**{words('lookup.movements')}** ({len(moved):,})")
    raw = st.toggle(words("table.raw"), key="see:lookup-raw")
    show_table(
        ordered(moved, _FIRST),
        words,
        downloads=moved,
        key="lookup",
        file=f"{case.name}_transaction",
        note=note_of(words, rule=str(case.rule), as_of=case.as_of),
        raw=raw,
        without=["decimals", "chain", "tx_hash", "timestamp_utc", "timestamp_jst", "block", "source_sha256"],
        wide=_WIDE,
    )
    st.markdown(f"**{words('lookup.gaps')}**")
    gaps = case.gaps(words.language)
    here = gaps["tx"].str.lower().isin({str(tx).lower() for tx in moved["tx_hash"]})
    own = gaps[here]
    if own.empty:
        st.caption(words("lookup.no_gaps"))
    else:
        show_table(
            own.reset_index(drop=True),
            words,
            downloads=lambda: case.gaps()[here],
            key="lookup-gaps",
            file=f"{case.name}_gaps",
            wide=_WIDE,
            without=["decimals"],
        )
    st.markdown(f"**{words('lookup.evidence')}**")
    rests = ["source", "asked", "row", "sha256", "provider", "fetched_at_utc"]
    show_table(
        case.evidence(wanted)[rests].drop_duplicates().reset_index(drop=True),
        words,
        key="lookup-evidence",
        file=f"{case.name}_evidence",
        wide=_WIDE,
    )
    return wanted
