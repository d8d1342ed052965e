"""The web UI: a face of `tracer.Case` in Streamlit. Nothing here computes evidence; it asks the case and shows it.

`launch` starts it; importing this package does not import Streamlit.
"""

from __future__ import annotations

from tracer.ui.launch import launch

__all__ = ["launch"]
