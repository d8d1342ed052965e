"""How long the web UI takes in a real browser: first picture, click to details, warm rerun.

    PYTHONPATH=. .venv/bin/python benchmarks/ui.py [--addresses 5000] [--times 3]

Each round starts a fresh server on a workspace that holds the imported case, and a fresh browser profile. The first
picture is from the request of the page to the drawn nodes; a click, to the address in the panel.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.synthetic import CHAIN, STOLEN, THIEF, csv_of, history
from tests.servers.chromium import _FLAGS, _executable
from tracer.case import Case

_BYBIT = "bybit-2025"
_WAIT = 60_000
_NODE = '[data-testid="flow"] g.node'
_BUDGETS = {
    "first picture": 3.0,
    "reload": 1.5,
    "click": 0.5,
    "another case, warm": 1.5,
    "Japanese, warm": 1.5,
}


def prepare(home: Path, addresses: int) -> str:
    """Import a synthetic case of so many addresses; its name."""
    Case.demo(home)
    past = history(5 * addresses, addresses)
    path = home / "synthetic.csv"
    csv_of(past, path)
    case = Case.create("synthetic", home)
    case.import_file(path)
    case.add_seed(past.name(THIEF), CHAIN, asset="native", amount=STOLEN)
    return case.name


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The UI as `tracer ui` starts it: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = f"from tracer.ui import launch; launch({port}, {str(home)!r}, headless=True)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=quiet) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            _healthy(f"{address}/_stcore/health", server)
            yield address
        finally:
            server.terminate()


def _healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - 127.0.0.1
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the web UI did not start")


def _drawn(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some((e) => e.shadowRoot && "
        "e.shadowRoot.querySelectorAll('g.labels text').length > 3)",
        timeout=_WAIT,
    )


def _idle(page: Page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=_WAIT)


def one_round(browser: Browser, address: str, case: str) -> dict[str, float]:
    """Seconds per step of one session on a fresh server."""
    took: dict[str, float] = {}
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US", timezone_id="UTC")
    page = context.new_page()

    def timed(what: str, url: str) -> None:
        started = time.monotonic()
        page.goto(url)
        _drawn(page)
        took[what] = time.monotonic() - started
        _idle(page)

    timed("first picture", f"{address}/?case={case}")
    timed("reload", f"{address}/?case={case}")
    clicks = []
    for n in (0, 3, 6, 9):
        node = page.locator(f"{_NODE}[data-id^='{CHAIN}:']").nth(n)
        account = str(node.get_attribute("data-id")).removeprefix(f"{CHAIN}:")
        box = node.locator("g").first.bounding_box()
        if box is None:
            raise SystemExit("an address is not drawn")
        started = time.monotonic()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_function(
            "(a) => [...document.querySelectorAll('[data-testid=stCode]')].some((e) => e.textContent.includes(a))",
            arg=account,
            timeout=_WAIT,
        )
        clicks.append(time.monotonic() - started)
        _idle(page)
    took["click"] = statistics.median(clicks)
    timed("another case, warm", f"{address}/?case={_BYBIT}")
    timed("another case, warm", f"{address}/?case={_BYBIT}")
    timed("Japanese, warm", f"{address}/?case={_BYBIT}&lang=ja")
    context.close()
    return took


def main() -> None:
    """Print the median and the slowest of each step beside its budget."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--addresses", type=int, default=5_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        case = prepare(home, given.addresses)
        reached = len(Case.open(case, home).taint().addresses(ranges=False))
        print(f"{given.addresses:,} addresses, {reached:,} reached by stolen coin")
        browser = playwright.chromium.launch(executable_path=_executable(), args=list(_FLAGS))
        rounds = []
        for _ in range(given.times):
            with served(home) as address:
                rounds.append(one_round(browser, address, case))
        browser.close()
    for what, budget in _BUDGETS.items():
        took = sorted(r[what] for r in rounds)
        verdict = "ok" if took[-1] <= budget else "over"
        print(
            f"{what:24} median {statistics.median(took):6.2f} s  most {took[-1]:6.2f} s  budget {budget} s  {verdict}"
        )


if __name__ == "__main__":
    main()
