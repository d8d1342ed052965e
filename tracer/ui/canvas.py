"""The canvas component: our own JavaScript in Streamlit's component interface, no third-party code, no request.

It draws what `picture.py` computed and answers with two values: `selected` (the id of the chosen node, "" for
none) and `open` (a fold that the reader double-clicked).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources

import streamlit as st

from tracer.ui.picture import Json

__all__ = ["draw", "strip"]

_STRIP_HTML = '<div class="strip"></div>\n'
_STRIP_CSS = """
.strip { display: flex; flex-wrap: wrap; gap: 0; --hair: color-mix(in srgb, var(--st-text-color) 12%, transparent);
  border: 1px solid var(--hair); border-radius: 8px; overflow: hidden;
  font-family: var(--st-font); color: var(--st-text-color); }
.item { flex: 1 1 auto; padding: 6px 14px; border-left: 1px solid var(--hair); margin-left: -1px; min-width: 96px; }
.item .name { font-size: 11.5px; opacity: .72; white-space: nowrap; }
.item .value { font-size: 16px; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.item.good .value { color: #16855b; } .item.bad .value { color: #c3262e; } .item.warn .value { color: #b26a00; }
.item .note { font-size: 11.5px; opacity: .72; margin-left: 6px; font-weight: 400; color: var(--st-text-color); }
"""
_STRIP_JS = """
export default function ({ data, parentElement }) {
  const strip = parentElement.querySelector(".strip");
  strip.replaceChildren();
  for (const item of data.items) {
    const box = document.createElement("div");
    box.className = `item ${item.tone}`;
    box.title = item.title;
    const name = document.createElement("div");
    name.className = "name";
    name.textContent = item.name;
    const value = document.createElement("div");
    value.className = "value";
    value.textContent = item.value;
    if (item.note) {
      const note = document.createElement("span");
      note.className = "note";
      note.textContent = item.note;
      value.appendChild(note);
    }
    box.append(name, value);
    strip.appendChild(box);
  }
}
"""


def _asset(name: str) -> str:
    return resources.files("tracer.ui").joinpath(name).read_text(encoding="utf-8")


def draw(
    data: Json, key: str, on_selected: Callable[[], None], on_open: Callable[[], None]
) -> Mapping[str, object]:
    """Mount the flow picture. The answers are also in `st.session_state[key]`."""
    canvas = st.components.v2.component(
        "tracer_flow", html=_asset("canvas.html"), css=_asset("canvas.css"), js=_asset("canvas.js")
    )
    answer: Mapping[str, object] = canvas(
        key=key,
        data=data,
        default={"selected": data["selected"]},
        on_selected_change=on_selected,
        on_open_change=on_open,
    )
    return answer


def strip(items: list[Json], key: str) -> None:
    """A thin row of figures. Each item: name, value, note, title (hover text), tone ("", good, warn or bad)."""
    row = st.components.v2.component("tracer_strip", html=_STRIP_HTML, css=_STRIP_CSS, js=_STRIP_JS)
    row(key=key, data={"items": items})
