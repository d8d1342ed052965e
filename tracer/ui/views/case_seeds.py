"""Seeds: paste addresses or the theft transaction, or upload a list. A line that cannot be used stays and says why."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from tracer.case import Case
from tracer.seed_list import RefusedLine, SeedLine, SeedList, raw_amount, read_seed_list
from tracer.ui.acting import take_back
from tracer.ui.i18n import Words
from tracer.ui.session import errors_shown, say
from tracer.ui.snippets import action, call, remember, show_python
from tracer.ui.tables import show_table

__all__ = ["seeds"]


def seeds(case: Case, words: Words) -> None:
    """The third step of the case page."""
    st.caption(words("seeds.help"))
    left, right = st.columns([3, 2], gap="large")
    kept = st.session_state.pop("seed-lines-left", None)
    if kept is not None:
        st.session_state["seed-lines"] = kept
    with left:
        text = st.text_area(
            words("seeds.paste"),
            height=150,
            key="seed-lines",
            placeholder="0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2",
        )
        upload = st.file_uploader(
            words("seeds.upload"),
            type=["csv", "txt"],
            key=f"seed-file:{st.session_state.get('seed-files', 0)}",
        )
    with right:
        common = _common(words)
    if st.button(words("seeds.add"), type="primary", key="seeds-add"):
        with errors_shown():
            pasted = read_seed_list(text)
            listed = read_seed_list(upload.getvalue(), upload.name) if upload else SeedList(())
            rest = _common_line(common)
            given = [repr(text)] if pasted.lines else []
            given += [f"open({upload.name!r}, 'rb').read(), {upload.name!r}"] if upload else []
            added = [f"case.add_seeds(read_seed_list({what}), {rest!r}, partly=True)" for what in given]
            remember("seed", "\n".join(added))
            _add(case, pasted, listed, rest, words)
    _refused(words)
    st.markdown(f"##### {words('seeds.list')}")
    frame = case.seeds()
    show_table(frame, words, key="seeds", file=f"{case.name}_seeds", wide={"address": 380, "tx": 560})
    drawn = case.file.seeds
    take_back(
        list(frame["number"]),
        # seeds are numbered anew when one goes: the one that stood there, and no other
        lambda number: case.remove_seed(number, drawn[number - 1]),
        words=(words("seeds.number"), words("seeds.remove"), words("seeds.removed")),
        key="seed-number",
        button="seed-remove",
    )
    show_python(
        call(
            case.name,
            "from tracer.seed_list import SeedLine, read_seed_list",
            "case.seeds()",
            *action("seed", 'case.add_seed("0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2", source="...")'),
            *action("seed-number", "case.remove_seed(1)"),
        ),
        words,
    )


def _common(words: Words) -> dict[str, str]:
    """Fields for every line that has none of its own."""
    chain = st.text_input(words("seeds.chain"), value="eip155:1", key="seed-chain")
    source = st.text_input(words("seeds.source"), key="seed-source", help=words("seeds.source_help"))
    with st.expander(words("seeds.more")):
        theft = st.text_input(words("seeds.theft"), key="seed-theft")
        tx = st.text_input(words("seeds.tx"), key="seed-tx", help=words("seeds.tx_help"))
        asset = st.text_input(words("seeds.asset"), key="seed-asset", placeholder="native")
        amount = st.text_input(words("seeds.amount"), key="seed-amount", help=words("seeds.amount_help"))
        to = st.text_input(words("seeds.to"), key="seed-to", help=words("seeds.to_help"))
    return {
        "chain": chain.strip(),
        "source": source,
        "theft": theft,
        "tx": tx.strip(),
        "asset": asset.strip(),
        "amount_raw": amount.strip(),
        "to": to.strip(),
    }


def _common_line(common: dict[str, str]) -> SeedLine:
    """The fields as one line. Raises InputError for an amount that is no integer."""
    return SeedLine(
        number=0,
        subject="",
        chain=common["chain"],
        tx=common["tx"],
        asset=common["asset"],
        amount=raw_amount(common["amount_raw"]),
        theft=common["theft"],
        source=common["source"],
        to=common["to"],
    )


def _add(case: Case, pasted: SeedList, listed: SeedList, common: SeedLine, words: Words) -> None:
    """Add what can be added. A refused line of the box stays in it; one of a file stands in the table of refusals."""
    done, left = case.add_seeds(pasted, common, partly=True)
    more, refused = case.add_seeds(listed, common, partly=True)
    if done or more:
        say(words("seeds.added", count=len(done) + len(more)))
    st.session_state["seeds-refused"] = [*left, *refused]
    st.session_state["seed-lines-left"] = "\n".join(line.text for line in left)
    st.session_state["seed-files"] = st.session_state.get("seed-files", 0) + 1
    st.rerun()


def _refused(words: Words) -> None:
    """What the last press of the button refused; the lines themselves are still in the text box."""
    refused: list[RefusedLine] = st.session_state.get("seeds-refused") or []
    if not refused:
        return
    st.error(words("seeds.refused", count=len(refused)), icon=":material/warning:")
    frame = pd.DataFrame(
        [
            {"line": r.number, "text": r.text, "message": r.error.message, "hint": r.error.hint}
            for r in refused
        ]
    )
    show_table(
        frame, words, key="refused", file="refused_seeds", wide={"text": 380, "message": 520, "hint": 420}
    )
