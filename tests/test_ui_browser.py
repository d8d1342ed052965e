"""The web UI in a real browser: one investigator's session from the first opening to a CSV, and no stray request."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

SENDER, SEED, LAST = (f"0x{d * 40}" for d in "123")
TRANSFERS = f"""chain,block,tx_hash,from_address,to_address,asset,symbol,decimals,amount_raw,kind,timestamp_utc
eip155:1,1,0x{"a" * 64},{SENDER},{SEED},native,ETH,18,100000000000000000001,native,2025-01-01T00:00:00Z
eip155:1,2,0x{"b" * 64},{SEED},{LAST},native,ETH,18,60000000000000000000,native,2025-01-01T00:01:00Z
"""
CMETH_TX = "0xc69bfdf13092927ba355863dc7963393dce17479276bc8042026f6115d570b77"
PATIENCE = 60_000
"""Milliseconds: the machine may be busy."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The UI as `tracer ui` starts it, on an empty workspace: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("ui")
    code = f"from tracer.ui import launch; launch({port}, {str(home)!r}, headless=True)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=home, env=environment) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{address}/_stcore/health", server)
            yield address
        finally:
            server.terminate()


def test_a_bookmark_of_another_page_opens_on_a_server_that_nobody_visited_yet(
    served: str, page: Page
) -> None:
    """Must stay the first test of this module: Streamlit runs any folder called pages/ by itself until then."""
    page.goto(f"{served}/case?lang=en")
    page.get_by_role("tab", name="1 Case").wait_for()


def test_a_bookmark_of_the_trace_page_opens_it_without_a_word_about_a_missing_page(
    served: str, page: Page
) -> None:
    page.goto(f"{served}/trace?case=bybit-2025&lang=ja")
    page.get_by_text("被害金の所在").wait_for(timeout=PATIENCE)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/\?(case=bybit-2025&lang=ja|lang=ja&case=bybit-2025)$"))


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the web UI did not start")


def _node(page: Page, address: str):
    return page.locator(f'[data-testid="flow"] g.node[data-id="eip155:1:{address}"]')


def test_an_investigators_session(served: str, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))

    # The first opening shows the Bybit case, traced.
    page.goto(served)
    thief = _node(page, "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2")
    expect(thief).to_be_visible()
    expect(page.get_by_text("401,346.76… ETH").first).to_be_visible()

    # A click opens the details.
    thief.click()
    expect(
        page.locator('[data-testid="stCode"]')
        .filter(has_text="0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2")
        .first
    ).to_be_visible()
    expect(page.get_by_text("Stolen coin that rests here, by rule")).to_be_visible()

    # The picture is drawn, searched and exported without markup from anybody's text.
    page.locator("input.search").fill("0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92")
    expect(page.locator(".found")).to_have_text("1 found")
    with page.expect_download() as picture:
        page.locator('[data-act="svg"]').click()
    svg = Path(picture.value.path()).read_text(encoding="utf-8")
    assert "bybit-2025" in svg
    assert "FIFO" in svg
    assert "<script" not in svg

    # Japanese, and back.
    page.get_by_role("radio", name="日本語").or_(page.get_by_role("button", name="日本語")).first.click()
    expect(page.get_by_text("計算規則ごとの残存汚染額")).to_be_visible()
    assert "lang=ja" in page.url
    page.get_by_role("radio", name="English").or_(page.get_by_role("button", name="English")).first.click()
    expect(page.get_by_text("Stolen coin that rests here, by rule")).to_be_visible()

    # A case of one's own: create, import, seed, run.
    page.get_by_role("link", name="Case", exact=True).click()
    page.get_by_role("textbox", name="Name of the case").fill("my-case")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Case my-case was created")).to_be_visible()
    # until the page has been redrawn, the place for a file is still that of the case before
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.get_by_role("tab", name=re.compile("Transfers")).click()
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "transfers.csv", "mimeType": "text/csv", "buffer": TRANSFERS.encode()}
    )
    expect(page.get_by_text("First rows")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("transfers.csv: 2 rows imported, 2 followed.")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Seeds")).click()
    page.get_by_role("textbox", name="Addresses or theft transactions, one a line").fill(SEED)
    page.get_by_role("button", name="Add seeds").click()
    expect(page.get_by_text("Lines added: 1.")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Run")).click()
    page.get_by_role("button", name="Run the trace").click()
    expect(page.get_by_text("The trace is ready.")).to_be_visible()

    # Its picture, and the table as CSV with exact integers.
    page.get_by_role("link", name="Trace").click()
    expect(_node(page, LAST)).to_be_visible()
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    text = Path(table.value.path()).read_text(encoding="utf-8")
    assert "60000000000000000000" in text
    assert "40000000000000000001" in text

    assert problems == []
    elsewhere = [
        u for u in asked if not u.startswith((served, "blob:", "data:", served.replace("http", "ws")))
    ]
    assert elsewhere == []


def test_the_freeze_sheet_and_a_transaction_without_a_request_to_anybody(served: str, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    # The issuer of the stolen cmETH can be asked; its sheet comes as one archive.
    page.goto(f"{served}/endpoints?lang=ja&case=bybit-2025")
    page.get_by_role("tab", name="凍結要請書").click()
    page.get_by_role("button", name="凍結要請書を作成").click()
    with page.expect_download() as sheet:
        page.get_by_role("button", name=re.compile("一式をダウンロード")).click()
    with zipfile.ZipFile(sheet.value.path()) as archive:
        letter = archive.read("freeze_request_ja.html").decode("utf-8")
    assert "15,000 cmETH" in letter
    assert "0x1542368a03ad1f03d96D51B414f4738961Cf4443" in letter

    # A pasted hash: what moved, and a link that nobody has followed.
    page.goto(f"{served}/transaction?lang=en&case=bybit-2025")
    page.get_by_role("textbox", name="Transaction hash").fill(CMETH_TX)
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Open this transaction at etherscan.io")
    expect(link).to_have_attribute("href", f"https://etherscan.io/tx/{CMETH_TX}")
    expect(page.get_by_text("2025-02-21 15:23:35 UTC / 2025-02-22 00:23:35 JST")).to_be_visible()

    assert [
        u for u in asked if not u.startswith((served, "blob:", "data:", served.replace("http", "ws")))
    ] == []


def test_the_keyboard_reaches_addresses_and_their_details(served: str, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(f"{served}/?case=bybit-2025")
    expect(_node(page, "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2")).to_be_visible(timeout=PATIENCE)
    page.locator('[data-testid="flow"] svg.flow').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    chosen = page.locator('[data-testid="flow"] g.node.chosen')
    expect(chosen).to_have_count(1)
    address = str(chosen.get_attribute("data-id")).rpartition(":")[2]
    expect(page.locator('[data-testid="stCode"]').filter(has_text=address).first).to_be_visible(
        timeout=PATIENCE
    )


def test_the_heads_of_many_columns_do_not_run_into_each_other(served: str, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 900})
    for language in ("en", "ja"):
        page.goto(f"{served}/?case=txphish-2024&lang={language}")
        heads = page.locator('[data-testid="flow"] text.head')
        expect(heads.nth(13)).to_be_visible(timeout=PATIENCE)
        for kind in ("head", "headsub"):
            boxes = page.locator(f'[data-testid="flow"] text.{kind}').evaluate_all(
                "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.right])"
            )
            assert len(boxes) == 15
            assert [pair for pair in pairwise(boxes) if pair[0][1] > pair[1][0]] == []


def test_text_of_others_brings_no_request_wherever_it_is_repeated(served: str, page: Page) -> None:
    """Messages, hints and names stand in Markdown, in which an image is fetched as soon as it is shown."""
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    image = "![a](http://127.0.0.1:9/{}.png)"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{served}/transaction?lang=en&case=bybit-2025")
    page.get_by_role("textbox", name="Transaction hash").fill(image.format("hash"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The case knows no movement")).to_contain_text(image.format("hash"))

    page.goto(f"{served}/case?lang=en&case=bybit-2025")
    page.get_by_role("tab", name=re.compile("Transfers")).click()
    head, line, _ = TRANSFERS.splitlines()
    for name, text in (
        (f"{image.format('file')}.csv".replace("/", "_"), f"{head}\n{line}\n"),
        ("wrong.csv", f"{head}\n{line.replace(SEED, image.format('cell'))}\n"),
    ):
        expect(page.get_by_text("First rows")).to_be_hidden()  # the field of the file before is gone
        page.locator('input[type="file"]').first.set_input_files(
            {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
        )
        expect(page.get_by_text("First rows")).to_be_visible()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(
            page.get_by_text("1 row imported").or_(page.get_by_text(image.format("cell")).first)
        ).to_be_visible()

    assert [url for url in asked if "127.0.0.1:9/" in url] == []
