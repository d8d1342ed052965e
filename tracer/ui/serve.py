"""The script that Streamlit runs for `tracer ui`."""

from tracer.ui.main import main

main()
