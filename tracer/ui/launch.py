"""Start the web UI of this installation: Streamlit on 127.0.0.1, with the flags of streamlit.toml.

The flags are given explicitly, so that a config file in the current folder cannot open the UI to the network or
switch a protection off.
"""

from __future__ import annotations

import gc
import os
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

__all__ = ["flags", "launch"]


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield from ((f"{prefix}{key}", str(entry)) for entry in value)
        else:
            yield f"{prefix}{key}", str(value).lower() if isinstance(value, bool) else str(value)


def flags() -> list[str]:
    """streamlit.toml as command-line flags `--section.key=value`."""
    text = resources.files("tracer.ui").joinpath("streamlit.toml").read_text(encoding="utf-8")
    return [f"--{key}={value}" for key, value in _flat(tomllib.loads(text))]


def launch(port: int = 8501, workspace: str | Path | None = None, *, headless: bool = False) -> int:
    """Serve the web UI on 127.0.0.1:`port` in this process until it is interrupted; returns the exit status.

    workspace: the folder to work in (else TRACER_HOME or its default). headless: do not open a browser.
    """
    from streamlit.web import cli

    import tracer.ui.main  # noqa: F401 - here, so that the first page does not wait for these imports

    # The modules stay for good: the collector need not walk them again for every page.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    if workspace is not None:
        os.environ["TRACER_HOME"] = str(Path(workspace).expanduser().resolve())
    script = str(resources.files("tracer.ui").joinpath("serve.py"))
    own = [f"--server.port={port}", f"--server.headless={str(headless).lower()}"]
    try:
        cli.main(["run", script, *flags(), *own], standalone_mode=False)
    except (KeyboardInterrupt, SystemExit) as end:
        return end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else 0
    return 0
