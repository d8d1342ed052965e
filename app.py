"""Streamlit entry point: `streamlit run app.py`."""

from tracer.ui.main import main

main()
