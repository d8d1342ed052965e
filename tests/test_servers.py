"""The test servers are real, private to a test, and a missing one is never silently passed over."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Page
from pytest_socket import SocketConnectBlockedError
from sqlalchemy import create_engine, text

from tests.servers import require


def _tables_after_creating_one(url: str) -> list[str]:
    engine = create_engine(url)
    with engine.begin() as connection:
        before = connection.execute(
            text("select tablename from pg_tables where schemaname = 'public'")
        ).scalars()
        names = list(before)
        connection.execute(text("create table seeds (amount numeric(78, 0))"))
        connection.execute(text("insert into seeds values (:amount)"), {"amount": 2**256 - 1})
        assert connection.execute(text("select amount from seeds")).scalar_one() == 2**256 - 1
    engine.dispose()
    return names


def test_postgres_gives_an_empty_database(postgres_url: str) -> None:
    assert _tables_after_creating_one(postgres_url) == []


def test_postgres_gives_the_next_test_an_empty_database_too(postgres_url: str) -> None:
    assert _tables_after_creating_one(postgres_url) == []


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = "<title>被害金</title><h1>追跡</h1>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def test_chromium_opens_a_loopback_page_and_no_other_host(page: Page) -> None:
    with HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        assert page.title() == "被害金"
        with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
            page.goto("http://example.com/")
        server.shutdown()
        thread.join()


def test_a_test_cannot_reach_the_network() -> None:
    warned, blocked = pytest.warns(UserWarning, match="192.0.2.1"), pytest.raises(SocketConnectBlockedError)
    with socket.socket() as connection, warned, blocked:
        connection.connect(("192.0.2.1", 80))


def test_a_missing_tool_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not run: anvil is missing"):
        require("anvil", None)


def test_a_missing_tool_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not run: anvil is missing"):
        require("anvil", None)
