"""Real servers and tools for tests: PostgreSQL, Chromium, anvil, litecoind with ElectrumX. One file each.

The rule for all of them: a tool that is missing means "not run", with the reason in pytest's summary; with CI=true
it is a failure, so that nothing is silently untested there. `make test` installs what is missing
(tools/install_servers.sh).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["require"]


def require(tool: str, found: Path | None) -> Path:
    """`found`, or else the running test is skipped; with CI=true it fails. `tool` is what to install."""
    if found is not None:
        return found
    reason = f"not run: {tool} is missing; install it with tools/install_servers.sh"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
