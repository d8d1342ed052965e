"""What every test gets: real servers on demand, a workspace of its own, and hypothesis that repeats itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = (
    "tests.servers.anvil",
    "tests.servers.chromium",
    "tests.servers.litecoin",
    "tests.bitcoin_world",  # after the server that it runs on
    "tests.servers.postgres",
)

# The same examples on every run (a red run can be repeated), and no deadline: the machine may be busy.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _workspace_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that names no workspace never touches the one of whoever runs it."""
    home: Path = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("TRACER_HOME", str(home))


@pytest.fixture(autouse=True)
def _the_main_module_stays() -> Iterator[None]:
    """Streamlit's AppTest leaves its script behind as `__main__`, which a process started later would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
