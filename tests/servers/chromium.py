"""A headless Chromium that can reach nothing but this machine, for tests of the web UI.

`page` gives each test a fresh browser profile. Playwright drives Debian's own browser; it downloads none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers import require

__all__ = ["browser", "page"]

_FLAGS = (
    "--no-sandbox",  # tests may run as root, where Chromium's own sandbox cannot start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def _executable() -> Path | None:
    found = shutil.which("chromium")
    return Path(found) if found else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module of tests: while Playwright runs, its event loop does, and no other can be started."""
    executable = require("chromium", _executable())
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in a profile of its own: 1680 x 1050, English, UTC."""
    context = browser.new_context(
        viewport={"width": 1680, "height": 1050}, locale="en-US", timezone_id="UTC", accept_downloads=True
    )
    yield context.new_page()
    context.close()
